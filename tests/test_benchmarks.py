"""The benchmarks run, count what fails, and measure what they say: on small things, and without the peers."""

import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from models_made import tiny_llama
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


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    tokenizer = byte_level()
    tiny_llama(tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def questions(tmp_path):
    """A folder of questions, as public data has them."""
    folder = tmp_path / "questions"
    folder.mkdir()
    parameters = {"type": "object", "properties": {"on": {"type": "boolean"}}, "required": ["on"]}
    for source in ("bfcl", "sealtools", "toolalpaca"):
        question = {
            "id": f"{source}/1",
            "split": "simple",
            "functions": [{"name": f"switch_{source}", "description": "Switches.", "parameters": parameters}],
            "question": "Switch the light on.",
            "answers": [{"name": f"switch_{source}", "accepted": {"on": [True, False]}}],
        }
        with gzip.open(folder / f"{source}.jsonl.gz", "wt", encoding="utf-8") as lines:
            lines.write(json.dumps(question) + "\n")
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


def test_steps_of_a_batch_are_measured(tmp_path, tokenizer):
    out = tmp_path / "batch.json"
    small = ("--engines", "fcgen", "--batch", 4, "--steps", 9, "--rounds", 2, "--threads", 1, "--tokenizer", tokenizer)
    assert "again: 4 sequences of 4 grammars, 1 threads" in run("batch.py", *small, "--out", out)
    record = json.loads(out.read_text(encoding="utf-8"))
    for which, count in (("first", 9), ("again", 18)):
        parts = {part: of["fcgen"] for part, of in record["microseconds"][which].items()}
        assert {part["count"] for part in parts.values()} == {count}
        assert parts["step"]["mean"] == pytest.approx(sum(parts[one]["mean"] for one in ("masks", "apply", "advance")))


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


def test_calls_are_judged_and_their_passes_counted(tmp_path, model, questions):
    out = tmp_path / "decoding.json"
    small = ("--model", model, "--device", "cpu", "--functions-data", questions, "--n", 2, "--threads", 1, "--out", out)
    run("decoding.py", *small, "--ways", "fcgen", "fcgen-steps")
    record = json.loads(out.read_text(encoding="utf-8"))
    for summary in record["summary"].values():
        assert (summary["questions"], summary["failures"], summary["valid %"]) == (2, 0, 100)
        assert summary["right function %"] == summary["right arguments %"] == 100
    assert record["summary"]["fcgen"]["passes / token"] < 1
    assert record["summary"]["fcgen-steps"]["passes / token"] == 1
    assert record["machine"]["device"] == "cpu"

    run("decoding.py", *small, "--ways", "fcgen", "--batch", 2)
    summary = json.loads(out.read_text(encoding="utf-8"))["summary"]["fcgen"]
    assert (summary["batches"], summary["failures"], summary["rows"]) == (1, 0, 2)

    run("decoding.py", *small, "--profile", 2)
    summary = json.loads(out.read_text(encoding="utf-8"))["summary"]["batch of 2"]
    assert summary["rows"] == 2
    assert 0 < summary["host % of a step"] < 100


def test_documents_are_written_alike_with_fewer_passes(tmp_path, model):
    out = tmp_path / "extraction.json"
    small = ("--model", model, "--device", "cpu", "--n", 3, "--batch-size", 2, "--budget", 64, "--threads", 1)
    run("extraction.py", *small, "--out", out)
    record = json.loads(out.read_text(encoding="utf-8"))
    for summary in record["summary"].values():
        assert (summary["documents"], summary["failures"], summary["same text %"]) == (3, 0, 100)
        assert 0 < summary["passes / token"] <= 1
        assert len(record["batches"]["lookup"]) == 2


def test_jobs_are_judged_and_measured_beside_a_loop(tmp_path, model):
    folder, out = tmp_path / "job", tmp_path / "jobs.json"
    folder.mkdir()
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "minLength": 1, "maxLength": 9}, "warm": {"type": "boolean"}},
        "required": ["city"],
        "additionalProperties": False,
    }
    (folder / "job.json").write_text(json.dumps({"instruction": "Find the city.", "schema": schema}), encoding="utf-8")
    with gzip.open(folder / "docs.jsonl.gz", "wt", encoding="utf-8") as lines:
        for number, city in enumerate(("Paris", "Rome", "Oslo")):
            document = {"id": number, "text": f"The weather in {city}", "gold": {"city": city, "warm": True}}
            lines.write(json.dumps(document) + "\n")
    small = ("--model", model, "--device", "cpu", "--n", 3, "--group", 2, "--threads", 1, "--budget", 64)
    ways = ("--ways", "fcgen", "fcgen-verbatim", "outlines-core", "--batch-sizes", 1, 2)
    run("jobs.py", "--documents", folder, *small, *ways, "--out", out)
    record = json.loads(out.read_text(encoding="utf-8"))
    for summary in record["summary"].values():
        assert (summary["documents"], summary["errors"]) == (3, 0)
        assert summary["precision %"] <= 100
        assert summary["rows / s"] > 0
    ours, verbatim, theirs = record["summary"].values()
    assert ours["valid %"] == verbatim["valid %"] == verbatim["strings from document %"] == 100
    assert ours["passes / token"] <= theirs["passes / token"] == 1
    assert set(record["sizes tried, rows / s"]["outlines-core"]) == {"1", "2"}
    assert theirs["side by side"] in (1, 2)


