"""A causal language model, a prompt and a cursor -> the tokens of one reply.

Each round appends the tokens that the grammar leaves no choice about, runs the model once over everything it has not
seen, and lets it choose among the allowed tokens. So a forward pass is spent only where there is something to choose,
and forced tokens ride along in the next one at little cost. The reply ends with a stop token, which closes it and is
not part of its text.

The key-value cache is the model's own. A model that returns none is run over the whole sequence each round: slower,
but right. Whether the model is in training mode, on which device and in which dtype is the caller's business.

Limits: one sequence at a time; decoder-only models.
"""

from __future__ import annotations

import inspect
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fcgen.decode.sampling import Sampling, choose
from fcgen.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from fcgen.mask import Cursor

# What models call the option to compute only the last rows of logits.
LAST_ONLY = ("logits_to_keep", "num_logits_to_keep")
# More allowed tokens than this are taken for a choice without a closer look.
FEW = 8


@dataclass(frozen=True, slots=True)
class Generation:
    """What one run of the loop made, and what it cost.

    Attributes:
        tokens: the reply's tokens, the stop token that ends it among them.
        forced_tokens: how many of them the model was not asked about.
        forward_passes: how often the model ran, the pass over the prompt among them.
        seconds: wall time.
    """

    tokens: tuple[int, ...]
    forced_tokens: int
    forward_passes: int
    seconds: float


def generate(
    model: Any,
    prompt_ids: Sequence[int],
    cursor: Cursor,
    *,
    sampling: Sampling,
    max_new_tokens: int,
    fast_forward: bool = True,
) -> Generation:
    """Write one reply from the cursor's place to a stop token; the cursor moves along.

    The cursor's own budget is what ends the reply in time, so it must not be larger than `max_new_tokens`.
    `fast_forward=False` asks the model about every token, as plain `model.generate` would.

    Raises OptionError for a cursor that could write more, VocabularyError where the model's logits are not as wide as
    the masks, ModelError where they are NaN.
    """
    import torch

    if cursor.left is None or cursor.left > max_new_tokens:
        raise OptionError(
            f"the cursor may write {'any number of' if cursor.left is None else cursor.left} tokens",
            limit=max_new_tokens,
            hint="Give it a budget: masks.cursor(budget=max_new_tokens)",
        )
    began = time.perf_counter()
    start, forced, generator = len(cursor.tokens), 0, None
    reader = _Reader(model)
    with torch.inference_mode():
        while not cursor.stopped:
            if fast_forward:
                forced += _append_forced(cursor)
            if not cursor.stopped:
                logits = reader.read([*prompt_ids, *cursor.tokens[start:]])
                generator = generator or sampling.generator(logits.device)
                cursor.advance(choose(logits, cursor.mask(), sampling, generator))
    return Generation(tuple(cursor.tokens[start:]), forced, reader.passes, time.perf_counter() - began)


def _append_forced(cursor: Cursor) -> int:
    """Append all tokens up to the next choice, the stop token included; how many these were."""
    before = len(cursor.tokens)
    while not cursor.stopped and (tokens := cursor.forced() or _only_token(cursor)):
        for token in tokens:
            cursor.advance(token)
    return len(cursor.tokens) - before


def _only_token(cursor: Cursor) -> list[int]:
    """The token that has to come next, as the only one allowed or as any of the stop tokens; else nothing."""
    allowed = np.flatnonzero(np.unpackbits(cursor.mask().view(np.uint8), bitorder="little"))
    if len(allowed) == 1 or (len(allowed) <= FEW and all(_stops(cursor, int(token)) for token in allowed)):
        return [int(allowed[0])]
    return []


def _stops(cursor: Cursor, token: int) -> bool:
    if not cursor.can_stop:
        return False
    ahead = cursor.copy()
    ahead.advance(token)
    return ahead.stopped


class _Reader:
    """A model that reads one growing sequence, each token once if it has a key-value cache."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.passes = 0
        self._cache: Any = None
        self._seen = 0
        known = inspect.signature(model.forward).parameters
        self._options = {name: 1 for name in LAST_ONLY if name in known}
        self._cache_name = "cache" if "cache" in known else "past_key_values"  # as transformers before 5.24 has it

    def read(self, tokens: Sequence[int]) -> torch.Tensor:
        """The row of logits after the last of `tokens`, which begin with those of the call before."""
        import torch

        ids = torch.tensor([tokens[self._seen :]], device=self.model.device)
        cache = {self._cache_name: self._cache}
        output = self.model(input_ids=ids, use_cache=True, return_dict=True, **cache, **self._options)
        self._cache = getattr(output, self._cache_name, None)
        self._seen = 0 if self._cache is None else len(tokens)
        self.passes += 1
        logits: torch.Tensor = output.logits[0, -1]
        return logits
