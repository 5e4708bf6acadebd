"""Measure what a step of a batch costs beside the model, where each sequence has its own grammar.

A batch of 64 sequences (`--batch`) writes valid instances of schemas that all engines compile and accept, each its own;
where one ends, it begins anew. A step has three parts: to find the masks and write them into one buffer, to take what
they do not allow from logits on the CPU, and to take one token each. "First" is the first pass over the instances, with
grammars that have not been used; "again" are the passes after it. The engines take turns at each step, so that what
else runs on the machine disturbs all alike, and each has fresh logits.

    fcgen         `fill`, `apply_masks` and `advance_all` of `fcgen.mask`
    llguidance    `fill_next_token_bitmask_par` and `consume_token_par`, and its own way to apply masks
    xgrammar      `BatchGrammarMatcher`, and its own way to apply masks

    python benchmarks/batch.py --corpus CORPUS.jsonl.gz --tokenizer FOLDER --out benchmarks/results/batch.json

Limits: compiling is not measured here (`masks.py`, `compile.py`), and no GPU (`device.py`).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from corpus import Row, read_schemas
from engines import find_tokenizer, option_parser, parse_options, read_tokenizer
from machine import write_record
from times import Summary, print_summaries, summarize
from typing_extensions import override

PARTS = ("masks", "apply", "advance", "step")
SHORTEST = 8  # tokens of an instance


class Batch:
    """Sequences side by side, each in a grammar of its own."""

    sequences: list[Any]
    rows: torch.Tensor  # int32 [batch, words]

    def compile(self, schema: Any) -> Any:
        """A grammar; any exception is a refusal."""
        raise NotImplementedError

    def start(self, grammar: Any) -> Any:
        """A new sequence."""
        raise NotImplementedError

    def accepts(self, grammar: Any, tokens: list[int]) -> bool:
        """Whether these tokens are a whole text of the grammar."""
        raise NotImplementedError

    def masks(self) -> None:
        """Write what may come next into `rows`."""
        raise NotImplementedError

    def apply(self, logits: torch.Tensor) -> None:
        """Set logits to minus infinity where a token is not allowed."""
        raise NotImplementedError

    def advance(self, tokens: list[int]) -> None:
        """Take a token in each sequence. Raises ValueError where one is refused."""
        raise NotImplementedError


class Fcgen(Batch):
    """fcgen."""

    def __init__(self, tokenizer: Any, batch: int, threads: int) -> None:
        import fcgen
        from fcgen import mask

        self.fcgen, self.batch, self.threads = fcgen, mask, threads
        self.vocabulary = fcgen.Vocabulary.from_tokenizer(tokenizer)
        self.rows = torch.zeros(batch, -(-self.vocabulary.size // 32), dtype=torch.int32)

    @override
    def compile(self, schema: Any) -> Any:
        return self.fcgen.Masks(self.fcgen.Grammar.from_json_schema(schema, whitespace="flexible"), self.vocabulary)

    @override
    def start(self, grammar: Any) -> Any:
        return grammar.cursor()

    @override
    def accepts(self, grammar: Any, tokens: list[int]) -> bool:
        return bool(grammar.cursor().try_consume(tokens) == len(tokens))

    @override
    def masks(self) -> None:
        self.batch.fill(self.sequences, self.rows, threads=self.threads)

    @override
    def apply(self, logits: torch.Tensor) -> None:
        self.batch.apply_masks(logits, self.rows, threads=self.threads)

    @override
    def advance(self, tokens: list[int]) -> None:
        self.batch.advance_all(self.sequences, tokens)


class Llguidance(Batch):
    """llguidance, in parallel."""

    def __init__(self, tokenizer: Any, batch: int, threads: int) -> None:
        import llguidance.hf
        import llguidance.torch

        self.of = llguidance.LLMatcher
        self.vocabulary = llguidance.hf.from_tokenizer(tokenizer)
        self.executor = llguidance.LLExecutor(num_threads=threads)
        self.torch = llguidance.torch
        self.rows = llguidance.torch.allocate_token_bitmask(batch, self.vocabulary.vocab_size)

    @override
    def compile(self, schema: Any) -> Any:
        matcher = self.of(self.vocabulary, self.of.grammar_from_json_schema(json.dumps(schema)))
        if matcher.is_error():
            raise ValueError(matcher.get_error())
        return matcher

    @override
    def start(self, grammar: Any) -> Any:
        return grammar.deep_copy()

    @override
    def accepts(self, grammar: Any, tokens: list[int]) -> bool:
        matcher = grammar.deep_copy()
        return all(matcher.consume_token(token) for token in tokens)

    @override
    def masks(self) -> None:
        pairs = [(matcher, row) for row, matcher in enumerate(self.sequences)]
        self.torch.fill_next_token_bitmask_par(self.executor, pairs, self.rows)

    @override
    def apply(self, logits: torch.Tensor) -> None:
        self.torch.apply_token_bitmask_inplace(logits, self.rows)

    @override
    def advance(self, tokens: list[int]) -> None:
        if not all(self.torch.consume_token_par(self.executor, list(zip(self.sequences, tokens, strict=True)))):
            raise ValueError("a token of a valid instance is refused")


class Xgrammar(Batch):
    """xgrammar, in batches."""

    options: ClassVar[dict[str, bool]] = {"any_whitespace": True, "strict_mode": False}

    def __init__(self, tokenizer: Any, batch: int, threads: int) -> None:
        import xgrammar

        self.xgrammar = xgrammar
        vocabulary = xgrammar.TokenizerInfo.from_huggingface(
            tokenizer, vocab_size=len(tokenizer), stop_token_ids=[tokenizer.eos_token_id]
        )
        self.compiler = xgrammar.GrammarCompiler(vocabulary, max_threads=threads)
        self.batch = xgrammar.BatchGrammarMatcher(max_threads=threads)
        self.rows = xgrammar.allocate_token_bitmask(batch, vocabulary.vocab_size)

    @override
    def compile(self, schema: Any) -> Any:
        return self.compiler.compile_json_schema(json.dumps(schema), **self.options)

    @override
    def start(self, grammar: Any) -> Any:
        return self.xgrammar.GrammarMatcher(grammar)

    @override
    def accepts(self, grammar: Any, tokens: list[int]) -> bool:
        matcher = self.start(grammar)
        return all(matcher.accept_token(token) for token in tokens)

    @override
    def masks(self) -> None:
        self.rows.numpy().fill(-1)  # a row of which all is allowed is left as it was
        self.batch.batch_fill_next_token_bitmask(self.sequences, self.rows)

    @override
    def apply(self, logits: torch.Tensor) -> None:
        self.xgrammar.apply_token_bitmask_inplace(logits, self.rows)

    @override
    def advance(self, tokens: list[int]) -> None:
        if not all(self.batch.batch_accept_token(self.sequences, tokens)):
            raise ValueError("a token of a valid instance is refused")


BATCHES: dict[str, type[Any]] = {"fcgen": Fcgen, "llguidance": Llguidance, "xgrammar": Xgrammar}


def find_usable(batches: dict[str, Batch], rows: list[Row], tokenizer: Any, count: int) -> list[tuple[Any, list[int]]]:
    """Schemas with the tokens of an instance, which all engines accept; as many as there are, up to `count`."""
    found: list[tuple[Any, list[int]]] = []
    for row in rows:
        data = next((test["data"] for test in row["tests"] if test["valid"]), None)
        tokens = tokenizer.encode(json.dumps(data, ensure_ascii=False), add_special_tokens=False)
        if data is None or len(tokens) < SHORTEST:
            continue
        tokens.append(tokenizer.eos_token_id)
        try:
            usable = all(one.accepts(one.compile(row["schema"]), tokens) for one in batches.values())
        except Exception:  # noqa: BLE001  a refusal
            continue
        if usable:
            found.append((row["schema"], tokens))
        if len(found) == count:
            break
    return found


def run(batches: dict[str, Batch], usable: list[tuple[Any, list[int]]], options: argparse.Namespace) -> dict[str, Any]:
    """By pass, part and engine: the figures of all steps, in microseconds."""
    written = [usable[number % len(usable)] for number in range(options.batch)]
    grammars = {name: [one.compile(schema) for schema, _ in written] for name, one in batches.items()}
    longest = max(len(tokens) for _, tokens in written)
    steps = [[tokens[step % len(tokens)] for _, tokens in written] for step in range(min(longest, options.steps))]
    width = 32 * next(iter(batches.values())).rows.shape[1]
    logits = torch.randn(options.batch, width)
    taken: dict[str, dict[str, dict[str, list[float]]]] = {
        which: {part: {name: [] for name in batches} for part in PARTS} for which in ("first", "again")
    }
    for number in range(1 + options.rounds):
        which = "again" if number else "first"
        for name, one in batches.items():
            one.sequences = [one.start(grammar) for grammar in grammars[name]]
        for step, tokens in enumerate(steps):
            for name, one in batches.items():
                for sequence, (_, all_tokens) in enumerate(written):
                    if step and step % len(all_tokens) == 0:
                        one.sequences[sequence] = one.start(grammars[name][sequence])
                for part, time_taken in zip(PARTS, run_step(one, tokens, logits.clone()), strict=True):
                    taken[which][part][name].append(time_taken)
    return {
        which: {part: {name: summarize([times]) for name, times in of.items()} for part, of in parts.items()}
        for which, parts in taken.items()
    }


def run_step(one: Batch, tokens: list[int], logits: torch.Tensor) -> list[float]:
    """Time each part of a step, and the whole, in microseconds. Raises ValueError where a mask is wrong."""
    clock = [time.perf_counter()]
    one.masks()
    clock.append(time.perf_counter())
    one.apply(logits[:, : 32 * one.rows.shape[1]])
    clock.append(time.perf_counter())
    one.advance(tokens)
    clock.append(time.perf_counter())
    if not logits.gather(1, torch.tensor(tokens)[:, None]).isfinite().all():
        raise ValueError("a token of a valid instance is not in its mask")
    parts = np.diff(clock)
    return [1e6 * float(part) for part in (*parts, parts.sum())]


def read_options() -> argparse.Namespace:
    parser = option_parser(__doc__, list(BATCHES))
    parser.add_argument("--corpus", type=Path, help="schemas with instances; without it, a few of our own")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2, help="of each engine, and of torch")
    parser.add_argument("--steps", type=int, default=100, help="of a pass, at most")
    parser.add_argument("--rounds", type=int, default=3, help="passes after the first")
    return parse_options(parser)


def main() -> None:
    options = read_options()
    torch.set_num_threads(options.threads)
    tokenizer = read_tokenizer(find_tokenizer(options.tokenizer))
    batches = {name: BATCHES[name](tokenizer, options.batch, options.threads) for name in options.engines}
    usable = find_usable(batches, read_schemas(options.corpus, None), tokenizer, options.batch)
    run(batches, usable, argparse.Namespace(**{**vars(options), "steps": 2, "rounds": 0}))  # what is done once
    results: dict[str, dict[str, dict[str, Summary]]] = run(batches, usable, options)
    for which, parts in results.items():
        print(f"\n{which}: {options.batch} sequences of {len(usable)} grammars, {options.threads} threads")
        for part, by_engine in parts.items():
            print_summaries(part, "us", by_engine)
    write_record(options.out, options, {"grammars": len(usable), "microseconds": results})


if __name__ == "__main__":
    main()
