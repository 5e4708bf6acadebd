"""An automaton with a stack, over the states of terms (`states.py`).

A thread is a state and what waits behind it: a stack of states, of which each frame is numbered. Where the text of the
state ends, the state of the uppermost frame takes over.

A text is at a place: at one thread, or at several, where there is a choice that the text so far leaves open. A choice
among members of an object, or among values, is never multiplied out; each alternative is a thread, which ends as soon
as a byte is not its own. Threads of one state are one thread, on a frame that stands for the several stacks, so that a
place has no more threads than its text has states, however many ways led there.

There are two kinds of steps. A walk over many texts goes by rows, which forget what recordings remember, up to the
places that depend on it. `step` takes one text, and knows all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from fcgen.errors import GrammarTooLarge, Unsatisfiable
from fcgen.grammar.arcs import derived, recordings, skipped
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.states import (
    ASIDE,
    BEYOND,
    CALL,
    CHAIN,
    CHOICE,
    DEAD,
    END,
    FAR,
    FEWEST,
    FIRST,
    ROW,
    SECOND,
    STOPS,
    UNBOUNDED,
    UNFILLED,
    UNKNOWN,
    WIDTH,
    Growth,
    States,
    grown,
    is_alive,
)
from fcgen.grammar.terms import Expr
from fcgen.grammar.work import bounded

MAX_THREADS = 20_000
RECORDED = 8
"""How many frames a recording in another counts as: each byte within is derived through all that are around it."""
STATE, BELOW, DEPTH = 0, 1, 5  # of a frame, which has STOPS and FEWEST too
OPEN, BOTTOM = 0, 1  # what follows is not said; nothing follows
_BITS = 32
_LOW = (1 << _BITS) - 1
_MANY = 1 << 62


def thread_of(state: int, frame: int = OPEN) -> int:
    """The thread of a state on a stack, which is a place."""
    return frame << _BITS | state


def state_of(thread: int) -> int:
    """The state of a thread."""
    return thread & _LOW


def frame_of(thread: int) -> int:
    """The uppermost frame of a thread."""
    return thread >> _BITS


class Automaton(States):
    """The places of texts, on stacks of states.

    Args:
        horizon: how many bytes a walk has at most, from a place that `step` led to.
        within: the same for walks within a text, by its bytes.

    Attributes:
        frames: int32 [capacity, 8]. STATE; BELOW, the next frame; STOPS and FEWEST for all of the stack; DEPTH, how
            many frames the stack has. Frame OPEN stands for whatever follows, frame BOTTOM for the end of the text. Of
            a frame that stands for n others STATE is -n, and BELOW where these begin in `choices`; STOPS and FEWEST are
            the best of theirs, and DEPTH is the greatest.
    """

    def __init__(self, *, horizon: int = UNBOUNDED, within: Callable[[bytes], int] | None = None) -> None:
        self._frame_numbers: dict[tuple[int, int], int] = {}
        self._groups: list[tuple[int, ...]] = []
        self._group_numbers: dict[tuple[int, ...], int] = {}
        self._members: dict[int, tuple[int, ...]] = {}
        self._joined_numbers: dict[tuple[int, ...], int] = {}
        self._recordings: dict[int, int] = {}
        self._frame_count = 2
        self.frames: NDArray[np.int32] = np.zeros((64, WIDTH), np.int32)
        self.frames[:2, STOPS] = True
        super().__init__(horizon=horizon, within=within)

    @property
    def size(self) -> int:
        """How many states, frames and places of several threads there are, by what they take."""
        return len(self._terms) - self._spared + self._frame_count + len(self._groups)

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
            return self.place_of([thread_of(self._number(term), BOTTOM)])

    def place_of(self, threads: Iterable[int]) -> int:
        """The place of a text that is at all of these threads. The lock is held."""
        return self._place(self._entered(threads, self._shadows))

    def threads(self, place: int) -> Sequence[int]:
        """The threads of a place."""
        return self._groups[place ^ _MANY] if place & _MANY else (place,)

    def can_stop(self, place: int) -> bool:
        """Whether the text may end at `place`."""
        states, frames = self._states_read, self._frames_read
        for thread in self.threads(place):
            if states[(thread & _LOW) * WIDTH + STOPS] and frames[(thread >> _BITS) * WIDTH + STOPS]:
                return True
        return False

    def fewest(self, place: int) -> int:
        """The fewest bytes from `place` to an end, or somewhat more; FAR or more: unknown."""
        return min(map(self._need, self.threads(place)))

    def depth(self, place: int) -> int:
        """How many states wait behind the deepest thread of a place, or would without recordings, which count more."""
        return max(
            self._frames_read[(thread >> _BITS) * WIDTH + DEPTH] + self._recorded(thread & _LOW)
            for thread in self.threads(place)
        )

    def _recorded(self, state: int) -> int:
        """What the recordings count that a state is in, one in the other."""
        if state not in self._shadows:
            return 0
        found = self._recordings.get(state)
        if found is None:
            term = self._terms[state]
            assert term is not None, "states within literals have no shadows"
            found = self._recordings[state] = RECORDED * max(0, recordings(term) - 1)
        return found

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
                at = state * WIDTH
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
        home = self._states_read[state * WIDTH + FIRST]
        return max(DEAD, self._rows_read[self._states_read[home * WIDTH + FIRST] << 8 | byte])

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
        at = frame * WIDTH
        state, below = self._frames_read[at], self._frames_read[at + BELOW]
        if state >= 0:
            return [(state, below)]
        members = self._choices_read[below : below - state].tolist()
        return [(self._frames_read[one * WIDTH], self._frames_read[one * WIDTH + BELOW]) for one in members]

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

    def need_of(self, frame: int) -> int:
        """The fewest bytes to the end of what is on a frame, or somewhat more."""
        return self._frames_read[frame * WIDTH + FEWEST]

    def _need(self, thread: int) -> int:
        state, frame = thread & _LOW, thread >> _BITS
        return self._states_read[state * WIDTH + FEWEST] + self._frames_read[frame * WIDTH + FEWEST]

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
            if self._states_read[state * WIDTH] == UNFILLED:
                self.fill(state)
            at = state * WIDTH
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
                if not is_alive(term):
                    return DEAD, count
            return self._number(term), len(data)

    def _add_frame(self, state: int, below: int) -> int:
        at, under = state * WIDTH, below * WIDTH
        stops = self._states_read[at + STOPS] and self._frames_read[under + STOPS]
        need = min(FAR, self._states_read[at + FEWEST] + self._frames_read[under + FEWEST])
        return self._new_frame(state, below, stops, need, self._frames_read[under + DEPTH] + 1)

    def _add_joined(self, members: tuple[int, ...]) -> int:
        of_each = self.frames[list(members)]
        waiting = [one for one in members if one > BOTTOM]
        first = self._add_choices(waiting)
        stops, need, depth = of_each[:, STOPS].max(), of_each[:, FEWEST].min(), of_each[:, DEPTH].max()
        return self._new_frame(-len(waiting), first, stops, need, depth)

    def _new_frame(self, state: int, below: int, stops: int, need: int, depth: int) -> int:
        self._count(1)
        number = self._frame_count
        if number == len(self.frames):
            self.frames = grown(self.frames)
            self._read_anew()
        self.frames[number, : DEPTH + 1] = state, below, 0, stops, need, depth
        self._frame_count += 1
        return number

    def _read_anew(self) -> None:
        super()._read_anew()
        self._frames_read = self.frames.data.cast("B").cast("i")


class _Growing:
    """What `Automaton.growing` gives; as a class it takes a third of the time that a generator takes."""

    __slots__ = ("_automaton", "_before", "_growth", "_steps")

    def __init__(self, automaton: Automaton, growth: Growth) -> None:
        self._automaton, self._growth = automaton, growth
        self._steps = bounded(growth.max_steps)

    def __enter__(self) -> None:
        self._automaton.lock.acquire()
        self._steps.__enter__()
        self._before, self._automaton.growth = self._automaton.growth, self._growth

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._automaton.growth = self._before
        self._steps.__exit__(kind, error, trace)
        self._automaton.lock.release()


def _too_many_ways() -> GrammarTooLarge:
    return GrammarTooLarge(
        "the text so far can be read in too many ways",
        limit=MAX_THREADS,
        hint="Make the alternatives of `anyOf` differ earlier.",
    )
