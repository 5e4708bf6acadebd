"""What a run of plain bytes allows.

Inside a JSON string, as in free text, every printable ASCII character but the quote and the backslash leads back to the
same state. For all such states the tokens that consist of these bytes alone are the same: a row that can be copied.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcgen.mask.walk import run_below
from fcgen.vocab.trie import Trie

PLAIN: NDArray[np.bool_] = np.zeros(256, np.bool_)
PLAIN[0x20:0x7F] = True
PLAIN[[ord('"'), ord("\\")]] = False
PLAINEST = ord("~")  # the plain byte that begins the fewest names


@dataclass(frozen=True, slots=True)
class Run:
    """The tokens of plain bytes alone, as a mask, and the trie nodes at which others leave them, with their bytes."""

    row: NDArray[np.uint32]
    exits: NDArray[np.int32]
    bytes: NDArray[np.uint8]


def plain_run(trie: Trie, words: int) -> Run:
    """The run of PLAIN bytes in a trie; `words`: of a mask."""
    row = np.zeros(words, np.uint32)
    nodes = np.empty(len(trie.byte), np.int32)
    count = run_below(trie.nodes, trie.token_start, trie.tokens, PLAIN, nodes, row)
    exits = nodes[:count].copy()
    return Run(row, exits, trie.byte[exits])
