"""Python values -> copies that are JSON and nothing else, so that no later step has to doubt its input.

The copy shares nothing with the original, so neither can change the other. What JSON cannot say, or could not be sent
on as UTF-8, is refused with its JSON pointer: other types, keys that are no strings, NaN and the infinities, lone
surrogates, keys that a JSON text gave twice, nesting so deep that reading it could exhaust the stack.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from fcgen.errors import excerpt
from fcgen.functions.problems import Problems
from fcgen.place import Place

MAX_DEPTH = 128
MAX_INTEGER_BITS = 4096  # Python refuses to print integers of more than 4300 digits, so no message could quote them

_SURROGATE = re.compile("[\ud800-\udfff]")


class RepeatedKeys(dict[str, Any]):
    """A JSON object whose text gave some keys more than once: `repeated`."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(key for key, _ in pairs)
        self.repeated = [key for key, count in counts.items() if count > 1]


def describe(value: object) -> str:
    """A JSON value as a message quotes it: scalars themselves, the rest by its kind."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, (list, tuple)):
        return "a list"
    return excerpt(value) if isinstance(value, (str, int, float)) else f"a Python {type(value).__name__}"


def copy_value(value: object, pointer: Place, problems: Problems, depth: int = 0) -> Any:
    """A copy of `value` as plain JSON; what is not JSON is left out of it, and added to the problems."""
    kind = type(value)
    if kind is str and value.isascii():  # type: ignore[attr-defined]
        return value
    if depth > MAX_DEPTH:
        problems.add("nested too deeply", pointer, limit=MAX_DEPTH)
        return None
    if kind is dict or isinstance(value, Mapping):
        return _copy_object(value, pointer, problems, depth)  # type: ignore[arg-type]
    match value:
        case None | bool():
            return value
        case str():
            return _copy_text(value, pointer, problems)
        case int():
            return _copy_integer(value, pointer, problems)
        case float():
            return _copy_float(value, pointer, problems)
        case list() | tuple():
            return [copy_value(item, (pointer, i), problems, depth + 1) for i, item in enumerate(value)]
    problems.add(f"found {describe(value)}, which is no JSON value", pointer)
    return None


def _copy_text(value: str, pointer: Place, problems: Problems) -> str:
    if lone := _SURROGATE.search(value):
        problems.add(f"the string holds the lone surrogate U+{ord(lone[0]):04X}, which UTF-8 cannot write", pointer)
    return str.__str__(value)


def _copy_integer(value: int, pointer: Place, problems: Problems) -> int:
    bits = int(value).bit_length()
    if bits > MAX_INTEGER_BITS:
        problems.add("an integer of too many bits", pointer, limit=MAX_INTEGER_BITS, given=bits)
    return int(value)


def _copy_float(value: float, pointer: Place, problems: Problems) -> float:
    if not math.isfinite(value):
        name = "NaN" if math.isnan(value) else "an infinite number"
        problems.add(f"{name} cannot be written as JSON", pointer)
    return float(value)


def _copy_object(value: Mapping[Any, Any], pointer: Place, problems: Problems, depth: int) -> dict[str, Any]:
    for key in value.repeated if isinstance(value, RepeatedKeys) else ():
        problems.add(f"the key {excerpt(key)} stands more than once in one object", pointer)
    copied = {}
    for key, item in value.items():
        if not isinstance(key, str):
            problems.add(f"a key is {describe(key)}: keys must be strings", pointer)
        elif not key.isascii() and _SURROGATE.search(key):
            problems.add(f"the key {excerpt(key)} holds a lone surrogate, which UTF-8 cannot write", pointer)
        elif type(item) is str and item.isascii():  # as most values are
            copied[str.__str__(key)] = item
        else:
            copied[str.__str__(key)] = copy_value(item, (pointer, key), problems, depth + 1)
    return copied
