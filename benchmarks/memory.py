"""Whether memory grows with the number of grammars that one process has seen.

One process compiles `--count` grammars of distinct schemas, one after the other, writes a little in each (`--steps`
tokens, drawn at random from those that may come), and drops it. The memory that the process holds is read every tenth
of the way. The slope is that of a line through the second half, where what is kept once has been filled; the level is
the most that was read there. What fcgen keeps for grammars that may come again is begun anew at 200,000 states, some
6,000 of these grammars: so the level shows beyond that.

    python benchmarks/memory.py --count 10000 --out benchmarks/results/memory.json
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from corpus import make_function
from engines import Engine, find_tokenizer, make_engine, option_parser, parse_options
from isolated import Failure, Isolated
from machine import resident_bytes, write_record

Numbers = tuple[int, int, int]  # the first schema, the one after the last, steps in each


def use(engine: Engine, numbers: Numbers) -> dict[str, float]:
    """Compile and write in these grammars: the memory held then, how many failed, the seconds it took."""
    began, failed = time.perf_counter(), 0
    start, stop, steps = numbers
    for number in range(start, stop):
        try:
            write(engine, number, steps)
        except Exception:  # noqa: BLE001 - whatever an engine raises is counted
            failed += 1
    return {"grammars": stop, "bytes": resident_bytes(), "failed": failed, "seconds": time.perf_counter() - began}


def write(engine: Engine, number: int, steps: int) -> None:
    """A text in the grammar of a schema: the beginning of one, at random."""
    draw = random.Random(number)
    engine.compile(make_function(number)["parameters"] | {"additionalProperties": False})
    engine.start()
    for _ in range(steps):
        engine.mask()
        allowed = engine.allowed()
        token = int(allowed[draw.randrange(len(allowed))]) if len(allowed) else None
        if token is None or token == engine.tokenizer.eos_token_id:
            return
        engine.advance(token)


def measure(name: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The memory of one engine every tenth of the way, and the slope."""
    worker = Isolated(make_engine, (name, folder), use, timeout=options.timeout, memory=options.memory)
    marks = [options.count * tenth // 10 for tenth in range(11)]
    points = [worker.ask((0, 0, 0))]
    for start, stop in itertools.pairwise(marks):
        answer = worker.ask((start, stop, options.steps))
        if isinstance(answer, Failure):
            return {"points": points, "failed": answer.how, "reason": answer.reason}
        points.append(answer)
        print(f"{name}: {answer['grammars']:,} grammars, {answer['bytes'] / 2**20:,.1f} MiB", file=sys.stderr)
    worker.close()
    half = points[len(points) // 2 :]
    slope = np.polyfit([point["grammars"] for point in half], [point["bytes"] for point in half], 1)[0]
    level = max(point["bytes"] for point in half)
    return {"points": points, "bytes per grammar": round(float(slope), 1), "level": level}


def print_results(results: dict[str, dict[str, Any]]) -> None:
    for name, result in results.items():
        print(f"\n{name}\n{'grammars':>10}{'memory, MiB':>14}{'failed':>10}{'ms each':>10}")
        before = 0
        for point in result["points"]:
            each = 1000 * point["seconds"] / max(1, point["grammars"] - before)
            print(f"{point['grammars']:10,}{point['bytes'] / 2**20:14,.1f}{point['failed']:10}{each:10.2f}")
            before = point["grammars"]
        if "failed" in result:
            print(f"{result['failed']}: {result['reason']}")
        else:
            print(f"slope over the second half: {result['bytes per grammar']:,.0f} bytes a grammar")
            print(f"level: {result['level'] / 2**20:,.1f} MiB")


def read_options() -> argparse.Namespace:
    parser = option_parser(__doc__, ["fcgen"])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--timeout", type=float, default=3600.0, help="seconds for a tenth of the grammars")
    parser.add_argument("--memory", type=float, default=16.0, help="GiB for one engine")
    return parse_options(parser)


def main() -> None:
    options = read_options()
    folder = find_tokenizer(options.tokenizer)
    results = {name: measure(name, folder, options) for name in options.engines}
    print_results(results)
    write_record(options.out, options, {"memory": results})


if __name__ == "__main__":
    main()
