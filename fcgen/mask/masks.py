"""A grammar and a vocabulary, compiled: for each place in the grammar the tokens that may come next.

The mask of a state is the set of tokens whose bytes walk from it without leaving the automaton. It is computed when
first asked for, once, and shared by every sequence. Rows of bits are packed in uint32 words: token t is bit t & 31 of
word t >> 5. Stop tokens are set where the text may end.
"""

from __future__ import annotations

import threading
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fcgen.errors import BudgetTooSmall, VocabularyError
from fcgen.grammar.alphabet import restrict
from fcgen.grammar.automaton import DEAD, MAX_STATES, Automaton
from fcgen.grammar.expr import Expr
from fcgen.mask.closing import Closings
from fcgen.mask.cursor import Cursor
from fcgen.mask.forced import forced_tokens
from fcgen.mask.runs import PLAIN, plain_run
from fcgen.mask.walk import leave_run, walk, walk_within
from fcgen.vocab import Vocabulary


class HasRoot(Protocol):
    """A grammar: its language is `root`."""

    @property
    def root(self) -> Expr:
        """The language."""


class Masks:
    """The masks of one grammar over one vocabulary. Thread-safe; states and rows are found as they are needed.

    Args:
        grammar: what may be written.
        vocabulary: the tokens it is written in.
        max_states: cap on the number of states of the grammar's automaton (a kilobyte each).

    Raises:
        Unsatisfiable: no text satisfies the grammar with the bytes that the vocabulary has.
        GrammarTooLarge: (here, or where a mask is asked for) the cap is reached.
    """

    def __init__(self, grammar: HasRoot, vocabulary: Vocabulary, *, max_states: int = MAX_STATES) -> None:
        if not vocabulary.stop_ids:
            raise VocabularyError("the vocabulary has no stop token", hint="Pass stop_ids when reading the tokenizer.")
        self.grammar = grammar
        self.vocabulary = vocabulary
        self._automaton = Automaton(restrict(grammar.root, vocabulary.alphabet), max_states=max_states)
        self._rows: dict[int, NDArray[np.uint32]] = {}
        self._ends: dict[int, NDArray[np.intp]] = {}
        self._worst: dict[int, int] = {}
        self._forced: dict[int, tuple[int, ...]] = {}
        self._closings = Closings(self._automaton, vocabulary)
        self._lock = threading.RLock()
        self._stop_row = np.zeros(self.words, np.uint32)
        for stop in vocabulary.stop_ids:
            self._stop_row[stop >> 5] |= np.uint32(1 << (stop & 31))

    @property
    def words(self) -> int:
        """How many uint32 words a mask has."""
        return (self.vocabulary.size + 31) // 32

    @property
    def fewest_tokens(self) -> int:
        """The smallest budget that works, stop token included."""
        return self.closing(0)

    def cursor(self, budget: int | None = None) -> Cursor:
        """A new sequence at its beginning.

        Args:
            budget: tokens left, stop token included. None: no limit.

        Raises:
            BudgetTooSmall: no reply fits in the budget.
        """
        if budget is not None and budget < self.fewest_tokens:
            raise BudgetTooSmall(
                "the token budget is too small for any reply",
                limit=self.fewest_tokens,
                given=budget,
                hint="Raise the budget (max_new_tokens).",
            )
        return Cursor(self, budget)

    def row(self, state: int) -> NDArray[np.uint32]:
        """The mask of `state`. Read-only, shared."""
        row = self._rows.get(state)
        return self._compute_row(state) if row is None else row

    def row_within(self, state: int, left: int) -> NDArray[np.uint32]:
        """The mask of `state` where `left` tokens may still be written, stop token included. Read-only."""
        row = self.row(state)
        if left > self._worst_closing(state):
            return row
        trie = self.vocabulary.trie
        tight = np.zeros(self.words, np.uint32)
        walk_within(
            trie.byte,
            trie.depth,
            trie.end,
            trie.token_start,
            trie.tokens,
            self._automaton.transitions,
            state,
            self._stack(),
            self._closings.table,
            left - 1,
            tight,
        )
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
        with self._lock:
            if state in self._rows:
                return self._rows[state]
            row, ends = self._walk_from(state)
            if self.can_stop(state):
                row |= self._stop_row
            row.flags.writeable = False
            self._ends[state] = np.flatnonzero(ends)
            self._rows[state] = row
            return row

    def _walk_from(self, state: int) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
        """The tokens alive from `state`, and the states in which they end."""
        automaton, trie = self._automaton, self.vocabulary.trie
        automaton.fill(state)
        nodes, states, later_nodes, later_states = np.empty((4, len(trie.byte) + 1), np.int32)
        ends = np.zeros(len(automaton.filled), np.bool_)
        if (automaton.transitions[state][PLAIN] == state).all():
            run = plain_run(self.vocabulary)
            row = run.row.copy()
            ends[state] = row.any()
            places = leave_run(
                trie.byte,
                trie.end,
                trie.token_start,
                trie.tokens,
                automaton.transitions,
                state,
                run.exits,
                nodes,
                states,
                ends,
                row,
            )
        else:
            row = np.zeros(self.words, np.uint32)
            nodes[0], states[0], places = -1, state, 1
        stack = self._stack()
        while places:
            for met in set(states[:places].tolist()):
                automaton.fill(met)
            if len(ends) < len(automaton.filled):
                ends = np.concatenate([ends, np.zeros(len(automaton.filled) - len(ends), np.bool_)])
            places = walk(
                trie.byte,
                trie.depth,
                trie.end,
                trie.token_start,
                trie.tokens,
                automaton.transitions,
                automaton.filled,
                nodes,
                states,
                places,
                stack,
                later_nodes,
                later_states,
                ends,
                row,
            )
            nodes, states, later_nodes, later_states = later_nodes, later_states, nodes, states
        return row, ends

    def _worst_closing(self, state: int) -> int:
        """The largest closing among the states in which the tokens of `state` end."""
        found = self._worst.get(state)
        if found is None:
            found = self._worst[state] = max(map(self.closing, self._ends[state].tolist()), default=0)
        return found

    def _stack(self) -> NDArray[np.int32]:
        return np.empty(self.vocabulary.trie.height + 2, np.int32)
