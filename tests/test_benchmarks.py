"""The benchmarks run, count what fails, and measure what they say: on small things, and without the peers."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tokenizers_made import byte_level

FOLDER = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))


@pytest.fixture
def tokenizer(tmp_path):
    folder = tmp_path / "tokenizer"
    byte_level().save_pretrained(folder)
    return folder


def run(script, *options):
    command = [sys.executable, str(FOLDER / script), *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_and_helping_load_nothing_heavy():
    assert "import fcgen loads, of" in run("imports.py", "--runs", 1)


def test_masks_are_measured_and_coverage_is_counted(tmp_path, tokenizer):
    out = tmp_path / "masks.json"
    run("masks.py", "--engines", "fcgen", "--runs", 2, "--tokenizer", tokenizer, "--out", out)
    record = json.loads(out.read_text(encoding="utf-8"))
    assert record["coverage"]["fcgen"]["right"] == record["coverage"]["fcgen"]["schemas"] == record["all_ok"]
    assert record["machine"]["versions"]["fcgen"]
    for by_engine in record["times"].values():
        summary = by_engine["fcgen"]
        assert len(summary["quantiles"]) == len(record["levels"])
        assert 0 < summary["p50"] <= summary["p90"] <= summary["p99"] <= summary["max"]


@pytest.mark.usefixtures("benchmarks")
def test_figures_are_medians_over_the_runs():
    from times import summarize

    summary = summarize([[1, 2, 3], [10, 20, 30], [3, 4, 5]])
    assert (summary["count"], summary["p50"], summary["mean"], summary["max"]) == (3, 4, 4, 5)
    assert summarize([[], []]) == {"count": 0}


@pytest.mark.usefixtures("benchmarks")
def test_what_hangs_crashes_or_raises_is_an_outcome_and_the_next_question_is_answered():
    from isolated import Isolated

    worker = Isolated(str, ("act(number)",), eval, timeout=2)
    try:
        assert worker.ask({"act": abs, "number": -1}) == 1
        assert worker.ask({"act": abs, "number": ""}).how == "raised"
        assert worker.ask({"act": time.sleep, "number": 60}).how == "timed out"
        assert worker.ask({"act": os._exit, "number": 3}).how == "crashed"
        assert worker.ask({"act": abs, "number": -1}) == 1
    finally:
        worker.close()
