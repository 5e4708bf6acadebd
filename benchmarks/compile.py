"""How the first mask of a union of functions grows with the number of functions, with fcgen and with its peers.

Each engine gets the union in a fresh process, which is warm in what is done once (imports, the tokenizer, another
schema): compile it, begin a text, find the first mask ("cold"), and the same again ("again", where an engine may use
what it keeps). fcgen reads the functions as `Grammar.from_functions` does; the peers, and fcgen as "fcgen", read the
same union as one JSON Schema: any of the objects {"function": NAME, "arguments": {...}}.

Only functions are taken that each engine compiles on its own; how many it does not is counted.

    python benchmarks/compile.py --functions FOLDER --sizes 10 100 1000 --out benchmarks/results/compile.json
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

from corpus import Function, read_functions, union_of
from engines import Engine, find_tokenizer, make_engine, option_parser, parse_options
from isolated import Failure, Isolated
from machine import write_record

NAMES = ("cold", "again")


def compiles(engine: Engine, function: Function) -> bool:
    """Compile a function on its own; an exception says that it does not."""
    engine.compile(union_of([function]))
    return True


def first_masks(engine: Engine, functions: list[Function]) -> list[float]:
    """Seconds to the first mask of the union, cold and again."""
    schema = union_of(functions)
    return [_first_mask(engine, schema) for _ in NAMES]


def _first_mask(engine: Engine, schema: Any) -> float:
    began = time.perf_counter()
    engine.compile(schema)
    engine.start()
    engine.mask()
    return time.perf_counter() - began


def usable_functions(options: argparse.Namespace, folder: Path) -> tuple[list[Function], dict[str, dict[str, str]]]:
    """As many functions as are needed, and for each engine those that it does not compile, with the reason."""
    needed = max(options.sizes)
    functions = read_functions(options.functions, needed + needed // 4 + 10)
    refused: dict[str, dict[str, str]] = {}
    for name in options.engines:
        worker = Isolated(make_engine, (name, folder), compiles, timeout=options.timeout)
        answers = {function["name"]: worker.ask(function) for function in functions}
        worker.close()
        refused[name] = {
            function: f"{one.how}: {one.reason}" for function, one in answers.items() if isinstance(one, Failure)
        }
    usable = [function for function in functions if not any(function["name"] in names for names in refused.values())]
    return usable[:needed], refused


def measure(options: argparse.Namespace, folder: Path, functions: list[Function]) -> dict[str, dict[str, Any]]:
    """By size and engine: the times of all runs, or a failure."""
    results: dict[str, dict[str, Any]] = {}
    for size in options.sizes:
        runs: dict[str, list[Any]] = {name: [] for name in options.engines}
        for _ in range(options.runs):
            for name, answers in runs.items():
                worker = Isolated(make_engine, (name, folder), first_masks, timeout=options.timeout)
                answers.append(worker.ask(functions[:size]))
                worker.close()
        results[str(min(size, len(functions)))] = {name: summarize(answers) for name, answers in runs.items()}
    return results


def summarize(answers: list[Any]) -> dict[str, Any]:
    """The medians over the runs, in milliseconds, and all runs; how it failed if any run did."""
    failed = [answer for answer in answers if isinstance(answer, Failure)]
    if failed:
        return {"failed": failed[0].how, "reason": failed[0].reason}
    times = {name: [1000 * run[number] for run in answers] for number, name in enumerate(NAMES)}
    return {**{name: statistics.median(runs) for name, runs in times.items()}, "runs": times}


def print_results(results: dict[str, dict[str, Any]], engines: list[str]) -> None:
    for name in NAMES:
        print(f"\nFirst mask, {name}, ms")
        print(f"{'functions':>10}" + "".join(f"{engine:>18}" for engine in engines) + "   " + engines[0] + " /")
        for size, by_engine in results.items():
            first = by_engine[engines[0]].get(name)
            cells = [by_engine[engine].get(name, by_engine[engine].get("failed")) for engine in engines]
            ratios = [
                f"{engine} {first / cell:.2f}x"
                for engine, cell in zip(engines[1:], cells[1:], strict=True)
                if first and isinstance(cell, float)
            ]
            texts = (f"{cell:18,.2f}" if isinstance(cell, float) else f"{cell:>18}" for cell in cells)
            print(f"{size:>10}" + "".join(texts) + "   " + ", ".join(ratios))


def read_options() -> argparse.Namespace:
    parser = option_parser(__doc__, ["fcgen-functions", "fcgen", "llguidance", "xgrammar"])
    parser.add_argument("--functions", type=Path, help="a folder of functions; without it, some are made up")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds for one union")
    return parse_options(parser)


def main() -> None:
    options = read_options()
    folder = find_tokenizer(options.tokenizer)
    functions, refused = usable_functions(options, folder)
    print(f"{len(functions)} functions, not compiled on their own: ", end="")
    print(", ".join(f"{name} {len(names)}" for name, names in refused.items()))
    results = measure(options, folder, functions)
    print_results(results, options.engines)
    write_record(
        options.out, options, {"functions": len(functions), "refused": refused, "unit": "ms", "times": results}
    )


if __name__ == "__main__":
    main()
