"""Masks -> a logits processor, so that plain `model.generate(...)` of transformers writes what the grammar allows.

One processor serves batches, beams, several return sequences and one call of `generate` after another: where each row
stands is told from its tokens (`steps.py`). What a row has generated begins behind the prompt. `prompt_tokens` says how
wide that is; without it, the first step of a run tells. Give it where that cannot be: for assisted generation and
prompt lookup, which take tokens back (without it they are refused), and for a second run whose prompts are exactly what
the first one returned.

Continuous batching shows a processor one token of each sequence, whichever sequences it has chosen for a step. That
says nothing about where they stand, so it is refused. Of `generate(..., cache_implementation="paged")`, which also
batches so, no processor gets to know: transformers drops them all.

Options of `generate` that forbid all that the grammar allows are an error (`conflict.py`).

Limits: processors that come after this one and force tokens can break what is guaranteed, and `max_new_tokens` cuts a
reply off unless `budget` is set to it. Beam search returns unfinished rows where fewer replies than beams exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import transformers

from fcgen.decode.conflict import check_rows
from fcgen.decode.sampling import masked_logits
from fcgen.decode.steps import Steps
from fcgen.errors import OptionError
from fcgen.grammar.work import read_limit

if TYPE_CHECKING:
    import torch

    from fcgen.mask import Masks


class LogitsProcessor(transformers.LogitsProcessor):  # type: ignore[misc]
    """Takes away what the grammar does not allow: `model.generate(..., logits_processor=[LogitsProcessor(masks)])`.

    Args:
        masks: what may be written; made for logits as wide as the model's.
        prompt_tokens: the width of the prompt, padding included; None: found from the calls, as the module says.
        budget: tokens of each reply, stop token included; what `generate` gets as `max_new_tokens`. None: no limit.

    Raises:
        OptionError: it is not made of masks, or `prompt_tokens` or `budget` is no whole number.
        BudgetTooSmall: no reply fits in the budget.
    """

    def __init__(self, masks: Masks, *, prompt_tokens: int | None = None, budget: int | None = None) -> None:
        self.masks = masks
        self.prompt_tokens = None if prompt_tokens is None else read_limit("prompt_tokens", prompt_tokens)
        self.budget = budget
        self._steps = Steps(masks, budget)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """The scores, minus infinity where a token is not allowed.

        Raises:
            VocabularyError: the scores are not as wide as the masks.
            TokenRefused: some other processor chose a token that the grammar does not allow, as far as that can be
                told from beam search.
            OptionError: the rows are shorter than `prompt_tokens`, of continuous batching, or of assisted generation
                without `prompt_tokens`; or other options forbid all that the grammar allows.
        """
        if input_ids.dim() != 2:
            raise OptionError(
                "continuous batching shows one token of each sequence, from which its place in a reply cannot be told",
                hint="Use model.generate without it",
            )
        words = self._steps.words(input_ids, scores.shape[-1], self.prompt_tokens)
        return check_rows(self._steps, input_ids, scores, masked_logits(scores, words))
