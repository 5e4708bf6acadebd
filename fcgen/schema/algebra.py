"""The algebra of Shapes: what two shapes have in common, what either means, what neither does, and which values belong.

`meet`, `union` and `complement` are exact, or refuse. A contradiction is a Never with both sides in its reason; it
passes upwards only as far as it must: an impossible property is merely forbidden, and only if it is required the object
is impossible too.

A Ref is not looked into: what it has in common with another shape is a new definition, made when it is asked for, and
so is what it leaves out. So recursive shapes meet too, and none of this goes deeper than the schema is nested.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache, reduce
from typing import Any

from fcgen.errors import SchemaError, UnsupportedKeyword, excerpt
from fcgen.grammar.work import spend
from fcgen.place import Place, pointer
from fcgen.schema.array_sets import checked_array, complement_array, meet_arrays
from fcgen.schema.contains import contains
from fcgen.schema.definitions import looked_into, resolve
from fcgen.schema.disjoint import disjoint
from fcgen.schema.number_sets import (
    Number,
    complement_number,
    described_number,
    meet_numbers,
    no_number,
)
from fcgen.schema.object_sets import checked_object, complement_object, meet_objects
from fcgen.schema.shape import (
    EVERY_KIND,
    KIND_OF,
    AnyOf,
    Anything,
    Array,
    Boolean,
    Never,
    Null,
    Object,
    Ref,
    Shape,
    String,
    Values,
)
from fcgen.schema.string_sets import (
    any_string,
    complement_string,
    described_string,
    meet_strings,
    no_string,
)
from fcgen.schema.values import key_of

MAX_SIZE = 50_000
MAX_STRINGS = 4
_MEMO = 20_000
_complements: dict[Shape, Shape] = {}  # of each other: the opposite of an opposite is the shape itself
_CHEAP = 100


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


@lru_cache(maxsize=_MEMO)
def meet(a: Shape, b: Shape) -> Shape:
    """What both mean.

    Raises:
        SchemaError: the alternatives of both, each with each, are too many.
        PatternError, GrammarTooLarge: a pattern cannot be read.
    """
    spend(2)
    a, b = looked_into(a), looked_into(b)
    if a is b or type(a) is Never or type(b) is Anything:
        return a
    if type(b) is Never or type(a) is Anything:
        return b
    if type(a) is Ref or type(b) is Ref:
        return _meet_later(a, b)
    if type(a) is Values:
        return _filtered(a, b)
    if type(b) is Values:
        return _filtered(b, a)
    if type(a) is AnyOf or type(b) is AnyOf:
        return _meet_parts(a, b)
    match a, b:
        case Number(), Number():
            return checked(meet_numbers(a, b))
        case String(), String():
            return checked(meet_strings(a, b))
        case Array(), Array():
            return checked(meet_arrays(a, b, meet))
        case Object(), Object():
            spend(len(a.properties) + len(b.properties))
            return checked(meet_objects(a, b, meet))
    return a if type(a) is type(b) else _nothing_in_common(a, b)


def _meet_later(a: Shape, b: Shape) -> Shape:
    """A definition under the set of what meets in it, so that what meets time and again is one definition."""
    ref, other = (a, b) if type(a) is Ref else (b, a)
    assert type(ref) is Ref
    parts = {key: part for shape in (a, b) for key, part in _meeting(shape)}
    if len(parts) == 1:
        return ref
    if any(opposite_key(key) in parts for key in parts):
        return Never("a value would have to be of a shape and not of it", other.place or ref.place)
    if disjoint(a, b, iter(range(_CHEAP)), depth=2):
        return _nothing_in_common(a, b)
    key, place = frozenset(parts), other.place or ref.place
    ref.definitions.define(key, lambda: reduce(meet, map(resolve, parts.values())), place)
    return Ref(key, ref.definitions, place, tuple(parts.values()))


def _meeting(shape: Shape) -> list[tuple[Hashable, Shape]]:
    parts = shape.parts if type(shape) is Ref and shape.parts else (shape,)
    return [(part.key if type(part) is Ref else part, part) for part in parts]


def _meet_parts(a: Shape, b: Shape) -> Shape:
    ours = a.parts if type(a) is AnyOf else (a,)
    theirs = b.parts if type(b) is AnyOf else (b,)
    strings = [[part for part in parts if type(part) is String] for parts in (ours, theirs)]
    if len(strings[0]) * len(strings[1]) > MAX_STRINGS:  # they are kept as they are, instead of each with each
        rest = [union([part for part in parts if type(part) is not String], place) for parts, place in
                ((ours, a.place), (theirs, b.place))]  # fmt: skip
        mixed = [meet(union(x), y) for x, y in ((strings[0], rest[1]), (strings[1], rest[0]))]
        return union([checked(any_string(*strings)), *mixed, meet(rest[0], rest[1])], a.place)
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
    return selected(values, lambda value: contains(shape, value), lambda: f"is {described(shape)}")


def selected(values: Values, keep: Any, what: Any) -> Shape:
    """Those of the values that `keep` is true of; `what()` says what it demands."""
    spend(len(values.values))
    kept = {key: value for key, value in values.values.items() if keep(value)}
    if len(kept) == len(values.values):
        return values
    if not kept:
        return Never(f"none of {described(values)} {what()}", values.place)
    return Values(kept, values.place)


def checked(part: Shape) -> Shape:
    """The part, or Never where it contradicts itself; its counts cut down to what is possible."""
    match part:
        case Number() if no_number(part):
            return Never(f"no number is {described(part)}", part.place)
        case String() if no_string(part):
            return Never(f"no string is {described(part)}", part.place)
        case Array():
            return checked_array(part)
        case Object():
            return checked_object(part, meet)
        case _:
            return part


def opposite_key(key: Hashable) -> Hashable:
    """The key of the complement of a definition."""
    return key[1] if type(key) is tuple and len(key) == 2 and key[0] is complement else (complement, key)


def complement(shape: Shape) -> Shape:
    """Every value that is not of `shape`. Raises UnsupportedKeyword where that is not known."""
    found = _complements.get(shape)
    if found is None:
        if len(_complements) > _MEMO:
            _complements.clear()
        found = _complements[shape] = _complement(shape)
        if found not in EVERY_KIND:  # those are shared, and may stand for the opposite of other shapes as well
            _complements.setdefault(found, shape)
    return found


def _complement(shape: Shape) -> Shape:
    match shape:
        case Never():
            return Anything(shape.place)
        case Anything():
            return Never("any value is allowed where none must be", shape.place)
        case AnyOf():
            return reduce(meet, map(complement, shape.parts))
        case Ref() if shape.need is not None:
            return complement(resolve(shape))
        case Ref() if shape.parts:
            return union(map(complement, shape.parts), shape.place)
        case Ref():
            key = opposite_key(shape.key)
            return shape.definitions.define(key, lambda: complement(resolve(shape)), shape.place)
        case Values():
            return reduce(meet, [_unlike(value, shape.place) for value in _by_kind(shape)])
        case _:
            return union([*_other_kinds(type(shape)), *map(checked, _opposites(shape))], shape.place)


def _other_kinds(*kinds: type) -> list[Shape]:
    return [kind for kind in EVERY_KIND if type(kind) not in kinds]


def _opposites(shape: Shape) -> Iterable[Shape]:
    """The values of the kind of `shape` that are not of it."""
    match shape:
        case Number():
            ranges = complement_number(replace(shape, excluded=frozenset()) if shape.excluded else shape)
            return [*ranges, *_listed(shape.excluded, shape.place)]
        case String():
            return [*complement_string(shape), *_listed(shape.excluded, shape.place)]
        case Array():
            return complement_array(shape, complement)
        case Object():
            return complement_object(shape, complement, meet)
        case _:
            return []


def _listed(excluded: frozenset[Any], place: Place) -> list[Shape]:
    values: dict[Hashable, Any] = {key_of(value): value for value in sorted(excluded)}
    return [Values(values, place)] if values else []


def _by_kind(shape: Values) -> Iterable[list[Any]]:
    """The values, those that are excluded together in one list."""
    groups: dict[Any, list[Any]] = {}
    for key, value in shape.values.items():
        kind = key if isinstance(value, list | dict) else float if type(value) is int else type(value)
        groups.setdefault(kind, []).append(value)
    return groups.values()


def _unlike(values: list[Any], place: Place) -> Shape:
    """Every value but these, which are of one kind."""
    match values[0]:
        case None:
            return union(_other_kinds(Null), place)
        case bool():
            left = {key_of(value): value for value in (True, False) if value not in values}
            return union([*_other_kinds(Boolean), *([Values(left, place)] if left else [])], place)
        case str():
            return union([*_other_kinds(String), String(excluded=frozenset(values), place=place)], place)
        case int() | float():
            return union([*_other_kinds(Number), Number(excluded=frozenset(values), place=place)], place)
        case value:
            return complement(shape_of(value, place))


def shape_of(value: list[Any] | dict[str, Any], place: Place = None) -> Array | Object:
    """The shape of one array or object, by its parts."""
    if isinstance(value, list):
        none = Never("an array of another length", place)
        items = tuple(Values({key_of(item): item}, place) for item in value)
        return Array(items, none, len(value), len(value), place=place)
    members: dict[str, Shape] = {name: Values({key_of(item): item}, place) for name, item in value.items()}
    return Object(members, (), tuple(members), place=place)


def exclude(shape: Shape, other: Shape) -> Shape:
    """What is of `shape` and not of `other`. Raises as `complement` does."""
    match shape:
        case Never():
            return shape
        case Values():
            return selected(
                shape, lambda value: not contains(other, value), lambda: f"is anything but {described(other)}"
            )
        case AnyOf():
            return union([exclude(part, other) for part in shape.parts], shape.place)
        case _:
            return meet(shape, complement(of_kind(other, shape)))


def divided(shape: Shape, other: Shape) -> tuple[Shape, Shape]:
    """What of `shape` is of `other`, and the rest of it.

    In the rest may be what is of `other` too, where that is not simply known: of definitions, or of what has no
    complement.
    """
    both = meet(shape, other)
    if both is shape:
        return both, Never("nothing is left", shape.place)
    if type(both) is Ref:
        return both, shape
    try:
        return both, exclude(shape, other)
    except UnsupportedKeyword:
        return both, shape


def of_kind(shape: Shape, like: Shape) -> Shape:
    """The alternatives of `shape` that are of the same kind as `like`, if its kind is known."""
    if type(shape) is not AnyOf or type(like) not in KIND_OF:
        return shape
    return union([part for part in shape.parts if not _differ_in_kind(part, like)], shape.place)


def forget() -> None:
    """Let go of the shapes that were put together lately; they are remembered because the same ones meet often."""
    meet.cache_clear()
    _complements.clear()


_KIND_NAMES: Mapping[str, str] = {"array": "an array", "object": "an object", "null": "null", "boolean": "a boolean"}


def described(shape: Shape) -> str:
    """The shape in a few words, for a message."""
    match shape:
        case Values(values=values):
            listed = ", ".join(excerpt(value, 30) for value in list(values.values())[:3])
            return f"the values {listed}{', ...' if len(values) > 3 else ''}" if len(values) > 1 else listed
        case AnyOf(parts=parts):
            return " or ".join(dict.fromkeys(described(part) for part in parts[:6]))
        case Number():
            return described_number(shape)
        case String():
            return described_string(shape)
        case Null() | Boolean() | Array() | Object():
            return _KIND_NAMES[KIND_OF[type(shape)]]
        case Never(reason=reason):
            return f"impossible ({reason})"
        case _:
            return "any value"
