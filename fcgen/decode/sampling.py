"""Logits and a packed mask -> the next token.

A mask is uint32 words, bit t & 31 of word t >> 5 for token t, as `Cursor.mask` makes them. It travels packed and is
unpacked by shifts where the logits are, so that a step costs one small transfer and no loop over rows.

What is not allowed is taken out before anything else: temperature, top_k and top_p act on the distribution over the
allowed tokens alone, and each of them keeps at least one. Tokens are drawn from what is kept, not from a distribution
with zeros in it, so rounding on no device can draw a token that the mask forbids.

Limits: one row is chosen from at a time. A seed repeats a reply on the same device and library versions only.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING

from fcgen.errors import ModelError, OptionError, VocabularyError, excerpt

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

WORD = 32
LARGEST = sys.float_info.max
SEEDS = range(-(2**63), 2**64)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a token is chosen among the allowed ones.

    Attributes:
        temperature: 0 takes the likeliest token; the higher, the more evenly it is drawn.
        top_p: draw from the likeliest tokens that together reach this probability; 1 keeps all.
        top_k: draw from this many of the likeliest tokens; 0 keeps all.
        seed: what makes the draws repeatable; None draws anew each time.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None

    def __post_init__(self) -> None:
        for option, allowed, fits in (
            ("temperature", "a number from 0 up", _is_real(self.temperature) and 0 <= self.temperature <= LARGEST),
            ("top_p", "a number above 0, up to 1", _is_real(self.top_p) and 0 < self.top_p <= 1),
            ("top_k", "an integer from 0 up; 0 keeps all tokens", _is_integer(self.top_k) and self.top_k >= 0),
            (
                "seed",
                "an integer of 64 bits, or None",
                self.seed is None or (_is_integer(self.seed) and self.seed in SEEDS),
            ),
        ):
            if not fits:
                raise OptionError(f"{option} is {excerpt(getattr(self, option))}", hint=f"It has to be {allowed}")

    def generator(self, device: torch.device | str) -> torch.Generator | None:
        """Where a reply's draws come from, on the device of the logits; None where nothing is drawn."""
        import torch

        if self.temperature == 0:
            return None
        generator = torch.Generator(device=device)
        if self.seed is None:
            generator.seed()
        else:
            generator.manual_seed(self.seed)
        return generator


def _is_real(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def unpack(words: torch.Tensor, size: int) -> torch.Tensor:
    """The bits of packed masks, `(..., words)` of any integer type, as booleans `(..., size)`."""
    import torch

    shifts = torch.arange(WORD, device=words.device)
    bits = (words.to(torch.int64).unsqueeze(-1) >> shifts) & 1
    return bits.flatten(-2)[..., :size].bool()


def allowed_tokens(words: NDArray[np.uint32], logits: torch.Tensor) -> torch.Tensor:
    """The packed masks unpacked beside the logits `(..., size)`, moved there in one transfer.

    Raises VocabularyError where the masks were made for logits of another width.
    """
    import torch

    check_width(words.shape[-1], logits.shape[-1])
    packed = torch.from_numpy(words.view("int32").copy()).to(logits.device)
    return unpack(packed, logits.shape[-1])


def check_width(words: int, width: int) -> None:
    """Raise VocabularyError unless a mask of that many words covers exactly logits of that width."""
    if words != -(-width // WORD):
        raise VocabularyError(
            f"the masks have {words} words of {WORD} tokens, the model's logits are {width} wide",
            hint="Compile the masks with Vocabulary.from_tokenizer(tokenizer, size=<width of the logits>)",
        )


def choose(
    logits: torch.Tensor, words: NDArray[np.uint32], sampling: Sampling, generator: torch.Generator | None
) -> int:
    """The next token of one sequence, from its row of logits and its packed mask.

    `generator` is `sampling.generator(logits.device)`, one for the whole reply.

    Raises VocabularyError where the mask's width is not the logits', ModelError where an allowed token's logit is NaN.
    """
    tokens = allowed_tokens(words, logits).nonzero().squeeze(-1)
    values = bounded(logits[tokens])
    if sampling.temperature == 0:
        return int(tokens[values.argmax()])
    kept, probabilities = distribution(values, sampling)
    return int(tokens[kept[probabilities.multinomial(1, generator=generator)]])


def bounded(logits: torch.Tensor) -> torch.Tensor:
    """The logits in float32 with the largest at 0 and none infinite: an overflow counts as the largest number.

    Raises ModelError where one is NaN: a model that has no opinion at all must not seem to have one.
    """
    import torch

    values = logits.float()
    if values.isnan().any():
        raise ModelError(
            "the model's logits are NaN for tokens that are allowed here",
            hint="Load it in another dtype: float16 overflows in models that were trained in bfloat16",
        )
    limits = torch.finfo(values.dtype)
    values = values.clamp(limits.min / 2, limits.max / 2)
    return values - values.max()


def distribution(values: torch.Tensor, sampling: Sampling) -> tuple[torch.Tensor, torch.Tensor]:
    """What temperature, top_k and top_p, in this order, keep of one row: its places in `values`, and their weights."""
    import torch

    # A smaller temperature would be rounded to 0, and 0 / 0 is no weight.
    values = values / max(sampling.temperature, torch.finfo(values.dtype).tiny)
    if not sampling.top_k and sampling.top_p == 1:
        return torch.arange(len(values), device=values.device), values.softmax(-1)
    top = values.topk(min(sampling.top_k or len(values), len(values)))
    probabilities = top.values.softmax(-1)
    before = probabilities.cumsum(-1) - probabilities
    kept = max(1, int((before < sampling.top_p).sum()))
    return top.indices[:kept], probabilities[:kept]
