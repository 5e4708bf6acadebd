"""read_functions_file: files, modules, and where their mistakes are."""

import json

import pytest

from fcgen.errors import FunctionError, ManyErrors
from fcgen.functions import files, read_functions_file, try_functions_file


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def message(source):
    with pytest.raises((FunctionError, ManyErrors)) as caught:
        read_functions_file(source)
    return str(caught.value)


def test_a_module_of_the_working_directory_is_imported(folder):
    (folder / "made_tools.py").write_text(
        'class Group:\n    def look(self, q: str):\n        "Look."\n\n'
        'TOOLS = [Group().look, {"name": "g"}]\ngroup = Group()\n'
    )
    assert [function.name for function in read_functions_file("made_tools:TOOLS")] == ["look", "g"]
    assert read_functions_file("made_tools:group.look")[0].description == "Look."
    assert message("made_tools:nothing") == "module 'made_tools' has no 'nothing'"
    assert message("made_tools:group.x") == "module 'made_tools' has no 'group.x'"
    assert "in made_tools:Group" in message("made_tools:Group")


def test_a_module_that_cannot_be_imported_is_refused(folder):
    (folder / "broken_tools.py").write_text("def f(:\n")
    assert message("nowhere_tools:f") == "module 'nowhere_tools' cannot be imported: No module named 'nowhere_tools'"
    assert message("broken_tools:f").startswith("module 'broken_tools' cannot be imported: ")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise RuntimeError('boom at import')", "RuntimeError: boom at import (raising_tools.py, line 2)"),
        ("raise RuntimeError", "RuntimeError (raising_tools.py, line 2)"),
        ("raise KeyError('several\\nlines')", "KeyError: 'several\\nlines' (raising_tools.py, line 2)"),
        ("raise ValueError('several\\nlines')", "ValueError: several lines (raising_tools.py, line 2)"),
        ("raise ValueError('long ' * 1000)", f"ValueError: {'long ' * 56}long ... (raising_tools.py, line 2)"),
        ("class Odd(Exception): pass\nraise Odd('x')", "raising_tools.Odd: x (raising_tools.py, line 3)"),
        ("import sys; sys.exit('usage')", "SystemExit: usage (raising_tools.py, line 2)"),
        ("import nowhere_tools", "No module named 'nowhere_tools' (raising_tools.py, line 2)"),
        ("import json; json.loads('{')", "(raising_tools.py, line 2)"),
        ("import sys; sys.path.clear(); 1 / 0", "ZeroDivisionError: division by zero (raising_tools.py, line 2)"),
    ],
)
def test_whatever_a_module_raises_when_it_is_imported_is_told_with_its_line(folder, monkeypatch, code, said):
    monkeypatch.setattr(files.sys, "path", [*files.sys.path])
    (folder / "raising_tools.py").write_text(f"def f(): ...\n{code}\n")
    found = message("raising_tools:f")
    assert found.startswith("module 'raising_tools' cannot be imported: ")
    assert found.endswith(said)


def test_an_interrupt_passes_through(folder):
    (folder / "stopped_tools.py").write_text("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        read_functions_file("stopped_tools:f")


def test_what_reading_an_attribute_raises_is_told_with_its_line(folder):
    (folder / "lazy_tools.py").write_text(
        "class Lazy:\n    @property\n    def look(self):\n        raise OSError('no network')\n\nlazy = Lazy()\n"
    )
    said = "'lazy.look' of module 'lazy_tools' cannot be read: OSError: no network (lazy_tools.py, line 4)"
    assert message("lazy_tools:lazy.look") == said


@pytest.mark.parametrize("name", ["list.json", "lines.jsonl"])
@pytest.mark.parametrize("content", [b"", b" \n\t", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(folder, name, content):
    (folder / name).write_bytes(content)
    assert message(name) == f"{name} is empty. It must describe at least one function."


@pytest.mark.parametrize(("name", "content"), [("a.json", "[]"), ("a.json", '{"tools": []}'), ("a.jsonl", "[]\n[]")])
def test_a_file_without_functions_is_refused(folder, name, content):
    (folder / name).write_text(content)
    assert message(name).startswith(f"no functions in {name}. At least one is needed:")


def test_a_mistake_in_a_file_is_told_with_line_and_column(folder):
    (folder / "a.json").write_text('[\n  {"name": "f"},\n  {"name": }\n]')
    assert message("a.json") == "at the root: in a.json: not JSON at line 3, column 12: expecting value, found '}'"


def test_mistakes_in_lines_are_told_with_their_lines(folder):
    (folder / "a.jsonl").write_text('{"name": "f"}\n\n{"name": "g", "parameters": 3}\n{"name"\n{"name": "f"}\n')
    assert message("a.jsonl").splitlines() == [
        "3 errors:",
        "- function 'g', at /parameters: in a.jsonl, line 3: a schema must be an object or a boolean, found 3",
        "- at the root: in a.jsonl, line 4: not JSON at column 8: expecting ':' delimiter, the text ends",
        (
            "- function 'f', at the root: in a.jsonl, line 5: "
            "a second function of this name; the first is in a.jsonl, line 1"
        ),
    ]


def test_what_cannot_be_opened_is_refused(folder):
    (folder / "folder.json").mkdir()
    assert message("none.json") == "none.json cannot be read: No such file or directory"
    assert message("folder.json") == "folder.json cannot be read: Is a directory"
    assert message("a\0.json").endswith("cannot be read: embedded null byte")


@pytest.mark.parametrize("name", ["functions.txt", "functions", "", "a:b:c", "a b:c", ":", "tools.py"])
def test_what_is_neither_file_nor_module_is_refused(name):
    assert message(name) == (
        f"{name!r} does not say what it is. Functions are read from FILE.json, FILE.jsonl or MODULE:ATTRIBUTE."
    )


def test_text_that_is_not_utf8_is_refused(folder):
    (folder / "a.json").write_bytes(b'{"name":\n "\xe9"}')
    assert message("a.json") == "a.json, line 2: not UTF-8 (byte 0xe9)"


def test_a_file_that_is_too_large_is_refused(folder, monkeypatch):
    monkeypatch.setattr(files, "MAX_SIZE", 100)
    (folder / "a.json").write_text(json.dumps({"name": "f", "description": "x" * 100}))
    assert message("a.json") == "a.json has too many bytes (limit 100)"
    (folder / "a.json").write_text(json.dumps({"name": "f"}).ljust(100))
    assert read_functions_file(folder / "a.json")[0].name == "f"


def test_what_can_be_read_of_a_file_with_mistakes(tmp_path):
    path = tmp_path / "some.jsonl"
    lines = ['{"name": "good"}', '{"description": "nameless"}', "{", '{"name": "good"}', '{"name": "better"}']
    path.write_text("\n".join(lines))
    functions, errors = try_functions_file(path)
    assert [function.name for function in functions] == ["good", "better"]
    assert [f"line {n}" in str(error) for n, error in zip((2, 3, 4), errors, strict=True)] == [True] * 3
    with pytest.raises(ManyErrors):
        read_functions_file(path)
