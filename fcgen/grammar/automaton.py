"""Numbers the terms reached from a grammar, and keeps what a compiled walk needs of them in flat tables.

A place is a state and what waits behind it: a stack of states, of which each frame is numbered. A state is a term that
stands apart (`expr.apart`), or what is left of one; it is the same state wherever that stands, in whatever grammar, so
what is found out about it is found out once. Where its text ends, the state of the uppermost frame takes over.

There are these kinds of states. A ROW has a next state for each byte. A CHAIN has one byte that can follow, as within a
literal. A CALL begins with a term that stands apart: it is walked as that term's state, with the state of the rest put
on the stack; or it is another name of one state, with nothing to put there. An END has come to its end. States are
UNFILLED before one is walked on from, and filled on demand, since only places that some token reaches are ever needed.
Arcs into terms that cannot finish are left out, which is all it takes to have no dead ends.

A recording (`expr.record`) would give a state to each text, so there are two kinds of steps. A state with a recording
at its head is another name of its shadow, the state of the generic term, which forgets what was written: a walk over
many texts meets few states, up to the places that depend on the text, where it learns no more (a place that is UNKNOWN;
BEYOND stands for states that only unknown places lead on from). `step` takes one text, and knows it. Likewise a state
whose bounds no walk can reach is another name of the term without them (`horizon.py`), and `step` counts.

Where a state may stop and may go on, and the frame that waits goes on with the same byte, a text is at two places at
once. A walk follows both. `step` goes on with one place: that of the state and the frame as one term.

Numbers never move. Growing replaces the arrays, so a reader takes them once and reads on undisturbed; who writes holds
the lock. What one grammar may add is capped (`Growth`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fcgen.errors import GrammarTooLarge, Unsatisfiable
from fcgen.grammar import derive
from fcgen.grammar.arcs import Recording, arcs, derived, forget, generic, is_recording
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.expr import EMPTY, seq
from fcgen.grammar.horizon import boundless
from fcgen.grammar.terms import Apart, Deferred, Expr, Literal, Seq
from fcgen.grammar.work import MAX_STEPS, bounded

DEAD = -1
BEYOND = -2
UNSETTLED = -3
FAR = 1 << 30
MAX_STATES = 250_000
ENDLESS = 1 << 62

UNFILLED, ROW, CHAIN, CALL, END, UNKNOWN = range(6)
KIND, FIRST, SECOND, STOPS, FEWEST = range(5)
_WIDTH = 5
STATE, BELOW = 0, 1  # of a frame, which has STOPS and FEWEST too
OPEN, BOTTOM = 0, 1  # what follows is not said; nothing follows
_BITS = 32
_LOW = (1 << _BITS) - 1


def place_of(state: int, frame: int = OPEN) -> int:
    """The place of a state on a stack."""
    return frame << _BITS | state


def state_of(place: int) -> int:
    """The state of a place."""
    return place & _LOW


def frame_of(place: int) -> int:
    """The uppermost frame of a place."""
    return place >> _BITS


class Growth:
    """How much one grammar may add to an automaton, and how much work each addition may take."""

    def __init__(self, max_states: int = MAX_STATES, max_steps: int = MAX_STEPS) -> None:
        self.limit = max_states
        self.used = 0
        self.max_steps = max_steps


class Automaton:
    """A deterministic automaton with a stack, filled as it is walked.

    Args:
        horizon: how many bytes a walk has at most, from a place that `step` led to.

    Attributes:
        states: int32 [capacity, 5]. KIND; FIRST and SECOND: of a ROW its number, of a CHAIN the byte and the next
            state, of a CALL the state to walk and the state to put on the stack, or -1; STOPS, whether its text may end
            here; FEWEST, the fewest bytes to an end of it, or somewhat more (see `derive`), at most FAR.
        rows: int32 [capacity, 256], the next state for each byte, DEAD, or BEYOND.
        frames: int32 [capacity, 5]. STATE; BELOW, the next frame; STOPS and FEWEST for all of the stack. Frame OPEN
            stands for whatever follows, frame BOTTOM for the end of the text.
        size: how many states and frames there are.
        lock: held by whoever adds to it.
    """

    def __init__(self, *, horizon: int = ENDLESS) -> None:
        self.lock = threading.RLock()
        self._horizon = horizon
        self._growth = Growth()
        self._terms: list[Expr | None] = []
        self._numbers: dict[Expr, int] = {}
        self._shadows: set[int] = set()
        self._frame_numbers: dict[tuple[int, int], int] = {}
        self._row_count = 0
        self._frame_count = 2
        self.states: NDArray[np.int32] = np.zeros((256, _WIDTH), np.int32)
        self.rows: NDArray[np.int32] = np.empty((64, 256), np.int32)
        self.frames: NDArray[np.int32] = np.zeros((64, _WIDTH), np.int32)
        self.frames[:2, STOPS] = True
        self._read_anew()
        self._number(EMPTY)

    @property
    def size(self) -> int:
        """How many states and frames there are."""
        return len(self._terms) + self._frame_count

    @contextmanager
    def growing(self, growth: Growth) -> Iterator[None]:
        """Hold the lock, and count what is added and what work it takes.

        Raises:
            GrammarTooLarge: more states and frames are needed than may be added.
            OutOfSteps: it takes too much work.
        """
        with self.lock, bounded(growth.max_steps):
            before, self._growth = self._growth, growth
            try:
                yield
            finally:
                self._growth = before

    def start(self, term: Expr) -> int:
        """The place where a text of `term` begins. Raises Unsatisfiable if there is none."""
        if fewest(term) == INFINITE:
            raise Unsatisfiable("no text at all satisfies this grammar")
        with self.lock:
            return self._settled(self._number(term), BOTTOM)

    def can_stop(self, place: int) -> bool:
        """Whether the text may end at `place`."""
        state, frame = place & _LOW, place >> _BITS
        return bool(self._states_read[state * _WIDTH + STOPS] and self._frames_read[frame * _WIDTH + STOPS])

    def fewest(self, place: int) -> int:
        """The fewest bytes from `place` to an end, or somewhat more; FAR or more: unknown."""
        state, frame = place & _LOW, place >> _BITS
        return self._states_read[state * _WIDTH + FEWEST] + self._frames_read[frame * _WIDTH + FEWEST]

    def fill(self, state: int) -> bool:
        """Find out the kind of a state. False: it is UNKNOWN what follows."""
        if self.states[state, KIND] == UNFILLED:
            with self.lock:
                if self.states[state, KIND] == UNFILLED:
                    term = self._terms[state]
                    assert term is not None, "states within literals are filled"
                    try:
                        self._fill(state, term)
                    except Recording:
                        self._fill_like(state, generic(term, _is_alive))
        return bool(self.states[state, KIND] != UNKNOWN)

    def is_shadowed(self, state: int) -> bool:
        """Whether the state is walked as its shadow, which knows less."""
        return state in self._shadows

    def push(self, state: int, frame: int) -> int:
        """The frame of `state` on top of `frame`."""
        found = self._frame_numbers.get((state, frame))
        if found is None:
            with self.lock:
                found = self._frame_numbers.get((state, frame))
                if found is None:
                    found = self._add_frame(state, frame)
        return found

    def below(self, frame: int) -> tuple[int, int]:
        """The state of a frame, and the next frame."""
        state, below = self.frames[frame, : BELOW + 1].tolist()
        return state, below

    def step(self, place: int, data: bytes) -> int:
        """The place after `data`, or DEAD. From a place that `start` or `step` led to."""
        state, frame = state_of(place), frame_of(place)
        done = 0
        while done < len(data):
            place = self._settled(state, frame)
            state, frame = state_of(place), frame_of(place)
            if state in self._shadows and (frame <= BOTTOM or not self.states[state, STOPS]):
                state, count = self._ahead(state, frame, data[done:])
                done += count
            else:
                state, frame = self._step(state, frame, data[done])
                done += 1
            if state < 0:
                return DEAD
        return self._settled(state, frame)

    def step_if_filled(self, place: int, data: bytes) -> int:
        """What `step` says, as far as it is known without adding anything; UNSETTLED where it is not. Takes no lock."""
        state, frame = place & _LOW, place >> _BITS
        states, rows, frames = self._states_read, self._rows_read, self._frames_read
        try:
            for byte in data:
                while True:
                    at = state * _WIDTH
                    kind = states[at]
                    if kind == CHAIN:
                        if states[at + FIRST] != byte:
                            return DEAD
                        state = states[at + SECOND]
                        break
                    if kind == ROW:
                        then = rows[states[at + FIRST] << 8 | byte]
                        if frame <= BOTTOM or not states[at + STOPS]:
                            if then < 0:
                                return DEAD
                            state = then
                            break
                        if then != DEAD:
                            return UNSETTLED
                    elif kind != END:
                        return UNSETTLED
                    if frame <= BOTTOM:
                        return DEAD
                    at = frame * _WIDTH
                    state, frame = self._entered(frames[at], frames[at + BELOW])
                if not ROW <= states[state * _WIDTH] <= CHAIN:
                    state, frame = self._entered(state, frame)
        except (IndexError, KeyError):  # added since
            return UNSETTLED
        return frame << _BITS | state

    def by_rows(self, place: int) -> int:
        """The place that a walk is at, at `place`: of a state with a ROW, a CHAIN or an END, or UNKNOWN."""
        state, frame = state_of(place), frame_of(place)
        while True:
            self.fill(state)
            kind, first, second, _, _ = self.states[state].tolist()
            if kind == CALL:
                frame = frame if second < 0 else self.push(second, frame)
                state = first
            elif kind == END and frame > BOTTOM:
                state, frame = self.below(frame)
            else:
                return place_of(state, frame)

    def ended(self, place: int) -> int:
        """The place that a walk is at, at `place`, once all has ended that may end there."""
        while True:
            place = self.by_rows(place)
            frame = frame_of(place)
            if frame <= BOTTOM or not self.states[state_of(place), STOPS]:
                return place
            place = place_of(*self.below(frame))

    def next_bytes(self, place: int) -> NDArray[np.bool_] | None:
        """Which bytes may come next at `place`; None if that depends on what was written."""
        found = np.zeros(256, np.bool_)
        while True:
            state, frame = state_of(place := self.by_rows(place)), frame_of(place)
            kind, first, _, stops, _ = self.states[state].tolist()
            if kind == CHAIN:
                found[first] = True
            elif kind == ROW:
                row = self.rows[first]
                if (row == BEYOND).any():
                    return None
                found |= row != DEAD
            elif kind == UNKNOWN:
                return None
            if not stops or frame <= BOTTOM:
                return found
            place = place_of(*self.below(frame))

    def nearer(self, place: int, has_byte: NDArray[np.bool_]) -> tuple[int, int] | None:
        """The place after the first byte of the shortest text from `place`, and that byte; None: it is not known.

        Args:
            place: where a text cannot end.
            has_byte: which bytes can be written.
        """
        place = self.ended(place)
        state, frame = state_of(place), frame_of(place)
        kind, first, second, _, need = self.states[state].tolist()
        if kind == CHAIN:
            return place_of(second, frame), first
        if kind != ROW:
            return None
        row = self.rows[first]
        needs = np.where((row >= 0) & has_byte, self.states[row, FEWEST], FAR)
        byte = int(np.argmin(needs))
        return (place_of(int(row[byte]), frame), byte) if needs[byte] < need else None

    def _entered(self, state: int, frame: int) -> tuple[int, int]:
        """What `_settled` says, as far as it is known. Raises KeyError or IndexError where it is not. Takes no lock."""
        states, frames = self._states_read, self._frames_read
        while True:
            at = state * _WIDTH
            kind = states[at]
            if kind == CALL and state not in self._shadows:
                waiting = states[at + SECOND]
                if waiting >= 0:
                    frame = self._frame_numbers[waiting, frame]
                state = states[at + FIRST]
            elif kind == END and frame > BOTTOM:
                state, frame = frames[frame * _WIDTH], frames[frame * _WIDTH + BELOW]
            elif kind == UNFILLED:
                raise KeyError(state)
            else:
                return state, frame

    def _settled(self, state: int, frame: int) -> int:
        """The place of a state that is filled, without names for others; shadows stay unseen."""
        while True:
            self.fill(state)
            kind, first, second, _, _ = self.states[state].tolist()
            if kind == CALL and state not in self._shadows:
                frame = frame if second < 0 else self.push(second, frame)
                state = first
            elif kind == END and frame > BOTTOM:
                state, frame = self.below(frame)
            else:
                return place_of(state, frame)

    def _step(self, state: int, frame: int, byte: int) -> tuple[int, int]:
        """The state and the frame after one byte, or DEAD, whatever there is at the place."""
        while True:
            place = self._settled(state, frame)
            state, frame = state_of(place), frame_of(place)
            then = self._after(state, byte)
            if frame <= BOTTOM or not self.states[state, STOPS]:
                return then, frame
            waiting, below = self.below(frame)
            if then == DEAD:
                state, frame = waiting, below
            elif self._step(waiting, below, byte)[0] == DEAD:
                return then, frame
            else:
                state, frame = self._joined(state, waiting), below

    def _after(self, state: int, byte: int) -> int:
        """The state after one byte of its own text, or DEAD."""
        kind, first, second, _, _ = self.states[state].tolist()
        if state in self._shadows:
            with self.lock:
                term = self._terms[state]
                assert term is not None, "states within literals have no shadows"
                then = derived(term, byte)
                return self._number(then) if _is_alive(then) else DEAD
        if kind == CHAIN:
            return int(second) if first == byte else DEAD
        return max(int(self.rows[first, byte]), DEAD) if kind == ROW else DEAD

    def _ahead(self, state: int, frame: int, data: bytes) -> tuple[int, int]:
        """The state after some of `data`, from one that has a shadow; and after how much of it.

        The terms in between, as many as there are texts, get no number.
        """
        with self.lock:
            term = self._terms[state]
            assert term is not None, "states within literals have no shadows"
            for count, byte in enumerate(data):
                if count and ((term.can_stop and frame > BOTTOM) or not self._has_shadow(term)):
                    return self._number(term), count
                term = derived(term, byte)
                if not _is_alive(term):
                    return DEAD, count
            return self._number(term), len(data)

    def _has_shadow(self, term: Expr) -> bool:
        return boundless(term, self._horizon) is not term or is_recording(term)

    def _joined(self, state: int, waiting: int) -> int:
        with self.lock:
            first, second = self._terms[state], self._terms[waiting]
            assert first is not None, "a text cannot end within a literal"
            assert second is not None, "frames are of terms"
            return self._number(seq(first, second))

    def _fill(self, state: int, term: Expr) -> None:
        data, tail = _leading_literal(term)
        free = boundless(term, self._horizon)
        if data:
            self._fill_literal(state, data, tail)
        elif type(term) is Deferred:
            self._fill_call(state, self._number(term.force()), -1)
        elif type(term) is Seq and type(term.head) is Apart and fewest(term) < derive.BEYOND:
            self._fill_call(state, self._number(term.head), self._number(term.tail))
        elif free is not term:
            self._fill_like(state, free)
        else:
            row = self._row(term)
            forget(term)
            number = self._row_count
            if number == len(self.rows):
                self.rows = _grown(self.rows)
                self._read_anew()
            self.rows[number] = row
            self._row_count += 1
            self.states[state, FIRST] = number
            self.states[state, KIND] = ROW

    def _fill_call(self, state: int, called: int, waiting: int) -> None:
        self.states[state, FIRST : SECOND + 1] = called, waiting
        self.states[state, KIND] = CALL

    def _fill_like(self, state: int, term: Expr) -> None:
        self._shadows.add(state)
        shadow = self._number(term)
        if shadow != state and self.fill(shadow):
            self._fill_call(state, shadow, -1)
        else:
            self.states[state, KIND] = UNKNOWN

    def _fill_literal(self, state: int, data: bytes, tail: Expr) -> None:
        end = self._number(tail)
        first = self._add([None] * (len(data) - 1))
        path = [state, *range(first, first + len(data) - 1), end]
        states = self.states
        need = int(states[end, FEWEST])
        for i in range(len(data) - 1, -1, -1):
            need = min(need + 1, FAR)
            states[path[i], FIRST:] = data[i], path[i + 1], False, need
            states[path[i], KIND] = CHAIN

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
        while type(term) is Apart:
            term = term.inner
        number = self._numbers.get(term)
        if number is None:
            need = min(fewest(term), FAR)
            number = self._numbers[term] = self._add([term])
            self.states[number, STOPS:] = term.can_stop, need
            if term is EMPTY:
                self.states[number, KIND] = END
        return number

    def _add(self, terms: list[Expr | None]) -> int:
        first = len(self._terms)
        self._count(len(terms))
        while first + len(terms) > len(self.states):
            self.states = _grown(self.states)
            self._read_anew()
        self._terms.extend(terms)
        return first

    def _add_frame(self, state: int, below: int) -> int:
        self._count(1)
        number = self._frame_count
        if number == len(self.frames):
            self.frames = _grown(self.frames)
            self._read_anew()
        stops = self.states[state, STOPS] and self.frames[below, STOPS]
        need = min(FAR, int(self.states[state, FEWEST]) + int(self.frames[below, FEWEST]))
        self.frames[number] = state, below, 0, stops, need
        self._frame_count += 1
        self._frame_numbers[state, below] = number
        return number

    def _read_anew(self) -> None:
        """Python reads single numbers faster from these than from arrays."""
        self._states_read = memoryview(self.states).cast("B").cast("i")
        self._rows_read = memoryview(self.rows).cast("B").cast("i")
        self._frames_read = memoryview(self.frames).cast("B").cast("i")

    def _count(self, added: int) -> None:
        growth = self._growth
        if growth.used + added > growth.limit:
            raise GrammarTooLarge(
                "the grammar has too many states",
                limit=growth.limit,
                given=growth.used + added,
                hint="Lower length bounds, simplify patterns, or offer fewer functions at once.",
            )
        growth.used += added


def _grown(table: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.concatenate([table, np.zeros_like(table)])


def _is_alive(term: Expr) -> bool:
    return fewest(term) != INFINITE


def _leading_literal(term: Expr) -> tuple[bytes, Expr]:
    if type(term) is Literal:
        return term.data, EMPTY
    if type(term) is Seq and type(term.head) is Literal:
        return term.head.data, term.tail
    return b"", term


@lru_cache(maxsize=4096)
def _bytes_of(members: int) -> NDArray[np.intp]:
    return np.flatnonzero(np.unpackbits(np.frombuffer(members.to_bytes(32, "little"), np.uint8), bitorder="little"))
