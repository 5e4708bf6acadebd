"""How far it is to the end of a term: the fewest bytes that finish it, and whether anything does.

`fewest(e)` is structural for all but intersection and complement, where a best-first search over arcs finds the
nearest end, or some near end of a large one. References make it a system of equations; it is solved by iteration from
infinity, which converges to the least solution because each term only adds and takes minima.

A recording counts its shortest name and what generally follows; whether anything does is found out by going through
with it, for those recordings that the solution rests on. (So three different booleans are found to be impossible.)
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Collection, Sequence

from fcgen.core import after, fewest, fork_need, provide
from fcgen.errors import GrammarTooLarge
from fcgen.grammar.arcs import Recording, arcs, is_recording, ways
from fcgen.grammar.terms import (
    INFINITE,
    Alt,
    Apart,
    Both,
    Complement,
    Deferred,
    Expr,
    Fork,
    Record,
    Reference,
    Repeat,
    Seq,
    Unknown,
    Unlike,
    parts_of,
)
from fcgen.grammar.work import spend

__all__ = ["BEYOND", "INFINITE", "arcs", "fewest"]

BEYOND = float(2**40)
EXACT_LIMIT = 2_000
SEARCH_LIMIT = 50_000
_CLOSING = b"]}"


def _settle(root: Expr) -> None:
    """Solve for `root`, and for what follows the recordings that its shortest way begins, as far as that matters."""
    ahead = [root]
    following: dict[Record, Expr] = {}
    while ahead:
        doubts = _solve(ahead[-1])
        if not doubts:
            ahead.pop()
        for e in doubts:
            if e not in following:
                following[e] = after(e, e.written + _shortest(e.names))
            then = following[e]
            if then.fewest_memo is None and then not in ahead:
                ahead.append(then)
            elif then.fewest_memo is None or then.fewest_memo == INFINITE:
                e.fewest_memo = INFINITE
            else:
                e.sure = True


provide(settle=_settle)


def fewest_needs_no_memory(root: Expr) -> bool:
    """Whether `fewest` is the same for what is reached from `root` and for the generic terms of that.

    It may not be if a recording's names are recorded themselves, since what is taken away from these is searched.
    """
    ahead = [(root, False)]
    seen = set(ahead)
    while ahead:
        e, within = ahead.pop()
        if (within and type(e) in (Record, Unknown, Deferred)) or (type(e) is Deferred and not e.contents.is_plain):
            return False
        for child in e.parts if type(e) is Both else parts_of(e):
            inside = within or type(e) is Both or (type(e) is Record and child is e.names)
            if (child, inside) not in seen:
                seen.add((child, inside))
                ahead.append((child, inside))
    return True


def shortest(e: Expr) -> bytes | None:
    """A shortest text of `e`; None: there is none."""
    return None if fewest(e) == INFINITE else _shortest(e)


def _shortest(e: Expr) -> bytes:
    """A text of `e`, found by going nearer to an end with each byte."""
    text = bytearray()
    while not e.can_stop:
        byte, e = _nearest(e)
        text.append(byte)
    return bytes(text)


def _nearest(e: Expr) -> tuple[int, Expr]:
    """A byte that leads nearer to an end, and what is left after it: the first in an order that needs little work.

    Brackets that close are tried first, and recordings last: where items that must differ are within each other, each
    of them can begin another one, without end.

    Raises GrammarTooLarge: none does. What the search of a large intersection finds is some near end, so that of two
    terms which mean much the same, the one that is nearer may count as farther.
    """
    found = sorted(ways(e), key=lambda way: (is_recording(way[1]), way[0] not in _CLOSING, way[0]))
    nearer = next(((byte, then) for byte, then in found if fewest(then) < fewest(e)), None)
    if nearer is None:
        raise _too_large()
    return nearer


def _solve(root: Expr) -> list[Record]:
    """Find `fewest` of `root`, unless it depends on recordings of which it is not known whether they can be finished.

    Returns these recordings.
    """
    if root.fewest_memo is not None:
        return []
    order, cyclic = _unknown_below(root)
    value: dict[Expr, float] = dict.fromkeys(order, INFINITE)
    changed = True
    while changed:
        changed = False
        for e in order:
            now = _estimate(e, value)
            if now < value[e]:
                value[e] = now
                changed = cyclic
    doubtful = any(type(e) is Record and not e.sure for e in order)
    for e in _certain(order, value) if doubtful else order:
        e.fewest_memo = value[e]
    return [] if root.fewest_memo is not None else _doubts(root, value)


def _certain(order: list[Expr], value: dict[Expr, float]) -> set[Expr]:
    """The terms whose value rests on no recording that may be impossible to finish."""
    certain = {e for e in order if value[e] == INFINITE}
    changed = True
    while changed:
        before = len(certain)
        for e in order:
            if e not in certain:
                needed = _best_parts(e, value, certain)
                if all(child.fewest_memo is not None or child in certain for child in needed) and not _doubtful(e):
                    certain.add(e)
        changed = len(certain) > before
    return certain


def _doubtful(e: Expr) -> bool:
    return type(e) is Record and not e.sure


def _best_parts(e: Expr, value: dict[Expr, float], certain: Collection[Expr]) -> Sequence[Expr]:
    """The parts on which the value of `e` rests; of several, a certain one."""
    if type(e) is not Alt:
        return parts_of(e)
    best = [part for part in e.parts if _value_of(part, value) == value[e]]
    return [next((part for part in best if part.fewest_memo is not None or part in certain), best[0])]


def _value_of(e: Expr, value: dict[Expr, float]) -> float:
    return value[e] if e.fewest_memo is None else e.fewest_memo


def _doubts(root: Expr, value: dict[Expr, float]) -> list[Record]:
    """The recordings on which the value of `root` rests, those first that are parts of others' names."""
    found = []
    seen = {root}
    ahead = [root]
    while ahead:
        e = ahead.pop()
        if isinstance(e, Record) and not e.sure and e.names.fewest_memo is not None:
            found.append(e)
        for child in _best_parts(e, value, ()):
            if child.fewest_memo is None and child not in seen:
                seen.add(child)
                ahead.append(child)
    return found


