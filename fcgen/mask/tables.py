"""What is known of a grammar over a vocabulary: states, and for each state the tokens that may come next.

The mask of a state is the set of tokens whose bytes walk from it without leaving the automaton. It is computed when
first asked for, once, and shared by every sequence. Rows of bits are packed in uint32 words: token t is bit t & 31 of
word t >> 5. Stop tokens are set where the text may end.

States that differ only in what a recording remembers have one walk in common (`reach.py`), and often one mask.
"""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from fcgen.grammar.alphabet import restrict
from fcgen.grammar.automaton import DEAD, Automaton
from fcgen.grammar.terms import Expr
from fcgen.grammar.work import bounded
from fcgen.mask.closing import Closings
from fcgen.mask.forced import forced_tokens
from fcgen.mask.reach import ROOT, Reach, crossed, reach, reach_within, run_beside
from fcgen.vocab import Vocabulary


class Tables:
    """The states of a grammar, and the masks over a vocabulary of those that were asked for. Thread-safe."""

    def __init__(self, root: Expr, vocabulary: Vocabulary, *, max_states: int, max_steps: int) -> None:
        self.vocabulary = vocabulary
        self._max_steps = max_steps
        self.words = (vocabulary.size + 31) // 32
        with bounded(max_steps):
            writable = restrict(root, vocabulary.alphabet)
            self._automaton = Automaton(
                writable, horizon=vocabulary.trie.height, max_states=max_states, max_steps=max_steps
            )
        self._rows: dict[int, NDArray[np.uint32]] = {}
        self._near: dict[int, Reach] = {}
        self._shared: dict[bytes, NDArray[np.uint32]] = {}
        self._reaches: dict[int, Reach] = {}
        self._worst: dict[int, int] = {}
        self._forced: dict[int, tuple[int, ...]] = {}
        self._closings = Closings(self._automaton, vocabulary)
        self._lock = threading.RLock()
        self._stop_row = np.zeros(self.words, np.uint32)
        for stop in vocabulary.stop_ids:
            self._stop_row[stop >> 5] |= np.uint32(1 << (stop & 31))

    @property
    def size(self) -> int:
        """How many states there are."""
        return self._automaton.size

    def row(self, state: int) -> NDArray[np.uint32]:
        """The mask of `state`. Read-only, shared."""
        row = self._rows.get(state)
        return self._compute_row(state) if row is None else row

    def row_within(self, state: int, left: int) -> NDArray[np.uint32]:
        """The mask of `state` where `left` tokens may still be written, stop token included. Read-only.

        Where what follows depends on what was written, a token may be missing that could just be afforded.
        """
        row = self.row(state)
        if left > self._worst_closing(state):
            return row
        places = [(ROOT, self._automaton.shadow(state)), *self._reaches[state].crossings]
        tight = reach_within(self._automaton, self.vocabulary, places, self._closings.table, left - 1)
        if left >= 1 and self.can_stop(state):
            tight |= self._stop_row
        tight.flags.writeable = False
        return tight

    def step(self, state: int, token: int) -> int:
        """The state after `token`, or DEAD: for stop tokens, and for ids that are no token."""
        if not 0 <= token < self.vocabulary.size:
            return DEAD
        data = self.vocabulary.walked_bytes(token)
        return self._automaton.step(state, data) if data else DEAD

    def can_stop(self, state: int) -> bool:
        """Whether the text may end in `state`."""
        return bool(self._automaton.can_stop[state])

    def closing(self, state: int) -> int:
        """How many tokens close the reply from `state`, stop token included: an upper bound that is kept."""
        return self._closings.of(state)

    def forced(self, state: int) -> tuple[int, ...]:
        """The tokens about which the grammar leaves no choice in `state`."""
        found = self._forced.get(state)
        if found is None:
            found = self._forced[state] = forced_tokens(self._automaton, self.vocabulary, state)
        return found

    def _compute_row(self, state: int) -> NDArray[np.uint32]:
        with self._lock, bounded(self._max_steps):
            if state not in self._rows:
                shadow = self._automaton.shadow(state)
                near = self._reach(shadow)
                found = crossed(self._automaton, self.vocabulary, state, near) if near.hidden else near
                self._reaches[state] = found
                row = found.row | self._stop_row if self.can_stop(state) else found.row
                if near.hidden:  # each state has a walk of its own then, which often finds the same
                    row = self._shared.setdefault(row.tobytes(), row)
                row.flags.writeable = False
                self._rows[state] = row
            return self._rows[state]

    def _reach(self, state: int) -> Reach:
        """What tokens reach from `state` by the automaton's rows."""
        found = self._near.get(state)
        if found is None:
            home = run_beside(self._automaton, state)
            beside = None if home is None else (home, self._reach(home))
            found = self._near[state] = reach(self._automaton, self.vocabulary, state, beside)
        return found

    def _worst_closing(self, state: int) -> int:
        """The largest closing among the states in which the tokens of `state` end."""
        found = self._worst.get(state)
        if found is None:
            found = self._worst[state] = max(map(self.closing, self._reaches[state].ends.tolist()), default=0)
        return found
