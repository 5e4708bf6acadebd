"""Numbers the terms reached from grammars, and keeps what a compiled walk needs of them in flat tables.

A state is a term that stands apart (`expr.apart`), or what is left of one; it is the same state wherever that stands,
in whatever grammar, so what is found out about it is found out once.

There are these kinds of states. A ROW has a next state for each byte; one ASIDE has those of another state, but for a
few bytes, as within a name that must be none of some names. A CHAIN has one byte that can follow, as within a literal.
A CALL begins with a term that stands apart: it is walked as that term's state, with the state of the rest put on the
stack; or it is another name of one state, with nothing to put there. A CHOICE is walked as each of some states. An END
has come to its end. States are UNFILLED before one is walked on from, and filled on demand, since only places that some
token reaches are ever needed. Arcs into terms that cannot finish are left out, which is all it takes to have no dead
ends.

A recording (`expr.record`) would give a state to each text. A state with one at its head is another name of its shadow,
the state of the generic term, which forgets what was written; where that depends on the text, the state is UNKNOWN, and
BEYOND stands for states that only unknown places lead on from. Likewise a state whose bounds no walk can reach is
another name of the term without them (`horizon.py`). So a walk over many texts meets few states. One text at a time is
stepped through by the terms themselves (`Automaton.step`).

The states of a text's substrings (`substrings.py`) are filled all at once when the first of them is met: each is ASIDE
of one at which the substring can but end.

Numbers never move. Growing replaces the arrays, so a reader takes them once and reads on undisturbed; who writes holds
the lock. What one grammar may add is capped (`Growth`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from fcgen.errors import GrammarTooLarge
from fcgen.grammar import derive
from fcgen.grammar.arcs import Recording, arcs, forget, generic, is_recording, one_less
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.expr import EMPTY, alt_of, follow, literal, seq
from fcgen.grammar.horizon import boundless
from fcgen.grammar.runs import ENDLESS, loops, repeated, whole_characters
from fcgen.grammar.terms import (
    Alt,
    Apart,
    Deferred,
    Empty,
    Expr,
    Fork,
    Literal,
    Record,
    Reference,
    Seq,
    Substring,
    Substrings,
    Unlike,
)
from fcgen.grammar.work import MAX_STEPS

DEAD = -1
BEYOND = -2
FAR = 1 << 30
MAX_STATES = 250_000
UNBOUNDED = 1 << 62

UNFILLED, ROW, CHAIN, CALL, CHOICE, END, UNKNOWN, ASIDE = range(8)
KIND, FIRST, SECOND, STOPS, FEWEST, RUN, LOOPS, MORE_LOOPS = range(8)
WIDTH = 8
_LIGHTER = 16  # states of a text take a sixteenth of what others may take
_LEADING = (Literal, Apart, Deferred, Reference, Record, Fork, Empty)


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


class States:
    """The states of terms, filled as they are walked.

    Args:
        horizon: how many bytes a walk has at most, from a place that a text has led to.
        within: the same for walks within a text, by its bytes.

    Attributes:
        states: int32 [capacity, 8]. KIND. FIRST and SECOND: of a ROW its number; of a CHAIN the byte and the next
            state; of a CALL the state to walk and the state to put on the stack, or -1; of a CHOICE where its states
            begin in `choices` and how many they are; of one ASIDE the other state and where in `choices` stand the
            number of its own bytes, then each of these with the next state or DEAD. STOPS, whether its text may end
            here. FEWEST, the fewest bytes to an end of it, or somewhat more (see `derive`), at most FAR. RUN, how many
            bytes of the classes in LOOPS and MORE_LOOPS (`runs.py`; 32 bits each) lead back to it, or to states that
            differ in this number alone and are no further from an end.
        rows: int32 [capacity, 256], the next state for each byte, DEAD, or BEYOND.
        choices: int32 [capacity], the lists that states and frames refer to.
        lock: held by whoever adds to it.
    """

    def __init__(self, *, horizon: int = UNBOUNDED, within: Callable[[bytes], int] | None = None) -> None:
        self.lock = threading.RLock()
        self.growth = Growth()
        self._horizon = horizon
        self._within = within
        self._horizons: WeakKeyDictionary[Substrings, int] = WeakKeyDictionary()
        self._texts: dict[tuple[Substrings, Expr], int] = {}
        self._terms: list[Expr | None] = []
        self._spared = 0
        self._numbers: dict[Expr, int] = {}
        self._besides: dict[int, _Beside] = {}
        self._shadows: set[int] = set()
        self._row_count = 0
        self._choice_count = 0
        self.states: NDArray[np.int32] = np.zeros((256, WIDTH), np.int32)
        self.rows: NDArray[np.int32] = np.empty((64, 256), np.int32)
        self.choices: NDArray[np.int32] = np.empty(256, np.int32)
        self._read_anew()
        self._number(EMPTY)

    def fill(self, state: int) -> bool:
        """Find out the kind of a state. False: it is UNKNOWN what follows. The lock is held."""
        if self._states_read[state * WIDTH] == UNFILLED:
            term = self._terms[state]
            try:
                if term is None:
                    self._fill_beside(state, self._besides[state])
                    del self._besides[state]
                else:
                    self._fill(state, term)
            except Recording:
                assert term is not None, "names that are told apart have no recordings"
                self._fill_like(state, generic(term, is_alive))
        return self._states_read[state * WIDTH] != UNKNOWN

    def prepare(self, state: int) -> None:
        """Fill a state, and those that it is walked as."""
        ahead = [state]
        for one in ahead:
            self.fill(one)
            at = one * WIDTH
            kind, first = self._states_read[at], self._states_read[at + FIRST]
            if kind == CHOICE:
                ahead += self._choices_read[first : first + self._states_read[at + SECOND]].tolist()
            elif kind == CALL:
                ahead.append(first)

    def row(self, state: int) -> NDArray[np.int32]:
        """The next states of a state with a ROW, or ASIDE of one."""
        kind, first, _ = self.states[state, : SECOND + 1].tolist()
        if kind == ROW:
            return self.rows[first]  # type: ignore[no-any-return]
        row: NDArray[np.int32] = self.rows[self.states[first, FIRST]].copy()
        for byte, then in self.aside(state):
            row[byte] = then
        return row

    def aside(self, state: int) -> list[tuple[int, int]]:
        """The bytes of one ASIDE that lead elsewhere than from the other state, and where each leads."""
        first = self._states_read[state * WIDTH + SECOND]
        count = self._choices_read[first]
        found = self._choices_read[first + 1 : first + 1 + 2 * count].tolist()
        return list(zip(found[::2], found[1::2], strict=True))

    def _has_shadow(self, term: Expr) -> bool:
        return self._boundless(term) is not term or is_recording(term)

    def _boundless(self, term: Expr) -> Expr:
        head, tail = (term.head, term.tail) if type(term) is Seq else (term, EMPTY)
        if type(head) is not Substring:
            return boundless(term, self._horizon)
        if head.most is None or head.most <= self._horizon_in(head.owner):
            return term
        return follow(head.owner.term(head.state, head.least), tail)

    def _horizon_in(self, owner: Substrings) -> int:
        """How many bytes a walk can have within a text."""
        found = self._horizons.get(owner)
        if found is None:
            data = None if self._within is None else owner.data
            found = self._horizon if data is None or self._within is None else self._within(data)
            self._horizons[owner] = found
        return found

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
        elif (free := self._boundless(term)) is not term:
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
        found = [self._number(part) for part in parts if is_alive(part)]
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
            self.rows = grown(self.rows)
            self._read_anew()
        self.rows[number] = row
        self._row_count += 1
        self.states[state, FIRST] = number
        self._note_run(state, term, row)
        self.states[state, KIND] = ROW

    def _note_run(self, state: int, term: Expr, row: NDArray[np.int32]) -> None:
        repeat = repeated(term)
        home, most = state, ENDLESS
        if repeat is not None and (repeat.least or repeat.most is not None):
            if repeat.inner.can_stop or (repeat.least and (type(term) is not Seq or term.tail.can_stop)):
                return
            fewer = one_less(repeat)
            home = self._number(seq(fewer, term.tail) if type(term) is Seq else fewer)
            most = repeat.least if repeat.most is None else repeat.most
        found = loops(row, home)
        if found:
            if repeat is not None and (type(term) is not Seq or _begins_in_ascii(term.tail)):
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
        if not self.fill(home) or self._states_read[home * WIDTH] != ROW:
            return False
        self._fill_beside(state, _Beside(home, sorted(term.head.names), 0, term.tail.data[0]))
        return True

    def _fill_beside(self, state: int, beside: _Beside) -> None:
        """Wherever a text parts from the names it is where it would be without them."""
        other, names, depth, end = beside
        self.fill(other)
        kind, first, then = self.states[other, : SECOND + 1].tolist()
        if kind == CHAIN:  # within an escape
            within = [name for name in names if name[depth] == first]
            then = self._add_beside(_Beside(then, within, depth + 1, end)) if within else then
            self.states[state, FIRST : SECOND + 1] = first, then
            self.states[state, KIND] = CHAIN
            return
        assert kind == ROW, "what leads back to a run has a row, or one way"
        row = first << 8
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
        need = self._states_read[beside.other * WIDTH + FEWEST]
        is_name = len(beside.names[0]) == beside.depth
        self.states[number, STOPS : FEWEST + 1] = False, need + 1 if is_name else need
        return number

    def _number(self, term: Expr) -> int:
        while type(term) is Apart:
            term = term.inner
        number = self._numbers.get(term)
        if number is None and type(term) is Seq and type(term.head) is Substring and type(term.tail) is Literal:
            place = _place_in_table(term.head, term.tail)
            if place is not None:
                number = self._numbers[term] = self._text(term.head.owner, term.tail) + place
        if number is None:
            need = min(fewest(term), FAR)
            number = self._numbers[term] = self._add([term])
            self.states[number, STOPS : FEWEST + 1] = term.can_stop, need
            if term is EMPTY:
                self.states[number, KIND] = END
        return number

    def _text(self, owner: Substrings, tail: Literal) -> int:
        """The first of the states of a text's substrings, all of them filled.

        It is the one where a substring begins. The next one is the same where there must be a character, and then come
        the other states of the suffix automaton. Each is one aside of a state at which only what follows the substring
        can come, or nothing.
        """
        first = self._texts.get((owner, tail))
        if first is not None:
            return first
        close, then = tail.data[0], self._number(literal(tail.data[1:]))
        shut, closing = self._add_row({}), self._add_row({close: then})
        found = owner.automaton
        count, firsts = len(found.ends), found.edges[:-1]
        degrees = np.diff(found.edges)
        end = self._number(tail)  # where nothing but the end is left
        first = self._add([None] * (count + 1), light=True)
        targets = np.where(degrees[found.targets] == 0, end, found.targets + (first + 1))
        # In `choices` stand for each state the number of its edges, then its edges.
        lists = np.arange(count) + 2 * firsts
        at = np.repeat(np.arange(count) + 1, degrees) + 2 * np.arange(len(targets))
        room = np.empty(count + 2 * len(targets), np.int32)
        room[lists], room[at], room[at + 1] = degrees, found.symbols & 0xFF, targets
        lists += self._add_choices(room)
        is_chain = ~found.ends & (degrees == 1)
        states = self.states[first + 1 : first + 1 + count]
        states[:, FIRST], states[:, SECOND] = np.where(found.ends, closing, shut), lists
        states[is_chain, FIRST] = found.symbols[firsts[is_chain]] & 0xFF
        states[is_chain, SECOND] = targets[firsts[is_chain]]
        states[:, FEWEST] = np.where(found.ends, 0, found.nearest) + len(tail.data)
        states[:, KIND] = np.where(is_chain, CHAIN, ASIDE)
        self.states[first] = states[0]
        states[0, FIRST], states[0, FEWEST] = shut, min(FAR, int(found.nearest[0]) + len(tail.data))
        self._texts[owner, tail] = first
        return first

    def _add_row(self, ways: dict[int, int]) -> int:
        """A state with a row, which leads on with these bytes."""
        number = self._add([None])
        row = self._row_count
        if row == len(self.rows):
            self.rows = grown(self.rows)
            self._read_anew()
        self.rows[row] = DEAD
        self.rows[row, list(ways)] = list(ways.values())
        self._row_count += 1
        self.states[number, FIRST] = row
        needs = [self._states_read[then * WIDTH + FEWEST] + 1 for then in ways.values()]
        self.states[number, FEWEST] = min(needs, default=FAR)
        self.states[number, KIND] = ROW
        return number

    def _add(self, terms: list[Expr | None], *, light: bool = False) -> int:
        first = len(self._terms)
        weight = 1 + len(terms) // _LIGHTER if light else len(terms)
        self._count(weight)
        self._spared += len(terms) - weight
        while first + len(terms) > len(self.states):
            self.states = grown(self.states)
            self._read_anew()
        self._terms.extend(terms)
        return first

    def _add_choices(self, found: list[int] | NDArray[np.int32]) -> int:
        first = self._choice_count
        while first + len(found) > len(self.choices):
            self.choices = grown(self.choices)
            self._read_anew()
        self.choices[first : first + len(found)] = found
        self._choice_count += len(found)
        return first

    def _read_anew(self) -> None:
        """Python reads single numbers faster from these than from arrays."""
        self._states_read = self.states.data.cast("B").cast("i")
        self._rows_read = self.rows.data.cast("B").cast("i")
        self._choices_read = self.choices.data.cast("B").cast("i")

    def _count(self, added: int) -> None:
        growth = self.growth
        if growth.used + added > growth.limit:
            raise GrammarTooLarge(
                "the grammar has too many states",
                limit=growth.limit,
                given=growth.used + added,
                hint="Lower length bounds, simplify patterns, or offer fewer functions at once.",
            )
        growth.used += added


def grown(table: NDArray[np.int32]) -> NDArray[np.int32]:
    """The table with room for twice as much."""
    return np.concatenate([table, np.zeros_like(table)])


def is_alive(term: Expr) -> bool:
    """Whether some text of `term` is left."""
    return fewest(term) != INFINITE


def _leads(term: Expr) -> type[Expr]:
    return type(term.head) if type(term) is Seq else type(term)


def _place_in_table(head: Substring, tail: Literal) -> int | None:
    """The place of its state among those of all substrings of the text; None: it is none of them."""
    owner = head.owner
    if head.most is not None or head.least > (head.state == 0):
        return None
    if owner.others or owner.first_bytes >> tail.data[0] & 1:  # a substring could go on where it has ended
        return None
    return head.least if head.state == 0 else head.state + 1


def _begins_in_ascii(term: Expr) -> bool:
    data = _leading_literal(term)[0]
    return bool(data) and data[0] < 0x80


def _leading_literal(term: Expr) -> tuple[bytes, Expr]:
    if type(term) is Literal:
        return term.data, EMPTY
    if type(term) is Seq and type(term.head) is Literal:
        return term.head.data, term.tail
    return b"", term


@lru_cache(maxsize=4096)
def _bytes_of(members: int) -> NDArray[np.intp]:
    return np.flatnonzero(np.unpackbits(np.frombuffer(members.to_bytes(32, "little"), np.uint8), bitorder="little"))
