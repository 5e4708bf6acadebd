"""Which shapes certainly have no value in common, as far as that is cheap to prove.

Proved are different kinds, ranges and lengths that do not touch, listed values, and objects that a required property
tells apart.
"""

from __future__ import annotations

from collections.abc import Iterator

from fcgen.schema.contains import contains
from fcgen.schema.definitions import peek
from fcgen.schema.number_sets import Number, meet_numbers, no_number
from fcgen.schema.object_sets import value_of
from fcgen.schema.shape import KIND_OF, AnyOf, Array, Never, Object, Shape, String, Values
from fcgen.schema.string_sets import meet_strings, no_string

DEPTH = 4


def disjoint(first: Shape, second: Shape, steps: Iterator[int], depth: int = DEPTH) -> bool:
    """Whether it is certain, after so many steps, that no value belongs to both."""
    a, b = peek(first), peek(second)
    if a is None or b is None:
        return False
    if isinstance(a, Never) or isinstance(b, Never):
        return True
    if depth == 0 or next(steps, None) is None:
        return False
    if isinstance(a, AnyOf) or isinstance(b, AnyOf):
        ours = a.parts if isinstance(a, AnyOf) else (a,)
        theirs = b.parts if isinstance(b, AnyOf) else (b,)
        return all(disjoint(x, y, steps, depth - 1) for x in ours for y in theirs)
    match a, b:
        case Values(), _:
            return not any(contains(b, value) for value in a.values.values())
        case _, Values():
            return disjoint(b, a, steps, depth)
        case Number(), Number():
            return no_number(meet_numbers(a, b))
        case String(), String():
            return no_string(meet_strings(a, b))
        case Array(), Array():
            return _shorter(a, b) or _shorter(b, a)
        case Object(), Object():
            names = dict.fromkeys([*a.required, *b.required])
            return any(disjoint(value_of(a, name), value_of(b, name), steps, depth - 1) for name in names)
        case _:
            return type(a) is not type(b) and type(a) in KIND_OF and type(b) in KIND_OF


def _shorter(a: Array, b: Array) -> bool:
    return a.max_items is not None and a.max_items < b.min_items
