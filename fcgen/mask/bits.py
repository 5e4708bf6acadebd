"""Masks as bits: uint32 words, bit t & 31 of word t >> 5 for token t."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]


def packed(tokens: Iterable[int], words: int) -> Words:
    """The mask of these tokens, of so many words."""
    mask = np.zeros(words, np.uint32)
    for token in tokens:
        mask[token >> 5] |= np.uint32(1 << (token & 31))
    return mask


def holds(mask: Words, token: int) -> bool:
    """Whether `token` is in `mask`."""
    return bool(mask[token >> 5] >> np.uint32(token & 31) & 1)


def tokens_in(mask: Words, most: int) -> list[int] | None:
    """The tokens in `mask`, in order; None: there are more than `most`."""
    words = np.flatnonzero(mask)
    if len(words) > most:
        return None
    bits = np.flatnonzero(np.unpackbits(mask[words].view(np.uint8), bitorder="little"))
    tokens: list[int] = (words[bits >> 5] << 5 | bits & 31).tolist()
    return tokens if len(tokens) <= most else None
