"""String -> Expr: the text between the quotes of a JSON string, with its patterns, formats and length.

Patterns and formats are read straight into their JSON spelling, so that escaping never meets the pattern. Where several
constraints must hold at once, their intersection is made an automaton, beside which the length is counted: so no place
of a text searches for how far its end is. What is too large for that is refused when it is compiled.

Of a format, what is written is surely of it, and of its opposite what is surely not. Between the two are texts about
which checkers differ: they are in the wide reading of both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import NamedTuple

from fcgen.core import determinize
from fcgen.errors import GrammarTooLarge, OutOfSteps, PatternError
from fcgen.grammar.characters import ANY, CharSet, json_chars
from fcgen.grammar.classes import Classes, Language, common_language, is_searched
from fcgen.grammar.derive import INFINITE, arcs, fewest
from fcgen.grammar.enumeration import few_texts
from fcgen.grammar.expr import NOTHING, alt_of, both, complement, repeat, seq
from fcgen.grammar.regex import alternatives, read_pattern
from fcgen.grammar.terms import Expr
from fcgen.grammar.work import bounded
from fcgen.place import pointer
from fcgen.schema.formats import OUTER, format_pattern
from fcgen.schema.keys import Spell, any_char, other_names
from fcgen.schema.lengths import fitted_to_length
from fcgen.schema.shape import String
from fcgen.schema.values import spelled

_FEW_STATES, _FEW_STEPS = 64, 2_000
_EVERYTHING = r"[\s\S]*"
_SOON = 20_000  # steps


def string_texts(part: String, spell: Spell = json_chars, *, wide: bool = False) -> Expr:
    """The strings of `part` as they stand between the quotes, in the spelling of characters that is given.

    With `wide`, those too about which it is not sure, since their formats may be read so.

    Raises:
        PatternError: a pattern is malformed or not regular.
        GrammarTooLarge: the constraints together have too many states.
    """
    if not part.is_regular:
        return _of_length(part.min_length, part.max_length, spell)
    content = _content_of(part)
    with _told_of(part):
        if part.is_of_document:
            return _in_documents(part, content, spell, wide)
        return _constrained(content, spell, wide)


def has_text(part: String) -> bool:
    """Whether there may be a string of `part`. Raises as `string_texts` does.

    A search from the beginning finds most ends soon; what is left to the automaton are those that it does not find.
    """
    with _told_of(part):
        if part.is_regular and not part.is_of_document:
            try:
                with bounded(_SOON):
                    return fewest(_walked(_content_of(part), wide=True)) != INFINITE
            except (GrammarTooLarge, OutOfSteps):
                pass
        return fewest(string_texts(part, wide=True)) != INFINITE


def few_strings(part: String, most: int) -> list[str] | None:
    """All strings of `part`, where there are at most `most` of them; else None. Raises as `string_texts` does."""
    if not part.is_regular and part.max_length is None:
        return None
    with _told_of(part):
        try:
            with bounded(_SOON):
                few = few_texts(
                    string_texts(part) if part.is_of_document else _walked(_content_of(part), wide=False), most
                )
        except (GrammarTooLarge, OutOfSteps):
            few = few_texts(string_texts(part), most)
    return None if few is None else [json.loads(b'"' + text + b'"') for text in few]


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


def _content_of(part: String) -> _Content:
    return _Content(*(getattr(part, name) for name in _Content._fields))


_ANYTHING = _Content((), (), (), (), 0, None, frozenset(), ())


@lru_cache(maxsize=256)
def _constrained(content: _Content, spell: Spell, wide: bool) -> Expr:  # noqa: FBT001
    alone = _alone(content, spell, wide)
    if alone is not None and not is_searched(alone):
        return alone
    is_wide = wide and _has_format(content)
    rest = content._replace(min_length=0, max_length=None)
    return _common(rest, is_wide).spelled(spell, content.min_length, content.max_length)


def _has_format(content: _Content) -> bool:
    return bool(content.formats or content.not_formats or content.choices)


def _alone(content: _Content, spell: Spell, wide: bool) -> Expr | None:  # noqa: FBT001
    """The texts of what says one thing alone, or a length beside a pattern that can be told with it."""
    least, most = content.min_length, content.max_length
    rest = content._replace(min_length=0, max_length=None)
    if rest == _ANYTHING._replace(patterns=content.patterns) and len(content.patterns) == 1:
        pattern = _pattern(content.patterns[0], spell)
        if not least and most is None:
            return pattern
        return fitted_to_length(content.patterns[0], pattern, least, most)
    if rest == content:
        parts = _parts(content, spell, wide)
        return parts[0] if len(parts) == 1 else None
    return None


@lru_cache(maxsize=1024)
def _common(content: _Content, wide: bool) -> Language:  # noqa: FBT001
    """What all constraints but the length have in common."""
    return common_language(lambda classes: _read(content, classes, wide))


def _read(content: _Content, classes: Classes, wide: bool) -> list[Expr]:  # noqa: FBT001
    """What a text must be of at the same time, in classes of characters."""
    spell = classes.spell
    parts = [_matched(pattern, classes) for pattern in content.patterns]
    parts += [complement(_matched(pattern, classes)) for pattern in content.not_patterns]
    parts += [_matched(_format_pattern(name, wide), classes, search=False) for name in content.formats]
    parts += [
        complement(_matched(_format_pattern(name, not wide), classes, search=False)) for name in content.not_formats
    ]
    for choice in content.choices:
        ways = (_read(_content_of(one), classes, wide) for one in choice)
        parts.append(alt_of([classes.in_common([classes.any_text, *way]) for way in ways]))
    if content.excluded:
        parts.append(complement(alt_of(seq(*(spell(CharSet.of(char)) for char in text)) for text in content.excluded)))
    if content.min_length or content.max_length is not None:
        parts.append(repeat(spell(ANY), content.min_length, content.max_length))
    return parts


def _matched(pattern: str, classes: Classes, *, search: bool = True) -> Expr:
    """What a pattern matches, whose alternatives are put together when each is settled."""
    found = alternatives(pattern, classes.spell, search)
    return found[0] if len(found) == 1 else alt_of(map(classes.settled, found))


def _format_pattern(name: str, wide: bool) -> str:  # noqa: FBT001
    """What the texts of a format match that are surely of it, or `wide` those that may be."""
    return OUTER.get(name, _EVERYTHING) if wide else format_pattern(name) or ""


@lru_cache(maxsize=1024)
def _walked(content: _Content, *, wide: bool) -> Expr:
    """The texts as an intersection, which is explored only where it is walked."""
    return both(*_parts(content, json_chars, wide))


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
