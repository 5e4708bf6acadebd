"""Numbers the terms reached from a grammar, and keeps what a compiled walk needs of them in flat tables.

A thread is a state and what waits behind it: a stack of states, of which each frame is numbered. A state is a term that
stands apart (`expr.apart`), or what is left of one; it is the same state wherever that stands, in whatever grammar, so
what is found out about it is found out once. Where its text ends, the state of the uppermost frame takes over.

A text is at a place: at one thread, or at several, where there is a choice that the text so far leaves open. A choice
among members of an object, or among values, is never multiplied out; each alternative is a thread, which ends as soon
as a byte is not its own. Threads of one state are one thread, on a frame that stands for the several stacks, so that a
place has no more threads than its text has states, however many ways led there.

There are these kinds of states. A ROW has a next state for each byte; one ASIDE has those of another state, but for some
bytes, as within a name that must be none of some names. A CHAIN has one byte that can follow, as within a literal. A CALL begins with a term that stands apart: it is walked as that term's state, with the state of the rest put
on the stack; or it is another name of one state, with nothing to put there. A CHOICE is walked as each of some states.
An END has come to its end. States are UNFILLED before one is walked on from, and filled on demand, since only places
that some token reaches are ever needed. Arcs into terms that cannot finish are left out, which is all it takes to have
no dead ends.

A recording (`expr.record`) would give a state to each text, so there are two kinds of steps. A state with a recording
at its head is another name of its shadow, the state of the generic term, which forgets what was written: a walk over
many texts meets few states, up to the places that depend on the text, where it learns no more (a place that is UNKNOWN;
BEYOND stands for states that only unknown places lead on from). `step` takes one text, and knows it. Likewise a state
whose bounds no walk can reach is another name of the term without them (`horizon.py`), and `step` counts.

Numbers never move. Growing replaces the arrays, so a reader takes them once and reads on undisturbed; who writes holds
the lock. What one grammar may add is capped (`Growth`).
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from types import TracebackType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fcgen.errors import GrammarTooLarge, Unsatisfiable
from fcgen.grammar import derive
from fcgen.grammar.arcs import Recording, arcs, derived, forget, generic, is_recording, one_less, skipped
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.expr import EMPTY, alt_of, seq
from fcgen.grammar.horizon import boundless
from fcgen.grammar.runs import ENDLESS, loops, repeated, whole_characters
from fcgen.grammar.terms import Alt, Apart, Deferred, Empty, Expr, Fork, Literal, Record, Reference, Seq, Unlike
from fcgen.grammar.work import MAX_STEPS, bounded

DEAD = -1
BEYOND = -2
FAR = 1 << 30
MAX_STATES = 250_000
MAX_THREADS = 20_000
UNBOUNDED = 1 << 62

UNFILLED, ROW, CHAIN, CALL, CHOICE, END, UNKNOWN, ASIDE = range(8)
KIND, FIRST, SECOND, STOPS, FEWEST, RUN, LOOPS, MORE_LOOPS = range(8)
_WIDTH = 8
STATE, BELOW = 0, 1  # of a frame, which has STOPS and FEWEST too
OPEN, BOTTOM = 0, 1  # what follows is not said; nothing follows
_BITS = 32
_LOW = (1 << _BITS) - 1
_MANY = 1 << 62
_LEADING = (Literal, Apart, Deferred, Reference, Record, Fork, Empty)


def thread_of(state: int, frame: int = OPEN) -> int:
    """The thread of a state on a stack, which is a place."""
    return frame << _BITS | state


def state_of(thread: int) -> int:
    """The state of a thread."""
    return thread & _LOW


def frame_of(thread: int) -> int:
    """The uppermost frame of a thread."""
    return thread >> _BITS


class Growth:
    """How much one grammar may add to an automaton, and how much work each addition may take."""

    def __init__(self, max_states: int = MAX_STATES, max_steps: int = MAX_STEPS) -> None:
        self.limit = max_states
        self.used = 0
        self.max_steps = max_steps


class _Beside(NamedTuple):
    """What one ASIDE is made of: within `names`, sorted, after `depth` bytes, beside the state `other` without them.

    A name ends before the byte `end`.
    """

    other: int
    names: list[bytes]
    depth: int
    end: int


class Automaton:
    """An automaton with a stack, filled as it is walked.

    Args:
        horizon: how many bytes a walk has at most, from a place that `step` led to.

    Attributes:
        states: int32 [capacity, 8]. KIND; FIRST and SECOND: of a ROW its number, of a CHAIN the byte and the next
            state, of a CALL the state to walk and the state to put on the stack, or -1, of a CHOICE where its states
            begin in `choices` and how many they are, of one ASIDE the other state and where in `choices` stand the
            number of its own bytes, then each of these with the next state or DEAD; STOPS, whether its text may end here; FEWEST, the fewest bytes to
            an end of it, or somewhat more (see `derive`), at most FAR. RUN, how many bytes of the classes in LOOPS and
            MORE_LOOPS (`runs.py`; 32 bits each) lead back to it, or to states that differ in this number alone and are no
            further from an end.
        rows: int32 [capacity, 256], the next state for each byte, DEAD, or BEYOND.
        choices: int32 [capacity], the lists that states and frames refer to.
        frames: int32 [capacity, 8]. STATE; BELOW, the next frame; STOPS and FEWEST for all of the stack. Frame OPEN
            stands for whatever follows, frame BOTTOM for the end of the text. Of a frame that stands for n others
            STATE is -n, and BELOW where these begin in `choices`; STOPS and FEWEST are the best of theirs.
        lock: held by whoever adds to it.
    """

    def __init__(self, *, horizon: int = UNBOUNDED) -> None:
        self.lock = threading.RLock()
        self._horizon = horizon
        self._growth = Growth()
        self._terms: list[Expr | None] = []
        self._numbers: dict[Expr, int] = {}
        self._besides: dict[int, _Beside] = {}
        self._shadows: set[int] = set()
        self._frame_numbers: dict[tuple[int, int], int] = {}
        self._groups: list[tuple[int, ...]] = []
        self._group_numbers: dict[tuple[int, ...], int] = {}
        self._members: dict[int, tuple[int, ...]] = {}
        self._joined_numbers: dict[tuple[int, ...], int] = {}
        self._row_count = 0
        self._choice_count = 0
        self._frame_count = 2
        self.states: NDArray[np.int32] = np.zeros((256, _WIDTH), np.int32)
        self.rows: NDArray[np.int32] = np.empty((64, 256), np.int32)
        self.choices: NDArray[np.int32] = np.empty(256, np.int32)
        self.frames: NDArray[np.int32] = np.zeros((64, _WIDTH), np.int32)
        self.frames[:2, STOPS] = True
        self._read_anew()
        self._number(EMPTY)

    @property
    def size(self) -> int:
        """How many states, frames and places of several threads there are."""
        return len(self._terms) + self._frame_count + len(self._groups)

    def growing(self, growth: Growth) -> _Growing:
        """Hold the lock, and count what is added and what work it takes.

        Raises:
            GrammarTooLarge: more states and frames are needed than may be added.
            OutOfSteps: it takes too much work.
        """
        return _Growing(self, growth)

    def start(self, term: Expr) -> int:
        """The place where a text of `term` begins. Raises Unsatisfiable if there is none."""
        if fewest(term) == INFINITE:
            raise Unsatisfiable("no text at all satisfies this grammar")
        with self.lock:
            return self._place(self._entered([thread_of(self._number(term), BOTTOM)], self._shadows))

    def threads(self, place: int) -> Sequence[int]:
        """The threads of a place."""
        return self._groups[place ^ _MANY] if place & _MANY else (place,)

    def can_stop(self, place: int) -> bool:
        """Whether the text may end at `place`."""
        states, frames = self._states_read, self._frames_read
        for thread in self.threads(place):
            if states[(thread & _LOW) * _WIDTH + STOPS] and frames[(thread >> _BITS) * _WIDTH + STOPS]:
                return True
        return False

    def fewest(self, place: int) -> int:
        """The fewest bytes from `place` to an end, or somewhat more; FAR or more: unknown."""
        return min(map(self._need, self.threads(place)))

    def fill(self, state: int) -> bool:
        """Find out the kind of a state. False: it is UNKNOWN what follows. The lock is held."""
        if self._states_read[state * _WIDTH] == UNFILLED:
            term = self._terms[state]
            try:
                if term is None:
                    self._fill_beside(state, self._besides.pop(state))
                else:
                    self._fill(state, term)
            except Recording:
                assert term is not None, "names that are told apart have no recordings"
                self._fill_like(state, generic(term, _is_alive))
        return self._states_read[state * _WIDTH] != UNKNOWN

    def prepare(self, state: int) -> None:
        """Fill a state, and those that it is walked as."""
        while self.fill(state):
            kind, first, second = self.states[state, : SECOND + 1].tolist()
            if kind == CHOICE:
                for one in self.choices[first : first + second].tolist():
                    self.prepare(one)
                return
            if kind != CALL:
                return
            state = first

    def push(self, state: int, frame: int) -> int:
        """The frame of `state` on top of `frame`. The lock is held."""
        found = self._frame_numbers.get((state, frame))
        if found is None:
            found = self._frame_numbers[state, frame] = self._add_frame(state, frame)
        return found

    def step(self, place: int, data: bytes) -> int:
        """The place after `data`, or DEAD. From a place that `start` or `step` led to. The lock is held."""
        length = len(data)
        found: dict[int, None] = {}
        ahead = [(thread & _LOW, thread >> _BITS, 0) for thread in self.threads(place)]
        while ahead:
            state, frame, done = ahead.pop()
            if len(ahead) > MAX_THREADS * (length + 1):
                raise _too_many_ways()
            while state != DEAD:
                at = state * _WIDTH
                kind = self._states_read[at]
                if kind == UNFILLED:
                    self.fill(state)
                elif kind in (ROW, CHAIN, ASIDE) or state in self._shadows:
                    if done == length:
                        found[frame << _BITS | state] = None
                        break
                    if frame > BOTTOM and self._states_read[at + STOPS]:
                        ahead += [(*below, done) for below in self.popped(frame)]
                    if kind == ROW:
                        state, done = self._rows_read[self._states_read[at + FIRST] << 8 | data[done]], done + 1
                        state = max(state, DEAD)
                    elif kind == CHAIN:
                        state = self._states_read[at + SECOND] if self._states_read[at + FIRST] == data[done] else DEAD
                        done += 1
                    elif kind == ASIDE:
                        state, done = self._step_aside(state, data[done]), done + 1
                    else:
                        state, count = self._ahead(state, frame, data[done:])
                        done += count
                elif kind == CALL:
                    state, waiting = self._states_read[at + FIRST], self._states_read[at + SECOND]
                    if waiting >= 0:
                        frame = self.push(waiting, frame)
                elif kind == CHOICE:
                    first = self._states_read[at + FIRST]
                    state, *others = self._choices_read[first : first + self._states_read[at + SECOND]].tolist()
                    ahead += [(other, frame, done) for other in others]
                elif frame > BOTTOM:  # an END
                    (state, frame), *others_below = self.popped(frame)
                    ahead += [(*below, done) for below in others_below]
                else:
                    if done == length:
                        found[frame << _BITS | state] = None
                    break
        return self._place(list(found))

    def _step_aside(self, state: int, byte: int) -> int:
        for own, then in self.aside(state):
            if own == byte:
                return then
        home = self._states_read[state * _WIDTH + FIRST]
        return max(DEAD, self._rows_read[self._states_read[home * _WIDTH + FIRST] << 8 | byte])

    def by_rows(self, place: int) -> list[int]:
        """The threads that a walk is at, at `place`: of states with a ROW, a CHAIN or an END, ASIDE or UNKNOWN."""
        return self.entered(self.threads(place))

    def entered(self, threads: Iterable[int]) -> list[int]:
        """The threads that a walk is at, at these."""
        return self._entered(threads, frozenset())

    def ended(self, place: int) -> list[int]:
        """The threads that a walk is at, at `place`, and those of what waits where they may end."""
        found: list[int] = []
        ahead = self.by_rows(place)
        for thread in ahead:
            found.append(thread)
            if frame_of(thread) > BOTTOM and self.states[state_of(thread), STOPS]:
                ahead += self.entered(thread_of(state, frame) for state, frame in self.popped(frame_of(thread)))
        return found

    def popped(self, frame: int) -> list[tuple[int, int]]:
        """The state of a frame and the frame below it; of a frame that stands for several, those of each."""
        at = frame * _WIDTH
        state, below = self._frames_read[at], self._frames_read[at + BELOW]
        if state >= 0:
            return [(state, below)]
        members = self._choices_read[below : below - state].tolist()
        return [(self._frames_read[one * _WIDTH], self._frames_read[one * _WIDTH + BELOW]) for one in members]

    def next_bytes(self, place: int) -> NDArray[np.bool_] | None:
        """Which bytes may come next at `place`; None if that depends on what was written."""
        found = np.zeros(256, np.bool_)
        for thread in self.ended(place):
            kind, first = self.states[state_of(thread), : FIRST + 1].tolist()
            if kind == CHAIN:
                found[first] = True
            elif kind in (ROW, ASIDE):
                row = self.row(state_of(thread))
                if (row == BEYOND).any():
                    return None
                found |= row != DEAD
            elif kind == UNKNOWN:
                return None
        return found

    def nearer(self, thread: int, has_byte: NDArray[np.bool_]) -> tuple[int, int] | None:
        """The place after the first byte of the shortest text from `thread`, and that byte; None: it is not known.

        Args:
            thread: one of those that `by_rows` gives, whose state's text cannot end.
            has_byte: which bytes can be written.
        """
        state, frame = state_of(thread), frame_of(thread)
        kind, first, second, _, need = self.states[state, : FEWEST + 1].tolist()
        if kind == CHAIN:
            return thread_of(second, frame), first
        if kind not in (ROW, ASIDE):
            return None
        row = self.row(state)
        needs = np.where((row >= 0) & has_byte, self.states[row, FEWEST], FAR)
        byte = int(np.argmin(needs))
        return (thread_of(int(row[byte]), frame), byte) if needs[byte] < need else None

    def row(self, state: int) -> NDArray[np.int32]:
        """The next states of a state with a ROW, or ASIDE of one."""
        kind, first, _ = self.states[state, : SECOND + 1].tolist()
        if kind == ROW:
            return self.rows[first]  # type: ignore[no-any-return]
        row = self.rows[self.states[first, FIRST]].copy()
        for byte, then in self.aside(state):
            row[byte] = then
        return row

    def aside(self, state: int) -> list[tuple[int, int]]:
        """The bytes of one ASIDE that lead elsewhere than from the other state, and where each leads."""
        first = self._states_read[state * _WIDTH + SECOND]
        count = self._choices_read[first]
        found = self._choices_read[first + 1 : first + 1 + 2 * count].tolist()
        return list(zip(found[::2], found[1::2], strict=True))

    def need_of(self, frame: int) -> int:
        """The fewest bytes to the end of what is on a frame, or somewhat more."""
        return self._frames_read[frame * _WIDTH + FEWEST]

    def _need(self, thread: int) -> int:
        state, frame = thread & _LOW, thread >> _BITS
        return self._states_read[state * _WIDTH + FEWEST] + self._frames_read[frame * _WIDTH + FEWEST]

    def _place(self, threads: list[int]) -> int:
        if len(threads) < 2:
            return threads[0] if threads else DEAD
        frames: dict[int, list[int]] = {}
        for thread in threads:
            frames.setdefault(thread & _LOW, []).append(thread >> _BITS)
        if len(frames) > MAX_THREADS:
            raise _too_many_ways()
        group = tuple(sorted(self._joined(below) << _BITS | state for state, below in frames.items()))
        if len(group) == 1:
            return group[0]
        number = self._group_numbers.get(group)
        if number is None:
            self._count(1)
            number = len(self._groups)
            self._groups.append(group)
            self._group_numbers[group] = number
        return number | _MANY

    def _joined(self, frames: list[int]) -> int:
        """The frame that stands for all of `frames`."""
        if len(frames) == 1:
            return frames[0]
        members: set[int] = set()
        for frame in frames:
            members.update(self._members.get(frame, (frame,)))
        key = tuple(sorted(members))
        found = self._joined_numbers.get(key)
        if found is None:
            found = self._joined_numbers[key] = self._add_joined(key)
            self._members[found] = key
        return found

    def _entered(self, threads: Iterable[int], unseen: Collection[int]) -> list[int]:
        """Threads without names for others, but for those of states that are `unseen`."""
        found: dict[int, None] = {}
        ahead = list(threads)
        for thread in ahead:
            state, frame = thread & _LOW, thread >> _BITS
            if self._states_read[state * _WIDTH] == UNFILLED:
                self.fill(state)
            at = state * _WIDTH
            kind = self._states_read[at]
            if kind == CALL and state not in unseen:
                waiting = self._states_read[at + SECOND]
                frame = frame if waiting < 0 else self.push(waiting, frame)
                ahead.append(frame << _BITS | self._states_read[at + FIRST])
            elif kind == CHOICE:
                first = self._states_read[at + FIRST]
                choices = self._choices_read[first : first + self._states_read[at + SECOND]].tolist()
                ahead += [frame << _BITS | one for one in choices]
            elif kind == END and frame > BOTTOM:
                ahead += [below << _BITS | waiting for waiting, below in self.popped(frame)]
            else:
                found[thread] = None
        return list(found)

    def _ahead(self, state: int, frame: int, data: bytes) -> tuple[int, int]:
        """The state after some of `data`, from one that has a shadow; and after how much of it.

        The terms in between, as many as there are texts, get no number.
        """
        with self.lock:
            term = self._terms[state]
            assert term is not None, "states within literals have no shadows"
            count = 0
            while count < len(data):
                if count and ((term.can_stop and frame > BOTTOM) or not self._has_shadow(term)):
                    return self._number(term), count
                term, more = skipped(term, data[count:])
                if not more:
                    term, more = derived(term, data[count]), 1
                count += more
                if not _is_alive(term):
                    return DEAD, count
            return self._number(term), len(data)

    def _has_shadow(self, term: Expr) -> bool:
        return boundless(term, self._horizon) is not term or is_recording(term)

    def _fill(self, state: int, term: Expr) -> None:
        data, tail = _leading_literal(term)
        is_near = fewest(term) < derive.BEYOND
        if data:
            self._fill_literal(state, data, tail)
        elif type(term) is Deferred:
            self._fill_call(state, self._number(term.force()), -1)
        elif type(term) is Reference:
            self._fill_call(state, self._number(term.scope[term.name]), -1)
        elif type(term) is Seq and type(term.head) is Apart and is_near:
            self._fill_call(state, self._number(term.head), self._number(term.tail))
        elif type(term) is Alt and is_near and all(_leads(part) in _LEADING for part in term.parts):
            self._fill_choice(state, term)
        elif (free := boundless(term, self._horizon)) is not term:
            self._fill_like(state, free)
        elif not self._fill_aside(state, term):
            self._fill_row(state, term)

    def _fill_call(self, state: int, called: int, waiting: int) -> None:
        self.states[state, FIRST : SECOND + 1] = called, waiting
        self.states[state, KIND] = CALL

    def _fill_choice(self, state: int, term: Alt) -> None:
        parts = term.parts
        beginnings = [data[0] for part in parts if (data := _leading_literal(part)[0])]
        if len(set(beginnings)) < len(beginnings):  # deep down in a tree of names
            factored = alt_of(parts)
            parts = factored.parts if type(factored) is Alt else (factored,)
        found = [self._number(part) for part in parts if _is_alive(part)]
        self.states[state, FIRST : SECOND + 1] = self._add_choices(found), len(found)
        self.states[state, KIND] = CHOICE

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
            states[path[i], FIRST : FEWEST + 1] = data[i], path[i + 1], False, need
            states[path[i], KIND] = CHAIN

    def _fill_row(self, state: int, term: Expr) -> None:
        row = self._row(term)
        forget(term)
        number = self._row_count
        if number == len(self.rows):
            self.rows = _grown(self.rows)
            self._read_anew()
        self.rows[number] = row
        self._row_count += 1
        self.states[state, FIRST] = number
        self._note_run(state, term, row)
        self.states[state, KIND] = ROW

    def _note_run(self, state: int, term: Expr, row: NDArray[np.int32]) -> None:
        repeat = repeated(term)
        home, most = state, ENDLESS
        if repeat is not None and repeat.most is not None:
            if repeat.inner.can_stop or (repeat.least and (type(term) is not Seq or term.tail.can_stop)):
                return
            fewer = one_less(repeat)
            home, most = self._number(seq(fewer, term.tail) if type(term) is Seq else fewer), repeat.most
        found = loops(row, home)
        if found:
            if repeat is not None and (type(term) is not Seq or _leading_literal(term.tail)[0][:1].isascii()):
                found |= whole_characters(repeat.inner)
            self.states[state, RUN:] = most, *np.array([found], np.uint64).view(np.int32)

    def _row(self, term: Expr) -> NDArray[np.int32]:
        row = np.full(256, DEAD, np.int32)
        for members, then in arcs(term):
            need = fewest(then)
            if need < derive.BEYOND:
                row[_bytes_of(members)] = self._number(then)
            elif need != INFINITE:
                row[_bytes_of(members)] = BEYOND
        return row

    def _fill_aside(self, state: int, term: Expr) -> bool:
        """Fill a state of names that are none of some names, if it is one."""
        if type(term) is not Seq or type(term.head) is not Unlike or type(term.tail) is not Literal:
            return False
        home = self._number(seq(term.head.plain, term.tail))
        if not self.fill(home) or self._states_read[home * _WIDTH] != ROW:
            return False
        self._fill_beside(state, _Beside(home, sorted(term.head.names), 0, term.tail.data[0]))
        return True

    def _fill_beside(self, state: int, beside: _Beside) -> None:
        """Wherever a text parts from the names it is where it would be without them."""
        other, names, depth, end = beside
        self.fill(other)
        assert self._states_read[other * _WIDTH] == ROW, "what leads back to a run has a row"
        row = self._states_read[other * _WIDTH + FIRST] << 8
        own: list[int] = []
        if len(names[0]) == depth:  # a whole name, which is sorted before what goes on from it
            own += [end, DEAD]
            names = names[1:]
        for byte, group in groupby(names, key=lambda name: name[depth]):
            then = self._rows_read[row | byte]
            if then >= 0:
                own += [byte, self._add_beside(_Beside(then, list(group), depth + 1, end))]
        self.states[state, FIRST : SECOND + 1] = other, self._add_choices([len(own) // 2, *own])
        self.states[state, KIND] = ASIDE

    def _add_beside(self, beside: _Beside) -> int:
        number = self._add([None])
        self._besides[number] = beside
        need = self._states_read[beside.other * _WIDTH + FEWEST]
        is_name = len(beside.names[0]) == beside.depth
        self.states[number, STOPS : FEWEST + 1] = False, need + 1 if is_name else need
        return number

    def _number(self, term: Expr) -> int:
        while type(term) is Apart:
            term = term.inner
        number = self._numbers.get(term)
        if number is None:
            need = min(fewest(term), FAR)
            number = self._numbers[term] = self._add([term])
            self.states[number, STOPS : FEWEST + 1] = term.can_stop, need
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
        at, under = state * _WIDTH, below * _WIDTH
        stops = self._states_read[at + STOPS] and self._frames_read[under + STOPS]
        need = min(FAR, self._states_read[at + FEWEST] + self._frames_read[under + FEWEST])
        return self._new_frame(state, below, stops, need)

    def _add_joined(self, members: tuple[int, ...]) -> int:
        of_each = self.frames[list(members)]
        waiting = [one for one in members if one > BOTTOM]
        first = self._add_choices(waiting)
        return self._new_frame(-len(waiting), first, of_each[:, STOPS].max(), of_each[:, FEWEST].min())

    def _new_frame(self, state: int, below: int, stops: int, need: int) -> int:
        self._count(1)
        number = self._frame_count
        if number == len(self.frames):
            self.frames = _grown(self.frames)
            self._read_anew()
        self.frames[number, : FEWEST + 1] = state, below, 0, stops, need
        self._frame_count += 1
        return number

    def _add_choices(self, found: list[int]) -> int:
        first = self._choice_count
        while first + len(found) > len(self.choices):
            self.choices = _grown(self.choices)
            self._read_anew()
        self.choices[first : first + len(found)] = found
        self._choice_count += len(found)
        return first

    def _read_anew(self) -> None:
        """Python reads single numbers faster from these than from arrays."""
        self._states_read = self.states.data.cast("B").cast("i")
        self._rows_read = self.rows.data.cast("B").cast("i")
        self._choices_read = self.choices.data.cast("B").cast("i")
        self._frames_read = self.frames.data.cast("B").cast("i")

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


class _Growing:
    """What `Automaton.growing` gives; as a class it takes a third of the time that a generator takes."""

    __slots__ = ("_automaton", "_before", "_growth", "_steps")

    def __init__(self, automaton: Automaton, growth: Growth) -> None:
        self._automaton, self._growth = automaton, growth
        self._steps = bounded(growth.max_steps)

    def __enter__(self) -> None:
        self._automaton.lock.acquire()
        self._steps.__enter__()
        self._before, self._automaton._growth = self._automaton._growth, self._growth  # noqa: SLF001  its own part

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._automaton._growth = self._before  # noqa: SLF001  its own part
        self._steps.__exit__(kind, error, trace)
        self._automaton.lock.release()


def _too_many_ways() -> GrammarTooLarge:
    return GrammarTooLarge(
        "the text so far can be read in too many ways",
        limit=MAX_THREADS,
        hint="Make the alternatives of `anyOf` differ earlier.",
    )


def _grown(table: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.concatenate([table, np.zeros_like(table)])


def _is_alive(term: Expr) -> bool:
    return fewest(term) != INFINITE


def _leads(term: Expr) -> type[Expr]:
    return type(term.head) if type(term) is Seq else type(term)


def _leading_literal(term: Expr) -> tuple[bytes, Expr]:
    if type(term) is Literal:
        return term.data, EMPTY
    if type(term) is Seq and type(term.head) is Literal:
        return term.head.data, term.tail
    return b"", term


@lru_cache(maxsize=4096)
def _bytes_of(members: int) -> NDArray[np.intp]:
    return np.flatnonzero(np.unpackbits(np.frombuffer(members.to_bytes(32, "little"), np.uint8), bitorder="little"))
