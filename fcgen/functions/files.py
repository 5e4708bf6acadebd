"""A file, or an attribute of a Python module -> functions.

FILE.json         JSON: one function, a list, a request, or several objects one after another
FILE.jsonl        one of these on each line
MODULE:ATTRIBUTE  anything that `read_functions` reads, e.g. `tools:get_weather`; modules of the working directory
                  come first, as for a script in it. The module's code is run.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
import textwrap
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fcgen.errors import FunctionError, excerpt
from fcgen.functions.function import Function
from fcgen.functions.read import Entry, read_entries, try_entries
from fcgen.functions.text import MAX_SIZE

_ATTRIBUTE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
_FORMS = "FILE.json, FILE.jsonl or MODULE:ATTRIBUTE"
_MISSING = object()

MOST_SAID = 300  # characters of a message that a module's own code raised


def read_functions_file(source: str | os.PathLike[str]) -> tuple[Function, ...]:
    """Read every function of a file, or of a module's attribute.

    Raises:
        FunctionError: there is no such file, module or attribute, it cannot be read, or `read_functions` refuses what
            is in it; the message names file and line. ManyErrors if there are several mistakes. What a module's own
            code raises when it is run is the error's cause.
    """
    name = os.fspath(source)
    return read_entries(_entries(name), name)


def try_functions_file(source: str | os.PathLike[str]) -> tuple[list[Function], list[FunctionError]]:
    """The functions of a file that can be read, and what is wrong with the others.

    Raises FunctionError where the file itself cannot be read, as `read_functions_file`.
    """
    return try_entries(_entries(os.fspath(source)))


def _entries(name: str) -> list[Entry]:
    suffix = Path(name).suffix.lower()
    if suffix == ".json":
        return [Entry(_read(name), place=name)]
    if suffix == ".jsonl":
        return list(_lines(name))
    if _ATTRIBUTE.fullmatch(name):
        return [Entry(_attribute(*name.split(":")), place=name)]
    raise FunctionError(f"{excerpt(name)} does not say what it is", hint=f"Functions are read from {_FORMS}.")


def _lines(name: str) -> Iterator[Entry]:
    for number, line in enumerate(_read(name).split("\n"), 1):
        if line.strip():
            yield Entry(line, place=f"{name}, line {number}")


def _read(name: str) -> str:
    try:
        with Path(name).open("rb") as file:
            data = file.read(MAX_SIZE + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise FunctionError(f"{name} cannot be read: {reason}") from error
    if len(data) > MAX_SIZE:
        raise FunctionError(f"{name} has too many bytes", limit=MAX_SIZE)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FunctionError(f"{name}, line {line}: not UTF-8 (byte 0x{data[error.start]:02x})") from error
    if not text.strip():
        raise FunctionError(f"{name} is empty", hint="It must describe at least one function.")
    return text


def _attribute(module: str, attribute: str) -> Any:
    with _running(module, f"module {module!r} cannot be imported"), _working_directory_importable():
        value: Any = importlib.import_module(module)
    for name in attribute.split("."):
        with _running(module, f"{attribute!r} of module {module!r} cannot be read"):
            value = getattr(value, name, _MISSING)
        if value is _MISSING:
            raise FunctionError(f"module {module!r} has no {attribute!r}")
    return value


@contextmanager
def _running(module: str, failed: str) -> Iterator[None]:
    """Makes a FunctionError of whatever a module's own code raises, but for the user's interrupt."""
    try:
        yield
    except (Exception, SystemExit) as error:  # a stranger's code is run: anything may come
        raise FunctionError(f"{failed}: {_said(error)}{_line_of(module, error)}") from error


def _said(error: BaseException) -> str:
    """What went wrong, in one line; where Python itself says what is wrong with an import, the words are enough."""
    text = "".join(traceback.format_exception_only(type(error), error))
    if isinstance(error, (ImportError, SyntaxError)):
        text = str(error)
    return textwrap.shorten(text.strip(), MOST_SAID, placeholder=" ...")


def _line_of(module: str, error: BaseException) -> str:
    """Where in the module, or in a package around it, the error came up; empty if its code did not run."""
    frames = traceback.walk_tb(error.__traceback__)
    own = [at for at in frames if f"{module}.".startswith(f"{at[0].f_globals.get('__name__')}.")]
    return f" ({Path(own[-1][0].f_code.co_filename).name}, line {own[-1][1]})" if own else ""


@contextmanager
def _working_directory_importable() -> Iterator[None]:
    here = str(Path.cwd())
    sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        with suppress(ValueError):  # the module may have taken it away
            sys.path.remove(here)
