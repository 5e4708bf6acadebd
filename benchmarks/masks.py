"""How long masks take, and how many schemas can be used at all, with fcgen and with its peers.

Each engine compiles the same schemas, and walks the same instances token by token:

    first mask      compile the schema, begin a text, find the first mask
    cold step       advance by a token and find the next mask, in a grammar that was just compiled
    warm step       the same walks once more, when all their masks were found before
    whole request   the first mask and all steps of one valid instance, cold

Each engine has a process of its own, which is warm in what is done once (imports, the tokenizer, another schema), and
the engines take turns, one schema after the other. A schema that takes over `--timeout` seconds or `--memory` GiB ends
its process, and is counted. Times are taken of the schemas that all engines compile and finish, and of the steps that
all of them take; each figure is the median of its values over the runs. Coverage is that of each engine, over all
schemas.

    python benchmarks/masks.py --corpus CORPUS.jsonl.gz --first 300 --runs 3 --out benchmarks/results/masks.json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from array import array
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from corpus import Row, read_schemas
from engines import Engine, find_tokenizer, make_engine, option_parser, parse_options
from isolated import Failure, Isolated
from machine import write_record
from times import LEVELS, Summary, print_summaries, summarize

METRICS = {"first mask": "ms", "cold step": "us", "warm step": "us", "whole request": "ms"}
SCALES = {"ms": 1e6, "us": 1e3}  # nanoseconds in a unit
OUTCOMES = (
    "right",
    "refused",
    "raised",
    "timed out",
    "too much memory",
    "crashed",
    "valid rejected",
    "invalid accepted",
)


@dataclass
class Walk:
    """One instance, walked: whether it was accepted, and what each step took, in nanoseconds."""

    valid: bool
    accepted: bool
    cold: array[int]
    warm: array[int]


@dataclass
class Measured:
    """What became of one schema. `refusal` says why there are no walks."""

    first_mask: int = 0
    walks: list[Walk] = field(default_factory=list)
    refusal: str = ""


def measure(engine: Engine, row: Row) -> Measured:
    """Compile one schema and walk its instances, the valid ones first."""
    now = time.perf_counter_ns
    tests = sorted(row["tests"], key=lambda test: not test["valid"])
    texts = [engine.encode(json.dumps(test["data"], ensure_ascii=False)) for test in tests]
    began = now()
    try:
        engine.compile(row["schema"])
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - a panic of compiled code is no Exception
        return Measured(refusal=f"{type(error).__name__}: {error}"[:500])
    engine.start()
    engine.mask()
    measured = Measured(now() - began)
    for number, (test, tokens) in enumerate(zip(tests, texts, strict=True)):
        if number:
            engine.start()
            engine.mask()
        accepted, cold = walk(engine, tokens)
        measured.walks.append(Walk(test["valid"], accepted, cold, array("q")))
    for one, tokens in zip(measured.walks, texts, strict=True):
        engine.start()
        engine.mask()
        _, one.warm = walk(engine, tokens)
    return measured


def walk(engine: Engine, tokens: list[int]) -> tuple[bool, array[int]]:
    """Whether the text is accepted, and the steps up to its end or to the first token that is not allowed."""
    now = time.perf_counter_ns
    steps = array("q")
    for token in tokens:
        if not engine.allows(token):
            return False, steps
        began = now()
        engine.advance(token)
        engine.mask()
        steps.append(now() - began)
    return engine.can_stop(), steps


Run = dict[str, dict[str, Measured | Failure]]  # by engine, then by file


def run_once(rows: list[Row], options: argparse.Namespace, title: str) -> Run:
    """All schemas through all engines, which take turns."""
    folder = find_tokenizer(options.tokenizer)
    workers = {
        name: Isolated(make_engine, (name, folder), measure, timeout=options.timeout, memory=options.memory)
        for name in options.engines
    }
    run: Run = {name: {} for name in workers}
    try:
        for number, row in enumerate(rows):
            if number % options.per_process == 0:
                for worker in workers.values():
                    worker.close()
            for name, worker in workers.items():
                run[name][row["file"]] = worker.ask(row)
            if sys.stderr.isatty():
                print(f"\r{title}: {number + 1}/{len(rows)}", end="", file=sys.stderr, flush=True)
    finally:
        for worker in workers.values():
            worker.close()
    print(f"\r{title}: done" + " " * 12, file=sys.stderr)
    return run


def outcomes_of(measured: Measured | Failure) -> list[str]:
    """What to count one schema as: "right", or all that is wrong."""
    if isinstance(measured, Failure):
        return [measured.how]
    if measured.refusal:
        return ["refused"]
    rejected = any(walk.valid and not walk.accepted for walk in measured.walks)
    accepted = any(walk.accepted and not walk.valid for walk in measured.walks)
    wrong = ["valid rejected"] * rejected + ["invalid accepted"] * accepted
    return wrong or ["right"]


def coverage_of(measured: dict[str, Measured | Failure]) -> dict[str, int]:
    """How many schemas have each outcome, and how many instances are judged rightly."""
    counts = Counter(outcome for one in measured.values() for outcome in outcomes_of(one))
    walks = [walk for one in measured.values() if isinstance(one, Measured) for walk in one.walks]
    return {
        "schemas": len(measured),
        **{outcome: counts[outcome] for outcome in OUTCOMES},
        "valid instances accepted": sum(walk.valid and walk.accepted for walk in walks),
        "invalid instances rejected": sum(not walk.valid and not walk.accepted for walk in walks),
    }


def reasons_of(measured: dict[str, Measured | Failure]) -> dict[str, str]:
    """Why each schema that is not walked is not."""
    reasons = {}
    for file, one in measured.items():
        if isinstance(one, Failure):
            reasons[file] = f"{one.how}: {one.reason}"
        elif one.refusal:
            reasons[file] = f"refused: {one.refusal}"
    return reasons


def all_ok(runs: list[Run]) -> list[str]:
    """The files that all engines compile and finish, in all runs."""
    return [
        file
        for file in next(iter(runs[0].values()))
        if all(isinstance(run[name][file], Measured) and not run[name][file].refusal for run in runs for name in run)
    ]


def samples_of(runs: list[Run], files: list[str]) -> dict[str, dict[str, list[list[int]]]]:
    """By metric and engine: the samples of each run, in nanoseconds, of the same files and steps everywhere."""
    samples = {metric: {name: [[] for _ in runs] for name in runs[0]} for metric in METRICS}
    for file in files:
        everywhere = [run[name][file].walks for run in runs for name in run]
        common = [min(len(walk.cold) for walk in walks) for walks in zip(*everywhere, strict=True)]
        whole = bool(common) and all(walks[0].valid and walks[0].accepted for walks in everywhere)
        for number, run in enumerate(runs):
            for name in run:
                one = run[name][file]
                samples["first mask"][name][number].append(one.first_mask)
                for walk, steps in zip(one.walks, common, strict=True):
                    samples["cold step"][name][number].extend(walk.cold[:steps])
                    samples["warm step"][name][number].extend(walk.warm[:steps])
                if whole:
                    samples["whole request"][name][number].append(one.first_mask + sum(one.walks[0].cold))
    return samples


def summaries_of(runs: list[Run], files: list[str]) -> dict[str, dict[str, Summary]]:
    """By metric and engine, in the metric's unit."""
    return {
        metric: {
            name: summarize([[t / SCALES[METRICS[metric]] for t in run] for run in of_engine], quantiles=True)
            for name, of_engine in by_engine.items()
        }
        for metric, by_engine in samples_of(runs, files).items()
    }


