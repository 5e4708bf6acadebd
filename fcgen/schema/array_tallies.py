"""Count an array's items: how many there are, and how many are of each shape that is counted.

An item is of a shape by choice: with "at least", a way that counts it and a way that does not may both be open, and the
end shows which one was right. Only "at most" needs to know of an item that it is not of the shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import NamedTuple

from fcgen.errors import SchemaError
from fcgen.place import pointer
from fcgen.schema.algebra import divided, exclude, meet
from fcgen.schema.array_sets import item_of
from fcgen.schema.shape import Array, Contains, Never, Shape
from fcgen.schema.tracking import check_few

MAX_ITEMS = 200
MAX_KINDS = 1_000
MAX_TALLIES = 50_000
_PASSED, _OPEN, _FULL = range(3)  # nothing is counted any more; an item counts, or does not; none may


class Tally(NamedTuple):
    """A place between items.

    Attributes:
        at: the index of the next item, as far as it matters.
        counts: how many items are of each shape that is counted, as far as it matters.
    """

    at: int
    counts: tuple[int, ...]


class Kind(NamedTuple):
    """One way to write an item: its shape, and for which of the shapes that are counted it counts."""

    shape: Shape
    counted: tuple[int, ...]


class Tallies:
    """The places between the items of an array.

    Attributes:
        alike: from this index on, all items are alike.
        needed: no more items than this are ever needed.

    Raises SchemaError: there is too much to count.
    """

    def __init__(self, part: Array) -> None:
        self._part, self._contains = part, part.contains
        self.alike = max([len(part.prefix), *(known.start for known in part.contains), 1])
        self._steady = max(self.alike, part.min_items, part.max_items or 0)  # and all indices
        self._kinds: dict[tuple[int, tuple[int, ...]], list[Kind]] = {}
        self.needed = max(self.alike, part.min_items) + sum(known.least for known in part.contains)
        needed = max([part.min_items, *(known.start + known.least for known in part.contains)])
        if needed > MAX_ITEMS:
            raise self._too_many("minItems", MAX_ITEMS, needed)
        kinds = (self.alike + 1) * 2 ** len(part.contains)
        if kinds > MAX_KINDS:
            raise self._too_many("contains", MAX_KINDS, kinds)
        if self.size > MAX_TALLIES:
            raise self._too_many("contains", MAX_TALLIES, self.size)

    def _too_many(self, keyword: str, limit: int, given: int) -> SchemaError:
        return SchemaError(
            "an array has too many items to count, or to tell apart",
            pointer=pointer(self._part.place),
            keyword=keyword,
            limit=limit,
            given=given,
        )

    @property
    def start(self) -> Tally:
        """The place before the first item."""
        return Tally(0, (0,) * len(self._contains))

    @property
    def size(self) -> int:
        """How many places there are, at most, on the ways from one of them to an end."""
        return (max(self.alike, self._part.min_items) + 1) * prod(
            min(known.least if known.most is None else known.most, self.needed) + 1 for known in self._contains
        )

    def may_end(self, tally: Tally) -> bool:
        """Return whether the array may end."""
        counted = zip(tally.counts, self._contains, strict=True)
        return tally.at >= self._part.min_items and all(count >= known.least for count, known in counted)

    def is_full(self, tally: Tally) -> bool:
        """Return whether no item may follow."""
        return self._part.max_items is not None and tally.at >= self._part.max_items

    def then(self, tally: Tally, counted: Sequence[int]) -> Tally:
        """The place after an item that counts for these shapes."""
        counts = list(tally.counts)
        for k in counted:
            counts[k] += 1
        return Tally(min(tally.at + 1, self._steady), tuple(counts))

    def is_nearer(self, tally: Tally, then: Tally) -> bool:
        """Return whether an item that leads from `tally` to `then` can be needed.

        Where items are alike their order does not matter, so those come first that are still to be counted.
        """
        if tally.at < self.alike:
            return True
        lacking = [k for k, known in enumerate(self._contains) if tally.counts[k] < known.least]
        return any(then.counts[k] > tally.counts[k] for k in lacking) if lacking else tally.at < self._part.min_items

    def counts_for(self, tally: Tally, shapes: frozenset[int]) -> tuple[int, ...] | None:
        """Find which counts an item raises that is of these shapes; None: it may not come here."""
        status = self._status(tally)
        if any(status[k] == _FULL for k in shapes):
            return None
        return tuple(k for k in sorted(shapes) if status[k] == _OPEN)

    def kinds(self, tally: Tally) -> list[Kind]:
        """The ways to write the item at a place, by what they count."""
        return self._found(min(tally.at, self.alike), self._status(tally))

    def all_kinds(self) -> Iterator[Kind]:
        """The ways to write any item; some more than once."""
        for at in range(self.alike + 1):
            ways = [
                (_PASSED,)
                if at < known.start
                else (
                    _OPEN if known.least or known.most is not None else _PASSED,
                    _PASSED if known.most is None else _FULL,
                )
                for known in self._contains
            ]
            for status in product(*ways):
                yield from self._found(at, status)

    def _status(self, tally: Tally) -> tuple[int, ...]:
        return tuple(
            _PASSED
            if tally.at < known.start
            else _FULL
            if known.most is not None and count >= known.most
            else _OPEN
            if known.most is not None or count < known.least
            else _PASSED
            for count, known in zip(tally.counts, self._contains, strict=True)
        )

    def _found(self, at: int, status: tuple[int, ...]) -> list[Kind]:
        found = self._kinds.get((at, status))
        if found is None:
            found = [Kind(item_of(self._part, at), ())]
            for k, known in enumerate(self._contains):
                if status[k] != _PASSED:
                    found = [one for kind in found for one in _by_count(kind, k, known, is_full=status[k] == _FULL)]
                    check_few(found, self._part.place)
            found = self._kinds[at, status] = [kind for kind in found if type(kind.shape) is not Never]
        return found


def _by_count(kind: Kind, k: int, known: Contains, *, is_full: bool) -> Iterator[Kind]:
    """An item by whether it counts for `known`, which is the `k`th."""
    if known.most is None:
        both, rest = divided(kind.shape, known.item)
    else:
        both, rest = meet(kind.shape, known.item), exclude(kind.shape, known.item)
    if type(rest) is not Never:
        yield Kind(rest, kind.counted)
    if type(both) is not Never and not is_full:
        yield Kind(both, (*kind.counted, k))
