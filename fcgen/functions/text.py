"""JSON text -> the values in it: one, or several written one after another as the model card's notebooks do.

Between two values may stand nothing, white space, or a comma. The values come as the JSON parser makes them; what its
leniency lets through (NaN, keys given twice) is left in a form that `copy_value` refuses with its pointer.
"""

from __future__ import annotations

import json
import re
from typing import Any

from fcgen.errors import excerpt
from fcgen.functions.problems import Problems
from fcgen.functions.values import MAX_DEPTH, RepeatedKeys
from fcgen.place import Place

MAX_SIZE = 64 * 2**20

_SPACE = re.compile(r"\ufeff?[ \t\n\r]*")
_SEPARATOR = re.compile(r"[ \t\n\r]*,?[ \t\n\r]*")


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    return members if len(members) == len(pairs) else RepeatedKeys(pairs)


_DECODER = json.JSONDecoder(object_pairs_hook=_read_object)


def read_text(text: str, pointer: Place, problems: Problems) -> list[Any]:
    """All values in `text`, in order; none where it is not JSON, which is added to the problems."""
    if len(text) > MAX_SIZE:
        problems.add("the JSON text has too many characters", pointer, limit=MAX_SIZE, given=len(text))
        return []
    try:
        return _read_values(text)
    except json.JSONDecodeError as error:
        hint = "A file is read by read_functions_file." if text.endswith((".json", ".jsonl")) else None
        problems.add(_not_json(text, error), pointer, hint=hint)
    except RecursionError:
        problems.add("nested too deeply", pointer, limit=MAX_DEPTH)
    except ValueError:
        # Python's guard against quadratic time, from some thousand digits on.
        problems.add("a number has too many digits", pointer)
    return []


def _read_values(text: str) -> list[Any]:
    values = []
    at = _end(_SPACE, text, 0)
    while at < len(text):
        value, at = _DECODER.raw_decode(text, at)
        values.append(value)
        at = _end(_SEPARATOR, text, at)
    return values


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _not_json(text: str, error: json.JSONDecodeError) -> str:
    line = f"line {error.lineno}, " if "\n" in text else ""
    rest = text[error.pos : error.pos + 41].partition("\n")[0]
    found = f"found {excerpt(rest, 40)}" if rest else "the line ends" if error.pos < len(text) else "the text ends"
    return f"not JSON at {line}column {error.colno}: {error.msg[:1].lower()}{error.msg[1:]}, {found}"
