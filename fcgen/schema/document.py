"""The document whose substrings `x-verbatim` allows."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property

from fcgen.errors import DocumentError, OptionError, excerpt
from fcgen.grammar.characters import CharSet
from fcgen.grammar.substrings import substrings
from fcgen.grammar.terms import Expr, Substrings

_PIECE = re.compile(r"\s+|\S")
_INSIDE_WORD = re.compile(r"(?<=\w)(?=\w)")


class Document:
    """A text, and its substrings.

    Args:
        text: the text.
        whitespace: "exact", or "normalized": each run of whitespace counts as one space, also at the ends.

    Attributes:
        text: the text whose substrings are meant.

    Raises:
        DocumentError: it is no text.
        OptionError: there is no such `whitespace`.
    """

    def __init__(self, text: str, whitespace: str = "exact") -> None:
        if not isinstance(text, str):
            raise DocumentError(f"a document must be a string, found {excerpt(text)}")
        if whitespace not in ("exact", "normalized"):
            raise OptionError(
                f"verbatim_whitespace {excerpt(whitespace)} is not known", hint="Known are exact and normalized."
            )
        self._given = text
        self._is_exact = whitespace == "exact"
        self.text = text if self._is_exact else re.sub(r"\s+", " ", text)
        self._substrings: dict[Callable[[CharSet], Expr], Substrings] = {}

    def __contains__(self, text: str) -> bool:
        return text in self.text

    def substrings(self, spell: Callable[[CharSet], Expr]) -> Substrings:
        """The substrings, where `spell` gives the term of one character of a set. Raises GrammarTooLarge."""
        found = self._substrings.get(spell)
        if found is None:
            found = self._substrings[spell] = substrings(self.text, spell)
        return found

    def find(self, text: str) -> tuple[int, int] | None:
        """Where a substring stands in the document as it was given: its first character, and the one after its last.

        Of several places it is the first where it neither begins nor ends within a word, or else the first of all. None
        where it is no substring.
        """
        first = start = self.text.find(text)
        while start >= 0 and (self._is_in_word(start) or self._is_in_word(start + len(text))):
            start = self.text.find(text, start + 1)
        start = max(start, first)
        if start < 0 or self._is_exact:
            return None if start < 0 else (start, start + len(text))
        pieces = self._pieces
        if not text:
            return (pieces[start][0],) * 2 if start < len(pieces) else (len(self._given),) * 2
        return pieces[start][0], pieces[start + len(text) - 1][1]

    def _is_in_word(self, place: int) -> bool:
        return _INSIDE_WORD.match(self.text, place) is not None

    @cached_property
    def _pieces(self) -> list[tuple[int, int]]:
        """Where each character of a normalized text stands in the given one."""
        return [piece.span() for piece in _PIECE.finditer(self._given)]
