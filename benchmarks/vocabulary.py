"""How long it takes to read a tokenizer, with fcgen and with its peers.

For each tokenizer and engine, in a fresh process that has loaded the tokenizer and used the engine with a tiny one:

    read            fcgen reads the tokens and builds their trie, llguidance its `LLTokenizer`, xgrammar its
                    `TokenizerInfo` and compiler
    first mask      then compile a small schema and find its first mask: what was put off until then
    read again      the second time in that process, while what was read first is in use; fcgen finds that it has the
                    tokens, and takes the trie that it built

Loading the tokenizer with transformers, which all need, is shown beside. Medians over `--runs` processes.

    python benchmarks/vocabulary.py --tokenizers FOLDER... --out benchmarks/results/vocabulary.json
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engines import ENGINES, WARMING, Engine, find_tokenizer, option_parser, parse_options, read_tokenizer
from isolated import Failure, Isolated
from machine import write_record

NAMES = ("load tokenizer", "read", "first mask", "read again")


def tiny_tokenizer() -> Any:
    """A tokenizer of the 256 bytes and an end."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {text: number for number, text in enumerate(["<|end|>", *letters])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>")


def warm_up(name: str) -> type[Engine]:
    """The engine's class, after it was used once."""
    import torch

    torch.set_num_threads(1)
    ENGINES[name](tiny_tokenizer()).warm_up()
    return ENGINES[name]


def measure(engine: type[Engine], folder: Path) -> dict[str, float]:
    """How many tokens there are, and the seconds of each part."""
    tokenizer, loading = timed(lambda: read_tokenizer(folder))
    made, reading = timed(lambda: engine(tokenizer))
    _, masking = timed(lambda: first_mask(made))
    _, again = timed(lambda: engine(tokenizer))
    return {"tokens": len(tokenizer), **dict(zip(NAMES, (loading, reading, masking, again), strict=True))}


def first_mask(engine: Engine) -> None:
    engine.compile(WARMING)
    engine.start()
    engine.mask()


def timed(act: Callable[[], Any]) -> tuple[Any, float]:
    """What comes of it, and how many seconds it takes."""
    began = time.perf_counter()
    made = act()
    return made, time.perf_counter() - began


def summarize(answers: list[Any]) -> dict[str, Any]:
    """The medians over the runs, in milliseconds; how it failed if any run did."""
    failed = [answer for answer in answers if isinstance(answer, Failure)]
    if failed:
        return {"failed": failed[0].how, "reason": failed[0].reason}
    times = {name: [1000 * answer[name] for answer in answers] for name in NAMES}
    medians = {name: statistics.median(runs) for name, runs in times.items()}
    return {"tokens": answers[0]["tokens"], **medians, "runs": times}


def print_results(results: dict[str, dict[str, Any]]) -> None:
    print(
        f"{'tokenizer':20}{'tokens':>10}  {'engine':18}" + "".join(f"{name + ', ms':>20}" for name in NAMES) + "  ratio"
    )
    for folder, by_engine in results.items():
        first = next(iter(by_engine.values()))
        for name, one in by_engine.items():
            if "failed" in one:
                print(f"{folder:20}{'':10}  {name:18}{one['failed']}: {one['reason'][:80]}")
                continue
            ratio = f"{first['read'] / one['read']:.2f}x" if "read" in first and one is not first else ""
            figures = "".join(f"{one[part]:20,.1f}" for part in NAMES)
            print(f"{folder:20}{one['tokens']:10,}  {name:18}{figures}  {ratio}")


def read_options() -> argparse.Namespace:
    parser = option_parser(__doc__, ["fcgen", "llguidance", "xgrammar"])
    parser.add_argument("--tokenizers", type=Path, nargs="+", help="folders of tokenizers")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds for one tokenizer")
    return parse_options(parser)


def main() -> None:
    options = read_options()
    results: dict[str, dict[str, Any]] = {}
    for folder in options.tokenizers or [find_tokenizer(options.tokenizer)]:
        runs: dict[str, list[Any]] = {name: [] for name in options.engines}
        for _ in range(options.runs):
            for name, answers in runs.items():
                worker = Isolated(warm_up, (name,), measure, timeout=options.timeout)
                answers.append(worker.ask(folder))
                worker.close()
        results[folder.name] = {name: summarize(answers) for name, answers in runs.items()}
    print_results(results)
    print("\nratio: the first engine's time to read, divided by the engine's in that line")
    write_record(options.out, options, {"unit": "ms", "times": results})


if __name__ == "__main__":
    main()