def print_coverage(coverage: dict[str, dict[str, int]], rows: list[Row]) -> None:
    valid = sum(test["valid"] for row in rows for test in row["tests"])
    invalid = sum(not test["valid"] for row in rows for test in row["tests"])
    print(f"\nCoverage: {len(rows)} schemas, {valid} valid and {invalid} invalid instances")
    print(f"{'':32}" + "".join(f"{name:>17}" for name in coverage))
    for line in next(iter(coverage.values())):
        print(f"{line:32}" + "".join(f"{counts[line]:17}" for counts in coverage.values()))


def read_options() -> argparse.Namespace:
    parser = option_parser(__doc__, ["fcgen", "llguidance", "xgrammar"])
    parser.add_argument("--corpus", type=Path, help="schemas with instances; without it, a few of our own")
    parser.add_argument("--first", type=int, help="only so many schemas")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds for one schema and its instances")
    parser.add_argument("--memory", type=float, default=8.0, help="GiB for one engine")
    parser.add_argument("--per-process", type=int, default=200, help="schemas until an engine gets a fresh process")
    return parse_options(parser)


def main() -> None:
    options = read_options()
    rows = read_schemas(options.corpus, options.first)
    runs = [run_once(rows, options, f"run {number + 1} of {options.runs}") for number in range(options.runs)]
    coverage = {name: coverage_of(measured) for name, measured in runs[0].items()}
    files = all_ok(runs)
    summaries = summaries_of(runs, files)
    print_coverage(coverage, rows)
    print(f"\nTimes over the {len(files)} schemas that all engines compile and finish; medians of {len(runs)} runs")
    for metric, by_engine in summaries.items():
        print_summaries(metric, METRICS[metric], by_engine)
    results: dict[str, Any] = {
        "coverage": coverage,
        "all_ok": len(files),
        "units": METRICS,
        "levels": [round(float(level), 6) for level in LEVELS],
        "times": summaries,
        "reasons": {name: reasons_of(measured) for name, measured in runs[0].items()},
    }
    write_record(options.out, options, results)


if __name__ == "__main__":
    main()
