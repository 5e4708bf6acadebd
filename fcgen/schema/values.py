"""Given JSON values: which are equal, which are no JSON, and how they are written.

Equality is JSON Schema's: 1 equals 1.0, true does not equal 1, and the order of an object's keys does not matter.
"""

from __future__ import annotations

import json
from collections.abc import Hashable
from math import isfinite
from typing import Any

from fcgen.errors import excerpt

MAX_VALUE_DEPTH = 32
MAX_BITS = 4096  # Python refuses to write integers of more than 4300 digits
_ENCODER = json.JSONEncoder(ensure_ascii=False)


def key_of(value: Any) -> Hashable:
    """The same key for equal values, and only for them."""
    match value:
        case str() | None:
            return value
        case bool():
            return (bool, value)
        case list():
            return (list, *map(key_of, value))
        case dict():
            return (dict, frozenset((name, key_of(item)) for name, item in value.items()))
        case _:
            return value  # type: ignore[no-any-return]  # an int or a float, of which Python knows 1 == 1.0


def value_by(key: Any) -> Any:
    """A value that has this key."""
    match key:
        case (kind, value) if kind is bool:
            return value
        case (kind, *items) if kind is list:
            return list(map(value_by, items))
        case (kind, members) if kind is dict:
            return {name: value_by(item) for name, item in sorted(members)}
        case _:
            return key


def flaw(value: Any) -> str | None:
    """What makes `value` unusable as a JSON value; None if nothing does."""
    open_values = [(value, 0)]
    while open_values:
        value, depth = open_values.pop()
        if depth > MAX_VALUE_DEPTH:
            return f"a value nested more than {MAX_VALUE_DEPTH} deep"
        match value:
            case float() if not isfinite(value):
                return f"{value}, which is no JSON number"
            case str() if not is_writable(value):
                return f"{excerpt(value)}, which no JSON text spells"
            case int() if value.bit_length() > MAX_BITS:
                return f"an integer of {value.bit_length()} bits, more than {MAX_BITS}"
            case str() | None | bool() | int() | float():
                pass
            case list():
                open_values.extend((item, depth + 1) for item in value)
            case dict() if all(type(name) is str for name in value):
                open_values.extend((item, depth + 1) for item in value.values())
            case _:
                return f"a Python {type(value).__name__}, which is no JSON value"
    return None


def spelled(text: str) -> bytes:
    """A string as it is written in JSON, with its quotes: what must be escaped is, all else stands for itself."""
    return _ENCODER.encode(text).encode("utf-8", "backslashreplace")


def is_writable(text: str) -> bool:
    """Whether some JSON text means `text`: two halves of a surrogate pair, side by side, would be read as one."""
    return text.isascii() or bool(json.loads(spelled(text)) == text)
