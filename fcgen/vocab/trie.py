"""Byte strings -> a trie (`core.Trie`) of the tokens that they are."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from fcgen.core import ROOT, Trie
from fcgen.vocab.strings import Strings

__all__ = ["ROOT", "Trie", "build_trie", "longest_within"]

_SIZES = (16, 32, 64)


def build_trie(strings: Sequence[bytes] | Strings, last: Collection[int] = ()) -> Trie:
    """Build the trie of `strings`, whose places are the tokens' ids. Empty strings are left out.

    Where several tokens have the same bytes, the lower id goes first, but those in `last` go last.

    Raises ValueError for a string of over 65,535 bytes.
    """
    strings = strings if isinstance(strings, Strings) else Strings.of(strings)
    return Trie(strings.data, strings.bounds, np.fromiter(last, np.int32), strings.order)


def longest_within(trie: Trie, data: bytes) -> int:
    """Bound how many bytes that stand side by side in `data` stand so in a string."""
    return next((size for size in _SIZES if size < trie.height and not trie.may_share(data, size + 1)), trie.height)
