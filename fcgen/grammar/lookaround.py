"""Patterns whose lookarounds, word boundaries and anchors may stand anywhere, as deterministic automata.

The text is read once, character by character, and a pattern is at a set of places (`positions.py`) at the same time. A
lookahead that is passed becomes a debt of the way that passed it: the places where what it looks for has come to; a
way is good if all that it must find is found, and nothing that it must not. A lookbehind is followed from the beginning
of the text on, starting anew at each character, so that what it says here is always known; a lookahead within it is a
debt of whoever asks. `$` is a negative lookahead for any character. Debts have debts in turn, as deep as lookarounds
are nested, so there are finitely many states, and intersection and complement are exact.

Ways whose debts include those of another way at the same place are left out. Characters are taken as classes which the
pattern does not tell apart. Work is bounded: there are patterns with more states than anyone can write down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from fcgen.core import determinize
from fcgen.errors import GrammarTooLarge
from fcgen.grammar.characters import ANY, CharSet, partition
from fcgen.grammar.expr import EMPTY, NOTHING, alt_of, reference, repeat, seq
from fcgen.grammar.pattern import Node
from fcgen.grammar.positions import DONE, Begin, Peek, Places, Read, Split
from fcgen.grammar.terms import Expr, Scope
from fcgen.grammar.work import spend

MAX_WORK = 300_000
_FEW_STATES = 500

Ways: TypeAlias = "frozenset[Way]"


class Way(NamedTuple):
    """One way of reading a pattern: how far it has come, what it still has to find and what it must not find."""

    place: int
    must: frozenset[Ways]
    never: Ways


class _State(NamedTuple):
    """Where everything is after a part of a text: each lookbehind on its way, and the pattern itself."""

    behind: tuple[Ways, ...]
    goal: Ways


_NONE: Ways = frozenset()
_FOUND = Way(DONE, frozenset(), _NONE)
_SURE: Ways = frozenset([_FOUND])


def with_lookarounds(node: Node, spell: Callable[[CharSet], Expr]) -> Expr:
    """The texts of which `node` matches a beginning.

    Raises:
        GrammarTooLarge: it has too many places or states.
    """
    rows, accepting, classes = _Automaton(Places(node)).explored()
    return _spelled(rows, accepting, classes, spell)


class _Automaton:
    def __init__(self, places: Places) -> None:
        self.places = places
        self.work = 0
        self.shared: dict[Ways, Ways] = {}
        reads = [step for step in places.steps if isinstance(step, Read)]
        self.classes, members = partition({ANY, *(step.chars for step in reads)})
        self.reads = [members[step.chars] if isinstance(step, Read) else 0 for step in places.steps]

    def explored(self) -> tuple[list[dict[int, int]], set[int], list[CharSet]]:
        """Per state what each class of characters leads to (its number -> a state), the accepting states, the classes.

        State 0 is the first.
        """
        start = _Here(self, None).state([()] * len(self.places.behind), [_way(self.places.start)])
        number = {start: 0}
        order = [start]
        rows = []
        for state in order:
            row = {}
            for char in range(len(self.classes)):
                then = self.next(state, char)
                if then.goal:
                    row[char] = number.setdefault(then, len(order))
                    if row[char] == len(order):
                        order.append(then)
            rows.append(row)
        return rows, {number[state] for state in order if _good_at_end(state.goal)}, self.classes

    def next(self, state: _State, char: int) -> _State:
        if state.goal == _SURE:
            return state
        here = _Here(self, char)
        return here.state(state.behind, here.stepped(state.goal))

    def one(self, ways: Ways) -> Ways:
        """The same, as one object for all that are equal: comparing debts is then quick however deep they are."""
        return self.shared.setdefault(ways, ways)

    def count(self, steps: int = 1) -> None:
        self.work += steps
        spend(steps)
        if self.work > MAX_WORK:
            raise GrammarTooLarge(
                "a pattern with lookarounds or word boundaries takes too many steps to read",
                limit=MAX_WORK,
                given=self.work,
                hint="Lower the counts of its quantifiers, or use fewer lookarounds.",
            )


class _Here:
    """One place in a text: behind a character of the class `char`, or (None) at the beginning."""

    def __init__(self, automaton: _Automaton, char: int | None) -> None:
        self.automaton = automaton
        self.steps = automaton.places.steps
        self.char = char
        self.seen: dict[tuple[int, bool], Ways] = {}
        self.moved: dict[Ways, Ways] = {}

    def state(self, behind: Iterable[Iterable[Way]], goal: Iterable[Way]) -> _State:
        """The state here, `goal` being where the pattern comes to, and `behind` where the lookbehinds were before."""
        runs = []
        for entry, run in zip(self.automaton.places.behind, behind, strict=True):
            ways = self.closed([_way(entry), *self.stepped(run)])
            found = frozenset(way for way in ways if way.place == DONE)
            self.seen[entry, False] = self.automaton.one(_settled(found))
            runs.append(frozenset(way for way in ways if way.place != DONE))
        came = _settled(self.closed(goal))  # `goal` may be lazy: its debts ask what the lookbehinds say here
        return _State(() if came == _SURE else tuple(runs), came)

    def closed(self, ways: Iterable[Way]) -> Ways:
        """Where `ways` come to without reading anything: places that read, and DONE."""
        ahead = list(ways)
        met: dict[int, list[Way]] = {}
        while ahead:
            way = ahead.pop()
            others = met.setdefault(way.place, [])
            self.automaton.count(1 + len(others) + len(way.must))
            if not any(_covers(other, way) for other in others):
                others[:] = [other for other in others if not _covers(way, other)]
                others.append(way)
                ahead.extend(self.after(way))
        return frozenset(way for ways in met.values() for way in ways if isinstance(self.steps[way.place], Read | None))

    def after(self, way: Way) -> Iterable[Way]:
        match self.steps[way.place]:
            case Split(ways=places):
                return [way._replace(place=place) for place in places]
            case Begin(then=then):
                return [way._replace(place=then)] if self.char is None else []
            case Peek() as peek:
                return _owing(way._replace(place=peek.then), self.sees(peek), negated=peek.negated)
            case _:
                return []

    def sees(self, peek: Peek) -> Ways:
        """Where what a lookaround looks for has come to here; for a lookbehind, all of it is at DONE."""
        key = peek.entry, peek.ahead
        if key not in self.seen:
            self.seen[key] = self.automaton.one(_settled(self.closed([_way(peek.entry)])))
        return self.seen[key]

    def stepped(self, ways: Iterable[Way]) -> Iterator[Way]:
        """Where `ways` come to by reading the character; those at DONE stay there."""
        for way in ways:
            self.automaton.count()
            step = self.steps[way.place]
            if isinstance(step, Read) and not self.reads(way.place):
                continue
            then = step.then if isinstance(step, Read) else DONE
            must = [self.debt(ways) for ways in way.must]
            never = self.debt(way.never)
            if all(must) and never != _SURE:
                yield Way(then, frozenset(ways for ways in must if ways != _SURE), never)

    def reads(self, place: int) -> bool:
        return self.char is not None and self.automaton.reads[place] >> self.char & 1 == 1

    def debt(self, ways: Ways) -> Ways:
        """What a debt has become by reading the character."""
        if not ways:
            return ways
        if ways not in self.moved:
            self.moved[ways] = self.automaton.one(_settled(self.closed(self.stepped(ways))))
        return self.moved[ways]


def _way(place: int) -> Way:
    return Way(place, frozenset(), _NONE)


def _covers(way: Way, other: Way) -> bool:
    """Whether `other`, at the same place, is no better than `way`."""
    return way.must <= other.must and way.never <= other.never


def _settled(ways: Ways) -> Ways:
    return _SURE if _FOUND in ways else ways


def _owing(way: Way, found: Ways, *, negated: bool) -> list[Way]:
    """The way, if it depends on what a lookaround has found so far; none, if that cannot be."""
    if found == _SURE or not found:
        return [way] if negated == (not found) else []
    if negated:
        return [way._replace(never=way.never | found)]  # to find neither is to find nothing of both
    return [way._replace(must=way.must | {found})]


def _good_at_end(ways: Ways) -> bool:
    return any(way.place == DONE and all(map(_good_at_end, way.must)) and not _good_at_end(way.never) for way in ways)


def _spelled(
    rows: list[dict[int, int]], accepting: set[int], classes: list[CharSet], spell: Callable[[CharSet], Expr]
) -> Expr:
    """The language of state 0. As a minimal automaton if that is small; else its states are what the rules refer to."""
    scope = Scope()
    alive = _alive(rows, accepting)
    for state, row in enumerate(rows):
        if state not in alive:
            scope.define(state, NOTHING)
        elif state in accepting and set(row.values()) == {state} and len(row) == len(classes):
            scope.define(state, repeat(spell(ANY)))
        else:
            to: dict[int, list[CharSet]] = {}
            for char, then in row.items():
                to.setdefault(then, []).append(classes[char])
            ways = [
                seq(spell(chars[0].union(*chars[1:])), reference(scope, then, can_stop=then in accepting))
                for then, chars in to.items()
                if then in alive
            ]
            scope.define(state, alt_of([EMPTY, *ways] if state in accepting else ways))
    try:
        return determinize(scope[0], limit=_FEW_STATES)
    except GrammarTooLarge:
        return scope[0]


def _alive(rows: list[dict[int, int]], accepting: set[int]) -> set[int]:
    """The states from which an accepting one can be reached."""
    before: dict[int, list[int]] = {}
    for state, row in enumerate(rows):
        for then in row.values():
            before.setdefault(then, []).append(state)
    alive = set(accepting)
    ahead = list(accepting)
    while ahead:
        for state in before.get(ahead.pop(), []):
            if state not in alive:
                alive.add(state)
                ahead.append(state)
    return alive
