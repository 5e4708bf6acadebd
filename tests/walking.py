"""Walks through terms by their arcs: membership and random members, without any automaton."""

from __future__ import annotations

import random

from fcgen.grammar.derive import arcs, fewest
from fcgen.grammar.expr import Expr

INFINITE = float("inf")


def accepts(expr: Expr, data: bytes) -> bool:
    """Whether `data` is in the language of `expr`."""
    for byte in data:
        expr = next((then for members, then in arcs(expr) if members >> byte & 1), None)
        if expr is None:
            return False
    return expr.can_stop


def sample(expr: Expr, rng: random.Random, steps: int = 60) -> bytes:
    """A random member of `expr`: after `steps` bytes the shortest way to an end is taken."""
    assert fewest(expr) < INFINITE, "no string to sample"
    data = bytearray()
    while not (expr.can_stop and (len(data) >= steps or rng.random() < 0.2)):
        ways = [(members, then) for members, then in arcs(expr) if fewest(then) < INFINITE]
        if len(data) >= steps:
            nearest = min(fewest(then) for _, then in ways)
            ways = [way for way in ways if fewest(way[1]) == nearest]
        if not ways:
            break
        members, expr = rng.choice(ways)
        data.append(rng.choice([byte for byte in range(256) if members >> byte & 1]))
    return bytes(data)
