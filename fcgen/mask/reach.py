"""Which tokens can be written from a place: walks of tokens through the automaton, kept for all grammars.

What tokens a state's own text allows does not depend on what waits behind it, so it is found once for each state and
what is left of the tokens there (`Reach`), with what is left of them where that text has ended (`Suffixes`). The mask of
a place is that, and what the waiting frames allow of the rest, one frame after the other.

A walk goes by rows, which forget what recordings remember. Where it meets a place that is not known, it stops there
(`hidden`). What is there, a given place alone can tell: then all of its tokens are walked, without halting where texts
end; `_Walk.cross` steps from the place along the bytes of a hidden node, and goes on from where this leads to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from fcgen.grammar.alphabet import Restriction
from fcgen.grammar.automaton import (
    ASIDE,
    BOTTOM,
    DEAD,
    FIRST,
    KIND,
    OPEN,
    RUN,
    STOPS,
    UNKNOWN,
    Automaton,
    frame_of,
    state_of,
    thread_of,
)
from fcgen.grammar.runs import ENDLESS
from fcgen.mask.suffixes import Suffixes
from fcgen.mask.walk import (
    ENDS,
    ENTERED,
    EXITS,
    FOUND,
    GREATEST,
    HIDDEN,
    IS_SHORT,
    LATER,
    LISTED,
    OWN,
    PUSHED,
    SPOTS,
    before,
    clear,
    put,
    walk,
)
from fcgen.vocab import Vocabulary
from fcgen.vocab.trie import ROOT, Trie

Words = NDArray[np.uint32]
Ints = NDArray[np.int32]

MAX_REACH_BYTES = 128 << 20
MAX_ROW_WORDS = 8 << 20
_OVERHEAD = 500  # bytes of a Reach itself
_NONE: Ints = np.empty(0, np.int32)
MAX_SIZE = 500_000
Spots = tuple[int | Ints, int, int]
Key = tuple[int | bytes, ...]


class Reach(NamedTuple):
    """What some suffixes reach from a state.

    Attributes:
        number: of this reach; no other has it.
        row: the tokens that can be written, but for those of `tokens`; None: no others. Read-only.
        tokens: tokens that can be written; some more than once.
        far: no more bytes than this are missing to an end of the state's own text after any of them.
        exits: the nodes at which the state's own text may have ended, and the suffixes go on.
        rest: what is left of the suffixes below these; None: nothing.
        calls: the states with a CALL that are entered, each with the nodes there and what is left of the suffixes below.
        hidden: the nodes of which it is not known whether they can be reached.
    """

    number: int
    row: Words | None
    tokens: Ints
    far: int
    exits: Ints
    rest: Suffixes | None
    calls: tuple[tuple[int, Ints, Suffixes], ...]
    hidden: tuple[int, ...]


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

    All methods want the automaton's lock to be held (`Automaton.growing`).

    Args:
        trie: the vocabulary's.
        words: how many words a mask has.
        alphabet: the bytes that the vocabulary can write.
    """

    def __init__(self, trie: Trie, words: int, alphabet: int) -> None:
        self.restriction = Restriction(alphabet)
        self.trie = trie
        self.words = words
        self.automaton = Automaton(horizon=trie.height)
        self.whole = Suffixes.of(trie)
        self.buffers = _Buffers(trie.height, len(trie.tokens))
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

    def ends(self, place: int) -> list[tuple[int, int]]:
        """The trie nodes at which the tokens end that may come next at `place`, each with a place that it leads to.

        The places know as much as a walk by rows knows, or more. There may be several for a node.
        """
        return self._walked(place, ENDS).ended

    def _shared(self, key: Key, row: Words) -> Words:
        if len(self._rows) * self.words > MAX_ROW_WORDS:
            self._rows.clear()
        row = self._rows.setdefault(key, row)
        row.flags.writeable = False
        return row

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
        found = _Walk(self, self.whole, 0)
        parts = []
        spots: list[Spots] = []
        for thread in automaton.by_rows(place):
            frame = frame_of(thread)
            own = self._reach(self.whole, state_of(thread), EXITS if frame > BOTTOM else 0)
            parts.append(own)
            found.far = max(found.far, own.far + automaton.fewest(thread_of(0, frame)))
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

    def _walked(self, place: int, wanted: int) -> _Walk:
        """A walk of all tokens, from `place` to wherever they lead."""
        found = _Walk(self, self.whole, wanted)
        found.go_on([(ROOT, state_of(thread), frame_of(thread)) for thread in self.automaton.by_rows(place)])
        while found.hidden:
            found.go_on(found.cross(place))
        return found

    def _reach(self, suffixes: Suffixes, state: int, wanted: int) -> Reach:
        """What `suffixes` reach by rows from a state that has one, not beyond its own text; the exits if wanted."""
        known = self._reaches.get(suffixes)
        if known is None:
            known = self._reaches[suffixes] = {}
        key = state << 2 | wanted
        found = known.get(key)
        if found is None:
            walked = _Walk(self, suffixes, wanted)
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

    def _reached(self, walked: _Walk, state: int, row: Words | None) -> Reach:
        tokens = walked.tokens()
        if row is None and len(tokens) > self.words:
            row = np.zeros(self.words, np.uint32)
        if row is not None:
            if len(tokens):
                put(tokens, row)
                tokens = _NONE
            row.flags.writeable = False
        exits = walked.exits(also_root=bool(self.automaton.states[state, STOPS]))
        rest = self._rest(walked.suffixes, exits) if len(exits) else None
        self._count += 1
        calls = tuple(self._calls(walked))
        return Reach(self._count, row, tokens, walked.far, exits, rest, calls, tuple(walked.hidden))

    def _calls(self, walked: _Walk) -> Iterator[tuple[int, Ints, Suffixes]]:
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
        found = _reaches[vocabulary] = Reaches(
            vocabulary.trie, (vocabulary.size + 31) // 32, vocabulary.alphabet
        )
    return found


