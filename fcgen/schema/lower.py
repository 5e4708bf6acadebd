"""Shape -> Expr: the JSON texts of the values of a shape, one text per value up to the choices that are left open.

Fixed here: the order of properties (as declared, then what is only required, then any others), the spelling of strings
and numbers, and the whitespace, by name:

    "json.dumps"  a space after each comma and colon, as Python's json.dumps writes it
    "compact"     none
    "flexible"    any, bounded, around each bracket, comma and colon

An object is built from its last property to its first, as two chains whose terms share their tails: what may follow
once a member has been written, and what may come while none has. So an object of n properties takes n steps; where
many in a row are optional, the choice among them is made only at the places that are walked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache, partial
from typing import Any, NamedTuple

from fcgen.errors import OptionError, excerpt
from fcgen.grammar.expr import (
    EMPTY,
    NOTHING,
    Expr,
    Literal,
    Scope,
    alt,
    alt_of,
    deferred,
    literal,
    reference,
    repeat,
    seq,
)
from fcgen.grammar.lark import read_grammar
from fcgen.schema.keys import other_names
from fcgen.schema.numbers import number_texts
from fcgen.schema.shape import (
    AnyOf,
    Anything,
    Array,
    Boolean,
    Never,
    Null,
    Number,
    Object,
    Ref,
    Shape,
    String,
    Values,
    resolve,
)
from fcgen.schema.strings import string_texts
from fcgen.schema.values import spelled

_QUOTE = literal(b'"')
_WITH_CHILDREN = frozenset([Array, Object, AnyOf])
_FEW = 2  # so many alternatives are written out wherever they may come


def lower(shape: Shape, *, whitespace: str = "json.dumps") -> Expr:
    """The JSON texts of the values of `shape`.

    Raises:
        OptionError: there is no such whitespace.
        SchemaError, GrammarTooLarge: a number or a string has too many forms.
    """
    return _Lowering(spacing(whitespace), anything(whitespace)).whole(shape)


@lru_cache(maxsize=8)
def anything(whitespace: str) -> Expr:
    """The texts of all JSON values."""
    json_terms = read_grammar("json")
    scope = Scope()
    nested = _Lowering(spacing(whitespace), reference(scope, "value"))
    kinds = [nested.whole(kind) for kind in (Array(), Object())]
    value = alt_of([*kinds, *(json_terms[name] for name in ("STRING", "NUMBER", "TRUE", "FALSE", "NULL"))])
    scope.define("value", value)
    return value


class Spacing(NamedTuple):
    """What stands within brackets, between key and value, and between members."""

    pad: Expr
    colon: Expr
    comma: Expr


@lru_cache(maxsize=8)
def spacing(whitespace: str) -> Spacing:
    """The spacing of that name. Raises OptionError where there is none."""
    match whitespace:
        case "json.dumps":
            return Spacing(EMPTY, literal(b": "), literal(b", "))
        case "compact":
            return Spacing(EMPTY, literal(b":"), literal(b","))
        case "flexible":
            pad = read_grammar("json")["WS"]
            return Spacing(pad, seq(pad, literal(b":"), pad), seq(pad, literal(b","), pad))
    raise OptionError(
        f"whitespace {excerpt(whitespace)} is not known", hint="Known are json.dumps, compact and flexible."
    )


class _Lowering:
    def __init__(self, spacing: Spacing, any_value: Expr) -> None:
        self.spacing = spacing
        self.any_value = any_value
        self.scope = Scope()
        self.done: dict[Shape, Expr] = {}
        self.wanted: list[Ref] = []

    def whole(self, shape: Shape) -> Expr:
        """The term of a shape, and of every definition that it leads to."""
        term = self.term(shape)
        for ref in self.wanted:  # which grows meanwhile
            if ref.key not in self.scope:
                self.scope.define(ref.key, self.term(resolve(ref)))
        return term

    def term(self, root: Shape) -> Expr:
        """The term of a shape: children first, with a stack of our own, since shapes may be deep."""
        stack = [root]
        done = self.done
        while stack:
            shape = stack[-1]
            waiting = len(stack)
            for child in _children(shape):
                if child not in done:
                    if type(child) in _WITH_CHILDREN:
                        stack.append(child)
                    else:
                        done[child] = self.build(child)
            if len(stack) == waiting:
                done[stack.pop()] = self.build(shape)
        return done[root]

    def build(self, shape: Shape) -> Expr:
        match shape:
            case String():
                return read_grammar("json")["STRING"] if shape.is_any else seq(_QUOTE, string_texts(shape), _QUOTE)
            case Number():
                return number_texts(shape)
            case Object():
                return self.object(shape)
            case Array():
                return self.array(shape)
            case Values():
                return alt_of(self.value(value) for value in shape.values.values())
            case AnyOf():
                return alt_of(self.done[part] for part in shape.parts)
            case Ref():
                return self.ref(shape)
            case Anything():
                return self.any_value
            case Boolean():
                return alt(literal(b"true"), literal(b"false"))
            case Null():
                return literal(b"null")
            case Never():
                return NOTHING

    def ref(self, shape: Ref) -> Expr:
        self.wanted.append(shape)
        return reference(self.scope, shape.key)

    def object(self, shape: Object) -> Expr:
        """The object, from its end: `after` is what may follow a member, `first` what may come while there is none."""
        pad, close = self.spacing.pad, literal(b"}")
        members, required = self.members(shape), frozenset(shape.required)
        leading = next((i for i, (name, _) in enumerate(members) if name in required), len(members))
        other = self.other_member(shape)
        after = _Ways(seq(repeat(seq(self.spacing.comma, other)), pad, close))
        first = _Ways(alt(seq(other, after.term), close))
        for i in range(len(members) - 1, -1, -1):
            name, value = members[i]
            is_required = name in required
            rest = seq(value, after.term)
            after = after.with_way(seq(self.key(name, after_comma=True), rest), only=is_required)
            if i <= leading:
                first = first.with_way(seq(self.key(name, after_comma=False), rest), only=is_required)
        return seq(literal(b"{"), pad, first.term)

    def members(self, shape: Object) -> list[tuple[str, Expr]]:
        """The names that are known, with their values' terms, in the order to write them."""
        declared = [(name, self.done[value]) for name, value in shape.properties.items() if type(value) is not Never]
        rest = self.done[shape.rest]
        return declared + [(name, rest) for name in dict.fromkeys(shape.required) if name not in shape.properties]

    def other_member(self, shape: Object) -> Expr:
        """A property whose name is not known."""
        if type(shape.rest) is Never:
            return NOTHING
        names = other_names(frozenset(spelled(name)[1:-1] for name in {*shape.properties, *shape.required}))
        return seq(_QUOTE, names, _QUOTE, self.spacing.colon, self.done[shape.rest])

    def array(self, shape: Array) -> Expr:
        """The array, from its end: `after` is what may follow the items that are written so far."""
        comma, pad, close = self.spacing.comma, self.spacing.pad, literal(b"]")
        least, most, size = shape.min_items, shape.max_items, len(shape.prefix)
        rest = self.done[shape.rest]
        if size == 0:
            some = (
                repeat(seq(comma, rest), max(0, least - 1), None if most is None else most - 1)
                if most != 0
                else NOTHING
            )
            filled = seq(rest, some, pad, close)
        else:
            further = repeat(seq(comma, rest), max(0, least - size), None if most is None else max(0, most - size))
            after = seq(further, pad, close)
            for i in range(size - 1, 0, -1):
                end = seq(pad, close) if i >= least else NOTHING
                after = alt(seq(comma, self.done[shape.prefix[i]], after), end) if most is None or i < most else end
            filled = seq(self.done[shape.prefix[0]], after) if most != 0 else NOTHING
        return seq(literal(b"["), pad, alt(filled, close if least == 0 else NOTHING))

    def key(self, name: str, *, after_comma: bool) -> Expr:
        """A property's name and its colon."""
        _, colon, comma = self.spacing
        if isinstance(colon, Literal) and isinstance(comma, Literal):
            return literal((comma.data if after_comma else b"") + spelled(name) + colon.data)
        return seq(comma if after_comma else EMPTY, literal(spelled(name)), colon)

    def value(self, value: Any) -> Expr:
        """The text of one value."""
        match value:
            case str():
                return literal(spelled(value))
            case list():
                return self.bracketed(b"[", [self.value(item) for item in value], b"]")
            case dict():
                members = [seq(self.key(name, after_comma=False), self.value(item)) for name, item in value.items()]
                return self.bracketed(b"{", members, b"}")
            case _:
                return literal(json.dumps(value).encode())

    def bracketed(self, opening: bytes, parts: list[Expr], closing: bytes) -> Expr:
        pad, separated = self.spacing.pad, [term for part in parts for term in (self.spacing.comma, part)][1:]
        return seq(literal(opening), pad, *separated, pad if parts else EMPTY, literal(closing))


class _Ways:
    """The alternatives at one place of an object: those that were given last, first, each in reach of the next.

    A place shares its list with the places behind it, and of that list has the first `count`.
    """

    __slots__ = ("count", "term", "ways")

    def __init__(self, term: Expr, ways: list[Expr] | None = None) -> None:
        self.ways = [term] if ways is None else ways
        self.count = len(self.ways)
        self.term = term

    def with_way(self, way: Expr, *, only: bool) -> _Ways:
        """A place where `way` may come too, or where only `way` may come."""
        if only:
            return _Ways(way)
        self.ways.append(way)
        if len(self.ways) <= _FEW:
            return _Ways(alt_of(self.ways), self.ways)
        return _Ways(deferred(partial(_choice, self.ways, len(self.ways)), alt(way, self.term)), self.ways)


def _choice(ways: list[Expr], count: int) -> Expr:
    return alt_of(reversed(ways[:count]))


def _children(shape: Shape) -> Iterable[Shape]:
    match shape:
        case Object():
            return (*shape.properties.values(), shape.rest)
        case Array():
            return (*shape.prefix, shape.rest)
        case AnyOf():
            return shape.parts
        case _:
            return ()
