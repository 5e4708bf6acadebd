"""Numbers the terms reached from a grammar, and keeps what a compiled walk needs of them in flat tables.

State 0 is the grammar itself. `transitions[state, byte]` is the next state or DEAD; a row is valid once
`filled[state]`, and is filled on demand, since only places that some token reaches are ever needed. Arcs into terms
that cannot finish are left out, which is all it takes to have no dead ends. The states of a literal, and those of a
bounded run of one byte set (whitespace, digits), are numbered in one go.

A recording (`expr.record`) would give a state to each text, so there are two kinds of steps. The row of a state with a
recording at its head is that of its shadow, the state of the generic term, which forgets what was written: a walk over
many texts meets few states, up to the places that depend on the text, where it learns no more (an unknown place is
never filled; BEYOND stands for states that only unknown places lead on from). `step` takes one text, and knows it.
Likewise a state whose bounds no walk can reach has the row of the term without them (`horizon.py`), and `step` counts.

State numbers never move. Growing replaces the arrays, so a reader takes them once and reads on undisturbed; `fill`
holds the lock. The number of states is capped: a row is a kilobyte.
"""

from __future__ import annotations

import threading
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fcgen.errors import GrammarTooLarge, Unsatisfiable
from fcgen.grammar import derive
from fcgen.grammar.arcs import Recording, arcs, derived, generic, is_recording
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.expr import EMPTY
from fcgen.grammar.horizon import boundless
from fcgen.grammar.terms import ByteSet, Expr, Literal, Repeat, Seq
from fcgen.grammar.work import MAX_STEPS, bounded

DEAD = -1
BEYOND = -2
FAR = np.iinfo(np.int32).max
MAX_STATES = 250_000
ENDLESS = 1 << 62


