"""Which values an item can have where items must differ: what may run out is known one by one.

The values of an item are listed where there are few, or where the schema lists them. Those that the same items and the
same counted shapes allow are a group: which of them are written does not matter, only how many are left. Of all other
values there are more than are ever needed; some short ones of these show how long an item needs to be.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Iterator
from functools import cached_property
from itertools import islice
from typing import Any

from fcgen.core import NameTable, fork
from fcgen.errors import GrammarTooLarge
from fcgen.grammar.arcs import Recording
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.enumeration import few_texts, texts_of
from fcgen.grammar.expr import alt_of, both, complement, shared
from fcgen.grammar.terms import Expr, Literal
from fcgen.grammar.work import spend
from fcgen.place import Place
from fcgen.schema.algebra import union
from fcgen.schema.array_sets import item_of
from fcgen.schema.array_tallies import Tallies
from fcgen.schema.contains import contains
from fcgen.schema.definitions import resolve
from fcgen.schema.lowering import Lowering, children_of
from fcgen.schema.number_sets import Number
from fcgen.schema.shape import AnyOf, Anything, Array, Boolean, Never, Null, Object, Shape, String, Values
from fcgen.schema.string_texts import string_texts
from fcgen.schema.values import key_of, value_by
from fcgen.schema.without import without

MAX_LISTED = 256
MAX_FEW = 16  # values that may be needed in each of the arrays within each other
_DEEP = 6


def read_item(written: bytes) -> tuple[Hashable, Any]:
    """The key of the value that a text means, and the value. Raises GrammarTooLarge where it is nested too deeply."""
    try:
        value = json.loads(written)
        return key_of(value), value
    except RecursionError:
        raise GrammarTooLarge("an item that must differ from others is nested too deeply") from None


class Group:
    """Listed values that the same items and the same counted shapes allow.

    Attributes:
        items: the indices at which they may stand.
        shapes: the counted shapes that they are of.
        size: how many there are.
    """

    def __init__(self, items: frozenset[int], shapes: frozenset[int], spelled: dict[Hashable, Expr]) -> None:
        self.items, self.shapes, self.size = items, shapes, len(spelled)
        needs = {key: int(fewest(term)) for key, term in spelled.items()}
        self._shortest = sorted(needs.items(), key=lambda item: item[1])
        texts = {term.data: key for key, term in spelled.items() if type(term) is Literal}
        layers = _layers(sorted(texts))
        self._layers = [NameTable.of(layer) for layer in layers]
        self._bits = {texts[text]: (i, 1 << bit) for i, layer in enumerate(layers) for bit, text in enumerate(layer)}
        self._others = {key: term for key, term in spelled.items() if key not in self._bits}

    def texts(self, written: Iterable[Hashable]) -> Expr:
        """The texts of those that are not written."""
        left = [(1 << len(layer)) - 1 for layer in self._layers]
        others = dict(self._others)
        spend(len(others))
        for key in written:
            if key in self._bits:
                i, bit = self._bits[key]
                left[i] &= ~bit
            else:
                others.pop(key, None)
        forks = [fork(layer, None, chosen) for layer, chosen in zip(self._layers, left, strict=True)]
        return alt_of([*forks, *others.values()])

    def left(self, written: frozenset[Hashable], count: int) -> list[tuple[int, Hashable]]:
        """The shortest of those that are not written, as many as are asked for if there are, with their lengths."""
        found: list[tuple[int, Hashable]] = []
        for key, need in self._shortest:
            if len(found) == count:
                break
            if key not in written:
                found.append((need, key))
        return found


def _layers(texts: Iterable[bytes]) -> list[list[bytes]]:
    """Sorted texts, divided so that in no part one begins another."""
    layers: list[list[bytes]] = []
    begun: list[bytes] = []
    for text in texts:
        while begun and not text.startswith(begun[-1]):
            begun.pop()
        if len(begun) == len(layers):
            layers.append([])
        layers[len(begun)].append(text)
        begun.append(text)
    return layers


class Others:
    """The values of an item that are not listed.

    Attributes:
        texts: their texts.
        is_endless: whether there are more than `left` knows of, without end.
    """

    def __init__(self, texts: Expr, values: Iterator[tuple[Hashable, int]], *, is_endless: bool) -> None:
        self.texts, self.is_endless = texts, is_endless
        self._values = values
        self._known: list[tuple[Hashable, int]] = []

    def left(self, written: frozenset[Hashable], count: int) -> list[tuple[int, Hashable]]:
        """As many as are asked for that are not written, if there are, each with what it or one before it needs."""
        found: list[tuple[int, Hashable]] = []
        longest = 0
        for key, need in self._all():
            if len(found) == count:
                break
            if key not in written:
                longest = max(longest, need)
                found.append((longest, key))
        return found

    def _all(self) -> Iterator[tuple[Hashable, int]]:
        yield from self._known
        for one in self._values:
            self._known.append(one)
            yield one


class Supplies:
    """The values of the items of an array, which must differ.

    Args:
        part: the array.
        tallies: what is counted of its items.
        low: what has lowered the items, with one spelling for each value.
        inside: how deep the items stand.
    """

    def __init__(self, part: Array, tallies: Tallies, low: Lowering, inside: int) -> None:
        self._part, self._tallies, self._low, self._inside = part, tallies, low, inside
        self._enough = tallies.needed + 1
        self._apart: dict[Shape, tuple[dict[Hashable, Any], Shape]] = {}
        self._others: dict[Shape, Others | None] = {}
        self._within: dict[Shape, set[Shape]] = {}

    def spelled(self, key: Hashable) -> Expr:
        """The texts of a value that is known."""
        return shared(self._spelled, key)

    def _spelled(self, key: Hashable) -> Expr:
        return self._low.of_written(self.listed[key] if key in self.listed else value_by(key), self._inside)

    @cached_property
    def listed(self) -> dict[Hashable, Any]:
        """The values that are known one by one."""
        found: dict[Hashable, Any] = {}
        for kind in self._tallies.all_kinds():
            found.update(self._divided(kind.shape)[0])
        return found

    @cached_property
    def groups(self) -> list[Group]:
        """The listed values by what allows them."""
        items: dict[Shape, set[int]] = {}
        for i in range(self._tallies.alike + 1):
            items.setdefault(item_of(self._part, i), set()).add(i)
        shapes = [known.item for known in self._part.contains]
        found: dict[tuple[frozenset[int], frozenset[int]], dict[Hashable, Expr]] = {}
        for key, value in self.listed.items():
            spend(len(items) + len(shapes))
            at = frozenset(i for shape, places in items.items() if contains(shape, value) for i in places)
            of = frozenset(k for k, shape in enumerate(shapes) if contains(shape, value))
            found.setdefault((at, of), {})[key] = self.spelled(key)
        return [Group(at, of, spelled) for (at, of), spelled in found.items()]

    @cached_property
    def are_few(self) -> bool:
        """Whether only few values hold no array of this part."""
        others = [self.others(kind.shape) for kind in self._tallies.kinds(self._tallies.start)]
        count = sum(len(one.left(frozenset(), MAX_FEW)) for one in others if one is not None)
        return sum(group.size for group in self.groups) + count < MAX_FEW

    def others(self, shape: Shape) -> Others | None:
        """The values of a kind of item that are not listed, if there are any."""
        if shape not in self._others:
            self._others[shape] = self._find_others(self._divided(shape)[1])
        return self._others[shape]

    def but(self, texts: Expr, written: Iterable[Hashable]) -> Expr:
        """The texts but those of what is written."""
        taken = [self.spelled(key) for key in written]
        return both(texts, complement(alt_of(taken))) if taken else texts

    def _find_others(self, shape: Shape) -> Others | None:
        if type(shape) is Never:
            return None
        is_endless = self.holds_itself(shape)
        known = self._known_of(shape) if is_endless else shape
        texts = self._low.late(shape, self._inside)
        texts = self.but(texts, [key for key, value in self.listed.items() if contains(shape, value)])
        if not is_endless and fewest(texts) == INFINITE:
            return None
        return Others(texts, self._values_of(known), is_endless=is_endless)

    def _known_of(self, shape: Shape) -> Shape:
        """Values of a shape that hold no array of this part: all of them, or the plain alternatives."""
        if not self.holds_others(shape):
            return without(shape, self._part, self.holds_itself)
        return union([part for part in _alternatives(shape) if not self.holds_itself(part)], _place_of(shape))

    def _values_of(self, shape: Shape) -> Iterator[tuple[Hashable, int]]:
        """The values of a shape that are not listed, short ones first, each with the bytes it needs."""
        if type(shape) is Never:
            return
        seen = set(self.listed)
        for text in texts_of(self._low.sampling.late(shape, 0)):
            key, _ = read_item(text)
            if key not in seen:
                seen.add(key)
                yield key, int(fewest(self.spelled(key)))

    def _divided(self, shape: Shape) -> tuple[dict[Hashable, Any], Shape]:
        """The values of a shape that are listed, and what else it means."""
        found = self._apart.get(shape)
        if found is None:
            found = self._apart[shape] = self._divide(shape)
        return found

    def _divide(self, shape: Shape) -> tuple[dict[Hashable, Any], Shape]:
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
                case Never():
                    pass
                case _ if (few := self._few(part)) is not None:
                    listed.update(few)
                case _:
                    others.append(part)  # as it is: what a definition holds may lead back to here
        return listed, union(others, _place_of(shape))

    def _few(self, part: Shape) -> dict[Hashable, Any] | None:
        """All values of a shape, where there are few; None: there are more, or it may hold the array itself."""
        if self.holds_itself(part) or self._has_many(part, _DEEP):
            return None
        term = self._low.sampling.late(part, 0)
        try:
            texts = few_texts(term, MAX_LISTED)
        except Recording:
            texts = None
        found: dict[Hashable, Any] = {}
        for text in texts_of(term) if texts is None else texts:
            key, value = read_item(text)
            found[key] = value
            if texts is None and len(found) > self._enough:
                return None
        return found

    def _has_many(self, shape: Shape, deep: int) -> bool:
        """Return whether a shape plainly has more values than are listed, if it has any."""
        match resolve(shape):
            case Anything():
                return True
            case AnyOf(parts=parts):
                return deep > 0 and any(self._has_many(part, deep - 1) and self._is_alive(part) for part in parts)
            case String() as strings:
                texts = islice(texts_of(string_texts(strings)), self._enough + 1)
                return strings.is_any or sum(1 for _ in texts) > self._enough
            case Number(low=low, high=high):
                return low is None or high is None
            case Array() as array if deep > 0 and not array.contains and not array.unique:
                return array.max_items is None and self._is_alive(array.rest)
            case Object() as part if deep > 0 and not part.demands and part.max_properties is None:
                return any(group.names.is_any and self._is_alive(group.value) for group in part.groups) or any(
                    self._has_many(value, deep - 1) and self._is_alive(value) for value in part.properties.values()
                )
            case _:
                return False

    def _is_alive(self, shape: Shape) -> bool:
        return type(shape) is not Never and fewest(self._low.late(shape, self._inside)) != INFINITE

    def holds_itself(self, shape: Shape) -> bool:
        """Return whether a value of `shape` may hold an array of this part."""
        return self._part in self._reached(shape)

    def holds_others(self, shape: Shape) -> bool:
        """Return whether a value of `shape` may hold an array of this part, and others whose items must differ."""
        arrays = {one for one in self._reached(shape) if isinstance(one, Array) and one.unique}
        return self._part in arrays and len(arrays) > 1

    def _reached(self, root: Shape) -> set[Shape]:
        """The shapes of all that values of `root` may hold."""
        found = self._within.get(root)
        if found is None:
            ahead = [resolve(root)]
            found = self._within[root] = set(ahead)
            while ahead:
                spend()
                new = [part for part in map(resolve, _within(ahead.pop())) if part not in found]
                found.update(new)
                ahead += new
        return found


def _within(shape: Shape) -> Iterator[Shape]:
    """Iterate over the shapes that its values may hold."""
    yield from children_of(shape)
    if isinstance(shape, Array):
        yield from (known.item for known in shape.contains)
    elif isinstance(shape, Object):
        yield from (witness.value for demand in shape.demands for witness in demand.witnesses)


def _alternatives(shape: Shape) -> tuple[Shape, ...]:
    return shape.parts if isinstance(shape, AnyOf) else (shape,)


def _place_of(shape: Shape) -> Place:
    return getattr(resolve(shape), "place", None)
