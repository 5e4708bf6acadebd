"""Some short way from a place of an object to its end, found without a search over its texts.

The members that must come are written, then others as they are needed. A sketch gives a place its length before the
place is built, and shows that an end is in reach; where there is none, the place is no place.
"""

from __future__ import annotations

from typing import NamedTuple

from fcgen.errors import SchemaError
from fcgen.grammar.derive import INFINITE
from fcgen.grammar.expr import EMPTY, NOTHING, alt_of, seq, shared
from fcgen.grammar.terms import Expr, Measure
from fcgen.place import Place, pointer
from fcgen.schema.object_members import Count, Members, Unnamed, Written, bits
from fcgen.schema.text import Spacing

MAX_COUNTED = 20_000
MAX_UNNAMED = 100
MAX_TRIED = 6
NO_DEMANDS: frozenset[int] = frozenset()


class State(NamedTuple):
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
    written: Written


class PlainNeeds:
    """How far it is to the end by way of each member that may come next, where only required members are needed.

    It is what the sketches show, added up without them: an object has far more places than members.

    Args:
        members: the members of the object.
        count: the bounds on their number; they ask for no others than the required ones.
        spacing: what stands between them.
        end: what stands behind the last one.
        place: where the object is; no demand is open there.
        measure: the fewest bytes that finish a term.
    """

    def __init__(
        self, members: Members, count: Count, spacing: Spacing, end: Expr, *, place: State, measure: Measure
    ) -> None:
        self._members, self._measure = members, measure
        self._needed = members.required & place.left
        self._room = INFINITE if count.most is None else count.most - min(place.size + 1, count.cap)
        self._colon, self._end = measure(spacing.colon), measure(end)
        self._needs: dict[int, float] = {}
        self._rest = self._end + sum(map(self._member_need, bits(self._needed)))

    def after_name(self, i: int) -> float:
        """The fewest bytes that follow the name of a member."""
        rest, count = self._rest, self._needed.bit_count()
        if self._needed >> i & 1:
            rest, count = self._rest_but_for(i), count - 1
        return INFINITE if count > max(0, self._room) else self._colon + self._value_need(i) + rest

    def _rest_but_for(self, i: int) -> float:
        if self._rest < INFINITE:
            return self._rest - self._member_need(i)
        return self._end + sum(map(self._member_need, bits(self._needed ^ 1 << i)))

    def _member_need(self, i: int) -> float:
        found = self._needs.get(i)
        if found is None:
            found = self._needs[i] = self._measure(self._members.key(i, after_comma=True)) + self._value_need(i)
        return found

    def _value_need(self, i: int) -> float:
        return min((self._measure(value) for value, _ in self._members.values(i, NO_DEMANDS)), default=INFINITE)


