"""String -> Expr: the text between the quotes of a JSON string, with its patterns, formats and length.

Patterns and formats are read straight into their JSON spelling, so that escaping never meets the pattern. Where several
constraints must hold at once, their intersection is made an explicit automaton if it is small; otherwise it stays an
intersection, which is explored only where it is walked.
"""

from __future__ import annotations

from functools import lru_cache

from fcgen.errors import GrammarTooLarge, PatternError
from fcgen.grammar.characters import json_chars
from fcgen.grammar.derive import INFINITE, arcs, fewest
from fcgen.grammar.dfa import determinize
from fcgen.grammar.expr import Expr, both, repeat
from fcgen.grammar.lark import read_grammar
from fcgen.grammar.regex import read_pattern
from fcgen.schema.formats import format_pattern
from fcgen.schema.lengths import fitted_to_length
from fcgen.schema.place import pointer
from fcgen.schema.shape import String
from fcgen.schema.values import spelled

_FEW_STATES = 64


def string_texts(part: String) -> Expr:
    """The strings of `part` as they stand between the quotes.

    Raises:
        PatternError: a pattern is malformed or not regular.
        GrammarTooLarge: the constraints together have too many states.
    """
    if not (part.patterns or part.formats):
        return _of_length(part.min_length, part.max_length)
    try:
        return _constrained(part.patterns, part.formats, part.min_length, part.max_length)
    except (PatternError, GrammarTooLarge) as error:
        error.keyword = "pattern" if part.patterns else "format"
        error.pointer = pointer((part.place, error.keyword))
        raise


def no_string(part: String) -> bool:
    """Whether no string at all is of `part`. Raises as `string_texts` does."""
    if part.max_length is not None and part.min_length > part.max_length:
        return True
    return bool(part.patterns or part.formats) and fewest(string_texts(part)) == INFINITE


def is_string_of(part: String, text: str) -> bool:
    """Whether `text` is one of the strings."""
    if len(text) < part.min_length or (part.max_length is not None and len(text) > part.max_length):
        return False
    return not (part.patterns or part.formats) or _accepts(string_texts(part), spelled(text)[1:-1])


def _accepts(e: Expr, data: bytes) -> bool:
    for byte in data:
        found = next((then for members, then in arcs(e) if members >> byte & 1), None)
        if found is None:
            return False
        e = found
    return e.can_stop


@lru_cache(maxsize=1024)
def _of_length(least: int, most: int | None) -> Expr:
    return repeat(read_grammar("json")["CHAR"], least, most)


@lru_cache(maxsize=1024)
def _constrained(patterns: tuple[str, ...], formats: tuple[str, ...], least: int, most: int | None) -> Expr:
    parts = [_pattern(pattern) for pattern in patterns] + [_format(name) for name in formats]
    if least or most is not None:
        fitted = fitted_to_length(patterns[0], parts[0], least, most) if patterns else None
        parts = [*parts, _of_length(least, most)] if fitted is None else [fitted, *parts[1:]]
    if len(parts) == 1:
        return parts[0]
    together = both(*parts)
    try:
        return determinize(together, limit=_FEW_STATES)
    except GrammarTooLarge:
        return together


@lru_cache(maxsize=1024)
def _pattern(pattern: str) -> Expr:
    return read_pattern(pattern, json_chars, search=True)


@lru_cache(maxsize=64)
def _format(name: str) -> Expr:
    return read_pattern(format_pattern(name) or "", json_chars)
