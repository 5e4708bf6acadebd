"""The texts of a term one by one, where there are few, or as many as are asked for, about the shortest first."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator

from fcgen.grammar.arcs import Recording, arcs, derived, generic
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.terms import Expr
from fcgen.grammar.work import spend

_STEPS_PER_TEXT = 30


def few_texts(e: Expr, most: int) -> list[bytes] | None:
    """All texts of `e`, where there are at most `most` of them; else None."""
    found: list[bytes] = []
    ahead = [(e, b"")]
    for _ in range(most * _STEPS_PER_TEXT):
        if not ahead:
            return found
        e, text = ahead.pop()
        if e.can_stop:
            found.append(text)
        ways = [(members, then) for members, then in arcs(e) if fewest(then) != INFINITE]
        if len(found) + len(ahead) + sum(members.bit_count() for members, _ in ways) > most:
            return None  # each way leads to another text
        ahead += [(then, text + bytes([byte])) for members, then in ways for byte in range(256) if members >> byte & 1]
    return None


def texts_of(e: Expr) -> Iterator[bytes]:
    """Each text of `e`, those with few bytes before those with many, as far as `fewest` tells."""
    if fewest(e) == INFINITE:
        return
    pushed = itertools.count()
    heap: list[tuple[float, int, int, bytes, Expr | None]] = [(fewest(e), 0, next(pushed), b"", e)]
    while heap:
        _, _, _, text, left = heapq.heappop(heap)
        if left is None:
            yield text
            continue
        if left.can_stop:
            heapq.heappush(heap, (len(text), -len(text), next(pushed), text, None))
        for byte, then in _ways(left):
            spend()
            need = fewest(then)
            if need != INFINITE:
                longer = text + bytes([byte])  # of several, the deepest goes first
                heapq.heappush(heap, (len(longer) + need, -len(longer), next(pushed), longer, then))


def _ways(e: Expr) -> Iterator[tuple[int, Expr]]:
    """What is left of `e` after each byte."""
    try:
        for members, then in arcs(e):
            yield from ((byte, then) for byte in range(256) if members >> byte & 1)
    except Recording:
        for byte in _possible_bytes(e):
            yield byte, derived(e, byte)


def _possible_bytes(e: Expr) -> list[int]:
    try:
        possible = sum(members for members, _ in arcs(generic(e)))
    except Recording:
        return list(range(256))
    return [byte for byte in range(256) if possible >> byte & 1]
