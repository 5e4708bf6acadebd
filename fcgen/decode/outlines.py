"""Masks -> a processor of Outlines: `outlines.Generator(model, processor=OutlinesProcessor(masks))`.

Outlines hands it to the library that runs the model, which calls it with arrays of its own: transformers with those of
torch, llama.cpp with those of numpy, mlx-lm with those of mlx. Which they are shows at each call. All pass the prompt
with what was generated (`steps.py`), and `outlines.Generator` says when a new run begins.

llama.cpp calls it from C, where an error is printed and forgotten, and the token is then chosen without a mask.
`check` raises what was raised in the last run.

Limits: as of `LogitsProcessor`. mlx-lm has no batches with a processor, and llama.cpp none at all.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from outlines.processors import OutlinesLogitsProcessor
from outlines.processors.tensor_adapters import tensor_adapters

from fcgen.decode.conflict import check_arrays, check_rows
from fcgen.decode.sampling import masked_logits
from fcgen.decode.steps import Steps
from fcgen.errors import FcgenError, OptionError
from fcgen.mask.batch import apply_masks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fcgen.mask import Masks


class OutlinesProcessor(OutlinesLogitsProcessor):  # type: ignore[misc]
    """Takes away what the grammar does not allow, for any model of Outlines whose logits can be had.

    Args:
        masks: what may be written; made for logits as wide as the model's.
        budget: tokens of each reply, stop token included; what the model gets as its limit. None: no limit.
        context: tokens that the model has room for, prompt and reply together. None: no limit.

    Raises:
        OptionError: it is not made of masks, or `budget` or `context` is no whole number.
        BudgetTooSmall: no reply fits in the budget.
    """

    def __init__(self, masks: Masks, *, budget: int | None = None, context: int | None = None) -> None:
        self.masks = masks
        self.budget = budget
        self.context = context
        self._steps = Steps(masks, budget, context)
        self._error: FcgenError | None = None

    def reset(self) -> None:
        """Begin a new run with the next call; `outlines.Generator` says so before each run."""
        self._steps.reset()
        self._error = None

    @property
    def prompt_tokens(self) -> int:
        """The width of the prompt in the last run."""
        return self._steps.prompt_tokens

    @property
    def new_tokens(self) -> int:
        """How many tokens the longest reply of the last run has, stop token included."""
        return self._steps.new_tokens

    def check(self) -> None:
        """Raise the first error of this run, if there was one: who called the processor may have passed over it."""
        if self._error is not None:
            raise self._error

    def __call__(self, input_ids: Any, logits: Any) -> Any:
        """The logits, minus infinity where a token is not allowed; 1 or 2 axes, of torch, numpy or mlx.

        Raises:
            VocabularyError: the logits are not as wide as the masks.
            TokenRefused: some other processor chose a token that the grammar does not allow.
            PromptError: the prompt leaves no room for a reply.
            OptionError: the arrays are of another library, or other options forbid all that the grammar allows.
        """
        try:
            self.tensor_adapter = _adapter(logits)
            return super().__call__(input_ids, logits)
        except FcgenError as error:
            self._error = self._error or error
            raise

    def process_logits(self, input_ids: Any, logits: Any) -> Any:
        """The same for arrays of 2 axes; raises the same."""
        words = self._steps.words(input_ids, logits.shape[-1])
        masked = _masked(logits, words)
        if _library(logits) == "torch":
            return check_rows(self._steps, input_ids, logits, masked)
        check_arrays(self._steps, logits, masked)
        return masked


def _library(array: Any) -> str:
    return type(array).__module__.partition(".")[0]


def _adapter(logits: Any) -> Any:
    adapter = tensor_adapters.get(_library(logits))
    if adapter is None:
        raise OptionError(
            f"the model's logits are of {type(logits).__module__}.{type(logits).__name__}",
            hint=f"Known are arrays of {', '.join(sorted(tensor_adapters))}",
        )
    return adapter()


def _masked(logits: Any, words: NDArray[np.uint32]) -> Any:
    """The logits without what the packed masks do not allow, where they are and of the type they are."""
    if _library(logits) == "torch":
        return masked_logits(logits, words)
    if _library(logits) == "numpy":
        found = np.array(logits, order="C")
        apply_masks(found, words)
        return found
    import mlx.core

    bits = np.unpackbits(words.view(np.uint8), axis=-1, bitorder="little")[:, : logits.shape[-1]].astype(bool)
    return mlx.core.where(mlx.core.array(bits), logits, mlx.core.array(-math.inf, dtype=logits.dtype))
