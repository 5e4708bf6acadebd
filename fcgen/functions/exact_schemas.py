"""Pydantic's types -> JSON Schemas of nothing but what Pydantic accepts, where its own ones allow more.

    Decimal                 Pydantic says: a number or any string. A number or a string of digits, within the bounds
                            and of so many digits and places; a number has 15 places at most
    Fraction                likewise any string. A number within the bounds
    complex                 any string. One that Python reads, such as 1.5-2j
    dict[int, ...]          any names. Those that are integers within the bounds; likewise of float and bool

A decimal whose `multiple_of` is no power of ten is a number alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from pydantic import PydanticInvalidForJsonSchema

from fcgen.errors import excerpt
from fcgen.functions.number_patterns import (
    MOST_DIGITS,
    MOST_PLACES,
    Limit,
    any_decimal,
    decimal_pattern,
    integers_between,
    number_pattern,
)

SURE_PLACES = 15  # of a decimal that is written as a number: what a reader's float keeps

_REAL = r"(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?"
_COMPLEX = f"^-?(?:{_REAL}j?|{_REAL}[+-]{_REAL}j)$"
_CHOOSING = frozenset({"multipleOf", "enum", "const"})
_Range = tuple[int | None, int | None]
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
    """The numbers, and the strings of digits, that are decimals of a core schema."""
    step, digits, places = _bound(schema.get("multiple_of")), schema.get("max_digits"), schema.get("decimal_places")
    if step is not None and (exponent := _power_of_ten(step)) is not None:
        step, places = None, exponent if places is None else min(exponent, places)
    if digits is None and places is None:
        numbers = exact_reals(schema)
        if step is not None:
            return {**numbers, "multipleOf": _number(step)}
        if not (pattern := decimal_pattern(*_limits(schema))):
            raise PydanticInvalidForJsonSchema("a decimal that no number is, with such bounds")
        return {"anyOf": [numbers, _strings([pattern])]}
    if step is not None:
        raise PydanticInvalidForJsonSchema("a decimal with multiple_of and a number of digits or places: keep one")
    ranges = _ranges(schema, digits, places)
    if not ranges:
        raise PydanticInvalidForJsonSchema("a decimal that no number is, with such bounds and so few digits")
    return {"anyOf": [*_decimal_numbers(ranges), _strings(_decimal_patterns(schema, ranges))]}


def exact_decimal_names(schema: Any) -> dict[str, Any]:
    """The names that stand for the decimals of a core schema: those of its texts that are strings."""
    found = exact_decimals(schema)
    return exact_names(found["anyOf"][-1] if "anyOf" in found else found)


def _ranges(schema: Any, digits: int | None, places: int | None) -> dict[int, _Range]:
    """For each number of places, the integers that its decimals are without their point.

    Pydantic keeps room for all places, which leaves the rest of the digits before the point. Where it leaves none, even
    the digit 0 is one too many, unless a point follows it.
    """
    whole = None if digits is None or places is None else max(digits - places, 0)
    found = {}
    most_places = min(MOST_PLACES, *(most for most in (digits, places) if most is not None))
    for after in range(1 if whole == 0 and places else 0, most_places + 1):
        written = [most for most in (digits, None if whole is None else whole + after) if most is not None]
        low, high = _scaled(schema, 10**after, 10 ** min(written) - 1 if written else None)
        if low is None or high is None or low <= high:
            found[after] = (low, high)
    return found


def _decimal_patterns(schema: Any, ranges: Mapping[int, _Range]) -> list[str]:
    """A pattern for each number of places, or one where no bound tells them apart."""
    places, (_, high) = max(ranges.items())
    if 0 in ranges and places and _scaled(schema, 1, None) == (None, None):
        most = MOST_DIGITS if high is None else len(str(high)) - places
        if most and ranges[0] in ((None, None), (1 - 10**most, 10**most - 1)):
            return [any_decimal(most, places)]
    return [number_pattern(low, high, after) for after, (low, high) in ranges.items()]


def _decimal_numbers(ranges: Mapping[int, _Range]) -> list[dict[str, Any]]:
    """The numbers of so many places, but for those that have more than a reader's float is sure to keep."""
    found = []
    for places, (low, high) in ranges.items():
        if places > SURE_PLACES or (places < SURE_PLACES and _is_within((low, high), ranges.get(places + 1))):
            continue
        zero_is_none = 0 not in ranges and low is not None and high is not None and low <= 0 <= high
        for least, most in [(low, -1), (1, high)] if zero_is_none else [(low, high)]:
            if least is not None and most is not None and least > most:
                continue
            step = Fraction(1, 10**places)
            number: dict[str, Any] = {"type": "number", "multipleOf": _number(step)}
            if least is not None:
                number["minimum"] = _inside(least * step, 1)
            if most is not None:
                number["maximum"] = _inside(most * step, -1)
            found.append(number)
    return found


def _is_within(one: _Range, other: _Range | None) -> bool:
    """Whether the decimals of a range are among those of another with one more place."""
    if other is None:
        return False
    (low, high), (least, most) = one, other
    starts = least is None or (low is not None and least <= 10 * low)
    return starts and (most is None or (high is not None and 10 * high <= most))


def _strings(patterns: Sequence[str]) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^(?:{'|'.join(patterns)})$"}


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


def decimal_default(default: Any, made: dict[str, Any]) -> dict[str, Any]:
    """A schema whose default is a decimal, as a number: Pydantic writes it as a string."""
    if not isinstance(default, Decimal) or not default.is_finite():
        return made
    return {**made, "default": _number(Fraction(default))}


def _scaled(schema: Any, scale: int, most: int | None) -> _Range:
    """The least and the greatest integer that is within the bounds once it is divided by `scale`, and has its size."""
    low, high = integers_between(*_limits(schema), scale)
    if most is None:
        return low, high
    return -most if low is None else max(low, -most), most if high is None else min(high, most)


def _limits(schema: Any) -> tuple[Limit | None, Limit | None]:
    """The lower and the upper bound, each with whether it is itself left out."""
    bounds = {name: _bound(schema.get(name)) for name in _BOUNDS}
    lows = [(bounds[name], name == "gt") for name in ("ge", "gt")]
    highs = [(bounds[name], name == "lt") for name in ("le", "lt")]
    low = max(((bound, is_open) for bound, is_open in lows if bound is not None), default=None)
    high = min(((bound, not is_open) for bound, is_open in highs if bound is not None), default=None)
    return low, None if high is None else (high[0], not high[1])


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
