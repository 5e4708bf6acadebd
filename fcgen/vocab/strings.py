"""Byte strings -> one block of bytes and where each of them ends, for code that looks at all of them at once.

A model has up to some hundred thousand tokens. As objects of their own they take longer to make than all that is done
with them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_UNKNOWN = np.zeros(0, np.int32)


class Strings:
    """A list of byte strings. Immutable; equal to another one if all strings are.

    Args:
        data: the strings, one after the other.
        ends: where in `data` each of them ends.
        order: places of strings in the order of the strings, as far as it is known.

    Raises ValueError for over 2 GiB.

    Attributes:
        data: the strings, one after the other.
        bounds: int32[n + 1], where in `data` each of them begins, and where the last one ends.
        order: as given. It is no part of what the strings are.
    """

    __slots__ = ("_bounds", "bounds", "data", "order")

    def __init__(self, data: bytes, ends: NDArray[np.integer[Any]], order: NDArray[np.int32] = _UNKNOWN) -> None:
        if len(data) > np.iinfo(np.int32).max:
            raise ValueError("the strings have over 2 GiB")
        self.data = data
        self.order = order
        self.bounds = np.zeros(len(ends) + 1, np.int32)
        self.bounds[1:] = ends
        self.bounds.flags.writeable = False
        self._bounds = self.bounds.data  # gives an int in half the time that an array takes

    @property
    def start(self) -> NDArray[np.int32]:
        """Where in `data` each of them begins."""
        return self.bounds[:-1]

    @property
    def length(self) -> NDArray[np.int32]:
        """How many bytes each of them has."""
        return np.diff(self.bounds)

    @classmethod
    def of(cls, strings: Iterable[bytes | None]) -> Strings:
        """These strings; None is an empty one."""
        known = [string or b"" for string in strings]
        return cls(b"".join(known), np.cumsum(np.fromiter(map(len, known), np.int64, len(known))))

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __getitem__(self, place: int) -> bytes:
        if place < 0:
            raise IndexError(place)
        return self.data[self._bounds[place] : self._bounds[place + 1]]

    def __iter__(self) -> Iterator[bytes]:
        return (self.data[start:end] for start, end in itertools.pairwise(self.bounds.tolist()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Strings) and self.data == other.data and np.array_equal(self.bounds, other.bounds)

    def __hash__(self) -> int:
        return hash((self.data, self.bounds.tobytes()))

    def replaced(self, others: Mapping[int, bytes]) -> Strings:
        """These strings with others in some places. Made for few."""
        others = {place: string for place, string in others.items() if string != self[place]}
        if not others:
            return self
        length = self.length
        pieces, done = [], 0
        for place, string in sorted(others.items()):
            pieces += [self.data[done : self._bounds[place]], string]
            done = self._bounds[place + 1]
            length[place] = len(string)
        return Strings(b"".join([*pieces, self.data[done:]]), np.cumsum(length, dtype=np.int32), self.order)

    def holding(self, byte: int) -> list[int]:
        """The places of the strings that have this byte in them."""
        found = np.flatnonzero(np.frombuffer(self.data, np.uint8) == byte)
        places: list[int] = np.unique(np.searchsorted(self.bounds[1:], found, "right")).tolist()
        return places
