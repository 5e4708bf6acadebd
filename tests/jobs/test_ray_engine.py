"""A job on a cluster of Ray does what it does in one process, whatever becomes of its workers."""

import json
import os
import pickle
import sys
from functools import partial
from pathlib import Path

import pytest
from models_made import tiny_llama
from tokenizers_made import byte_level
from typer.testing import CliRunner

from fcgen.cli import app
from fcgen.engine import Engine
from fcgen.errors import JobError, ModelError, OptionError, PromptError
from fcgen.extraction import Document, Example, Extracted, Job, Windows
from fcgen.jobs import Ledger, export, extract_batch, ray_engine, run_job
from fcgen.jobs.ray_engine import Workers, load_engine

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.filterwarnings("ignore:Tip. In future versions of Ray:FutureWarning")

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 9}, "warm": {"type": "boolean"}},
    "required": ["city"],
}
JOB = Job(SCHEMA, options={"max_new_tokens": 60})
TEXTS = [
    "The weather in Paris",
    "Rome",
    "far too long " * 1500,
    "Rome",
    "It rains. " * 9,
    "Oslo",
    *map(str, range(60)),
]


def documents_of(texts):
    return [Document(f"d{number}", text, {"source": f"s{number}"}) for number, text in enumerate(texts)]


@pytest.fixture(scope="module")
def cluster():
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers do not have this module
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()
    ray.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a model."""
    folder = tmp_path_factory.mktemp("model")
    tokenizer = byte_level()
    tokenizer.save_pretrained(folder)
    tiny_llama(tokenizer).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def whole(model, tmp_path_factory):
    """The output of the job in one process."""
    folder = tmp_path_factory.mktemp("job") / "job"
    run_job(load_engine(model), JOB, documents_of(TEXTS), folder, carry=["source"])
    return output(folder)


def output(folder):
    export(folder, folder.parent / "out.jsonl")
    return (folder.parent / "out.jsonl").read_bytes()


class Ending(Engine):
    """An engine whose process ends in the midst of a document that says so: each time, or the first time."""

    def extracting(self, documents, job, *, ordered=True):
        steps = super().extracting(documents, job, ordered=ordered)
        return self.ending(steps, documents)

    def ending(self, steps, documents):
        for rows in steps:
            yield rows
            for document in documents:
                once = Path(document.text) if document.text.startswith("/") else None
                if once is not None and not once.exists():
                    once.touch()
                    os._exit(1)
                if document.text == "always":
                    os._exit(1)


def load_ending(model):
    engine = load_engine(model, batch_size=2)
    return Ending(engine.model, engine.tokenizer, batch_size=2)


def test_rows_are_those_of_one_process_also_of_a_job_that_was_stopped(cluster, model, whole, tmp_path):
    folder = tmp_path / "job"

    def stopped():
        """Once some rows have ended."""
        return folder.exists() and any(segment.stat().st_size for segment in (folder / "segments").glob("*.jsonl"))

    with Workers(partial(load_engine, model, batch_size=2), JOB, count=2, carry=["source"]) as workers:
        first = workers.run(documents_of(TEXTS), folder, stopped=stopped, clock=iter(range(10**6)).__next__)
        assert first.stopped
        assert 0 < first.done + first.failed < len(TEXTS)
        summary = workers.run(documents_of(TEXTS), folder, resume=True)
    assert (summary.rows, summary.earlier) == (len(TEXTS), first.done + first.failed)
    assert first.failed + summary.failed == 1
    assert first.shared + summary.shared == 1
    assert output(folder) == whole


def test_a_worker_that_ends_takes_no_other_document_with_it(cluster, model, tmp_path):
    texts = ["Oslo", "always", str(tmp_path / "once"), "Rome", "Oslo", *map(str, range(20))]
    with Workers(partial(load_ending, model), JOB, count=2) as workers:
        summary = workers.run(documents_of(texts), tmp_path / "job")
    assert (summary.done, summary.errors) == (len(texts) - 1, {"ModelError": 1})
    rows = [json.loads(line) for line in output(tmp_path / "job").splitlines()]
    assert [row["id"] for row in rows if row["error"]] == ["d1"]
    assert "the worker that was asked about the document ended, 3 times: Actor" in rows[1]["error"]["message"]
    expected = extract_batch(load_engine(model), [text for text in texts if text != "always"], JOB)
    assert [row["fields"] for row in rows if not row["error"]] == [row.fields for row in expected]


def test_workers_that_cannot_be(cluster, model, monkeypatch):
    monkeypatch.setattr(ray_engine, "ENDED", 2)
    for load, job, error, said in [
        (partial(load_engine, "/no/model"), JOB, ModelError, "/no/model"),
        (partial(os._exit, 1), JOB, JobError, "2 workers have ended, one after another, without a row"),
        (partial(int, "x"), JOB, JobError, "could not load its model: ValueError: invalid literal"),
        (partial(load_engine, model), Job(SCHEMA, instruction="\ud83d"), PromptError, "pair"),
    ]:
        with pytest.raises(error, match=said), Workers(load, job, count=1):
            pass
    with pytest.raises(OptionError, match="room") as caught, Workers(partial(load_engine, model), JOB, count=99):
        pass
    assert (caught.value.limit, caught.value.given) == (2, 99)


def test_workers_that_differ_are_refused():
    first = {"model": {"weights": "ab"}, "versions": {"torch": "2.4"}}
    workers = Workers(load_engine, JOB, count=3)
    workers._welcome(first, 16)
    workers._welcome(first, 16)
    with pytest.raises(JobError, match="a worker differs from the first in versions"):
        workers._welcome({**first, "versions": {"torch": "2.5"}}, 16)


def test_the_command(cluster, model, whole, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [{"id": document.id, "text": document.text, **document.columns} for document in documents_of(TEXTS)]
    Path("in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    Path("schema.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    arguments = [
        "extract", "--model", model, "--schema", "schema.json", "--max-new-tokens", "60", "--carry", "source",
        "--input", "in.jsonl", "--output", "out.jsonl",
    ]  # fmt: skip
    half = CliRunner().invoke(app, [*arguments, "--limit", "20"])
    assert half.exit_code == 0
    result = CliRunner().invoke(app, [*arguments, "--engine", "ray", "--workers", "1", "--resume"])
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"{len(TEXTS) - 20} rows done, 0 failed, 20 done before" in result.stderr
    assert Path("out.jsonl").read_bytes() == whole
    with Ledger.read("out.jsonl.job") as ledger:
        assert ledger.fingerprint["model"]["name"] == model


def test_options_that_cannot_be(tmp_path, monkeypatch):
    for options, said in [
        ({"count": 0}, "workers is 0"),
        ({"address": "ray://head:10001"}, "Ray Client"),
    ]:
        with pytest.raises(OptionError, match=said):
            Workers(load_engine, JOB, **options)
    (tmp_path / "in.jsonl").write_text("", encoding="utf-8")
    arguments = ["extract", "--input", str(tmp_path / "in.jsonl"), "--output", str(tmp_path / "out.jsonl")]
    result = CliRunner().invoke(app, [*arguments, "--workers", "2"])
    assert (result.exit_code, "--workers is given without a cluster" in result.stderr) == (1, True)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(OptionError, match=r"pip install 'fcgen\[ray\]'"), Workers(load_engine, JOB):
        pass


# Those who divide the work by themselves


def test_a_worker_of_ones_own(model):
    """A job can be sent, documents can be plain, and rows can be sent back."""
    example = Example("Rome!", {"city": "Rome"})
    for job in [
        Job(SCHEMA, instruction="Find it.", examples=[example], windows=Windows(50), options={"max_new_tokens": 60}),
        Job(functions=[{"name": "rain", "parameters": {"type": "object"}}]),
    ]:
        sent = pickle.loads(pickle.dumps(job))
        assert sent == job
        documents = [{"id": "a", "text": "It rains. " * 9, "page": 3}, {"text": "Rome"}, "Oslo"]
        rows = extract_batch(load_engine(model), documents, sent)
        assert [row.id for row in rows] == ["a", 1, 2]
        assert all(row.error is None for row in rows)
        assert pickle.loads(pickle.dumps(rows)) == rows
        assert all(isinstance(row, Extracted) for row in rows)
