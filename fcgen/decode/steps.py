"""What a model is shown, step by step -> the mask of each row.

Where a row stands in the grammar is a function of the tokens generated in that row alone. So nothing is tied to a
row's number: the cursors of the last step are kept under the tokens they took, and each row finds its own, wherever
beam search has moved it to. What is not found is walked from the beginning.

What a row has generated begins behind the prompt. How wide that is, the first step of a run tells: a step goes on with
a run if each of its rows is a row of the step before plus one token, and begins a new one otherwise. Only a step that
takes tokens back, as assisted generation does, looks like either: then the width has to be told.

A model has room for so many tokens: what its prompt leaves of them is a budget as well.

Beam search fills up its beams with tokens of probability zero. Such rows, like those that have ended, may only stop.

The tokens may be an array of torch, numpy or mlx: they are compared and cut where they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fcgen.errors import OptionError, PromptError, TokenRefused, VocabularyError
from fcgen.grammar.work import read_limit
from fcgen.mask import Masks
from fcgen.mask.bits import packed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fcgen.mask import Cursor

Row = tuple[int, ...]


class Steps:
    """The rows of the last step, and where each of them stands.

    Args:
        masks: what may be written.
        budget: tokens of each reply, stop token included. None: no limit.
        context: tokens of prompt and reply together. None: no limit.

    Raises:
        OptionError: these are no masks, or a number of tokens is no whole number.
        BudgetTooSmall: no reply fits in the budget.

    Attributes:
        prompt_tokens: the width of the prompt of this run.
        stop_ids: the tokens that end a reply.
        new_tokens: how many tokens were asked for in this run, of the row that has most; stop token included.
    """

    def __init__(self, masks: Masks, budget: int | None, context: int | None = None) -> None:
        if not isinstance(masks, Masks):
            raise OptionError(
                f"a processor is made of Masks, found {type(masks).__name__}",
                hint="Make them with Masks(grammar, vocabulary).",
            )
        context = None if context is None else read_limit("context", context)
        masks.cursor(budget=budget)  # refuses a budget that is too small
        self._masks, self._budget, self._context = masks, budget, context
        self.stop_ids = frozenset(masks.vocabulary.stop_ids)
        self._end = packed(masks.vocabulary.stop_ids, masks.words)
        self.reset()

    def reset(self) -> None:
        """Begin a new run with the next step."""
        self.prompt_tokens = self.new_tokens = 0
        self._last: Any = None
        self._left = self._budget
        self._cursors: dict[Row, Cursor | None] = {}
        self._rows: list[Row] = []

    def cursor(self, row: int) -> Cursor | None:
        """The cursor of a row of the last step; None if it has ended, or never was a reply."""
        return self._cursors[self._rows[row]]

    def words(self, input_ids: Any, width: int, prompt_tokens: int | None = None) -> NDArray[np.uint32]:
        """The packed masks of what may come next in each row.

        Args:
            input_ids: [rows, tokens], the prompt and what was generated.
            width: that of the model's logits.
            prompt_tokens: the width of the prompt; None: the one that the first step of the run had.

        Raises:
            VocabularyError: the masks were not made for logits of that width.
            OptionError: the rows are shorter than the prompt, or how wide it is cannot be told.
            PromptError: the prompt leaves no room for a reply.
            TokenRefused: a token was chosen that the grammar does not allow, as far as that can be told from beam
                search.
        """
        if width != self._masks.vocabulary.size:
            raise VocabularyError(
                f"the masks cover {self._masks.vocabulary.size} tokens, the model's logits {width}",
                hint="Compile the masks with Vocabulary.from_tokenizer(tokenizer, size=<width of the logits>)",
            )
        rows = self._generated(input_ids, prompt_tokens)
        cursors = {row: self._find(row) for row in rows}
        if not any(cursors.values()):
            self._refuse_strangers(rows)
        self._cursors, self._rows = cursors, rows
        self.new_tokens += any(cursors.values())
        return np.stack([self._mask(cursors[row]) for row in rows])

    def _generated(self, input_ids: Any, prompt_tokens: int | None) -> list[Row]:
        """What each row has behind its prompt."""
        if prompt_tokens is None:
            if not self._goes_on(input_ids):
                self._refuse_going_back(input_ids)
                self._begin(input_ids.shape[1])
            self._last = input_ids + 0  # a copy in each of the libraries: llama.cpp writes on into its array
        else:
            self.prompt_tokens = prompt_tokens
        if input_ids.shape[1] < self.prompt_tokens:
            raise OptionError(
                f"prompt_tokens is {self.prompt_tokens}, but the model was given {input_ids.shape[1]} tokens",
                hint="It is the width of input_ids, padding included",
            )
        return [tuple(row) for row in input_ids[:, self.prompt_tokens :].tolist()]

    def _begin(self, prompt_tokens: int) -> None:
        """Begin a run with a prompt of that many tokens."""
        self.prompt_tokens, self.new_tokens = prompt_tokens, 0
        if self._context is not None:
            fewest, room = self._masks.fewest_tokens, self._context - prompt_tokens
            if room < fewest:
                raise PromptError(
                    f"the prompt has {prompt_tokens} tokens and the shortest reply {fewest}, "
                    f"which is more than the model's context",
                    limit=self._context,
                    given=prompt_tokens + fewest,
                    hint="Shorten the prompt, offer fewer functions, or give the model a longer context",
                )
            self._left = room if self._budget is None else min(room, self._budget)

    def _goes_on(self, input_ids: Any) -> bool:
        """Whether each row is a row of the last step and one more token."""
        last = self._last
        if last is None or tuple(last.shape) != (input_ids.shape[0], input_ids.shape[1] - 1):
            return False
        if type(last) is not type(input_ids) or getattr(last, "device", None) != getattr(input_ids, "device", None):
            return False
        before = input_ids[:, :-1]
        return bool((before == last).all()) or set(map(tuple, before.tolist())) <= set(map(tuple, last.tolist()))

    def _refuse_going_back(self, input_ids: Any) -> None:
        """Raise OptionError where the row is that of the last step without its last tokens, and perhaps another one.

        So assisted generation goes on when it takes back what was proposed. A new prompt would go on with the last one
        and a part of its reply, by what the grammar allows there.
        """
        width = input_ids.shape[1]
        if self._last is None or input_ids.shape[0] != 1 or not self.prompt_tokens < width <= self._last.shape[1]:
            return
        row, last = tuple(input_ids[0].tolist()), tuple(self._last[0].tolist())
        if row[:-1] == last[: width - 1] and self._find(row[self.prompt_tokens :]) is not None:
            raise OptionError(
                "the processor was shown a reply without its last tokens, as assisted generation does "
                "(assistant_model, prompt_lookup_num_tokens), so that where the reply begins cannot be told",
                hint="Give it prompt_tokens, the width of input_ids",
            )

    def _find(self, row: Row) -> Cursor | None:
        """The place after these tokens; None if the row has ended, or never was a reply."""
        known = row[:-1] if row and row[:-1] in self._cursors else ()
        cursor = self._cursors[known] if known else self._masks.cursor(budget=self._left)
        for token in row[len(known) :]:
            if cursor is None:
                return None
            cursor = _after(cursor, token)
        return cursor

    def _refuse_strangers(self, rows: list[Row]) -> None:
        """Raise TokenRefused if no row goes on although none could have ended: beam search alone does not do that.

        A single row is not of beam search.
        """
        if len(rows) == 1 or not any(cursor.can_stop for cursor in self._cursors.values() if cursor):
            for row in rows:
                if row and (cursor := self._cursors.get(row[:-1])):
                    cursor.copy().advance(row[-1])

    def _mask(self, cursor: Cursor | None) -> NDArray[np.uint32]:
        return self._end if cursor is None else cursor.canonical_mask()


def _after(cursor: Cursor, token: int) -> Cursor | None:
    ahead = cursor.copy()
    try:
        ahead.advance(token)
    except TokenRefused:
        return None
    return None if ahead.stopped else ahead
