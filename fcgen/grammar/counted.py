"""An automaton over characters beside a count of them, as terms.

The states of the automaton say what a text must be of but for its length; the count says how many characters it has.
Together they would be as many states as both have in product. Here only the automaton is written out, and for each
count how many bytes each state is from an end. These distances are found from the end backwards, one row of numbers
for each count, until a row repeats the one before it, where enough characters are left that their number does not
matter; and where more characters must come, until a row differs from the one before it by one number. So most lengths
need few rows, and no place of a text is searched for how far its end is.

A state and a count are a term; what follows it is found when it is walked.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fcgen.core import counted
from fcgen.errors import GrammarTooLarge
from fcgen.grammar.arcs import Arcs, arcs, grouped, split
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.expr import NOTHING, alt_of, follow
from fcgen.grammar.terms import Counted, Expr
from fcgen.grammar.work import spend

MAX_DISTANCES = 2_000_000  # that are written out, four bytes each
MAX_TERMS = 20_000
_NEVER = 1 << 28
_PER_STEP = 1_000

Ways = Sequence[tuple[Expr, int]]
_Row = NDArray[np.int32]


class CountedDfa:
    """The texts of an automaton that have `least` to `most` characters (None: no end).

    Args:
        ways: for each state, terms of single characters, each with the next state. No two of a state have a character
            in common, and no spelling of one begins another's. The first state is where texts begin.
        accepting: the states at which texts may end.
        least: see above.
        most: see above.

    Raises:
        GrammarTooLarge: more distances are needed than may be written out.
    """

    def __init__(
        self, ways: Sequence[Ways], accepting: frozenset[int], least: int = 0, most: int | None = None
    ) -> None:
        self.least, self.most = least, most
        self._ways, self._accepting = ways, accepting
        self._distances = _Distances(ways, accepting, least, most)
        self._terms: dict[tuple[int, int], Expr] = {}
        self._cells: dict[int, list[tuple[int, list[tuple[Expr, int]]]]] = {}
        self._endless: CountedDfa | None = None

    @property
    def characters(self) -> tuple[Expr, ...]:
        """The terms of single characters."""
        return tuple(dict.fromkeys(char for row in self._ways for char, _ in row))

    def term(self, state: int = 0, count: int = 0) -> Expr:
        """What is left at a state after `count` characters."""
        if self.most is None:
            count = min(count, self.least)
        found = self._terms.get((state, count))
        if found is None:
            need = self._distances.of(state, count)
            if need == INFINITE:
                return NOTHING
            spend()
            made = counted(self, state, count, need)
            if len(self._terms) > MAX_TERMS:
                self._terms.clear()
            found = self._terms.setdefault((state, count), made)
        return found

    def arcs(self, e: Counted) -> Arcs:
        """What can come first at one of its terms, in disjoint sets, each with what is left after it."""
        spend()
        cells = self._cells.get(e.state)
        if cells is None:
            cells = []
            for char, state in self._ways[e.state]:
                for members, left in arcs(char):
                    cells = split(cells, members, (left, state))
            self._cells[e.state] = cells
        then = {state: self.term(state, e.count + 1) for _, state in self._ways[e.state]}
        found = grouped((members, alt_of(follow(left, then[state]) for left, state in ways)) for members, ways in cells)
        return [way for way in found if way[1] is not NOTHING]

    def boundless(self, e: Counted, horizon: int) -> Expr:
        """`e` without a greatest length, if `horizon` characters do not come near that."""
        if self.most is None or not self._distances.is_steady(e.count + horizon):
            return e
        if self._endless is None:
            self._endless = CountedDfa(self._ways, self._accepting, self.least)
        return self._endless.term(e.state, e.count)

    def spelled(self, new: Mapping[Expr, Expr]) -> CountedDfa:
        """The same with these terms in place of its characters'."""
        if all(new[char] is char for char in self.characters):
            return self
        ways = [[(new[char], then) for char, then in row if new[char] is not NOTHING] for row in self._ways]
        return CountedDfa(ways, self._accepting, self.least, self.most)


class _Distances:
    """How many bytes each state is from an end, by how many characters there are.

    Row `i` of `_late` is for `i` characters before the greatest length, the last one for all the more, if `_steady`.
    Row `i` of `_early` is for `i + 1` characters before the least length; for those before, `_slope` more for each.
    """

    def __init__(self, ways: Sequence[Ways], accepting: frozenset[int], least: int, most: int | None) -> None:
        self._least, self._most = least, most
        self._at_end = np.full(len(ways) + 1, _NEVER, np.int32)  # the last one is where nothing goes on
        self._at_end[list(accepting)] = 0
        rows = [[(int(fewest(char)), then) for char, then in row] or [(0, len(ways))] for row in [*ways, []]]
        self._starts = np.cumsum([0, *map(len, rows)])[:-1]
        self._costs = np.array([cost for row in rows for cost, _ in row], np.int32)
        self._targets = np.array([then for row in rows for _, then in row], np.int32)
        self._late, self._steady = self._found_late()
        self._early, self._slope = self._found_early()

    def of(self, state: int, count: int) -> float:
        """The fewest bytes from a state after `count` characters to an end."""
        if count < self._least:
            at = self._least - count - 1
            more = max(0, at - len(self._early) + 1)
            need = int(self._early[at - more][state])
            return INFINITE if need >= _NEVER else need + more * self._slope
        left = len(self._late) - 1 if self._most is None else self._most - count
        need = _NEVER if left < 0 else int(self._late[min(left, len(self._late) - 1)][state])
        return INFINITE if need >= _NEVER else need

    def is_steady(self, count: int) -> bool:
        """Whether the greatest length does not matter up to `count` characters."""
        assert self._most is not None, "there is one"
        return self._steady and self._most - max(count, self._least) >= len(self._late) - 1

    def _before(self, row: _Row) -> _Row:
        """The distances of one character more."""
        spend(1 + len(self._costs) // _PER_STEP)
        found: _Row = np.minimum(np.minimum.reduceat(row[self._targets] + self._costs, self._starts), _NEVER)
        return found

    def _keep(self, rows: list[_Row], row: _Row) -> None:
        rows.append(row)
        if len(rows) * len(row) > MAX_DISTANCES:
            raise GrammarTooLarge(
                "a pattern beside a length has too many distances to write out",
                limit=MAX_DISTANCES,
                hint="Simplify the pattern, or change the bounds of the length.",
            )

    def _found_late(self) -> tuple[list[_Row], bool]:
        rows = [self._at_end]
        for _ in itertools.count() if self._most is None else range(self._most - self._least):
            row = np.minimum(self._at_end, self._before(rows[-1]))
            if np.array_equal(row, rows[-1]):
                return rows, True
            if self._most is None:
                rows.clear()
            self._keep(rows, row)
        return rows, False

    def _found_early(self) -> tuple[list[_Row], int]:
        rows: list[_Row] = []
        last = self._late[-1]
        while len(rows) < self._least:
            self._keep(rows, self._before(last))
            slope = _difference(last, rows[-1])
            if slope is not None:
                return rows, slope
            last = rows[-1]
        return rows, 0


def _difference(before: _Row, after: _Row) -> int | None:
    """By which number two rows differ wherever there is an end; None: by several."""
    ends = before < _NEVER
    if not np.array_equal(ends, after < _NEVER):
        return None
    found = np.unique(after[ends] - before[ends])
    return int(found[0]) if len(found) == 1 else 0 if len(found) == 0 else None
