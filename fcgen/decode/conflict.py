"""Scores that were masked -> the same; or an error, where other processors had forbidden all that the grammar allows.

Options of `generate` forbid tokens by processors of their own: the stop token (`min_new_tokens`), what was said before
(`no_repeat_ngram_size`), a list (`suppress_tokens`, `bad_words_ids`). Where nothing is left, every score is minus
infinity: the likeliest token is then the first of the vocabulary, and a draw fails within torch. The options' own
processors come before those that a caller gives, so that what they leave is known here; of a list of the caller's,
`LogitsProcessor` has to be the last.

A beam of which nothing is left is no mistake while others go on: its score is minus infinity. Beams are known by
scores that are logarithms of probabilities, and by their prompt. Rows that have ended get the stop token back: what
they go on with does not matter, but has to be something.

It costs one reduction over the scores, and waits for the device, as all steps of `generate` do.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fcgen.errors import OptionError, excerpt

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from fcgen.decode.steps import Steps
    from fcgen.mask import Cursor

SHOWN = 5  # tokens that a message names
END = "min_new_tokens or min_length (they forbid the stop token), suppress_tokens or bad_words_ids"
BEGIN = "begin_suppress_tokens, suppress_tokens, bad_words_ids, no_repeat_ngram_size or prefix_allowed_tokens_fn"
BANS = "no_repeat_ngram_size, bad_words_ids, suppress_tokens or prefix_allowed_tokens_fn"
FORCES = "forced_eos_token_id, forced_bos_token_id or prefix_allowed_tokens_fn (one token alone is left)"


def check_rows(steps: Steps, input_ids: torch.Tensor, scores: torch.Tensor, masked: torch.Tensor) -> torch.Tensor:
    """The masked scores of a step, for torch. Raises OptionError: a row has nothing left."""
    lost = (masked.amax(-1) == -math.inf).nonzero().flatten().tolist()
    if not lost:
        return masked
    ended = [row for row in lost if steps.cursor(row) is None]
    masked[ended, min(steps.stop_ids)] = 0.0
    lost = [row for row in lost if row not in ended]
    if lost and not (_are_of_beams(scores) and _others_go_on(steps, input_ids, lost)):
        raise nothing_left(steps, lost[0], (scores[lost[0]] > -math.inf).cpu().numpy())
    return masked


def check_arrays(steps: Steps, scores: Any, masked: Any) -> None:
    """Raise OptionError where a row has nothing left, for numpy and mlx, which have no beams."""
    lost = np.flatnonzero(np.asarray(masked.max(-1) == -math.inf)).tolist()
    for row in lost:
        if steps.cursor(row) is not None:
            raise nothing_left(steps, row, np.asarray(scores[row] > -math.inf))


def nothing_left(steps: Steps, row: int, left: NDArray[np.bool_]) -> OptionError:
    """The error of an unfinished row without a token left; `left` are the tokens that other options allow."""
    cursor = steps.cursor(row)
    assert cursor is not None
    allowed = _tokens(cursor)
    texts = [
        "the stop token"
        if token in steps.stop_ids
        else excerpt(cursor.vocabulary.token_bytes(token).decode(errors="replace"))
        for token in allowed[:SHOWN]
    ]
    more = f" and {len(allowed) - SHOWN} more" if len(allowed) > SHOWN else ""
    return OptionError(
        f"after {excerpt(cursor.text.decode(errors='replace')[-60:])} the grammar allows {', '.join(texts)}{more}, and "
        "other options of generate forbid all of that",
        hint=f"The likely one: {_likely(allowed, left, steps.stop_ids, is_first=not cursor.text)}. Leave it out",
    )


def _likely(allowed: list[int], left: NDArray[np.bool_], stop_ids: frozenset[int], *, is_first: bool) -> str:
    if np.count_nonzero(left) == 1:
        return FORCES
    if stop_ids.issuperset(allowed):
        return END
    return BEGIN if is_first else BANS


def _tokens(cursor: Cursor) -> list[int]:
    bits = np.unpackbits(cursor.canonical_mask().view(np.uint8), bitorder="little")
    return [int(token) for token in np.flatnonzero(bits)]


def _are_of_beams(scores: torch.Tensor) -> bool:
    """Return whether the scores may be logarithms of probabilities, as beam search has them."""
    return bool((scores.float().logsumexp(-1) < 1e-2).all())


def _others_go_on(steps: Steps, input_ids: torch.Tensor, lost: list[int]) -> bool:
    """Return whether each prompt of a row without tokens has another row that goes on."""
    prompts = [tuple(row) for row in input_ids[:, : steps.prompt_tokens].tolist()]
    others = {prompt for row, prompt in enumerate(prompts) if row not in lost and steps.cursor(row) is not None}
    return all(prompts[row] in others for row in lost)
