"""Object -> Expr: the texts of objects, with no key twice.

Most objects are written from their last property to their first, as two chains whose terms share their tails: what may
follow once a member has been written, and what may come while none has. So an object of n properties takes n steps;
where many in a row are optional, the choice among them is made only at the places that are walked.

Properties in any order, counts and demands are kept track of instead, place by place: which names are left, how many
members there are, which demands are still open. Such places are built where they are walked.

Names that are not known one by one are remembered as they are written (`record`), since none may come twice.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import or_
from typing import NamedTuple

from fcgen.errors import SchemaError
from fcgen.grammar.derive import INFINITE, few_texts, fewest, shortest
from fcgen.grammar.expr import (
    EMPTY,
    NOTHING,
    Expr,
    alt,
    alt_of,
    both,
    deferred,
    literal,
    record,
    seq,
    unknown,
)
from fcgen.grammar.work import spend
from fcgen.schema.algebra import divided, meet
from fcgen.schema.keys import other_names
from fcgen.schema.lowering import Lowering
from fcgen.schema.object_sets import is_named, value_of
from fcgen.schema.place import Place, pointer
from fcgen.schema.shape import Demand, Never, Object, Ref, Shape, String, Witness
from fcgen.schema.string_sets import meet_strings, no_string
from fcgen.schema.string_texts import string_texts
from fcgen.schema.values import spelled

MAX_COUNTED = 20_000
MAX_MEMBERS = 10_000
MAX_UNNAMED = 100
MAX_PLACES = 5_000
MAX_CLASSES = 256
MAX_TRIED = 6
MAX_FEW = 64
_FEW = 2  # so many alternatives are written out wherever they may come
_QUOTE = literal(b'"')
_CLOSE = literal(b"}")
FAR = 1_000_000  # bytes: a way that is never the shortest

Names = frozenset[bytes]
NO_NAMES: Names = frozenset()


def object_texts(part: Object, low: Lowering, depth: int) -> Expr:
    """The texts of the objects of `part`, whose values `low` has lowered.

    Raises SchemaError where there is too much to count.
    """
    part = _named_singly(part)
    required = dict.fromkeys(part.required)
    is_counted = part.min_properties > len(required) or _may_exceed(part) or bool(part.demands)
    if low.text.order == "any" or is_counted:
        return _Counted(part, low, depth).whole()
    return _chained(part, low, depth)


def _named_singly(part: Object) -> Object:
    """The object with each group of few names replaced by these names: they may be used up."""
    properties, groups = dict(part.properties), []
    for group in part.groups:
        few = (
            None if group.names.is_any or type(group.value) is Never else few_texts(string_texts(group.names), MAX_FEW)
        )
        if few is None:
            groups.append(group)
        else:
            names = [json.loads(b'"' + text + b'"') for text in few]
            properties.update({name: group.value for name in names if name not in properties})
    return part if len(groups) == len(part.groups) else replace(part, properties=properties, groups=tuple(groups))


def _may_exceed(part: Object) -> bool:
    """Whether the upper bound of the number of properties says anything."""
    possible = sum(type(value) is not Never for value in part.properties.values())
    is_open = any(type(group.value) is not Never for group in part.groups)
    return part.max_properties is not None and (is_open or possible > part.max_properties)


def _members(part: Object) -> list[tuple[str, Shape]]:
    """The names that are known, with their values, in the order to write them."""
    found = [(name, value) for name, value in part.properties.items() if type(value) is not Never]
    told = [name for demand in part.demands for name in named(demand)]
    others = dict.fromkeys(name for name in [*part.required, *told] if name not in part.properties)
    return found + [(name, value) for name in others if type(value := value_of(part, name)) is not Never]


def named(demand: Demand) -> Iterator[str]:
    """The names that a demand speaks of one by one."""
    yield from demand.absent
    yield from (witness.names for witness in demand.witnesses if isinstance(witness.names, str))


def _chained(part: Object, low: Lowering, depth: int) -> Expr:
    """The object, from its end: `after` is what may follow a member, `first` what may come while there is none."""
    members, required = _members(part), frozenset(part.required)
    leading = next((i for i, (name, _) in enumerate(members) if name in required), len(members))
    others = _Others(part, low, depth)
    inside = low.within(depth)
    after = _Ways(others.after(NO_NAMES))
    first = _Ways(others.first)
    none = _CLOSE
    for i in range(len(members) - 1, -1, -1):
        name, value = members[i]
        is_required = name in required
        rest = seq(low.term(value, inside), after.term)
        after = after.with_way(seq(low.key(name, depth, after_comma=True), rest), only=is_required)
        if i <= leading:
            first = first.with_way(seq(low.key(name, depth, after_comma=False), rest), only=is_required)
        none = NOTHING if is_required else none
    return low.enclosed(b"{", first.term, none, depth)


class _Ways:
    """The alternatives at one place of an object: those that were given last, first, each in reach of the next.

    A place shares its list with the places behind it, and of that list has the first `count`.
    """

    __slots__ = ("count", "term", "ways")

    def __init__(self, term: Expr, ways: list[Expr] | None = None) -> None:
        self.ways = [term] if ways is None else ways
        self.count = len(self.ways)
        self.term = term

    def with_way(self, way: Expr, *, only: bool) -> _Ways:
        """A place where `way` may come too, or where only `way` may come."""
        if only:
            return _Ways(way)
        self.ways.append(way)
        if len(self.ways) <= _FEW:
            return _Ways(alt_of(self.ways), self.ways)
        return _Ways(deferred(partial(_choice, self.ways, len(self.ways)), alt(way, self.term)), self.ways)


def _choice(ways: list[Expr], count: int) -> Expr:
    return alt_of(reversed(ways[:count]))


class _Unnamed(NamedTuple):
    """Names that are not known one by one, and the values that they have."""

    names: String
    value: Expr

    def texts(self, taken: Names) -> Expr:
        """The names but those that are taken."""
        free = other_names(taken)
        return free if self.names.is_any else both(string_texts(self.names), free)


class _Others:
    """The members of an object whose names are not known, one after the other to the object's end."""

    def __init__(self, part: Object, low: Lowering, depth: int) -> None:
        self._spacing = low.spacing(depth)
        self._known = frozenset(spelled(name)[1:-1] for name in {*part.properties, *part.required})
        inside = low.within(depth)
        found = (_Unnamed(group.names, low.term(group.value, inside)) for group in part.groups)
        self._groups = [group for group in found if group.value is not NOTHING]
        self._end = seq(self._spacing.close, _CLOSE)
        self._places: dict[Names, Expr] = {}

    @property
    def first(self) -> Expr:
        """What may come where there is no member yet, but for the end."""
        return self._member(NO_NAMES)

    def after(self, written: Names) -> Expr:
        """What may follow a member, where these others are written."""
        if not self._groups:
            return self._end
        found = self._places.get(written)
        if found is None:
            if len(self._places) > MAX_PLACES:
                self._places.clear()
            ways = partial(self._ways, written)
            found = self._places[written] = deferred(ways, self._end) if written else ways()
        return found

    def _ways(self, written: Names) -> Expr:
        return alt(seq(self._spacing.comma, self._member(written)), self._end)

    def _member(self, written: Names) -> Expr:
        more = alt(seq(self._spacing.comma, unknown(FAR)), self._end)
        return alt_of(
            seq(
                _QUOTE,
                record(
                    seq(group.texts(self._known | written), _QUOTE),
                    _After(self, group, written),
                    seq(self._spacing.colon, group.value, more),
                ),
            )
            for group in self._groups
        )

    def following(self, group: _Unnamed, written: Names) -> Expr:
        """What follows a name of `group`, the last of those written."""
        return seq(self._spacing.colon, group.value, self.after(written))


