"""The algebra of Arrays: what two have in common, what is in none, and whether there is any.

What an item that breaks `items` makes of an array is again a constraint on arrays: there is an item, from a certain
index on, that is not of the shape (`Contains`). The opposite of unique items is refused: what
closes such an array would be as long as an item that was written, of which no budget could be sure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from fcgen.errors import UnsupportedKeyword
from fcgen.place import pointer
from fcgen.schema.shape import ANYTHING, Array, Contains, Never, Shape
from fcgen.schema.string_sets import least


def item_of(part: Array, index: int) -> Shape:
    """What the item at `index` must be."""
    return part.prefix[index] if index < len(part.prefix) else part.rest


def meet_arrays(a: Array, b: Array, meet: Callable[[Shape, Shape], Shape]) -> Array:
    """The arrays of both; there may be none."""
    size = max(len(a.prefix), len(b.prefix))
    return Array(
        tuple(meet(item_of(a, i), item_of(b, i)) for i in range(size)),
        meet(a.rest, b.rest),
        max(a.min_items, b.min_items),
        least(a.max_items, b.max_items),
        a.contains + tuple(c for c in b.contains if c not in a.contains),
        a.unique or b.unique,
        b.place,
    )


def complement_array(part: Array, complement: Callable[[Shape], Shape]) -> Iterator[Array]:
    """The arrays that are not of `part`, as a union. Raises UnsupportedKeyword for unique items."""
    place = part.place
    if part.unique:
        raise UnsupportedKeyword(
            "`uniqueItems` is enforced, but its opposite (some items are equal) is not",
            pointer=pointer((place, "uniqueItems")),
            keyword="uniqueItems",
        )
    if part.min_items:
        yield Array(max_items=part.min_items - 1, place=place)
    if part.max_items is not None:
        yield Array(min_items=part.max_items + 1, place=place)
    for i, item in enumerate(part.prefix):
        other = complement(item)
        if type(other) is not Never:
            yield Array((ANYTHING,) * i + (other,), min_items=i + 1, place=place)
    other, size = complement(part.rest), len(part.prefix)
    if type(other) is not Never:
        yield Array(min_items=size + 1, contains=(Contains(other, size),), place=place)
    for known in part.contains:
        if known.least:
            yield Array(contains=(replace(known, least=0, most=known.least - 1),), place=place)
        if known.most is not None:
            yield Array(contains=(replace(known, least=known.most + 1, most=None),), place=place)


def checked_array(part: Array) -> Array | Never:
    """The array, or Never where it contradicts itself; its counts cut down to what is possible."""
    low, high = part.min_items, part.max_items
    for known in part.contains:
        if known.most is not None and known.least > known.most:
            return Never(f"minContains {known.least} > maxContains {known.most}", part.place)
        if known.least and type(known.item) is Never:
            return Never(f"`contains` is impossible: {known.item.reason}", known.item.place)
        low = max(low, known.start + known.least if known.least else 0)
    if high is not None and low > high:
        return Never(f"minItems {low} > maxItems {high}", part.place)
    size, end = next(
        ((i, item) for i, item in enumerate((*part.prefix, part.rest)) if isinstance(item, Never)), (0, None)
    )
    if end is not None and (high is None or high > size):
        if low > size:
            return Never(f"minItems {low}, but only {size} items are possible: {end.reason}", end.place)
        return replace(part, prefix=part.prefix[:size], rest=end, min_items=low, max_items=size)
    return part if low == part.min_items else replace(part, min_items=low)


def is_array_of(
    part: Array, value: list[Any], is_of: Callable[[Shape, Any], bool], key_of: Callable[[Any], Any]
) -> bool:
    """Whether the array `value` is of `part`."""
    if len(value) < part.min_items or (part.max_items is not None and len(value) > part.max_items):
        return False
    if part.unique and len({key_of(item) for item in value}) < len(value):
        return False
    for known in part.contains:
        count = sum(is_of(known.item, item) for item in value[known.start :])
        if count < known.least or (known.most is not None and count > known.most):
            return False
    return all(is_of(item_of(part, i), item) for i, item in enumerate(value))
