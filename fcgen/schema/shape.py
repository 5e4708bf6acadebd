"""What a JSON Schema means: a Shape is a set of JSON values, as a union of typed parts.

The parts: null, booleans, numbers, strings of a language, arrays, objects, and finitely many given values; besides them
anything, never (which remembers why), and a reference to a shape that stands under a key, which is how recursion is
written. Each part remembers its place in the schema, for error messages.

Every part is a conjunction that is closed under complement: what one constraint rules out is a part (or a few) again.
So an array says how many of its items match a shape, and an object what some property must be or lack, besides what
`items` and `properties` say.

Invariants that the constructors of `algebra.py` keep: an AnyOf has at least two parts, none of them AnyOf, Never or
Anything; an Array or Object has no obvious contradiction in it; the groups of an Object do not overlap.
Shapes compare by identity: they are shared, and a definition used in two places is one object.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from fcgen.place import Place
from fcgen.schema.document import Document
from fcgen.schema.keywords import Kind
from fcgen.schema.number_sets import Number


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
class String:
    """Strings of certain patterns, formats and lengths.

    Attributes:
        patterns: each matches somewhere in the string.
        not_patterns: none of them does.
        formats: it is of every one of them.
        not_formats: it is of none of them.
        min_length, max_length: bounds of its length in characters (code points).
        excluded: it is none of these.
        choices: of each of these tuples, it is one at least.
        documents: it is a substring of every one of them.
        not_documents: it is a substring of none of them.
    """

    patterns: tuple[str, ...] = ()
    not_patterns: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    not_formats: tuple[str, ...] = ()
    min_length: int = 0
    max_length: int | None = None
    excluded: frozenset[str] = frozenset()
    choices: tuple[tuple[String, ...], ...] = ()
    documents: tuple[Document, ...] = ()
    not_documents: tuple[Document, ...] = ()
    place: Place = None

    @property
    def is_any(self) -> bool:
        """Whether any string is meant."""
        return not self.is_regular and self.max_length is None and not self.min_length

    @property
    def is_regular(self) -> bool:
        """Whether more than the length is constrained."""
        constraints = self.patterns, self.not_patterns, self.formats, self.not_formats, self.excluded, self.choices
        return any(constraints) or bool(self.documents or self.not_documents)

    @property
    def is_of_document(self) -> bool:
        """Whether it depends on a document."""
        within = (one for choice in self.choices for one in choice)
        return bool(self.documents or self.not_documents) or any(one.is_of_document for one in within)


@dataclass(frozen=True, slots=True, eq=False)
class Contains:
    """Of the items from index `start` on, at least `least` and at most `most` are of a shape."""

    item: Shape
    start: int = 0
    least: int = 1
    most: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Array:
    """Arrays that begin with items of `prefix`, all further ones of `rest`; short ones may end within the prefix.

    Attributes:
        prefix, rest: the items.
        min_items, max_items: bounds of how many there are.
        contains: how many of them are of certain shapes.
        unique: no two of them are equal.
    """

    prefix: tuple[Shape, ...] = ()
    rest: Shape = field(default_factory=Anything)
    min_items: int = 0
    max_items: int | None = None
    contains: tuple[Contains, ...] = ()
    unique: bool = False
    place: Place = None


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Properties by their names: those of a language, as far as they are not known one by one, have such values."""

    names: String
    value: Shape


@dataclass(frozen=True, slots=True, eq=False)
class Witness:
    """A property of that name, or with a name of that language, has such a value."""

    names: str | String
    value: Shape


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """Something that must be so of an object: there is one of the witnesses, or one of some names is not there."""

    witnesses: tuple[Witness, ...] = ()
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Object:
    """Objects.

    Attributes:
        properties: the values of those known by name, in the order to write them. One that is Never must not be there.
        groups: the values of all other names, each name in one group at most; those in none must not be there.
        required: names that must be there; they need not be known ones.
        min_properties, max_properties: bounds of how many there are.
        demands: what must be so besides.
    """

    properties: Mapping[str, Shape] = field(default_factory=dict)
    groups: tuple[Group, ...] = field(default_factory=lambda: EVERY_NAME)
    required: tuple[str, ...] = ()
    min_properties: int = 0
    max_properties: int | None = None
    demands: tuple[Demand, ...] = ()
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


class Defined(Protocol):
    """Shapes under keys (`definitions.py`)."""

    def define(self, key: Hashable, recipe: Callable[[], Shape], place: Place) -> Ref:
        """The shape under `key`, which `recipe` makes if no earlier one was given."""

    def __getitem__(self, key: Hashable) -> Shape: ...

    def __setitem__(self, key: Hashable, shape: Shape) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class Ref:
    """The shape that `definitions` has under `key`.

    Attributes:
        parts: those that have it in common, if it is made of several.
        need: the fewest bytes of its text, if it is plain (`plain.py`) and only made late.
        schema: that plain schema.
    """

    key: Hashable
    definitions: Defined
    place: Place = None
    parts: tuple[Shape, ...] = ()
    need: int | None = None
    schema: Any = None


Shape: TypeAlias = Never | Anything | Null | Boolean | Number | String | Array | Object | Values | AnyOf | Ref

ANYTHING = Anything()
ANY_STRING = String()
EVERY_NAME: tuple[Group, ...] = (Group(ANY_STRING, ANYTHING),)

KIND_OF: Mapping[type, Kind] = {
    Null: "null",
    Boolean: "boolean",
    Number: "number",
    String: "string",
    Array: "array",
    Object: "object",
}
EVERY_KIND: tuple[Shape, ...] = (Null(), Boolean(), Number(), ANY_STRING, Array(), Object())
