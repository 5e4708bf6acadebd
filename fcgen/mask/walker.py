"""Walks of what is left of tokens through an automaton, which fill its states as they meet them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fcgen.grammar.automaton import OPEN, Automaton, frame_of, state_of, thread_of
from fcgen.grammar.states import DEAD, KIND, UNKNOWN
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
from fcgen.vocab.trie import ROOT, Trie

Words = NDArray[np.uint32]
Ints = NDArray[np.int32]
Spots = tuple[int | Ints, int, int]
_FEW = 30  # so few numbers are sorted sooner as Python's than as an array
NONE: Ints = np.empty(0, np.int32)


class Reach(NamedTuple):
    """What some suffixes reach from a state.

    Attributes:
        number: of this reach; no other has it.
        row: the tokens that can be written, but for those of `tokens`; None: no others. Read-only.
        tokens: tokens that can be written; some more than once.
        far: no more bytes than this are missing to an end of the state's own text after any of them.
        exits: the nodes at which the state's own text may have ended, and the suffixes go on.
        rest: what is left of the suffixes below these; None: nothing.
        calls: the states with a CALL that are entered, each with the nodes there and what is left of the suffixes.
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


class Buffers:
    """What walks over a vocabulary write to. Enlarged when it was too small; `words`: of a mask."""

    def __init__(self, trie: Trie, words: int) -> None:
        self.trie, self.words = trie, words
        self.spots, self.later, self.listed, self.entered = (np.empty((4096, 3), np.int32) for _ in range(4))
        self.pushed = np.empty((1024, 5), np.int32)
        self.hidden = np.empty(1024, np.int32)
        self.found = np.empty(len(trie.tokens) + 1024, np.int32)
        self.stack = np.empty((trie.height + 2, 2), np.int32)
        self.counts = np.zeros(9, np.int64)

    def enlarge(self) -> None:
        """Four times as much of each; what is written stays."""
        for name in ("spots", "later", "listed", "entered", "pushed", "hidden", "found"):
            old = getattr(self, name)
            new = np.empty((4 * len(old), *old.shape[1:]), np.int32)
            new[: len(old)] = old
            setattr(self, name, new)


class Walk:
    """What a walk of suffixes has found so far. The automaton's lock is held.

    Attributes:
        suffixes: what is walked.
        wanted: what it lists.
        far: the greatest need after one of the tokens found.
        hidden: nodes of unknown places.
        calls: by the state of a CALL, nodes at which it is entered, unless ends are wanted.
    """

    def __init__(self, automaton: Automaton, buffers: Buffers, suffixes: Suffixes, wanted: int) -> None:
        self._automaton = automaton
        self._trie = buffers.trie
        self._buffers = buffers
        self.wanted = wanted
        self._found: list[Ints] = []
        self._exits: list[Ints] = []
        self.suffixes = suffixes
        self.far = 0
        self._listed: list[tuple[Ints, NDArray[np.int64]]] = []
        self.hidden: set[int] = set()
        self.calls: dict[int, set[int]] = {}

    def tokens(self) -> Ints:
        """The tokens found."""
        if len(self._found) < 2:
            return self._found[0] if self._found else NONE
        return np.concatenate(self._found)

    def exits(self, *, also_root: bool) -> Ints:
        """The nodes at which what is on the frame OPEN has ended, in order, if these are wanted."""
        if self.wanted != EXITS or not (self._exits or also_root):
            return NONE
        root = [np.array([ROOT], np.int32)] if also_root else []
        found = np.concatenate([*root, *self._exits])
        if len(found) > _FEW:
            return np.unique(found)
        return np.array(sorted(set(found.tolist())), np.int32)

    @property
    def row(self) -> Words:
        """The tokens found, packed."""
        row = np.zeros(self._buffers.words, np.uint32)
        for tokens in self._found:
            put(tokens, row)
        return row

    def go_on_from(self, state: int) -> None:
        """Walk all there is from one state, with whatever may follow it."""
        spots = self._buffers.spots
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
        """Take what is known of the state that `state` is aside of, but for its own bytes; gives tokens of that one."""
        trie = self._trie
        found = np.zeros(self._buffers.words, np.uint32) if known.row is None else known.row.copy()
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
            threads = self._automaton.threads(place)
            self._listed.append((np.full(len(threads), node, np.int32), np.array(threads, np.int64)))

    def _room(self, count: int) -> Ints:
        buffers = self._buffers
        while len(buffers.spots) < count:
            buffers.enlarge()
        return buffers.spots[:count]

    def _run(self, spots: int) -> None:
        """Walk from the first of the buffer's spots, filling states as they are met."""
        suffixes, automaton, buffers = self.suffixes, self._automaton, self._buffers
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
        """Note the threads at which tokens end; the walk's own frames get numbers."""
        automaton = self._automaton
        numbers: list[int] = []
        for state, below in pushed[:, :2].tolist():
            numbers.append(automaton.push(state, numbers[below - OWN] if below >= OWN else below))
        threads, which = np.unique(listed[:, 1].astype(np.int64) << 32 | listed[:, 2], return_inverse=True)
        known = [
            thread_of(thread >> 32, numbers[frame - OWN] if (frame := thread & 0xFFFFFFFF) >= OWN else frame)
            for thread in threads.tolist()
        ]
        self._listed += [(listed[:, 0].copy(), np.array(known, np.int64)[which])]

    def ends(self) -> dict[int, Ints]:
        """The places that tokens lead to, each with the nodes at which these end, if they are wanted.

        Where a node has several threads, its place is that of them all, as it is for a text that takes this way.
        """
        if not self._listed:
            return {}
        nodes = np.concatenate([nodes for nodes, _ in self._listed])
        threads = np.concatenate([threads for _, threads in self._listed])
        order = np.lexsort((threads, nodes))
        nodes, threads = nodes[order], threads[order]
        first = np.flatnonzero(np.diff(nodes, prepend=-2))
        sizes = np.diff(first, append=len(nodes))
        found: dict[int, list[Ints]] = {}
        alone = first[sizes == 1]
        for thread in np.unique(threads[alone]).tolist():
            place = self._automaton.place_of([thread])
            found.setdefault(place, []).append(nodes[alone][threads[alone] == thread])
        together: dict[bytes, list[int]] = {}
        for start, size in zip(first[sizes > 1].tolist(), sizes[sizes > 1].tolist(), strict=True):
            together.setdefault(threads[start : start + size].tobytes(), []).append(start)
        for several, starts in together.items():
            place = self._automaton.place_of(np.frombuffer(several, np.int64).tolist())
            found.setdefault(place, []).append(nodes[starts])
        return {place: np.concatenate(groups) for place, groups in found.items()}


def _outside(nodes: Ints, subtrees: Sequence[int], trie: Trie) -> Ints:
    """Those of `nodes` that are in none of these subtrees, which are in order."""
    if len(nodes) == 0 or not subtrees:
        return nodes
    last = np.searchsorted(subtrees, nodes, side="right") - 1
    return nodes[(last < 0) | (nodes >= trie.end[subtrees][last])]
