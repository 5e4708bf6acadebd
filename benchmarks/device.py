"""What one decode step of a batch costs on the host, beside the model: masks, applying them, taking the tokens.

A batch of 64 sequences (`--batch`) writes calls of one grammar, the same tokens for each engine. The sequences stand at
different places; where one ends, the next call begins. A step has three parts: to find the masks, to take what they do
not allow from logits on the CPU, and to take one token each. "First" is the first pass over the calls, with a grammar
that has not been used; "again" is the second pass over the same calls. Each step checks that its tokens are allowed.

    fcgen cursors   each its `mask()`, stacked; `apply`, compiled
    fcgen rows      `DeviceRows.numbers`, and `apply` to the rows that are there already
    fcgen closed    the closed grammar: places and tokens are tensors, and there are no cursors
    llguidance      `fill_next_token_bitmask_par` with an `LLExecutor`, and its own way to apply masks
    xgrammar        `BatchGrammarMatcher`, and its own way to apply masks

    python benchmarks/device.py --tokenizer FOLDER --out benchmarks/results/device.json

Limits: on a GPU only what is applied, and what a closed grammar steps, would run there. Neither is measured here.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from engines import find_tokenizer, read_tokenizer
from machine import write_record
from times import summarize
from typing_extensions import override

CITIES = ("Paris", "New York", "Zürich", "São Paulo", "Wien", "Reykjavík", "Oslo", "北京")
NOTES = ("the", "quick", "brown fox", "jumps", "over", "a lazy", "dog", "and then", "asks", "for weather,", "twice")
UNITS = ("celsius", "fahrenheit", "kelvin")
SCHEMA = {
    "type": "object",
    "properties": {
        "function": {"const": "get_forecast"},
        "arguments": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer", "minimum": 1, "maximum": 14},
                "unit": {"enum": list(UNITS)},
                "start": {"type": "string", "pattern": "^20[0-9]{2}-[0-1][0-9]-[0-3][0-9]$"},
                "hourly": {"type": "boolean"},
                "notes": {"type": "array", "items": {"type": "string"}, "maxItems": 8},
            },
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    },
    "required": ["function", "arguments"],
    "additionalProperties": False,
}
PARTS = ("mask", "apply", "advance")


def can_compile() -> bool:
    """Whether torch can compile for the CPU, as llguidance does to apply its masks."""
    return any(map(shutil.which, ("c++", "g++", "clang++")))


class Engine:
    """A batch of sequences of one grammar."""

    notes: Mapping[str, float] = MappingProxyType({})  # what else there is to say of it

    def restart(self, number: int) -> None:
        """Let a sequence begin anew."""
        raise NotImplementedError

    def mask(self) -> None:
        """Find what may come next."""
        raise NotImplementedError

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """The logits, minus infinity where a token is not allowed; these may be the same."""
        raise NotImplementedError

    def advance(self, tokens: list[int]) -> None:
        """Take a token in each sequence."""
        raise NotImplementedError


class Cursors(Engine):
    """fcgen, with the masks of its cursors."""

    def __init__(self, tokenizer: Any, batch: int) -> None:
        import fcgen
        from fcgen.mask.device import apply

        self.vocabulary = fcgen.Vocabulary.from_tokenizer(tokenizer)
        self.masks = fcgen.Masks(fcgen.Grammar.from_json_schema(SCHEMA, whitespace="flexible"), self.vocabulary)
        self.cursors = [self.masks.cursor() for _ in range(batch)]
        self.numbers = torch.arange(batch)
        self.take_away = torch.compile(apply, fullgraph=True) if can_compile() else apply

    @override
    def restart(self, number: int) -> None:
        self.cursors[number] = self.masks.cursor()

    @override
    def mask(self) -> None:
        self.rows = torch.from_numpy(np.stack([cursor.mask() for cursor in self.cursors]).view(np.int32))

    @override
    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        return self.take_away(logits, self.rows, self.numbers)

    @override
    def advance(self, tokens: list[int]) -> None:
        for cursor, token in zip(self.cursors, tokens, strict=True):
            cursor.advance(token)


class Rows(Cursors):
    """fcgen, with rows that stay where the logits are."""

    def __init__(self, tokenizer: Any, batch: int) -> None:
        from fcgen.mask.device import DeviceRows

        super().__init__(tokenizer, batch)
        self.device_rows = DeviceRows(self.vocabulary, "cpu")

    @override
    def mask(self) -> None:
        self.numbers = self.device_rows.numbers(self.cursors)
        self.rows = self.device_rows.rows


class Closed(Cursors):
    """fcgen, with a grammar closed ahead of time."""

    def __init__(self, tokenizer: Any, batch: int) -> None:
        from fcgen.mask.closed import START, close

        super().__init__(tokenizer, batch)
        self.begin = START
        began = time.perf_counter()
        self.closed = close(self.masks)
        self.notes = {
            "seconds to close": time.perf_counter() - began,
            "places": len(self.closed.row_numbers),
            "pieces": self.closed.transitions.shape[1],
            "gathers a step": self.closed.pieces.shape[1],
            "bytes": sum(buffer.nbytes for buffer in self.closed.buffers()),
        }
        self.places = self.closed.start(batch)

    @override
    def restart(self, number: int) -> None:
        self.places[number] = self.begin

    @override
    def mask(self) -> None:
        pass

    @override
    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        return self.take_away(logits, self.closed.rows, self.closed.row_numbers[self.places])

    @override
    def advance(self, tokens: list[int]) -> None:
        self.places = self.closed.step(self.places, torch.tensor(tokens))


class Llguidance(Engine):
    """llguidance, in parallel."""

    def __init__(self, tokenizer: Any, batch: int) -> None:
        import llguidance.hf
        import llguidance.numpy
        import llguidance.torch

        vocabulary = llguidance.hf.from_tokenizer(tokenizer)
        self.fresh = llguidance.LLMatcher(vocabulary, llguidance.LLMatcher.grammar_from_json_schema(json.dumps(SCHEMA)))
        if self.fresh.is_error():
            raise ValueError(self.fresh.get_error())
        self.executor = llguidance.LLExecutor()
        self.fill = llguidance.numpy.fill_next_token_bitmask_par
        self.take_away = llguidance.torch.apply_token_bitmask_inplace
        self.rows = llguidance.numpy.allocate_token_bitmask(batch, vocabulary.vocab_size)
        self.matchers = [(self.fresh.deep_copy(), number) for number in range(batch)]

    @override
    def restart(self, number: int) -> None:
        self.matchers[number] = self.fresh.deep_copy(), number

    @override
    def mask(self) -> None:
        self.fill(self.executor, self.matchers, self.rows)

    @override
    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        self.take_away(logits, torch.from_numpy(self.rows))
        return logits

    @override
    def advance(self, tokens: list[int]) -> None:
        for (matcher, _), token in zip(self.matchers, tokens, strict=True):
            if not matcher.consume_token(token):
                raise ValueError(matcher.get_error())


class Xgrammar(Engine):
    """xgrammar, in batches."""

    def __init__(self, tokenizer: Any, batch: int) -> None:
        import xgrammar

        vocabulary = xgrammar.TokenizerInfo.from_huggingface(
            tokenizer, vocab_size=len(tokenizer), stop_token_ids=[tokenizer.eos_token_id]
        )
        compiler = xgrammar.GrammarCompiler(vocabulary)
        compiled = compiler.compile_json_schema(json.dumps(SCHEMA), any_whitespace=True, strict_mode=False)
        self.fresh = lambda: xgrammar.GrammarMatcher(compiled)
        self.batch = xgrammar.BatchGrammarMatcher()
        self.take_away = xgrammar.apply_token_bitmask_inplace
        self.rows = xgrammar.allocate_token_bitmask(batch, vocabulary.vocab_size)
        self.matchers = [self.fresh() for _ in range(batch)]

    @override
    def restart(self, number: int) -> None:
        self.matchers[number] = self.fresh()

    @override
    def mask(self) -> None:
        self.batch.batch_fill_next_token_bitmask(self.matchers, self.rows)

    @override
    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        self.take_away(logits, self.rows)
        return logits

    @override
    def advance(self, tokens: list[int]) -> None:
        if not all(self.batch.batch_accept_token(self.matchers, tokens)):
            raise ValueError("a token of a valid call is refused")


ENGINES: dict[str, tuple[str, Callable[[Any, int], Engine]]] = {
    "fcgen cursors": ("fcgen", Cursors),
    "fcgen rows": ("fcgen", Rows),
    "fcgen closed": ("fcgen", Closed),
    "llguidance": ("llguidance", Llguidance),
    "xgrammar": ("xgrammar", Xgrammar),
}


def make_call(rng: random.Random) -> str:
    """A call as a model may write it."""
    arguments: dict[str, Any] = {"city": rng.choice(CITIES), "days": rng.randint(1, 14)}
    others = {
        "unit": rng.choice(UNITS),
        "start": f"20{rng.randrange(100):02}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
        "hourly": rng.random() < 0.5,
        "notes": [" ".join(rng.choices(NOTES, k=rng.randint(1, 12))) for _ in range(rng.randrange(4))],
    }
    arguments.update({name: value for name, value in others.items() if rng.random() < 0.6})
    return json.dumps({"function": "get_forecast", "arguments": arguments}, ensure_ascii=False)


def make_steps(tokenizer: Any, options: argparse.Namespace) -> list[list[int]]:
    """The tokens of each step: each sequence writes one call after another, an end after each."""
    rng = random.Random(options.seed)
    written: list[list[int]] = []
    for _ in range(options.batch):
        tokens: list[int] = []
        while len(tokens) < options.steps:
            tokens += [*tokenizer.encode(make_call(rng), add_special_tokens=False), tokenizer.eos_token_id]
        written.append(tokens[: options.steps])
    return [list(step) for step in zip(*written, strict=True)]


def run_pass(engine: Engine, steps: list[list[int]], end: int, logits: torch.Tensor) -> dict[str, list[float]]:
    """The microseconds that each part of each step took. Raises ValueError where a token is not allowed."""
    for number in range(len(logits)):
        engine.restart(number)
    taken: dict[str, list[float]] = {part: [] for part in PARTS}
    for tokens in steps:
        values = logits.clone()
        clock = [time.perf_counter()]
        engine.mask()
        clock.append(time.perf_counter())
        values = engine.apply(values)
        clock.append(time.perf_counter())
        engine.advance(tokens)
        clock.append(time.perf_counter())
        if not values.gather(1, torch.tensor(tokens)[:, None]).isfinite().all():
            raise ValueError("a token of a valid call is not in its mask")
        for part, began, ended in zip(PARTS, clock[:-1], clock[1:], strict=True):
            taken[part].append(1e6 * (ended - began))
        for number, token in enumerate(tokens):
            if token == end:
                engine.restart(number)
    return taken


def measure(name: str, tokenizer: Any, steps: list[list[int]], options: argparse.Namespace) -> dict[str, Any]:
    """The figures of one engine, for both passes."""
    make = ENGINES[name][1]
    width, end = len(tokenizer), tokenizer.eos_token_id
    logits = torch.randn(options.batch, width, generator=torch.Generator().manual_seed(options.seed))
    run_pass(make(tokenizer, options.batch), steps[:3], end, logits)  # what is done once in a process
    engine = make(tokenizer, options.batch)
    found: dict[str, Any] = {}
    for which in ("first", "again"):
        taken = run_pass(engine, steps, end, logits)
        whole = [sum(parts) for parts in zip(*taken.values(), strict=True)]
        found[which] = {part: summarize([times]) for part, times in {**taken, "step": whole}.items()}
    return found | {"notes": dict(engine.notes)}


def print_table(results: dict[str, dict[str, Any]]) -> None:
    columns = [*((part, "p50") for part in (*PARTS, "step")), *(("step", figure) for figure in ("mean", "p99", "max"))]
    for which in ("first", "again"):
        print(
            f"\n{which}, µs"
            + " " * (18 - len(which))
            + "".join(f"{f'{part} {figure}':>14}" for part, figure in columns)
        )
        for name, found in results.items():
            print(f"{name:22}" + "".join(f"{found[which][part][figure]:14,.0f}" for part, figure in columns))


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", type=Path, help="a tokenizer's folder; without it, the embedded model's")
    parser.add_argument("--engines", nargs="+", choices=list(ENGINES), default=list(ENGINES))
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--threads", type=int, default=1, help="threads of torch; the peers' own are as they come")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="write the results here, as JSON")
    return parser.parse_args()


def main() -> None:
    options = read_options()
    torch.set_num_threads(options.threads)
    tokenizer = read_tokenizer(find_tokenizer(options.tokenizer))
    steps = make_steps(tokenizer, options)
    results = {}
    for name in options.engines:
        if importlib.util.find_spec(ENGINES[name][0]) is None:
            print(f"{name} is skipped: it is not installed", file=sys.stderr)
            continue
        try:
            results[name] = measure(name, tokenizer, steps, options)
        except Exception as error:  # noqa: BLE001  a peer's failure is a result
            print(f"{name} failed: {error!r}"[:500], file=sys.stderr)
    print_table(results)
    write_record(options.out, options, {"microseconds": results})


if __name__ == "__main__":
    main()
