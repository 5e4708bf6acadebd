"""A choice among names, each with what follows it: the members of an object at one place of it.

The names are sorted once for all places of the object. A place is a range of them, of which some may come there, and
how many bytes of them are written; the way from one byte to the next is made when it is walked, and so is what follows
a name. So a place costs what is walked of it, not what its names cost to write out and to sort.

Where a character has several spellings, a name is a row of such symbols instead of bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from fcgen.grammar.expr import NOTHING, alt_of, deferred, fork_of, literal, seq, unknown
from fcgen.grammar.terms import Expr, Fork, Names

INFINITE = float("inf")


def fork(among: Names, chosen: int) -> Expr:
    """Any of the names whose bits are set in `chosen`, then what follows it."""
    return _fork(among, 0, len(among.order), 0, chosen)


def refork(e: Fork, among: Names, chosen: int) -> Expr:
    """`e`, with other names in place of its own, and of these only those that are `chosen`."""
    return _fork(among, e.first, e.last, e.depth, chosen)


def fork_arcs(e: Fork) -> list[tuple[int, Expr]]:
    """The first bytes of the names, each with what is left after it."""
    return [(1 << byte, then) for byte, then in _ways(e)]


def fork_choice(e: Fork) -> Expr:
    """The first symbols of the names, each with what is left after it, as a choice."""
    return alt_of(seq(spelling(e.names, [symbol]), then) for symbol, then in _ways(e))


def spelling(among: Names, part: Sequence[int]) -> Expr:
    """The spellings of a part of a name."""
    return literal(bytes(part)) if among.symbol is None else seq(*map(among.symbol, part))


def _ways(e: Fork) -> Iterator[tuple[int, Expr]]:
    """The first bytes or symbols of the names, each with what is left after it."""
    keys, order = e.names.keys, e.names.order
    first = e.first
    while first < e.last:
        if not e.chosen >> order[first] & 1:
            first += 1
            continue
        byte = keys[order[first]][e.depth]
        last = first + 1
        while last < e.last and (keys[order[last]][e.depth] == byte or not e.chosen >> order[last] & 1):
            last += 1
        then = _fork(e.names, first, last, e.depth + 1, e.chosen)
        if then is not NOTHING:
            yield byte, then
        first = last


def _leaf(among: Names, index: int) -> Expr:
    """What follows a name, made when it is walked."""
    found = among.leaves.get(index)
    if found is None:
        need = among.need(index)
        found = NOTHING
        if need == 0:
            found = among.tail(index)
        elif need != INFINITE:
            found = deferred(partial(among.tail, index), unknown(int(need)), contents=among.contents[index])
        among.leaves[index] = found
    return found


def _fork(among: Names, first: int, last: int, depth: int, chosen: int) -> Expr:
    order = among.order
    members = [place for place in range(first, last) if chosen >> order[place] & 1]
    if not members:
        return NOTHING
    first, last = members[0], members[-1]
    low = among.keys[order[first]]
    if first == last:
        return seq(spelling(among, low[depth:]), _leaf(among, order[first]))
    high = among.keys[order[last]]
    size = depth
    while low[size] == high[size]:
        size += 1
    left = sum(1 << order[place] for place in members)
    return seq(spelling(among, low[depth:size]), fork_of(among, first, last + 1, size, left))
