"""Which tokens can be written from a state, and in which states they end: walks of the trie through the automaton.

A walk goes by the automaton's rows, which forget what recordings remember, so the walks of states that differ only in
that are one walk. Where it meets an unknown place, it stops there (`hidden`). What is below such a node, a given state
alone can tell: `crossed` steps from that state along the bytes of the node, and goes on with the state this leads to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcgen.grammar.automaton import DEAD, Automaton
from fcgen.mask.runs import PLAIN, plain_run
from fcgen.mask.walk import leave_run, walk, walk_within
from fcgen.vocab import Vocabulary

ROOT = -1
MOST_ASIDE = 64
PLAINEST = ord("~")  # the plain byte that begins the fewest names
Place = tuple[int, int]
Words = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Reach:
    """What the tokens from a state reach.

    Attributes:
        row: the tokens, without stop tokens.
        ends: the states in which they end.
        hidden: the trie nodes at which the walk met an unknown place.
        crossings: the nodes beyond these that the text at hand can reach, each with the state it leads to.
    """

    row: Words
    ends: NDArray[np.intp]
    hidden: Sequence[int] = ()
    crossings: Sequence[Place] = ()


def run_beside(automaton: Automaton, state: int) -> int | None:
    """The state of a run of plain bytes that nearly all bytes lead to from `state` too, if there is one.

    So it is at the beginning of a key that must differ from some names: only the first bytes of these lead elsewhere.
    """
    if not automaton.fill(state):
        return None
    row = automaton.transitions[state]
    home = int(row[PLAINEST])
    if home < 0 or home == state or not automaton.fill(home) or not (automaton.transitions[home][PLAIN] == home).all():
        return None
    return home if np.count_nonzero(row != automaton.transitions[home]) <= MOST_ASIDE else None


def reach(automaton: Automaton, vocabulary: Vocabulary, state: int, beside: tuple[int, Reach] | None = None) -> Reach:
    """What tokens reach from `state` by the automaton's rows; `beside`: what is known of its `run_beside`.

    With it, `ends` may have states that only the run reaches.
    """
    found = _Walk(automaton, vocabulary)
    if not automaton.fill(state):
        found.hidden.append(ROOT)
    elif beside is not None:
        found.differ(state, *beside)
    elif (automaton.transitions[state][PLAIN] == state).all():
        found.leave_run(state)
    else:
        found.go_on([(ROOT, state)])
    return Reach(found.row, np.flatnonzero(found.ends), found.hidden)


def crossed(automaton: Automaton, vocabulary: Vocabulary, state: int, near: Reach) -> Reach:
    """`near`, and what tokens reach from `state` beyond the places that are hidden there."""
    found = _Walk(automaton, vocabulary)
    found.row |= near.row
    found.hidden += near.hidden
    crossings: list[Place] = []
    while found.hidden:
        met = found.cross(state)
        crossings += met
        found.go_on([place for place in met if automaton.fill(place[1])])
    ends = np.union1d(near.ends, np.flatnonzero(found.ends))
    return Reach(found.row, ends, near.hidden, crossings)


def reach_within(
    automaton: Automaton, vocabulary: Vocabulary, places: Sequence[Place], closing: NDArray[np.int32], left: int
) -> Words:
    """The tokens that end below `places` in states that `left` tokens close, by the table `closing`."""
    trie = vocabulary.trie
    row = np.zeros((vocabulary.size + 31) // 32, np.uint32)
    nodes, states = np.array(places, np.int32).T.copy()
    for node, state in places:
        tokens = trie.tokens_at(node) if node != ROOT else ()
        if len(tokens) and closing[state] <= left:
            _set_tokens(row, tokens)
    walk_within(
        trie.byte,
        trie.depth,
        trie.end,
        trie.token_start,
        trie.tokens,
        automaton.transitions,
        nodes,
        states,
        len(places),
        np.empty(trie.height + 2, np.int32),
        closing,
        left,
        row,
    )
    return row


def _set_tokens(row: Words, tokens: Iterable[int]) -> None:
    for token in tokens:
        row[token >> 5] |= np.uint32(1 << (int(token) & 31))


def _clear_tokens(row: Words, tokens: Iterable[int]) -> None:
    for token in tokens:
        row[token >> 5] &= ~np.uint32(1 << (int(token) & 31))


class _Walk:
    """What a walk has found so far: tokens, the states in which they end, and nodes of unknown places."""

    def __init__(self, automaton: Automaton, vocabulary: Vocabulary) -> None:
        self._automaton = automaton
        self._vocabulary = vocabulary
        self._nodes, self._states, self._later_nodes, self._later_states = np.empty(
            (4, len(vocabulary.trie.byte) + 1), np.int32
        )
        self.row = np.zeros((vocabulary.size + 31) // 32, np.uint32)
        self.ends = np.zeros(len(automaton.filled), np.bool_)
        self.hidden: list[int] = []

    def go_on(self, places: Sequence[Place]) -> None:
        """Walk below `places`, in states whose rows are filled."""
        if places:
            self._nodes[: len(places)], self._states[: len(places)] = zip(*places, strict=True)
            self._run(len(places))

    def leave_run(self, state: int) -> None:
        """Walk from a state that plain bytes lead back to."""
        trie, run = self._vocabulary.trie, plain_run(self._vocabulary)
        self.row |= run.row
        self.ends[state] = run.row.any()
        places = leave_run(
            trie.byte,
            trie.end,
            trie.token_start,
            trie.tokens,
            self._automaton.transitions,
            state,
            run.exits,
            self._nodes,
            self._states,
            self.ends,
            self.row,
        )
        self._run(places)

    def differ(self, state: int, home: int, known: Reach) -> None:
        """Take what is known of `home`, but for the bytes that lead elsewhere from `state`."""
        trie, row = self._vocabulary.trie, self._automaton.transitions[state]
        differs = row != self._automaton.transitions[home]
        self.row |= known.row
        self.ends[known.ends] = True
        aside = [node for node in trie.children(ROOT) if differs[trie.byte[node]]]
        self.hidden += known.hidden
        for node in aside:
            below = trie.tokens[trie.token_start[node] : trie.token_start[trie.end[node]]]
            np.bitwise_and.at(self.row, below >> 5, ~(np.uint32(1) << (below & 31).astype(np.uint32)))
        self._enter([(node, int(row[trie.byte[node]])) for node in aside])

    def _enter(self, places: Sequence[Place]) -> None:
        """Take the tokens at `places`, and go on below them."""
        trie = self._vocabulary.trie
        for node, state in places:
            tokens = trie.tokens_at(node)
            if state >= 0 and len(tokens):
                _set_tokens(self.row, tokens)
                self.ends[state] = True
        self.go_on([place for place in places if place[1] != DEAD])

    def cross(self, start: int) -> list[Place]:
        """The hidden nodes that can be reached from `start`, and their states; their tokens are set.

        Below a state of which only the next step tells what it allows, each child is tried.
        """
        trie = self._vocabulary.trie
        found = []
        while self.hidden:
            node = self.hidden.pop()
            state = start if node == ROOT else self._automaton.step(start, self._path(node))
            if node != ROOT:
                tokens = trie.tokens_at(node)
                (_clear_tokens if state == DEAD else _set_tokens)(self.row, tokens)
                if state != DEAD and len(tokens):
                    self._make_room()
                    self.ends[state] = True
            if state != DEAD:
                found.append((node, state))
                if not self._automaton.fill(state):
                    self.hidden += trie.children(node)
        return found

    def _path(self, node: int) -> bytes:
        """The bytes that lead to `node`: those that the first token at or below it begins with."""
        trie = self._vocabulary.trie
        token = int(trie.tokens[trie.token_start[node]])
        return self._vocabulary.walked_bytes(token)[: int(trie.depth[node]) + 1]

    def _run(self, places: int) -> None:
        trie, automaton = self._vocabulary.trie, self._automaton
        stack = np.empty(trie.height + 2, np.int32)
        while places := self._fill(places):
            self._make_room()
            places = walk(
                trie.byte,
                trie.depth,
                trie.end,
                trie.token_start,
                trie.tokens,
                automaton.transitions,
                automaton.filled,
                self._nodes,
                self._states,
                places,
                stack,
                self._later_nodes,
                self._later_states,
                self.ends,
                self.row,
            )
            self._nodes, self._later_nodes = self._later_nodes, self._nodes
            self._states, self._later_states = self._later_states, self._states

    def _fill(self, places: int) -> int:
        """Fill the rows of the states at hand, set aside the places where there is none; return how many are left."""
        nodes, states = self._nodes[:places], self._states[:places]
        unknown = [state for state in set(states.tolist()) if state < 0 or not self._automaton.fill(state)]
        if not unknown:
            return places
        aside = np.isin(states, unknown)
        self.hidden += nodes[aside].tolist()
        left = places - int(np.count_nonzero(aside))
        nodes[:left], states[:left] = nodes[~aside], states[~aside]
        return left

    def _make_room(self) -> None:
        missing = len(self._automaton.filled) - len(self.ends)
        if missing > 0:
            self.ends = np.concatenate([self.ends, np.zeros(missing, np.bool_)])
