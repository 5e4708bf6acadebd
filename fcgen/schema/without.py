"""Shape -> its values that hold no array of one part: what any finite value ends with.

Where items that must differ may hold the array itself, the innermost of these arrays has items that hold none. So there
are enough different items if there are enough of those, and these are found without looking at the array again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fcgen.schema.algebra import checked, union
from fcgen.schema.definitions import resolve
from fcgen.schema.shape import AnyOf, Array, Group, Never, Object, Ref, Shape, Witness


def without(shape: Shape, part: Array, holds: Callable[[Shape], bool]) -> Shape:
    """The values of `shape` that hold no array of `part`; `holds` says whether a value of a shape may hold one."""

    def left(shape: Shape) -> Shape:
        if not holds(shape):
            return shape
        match shape:
            case Ref():
                key = (without, part, shape.key)
                return shape.definitions.define(key, lambda: left(resolve(shape)), shape.place)
            case AnyOf():
                return union(map(left, shape.parts), shape.place)
            case Array() if shape is not part:
                counted = tuple(replace(known, item=left(known.item)) for known in shape.contains)
                prefix = tuple(map(left, shape.prefix))
                return checked(replace(shape, prefix=prefix, rest=left(shape.rest), contains=counted))
            case Object():
                properties = {name: left(value) for name, value in shape.properties.items()}
                groups = tuple(Group(group.names, left(group.value)) for group in shape.groups)
                demands = tuple(
                    replace(one, witnesses=tuple(Witness(known.names, left(known.value)) for known in one.witnesses))
                    for one in shape.demands
                )
                return checked(replace(shape, properties=properties, groups=groups, demands=demands))
            case _:
                return Never("it would have to hold the array itself", part.place)

    return left(shape)
