"""Exactly one of several shapes: each without what the others mean.

What excludes each other anyway is left as it is, since leaving nothing out is cheaper than a complement, and possible
where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import reduce
from typing import Any

from fcgen.place import Place
from fcgen.schema.algebra import exclude, meet, union
from fcgen.schema.definitions import peek
from fcgen.schema.disjoint import disjoint
from fcgen.schema.shape import Never, Object, Shape, Values
from fcgen.schema.values import key_of

MAX_STEPS = 20_000


def exactly_one(
    shape: Shape, branches: Sequence[Shape], place: Place, narrow: Callable[[Sequence[Shape]], list[Shape]] = list
) -> Shape:
    """What belongs to `shape` and to exactly one of the branches.

    `narrow` says what else is known of the branches, once each is without the others.

    Raises UnsupportedKeyword where two branches may overlap and the complement of one is not known.
    """
    wholes = [meet(shape, branch) for branch in branches]
    possible = [i for i, whole in enumerate(wholes) if type(peek(whole)) is not Never]
    if len(possible) < 2:
        return union(narrow(wholes), place)
    if _told_apart([wholes[i] for i in possible]):
        return union(narrow(wholes), place)
    steps = iter(range(MAX_STEPS))
    found = list(wholes)
    for i in possible:
        others = [branches[j] for j in possible if j != i and not disjoint(wholes[i], wholes[j], steps)]
        if others:
            found[i] = reduce(exclude, others, peek(wholes[i]) or wholes[i])
    one = union(narrow(found), place)
    return Never(f"nothing is of exactly one branch ({one.reason})", place) if type(one) is Never else one


def named_apart(branches: Sequence[Shape], names: Sequence[Sequence[str]], name: str, place: Place) -> list[Shape]:
    """The branches, of which the property `name` says which one is meant, by one of its `names`.

    OpenAPI 3.1, section 4.8.25. Branches that the property tells apart by itself are left as they are.
    """
    if told_apart_by(name, branches):
        return list(branches)
    return [
        meet(branch, _named(name, given, place)) if given else branch
        for branch, given in zip(branches, names, strict=True)
    ]


def _named(name: str, given: Sequence[str], place: Place) -> Shape:
    return Object({name: Values({key_of(one): one for one in given}, place)}, required=(name,), place=place)


def _told_apart(shapes: Sequence[Shape]) -> bool:
    first = peek(shapes[0])
    return isinstance(first, Object) and any(told_apart_by(name, shapes) for name in first.required[:20])


def told_apart_by(name: str, shapes: Sequence[Shape]) -> bool:
    """Whether all shapes are objects that require a property `name`, with different listed values in each."""
    seen: set[Hashable] = set()
    for shape in map(peek, shapes):
        if not isinstance(shape, Object) or name not in shape.required or name not in shape.properties:
            return False
        values = peek(shape.properties[name])
        keys = set(values.values) if isinstance(values, Values) else set()
        if not keys or keys & seen:
            return False
        seen |= keys
    return True


def names_of(discriminator: Mapping[str, Any], refs: Sequence[str | None]) -> list[list[str]]:
    """For each branch, by its `$ref`, the names that OpenAPI's `discriminator` gives it."""
    mapping = discriminator.get("mapping", {})
    mapped: dict[str, list[str]] = {}
    for name, ref in mapping.items() if isinstance(mapping, Mapping) else ():
        mapped.setdefault(str(ref).rsplit("/", 1)[-1], []).append(name)
    return [[] if ref is None else mapped.get(last := ref.rsplit("/", 1)[-1], [last]) for ref in refs]
