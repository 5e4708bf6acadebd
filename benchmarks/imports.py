"""How long `import fcgen` and `fcgen --help` take, and whether they load what is heavy.

Each is run in fresh processes, in turn with a Python that does nothing; medians over `--runs`. Ends with status 1 if
one of them loads a module that is heavy.

    python benchmarks/imports.py --out benchmarks/results/imports.json
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from machine import write_record
from times import print_summaries, summarize

FORBIDDEN = ("llguidance", "outlines", "tokenizers", "torch", "transformers", "xgrammar")
HEAVY = (*FORBIDDEN, "jsonschema", "lark", "numpy", "pydantic", "rich", "typer")
HELP = "import sys\nfrom fcgen.cli import main\nsys.argv = ['fcgen', '--help']\ntry: main()\nexcept SystemExit: pass"
WAYS = {"import fcgen": "import fcgen", "fcgen --help": HELP, "python": "pass"}
LOADED = f"\nimport json, sys\nprint(json.dumps([name for name in {HEAVY} if name in sys.modules]), file=sys.stderr)"


def run(code: str) -> tuple[float, str]:
    """The milliseconds that a fresh Python takes for it, and what it says on stderr."""
    began = time.perf_counter()
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return 1000 * (time.perf_counter() - began), process.stderr


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--out", type=Path, help="write the results here, as JSON")
    return parser.parse_args()


def main() -> None:
    options = read_options()
    loaded = {way: json.loads(run(code + LOADED)[1].splitlines()[-1]) for way, code in WAYS.items()}
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(options.runs):
        for way, code in WAYS.items():
            times[way].append(run(code)[0])
    summaries = {way: summarize([samples]) for way, samples in times.items()}
    print_summaries("A fresh process", "ms", summaries)
    print()
    for way, names in loaded.items():
        print(f"{way} loads, of {len(HEAVY)} large packages: {', '.join(names) or 'none'}")
    results: dict[str, Any] = {"unit": "ms", "times": summaries, "loaded": loaded}
    write_record(options.out, options, results)
    if forbidden := sorted(set(FORBIDDEN).intersection(name for names in loaded.values() for name in names)):
        raise SystemExit(f"heavy: {', '.join(forbidden)}")


if __name__ == "__main__":
    main()
