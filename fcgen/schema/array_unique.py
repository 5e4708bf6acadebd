"""Array -> Expr, where items must differ.

Items are remembered as they are written (`record`), and later ones are anything but all spellings of these. Places
between items are built where they are walked: what is counted so far, and which items are written.

Before an item is allowed it is made sure that an end is left whatever it is. A place has some shortest way to the end:
values that may run out are counted by groups, and of all others there are enough (`array_supplies.py`). How many ways
there can be is bounded before anything is written; a schema with more of them is refused.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from fcgen.errors import SchemaError
from fcgen.grammar.derive import fewest
from fcgen.grammar.expr import EMPTY, NOTHING, alt, alt_of, deferred, literal, record, seq, shared, unknown
from fcgen.grammar.terms import Expr
from fcgen.grammar.work import spend
from fcgen.place import pointer
from fcgen.schema.array_supplies import Group, Others, Supplies, read_item
from fcgen.schema.array_tallies import Tallies, Tally
from fcgen.schema.costs import located
from fcgen.schema.lowering import Lowering
from fcgen.schema.shape import Array
from fcgen.schema.tracking import FAR

MAX_WAYS = 200_000  # steps for all that is looked up at one place
_CLOSE = literal(b"]")

Written = frozenset[Hashable]
_Item = tuple[int, Hashable]  # how many bytes it needs, and its key


class _Place(NamedTuple):
    """A place between items: what is counted, and the keys of the items that are there."""

    tally: Tally
    written: Written


class _Step(NamedTuple):
    """What an item can be: values of a group, or others, and the place after it."""

    values: Group | Others
    then: Tally


class _Way(NamedTuple):
    """Where a search is: what is counted, how many of each group are taken, and how many others."""

    tally: Tally
    taken: tuple[int, ...]
    others: int


class _Unique:
    """An array whose items must differ."""

    def __init__(self, part: Array, low: Lowering, depth: int) -> None:
        self._part, self._low, self._depth = part, low.distinct, depth
        self._tallies = Tallies(part)
        self._inside = low.within(depth)
        self._supplies = Supplies(part, self._tallies, self._low, self._inside)
        self._spacing = low.spacing(depth)
        self._comma = int(fewest(self._spacing.comma))
        self._end = seq(self._spacing.close, _CLOSE)
        self._is_sought = False

    def whole(self) -> Expr:
        start = _Place(self._tallies.start, frozenset())
        empty = _CLOSE if self._tallies.may_end(start.tally) else NOTHING
        build = partial(self._items_at, start)
        some = deferred(build, self._sketch_of_start, can_stop=False, contents=self._low.contents)
        self._low.check_later(partial(self._check, some))
        return self._low.enclosed(b"[", some, empty, self._depth)

    def _check(self, some: Expr) -> None:
        """Refuse an array of which more ways to the end may have to be tried than there is time for.

        `some` is the array after its bracket: that it has an end, or is refused, is found out here.
        """
        with located(self._part.place, "uniqueItems"):
            kinds = {kind.shape for kind in self._tallies.all_kinds()}
            for shape in kinds:
                self._low.late(shape, self._inside)
            given = self._most_ways() * (len(self._supplies.groups) + len(kinds))
        if given > MAX_WAYS:
            raise SchemaError(
                "an array whose items must differ can be filled in too many ways",
                pointer=pointer((self._part.place, "uniqueItems")),
                keyword="uniqueItems",
                limit=MAX_WAYS,
                given=given,
                hint="Lower `minItems` and `minContains`, or leave out `uniqueItems` or `contains`.",
            )
        fewest(some)

    def _most_ways(self) -> int:
        """How many steps a search for an end tries at most: from the start, where most is needed."""
        groups = {group: i for i, group in enumerate(self._supplies.groups)}
        start = _Way(self._tallies.start, (0,) * len(groups), 0)
        seen, ahead, count = {start}, [start], 0
        while ahead and count <= MAX_WAYS:
            way = ahead.pop()
            for step in self._steps(way.tally):
                spend()
                count += 1
                then, index = _taken(way, step, groups)
                is_left = isinstance(step.values, Others) or index < step.values.size
                if is_left and then not in seen and self._tallies.is_nearer(way.tally, then.tally):
                    seen.add(then)
                    ahead.append(then)
        return count

    def _sketch_of_start(self) -> Expr:
        """Some shortest way to the end of an array with items."""
        if self._is_sought:  # what its items can be depends on what they can be
            raise self._refusal()
        self._is_sought = True
        try:
            with located(self._part.place, "uniqueItems"):
                return self._shortest()
        finally:
            self._is_sought = False

    def _refusal(self) -> SchemaError:
        return SchemaError(
            "items that must differ are needed, may hold the array itself, and may run out where they do not",
            pointer=pointer((self._part.place, "uniqueItems")),
            keyword="uniqueItems",
            hint="Leave out `minItems` and `contains`, or allow many values that hold no array with `uniqueItems`.",
        )

    def _shortest(self) -> Expr:
        start, tallies = self._tallies.start, self._tallies
        kinds = tallies.kinds(start)
        if all(tallies.may_end(tallies.then(start, kind.counted)) for kind in kinds):
            some = alt_of(self._low.late(kind.shape, self._inside) for kind in kinds)
            return NOTHING if tallies.is_full(start) else seq(some, self._end)
        way = self._way(start, frozenset())
        holding = [kind.shape for kind in kinds if self._supplies.holds_itself(kind.shape)]
        if holding and (self._supplies.are_few if way else any(map(self._supplies.holds_others, holding))):
            raise self._refusal()
        return self._text_of(start, way)

    def _at(self, place: _Place) -> Expr:
        """What may come at a place after an item."""
        return shared(self._after_item, place)

    def _after_item(self, place: _Place) -> Expr:
        may_end = self._tallies.may_end(place.tally)
        like = self._end if may_end else self._text_of(place.tally, self._way(place.tally, place.written))
        return deferred(partial(self._ways, place), like, contents=self._low.contents)

    def _ways(self, place: _Place) -> Expr:
        return alt(self._items_at(place), self._end if self._tallies.may_end(place.tally) else NOTHING)

    def _items_at(self, place: _Place) -> Expr:
        """Each item that may come next, with what may follow it."""
        comma = self._spacing.comma if place.tally.at else EMPTY
        return seq(comma, alt_of(self._item(step, place.written) for step in self._steps(place.tally)))

    def _item(self, step: _Step, written: Written) -> Expr:
        """An item, remembered, and what may follow it."""
        if isinstance(step.values, Group):
            shortest = step.values.left(written, 1)
            if not shortest:
                return NOTHING
            texts = step.values.texts(written)
            like = self._generic(step.then, written | {shortest[0][1]}, 0)
        else:
            others = written.difference(self._supplies.listed)
            texts = self._supplies.but(step.values.texts, others)
            like = self._generic(step.then, written, 1)
        return record(texts, _AfterItem(self, written, step.then), like, sure=True)

    def _generic(self, then: Tally, written: Written, others: int) -> Expr:
        """What follows an item, as far as it does not depend on which it is; `others` more are written than told."""
        if self._tallies.may_end(then):
            goes_on = any(self._is_left(step.values, written, others) for step in self._steps(then))
            return alt(seq(self._spacing.comma, unknown(FAR)), self._end) if goes_on else self._end
        way = self._way(then, written, others)
        if way is None:
            return NOTHING
        need = sum(need for need, _ in way) + self._comma * (len(way) - 1) + int(fewest(self._end))
        return seq(self._spacing.comma, unknown(need))

    def _is_left(self, values: Group | Others, written: Written, others: int) -> bool:
        """Whether one of the values is left, if `others` more that are not listed are written."""
        if isinstance(values, Group):
            return bool(values.left(written, 1))
        return values.is_endless or len(values.left(written, others + 1)) > others

    def after(self, text: bytes, written: Written, then: Tally) -> Expr:
        """What may follow the item that is written last."""
        key, _ = read_item(text)
        return self._at(_Place(then, written | {key}))

    def _steps(self, tally: Tally) -> Iterator[_Step]:
        """What the next item can be, were nothing written."""
        tallies = self._tallies
        if tallies.is_full(tally):
            return
        for group in self._supplies.groups:
            counted = tallies.counts_for(tally, group.shapes)
            if counted is not None and min(tally.at, tallies.alike) in group.items:
                yield _Step(group, tallies.then(tally, counted))
        for kind in tallies.kinds(tally):
            others = self._supplies.others(kind.shape)
            if others is not None:
                yield _Step(others, tallies.then(tally, kind.counted))

    def _way(self, tally: Tally, written: Written, others: int = 0) -> list[_Item] | None:
        """The items of a shortest way to the end, each with the bytes that it needs; None: there is none.

        Of values that are not listed, `others` more are written than it is told, so that as many are left out.
        """
        groups = {group: i for i, group in enumerate(self._supplies.groups)}
        start = _Way(tally, (0,) * len(groups), others)
        left = _Left(written)
        came: dict[_Way, tuple[_Way, _Item]] = {}
        heap: list[tuple[int, int, _Way, _Way, _Item]] = [(0, 0, start, start, (0, None))]
        pushed = itertools.count(1)
        while heap:
            walked, _, way, before, item = heapq.heappop(heap)
            if way in came:
                continue
            came[way] = before, item
            if way.tally.at > 0 and self._tallies.may_end(way.tally):
                found = []
                while way != start:
                    way, item = came[way]
                    found.append(item)
                return found[::-1]
            for step in self._steps(way.tally):
                spend()
                if self._tallies.is_nearer(way.tally, step.then):
                    then, index = _taken(way, step, groups)
                    value = left.nth(step.values, index)
                    if value is not None and then not in came:
                        far = walked + value[0] + self._comma
                        heapq.heappush(heap, (far, next(pushed), then, way, value))
        return None

    def _text_of(self, tally: Tally, way: list[_Item] | None) -> Expr:
        """The items of a way, and the end."""
        if way is None:
            return NOTHING
        comma = self._spacing.comma
        items = [part for _, key in way for part in (comma, self._supplies.spelled(key))]
        return seq(*(items if tally.at else items[1:]), self._end)


class _Left:
    """The values that are left where some are written."""

    def __init__(self, written: Written) -> None:
        self._written = written
        self._found: dict[Group | Others, list[_Item]] = {}

    def nth(self, values: Group | Others, index: int) -> _Item | None:
        """The value at an index of these, the short ones first; None: there are not that many."""
        found = self._found.get(values, [])
        if index >= len(found):
            found = self._found[values] = values.left(self._written, max(4, 2 * index))
        return found[index] if index < len(found) else None


def _taken(way: _Way, step: _Step, groups: dict[Group, int]) -> tuple[_Way, int]:
    """The way after a step, and how many of its values are taken before it."""
    if isinstance(step.values, Others):
        return _Way(step.then, way.taken, way.others + 1), way.others
    i = groups[step.values]
    index = way.taken[i]
    return _Way(step.then, (*way.taken[:i], index + 1, *way.taken[i + 1 :]), way.others), index


@dataclass(frozen=True, slots=True)
class _AfterItem:
    """What follows an item that is being written."""

    unique: _Unique
    written: Written
    then: Tally

    def __call__(self, text: bytes) -> Expr:
        return self.unique.after(text, self.written, self.then)


def unique_texts(part: Array, low: Lowering, depth: int) -> Expr:
    """The texts of the arrays of `part`, whose items must differ.

    Raises SchemaError: there is too much to count, or there are too many ways.
    """
    return _Unique(part, low, depth).whole()
