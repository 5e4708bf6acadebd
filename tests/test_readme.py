"""The README: every block runs, and prints what the README says."""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
BIN = Path(sys.executable).parent


def outputs():
    """Pairs of a block that runs and the block right after it that shows what it prints, or None."""
    following = [*BLOCKS[1:], ("", "")]
    for (kind, text), (next_kind, next_text) in zip(BLOCKS, following, strict=True):
        if kind in {"python", "sh"}:
            yield kind, text, next_text if next_kind in {"text", "json"} else None


def test_every_block_is_of_a_kind_that_runs_or_is_output():
    assert {kind for kind, _ in BLOCKS} == {"python", "sh", "text", "json"}
    shown = [shown for _, _, shown in outputs() if shown is not None]
    assert len(shown) == sum(kind in {"text", "json"} for kind, _ in BLOCKS)


@pytest.mark.model
def test_python_blocks():
    """In one namespace, one after the other, as a reader would run them."""
    names = {"__name__": "readme"}
    for number, (kind, code, shown) in enumerate(outputs()):
        if kind == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(code, f"README block {number}", "exec"), names)
            assert out.getvalue() == (shown or ""), code


def command_after(heading):
    """The one line of the first sh block under a heading, and the block of output after it."""
    section = README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    found = re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert found[0][0] == "sh"
    assert found[0][1].count("\n") == 1
    return found[0][1].strip(), found[1][1] if len(found) > 1 else None


def run(command, cwd=ROOT):
    """The last part of a command line, with this environment's programs instead of those of .venv."""
    program, *arguments = shlex.split(command.split("&&")[-1])
    assert program.startswith(".venv/bin/")
    environment = {**os.environ, "COLUMNS": "100"}
    words = [str(BIN / Path(program).name), *arguments]
    return subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.model
def test_run_it():
    command, shown = command_after("Run it")
    steady = re.compile(r'"(seconds|removed)": [\d.]+')
    assert steady.sub("", run(command)) == steady.sub("", shown)


def test_test_it():
    """This very run is the block's last part; what is left to see is that it is one line that sets all up first."""
    command, _ = command_after("Test it")
    assert re.fullmatch(
        r"python3 -m venv \.venv && \.venv/bin/pip install .+ && \.venv/bin/pytest -n 2 --dist loadfile", command
    )


@pytest.mark.model
def test_extract(tmp_path):
    command, shown = command_after("Many documents")
    assert run(command.replace("tests/data", str(ROOT / "tests" / "data")), tmp_path) == shown


@pytest.mark.model
def test_check():
    command, shown = command_after("Command line")
    assert run(command) == shown


def test_the_keyword_table_is_the_readers():
    """What the README says of each keyword and format is what the tables say."""
    from fcgen.schema import KEYWORDS
    from fcgen.schema.formats import ANNOTATIONS, FORMATS

    rows = dict(re.findall(r"^\| ((?:enforced|annotation|refused)(?: formats)?) \| (.*) \|$", README, re.MULTILINE))
    listed = {status: re.findall(r"`([^`]+)`", names) for status, names in rows.items()}
    for status in ("enforced", "annotation", "refused"):
        assert listed[status] == [one.name for one in KEYWORDS.values() if one.status == status]
    assert listed["enforced formats"] == list(FORMATS)
    assert listed["annotation formats"] == sorted(ANNOTATIONS)
