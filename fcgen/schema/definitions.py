"""Shapes under keys: how a schema refers to itself, and how a shape that would be large is made only when asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from fcgen.errors import CircularRef, SchemaError
from fcgen.grammar.terms import building
from fcgen.place import Place, pointer
from fcgen.schema.costs import located
from fcgen.schema.shape import AnyOf, Defined, Ref, Shape

MAX_CHAIN = 30
MAX_DEFINITIONS = 20_000


class Definitions:
    """Shapes under keys, each made from its recipe when it is first asked for.

    Attributes:
        keys: all but the plain ones, in the order of their definition; it grows while shapes are made.
    """

    __slots__ = ("_open", "_recipes", "_shapes", "keys")

    def __init__(self) -> None:
        self.keys: list[Hashable] = []
        self._recipes: dict[Hashable, tuple[Callable[[], Shape], Place]] = {}
        self._shapes: dict[Hashable, Shape] = {}
        self._open: set[Hashable] = set()

    def define(self, key: Hashable, recipe: Callable[[], Shape], place: Place) -> Ref:
        """The shape under `key`, which `recipe` makes if no earlier one was given."""
        if key not in self._recipes:
            if len(self.keys) >= MAX_DEFINITIONS:
                where = pointer(place)
                raise SchemaError(
                    "too many parts of schemas that must hold together", pointer=where, limit=MAX_DEFINITIONS
                )
            self._recipes[key] = (recipe, place)
            self.keys.append(key)
        return Ref(key, self, place)

    def define_plain(self, schema: Any, recipe: Callable[[], Shape], place: Place, need: int) -> Ref:
        """The same of a plain schema, which refers to no other one, and whose recipe cannot fail."""
        key = "plain", id(schema)
        self._recipes.setdefault(key, (recipe, place))
        return Ref(key, self, place, need=need, schema=schema)

    def __getitem__(self, key: Hashable) -> Shape:
        found = self._shapes.get(key)
        return self._make(key) if found is None else found

    def __setitem__(self, key: Hashable, shape: Shape) -> None:
        self._shapes[key] = shape

    def _make(self, key: Hashable) -> Shape:
        with building:  # what is read late may be asked for by several threads
            if key in self._shapes:
                return self._shapes[key]
            recipe, place = self._recipes[key]
            if key in self._open:
                raise circular(place)
            if len(self._open) >= MAX_CHAIN:
                raise CircularRef("`$ref` leads through too many others", pointer=pointer(place), limit=MAX_CHAIN)
            self._open.add(key)
            try:
                with located(place):
                    self._shapes[key] = recipe()
            finally:
                self._open.remove(key)
            return self._shapes[key]


def resolve(shape: Shape) -> Shape:
    """The shape itself: what a Ref leads to, through further ones.

    Raises SchemaError where it leads back to itself.
    """
    if type(shape) is not Ref:
        return shape
    passed: dict[Hashable, Defined] = {}
    while type(shape) is Ref:
        if shape.key in passed:
            raise circular(shape.place)
        passed[shape.key] = shape.definitions
        shape = shape.definitions[shape.key]
    for key, definitions in passed.items():
        definitions[key] = shape
    return shape


def looked_into(shape: Shape) -> Shape:
    """What a plain definition holds; of other ones, and of other shapes, the shape as it is."""
    return resolve(shape) if type(shape) is Ref and shape.need is not None else shape


def peek(shape: Shape) -> Shape | None:
    """The shape itself, like `resolve`; None where that cannot be made yet, or at all."""
    try:
        return resolve(shape)
    except SchemaError:  # which is raised once more where it is made for its own sake
        return None


def circular(place: Place) -> CircularRef:
    """The error for a definition that is asked for while it is being made: by itself, or too early."""
    return CircularRef(
        "`$ref` leads back to itself before it describes any value",
        pointer=pointer(place),
        keyword="$ref",
        hint="Let the cycle pass through a property or an item.",
    )


def check_cycles(definitions: Definitions) -> None:
    """Raise SchemaError where a definition is a choice that leads back to itself with no property or item between."""
    done: set[Hashable] = set()
    for first in definitions.keys:
        path: dict[Hashable, list[Ref]] = {first: _alternatives(definitions[first])}
        while path:
            key, ahead = next(reversed(path.items()))
            ref = ahead.pop() if ahead else None
            if ref is None:
                done.add(key)
                del path[key]
            elif ref.key in path:
                raise circular(ref.place)
            elif ref.key not in done:
                path[ref.key] = _alternatives(definitions[ref.key])


def _alternatives(shape: Shape) -> list[Ref]:
    parts = shape.parts if type(shape) is AnyOf else (shape,)
    return [part for part in parts if type(part) is Ref]
