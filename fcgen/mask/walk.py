"""Compiled walks of a trie of tokens through an automaton with a stack.

`walk` goes down the trie in preorder and skips a subtree as soon as its path is dead. Where it meets a state that is
not filled yet, it notes the place and goes on, and is called again with the noted places once the states are filled.
Where all bytes of a subtree lead back to the state there, its tokens are taken as they are.
Where a text is at two places at once, it notes the second and walks it afterwards. What a walk by rows cannot know is
noted too: only the text itself can tell what is there.

A spot is where a walk begins: a node, a state and a frame. At node n >= -1 (-1 is the trie's root) its path leads to
that state; `before(n)` stands for a path that has all but the byte of node n.

Frames that a walk pushes are its own, numbered from OWN on, unless their number is below.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from fcgen.grammar.automaton import BELOW, BOTTOM, OPEN, STATE
from fcgen.grammar.states import (
    ASIDE,
    BEYOND,
    CALL,
    CHAIN,
    CHOICE,
    END,
    FAR,
    FEWEST,
    FIRST,
    KIND,
    LOOPS,
    MORE_LOOPS,
    ROW,
    RUN,
    SECOND,
    STOPS,
    UNFILLED,
    UNKNOWN,
)

# Wrappers that nobody calls, for C or of what only compiled code calls, would take a third of the time of compiling.
COMPILED = {"nogil": True, "cache": True, "no_cfunc_wrapper": True}
INNER = {**COMPILED, "no_cpython_wrapper": True}
OWN = 1 << 30
BYTE, DEPTH, SUBTREE_END, HEIGHT, BELOW_CLASSES, MORE_CLASSES = range(6)  # of a node
WIDTH = 6
MANY = 100  # so many nodes are better merged with others and walked once for all grammars
CUT = 3  # at most so many bytes of a character are missing where a token ends
ENDS, EXITS = 1, 2  # what a walk is asked to list
# What a walk leaves in `counts`: the lengths of the lists, whether one was too short, and the greatest need of a token.
SPOTS, LATER, PUSHED, HIDDEN, LISTED, ENTERED, FOUND, IS_SHORT, GREATEST = range(9)

Ints = NDArray[np.int32]
Words = NDArray[np.uint32]


def before(node: int) -> int:
    """The number of a spot that is yet to take the byte of `node`."""
    return -2 - node


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def walk(
    nodes: Ints,
    child: Ints,
    token_start: Ints,
    tokens: Ints,
    states: Ints,
    rows: Ints,
    choices: Ints,
    frames: Ints,
    spots: Ints,
    later: Ints,
    pushed: Ints,
    hidden: Ints,
    listed: Ints,
    entered: Ints,
    found: Ints,
    stack: Ints,
    counts: NDArray[np.int64],
    wanted: int,
) -> None:
    """List in `found` the tokens that stay alive below each of `spots`; some more than once.

    Args:
        nodes: the trie; see `Suffixes`.
        child: likewise.
        token_start: likewise.
        tokens: likewise.
        states: the automaton's.
        rows: likewise.
        choices: likewise.
        frames: likewise.
        spots: [n, 3], where to walk; the walk appends to it.
        later: [n, 3], the spots whose states are not filled.
        pushed: [n, 5], the walk's own frames.
        hidden: the nodes where it is unknown whether the path is alive.
        listed: [n, 3]; with EXITS, spots at which the text of what is on frame OPEN ended, and tokens go on; with ENDS,
            the spots at which tokens end.
        entered: [n, 3], the spots with many tokens below at which the text of what is on frame OPEN goes on with that
            of a CALL; they are left to be walked by themselves.
        found: the tokens.
        stack: [height + 2, 2], scratch.
        counts: how many there are of each; see above.
        wanted: what to list.
    """
    spot = 0
    while spot < counts[SPOTS]:
        node, state, frame = spots[spot, 0], spots[spot, 1], spots[spot, 2]
        spot += 1
        if frame == OPEN and node >= 0 and nodes[node, SUBTREE_END] - node > MANY and wanted != ENDS:
            while states[state, KIND] == CALL and states[state, SECOND] < 0:
                state = states[state, FIRST]
            if states[state, KIND] == CALL:
                _note(entered, counts, ENTERED, node, state, frame)
                continue
        state, frame = _called(states, choices, frames, pushed, spots, counts, node, state, frame)
        kind = states[state, KIND]
        if kind == UNFILLED:
            _note(later, counts, LATER, node, state, frame)
            continue
        if kind == UNKNOWN:
            _note_node(hidden, counts, HIDDEN, node if node >= -1 else -2 - node)
            continue
        if node == -1:
            i, stop, base = 0, len(nodes), 0
            if kind == CHAIN:
                i = child[states[state, FIRST]]
                if i < 0:
                    continue
                stop = nodes[i, SUBTREE_END]
        elif node >= 0:
            i, stop, base = node + 1, nodes[node, SUBTREE_END], nodes[node, DEPTH] + 1
        else:
            i = -2 - node
            stop, base = nodes[i, SUBTREE_END], nodes[i, DEPTH]
        stack[base, 0], stack[base, 1] = state, frame
        while i < stop:
            byte, depth, end = nodes[i, BYTE], nodes[i, DEPTH], nodes[i, SUBTREE_END]
            state, frame = stack[depth, 0], stack[depth, 1]
            while True:  # as long as states end before this byte
                kind = states[state, KIND]
                then = -1
                if kind == ROW:
                    then = rows[states[state, FIRST], byte]
                elif kind == ASIDE:
                    then = _aside(states, rows, choices, state, byte)
                    break
                elif kind == CHAIN:
                    if states[state, FIRST] == byte:
                        then = states[state, SECOND]
                    break
                elif kind == UNKNOWN:
                    then = BEYOND
                elif kind == UNFILLED:
                    _note(later, counts, LATER, -2 - i, state, frame)
                    break
                if not states[state, STOPS] or frame <= BOTTOM:
                    break
                waiting, below = _popped(frames, choices, pushed, spots, counts, -2 - i, frame)
                waiting, below = _called(states, choices, frames, pushed, spots, counts, -2 - i, waiting, below)
                if then != -1:
                    kind = states[waiting, KIND]
                    if (
                        kind in (UNFILLED, UNKNOWN)
                        or states[waiting, STOPS]
                        or (kind == ROW and rows[states[waiting, FIRST], byte] != -1)
                        or (kind == CHAIN and states[waiting, FIRST] == byte)
                        or (kind == ASIDE and _aside(states, rows, choices, waiting, byte) != -1)
                    ):
                        _note(spots, counts, SPOTS, -2 - i, waiting, below)
                    break
                state, frame = waiting, below
            if then == BEYOND:
                _note_node(hidden, counts, HIDDEN, i)
            if then < 0:
                i = end
                continue
            first_token, last_token = token_start[i], token_start[i + 1]
            if first_token < last_token:
                for k in range(first_token, last_token):
                    _note_node(found, counts, FOUND, tokens[k])
                need = states[then, FEWEST] + _frame(frames, pushed, frame, FEWEST)
                counts[GREATEST] = max(counts[GREATEST], need)
                if wanted == ENDS:
                    _note(listed, counts, LISTED, i, then, frame)
            if end > i + 1:
                if (
                    nodes[i, HEIGHT] <= states[then, RUN]
                    and nodes[i, BELOW_CLASSES] & ~states[then, LOOPS] == 0
                    and nodes[i, MORE_CLASSES] & ~states[then, MORE_LOOPS] == 0
                    and wanted != ENDS
                    and (wanted != EXITS or not states[then, STOPS])
                    and (frame <= BOTTOM or not states[then, STOPS])
                ):
                    for k in range(last_token, token_start[end]):
                        _note_node(found, counts, FOUND, tokens[k])
                    need = states[then, FEWEST] + _frame(frames, pushed, frame, FEWEST) + CUT
                    counts[GREATEST] = max(counts[GREATEST], need)
                    i = end
                    continue
                if wanted == EXITS and states[then, STOPS] and _frame(frames, pushed, frame, STOPS):
                    _note(listed, counts, LISTED, i, then, frame)
                if frame == OPEN and end - i > MANY and states[then, KIND] == CALL:
                    _note(spots, counts, SPOTS, i, then, frame)
                    i = end
                    continue
                state, frame = _called(states, choices, frames, pushed, spots, counts, i, then, frame)
                kind = states[state, KIND]
                if kind in (ROW, CHAIN, ASIDE):
                    stack[depth + 1, 0], stack[depth + 1, 1] = state, frame
                    i += 1
                    continue
                if kind == UNFILLED:
                    _note(later, counts, LATER, i, state, frame)
                elif kind == UNKNOWN:
                    _note_node(hidden, counts, HIDDEN, i)
            i = end


@numba.njit(**INNER)  # type: ignore[untyped-decorator]
def _aside(states: Ints, rows: Ints, choices: Ints, state: int, byte: int) -> int:
    first = states[state, SECOND]
    for i in range(first + 1, first + 1 + 2 * choices[first], 2):
        if choices[i] == byte:
            return choices[i + 1]  # type: ignore[no-any-return]
    return rows[states[states[state, FIRST], FIRST], byte]  # type: ignore[no-any-return]


@numba.njit(**INNER)  # type: ignore[untyped-decorator]
def _frame(frames: Ints, pushed: Ints, frame: int, column: int) -> int:
    return pushed[frame - OWN, column] if frame >= OWN else frames[frame, column]  # type: ignore[no-any-return]


@numba.njit(**INNER)  # type: ignore[untyped-decorator]
def _popped(
    frames: Ints, choices: Ints, pushed: Ints, spots: Ints, counts: NDArray[np.int64], node: int, frame: int
) -> tuple[int, int]:
    """The state of `frame`, and the frame below; where it stands for several the first: the others are noted."""
    state, below = _frame(frames, pushed, frame, STATE), _frame(frames, pushed, frame, BELOW)
    if state >= 0:
        return state, below
    for i in range(below + 1, below - state):
        _note(spots, counts, SPOTS, node, frames[choices[i], STATE], frames[choices[i], BELOW])
    return frames[choices[below], STATE], frames[choices[below], BELOW]


@numba.njit(**INNER)  # type: ignore[untyped-decorator]
def _called(
    states: Ints,
    choices: Ints,
    frames: Ints,
    pushed: Ints,
    spots: Ints,
    counts: NDArray[np.int64],
    node: int,
    state: int,
    frame: int,
) -> tuple[int, int]:
    """The state that is walked for `state`, and the frame below it; of a choice the first: the others are noted."""
    while True:
        kind = states[state, KIND]
        if kind == CALL:
            waiting = states[state, SECOND]
            if waiting >= 0:
                number = counts[PUSHED]
                if number == len(pushed):
                    counts[IS_SHORT] = 1
                    return 0, OPEN
                pushed[number, STATE] = waiting
                pushed[number, BELOW] = frame
                pushed[number, STOPS] = states[waiting, STOPS] and _frame(frames, pushed, frame, STOPS)
                need = states[waiting, FEWEST] + _frame(frames, pushed, frame, FEWEST)
                pushed[number, FEWEST] = min(need, FAR)
                counts[PUSHED] += 1
                frame = OWN + number
            state = states[state, FIRST]
        elif kind == CHOICE:
            first = states[state, FIRST]
            for i in range(first + 1, first + states[state, SECOND]):
                _note(spots, counts, SPOTS, node, choices[i], frame)
            state = choices[first]
        elif kind == END and frame > BOTTOM:
            state, frame = _popped(frames, choices, pushed, spots, counts, node, frame)
        else:
            return state, frame


@numba.njit(**INNER)  # type: ignore[untyped-decorator]
def _note(spots: Ints, counts: NDArray[np.int64], count: int, node: int, state: int, frame: int) -> None:
    number = counts[count]
    if number == len(spots):
        counts[IS_SHORT] = 1
        return
    spots[number, 0], spots[number, 1], spots[number, 2] = node, state, frame
    counts[count] += 1


@numba.njit(**INNER)  # type: ignore[untyped-decorator]
def _note_node(noted: Ints, counts: NDArray[np.int64], count: int, node: int) -> None:
    number = counts[count]
    if number == len(noted):
        counts[IS_SHORT] = 1
        return
    noted[number] = node
    counts[count] += 1


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def put(tokens: Ints, row: Words) -> None:
    """Set `tokens` in `row`."""
    for token in tokens:
        row[token >> 5] |= np.uint32(1) << np.uint32(token & 31)


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def put_at(nodes: Ints, token_start: Ints, tokens: Ints, row: Words) -> None:
    """Set in `row` the tokens that end at `nodes`."""
    for node in nodes:
        for k in range(token_start[node], token_start[node + 1]):
            row[tokens[k] >> 5] |= np.uint32(1) << np.uint32(tokens[k] & 31)


@numba.njit(**COMPILED)  # type: ignore[untyped-decorator]
def clear(tokens: Ints, row: Words) -> None:
    """Take `tokens` out of `row`."""
    for token in tokens:
        row[token >> 5] &= ~(np.uint32(1) << np.uint32(token & 31))
