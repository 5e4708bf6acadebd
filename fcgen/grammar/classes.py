"""What several patterns have in common, as an automaton over classes of characters.

An intersection of patterns tells few classes of characters apart. Where each class is spelled as one symbol, a text has
as many bytes as characters, and no state is within a character; so its automaton is found in a tenth of the steps that
bytes take. Only then each class is spelled as it is written. Which classes there are is known once all is read, so
that it is read again until it asks for none but unions of those that are known.

A part that has one loop over single characters, and is of a fixed length but for that, says two things: what the
characters are, and how many there are (`^[a-z]{3,80}$`). Only the first is left to the automaton; see `counted.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from fcgen.core import determined, determinize
from fcgen.errors import GrammarTooLarge
from fcgen.grammar.characters import ANY, CharSet, partition
from fcgen.grammar.counted import CountedDfa
from fcgen.grammar.expr import NOTHING, alt_of, both, byte_set, literal, parts_in_row, repeat, seq
from fcgen.grammar.terms import Both, ByteSet, Complement, DfaState, Expr, Literal, Repeat, parts_of

MAX_STATES = 20_000
MAX_SETTLED = 10_000
_BYTES = 256

Spell = Callable[[CharSet], Expr]


class Language(NamedTuple):
    """Texts of characters: for each state sets of these, each with the next state; where and after how many they end.

    State 0 is the first one.
    """

    ways: Sequence[Sequence[tuple[CharSet, int]]]
    accepting: frozenset[int]
    least: int
    most: int | None

    def spelled(self, spell: Spell, least: int = 0, most: int | None = None) -> Expr:
        """Those of the texts that have `least` to `most` characters. Raises GrammarTooLarge."""
        least, most = max(least, self.least), _lower(most, self.most)
        if most is not None and most < least:
            return NOTHING
        ways = [[(spell(chars), then) for chars, then in row] for row in self.ways]
        return CountedDfa(ways, self.accepting, least, most).term()


class Classes:
    """The classes of characters that some sets tell apart, each with a symbol.

    Attributes:
        asked: the sets, and those that were spelled and are no unions of classes.
        are_all: whether there are none of these: what was spelled says what it should.
        size: how many bytes a symbol has.
    """

    def __init__(self, sets: Sequence[CharSet], *, are_all: bool = True) -> None:
        self._classes, self._members = partition(sets)
        self.asked = dict.fromkeys(sets)
        self.are_all = are_all
        self.size = 1 if len(self._classes) <= _BYTES else 2
        self._unions: dict[int, CharSet] = {}

    @property
    def any_text(self) -> Expr:
        """Any characters."""
        return repeat(self.spell(ANY))

    def spell(self, chars: CharSet) -> Expr:
        """The symbols of the classes of a set."""
        members = self._members.get(chars)
        if members is None:
            members = self._members[chars] = self._found(chars)
        if self.size == 1:
            return byte_set(members)
        pages = ((page, members >> page * _BYTES & (1 << _BYTES) - 1) for page in range(_BYTES))
        return alt_of(seq(literal(bytes([page])), byte_set(within)) for page, within in pages if within)

    def union(self, members: int) -> CharSet:
        """The characters of these classes (bit i: the class number i)."""
        found = self._unions.get(members)
        if found is None:
            chosen = [one for i, one in enumerate(self._classes) if members >> i & 1]
            found = self._unions[members] = chosen[0].union(*chosen[1:])
        return found

    def _found(self, chars: CharSet) -> int:
        members = sum(1 << i for i, one in enumerate(self._classes) if chars.contains(chr(one.ranges[0][0])))
        if chars and (not members or self.union(members) != chars):
            self.asked[chars] = None
            self.are_all = False
        return members

    def settled(self, e: Expr) -> Expr:
        """The same as a minimal automaton, if that is not large: what is put together of such has fewer states."""
        try:
            return determinize(e, limit=MAX_SETTLED) if self.are_all else e
        except GrammarTooLarge:
            return e

    def in_common(self, parts: Iterable[Expr]) -> Expr:
        """What all of the parts accept, put together one after the other, the small ones first."""
        first, *others = sorted(map(self.settled, parts), key=_states_of)
        for other in others:
            first = self.settled(both(first, other))
        return first


def _states_of(e: Expr) -> int:
    return e.owner.size if type(e) is DfaState else MAX_STATES


def is_searched(e: Expr) -> bool:
    """Whether how far the end of a term is takes a search: there is an intersection or a complement in it."""
    seen = {e}
    ahead = [e]
    while ahead:
        part = ahead.pop()
        if type(part) is Both or type(part) is Complement:
            return True
        new = [one for one in parts_of(part) if one not in seen]
        seen.update(new)
        ahead += new
    return False


def common_language(read: Callable[[Classes], Sequence[Expr]]) -> Language:
    """What the terms have in common that `read` gives for some classes of characters.

    Raises:
        GrammarTooLarge: it has more than MAX_STATES states.
        OutOfSteps: it takes too much work.
    """
    classes = Classes([ANY], are_all=False)
    read(classes)
    while True:
        classes = Classes(list(classes.asked))
        parts = [classes.any_text, *read(classes)]
        if classes.are_all:
            break
    flat = [one for part in parts for one in (part.parts if type(part) is Both else (part,))]
    found = [_uncounted(part) if classes.size == 1 else _Part(part, 0, None) for part in flat]
    together = classes.in_common(one.term for one in found)
    table, accepting = together.owner.table() if type(together) is DfaState else determined(together, MAX_STATES)
    if classes.size == 2:
        table, accepting = _over_pages(table, accepting)
    ways = [[(classes.union(members), then) for members, then in row] for row in table]
    most = None
    for one in found:
        most = _lower(most, one.most)
    return Language(ways, accepting, max(one.least for one in found), most)


def _lower(a: int | None, b: int | None) -> int | None:
    return b if a is None else a if b is None else min(a, b)


class _Part(NamedTuple):
    """A term, of whose texts those are meant that have `least` to `most` characters."""

    term: Expr
    least: int
    most: int | None


def _uncounted(part: Expr) -> _Part:
    """A part whose length, if its form is such, is told apart from what its characters are."""
    row = parts_in_row(part)
    loops = [i for i, one in enumerate(row) if type(one) is Repeat and one.least != one.most]
    if len(loops) != 1 or not all(map(_is_of_symbols, row)):
        return _Part(part, 0, None)
    (at,) = loops
    loop = row[at]
    assert isinstance(loop, Repeat)
    fixed = sum(map(_size, row)) - loop.least
    most = None if loop.most is None else fixed + loop.most
    return _Part(seq(*row[:at], repeat(loop.inner), *row[at + 1 :]), fixed + loop.least, most)


def _is_of_symbols(e: Expr) -> bool:
    """Whether all texts of `e` are of one length, or it is a loop over single symbols."""
    one = e.inner if type(e) is Repeat else e
    return type(one) is ByteSet or (type(one) is Literal and (one is e or len(one.data) == 1))


def _size(e: Expr) -> int:
    return e.least if type(e) is Repeat else len(e.data) if type(e) is Literal else 1


def _over_pages(
    table: Sequence[Sequence[tuple[int, int]]], accepting: frozenset[int]
) -> tuple[list[list[tuple[int, int]]], frozenset[int]]:
    """The automaton over symbols of two bytes that one over bytes is: without the states within symbols."""
    number = {0: 0}
    order = [0]
    rows = []
    for state in order:
        found: dict[int, int] = {}
        for pages, within in table[state]:
            for members, then in table[within]:
                if then not in number:
                    number[then] = len(order)
                    order.append(then)
                shifted = sum(members << page * _BYTES for page in range(pages.bit_length()) if pages >> page & 1)
                found[number[then]] = found.get(number[then], 0) | shifted
        rows.append([(members, then) for then, members in found.items()])
    return rows, frozenset(number[state] for state in accepting if state in number)
