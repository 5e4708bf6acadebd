"""The command line: exact output, what goes where, and the exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from tokenizers_made import byte_level
from typer.testing import CliRunner

import fcgen
import fcgen.embedded
import fcgen.models
from fcgen.cli import app
from fcgen.errors import BudgetTooSmall, ModelError
from fcgen.reply import Call, Reply, Usage

QUESTION = "Search for the latest news on AI."
SEARCH = {
    "function": "search_bing",
    "description": "Search the web for content on Bing.",
    "arguments": [{"name": "query", "type": "string", "description": "The search query string"}],
}
IMPOSSIBLE = {
    "function": "never",
    "description": "Cannot be called.",
    "arguments": [{"name": "x", "type": "array", "minItems": 3, "maxItems": 1}],
}
REPLY = Reply(
    "call",
    (Call("search_bing", {"query": "Tromsø"}),),
    '{"function": "search_bing", "arguments": {"query": "Tromsø"}}',
    Usage(prompt_tokens=9, new_tokens=20, forced_tokens=12, forward_passes=8, seconds=0.5),
)


@pytest.fixture
def run(monkeypatch):
    """Run a command line with a wide terminal and no colours; gives its result."""
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(fcgen.embedded, "cached_models", list)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    return lambda *arguments, **options: CliRunner().invoke(app, list(arguments), **options)


@pytest.fixture
def file(tmp_path):
    """Write functions to a file; gives its name."""

    def write(*functions):
        path = tmp_path / "functions.json"
        path.write_text(json.dumps(functions), encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def engine(monkeypatch):
    """An engine that notes what it was asked and gives REPLY, or raises what it should."""
    fake = SimpleNamespace(asked=[], loaded=[], error=None, tokenizer=None, reply=REPLY)

    def call(messages, **options):
        print("library chatter")  # noqa: T201  what must not reach stdout
        fake.asked.append((messages, options))
        if fake.error is not None:
            raise fake.error
        return fake.reply

    def load(name):
        fake.loaded.append(name)
        return fake

    fake.call = call

    def load_tokenizer(name):
        fake.loaded.append(name)
        return fake.tokenizer

    monkeypatch.setattr(fcgen.models, "load", load)
    monkeypatch.setattr(fcgen.models, "load_tokenizer", load_tokenizer)
    return fake


# The program


def test_bare_is_the_help(run):
    result = run()
    assert result.exit_code == 0
    assert result.stdout == run("--help").stdout
    for command in ("call", "check", "models", "prompt"):
        assert f"│ {command} " in result.stdout


def test_version(run):
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"fcgen {fcgen.__version__}\n")


def test_it_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "fcgen", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"fcgen {fcgen.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [["fly"], ["call", QUESTION], ["call", "--functions", "f.json"], ["check"], ["check", "f.json", "--loud"]],
)
def test_a_wrong_command_line(run, arguments):
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Usage:" in result.stderr


def test_the_program_starts_light():
    heavy = {"torch", "transformers", "outlines", "jsonschema", "pydantic"}
    code = f"import sys, fcgen.cli; print(sorted({{name.split('.')[0] for name in sys.modules}} & {heavy}))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


# fcgen call


def test_call_prints_one_line_of_json_and_nothing_else(run, engine, file):
    result = run("call", "--functions", file(SEARCH), QUESTION)
    assert result.exit_code == 0
    assert result.stdout == REPLY.to_json() + "\n"
    assert result.stderr == "library chatter\n"


def test_call_warns_of_a_text_that_holds_something_like_a_call(run, engine, file):
    engine.reply = Reply("text", (), "Sure: [search()]\x1b", suspected_call="[search()]\x1b")
    result = run("call", "--functions", file(SEARCH), QUESTION)
    assert (result.exit_code, result.stdout) == (0, engine.reply.to_json() + "\n")
    assert result.stderr.splitlines()[1:] == ["the text holds something like a call: '[search()]\\x1b'"]


def test_call_by_default(run, engine, file):
    run("call", "--functions", file(SEARCH), QUESTION)
    assert engine.loaded == ["smollm2"]
    ((messages, options),) = engine.asked
    assert messages == [{"role": "user", "content": QUESTION}]
    assert [function.name for function in options.pop("functions")] == ["search_bing"]
    assert options == {
        "choice": "auto",
        "max_new_tokens": 256,
        "temperature": 0.0,
        "top_p": 1.0,
        "top_k": 0,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "seed": None,
        "stop": [],
        "format": None,
        "whitespace": "json.dumps",
        "order": "schema",
        "nullable": False,
    }


def test_call_passes_its_options_on(run, engine, file):
    options = "--model m --choice search_bing --choice other --system Sys --max-new-tokens 9 --temperature 0.5"
    more = "--top-p 0.9 --top-k 7 --seed 3 --format chat --order any --whitespace compact --nullable"
    more += " --min-p 0.1 --repetition-penalty 1.2 --stop X --stop Y"
    result = run("call", "--functions", file(SEARCH), *options.split(), *more.split(), "--", "-q")
    assert result.exit_code == 0, result.stderr
    assert engine.loaded == ["m"]
    ((messages, passed),) = engine.asked
    assert messages == [{"role": "system", "content": "Sys"}, {"role": "user", "content": "-q"}]
    del passed["functions"]
    assert passed == {
        "choice": ["search_bing", "other"],
        "max_new_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 7,
        "min_p": 0.1,
        "repetition_penalty": 1.2,
        "seed": 3,
        "stop": ["X", "Y"],
        "format": "chat",
        "whitespace": "compact",
        "order": "any",
        "nullable": True,
    }


def test_the_prompt_from_standard_input(run, engine, file):
    run("call", "--functions", file(SEARCH), "-", input="Grüße\n")
    assert engine.asked[0][0] == [{"role": "user", "content": "Grüße\n"}]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff", "standard input is not UTF-8: byte 0xff at 0\n"),
        (b" " * 16_000_001, "standard input has too many bytes (limit 16000000)\n"),
    ],
)
def test_standard_input_that_is_no_prompt(run, engine, file, data, said):
    result = run("call", "--functions", file(SEARCH), "-", input=data)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", said)


def test_an_error_is_one_message(run, engine, file):
    engine.error = BudgetTooSmall("max_new_tokens", limit=12, given=3)
    result = run("call", "--functions", file(SEARCH), QUESTION)
    assert (result.exit_code, result.stdout) == (1, "")
    said = "library chatter\nmax_new_tokens: the shortest reply needs 12 tokens, stop token included, given 3\n"
    assert result.stderr == said


def test_an_error_cannot_steer_the_terminal(run, engine, file):
    engine.error = ModelError("[red]no[/red] \x1b[2J\u202e model\x07\nhere")
    result = run("call", "--functions", file(SEARCH), QUESTION)
    assert result.stderr == "library chatter\n[red]no[/red] \\x1b[2J\\u202e model\\x07\nhere\n"


def test_interrupted(run, engine, file):
    engine.error = KeyboardInterrupt()
    result = run("call", "--functions", file(SEARCH), QUESTION)
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "library chatter\ninterrupted\n")


def test_functions_that_are_not_there(run, engine):
    result = run("call", "--functions", "missing.json", QUESTION)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("missing.json cannot be read: ")
    assert engine.loaded == []


@pytest.mark.parametrize("on_error", ["raise", "leave_out"])
def test_call_with_functions_that_cannot_be_used(run, engine, file, on_error):
    functions = file(SEARCH, {"description": "nameless"}, IMPOSSIBLE)
    result = run("call", "--functions", functions, "--on-error", on_error, QUESTION)
    assert "no name" in result.stderr
    assert "function 'never', at /properties/x" in result.stderr
    if on_error == "raise":
        assert (result.exit_code, result.stdout, engine.loaded) == (1, "", [])
    else:
        assert (result.exit_code, result.stdout) == (0, REPLY.to_json() + "\n")
        assert result.stderr.startswith("left out: ")
        assert [one.name for one in engine.asked[0][1]["functions"]] == ["search_bing"]


def test_call_with_an_unknown_on_error(run, engine, file):
    result = run("call", "--functions", file(SEARCH), "--on-error", "ignore", QUESTION)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "--on-error 'ignore' is not known. Known are raise and leave_out.\n"


# fcgen check


def test_check_shows_what_becomes_of_each_function(run, file):
    result = run("check", file(SEARCH))
    assert (result.exit_code, result.stderr) == (0, "")
    heading, *rows = [line.split("┃" if "┃" in line else "│")[1:-1] for line in result.stdout.splitlines()[1::2]]
    assert [cell.strip() for cell in heading] == [
        "function", "usable", "fewest tokens", "fewest bytes", "values", "keywords",
    ]  # fmt: skip
    name, usable, tokens, size, values, keywords = (cell.strip() for cell in rows[0])
    assert (name, usable, tokens) == ("search_bing", "yes", "")
    assert int(size) == len('{"function": "search_bing", "arguments": {"query": ""}}')
    assert int(values) == 2
    assert keywords.startswith("enforced: ")


def test_check_shows_what_is_not_and_where(run, file):
    result = run("check", file(SEARCH, IMPOSSIBLE))
    assert (result.exit_code, result.stderr) == (1, "")
    assert "│ search_bing │ yes    │" in result.stdout
    assert "│ never       │ no     │" in result.stdout
    assert "\n- function 'never', at /properties/x" in result.stdout


def test_check_as_json(run, file):
    result = run("check", file(SEARCH, IMPOSSIBLE), "--json")
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout == run("check", file(SEARCH, IMPOSSIBLE), "--json").stdout
    report = json.loads(result.stdout)
    assert report["usable"] is False
    usable, unusable = report["functions"]
    assert (usable["name"], usable["usable"], usable["errors"]) == ("search_bing", True, [])
    assert (usable["fewest_tokens"], usable["fewest_bytes"]) == (None, 55)
    assert "properties" in usable["keywords"]["enforced"]
    assert (unusable["name"], unusable["usable"]) == ("never", False)
    assert unusable["fewest_bytes"] is None
    (error,) = unusable["errors"]
    assert set(error) == {"kind", "message", "pointer", "keyword", "hint"}
    assert error["pointer"].startswith("/properties/x")


def test_check_counts_the_tokens_of_a_model(run, file, engine):
    engine.tokenizer = byte_level()
    result = run("check", file(SEARCH), "--model", "m", "--whitespace", "compact", "--json")
    assert engine.loaded == ["m"]
    (one,) = json.loads(result.stdout)["functions"]
    assert one["fewest_bytes"] == len('{"function":"search_bing","arguments":{"query":""}}')
    assert 1 < one["fewest_tokens"] <= one["fewest_bytes"] + 1


def test_check_cuts_long_names(run, file):
    result = run("check", file({**SEARCH, "function": "x" * 200}))
    assert f"│ {'x' * 39}… │ yes" in result.stdout


def test_check_of_options_that_are_not_known(run, file):
    result = run("check", file(SEARCH), "--order", "random")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("order 'random' is not known")


def test_check_shows_what_cannot_be_read(run, file):
    bad = file(SEARCH, {"description": "nameless"}, {**SEARCH, "arguments": 3}, SEARCH)
    result = run("check", bad, "--json")
    assert result.exit_code == 1
    functions = json.loads(result.stdout)["functions"]
    assert sorted(report["name"] for report in functions) == ["", "search_bing"]
    assert [report["usable"] for report in functions] == [False, False]
    assert all(error["kind"] == "FunctionError" for report in functions for error in report["errors"])
    table = run("check", bad)
    assert table.exit_code == 1
    assert "│ search_bing │ no" in table.stdout


@pytest.mark.parametrize("content", ["", "[]", "{", "not JSON"])
def test_check_of_a_file_that_holds_no_functions(run, tmp_path, content):
    path = tmp_path / "functions.json"
    path.write_text(content, encoding="utf-8")
    result = run("check", str(path), "--json")
    assert result.exit_code == 1
    assert [report["usable"] for report in json.loads(result.stdout)["functions"]] == [False]


def test_check_cannot_steer_the_terminal(run, file):
    result = run("check", file({**SEARCH, "function": "[bold]x[/bold]\u202e"}))
    assert result.exit_code == 0
    assert "│ [bold]x[/bold]\\u202e │ yes" in result.stdout


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_reader_that_goes_away(file, options):
    code = "import fcgen.cli, fcgen.embedded; fcgen.embedded.cached_models = list; fcgen.cli.main()"
    command = [sys.executable, "-c", code, "check", file(SEARCH), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


# fcgen prompt


def test_prompt_byte_for_byte(run, file):
    name = file(SEARCH)
    result = run("prompt", "--functions", name, "--format", "trelis-zephyr", "--system", "Sys", QUESTION)
    assert (result.exit_code, result.stderr) == (0, "")
    messages = [{"role": "system", "content": "Sys"}, {"role": "user", "content": QUESTION}]
    assert result.stdout == fcgen.render_prompt(messages, [SEARCH], format="trelis-zephyr")
    assert run("prompt", QUESTION).stdout == f"[INST] {QUESTION} [/INST]\n\n"


def test_prompt_in_an_unknown_format(run):
    result = run("prompt", "--format", "nope", QUESTION)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("no format is named 'nope'. Known formats: trelis-llama2, ")


def test_prompt_of_a_models_own_template(run, engine):
    def render(messages, **options):
        assert options == {"tokenize": False, "add_generation_prompt": True}
        return "|".join(message["content"] for message in messages)

    engine.tokenizer = SimpleNamespace(chat_template="...", apply_chat_template=render)
    result = run("prompt", "--format", "chat", "--model", "m", "--system", "Sys", QUESTION)
    assert result.stdout == f"Sys|{QUESTION}"
    assert engine.loaded == ["m"]


# fcgen models


@pytest.fixture
def cache(monkeypatch):
    """A cache of the embedded model, empty at first; adding the right wheel fills it."""
    cached = []

    def add(*, wheel):
        if wheel != "right.whl":
            raise ModelError(f"there is no file {wheel}", hint="Fetch it")
        cached.append(fcgen.embedded.CachedModel("smollm2", Path("/cache/smollm2"), 538_000_000))

    monkeypatch.setattr(fcgen.embedded, "cached_models", lambda: cached)
    monkeypatch.setattr(fcgen.embedded, "embedded_path", add)


def test_models_of_an_empty_cache(run, cache):
    result = run("models")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "┏━━━━━━━┳━━━━━━┳━━━━━━━━┓\n┃ model ┃ size ┃ folder ┃\n┡━━━━━━━╇━━━━━━╇━━━━━━━━┩\n└───────┴──────┴────────┘\n"
    )
    assert run("models", "--json").stdout == "[]\n"


def test_models_shows_what_was_added(run, cache):
    result = run("models", "--add", "right.whl")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "│ smollm2 │ 538.0 MB │ /cache/smollm2 │\n" in result.stdout
    path = json.dumps(str(Path("/cache/smollm2")))
    assert run("models", "--json").stdout == f'[{{"name": "smollm2", "path": {path}, "size": 538000000}}]\n'


def test_models_says_that_a_wheel_is_not_read_where_the_model_is_there(run, cache):
    run("models", "--add", "right.whl")
    result = run("models", "--add", "wrong.whl")
    assert (result.exit_code, result.stderr) == (0, "smollm2 is in the cache already: wrong.whl is not read\n")


def test_models_refuses_another_wheel(run, cache):
    result = run("models", "--add", "wrong.whl")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "there is no file wrong.whl. Fetch it\n")


def test_check_lists_what_can_be_read_beside_what_cannot(run, tmp_path):
    path = tmp_path / "some.json"
    path.write_text(
        '[{"name": "good"}, {"description": "nameless"}, {"name": "bad", "parameters": {"type": "strng"}},'
        ' {"name": "strict", "parameters": {"type": "object", "properties": {"x": {"extends": {}}}}}]'
    )
    result = run("check", str(path), "--json")
    assert result.exit_code == 1
    functions = {one["name"]: one for one in json.loads(result.stdout)["functions"]}
    assert {name: one["usable"] for name, one in functions.items()} == {
        "good": True,
        "strict": False,
        "": False,
        "bad": False,
    }
    assert functions["strict"]["errors"][0]["pointer"] == "/properties/x/extends"
    assert functions["bad"]["errors"][0]["pointer"] == "/2/parameters/type"


# Conversations

TURNS = [
    {"role": "developer", "content": "S"},
    {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "a", "content": "5"},
]


@pytest.mark.parametrize("written", [json.dumps(TURNS), json.dumps(TURNS, indent=2), "\n".join(map(json.dumps, TURNS))])
def test_messages_of_a_file_or_of_standard_input(run, tmp_path, written):
    (tmp_path / "m.json").write_text(written)
    expected = fcgen.render_prompt(TURNS)
    assert run("prompt", "--messages", str(tmp_path / "m.json")).stdout == expected
    assert run("prompt", "--messages", "-", input=written).stdout == expected


@pytest.mark.parametrize(
    ("written", "said"),
    [("[{]", "is no JSON"), ("", "the messages are []"), ('[{"role": "user"}]', "message 1"), ('{"a"', "is no JSON")],
)
def test_messages_that_are_none(run, tmp_path, written, said):
    (tmp_path / "m.json").write_text(written)
    result = run("prompt", "--messages", str(tmp_path / "m.json"))
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr


@pytest.mark.parametrize("arguments", [["Hi", "--messages", "m.json"], [], ["--messages", "m.json", "--system", "S"]])
def test_a_prompt_or_messages(run, arguments):
    result = run("prompt", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")


def test_messages_that_are_not_there(run):
    result = run("prompt", "--messages", "/no/such/file")
    assert result.exit_code == 1
    assert "cannot be read" in result.stderr


def test_doctor_shows_what_a_report_needs(run):
    result = run("doctor")
    assert result.exit_code == 0
    shown = dict(line.split(maxsplit=1) for line in result.stdout.splitlines()[:-1])
    assert {"fcgen", "core", "Python", "platform", "numpy", "torch", "transformers", "cache", "models"} <= shown.keys()
    assert shown["core"].startswith(f"{fcgen.__version__} (")
    assert result.stdout.splitlines()[-1].split() == ["core", "works", "yes"]


def test_doctor_of_a_core_that_does_not_work(run, monkeypatch):
    monkeypatch.setattr(fcgen.Cursor, "mask", lambda _: [0])
    result = run("doctor")
    assert result.exit_code == 1
    assert "The native core does not work: the masks of a small grammar are (0, 0)" in result.stderr
