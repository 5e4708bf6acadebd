"""The tree of a regular expression: characters, chains, choices, loops, anchors and lookarounds.

Constructors simplify, and settle whatever depends on the text around it as early as possible, so that nearly every
node ends up `plain`: what it matches does not depend on where it stands.

A lookaround becomes a condition on its neighbours (`Where`) if those are plain and long enough to decide it, or reach
the end of the text. What is left over is `structural` if it is anchors and lookaheads outside of loops, which an
intersection with what follows settles; for the rest see `lookaround.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fcgen.grammar.characters import ANY, NO_CHARS, CharSet

MAX_UNSETTLED = 8
MAX_CONDITIONS = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Node:
    """Part of a pattern.

    Attributes:
        least, most: bounds of how many characters it matches.
        plain: what it matches does not depend on the text around it.
        empty: it matches the empty string wherever it stands.
        conditions: how many conditions are nested in it.
    """

    least: int
    most: float
    plain: bool
    empty: bool
    conditions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chars(Node):
    """One character of a set."""

    chars: CharSet


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chain(Node):
    """All parts, one after the other; none of them is a Chain."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice(Node):
    """Any of the parts; none of them is a Choice."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Loop(Node):
    """A node, `low` to `high` times (None: no limit)."""

    inner: Node
    low: int
    high: int | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Anchor(Node):
    """The beginning of the text, or its end."""

    end: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look(Node):
    """A lookaround: `inner` must (`negated`: must not) match what follows (not `ahead`: what goes before)."""

    inner: Node
    ahead: bool
    negated: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Where(Node):
    """What `inner` matches, if `test` matches (`negated`: does not match) its beginning (not `ahead`: its end)."""

    inner: Node
    test: Node
    ahead: bool
    negated: bool


def one_of(chars: CharSet) -> Node:
    """One character of a set."""
    return Chars(least=1, most=1, plain=True, empty=False, chars=chars) if chars else NEVER


NIL: Node = Chain(least=0, most=0, plain=True, empty=True, parts=())
NEVER: Node = Chars(least=1, most=1, plain=True, empty=False, chars=NO_CHARS)
BEGIN: Node = Anchor(least=0, most=0, plain=False, empty=False, end=False)
END: Node = Anchor(least=0, most=0, plain=False, empty=False, end=True)


def chain(parts: Iterable[Node], *, whole: bool = False) -> Node:
    """All parts, one after the other. `whole`: nothing stands before or behind them in the text."""
    flat: list[Node] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, Chain) else (part,))
    if 0 < _waiting(flat) <= MAX_UNSETTLED:
        flat = _settled(flat, whole=whole)
    if len(flat) < 2:
        return flat[0] if flat else NIL
    least, most, plain, empty, conditions = 0, 0.0, True, True, 0
    for part in flat:
        if part is NEVER:
            return NEVER
        least += part.least
        most += part.most
        plain = plain and part.plain
        empty = empty and part.empty
        conditions = max(conditions, part.conditions)
    return Chain(least=least, most=most, plain=plain, empty=empty, conditions=conditions, parts=tuple(flat))


def choice(parts: Iterable[Node]) -> Node:
    """Any of the parts."""
    flat: list[Node] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, Choice) else (part,))
    flat = _one_set([part for part in flat if part is not NEVER])
    if len(flat) < 2:
        return flat[0] if flat else NEVER
    return Choice(
        least=min(part.least for part in flat),
        most=max(part.most for part in flat),
        plain=all(part.plain for part in flat),
        empty=any(part.empty for part in flat),
        conditions=max(part.conditions for part in flat),
        parts=tuple(flat),
    )


def _one_set(parts: list[Node]) -> list[Node]:
    sets = [part.chars for part in parts if isinstance(part, Chars)]
    if len(sets) < 2:
        return parts
    return [one_of(sets[0].union(*sets[1:])), *(part for part in parts if not isinstance(part, Chars))]


def loop(inner: Node, low: int, high: int | None) -> Node:
    """`inner`, `low` to `high` times (None: no limit)."""
    if high == 0:
        return NIL
    if low == high == 1:
        return inner
    if high == 1 and not inner.plain:
        return choice([NIL, inner])
    if inner.empty:
        low, inner = 0, _not_empty(inner)
    if high is None and low <= 1:
        inner = _one_turn(inner)
    if inner in (NIL, NEVER):
        return NEVER if low else NIL
    return Loop(
        least=inner.least * low,
        most=float("inf") if high is None and inner.most else inner.most * (high or 0),
        plain=inner.plain,
        empty=low == 0 or inner.empty,
        conditions=inner.conditions,
        inner=inner,
        low=low,
        high=high,
    )


def _not_empty(node: Node) -> Node:
    """`node` without the empty string, where that is simple; else `node`."""
    match node:
        case Choice(parts=parts):
            return choice(part if part is not NIL else NEVER for part in map(_not_empty, parts))
        case Loop(inner=inner, low=0, high=high) if not inner.empty:
            return loop(inner, 1, high)
        case _:
            return node


def _one_turn(node: Node) -> Node:
    """What an endless loop over `node` may as well loop over: with fewer ways to match the same text, or equally many.

    This is the star normal form of Brüggemann-Klein (1993); without it nested loops have too many states.
    """
    match node:
        case Loop(inner=inner, low=0 | 1):
            return _one_turn(inner)
        case Choice(parts=parts):
            return choice(map(_one_turn, parts))
        case Chain(parts=parts) if node.empty:
            return choice(map(_one_turn, parts))
        case _:
            return node


def look(inner: Node, *, ahead: bool, negated: bool) -> Node:
    """A lookaround."""
    return Look(
        least=0,
        most=0,
        plain=False,
        empty=False,
        conditions=inner.conditions,
        inner=inner,
        ahead=ahead,
        negated=negated,
    )


TEXT = loop(one_of(ANY), 0, None)


def structural(node: Node) -> bool:
    """Whether only anchors and lookaheads depend on the text around them, not too many and none in a loop."""
    match node:
        case Look(inner=inner, ahead=ahead):
            return ahead and structural(inner)
        case Loop():
            return node.plain
        case Chain(parts=parts) | Choice(parts=parts) if not node.plain:
            few = isinstance(node, Choice) or _waiting(parts) <= MAX_UNSETTLED
            return few and all(map(structural, parts))
        case _:
            return True


def _waiting(parts: Iterable[Node]) -> int:
    return len([part for part in parts if not part.plain])


def _settled(parts: list[Node], *, whole: bool) -> list[Node]:
    """`parts` with their lookarounds made conditions on their neighbours, where that is possible."""
    before = -1
    left = _looks(parts)
    while left and left != before:
        parts = _joined_to_neighbours(parts, ahead=False, whole=whole)
        parts = _joined_to_neighbours(parts[::-1], ahead=True, whole=whole)[::-1]
        before, left = left, _looks(parts)
    return parts


def _looks(parts: Iterable[Node]) -> int:
    return len([part for part in parts if isinstance(part, Look)])


def _joined_to_neighbours(parts: Iterable[Node], *, ahead: bool, whole: bool) -> list[Node]:
    """One pass, on the way on which what a lookaround sees comes before it (for lookaheads: backwards)."""
    done: list[Node] = []
    for part in parts:
        done.append(_joined(part, done, whole=whole) if isinstance(part, Look) and part.ahead == ahead else part)
    return done


def _joined(look: Look, done: list[Node], *, whole: bool) -> Node:
    """The lookaround with what it needs of the end of `done`, which that is taken from; else the lookaround itself."""
    seen = _enough(look, done, whole=whole)
    if seen is None:
        return look
    run = [done.pop() for _ in range(seen)]
    return _where(look, chain(run if look.ahead else run[::-1]))


def _enough(look: Look, done: Sequence[Node], *, whole: bool) -> int | None:
    """How many of the last nodes of `done` decide the lookaround; None: they cannot."""
    length = 0
    for count, part in enumerate(reversed(done)):
        if part.conditions >= MAX_CONDITIONS:
            return None
        if length >= look.inner.most or part is (END if look.ahead else BEGIN):
            return count if look.inner.plain else None
        if not part.plain:
            return None
        length += part.least
    return len(done) if look.inner.plain and (whole or length >= look.inner.most) else None


def _where(look: Look, inner: Node) -> Node:
    return Where(
        least=inner.least,
        most=inner.most,
        plain=True,
        empty=inner.empty and look.inner.empty != look.negated,
        conditions=1 + max(inner.conditions, look.inner.conditions),
        inner=inner,
        test=look.inner,
        ahead=look.ahead,
        negated=look.negated,
    )