class Sketches:
    """The sketches of one object."""

    def __init__(self, members: Members, count: Count, spacing: Spacing, end: Expr, place: Place) -> None:
        self._members, self._count, self._spacing, self._end, self._of = members, count, spacing, end, place
        self._shorter: dict[tuple[State, bool], Expr] = {}

    def at(self, place: State, *, slack: bool = False) -> Expr:
        """Some short way to the end: known members as they are needed, then others.

        With `slack`, the others are not the shortest ones, of which one may be taken.
        """
        return self._sketched(place, slack=True) if slack else shared(self._sketched, place)

    def _sketched(self, place: State, *, slack: bool = False) -> Expr:
        if self._members.is_lost(place.open, place.left):
            return NOTHING
        if max(1, self._count.least) > place.size + (self._members.required & place.left).bit_count():
            return self._shortened(place, slack=slack)
        left = place.left & (self._members.required | self._members.useful(place.open, place.left))
        open_ = self._members.without(place.open, place.left ^ left)
        return self._shortened(State(left, place.size, open_, place.written), slack=slack)

    def _shortened(self, start: State, *, slack: bool) -> Expr:
        """The names that are left, one after the other, each left out or written, then what else is needed.

        What follows the same names is shared, whichever place it was first asked for. Where many demands are open, not
        all ways are tried, but the one that meets the most of them at each name.
        """
        lacking = max(1, self._count.least) - start.size
        is_large = len(start.open) > MAX_TRIED or lacking * start.left.bit_count() > MAX_COUNTED // 4
        straight = self._straight(start, slack=slack) if is_large else NOTHING
        if straight is not NOTHING:
            return straight
        if len(self._shorter) > MAX_COUNTED:
            self._shorter.clear()
        found = {} if start.written else self._shorter  # there are as many with names as there are texts
        stack = [start]
        while stack:
            place = stack[-1]
            if (place, slack) in found:
                stack.pop()
            elif not place.left:
                found[place, slack] = self._closing(place, slack=slack)
            else:
                steps = self._steps(place)
                missing = [then for then, _ in steps if (then, slack) not in found]
                stack += missing
                if len(found) + len(stack) > 2 * MAX_COUNTED:
                    raise SchemaError(
                        "an object has too many properties to keep track of",
                        pointer=pointer(self._of),
                        limit=MAX_COUNTED,
                    )
                if not missing:
                    found[place, slack] = alt_of(seq(member, found[then, slack]) for then, member in steps)
        return found[start, slack]

    def _straight(self, place: State, *, slack: bool) -> Expr:
        members = []
        while place.left:
            lacking = max(1, self._count.least) - place.size
            is_short = lacking >= place.left.bit_count()
            steps = self._steps(place)
            if not steps:
                return NOTHING
            place, member = min(steps, key=lambda step: (len(step[0].open), (step[1] is EMPTY) is is_short))
            members.append(member)
        return seq(*members, self._closing(place, slack=slack))

    def _steps(self, place: State) -> list[tuple[State, Expr]]:
        """Leave out the next known name, or write it."""
        one = place.left & -place.left
        left, (_, count, open_, written) = place.left ^ one, place
        i = one.bit_length() - 1
        found = []
        if not self._members.required & one:
            found.append((State(left, count, self._members.without(open_, one), written), EMPTY))
        if self._count.most is None or count < self._count.most:
            found += [
                (State(left, min(count + 1, self._count.cap), still, written), member)
                for member, still in self._members.named(i, open_, after_comma=count > 0)
            ]
        return [(then, member) for then, member in found if not self._members.is_lost(then.open, then.left)]

    def _closing(self, place: State, *, slack: bool) -> Expr:
        """Others until none is needed, then the end."""
        if not place.open:
            return self._some_unnamed(place, max(0, max(1, self._count.least) - place.size), slack=slack)
        ways = []
        for group, open_ in self._members.unnamed(place.open):
            if open_ != place.open and (self._count.most is None or place.size < self._count.most):
                for name in self._names(group, place.written, 1, slack=slack):
                    then = State(0, min(place.size + 1, self._count.cap), open_, place.written | {name})
                    ways.append(seq(self._member(group, name, place.size), self._closing(then, slack=slack)))
        return alt_of(ways)

    def _some_unnamed(self, place: State, needed: int, *, slack: bool) -> Expr:
        if needed == 0:
            return self._end
        if needed > MAX_UNNAMED:
            raise SchemaError(
                "`minProperties` asks for too many properties that are not declared",
                pointer=pointer((self._of, "minProperties")),
                keyword="minProperties",
                limit=MAX_UNNAMED,
                given=needed,
            )
        ways = []
        for group, _ in self._members.unnamed(frozenset()):
            names = self._names(group, place.written, needed, slack=slack)
            if len(names) == needed:
                ways.append(
                    seq(*(self._member(group, name, place.size + n) for n, name in enumerate(names)), self._end)
                )
        return alt_of(ways)

    def _names(self, group: Unnamed, written: Written, count: int, *, slack: bool) -> list[bytes]:
        """The shortest names of a group."""
        found: list[bytes] = []
        while len(found) < count + slack:
            name = group.shortest(self._members.taken, written | frozenset(found))
            if name is None:
                break
            found.append(name)
        return found[1:] if slack and len(found) > count else found

    def _member(self, group: Unnamed, name: bytes, count: int) -> Expr:
        comma = self._spacing.comma if count else EMPTY
        return seq(comma, group.spelled(name), self._spacing.colon, group.value)
