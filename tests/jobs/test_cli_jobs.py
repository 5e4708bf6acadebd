"""`fcgen extract` and `fcgen jobs`, from the files of the input to those of the output, with a model in a folder."""

import contextlib
import csv
import json
import signal
import subprocess
import sys

import jsonschema
import pytest
from models_made import tiny_llama
from tokenizers_made import byte_level
from typer.testing import CliRunner

import fcgen.jobs
import fcgen.models
from fcgen.cli import app
from fcgen.errors import FunctionError, OptionError
from fcgen.extraction import Example, Windows
from fcgen.jobs.options import read_settings

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 9}, "warm": {"type": "boolean"}},
    "required": ["city"],
}
TOOL = {"name": "set_timer", "parameters": {"type": "object", "properties": {"minutes": {"enum": [5, 10]}}}}
TEXTS = ["The weather in Paris", "Rome", "far too long " * 1500, "Rome", "It rains. " * 9, "Oslo"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a model."""
    folder = tmp_path_factory.mktemp("model")
    tokenizer = byte_level()
    tokenizer.save_pretrained(folder)
    tiny_llama(tokenizer).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working directory with documents and a schema."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    write_lines(tmp_path / "in.jsonl", documents(TEXTS))
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    return tmp_path


def documents(texts):
    return [{"id": number, "text": text, "source": f"s{number}"} for number, text in enumerate(texts)]


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def read_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def run(model, monkeypatch):
    """Run a command; the model is loaded once."""
    engines = {}
    load = fcgen.models.load

    def loaded(name, **options):
        if name not in engines:
            engines[name] = load(name, **options)
        return engines[name]

    monkeypatch.setattr(fcgen.models, "load", loaded)

    def command(*arguments, **options):
        if arguments[0] == "extract":
            arguments = [*arguments, "--model", model]
        return CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False, **options)

    return command


def extract(run, *arguments, **options):
    return run("extract", "--max-new-tokens", "60", "--schema", "schema.json", *arguments, **options)


# fcgen extract


def test_documents_become_rows(run, place):
    result = extract(run, "--input", "in.jsonl", "--output", "out.jsonl", "--carry", "source")
    assert (result.exit_code, result.stdout) == (0, "")
    rows = read_lines(place / "out.jsonl")
    assert [(row["id"], row["source"]) for row in rows] == [(number, f"s{number}") for number in range(len(TEXTS))]
    assert rows[2]["error"]["kind"] == "PromptError"
    assert "fields" not in rows[2]
    for row in [*rows[:2], *rows[3:]]:
        assert row["error"] is None
        jsonschema.validate(row["fields"], SCHEMA)
    assert rows[1]["fields"] == rows[3]["fields"]
    first, *_, last, hint = result.stderr.splitlines()
    assert first.startswith("6/6 rows, ")
    assert "5 rows done, 1 failed (1 PromptError), 0 done before, 1 like others" in last
    assert "--retry failed" in hint


def test_rows_to_standard_output(run, place):
    write_lines(place / "in.jsonl", documents(TEXTS[:2]))
    to_file = extract(run, "--input", "in.jsonl", "--output", "out.jsonl")
    assert to_file.exit_code == 0
    text = (place / "in.jsonl").read_text(encoding="utf-8")
    result = extract(run, "--input", "-", "--job", "job", "--quiet", input=text)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (place / "out.jsonl").read_text(encoding="utf-8")


def test_what_was_done_as_json(run, place):
    result = extract(run, "--input", "in.jsonl", "--output", "out.jsonl", "--quiet", "--json")
    summary = json.loads(result.stdout)
    assert (summary["rows"], summary["done"], summary["failed"]) == (6, 5, 1)
    assert summary["usage"]["new_tokens"] > 0
    assert result.stderr == ""


@pytest.mark.parametrize("ending", ["csv", "jsonl.gz"])
def test_other_formats(run, place, ending):
    with (place / "in.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["key", "body"], *([f"k{number}", text] for number, text in enumerate(TEXTS[:2]))])
    result = extract(run, "--input", "in.csv", "--text-field", "body", "--id-field", "key", "--output", f"out.{ending}")
    assert result.exit_code == 0
    shown = run("jobs", "export", f"out.{ending}.job")
    assert [json.loads(line)["id"] for line in shown.stdout.splitlines()] == ["k0", "k1"]
    if ending == "csv":
        with (place / "out.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert [row["id"] for row in rows] == ["k0", "k1"]
        assert set(rows[0]) == {"id", "city", "warm", "error_kind", "error_message"}


def test_rows_as_calls(run, place):
    (place / "tools.json").write_text(json.dumps([TOOL]), encoding="utf-8")
    result = run("extract", "--functions", "tools.json", "--input", "in.jsonl", "--output", "out.jsonl")
    assert result.exit_code == 0
    for row in read_lines(place / "out.jsonl"):
        if row["error"] is None:
            assert row["call"]["function"] == "set_timer"
            assert row["call"]["arguments"].get("minutes", 5) in (5, 10)


def test_rows_of_a_class(run, place):
    code = "import pydantic\nclass Place(pydantic.BaseModel):\n    warm: bool\n"
    (place / "models_of_ours.py").write_text(code, encoding="utf-8")
    result = run("extract", "--into", "models_of_ours:Place", "--input", "in.jsonl", "--output", "out.jsonl")
    assert result.exit_code == 0
    assert all(row["error"] or set(row["fields"]) == {"warm"} for row in read_lines(place / "out.jsonl"))


def test_requests_of_the_batch_api(run, place):
    def request(name, **body):
        return {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": {"model": "gpt", **body}}

    said = {"messages": [{"role": "user", "content": "Wake me"}], "max_tokens": 60}
    write_lines(
        place / "requests.jsonl",
        [
            request("call", **said, tools=[{"type": "function", "function": TOOL}], tool_choice="required"),
            request("json", **said, response_format={"type": "json_schema", "json_schema": {"schema": SCHEMA}}),
            request("text", **said),
            request("two", **said, n=2),
        ],
    )
    result = run("extract", "--input", "requests.jsonl", "--output", "out.jsonl", "--output-format", "openai-batch")
    assert result.exit_code == 0
    lines = {line["custom_id"]: line for line in read_lines(place / "out.jsonl")}
    assert list(lines) == ["call", "json", "text", "two"]
    message = lines["call"]["response"]["body"]["choices"][0]["message"]
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]).get("minutes", 5) in (5, 10)
    message = lines["json"]["response"]["body"]["choices"][0]["message"]
    jsonschema.validate(json.loads(message["content"]), SCHEMA)
    assert lines["text"]["response"]["body"]["choices"][0]["message"]["content"]
    assert (lines["two"]["response"], lines["two"]["error"]["code"]) == (None, "DocumentError")


def test_going_on(run, place):
    options = ["--input", "in.jsonl", "--output", "out.jsonl"]
    assert extract(run, *options, "--limit", 2).exit_code == 0
    assert len(read_lines(place / "out.jsonl")) == 2
    result = extract(run, *options)
    assert result.exit_code == 1
    assert "there is a job in 'out.jsonl.job' already" in result.stderr
    assert "--resume" in result.stderr
    result = extract(run, *options, "--resume", "--json", "--quiet")
    assert json.loads(result.stdout)["earlier"] == 2
    whole = extract(run, "--input", "in.jsonl", "--output", "whole.jsonl")
    assert whole.exit_code == 0
    assert (place / "out.jsonl").read_bytes() == (place / "whole.jsonl").read_bytes()
    result = extract(run, *options, "--retry", "failed", "--json", "--quiet")
    summary = json.loads(result.stdout)
    assert (summary["done"], summary["failed"], summary["earlier"]) == (0, 1, 5)
    result = extract(run, *options, "--resume", "--instruction", "Find the city.")
    assert result.exit_code == 1
    assert "prompt" in result.stderr


def test_a_job_whose_rows_all_fail_says_so_to_the_quiet(run, place):
    options = ["--input", "in.jsonl", "--output", "out.jsonl", "--quiet"]
    result = extract(run, *options, "--text-field", "body")
    assert (result.exit_code, result.stdout) == (1, "")
    (said,) = result.stderr.splitlines()
    assert said.startswith("all 6 rows failed (6 DocumentError). The first one: in.jsonl:1: there is no 'text'".replace(
        "'text'", "'body'"))  # fmt: skip
    assert len(read_lines(place / "out.jsonl")) == 6
    assert extract(run, *options, "--text-field", "body", "--resume").exit_code == 1
    result = extract(run, *options, "--resume")  # the rows have other contents then
    assert (result.exit_code, result.stderr) == (0, "")


def test_an_input_that_breaks_off_is_said_and_can_be_mended(run, place):
    whole = json.dumps(documents(["Rome", "Oslo", "Bern"]), indent=1)
    options = ["--input", "in.json", "--output", "out.jsonl", "--quiet"]
    (place / "in.json").write_text(whole[: whole.index("Bern")], encoding="utf-8")
    result = extract(run, *options, "--json")
    assert result.exit_code == 1
    assert result.stderr == (
        "the input is damaged, and rows are missing: in.json:3: the file cannot be read on: "
        "the array breaks off: nothing closes it\n"
    )
    assert [bool(row["error"]) for row in read_lines(place / "out.jsonl")] == [False, False, True]
    summary = json.loads(result.stdout)
    assert (summary["done"], summary["failed"], summary["damaged"]) == (2, 1, 1)
    again = extract(run, *options, "--resume")
    assert (again.exit_code, again.stderr) == (1, result.stderr)
    (place / "in.json").write_text(whole, encoding="utf-8")
    result = extract(run, *options, "--resume", "--json")
    assert (result.exit_code, result.stderr, json.loads(result.stdout)["done"]) == (0, "", 1)
    fresh = extract(run, *options[:2], "--output", "fresh.jsonl", "--quiet")
    assert fresh.exit_code == 0
    assert (place / "fresh.jsonl").read_bytes() == (place / "out.jsonl").read_bytes()


def test_more_damage_than_is_told(run, place):
    for number in range(12):
        (place / f"d{number:02}.json").write_text('["Rome", ', encoding="utf-8")
    result = extract(run, "--input", "d*.json", "--output", "out.jsonl", "--quiet")
    assert result.exit_code == 1
    *said, more = result.stderr.splitlines()
    assert [line.split(": ")[1] for line in said] == [f"d{number:02}.json:2" for number in range(10)]
    assert more == "the input is damaged in 2 more places"


def test_an_empty_file_is_no_json_but_no_lines(run, place):
    for name in ("in.json", "in.jsonl"):
        (place / name).write_bytes(b"")
    result = extract(run, "--input", "in.json", "--output", "out.jsonl", "--quiet")
    assert result.exit_code == 1
    assert result.stderr == "'in.json' is empty, which is no JSON. No rows are an empty array: []\n"
    assert not (place / "out.jsonl").exists()
    result = extract(run, "--input", "in.jsonl", "--output", "out.jsonl", "--quiet")
    assert (result.exit_code, result.stderr, read_lines(place / "out.jsonl")) == (0, "", [])


def test_too_many_errors_end_a_job_that_can_go_on(run, place):
    write_lines(place / "in.jsonl", documents(["Rome", *[""] * 3, "Oslo", *["Bern"] * 40]))
    (place / "job.toml").write_text('max_errors = "0"\nschema = "schema.json"', encoding="utf-8")
    options = ["--input", "in.jsonl", "--output", "out.jsonl", "--quiet", "--batch-size", 2]
    result = extract(run, "job.toml", *options)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "rows failed (" in result.stderr
    assert "more than max_errors, 0, allows. The first one: " in result.stderr
    assert "To go on: fcgen " in result.stderr
    assert not (place / "out.jsonl").exists()
    result = extract(run, "job.toml", *options, "--resume", "--max-errors", "50%")
    assert (result.exit_code, result.stderr) == (0, "")
    assert len(read_lines(place / "out.jsonl")) == 45
    result = extract(
        run,
        *options,
        "--retry",
        "failed",
        "--max-errors",
        2,
        "--json",
        "--output",
        "again.jsonl",
        "--job",
        "out.jsonl.job",
    )
    assert result.exit_code == 1
    assert json.loads(result.stdout)["failed"] == 3


@pytest.mark.parametrize("named", ["options", "file"])
def test_another_encoding_and_separator(run, place, named):
    table = "id;text\n1;Zürich\n2;Rome\n"
    (place / "in.csv").write_bytes(table.encode("latin-1"))
    (place / "utf8.csv").write_text(table.replace(";", "\t"), encoding="utf-8")
    (place / "job.toml").write_text('schema = "schema.json"\nseparator = ";"\nencoding = "latin-1"', encoding="utf-8")
    given = ["job.toml"] if named == "file" else ["--separator", ";", "--encoding", "latin-1"]
    assert extract(run, *given, "--input", "in.csv", "--output", "out.jsonl").exit_code == 0
    result = extract(
        run, "--input", "utf8.csv", "--separator", "\\t", "--output", "out.jsonl", "--resume", "--json", "--job",
        "out.jsonl.job", "--quiet", "--output", "again.jsonl",
    )  # fmt: skip
    assert json.loads(result.stdout)["earlier"] == 2  # the same rows, however they are written
    assert (place / "out.jsonl").read_bytes() == (place / "again.jsonl").read_bytes()


def test_a_dry_run_keeps_nothing(run, place):
    before = sorted(place.iterdir())
    result = extract(run, "--input", "in.jsonl", "--output", "out.jsonl", "--instruction", "Find it.", "--dry-run", 3)
    assert result.exit_code == 0
    assert sorted(place.iterdir()) == before
    blocks = result.stdout.split("--- ")[1:]
    assert [block.splitlines()[0] for block in blocks] == ["0", "1", "2"]
    assert "Find it.\nReply with a JSON object of these fields: city, warm" in blocks[0]
    assert "The weather in Paris<|im_end|>\n<|im_start|>assistant\n" in blocks[0]
    assert "far too long" in blocks[2]
    rows = [json.loads(block.splitlines()[-1]) for block in blocks]
    assert [row["id"] for row in rows] == [0, 1, 2]
    jsonschema.validate(rows[0]["fields"], SCHEMA)
    assert rows[2]["error"]["kind"] == "PromptError"


def test_windows_by_options(run, place):
    options = ["--windows", 40, "--overlap", 5, "--window-unit", "characters", "--merge", "city=longest"]
    result = extract(run, "--input", "in.jsonl", "--output", "out.jsonl", *options)
    assert result.exit_code == 0
    shown = json.loads(run("jobs", "show", "out.jsonl.job", "--json").stdout)
    assert shown["fingerprint"]["options"]["windows"] == {
        "size": 40, "overlap": 5, "unit": "characters", "merge": {"city": "longest"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--input", "none.jsonl", "--output", "o.jsonl"], "none.jsonl"),
        (["--input", "in.jsonl", "--output", "o.xyz"], "o.xyz"),
        (["--input", "in.jsonl"], "--job"),
        (["--input", "in.jsonl", "--output", "o.jsonl", "--engine", "abacus"], "abacus"),
        (["--input", "in.jsonl", "--output", "o.jsonl", "--retry", "all"], "failed"),
        (["--input", "in.jsonl", "--output", "o.jsonl", "--limit", "-1"], "--limit"),
        (["--input", "in.jsonl", "--job", "j", "--json"], "--json"),
        (["--input", "in.jsonl", "--output", "o.jsonl", "--merge", "first", "--merge", "a=first"], "--merge"),
        (["--input", "in.jsonl", "--output", "o.jsonl", "--carry", "error"], "error"),
        (["--input", "in.jsonl", "--output", "o.jsonl", "--functions", "tools.json"], "schema"),
        (["--input", "in.jsonl", "--output", "o.jsonl", "--batch-size", "0"], "batch_size"),
        (["--input", "in.jsonl", "--output", "o.jsonl", "--temperature", "-1"], "temperature"),
        (["--input", "in.jsonl", "--output", "o.jsonl", "--overlap", "3"], "size"),
        (["--input", "in.jsonl", "--output", "o.jsonl", "--batch-size", "0"], "1 or more"),
        (["--input", "in.jsonl", "--output", "in.jsonl"], "input"),
        (["--input", "*.jsonl", "--output", "./in.jsonl"], "input"),
        (["--input", ".", "--output", "o.jsonl"], "input"),
        (["--input", "in.jsonl", "--output", "o.jsonl", "--choice", "auto"], "choice"),
        (["--input", "in.jsonl", "--output", "o.jsonl", "--max-errors", "many"], "max_errors"),
        (["--input", "in.jsonl", "--output", "o.jsonl", "--separator", "::"], "separator"),
        (["--input", "in.jsonl", "--output", "o.jsonl", "--encoding", "utf-9"], "encoding"),
        (["none.toml", "--input", "in.jsonl", "--output", "o.jsonl"], "none.toml"),
    ],
)
def test_what_cannot_be(run, place, arguments, said):
    before = sorted(place.iterdir())
    result = extract(run, *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr
    assert sorted(place.iterdir()) == before


def test_something_has_to_be_asked_for(run, place):
    before = sorted(place.iterdir())
    result = run("extract", "--input", "in.jsonl", "--output", "o.jsonl")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "--schema" in result.stderr
    assert sorted(place.iterdir()) == before


def test_the_class_of_the_fields_is_that_of_a_module(run, place):
    result = run("extract", "--input", "in.jsonl", "--output", "o.jsonl", "--into", "schema")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "MODULE:MODEL" in result.stderr


# fcgen jobs


def test_a_job_is_shown_checked_and_exported(run, place):
    extract(run, "--input", "in.jsonl", "--output", "out.jsonl", "--carry", "source")
    result = run("jobs", "show", "out.jsonl.job")
    assert result.stdout.splitlines()[0] == "5 rows done, 1 failed (1 PromptError)"
    for part in ("model", "grammar", "prompt", "options", "versions"):
        assert f"│ {part} " in result.stdout
    shown = json.loads(run("jobs", "show", "out.jsonl.job", "--json").stdout)
    assert (shown["done"], shown["failed"], shown["errors"]) == (5, 1, {"PromptError": 1})
    result = run("jobs", "verify", "out.jsonl.job")
    assert (result.exit_code, result.stdout) == (0, "5 rows done, 1 failed, 0 problems\n")
    result = run("jobs", "export", "out.jsonl.job", "--output", "again.jsonl")
    assert result.exit_code == 0
    assert (place / "again.jsonl").read_bytes() == (place / "out.jsonl").read_bytes()
    result = run("jobs", "export", "out.jsonl.job", "--unordered")
    assert sorted(result.stdout.splitlines()) == sorted((place / "out.jsonl").read_text("utf-8").splitlines())


def test_damage_is_found_and_done_again(run, place):
    options = ["--input", "in.jsonl", "--output", "out.jsonl"]
    extract(run, *options)
    whole = (place / "out.jsonl").read_bytes()
    (segment,) = (place / "out.jsonl.job" / "segments").glob("*.jsonl")
    data = bytearray(segment.read_bytes())
    data[data.index(b'"city"') + 2] ^= 1
    segment.write_bytes(data)
    result = run("jobs", "verify", "out.jsonl.job")
    assert result.exit_code == 1
    assert "1 problems" in result.stdout
    assert len(json.loads(run("jobs", "verify", "out.jsonl.job", "--json").stdout)["problems"]) == 1
    result = extract(run, *options, "--resume", "--json", "--quiet")
    assert json.loads(result.stdout)["done"] == 1
    assert (place / "out.jsonl").read_bytes() == whole


@pytest.mark.parametrize("command", ["show", "verify", "export"])
def test_a_folder_without_a_job(run, place, command):
    result = run("jobs", command, "nothing")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "nothing" in result.stderr
    assert not (place / "nothing").exists()


# What ends the process

CHILD = """
import torch, fcgen.jobs.progress, fcgen.jobs.run
from fcgen.cli import main
torch.set_num_threads(1)
fcgen.jobs.progress.SECONDS = fcgen.jobs.run.SECONDS = 0.0  # every row is kept and told of as it ends
main()
"""
MANY = [f"Document {number}: the weather in Paris." for number in range(40)]


@pytest.fixture
def whole(run, place):
    """The output of a job that nothing ends."""
    write_lines(place / "many.jsonl", documents(MANY))
    extract(run, "--input", "many.jsonl", "--output", "whole.jsonl", "--carry", "source", "--batch-size", 2)
    return (place / "whole.jsonl").read_bytes()


@contextlib.contextmanager
def child(model, *options):
    """A process that waits for the rest of its input when it has done what it has."""
    arguments = [
        "extract", "--model", model, "--schema", "schema.json", "--max-new-tokens", "60", "--carry", "source",
        "--batch-size", "2", "--input", "-", "--output", "out.jsonl", *options,
    ]  # fmt: skip
    command = [sys.executable, "-c", CHILD, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def done_in(process, rows):
    """Wait until the process says that so many rows are done."""
    for line in process.stderr:
        count, _, said = line.partition(" ")
        if said.startswith("rows") and int(count) >= rows:
            return
    raise AssertionError(process.stderr.read())


def feed(process, count):
    process.stdin.write("".join(json.dumps(row) + "\n" for row in documents(MANY)[:count]))
    process.stdin.flush()


@pytest.mark.parametrize("rows", [1, 12])
def test_a_job_that_was_killed_goes_on(run, place, whole, model, rows):
    with child(model) as process:
        feed(process, rows + 18)
        done_in(process, rows)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert not (place / "out.jsonl").exists()
    partial = run("jobs", "export", "out.jsonl.job")
    assert rows <= len(partial.stdout.splitlines()) < len(MANY)
    assert run("jobs", "verify", "out.jsonl.job").exit_code == 0
    result = extract(
        run, "--input", "many.jsonl", "--output", "out.jsonl", "--carry", "source", "--resume", "--json", "--quiet"
    )
    assert json.loads(result.stdout)["earlier"] >= rows
    assert (place / "out.jsonl").read_bytes() == whole


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_job_that_was_stopped_says_how_to_go_on(run, place, whole, model, number, code):
    with child(model) as process:
        feed(process, 24)
        done_in(process, 3)
        process.send_signal(number)
        said = process.communicate()[1]  # which ends its input as well
        assert process.returncode == code
    assert "To go on: fcgen extract --model" in said
    assert said.strip().endswith("--resume")
    assert not (place / "out.jsonl").exists()
    with child(model, "--resume") as process:
        feed(process, len(MANY))
        assert "rows done" in process.communicate()[1]
        assert process.returncode == 0
    assert (place / "out.jsonl").read_bytes() == whole


@pytest.mark.parametrize("order", [[], ["--unordered"]])
def test_an_interrupt_while_the_output_is_written_says_how_to_write_it(run, place, monkeypatch, order):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fcgen.jobs, "export", interrupted)
        result = extract(run, "--input", "in.jsonl", "--output", "my rows.jsonl", "--quiet", *order)
    assert result.exit_code == 130
    command = " ".join(["fcgen jobs export 'my rows.jsonl.job' --output 'my rows.jsonl'", *order])
    assert f"To write them: {command}\n" in result.stderr
    assert run("jobs", "export", "my rows.jsonl.job", "--output", "my rows.jsonl").exit_code == 0
    assert len(read_lines(place / "my rows.jsonl")) == len(TEXTS)


# Job files


def test_a_job_file(run, place):
    folder = place / "task"
    folder.mkdir()
    (folder / "schema.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    (folder / "job.toml").write_text(
        """
        model = "some model"
        instruction = "Find the city."
        schema = "schema.json"
        carry = ["source"]
        text_field = "body"
        batch_size = 3
        options = { max_new_tokens = 50, seed = 1 }
        windows = { size = 100, merge = "longest" }
        [[examples]]
        text = "Rome!"
        fields = { city = "Rome" }
        [[examples]]
        text = "Oslo!"
        json = '{"city": "Oslo", "warm": false}'
        """,
        encoding="utf-8",
    )
    settings = read_settings(folder / "job.toml")
    assert (settings.model, settings.carry, settings.batch_size) == ("some model", ["source"], 3)
    assert (settings.text_field, settings.id_field) == ("body", "id")
    job = settings.job
    assert job.schema["properties"] == SCHEMA["properties"]
    assert job.examples == (Example("Rome!", {"city": "Rome"}), Example("Oslo!", {"city": "Oslo", "warm": False}))
    assert job.windows == Windows(100, merge="longest")
    assert job.options == {"max_new_tokens": 50, "seed": 1}
    said = {"options": {"seed": 2}, "windows": {"overlap": 9}, "text_field": "text", "instruction": "Now!"}
    both = read_settings(folder / "job.toml", said)
    assert both.job.options == {"max_new_tokens": 50, "seed": 2}
    assert both.job.windows == Windows(100, 9, merge="longest")
    assert (both.text_field, both.job.instruction, both.model) == ("text", "Now!", "some model")
    write_lines(place / "in.jsonl", [{"id": 1, "body": "Bern", "source": "s"}])
    result = run("extract", "task/job.toml", "--input", "in.jsonl", "--output", "out.jsonl")
    assert result.exit_code == 0
    (row,) = read_lines(place / "out.jsonl")
    assert (row["id"], row["source"], row["error"]) == (1, "s", None)


def test_examples_and_functions_in_files(place):
    call = {"function": "set_timer", "arguments": {"minutes": 5}}
    (place / "tools.json").write_text(json.dumps([TOOL]), encoding="utf-8")
    write_lines(place / "examples.jsonl", [{"text": "Soon", "call": call}])
    (place / "examples.json").write_text(json.dumps([{"text": "Soon", "call": call}]), encoding="utf-8")
    for name in ("examples.jsonl", "examples.json"):
        job = read_settings(None, {"functions": "tools.json", "examples": name}).job
        assert job.examples == (Example("Soon", call),)
        assert [one.name for one in job.functions] == ["set_timer"]
    (place / "job.toml").write_text('functions = "tools.json"\nchoice = "set_timer"\n', encoding="utf-8")
    assert read_settings("job.toml").job.choice == "set_timer"
    instead = read_settings("job.toml", {"schema": "schema.json"}).job
    assert (instead.functions, instead.choice) == (None, "required")


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("schema = ", OptionError, "TOML"),
        ('skema = "s"', OptionError, "skema"),
        ("schema = 3", OptionError, "schema"),
        ('schema = "none.json"', OptionError, "none.json"),
        ('schema = "job.toml"', OptionError, "JSON"),
        ('schema = {}\nfunctions = "f.json"', OptionError, "both"),
        ('functions = "none.json"', FunctionError, "none.json"),
        ('into = "none:Model"', FunctionError, "none"),
        ('separator = ""', OptionError, "separator"),
        ('encoding = "none"', OptionError, "encoding"),
        ("max_errors = -1", OptionError, "max_errors"),
        ("batch_size = true", OptionError, "batch_size"),
        ("carry = [3]", OptionError, "carry"),
        ("windows = { size = 3, width = 3 }\nschema = {}", OptionError, "width"),
        ("windows = { overlap = 3 }\nschema = {}", OptionError, "size"),
        ('examples = [{ text = "a" }]\nschema = {}', OptionError, "example 1"),
        ('examples = [{ text = "a", json = "{" }]\nschema = {}', OptionError, "example 1"),
        ("examples = [{ text = 3, fields = 3 }]\nschema = {}", OptionError, "example 1"),
    ],
)
def test_job_files_that_cannot_be_read(place, text, error, said):
    (place / "job.toml").write_text(text, encoding="utf-8")
    with pytest.raises(error, match=said):
        read_settings("job.toml")


def test_a_job_file_that_is_no_text(place):
    (place / "job.toml").write_bytes(b"\xff")
    with pytest.raises(OptionError, match="UTF-8"):
        read_settings("job.toml")
