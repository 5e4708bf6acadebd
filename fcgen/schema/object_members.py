"""The members that an object may have, by the demands that they meet.

A demand is open until a member meets it, or until it is known that a name is not there. So the values of a name are
told apart by the demands that they meet; and so are the names that are not known one by one.

Sets of known names are written as numbers: bit i stands for member i.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import NamedTuple

from fcgen.errors import SchemaError
from fcgen.grammar.derive import shortest
from fcgen.grammar.expr import NOTHING, both, literal, seq
from fcgen.grammar.terms import Expr
from fcgen.place import pointer
from fcgen.schema.algebra import divided, meet
from fcgen.schema.keys import Spell, canonical, other_names, spellings
from fcgen.schema.lowering import Lowering
from fcgen.schema.object_sets import is_named, value_of
from fcgen.schema.shape import Demand, Never, Object, Shape, String, Witness
from fcgen.schema.string_sets import meet_strings, no_string
from fcgen.schema.string_texts import few_strings, string_texts
from fcgen.schema.tracking import MAX_FEW, check_few
from fcgen.schema.values import spelled

MAX_MEMBERS = 10_000
_QUOTE = literal(b'"')

Written = frozenset[bytes]
NO_NAMES: Written = frozenset()


class Count(NamedTuple):
    """How many members there may be.

    Attributes:
        least: that many; 0 where the required ones are enough.
        most: that many; None where there is no end.
        cap: the count beyond which no more needs to be told.
    """

    least: int
    most: int | None
    cap: int

    @classmethod
    def of(cls, part: Object) -> Count:
        """The bounds of an object, as far as they say anything."""
        least = part.min_properties if part.min_properties > len(frozenset(part.required)) else 0
        possible = sum(type(value) is not Never for value in part.properties.values())
        is_open = any(type(group.value) is not Never for group in part.groups)
        most = part.max_properties
        if most is not None and not is_open and possible <= most:
            most = None
        return cls(least, most, max(1, least if most is None else most))

    @property
    def matters(self) -> bool:
        """Whether members must be counted."""
        return self.least > 0 or self.most is not None


def named_singly(part: Object) -> Object:
    """The object with each group of few names replaced by these names: they may be used up."""
    properties, groups = dict(part.properties), []
    for group in part.groups:
        few = None if type(group.value) is Never else few_strings(group.names, MAX_FEW)
        if few is None:
            groups.append(group)
        else:
            properties.update({name: group.value for name in few if name not in properties})
    return part if len(groups) == len(part.groups) else replace(part, properties=properties, groups=tuple(groups))


def known_members(part: Object) -> list[tuple[str, Shape]]:
    """The names that are known, with their values, in the order to write them."""
    found = [(name, value) for name, value in part.properties.items() if type(value) is not Never]
    told = [name for demand in part.demands for name in _named(demand)]
    others = dict.fromkeys(name for name in [*part.required, *told] if name not in part.properties)
    return found + [(name, value) for name in others if type(value := value_of(part, name)) is not Never]


def _named(demand: Demand) -> Iterator[str]:
    """The names that a demand speaks of one by one."""
    yield from demand.absent
    yield from (witness.names for witness in demand.witnesses if isinstance(witness.names, str))


class Unnamed(NamedTuple):
    """Names that are not known one by one, how they are spelled, and the values that they have."""

    names: String
    spell: Spell
    value: Expr

    def texts(self, taken: Written, written: Written) -> Expr:
        """The names but those that are taken, and those that are written."""
        free = other_names(taken, self.spell, written)
        return free if self.names.is_any else both(string_texts(self.names, self.spell), free)

    def with_name(self, others: Written, written: bytes) -> Written:
        """`others`, and the name that is written so."""
        return others | {canonical(written, self.spell)}

    def shortest(self, taken: Written, written: Written) -> bytes | None:
        """A shortest name that is neither taken nor written."""
        name = shortest(self.texts(taken, written))
        return None if name is None else canonical(name, self.spell)

    def spelled(self, name: bytes) -> Expr:
        """The spellings of a name, with quotes."""
        return seq(_QUOTE, spellings(name, self.spell), _QUOTE)


class Members:
    """The members that an object may have.

    Args:
        part: the object.
        declared: the names that the schema gives an order.
        low: what has lowered the values.
        depth: how deep the object stands.

    Attributes:
        known: the names that are known one by one, with their values, in the order to write them.
        declared: those that the schema gives an order, which are the first ones.
        required: those that must be there.
        taken: the names that no other member may have, spelled as in JSON.
    """

    def __init__(self, part: Object, declared: Collection[str], low: Lowering, depth: int) -> None:
        self._part, self._low, self._depth = part, low, depth
        self.known = sorted(known_members(part), key=lambda member: member[0] not in declared)
        if len(self.known) > MAX_MEMBERS:
            raise SchemaError(
                "an object has too many properties to write in any order, or to count",
                pointer=pointer(part.place),
                limit=MAX_MEMBERS,
                given=len(self.known),
            )
        names = [name for name, _ in self.known]
        self.declared = (1 << sum(name in declared for name in names)) - 1
        required = frozenset(part.required)
        self.required = sum(1 << i for i, name in enumerate(names) if name in required)
        self.taken: Written = frozenset(spelled(name)[1:-1] for name in {*part.properties, *names})
        self._groups = [group for group in part.groups if type(group.value) is not Never]
        self._by_name = [self._settling(name) for name in names]
        self._by_absence = [
            frozenset(k for k, demand in enumerate(part.demands) if name in demand.absent) for name in names
        ]
        demands = range(len(part.demands))
        self._meeting = [sum(1 << i for i, found in enumerate(self._by_name) if k in dict(found)) for k in demands]
        self._missing = [sum(1 << i for i, found in enumerate(self._by_absence) if k in found) for k in demands]
        self._missed = reduce(or_, self._missing, 0)
        self._concerned = [met | missed for met, missed in zip(self._meeting, self._missing, strict=True)]
        self._by_language = frozenset(
            k for k in demands for witness in part.demands[k].witnesses if isinstance(witness.names, String)
        )
        self._concerning = [frozenset(k for k, _ in found) for found in self._by_name]
        self._met: dict[tuple[int, frozenset[int]], list[tuple[Expr, frozenset[int]]]] = {}
        self._members: dict[tuple[int, frozenset[int], bool], list[tuple[Expr, frozenset[int]]]] = {}
        self._values: dict[Shape, Expr] = {}

    def _settling(self, name: str) -> list[tuple[int, Witness]]:
        """The demands that a property of that name can meet, and how."""
        return [
            (k, witness)
            for k, demand in enumerate(self._part.demands)
            for witness in demand.witnesses
            if is_named(witness.names, name)
        ]

    def without(self, open_: frozenset[int], names: int) -> frozenset[int]:
        """The demands that are open once it is known that these names are not there."""
        return open_.difference(*(self._by_absence[i] for i in bits(names & self._missed))) if open_ else open_

    def is_lost(self, open_: frozenset[int], left: int) -> bool:
        """Whether a demand is open that no name that is left can meet."""
        return any(not self._concerned[k] & left and k not in self._by_language for k in open_)

    def useful(self, open_: frozenset[int], left: int) -> int:
        """The names that may have to be written for what is demanded; to leave out all others does no harm."""
        demanded = self.without(open_, left & ~self.required)
        names = 0
        while demanded:
            names = reduce(or_, (self._meeting[k] for k in demanded)) & left
            opened = demanded | {k for k in open_ if self._missing[k] & names}  # they are not met by a lack, then
            if opened == demanded:
                break
            demanded = opened
        return names

    def named(self, i: int, open_: frozenset[int], *, after_comma: bool) -> list[tuple[Expr, frozenset[int]]]:
        """A known name with its value, by the demands that it meets, each with the demands that are open then."""
        concerned = self._concerning[i] & open_
        found = self._members.get((i, concerned, after_comma))
        if found is None:
            key = self.key(i, after_comma=after_comma)
            found = self._members[i, concerned, after_comma] = [
                (seq(key, value), met) for value, met in self._values_met(i, concerned)
            ]
        return [(member, open_ - met) for member, met in found] if concerned else [(one, open_) for one, _ in found]

    def key(self, i: int, *, after_comma: bool) -> Expr:
        """A known name and its colon."""
        return self._low.key(self.known[i][0], self._depth, after_comma=after_comma)

    def values(self, i: int, open_: frozenset[int]) -> list[tuple[Expr, frozenset[int]]]:
        """The value of a known name, by the demands that it meets, each with the demands that are open then."""
        return [(value, open_ - met) for value, met in self._values_met(i, self._concerning[i] & open_)]

    def _values_met(self, i: int, concerned: frozenset[int]) -> list[tuple[Expr, frozenset[int]]]:
        """The value of a known name, by which of the demands that it can meet it does."""
        found = self._met.get((i, concerned))
        if found is None:
            variants = self._variants(self.known[i][1], self._by_name[i], concerned)
            found = self._met[i, concerned] = [(term, concerned - left) for term, left in variants]
        return found

    def unnamed(self, open_: frozenset[int]) -> Iterator[tuple[Unnamed, frozenset[int]]]:
        """The names that are not known, by the demands that they meet, each with the demands that are open then."""
        classes = [(group.names, group.value, open_) for group in self._groups]
        for k in sorted(open_):
            for witness in self._part.demands[k].witnesses:
                if isinstance(witness.names, String):
                    classes += list(_meeting(classes, witness.names, witness.value, k))
                    check_few(classes, self._part.place)
        for names, shape, left in classes:
            value = self._value(shape)
            if value is not NOTHING:
                yield Unnamed(names, self._low.text.spell, value), left

    def _variants(
        self, value: Shape, settling: list[tuple[int, Witness]], open_: frozenset[int]
    ) -> Iterator[tuple[Expr, frozenset[int]]]:
        """A value by the witnesses that it is, each with the demands that are open then."""
        alike: dict[Hashable, tuple[Shape, set[int]]] = {}
        for k, witness in settling:
            if k in open_:
                alike.setdefault(self._low.said.of(witness.value), (witness.value, set()))[1].add(k)
        classes = [(value, open_)]
        for witness_value, met in alike.values():
            classes = [found for one in classes for found in _split(*one, witness_value, met)]
            check_few(classes, self._part.place)
        for shape, left in classes:
            term = self._value(shape)
            if term is not NOTHING:
                yield term, left

    def _value(self, shape: Shape) -> Expr:
        found = self._values.get(shape)
        if found is None:
            found = self._values[shape] = self._low.late(shape, self._low.within(self._depth))
        return found


def bits(members: int) -> Iterator[int]:
    """The numbers of the members of a set."""
    while members:
        one = members & -members
        yield one.bit_length() - 1
        members ^= one


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