class Automaton:
    """The deterministic automaton of a grammar, filled as it is walked.

    Args:
        root: the grammar.
        horizon: how many bytes a walk by rows has at most, from a state that `step` led to.
        max_states: the cap on the number of states.
        max_steps: how much work the filling of a row, or a step, may take.

    Attributes:
        transitions: int32 [capacity, 256], next state, DEAD, or BEYOND; row s is meaningful where filled[s].
        filled: bool [capacity].
        can_stop: bool [capacity], whether the text may end here.
        fewest: int32 [capacity], the fewest bytes from here to an end, or somewhat more (see `derive`); FAR: unknown.
        size: how many states there are.
    """

    def __init__(
        self, root: Expr, *, horizon: int = ENDLESS, max_states: int = MAX_STATES, max_steps: int = MAX_STEPS
    ) -> None:
        if fewest(root) == INFINITE:
            raise Unsatisfiable("no text at all satisfies this grammar")
        self.lock = threading.RLock()
        self.size = 0
        self._horizon = horizon
        self._max_states = max_states
        self._max_steps = max_steps
        self._terms: list[Expr | None] = []
        self._numbers: dict[Expr, int] = {}
        self._shadows: dict[int, int] = {}
        self.transitions: NDArray[np.int32] = np.empty((0, 256), np.int32)
        self.filled: NDArray[np.bool_] = np.empty(0, np.bool_)
        self.can_stop: NDArray[np.bool_] = np.empty(0, np.bool_)
        self.fewest: NDArray[np.int32] = np.empty(0, np.int32)
        self._grow(64)
        self._number(root)

    def fill(self, state: int) -> bool:
        """Make row `state` of `transitions` valid. False: it is an unknown place, and cannot be.

        Raises:
            GrammarTooLarge: the automaton has reached its cap of states.
            OutOfSteps: finding what may follow takes too many steps.
        """
        if self.filled[state]:
            return True
        with self.lock:
            term = self._terms[state]
            if not self.filled[state] and state not in self._shadows and term is not None:
                with bounded(self._max_steps):
                    try:
                        self._fill(state, term)
                    except Recording:
                        self._fill_like(state, generic(term, _is_alive))
            return bool(self.filled[state])

    def step(self, state: int, data: bytes) -> int:
        """The state after `data`, or DEAD. From a state that `step` leads to (or 0), not from a row's."""
        for place, byte in enumerate(data):
            if not self.filled[state]:
                self.fill(state)
            if self._shadows and state in self._shadows:
                return self._record(state, data[place:])
            state = int(self.transitions[state, byte])
            if state == DEAD:
                return DEAD
        return state

    def shadow(self, state: int) -> int:
        """The state whose row `state` has: another one if not all of its term matters to a walk."""
        self.fill(state)
        while (shadow := self._shadows.get(state, state)) != state:
            state = shadow
        return state

    def is_known(self, state: int) -> bool:
        """Whether the row of `state` says all about its next bytes."""
        return self.fill(state) and (state not in self._shadows or not (self.transitions[state] == BEYOND).any())

    def _fill(self, state: int, term: Expr) -> None:
        data, tail = _leading_literal(term)
        free = boundless(term, self._horizon)
        if free is not term:
            self._fill_like(state, free)
        elif len(data) > 1:
            self._fill_literal(state, data, tail)
        elif (run := _leading_run(term)) is not None:
            self._fill_run(state, *run)
        else:
            row = self._row(term)
            self.transitions[state] = row
            self.filled[state] = True

    def _fill_like(self, state: int, term: Expr) -> None:
        shadow = self._shadows[state] = self._number(term)
        if shadow != state and self.fill(shadow):
            self.transitions[state] = self.transitions[shadow]
            self.filled[state] = True

    def _record(self, state: int, data: bytes) -> int:
        """The state after `data`, from a state that has a shadow."""
        with self.lock, bounded(self._max_steps):
            term = self._terms[state]
            assert term is not None, "bounded runs and literals have no shadows"
            for place, byte in enumerate(data):
                if not self._has_shadow(term):
                    return self.step(self._number(term), data[place:]) if _is_alive(term) else DEAD
                term = derived(term, byte)
            return self._number(term) if _is_alive(term) else DEAD

    def _has_shadow(self, term: Expr) -> bool:
        return is_recording(term) or boundless(term, self._horizon) is not term

    def _fill_literal(self, state: int, data: bytes, tail: Expr) -> None:
        end = self._number(tail)
        first = self._add([None] * (len(data) - 1), can_stop=False)
        path = [state, *range(first, self.size), end]
        for here, there, byte in zip(path, path[1:], data, strict=False):
            self.transitions[here, byte] = there
        self.fewest[first : self.size] = self.fewest[end] + np.arange(len(data) - 1, 0, -1)
        self.filled[first : self.size] = True
        self.filled[state] = True

    def _fill_run(self, state: int, members: int, most: int, tail: Expr) -> None:
        """A bounded run of one byte set before a tail that cannot begin with it: the same row, but for the way on."""
        end = self._number(tail)
        first = self._add([None] * (most - 1), can_stop=tail.can_stop)
        path = np.array([state, *range(first, self.size), end], np.int32)
        self.fewest[first : self.size] = self.fewest[end]
        self.transitions[path[:-1]] = self._row(tail)
        self.transitions[np.ix_(path[:-1], _bytes_of(members))] = path[1:, None]
        self.filled[path[:-1]] = True

    def _row(self, term: Expr) -> NDArray[np.int32]:
        row = np.full(256, DEAD, np.int32)
        for members, then in arcs(term):
            need = fewest(then)
            if need < derive.BEYOND:
                row[_bytes_of(members)] = self._number(then)
            elif need != INFINITE:
                row[_bytes_of(members)] = BEYOND
        return row

    def _number(self, term: Expr) -> int:
        number = self._numbers.get(term)
        if number is None:
            number = self._numbers[term] = self._add([term], can_stop=term.can_stop)
            self.fewest[number] = min(fewest(term), FAR)
        return number

    def _add(self, terms: list[Expr | None], *, can_stop: bool) -> int:
        first = self.size
        needed = first + len(terms)
        if needed > self._max_states:
            raise GrammarTooLarge(
                "the grammar has too many states",
                limit=self._max_states,
                given=needed,
                hint="Lower length bounds, simplify patterns, or offer fewer functions at once.",
            )
        if needed > len(self.filled):
            self._grow(max(needed, 2 * len(self.filled)))
        self.can_stop[first:needed] = can_stop
        self._terms.extend(terms)
        self.size = needed
        return first

    def _grow(self, capacity: int) -> None:
        extra = capacity - len(self.filled)
        self.transitions = np.concatenate([self.transitions, np.full((extra, 256), DEAD, np.int32)])
        self.filled = np.concatenate([self.filled, np.zeros(extra, np.bool_)])
        self.can_stop = np.concatenate([self.can_stop, np.zeros(extra, np.bool_)])
        self.fewest = np.concatenate([self.fewest, np.zeros(extra, np.int32)])


def _is_alive(term: Expr) -> bool:
    return fewest(term) != INFINITE


def _leading_literal(term: Expr) -> tuple[bytes, Expr]:
    if type(term) is Literal:
        return term.data, EMPTY
    if type(term) is Seq and type(term.head) is Literal:
        return term.head.data, term.tail
    return b"", term


def _leading_run(term: Expr) -> tuple[int, int, Expr] | None:
    """The byte set, greatest count and tail of a term that begins with a bounded run and has no other way on."""
    if type(term) is not Seq or type(term.head) is not Repeat or type(term.head.inner) is not ByteSet:
        return None
    run, members = term.head, term.head.inner.members
    if run.least or run.most is None or run.most < 2 or any(first & members for first, _ in arcs(term.tail)):
        return None
    return members, run.most, term.tail


@lru_cache(maxsize=4096)
def _bytes_of(members: int) -> NDArray[np.intp]:
    return np.flatnonzero(np.unpackbits(np.frombuffer(members.to_bytes(32, "little"), np.uint8), bitorder="little"))
