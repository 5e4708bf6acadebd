"""How many tokens close the reply from a state: what the budget rests on.

`closing(state)` counts the tokens, stop token included, of one real way to an end: the shortest text (of its bytes, the
least that lead nearer), each time the longest token that it begins with. After the first token of that way, closing is
one less. So a sequence that takes a token only if `1 + closing(next) <= tokens left` never gets stuck.

It is an upper bound on the fewest tokens: a longer text can take fewer. Where there is a recording, the way is that of
its shadow, so that it is found once for all names. From a place that is unknown there, each byte counts as a token.
"""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from fcgen.grammar.automaton import FAR, Automaton
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
            path = []
            while (count := self._at_once(state)) == UNKNOWN:
                shadow = self._automaton.shadow(state)
                path.append((state, int(shadow == state)))
                state = self._closer(state) if shadow == state else shadow
            self.table[state] = count
            for before, tokens in reversed(path):
                count += tokens
                self.table[before] = count
            return count

    def _at_once(self, state: int) -> int:
        """The closing of `state` if it is known without going further; else UNKNOWN."""
        automaton = self._automaton
        shadow = automaton.shadow(state)
        self._make_room()
        if self.table[state] != UNKNOWN or automaton.can_stop[state]:
            return max(1, int(self.table[state]))
        if not automaton.filled[state] or automaton.fewest[shadow] == FAR:
            return int(automaton.fewest[state]) + 1
        return UNKNOWN

    def _make_room(self) -> None:
        """States that are not numbered yet will need a place; the tables of the automaton leave room for them."""
        missing = len(self._automaton.filled) - len(self.table)
        if missing > 0:
            self.table = np.concatenate([self.table, np.full(missing, UNKNOWN, np.int32)])

    def _closer(self, state: int) -> int:
        """The state after the longest token that begins the shortest text from `state`."""
        trie = self._vocabulary.trie
        node, here, best = -1, state, state
        while not self._automaton.can_stop[here] and (nearer := self._nearer(here)) is not None:
            here, byte = nearer
            node = trie.child(node, byte)
            if node < 0:
                break
            if trie.token_start[node] < trie.token_start[node + 1]:
                best = here
        assert best != state, "each byte that is written has a token, and leads nearer"
        return best

    def _nearer(self, state: int) -> tuple[int, int] | None:
        """The state after the first byte of the shortest text from `state`, and that byte; None: it is not known."""
        automaton = self._automaton
        shadow = automaton.shadow(state)
        row = automaton.transitions[shadow]
        need = np.where((row >= 0) & self._vocabulary.has_byte, automaton.fewest[row], FAR)
        byte = int(np.argmin(need))
        return (int(row[byte]), byte) if need[byte] < automaton.fewest[shadow] else None