class _Buffers:
    """What walks write to. Enlarged when it was too small."""

    def __init__(self, height: int, tokens: int) -> None:
        self.spots, self.later, self.listed, self.entered = (np.empty((4096, 3), np.int32) for _ in range(4))
        self.pushed = np.empty((1024, 5), np.int32)
        self.hidden = np.empty(1024, np.int32)
        self.found = np.empty(tokens + 1024, np.int32)
        self.stack = np.empty((height + 2, 2), np.int32)
        self.counts = np.zeros(9, np.int64)

    def enlarge(self) -> None:
        """Four times as much of each; what is written stays."""
        for name in ("spots", "later", "listed", "entered", "pushed", "hidden", "found"):
            old = getattr(self, name)
            new = np.empty((4 * len(old), *old.shape[1:]), np.int32)
            new[: len(old)] = old
            setattr(self, name, new)


class _Walk:
    """What a walk has found so far.

    Attributes:
        suffixes: what is walked.
        wanted: what it lists.
        far: the greatest need after one of the tokens found.
        ended: nodes at which tokens end, with their places, if these are wanted.
        hidden: nodes of unknown places.
        calls: by the state of a CALL, nodes at which it is entered, unless ends are wanted.
    """

    def __init__(self, reaches: Reaches, suffixes: Suffixes, wanted: int) -> None:
        self._reaches = reaches
        self._automaton = reaches.automaton
        self._trie = reaches.trie
        self.wanted = wanted
        self._found: list[Ints] = []
        self._exits: list[Ints] = []
        self.suffixes = suffixes
        self.far = 0
        self.ended: list[tuple[int, int]] = []
        self.hidden: set[int] = set()
        self.calls: dict[int, set[int]] = {}

    def tokens(self) -> Ints:
        """The tokens found."""
        if len(self._found) < 2:
            return self._found[0] if self._found else _NONE
        return np.concatenate(self._found)

    def exits(self, *, also_root: bool) -> Ints:
        """The nodes at which what is on the frame OPEN has ended, in order, if these are wanted."""
        if self.wanted != EXITS or not (self._exits or also_root):
            return _NONE
        root = [np.array([ROOT], np.int32)] if also_root else []
        return np.unique(np.concatenate([*root, *self._exits]))

    @property
    def row(self) -> Words:
        """The tokens found, packed."""
        row = np.zeros(self._reaches.words, np.uint32)
        for tokens in self._found:
            put(tokens, row)
        return row

    def go_on_from(self, state: int) -> None:
        """Walk all there is from one state, with whatever may follow it."""
        spots = self._reaches.buffers.spots
        spots[0, 0], spots[0, 1], spots[0, 2] = ROOT, state, OPEN
        self._run(1)

    def go_on(self, spots: Sequence[Spots]) -> None:
        """Walk from `spots`: nodes, a state and a frame."""
        if spots:
            sizes = [1 if isinstance(nodes, int) else len(nodes) for nodes, _, _ in spots]
            room = self._room(sum(sizes))
            first = 0
            for size, spot in zip(sizes, spots, strict=True):
                room[first : first + size, 0], room[first : first + size, 1], room[first : first + size, 2] = spot
                first += size
            self._run(first)

    def differ(self, state: int, known: Reach) -> Words:
        """Take what is known of the state that `state` is aside of, but for its own bytes; gives tokens of the other."""
        trie = self._trie
        found = np.zeros(self._reaches.words, np.uint32) if known.row is None else known.row.copy()
        put(known.tokens, found)
        self.far = known.far
        own = self.suffixes.child[[byte for byte, _ in self._automaton.aside(state)]]
        nodes = sorted(own[own >= 0].tolist())
        for node in nodes:
            clear(trie.tokens[trie.token_start[node] : trie.token_start[trie.end[node]]], found)
        self._exits.append(_outside(known.exits, nodes, trie))
        self.hidden.update(_outside(np.array(known.hidden, np.int32), nodes, trie).tolist())
        for call, entered, _ in known.calls:
            self.calls[call] = set(_outside(entered, nodes, trie).tolist())
        self.go_on([(before(node), state, OPEN) for node in nodes])
        return found

    def cross(self, start: int) -> list[Spots]:
        """The hidden nodes that can be reached from the place `start`, as spots to go on from; their tokens are set.

        Below a place of which only the next step tells what it allows, each child is tried.
        """
        trie, automaton = self._trie, self._automaton
        spots: list[Spots] = []
        while self.hidden:
            node = self.hidden.pop()
            place = automaton.step(start, trie.path(node))
            if place == DEAD:
                continue
            self._arrive(node, place)
            for thread in automaton.by_rows(place):
                if automaton.states[state_of(thread), KIND] == UNKNOWN:
                    self.hidden.update(trie.children(node))
                else:
                    spots.append((node, state_of(thread), frame_of(thread)))
        return spots

    def _arrive(self, node: int, place: int) -> None:
        """Take the tokens that end at `node`, now that the place there is known."""
        tokens = self._trie.tokens_at(node)
        if node == ROOT or len(tokens) == 0:
            return
        self._found.append(tokens)
        self.far = max(self.far, self._automaton.fewest(place))
        if self.wanted == ENDS:
            self.ended.append((node, place))

    def _room(self, count: int) -> Ints:
        buffers = self._reaches.buffers
        while len(buffers.spots) < count:
            buffers.enlarge()
        return buffers.spots[:count]

    def _run(self, spots: int) -> None:
        """Walk from the first of the buffer's spots, filling states as they are met."""
        suffixes, automaton, buffers = self.suffixes, self._automaton, self._reaches.buffers
        counts = [spots, 0, 0, 0, 0, 0, 0, 0, 0]
        while counts[SPOTS]:
            buffers.counts[:] = counts
            walk(
                suffixes.nodes,
                suffixes.child,
                suffixes.token_start,
                suffixes.tokens,
                automaton.states,
                automaton.rows,
                automaton.choices,
                automaton.frames,
                buffers.spots,
                buffers.later,
                buffers.pushed,
                buffers.hidden,
                buffers.listed,
                buffers.entered,
                buffers.found,
                buffers.stack,
                buffers.counts,
                self.wanted,
            )
            after = buffers.counts.tolist()
            if after[IS_SHORT]:
                buffers.enlarge()
                continue
            counts = after
            later = counts[LATER]
            if later:
                for state in set(buffers.later[:later, 1].tolist()):
                    automaton.prepare(state)
                buffers.spots, buffers.later = buffers.later, buffers.spots
            counts[SPOTS], counts[LATER] = later, 0
        self.far = max(self.far, counts[GREATEST])
        if counts[FOUND]:
            self._found.append(buffers.found[: counts[FOUND]].copy())
        for node, call, _ in buffers.entered[: counts[ENTERED]].tolist():
            self.calls.setdefault(call, set()).add(node)
        if counts[HIDDEN]:
            self.hidden.update(buffers.hidden[: counts[HIDDEN]].tolist())
        if counts[LISTED]:
            listed = buffers.listed[: counts[LISTED]]
            if self.wanted == EXITS:
                self._exits.append(listed[:, 0].copy())
            elif self.wanted == ENDS:
                self._end(listed, buffers.pushed[: counts[PUSHED]])

    def _end(self, listed: Ints, pushed: Ints) -> None:
        """Note the places at which tokens end; the walk's own frames get numbers."""
        automaton = self._automaton
        numbers: list[int] = []
        for state, below in pushed[:, :2].tolist():
            numbers.append(automaton.push(state, numbers[below - OWN] if below >= OWN else below))
        for node, state, frame in listed.tolist():
            self.ended.append((node, thread_of(state, numbers[frame - OWN] if frame >= OWN else frame)))


def _outside(nodes: Ints, subtrees: Sequence[int], trie: Trie) -> Ints:
    """Those of `nodes` that are in none of these subtrees, which are in order."""
    if len(nodes) == 0 or not subtrees:
        return nodes
    last = np.searchsorted(subtrees, nodes, side="right") - 1
    return nodes[(last < 0) | (nodes >= trie.end[subtrees][last])]
