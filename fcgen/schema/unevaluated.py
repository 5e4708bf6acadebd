"""`unevaluatedProperties` and `unevaluatedItems`: what no other keyword of the schema has looked at.

What is looked at depends on which alternatives a value takes. So a schema with one of these keywords is read as a list
of cases: each the shape of a way to be valid, and what is looked at on that way. The schema means the union over the
cases of the shape together with what `unevaluated...` says of the rest.

Of `anyOf`, every choice of some branches is a case, whether or not the others hold too: where they do, more is looked
at, the rest is smaller, and the value is in that case as well. So no complement is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial, reduce
from itertools import combinations
from typing import Any, Protocol

from fcgen.errors import SchemaError
from fcgen.place import Place, pointer
from fcgen.schema.algebra import exclude, meet, union
from fcgen.schema.drafts import Draft
from fcgen.schema.object_sets import meet_groups
from fcgen.schema.parts import implied, items_of, kinds_of, listed, named
from fcgen.schema.refs import Base, Target
from fcgen.schema.shape import (
    ANY_STRING,
    ANYTHING,
    EVERY_KIND,
    Array,
    Group,
    Never,
    Object,
    Shape,
    String,
)
from fcgen.schema.string_sets import outside

MAX_CASES = 256
MAX_CHAIN = 20
_KEYWORDS = ("unevaluatedProperties", "unevaluatedItems")


class Reader(Protocol):
    """Reads schemas (`read.py`)."""

    def read(self, schema: Any, place: Place, base: Base) -> Shape:
        """The shape of one schema."""

    def entered(self, schema: dict[str, Any], place: Place, base: Base) -> Base:
        """The base of the references in `schema`."""

    def target(self, keyword: str, schema: dict[str, Any], place: Place, base: Base) -> Target:
        """What the reference `keyword` of the schema leads to."""

    def own(self, schema: dict[str, Any], kinds: frozenset[str], place: Place, base: Base) -> Shape:
        """What the schema says by itself, and the schemas that must all hold with it."""

    def finished(self, shape: Shape, schema: dict[str, Any], place: Place, base: Base) -> Shape:
        """`shape` without what `not`, `oneOf` and `if` rule out."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What has been looked at: property names, and how many items, or which ones."""

    names: frozenset[str] = frozenset()
    patterns: frozenset[str] = frozenset()
    every_name: bool = False
    items: int = 0
    every_item: bool = False
    matching: tuple[Shape, ...] = ()

    def __or__(self, other: Seen) -> Seen:
        return Seen(
            self.names | other.names,
            self.patterns | other.patterns,
            self.every_name or other.every_name,
            max(self.items, other.items),
            self.every_item or other.every_item,
            (*self.matching, *(shape for shape in other.matching if shape not in self.matching)),
        )


Case = tuple[Shape, Seen]
_NOTHING_SEEN: list[Case] = [(ANYTHING, Seen())]


def is_needed(schema: dict[str, Any], draft: Draft) -> bool:
    """Whether the schema has such a keyword, and it asserts something."""
    given = [schema[name] for name in _KEYWORDS if name in schema]
    return draft >= Draft.D2019 and any(value is not True and value != {} for value in given)


def read_unevaluated(reader: Reader, schema: dict[str, Any], place: Place, base: Base) -> Shape:
    """The shape of a schema with such keywords. Raises SchemaError where there are too many cases."""
    return union([shape for shape, _ in _Cases(reader).of(schema, place, base)], place)


class _Cases:
    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.depth = 0

    def of(self, schema: Any, place: Place, base: Base) -> list[Case]:
        """The ways in which a value can be valid by `schema`."""
        if not isinstance(schema, dict):
            return [(self.reader.read(schema, place, base), Seen())]
        if self.depth >= MAX_CHAIN:
            raise SchemaError(
                "`unevaluated...` stands over schemas that refer too far, or to themselves",
                pointer=pointer(place),
                limit=MAX_CHAIN,
            )
        self.depth += 1
        try:
            return self._of(schema, place, base)
        finally:
            self.depth -= 1

    def _of(self, schema: dict[str, Any], place: Place, base: Base) -> list[Case]:
        base = self.reader.entered(schema, place, base)
        cases: list[Case] = [(self._plain(schema, place, base), _seen_by(self.reader, schema, place, base))]
        for name in schema:
            match name:
                case "$ref" | "$dynamicRef" | "$recursiveRef":
                    target = self.reader.target(name, schema, place, base)
                    cases = _product(cases, self.of(target.contents, target.place, target.base), place)
                case "allOf":
                    for branch in self._branches(schema, name, place, base):
                        cases = _product(cases, branch, place)
                case "anyOf":
                    cases = _product(cases, _any_of(self._branches(schema, name, place, base), place), place)
                case "oneOf":
                    cases = _product(cases, _one_of(self._branches(schema, name, place, base)), place)
                case "if":
                    cases = _product(cases, self._either(schema, place, base), place)
                case "dependentSchemas":
                    for key, given in named(schema, name, place).items():
                        dependent = self.of(given, ((place, name), key), base)
                        cases = _product(cases, _dependent(key, dependent, place), place)
        closed = [self._closed(case, schema, place, base) for case in cases]
        return [case for case in closed if type(case[0]) is not Never] or closed[:1]

    def _plain(self, schema: dict[str, Any], place: Place, base: Base) -> Shape:
        """What the schema says without the keywords that lead to cases, and without the `unevaluated...` ones."""
        left = {name: value for name, value in schema.items() if name not in _WITH_CASES}
        kinds = kinds_of(left, place)
        shape = self.reader.own(left, kinds, place, base)
        return self.reader.finished(shape, left, place, base)

    def _branches(self, schema: dict[str, Any], keyword: str, place: Place, base: Base) -> list[list[Case]]:
        within = (place, keyword)
        return [self.of(branch, (within, i), base) for i, branch in enumerate(listed(schema, keyword, place))]

    def _either(self, schema: dict[str, Any], place: Place, base: Base) -> list[Case]:
        test = self.of(schema["if"], (place, "if"), base)
        then, other = (
            self.of(schema[name], (place, name), base) if name in schema else _NOTHING_SEEN for name in ("then", "else")
        )
        failed = [(exclude(ANYTHING, union([shape for shape, _ in test], place)), Seen())]
        return _product(test, then, place) + _product(failed, other, place)

    def _closed(self, case: Case, schema: dict[str, Any], place: Place, base: Base) -> Case:
        """The case with what the schema's own `unevaluated...` keywords say of the rest."""
        shape, seen = case
        for name in _KEYWORDS:
            if name in schema:
                rest = self.reader.read(schema[name], (place, name), base)
                if name == "unevaluatedProperties":
                    shape, seen = meet(shape, _names_not_in(seen, rest, place)), seen | Seen(every_name=True)
                else:
                    shape, seen = meet(shape, _items_not_in(seen, rest, place)), seen | Seen(every_item=True)
        return shape, seen


