"""What a JSON Schema means: a Shape is a set of JSON values, as a union of typed parts.

The parts: null, booleans, numbers in a range, strings of a language, arrays, objects, and finitely many given values;
besides them anything, never (which remembers why), and a reference to a shape that stands under a key, which is how
recursion is written. Each part remembers its place in the schema, for error messages.

Invariants that the constructors of `algebra.py` keep: an AnyOf has at least two parts, none of them AnyOf, Never or
Anything; a Number with `integer` set may have a `multiple`; an Array or Object has no obvious contradiction in it.
Shapes compare by identity: they are shared, and a definition used in two places is one object.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from fcgen.errors import SchemaError
from fcgen.schema.keywords import Kind
from fcgen.schema.place import Place, pointer

MAX_DEPTH = 80
MAX_CHAIN = 30
MAX_DEFINITIONS = 20_000

Real: TypeAlias = int | float


@dataclass(frozen=True, slots=True, eq=False)
class Never:
    """No value at all, and why."""

    reason: str
    place: Place


@dataclass(frozen=True, slots=True, eq=False)
class Anything:
    """Any JSON value."""

    place: Place = None


@dataclass(frozen=True, slots=True, eq=False)
class Null:
    """null."""

    place: Place = None


@dataclass(frozen=True, slots=True, eq=False)
class Boolean:
    """true and false."""

    place: Place = None


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """Numbers in a range.

    Attributes:
        low: the lower bound; None: there is none.
        low_open: whether the lower bound itself is left out.
        high: the upper bound, likewise.
        high_open: whether the upper bound itself is left out.
        integer: whether only integers are meant.
        multiple: the integers are multiples of this.
    """

    low: Real | None = None
    low_open: bool = False
    high: Real | None = None
    high_open: bool = False
    integer: bool = False
    multiple: int = 1
    place: Place = None


@dataclass(frozen=True, slots=True, eq=False)
class String:
    """Strings that have every one of the patterns somewhere in them, are of every format, and have a length in range.

    Lengths count characters (code points).
    """

    patterns: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    min_length: int = 0
    max_length: int | None = None
    place: Place = None

    @property
    def is_any(self) -> bool:
        """Whether any string is meant."""
        return not (self.patterns or self.formats or self.min_length) and self.max_length is None


@dataclass(frozen=True, slots=True, eq=False)
class Array:
    """Arrays that begin with items of `prefix`, all further ones of `rest`; short ones may end within the prefix."""

    prefix: tuple[Shape, ...] = ()
    rest: Shape = field(default_factory=Anything)
    min_items: int = 0
    max_items: int | None = None
    place: Place = None


@dataclass(frozen=True, slots=True, eq=False)
class Object:
    """Objects: the properties that are known by name, in the order to write them; the rest; and which must be there.

    A known property that is Never must not be there. A required name need not be a known one.
    """

    properties: Mapping[str, Shape] = field(default_factory=dict)
    rest: Shape = field(default_factory=Anything)
    required: tuple[str, ...] = ()
    place: Place = None


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """These JSON values, by the key under which equal values are one (`values.py`)."""

    values: Mapping[Hashable, Any]
    place: Place = None


@dataclass(frozen=True, slots=True, eq=False)
class AnyOf:
    """What at least one of the parts means. Parts may overlap."""

    parts: tuple[Shape, ...]
    place: Place = None


@dataclass(frozen=True, slots=True, eq=False)
class Ref:
    """The shape that `definitions` has under `key`; what `parts` have in common, if there are any."""

    key: Hashable
    definitions: Definitions
    place: Place = None
    parts: tuple[Shape, ...] = ()


Shape: TypeAlias = Never | Anything | Null | Boolean | Number | String | Array | Object | Values | AnyOf | Ref

ANYTHING = Anything()

KIND_OF: Mapping[type, Kind] = {
    Null: "null",
    Boolean: "boolean",
    Number: "number",
    String: "string",
    Array: "array",
    Object: "object",
}


class Definitions:
    """Shapes under keys, each made from its recipe when it is first asked for."""

    __slots__ = ("_open", "_recipes", "_shapes", "keys")

    def __init__(self) -> None:
        self.keys: list[Hashable] = []  # in the order of their definition; grows while shapes are made
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

    def __getitem__(self, key: Hashable) -> Shape:
        found = self._shapes.get(key)
        return self._make(key) if found is None else found

    def __setitem__(self, key: Hashable, shape: Shape) -> None:
        self._shapes[key] = shape

    def _make(self, key: Hashable) -> Shape:
        recipe, place = self._recipes[key]
        if key in self._open:
            raise loops(place)
        if len(self._open) >= MAX_CHAIN:
            raise SchemaError("`$ref` leads through too many others", pointer=pointer(place), limit=MAX_CHAIN)
        self._open.add(key)
        try:
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
    passed: dict[Hashable, Definitions] = {}
    while type(shape) is Ref:
        if shape.key in passed:
            raise loops(shape.place)
        passed[shape.key] = shape.definitions
        shape = shape.definitions[shape.key]
    for key, definitions in passed.items():
        definitions[key] = shape
    return shape


def loops(place: Place) -> SchemaError:
    """The error for a `$ref` that is defined by nothing but itself."""
    return SchemaError(
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
                raise loops(ref.place)
            elif ref.key not in done:
                path[ref.key] = _alternatives(definitions[ref.key])


def _alternatives(shape: Shape) -> list[Ref]:
    parts = shape.parts if type(shape) is AnyOf else (shape,)
    return [part for part in parts if type(part) is Ref]
