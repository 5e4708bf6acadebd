"""What all grammars over one vocabulary share: their automaton, and the masks of its states.

The native core walks the tokens through the automaton, and keeps what each state allows (`core.MaskCache`).
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from fcgen.core import MaskCache
from fcgen.grammar.alphabet import Restriction
from fcgen.grammar.automaton import Automaton
from fcgen.mask.bits import Words
from fcgen.vocab import Vocabulary
from fcgen.vocab.trie import longest_within

MAX_ROW_WORDS = 8 << 20
MAX_SIZE = 200_000  # states: with what hangs on them some 200 MB


class Allowed(NamedTuple):
    """The tokens that may come next.

    Attributes:
        key: equal where the tokens are.
        row: the tokens, packed. Read-only.
        far: no more bytes than this are missing to an end of the text after any of them.
    """

    key: bytes
    row: Words
    far: int


class SharedCache:
    """The automaton of all grammars over a vocabulary, and the masks of its states.

    All methods want the automaton's lock to be held (`Automaton.growing`). The vocabulary itself is not held.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        trie = vocabulary.trie
        self.restriction = Restriction(vocabulary.alphabet)
        self.words = (vocabulary.size + 31) // 32
        self.automaton = Automaton(horizon=trie.height, within=partial(longest_within, trie))
        self._masks = MaskCache(self.automaton, trie, self.words)
        self._rows: dict[bytes, Words] = {}

    def allowed(self, configuration: int) -> Allowed:
        """The tokens that may come next at `configuration`."""
        found = self._masks.mask(configuration)
        key = found.key
        row = self._rows.get(key)
        if row is None:
            row = np.empty(self.words, np.uint32)
            found.write(row)
            row.flags.writeable = False
            if len(self._rows) * self.words > MAX_ROW_WORDS:
                self._rows.clear()
            self._rows[key] = row
        return Allowed(key, row, found.max_length_left)

    def ends(self, configuration: int) -> dict[int, NDArray[np.int32]]:
        """The configurations that tokens lead to, each with the nodes of the trie at which these end."""
        return self._masks.ends(configuration)


_caches: WeakKeyDictionary[Vocabulary, SharedCache] = WeakKeyDictionary()


def cache_of(vocabulary: Vocabulary) -> SharedCache:
    """What is known for a vocabulary, shared by all grammars; begun anew when it has grown large."""
    found = _caches.get(vocabulary)
    if found is None or found.automaton.size > MAX_SIZE:
        found = _caches[vocabulary] = SharedCache(vocabulary)
    return found
