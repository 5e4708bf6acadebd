"""The algebra of Strings: what two have in common, what is in none, and which strings belong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from fcgen.errors import UnsupportedKeyword, excerpt
from fcgen.place import pointer
from fcgen.schema.shape import ANY_STRING, String
from fcgen.schema.string_texts import accepts_text, has_text


def meet_strings(a: String, b: String) -> String:
    """The strings of both; there may be none (`no_string`)."""
    return String(
        _joined(a.patterns, b.patterns),
        _joined(a.not_patterns, b.not_patterns),
        _joined(a.formats, b.formats),
        _joined(a.not_formats, b.not_formats),
        max(a.min_length, b.min_length),
        least(a.max_length, b.max_length),
        a.excluded | b.excluded,
        _joined(a.choices, b.choices),
        _joined(a.documents, b.documents),
        _joined(a.not_documents, b.not_documents),
        b.place,
    )


_T = TypeVar("_T")


def _joined(a: tuple[_T, ...], b: tuple[_T, ...]) -> tuple[_T, ...]:
    return a if a == b or not b else tuple(dict.fromkeys(a + b))


def least(a: int | None, b: int | None) -> int | None:
    """The smaller of two upper bounds, None being no bound."""
    return b if a is None else a if b is None else min(a, b)


def complement_string(part: String) -> list[String]:
    """The strings that are not of `part`, but for those it excludes one by one, as a union.

    Of a format some texts may neither be written nor be sure to be of another one: these are in no complement either.
    """
    return [opposite for _, opposite in _opposites(part)]


def outside(part: String) -> list[String]:
    """The same as parts that do not overlap, without those that are empty."""
    found, so_far = [], ANY_STRING
    for one, opposite in _opposites(part):
        found.append(meet_strings(so_far, opposite))
        so_far = meet_strings(so_far, one)
    return [part for part in found if not no_string(part)]


def _opposites(part: String) -> Iterator[tuple[String, String]]:
    """Each single constraint of `part`, and its opposite."""
    place = part.place
    for pattern in part.patterns:
        yield String(patterns=(pattern,), place=place), String(not_patterns=(pattern,), place=place)
    for pattern in part.not_patterns:
        yield String(not_patterns=(pattern,), place=place), String(patterns=(pattern,), place=place)
    for name in part.formats:
        yield String(formats=(name,), place=place), String(not_formats=(name,), place=place)
    for name in part.not_formats:
        yield String(not_formats=(name,), place=place), String(formats=(name,), place=place)
    if part.min_length:
        yield String(min_length=part.min_length, place=place), String(max_length=part.min_length - 1, place=place)
    if part.max_length is not None:
        yield String(max_length=part.max_length, place=place), String(min_length=part.max_length + 1, place=place)
    for document in part.documents:
        yield String(documents=(document,), place=place), String(not_documents=(document,), place=place)
    for document in part.not_documents:
        yield String(not_documents=(document,), place=place), String(documents=(document,), place=place)
    for choice in part.choices:
        yield String(choices=(choice,), place=place), String(choices=tuple(map(_others, choice)), place=place)


def _others(part: String) -> tuple[String, ...]:
    """The strings that are not of `part`, whatever it excludes."""
    listed = [String(patterns=(f"^{re.escape(text)}$",)) for text in sorted(part.excluded)]
    return (*complement_string(part), *listed)


def any_string(ours: Sequence[String], theirs: Sequence[String]) -> String:
    """One of some strings, and one of others."""
    return String(choices=tuple(tuple(parts) for parts in (ours, theirs) if parts), place=theirs[0].place)


def no_string(part: String) -> bool:
    """Whether it is sure that no string at all is of `part`. Raises as `string_texts` does."""
    if part.max_length is not None and part.min_length > part.max_length:
        return True
    if not (part.patterns or part.formats or part.documents) and part.max_length is None:
        is_open = not (part.not_patterns or part.not_formats or part.choices or part.not_documents)
        return not is_open and not has_text(part)
    return part.is_regular and not has_text(part)


def is_string_of(part: String, text: str) -> bool:
    """Whether `text` is one of the strings. Raises UnsupportedKeyword where that depends on who reads the format."""
    if len(text) < part.min_length or (part.max_length is not None and len(text) > part.max_length):
        return False
    if text in part.excluded or not all(any(is_string_of(one, text) for one in choice) for choice in part.choices):
        return False
    if not all(text in document for document in part.documents) or any(text in one for one in part.not_documents):
        return False
    rest = part
    if part.excluded or part.is_of_document or part.choices:
        rest = replace(part, excluded=frozenset(), choices=(), documents=(), not_documents=())
    if not rest.is_regular or accepts_text(rest, text):
        return True
    if (rest.formats or rest.not_formats) and accepts_text(rest, text, wide=True):
        raise UnsupportedKeyword(
            f"it is not sure whether {excerpt(text, 60)} is {described_string(rest)}",
            pointer=pointer((part.place, "format")),
            keyword="format",
            hint="Leave out the format, or that text.",
        )
    return False


def described_string(part: String) -> str:
    """The strings in a few words, for a message."""
    return " ".join(["a string", *_constraints(part)])


def _constraints(part: String) -> Iterator[str]:
    yield from (f"with pattern {excerpt(pattern, 40)}" for pattern in part.patterns)
    yield from (f"without pattern {excerpt(pattern, 40)}" for pattern in part.not_patterns)
    yield from (f"of format {excerpt(name)}" for name in part.formats)
    yield from (f"not of format {excerpt(name)}" for name in part.not_formats)
    if part.documents:
        yield "out of the document"
    if part.not_documents:
        yield "that is not in the document"
    if part.choices:
        yield "of one of several kinds"
    if part.min_length:
        yield f"minLength {part.min_length}"
    if part.max_length is not None:
        yield f"maxLength {part.max_length}"
    if part.excluded:
        listed = ", ".join(excerpt(text, 30) for text in sorted(part.excluded)[:3])
        yield f"none of {listed}{', ...' if len(part.excluded) > 3 else ''}"
