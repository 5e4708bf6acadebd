"""The names that are left for additional properties: any JSON string but the declared names.

The automaton of string contents is unrolled along the tree of the declared names: a place in the tree goes on like the
place of the plain automaton that it is at, except that the next byte of a name leads on in the tree, and that a whole
name is no end. Every other byte leads back into the plain automaton, so that a key is like any string one byte after
it has parted from the names. The table is built where it is first walked.
"""

from __future__ import annotations

from functools import lru_cache

from fcgen.grammar.derive import arcs
from fcgen.grammar.dfa import Dfa
from fcgen.grammar.expr import Expr, deferred, repeat, seq
from fcgen.grammar.lark import read_grammar

Row = list[tuple[int, int]]


@lru_cache(maxsize=256)
def other_names(names: frozenset[bytes]) -> Expr:
    """The contents of the JSON strings that are none of `names`, which are spelled as in JSON, without quotes."""
    char = read_grammar("json")["CHAR"]
    body = repeat(char)
    if not names:
        return body
    like = seq(char, body) if b"" in names else body  # the shortest text is the same, and it has the same bytes
    return deferred(lambda: _unrolled(names), like)


def _unrolled(names: frozenset[bytes]) -> Expr:
    plain, can_stop = _plain()
    rows: list[Row] = list(plain)
    first = len(rows)
    trees: list[dict[int, int]] = [{}]
    places = [0]
    ends = set()
    for name in names:
        at: int | None = 0
        for byte in name:
            at = None if at is None else _branch(trees, places, plain, at, byte)
        if at is not None:  # else it is a name that no JSON text spells
            ends.add(at)
    for tree, place in zip(trees, places, strict=True):
        taken = sum(1 << byte for byte in tree)
        row = [(1 << byte, first + then) for byte, then in tree.items()]
        rows.append(row + [(members & ~taken, then) for members, then in plain[place]])
    stops = [first + i for i, place in enumerate(places) if place in can_stop and i not in ends]
    return Dfa(rows, frozenset([*can_stop, *stops])).term(first)


def _branch(trees: list[dict[int, int]], places: list[int], plain: list[Row], at: int, byte: int) -> int | None:
    """The place in the tree after `byte`, a new one if need be; None where no string has that byte there."""
    found = trees[at].get(byte)
    if found is None:
        place = next((then for members, then in plain[places[at]] if members >> byte & 1), None)
        if place is None:
            return None
        found = trees[at][byte] = len(trees)
        trees.append({})
        places.append(place)
    return found


@lru_cache(maxsize=1)
def _plain() -> tuple[list[Row], frozenset[int]]:
    """The automaton of string contents: its rows, state 0 first, and where it can stop."""
    order = [repeat(read_grammar("json")["CHAR"])]
    numbers = {order[0]: 0}
    rows: list[Row] = []
    for state in order:
        for _, then in arcs(state):
            if then not in numbers:
                numbers[then] = len(order)
                order.append(then)
        rows.append([(members, numbers[then]) for members, then in arcs(state)])
    return rows, frozenset(numbers[state] for state in order if state.can_stop)
