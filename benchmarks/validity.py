"""How many replies are valid calls, with fcgen and without it.

Asks a model questions from public function-calling data and judges each reply from outside: it is read by
`parse_reply`, which lets the `jsonschema` library judge the arguments. With `--plain`, the same prompts also go to
plain `model.generate`, with as many tokens. Prints a table, and writes the replies and what the machine was as JSON.

    python benchmarks/validity.py --n 100 --choice required --plain
    python benchmarks/validity.py --n 100 --choice auto --temperature 1.0 --budget min+5

The questions are taken in turn from BFCL's simple and multiple splits, Seal-Tools and ToolAlpaca, in the order of their
ids' SHA-256. A question whose functions cannot be compiled is left out, and counted.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import itertools
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
GROUPS = (("bfcl", "simple"), ("bfcl", "multiple"), ("sealtools", ""), ("toolalpaca", ""))
PACKAGES = ("fcgen", "torch", "transformers", "jsonschema")

Question = dict[str, Any]


@dataclass
class Answer:
    """One reply, and what became of it: "call" and "text" are valid, "invalid" and "error" are not."""

    id: str
    outcome: str
    reason: str
    right_name: bool = False
    text: str = ""
    new_tokens: int = 0
    forward_passes: int = 0
    seconds: float = 0.0


@dataclass
class Run:
    """The answers of one way of asking."""

    name: str
    answers: list[Answer] = field(default_factory=list)

    def share(self, *outcomes: str) -> float:
        """How many of a hundred answers have one of these outcomes."""
        return 100 * statistics.mean(answer.outcome in outcomes for answer in self.answers)

    def mean(self, what: str) -> float:
        """The mean of one figure over all answers."""
        return float(statistics.mean(getattr(answer, what) for answer in self.answers))

    def summary(self) -> dict[str, float]:
        """What the table shows."""
        seconds = sorted(answer.seconds for answer in self.answers)
        return {
            "valid %": self.share("call", "text"),
            "call %": self.share("call"),
            "text %": self.share("text"),
            "invalid %": self.share("invalid"),
            "error %": self.share("error"),
            "right name %": 100 * self.mean("right_name"),
            "new tokens": self.mean("new_tokens"),
            "forward passes": self.mean("forward_passes"),
            "seconds": self.mean("seconds"),
            "seconds p50": statistics.median(seconds),
            "seconds p90": seconds[int(0.9 * (len(seconds) - 1))],
            "seconds max": seconds[-1],
        }


def read_group(folder: Path, source: str, split: str) -> Iterator[Question]:
    """The questions of one group, in the order of their ids' SHA-256."""
    with gzip.open(folder / f"{source}.jsonl.gz", "rt", encoding="utf-8") as lines:
        questions = [question for question in map(json.loads, lines) if question["split"].startswith(split)]
    yield from sorted(questions, key=lambda question: hashlib.sha256(question["id"].encode()).hexdigest())


def pick_questions(folder: Path, count: int) -> tuple[list[Question], dict[str, str]]:
    """`count` questions, one group after the other, and those left out on the way, with the reason."""
    from fcgen import Grammar
    from fcgen.errors import FcgenError

    picked: list[Question] = []
    left_out: dict[str, str] = {}
    for question in itertools.chain.from_iterable(
        itertools.zip_longest(*(read_group(folder, source, split) for source, split in GROUPS))
    ):
        if len(picked) == count:
            break
        if question is None:
            continue
        try:
            Grammar.from_functions(question["functions"])
            picked.append(question)
        except FcgenError as error:
            left_out[question["id"]] = str(error)
    return picked, left_out


def read_budget(text: str, fewest: int) -> int:
    """The budget that "64", "min" or "min+8" stands for, where `fewest` tokens are the minimum."""
    base, _, more = text.partition("+")
    return fewest + int(more or 0) if base == "min" else int(text)


def judge(question: Question, text: str, options: argparse.Namespace) -> tuple[str, bool, str]:
    """The outcome, whether a valid call names a function of the gold answer, and why it is not valid."""
    from fcgen import parse_reply
    from fcgen.errors import FcgenError

    try:
        reply = parse_reply(text, question["functions"])
    except FcgenError as error:
        return "invalid", False, str(error)
    if reply.kind == "text" and options.choice == "required":
        return "invalid", False, "text where a call is required"
    names = {call["name"] for call in question["answers"] or question["gold"]}
    return reply.kind, any(call.function in names for call in reply.calls), ""


