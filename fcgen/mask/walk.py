"""Compiled walks of a vocabulary's trie through an automaton.

`walk` goes down the trie in preorder and skips a subtree as soon as its path is dead. Where it meets a state whose row
is not filled yet, it notes the place and goes on, and is called again with the noted places once the rows are there.
A state that is negative but not -1 (dead) is noted too: only the text itself can tell what is there.
`walk_within` follows where a finished walk has been, so it meets filled rows only. A place is a trie node and the state
its path leads to; node -1 is the trie's root.

Most of a vocabulary is plain characters, and inside a string they all lead back to the same state. What a run of such
bytes allows is the same for every state that loops on them, so `run_below` finds it once per vocabulary, and only the
few nodes where a token leaves the run are walked for each state (`leave_run`).
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]
Flags = NDArray[np.bool_]
Words = NDArray[np.uint32]


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def walk(
    byte: Bytes,
    depth: Ints,
    end: Ints,
    token_start: Ints,
    tokens: Ints,
    transitions: Ints,
    filled: Flags,
    nodes: Ints,
    states: Ints,
    places: int,
    stack: Ints,
    later_nodes: Ints,
    later_states: Ints,
    ends: Flags,
    row: Words,
) -> int:
    """Set in `row` the tokens that stay alive below each of `places`, and in `ends` the states in which they end.

    Returns how many places are left for later, in `later_nodes` and `later_states`.
    """
    later = 0
    for place in range(places):
        node = nodes[place]
        if node < 0:
            i, stop, base = 0, len(byte), 0
        else:
            i, stop, base = node + 1, end[node], depth[node] + 1
        stack[base] = states[place]
        while i < stop:
            state = transitions[stack[depth[i]], byte[i]]
            if state < 0:
                if state != -1:
                    later_nodes[later] = i
                    later_states[later] = state
                    later += 1
                i = end[i]
                continue
            for k in range(token_start[i], token_start[i + 1]):
                row[tokens[k] >> 5] |= np.uint32(1) << np.uint32(tokens[k] & 31)
                ends[state] = True
            if end[i] == i + 1:
                i += 1
            elif filled[state]:
                stack[depth[i] + 1] = state
                i += 1
            else:
                later_nodes[later] = i
                later_states[later] = state
                later += 1
                i = end[i]
    return later


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def run_below(byte: Bytes, end: Ints, token_start: Ints, tokens: Ints, members: Flags, exits: Ints, row: Words) -> int:
    """Set in `row` the tokens that have only bytes of `members`; list in `exits` the nodes where others leave them."""
    count, i = 0, 0
    while i < len(byte):
        if members[byte[i]]:
            for k in range(token_start[i], token_start[i + 1]):
                row[tokens[k] >> 5] |= np.uint32(1) << np.uint32(tokens[k] & 31)
            i += 1
        else:
            exits[count] = i
            count += 1
            i = end[i]
    return count


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def leave_run(
    byte: Bytes,
    end: Ints,
    token_start: Ints,
    tokens: Ints,
    transitions: Ints,
    start: int,
    exits: Ints,
    nodes: Ints,
    states: Ints,
    ends: Flags,
    row: Words,
) -> int:
    """Take the one byte out of a run at each of `exits`, as `walk` would; return how many places are left to walk."""
    places = 0
    for i in exits:
        state = transitions[start, byte[i]]
        if state == -1:
            continue
        if state >= 0:
            for k in range(token_start[i], token_start[i + 1]):
                row[tokens[k] >> 5] |= np.uint32(1) << np.uint32(tokens[k] & 31)
                ends[state] = True
        if state < 0 or end[i] > i + 1:
            nodes[places] = i
            states[places] = state
            places += 1
    return places


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def walk_within(
    byte: Bytes,
    depth: Ints,
    end: Ints,
    token_start: Ints,
    tokens: Ints,
    transitions: Ints,
    nodes: Ints,
    states: Ints,
    places: int,
    stack: Ints,
    closing: Ints,
    left: int,
    row: Words,
) -> None:
    """Set in `row` the tokens that begin at one of `places` and after which `closing` is at most `left`."""
    for place in range(places):
        node = nodes[place]
        if node < 0:
            i, stop, base = 0, len(byte), 0
        else:
            i, stop, base = node + 1, end[node], depth[node] + 1
        stack[base] = states[place]
        while i < stop:
            state = transitions[stack[depth[i]], byte[i]]
            if state < 0:
                i = end[i]
                continue
            for k in range(token_start[i], token_start[i + 1]):
                if closing[state] <= left:
                    row[tokens[k] >> 5] |= np.uint32(1) << np.uint32(tokens[k] & 31)
            stack[depth[i] + 1] = state
            i += 1
