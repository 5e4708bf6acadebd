"""The automaton of terms: states that are expanded as they are walked.

A state is a term that stands apart (`expr.apart`), or what is left of one; it is the same state wherever that stands,
in whatever grammar, so what is found out about it is found out once. The native core (`fcgen.core`) holds the states,
the stacks behind them, and steps; here is what a state becomes when it is expanded.

A TABLE has a next state for each byte; an OVERLAY has those of another state, but for a few bytes, as within a name
that must be none of some names. A LITERAL has one byte that can follow. A CALL begins with a term that stands apart: it
is walked as that term's state, with the state of the rest on the stack; or it is another name of one state, with
nothing on the stack. A CHOICE is walked as each of some states. An END has come to its end. Transitions into terms that
cannot finish are left out, which is all it takes to have no dead ends.

A recording (`expr.record`) would give a state to each text. A state with one at its head is abstracted: a walk takes it
for the state of the generic term, which forgets what was written; where that depends on the text, it is OPAQUE, and
OPAQUE_NEXT stands for states that only opaque ones lead on from. Likewise a state whose bounds no walk can reach is
abstracted to the term without them (`horizon.py`). So a walk over many texts meets few states. One text at a time is
stepped through by the terms themselves (`skip`).

The states of a text's substrings (`substrings.py`) are made all at once when the first of them is met.

What one grammar may add is capped (`Growth`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import groupby
from types import TracebackType
from typing import NamedTuple
from weakref import WeakKeyDictionary

from fcgen import core
from fcgen.core import Growth, Kind
from fcgen.errors import Unsatisfiable
from fcgen.grammar import derive
from fcgen.grammar.arcs import Recording, arcs, derived, forget, generic, is_recording, one_less, recordings, skipped
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.expr import EMPTY, alt_of, follow, literal, seq
from fcgen.grammar.horizon import boundless
from fcgen.grammar.runs import ENDLESS, repeated, whole_characters
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
from fcgen.grammar.work import MAX_STEPS, bounded

DEAD, OPAQUE_NEXT = core.DEAD, core.OPAQUE_NEXT
FAR = core.INFINITE
OPEN, BOTTOM = core.OPEN, core.BOTTOM
MAX_STATES = 250_000
UNBOUNDED = 1 << 62
RECORDED = 8
"""How many stack nodes a recording in another counts as: each byte within is derived through all around it."""
_LEADING = (Literal, Apart, Deferred, Reference, Record, Fork, Empty)


class _Beside(NamedTuple):
    """The names that an OVERLAY excludes: within `names`, sorted, after `depth` bytes, beside the state `other`.

    A name ends before the byte `end`.
    """

    other: int
    names: list[bytes]
    depth: int
    end: int


class Automaton(core.Automaton):
    """The states of terms, expanded as they are walked. Its lock is held by whoever adds to it.

    Args:
        horizon: how many bytes a walk has at most, from a configuration that `step` led to.
        within: the same for walks within a text, by its bytes.
    """

    def __init__(self, *, horizon: int = UNBOUNDED, within: Callable[[bytes], int] | None = None) -> None:
        super().__init__()
        self.lock = threading.RLock()
        self.growth = Growth(MAX_STATES, MAX_STEPS)
        self._horizon = horizon
        self._within = within
        self._horizons: WeakKeyDictionary[Substrings, int] = WeakKeyDictionary()
        self._texts: dict[tuple[Substrings, Expr], int] = {}
        self._terms: dict[int, Expr] = {}
        self._numbers: dict[Expr, int] = {}
        self._besides: dict[int, _Beside] = {}
        self._number(EMPTY)

    def growing(self, growth: Growth) -> _Growing:
        """Hold the lock, and count what is added and what work it takes.

        Raises:
            GrammarTooLarge: more states and stacks are needed than may be added.
            OutOfSteps: it takes too much work.
        """
        return _Growing(self, growth)

    def start(self, term: Expr) -> int:
        """The configuration where a text of `term` begins. Raises Unsatisfiable if there is none."""
        if fewest(term) == INFINITE:
            raise Unsatisfiable("no text at all satisfies this grammar")
        with self.lock:
            return self.configuration_of([thread_of(self._number(term), BOTTOM)])

    def expand(self, state: int) -> None:
        """Find out the kind of a state. The lock is held."""
        if self.kind(state) != Kind.UNEXPANDED:
            return
        term = self._terms.get(state)
        if term is None:
            self._expand_beside(state, self._besides[state])
            del self._besides[state]
            return
        try:
            self._expand(state, term)
        except Recording:
            self._abstract(state, generic(term, is_alive))
            return
        if self.kind(state) != Kind.CALL:
            self._terms.pop(state, None)

    def skip(self, state: int, stack: int, data: bytes) -> tuple[int, int]:
        """The state after some of `data`, from one that is abstracted; and after how much of it.

        The terms in between, as many as there are texts, get no number.
        """
        with self.lock:
            term = self._terms[state]
            count = 0
            while count < len(data):
                if count and ((term.can_stop and stack > BOTTOM) or not self._is_abstracted(term)):
                    return self._number(term), count
                term, more = skipped(term, data[count:])
                if not more:
                    term, more = derived(term, data[count]), 1
                count += more
                if not is_alive(term):
                    return DEAD, count
            return self._number(term), len(data)

    def _is_abstracted(self, term: Expr) -> bool:
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

    def _expand(self, state: int, term: Expr) -> None:
        data, tail = _leading_literal(term)
        is_near = fewest(term) < derive.BEYOND
        if data:
            self.make_literals(state, data, self._number(tail))
        elif type(term) is Deferred:
            self.make_call(state, self._number(term.force()), DEAD)
        elif type(term) is Reference:
            self.make_call(state, self._number(term.scope[term.name]), DEAD)
        elif type(term) is Seq and type(term.head) is Apart and is_near:
            self.make_call(state, self._number(term.head), self._number(term.tail))
        elif type(term) is Alt and is_near and all(_leads(part) in _LEADING for part in term.parts):
            self._expand_choice(state, term)
        elif (free := self._boundless(term)) is not term:
            self._abstract(state, free)
        elif not self._expand_excluded(state, term):
            self._expand_table(state, term)

    def _expand_choice(self, state: int, term: Alt) -> None:
        parts = term.parts
        beginnings = [data[0] for part in parts if (data := _leading_literal(part)[0])]
        if len(set(beginnings)) < len(beginnings):  # deep down in a tree of names
            factored = alt_of(parts)
            parts = factored.parts if type(factored) is Alt else (factored,)
        self.make_choice(state, [self._number(part) for part in parts if is_alive(part)])

    def _abstract(self, state: int, term: Expr) -> None:
        """Let walks take `state` for that of `term`."""
        self.set_abstracted(state, RECORDED * max(0, recordings(self._terms[state]) - 1))
        abstraction = self._number(term)
        if abstraction != state:
            self.expand(abstraction)
        if abstraction != state and self.kind(abstraction) != Kind.OPAQUE:
            self.make_call(state, abstraction, DEAD)
        else:
            self.make_opaque(state)

    def _expand_table(self, state: int, term: Expr) -> None:
        found = []
        for members, then in arcs(term):
            need = fewest(then)
            if need < derive.BEYOND:
                found.append((members.to_bytes(32, "little"), self._number(then)))
            elif need != INFINITE:
                found.append((members.to_bytes(32, "little"), OPAQUE_NEXT))
        forget(term)
        home, most = self._run_of(state, term)
        self.make_table(state, found)
        if home != DEAD and (classes := self.loops(state, home)):
            repeat = repeated(term)
            if repeat is not None and (type(term) is not Seq or _begins_in_ascii(term.tail)):
                classes |= whole_characters(repeat.inner)
            self.set_run(state, most, classes)

    def _run_of(self, state: int, term: Expr) -> tuple[int, int]:
        """The state that bytes lead back to from `state`, or to states like it, and how often; DEAD: to none."""
        repeat = repeated(term)
        if repeat is None or (not repeat.least and repeat.most is None):
            return state, ENDLESS
        if repeat.inner.can_stop or (repeat.least and (type(term) is not Seq or term.tail.can_stop)):
            return DEAD, 0
        fewer = one_less(repeat)
        home = self._number(seq(fewer, term.tail) if type(term) is Seq else fewer)
        return home, repeat.least if repeat.most is None else repeat.most

    def _expand_excluded(self, state: int, term: Expr) -> bool:
        """Expand a state of names that are none of some names, if it is one."""
        if type(term) is not Seq or type(term.head) is not Unlike or type(term.tail) is not Literal:
            return False
        home = self._number(seq(term.head.plain, term.tail))
        self.expand(home)
        if self.kind(home) != Kind.TABLE:
            return False
        self._expand_beside(state, _Beside(home, sorted(term.head.names), 0, term.tail.data[0]))
        return True

    def _expand_beside(self, state: int, beside: _Beside) -> None:
        """Wherever a text parts from the names it is where it would be without them."""
        other, names, depth, end = beside
        self.expand(other)
        if self.kind(other) == Kind.LITERAL:  # within an escape
            byte, then = self.literal(other)
            within = [name for name in names if name[depth] == byte]
            self.make_literal(state, byte, self._add_beside(_Beside(then, within, depth + 1, end)) if within else then)
            return
        assert self.kind(other) == Kind.TABLE, "what leads back to a run has a table, or one way"
        own: list[int] = []
        if len(names[0]) == depth:  # a whole name, which is sorted before what goes on from it
            own += [end, DEAD]
            names = names[1:]
        for byte, group in groupby(names, key=lambda name: name[depth]):
            then = self.next(other, byte)
            if then >= 0:
                own += [byte, self._add_beside(_Beside(then, list(group), depth + 1, end))]
        self.make_overlay(state, other, own)

    def _add_beside(self, beside: _Beside) -> int:
        number = self.add(1)
        self._besides[number] = beside
        need = self.length_of(beside.other)
        is_name = len(beside.names[0]) == beside.depth
        self.describe(number, stops=False, min_length=need + 1 if is_name else need)
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
            need = int(min(fewest(term), FAR))
            number = self.add(1)
            self.describe(number, stops=term.can_stop, min_length=need)
            self._numbers[term] = number
            if term is EMPTY:
                self.make_end(number)
            else:
                self._terms[number] = term
        return number

    def _text(self, owner: Substrings, tail: Literal) -> int:
        """The first of the states of a text's substrings; see `core.Automaton.add_text`."""
        first = self._texts.get((owner, tail))
        if first is None:
            then, end = self._number(literal(tail.data[1:])), self._number(tail)
            first = self._texts[owner, tail] = self.add_text(owner.automaton, tail.data, end, then)
        return first


class _Growing:
    """The context that `Automaton.growing` gives; as a class it takes a third of the time of a generator."""

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


def thread_of(state: int, stack: int = OPEN) -> int:
    """The thread of a state on a stack, which is a configuration."""
    return stack << 32 | state


def state_of(thread: int) -> int:
    """The state of a thread."""
    return thread & 0xFFFFFFFF


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