_WITH_CASES = frozenset([*_KEYWORDS, "$ref", "$dynamicRef", "$recursiveRef", "allOf", "anyOf", "oneOf", "if", "then",
                         "else", "dependentSchemas"])  # fmt: skip


def _seen_by(reader: Reader, schema: dict[str, Any], place: Place, base: Base) -> Seen:
    """What the schema's own keywords look at."""
    _, items, rest = items_of(schema, base.draft, place)
    matching: tuple[Shape, ...] = ()
    if "contains" in schema and base.draft >= Draft.D2020:
        matching = (reader.read(schema["contains"], (place, "contains"), base),)
    return Seen(
        frozenset(named(schema, "properties", place)),
        frozenset(named(schema, "patternProperties", place)),
        "additionalProperties" in schema,
        len(items),
        rest is not None,
        matching,
    )


def _product(a: list[Case], b: list[Case], place: Place) -> list[Case]:
    if len(a) * len(b) > MAX_CASES:
        raise SchemaError(
            "`unevaluated...` stands over too many combinations of alternatives",
            pointer=pointer(place),
            limit=MAX_CASES,
            given=len(a) * len(b),
        )
    found = [(meet(x, y), seen | also) for x, seen in a for y, also in b]
    return [case for case in found if type(case[0]) is not Never] or found[:1]


def _any_of(branches: list[list[Case]], place: Place) -> list[Case]:
    """Every choice of some branches; one at a time is enough where all look at the same."""
    if len({seen for cases in branches for _, seen in cases}) == 1:
        return [(union([shape for cases in branches for shape, _ in cases], place), branches[0][0][1])]
    found: list[Case] = []
    for count in range(1, len(branches) + 1):
        for chosen in combinations(branches, count):
            found += reduce(partial(_product, place=place), chosen)
            if len(found) > MAX_CASES:
                _product(found, found, place)  # which raises
    return found


def _one_of(branches: list[list[Case]]) -> list[Case]:
    wholes = [union([shape for shape, _ in cases]) for cases in branches]
    found: list[Case] = []
    for i, cases in enumerate(branches):
        others = [whole for j, whole in enumerate(wholes) if j != i]
        found += [(reduce(exclude, others, shape), seen) for shape, seen in cases]
    return found


def _dependent(name: str, cases: list[Case], place: Place) -> list[Case]:
    absent = implied(name, Never("it is absent in this case", place), place)
    present = Object(required=(name,), place=place)
    return [(absent, Seen()), *((meet(present, shape), seen) for shape, seen in cases)]


def _names_not_in(seen: Seen, rest: Shape, place: Place) -> Shape:
    if seen.every_name:
        return ANYTHING
    groups: tuple[Group, ...] = (Group(ANY_STRING, rest),)
    known: dict[str, Shape] = dict.fromkeys(sorted(seen.names), ANYTHING)
    for pattern in sorted(seen.patterns):
        names = String((pattern,), place=place)
        groups = tuple(_opened(groups, names))
    return _only(Object(known, groups, place=place))


def _opened(groups: tuple[Group, ...], names: String) -> Iterator[Group]:
    """The groups with those of `names` apart, which may have any value."""
    divided = (Group(names, ANYTHING), *(Group(others, ANYTHING) for others in outside(names)))
    for one in divided:
        for both in meet_groups(groups, (one,), lambda value, _: value, None):
            yield Group(both.names, ANYTHING) if one.names is names else both


def _items_not_in(seen: Seen, rest: Shape, place: Place) -> Shape:
    if seen.every_item:
        return ANYTHING
    left = union([*seen.matching, rest], place)
    return _only(Array((ANYTHING,) * seen.items, left, place=place))


def _only(part: Object | Array) -> Shape:
    return union([part, *(kind for kind in EVERY_KIND if type(kind) is not type(part))], part.place)
