"""What follows a term, byte by byte.

`arcs(e)` is a partition: byte sets that do not overlap, each with the term that is left after one of its bytes. For a
choice the partitions of its parts are refined against each other, for an intersection they are crossed, for a
complement the rest leads to "anything". Memoised on the term. (Brzozowski 1964, over byte classes as in Owens, Reppy
and Turon 2009.)

A recording at the head of a term has no arcs, since each byte leads to a term of its own. `derived` takes one byte, and
remembers it; `generic` is the term that forgets, whose arcs are those of all the texts at once. Other terms know
nothing of this: `arcs` raises through them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from fcgen.core import arcs, derived, generic, is_recording, provide, recordings, skipped
from fcgen.errors import GrammarError
from fcgen.grammar.terms import Expr

__all__ = [
    "Arcs",
    "Recording",
    "arcs",
    "derived",
    "generic",
    "grouped",
    "is_recording",
    "recordings",
    "skipped",
    "split",
    "ways",
]

Arcs = Sequence[tuple[int, Expr]]
_T = TypeVar("_T")


class Recording(GrammarError):
    """What follows depends on the bytes that were written before, so that it is no partition of byte sets."""

    def __init__(self) -> None:
        super().__init__("what follows here depends on the text before it, which is not regular")


provide(recording=Recording)


def split(partition: list[tuple[int, list[_T]]], members: int, then: _T) -> list[tuple[int, list[_T]]]:
    """A partition refined by a set, with `then` added to all that is in it."""
    result = []
    for present, terms in partition:
        common = present & members
        if common:
            members ^= common
            result.append((common, [*terms, then]))
        if present != common:
            result.append((present ^ common, terms))
    if members:
        result.append((members, [then]))
    return result


def grouped(pairs: Iterable[tuple[int, Expr]]) -> Arcs:
    """Disjoint sets, each with what is left, those with the same left as one."""
    by_term: dict[Expr, int] = {}
    for members, then in pairs:
        by_term[then] = by_term.get(then, 0) | members
    return [(members, then) for then, members in by_term.items()]


def ways(e: Expr) -> Iterator[tuple[int, Expr]]:
    """What can be left of `e` after a byte, each once, with the least such byte.

    For recordings, bytes that lead to the same but for what is remembered count as the same.
    """
    try:
        yield from (((members & -members).bit_length() - 1, then) for members, then in arcs(e))
    except Recording:
        for byte in _bytes_apart(e):
            yield byte, derived(e, byte)


def _bytes_apart(e: Expr) -> Iterable[int]:
    try:
        return [(members & -members).bit_length() - 1 for members, _ in arcs(generic(e))]
    except Recording:
        return range(256)
