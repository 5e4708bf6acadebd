"""Object -> Expr where its members are kept track of, place by place.

Properties in any order, counts and demands need it: a place knows which names are left, how many members there are, and
which demands are still open. Places are built where they are walked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial

from fcgen.grammar.expr import EMPTY, NOTHING, alt, alt_of, deferred, literal, record, seq, unknown
from fcgen.grammar.terms import Expr
from fcgen.grammar.work import spend
from fcgen.schema.lowering import Lowering
from fcgen.schema.object_members import NO_NAMES, Count, Members, Unnamed, bits
from fcgen.schema.object_sketches import Sketches, State
from fcgen.schema.shape import Object
from fcgen.schema.tracking import FAR, MAX_PLACES, needing

_QUOTE = literal(b'"')
_CLOSE = literal(b"}")


class Places:
    """The places of an object.

    Args:
        part: the object.
        declared: the names that the schema gives an order; unless properties may be in any order, they come in it, and
            before all others.
        count: the bounds on the number of members.
        low: what has lowered the values.
        depth: how deep the object stands.
    """

    def __init__(self, part: Object, declared: Collection[str], count: Count, low: Lowering, depth: int) -> None:
        self._low, self._depth, self._count = low, depth, count
        self._spacing = low.spacing(depth)
        self._end = seq(self._spacing.close, _CLOSE)
        self._members = Members(part, declared, low, depth)
        self._demands = frozenset(range(len(part.demands)))
        self._ordered = 0 if low.text.order == "any" else self._members.declared
        self._sketches = Sketches(self._members, count, self._spacing, self._end, part.place)
        self._places: dict[State, Expr] = {}

    def whole(self) -> Expr:
        """The texts of the object."""
        start = State((1 << len(self._members.known)) - 1, 0, self._demands, NO_NAMES)
        some = deferred(partial(self._members_at, start), self._sketches.at(start), contents=self._low.contents)
        empty = _CLOSE if self._may_end(start) else NOTHING
        return self._low.enclosed(b"{", some, empty, self._depth)

    def _at(self, place: State) -> Expr:
        """What may come at a place after a member."""
        found = self._places.get(place)
        if found is None:
            if len(self._places) > MAX_PLACES:
                self._places.clear()
            like = self._end if self._may_end(place) else self._sketches.at(place)
            found = self._places[place] = deferred(partial(self._ways, place), like, contents=self._low.contents)
        return found

    def _ways(self, place: State) -> Expr:
        return alt(self._members_at(place), self._end if self._may_end(place) else NOTHING)

    def _may_end(self, place: State) -> bool:
        return (
            place.size >= self._count.least
            and not self._members.required & place.left
            and not self._members.without(place.open, place.left)
        )

    def _is_full(self, place: State) -> bool:
        """Whether every member that may still come is a required one."""
        return (
            self._count.most is not None
            and self._count.most - place.size <= (self._members.required & place.left).bit_count()
        )

    def _members_at(self, place: State) -> Expr:
        """Each member that may come next, with what may follow it."""
        spend(place.left.bit_count())
        found: list[Expr] = []
        is_full = self._is_full(place)
        for i, skipped in self._candidates(place):
            if self._members.required >> i & 1 or not is_full:
                found += self._known(i, self._without(place, skipped | 1 << i, skipped))
        declared = place.left & self._ordered
        if not self._members.required & declared and not is_full:
            found += self._unnamed(self._without(place, declared, declared))
        return alt_of(found)

    def _candidates(self, place: State) -> Iterator[tuple[int, int]]:
        """The known names that may come next, each with those that it leaves out for good."""
        declared = place.left & self._ordered
        for i in bits(declared):
            yield i, declared & ((1 << i) - 1)
            if self._members.required >> i & 1:
                return
        for i in bits(place.left ^ declared):
            yield i, declared

    def _without(self, place: State, names: int, skipped: int) -> State:
        """The place where `names` are no longer left, `skipped` of them for not being there."""
        return place._replace(left=place.left & ~names, open=self._members.without(place.open, skipped))

    def _known(self, i: int, place: State) -> Iterator[Expr]:
        """A member of a known name, by the demands that it meets; `place` is without the name."""
        for member, open_ in self._members.named(i, place.open, after_comma=place.size > 0):
            yield seq(member, self._at(State(place.left, min(place.size + 1, self._count.cap), open_, place.written)))

    def _unnamed(self, place: State) -> Iterator[Expr]:
        """The members whose names are not known."""
        comma = self._spacing.comma if place.size else EMPTY
        for group, open_ in self._members.unnamed(place.open):
            then = State(place.left, min(place.size + 1, self._count.cap), open_, place.written)
            like = seq(self._spacing.colon, group.value, self._generic(then))
            names = seq(group.texts(self._members.taken, place.written), _QUOTE)
            yield seq(comma, _QUOTE, record(names, _AfterUnnamed(self, group, then), like))

    def following(self, group: Unnamed, place: State) -> Expr:
        """What follows a name of `group`."""
        return seq(self._spacing.colon, group.value, self._at(place))

    def _generic(self, place: State) -> Expr:
        """What follows a member, as far as it does not depend on the others that are written."""
        if self._may_end(place):
            return alt(seq(self._spacing.comma, unknown(FAR)), self._end)
        return seq(self._spacing.comma, needing(self._sketches.at(place, slack=True)))


@dataclass(frozen=True, slots=True)
class _AfterUnnamed:
    """What follows a name that is being written."""

    places: Places
    group: Unnamed
    place: State

    def __call__(self, name: bytes) -> Expr:
        place = self.place._replace(written=self.group.with_name(self.place.written, name[:-1]))
        return self.places.following(self.group, place)
