"""The algebra of Shapes: what two shapes have in common, what either means, and which values belong to a shape.

`meet` and `union` are exact. A contradiction is a Never with both sides in its reason; it passes upwards only as far as
it must: an impossible property is merely forbidden, and only if it is required the object is impossible too.

A Ref is not looked into: what it has in common with another shape is a new definition, made when it is asked for. So
recursive shapes meet too, and neither meeting nor reading goes deeper than the schema is nested.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from functools import reduce
from math import lcm
from typing import Any

from fcgen.errors import SchemaError, excerpt
from fcgen.schema.numbers import is_number_of, no_number
from fcgen.schema.place import Place, pointer
from fcgen.schema.shape import (
    KIND_OF,
    AnyOf,
    Anything,
    Array,
    Boolean,
    Never,
    Null,
    Number,
    Object,
    Ref,
    Shape,
    String,
    Values,
    resolve,
)
from fcgen.schema.strings import is_string_of, no_string
from fcgen.schema.values import key_of

MAX_SIZE = 50_000


def union(parts: Iterable[Shape], place: Place = None) -> Shape:
    """What at least one of the parts means."""
    flat: dict[Shape, None] = {}
    impossible: list[Never] = []
    for part in parts:
        if type(part) is Never:
            impossible.append(part)
        elif type(part) is AnyOf:
            flat.update(dict.fromkeys(part.parts))
        elif type(part) is Anything:
            return part
        else:
            flat[part] = None
    if len(flat) > 1:
        return AnyOf(tuple(flat), place)
    return next(iter(flat), None) or _no_way(impossible, place)


def _no_way(impossible: list[Never], place: Place) -> Never:
    if len(impossible) == 1:
        return impossible[0]
    reasons = list(dict.fromkeys(never.reason for never in impossible))
    listed = "; ".join(reasons[:3]) + (f"; and {len(reasons) - 3} more" if len(reasons) > 3 else "")
    return Never(listed or "there is no alternative", place)


def meet(a: Shape, b: Shape) -> Shape:
    """What both mean.

    Raises:
        SchemaError: the alternatives of both, each with each, are too many.
        PatternError, GrammarTooLarge: a pattern cannot be read.
    """
    if a is b or type(a) is Never or type(b) is Anything:
        return a
    if type(b) is Never or type(a) is Anything:
        return b
    if type(a) is Ref or type(b) is Ref:
        return _meet_later(a, b)
    if type(a) is AnyOf or type(b) is AnyOf:
        return _meet_parts(a, b)
    if type(a) is Values:
        return _filtered(a, b)
    if type(b) is Values:
        return _filtered(b, a)
    if type(a) is type(b):
        return checked(_MEETS[type(a)](a, b))
    return _nothing_in_common(a, b)


def _meet_later(a: Shape, b: Shape) -> Shape:
    """A definition under the set of what meets in it, so that what meets time and again is one definition."""
    ref, other = (a, b) if type(a) is Ref else (b, a)
    assert type(ref) is Ref
    parts = {key: part for shape in (a, b) for key, part in _meeting(shape)}
    if len(parts) == 1:
        return ref
    key, place = frozenset(parts), other.place or ref.place
    ref.definitions.define(key, lambda: reduce(meet, map(resolve, parts.values())), place)
    return Ref(key, ref.definitions, place, tuple(parts.values()))


def _meeting(shape: Shape) -> list[tuple[Hashable, Shape]]:
    parts = shape.parts if type(shape) is Ref and shape.parts else (shape,)
    return [(part.key if type(part) is Ref else part, part) for part in parts]


def _meet_parts(a: Shape, b: Shape) -> Shape:
    ours = a.parts if type(a) is AnyOf else (a,)
    theirs = b.parts if type(b) is AnyOf else (b,)
    pairs = [(x, y) for x in ours for y in theirs if not _differ_in_kind(x, y)]
    size = sum(1 + max(_size(x), _size(y)) for x, y in pairs)
    if size > MAX_SIZE:
        raise SchemaError(
            "alternatives that must hold together have too many combinations, counted with their properties",
            pointer=pointer(b.place),
            limit=MAX_SIZE,
            given=size,
        )
    return union([meet(x, y) for x, y in pairs], a.place) if pairs else _nothing_in_common(a, b)


def _size(shape: Shape) -> int:
    return len(shape.properties) if type(shape) is Object else 0


def _differ_in_kind(a: Shape, b: Shape) -> bool:
    return type(a) is not type(b) and type(a) in KIND_OF and type(b) in KIND_OF


def _nothing_in_common(a: Shape, b: Shape) -> Never:
    return Never(f"{described(a)} and {described(b)} have no value in common", b.place)


def _filtered(values: Values, shape: Shape) -> Shape:
    kept = {key: value for key, value in values.values.items() if contains(shape, value)}
    if len(kept) == len(values.values):
        return values
    if not kept:
        return Never(f"none of {described(values)} is {described(shape)}", values.place)
    return Values(kept, values.place)


def checked(part: Shape) -> Shape:
    """The part, or Never where it contradicts itself; its counts cut down to what is possible."""
    match part:
        case Number() if no_number(part):
            return Never(f"no number is {described(part)}", part.place)
        case String() if no_string(part):
            return Never(f"no string is {described(part)}", part.place)
        case Array():
            return _checked_array(part)
        case Object():
            return _checked_object(part)
        case _:
            return part


def _checked_array(part: Array) -> Shape:
    least, most = part.min_items, part.max_items
    if most is not None and least > most:
        return Never(f"minItems {least} > maxItems {most}", part.place)
    size, end = next(
        ((i, item) for i, item in enumerate((*part.prefix, part.rest)) if isinstance(item, Never)), (0, None)
    )
    if end is None or (most is not None and most <= size):
        return part
    if least > size:
        return Never(f"minItems {least}, but only {size} items are possible: {end.reason}", end.place)
    return Array(part.prefix[:size], end, least, size, part.place)


def _checked_object(part: Object) -> Shape:
    for name in part.required:
        shape = part.properties.get(name, part.rest)
        if type(shape) is Never:
            return Never(f"the required property {excerpt(name)} is impossible: {shape.reason}", shape.place)
    return part


def _meet_numbers(a: Number, b: Number) -> Number:
    low, high = (a.low, a.low_open), (a.high, a.high_open)
    if a.low is None or (b.low is not None and (b.low, b.low_open) > low):
        low = b.low, b.low_open
    if a.high is None or (b.high is not None and (b.high, not b.high_open) < (a.high, not a.high_open)):
        high = b.high, b.high_open
    return Number(*low, *high, a.integer or b.integer, lcm(a.multiple, b.multiple), b.place)


def _meet_strings(a: String, b: String) -> String:
    return String(
        tuple(dict.fromkeys(a.patterns + b.patterns)),
        tuple(dict.fromkeys(a.formats + b.formats)),
        max(a.min_length, b.min_length),
        _least(a.max_length, b.max_length),
        b.place,
    )


def _meet_arrays(a: Array, b: Array) -> Array:
    size = max(len(a.prefix), len(b.prefix))
    prefix = tuple(meet(_item(a, i), _item(b, i)) for i in range(size))
    rest = meet(a.rest, b.rest)
    return Array(prefix, rest, max(a.min_items, b.min_items), _least(a.max_items, b.max_items), b.place)


def _item(part: Array, index: int) -> Shape:
    return part.prefix[index] if index < len(part.prefix) else part.rest


def _least(a: int | None, b: int | None) -> int | None:
    return b if a is None else a if b is None else min(a, b)


def _meet_objects(a: Object, b: Object) -> Object:
    properties = {
        name: meet(a.properties.get(name, a.rest), b.properties.get(name, b.rest))
        for name in dict.fromkeys([*a.properties, *b.properties])
    }
    return Object(properties, meet(a.rest, b.rest), tuple(dict.fromkeys(a.required + b.required)), b.place)


_MEETS: Mapping[type, Any] = {
    Null: lambda a, _: a,
    Boolean: lambda a, _: a,
    Number: _meet_numbers,
    String: _meet_strings,
    Array: _meet_arrays,
    Object: _meet_objects,
}


def contains(shape: Shape, value: Any) -> bool:
    """Whether the JSON value `value` belongs to `shape`, as the jsonschema library would decide."""
    return _contains(shape, value, {})


def _contains(shape: Shape, value: Any, known: dict[tuple[Shape, int], bool]) -> bool:
    """`known` is what is known already of the places of `value`, by their ids: many ways may lead to one definition."""
    match shape, value:
        case Anything(), _:
            return True
        case Ref(), _:
            target = resolve(shape)
            if (target, id(value)) not in known:
                known[target, id(value)] = _contains(target, value, known)
            return known[target, id(value)]
        case AnyOf(), _:
            return any(_contains(part, value, known) for part in shape.parts)
        case Values(), _:
            return key_of(value) in shape.values
        case (Null(), None) | (Boolean(), bool()):
            return True
        case String(), str():
            return is_string_of(shape, value)
        case Array(), list():
            most = len(value) if shape.max_items is None else shape.max_items
            items = (_contains(_item(shape, i), item, known) for i, item in enumerate(value))
            return shape.min_items <= len(value) <= most and all(items)
        case Object(), dict():
            pairs = ((shape.properties.get(name, shape.rest), item) for name, item in value.items())
            return all(name in value for name in shape.required) and all(_contains(s, v, known) for s, v in pairs)
        case Number(), int() | float() if not isinstance(value, bool):
            return is_number_of(shape, value)
        case _:
            return False


def described(shape: Shape) -> str:
    """The shape in a few words, for a message."""
    match shape:
        case Values(values=values):
            listed = ", ".join(excerpt(value, 30) for value in list(values.values())[:3])
            return f"the values {listed}{', ...' if len(values) > 3 else ''}" if len(values) > 1 else listed
        case AnyOf(parts=parts):
            return " or ".join(dict.fromkeys(described(part) for part in parts[:6]))
        case Number():
            return " ".join(["an integer" if shape.integer else "a number", *_bounds(shape)])
        case String():
            return " ".join(["a string", *_constraints(shape)])
        case Null() | Boolean() | Array() | Object():
            return {"array": "an array", "object": "an object", "null": "null"}.get(KIND_OF[type(shape)], "a boolean")
        case Never(reason=reason):
            return f"impossible ({reason})"
        case _:
            return "any value"


def _bounds(part: Number) -> Iterator[str]:
    if part.low is not None:
        yield f"{'>' if part.low_open else '>='} {excerpt(part.low, 30)}"
    if part.high is not None:
        yield f"{'<' if part.high_open else '<='} {excerpt(part.high, 30)}"
    if part.multiple > 1:
        yield f"multiple of {part.multiple}"


def _constraints(part: String) -> Iterator[str]:
    yield from (f"with pattern {excerpt(pattern, 40)}" for pattern in part.patterns)
    yield from (f"of format {excerpt(name)}" for name in part.formats)
    if part.min_length:
        yield f"minLength {part.min_length}"
    if part.max_length is not None:
        yield f"maxLength {part.max_length}"
