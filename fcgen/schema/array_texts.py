"""Array -> Expr: the texts of arrays.

Most arrays are a chain of first items and a loop over further ones. Where items are counted (`contains`) the places
between items are kept track of instead: the index as far as it matters, and how many items are of each shape
(`array_tallies.py`). Such places are built where they are walked. Where items must differ (`uniqueItems`),
`array_unique.py` does the same with the items that are written.
"""

from __future__ import annotations

from functools import partial

from fcgen.grammar.expr import EMPTY, NOTHING, alt, alt_of, deferred, literal, repeat, seq
from fcgen.grammar.terms import Expr
from fcgen.schema.array_tallies import Tallies, Tally
from fcgen.schema.array_unique import unique_texts
from fcgen.schema.costs import located
from fcgen.schema.lowering import Lowering
from fcgen.schema.shape import Array

_CLOSE = literal(b"]")


def array_texts(part: Array, low: Lowering, depth: int) -> Expr:
    """The texts of the arrays of `part`, whose items `low` has lowered.

    Raises SchemaError where there is too much to count.
    """
    if part.unique and part.max_items not in (0, 1):
        low.contents.has_more()  # what differs from what is written is told apart when it is walked
        return unique_texts(part, low, depth)
    if part.contains:
        low.contents.has_more()
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


class _Counted:
    """An array whose items are counted."""

    def __init__(self, part: Array, low: Lowering, depth: int) -> None:
        self._part, self._low, self._depth, self._inside = part, low, depth, low.within(depth)
        self._tallies = Tallies(part)
        self._spacing = low.spacing(depth)
        self._end = seq(self._spacing.close, _CLOSE)
        self._places: dict[Tally, Expr] = {}
        self._shortest: dict[Tally, Expr] = {}

    def whole(self) -> Expr:
        start = self._tallies.start
        empty = _CLOSE if self._tallies.may_end(start) else NOTHING
        build = partial(self._items_at, start)
        some = deferred(build, self._shortest_way(start), contents=self._low.contents)
        self._low.check_later(self._lower_all)
        return self._low.enclosed(b"[", some, empty, self._depth)

    def _lower_all(self) -> None:
        """See that all kinds of items can be lowered, before any is written."""
        with located(self._part.place, "contains"):
            for kind in self._tallies.all_kinds():
                self._low.late(kind.shape, self._inside)

    def _at(self, tally: Tally) -> Expr:
        """What may come at a place after an item."""
        found = self._places.get(tally)
        if found is None:
            like = self._end if self._tallies.may_end(tally) else self._shortest_way(tally)
            found = self._places[tally] = deferred(partial(self._ways, tally), like, contents=self._low.contents)
        return found

    def _ways(self, tally: Tally) -> Expr:
        return alt(self._items_at(tally), self._end if self._tallies.may_end(tally) else NOTHING)

    def _items_at(self, tally: Tally) -> Expr:
        """Each item that may come next, with what may follow it."""
        comma = self._spacing.comma if tally.at else EMPTY
        return seq(comma, alt_of(seq(texts, self._at(then)) for texts, then in self._steps(tally)))

    def _steps(self, tally: Tally) -> list[tuple[Expr, Tally]]:
        if self._tallies.is_full(tally):
            return []
        return [
            (self._low.late(kind.shape, self._inside), self._tallies.then(tally, kind.counted))
            for kind in self._tallies.kinds(tally)
        ]

    def _shortest_way(self, start: Tally) -> Expr:
        """One item after the other until none is needed, then the end."""
        found, stack = self._shortest, [start]
        while stack:
            tally = stack[-1]
            if tally in found:
                stack.pop()
            elif tally.at > 0 and self._tallies.may_end(tally):
                found[tally] = self._end
            else:
                steps = [step for step in self._steps(tally) if self._tallies.is_nearer(tally, step[1])]
                missing = [then for _, then in steps if then not in found]
                stack += missing
                if not missing:
                    comma = self._spacing.comma if tally.at else EMPTY
                    found[tally] = alt_of(seq(comma, texts, found[then]) for texts, then in steps)
        return found[start]
