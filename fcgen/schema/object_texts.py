"""Object -> Expr: the texts of objects, with no key twice.

Most objects are a chain of their known members, of which each place is a choice among the names that may still come
(`names.py`). Places are made where they are walked; until then the required members stand for the object, which tell
how short it can be and whether there is any. The others keep track of their members instead (`object_places.py`).

Names that are not known one by one are remembered as they are written (`record`), since none may come twice.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property, partial

from fcgen.grammar.characters import json_chars
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.expr import NOTHING, alt, alt_of, deferred, literal, record, seq, shared, unknown
from fcgen.grammar.names import fork
from fcgen.grammar.terms import Expr, Names
from fcgen.schema.keys import symbol, symbols
from fcgen.schema.lowering import Lowering
from fcgen.schema.object_members import NO_NAMES, Count, Unnamed, Written, known_members, named_singly
from fcgen.schema.object_places import Places
from fcgen.schema.shape import Object
from fcgen.schema.tracking import FAR
from fcgen.schema.values import spelled

_QUOTE = literal(b'"')
_CLOSE = literal(b"}")


def object_texts(part: Object, low: Lowering, depth: int) -> Expr:
    """The texts of the objects of `part`, whose values `low` has lowered.

    Raises SchemaError where there is too much to count.
    """
    single = named_singly(part)
    count = Count.of(single)
    if part.demands:
        low.contents.has_more()  # what meets a demand is made of two shapes when it is walked
    if low.text.order == "any" or count.matters or part.demands or single is not part:
        return Places(single, {*part.properties, *part.required}, count, low, depth).whole()
    return _Chained(part, low, depth).whole()


class _Chained:
    """An object whose known members come in their order. What follows each is made when it is walked."""

    def __init__(self, part: Object, low: Lowering, depth: int) -> None:
        self._low, self._depth, self._part = low, depth, part
        self._spacing = low.spacing(depth)
        members, required = known_members(part), frozenset(part.required)
        self._values = [value for _, value in members]
        self._known = [name for name, _ in members]
        self._keys = [spelled(name) for name in self._known]
        self._required = [i for i, (name, _) in enumerate(members) if name in required]
        self._end = seq(self._spacing.close, _CLOSE)

    def whole(self) -> Expr:
        """The texts of the object, as yet a sketch: its required members alone."""
        need = self._known_need()
        return deferred(self._built, self._sketch, can_stop=False, need=need, contents=self._low.contents)

    def _known_need(self) -> float | None:
        """The fewest bytes, where those of the required members are known; they are, but for some recursive schemas."""
        spacing = self._spacing
        if not self._required:
            return 2 + fewest(spacing.empty)
        values = [need for i in self._required if (need := self._value(i).fewest_memo) is not None]
        if len(values) < len(self._required):
            return None
        names = sum(len(self._keys[i]) for i in self._required)
        signs = len(values) * fewest(spacing.colon) + (len(values) - 1) * fewest(spacing.comma)
        return 1 + fewest(spacing.open) + names + signs + sum(values) + fewest(self._end)

    def _built(self) -> Expr:
        first = self._members_from(0)
        return self._low.enclosed(b"{", first, NOTHING if self._required else _CLOSE, self._depth)

    def _sketch(self) -> Expr:
        if not self._required:
            return self._low.enclosed(b"{", NOTHING, _CLOSE, self._depth)
        i = self._required[0]
        first = seq(self._low.string(self._known[i]), self._following(i, self._sketches[1]))
        return self._low.enclosed(b"{", first, NOTHING, self._depth)

    @cached_property
    def _others(self) -> _Others:
        return _Others(self._part, self._low, self._depth)

    @cached_property
    def _names(self) -> Names:
        if self._low.text.spell is json_chars:
            return Names(self._keys, self._tail, self._need)
        return Names([symbols(name) for name in self._known], self._tail, self._need, symbol=symbol)

    @cached_property
    def _sketches(self) -> list[Expr]:
        """What must still follow when some of the required members are written, by how many are."""
        found = [self._end]
        for i in reversed(self._required):
            name = self._low.string(self._known[i])
            found.append(seq(self._spacing.comma, name, self._following(i, found[-1])))
        return found[::-1]

    def _members_from(self, i: int) -> Expr:
        """The members that may come next, where those before the known member `i` have come or never will."""
        later = bisect_left(self._required, i)
        if later < len(self._required):
            return fork(self._names, (2 << self._required[later]) - (1 << i))
        return alt(fork(self._names, (1 << len(self._keys)) - (1 << i)), self._others.first)

    def _tail(self, i: int) -> Expr:
        return self._following(i, self._after(i + 1))

    def _need(self, i: int) -> float:
        then = self._end if i + 1 == len(self._keys) else self._sketches[bisect_left(self._required, i + 1)]
        return fewest(self._spacing.colon) + fewest(self._value(i)) + fewest(then)

    def _value(self, i: int) -> Expr:
        return self._low.late(self._values[i], self._low.within(self._depth))

    def _following(self, i: int, then: Expr) -> Expr:
        """What follows the name of the known member `i`."""
        return seq(self._spacing.colon, self._value(i), then)

    def _after(self, i: int) -> Expr:
        """What may follow the known member before `i`."""
        if i == len(self._keys):
            return self._others.after(NO_NAMES)
        sketch = self._sketches[bisect_left(self._required, i)]
        return deferred(partial(self._ways, i), sketch, contents=self._low.contents)

    def _ways(self, i: int) -> Expr:
        members = seq(self._spacing.comma, self._members_from(i))
        return members if self._required and i <= self._required[-1] else alt(members, self._end)


class _Others:
    """The members of an object whose names are not known, one after the other to the object's end."""

    def __init__(self, part: Object, low: Lowering, depth: int) -> None:
        self._spacing, self._contents = low.spacing(depth), low.contents
        self._known = frozenset(spelled(name)[1:-1] for name in {*part.properties, *part.required})
        inside = low.within(depth)
        found = (Unnamed(group.names, low.text.spell, low.term(group.value, inside)) for group in part.groups)
        self._groups = [group for group in found if group.value is not NOTHING]
        self._end = seq(self._spacing.close, _CLOSE)

    @cached_property
    def first(self) -> Expr:
        """What may come where there is no member yet, but for the end."""
        return self._member(NO_NAMES)

    def after(self, written: Written) -> Expr:
        """What may follow a member, where these others are written."""
        if not self._groups:
            return self._end
        return shared(self._place, written)

    def _place(self, written: Written) -> Expr:
        ways = partial(self._ways, written)
        return deferred(ways, self._end, contents=self._contents) if written else ways()

    def _ways(self, written: Written) -> Expr:
        return alt(seq(self._spacing.comma, self._member(written)), self._end)

    def _member(self, written: Written) -> Expr:
        more = alt(seq(self._spacing.comma, unknown(FAR)), self._end)
        return alt_of(
            seq(
                _QUOTE,
                record(
                    seq(group.texts(self._known, written), _QUOTE),
                    _After(self, group, written),
                    seq(self._spacing.colon, group.value, more),
                    sure=group.value.fewest_memo not in (None, INFINITE),
                ),
            )
            for group in self._groups
        )

    def following(self, group: Unnamed, written: Written) -> Expr:
        """What follows a name of `group`, the last of those written."""
        return seq(self._spacing.colon, group.value, self.after(written))


@dataclass(frozen=True, slots=True)
class _After:
    """What follows a name that is being written."""

    others: _Others
    group: Unnamed
    written: Written

    def __call__(self, name: bytes) -> Expr:
        return self.others.following(self.group, self.group.with_name(self.written, name[:-1]))
