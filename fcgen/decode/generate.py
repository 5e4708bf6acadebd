"""A language model, a prompt and a cursor -> the tokens of one reply; a `Loop` of one row."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fcgen.decode.loop import LOOKUP, Loop
from fcgen.decode.row import Request
from fcgen.decode.sampling import Sampling

if TYPE_CHECKING:
    from fcgen.mask import Cursor


@dataclass(frozen=True, slots=True)
class Generation:
    """What one run of the loop made, and what it cost.

    Attributes:
        tokens: the reply's tokens, the stop token that ends it among them.
        forced_tokens: how many of them the model was not asked about.
        forward_passes: how often the model ran, the pass over the prompt among them.
        seconds: wall time.
        removed: for each token that was asked about, the share of the model's probability that was not allowed.
    """

    tokens: tuple[int, ...]
    forced_tokens: int
    forward_passes: int
    seconds: float
    removed: tuple[float, ...] = ()


def generate(
    model: Any,
    prompt_ids: Sequence[int],
    cursor: Cursor,
    *,
    sampling: Sampling,
    max_new_tokens: int,
    fast_forward: bool = True,
    lookup: int = LOOKUP,
) -> Generation:
    """Write one reply from the cursor's place to a stop token; the cursor moves along.

    The cursor's own budget is what ends the reply in time, so it must not be larger than `max_new_tokens`.
    `fast_forward=False` asks the model about every token, as plain `model.generate` would; `lookup` is how many tokens
    are proposed at a time where the reply copies from the prompt.

    Raises OptionError for a cursor that could write more, VocabularyError where the model's logits are not as wide as
    the masks, ModelError where they are NaN.
    """
    began = time.perf_counter()
    request = Request(prompt_ids, cursor, max_new_tokens, sampling)
    loop = Loop(model, cursor.vocabulary, batch_size=1, fast_forward=fast_forward, lookup=lookup)
    row = loop.add(request)
    loop.run()
    if row.error is not None:
        raise row.error
    seconds = time.perf_counter() - began
    return Generation(tuple(row.tokens), row.forced, row.passes, seconds, tuple(row.removed))
