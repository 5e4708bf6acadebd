"""What follows a term: its arcs (all derivatives at once), and the fewest bytes that finish it.

`arcs(e)` is a partition: byte sets that do not overlap, each with the term that is left after one of its bytes. For a
choice the partitions of its parts are refined against each other, for an intersection they are crossed, for a
complement the rest leads to "anything". Memoised on the term. (Brzozowski 1964, over byte classes as in Owens, Reppy
and Turon 2009.)

`fewest(e)` is structural for all but intersection and complement, where a best-first search over arcs finds the
nearest end. References make it a system of equations; it is solved by iteration from infinity, which converges to the
least solution because each term only adds and takes minima.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Iterable, Sequence

from fcgen.errors import GrammarError, GrammarTooLarge
from fcgen.grammar.expr import (
    ALL_BYTES,
    ANY_BYTES,
    EMPTY,
    NOTHING,
    Alt,
    Both,
    ByteSet,
    Complement,
    Deferred,
    Expr,
    Literal,
    Reference,
    Repeat,
    Seq,
    alt_of,
    both,
    complement,
    literal,
    parts_of,
    repeat,
    seq,
)

Arcs = Sequence[tuple[int, Expr]]
INFINITE = float("inf")
SEARCH_LIMIT = 50_000
_BUSY: Arcs = [(0, EMPTY)]  # marks a term whose arcs are being computed, by the one thread that holds the lock
_deriving = threading.RLock()


def arcs(e: Expr) -> Arcs:
    """The byte sets that can come first, disjoint, each with what is left after it.

    Raises GrammarError where a reference leads back to itself before any byte (left recursion).
    """
    if e.arcs_memo is None or e.arcs_memo is _BUSY:
        with _deriving:
            _derive(e)
    return e.arcs_memo  # type: ignore[no-any-return]


def _derive(e: Expr) -> None:
    if e.arcs_memo is _BUSY:
        raise GrammarError("a rule refers to itself before any character of it", hint="Remove the left recursion.")
    if e.arcs_memo is None:
        e.arcs_memo = _BUSY
        found = None
        try:
            found = _arcs(e)
        finally:
            e.arcs_memo = found


def _arcs(e: Expr) -> Arcs:
    match e:
        case Literal():
            return [(1 << e.data[0], literal(e.data[1:]))]
        case ByteSet():
            return [(e.members, EMPTY)]
        case Seq():
            return _seq_arcs(e)
        case Alt():
            return _refine([arcs(part) for part in e.parts])
        case Repeat():
            rest = repeat(e.inner, max(0, e.least - 1), None if e.most is None else e.most - 1)
            return [(members, seq(then, rest)) for members, then in arcs(e.inner)]
        case Both():
            return _crossed(e.parts)
        case Complement():
            return _complement_arcs(arcs(e.inner))
        case Reference():
            return arcs(e.scope[e.name])
        case Deferred():
            return arcs(e.force())
        case _:
            return []


def _seq_arcs(e: Expr) -> Arcs:
    lists = []
    while type(e) is Seq:
        tail = e.tail
        lists.append([(members, seq(then, tail)) for members, then in arcs(e.head)])
        if not e.head.can_stop:
            return lists[0] if len(lists) == 1 else _refine(lists)
        e = tail
    return _refine([*lists, arcs(e)])


def _refine(lists: Iterable[Arcs]) -> Arcs:
    """The common refinement of several partitions: where sets overlap, what follows is a choice."""
    single: dict[int, list[Expr]] = {}
    wide: list[tuple[int, list[Expr]]] = []
    for members, then in (arc for part in lists for arc in part):
        if members & (members - 1) == 0:
            single.setdefault(members, []).append(then)
        else:
            wide = _split(wide, members, then)
    for bit, terms in single.items():
        for i, (members, others) in enumerate(wide):
            if members & bit:
                terms.extend(others)
                wide[i] = (members ^ bit, others)
    return _grouped((members, alt_of(terms)) for members, terms in [*single.items(), *wide] if members)


def _split(partition: list[tuple[int, list[Expr]]], members: int, then: Expr) -> list[tuple[int, list[Expr]]]:
    result = []
    for present, terms in partition:
        common = present & members
        if common:
            members ^= common
            result.append((common, [*terms, then]))
        if present != common:
            result.append((present ^ common, terms))
    if members:
        result.append((members, [then]))
    return result


def _grouped(pairs: Iterable[tuple[int, Expr]]) -> Arcs:
    by_term: dict[Expr, int] = {}
    for members, then in pairs:
        by_term[then] = by_term.get(then, 0) | members
    return [(members, then) for then, members in by_term.items()]


def _crossed(parts: tuple[Expr, ...]) -> Arcs:
    rows: list[tuple[int, tuple[Expr, ...]]] = [(ALL_BYTES, ())]
    for part in parts:
        rows = [(m & n, (*terms, then)) for m, terms in rows for n, then in arcs(part) if m & n]
    return [(m, then) for m, then in _grouped((m, both(*terms)) for m, terms in rows) if then is not NOTHING]


def _complement_arcs(inner: Arcs) -> Arcs:
    rest = ALL_BYTES
    result = []
    for members, then in inner:
        rest ^= members
        result.append((members, complement(then)))
    return [(m, then) for m, then in _grouped([*result, (rest, ANY_BYTES)]) if m and then is not NOTHING]


def fewest(e: Expr) -> float:
    """The fewest bytes that finish `e`; infinite if nothing does."""
    if e.fewest_memo is None:
        _solve(e)
    return e.fewest_memo  # type: ignore[return-value]


def _solve(root: Expr) -> None:
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
    for e, finished in value.items():
        e.fewest_memo = finished


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
    def of(child: Expr) -> float:
        return value[child] if child.fewest_memo is None else child.fewest_memo

    match e:
        case Seq():
            return of(e.head) + of(e.tail)
        case Alt():
            return min(map(of, e.parts))
        case Repeat():
            return e.least * of(e.inner)
        case Reference():
            return of(e.scope[e.name])
        case Deferred():
            return of(e.like)
        case Both() | Complement():
            return _search(e)
        case _:
            return INFINITE


def _search(root: Expr) -> float:
    """Best-first search for the nearest end, guided by what the parts need at least (A*)."""
    came: dict[Expr, tuple[int, Expr | None]] = {root: (0, None)}
    pushed = itertools.count()  # settles ties
    heap: list[tuple[float, int, int, Expr]] = [(_at_least(root), next(pushed), 0, root)]
    done: set[Expr] = set()
    while heap:
        estimate, _, walked, e = heapq.heappop(heap)
        if e in done:
            continue
        if not isinstance(e, (Both, Complement)) or e.fewest_memo is not None:
            _remember(came, e, fewest(e))
            return estimate
        done.add(e)
        if len(done) > SEARCH_LIMIT:
            raise GrammarTooLarge(
                "an intersection or a complement has too many states to search",
                limit=SEARCH_LIMIT,
                given=len(done),
                hint="Simplify the pattern, or lower its length bounds.",
            )
        for _, then in arcs(e):
            known = came.get(then)
            if known is None or walked + 1 < known[0]:
                need = _at_least(then)
                if need != INFINITE:
                    came[then] = (walked + 1, e)
                    heapq.heappush(heap, (walked + 1 + need, next(pushed), walked + 1, then))
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


def _remember(came: dict[Expr, tuple[int, Expr | None]], e: Expr | None, need: float) -> None:
    """Every term on the way to the end is now known too, since the way is a shortest one."""
    while e is not None:
        e.fewest_memo = need
        need += 1
        e = came[e][1]
