"""The kinds of terms: what a byte language is written with. `expr.py` builds them, and says what they are for.

The terms themselves are native (`fcgen.core`); here is what they refer to.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Protocol, TypeAlias

from fcgen.core import (
    NOTHING,
    Alt,
    Apart,
    Both,
    ByteSet,
    Complement,
    Contents,
    Counted,
    Deferred,
    DfaState,
    Empty,
    Expr,
    Fork,
    Literal,
    Members,
    NameTable,
    Nothing,
    Record,
    Reference,
    Repeat,
    Seq,
    Substring,
    SuffixAutomaton,
    Unknown,
    Unlike,
    deferred,
    force,
    fork,
    parts_of,
    provide,
    unknown,
)

__all__ = [
    "UNKNOWN_CONTENTS",
    "Alt",
    "Apart",
    "Both",
    "ByteSet",
    "Complement",
    "Contents",
    "Counted",
    "CountedAutomaton",
    "Deferred",
    "DfaState",
    "Empty",
    "Expr",
    "Fork",
    "Literal",
    "Measure",
    "Members",
    "Names",
    "Nothing",
    "Record",
    "Reference",
    "Repeat",
    "Scope",
    "Seq",
    "Substring",
    "Substrings",
    "Unknown",
    "Unlike",
    "building",
    "force",
    "parts_of",
]

INFINITE = float("inf")

building = threading.RLock()
"""Held by the one thread that builds terms, or finds out what follows them."""
provide(building=building)


UNKNOWN_CONTENTS = Contents()


Measure: TypeAlias = Callable[[Expr], float]
"""The fewest bytes that finish a term."""


class Names:
    """Names, and what follows each of them.

    Attributes:
        table: the names.
        contents: for each name, what is known of the terms that follow it.
        need_by: for a measure of terms, how many bytes finish what follows a name by that measure; None: that is not
            known before it is built.

    Args:
        after: what follows a name, by its index.
        need: how many bytes finish that.
    """

    __slots__ = ("_after", "_leaves", "_need", "_needs", "_tails", "contents", "need_by", "table")

    def __init__(
        self,
        table: NameTable,
        after: Callable[[int], Expr],
        need: Callable[[int], float],
        *,
        contents: Sequence[Contents] | None = None,
        need_by: Callable[[Measure], Callable[[int], float]] | None = None,
    ) -> None:
        self.table = table
        self.contents = [UNKNOWN_CONTENTS] * len(table) if contents is None else contents
        self.need_by = need_by
        self._after, self._need = after, need
        self._tails: dict[int, Expr] = {}
        self._leaves: dict[int, Expr] = {}
        self._needs: dict[int, float] = {}

    def fork(self, chosen: int) -> Expr:
        """Any of the names whose bits are set in `chosen` (bit i: the name i), then what follows it."""
        return fork(self.table, self, chosen)

    def tail(self, index: int) -> Expr:
        """Return what follows a name."""
        found = self._tails.get(index)
        if found is None:
            found = self._tails[index] = self._after(index)
        return found

    def leaf(self, index: int) -> Expr:
        """Return what stands for that: a term that is built when it is walked."""
        found = self._leaves.get(index)
        if found is None:
            need = self.need(index)
            found = NOTHING
            if need != INFINITE:
                made = partial(self.tail, index)
                found = deferred(made, unknown(int(need)), self.contents[index])
            self._leaves[index] = found
        return found

    def need(self, index: int) -> float:
        """How many bytes finish what follows a name; infinite: nothing does."""
        found = self._needs.get(index)
        if found is None:
            found = self._needs[index] = self._need(index)
        return found


class Substrings(Protocol):
    """The substrings of a text (`substrings.py`)."""

    bytes_used: int
    first_bytes: int

    @property
    def others(self) -> Sequence[Expr]:
        """The spellings of characters that are not literal."""

    @property
    def automaton(self) -> SuffixAutomaton:
        """The suffix automaton, whose states are those of terms."""

    @property
    def data(self) -> bytes | None:
        """The bytes of the text; None where they are not literal."""

    @property
    def size(self) -> int:
        """How many symbols the text has."""

    def term(self, state: int = 0, least: int = 0, most: int | None = None) -> Expr:
        """What is left at a state: `least` to `most` more characters."""

    def ways(self, e: Substring) -> Sequence[tuple[Expr, Expr]]:
        """What can come next at a term, each with what is left after it."""

    def skip(self, e: Substring, data: bytes) -> tuple[Expr, int]:
        """What is left after as many bytes of `data` as there can be, and how many these are."""

    def may_meet(self, e: Expr, least: int, most: int | None) -> bool:
        """Whether a substring of so many characters may be a text of `e`. If not, that is sure."""

    def restricted(self, alphabet: int, restrict: Callable[[Expr], Expr]) -> Substrings:
        """The substrings where characters are spelled with the bytes of an alphabet."""


class CountedAutomaton(Protocol):
    """An automaton over characters beside a count of them (`counted.py`)."""

    @property
    def characters(self) -> tuple[Expr, ...]:
        """The terms of single characters."""

    def term(self, state: int = 0, count: int = 0) -> Expr:
        """What is left at a state after `count` characters."""

    def arcs(self, e: Counted) -> Sequence[tuple[int, Expr]]:
        """What can come first at one of its terms, in disjoint sets, each with what is left after it."""

    def boundless(self, e: Counted, horizon: int) -> Expr:
        """`e` without a greatest length, if `horizon` characters do not come near that."""

    def spelled(self, new: Mapping[Expr, Expr]) -> CountedAutomaton:
        """The same with these terms in place of its characters'."""


class Scope:
    """The definitions that references expand to."""

    __slots__ = ("_definitions",)

    def __init__(self) -> None:
        self._definitions: dict[Hashable, Expr] = {}

    def define(self, name: Hashable, expr: Expr) -> None:
        """Say what `name` stands for. Before the first reference to it is walked, and once."""
        self._definitions[name] = expr

    def __getitem__(self, name: Hashable) -> Expr:
        return self._definitions[name]

    def __contains__(self, name: Hashable) -> bool:
        return name in self._definitions
