"""Shape -> Expr: the JSON texts of the values of a shape, one text per value up to the choices of `Text`."""

from __future__ import annotations

import marshal
from functools import lru_cache

from fcgen.core import of_schema
from fcgen.errors import GrammarTooLarge, OutOfSteps
from fcgen.grammar.expr import NOTHING, alt, alt_of, apart, literal, seq
from fcgen.grammar.terms import Contents, Expr
from fcgen.schema.array_texts import array_texts
from fcgen.schema.costs import locate
from fcgen.schema.definitions import resolve
from fcgen.schema.keys import Spell, any_of
from fcgen.schema.lowering import ANY_VALUE, Lowering
from fcgen.schema.number_sets import Number
from fcgen.schema.number_texts import number_texts
from fcgen.schema.object_texts import object_texts
from fcgen.schema.shape import (
    ANY_STRING,
    AnyOf,
    Anything,
    Array,
    Boolean,
    Never,
    Null,
    Object,
    Ref,
    Shape,
    String,
    Values,
)
from fcgen.schema.string_texts import string_texts
from fcgen.schema.text import Text, number_of

_QUOTE = literal(b'"')


def lower(
    shape: Shape,
    text: Text = Text(),  # noqa: B008  it is immutable
    depth: int = 0,
    *,
    contents: Contents | None = None,
) -> Expr:
    """The JSON texts of the values of `shape`, which stand `depth` deep in other text.

    `contents` is what is known of the terms; the leaves that may not be ASCII are noted there.

    Raises SchemaError, GrammarTooLarge: a number, a string or an array has too many forms.
    """
    return Lowering(text, _build, contents=contents).whole(shape, depth if text.is_indented else 0)


@lru_cache(maxsize=16)
def anything(text: Text) -> Expr:
    """The texts of all JSON values, where whitespace does not depend on the depth."""
    return Lowering(text, _build, nested=True, contents=Contents(is_plain=True, is_ascii=True)).whole(ANY_VALUE, 0)


def _build(low: Lowering, shape: Shape, depth: int) -> Expr:
    """The texts of one value. No value's text goes on with what may follow a value, so they stand apart."""
    try:
        return apart(_texts(low, shape, depth))
    except (GrammarTooLarge, OutOfSteps) as error:
        locate(error, shape.place)
        raise


def _texts(low: Lowering, shape: Shape, depth: int) -> Expr:
    match shape:
        case String():
            texts = string_texts(shape, low.text.spell)
            if shape.is_regular:
                low.contents.has(texts)
            return seq(_QUOTE, texts, _QUOTE)
        case Number():
            text = low.text
            return number_texts(
                shape,
                exponent=text.exponent,
                whole_fraction=text.whole_fraction and not text.plain_integers,
                canonical=text.one_spelling,
            )
        case Object():
            return object_texts(shape, low, depth)
        case Array():
            return array_texts(shape, low, depth)
        case Values():
            values = shape.values.values()
            words = [value for value in values if isinstance(value, str)]
            others = (low.value(value, depth) for value in values if not isinstance(value, str))
            return alt(any_of(words, low.text.spell), *others)
        case AnyOf():
            return alt_of(low.term(part, depth) for part in shape.parts)
        case Ref(need=int()):
            return _plain(low, shape, depth)
        case Ref():
            return low.reference(shape.key, shape, depth)
        case Anything():
            return low.reference("any", ANY_VALUE, depth) if low.refers_to_itself else anything(low.text)
        case Boolean():
            return alt(literal(b"true"), literal(b"false"))
        case Null():
            return literal(b"null")
        case Never():
            return NOTHING


def _plain(low: Lowering, shape: Ref, depth: int) -> Expr:
    """A plain shape, which is read and lowered when it is walked."""
    assert shape.need is not None
    try:
        content = marshal.dumps(shape.schema, 2)
    except ValueError:  # annotations hold what is no JSON
        return low.late(resolve(shape), depth)
    return of_schema(content, number_of(low.text), plain_contents(low.text.spell), shape.need)


@lru_cache(maxsize=2)
def plain_contents(spell: Spell) -> Contents:
    """What is known of the texts of plain shapes: they are ASCII but for what is in strings."""
    contents = Contents(is_plain=True, is_ascii=True)
    contents.has(string_texts(ANY_STRING, spell))
    return contents
