"""What is known of a grammar over a vocabulary: its places, and for each place the tokens that may come next.

The mask of a place is the set of tokens whose bytes lead somewhere from it. It is computed when first asked for, from
what all grammars over the vocabulary share (`cache.py`), and shared by every sequence. Rows of bits are packed in
uint32 words: token t is bit t & 31 of word t >> 5. Stop tokens are set where the text may end.

A text may be nested MAX_NESTING deep by choice. Deeper, only tokens are allowed that lead nearer to the end, so that a
reader that recurses (as `json.loads` does) can read whatever is written.

What is known is read without a lock, most of it in the core (`core.ConfigurationTable`). Rows and steps that are not
used again are dropped when there are too many, and found again when they are asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcgen.core import ConfigurationTable, Growth, clear, put_at
from fcgen.grammar.automaton import DEAD, FAR
from fcgen.grammar.terms import Expr
from fcgen.mask.bits import Words, packed
from fcgen.mask.cache import cache_of
from fcgen.mask.canonical import cut_short
from fcgen.mask.closing import Closings
from fcgen.mask.forced import forced_text, forced_tokens
from fcgen.vocab import Vocabulary

MAX_ROW_BYTES = 64 << 20
MAX_STEPS_KEPT = 100_000
MAX_NESTING = 128
"""How many values may be open, one in the other, where a text goes on by choice."""


class Tables(ConfigurationTable):
    """The places of a grammar, and the masks over a vocabulary of those that were asked for. Thread-safe.

    Attributes:
        vocabulary: the tokens.
        words: how many words a mask has.
        root: the place where texts begin.
    """

    def __init__(self, root: Expr, vocabulary: Vocabulary, *, max_states: int, max_steps: int) -> None:
        self._cache = cache_of(vocabulary)
        self._max_rows = max(1, MAX_ROW_BYTES // (4 * self._cache.words))
        super().__init__(self._cache.words, self._max_rows, MAX_STEPS_KEPT)
        self.vocabulary = vocabulary
        self._root, self._limits = root, (max_states, max_steps)
        self._lock = threading.Lock()
        self._next: Tables | None = None
        self._automaton = self._cache.automaton
        self._growth = Growth(max_states, max_steps)
        self._far: dict[int, int] = {}
        self._stopping: dict[bytes, Words] = {}
        self._forced: dict[int, tuple[int, ...]] = {}
        self._forced_texts: dict[int, bytes] = {}
        self._must_stop: dict[int, bool] = {}
        with self._automaton.growing(self._growth):
            writable = self._cache.restriction.of(root)
            self.root = self._automaton.start(writable)
        self._closings = Closings(writable, self._automaton, vocabulary)
        self._stop_row = packed(vocabulary.stop_ids, self.words)

    @property
    def size(self) -> int:
        """How many states this grammar has added to those that all share."""
        return self._growth.used

    def renewed(self) -> Tables:
        """Tables of the same with no states as yet, or few; the same for all that ask until these have many."""
        max_states, max_steps = self._limits
        with self._lock:
            if self._next is None or self._next.size > max_states // 5:
                self._next = Tables(self._root, self.vocabulary, max_states=max_states, max_steps=max_steps)
            return self._next

    def row(self, place: int) -> Words:
        """The mask of `place`. Read-only, shared."""
        row = self.known_mask(place)
        return self._compute_row(place) if row is None else row

    def row_within(self, place: int, left: int) -> Words:
        """The mask of `place` where `left` tokens may still be written, stop token included. Read-only.

        Where what follows depends on what was written, a token may be missing that could just be afforded.
        """
        row = self.row(place)
        if left > self._worst_closing(place) or self.is_deep(place):  # deep: each token leads nearer to the end
            return row
        ends = self._ends(place)
        self.keep_most_to_finish(place, max((closing for closing, _ in ends), default=0))
        return self._nearer(place, ends, left)

    def is_deep(self, place: int) -> bool:
        """Whether `place` is nested so deeply that only tokens that lead nearer to the end are allowed there."""
        return self._automaton.depth(place) > MAX_NESTING

    def canonical_row(self, place: int) -> Words:
        """The mask of `place` without tokens that no tokenizer would end there (`canonical.py`). Read-only, shared."""
        found = self.known_canonical_mask(place)
        if found is None:
            found = row = self.row(place)
            with self._automaton.growing(self._growth):
                tokens = cut_short(self._automaton, self.vocabulary, place, row)
            if tokens:
                found = row.copy()
                clear(np.array(tokens, np.int32), found)
                found.flags.writeable = False
            self.keep_canonical_mask(place, found)
        return found

    def step(self, place: int, token: int) -> int:
        """The place after `token`, or DEAD: for stop tokens, and for ids that are no token."""
        if not 0 <= token < self.vocabulary.size:
            return DEAD
        then = self.known_step(place, token)
        return self._find_step(place, token) if then is None else then

    def steps(self, place: int, data: Iterable[int]) -> list[tuple[int, int]]:
        """Those of these bytes that may come next at `place`, and the place after each."""
        with self._automaton.growing(self._growth):
            found = [(byte, self._automaton.step(place, bytes([byte]))) for byte in data]
        return [(byte, then) for byte, then in found if then != DEAD]

    def can_stop(self, place: int) -> bool:
        """Whether the text may end at `place`."""
        return self._automaton.can_stop(place)

    def closing(self, place: int) -> int:
        """How many tokens close the reply from `place`, stop token included: an upper bound that is kept."""
        known = self.known_to_finish(place)
        if known is None:
            known = self._found_closing(place)
            self.keep_to_finish(place, known)
        return known

    def _found_closing(self, place: int) -> int:
        known = self._closings.known(place)
        if known is None:
            with self._automaton.growing(self._growth):
                known = self._closings.find(place)
        return known

    def affords(self, place: int, then: int, left: int) -> bool:
        """Whether `left` tokens suffice for a token that leads from `place` to `then`, and to close the reply there."""
        most = self.known_most_to_finish(place)
        return (most is not None and left > most) or self.closing(then) < left

    def forced(self, place: int) -> tuple[int, ...]:
        """The tokens about which the grammar leaves no choice at `place`."""
        found = self._forced.get(place)
        if found is None:
            with self._automaton.growing(self._growth):
                found = self._forced[place] = forced_tokens(self._automaton, self.vocabulary, place)
        return found

    def forced_text(self, place: int) -> bytes:
        """What must come next at `place`."""
        found = self._forced_texts.get(place)
        if found is None:
            with self._automaton.growing(self._growth):
                found = self._forced_texts[place] = forced_text(self._automaton, place)
        return found

    def must_stop(self, place: int) -> bool:
        """Whether nothing can follow `place` but a stop token, as far as that is told by the next byte."""
        found = self._must_stop.get(place)
        if found is None:
            found = self.can_stop(place)
            if found:
                with self._automaton.growing(self._growth):
                    ways = self._automaton.next_bytes(place)
                found = ways is not None and not ways
            self._must_stop[place] = found
        return found

    def _worst_closing(self, place: int) -> int:
        """At least the greatest closing after a token from `place`."""
        worst = self.known_most_to_finish(place)
        if worst is None:
            far = self._far.get(place, FAR)
            if far < FAR and self._closings.is_counted:
                worst = far + 1
            else:
                worst = max((closing for closing, _ in self._ends(place)), default=0)
            self.keep_most_to_finish(place, worst)
        return worst

    def _ends(self, place: int) -> list[tuple[int, NDArray[np.int32]]]:
        """The trie nodes at which the tokens end that may come next, by the closings there."""
        with self._automaton.growing(self._growth):
            ends = self._cache.ends(place)
        return [(self._found_closing(then), nodes) for then, nodes in ends.items()]

    def _nearer(self, place: int, ends: Iterable[tuple[int, NDArray[np.int32]]], left: int) -> Words:
        """The tokens of `ends`, and stop tokens, after which fewer than `left` tokens close the reply."""
        tight = np.zeros(self.words, np.uint32)
        trie = self.vocabulary.trie
        for closing, nodes in ends:
            if closing < left:
                put_at(trie, nodes, tight)
        if left >= 1 and self.can_stop(place):
            tight |= self._stop_row
        tight.flags.writeable = False
        return tight

    def _compute_row(self, place: int) -> Words:
        with self._automaton.growing(self._growth):
            found = self._cache.allowed(place)
        row = found.row
        if self.is_deep(place):
            row = self._nearer(place, self._ends(place), self.closing(place))
        elif self.can_stop(place):
            row = self._stopping.get(found.key, row)
            if row is found.row:
                row = self._stopping[found.key] = row | self._stop_row
                row.flags.writeable = False
        if len(self._far) >= self._max_rows:
            self._stopping.clear()
            _drop_half(self._far)
        self._far[place] = found.far
        self.keep_mask(place, row)
        return row

    def _find_step(self, place: int, token: int) -> int:
        data = self.vocabulary.walked_bytes(token)
        if not data:
            return DEAD
        with self._automaton.growing(self._growth):
            then = self._automaton.step(place, data)
        if then != DEAD and self.is_deep(place) and not self.row(place)[token >> 5] >> (token & 31) & 1:
            then = DEAD
        self.keep_step(place, token, then)
        return then


def _drop_half(known: dict[int, Any]) -> None:
    """Drop the elder half, of what may be added to at the same time."""
    for key in list(known)[: len(known) // 2]:
        known.pop(key, None)
