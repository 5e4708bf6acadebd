"""`if`, `then` and `else`: what is of the test must be of one shape, everything else of another.

In general that is a union of two meets. Where objects are concerned and `then` only says which properties must or must
not be there, it is one more demand on the object instead ("a property breaks the test, or that one is there"), so that
many such conditions beside each other do not multiply.
"""

from __future__ import annotations

from fcgen.place import Place
from fcgen.schema.algebra import complement, exclude, meet, of_kind, union
from fcgen.schema.shape import (
    ANYTHING,
    EVERY_KIND,
    EVERY_NAME,
    AnyOf,
    Anything,
    Demand,
    Never,
    Object,
    Shape,
    Witness,
)

ANY_OBJECT = Object()
MAX_DEMANDS = 16


def conditional(shape: Shape, test: Shape, then: Shape, other: Shape, place: Place) -> Shape:
    """What of `shape` is of `then` if it is of `test`, and of `other` if it is not.

    Raises UnsupportedKeyword where the complement of the test is not known.
    """
    if type(other) is Anything and isinstance(shape, Object | Anything):
        demand = _demand(test, then, place)
        if demand is not None and type(shape) is Object:
            return meet(shape, demand)
        if demand is not None:
            others = AnyOf(tuple(kind for kind in EVERY_KIND if type(kind) is not Object))
            return union([demand, meet(meet(others, test), then), exclude(others, test)], place)
    return union([meet(meet(shape, test), then), meet(exclude(shape, test), other)], place)


def _demand(test: Shape, then: Shape, place: Place) -> Object | None:
    """The objects that break the test or are of `then`, if demands can say that."""
    demands = _demands(of_kind(then, ANY_OBJECT))
    if demands is None or not all(map(_is_plain, demands)):
        return None
    parts = complement(of_kind(test, ANY_OBJECT))
    objects = [part for part in (parts.parts if type(parts) is AnyOf else (parts,)) if type(part) is Object]
    broken = _demands(union(objects))
    if broken is None or len(broken) * len(demands) > MAX_DEMANDS:
        return None
    return Object(demands=tuple(_either(one, another) for one in broken for another in demands), place=place)


def _demands(part: Shape) -> list[Demand] | None:
    """What is demanded of objects, if they are all of this shape but for demands of them."""
    if type(part) is not Object or part.groups is not EVERY_NAME:
        return None
    if part.min_properties or part.max_properties is not None:
        return None
    found = list(part.demands)
    for name, value in part.properties.items():
        if type(value) is Never:
            found.append(Demand(absent=(name,)))
        elif type(value) is not Anything:
            found.append(Demand((Witness(name, value),), () if name in part.required else (name,)))
    is_there = (name for name in part.required if type(part.properties.get(name, ANYTHING)) is Anything)
    return found + [Demand((Witness(name, ANYTHING),)) for name in is_there]


def _is_plain(demand: Demand) -> bool:
    """Whether it only says that something is there, or is not."""
    return all(type(witness.value) is Anything for witness in demand.witnesses)


def _either(one: Demand, another: Demand) -> Demand:
    return Demand(one.witnesses + another.witnesses, tuple(dict.fromkeys(one.absent + another.absent)))