def _unknown_below(root: Expr) -> tuple[list[Expr], bool]:
    """Terms whose `fewest` is not known yet, children before parents where there is no cycle, and whether there is."""
    order: list[Expr] = []
    state: dict[Expr, bool] = {}
    cyclic = False
    stack = [(root, iter(parts_of(root)))]
    state[root] = False
    while stack:
        e, children = stack[-1]
        for child in children:
            if child.fewest_memo is None:
                if child not in state:
                    state[child] = False
                    stack.append((child, iter(parts_of(child))))
                    break
                cyclic = cyclic or not state[child]
        else:
            stack.pop()
            state[e] = True
            order.append(e)
    return order, cyclic


def _estimate(e: Expr, value: dict[Expr, float]) -> float:
    match e:
        case Seq():
            return _value_of(e.head, value) + _value_of(e.tail, value)
        case Alt():
            return min(_value_of(part, value) for part in e.parts)
        case Repeat():
            return e.least * _value_of(e.inner, value)
        case Apart():
            return _value_of(e.inner, value)
        case Unlike():
            return max(1, _value_of(e.plain, value))
        case Fork():
            return fork_need(e)
        case Reference():
            return _value_of(e.scope[e.name], value)
        case Deferred():
            return _value_of(e.like, value)
        case Record():
            return _value_of(e.names, value) + _value_of(e.like, value)
        case Both() | Complement():
            return _search(e)
        case _:
            return INFINITE


def _search(root: Expr) -> float:
    """The fewest bytes from an intersection or a complement to an end: of a large one, those of some short way."""
    nearest = _best_first(root, EXACT_LIMIT, is_exact=True)
    if nearest is None:
        nearest = _best_first(root, SEARCH_LIMIT, is_exact=False)
    if nearest is None:
        raise _too_large()
    return nearest


def _too_large() -> GrammarTooLarge:
    return GrammarTooLarge(
        "an intersection or a complement has too many states to search",
        limit=SEARCH_LIMIT,
        given=SEARCH_LIMIT + 1,
        hint="Simplify the pattern, or lower its length bounds.",
    )


def _best_first(root: Expr, limit: int, *, is_exact: bool) -> float | None:
    """Best-first search for the nearest end, guided by what the parts need at least (A*); None: over the limit.

    Unless it must be exact, what has been walked does not count, so that it goes straight for an end.
    """
    came: dict[Expr, tuple[int, Expr | None]] = {root: (0, None)}
    pushed = itertools.count()  # settles ties, of which the deepest goes first
    heap: list[tuple[float, int, int, Expr]] = [(_at_least(root), 0, next(pushed), root)]
    done: set[Expr] = set()
    hidden = False
    while heap:
        _, negative, _, e = heapq.heappop(heap)
        walked = -negative
        if e in done:
            continue
        if not isinstance(e, (Both, Complement)) or e.fewest_memo is not None:
            return _remember(came, e, fewest(e))
        done.add(e)
        spend(3)
        if len(done) > limit:
            return None
        try:
            found = list(ways(e))
        except Recording:
            hidden = True
            continue
        for _, then in found:
            known = came.get(then)
            if known is None or (is_exact and walked + 1 < known[0]):
                need = _at_least(then)
                if need != INFINITE:
                    came[then] = (walked + 1, e)
                    rank = walked + 1 + need if is_exact else need
                    heapq.heappush(heap, (rank, -walked - 1, next(pushed), then))
    if hidden:
        return BEYOND
    for e in done:
        e.fewest_memo = INFINITE
    return INFINITE


def _at_least(e: Expr) -> float:
    if e.fewest_memo is not None:
        return e.fewest_memo
    match e:
        case Both():
            return max(_at_least(part) for part in e.parts)
        case Complement():
            return 1
        case _:
            return fewest(e)


def _remember(came: dict[Expr, tuple[int, Expr | None]], end: Expr, need: float) -> float:
    """What is known now of every term on the way to the end, back to the first."""
    e: Expr | None = end
    while e is not None:
        need = e.fewest_memo = need if e.fewest_memo is None else e.fewest_memo
        e = came[e][1]
        need += 1
    return need - 1
