"""Masks -> a logits processor, so that plain `model.generate(...)` of transformers writes what the grammar allows.

Where a row stands in the grammar is a function of the tokens generated in that row alone. So nothing is tied to a
row's number: the cursors of the last step are kept under the tokens they took, and each row finds its own, wherever
beam search has moved it to. What is not found is walked from the beginning. Hence one processor serves batches, beams,
several return sequences and one call of `generate` after another.

What a row has generated begins behind the prompt. `prompt_tokens` says how wide that is. Without it, the first step
of a run tells: a step goes on with a run if each of its rows is a row of the step before plus one token, and begins a
new one otherwise. Give it where that is not so: for assisted generation, which steps by several tokens, and for a
second run whose prompts are exactly what the first one returned.

Beam search fills up its beams with tokens of probability zero. Such rows, like those that have ended, may only stop.

Limits: other processors that force tokens can break what is guaranteed, and `max_new_tokens` cuts a reply off unless
`budget` is set to it. Beam search returns unfinished rows where fewer replies than beams exist.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
import transformers

from fcgen.decode.sampling import allowed_tokens
from fcgen.errors import OptionError, TokenRefused, VocabularyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fcgen.mask import Cursor, Masks

Row = tuple[int, ...]


class LogitsProcessor(transformers.LogitsProcessor):  # type: ignore[misc]
    """Takes away what the grammar does not allow: `model.generate(..., logits_processor=[LogitsProcessor(masks)])`.

    Args:
        masks: what may be written; made for logits as wide as the model's.
        prompt_tokens: the width of the prompt, padding included; None: found from the calls, as the module says.
        budget: tokens of each reply, stop token included; what `generate` gets as `max_new_tokens`. None: no limit.

    Raises:
        BudgetTooSmall: no reply fits in the budget.
    """

    def __init__(self, masks: Masks, *, prompt_tokens: int | None = None, budget: int | None = None) -> None:
        self.masks = masks
        self.prompt_tokens = prompt_tokens
        self.budget = budget
        masks.cursor(budget=budget)  # refuses a budget that is too small
        self._end = np.zeros(masks.words, np.uint32)
        for stop in masks.vocabulary.stop_ids:
            self._end[stop >> 5] |= np.uint32(1 << (stop & 31))
        self._last: torch.Tensor | None = None
        self._width = 0
        self._cursors: dict[Row, Cursor | None] = {}

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """The scores, minus infinity where a token is not allowed.

        Raises VocabularyError where the scores are not as wide as the masks, TokenRefused where some other processor
        chose a token that the grammar does not allow, as far as that can be told from beam search.
        """
        if scores.shape[-1] != self.masks.vocabulary.size:
            raise VocabularyError(
                f"the masks cover {self.masks.vocabulary.size} tokens, the model's logits {scores.shape[-1]}",
                hint="Compile the masks with Vocabulary.from_tokenizer(tokenizer, size=<width of the logits>)",
            )
        rows = self._generated(input_ids)
        cursors = {row: self._find(row) for row in rows}
        if not any(cursors.values()):
            self._refuse_strangers(rows)
        self._cursors = cursors
        words = np.stack([self._mask(self._cursors[row]) for row in rows])
        return scores.masked_fill(~allowed_tokens(words, scores), -math.inf)

    def _generated(self, input_ids: torch.Tensor) -> list[Row]:
        """What each row has behind its prompt."""
        if self.prompt_tokens is None:
            if not self._goes_on(input_ids):
                self._width = input_ids.shape[1]
            self._last = input_ids.clone()
        else:
            self._width = self.prompt_tokens
        if input_ids.shape[1] < self._width:
            raise OptionError(
                f"prompt_tokens is {self._width}, but the model was given {input_ids.shape[1]} tokens",
                hint="It is the width of input_ids, padding included",
            )
        return [tuple(row) for row in input_ids[:, self._width :].tolist()]

    def _goes_on(self, input_ids: torch.Tensor) -> bool:
        """Whether each row is a row of the last step and one more token."""
        last = self._last
        if last is None or last.shape != (input_ids.shape[0], input_ids.shape[1] - 1):
            return False
        before = input_ids[:, :-1]
        if torch.equal(before, last.to(before.device)):
            return True
        return set(map(tuple, before.tolist())) <= set(map(tuple, last.tolist()))

    def _find(self, row: Row) -> Cursor | None:
        """The place after these tokens; None if the row has ended, or never was a reply."""
        known = row[:-1] if row and row[:-1] in self._cursors else ()
        cursor = self._cursors[known] if known else self.masks.cursor(budget=self.budget)
        for token in row[len(known) :]:
            if cursor is None:
                return None
            cursor = _after(cursor, token)
        return cursor

    def _refuse_strangers(self, rows: list[Row]) -> None:
        """Raise TokenRefused if no row goes on although none could have ended: beam search alone does not do that."""
        if not any(cursor.can_stop for cursor in self._cursors.values() if cursor):
            for row in rows:
                if row and (cursor := self._cursors.get(row[:-1])):
                    cursor.copy().advance(row[-1])

    def _mask(self, cursor: Cursor | None) -> NDArray[np.uint32]:
        return self._end if cursor is None else cursor.mask()


def _after(cursor: Cursor, token: int) -> Cursor | None:
    ahead = cursor.copy()
    try:
        ahead.advance(token)
    except TokenRefused:
        return None
    return None if ahead.stopped else ahead
