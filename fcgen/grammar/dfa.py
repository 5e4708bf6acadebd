"""Explicit finite automata as terms.

A `Dfa` is a finished table: its states are terms whose arcs and distances are known beforehand, so walking them costs
no derivation. `determinize` turns a regular term into one: it walks all derivatives once, then drops what cannot
finish and merges equal states (Moore's partition refinement). Worth it for intersections and complements, whose
distances would otherwise be searched for; pointless for plain sequences and choices. Equal automata are one object.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from weakref import WeakValueDictionary

from fcgen.core import dfa_states
from fcgen.errors import GrammarTooLarge
from fcgen.grammar.arcs import arcs
from fcgen.grammar.derive import INFINITE
from fcgen.grammar.expr import NOTHING
from fcgen.grammar.terms import Expr
from fcgen.grammar.work import spend

_STATES_PER_STEP = 8  # where states are told apart: so many take as long as a term that is built

Table = tuple[tuple[tuple[int, int], ...], ...]

_built: WeakValueDictionary[tuple[Table, frozenset[int]], Dfa] = WeakValueDictionary()
_built_lock = threading.Lock()


class Dfa:
    """A finite automaton: per state its arcs `(byte set, next state)`, disjoint, and the set of accepting states.

    `sets` are the byte sets on its arcs.
    """

    __slots__ = ("__weakref__", "_states", "sets")

    def __init__(self, table: Sequence[Sequence[tuple[int, int]]], accepting: frozenset[int]) -> None:
        distances = _distances(table, accepting)
        self.sets = frozenset(members for row in table for members, _ in row)
        self._states = dfa_states(self, table, distances)

    @property
    def size(self) -> int:
        """How many states there are."""
        return len(self._states)

    def table(self) -> tuple[list[list[tuple[int, int]]], frozenset[int]]:
        """For each state its arcs, and the accepting states."""
        number: dict[Expr, int] = {state: i for i, state in enumerate(self._states)}
        rows = [[(members, number[then]) for members, then in arcs(state)] for state in self._states]
        return rows, frozenset(i for i, state in enumerate(self._states) if state.can_stop)

    def term(self, state: int = 0) -> Expr:
        """The language that is left at `state`."""
        found = self._states[state]
        return NOTHING if found.fewest_memo == INFINITE else found


def determinize(e: Expr, *, limit: int = 20_000) -> Expr:
    """`e` as a minimal finite automaton.

    Raises:
        GrammarTooLarge: it has more than `limit` states, or is not regular.
    """
    table, accepting = minimal(*_explore(e, limit))
    key = (tuple(tuple(sorted(row)) for row in table), accepting)
    with _built_lock:
        dfa = _built.get(key)
        if dfa is None:
            dfa = _built[key] = Dfa(table, accepting)
    return dfa.term(0)


def minimal(
    table: Sequence[Sequence[tuple[int, int]]], accepting: frozenset[int]
) -> tuple[list[list[tuple[int, int]]], frozenset[int]]:
    """The same automaton without states that cannot finish, and with equal ones as one. State 0 stays the first."""
    distances = _distances(table, accepting)
    table = [[(members, then) for members, then in row if distances[then] != INFINITE] for row in table]
    return _merged(table, accepting, _equivalent(table, distances))


def _explore(e: Expr, limit: int) -> tuple[list[list[tuple[int, int]]], frozenset[int]]:
    number = {e: 0}
    order = [e]
    table = []
    for state in order:
        row = []
        for members, then in arcs(state):
            if then not in number:
                if len(order) >= limit:
                    raise GrammarTooLarge(
                        "a pattern has too many states", limit=limit, given=len(order) + 1, hint="Simplify the pattern."
                    )
                number[then] = len(order)
                order.append(then)
            row.append((members, number[then]))
        table.append(row)
    return table, frozenset(number[state] for state in order if state.can_stop)


def _equivalent(table: Sequence[Sequence[tuple[int, int]]], distances: Sequence[float]) -> list[int]:
    """For each state the number of its class; the classes are numbered in the order of their first states.

    States at different distances from an end are told apart from the start, which saves most of the rounds.
    """
    blocks: Sequence[float] = distances
    count = 0
    while True:
        spend(1 + len(table) // _STATES_PER_STEP)
        signatures: dict[object, int] = {}
        refined = []
        for state, row in enumerate(table):
            to: dict[float, int] = {}
            for members, then in row:
                to[blocks[then]] = to.get(blocks[then], 0) | members
            signature = (blocks[state], frozenset(to.items()))
            refined.append(signatures.setdefault(signature, len(signatures)))
        blocks = refined
        if len(signatures) == count:
            return refined
        count = len(signatures)


def _merged(
    table: Sequence[Sequence[tuple[int, int]]], accepting: frozenset[int], blocks: Sequence[int]
) -> tuple[list[list[tuple[int, int]]], frozenset[int]]:
    rows: list[list[tuple[int, int]]] = []
    for state, row in enumerate(table):
        if blocks[state] == len(rows):
            to: dict[int, int] = {}
            for members, then in row:
                to[blocks[then]] = to.get(blocks[then], 0) | members
            rows.append([(members, then) for then, members in to.items()])
    return rows, frozenset(blocks[state] for state in accepting)


def _distances(table: Sequence[Sequence[tuple[int, int]]], accepting: frozenset[int]) -> list[float]:
    before: list[list[int]] = [[] for _ in table]
    for state, row in enumerate(table):
        for members, then in row:
            if members:
                before[then].append(state)
    distances: list[float] = [INFINITE] * len(table)
    frontier = sorted(accepting)
    walked = 0
    while frontier:
        for state in frontier:
            distances[state] = walked
        walked += 1
        frontier = sorted({s for state in frontier for s in before[state] if distances[s] == INFINITE})
    return distances
