"""The algebra of Objects: what two have in common, what is in none, and whether there is any.

The names are divided: those known one by one, and groups of the rest, by languages that do not overlap. So what two
objects have in common is found name by name and group by group. A name in no group must not be there.

What a property that breaks its shape makes of an object is again a constraint on objects, and so is the lack of one:
one of several things must be so (`Demand`). All that can break an object is one demand, so what breaks several objects
is a few demands, not all combinations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from fcgen.errors import SchemaError, excerpt
from fcgen.place import Place, pointer
from fcgen.schema.shape import ANY_STRING, ANYTHING, EVERY_NAME, Demand, Group, Never, Object, Shape, String, Witness
from fcgen.schema.string_sets import is_string_of, least, meet_strings, no_string, outside

MAX_GROUPS = 200

Meet = Callable[[Shape, Shape], Shape]


def value_of(part: Object, name: str) -> Shape:
    """What the property `name` must be."""
    found = part.properties.get(name)
    if found is not None:
        return found
    if part.groups is EVERY_NAME:
        return ANYTHING
    for group in part.groups:
        if group.names.is_any or is_string_of(group.names, name):
            return group.value
    return Never(f"the name {excerpt(name)} is not allowed", part.place)


def meet_objects(a: Object, b: Object, meet: Meet) -> Object:
    """The objects of both; there may be none."""
    names = dict.fromkeys([*a.properties, *b.properties])
    return Object(
        {name: meet(value_of(a, name), value_of(b, name)) for name in names},
        meet_groups(a.groups, b.groups, meet, b.place),
        tuple(dict.fromkeys(a.required + b.required)),
        max(a.min_properties, b.min_properties),
        least(a.max_properties, b.max_properties),
        a.demands + tuple(one for one in b.demands if one not in a.demands),
        b.place,
    )


def meet_groups(a: tuple[Group, ...], b: tuple[Group, ...], meet: Meet, place: Place) -> tuple[Group, ...]:
    """The division of names by both, each name with what both demand of its value."""
    if a is b:
        return a
    found = []
    for ours in a:
        for theirs in b:
            names = theirs.names if ours.names.is_any else meet_strings(ours.names, theirs.names)
            if ours.names.is_any or theirs.names.is_any or not no_string(names):
                found.append(Group(names, meet(ours.value, theirs.value)))
    if len(found) > MAX_GROUPS:
        raise SchemaError(
            "`patternProperties` that overlap divide the names into too many groups",
            pointer=pointer(place),
            limit=MAX_GROUPS,
            given=len(found),
        )
    return tuple(found)


def groups_where(names: String, value: Shape) -> tuple[Group, ...]:
    """The division of all names in which those of `names` must have such a value, and no other is constrained."""
    return (Group(names, value), *(Group(others, ANYTHING) for others in outside(names)))


def _uncovered(groups: tuple[Group, ...]) -> list[String]:
    """The names that are in no group, which must not be there."""
    left = [ANY_STRING]
    for group in groups:
        left = [
            both for one in left for other in outside(group.names) if not no_string(both := meet_strings(one, other))
        ]
    return left


def complement_object(part: Object, complement: Callable[[Shape], Shape], meet: Meet) -> Iterator[Object]:
    """The objects that are not of `part`, as a union."""
    place = part.place
    if part.min_properties:
        yield Object(max_properties=part.min_properties - 1, place=place)
    if part.max_properties is not None:
        yield Object(min_properties=part.max_properties + 1, place=place)
    witnesses = tuple(_breaches(part, complement))
    if witnesses or part.required:
        yield Object(demands=(Demand(witnesses, tuple(dict.fromkeys(part.required))),), place=place)
    for one in part.demands:
        found = Object(required=one.absent, place=place)
        for witness in one.witnesses:
            found = meet_objects(found, _without(witness, complement, place), meet)
        yield found


def _breaches(part: Object, complement: Callable[[Shape], Shape]) -> Iterator[Witness]:
    """What a property can be that `part` does not allow."""
    for name, value in part.properties.items():
        other = complement(value)
        if type(other) is not Never:
            yield Witness(name, other)
    known = frozenset(part.properties)
    for group in part.groups:
        other = complement(group.value)
        if type(other) is not Never:
            yield Witness(but_for(group.names, known), other)
    yield from (Witness(but_for(names, known), ANYTHING) for names in _uncovered(part.groups))


def _without(witness: Witness, complement: Callable[[Shape], Shape], place: Place) -> Object:
    """The objects in which there is no such witness."""
    other = complement(witness.value)
    if isinstance(witness.names, str):
        return Object({witness.names: other}, place=place)
    free: dict[str, Shape] = dict.fromkeys(sorted(witness.names.excluded), ANYTHING)
    return Object(free, groups_where(replace(witness.names, excluded=frozenset()), other), place=place)


def checked_object(part: Object, meet: Meet) -> Object | Never:
    """The object, or Never where it contradicts itself; what is demanded of it, as far as that is not settled."""
    for name in part.required:
        value = value_of(part, name)
        if type(value) is Never:
            return Never(f"the required property {excerpt(name)} is impossible: {value.reason}", value.place)
    low, high = part.min_properties, part.max_properties
    if high is not None and high < max(low, len(set(part.required))):
        what = f"minProperties {low}" if low > len(part.required) else f"{len(set(part.required))} required properties"
        return Never(f"{what} > maxProperties {high}", part.place)
    if low and all(type(group.value) is Never for group in part.groups):
        possible = sum(type(value) is not Never for value in part.properties.values())
        if possible < low:
            return Never(f"minProperties {low}, but only {possible} properties are possible", part.place)
    return _settled(part, meet) if part.demands else part


def _settled(part: Object, meet: Meet) -> Object | Never:
    """The object without demands that are met anyway, or that can be met in one way only."""
    demands: list[Demand] = []
    for i, demand in enumerate(part.demands):
        left = _possible(demand, part, meet)
        if left is None:
            continue
        if len(left.witnesses) + len(left.absent) == 0:
            return Never("it is what it must not be", part.place)
        if len(left.witnesses) + len(left.absent) == 1:
            only = _only_way(left, part.place)
            if only is not None:
                rest = replace(part, demands=(*demands, *part.demands[i + 1 :]))
                return checked_object(meet_objects(rest, only, meet), meet)
        demands.append(left)
    return replace(part, demands=tuple(demands))


def _possible(demand: Demand, part: Object, meet: Meet) -> Demand | None:
    """What can still be so of what is demanded; None: something is so anyway."""
    absent = []
    for name in demand.absent:
        if type(value_of(part, name)) is Never:
            return None
        if name not in part.required:
            absent.append(name)
    witnesses = []
    for witness in demand.witnesses:
        if isinstance(witness.names, str):
            value = value_of(part, witness.names)
            both = meet(value, witness.value)
            if both is value and witness.names in part.required:
                return None
            if type(both) is not Never:
                witnesses.append(witness)
        elif _may_be(witness.names, part):
            witnesses.append(witness)
    unchanged = len(absent) == len(demand.absent) and len(witnesses) == len(demand.witnesses)
    return demand if unchanged else Demand(tuple(witnesses), tuple(absent))


def _may_be(names: String, part: Object) -> bool:
    """Whether the object may have a property with a name of `names`."""
    known = (name for name, value in part.properties.items() if type(value) is not Never)
    if any(is_string_of(names, name) for name in known):
        return True
    open_groups = (group for group in part.groups if type(group.value) is not Never)
    return any(not no_string(meet_strings(group.names, names)) for group in open_groups)


def _only_way(demand: Demand, place: Place) -> Object | None:
    if demand.absent:
        (name,) = demand.absent
        return Object({name: Never(f"{excerpt(name)} must not be there", place)}, place=place)
    (witness,) = demand.witnesses
    if isinstance(witness.names, str):
        return Object({witness.names: witness.value}, required=(witness.names,), place=place)
    return None


def is_named(names: str | String, name: str) -> bool:
    """Whether `name` is one of the names."""
    return name == names if isinstance(names, str) else is_string_of(names, name)


def is_object_of(part: Object, value: dict[str, Any], is_of: Callable[[Shape, Any], bool]) -> bool:
    """Whether the object `value` is of `part`."""
    if len(value) < part.min_properties or (part.max_properties is not None and len(value) > part.max_properties):
        return False
    if not all(name in value for name in part.required):
        return False
    return all(_is_met(demand, value, is_of) for demand in part.demands) and all(
        is_of(value_of(part, name), item) for name, item in value.items()
    )


def _is_met(demand: Demand, value: dict[str, Any], is_of: Callable[[Shape, Any], bool]) -> bool:
    return any(name not in value for name in demand.absent) or any(
        is_named(witness.names, name) and is_of(witness.value, item)
        for witness in demand.witnesses
        for name, item in value.items()
    )


def but_for(names: String, known: frozenset[str]) -> String:
    """The names but for those that are known."""
    return replace(names, excluded=names.excluded | known) if known else names
