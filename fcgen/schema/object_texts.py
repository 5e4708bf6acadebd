"""Object -> Expr: the texts of objects, with no key twice.

Most objects are written from their last property to their first, as two chains whose terms share their tails: what may
follow once a member has been written, and what may come while none has. So an object of n properties takes n steps;
where many in a row are optional, the choice among them is made only at the places that are walked. The others keep
track of their members instead (`object_places.py`).

Names that are not known one by one are remembered as they are written (`record`), since none may come twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from fcgen.grammar.expr import NOTHING, alt, alt_of, deferred, literal, record, seq, unknown
from fcgen.grammar.terms import Expr
from fcgen.schema.lowering import Lowering
from fcgen.schema.object_members import NO_NAMES, Count, Names, Unnamed, known_members, named_singly
from fcgen.schema.object_places import Places
from fcgen.schema.shape import Object
from fcgen.schema.tracking import FAR, MAX_PLACES
from fcgen.schema.values import spelled

_FEW = 2  # so many alternatives are written out wherever they may come
_QUOTE = literal(b'"')
_CLOSE = literal(b"}")


def object_texts(part: Object, low: Lowering, depth: int) -> Expr:
    """The texts of the objects of `part`, whose values `low` has lowered.

    Raises SchemaError where there is too much to count.
    """
    single = named_singly(part)
    count = Count.of(single)
    if low.text.order == "any" or count.matters or part.demands or single is not part:
        return Places(single, {*part.properties, *part.required}, count, low, depth).whole()
    return _chained(part, low, depth)


def _chained(part: Object, low: Lowering, depth: int) -> Expr:
    """The object, from its end: `after` is what may follow a member, `first` what may come while there is none."""
    members, required = known_members(part), frozenset(part.required)
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


class _Others:
    """The members of an object whose names are not known, one after the other to the object's end."""

    def __init__(self, part: Object, low: Lowering, depth: int) -> None:
        self._spacing = low.spacing(depth)
        self._known = frozenset(spelled(name)[1:-1] for name in {*part.properties, *part.required})
        inside = low.within(depth)
        found = (Unnamed(group.names, low.term(group.value, inside)) for group in part.groups)
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

    def following(self, group: Unnamed, written: Names) -> Expr:
        """What follows a name of `group`, the last of those written."""
        return seq(self._spacing.colon, group.value, self.after(written))


@dataclass(frozen=True, slots=True)
class _After:
    """What follows a name that is being written."""

    others: _Others
    group: Unnamed
    written: Names

    def __call__(self, name: bytes) -> Expr:
        return self.others.following(self.group, self.written | {name[:-1]})
