"""The kinds of terms: what a byte language is written with. `expr.py` builds them, and says what they are for."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Hashable, Mapping, Sequence
from copy import copy
from typing import Any, Protocol, TypeAlias

building = threading.RLock()
"""Held by the one thread that builds terms, or finds out what follows them."""


class Expr:
    """A byte language. Compare by identity; build with the functions of this module."""

    __slots__ = ("__weakref__", "arcs_memo", "can_stop", "fewest_memo")

    can_stop: bool
    arcs_memo: Any
    fewest_memo: float | None

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()}>"


class Nothing(Expr):
    """The language without a string."""

    __slots__ = ()


class Empty(Expr):
    """The language of the empty string alone."""

    __slots__ = ()


class Literal(Expr):
    """One string of at least one byte."""

    __slots__ = ("data",)
    data: bytes

    def __repr__(self) -> str:
        return f"<literal {self.data!r}>"


class ByteSet(Expr):
    """One byte out of a set of at least two."""

    __slots__ = ("members",)
    members: int


class Seq(Expr):
    """`head`, then `tail`. The head is never a Seq; a literal is never followed by a literal."""

    __slots__ = ("head", "tail")
    head: Expr
    tail: Expr


class Alt(Expr):
    """Any of at least two parts, none of which is an Alt."""

    __slots__ = ("parts",)
    parts: tuple[Expr, ...]


class Repeat(Expr):
    """`inner`, at least `least` and at most `most` times (None: no limit)."""

    __slots__ = ("inner", "least", "most")
    inner: Expr
    least: int
    most: int | None


class Both(Expr):
    """What all of at least two parts accept."""

    __slots__ = ("parts",)
    parts: tuple[Expr, ...]


class Complement(Expr):
    """Every byte string that `inner` does not accept."""

    __slots__ = ("inner",)
    inner: Expr


class Reference(Expr):
    """What `scope` defines under `name`, looked up when it is walked: recursion."""

    __slots__ = ("name", "scope")
    scope: Scope
    name: Hashable


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


class Deferred(Expr):
    """A term that is built when it is walked; until then `like` stands for it."""

    __slots__ = ("_like", "build", "built", "contents")
    build: Callable[[], Expr]
    built: Expr | None
    contents: Contents
    _like: Expr | Callable[[], Expr]

    @property
    def like(self) -> Expr:
        """What stands for it."""
        if not isinstance(self._like, Expr):
            self._like = self._like()
        return self._like

    def force(self) -> Expr:
        """The term itself, made once, whichever thread is first."""
        if self.built is None:
            with building:
                if self.built is None:
                    self.built = self.build()
        return self.built


class Apart(Expr):
    """`inner`, walked by itself: what follows is the same wherever it ends, and waits until then."""

    __slots__ = ("inner",)
    inner: Expr


Measure: TypeAlias = Callable[[Expr], float]
"""The fewest bytes that finish a term."""


class Unlike(Expr):
    """The texts of `plain` that are none of `names`, which are many strings at most, and never all that there are."""

    __slots__ = ("names", "plain")
    plain: Expr
    names: frozenset[bytes]


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


class Fork(Expr):
    """What is left of some names after `depth` bytes (or symbols), then what follows each.

    They are those at the places from `first` to `last` in the order of the names whose bit is set in `chosen`; their
    next bytes are not all the same.
    """

    __slots__ = ("chosen", "depth", "first", "last", "names")
    names: Names
    first: int
    last: int
    depth: int
    chosen: int


class Record(Expr):
    """What is left of a text of `names` after `written`, then `after` the whole of it."""

    __slots__ = ("after", "like", "names", "sure", "written")
    names: Expr
    written: bytes
    after: Callable[[bytes], Expr]
    like: Expr
    sure: bool  # whether it is known that something can follow each text of `names`


class Substring(Expr):
    """What is left of a substring of a text, at a state of the text's automaton: so many more characters."""

    __slots__ = ("least", "most", "owner", "state")
    owner: Substrings
    state: int
    least: int
    most: int | None


class Substrings(Protocol):
    """The substrings of a text (`substrings.py`)."""

    bytes_used: int
    first_bytes: int

    @property
    def others(self) -> Sequence[Expr]:
        """The spellings of characters that are not literal."""

    @property
    def automaton(self) -> Any:
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


class Counted(Expr):
    """What is left at a state of an automaton over characters after `count` of them."""

    __slots__ = ("count", "owner", "state")
    owner: CountedAutomaton
    state: int
    count: int


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


class Unknown(Expr):
    """A place where what follows depends on bytes that are not known."""

    __slots__ = ("need",)
    need: int


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


def parts_of(e: Expr) -> tuple[Expr, ...]:
    """The terms that `e` is put together from, as far as its structure tells: not those of Both and Complement."""
    match e:
        case Seq():
            return (e.tail, e.head)
        case Alt():
            return e.parts
        case Repeat() | Apart():
            return (e.inner,)
        case Unlike():
            return (e.plain,)
        case Reference():
            return (e.scope[e.name],)
        case Deferred():
            return (e.like,)
        case Record():
            return (e.like, e.names)
        case Counted():
            return e.owner.characters
        case _:
            return ()
