"""What a result needs beside its numbers: when it was, on what machine, with which versions, of which commit."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
NUMBERS = re.compile(r"\[[\s\d.,eE+-]+\]")  # a list of numbers goes on one line
PACKAGES = frozenset({"fcgen", "llguidance", "numpy", "tokenizers", "torch", "transformers", "xgrammar"})


def describe_machine(packages: Iterable[str] = PACKAGES) -> dict[str, Any]:
    """The machine, the versions of those `packages` that are installed, and the commit."""
    wanted = frozenset(packages)
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "HEAD"),
        "changed": _git("status", "--porcelain").splitlines(),
        "system": platform.platform(),
        "cpu": _field("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "memory": _field("/proc/meminfo", "MemTotal"),
        "load": [round(average, 2) for average in os.getloadavg()],
        "python": platform.python_version(),
        "versions": dict(sorted((d.name, d.version) for d in distributions() if d.name in wanted)),
    }


def write_record(path: Path | None, options: argparse.Namespace, results: Mapping[str, Any]) -> None:
    """Write what was asked, where it ran and what came out as JSON; nothing where there is no path."""
    if path is None:
        return
    asked = {name: _plain(value) for name, value in vars(options).items()}
    record = {"options": asked, "machine": describe_machine(), **results}
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=1, ensure_ascii=False)
    path.write_text(NUMBERS.sub(lambda found: " ".join(found[0].split()), text) + "\n", encoding="utf-8")
    print(f"written to {path}", file=sys.stderr)


def resident_bytes(pid: int | str = "self") -> int:
    """How much memory a process holds; 0 where that cannot be known (no Linux, or it is gone)."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.name if isinstance(value, Path) else value


def _field(path: str, name: str) -> str:
    """The first value of a field in a file of `name: value` lines."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _git(*arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return run.stdout.strip() if run.returncode == 0 else ""
