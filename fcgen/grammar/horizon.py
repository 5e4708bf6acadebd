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

from fcgen.grammar.arcs import Recording, ways
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.expr import alt_of, both, repeat, seq
from fcgen.grammar.terms import Alt, Both, Expr, Repeat, Seq

MAX_EXPLORED = 5_000
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
        case _:
            return e


def _is_long(e: Expr, horizon: int) -> bool:
    return type(e) is Repeat and e.most is not None and e.most > horizon and not e.inner.can_stop


def _same(a: Expr, b: Expr) -> bool:
    return a is b


def _boundless_both(e: Both, horizon: int) -> Expr:
    bounds = [part.most for part in e.parts if isinstance(part, Repeat) and part.most and _is_long(part, horizon)]
    if not bounds:
        return e
    free = both(*(boundless(part, horizon) if type(part) is Repeat else part for part in e.parts))
    return free if horizon + _farthest(free) <= min(bounds) else e


def _farthest(e: Expr) -> float:
    """At least the greatest distance to an end from any place of `e`, of which each character takes a byte."""
    found = _farthest_known.get(e)
    if found is None:
        places, found = _explored(e)
        _farthest_known.update(dict.fromkeys(places, found))
    return found


def _explored(e: Expr) -> tuple[list[Expr], float]:
    """The places of `e`, and the greatest distance from one of them to an end; infinite if they are too many."""
    seen, places = {e}, [e]
    farthest = fewest(e)
    for place in places:
        try:
            found = [then for _, then in ways(place) if fewest(then) != INFINITE]
        except Recording:
            return [e], INFINITE
        for then in found:
            if then not in seen:
                seen.add(then)
                places.append(then)
                farthest = max(farthest, fewest(then))
        if len(places) > MAX_EXPLORED:
            return [e], INFINITE
    return places, farthest
