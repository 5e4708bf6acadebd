"""String -> Expr: the text between the quotes of a JSON string, with its patterns, formats and length.

Patterns and formats are read straight into their JSON spelling, so that escaping never meets the pattern. Where several
constraints must hold at once, their intersection is made an explicit automaton if it is small; otherwise it stays an
intersection, which is explored only where it is walked.

Of a format, what is written is surely of it, and of its opposite what is surely not. Between the two are texts about
which checkers differ: they are in the wide reading of both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import NamedTuple

from fcgen.errors import GrammarTooLarge, OutOfSteps, PatternError
from fcgen.grammar.characters import json_chars
from fcgen.grammar.derive import INFINITE, arcs, fewest
from fcgen.grammar.dfa import determinize
from fcgen.grammar.expr import NOTHING, alt_of, both, complement, repeat
from fcgen.grammar.regex import read_pattern
from fcgen.grammar.terms import Expr
from fcgen.grammar.work import bounded
from fcgen.place import pointer
from fcgen.schema.formats import OUTER, format_pattern
from fcgen.schema.keys import Spell, any_char, other_names
from fcgen.schema.lengths import fitted_to_length
from fcgen.schema.shape import String
from fcgen.schema.values import spelled

_FEW_STATES, _FEW_STEPS = 64, 2_000
_SMALL_STATES, _SMALL_STEPS = 2_000, 40_000
_EVERYTHING = r"[\s\S]*"

_Constrained = Callable[["_Content", Spell, bool], Expr]


def string_texts(part: String, spell: Spell = json_chars, *, wide: bool = False) -> Expr:
    """The strings of `part` as they stand between the quotes, in the spelling of characters that is given.

    With `wide`, those too about which it is not sure, since their formats may be read so.

    Raises:
        PatternError: a pattern is malformed or not regular.
        GrammarTooLarge: the constraints together have too many states.
    """
    return _texts(part, spell, wide, _constrained)


def has_text(part: String) -> bool:
    """Whether there may be a string of `part`. Raises as `string_texts` does."""
    with _told_of(part):
        return fewest(_texts(part, json_chars, True, _walked)) != INFINITE  # noqa: FBT003


def _texts(part: String, spell: Spell, wide: bool, constrained: _Constrained) -> Expr:  # noqa: FBT001
    if not part.is_regular:
        return _of_length(part.min_length, part.max_length, spell)
    content = _Content(*(getattr(part, name) for name in _Content._fields))
    with _told_of(part):
        if part.is_of_document:
            return _in_documents(part, content, spell, wide)
        return constrained(content, spell, wide)


@contextmanager
def _told_of(part: String) -> Iterator[None]:
    """Add to errors the keyword of `part` that they are about, and where it stands."""
    try:
        yield
    except (PatternError, GrammarTooLarge, OutOfSteps) as error:
        has_format = part.formats or part.not_formats or not part.is_of_document
        error.keyword = "pattern" if part.patterns or part.not_patterns else "format" if has_format else "x-verbatim"
        error.pointer = pointer((part.place, error.keyword))
        raise


def accepts_text(part: String, text: str, *, wide: bool = False) -> bool:
    """Whether `text`, whose length is right, is of the patterns and formats of `part`, or with `wide` may be."""
    e = string_texts(part, wide=wide)
    for byte in spelled(text)[1:-1]:
        found = next((then for members, then in arcs(e) if members >> byte & 1), None)
        if found is None:
            return False
        e = found
    return e.can_stop


@lru_cache(maxsize=1024)
def _of_length(least: int, most: int | None, spell: Spell) -> Expr:
    return repeat(any_char(spell), least, most)


class _Content(NamedTuple):
    """What a String says, apart from its place."""

    patterns: tuple[str, ...]
    not_patterns: tuple[str, ...]
    formats: tuple[str, ...]
    not_formats: tuple[str, ...]
    min_length: int
    max_length: int | None
    excluded: frozenset[str]
    choices: tuple[tuple[String, ...], ...]


_ANYTHING = _Content((), (), (), (), 0, None, frozenset(), ())


@lru_cache(maxsize=1024)
def _constrained(content: _Content, spell: Spell, wide: bool) -> Expr:  # noqa: FBT001
    parts = _parts(content, spell, wide)
    if len(parts) == 1:
        return parts[0]
    together = both(*parts)
    try:
        return determinize(together, limit=_FEW_STATES)
    except GrammarTooLarge:
        pass
    length = _of_length(content.min_length, content.max_length, spell)
    others = [part for part in parts if part is not length]
    is_bounded = content.min_length > 0 or content.max_length is not None
    return both(length, _small(others)) if is_bounded and 1 < len(others) < len(parts) else together


def _small(parts: list[Expr]) -> Expr:
    """What a text must be of beside its length, as one automaton if that is small.

    At each place of a text there is then one state beside a count, whose distance to an end is known. Counts would
    multiply its states.
    """
    together = both(*parts)
    try:
        with bounded(_SMALL_STEPS):
            return determinize(together, limit=_SMALL_STATES)
    except (GrammarTooLarge, OutOfSteps):
        return together


@lru_cache(maxsize=1024)
def _walked(content: _Content, spell: Spell, wide: bool) -> Expr:  # noqa: FBT001
    return both(*_parts(content, spell, wide))


def _parts(content: _Content, spell: Spell, wide: bool) -> list[Expr]:  # noqa: FBT001
    """What a text must be of at the same time."""
    patterns, not_patterns, formats, not_formats, least, most, excluded, choices = content
    if not frozenset(patterns).isdisjoint(not_patterns):
        return [NOTHING]
    parts = [_pattern(pattern, spell) for pattern in patterns] + [_format(name, spell, wide) for name in formats]
    if least or most is not None:
        fitted = fitted_to_length(patterns[0], parts[0], least, most) if patterns else None
        parts = [*parts, _of_length(least, most, spell)] if fitted is None else [fitted, *parts[1:]]
    parts += [_not_pattern(pattern, spell) for pattern in not_patterns]
    parts += [_not_format(name, spell, wide) for name in not_formats]
    parts += [alt_of(string_texts(one, spell, wide=wide) for one in choice) for choice in choices]
    if excluded:
        parts.append(_all_but(excluded, spell))
    if not (patterns or formats or choices or least or most is not None):
        parts.append(_of_length(0, None, spell))
    return parts


def _in_documents(part: String, content: _Content, spell: Spell, wide: bool) -> Expr:  # noqa: FBT001
    """The strings of a part that depends on documents, which nothing is to hold longer than what is made of them."""
    least, most = part.min_length, part.max_length
    parts = [complement(one.substrings(spell).term()) for one in part.not_documents]
    rest = content._replace(min_length=0, max_length=None) if part.documents else content
    if not part.documents or rest != _ANYTHING:
        is_free = not any(one.is_of_document for choice in rest.choices for one in choice)
        parts.append((_constrained if is_free else _constrained.__wrapped__)(rest, spell, wide))
    within = [one.substrings(spell) for one in part.documents]
    if parts and not all(one.may_meet(both(*parts), least, most) for one in within):
        return NOTHING
    return both(*(one.term(0, least, most) for one in within), *parts)


def _all_but(excluded: frozenset[str], spell: Spell) -> Expr:
    return other_names(frozenset(spelled(text)[1:-1] for text in excluded), spell)


@lru_cache(maxsize=1024)
def _pattern(pattern: str, spell: Spell) -> Expr:
    return read_pattern(pattern, spell, search=True)


@lru_cache(maxsize=1024)
def _not_pattern(pattern: str, spell: Spell) -> Expr:
    """Whatever the pattern matches nowhere in, as an automaton if it is small.

    In an automaton it is seen at once that nothing is left when the pattern has matched. In a complement it is not:
    what is left is in no JSON string, which only a search through all that must hold beside it would tell.
    """
    others = complement(_pattern(pattern, spell))
    try:
        with bounded(_FEW_STEPS):
            return determinize(both(_of_length(0, None, spell), others), limit=_FEW_STATES)
    except (GrammarTooLarge, OutOfSteps):
        return others


@lru_cache(maxsize=64)
def _format(name: str, spell: Spell, wide: bool) -> Expr:  # noqa: FBT001
    pattern = OUTER.get(name, _EVERYTHING) if wide else format_pattern(name) or ""
    return both(_of_length(0, None, spell), read_pattern(pattern, spell)) if wide else read_pattern(pattern, spell)


@lru_cache(maxsize=64)
def _not_format(name: str, spell: Spell, wide: bool) -> Expr:  # noqa: FBT001
    pattern = format_pattern(name) or "" if wide else OUTER.get(name, _EVERYTHING)
    return both(_of_length(0, None, spell), complement(read_pattern(pattern, spell)))
