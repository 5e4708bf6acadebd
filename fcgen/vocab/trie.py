"""Byte strings -> a trie as flat arrays, for compiled code to walk.

Nodes stand in preorder with siblings in the order of their bytes, so a walk is one pass from left to right that skips
a subtree by jumping to `end`. There is no node for the root: the first nodes are its children, depth 0.

The trie is built a level at a time, all tokens at once: the nodes of a level are the distinct pairs of a node of the
level above and a byte. Sizes of subtrees, summed from the deepest level up, then give each node its place in preorder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
ROOT = -1


@dataclass(frozen=True)
class Trie:
    """A trie of n nodes in preorder. All arrays are read-only.

    Attributes:
        byte: uint8[n], the byte that leads to the node from its parent.
        depth: int32[n], the number of bytes before that byte.
        end: int32[n], the first node after the subtree of the node, so its children are i + 1, end[i + 1], ...
        token_start: int32[n + 1]; the tokens that end at node i are tokens[token_start[i]:token_start[i + 1]].
        tokens: int32, all tokens along the preorder; at one node, the preferred token is the first.
    """

    byte: NDArray[np.uint8]
    depth: NDArray[np.int32]
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

    def path(self, node: int) -> bytes:
        """The bytes that lead to `node`."""
        data = bytearray()
        while node != ROOT:
            data.append(self.byte[node])
            node = int(self._parent[node])
        return bytes(reversed(data))

    @cached_property
    def _parent(self) -> NDArray[np.int32]:
        parent = np.empty(len(self.byte), np.int32)
        above = np.full(1, ROOT)
        for depth in range(self.height):
            level = np.flatnonzero(self.depth == depth)
            parent[level] = above[np.searchsorted(above, level) - 1]  # the last node above, before its child
            above = level
        return parent

    @cached_property
    def _children(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Parent (counted from 1, the root is 0) and byte as one sorted key, and the child of each."""
        keys = (self._parent.astype(np.int64) + 1) << 8 | self.byte
        order = np.argsort(keys, kind="stable")
        return keys[order], order.astype(np.int32)


@dataclass(frozen=True, slots=True)
class _Level:
    """The nodes of one depth, in the order of their strings.

    Attributes:
        parent: for each node, the number of its parent in the level above.
        byte: for each node, its byte.
        ending: the tokens that end at a node of this level.
        node: for each of these tokens, the node.
    """

    parent: Array
    byte: Array
    ending: Array
    node: Array


def build_trie(strings: Sequence[bytes], last: frozenset[int] = frozenset()) -> Trie:
    """The trie of `strings`, whose places are the tokens' ids. Empty strings are left out.

    Where several tokens have the same bytes, the lower id goes first, but those in `last` go last.
    """
    levels = _split_levels(strings)
    places = _preorder(levels)
    count = sum(len(level.byte) for level in levels)
    byte, depth, end = np.empty(count, np.uint8), np.empty(count, np.int32), np.empty(count, np.int32)
    for number, (level, (place, size)) in enumerate(zip(levels, places, strict=True)):
        byte[place], depth[place], end[place] = level.byte, number, place + size
    tokens = np.concatenate([level.ending for level in levels] or [np.empty(0, np.int64)])
    nodes = np.concatenate([place[level.node] for level, (place, _) in zip(levels, places, strict=True)] or [tokens])
    order = np.lexsort((tokens, np.isin(tokens, list(last)), nodes))
    token_start = np.searchsorted(nodes[order], np.arange(count + 1)).astype(np.int32)
    trie = Trie(byte, depth, end, token_start, tokens[order].astype(np.int32))
    for array in (trie.byte, trie.depth, trie.end, trie.token_start, trie.tokens):
        array.flags.writeable = False
    return trie


def _split_levels(strings: Sequence[bytes]) -> list[_Level]:
    data = np.frombuffer(b"".join(strings), np.uint8)
    length = np.fromiter(map(len, strings), np.int64, len(strings))
    start = np.cumsum(length) - length
    token = np.flatnonzero(length)
    node = np.zeros(len(token), np.int64)
    levels: list[_Level] = []
    while len(token):
        keys, node = np.unique(node << 8 | data[start[token] + len(levels)], return_inverse=True)
        ending = length[token] == len(levels) + 1
        levels.append(_Level(keys >> 8, keys & 255, token[ending], node[ending]))
        token, node = token[~ending], node[~ending]
    return levels


def _preorder(levels: Sequence[_Level]) -> list[tuple[Array, Array]]:
    """For each level, the places of its nodes in preorder and the sizes of their subtrees."""
    sizes: list[Array] = []
    for depth in reversed(range(len(levels))):
        size = np.ones(len(levels[depth].byte), np.int64)
        if sizes:
            np.add.at(size, levels[depth + 1].parent, sizes[-1])
        sizes.append(size)
    places: list[tuple[Array, Array]] = []
    above = np.full(1, ROOT)
    for level, size in zip(levels, reversed(sizes), strict=True):
        before = np.cumsum(size) - size
        first = np.searchsorted(level.parent, level.parent)  # the eldest sibling
        above = above[level.parent] + 1 + before - before[first]
        places.append((above, size))
    return places
