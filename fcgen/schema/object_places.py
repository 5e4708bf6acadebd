"""Object -> Expr where its members are kept track of, place by place.

Counts and demands need it, and names with many spellings: a place knows which names are left, how many members there
are, and which demands are still open. Places are built where they are walked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial

from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.expr import EMPTY, NOTHING, alt, alt_of, deferred, literal, record, seq, shared, unknown
from fcgen.grammar.terms import Expr, Measure, Names
from fcgen.grammar.work import spend
from fcgen.schema.keys import names_of
from fcgen.schema.lowering import Lowering
from fcgen.schema.object_members import NO_NAMES, Count, Members, Unnamed, bits
from fcgen.schema.object_sketches import PlainNeeds, Sketches, State
from fcgen.schema.shape import Object
from fcgen.schema.tracking import FAR, needing

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
        self._table = names_of([name for name, _ in self._members.known], low.text.spell)

    def whole(self) -> Expr:
        """The texts of the object."""
        start = State((1 << len(self._members.known)) - 1, 0, self._demands, NO_NAMES)
        some = deferred(partial(self._members_at, start), self._sketches.at(start), contents=self._low.contents)
        empty = _CLOSE if self._may_end(start) else NOTHING
        return self._low.enclosed(b"{", some, empty, self._depth)

    def _at(self, place: State) -> Expr:
        """What may come at a place after a member."""
        return shared(self._place, place)

    def _place(self, place: State) -> Expr:
        like = self._end if self._may_end(place) else self._sketches.at(place)
        return deferred(partial(self._ways, place), like, contents=self._low.contents)

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
        is_full = self._is_full(place)
        chosen = 0
        for i in self._candidates(place):
            if self._members.required >> i & 1 or not is_full:
                chosen |= 1 << i
        known = _Known(self, place)
        names = Names(
            self._table,
            known.after,
            known.need_by(fewest),
            contents=[self._low.contents] * len(self._table),
            need_by=known.need_by,
        )
        found = [seq(self._spacing.comma if place.size else EMPTY, names.fork(chosen))]
        declared = place.left & self._ordered
        if not self._members.required & declared and not is_full:
            found += self._unnamed(self._without(place, declared, declared))
        return alt_of(found)

    def _candidates(self, place: State) -> Iterator[int]:
        """The known names that may come next."""
        declared = place.left & self._ordered
        for i in bits(declared):
            yield i
            if self._members.required >> i & 1:
                return
        yield from bits(place.left ^ declared)

    def _without(self, place: State, names: int, skipped: int) -> State:
        """The place where `names` are no longer left, `skipped` of them for not being there."""
        return place._replace(left=place.left & ~names, open=self._members.without(place.open, skipped))

    def values(self, place: State, i: int) -> Iterator[tuple[Expr, Expr]]:
        """The value of a known name by the demands that it meets, each with what may follow it."""
        declared = place.left & self._ordered
        skipped = declared & ((1 << i) - 1) if declared >> i & 1 else declared
        place = self._without(place, skipped | 1 << i, skipped)
        size = min(place.size + 1, self._count.cap)
        for value, open_ in self._members.values(i, place.open):
            yield value, self._at(State(place.left, size, open_, place.written))

    def plain_needs(self, place: State, measure: Measure) -> PlainNeeds | None:
        """The needs of the members at a place; None: they are only known of sketches."""
        needed = (self._members.required & place.left).bit_count()
        if place.open or place.size + needed < self._count.least:
            return None
        return PlainNeeds(self._members, self._count, self._spacing, self._end, place=place, measure=measure)

    @property
    def colon(self) -> Expr:
        """What stands between a name and its value."""
        return self._spacing.colon

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
        comma = self._spacing.comma
        return seq(comma, needing(self._sketches.at(place, slack=True), after=comma))


class _Known:
    """What follows the known names that may come next at a place: made for those that are walked."""

    __slots__ = ("_found", "_place", "_places")

    def __init__(self, places: Places, place: State) -> None:
        self._places, self._place = places, place
        self._found: dict[int, list[tuple[Expr, Expr]]] = {}

    def after(self, i: int) -> Expr:
        """The value of a name, and what may follow it."""
        return seq(self._places.colon, alt_of(seq(value, then) for value, then in self._values(i)))

    def need_by(self, measure: Measure) -> Callable[[int], float]:
        """How many bytes follow a name at least, by a measure of terms."""
        return partial(self._need, measure, self._places.plain_needs(self._place, measure))

    def _need(self, measure: Measure, plain: PlainNeeds | None, i: int) -> float:
        if plain is not None:
            return plain.after_name(i)
        needs = (measure(value) + measure(then) for value, then in self._values(i))
        return measure(self._places.colon) + min(needs, default=INFINITE)

    def _values(self, i: int) -> list[tuple[Expr, Expr]]:
        found = self._found.get(i)
        if found is None:
            found = self._found[i] = list(self._places.values(self._place, i))
        return found


@dataclass(frozen=True, slots=True)
class _AfterUnnamed:
    """What follows a name that is being written."""

    places: Places
    group: Unnamed
    place: State

    def __call__(self, name: bytes) -> Expr:
        place = self.place._replace(written=self.group.with_name(self.place.written, name[:-1]))
        return self.places.following(self.group, place)
