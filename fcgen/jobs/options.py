"""A job file and what was said on the command line -> `Settings`: the job, the model, and how the input is read.

    # job.toml
    model = "smollm2"
    instruction = "Extract the fields of the reference."
    schema = "schema.json"                      # or a table; or into = "module:Model"; or functions = "functions.json"
    carry = ["source"]
    separator = ";"                             # of CSV; and encoding = "latin-1"
    max_errors = "5%"                           # or a number
    examples = [{ text = "...", fields = { title = "..." } }]       # or a file of such
    windows = { size = 4000, overlap = 200, unit = "tokens", merge = { tags = "union" } }
    options = { max_new_tokens = 200 }          # of `Engine.call`

An example of a call has `call = { function = ..., arguments = ... }`; and since TOML has no null, `json = '...'` may
stand for the fields, as a text.

Files that it names are looked for beside it. What is said on the command line takes the place of what the file says.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from fcgen.errors import OptionError, excerpt
from fcgen.extraction import Example, Job, Windows
from fcgen.extraction.job import closed
from fcgen.functions import read_functions, read_functions_file
from fcgen.jobs.csv_rows import check_separator
from fcgen.jobs.error_limit import read_error_limit
from fcgen.jobs.streams import check_encoding

MAX_SIZE = 16_000_000  # bytes of one file
ASKED = ("schema", "into", "functions")
_KINDS: dict[str, tuple[type, ...]] = {
    "model": (str,), "instruction": (str,), "schema": (str, dict, bool), "into": (str,), "functions": (str, list, dict),
    "choice": (str, list), "examples": (str, list), "windows": (int, dict), "options": (dict,), "carry": (list,),
    "text_field": (str,), "id_field": (str,), "separator": (str,), "encoding": (str,), "batch_size": (int,),
    "max_errors": (int, str),
}  # fmt: skip


_TAB = {"tab": "\t", "\\t": "\t"}  # as it can be typed
_CHECKS: dict[str, Callable[[Any], object]] = {
    "separator": lambda separator: check_separator(_TAB.get(separator, separator)),
    "encoding": check_encoding,
    "max_errors": read_error_limit,
}
_OTHERS = ("model", "carry", "text_field", "id_field", "separator", "encoding", "batch_size", "max_errors")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a job file and the command line say together.

    Attributes:
        job: what is asked about each document.
        model: the model's name.
        carry: the columns of the input that are kept beside a row.
        text_field: the column of the texts.
        id_field: the column of the ids.
        separator: of the cells of CSV; None: as `read_documents` finds it.
        encoding: of the input; None: UTF-8, or as its mark says.
        batch_size: how many rows are written at the same time; None: as the engine has it.
        max_errors: how many rows may fail, or what share of them; None: all.
    """

    job: Job
    model: str = "smollm2"
    carry: Sequence[str] = ()
    text_field: str = "text"
    id_field: str = "id"
    separator: str | None = None
    encoding: str | None = None
    batch_size: int | None = None
    max_errors: int | str | None = None


def read_settings(file: str | Path | None = None, said: Mapping[str, Any] | None = None) -> Settings:
    """The settings of a job file, where there is one, and what was said besides, by the names that the file has.

    Raises:
        OptionError: a file cannot be read, or a setting cannot have that value.
        FunctionError: functions, or a class, cannot be read.
    """
    here = dict(said or {})
    for name, value in here.items():
        _check(name, value, "the command line")
    written = {} if file is None else _read_job_file(Path(file))
    if any(name in here for name in ASKED):
        written = {name: value for name, value in written.items() if name not in (*ASKED, "choice")}
    settings = {**written, **here}
    for name in ("options", "windows"):
        if isinstance(written.get(name), dict) and isinstance(here.get(name), dict):
            settings[name] = {**written[name], **here[name]}
    beside = Path() if file is None else Path(file).parent

    def place(name: str) -> Path:
        return Path() if name in here else beside

    asked = [name for name in ASKED if name in settings]
    if len(asked) > 1:
        raise OptionError(f"both {asked[0]} and {asked[1]} are given", hint="Ask for fields, or for calls")
    job = Job(
        schema=_read_fields(settings, place),
        functions=_read_functions(settings["functions"], place("functions")) if "functions" in settings else None,
        choice=settings.get("choice", "required"),
        instruction=settings.get("instruction", ""),
        examples=_read_examples(settings.get("examples", []), place("examples")),
        windows=_read_windows(settings.get("windows")),
        options=settings.get("options", {}),
    )
    others = {name: settings[name] for name in _OTHERS if name in settings}
    if "separator" in others:
        others["separator"] = _TAB.get(others["separator"], others["separator"])
    return Settings(job, **others)


