"""Which tokens can be written from a place: walks of tokens through the automaton, kept for all grammars.

What tokens a state's own text allows does not depend on what waits behind it, so it is found once for each state and
what is left of the tokens there (`Reach`), with what is left of them where that text has ended (`Suffixes`). The mask
of a place is that, and what the waiting frames allow of the rest, one frame after the other.

A walk goes by rows, which forget what recordings remember. Where it meets a place that is not known, it stops there
(`hidden`). What is there, a given place alone can tell: then all of its tokens are walked, without halting where texts
end; `Walk.cross` steps from the place along the bytes of a hidden node, and goes on from where this leads to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from fcgen.grammar.alphabet import Restriction
from fcgen.grammar.automaton import BOTTOM, Automaton, frame_of, state_of, thread_of
from fcgen.grammar.runs import ENDLESS
from fcgen.grammar.states import ASIDE, FIRST, RUN, STOPS
from fcgen.mask.suffixes import Suffixes
from fcgen.mask.walk import ENDS, EXITS, put
from fcgen.mask.walker import NONE, Buffers, Ints, Reach, Spots, Walk, Words
from fcgen.vocab import Vocabulary
from fcgen.vocab.trie import ROOT

MAX_REACH_BYTES = 128 << 20
MAX_ROW_WORDS = 8 << 20
MAX_SIZE = 200_000  # states: with what hangs on them some 200 MB
_OVERHEAD = 500  # bytes of a Reach itself
Key = tuple[int | bytes, ...]


class Allowed(NamedTuple):
    """The tokens that may come next.

    Attributes:
        key: equal where the tokens are.
        row: the tokens, packed.
        far: no more bytes than this are missing to an end of the text after any of them.
    """

    key: Key
    row: Words
    far: int


class Reaches:
    """The automaton of all grammars over one vocabulary, and what was found out about its states.

    All methods want the automaton's lock to be held (`Automaton.growing`). The vocabulary itself is not held.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.restriction = Restriction(vocabulary.alphabet)
        self.words = (vocabulary.size + 31) // 32
        self.automaton = Automaton(horizon=vocabulary.trie.height, within=vocabulary.trie.longest_within)
        self.whole = Suffixes.of(vocabulary.trie)
        self.buffers = Buffers(vocabulary.trie, self.words)
        self._count = 0
        self._size = 0
        self._rows: dict[Key, Words] = {}
        self._reaches: dict[Suffixes, dict[int, Reach]] = {}
        self._rests: dict[tuple[Suffixes, bytes], Suffixes | None] = {}

    def allowed(self, place: int) -> Allowed:
        """The tokens that may come next at `place`."""
        automaton, whole = self.automaton, self.whole
        ahead = [(whole, thread) for thread in automaton.by_rows(place)]
        seen = set(ahead)
        parts: dict[int, Reach] = {}
        far = 0
        for suffixes, thread in ahead:
            frame = frame_of(thread)
            own = self._reach(suffixes, state_of(thread), EXITS if frame > BOTTOM else 0)
            if own.hidden:
                return self._stepped(place)
            parts[own.number] = own
            far = max(far, own.far + automaton.need_of(frame))
            if own.rest is not None:
                waiting = [thread_of(*below) for below in automaton.popped(frame)]
                found = [(own.rest, then) for then in automaton.entered(waiting)]
                ahead += [one for one in found if one not in seen]
                seen.update(found)
            for call, _, rest in own.calls:
                found = [(rest, then) for then in automaton.entered([thread_of(call, frame)])]
                ahead += [one for one in found if one not in seen]
                seen.update(found)
        key = tuple(parts)
        row = self._rows.get(key)
        return Allowed(key, self._shared(key, self._row(parts.values())) if row is None else row, far)

    def ends(self, place: int) -> dict[int, Ints]:
        """The places that tokens lead to that may come next at `place`, with the trie nodes at which these end.

        The places know as much as a walk by rows knows, or more.
        """
        found = self._walk(self.whole, ENDS)
        found.go_on([(ROOT, state_of(thread), frame_of(thread)) for thread in self.automaton.by_rows(place)])
        while found.hidden:
            found.go_on(found.cross(place))
        return found.ends()

    def _shared(self, key: Key, row: Words) -> Words:
        if len(self._rows) * self.words > MAX_ROW_WORDS:
            self._rows.clear()
        row = self._rows.setdefault(key, row)
        row.flags.writeable = False
        return row

    def _walk(self, suffixes: Suffixes, wanted: int) -> Walk:
        return Walk(self.automaton, self.buffers, suffixes, wanted)

    def _row(self, parts: Collection[Reach]) -> Words:
        row: Words | None = None
        for own in parts:
            if own.row is not None:
                row = own.row.copy() if row is None else row | own.row
        if row is None:
            row = np.zeros(self.words, np.uint32)
        for own in parts:
            if len(own.tokens):
                put(own.tokens, row)
        return row

    def _stepped(self, place: int) -> Allowed:
        """What is allowed where only `place` itself can tell."""
        automaton = self.automaton
        found = self._walk(self.whole, 0)
        parts = []
        spots: list[Spots] = []
        for thread in automaton.by_rows(place):
            frame = frame_of(thread)
            own = self._reach(self.whole, state_of(thread), EXITS if frame > BOTTOM else 0)
            parts.append(own)
            found.far = max(found.far, own.far + automaton.need_of(frame))
            found.hidden.update(own.hidden)
            if frame > BOTTOM and len(own.exits):
                spots += [(own.exits, *below) for below in automaton.popped(frame)]
            spots += [(nodes, call, frame) for call, nodes, _ in own.calls]
        found.go_on(spots)
        while found.hidden:
            found.go_on(found.cross(place))
        row = self._row(parts) | found.row
        key = (row.tobytes(),)
        return Allowed(key, self._shared(key, row), found.far)

    def _reach(self, suffixes: Suffixes, state: int, wanted: int) -> Reach:
        """What `suffixes` reach by rows from a state that has one, not beyond its own text; the exits if wanted."""
        known = self._reaches.get(suffixes)
        if known is None:
            known = self._reaches[suffixes] = {}
        key = state << 2 | wanted
        found = known.get(key)
        if found is None:
            walked = self._walk(suffixes, wanted)
            home = self._run_beside(state) if suffixes is self.whole else None
            if home is None:
                walked.go_on_from(state)
                found = self._reached(walked, state, None)
            else:
                row = walked.differ(state, self._reach(suffixes, home, wanted))
                found = self._reached(walked, state, row)
            self._make_room(found)
            known[key] = found
        return found

    def _reached(self, walked: Walk, state: int, row: Words | None) -> Reach:
        tokens = walked.tokens()
        if row is None and len(tokens) > self.words:
            row = np.zeros(self.words, np.uint32)
        if row is not None:
            if len(tokens):
                put(tokens, row)
                tokens = NONE
            row.flags.writeable = False
        exits = walked.exits(also_root=bool(self.automaton.states[state, STOPS]))
        rest = self._rest(walked.suffixes, exits) if len(exits) else None
        self._count += 1
        calls = tuple(self._calls(walked))
        return Reach(self._count, row, tokens, walked.far, exits, rest, calls, tuple(walked.hidden))

    def _calls(self, walked: Walk) -> Iterator[tuple[int, Ints, Suffixes]]:
        for call, nodes in walked.calls.items():
            found = np.array(sorted(nodes), np.int32)
            rest = self._rest(walked.suffixes, found)
            if rest is not None:
                yield call, found, rest

    def _rest(self, suffixes: Suffixes, exits: Ints) -> Suffixes | None:
        key = (suffixes, exits.tobytes())
        if key not in self._rests:
            self._rests[key] = rest = suffixes.below(exits)
            self._size += 0 if rest is None or rest is suffixes else rest.nodes.nbytes + rest.tokens.nbytes
        return self._rests[key]

    def _make_room(self, found: Reach) -> None:
        """Forget all reaches when they have become many."""
        self._size += _OVERHEAD + found.tokens.nbytes + (0 if found.row is None else found.row.nbytes)
        if self._size > MAX_REACH_BYTES:
            self._reaches.clear()
            self._rests.clear()
            self._rows.clear()
            self._size = 0

    def _run_beside(self, state: int) -> int | None:
        """The state of a run of which `state` stands aside, as that of a name that must differ from some others."""
        kind, first = self.automaton.states[state, : FIRST + 1].tolist()
        if kind != ASIDE or self.automaton.states[first, RUN] != ENDLESS:
            return None
        return int(first)


_reaches: WeakKeyDictionary[Vocabulary, Reaches] = WeakKeyDictionary()


def reaches_of(vocabulary: Vocabulary) -> Reaches:
    """What is known for a vocabulary, shared by all grammars; begun anew when it has grown large."""
    found = _reaches.get(vocabulary)
    if found is None or found.automaton.size > MAX_SIZE:
        found = _reaches[vocabulary] = Reaches(vocabulary)
    return found
