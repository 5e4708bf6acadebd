"""Repetitions that a state begins with, which lead back to it.

Within a string most bytes lead back to where they began, so tokens of such bytes need not be walked. Bytes are told
apart in 64 classes (`core/byte_classes.hpp`), so that a set of them is a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from fcgen.core import ENDLESS
from fcgen.grammar.arcs import Recording, arcs
from fcgen.grammar.expr import EMPTY
from fcgen.grammar.terms import Expr, Repeat, Seq

__all__ = ["ENDLESS", "repeated", "whole_characters"]

TWO, THREE, FOUR = 60, 61, 62  # whole characters of so many bytes


def repeated(e: Expr) -> Repeat | None:
    """The repetition that `e` begins with, if it does."""
    head = e.head if type(e) is Seq else e
    return head if type(head) is Repeat else None


@lru_cache(maxsize=1024)
def whole_characters(one: Expr) -> int:
    """The classes of whole characters beyond ASCII of which `one` accepts each, as bits."""
    try:
        after = {byte: then for members, then in arcs(one) for byte in range(0xC2, 0xF5) if members >> byte & 1}
        return sum(
            1 << name
            for name, leads in _LEADS.items()
            if all(byte in after and _is_row(after[byte], sets) for byte, sets in leads.items())
        )
    except Recording:
        return 0


def _is_row(e: Expr, sets: Sequence[int]) -> bool:
    """Whether the texts of `e` are a byte of each of these sets."""
    for members in sets:
        found = arcs(e)
        if len(found) != 1 or found[0][0] != members:
            return False
        e = found[0][1]
    return e is EMPTY


def _leads() -> dict[int, dict[int, tuple[int, ...]]]:
    """For each class of whole characters what must follow each first byte (RFC 3629, section 4)."""
    last = _bytes(0x80, 0xBF)
    two: dict[int, tuple[int, ...]] = dict.fromkeys(range(0xC2, 0xE0), (last,))
    three: dict[int, tuple[int, ...]] = dict.fromkeys(range(0xE0, 0xF0), (last, last))
    three |= {0xE0: (_bytes(0xA0, 0xBF), last), 0xED: (_bytes(0x80, 0x9F), last)}
    four: dict[int, tuple[int, ...]] = dict.fromkeys(range(0xF0, 0xF5), (last, last, last))
    four |= {0xF0: (_bytes(0x90, 0xBF), last, last), 0xF4: (_bytes(0x80, 0x8F), last, last)}
    return {TWO: two, THREE: three, FOUR: four}


def _bytes(low: int, high: int) -> int:
    return (1 << (high + 1)) - (1 << low)


_LEADS = _leads()