@dataclass(frozen=True, slots=True)
class _After:
    """What follows a name that is being written."""

    others: _Others
    group: _Unnamed
    written: Names

    def __call__(self, name: bytes) -> Expr:
        return self.others.following(self.group, self.written | {name[:-1]})


class _Place(NamedTuple):
    """A place between members.

    Attributes:
        left: the known names that may still come: bit i stands for member i.
        size: how many members there are, as far as it matters.
        open: the demands that are not met yet, by number.
        written: the other names that are there.
    """

    left: int
    size: int
    open: frozenset[int]
    written: Names


class _Counted:
    """An object whose members are kept track of."""

    def __init__(self, part: Object, low: Lowering, depth: int) -> None:
        self.part, self.low, self.depth = part, low, depth
        self.spacing = low.spacing(depth)
        self.end = seq(self.spacing.close, _CLOSE)
        self.members = _members(part)
        self.is_free = low.text.order == "any"
        if len(self.members) > MAX_MEMBERS:
            raise SchemaError(
                "an object has too many properties to write in any order, or to count",
                pointer=pointer(part.place),
                limit=MAX_MEMBERS,
                given=len(self.members),
            )
        required = frozenset(part.required)
        self.required = sum(1 << i for i, (name, _) in enumerate(self.members) if name in required)
        self.known = frozenset(spelled(name)[1:-1] for name in {*part.properties, *(name for name, _ in self.members)})
        self.least = part.min_properties if part.min_properties > len(required) else 0
        self.most = part.max_properties if _may_exceed(part) else None
        self.cap = max(1, self.least) if self.most is None else max(1, self.most)
        self.groups = [group for group in part.groups if type(group.value) is not Never]
        self.by_name = [self.settling(name) for name, _ in self.members]
        self.by_absence = [
            frozenset(k for k, demand in enumerate(part.demands) if name in demand.absent) for name, _ in self.members
        ]
        demands = range(len(part.demands))
        self.meeting = [sum(1 << i for i, found in enumerate(self.by_name) if k in dict(found)) for k in demands]
        self.missing = [sum(1 << i for i, found in enumerate(self.by_absence) if k in found) for k in demands]
        self.missed = reduce(or_, self.missing, 0)
        self.concerned = [met | missed for met, missed in zip(self.meeting, self.missing, strict=True)]
        self.by_language = frozenset(
            k for k in demands for witness in part.demands[k].witnesses if isinstance(witness.names, String)
        )
        self.places: dict[_Place, Expr] = {}
        self.sketches: dict[_Place, Expr] = {}
        self.shorter: dict[tuple[_Place, bool], Expr] = {}
        self.named: dict[tuple[int, bool, frozenset[int]], list[tuple[Expr, frozenset[int]]]] = {}
        self.values: dict[Shape, Expr] = {}

    def settling(self, name: str) -> list[tuple[int, Witness]]:
        """The demands that a property of that name can meet, and how."""
        return [
            (k, witness)
            for k, demand in enumerate(self.part.demands)
            for witness in demand.witnesses
            if is_named(witness.names, name)
        ]

    def whole(self) -> Expr:
        start = _Place((1 << len(self.members)) - 1, 0, frozenset(range(len(self.part.demands))), NO_NAMES)
        some = deferred(partial(self.members_at, start), self.sketch(start))
        empty = _CLOSE if self.may_end(start) else NOTHING
        return self.low.enclosed(b"{", some, empty, self.depth)

    def at(self, place: _Place) -> Expr:
        """What may come at a place after a member."""
        found = self.places.get(place)
        if found is None:
            if len(self.places) > MAX_PLACES:
                self.places.clear()
            like = self.end if self.may_end(place) else self.sketch(place)
            found = self.places[place] = deferred(partial(self.ways, place), like)
        return found

    def ways(self, place: _Place) -> Expr:
        return alt(self.members_at(place), self.end if self.may_end(place) else NOTHING)

    def may_end(self, place: _Place) -> bool:
        return place.size >= self.least and not self.required & place.left and not self.without(place.open, place.left)

    def without(self, open_: frozenset[int], names: int) -> frozenset[int]:
        """The demands that are open once it is known that these names are not there."""
        return open_.difference(*(self.by_absence[i] for i in _bits(names & self.missed))) if open_ else open_

    def is_full(self, place: _Place) -> bool:
        """Whether every member that may still come is a required one."""
        return self.most is not None and self.most - place.size <= (self.required & place.left).bit_count()

    def members_at(self, place: _Place) -> Expr:
        """Each member that may come next, with what may follow it."""
        spend(place.left.bit_count())
        found: list[Expr] = []
        is_full = self.is_full(place)
        for i, skipped, left in self.candidates(place):
            if self.required >> i & 1 or not is_full:
                found += self.known_member(i, place._replace(left=left, open=self.without(place.open, skipped)))
        if (self.is_free or not self.required & place.left) and not is_full:
            left = place.left if self.is_free else 0
            found += self.unnamed(place._replace(left=left, open=self.without(place.open, place.left ^ left)))
        return alt_of(found)

    def candidates(self, place: _Place) -> Iterator[tuple[int, int, int]]:
        """The known names that may come next, each with those it leaves out for good, and those that are left."""
        for i in _bits(place.left):
            one = 1 << i
            if self.is_free:
                yield i, 0, place.left ^ one
            else:
                skipped = place.left & (one - 1)
                yield i, skipped, place.left ^ skipped ^ one
                if self.required & one:
                    return

    def known_member(self, i: int, place: _Place) -> Iterator[Expr]:
        """A member of a known name, by the demands that it meets; `place` is without the name."""
        for member, open_ in self.members_named(i, place.open, after_comma=place.size > 0):
            yield seq(member, self.at(_Place(place.left, min(place.size + 1, self.cap), open_, place.written)))

    def variants(
        self, value: Shape, settling: list[tuple[int, Witness]], open_: frozenset[int]
    ) -> Iterator[tuple[Expr, frozenset[int]]]:
        """A value by the witnesses that it is, each with the demands that are open then."""
        alike: dict[Hashable, tuple[Shape, set[int]]] = {}
        for k, witness in settling:
            if k in open_:
                of = witness.value.key if isinstance(witness.value, Ref) else witness.value
                alike.setdefault(of, (witness.value, set()))[1].add(k)
        classes = [(value, open_)]
        for witness_value, met in alike.values():
            classes = [found for one in classes for found in _split(*one, witness_value, met)]
            check_few(classes, self.part.place)
        for shape, left in classes:
            term = self.value(shape)
            if term is not NOTHING:
                yield term, left

    def value(self, shape: Shape) -> Expr:
        found = self.values.get(shape)
        if found is None:
            found = self.values[shape] = self.low.late(shape, self.low.within(self.depth))
        return found

    def unnamed(self, place: _Place) -> Iterator[Expr]:
        """The members whose names are not known."""
        comma = self.spacing.comma if place.size else EMPTY
        for group, open_ in self.unnamed_groups(place.open):
            then = _Place(place.left, min(place.size + 1, self.cap), open_, place.written)
            like = seq(self.spacing.colon, group.value, self.generic(then))
            names = seq(group.texts(self.known | place.written), _QUOTE)
            yield seq(comma, _QUOTE, record(names, _AfterUnnamed(self, group, then), like))

    def unnamed_groups(self, open_: frozenset[int]) -> Iterator[tuple[_Unnamed, frozenset[int]]]:
        """The names that are not known, by the demands that they meet, each with the demands that are open then."""
        classes = [(group.names, group.value, open_) for group in self.groups]
        for k in sorted(open_):
            for witness in self.part.demands[k].witnesses:
                if isinstance(witness.names, String):
                    classes += list(_meeting(classes, witness.names, witness.value, k))
                    check_few(classes, self.part.place)
        for names, shape, left in classes:
            value = self.value(shape)
            if value is not NOTHING:
                yield _Unnamed(names, value), left

    def generic(self, place: _Place) -> Expr:
        """What follows a member, as far as it does not depend on the others that are written."""
        if self.may_end(place):
            return alt(seq(self.spacing.comma, unknown(FAR)), self.end)
        return seq(self.spacing.comma, needing(self.sketch(place, slack=True)))

    def sketch(self, place: _Place, *, slack: bool = False) -> Expr:
        """Some short way to the end: known members as they are needed, then others.

        With `slack`, the others are not the shortest ones, of which one may be taken.
        """
        found = None if slack else self.sketches.get(place)
        if found is None:
            if len(self.sketches) > MAX_PLACES:
                self.sketches.clear()
            found = self.sketched(place, slack=slack)
            if not slack:
                self.sketches[place] = found
        return found

    def is_lost(self, place: _Place) -> bool:
        """Whether a demand is open that no name that is left can meet."""
        return any(not self.concerned[k] & place.left and k not in self.by_language for k in place.open)

    def sketched(self, place: _Place, *, slack: bool) -> Expr:
        if self.is_lost(place):
            return NOTHING
        if max(1, self.least) > place.size + (self.required & place.left).bit_count():
            return self.shortened(place, slack=slack)
        left = place.left & (self.required | self.useful(place))
        open_ = self.without(place.open, place.left ^ left)
        return self.shortened(_Place(left, place.size, open_, place.written), slack=slack)

    def useful(self, place: _Place) -> int:
        """The names that may have to be written for what is demanded; to leave out all others does no harm."""
        open_ = self.without(place.open, place.left & ~self.required)
        names = 0
        while open_:
            names = reduce(or_, (self.meeting[k] for k in open_)) & place.left
            opened = open_ | {k for k in place.open if self.missing[k] & names}  # they are not met by a lack, then
            if opened == open_:
                break
            open_ = opened
        return names

    def shortened(self, start: _Place, *, slack: bool) -> Expr:
        """The names that are left, one after the other, each left out or written, then what else is needed.

        What follows the same names is shared, whichever place it was first asked for. Where many demands are open, not
        all ways are tried, but the one that meets the most of them at each name.
        """
        lacking = max(1, self.least) - start.size
        is_large = len(start.open) > MAX_TRIED or lacking * start.left.bit_count() > MAX_COUNTED // 4
        straight = self.straight(start, slack=slack) if is_large else NOTHING
        if straight is not NOTHING:
            return straight
        if len(self.shorter) > MAX_COUNTED:
            self.shorter.clear()
        found, stack = self.shorter, [start]
        while stack:
            place = stack[-1]
            if (place, slack) in found:
                stack.pop()
            elif not place.left:
                found[place, slack] = self.closing(place, slack=slack)
            else:
                steps = self.steps(place)
                missing = [then for then, _ in steps if (then, slack) not in found]
                stack += missing
                if len(found) + len(stack) > 2 * MAX_COUNTED:
                    raise SchemaError(
                        "an object has too many properties to keep track of",
                        pointer=pointer(self.part.place),
                        limit=MAX_COUNTED,
                    )
                if not missing:
                    found[place, slack] = alt_of(seq(member, found[then, slack]) for then, member in steps)
        return found[start, slack]

    def straight(self, place: _Place, *, slack: bool) -> Expr:
        members = []
        while place.left:
            lacking = max(1, self.least) - place.size
            is_short = lacking >= place.left.bit_count()
            steps = self.steps(place)
            if not steps:
                return NOTHING
            place, member = min(steps, key=lambda step: (len(step[0].open), (step[1] is EMPTY) is is_short))
            members.append(member)
        return seq(*members, self.closing(place, slack=slack))

    def steps(self, place: _Place) -> list[tuple[_Place, Expr]]:
        """Leave out the next known name, or write it."""
        one = place.left & -place.left
        left, (_, count, open_, written) = place.left ^ one, place
        i = one.bit_length() - 1
        found = []
        if not self.required & one:
            found.append((_Place(left, count, self.without(open_, one), written), EMPTY))
        if self.most is None or count < self.most:
            found += [
                (_Place(left, min(count + 1, self.cap), still, written), member)
                for member, still in self.members_named(i, open_, after_comma=count > 0)
            ]
        return [(then, member) for then, member in found if not self.is_lost(then)]

    def members_named(self, i: int, open_: frozenset[int], *, after_comma: bool) -> list[tuple[Expr, frozenset[int]]]:
        """A known name with its value, by the demands that it meets, each with the demands that are open then."""
        concerned = open_.intersection(k for k, _ in self.by_name[i])
        found = self.named.get((i, after_comma, concerned))
        if found is None:
            name, value = self.members[i]
            key = self.low.key(name, self.depth, after_comma=after_comma)
            found = self.named[i, after_comma, concerned] = [
                (seq(key, term), concerned - left) for term, left in self.variants(value, self.by_name[i], concerned)
            ]
        return [(member, open_ - met) for member, met in found]

    def closing(self, place: _Place, *, slack: bool) -> Expr:
        """Others until none is needed, then the end."""
        if not place.open:
            return self.some_unnamed(place, max(0, max(1, self.least) - place.size), slack=slack)
        ways = []
        for group, open_ in self.unnamed_groups(place.open):
            if open_ != place.open and (self.most is None or place.size < self.most):
                for name in self.names(group, place.written, 1, slack=slack):
                    then = _Place(0, min(place.size + 1, self.cap), open_, place.written | {name})
                    ways.append(seq(self.member(group, name, place.size), self.closing(then, slack=slack)))
        return alt_of(ways)

    def some_unnamed(self, place: _Place, needed: int, *, slack: bool) -> Expr:
        if needed == 0:
            return self.end
        if needed > MAX_UNNAMED:
            raise SchemaError(
                "`minProperties` asks for too many properties that are not declared",
                pointer=pointer((self.part.place, "minProperties")),
                keyword="minProperties",
                limit=MAX_UNNAMED,
                given=needed,
            )
        ways = []
        for group, _ in self.unnamed_groups(frozenset()):
            names = self.names(group, place.written, needed, slack=slack)
            if len(names) == needed:
                ways.append(seq(*(self.member(group, name, place.size + n) for n, name in enumerate(names)), self.end))
        return alt_of(ways)

    def names(self, group: _Unnamed, written: Names, count: int, *, slack: bool) -> list[bytes]:
        """The shortest names of a group."""
        found: list[bytes] = []
        while len(found) < count + slack:
            name = shortest(group.texts(self.known | written | frozenset(found)))
            if name is None:
                break
            found.append(name)
        return found[1:] if slack and len(found) > count else found

    def member(self, group: _Unnamed, name: bytes, count: int) -> Expr:
        comma = self.spacing.comma if count else EMPTY
        return seq(comma, literal(b'"' + name + b'"'), self.spacing.colon, group.value)


