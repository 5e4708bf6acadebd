"""Array -> Expr: the texts of arrays.

Most arrays are a chain of first items and a loop over further ones. Where items are counted (`contains`) or must differ
(`uniqueItems`), the places between items are kept track of instead: the index as far as it matters, how many items are
of each shape, and which items are written. Such places are built where they are walked.

An item is of a shape by choice: with "at least", a way that counts it and a way that does not may both be open, and the
end shows which one was right. Only "at most" needs to know of an item that it is not of the shape.

Items that must differ are remembered as they are written (`record`), and later ones are anything but all spellings of
these. Values that are listed are chosen from those that are left.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from fcgen.errors import GrammarTooLarge, SchemaError
from fcgen.grammar.derive import INFINITE, few_texts, fewest, shortest
from fcgen.grammar.expr import (
    EMPTY,
    NOTHING,
    alt,
    alt_of,
    both,
    complement,
    deferred,
    literal,
    record,
    repeat,
    seq,
    unknown,
)
from fcgen.grammar.terms import Expr
from fcgen.place import Place, pointer
from fcgen.schema.algebra import divided, exclude, meet, union
from fcgen.schema.array_sets import item_of
from fcgen.schema.definitions import resolve
from fcgen.schema.lowering import Lowering
from fcgen.schema.shape import AnyOf, Array, Boolean, Contains, Never, Null, Shape, String, Values
from fcgen.schema.string_texts import string_texts
from fcgen.schema.tracking import FAR, MAX_FEW, check_few, needing
from fcgen.schema.values import key_of

MAX_ITEMS = 200
MAX_NESTED = 100
MAX_STEPS = 2_000
MAX_CANDIDATES = 3
MAX_PLACES = 5_000
_CLOSE = literal(b"]")
_SLACK = literal(b" " * 256)
_BRACKETS = re.compile(rb'"(?:[^"\\\\]|\\\\.)*"|([\[{])|([\]}])')


def array_texts(part: Array, low: Lowering, depth: int) -> Expr:
    """The texts of the arrays of `part`, whose items `low` has lowered.

    Raises SchemaError where there is too much to count.
    """
    if part.contains or (part.unique and part.max_items not in (0, 1)):
        low.contents.has_more()  # what is counted, or differs from what is written, is told apart when it is walked
        return _Counted(part, low, depth).whole()
    return _chained(part, low, depth)


def _chained(part: Array, low: Lowering, depth: int) -> Expr:
    """The array, from its end: `after` is what may follow the items that are written so far."""
    spacing, inside = low.spacing(depth), low.within(depth)
    comma, end = spacing.comma, seq(spacing.close, _CLOSE)
    least, most, size = part.min_items, part.max_items, len(part.prefix)
    none = _CLOSE if least == 0 else NOTHING
    if most == 0:
        return low.enclosed(b"[", NOTHING, none, depth)
    rest = low.term(part.rest, inside)
    if size == 0:
        more = repeat(seq(comma, rest), max(0, least - 1), None if most is None else most - 1)
        return low.enclosed(b"[", seq(rest, more, end), none, depth)
    after = seq(repeat(seq(comma, rest), max(0, least - size), None if most is None else max(0, most - size)), end)
    for i in range(size - 1, 0, -1):
        stop = end if i >= least else NOTHING
        item = low.term(part.prefix[i], inside)
        after = alt(seq(comma, item, after), stop) if most is None or i < most else stop
    return low.enclosed(b"[", seq(low.term(part.prefix[0], inside), after), none, depth)


class _Place(NamedTuple):
    """A place between items.

    Attributes:
        at: the index of the next item, as far as it matters.
        counts: how many items are of each shape that is counted.
        written: the keys of the items that are there, where they must differ.
    """

    at: int
    counts: tuple[int, ...]
    written: frozenset[Hashable]


class _Item(NamedTuple):
    """One way to write an item: its texts, or the values that are listed; and what is counted after it."""

    counts: tuple[int, ...]
    texts: Expr
    listed: Mapping[Hashable, Any]


class _Counted:
    """An array whose items are kept track of."""

    def __init__(self, part: Array, low: Lowering, depth: int) -> None:
        self.part = part
        self.low = low.distinct if part.unique else low
        self.depth, self.inside = depth, low.within(depth)
        self.spacing = low.spacing(depth)
        self.end = seq(self.spacing.close, _CLOSE)
        starts = [known.start for known in part.contains]
        self.alike = max([len(part.prefix), *starts, 1])  # from here on, all items are alike
        self.steady = max(self.alike, part.min_items, part.max_items or 0)  # and all indices
        self.places: dict[_Place, Expr] = {}
        self.values: dict[Hashable, Any] = {}
        self.kinds: dict[tuple[int, tuple[int, ...]], list[_Item]] = {}
        self.spellings: dict[Hashable, Expr] = {}

    def whole(self) -> Expr:
        needed = max([self.part.min_items, *(known.start + known.least for known in self.part.contains)])
        if needed > MAX_ITEMS:
            raise SchemaError(
                "an array has too many items to count, or to tell apart",
                pointer=pointer(self.part.place),
                keyword="minItems",
                limit=MAX_ITEMS,
                given=needed,
            )
        start = _Place(0, (0,) * len(self.part.contains), frozenset())
        empty = _CLOSE if self.may_end(start) else NOTHING
        some = deferred(partial(self.items_at, start), self.sketch(start), contents=self.low.contents)
        return self.low.enclosed(b"[", some, empty, self.depth)

    def may_end(self, place: _Place) -> bool:
        counted = zip(place.counts, self.part.contains, strict=True)
        return place.at >= self.part.min_items and all(count >= known.least for count, known in counted)

    def is_full(self, place: _Place) -> bool:
        return self.part.max_items is not None and place.at >= self.part.max_items

    def at(self, place: _Place) -> Expr:
        """What may come at a place after an item."""
        found = self.places.get(place)
        if found is None:
            if len(self.places) > MAX_PLACES:
                self.places.clear()
            like = self.end if self.may_end(place) else self.sketch(place)
            found = self.places[place] = deferred(partial(self.ways, place), like, contents=self.low.contents)
        return found

    def ways(self, place: _Place) -> Expr:
        return alt(self.items_at(place), self.end if self.may_end(place) else NOTHING)

    def items_at(self, place: _Place) -> Expr:
        """Each item that may come next, with what may follow it."""
        if self.is_full(place):
            return NOTHING
        comma = self.spacing.comma if place.at else EMPTY
        return seq(comma, alt_of(way for item in self.items(place) for way in self.written(item, place)))

    def written(self, item: _Item, place: _Place) -> Iterator[Expr]:
        """An item, and what may follow it."""
        then = _Place(min(place.at + 1, self.steady), item.counts, place.written)
        if not self.part.unique:
            yield seq(item.texts, self.at(then))
            return
        for key in item.listed:
            if key not in place.written:
                yield seq(self.spelled(key), self.at(then._replace(written=then.written | {key})))
        if item.texts is not NOTHING:
            texts = self.other(item.texts, place.written | self.fatal(then))
            yield record(texts, _AfterItem(self, then), self.generic(then))

    def fatal(self, then: _Place) -> frozenset[Hashable]:
        """The listed values that, once written, leave nothing for an item that is still demanded."""
        if self.may_end(then) or not self.values:
            return frozenset()
        told = [key for key in self.values if key not in then.written][:MAX_FEW]
        return frozenset(
            key for key in told if fewest(self.at(then._replace(written=then.written | {key}))) == INFINITE
        )

    def other(self, texts: Expr, written: Iterable[Hashable]) -> Expr:
        """The texts but those of what is written."""
        taken = [self.spelled(key) for key in written]
        return both(texts, complement(alt_of(taken))) if taken else texts

    def spelled(self, key: Hashable) -> Expr:
        """The texts of a value that is written."""
        found = self.spellings.get(key)
        if found is None:
            if len(self.spellings) > MAX_PLACES:
                self.spellings.clear()
            found = self.spellings[key] = self.low.permuted.value(self.values[key], self.inside)
        return found

    def generic(self, place: _Place) -> Expr:
        """What follows an item, as far as it does not depend on the items that are written."""
        if self.is_full(place):
            return self.end if self.may_end(place) else NOTHING
        if self.may_end(place):
            return alt(seq(self.spacing.comma, unknown(FAR)), self.end)
        return seq(self.spacing.comma, needing(self.sketch(place, slack=True)))

    def items(self, place: _Place) -> list[_Item]:
        """The ways to write the item at a place, by what they count."""
        at = min(place.at, self.alike), place.counts
        found = self.kinds.get(at)
        if found is None:
            found = self.kinds[at] = list(self._items(place))
        return found

    def _items(self, place: _Place) -> Iterator[_Item]:
        classes = [(item_of(self.part, place.at), place.counts)]
        for k, known in enumerate(self.part.contains):
            if place.at >= known.start and (known.most is not None or place.counts[k] < known.least):
                classes = [found for one in classes for found in _counted(*one, k, known)]
                check_few(classes, self.part.place)
        for shape, counts in classes:
            yield self.item(shape, counts)

    def item(self, shape: Shape, counts: tuple[int, ...]) -> _Item:
        if not self.part.unique:
            return _Item(counts, self.low.late(shape, self.inside), {})
        listed, others = _apart(shape, self.part.place)
        self.values.update(listed)
        texts = NOTHING if type(others) is Never else self.low.late(others, self.inside)
        return _Item(counts, texts, listed)

    def sketch(self, place: _Place, *, slack: bool = False) -> Expr:
        """Some shortest way to the end: as many items as are needed."""
        if not self.part.unique:
            return self.shortest_way(place, {})
        if all(self.may_end(self.then(item, place)) for item in self.items(place)):
            return self.last_item(place)
        if self.low.is_unsettled():
            return self.estimate(place)
        texts = self.example(place, slack=slack, steps=iter(range(MAX_STEPS)))
        return NOTHING if texts is None else seq(*texts, self.end)

    def estimate(self, place: _Place) -> Expr:
        """A bound where items hold the array itself: each item that is demanded differs within some bytes."""
        if place.at > 0 and self.may_end(place):
            return self.end
        comma = self.spacing.comma if place.at else EMPTY
        return alt_of(seq(comma, item.texts, _SLACK, self.estimate(then)) for item, then in self.nearer(place))

    def nearer(self, place: _Place) -> list[tuple[_Item, _Place]]:
        """The items that lead to an end, each with the place after it.

        Where items are alike their order does not matter, so those come first that are still to be counted.
        """
        following = [(item, self.then(item, place)) for item in self.items(place)]
        if place.at >= self.alike:
            lacking = [k for k, known in enumerate(self.part.contains) if place.counts[k] < known.least]
            if lacking:
                return [
                    (item, then) for item, then in following if any(then.counts[k] > place.counts[k] for k in lacking)
                ]
        return [(item, then) for item, then in following if then != place]

    def then(self, item: _Item, place: _Place) -> _Place:
        return place._replace(at=min(place.at + 1, self.steady), counts=item.counts)

    def shortest_way(self, place: _Place, memo: dict[_Place, Expr]) -> Expr:
        """One item after the other until none is needed, then the end."""
        if place.at > 0 and self.may_end(place):
            return self.end
        if self.is_full(place):
            return NOTHING
        if place not in memo:
            comma = self.spacing.comma if place.at else EMPTY
            memo[place] = alt_of(
                seq(comma, item.texts, self.shortest_way(then, memo)) for item, then in self.nearer(place)
            )
        return memo[place]

    def last_item(self, place: _Place) -> Expr:
        if self.is_full(place):
            return NOTHING
        comma = self.spacing.comma if place.at else EMPTY
        ways: list[Expr] = []
        for item in self.items(place):
            ways += [self.spelled(key) for key in item.listed if key not in place.written]
            ways.append(self.other(item.texts, place.written))
        return seq(comma, alt_of(ways), self.end)

    def example(self, place: _Place, *, slack: bool, steps: Iterator[int]) -> list[Expr] | None:
        """Items that differ, until none is needed; with `slack`, without counting on the very shortest of each kind."""
        if place.at > 0 and self.may_end(place):
            return []
        if self.is_full(place) or next(steps, None) is None:
            return None
        comma = self.spacing.comma if place.at else EMPTY
        for item in reversed(self.items(place)):  # those that count most first
            for key in self.candidates(item, place.written, MAX_CANDIDATES + slack)[slack:]:
                then = self.then(item, place)._replace(written=place.written | {key})
                rest = None if then == place else self.example(then, slack=slack, steps=steps)
                if rest is not None:
                    return [comma, self.spelled(key), *rest]
        return None

    def candidates(self, item: _Item, written: frozenset[Hashable], count: int) -> list[Hashable]:
        """Some values of an item that are not written."""
        found = [key for key in item.listed if key not in written][:count]
        while len(found) < count:
            text = shortest(self.other(item.texts, written.union(found)))
            if text is None:
                break
            key, value = _read(text)
            self.values[key] = value
            found.append(key)
        return found


@dataclass(frozen=True, slots=True)
class _AfterItem:
    """What follows an item that is being written."""

    counted: _Counted
    place: _Place

    def __call__(self, written: bytes) -> Expr:
        key, value = _read(written)
        self.counted.values[key] = value
        return self.counted.at(self.place._replace(written=self.place.written | {key}))


def _counted(shape: Shape, counts: tuple[int, ...], k: int, known: Contains) -> Iterator[tuple[Shape, tuple[int, ...]]]:
    """An item by whether it counts for `known`, which is the `k`th, each with what is counted then."""
    if known.most is None:
        both, rest = divided(shape, known.item)
    else:
        both, rest = meet(shape, known.item), exclude(shape, known.item)
    if type(rest) is not Never:
        yield rest, counts
    if type(both) is not Never and (known.most is None or counts[k] < known.most):
        yield both, (*counts[:k], counts[k] + 1, *counts[k + 1 :])


def _read(written: bytes) -> tuple[Hashable, Any]:
    """The key of the value that a text means, and the value."""
    depth = deepest = 0
    for opening, closing in _BRACKETS.findall(written):
        depth += 1 if opening else -1 if closing else 0
        deepest = max(deepest, depth)
    if deepest > MAX_NESTED:
        raise GrammarTooLarge(
            "an item that must differ from others is nested too deeply", limit=MAX_NESTED, given=deepest
        )
    value = json.loads(written)
    return key_of(value), value


def _few_strings(strings: String) -> list[str] | None:
    few = few_texts(string_texts(strings), MAX_FEW) if strings.is_regular or strings.max_length is not None else None
    return None if few is None else [json.loads(b'"' + text + b'"') for text in few]


def _apart(shape: Shape, place: Place) -> tuple[dict[Hashable, Any], Shape]:
    """The values that a shape lists, and what else it means."""
    listed: dict[Hashable, Any] = {}
    others: list[Shape] = []
    ahead, seen = [shape], {shape}
    while ahead:
        part = ahead.pop()
        match resolve(part):
            case AnyOf(parts=parts):
                ahead += [one for one in reversed(parts) if one not in seen]
                seen.update(parts)
            case Values(values=values):
                listed.update(values)
            case Boolean():
                listed.update({key_of(value): value for value in (True, False)})
            case Null():
                listed[key_of(None)] = None
            case String() as strings if (few := _few_strings(strings)) is not None:
                listed.update({key_of(text): text for text in few})
            case _:
                others.append(part)  # as it is: what a definition holds may lead back to here
    return listed, union(others, place)
