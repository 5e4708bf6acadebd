"""A choice among names, each with what follows it: the members of an object at one place of it.

The names are sorted once for all places of the object. A place is a range of them, of which some may come there, and
how many bytes of them are written; the way from one byte to the next is made when it is walked, and so is what follows
a name. So a place costs what is walked of it, not what its names cost to write out and to sort.

Where a character has several spellings, a name is a row of such symbols instead of bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from fcgen.grammar.expr import EMPTY, NOTHING, alt_of, deferred, fork_of, literal, seq, unknown
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
    return [(1 << byte, then) for byte, then in _ways(e)]


def fork_choice(e: Fork) -> Expr:
    """The first symbols of the names, each with what is left after it, as a choice."""
    return alt_of(seq(spelling(e.names, [symbol]), then) for symbol, then in _ways(e))


def spelling(among: Names, part: Sequence[int]) -> Expr:
    """The spellings of a part of a name."""
    return literal(bytes(part)) if among.symbol is None else seq(*map(among.symbol, part))


def _ways(e: Fork) -> Iterator[tuple[int, Expr]]:
    """The first bytes or symbols of the names, each with what is left after it."""
    names, depth, left = e.names, e.depth, e.chosen
    while left:
        first = (left & -left).bit_length() - 1
        byte = names.sorted_key(first)[depth]
        last = names.end_of(first, e.last, depth)
        then = _fork(names, first, last, depth + 1, left)
        if then is not NOTHING:
            yield byte, then
        left = left >> last << last


def fork_need(e: Fork, fewest: Callable[[Expr], float]) -> float:
    """The fewest bytes that finish any of the names and what follows it; `fewest` tells that of a symbol."""
    names, left = e.names, e.chosen
    places = (place for place in range(e.first, e.last) if left >> place & 1)
    if names.symbol is not None:
        size = _Sizes(names.symbol, fewest)
        return min(
            sum(map(size.__getitem__, names.sorted_key(place)[e.depth :])) + names.need(names.order[place])
            for place in places
        )
    if names.is_closed and (e.last - e.first) ** 2 > len(names.order):
        place = next(place for place in names.shortest_first if left >> place & 1)
        return len(names.sorted_key(place)) - e.depth
    return min(len(names.sorted_key(place)) + names.need(names.order[place]) for place in places) - e.depth


class _Sizes(dict[int, float]):
    """How many bytes symbols have at least, as far as they were asked for."""

    def __init__(self, symbol: Callable[[int], Expr], fewest: Callable[[Expr], float]) -> None:
        super().__init__()
        self._symbol, self._fewest = symbol, fewest

    def __missing__(self, number: int) -> float:
        found = self[number] = self._fewest(self._symbol(number))
        return found


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
        return seq(spelling(among, low[depth:]), _leaf(among, among.order[first]))
    high = among.sorted_key(last)
    size = depth
    while low[size] == high[size]:
        size += 1
    return seq(spelling(among, low[depth:size]), fork_of(among, first, last + 1, size, left))