@dataclass(frozen=True, slots=True)
class _AfterUnnamed:
    """What follows a name that is being written."""

    counted: _Counted
    group: _Unnamed
    place: _Place

    def __call__(self, name: bytes) -> Expr:
        place = self.place._replace(written=self.place.written | {name[:-1]})
        return seq(self.counted.spacing.colon, self.group.value, self.counted.at(place))


def _bits(members: int) -> Iterator[int]:
    while members:
        one = members & -members
        yield one.bit_length() - 1
        members ^= one


def check_few(classes: Sequence[object], place: Place) -> None:
    """Raise SchemaError where values are told apart by more than there may be."""
    if len(classes) > MAX_CLASSES:
        raise SchemaError(
            "values must be told apart in too many ways",
            pointer=pointer(place),
            limit=MAX_CLASSES,
            given=len(classes),
        )


def _split(
    value: Shape, open_: frozenset[int], witness: Shape, met: set[int]
) -> Iterator[tuple[Shape, frozenset[int]]]:
    """A value by whether it is of the witness, each with the demands that are open then."""
    both, rest = divided(value, witness)
    if type(both) is not Never:
        yield both, open_ - met
    if type(rest) is not Never:
        yield rest, open_


def _meeting(
    classes: Iterable[tuple[String, Shape, frozenset[int]]], names: String, value: Shape, k: int
) -> Iterator[tuple[String, Shape, frozenset[int]]]:
    """What of the names and their values meets the demand `k`, too."""
    for ours, shape, open_ in classes:
        if k in open_:
            both = meet(shape, value)
            common = meet_strings(ours, names)
            if type(both) is not Never and not no_string(common):
                yield common, both, open_ - {k}


def needing(sketch: Expr) -> Expr:
    """A place that is not known, from which `sketch` is a way to the end."""
    need = fewest(sketch)
    return NOTHING if need == INFINITE else unknown(int(need))
