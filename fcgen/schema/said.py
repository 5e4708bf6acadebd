"""What a shape says, apart from where it stands: shapes with equal contents mean the same values, written the same.

Shapes compare by identity. Schemas repeat themselves (each branch has the same list of ports), and what is told apart
by the same shape twice takes four ways instead of two.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import fields
from typing import Any

from fcgen.grammar.work import spend
from fcgen.schema.number_sets import Number
from fcgen.schema.shape import (
    AnyOf,
    Anything,
    Array,
    Boolean,
    Contains,
    Demand,
    Group,
    Never,
    Null,
    Object,
    Ref,
    Shape,
    String,
    Values,
    Witness,
)

DEPTH = 32
_FIELDS = {
    kind: tuple(field.name for field in fields(kind) if field.name != "place")
    for kind in (Anything, Null, Boolean, Number, String, Array, Contains, Object, Group, Demand, Witness, AnyOf)
}


class Said:
    """What shapes say, each found once, and numbered."""

    def __init__(self) -> None:
        self._found: dict[tuple[Shape, int], int] = {}
        self._numbers: dict[Hashable, int] = {}

    def of(self, shape: Shape) -> Hashable:
        """What the shape says. Far below, shapes count as equal only if they are the same object."""
        return self._of(shape, DEPTH)

    def _of(self, one: Any, depth: int) -> Hashable:
        kind = type(one)
        if kind is tuple:
            return tuple(self._of(part, depth) for part in one)
        if isinstance(one, Mapping):
            return tuple((name, self._of(part, depth)) for name, part in one.items())
        if kind is Never:
            return Never
        if kind is Ref:
            return Ref, one.key, one.definitions
        if kind is Values:
            return Values, repr(one.values)
        if kind not in _FIELDS or depth == 0:
            return one  # type: ignore[no-any-return]
        found = self._found.get((one, depth))
        if found is None:
            spend()
            content = (kind, *(self._of(getattr(one, name), depth - 1) for name in _FIELDS[kind]))
            found = self._found[one, depth] = self._numbers.setdefault(content, len(self._numbers))
        return found
