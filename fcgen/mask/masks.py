"""A grammar and a vocabulary, compiled: for each place in the grammar the tokens that may come next.

The tables behind that (`tables.py`) are shared by all sequences, and grow as texts are written. A grammar that
remembers what is written has no end of states, so tables that have grown far are left to the sequences that use them,
and new sequences begin new ones.
"""

from __future__ import annotations

import threading
from typing import Protocol

from fcgen.errors import BudgetTooSmall, VocabularyError
from fcgen.grammar.states import MAX_STATES
from fcgen.grammar.terms import Expr
from fcgen.grammar.work import MAX_STEPS
from fcgen.mask.cursor import Cursor
from fcgen.mask.tables import Tables
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
        max_states: cap on the number of states that the grammar may add (a kilobyte each, at most) to those that all
            grammars over the vocabulary share. New sequences share the states of earlier ones until these are a fifth
            as many.
        max_steps: how many steps it may take to fit the grammar to the vocabulary, and then to find what may follow a
            state (see `fcgen.grammar.work`).

    Raises:
        Unsatisfiable: no text satisfies the grammar with the bytes that the vocabulary has.
        GrammarTooLarge, OutOfSteps: (here, or where a mask is asked for) a limit is reached.
    """

    def __init__(
        self,
        grammar: HasRoot,
        vocabulary: Vocabulary,
        *,
        max_states: int = MAX_STATES,
        max_steps: int = MAX_STEPS,
    ) -> None:
        if not vocabulary.stop_ids:
            raise VocabularyError("the vocabulary has no stop token", hint="Pass stop_ids when reading the tokenizer.")
        self.grammar = grammar
        self.vocabulary = vocabulary
        self._max_states, self._max_steps = max_states, max_steps
        self._lock = threading.Lock()
        self._tables = self.new_tables()

    @property
    def words(self) -> int:
        """How many uint32 words a mask has."""
        return self._tables.words

    @property
    def fewest_tokens(self) -> int:
        """The smallest budget that works, stop token included."""
        return self._tables.closing(self._tables.root)

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
        return Cursor(self._current(), budget)

    def _current(self) -> Tables:
        """The tables for a new sequence."""
        with self._lock:
            if self._tables.size > self._max_states // 5:
                self._tables = self.new_tables()
            return self._tables

    def new_tables(self) -> Tables:
        """Tables that no sequence uses yet."""
        return Tables(self.grammar.root, self.vocabulary, max_states=self._max_states, max_steps=self._max_steps)
