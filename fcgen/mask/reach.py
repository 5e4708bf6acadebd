"""Which tokens can be written from a place: walks of the trie through the automaton, kept for all grammars.

What tokens a state's own text allows does not depend on what waits behind it, so it is found once for each state
(`Reach`), with the trie nodes at which that text has ended (`exits`). The mask of a place is that, and what a walk of
the waiting frame finds below the exits.

A walk goes by rows, which forget what recordings remember. Where it meets a place that is not known, it stops there
(`hidden`). What is there, a given place alone can tell: `_Walk.cross` steps from it along the bytes of the node, and
goes on from the place that this leads to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from fcgen.grammar.automaton import (
    BOTTOM,
    DEAD,
    FIRST,
    KIND,
    OPEN,
    ROW,
    STOPS,
    UNKNOWN,
    Automaton,
    frame_of,
    state_of,
    thread_of,
)
from fcgen.mask.runs import PLAIN, PLAINEST, plain_run
from fcgen.mask.walk import (
    ENDS,
    EXITS,
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
    walk,
)
from fcgen.vocab import Vocabulary
from fcgen.vocab.trie import ROOT, Trie

MOST_ASIDE = 64
MAX_REACHES = 4096
MAX_SIZE = 500_000
Words = NDArray[np.uint32]
Ints = NDArray[np.int32]
Spots = tuple[int | Ints, int, int]


class Reach(NamedTuple):
    """What the tokens from a state reach.

    Attributes:
        row: the tokens. Read-only.
        far: no more bytes than this are missing to an end of the text after any of them.
        exits: the trie nodes at which the state's own text may have ended, of those that tokens go on from.
        hidden: the nodes at which it is not known whether they can be reached.
    """

    row: Words
    far: int
    exits: Ints
    hidden: Sequence[int]


class Reaches:
    """The automaton of all grammars over one vocabulary, and what was found out about its states.

    All methods want the automaton's lock to be held (`Automaton.growing`).

    Args:
        trie: the vocabulary's.
        words: how many words a mask has.
    """

    def __init__(self, trie: Trie, words: int) -> None:
        self.trie = trie
        self.words = words
        self.automaton = Automaton(horizon=trie.height)
        self.run = plain_run(trie, words)
        self.buffers = _Buffers(trie.height)
        self._reaches: dict[int, Reach] = {}

    def allowed(self, place: int) -> tuple[Words, int]:
        """The tokens that may come next at `place`, and `Reach.far`. The row may be shared: do not write to it."""
        automaton = self.automaton
        threads = automaton.by_rows(place)
        if len(threads) == 1 and frame_of(threads[0]) <= BOTTOM and self._row(state_of(threads[0])) is not None:
            own = self._reach(state_of(threads[0]))
            if not own.hidden:
                return own.row, own.far
        found = _Walk(self)
        spots: list[Spots] = []
        for thread in threads:
            state, frame = state_of(thread), frame_of(thread)
            if self._row(state) is None:
                spots.append((ROOT, state, frame))
                continue
            own = self._reach(state)
            found.take(own, automaton.fewest(thread_of(0, frame)))
            if frame > BOTTOM and len(own.exits):
                spots.append((own.exits, *automaton.below(frame)))
        found.go_on(spots)
        while found.hidden:
            found.go_on(found.cross(place))
        return found.row, found.far

    def ends(self, place: int) -> list[tuple[int, int]]:
        """The trie nodes at which the tokens end that may come next at `place`, each with a place that it leads to.

        The places know as much as a walk by rows knows, or more. There may be several for a node.
        """
        threads = self.automaton.by_rows(place)
        found = _Walk(self, ENDS)
        found.go_on([(ROOT, state_of(thread), frame_of(thread)) for thread in threads])
        while found.hidden:
            found.go_on(found.cross(place))
        return found.ended

    def _reach(self, state: int) -> Reach:
        """What tokens reach by rows from a state that has one, not beyond its own text."""
        found = self._reaches.get(state)
        if found is None:
            walked = _Walk(self, EXITS)
            home = self._run_beside(state)
            if home is not None:
                walked.differ(state, home, self._reach(home))
            elif self._is_run(state):
                walked.leave_run(state)
            else:
                walked.go_on([(ROOT, state, OPEN)])
            if self.automaton.states[state, STOPS]:
                walked.exits.add(ROOT)
            exits = np.array(sorted(walked.exits), np.int32)
            found = Reach(walked.row, walked.far, exits, tuple(walked.hidden))
            found.row.flags.writeable = False
            if len(self._reaches) >= MAX_REACHES:
                for old in list(self._reaches)[: MAX_REACHES // 2]:
                    del self._reaches[old]
            self._reaches[state] = found
        return found

    def _run_beside(self, state: int) -> int | None:
        """The state of a run of plain bytes that nearly all bytes lead to from `state` too, if there is one.

        So it is at the beginning of a key that must differ from some names: only the first bytes lead elsewhere.
        """
        row = self._row(state)
        if row is None or row[PLAINEST] < 0 or self.automaton.states[state, STOPS]:
            return None
        threads = self.automaton.by_rows(thread_of(int(row[PLAINEST])))
        home = threads[0]
        if len(threads) > 1 or frame_of(home) != OPEN or home == state or not self._is_run(home):
            return None
        return home if np.count_nonzero(row != self._row(home)) <= MOST_ASIDE else None

    def _is_run(self, state: int) -> bool:
        row = self._row(state)
        return row is not None and bool((row[PLAIN] == state).all()) and not self.automaton.states[state, STOPS]

    def _row(self, state: int) -> Ints | None:
        kind, first = self.automaton.states[state, : FIRST + 1].tolist()
        return self.automaton.rows[first] if kind == ROW else None


_reaches: WeakKeyDictionary[Vocabulary, Reaches] = WeakKeyDictionary()


def reaches_of(vocabulary: Vocabulary) -> Reaches:
    """What is known for a vocabulary, shared by all grammars; begun anew when it has grown large."""
    found = _reaches.get(vocabulary)
    if found is None or found.automaton.size > MAX_SIZE:
        found = _reaches[vocabulary] = Reaches(vocabulary.trie, (vocabulary.size + 31) // 32)
    return found


class _Buffers:
    """What walks write to. Enlarged when it was too small."""

    def __init__(self, height: int) -> None:
        self.spots, self.later, self.listed = (np.empty((4096, 3), np.int32) for _ in range(3))
        self.pushed = np.empty((1024, 5), np.int32)
        self.hidden = np.empty(1024, np.int32)
        self.stack = np.empty((height + 2, 2), np.int32)
        self.counts = np.zeros(7, np.int64)

    def enlarge(self) -> None:
        """Four times as much of each; what is written stays."""
        for name in ("spots", "later", "listed", "pushed", "hidden"):
            old = getattr(self, name)
            new = np.empty((4 * len(old), *old.shape[1:]), np.int32)
            new[: len(old)] = old
            setattr(self, name, new)


class _Walk:
    """What a walk has found so far.

    Attributes:
        row: the tokens.
        far: the greatest need after one of them.
        exits: nodes at which what is on the frame OPEN has ended, if these are wanted.
        ended: nodes at which tokens end, with their places, if these are wanted.
        hidden: nodes of unknown places.
    """

    def __init__(self, reaches: Reaches, wanted: int = 0) -> None:
        self._reaches = reaches
        self._automaton = reaches.automaton
        self._trie = reaches.trie
        self._wanted = wanted
        self.row = np.zeros(reaches.words, np.uint32)
        self.far = 0
        self.exits: set[int] = set()
        self.ended: list[tuple[int, int]] = []
        self.hidden: set[int] = set()

    def take(self, own: Reach, need: int) -> None:
        """Take what is known of a state, behind which waits what needs `need` more bytes to an end."""
        self.row |= own.row
        self.far = max(self.far, own.far + need)
        self.hidden.update(own.hidden)

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

    def leave_run(self, state: int) -> None:
        """Walk from a state that plain bytes lead back to."""
        run = self._reaches.run
        self.row |= run.row
        row = self._automaton.rows[self._automaton.states[state, FIRST]]
        self.far = int(self._automaton.fewest(state))
        self.go_on([(before(run.exits[row[run.bytes] != DEAD]), state, OPEN)])

    def differ(self, state: int, home: int, known: Reach) -> None:
        """Take what is known of `home`, but for the bytes that lead elsewhere from `state`."""
        trie, automaton = self._trie, self._automaton
        row, there = (automaton.rows[automaton.states[one, FIRST]] for one in (state, home))
        self.take(known, 0)
        differs = row != there
        nodes = [node for node in trie.children(ROOT) if differs[trie.byte[node]]]
        for node in nodes:
            clear(trie.tokens[trie.token_start[node] : trie.token_start[trie.end[node]]], self.row)
        self.exits.update(_outside(known.exits, nodes, trie).tolist())
        self.hidden = set(_outside(np.array(known.hidden, np.int32), nodes, trie).tolist())
        self.go_on([(before(node), state, OPEN) for node in nodes])

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
                clear(trie.tokens_at(node), self.row)
                continue
            self._arrive(node, place)
            for thread in automaton.by_rows(place):
                if automaton.states[state_of(thread), KIND] == UNKNOWN:
                    self.hidden.update(trie.children(node))
                else:
                    spots.append((node, state_of(thread), frame_of(thread)))
        return spots

    def _arrive(self, node: int, place: int) -> None:
        """Set the tokens that end at `node`, now that the place there is known."""
        tokens = self._trie.tokens_at(node)
        if node == ROOT or len(tokens) == 0:
            return
        for token in tokens.tolist():
            self.row[token >> 5] |= np.uint32(1 << (token & 31))
        self.far = max(self.far, self._automaton.fewest(place))
        if self._wanted == ENDS:
            self.ended.append((node, place))

    def _room(self, count: int) -> Ints:
        buffers = self._reaches.buffers
        while len(buffers.spots) < count:
            buffers.enlarge()
        return buffers.spots[:count]

    def _run(self, spots: int) -> None:
        """Walk from the first of the buffer's spots, filling states as they are met."""
        trie, automaton, buffers = self._trie, self._automaton, self._reaches.buffers
        counts = [spots, 0, 0, 0, 0, 0, 0]
        while counts[SPOTS]:
            buffers.counts[:] = counts
            walk(
                trie.nodes,
                trie.token_start,
                trie.tokens,
                automaton.states,
                automaton.rows,
                automaton.choices,
                automaton.frames,
                buffers.spots,
                buffers.later,
                buffers.pushed,
                buffers.hidden,
                buffers.listed,
                buffers.stack,
                buffers.counts,
                self._wanted,
                self.row,
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
        if counts[HIDDEN]:
            self.hidden.update(buffers.hidden[: counts[HIDDEN]].tolist())
        if counts[LISTED]:
            listed = buffers.listed[: counts[LISTED]]
            if self._wanted == EXITS:
                self.exits.update(listed[:, 0].tolist())
            elif self._wanted == ENDS:
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
