"""Pydantic's types -> JSON Schemas of nothing but what Pydantic accepts, where its own ones allow more.

    Decimal                 Pydantic says: a number or any string. A number within the bounds; with `max_digits` or
                            `decimal_places` a string of digits, since no JSON number says these exactly
    Fraction                likewise any string. A number within the bounds
    complex                 any string. One that Python reads, such as 1.5-2j
    dict[int, ...]          any names. Those that are integers within the bounds; likewise of float and bool

A `multiple_of` that is no power of ten stays one of numbers.
"""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

from pydantic import PydanticInvalidForJsonSchema

from fcgen.errors import excerpt
from fcgen.functions.number_patterns import MOST_DIGITS, number_pattern

MOST_PLACES = 28  # of a decimal whose type does not say how many: what Python's decimals keep

_REAL = r"(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?"
_COMPLEX = f"^-?(?:{_REAL}j?|{_REAL}[+-]{_REAL}j)$"
_CHOOSING = frozenset({"multipleOf", "enum", "const"})
_BOUNDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}


def exact_complex() -> dict[str, Any]:
    """The strings that Python reads as complex numbers."""
    return {"type": "string", "pattern": _COMPLEX}


def exact_reals(schema: Any) -> dict[str, Any]:
    """The numbers within the bounds of a core schema, whose values are compared exactly."""
    found: dict[str, Any] = {"type": "number"}
    for name, keyword in _BOUNDS.items():
        bound = _bound(schema.get(name))
        if bound is not None:
            found[keyword] = _inside(bound, 1 if name in ("gt", "ge") else -1)
    return found


def exact_decimals(schema: Any) -> dict[str, Any]:
    """The numbers, or the strings of digits, that are decimals of a core schema."""
    step, digits, places = _bound(schema.get("multiple_of")), schema.get("max_digits"), schema.get("decimal_places")
    if step is not None and (exponent := _power_of_ten(step)) is not None:
        step, places = None, exponent if places is None else min(exponent, places)
    if digits is None and places is None:
        return exact_reals(schema) if step is None else {**exact_reals(schema), "multipleOf": _number(step)}
    if step is not None:
        raise PydanticInvalidForJsonSchema("a decimal with multiple_of and a number of digits or places: keep one")
    patterns = _decimal_patterns(schema, digits, places)
    if not patterns:
        raise PydanticInvalidForJsonSchema("a decimal that no number is, with such bounds and so few digits")
    return {"type": "string", "pattern": f"^(?:{'|'.join(patterns)})$"}


def _decimal_patterns(schema: Any, digits: int | None, places: int | None) -> list[str]:
    """A pattern for each number of places. Pydantic keeps room for all places, which leaves the rest of the digits."""
    whole = None if digits is None or places is None else max(digits - places, 0)
    if _scaled(schema, 1, None) == (None, None) and whole != 0 and places:
        before = MOST_DIGITS if whole is None else whole
        return [rf"-?(?:0|[1-9][0-9]{{0,{before - 1}}})(?:\.[0-9]{{1,{places}}})?"]
    found = []
    most_places = min(MOST_PLACES, *(most for most in (digits, places) if most is not None))
    for after in range(1 if whole == 0 and places else 0, most_places + 1):
        written = [most for most in (digits, None if whole is None else whole + after) if most is not None]
        low, high = _scaled(schema, 10**after, 10 ** min(written) - 1 if written else None)
        if low is None or high is None or low <= high:
            found.append(number_pattern(low, high, after))
    return found


def exact_names(keys: Any) -> dict[str, Any]:
    """The names that stand for the keys of a schema, each of which is written as a string."""
    if "anyOf" in keys:
        return {**keys, "anyOf": [exact_names(each) for each in keys["anyOf"]]}
    kind = keys.get("type", "string")
    if kind == "string":
        return dict(keys)
    if kind == "boolean":
        return {"enum": ["true", "false"]}
    if kind == "integer" and not keys.keys() & _CHOOSING:
        low, high = _scaled({name: keys.get(keyword) for name, keyword in _BOUNDS.items()}, 1, None)
        if low is None or high is None or low <= high:
            return {"pattern": f"^(?:{number_pattern(low, high)})$"}
    if kind == "number" and not keys.keys() & {*_CHOOSING, *_BOUNDS.values()}:
        return {"pattern": f"^-?{_REAL}$"}
    raise PydanticInvalidForJsonSchema(f"a dict with keys that names in JSON cannot be: {excerpt(keys, 200)}")


def number_default(made: dict[str, Any]) -> dict[str, Any]:
    """A schema whose default is a number, where numbers are meant: Pydantic writes decimals as strings."""
    kinds = {each.get("type") for each in made.get("anyOf", [made])}
    default = made.get("default")
    if not isinstance(default, str) or "number" not in kinds or not kinds <= {"number", "null"}:
        return made
    number = _bound(default)
    return made if number is None else {**made, "default": _number(number)}


def _scaled(schema: Any, scale: int, most: int | None) -> tuple[int | None, int | None]:
    """The least and the greatest integer that is within the bounds once it is divided by `scale`, and has its size."""
    bounds = {name: _bound(schema.get(name)) for name in _BOUNDS}
    lows = [] if most is None else [-most]
    highs = [] if most is None else [most]
    lows += [math.ceil(bound * scale) for bound in [bounds["ge"]] if bound is not None]
    lows += [math.floor(bound * scale) + 1 for bound in [bounds["gt"]] if bound is not None]
    highs += [math.floor(bound * scale) for bound in [bounds["le"]] if bound is not None]
    highs += [math.ceil(bound * scale) - 1 for bound in [bounds["lt"]] if bound is not None]
    return max(lows, default=None), min(highs, default=None)


def _bound(value: Any) -> Fraction | None:
    """A number as it is written, so that the float 0.1 is a tenth; None: there is none, or an infinite one."""
    if value is None or isinstance(value, Fraction):
        return value
    number = Decimal(str(value))
    return None if number.is_infinite() else Fraction(number)


def _number(value: Fraction) -> int | float:
    return int(value) if value.denominator == 1 else float(value)


def _inside(bound: Fraction, towards: int) -> int | float:
    """The bound, or the next float on the side where numbers are allowed: floats are read by what they are written."""
    number = _number(bound)
    if isinstance(number, float) and (Fraction(Decimal(repr(number))) - bound) * towards < 0:
        return math.nextafter(number, towards * math.inf)
    return number


def _power_of_ten(step: Fraction) -> int | None:
    """How many places the multiples of 1, 0.1, 0.01, ... have; None: it is none of these."""
    places = len(str(step.denominator)) - 1
    return places if step.numerator == 1 and step.denominator == 10**places else None
