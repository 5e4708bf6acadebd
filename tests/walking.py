"""Walks through terms by their arcs: membership and random members, without any automaton; and the tokens of a mask."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray

from fcgen.grammar.derive import arcs, fewest
from fcgen.grammar.expr import NOTHING, Expr

INFINITE = float("inf")


def after(expr: Expr, data: bytes) -> Expr:
    """What is left of `expr` after `data`."""
    for byte in data:
        expr = next((then for members, then in arcs(expr) if members >> byte & 1), NOTHING)
    return expr


def accepts(expr: Expr, data: bytes) -> bool:
    """Whether `data` is in the language of `expr`."""
    return after(expr, data).can_stop


def allowed(mask: NDArray[np.uint32]) -> set[int]:
    """The tokens that a packed mask allows."""
    return set(np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little")).tolist())


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
