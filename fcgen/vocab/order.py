"""Byte strings -> their order, and how many bytes each shares with the one before.

Seven bytes at a time are compared as one number, of all strings together. Its last byte says how many of the seven the
string has, or that it goes on, so that a string stands right before those which it begins. Only strings that are equal
so far and go on take part in the next round: after the first one, these are few.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fcgen.vocab.strings import Strings

STEP = 7
GOES_ON = 8
# What to keep of eight bytes, by how many are left of a string: all of them, but never the eighth.
_KEPT = np.array([(1 << 64) - (1 << 64 - 8 * min(left, STEP)) for left in range(GOES_ON + 1)], np.uint64)
_POWERS = np.array([256**count for count in range(1, STEP + 1)], np.uint64)

Ints = NDArray[np.int64]
Keys = NDArray[np.uint64]


def in_order(strings: Strings, places: Ints) -> tuple[Ints, Ints]:
    """The places of some strings in the order of these, and how many bytes each shares with the one before (first: 0).

    Equal strings stay as they stand in `places`.
    """
    read = _reader(strings)
    places = places.copy()
    shared = np.zeros(len(places), np.int64)
    rank, group, done = np.arange(len(places)), np.zeros(len(places), np.int64), 0
    while len(rank):
        keys = read(places[rank], done)
        order = np.lexsort([*_digits(keys), group])
        places[rank], keys = places[rank[order]], keys[order]
        alike = group[1:] == group[:-1]
        shared[rank[1:]] += np.where(alike, _common(keys[1:], keys[:-1]), 0)
        tied = alike & (keys[1:] == keys[:-1]) & (keys[1:] & 0xFF == GOES_ON)
        goes_on = np.append(tied, False) | np.append(False, tied)
        rank, group, done = rank[goes_on], np.cumsum(np.append(True, ~tied))[goes_on], done + STEP
    return places, shared


def _reader(strings: Strings) -> Callable[[Ints, int], Keys]:
    """What gives for some strings the bytes from a place on, as numbers that are ordered as these are."""
    padded = strings.data + bytes(8)
    words = np.ndarray((len(strings.data) + 1,), ">u8", padded, strides=(1,))  # at every byte, the eight from there on

    def read(places: Ints, done: int) -> Keys:
        left = np.minimum(strings.length[places] - done, GOES_ON)
        known = words[strings.start[places] + done].astype(np.uint64) & _KEPT[left]
        keys: Keys = known | left.astype(np.uint64)
        return keys

    return read


def _digits(keys: Keys) -> NDArray[np.uint16]:
    """The keys' 16-bit digits, the least first: numpy sorts these by counting, three times as fast as the keys."""
    digits: NDArray[np.uint16] = keys.astype("<u8", copy=False).view("<u2").reshape(-1, 4).T
    return digits


def _common(one: Keys, other: Keys) -> Ints:
    """How many bytes both have from the first on."""
    equal = STEP - np.searchsorted(_POWERS, one ^ other, "right")
    has: Ints = np.minimum(one & 0xFF, other & 0xFF).astype(np.int64)
    return np.minimum(equal, has)
