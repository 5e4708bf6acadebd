"""Which bytes a state's text can go on with for as long as one likes, and still be at that state.

Within a string most bytes lead back to where they began, so tokens of such bytes need not be walked. Bytes are told
apart in 64 classes, so that a set of them is a number: letters by themselves (a pattern may look for a word), most
marks too, and whole characters beyond ASCII by how many bytes they have.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fcgen.grammar.arcs import Recording, arcs
from fcgen.grammar.expr import EMPTY
from fcgen.grammar.terms import Expr, Repeat, Seq

_ALONE = b"abcdefghijklmnopqrstuvwxyz -_./:,@+#\"\\!$%&'*;=?^`|~"
_TOGETHER = [bytes(range(0x41, 0x5B)), b"0123456789", b"\t\n\r", b"[]", b"{}", b"()", b"<>"]
TWO, THREE, FOUR, ODD = 60, 61, 62, 63  # whole characters of so many bytes; all other bytes
ENDLESS = 1 << 30


def _classes() -> NDArray[np.uint8]:
    found = np.full(256, ODD, np.uint8)
    for number, members in enumerate([*(bytes([byte]) for byte in _ALONE), *_TOGETHER]):
        found[list(members)] = number
    return found


CLASS: NDArray[np.uint8] = _classes()
_ORDER = np.argsort(CLASS, kind="stable")
_STARTS = np.searchsorted(CLASS[_ORDER], np.arange(ODD + 1))[np.unique(CLASS)]
_NAMES = np.unique(CLASS)


def loops(row: NDArray[np.int32], home: int) -> int:
    """The classes of which all bytes lead to `home` in a row of next states, as bits; but for whole characters."""
    leads = row == home
    if not leads.any():
        return 0
    whole = np.logical_and.reduceat(leads[_ORDER], _STARTS)
    found = sum(1 << int(name) for name in _NAMES[whole])
    return found | 1 << TWO | 1 << THREE | 1 << FOUR if leads[0x80:].all() else found


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
