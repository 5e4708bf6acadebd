"""What a schema says about values of each kind: its `type` and the keywords about numbers, strings, arrays and objects.

One function per kind; each reads the keywords of its kind, checks what stands there, and makes a part of a Shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import isfinite
from typing import Any

from fcgen.errors import SchemaError, UnsupportedKeyword, excerpt
from fcgen.schema.algebra import checked, union
from fcgen.schema.formats import format_pattern
from fcgen.schema.keywords import REFUSED_FORMATS
from fcgen.schema.place import Place, pointer
from fcgen.schema.shape import ANYTHING, Array, Boolean, Null, Number, Object, Real, Shape, String

Schema = dict[str, Any]
Read = Callable[[Any, Place], Shape]
"""Reads a schema that stands at a place within this one."""

Remark = Callable[[Place, str, str], None]
"""Notes something about a keyword."""

_TYPES = {"null", "boolean", "integer", "number", "string", "array", "object"}
_ALL = frozenset(_TYPES)
_EXACT = 2**53


def kinds_of(schema: Schema, place: Place) -> frozenset[str]:
    """The kinds of values that `type` admits: all where there is none."""
    if "type" not in schema:
        return _ALL
    given = schema["type"]
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(name, str) and name in _TYPES for name in names):
        raise malformed(schema, "type", f"one or several of {', '.join(sorted(_TYPES))}", place)
    return frozenset(names)


def read_kinds(schema: Schema, kinds: frozenset[str], place: Place, read: Read, remark: Remark) -> Shape:
    """The union of what the schema says about each kind."""
    found: list[Shape] = []
    if "null" in kinds:
        found.append(Null(place))
    if "boolean" in kinds:
        found.append(Boolean(place))
    if "number" in kinds or "integer" in kinds:
        found.append(_number(schema, "number" not in kinds, place))
    if "string" in kinds:
        found.append(_string(schema, place, remark))
    if "array" in kinds:
        found.append(_array(schema, place, read))
    if "object" in kinds:
        found.append(_object(schema, place, read))
    return found[0] if len(found) == 1 else union(found, place)


def malformed(schema: Schema, keyword: str, allowed: str, place: Place) -> SchemaError:
    """The error for a keyword whose value is not of the form it must have."""
    return SchemaError(
        f"`{keyword}` must be {allowed}, found {excerpt(schema[keyword])}",
        pointer=pointer((place, keyword)),
        keyword=keyword,
    )


def _number(schema: Schema, integer: bool, place: Place) -> Shape:  # noqa: FBT001
    low, low_open = _bound(schema, "minimum", "exclusiveMinimum", place, max)
    high, high_open = _bound(schema, "maximum", "exclusiveMaximum", place, min)
    part = Number(low, low_open, high, high_open, integer, 1, place)
    if "multipleOf" in schema:
        part = _multiple(schema, part, place)
    return part if low is None and high is None else checked(part)


def _bound(
    schema: Schema, closed: str, exclusive: str, place: Place, tighter: Callable[[Real, Real], Real]
) -> tuple[Real | None, bool]:
    """A bound, and whether it is open. Draft 4 wrote `exclusiveMinimum: true` beside the bound."""
    bound = _real(schema, closed, place)
    if isinstance(schema.get(exclusive), bool):
        return bound, bound is not None and schema[exclusive]
    limit = _real(schema, exclusive, place)
    if bound is None or limit is None:
        return (bound, False) if limit is None else (limit, True)
    return tighter(bound, limit), tighter(limit, bound) == limit


def _real(schema: Schema, name: str, place: Place) -> Real | None:
    value = schema.get(name)
    if value is None and name not in schema:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise malformed(schema, name, "a number", place)
    return value


def _multiple(schema: Schema, part: Number, place: Place) -> Number:
    step = _real(schema, "multipleOf", place)
    if step is None or step <= 0:
        raise malformed(schema, "multipleOf", "a number above 0", place)
    exact = Fraction(step)
    if exact != Fraction(repr(step)) or not (part.integer or exact.denominator == 1):
        raise UnsupportedKeyword(
            f"`multipleOf` {step} is enforced for integers and whole steps only",
            pointer=pointer((place, "multipleOf")),
            keyword="multipleOf",
            hint="Use `type: integer` in a smaller unit.",
        )
    low, high = part.low, part.high
    if isinstance(step, float):  # it is tested by division of floats, which larger integers would not survive
        low, high = max(-_EXACT, low if low is not None else -_EXACT), min(_EXACT, high if high is not None else _EXACT)
    return Number(low, part.low_open, high, part.high_open, integer=True, multiple=exact.numerator, place=place)


def _string(schema: Schema, place: Place, remark: Remark) -> Shape:
    least, most = _count(schema, "minLength", place) or 0, _count(schema, "maxLength", place)
    pattern = schema.get("pattern")
    if "pattern" in schema and not isinstance(pattern, str):
        raise malformed(schema, "pattern", "a regular expression as a string", place)
    formats = _formats(schema, place, remark) if "format" in schema else ()
    part = String(() if pattern is None else (pattern,), formats, least, most, place)
    return checked(part) if pattern is not None or formats or most is not None else part


def _formats(schema: Schema, place: Place, remark: Remark) -> tuple[str, ...]:
    name = schema["format"]
    if not isinstance(name, str):
        raise malformed(schema, "format", "a name", place)
    if format_pattern(name) is not None:
        return (name,)
    if name in REFUSED_FORMATS:
        raise UnsupportedKeyword(
            f"`format` {excerpt(name)} is not enforced yet",
            pointer=pointer((place, "format")),
            keyword="format",
            hint="Use `pattern`.",
        )
    remark(place, "format", f"the format {excerpt(name)} is not known, and asserts nothing")
    return ()


def _count(schema: Schema, name: str, place: Place) -> int | None:
    value = schema.get(name)
    if value is None and name not in schema:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf") or value % 1:
        raise malformed(schema, name, "an integer of at least 0", place)
    return int(value)


def _array(schema: Schema, place: Place, read: Read) -> Shape:
    least, most = _count(schema, "minItems", place) or 0, _count(schema, "maxItems", place)
    first, rest = "prefixItems", "items"
    if isinstance(schema.get("items"), list):  # as it was written up to draft 2019-09
        if "prefixItems" in schema:
            raise malformed(schema, "items", "a schema, beside `prefixItems`", place)
        first, rest = "items", "additionalItems"
    items = schema.get(first, [])
    if not isinstance(items, list):
        raise malformed(schema, first, "an array of schemas", place)
    prefix = tuple([read(item, ((place, first), i)) for i, item in enumerate(items)])
    further = read(schema[rest], (place, rest)) if rest in schema else ANYTHING
    return checked(Array(prefix, further, least, most, place))


def _object(schema: Schema, place: Place, read: Read) -> Shape:
    declared = schema.get("properties", {})
    if not isinstance(declared, Mapping) or not all(type(name) is str for name in declared):
        raise malformed(schema, "properties", "an object of schemas", place)
    required = schema.get("required", [])
    if not isinstance(required, list) or not all(type(name) is str for name in required):
        raise malformed(schema, "required", "an array of property names", place)
    within = (place, "properties")
    properties = {name: read(value, (within, name)) for name, value in declared.items()}
    rest = (
        read(schema["additionalProperties"], (place, "additionalProperties"))
        if "additionalProperties" in schema
        else ANYTHING
    )
    return checked(Object(properties, rest, tuple(required), place))
