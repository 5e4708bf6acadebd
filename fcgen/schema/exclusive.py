"""Which alternatives exclude each other, so that `oneOf` means the same as `anyOf`.

Provable are: different kinds, ranges and lengths that do not touch, listed values, and objects that a required property
tells apart. What cannot be proved is refused, since an exact `oneOf` of alternatives that overlap needs complements.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import combinations

from fcgen.errors import UnsupportedKeyword, excerpt
from fcgen.schema.algebra import contains, meet
from fcgen.schema.place import Place, pointer
from fcgen.schema.shape import KIND_OF, AnyOf, Array, Never, Number, Object, Shape, String, Values, resolve

MAX_STEPS = 20_000
_DEPTH = 4


def check_exclusive(branches: Sequence[Shape], place: Place) -> None:
    """Raise UnsupportedKeyword unless no value belongs to two of the branches."""
    shapes = [shape for shape in map(resolve, branches) if type(shape) is not Never]
    if _told_apart(shapes):
        return
    steps = iter(range(MAX_STEPS))
    for (i, a), (j, b) in combinations(enumerate(shapes), 2):
        if not disjoint(a, b, steps):
            raise UnsupportedKeyword(
                f"alternatives {i} and {j} of `oneOf` may both be valid, which is not ruled out yet",
                pointer=pointer((place, "oneOf")),
                keyword="oneOf",
                hint="Use `anyOf`, or a required property with a different `const` in each alternative.",
            )


def check_discriminator(branches: Sequence[Shape], name: str, place: Place) -> None:
    """Raise UnsupportedKeyword unless the branches are objects that the property `name` tells apart."""
    shapes = [shape for shape in map(resolve, branches) if type(shape) is not Never]
    if not shapes or not _told_apart_by(name, shapes):
        raise UnsupportedKeyword(
            f"`discriminator` names the property {excerpt(name)}, which does not tell the alternatives apart",
            pointer=pointer((place, "discriminator")),
            keyword="discriminator",
            hint="Require it, with a different `const`, in each alternative.",
        )


def _told_apart(shapes: Sequence[Shape]) -> bool:
    first = shapes[0] if shapes else None
    return isinstance(first, Object) and any(_told_apart_by(name, shapes) for name in first.required[:20])


def _told_apart_by(name: str, shapes: Sequence[Shape]) -> bool:
    seen: set[Hashable] = set()
    for shape in shapes:
        if not isinstance(shape, Object) or name not in shape.required or name not in shape.properties:
            return False
        keys = _keys(resolve(shape.properties[name]))
        if not keys or keys & seen:
            return False
        seen |= keys
    return True


def _keys(shape: Shape) -> set[Hashable]:
    """The keys of the values of a shape that is a list of values; else none."""
    return set(shape.values) if isinstance(shape, Values) else set()


def disjoint(a: Shape, b: Shape, steps: Iterator[int], depth: int = _DEPTH) -> bool:
    """Whether it is certain, after so many steps, that no value belongs to both."""
    a, b = resolve(a), resolve(b)
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
        case (Number(), Number()) | (String(), String()):
            return isinstance(meet(a, b), Never)
        case Array(), Array():
            return _shorter(a, b) or _shorter(b, a)
        case Object(), Object():
            names = dict.fromkeys([*a.required, *b.required])
            return any(_tells_apart(name, a, b, steps, depth) for name in names)
        case _:
            return type(a) is not type(b) and type(a) in KIND_OF and type(b) in KIND_OF


def _shorter(a: Array, b: Array) -> bool:
    return a.max_items is not None and a.max_items < b.min_items


def _tells_apart(name: str, a: Object, b: Object, steps: Iterator[int], depth: int) -> bool:
    """Whether a property that one of them requires can have no value that suits both."""
    return disjoint(a.properties.get(name, a.rest), b.properties.get(name, b.rest), steps, depth - 1)