def _read_job_file(path: Path) -> dict[str, Any]:
    tomllib = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        settings: dict[str, Any] = tomllib.loads(_read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise OptionError(f"{path} is no TOML: {error}") from error
    for name, value in settings.items():
        _check(name, value, str(path))
    return settings


def _check(name: str, value: Any, where: str) -> None:
    if name not in _KINDS:
        raise OptionError(f"{where} has {excerpt(name)}", hint=f"Known are {', '.join(_KINDS)}")
    kinds: Any = _KINDS[name]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        allowed = " or ".join(kind.__name__ for kind in kinds)
        raise OptionError(f"{name} is {excerpt(value)} in {where}", hint=f"It has to be of the type {allowed}")
    names = value if name == "carry" else []
    if not all(isinstance(one, str) for one in names):
        raise OptionError(f"{name} is {excerpt(value)} in {where}", hint="It has to be a list of names")
    if name == "batch_size" and value < 1:
        raise OptionError(f"{name} is {value} in {where}", hint="It has to be 1 or more")
    if name in _CHECKS:
        _CHECKS[name](value)


def _read_fields(settings: Mapping[str, Any], place: Any) -> Any:
    """The schema, in whichever way it is given."""
    if "into" in settings:
        if ":" not in settings["into"]:
            raise OptionError(f"into is {excerpt(settings['into'])}", hint="It has to be MODULE:MODEL")
        named = read_functions_file(settings["into"])
        if len(named) > 1:
            raise OptionError(f"{excerpt(settings['into'])} is {len(named)} classes", hint="Name one")
        return closed(named[0].parameters, of_class=True)
    schema = settings.get("schema")
    return _read_json(place("schema") / schema) if isinstance(schema, str) else schema


def _read_functions(source: Any, beside: Path) -> Any:
    if not isinstance(source, str):
        return read_functions(source)
    return read_functions_file(source if ":" in source else beside / source)


def _read_examples(source: Any, beside: Path) -> list[Example]:
    where = "examples"
    if isinstance(source, str):
        where, path = source, beside / source
        lines = path.suffix.lower() == ".jsonl"
        source = [_parsed(line, where) for line in _read_text(path).splitlines() if line.strip()] if lines else None
        source = _read_json(path) if source is None else source
    if not isinstance(source, list):
        raise OptionError(f"{where} is {excerpt(source)}", hint="Expected a list of examples")
    return [_read_example(one, f"{where}, example {number}") for number, one in enumerate(source, 1)]


def _read_example(source: Any, where: str) -> Example:
    said = [name for name in ("fields", "call", "json") if isinstance(source, dict) and name in source]
    if len(said) != 1 or set(source) != {"text", said[0]}:
        raise OptionError(
            f"{where} is {excerpt(source)}",
            hint='Expected {"text": ..., "fields": ...}, or "call" or "json" for fields',
        )
    value = source[said[0]]
    return Example(source["text"], _parsed(value, where) if said[0] == "json" else value)


def _read_windows(source: Any) -> Windows | None:
    if source is None:
        return None
    given = {"size": source} if isinstance(source, int) else source
    known = ("size", "overlap", "unit", "merge")
    if unknown := [name for name in given if name not in known]:
        raise OptionError(f"the windows have {excerpt(unknown[0])}", hint=f"Known are {', '.join(known)}")
    if "size" not in given:
        raise OptionError("the windows have no size", hint="Say how many characters or tokens they have")
    return Windows(**given)


def _read_json(path: Path) -> Any:
    return _parsed(_read_text(path), str(path))


def _parsed(text: Any, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise OptionError(f"{where} is no JSON: {error}") from error


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SIZE + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise OptionError(f"{path} cannot be read: {reason}") from error
    if len(data) > MAX_SIZE:
        raise OptionError(f"{path} has too many bytes", limit=MAX_SIZE)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OptionError(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from error
