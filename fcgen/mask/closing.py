"""How many tokens close the reply from a state: what the budget rests on.

`closing(state)` counts the tokens, stop token included, of one real way to an end: the shortest text (of its bytes, the
least that lead nearer), each time the longest token that it begins with. After the first token of that way, closing is
one less. So a sequence that takes a token only if `1 + closing(next) <= tokens left` never gets stuck.

It is an upper bound on the fewest tokens: a longer text can take fewer.
"""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from fcgen.grammar.automaton import DEAD, Automaton
from fcgen.vocab import Vocabulary

UNKNOWN = 0


class Closings:
    """The closing of each state of an automaton over a vocabulary, found when it is asked for.

    Attributes:
        table: int32, the closing of each state that was asked for; UNKNOWN elsewhere.
    """

    def __init__(self, automaton: Automaton, vocabulary: Vocabulary) -> None:
        self.table: NDArray[np.int32] = np.full(64, UNKNOWN, np.int32)
        self._automaton = automaton
        self._vocabulary = vocabulary
        self._lock = threading.RLock()

    def of(self, state: int) -> int:
        """The closing of `state`."""
        table = self.table
        known = int(table[state]) if state < len(table) else UNKNOWN
        return self._find(state) if known == UNKNOWN else known

    def _find(self, state: int) -> int:
        with self._lock:
            self._make_room()
            path = []
            while not self._automaton.can_stop[state] and self.table[state] == UNKNOWN:
                path.append(state)
                state = self._closer(state)
            count = 1 if self._automaton.can_stop[state] else int(self.table[state])
            self.table[state] = count
            for before in reversed(path):
                count += 1
                self.table[before] = count
            return count

    def _make_room(self) -> None:
        """States that are not numbered yet will need a place; the tables of the automaton leave room for them."""
        missing = len(self._automaton.filled) - len(self.table)
        if missing > 0:
            self.table = np.concatenate([self.table, np.full(missing, UNKNOWN, np.int32)])

    def _closer(self, state: int) -> int:
        """The state after the longest token that begins the shortest text from `state`."""
        trie = self._vocabulary.trie
        node, here, best = -1, state, state
        while not self._automaton.can_stop[here]:
            here, byte = self._nearer(here)
            node = trie.child(node, byte)
            if node < 0:
                break
            if trie.token_start[node] < trie.token_start[node + 1]:
                best = here
        self._make_room()
        return best

    def _nearer(self, state: int) -> tuple[int, int]:
        """The state after the first byte of the shortest text from `state`, and that byte."""
        automaton = self._automaton
        automaton.fill(state)
        row = automaton.transitions[state]
        nearer = (row != DEAD) & (automaton.fewest[row] == automaton.fewest[state] - 1) & self._vocabulary.has_byte
        byte = int(np.argmax(nearer))
        return int(row[byte]), byte