@pytest.mark.usefixtures("benchmarks")
def test_fields_that_gold_does_not_have_count_against_precision():
    from argparse import Namespace

    from jobs import summarize_way

    job = {"schema": {"type": "object", "properties": {"n": {"type": "string"}}}}
    documents = [{"text": "a b", "gold": {"n": "A", "m": "b"}}, {"text": "c", "gold": {"n": "c"}}]
    said = [{"text": '{"n": " a", "o": "x"}', "tokens": 9, "passes": 9}, {"text": '{"n": "c', "tokens": 4, "passes": 4}]
    groups = [{"size": 2, "seconds": 2.0, "first": 1.0, "passes": 9, "replies": said}]
    summary = summarize_way(job, documents, groups, Namespace(budget=4))
    assert (summary["valid %"], summary["cut off %"], summary["precision %"]) == (50, 50, 50)
    assert (summary["recall %"], summary["F1 %"]) == (pytest.approx(100 / 3), pytest.approx(40))
    assert (summary["strings from document %"], summary["tokens / s"]) == (0, 6.5)


def test_a_job_survives_what_happens_to_it(tmp_path):
    out = tmp_path / "job_faults.json"
    run(
        "job_faults.py",
        "--cases",
        "killed",
        "flipped",
        "poisoned",
        "--n",
        12,
        "--kills",
        1,
        "--damages",
        1,
        "--out",
        out,
    )
    cases = json.loads(out.read_text(encoding="utf-8"))["cases"]
    for case in cases.values():
        assert (case["runs"], case["identical"], case["lost"], case["doubled"]) == (1, 1, 0, 0)
        assert case["struck"] >= 1
    assert cases["poisoned"]["told"] == cases["poisoned"]["struck"] == 8


@pytest.mark.usefixtures("benchmarks")
def test_rows_are_counted_by_their_lines_whatever_is_damaged():
    import zlib

    from job_faults import read_segment

    def line(position, *, failed=False):
        text = json.dumps({"position": position, "id": "a", "content": "c", "failed": failed}).encode()
        return b"%08x %d %b\n" % (zlib.crc32(text), len(text), text)

    def positions(data):
        return [position for position, _, _ in read_segment(data)]

    lines = [line(0), line(1), line(2, failed=True), line(3)]
    whole = b"".join(lines)
    assert positions(whole) == [0, 1, 3]
    assert positions(whole[:-1]) == [0, 1]
    assert positions(b"") == []
    flipped = bytearray(whole)
    flipped[len(lines[0]) + 20] ^= 1
    assert positions(bytes(flipped)) == [0, 3]
    flipped = bytearray(whole)
    flipped[len(lines[0]) - 1] ^= 1
    assert positions(bytes(flipped)) == [0, 1, 3]
    assert positions(whole[: len(lines[0])] + bytes(30)) == [0]


def test_the_memory_of_jobs_is_measured(tmp_path):
    out = tmp_path / "job_memory.json"
    run("job_memory.py", "--rows", 20, 200, "--texts", 8, "--out", out)
    few, many = json.loads(out.read_text(encoding="utf-8"))["jobs"].values()
    assert (many["rows"], many["rows written"], many["errors"], many["resumed"]["rows"]) == (200, 200, 0, 200)
    assert few["growth"] == few["resumed"]["growth"] == 1
    assert 0 < many["growth"] < 2
    assert 0 < many["s of the run"] < many["s in all"]


@pytest.mark.usefixtures("benchmarks")
def test_arguments_are_compared_by_what_they_say():
    from decoding import has_accepted

    accepted = {"city": ["New York", "NYC"], "days": [3], "unit": ["", "celsius"], "hourly": [True]}
    said = {"city": "new-york", "days": 3.0, "hourly": True}
    assert has_accepted(said, accepted)
    assert has_accepted(said | {"unit": "Celsius"}, accepted)
    assert not has_accepted(said | {"unit": "kelvin"}, accepted)
    assert not has_accepted(said | {"days": "3"}, accepted)
    assert not has_accepted(said | {"hourly": 1}, accepted)
    assert not has_accepted(said | {"note": "not listed"}, accepted)
    assert not has_accepted({"city": "NYC", "hourly": True}, accepted)
    assert has_accepted({"at": [{"x": 1}, "+"]}, {"at": [[{"x": [1, 2]}, "+"]]})
    assert not has_accepted({"at": [{"x": 1}, "-"]}, {"at": [[{"x": [1, 2]}, "+"]]})


@pytest.mark.usefixtures("benchmarks")
def test_a_way_that_cannot_be_set_up_fails_each_question_and_not_the_others():
    from argparse import Namespace

    from decoding import Asker, ask_all
    from isolated import Failure

    options = Namespace(timeout=60, memory=8)
    askers = {"broken": Asker(int, pow, options), "sound": Asker(vars, dict.get, options)}
    found = ask_all(askers, ["timeout", "memory"])
    assert [type(one) for one in found["broken"]] == [Failure, Failure]
    assert found["broken"][0].how == "not set up"
    assert found["broken"][0].reason.startswith("raised, TypeError: int()")
    assert found["sound"] == [60, 8]
