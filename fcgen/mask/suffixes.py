"""What is left of the tokens once a text has ended within them, as a trie of its own.

Where the text of one term may end at many nodes of a trie of tokens, what follows is walked below all of them. Their
subtrees are much alike (after a quote comes a comma or a bracket, whatever stood in the string), so they are merged
into one trie, in which the path to a node is what follows the end, and its tokens are all that go on so. It is merged
once for each set of nodes, and shared by all grammars.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from fcgen.grammar.runs import CLASS, FOUR, ODD, THREE, TWO
from fcgen.mask.walk import (
    BELOW_CLASSES,
    BYTE,
    COMPILED,
    DEPTH,
    HEIGHT,
    INNER,
    MORE_CLASSES,
    SUBTREE_END,
    WIDTH,
)
from fcgen.vocab.trie import ROOT, Trie

Ints = NDArray[np.int32]
_FEW = 24


@dataclass(frozen=True, slots=True, eq=False)
class Suffixes:
    """A trie of n nodes in preorder.

    Attributes:
        nodes: int32[n, 6], of each node the byte, the depth, the end of the subtree, how many bytes the longest path
            below has, and the classes of bytes (`grammar.runs`) that there are below, 32 bits each.
        child: int32[256], the node below the root for each byte, or -1.
        token_start: int32[n + 1]; the tokens at node i are tokens[token_start[i]:token_start[i + 1]].
        tokens: int32, some more than once.
    """

    nodes: Ints
    child: Ints
    token_start: Ints
    tokens: Ints

    @staticmethod
    def of(trie: Trie) -> Suffixes:
        """All that there are before any text."""
        nodes = np.zeros((len(trie.byte), WIDTH), np.int32)
        nodes[:, BYTE], nodes[:, DEPTH], nodes[:, SUBTREE_END] = trie.byte, trie.depth, trie.end
        _look_below(nodes, CLASS)
        return Suffixes(nodes, _child(nodes), trie.token_start, trie.tokens)

    def below(self, exits: Ints) -> Suffixes | None:
        """What is left below `exits`, nodes of this trie, or its ROOT; None: nothing."""
        if len(exits) == 1 and exits[0] == ROOT:
            return self
        begins = exits + 1
        ends = np.where(exits == ROOT, len(self.nodes), self.nodes[exits, SUBTREE_END])
        size = int((ends - begins).sum())
        if size == 0:
            return None
        held = int((self.token_start[ends] - self.token_start[begins]).sum())
        nodes, start, tokens = np.zeros((size, WIDTH), np.int32), np.empty(size + 1, np.int32), np.empty(held, np.int32)
        count = _merge(self.nodes, self.token_start, self.tokens, begins, ends, nodes, start, tokens)
        nodes = nodes[:count].copy()
        _look_below(nodes, CLASS)
        return Suffixes(nodes, _child(nodes), start[: count + 1].copy(), tokens)


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _child(nodes: Ints) -> Ints:
    found = np.full(256, -1, np.int32)
    i = 0
    while i < len(nodes):
        found[nodes[i, BYTE]] = i
        i = nodes[i, SUBTREE_END]
    return found


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _look_below(nodes: Ints, classes: NDArray[np.uint8]) -> None:
    """Fill in each node's height, and the classes of the bytes below, of texts that begin a character there.

    found[i, q] are the classes below node i where q says what the character has still to come: nothing; one, two or
    three bytes; or what may follow E0, ED, F0, F4 (RFC 3629, section 4).
    """
    found = np.zeros((len(nodes), 8), np.uint64)
    one = np.uint64(1)
    for i in range(len(nodes) - 1, -1, -1):
        child, end, height = i + 1, nodes[i, SUBTREE_END], 0
        while child < end:
            byte = nodes[child, BYTE]
            height = max(height, nodes[child, HEIGHT] + 1)
            for q in range(8):
                name, then = ODD, 0
                if q == 0:
                    if byte < 0x80:
                        name = int(classes[byte])
                    elif 0xC2 <= byte < 0xE0:
                        name, then = TWO, 1
                    elif 0xE0 <= byte < 0xF0:
                        name, then = THREE, 4 if byte == 0xE0 else 5 if byte == 0xED else 2
                    elif 0xF0 <= byte < 0xF5:
                        name, then = FOUR, 6 if byte == 0xF0 else 7 if byte == 0xF4 else 3
                elif 0x80 <= byte < 0xC0:
                    if q <= 3:
                        name, then = -1, q - 1
                    elif (q == 4 and byte >= 0xA0) or (q == 5 and byte < 0xA0):
                        name, then = -1, 1
                    elif (q == 6 and byte >= 0x90) or (q == 7 and byte < 0x90):
                        name, then = -1, 2
                if name >= 0:
                    found[i, q] |= one << np.uint64(name)
                if name != ODD:
                    found[i, q] |= found[child, then]
            child = nodes[child, SUBTREE_END]
        nodes[i, HEIGHT] = height
        below = found[i, 0]
        nodes[i, BELOW_CLASSES] = np.int32(np.uint32(below & np.uint64(0xFFFFFFFF)))
        nodes[i, MORE_CLASSES] = np.int32(np.uint32(below >> np.uint64(32)))


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def _merge(
    nodes: Ints,
    token_start: Ints,
    tokens: Ints,
    begins: Ints,
    ends: Ints,
    new_nodes: Ints,
    new_start: Ints,
    new_tokens: Ints,
) -> int:
    """Merge the forests nodes[begins:ends]; how many nodes that gives.

    A group is the nodes of one path: `members[first:first + size]`. Groups wait on a stack, the next one uppermost.
    """
    total = len(new_nodes)
    members, groups = np.empty(total, np.int32), np.empty((total + 1, 3), np.int32)
    count, held, waiting, used = 0, 0, 0, 0
    # The children of the root are those of the forests; then those of each group's members.
    waiting, used = _push_children(nodes, begins, ends, 0, members, used, groups, waiting)
    child_begins, child_ends = np.empty(total, np.int32), np.empty(total, np.int32)
    while waiting:
        waiting -= 1
        first, size, depth = groups[waiting, 0], groups[waiting, 1], groups[waiting, 2]
        if size == 1:  # nothing to merge with: the subtree as it is
            node = members[first]
            for i in range(node, nodes[node, SUBTREE_END]):
                new_nodes[count, BYTE] = nodes[i, BYTE]
                new_nodes[count, DEPTH] = nodes[i, DEPTH] - nodes[node, DEPTH] + depth
                new_start[count] = held
                for k in range(token_start[i], token_start[i + 1]):
                    new_tokens[held] = tokens[k]
                    held += 1
                count += 1
            continue
        new_nodes[count, BYTE] = nodes[members[first], BYTE]
        new_nodes[count, DEPTH] = depth
        new_start[count] = held
        for m in range(first, first + size):
            node = members[m]
            for k in range(token_start[node], token_start[node + 1]):
                new_tokens[held] = tokens[k]
                held += 1
            child_begins[m - first], child_ends[m - first] = node + 1, nodes[node, SUBTREE_END]
        count += 1
        waiting, used = _push_children(
            nodes, child_begins[:size], child_ends[:size], depth + 1, members, used, groups, waiting
        )
    new_start[count] = held
    path, top = np.empty(count + 1, np.int32), -1
    for i in range(count):
        depth = new_nodes[i, DEPTH]
        while top >= depth:
            new_nodes[path[top], SUBTREE_END] = i
            top -= 1
        top += 1
        path[top] = i
    while top >= 0:
        new_nodes[path[top], SUBTREE_END] = count
        top -= 1
    return count


@numba.njit(**INNER)  # type: ignore[untyped-decorator]
def _push_children(
    nodes: Ints, begins: Ints, ends: Ints, depth: int, members: Ints, used: int, groups: Ints, waiting: int
) -> tuple[int, int]:
    """Push the groups of the roots of nodes[begins:ends], the one of the least byte uppermost."""
    first = used
    for m in range(len(begins)):
        i = begins[m]
        while i < ends[m]:
            members[used] = i
            used += 1
            i = nodes[i, SUBTREE_END]
    if used - first <= _FEW:
        for m in range(first + 1, used):
            node, k = members[m], m
            while k > first and nodes[members[k - 1], BYTE] > nodes[node, BYTE]:
                members[k] = members[k - 1]
                k -= 1
            members[k] = node
    else:
        starts = np.zeros(257, np.int64)
        for m in range(first, used):
            starts[nodes[members[m], BYTE] + 1] += 1
        for byte in range(256):
            starts[byte + 1] += starts[byte]
        before = members[first:used].copy()
        for node in before:
            byte = nodes[node, BYTE]
            members[first + starts[byte]] = node
            starts[byte] += 1
    end = used
    while end > first:
        begin = end - 1
        while begin > first and nodes[members[begin - 1], BYTE] == nodes[members[end - 1], BYTE]:
            begin -= 1
        groups[waiting, 0], groups[waiting, 1], groups[waiting, 2] = begin, end - begin, depth
        waiting += 1
        end = begin
    return waiting, used
