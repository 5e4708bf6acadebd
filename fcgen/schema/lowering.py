"""The lowering of shapes that may share parts: each is built once, children first, whatever builds it.

A definition becomes a reference, so recursion costs nothing. Where the whitespace depends on the depth ("indent=N"), a
shape is lowered once for each depth that it stands at, and recursion ends at a limit.

What a shape is built from is here too: keys, given values, brackets. How each kind is built, `lower.py` says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from typing import Any, TypeAlias

from fcgen.grammar.characters import json_chars
from fcgen.grammar.expr import EMPTY, NOTHING, alt, literal, reference, seq
from fcgen.grammar.terms import Contents, Expr, Literal, Scope
from fcgen.schema.algebra import shape_of
from fcgen.schema.definitions import resolve
from fcgen.schema.keys import quoted
from fcgen.schema.said import Said
from fcgen.schema.shape import EVERY_KIND, AnyOf, Array, Object, Shape
from fcgen.schema.text import Spacing, Text, spacing
from fcgen.schema.values import spelled

MAX_INDENTED = 24
MAX_NESTED = 30  # definitions that are lowered one within the other
ANY_VALUE = AnyOf(EVERY_KIND)
_WITH_CHILDREN = frozenset([Array, Object, AnyOf])

Build: TypeAlias = Callable[["Lowering", Shape, int], Expr]


class _Family:
    """Lowerings that belong together.

    Attributes:
        contents: what is known of their terms.
        said: what the shapes say.
        lowerings: all of them.
        is_busy: whether a term is being built, so that definitions which are referred to may not be there yet.
        is_checking: whether checks are being made.
        checks: the checks to make when no term is being built.
    """

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self.said = Said()
        self.lowerings: list[Lowering] = []
        self.is_busy = self.is_checking = False
        self.checks: list[Callable[[], None]] = []


class Lowering:
    """One lowering, of shapes that may share parts.

    Attributes:
        text: the choices.
        contents: what is known of the terms, all in all.
        said: what the shapes say, by which equal ones are known.
    """

    def __init__(
        self,
        text: Text,
        build: Build,
        family: _Family | None = None,
        *,
        nested: bool = False,
        contents: Contents | None = None,
    ) -> None:
        self.text = text
        self._build = build
        self.refers_to_itself = nested or text.is_indented  # where any value may stand
        self._is_permanent = nested
        self._nesting = 0
        self._scope = Scope()
        self._done: dict[tuple[Shape, int], Expr] = {}
        self._wanted: list[tuple[Any, Shape, int]] = []
        self._open: set[tuple[Shape, int]] = set()
        self._distinct: Lowering | None = None
        self._sampling: Lowering | None = None
        self._family = _Family(contents or Contents()) if family is None else family
        self.contents, self.said = self._family.contents, self._family.said
        self._family.lowerings.append(self)

    def whole(self, shape: Shape, depth: int) -> Expr:
        """The term of a shape, and of every definition that it leads to."""
        self._family.is_busy = True
        self._open.add((shape, depth))
        term = self.term(shape, depth)
        if shape is ANY_VALUE:
            self._scope.define(("any", depth), term)
        self._settle_all()
        self._family.is_busy = False
        self._check_all()
        return term

    def check_later(self, check: Callable[[], None]) -> None:
        """Call `check` once all that is referred to is lowered: at once, where it is."""
        self._family.checks.append(check)
        if not self._family.is_busy:
            self._check_all()

    def late(self, shape: Shape, depth: int) -> Expr:
        """The term of a shape that is lowered when a place is walked, if not before."""
        term = self.term(shape, depth)
        if not self._family.is_busy:
            self._check_all()
        return term

    def _check_all(self) -> None:
        """Lower all that is referred to, and make the checks that wait for that, one after the other."""
        family = self._family
        self._settle_all()
        if family.is_checking:
            return
        family.is_checking = True
        try:
            while family.checks:
                family.checks.pop()()
                self._settle_all()
        finally:
            family.is_checking = False

    def _settle_all(self) -> None:
        was_busy, self._family.is_busy = self._family.is_busy, True
        try:
            while any(lowering.settle() for lowering in self._family.lowerings):
                pass
        finally:
            self._family.is_busy = was_busy

    def settle(self) -> bool:
        """Lower the definitions that are referred to, but for those that are being lowered; whether there were any."""
        waiting, self._wanted = self._wanted, []
        settled = False
        for key, target, depth in waiting:
            shape = resolve(target)
            if (key, depth) in self._scope:
                continue
            if (shape, depth) in self._open and (shape, depth) not in self._done:
                self._wanted.append((key, target, depth))
                continue
            self._open.add((shape, depth))
            self._scope.define((key, depth), self.term(shape, depth))
            settled = True
        return settled

    @property
    def distinct(self) -> Lowering:
        """The lowering with one spelling for each number."""
        if self.text.one_spelling:
            return self
        if self._distinct is None:
            self._distinct = Lowering(replace(self.text, one_spelling=True), self._build, self._family)
        return self._distinct

    def of_written(self, value: Any, depth: int) -> Expr:
        """The texts of a value that was written, with properties in any order. Nothing of it is kept here."""
        return Lowering(replace(self.text, order="any"), self._build, contents=self.contents).value(value, depth)

    @property
    def sampling(self) -> Lowering:
        """The same with one text for each value, as far as that is possible."""
        if self._sampling is None:
            text = replace(self.text, whitespace="compact", order="schema", one_spelling=True, escapes="canonical")
            self._sampling = self if text == self.text else Lowering(text, self._build, self._family)
        return self._sampling

    def spacing(self, depth: int) -> Spacing:
        """What stands between the parts of a value that is so deep."""
        return spacing(self.text.whitespace, depth)

    def within(self, depth: int) -> int:
        """The depth of what is in a value that is so deep."""
        return depth + 1 if self.text.is_indented else 0

    def term(self, root: Shape, depth: int) -> Expr:
        """The term of a shape: children first, with a stack of our own, since shapes may be deep."""
        done, whole = self._done, (root, depth)
        stack = [] if whole in done else [whole]
        while stack:
            shape, depth = stack[-1]
            waiting = len(stack)
            inside = depth if type(shape) is AnyOf else self.within(depth)
            if inside <= MAX_INDENTED:
                for child in children_of(shape):
                    if (child, inside) not in done:
                        if type(child) in _WITH_CHILDREN:
                            stack.append((child, inside))
                        else:
                            done[child, inside] = self._build(self, child, inside)
            if len(stack) == waiting:
                done[stack.pop()] = self._build(self, shape, depth) if inside <= MAX_INDENTED else NOTHING
        return done[whole]

    def reference(self, key: Hashable, target: Shape, depth: int) -> Expr:
        """The shape that `target` leads to, lowered at once; a reference where that leads back here, or too deep."""
        if depth > MAX_INDENTED:
            return NOTHING
        if (key, depth) in self._scope:
            return self._scope[key, depth]
        shape = resolve(target)
        if ((shape, depth) in self._open and (shape, depth) not in self._done) or self._nesting == MAX_NESTED:
            self._wanted.append((key, target, depth))
            return reference(self._scope, (key, depth), is_permanent=self._is_permanent)
        self._open.add((shape, depth))
        self._nesting += 1
        was_busy, self._family.is_busy = self._family.is_busy, True  # what leads back here is not there yet
        try:
            term = self.term(shape, depth)
        finally:
            self._nesting -= 1
            self._family.is_busy = was_busy
        if (key, depth) not in self._scope:
            self._scope.define((key, depth), term)
        return term

    def key(self, name: str, depth: int, *, after_comma: bool) -> Expr:
        """A property's name and its colon, in an object that is so deep."""
        spacing = self.spacing(depth)
        comma = spacing.comma if after_comma else EMPTY
        if self.text.spell is json_chars and isinstance(spacing.colon, Literal) and isinstance(spacing.comma, Literal):
            return literal((spacing.comma.data if after_comma else b"") + spelled(name) + spacing.colon.data)
        return seq(comma, self.string(name), spacing.colon)

    def string(self, text: str) -> Expr:
        """A string that is known, with its quotes."""
        return quoted(text, self.text.spell)

    def value(self, value: Any, depth: int) -> Expr:
        """The text of one value."""
        match value:
            case str():
                return self.string(value)
            case list():
                inside = self.within(depth)
                return self._bracketed(b"[", [self.value(item, inside) for item in value], b"]", depth)
            case dict() if len(value) > 1 and self.text.order == "any":
                return self.term(shape_of(value), depth)
            case dict():
                inside = self.within(depth)
                members = [
                    seq(self.key(name, depth, after_comma=False), self.value(item, inside))
                    for name, item in value.items()
                ]
                return self._bracketed(b"{", members, b"}", depth)
            case float() if value.is_integer() and abs(value) <= 2**53:
                return self._whole(int(value))
            case int() if not isinstance(value, bool):
                return self._whole(value)
            case _:
                return literal(json.dumps(value).encode())

    def _whole(self, value: int) -> Expr:
        """An integer, which may be written as a float as well: they are the same value."""
        text = literal(b"%d" % value)
        if self.text.one_spelling or not self.text.whole_fraction or abs(value) > 2**53:
            return text
        return alt(text, literal(b"%d.0" % value))

    def _bracketed(self, opening: bytes, parts: list[Expr], closing: bytes, depth: int) -> Expr:
        spacing = self.spacing(depth)
        if not parts:
            return seq(literal(opening), spacing.empty, literal(closing))
        separated = [term for part in parts for term in (spacing.comma, part)][1:]
        return seq(literal(opening), spacing.open, *separated, spacing.close, literal(closing))

    def enclosed(self, opening: bytes, some: Expr, none: Expr, depth: int) -> Expr:
        """A bracket, then `some` members with their closing bracket, or `none`, which is just that bracket."""
        spacing = self.spacing(depth)
        if spacing.empty is spacing.open:
            return seq(literal(opening), spacing.open, alt(some, none))
        return seq(literal(opening), alt(seq(spacing.open, some), seq(spacing.empty, none)))


def children_of(shape: Shape) -> Iterable[Shape]:
    """The shapes of what is in a value, or of the alternatives that it has."""
    match shape:
        case Object():
            return (*shape.properties.values(), *(group.value for group in shape.groups))
        case Array():
            return (*shape.prefix, shape.rest)
        case AnyOf():
            return shape.parts
        case _:
            return ()
