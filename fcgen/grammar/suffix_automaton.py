"""A text -> its suffix automaton: the smallest one of which each way from the root spells a part of the text.

Built symbol by symbol in linear time (Blumer et al. 1985), with edges in lists, compiled. A text may have breaks, which
no part reaches across; after a break the next symbol is added at the root again.

Symbols are what a character is spelled with, so only some may begin a part, and a part ends where a character does.
States that no such part comes to are left out, and the others are numbered by their length: the root is 0, and each
edge leads to a higher number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]
Bools = NDArray[np.bool_]
BREAK = -1
_COMPILED = {"nogil": True, "cache": True, "no_cfunc_wrapper": True}


@dataclass(frozen=True, slots=True, eq=False)
class SuffixAutomaton:
    """The automaton of the parts of a text.

    Attributes:
        edges: [n + 1]; the edges of state s are those from edges[s] up to edges[s + 1].
        symbols: of each edge its symbol.
        targets: of each edge the next state.
        ends: whether a character ends where the state is.
        longest: how many characters can still end.
        nearest: how much is needed until the next character ends, by the weights of symbols.
        places: where in the text one of the parts that lead to the state ends, after which `longest` can still end.
    """

    edges: Ints
    symbols: Ints
    targets: Ints
    ends: Bools
    longest: Ints
    nearest: Ints
    places: Ints

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        arrays = self.edges, self.symbols, self.targets, self.ends, self.longest, self.nearest, self.places
        return sum(array.nbytes for array in arrays)


def suffix_automaton(text: Ints, ends: Bools, begins: Bools, weights: Ints) -> SuffixAutomaton:
    """The automaton of the parts of `text`.

    Args:
        text: symbols, and BREAKs.
        ends: whether a character ends with the symbol there.
        begins: of each symbol, whether a part may begin with it.
        weights: of each symbol, what it counts.
    """
    return SuffixAutomaton(*_settled(*_extended(text, len(begins)), ends, begins, weights))


@numba.njit(**_COMPILED)  # type: ignore[untyped-decorator]
def _extended(text: Ints, symbol_count: int) -> tuple[Ints, Ints, Ints, Ints, Ints, Ints]:
    """All states with their lengths and places, and all edges: as lists that begin at `heads`."""
    most = 2 * len(text) + 1
    lengths, links, places = np.zeros(most, np.int32), np.full(most, -1, np.int32), np.full(most, -1, np.int32)
    heads = np.full(most, -1, np.int32)
    symbols, targets, nexts = (
        np.empty(3 * len(text) + 1, np.int32),
        np.empty(3 * len(text) + 1, np.int32),
        np.empty(3 * len(text) + 1, np.int32),
    )
    at_root = np.full(symbol_count, -1, np.int32)  # the edges of the root, of which there are as many as symbols
    states, edges, last = 1, 0, 0
    for place in range(len(text)):
        symbol = text[place]
        if symbol < 0:
            last = 0
            continue
        known = _edge(heads, symbols, nexts, at_root, last, symbol)
        if known >= 0 and lengths[targets[known]] == lengths[last] + 1:
            last = targets[known]
            continue
        new = -1
        if known < 0:
            new = states
            states += 1
            lengths[new], places[new] = lengths[last] + 1, place
        state = last
        while state >= 0:
            known = _edge(heads, symbols, nexts, at_root, state, symbol)
            if known >= 0:
                break
            symbols[edges], targets[edges], nexts[edges] = symbol, new, heads[state]
            heads[state] = edges
            if state == 0:
                at_root[symbol] = edges
            edges += 1
            state = links[state]
        link = 0
        if state >= 0:
            link = targets[known]
            if lengths[link] != lengths[state] + 1:  # only its shorter parts end here: they get a state of their own
                longer, link = link, states
                states += 1
                lengths[link], places[link], links[link] = lengths[state] + 1, places[longer], links[longer]
                edge = heads[longer]
                while edge >= 0:
                    symbols[edges], targets[edges], nexts[edges] = symbols[edge], targets[edge], heads[link]
                    heads[link] = edges
                    edges += 1
                    edge = nexts[edge]
                links[longer] = link
                while state >= 0:
                    known = _edge(heads, symbols, nexts, at_root, state, symbol)
                    if known < 0 or targets[known] != longer:
                        break
                    targets[known] = link
                    state = links[state]
        if new >= 0:
            links[new] = link
        last = new if new >= 0 else link
    return lengths[:states], places[:states], heads[:states], symbols[:edges], targets[:edges], nexts[:edges]


@numba.njit(**_COMPILED)  # type: ignore[untyped-decorator]
def _edge(heads: Ints, symbols: Ints, nexts: Ints, at_root: Ints, state: int, symbol: int) -> int:
    if state == 0:
        return at_root[symbol]  # type: ignore[no-any-return]
    edge = heads[state]
    while edge >= 0 and symbols[edge] != symbol:
        edge = nexts[edge]
    return edge  # type: ignore[no-any-return]


@numba.njit(**_COMPILED)  # type: ignore[untyped-decorator]
def _settled(
    lengths: Ints,
    places: Ints,
    heads: Ints,
    symbols: Ints,
    targets: Ints,
    nexts: Ints,
    ends: Bools,
    begins: Bools,
    weights: Ints,
) -> tuple[Ints, Ints, Ints, Bools, Ints, Ints, Ints]:
    """The states that parts come to, numbered by their lengths, and what is known of them."""
    order = np.argsort(lengths, kind="mergesort")
    numbers = np.full(len(lengths), -1, np.int32)
    numbers[0] = 0
    count, total = 0, 0
    for state in order:
        if numbers[state] < 0:
            continue
        numbers[state] = count
        order[count] = state
        count += 1
        edge = heads[state]
        while edge >= 0:
            if state > 0 or begins[symbols[edge]]:
                numbers[targets[edge]] = 0
                total += 1
            edge = nexts[edge]
    first = np.empty(count + 1, np.int32)
    of_edges, to = np.empty(total, np.int32), np.empty(total, np.int32)
    total = 0
    for number in range(count):
        first[number] = total
        edge = heads[order[number]]
        while edge >= 0:
            if number > 0 or begins[symbols[edge]]:
                of_edges[total], to[total] = symbols[edge], numbers[targets[edge]]
                total += 1
            edge = nexts[edge]
    first[count] = total
    is_end = np.empty(count, np.bool_)
    longest, nearest, where = np.zeros(count, np.int32), np.zeros(count, np.int32), np.empty(count, np.int32)
    for number in range(count - 1, -1, -1):
        place = places[order[number]]
        is_end[number] = number == 0 or ends[place]
        for edge in range(first[number], first[number + 1]):
            then = to[edge]
            left = longest[then] + (1 if is_end[then] else 0)
            if left > longest[number]:
                longest[number], place = left, where[then] - 1
            need = weights[of_edges[edge]] + (0 if is_end[then] else nearest[then])
            if edge == first[number] or need < nearest[number]:
                nearest[number] = need
        where[number] = place
    return first, of_edges, to, is_end, longest, nearest, where
