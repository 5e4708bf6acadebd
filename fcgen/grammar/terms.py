"""The kinds of terms: what a byte language is written with. `expr.py` builds them, and says what they are for.

The terms themselves are native (`fcgen.core`); here is what they refer to.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Hashable, Mapping, Sequence
from copy import copy
from typing import Protocol, TypeAlias

from fcgen.core import (
    Alt,
    Apart,
    Both,
    ByteSet,
    Complement,
    Counted,
    Deferred,
    DfaState,
    Empty,
    Expr,
    Fork,
    Literal,
    Nothing,
    Record,
    Reference,
    Repeat,
    Seq,
    Substring,
    SuffixAutomaton,
    Unknown,
    Unlike,
    force,
    parts_of,
    provide,
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

building = threading.RLock()
"""Held by the one thread that builds terms, or finds out what follows them."""
provide(building=building)


class Contents:
    """What is known of terms before they are built.

    Attributes:
        is_plain: whether no recording in them has names that are recorded themselves.
        leaves: terms such that all is ASCII but for what is in these; None: it is not known.
    """

    __slots__ = ("is_plain", "leaves")

    def __init__(self, *, is_plain: bool = False, is_ascii: bool = False) -> None:
        self.is_plain = is_plain
        self.leaves: list[Expr] | None = [] if is_ascii else None

    def has_more(self) -> None:
        """Note that there will be terms of which nothing is known yet."""
        self.leaves = None

    def has(self, leaf: Expr) -> None:
        """Note a leaf of which it is not known whether it is ASCII."""
        if self.leaves is not None:
            self.leaves.append(leaf)


UNKNOWN_CONTENTS = Contents()


Measure: TypeAlias = Callable[[Expr], float]
"""The fewest bytes that finish a term."""


class Names:
    """Names in their order, of which none begins another, each with what follows it.

    Attributes:
        keys: the names: each a row of bytes, or of numbers that `symbol` spells.
        symbol: the spellings of a number in a name, each number's other than those of all others; None: it is a byte.
        order: the indices of the names, sorted by these.
        is_sorted: whether they come in that order.
        is_closed: whether nothing follows any of them.
        leaves: what stands for what follows each name until that is walked, as far as it was asked for.
        contents: for each name, what is known of the terms that follow it.
        need_by: for a measure of terms, how many bytes finish what follows a name by that measure; None: that is not
            known before it is built.
    """

    __slots__ = (
        "_after",
        "_need",
        "_needs",
        "_shortest_first",
        "_sorted",
        "_tails",
        "contents",
        "is_closed",
        "is_sorted",
        "keys",
        "leaves",
        "need_by",
        "order",
        "symbol",
    )

    def __init__(
        self,
        keys: Sequence[bytes] | Sequence[tuple[int, ...]],
        after: Callable[[int], Expr] | None = None,
        need: Callable[[int], float] = lambda _: 0,
        contents: Sequence[Contents] | None = None,
        symbol: Callable[[int], Expr] | None = None,
    ) -> None:
        self.keys = keys
        self.symbol = symbol
        self.contents = [UNKNOWN_CONTENTS] * len(keys) if contents is None else contents
        self.order = sorted(range(len(keys)), key=keys.__getitem__)
        self._sorted = [keys[index] for index in self.order]
        self._shortest_first: list[int] | None = None
        self.is_sorted = self._sorted == list(keys)
        self.is_closed = after is None
        self._after, self._need = after, need
        self.need_by: Callable[[Measure], Callable[[int], float]] | None = None
        self._tails: list[Expr | None] = [None] * len(keys)
        self._needs: list[float | None] = [None] * len(keys)
        self.leaves: dict[int, Expr] = {}

    def followed(
        self,
        after: Callable[[int], Expr],
        need: Callable[[int], float],
        need_by: Callable[[Measure], Callable[[int], float]],
        contents: Contents,
    ) -> Names:
        """The same names with something else after them.

        Args:
            after: what follows each name.
            need: how many bytes finish what follows it.
            need_by: the same by any measure of terms.
            contents: what is known of the terms that follow.
        """
        twin = copy(self)
        twin.contents = [contents] * len(self.keys)
        twin.is_closed = False
        twin._after, twin._need, twin.need_by = after, need, need_by  # noqa: SLF001  of its own class
        twin._tails, twin._needs = [None] * len(self.keys), [None] * len(self.keys)  # noqa: SLF001
        twin.leaves = {}
        return twin

    def sorted_key(self, place: int) -> bytes | tuple[int, ...]:
        """The name at a place of the order."""
        return self._sorted[place]

    def end_of(self, first: int, last: int, depth: int) -> int:
        """The place behind the names that have the same byte at `depth` as the one at `first`, among those to `last`.

        All of these are the same up to `depth`.
        """
        byte = self._sorted[first][depth]
        return bisect_right(self._sorted, byte, first, last, key=lambda key: key[depth])

    @property
    def shortest_first(self) -> Sequence[int]:
        """The places of the order by the length of the names there."""
        if self._shortest_first is None:
            self._shortest_first = sorted(range(len(self._sorted)), key=lambda place: len(self._sorted[place]))
        return self._shortest_first

    def tail(self, index: int) -> Expr:
        """What follows a name, if anything does."""
        assert self._after is not None, "nothing follows these names"
        found = self._tails[index]
        if found is None:
            found = self._tails[index] = self._after(index)
        return found

    def need(self, index: int) -> float:
        """How many bytes finish what follows a name; infinite: nothing does."""
        found = self._needs[index]
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
