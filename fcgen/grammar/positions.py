"""The tree of a pattern as places: what is read at each, and where it leads (Thompson 1968).

Loops with bounds are written out. A lookaround is a place too, which refers to the place where what it looks for
begins; lookarounds of the same node share that. The number of places is bounded, because nested loops multiply it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from fcgen.errors import GrammarTooLarge
from fcgen.grammar.characters import ANY, CharSet
from fcgen.grammar.pattern import Anchor, Chain, Chars, Choice, Look, Loop, Node, Where, one_of

MAX_PLACES = 50_000
DONE = 0


@dataclass(frozen=True, slots=True)
class Read:
    """One character of a set, then the place `then`."""

    chars: CharSet
    then: int


@dataclass(frozen=True, slots=True)
class Split:
    """Any of several places."""

    ways: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Begin:
    """`then`, if the text begins here."""

    then: int


@dataclass(frozen=True, slots=True)
class Peek:
    """`then`, if what begins at the place `entry` matches here or (not `ahead`) up to here; `negated`: if not."""

    entry: int
    ahead: bool
    negated: bool
    then: int


Step: TypeAlias = "Read | Split | Begin | Peek | None"


class Places:
    """The places of a pattern.

    Attributes:
        steps: what there is at each place; None at DONE.
        start: where the pattern begins.
        behind: where each lookbehind begins, those first that are parts of others.
    """

    def __init__(self, node: Node) -> None:
        """Raises GrammarTooLarge: there are too many."""
        self.steps: list[Step] = [None]
        self.behind: list[int] = []
        self._entries: dict[tuple[Node, bool], int] = {}
        self._any = one_of(ANY)
        self.start = self._before(node, DONE)

    def _add(self, step: Step) -> int:
        if len(self.steps) >= MAX_PLACES:
            raise GrammarTooLarge(
                "a pattern with lookarounds or word boundaries has too many places when its loops are written out",
                limit=MAX_PLACES,
                given=len(self.steps) + 1,
                hint="Lower the counts of its quantifiers.",
            )
        self.steps.append(step)
        return len(self.steps) - 1

    def _before(self, node: Node, then: int) -> int:
        """The place where `node` begins, if `then` is what follows it."""
        match node:
            case Chars(chars=chars):
                return self._add(Read(chars, then))
            case Chain(parts=parts):
                for part in reversed(parts):
                    then = self._before(part, then)
                return then
            case Choice(parts=parts):
                return self._add(Split(tuple(self._before(part, then) for part in parts)))
            case Loop():
                return self._loop(node, then)
            case Anchor(end=True):
                return self._peek(self._any, ahead=True, negated=True, then=then)
            case Anchor():
                return self._add(Begin(then))
            case Look(inner=inner, ahead=ahead, negated=negated):
                return self._peek(inner, ahead=ahead, negated=negated, then=then)
            case Where(inner=inner, test=test, ahead=True, negated=negated):
                return self._peek(test, ahead=True, negated=negated, then=self._before(inner, then))
            case Where(inner=inner, test=test, negated=negated):
                return self._before(inner, self._peek(test, ahead=False, negated=negated, then=then))
        raise AssertionError(node)

    def _loop(self, node: Loop, then: int) -> int:
        if node.high is None:
            here = self._add(None)
            self.steps[here] = Split((self._before(node.inner, here), then))
        else:
            here = then
            for _ in range(node.high - node.low):
                here = self._add(Split((self._before(node.inner, here), then)))
        for _ in range(node.low):
            here = self._before(node.inner, here)
        return here

    def _peek(self, inner: Node, *, ahead: bool, negated: bool, then: int) -> int:
        entry = self._entries.get((inner, ahead))
        if entry is None:
            entry = self._entries[inner, ahead] = self._before(inner, DONE)
            if not ahead:
                self.behind.append(entry)
        return self._add(Peek(entry, ahead, negated, then))
