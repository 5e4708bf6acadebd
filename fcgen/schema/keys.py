"""Strings that are known one by one: how each is spelled, and all strings but certain ones.

They are known by the spelling of `json.dumps(ensure_ascii=False)`, without quotes. Where characters may be escaped at
will, a string has many spellings, which are all taken or all free: what is written is decoded before it is compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache

from fcgen.core import NameTable, fork
from fcgen.grammar.characters import ANY, CharSet, json_char_free, json_chars
from fcgen.grammar.expr import alt_of, both, complement, literal, repeat, seq, unlike
from fcgen.grammar.terms import Expr
from fcgen.schema.values import spelled

Spell = Callable[[CharSet], Expr]
"""The spellings of one character of a set: `json_chars` or `json_chars_free`."""

_QUOTE = literal(b'"')
_QUOTE_SYMBOL = 0x110000  # beyond all code points


def other_names(names: frozenset[bytes], spell: Spell, more: frozenset[bytes] = frozenset()) -> Expr:
    """The contents of the JSON strings that are none of `names` and none of `more`.

    Of many spellings, those of `names` are kept apart, so that the same ones are walked once, whatever comes to them.
    """
    if spell is json_chars:
        return unlike(any_text(spell), names | more)
    return both(any_text(spell), *(complement(_one_of(found, spell)) for found in (names, more - names) if found))


@lru_cache(maxsize=1024)
def _one_of(names: frozenset[bytes], spell: Spell) -> Expr:
    return alt_of(spellings(name, spell) for name in sorted(names))


def any_char(spell: Spell) -> Expr:
    """Spell any character of a JSON string."""
    return spell(ANY)


@lru_cache(maxsize=2)
def any_text(spell: Spell) -> Expr:
    """Spell any text of a JSON string."""
    return repeat(any_char(spell))


@lru_cache(maxsize=4096)
def spellings(name: bytes, spell: Spell) -> Expr:
    """The contents of the JSON strings that mean the same as `name`."""
    return literal(name) if spell is json_chars else seq(*(json_char_free(ord(char)) for char in _decoded(name)))


def quoted(text: str, spell: Spell) -> Expr:
    """The JSON strings that mean `text`."""
    return literal(spelled(text)) if spell is json_chars else seq(_QUOTE, spellings(spelled(text)[1:-1], spell), _QUOTE)


def canonical(written: bytes, spell: Spell) -> bytes:
    """What a string that is written so is known by."""
    return written if spell is json_chars else spelled(_decoded(written))[1:-1]


def any_of(texts: Sequence[str], spell: Spell) -> Expr:
    """The JSON strings that mean one of these texts, of which no two are equal."""
    if spell is json_chars:
        return alt_of(quoted(text, spell) for text in texts)
    return fork(names_of(texts, spell), None, (1 << len(texts)) - 1)


def names_of(texts: Sequence[str], spell: Spell) -> NameTable:
    """The JSON strings that mean these texts, of which no two are equal."""
    if spell is json_chars:
        return NameTable.of([spelled(text) for text in texts])
    return NameTable.of([_symbols(text) for text in texts], _symbol)


def _symbols(text: str) -> tuple[int, ...]:
    """A string as a row of numbers that `_symbol` spells, with its quotes: none begins another."""
    return (_QUOTE_SYMBOL, *map(ord, text), _QUOTE_SYMBOL)


def _symbol(number: int) -> Expr:
    """Each spelling of a code point, or a quote that begins or ends a string."""
    return _QUOTE if number == _QUOTE_SYMBOL else json_char_free(number)


def _decoded(name: bytes) -> str:
    text = json.loads(b'"' + name + b'"')
    assert isinstance(text, str)
    return text