def ask_fcgen(engine: Any, question: Question, budget: int, seed: int, options: argparse.Namespace) -> Answer:
    from fcgen.errors import FcgenError

    began = time.perf_counter()
    try:
        reply = engine.call(
            question["question"],
            question["functions"],
            choice=options.choice,
            max_new_tokens=budget,
            temperature=options.temperature,
            seed=seed,
        )
    except FcgenError as error:
        return Answer(question["id"], "error", str(error))
    seconds = time.perf_counter() - began
    outcome, right, reason = judge(question, reply.text, options)
    usage = reply.usage
    return Answer(question["id"], outcome, reason, right, reply.text, usage.new_tokens, usage.forward_passes, seconds)


def ask_plain(engine: Any, question: Question, budget: int, seed: int, options: argparse.Namespace) -> Answer:
    import torch

    from fcgen.prompt import encode_prompt, render_prompt

    torch.manual_seed(seed)
    prompt = render_prompt(
        question["question"], question["functions"], format=engine.format, tokenizer=engine.tokenizer
    )
    ids = torch.tensor([encode_prompt(prompt, engine.tokenizer, format=engine.format)], device=engine.model.device)
    drawn = {"do_sample": True, "temperature": options.temperature} if options.temperature else {"do_sample": False}
    began = time.perf_counter()
    written = engine.model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=budget,
        eos_token_id=sorted(engine.vocabulary.stop_ids),
        pad_token_id=min(engine.vocabulary.stop_ids),
        top_p=1.0 if options.temperature else None,
        top_k=0 if options.temperature else None,
        **drawn,
    )[0, ids.shape[1] :]
    seconds = time.perf_counter() - began
    text = engine.tokenizer.decode(written, skip_special_tokens=True)
    outcome, right, reason = judge(question, text, options)
    return Answer(question["id"], outcome, reason, right, text, len(written), len(written), seconds)


def run_all(engine: Any, questions: list[Question], options: argparse.Namespace) -> list[Run]:
    ways: dict[str, Callable[..., Answer]] = {"fcgen": ask_fcgen}
    if options.plain:
        ways["plain generate"] = ask_plain
    runs = [Run(name) for name in ways]
    for number, question in enumerate(questions):
        fewest = engine.masks(question["functions"], choice=options.choice).fewest_tokens
        budget = read_budget(options.budget, fewest)
        for run, ask in zip(runs, ways.values(), strict=True):
            run.answers.append(ask(engine, question, budget, options.seed + number, options))
        print(f"\r{number + 1}/{len(questions)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return runs


def describe_machine(engine: Any) -> dict[str, Any]:
    import os
    from importlib.metadata import distributions

    import torch

    device = engine.model.device
    return {
        "commit": git("rev-parse", "HEAD"),
        "changed": git("status", "--porcelain").splitlines(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or device.type,
        "dtype": str(engine.model.dtype),
        "versions": {d.name: d.version for d in distributions() if d.name in PACKAGES},
    }


def git(*arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return run.stdout.strip() if run.returncode == 0 else ""


def print_table(runs: list[Run]) -> None:
    summaries = [run.summary() for run in runs]
    print(f"{'':16}" + "".join(f"{run.name:>16}" for run in runs))
    for line in summaries[0]:
        print(f"{line:16}" + "".join(f"{summary[line]:16.2f}" for summary in summaries))


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--functions-data", type=Path, default=ROOT.parent / "shared" / "data" / "functions")
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--device")
    parser.add_argument("--dtype")
    parser.add_argument("--choice", choices=["required", "auto"], default="required")
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget", default="256", help='a number, "min", or "min+K"')
    parser.add_argument("--plain", action="store_true", help="also ask plain model.generate")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "validity.json")
    return parser.parse_args()


def main() -> None:
    import fcgen

    options = read_options()
    questions, left_out = pick_questions(options.functions_data, options.n)
    print(f"{len(questions)} questions, {len(left_out)} left out: their functions cannot be compiled", file=sys.stderr)
    engine = fcgen.load(options.model, device=options.device, dtype=options.dtype)
    runs = run_all(engine, questions, options)
    print_table(runs)
    record = {
        "options": {name: str(value) for name, value in vars(options).items()},
        "machine": describe_machine(engine),
        "left_out": left_out,
        "summary": {run.name: run.summary() for run in runs},
        "answers": {run.name: [asdict(answer) for answer in run.answers] for run in runs},
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"written to {options.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
