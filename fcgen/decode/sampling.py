"""Logits and packed masks -> the next tokens of many sequences, each with its own options.

A mask is uint32 words, bit t & 31 of word t >> 5 for token t, as `Cursor.mask` makes them.

What is not allowed is taken out before anything else: temperature, top_k, top_p and min_p act on the distribution over
the allowed tokens alone, and each of them keeps at least one. (A repetition penalty acts on the logits, as it does in
transformers.) A token is drawn by one number between 0 and 1, which a sequence's own generator makes on the host. So a
seed means the same draws in a batch of any size, and a device is never waited for: what was chosen comes back in one
transfer, with the share of probability that the masks took away.

Limits: a seed repeats a reply on the same device and library versions only.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fcgen.errors import ModelError, OptionError, VocabularyError, excerpt
from fcgen.mask.batch import apply_masks

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

WORD = 32
LARGEST = sys.float_info.max
SEEDS = range(-(2**63), 2**64)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a token is chosen among the allowed ones; the options are those of `generate` in transformers.

    Attributes:
        temperature: 0 takes the likeliest token; the higher, the more evenly it is drawn.
        top_p: draw from the likeliest tokens that together reach this probability; 1 keeps all.
        top_k: draw from this many of the likeliest tokens; 0 keeps all.
        min_p: draw from tokens that are at least this part as likely as the likeliest; 0 keeps all.
        repetition_penalty: what the logits of tokens that were read or written are divided by, or multiplied where
            they are negative; 1 changes nothing.
        seed: what makes the draws repeatable; None draws anew each time.

    Raises:
        OptionError: one of them cannot have that value.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    min_p: float = 0.0
    repetition_penalty: float = 1.0

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
            ("min_p", "a number from 0 to 1", _is_real(self.min_p) and 0 <= self.min_p <= 1),
            (
                "repetition_penalty",
                "a number above 0",
                _is_real(self.repetition_penalty) and 0 < self.repetition_penalty <= LARGEST,
            ),
        ):
            if not fits:
                raise OptionError(f"{option} is {excerpt(getattr(self, option))}", hint=f"It has to be {allowed}")

    def draws(self, number: int = 0) -> Draws:
        """Where the draws of a reply come from; of several replies to one prompt, each by its number."""
        return Draws(self.seed, number)


class Draws:
    """Numbers from 0 to 1, the i-th for the i-th token of a reply, however often it is asked for."""

    def __init__(self, seed: int | None, number: int = 0) -> None:
        entropy = None if seed is None else [seed % 2**64, number]
        self._generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(entropy)))
        self._drawn: list[float] = []

    def __getitem__(self, place: int) -> float:
        while len(self._drawn) <= place:
            self._drawn.append(float(self._generator.random()))
        return self._drawn[place]


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
    if logits.device.type == "cpu":
        bits = np.unpackbits(words.view(np.uint8), axis=-1, bitorder="little")[..., : logits.shape[-1]]
        return torch.from_numpy(bits).bool()
    packed = torch.from_numpy(words.view("int32").copy()).to(logits.device)
    return unpack(packed, logits.shape[-1])


def masked_logits(logits: torch.Tensor, words: NDArray[np.uint32]) -> torch.Tensor:
    """The logits [rows, size], minus infinity where the packed mask of the row does not allow the token.

    Raises VocabularyError as `allowed_tokens`.
    """
    import torch

    if logits.device.type == "cpu" and not logits.requires_grad:
        check_width(words.shape[-1], logits.shape[-1])
        found = logits.clone(memory_format=torch.contiguous_format)
        apply_masks(found, words)
        return found
    return logits.masked_fill(~allowed_tokens(words, logits), -math.inf)


def check_width(words: int, width: int) -> None:
    """Raise VocabularyError unless a mask of that many words covers exactly logits of that width."""
    if words != -(-width // WORD):
        raise VocabularyError(
            f"the masks have {words} words of {WORD} tokens, the model's logits are {width} wide",
            hint="Compile the masks with Vocabulary.from_tokenizer(tokenizer, size=<width of the logits>)",
        )


class Chosen(NamedTuple):
    """What was chosen, row by row.

    Attributes:
        tokens: the tokens.
        removed: the share of the model's probability that was on tokens that are not allowed.
        marked: the share of what is left that is on tokens that were asked about.
    """

    tokens: list[int]
    removed: list[float]
    marked: list[float]


def choose(
    logits: torch.Tensor,
    allowed: torch.Tensor,
    samplings: Sequence[Sampling],
    draws: Sequence[float],
    *,
    seen: Sequence[Sequence[int]] | None = None,
    marks: torch.Tensor | None = None,
) -> Chosen:
    """The next token of each of n sequences.

    Args:
        logits: [n, width].
        allowed: bool [n, width], which tokens may be chosen, at least one in each row.
        samplings: how to choose, n of them.
        draws: n numbers from 0 up to 1.
        seen: the tokens before, for repetition penalties.
        marks: bool [width] or [n, width], the tokens whose probability is asked for.

    Raises:
        ModelError: an allowed token's logit is NaN.
    """
    import torch

    values = _bounded(logits)
    is_number = ~(values.isnan() & allowed).any(-1)
    everything = values.nan_to_num(-torch.inf).logsumexp(-1)
    for row, sampling in enumerate(samplings):
        if sampling.repetition_penalty != 1 and seen is not None and len(seen[row]):
            places = torch.tensor(sorted(set(seen[row])), device=values.device)
            old = values[row, places]
            values[row, places] = torch.where(
                old < 0, old * sampling.repetition_penalty, old / sampling.repetition_penalty
            )
    values = _bounded(values).masked_fill(~allowed, -torch.inf)
    left = values.logsumexp(-1)
    marked = torch.zeros_like(left) if marks is None else _share(values.masked_fill(~marks, -torch.inf), left)
    tokens = values.argmax(-1)
    drawn = [row for row, sampling in enumerate(samplings) if sampling.temperature > 0]
    # Apart, so that a row is drawn in the same way whatever stands beside it.
    for group in ([row for row in drawn if _cuts(samplings[row])], [row for row in drawn if not _cuts(samplings[row])]):
        if group:
            rows = torch.tensor(group, device=values.device)
            tokens[rows] = _drawn(values[rows], [samplings[row] for row in group], [draws[row] for row in group])
    # Token ids are whole numbers below 2 ** 24, so that they come through exactly; everything is waited for at once.
    found = torch.stack([tokens.float(), is_number.float(), 1 - (left - everything).exp(), marked]).tolist()
    if 0.0 in found[1]:
        raise ModelError(
            "the model's logits are NaN for tokens that are allowed here",
            hint="Load it in another dtype: float16 overflows in models that were trained in bfloat16",
        )
    return Chosen([int(token) for token in found[0]], [max(0.0, share) for share in found[2]], found[3])


def _cuts(sampling: Sampling) -> bool:
    """Whether it keeps only some of the allowed tokens."""
    return sampling.top_k > 0 or sampling.top_p < 1 or sampling.min_p > 0


def _share(part: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    return (part.logsumexp(-1) - whole).exp()


def _bounded(logits: torch.Tensor) -> torch.Tensor:
    """The logits in float32 and none infinite: an overflow counts as the largest number."""
    import torch

    values = logits.float()
    limits = torch.finfo(values.dtype)
    return values.clamp(limits.min / 4, limits.max / 4)


def _drawn(values: torch.Tensor, samplings: Sequence[Sampling], draws: Sequence[float]) -> torch.Tensor:
    """A token of each row, drawn from what its options keep; minus infinity is on what must not be drawn."""
    import torch

    def column(numbers: Sequence[float]) -> torch.Tensor:
        return torch.tensor(numbers, dtype=values.dtype, device=values.device).unsqueeze(-1)

    # A smaller temperature would be rounded to 0, and 0 / 0 is no weight.
    tiny, largest = torch.finfo(values.dtype).tiny, torch.finfo(values.dtype).max
    values = values - values.amax(-1, keepdim=True)
    values = values / column([min(max(sampling.temperature, tiny), largest) for sampling in samplings])
    order = None
    if _cuts(samplings[0]):
        values, order = values.sort(-1, descending=True)
        width = values.shape[-1]
        counts = torch.tensor([sampling.top_k or width for sampling in samplings], device=values.device)
        values = values.masked_fill(torch.arange(width, device=values.device) >= counts.unsqueeze(-1), -torch.inf)
        weights = values.softmax(-1)
        before = weights.cumsum(-1) - weights
        enough = before >= column([sampling.top_p if sampling.top_p < 1 else 2.0 for sampling in samplings])
        unlikely = weights < weights[:, :1] * column([sampling.min_p for sampling in samplings])
        values = values.masked_fill(enough | unlikely, -torch.inf)
    weights = values.softmax(-1)
    if weights.device.type != "mps":
        weights = weights.double()
    sums = weights.cumsum(-1)
    target = torch.tensor(draws, dtype=weights.dtype, device=weights.device).unsqueeze(-1) * sums[:, -1:]
    place = torch.searchsorted(sums, target, right=True).clamp(max=weights.shape[-1] - 1)
    # Where rounding made the sums fall somewhere, what was found may weigh nothing.
    place = torch.where(weights.gather(-1, place) > 0, place, weights.argmax(-1, keepdim=True))
    return (place if order is None else order.gather(-1, place)).squeeze(-1)
