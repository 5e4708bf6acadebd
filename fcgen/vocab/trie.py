"""Byte strings -> a trie as flat arrays, for compiled code to walk.

Nodes stand in preorder with siblings in the order of their bytes, so a walk is one pass from left to right that skips
a subtree by jumping to `end`. There is no node for the root: the first nodes are its children, depth 0.

It is built from the strings in their order. That is the preorder of the nodes at which they end, and each string adds
the nodes beyond what it shares with the one before. A level at a time then finds parents and ends.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fcgen.vocab.order import in_order
from fcgen.vocab.strings import Strings

Ints = NDArray[np.int64]
ROOT = -1
_SIZES = (16, 32, 64)


@dataclass(frozen=True)
class Trie:
    """A trie of n nodes in preorder. All arrays are read-only.

    Attributes:
        byte: uint8[n], the byte that leads to the node from its parent.
        depth: int32[n], the number of bytes before that byte.
        parent: int32[n], the node above, or ROOT.
        end: int32[n], the first node after the subtree of the node, so its children are i + 1, end[i + 1], ...
        token_start: int32[n + 1]; the tokens that end at node i are tokens[token_start[i]:token_start[i + 1]].
        tokens: int32, all tokens along the preorder; at one node, the preferred token is the first.
    """

    byte: NDArray[np.uint8]
    depth: NDArray[np.int32]
    parent: NDArray[np.int32]
    end: NDArray[np.int32]
    token_start: NDArray[np.int32]
    tokens: NDArray[np.int32]

    @cached_property
    def height(self) -> int:
        """The length of the longest string."""
        return int(self.depth.max(initial=-1)) + 1

    @cached_property
    def nodes(self) -> NDArray[np.int32]:
        """int32[n, 3], each node's byte, depth and end side by side, for walks that read all of them."""
        return np.column_stack([self.byte, self.depth, self.end]).astype(np.int32)

    def child(self, node: int, byte: int) -> int:
        """The node that `byte` leads to from `node` (ROOT, -1, at first), or -1."""
        keys, nodes = self._children
        key = (node + 1) << 8 | byte
        place = int(keys.searchsorted(key))
        return int(nodes[place]) if place < len(keys) and keys[place] == key else -1

    def children(self, node: int) -> list[int]:
        """The nodes one byte below `node` (ROOT: those at the top)."""
        child, stop = node + 1, len(self.byte) if node == ROOT else int(self.end[node])
        found = []
        while child < stop:
            found.append(child)
            child = int(self.end[child])
        return found

    def tokens_at(self, node: int) -> NDArray[np.int32]:
        """The tokens that end at `node`, the preferred one first."""
        return self.tokens[self.token_start[node] : self.token_start[node + 1]]

    def longest(self, data: bytes) -> int | None:
        """The preferred among the longest tokens that `data` begins with."""
        node, best = ROOT, ROOT
        for byte in data:
            node = self.child(node, byte)
            if node < 0:
                break
            if self.token_start[node] < self.token_start[node + 1]:
                best = node
        return None if best < 0 else int(self.tokens[self.token_start[best]])

    def longest_within(self, data: bytes) -> int:
        """No bytes that stand side by side both in `data` and in a string are more than this."""
        for size in _SIZES:
            if size >= self.height or self._pieces(size).isdisjoint(
                data[i : i + size + 1] for i in range(len(data) - size)
            ):
                return min(size, self.height)
        return self.height

    def _pieces(self, size: int) -> frozenset[bytes]:
        """All of `size` + 1 bytes that stand side by side in a string."""
        found = self._known_pieces.get(size)
        if found is None:
            node: NDArray[np.int32] = np.flatnonzero(self.depth >= size).astype(np.int32)
            table = np.empty((len(node), size + 1), np.uint8)
            for column in range(size, -1, -1):
                table[:, column] = self.byte[node]
                node = self.parent[node]
            found = self._known_pieces[size] = frozenset(map(bytes, table))
        return found

    @cached_property
    def _known_pieces(self) -> dict[int, frozenset[bytes]]:
        return {}

    def path(self, node: int) -> bytes:
        """The bytes that lead to `node`."""
        data = bytearray()
        while node != ROOT:
            data.append(self.byte[node])
            node = int(self.parent[node])
        return bytes(reversed(data))

    @cached_property
    def _children(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Parent (counted from 1, the root is 0) and byte as one sorted key, and the child of each."""
        keys = (self.parent.astype(np.int64) + 1) << 8 | self.byte
        order = np.argsort(keys, kind="stable")
        return keys[order], order.astype(np.int32)


def build_trie(strings: Sequence[bytes] | Strings, last: Collection[int] = ()) -> Trie:
    """The trie of `strings`, whose places are the tokens' ids. Empty strings are left out.

    Where several tokens have the same bytes, the lower id goes first, but those in `last` go last.
    """
    strings = strings if isinstance(strings, Strings) else Strings.of(strings)
    tokens = np.flatnonzero(strings.length)
    waits = np.isin(tokens, list(last))
    tokens, shared = in_order(strings, np.append(tokens[~waits], tokens[waits]))
    added = strings.length[tokens] - shared
    total = np.cumsum(added)
    count = int(added.sum())
    # For each node, what to add to its place to have the place of its byte in its string.
    depth = np.repeat(shared - total + added, added) + np.arange(count)
    byte = np.frombuffer(strings.data, np.uint8)[np.repeat(strings.start[tokens], added) + depth]
    parent, end = _parents_and_ends(depth)
    token_start = np.append(0, np.cumsum(np.bincount(total - 1, minlength=count)))
    arrays = (depth, parent, end, token_start, tokens)
    trie = Trie(byte, *(array.astype(np.int32) for array in arrays))
    for array in (trie.byte, trie.depth, trie.parent, trie.end, trie.token_start, trie.tokens):
        array.flags.writeable = False
    return trie


def _parents_and_ends(depth: Ints) -> tuple[Ints, Ints]:
    """For each node, given their depths in preorder: the node above, and the first one after its subtree."""
    by_depth = np.argsort(depth.astype(np.min_scalar_type(depth.max(initial=0))), kind="stable")
    count = len(depth)
    parent, end = np.empty(count, np.int64), np.empty(count, np.int64)
    above, stop = np.full(1, ROOT), np.full(1, count)
    for level in np.split(by_depth, np.cumsum(np.bincount(depth))[:-1]):
        under = np.searchsorted(above, level) - 1  # the last node above that stands before its child
        parent[level] = above[under]
        stop = np.minimum(np.append(level, count)[1:], stop[under])  # the next of the level may have another parent
        end[level] = stop
        above = level
    return parent, end
