"""Whether memory grows with the rows of a job, and how many rows it does in a second.

`fcgen extract`, as a fresh process for each number of rows, with a random Llama of two layers: it reads JSON Lines from
the disk, keeps what is done in the job's folder, and writes JSON Lines. Then the finished job is resumed, which passes
over each row and writes the output again. Memory is the most that the process ever held (`ru_maxrss`), with PyTorch and
all; its growth is that over the fewest rows.

A million replies would take hours. So rows have ids of their own, but share `--texts` texts, and the reply to a text is
written once: what is measured is what each row costs beside its reply, not what a model takes. The seconds of a run are
without those in which the program starts, and the output is written; those in all are the process's.

    python benchmarks/job_memory.py --out benchmarks/results/job_memory.json
    python benchmarks/job_memory.py --rows 10000 100000
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from job_faults import ENVIRONMENT, PROGRAM, make_model
from machine import write_record

SCHEMA = {"type": "object", "properties": {"warm": {"type": "boolean"}}, "required": ["warm"]}
UNIT = 1 if sys.platform == "darwin" else 1024  # bytes, of `ru_maxrss`


def write_documents(path: Path, rows: int, texts: int) -> None:
    """Short documents, one after the other."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            document = {"id": f"row {number}", "text": f"It is {number % texts} degrees.", "source": number // 1000}
            file.write(json.dumps(document) + "\n")


def measure(folder: Path, rows: int, options: argparse.Namespace) -> dict[str, Any]:
    """What a job of so many rows takes when it is done, and when it is resumed."""
    source, output = folder / f"{rows}.jsonl", folder / f"{rows}-out.jsonl"
    write_documents(source, rows, options.texts)
    command = [
        "extract", "--model", str(folder / "model"), "--schema", str(folder / "schema.json"), "--input", str(source),
        "--output", str(output), "--carry", "source", "--batch-size", str(options.batch_size),
        "--max-new-tokens", "40", "--quiet", "--json",
    ]  # fmt: skip
    done = run(command)
    if "failed" not in done:
        done |= {"resumed": run([*command, "--resume"]), "rows written": count_lines(output)}
    return done


def run(arguments: list[str]) -> dict[str, Any]:
    """What one run of the program did, and took."""
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments], env={**os.environ, **ENVIRONMENT}, stdout=said, stderr=told
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        for file in (said, told):
            file.seek(0)
        if process.returncode:
            return {"failed": f"exit code {process.returncode}: {told.read()[-1000:]}"}
        summary = json.loads(said.read())
    return {
        "rows": summary["rows"],
        "errors": summary["failed"],
        "peak bytes": used.ru_maxrss * UNIT,
        "s of the run": summary["seconds"],
        "s in all": seconds,
        "rows / s": summary["rows"] / summary["seconds"],
    }


def count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


def add_growth(found: dict[int, dict[str, Any]]) -> None:
    """How much more memory each number of rows takes than the fewest."""
    fewest = found[min(found)]
    for done in found.values():
        for one, first in ((done, fewest), (done.get("resumed", {}), fewest.get("resumed", {}))):
            if "peak bytes" in one and "peak bytes" in first:
                one["growth"] = one["peak bytes"] / first["peak bytes"]


def print_results(found: dict[int, dict[str, Any]]) -> None:
    print(
        f"{'rows':>10}{'':10}{'errors':>8}{'peak, MiB':>11}{'growth':>9}{'s of run':>10}{'s in all':>10}{'rows/s':>9}"
    )
    for rows, done in found.items():
        for name, one in (("done", done), ("resumed", done.get("resumed", {"failed": "not tried"}))):
            if "failed" in one:
                print(f"{rows:10,} {name:9}{one['failed']}")
                continue
            print(
                f"{rows:10,} {name:9}{one['errors']:8}{one['peak bytes'] / 2**20:11.1f}{one['growth']:8.3f}x"
                f"{one['s of the run']:10.1f}{one['s in all']:10.1f}{one['rows / s']:9,.0f}"
            )


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--texts", type=int, default=2000, help="different texts")
    parser.add_argument("--batch-size", type=int, default=16, help="documents side by side")
    parser.add_argument("--out", type=Path, help="write the results here, as JSON")
    return parser.parse_args()


def main() -> None:
    options = read_options()
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        child = get_context("spawn").Process(target=make_model, args=(folder / "model",))  # keeps torch out of here
        child.start()
        child.join()
        (folder / "schema.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
        for rows in options.rows:
            found[rows] = measure(folder, rows, options)
    add_growth(found)
    print_results(found)
    write_record(options.out, options, {"jobs": found})


if __name__ == "__main__":
    main()
