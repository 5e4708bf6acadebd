"""Bounds that a walk cannot reach do not matter to it.

No token is longer than so many bytes, the horizon. A run that may go on for longer allows the same tokens wherever it
is, as long as more than a horizon is left of it: those of the run without its bound. So the thousands of places of a
long string have the states of a few, and their masks.

Where the run is one part of an intersection (a pattern and a greatest length), its bound may be what keeps a text from
ever being finished. It does not matter where enough is left, beyond the horizon, for the longest of the shortest ways
to an end.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from fcgen.errors import OutOfSteps
from fcgen.grammar.arcs import Recording, ways
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.expr import alt_of, both, parts_in_row, repeat, seq
from fcgen.grammar.terms import Alt, Both, Counted, Expr, Repeat, Seq
from fcgen.grammar.work import bounded

MAX_EXPLORED = 5_000
MAX_EXPLORING = 50_000
"""How many steps to find that a bound does not matter may take."""
_farthest_known: WeakKeyDictionary[Expr, float] = WeakKeyDictionary()


def boundless(e: Expr, horizon: int) -> Expr:
    """`e`, where the runs at its head have no bound if `horizon` bytes cannot exhaust them. The same object if none."""
    match e:
        case Repeat() if _is_long(e, horizon):
            return repeat(e.inner, e.least, None)
        case Seq():
            head = boundless(e.head, horizon)
            return e if head is e.head else seq(head, e.tail)
        case Alt():
            parts = [boundless(part, horizon) for part in e.parts]
            return e if all(map(_same, parts, e.parts)) else alt_of(parts)
        case Both():
            return _boundless_both(e, horizon)
        case Counted():
            return e.owner.boundless(e, horizon)
        case _:
            return e


def _is_long(e: Expr, horizon: int) -> bool:
    return type(e) is Repeat and e.most is not None and e.most > horizon and not e.inner.can_stop


def _same(a: Expr, b: Expr) -> bool:
    return a is b


def _boundless_both(e: Both, horizon: int) -> Expr:
    if any(type(part) is Counted for part in e.parts):
        parts = [boundless(part, horizon) for part in e.parts]
        return e if all(map(_same, parts, e.parts)) else both(*parts)
    bounds = [part.most for part in e.parts if isinstance(part, Repeat) and part.most and _is_long(part, horizon)]
    if not bounds:
        return e
    free = both(*(boundless(part, horizon) if type(part) is Repeat else part for part in e.parts))
    return free if horizon + _farthest(free) <= min(bounds) else e


def _farthest(e: Expr) -> float:
    """At least the greatest distance to an end from any place of `e`, of which each character takes a byte.

    Infinite if that takes too much work to find, which is then known of each place that was seen, lest the next of them
    takes as much again.
    """
    found = _farthest_known.get(e)
    if found is None and _counted(e) > MAX_EXPLORED:
        return INFINITE
    if found is None:
        places = {e: None}
        try:
            with bounded(MAX_EXPLORING):
                found = _explored(e, places)
        except OutOfSteps:
            found = INFINITE
        _farthest_known.update(dict.fromkeys(places, found))
    return found


def _counted(e: Expr) -> int:
    """How many places the counts in `e` tell apart, one in the other multiplied."""
    match e:
        case Repeat():
            return max(1, e.least if e.most is None else e.most) * _counted(e.inner)
        case Seq():
            return sum(map(_counted, parts_in_row(e)))
        case Alt() | Both():
            return max(map(_counted, e.parts))
        case _:
            return 1


def _explored(e: Expr, places: dict[Expr, None]) -> float:
    """The greatest distance from one of the places of `e` to an end; infinite if these are too many. Adds them."""
    farthest = fewest(e)
    ahead = [e]
    for place in ahead:
        try:
            found = [then for _, then in ways(place) if fewest(then) != INFINITE]
        except Recording:
            return INFINITE
        for then in found:
            if then not in places:
                places[then] = None
                ahead.append(then)
                farthest = max(farthest, fewest(then))
        if len(places) > MAX_EXPLORED or any(_farthest_known.get(then) == INFINITE for then in found):
            return INFINITE
    return farthest
