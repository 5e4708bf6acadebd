"""The automaton of terms: states that are expanded as they are walked.

A state is a term that stands apart (`expr.apart`), or what is left of one; it is the same state wherever that stands,
in whatever grammar, so what is found out about it is found out once. The native core (`fcgen.core`) holds the states
and the stacks behind them, expands them, and steps.

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
from weakref import WeakKeyDictionary

from fcgen import core
from fcgen.core import Growing, Growth, fewest, provide
from fcgen.errors import Unsatisfiable
from fcgen.grammar.derive import INFINITE
from fcgen.grammar.expr import EMPTY
from fcgen.grammar.horizon import boundless
from fcgen.grammar.runs import whole_characters
from fcgen.grammar.terms import Expr, Substrings
from fcgen.grammar.work import MAX_STEPS

DEAD, OPAQUE_NEXT = core.DEAD, core.OPAQUE_NEXT
FAR = core.INFINITE
OPEN, BOTTOM = core.OPEN, core.BOTTOM
MAX_STATES = 250_000
UNBOUNDED = 1 << 62

provide(boundless=boundless, whole_characters=whole_characters)


class Automaton(core.TermAutomaton):
    """The states of terms, expanded as they are walked. Its lock is held by whoever adds to it.

    Args:
        horizon: how many bytes a walk has at most, from a configuration that `step` led to.
        within: the same for walks within a text, by its bytes.
    """

    def __init__(self, *, horizon: int = UNBOUNDED, within: Callable[[bytes], int] | None = None) -> None:
        super().__init__(horizon, _TextHorizons(horizon, within))
        self.lock = threading.RLock()
        self.growth = Growth(MAX_STATES, MAX_STEPS)
        self.number(EMPTY)

    def growing(self, growth: Growth) -> Growing:
        """Hold the lock, and count what is added and what work it takes.

        Raises:
            GrammarTooLarge: more states and stacks are needed than may be added.
            OutOfSteps: it takes too much work.
        """
        return Growing(self, growth, self.lock)

    def start(self, term: Expr) -> int:
        """The configuration where a text of `term` begins. Raises Unsatisfiable if there is none."""
        if fewest(term) == INFINITE:
            raise Unsatisfiable("no text at all satisfies this grammar")
        with self.lock:
            return self.configuration_of([thread_of(self.number(term), BOTTOM)])


class _TextHorizons:
    """How many bytes a walk can have within a text."""

    def __init__(self, horizon: int, within: Callable[[bytes], int] | None) -> None:
        self._horizon, self._within = horizon, within
        self._known: WeakKeyDictionary[Substrings, int] = WeakKeyDictionary()

    def __call__(self, owner: Substrings) -> int:
        found = self._known.get(owner)
        if found is None:
            data = None if self._within is None else owner.data
            found = self._horizon if data is None or self._within is None else self._within(data)
            self._known[owner] = found
        return found


def thread_of(state: int, stack: int = OPEN) -> int:
    """The thread of a state on a stack, which is a configuration."""
    return stack << 32 | state


def state_of(thread: int) -> int:
    """The state of a thread."""
    return thread & 0xFFFFFFFF
