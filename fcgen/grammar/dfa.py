"""Explicit finite automata as terms.

A `Dfa` is a finished table: its states are terms whose arcs and distances are known beforehand, so walking them costs
no derivation. `determinize` turns a regular term into one: it walks all derivatives once, then drops what cannot
finish and merges equal states. Worth it for intersections and complements, whose distances would otherwise be searched
for; pointless for plain sequences and choices. Equal automata are one object.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from weakref import WeakValueDictionary

from fcgen.core import determined, dfa_states
from fcgen.grammar.arcs import arcs
from fcgen.grammar.derive import INFINITE
from fcgen.grammar.expr import NOTHING
from fcgen.grammar.terms import Expr

Table = tuple[tuple[tuple[int, int], ...], ...]

_built: WeakValueDictionary[tuple[Table, frozenset[int]], Dfa] = WeakValueDictionary()
_built_lock = threading.Lock()


class Dfa:
    """A finite automaton: per state its arcs `(byte set, next state)`, disjoint, and the set of accepting states.

    `sets` are the byte sets on its arcs.
    """

    __slots__ = ("__weakref__", "_states", "sets")

    def __init__(self, table: Sequence[Sequence[tuple[int, int]]], accepting: frozenset[int]) -> None:
        self.sets = frozenset(members for row in table for members, _ in row)
        self._states = dfa_states(self, table, accepting)

    @property
    def size(self) -> int:
        """How many states there are."""
        return len(self._states)

    def table(self) -> tuple[list[list[tuple[int, int]]], frozenset[int]]:
        """For each state its arcs, and the accepting states."""
        rows = [[(members, then.state) for members, then in arcs(state)] for state in self._states]  # type: ignore[attr-defined]
        return rows, frozenset(state.state for state in self._states if state.can_stop)

    def term(self, state: int = 0) -> Expr:
        """The language that is left at `state`."""
        found = self._states[state]
        return NOTHING if found.fewest_memo == INFINITE else found


def determinize(e: Expr, *, limit: int = 20_000) -> Expr:
    """`e` as a minimal finite automaton.

    Raises:
        GrammarTooLarge: it has more than `limit` states, or is not regular.
    """
    table, accepting = determined(e, limit)
    key = (tuple(tuple(sorted(row)) for row in table), accepting)
    with _built_lock:
        dfa = _built.get(key)
        if dfa is None:
            dfa = _built[key] = Dfa(table, accepting)
    return dfa.term(0)
