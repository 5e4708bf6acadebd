"""Byte languages as immutable terms that are shared: equal terms are one object.

A term (Expr) is nothing, the empty string, a literal, a set of bytes, a sequence, a choice, a bounded repeat, an
intersection, a complement, a reference, a deferred term, a term that stands apart, texts unlike some names, a fork of
names (`terms.Names`), a recording, a state of a finite automaton, or a substring of a text
(`substrings.py`). Constructors simplify, so that terms
reached by different ways are often the same object; `arcs.py` tells what follows a term byte by byte. A sequence
leans to the right (`Seq(head, tail)`, the head never a sequence), which makes the term itself the stack of a recursive
grammar; an automaton (`automaton.py`) has a stack of its own for what stands apart.

A recording holds what is not regular (names that must differ): it carries the bytes walked since it began, and goes on
with a term made from them. Since each text leads to a term of its own, a walk over many texts at once takes the generic
term instead, which forgets the bytes, as far as the places that depend on them.

Terms live as long as something refers to them. They are native (`fcgen.core`), and so are most functions that build
them.

`can_stop` (does the term accept the empty string) is settled at construction. A byte set is a 256-bit int.

Why not regular expressions as text: they explode, and they have neither recursion, intersection nor complement.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

from fcgen import core
from fcgen.core import (
    ANY_BYTES,
    EMPTY,
    NOTHING,
    alt,
    alt_of,
    apart,
    both,
    byte_set,
    complement,
    follow,
    literal,
    recorded,
    reference,
    repeat,
    seq,
    unknown,
    unlike,
)
from fcgen.grammar.terms import UNKNOWN_CONTENTS, Contents, Expr, Seq

__all__ = [
    "ALL_BYTES",
    "ANY_BYTES",
    "EMPTY",
    "NOTHING",
    "alt",
    "alt_of",
    "apart",
    "both",
    "byte_range",
    "byte_set",
    "complement",
    "deferred",
    "follow",
    "literal",
    "optional",
    "parts_in_row",
    "record",
    "recorded",
    "reference",
    "repeat",
    "seq",
    "shared",
    "unknown",
    "unlike",
    "weigh",
]

ALL_BYTES = (1 << 256) - 1

_At = TypeVar("_At", bound=Hashable)
_shared: dict[tuple[Callable[..., Expr], Hashable], Expr] = {}
MAX_SHARED = 2_000
BYTES_PER_TERM = 100
_held = [0]


def shared(make: Callable[[_At], Expr], at: _At) -> Expr:
    """`make(at)`: the same term whenever it is asked for, until there are many of them.

    Meant for terms that are told apart by what is written, of which there are as many as texts. What makes them may
    last as long as the process, so that it must not keep them itself.
    """
    key = (make, at)
    found = _shared.get(key)
    if found is None:
        found = make(at)
        if len(_shared) + _held[0] > MAX_SHARED:
            _shared.clear()
            _held[0] = 0
        found = _shared.setdefault(key, found)
    return found


def weigh(size: int) -> None:
    """Count so many bytes that terms hold, though they are no terms, as what `shared` keeps."""
    _held[0] += size // BYTES_PER_TERM


def byte_range(low: int, high: int) -> Expr:
    """One byte from `low` to `high`, both included."""
    return byte_set((1 << (high + 1)) - (1 << low))


def parts_in_row(e: Expr) -> list[Expr]:
    """What `e` is a sequence of."""
    found = []
    while type(e) is Seq:
        found.append(e.head)
        e = e.tail
    return [*found, e]


def optional(inner: Expr) -> Expr:
    """`inner` or nothing at all."""
    return alt(EMPTY, inner)


def deferred(
    build: Callable[[], Expr],
    like: Expr | Callable[[], Expr],
    *,
    can_stop: bool | None = None,
    need: float | None = None,
    contents: Contents = UNKNOWN_CONTENTS,
) -> Expr:
    """The term that `build()` returns, built when it is first walked.

    Until then `like` stands for it, which is quicker to build: it must accept the empty string if the term does, finish
    in as few bytes or more, if the term can be finished at all, and need no byte to do so that the term does not need.
    So an object of n optional properties is n small terms, though each of its places has up to n ways on.

    Args:
        build: see above; called once.
        like: see above; a function is called when it is first asked for.
        can_stop: whether the term accepts the empty string, where `like` is a function.
        need: the fewest bytes that finish `like`, if that is known where `like` is a function.
        contents: what is known of the term.
    """
    return core.deferred(build, like, contents, can_stop=can_stop, need=need)


def record(names: Expr, after: Callable[[bytes], Expr], like: Expr, *, sure: bool = False) -> Expr:
    """A text of `names`, remembered, then the term that `after` returns for its bytes.

    Args:
        names: what is remembered; not the empty text. One name may begin another (numbers).
        after: what follows. Deterministic, and equal to itself wherever the same is meant; the same bytes should give
            the same term. It leaves something that can be finished for every text of `names` or for none, and needs no
            byte that `names` and `like` do not show to be needed.
        like: the same, with `unknown` for each place that depends on the bytes. It can stop where `after` can, each way
            to an unknown place is there whatever was written, and `fewest` of it is at least that of all that `after`
            returns.
        sure: whether it is known that what `after` leaves can be finished.
    """
    return recorded(names, b"", after, like, sure=sure)
