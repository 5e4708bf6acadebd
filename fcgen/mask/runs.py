"""What a run of plain bytes allows, found once per vocabulary.

Inside a JSON string, as in free text, every printable ASCII character but the quote and the backslash leads back to the
same state. For all such states the tokens that consist of these bytes alone are the same: a row that can be copied.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from fcgen.mask.walk import run_below
from fcgen.vocab import Vocabulary

PLAIN: NDArray[np.bool_] = np.zeros(256, np.bool_)
PLAIN[0x20:0x7F] = True
PLAIN[[ord('"'), ord("\\")]] = False


@dataclass(frozen=True, slots=True)
class Run:
    """The tokens of plain bytes alone, as a mask, and the trie nodes at which others leave them."""

    row: NDArray[np.uint32]
    exits: NDArray[np.int32]


_runs: WeakKeyDictionary[Vocabulary, Run] = WeakKeyDictionary()


def plain_run(vocabulary: Vocabulary) -> Run:
    """The run of PLAIN bytes in a vocabulary."""
    found = _runs.get(vocabulary)
    if found is None:
        trie = vocabulary.trie
        row = np.zeros((vocabulary.size + 31) // 32, np.uint32)
        exits = np.empty(len(trie.byte), np.int32)
        count = run_below(trie.byte, trie.end, trie.token_start, trie.tokens, PLAIN, exits, row)
        found = _runs[vocabulary] = Run(row, exits[:count].copy())
    return found
