"""Walks through terms by their arcs: membership and random members, without any automaton; and the tokens of a mask."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray

from fcgen.grammar.alphabet import Restriction
from fcgen.grammar.arcs import Recording, arcs, derived, generic
from fcgen.grammar.derive import fewest
from fcgen.grammar.expr import ALL_BYTES, NOTHING
from fcgen.grammar.terms import Expr

INFINITE = float("inf")


def after(expr: Expr, data: bytes) -> Expr:
    """What is left of `expr` after `data`."""
    for byte in data:
        expr = derived(expr, byte)
        if expr is NOTHING:
            break
    return expr


def restrict(expr: Expr, alphabet: int) -> Expr:
    """The texts of `expr` within an alphabet."""
    return Restriction(alphabet).of(expr)


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
        ways = [
            (byte, then)
            for members in _sets(expr)
            for byte in _some_of(members, rng)
            if fewest(then := derived(expr, byte)) < INFINITE
        ]
        if len(data) >= steps:
            nearest = min(fewest(then) for _, then in ways)
            ways = [way for way in ways if fewest(way[1]) == nearest]
        if not ways:
            break
        byte, expr = rng.choice(ways)
        data.append(byte)
    return bytes(data)


def _some_of(members: int, rng: random.Random) -> list[int]:
    """The least byte of a set, which may be the only one that ends it soonest, and another one."""
    found = [byte for byte in range(256) if members >> byte & 1]
    return [found[0], rng.choice(found)]


def _sets(expr: Expr) -> list[int]:
    """Sets of bytes that can come next; among them may be some that cannot, where that depends on what was written."""
    for term in (expr, generic(expr)):
        try:
            return [members for members, _ in arcs(term)]
        except Recording:
            continue
    return [ALL_BYTES]
