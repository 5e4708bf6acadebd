"""A grammar and a vocabulary, compiled: for each place in the grammar the tokens that may come next.

The tables behind that (`tables.py`) are shared by all sequences, and grow as texts are written. A grammar that
remembers what is written has no end of states, so tables that have grown far are left to the sequences that use them,
and new sequences begin new ones.
"""

from __future__ import annotations

import threading
from typing import Protocol

from fcgen.errors import BudgetTooSmall, OptionError, VocabularyError
from fcgen.grammar.automaton import MAX_STATES
from fcgen.grammar.terms import Expr
from fcgen.grammar.work import MAX_STEPS, read_limit
from fcgen.mask.cursor import Cursor
from fcgen.mask.tables import Tables
from fcgen.shared import Shared
from fcgen.vocab import Vocabulary

STEPS_PER_NODE = 20


class HasRoot(Protocol):
    """A grammar: its language is `root`."""

    @property
    def root(self) -> Expr:
        """The language."""


class Masks(Shared):
    """The masks of one grammar over one vocabulary. Thread-safe; states and rows are found as they are needed.

    Args:
        grammar: what may be written.
        vocabulary: the tokens it is written in.
        max_states: cap on the number of states that the grammar may add (a kilobyte each, at most) to those that all
            grammars over the vocabulary share. New sequences share the states of earlier ones until these are a fifth
            as many; a sequence that meets the cap goes on with new ones.
        max_steps: how many steps it may take to fit the grammar to the vocabulary, and then to find what may follow a
            state (see `fcgen.grammar.work`). None: 500,000, and 20 for each place within tokens where these part, since
            a walk over all tokens may meet a new state at each.

    Raises:
        OptionError: these are no grammar and no vocabulary, or a limit is no whole number.
        VocabularyError: the vocabulary has no stop token.
        Unsatisfiable: no text satisfies the grammar with the bytes that the vocabulary has.
        GrammarTooLarge, OutOfSteps: (here, or where a mask is asked for) a limit is reached, for one mask alone.
    """

    def __init__(
        self,
        grammar: HasRoot,
        vocabulary: Vocabulary,
        *,
        max_states: int = MAX_STATES,
        max_steps: int | None = None,
    ) -> None:
        _check_kinds(grammar, vocabulary)
        if not vocabulary.stop_ids:
            raise VocabularyError("the vocabulary has no stop token", hint="Pass stop_ids when reading the tokenizer.")
        self.grammar = grammar
        self.vocabulary = vocabulary
        self._max_states = read_limit("max_states", max_states)
        steps = MAX_STEPS + STEPS_PER_NODE * len(vocabulary.trie.end) if max_steps is None else max_steps
        self._max_steps = read_limit("max_steps", steps)
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
            OptionError: the budget is no whole number.
            BudgetTooSmall: no reply fits in the budget.
        """
        budget = None if budget is None else read_limit("budget", budget)
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


def _check_kinds(grammar: object, vocabulary: object) -> None:
    """Raise OptionError where one of them is something else: a tokenizer, a schema, or the other of the two."""
    found = f"found {type(grammar).__name__} and {type(vocabulary).__name__}"
    if isinstance(grammar, Vocabulary) and _is_grammar(vocabulary):
        raise OptionError(f"masks are of a grammar, then a vocabulary; {found}", hint="Swap the two.")
    if not _is_grammar(grammar):
        raise OptionError(
            f"masks are of a grammar and a vocabulary; {found}",
            hint="Make the grammar with Grammar.from_functions, from_json_schema, from_output_type, from_regex or "
            "from_lark.",
        )
    if not isinstance(vocabulary, Vocabulary):
        raise OptionError(
            f"masks are of a grammar and a vocabulary; {found}",
            hint="Make the vocabulary with Vocabulary.from_tokenizer(tokenizer).",
        )


def _is_grammar(value: object) -> bool:
    return isinstance(getattr(value, "root", None), Expr)
