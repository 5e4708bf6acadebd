"""A choice among names, each with what follows it: the members of an object at one place of it.

The names are sorted once for all places of the object. A place is a range of them, of which some may come there, and
how many bytes of them are written; the way from one byte to the next is made when it is walked, and so is what follows
a name. So a place costs what is walked of it, not what its names cost to write out and to sort.
"""

from __future__ import annotations

from functools import partial

from fcgen.grammar.expr import EMPTY, NOTHING, deferred, fork_of, literal, seq, unknown
from fcgen.grammar.terms import Expr, Fork, Names

INFINITE = float("inf")


def fork(among: Names, chosen: int) -> Expr:
    """Any of the names whose bits are set in `chosen` (bit i: keys[i]), then what follows it."""
    order = among.order
    if not among.is_sorted:
        chosen = sum(1 << place for place, index in enumerate(order) if chosen >> index & 1)
    return _fork(among, 0, len(order), 0, chosen)


def refork(e: Fork, among: Names, chosen: int) -> Expr:
    """`e`, with other names in place of its own, and of these only those that are `chosen` (bit i: the ith sorted)."""
    return _fork(among, e.first, e.last, e.depth, chosen)


def fork_arcs(e: Fork) -> list[tuple[int, Expr]]:
    """The first bytes of the names, each with what is left after it."""
    names, depth, left = e.names, e.depth, e.chosen
    found = []
    while left:
        first = (left & -left).bit_length() - 1
        byte = names.sorted_key(first)[depth]
        last = names.end_of(first, e.last, depth)
        then = _fork(names, first, last, depth + 1, left)
        if then is not NOTHING:
            found.append((1 << byte, then))
        left = left >> last << last
    return found


def fork_need(e: Fork) -> float:
    """The fewest bytes that finish any of the names and what follows it."""
    names, left = e.names, e.chosen
    if names.is_closed and (e.last - e.first) ** 2 > len(names.order):
        place = next(place for place in names.shortest_first if left >> place & 1)
        return len(names.sorted_key(place)) - e.depth
    places = (place for place in range(e.first, e.last) if left >> place & 1)
    return min(len(names.sorted_key(place)) + names.need(names.order[place]) for place in places) - e.depth


def _leaf(among: Names, index: int) -> Expr:
    """What follows a name, made when it is walked."""
    if among.is_closed:
        return EMPTY
    found = among.leaves.get(index)
    if found is None:
        need = among.need(index)
        found = NOTHING
        if need != INFINITE:
            found = deferred(partial(among.tail, index), unknown(int(need)), contents=among.contents[index])
        among.leaves[index] = found
    return found


def _fork(among: Names, first: int, last: int, depth: int, chosen: int) -> Expr:
    left = chosen & ((1 << last) - (1 << first))
    if not left:
        return NOTHING
    first, last = (left & -left).bit_length() - 1, left.bit_length() - 1
    low = among.sorted_key(first)
    if first == last:
        return seq(literal(low[depth:]), _leaf(among, among.order[first]))
    high = among.sorted_key(last)
    size = depth
    while low[size] == high[size]:
        size += 1
    return seq(literal(low[depth:size]), fork_of(among, first, last + 1, size, left))
