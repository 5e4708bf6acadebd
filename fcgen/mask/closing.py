"""How many tokens close the reply from a place: what the budget rests on.

`closing(place)` counts the tokens, stop token included, of one real way to an end: the shortest text (of its bytes, the
least that lead nearer), each time the longest token that it begins with. After the first token of that way, closing is
one less. So a sequence that takes a token only if `1 + closing(next) <= tokens left` never gets stuck.

It is an upper bound on the fewest tokens: a longer text can take fewer. It is at most one more than the fewest bytes
(`derive.fewest`) where these do not depend on what was written. Where there is a recording, the way is that of its
shadow, so that it is found once for all names, and the same for a place as for what a walk takes it for. From a place
that is unknown there, each byte counts as a token. So it does where the way is very long (`MAX_WALKED`) and no byte of
it depends on what was written: walking along it would take more steps than a mask may.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from fcgen.core import Kind
from fcgen.grammar.automaton import FAR, Automaton, state_of
from fcgen.grammar.derive import fewest_needs_no_memory
from fcgen.grammar.terms import Expr
from fcgen.vocab import Vocabulary

MAX_WALKED = 16_000


class Closings:
    """The closing of each place of a grammar over a vocabulary, found when it is asked for.

    Args:
        root: the grammar, of what the vocabulary can write.
    """

    def __init__(self, root: Expr, automaton: Automaton, vocabulary: Vocabulary) -> None:
        self._root = root
        self._automaton = automaton
        self._vocabulary = vocabulary
        self._writable = np.packbits(vocabulary.has_byte, bitorder="little").tobytes()
        self._longest = max(1, vocabulary.trie.height)
        self._known: dict[int, int] = {}

    @cached_property
    def is_counted(self) -> bool:
        """Whether each closing is at most the fewest bytes and one."""
        return fewest_needs_no_memory(self._root)

    def known(self, place: int) -> int | None:
        """The closing of `place`, if it was found before."""
        return self._known.get(place)

    def find(self, place: int) -> int:
        """The closing of `place`. The automaton's lock is held."""
        known = self._known.get(place)
        if known is None:
            automaton = self._automaton
            threads = sorted((automaton.min_length(thread), thread) for thread in self._threads(place))
            known = FAR
            for need, thread in threads:
                if 1 + need // self._longest < known:  # that many tokens it takes at least
                    known = min(known, self._find_thread(thread))
            self._known[place] = known
        return known

    def _threads(self, place: int) -> set[int]:
        """The threads of `place`, and those that a walk meets in their stead where they are abstracted."""
        threads = self._automaton.threads(place)
        return {*threads, *(walked for thread in threads for walked in self._automaton.ended(thread))}

    def _find_thread(self, thread: int) -> int:
        path = []
        while (count := self._at_once(thread)) is None:
            path.append(thread)
            thread = self._closer(thread)
        self._known[thread] = count
        for passed in reversed(path):
            count += 1
            self._known[passed] = count
        return count

    def _at_once(self, thread: int) -> int | None:
        """The closing of `thread` if it is known without going further."""
        automaton = self._automaton
        known = self._known.get(thread)
        if known is None and automaton.can_stop(thread):
            known = 1
        if known is None:
            walked = self._nearest(thread)
            need = automaton.min_length(walked)
            is_far = need >= FAR or (need > MAX_WALKED and self.is_counted)
            if is_far or automaton.kind(state_of(walked)) == Kind.OPAQUE:
                known = automaton.min_length(thread) + 1
        return known

    def _nearest(self, place: int) -> int:
        """The thread of a shortest text from `place`, once all has ended that may end there."""
        automaton = self._automaton
        ends = [one for one in automaton.ended(place) if not automaton.stops(state_of(one))]
        return min(ends, key=automaton.min_length)

    def _closer(self, thread: int) -> int:
        """The place after the longest token that begins the shortest text from `thread`."""
        automaton, trie = self._automaton, self._vocabulary.trie
        node, here, best = -1, thread, -1
        while not automaton.can_stop(here):
            nearer = automaton.nearer(self._nearest(here), self._writable)
            if nearer is None:
                break
            here, byte = nearer
            node = trie.child(node, byte)
            if node < 0:
                break
            if len(trie.tokens_at(node)):
                best = here
        assert best >= 0, "each byte that is written has a token, and leads nearer"
        return best
