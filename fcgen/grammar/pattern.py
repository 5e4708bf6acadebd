"""The tree of a regular expression: characters, chains, choices, loops, anchors and lookarounds.

Constructors simplify, and settle whatever depends on the text around it as early as possible, so that nearly every
node ends up `plain`: what it matches does not depend on where it stands.

- A lookaround becomes a condition on its neighbours (`Where`) if those are plain and long enough to decide it, or reach
  the end of the text. Only a lookahead that sees beyond its branch stays, and is settled where what follows is known.
- A loop over a body with anchors is unrolled: only its first turn can begin the text, only its last can end it.

What is left over: anchors and lookaheads, none of them inside a loop. Sizes are bounded, because unrolling nested
loops multiplies them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fcgen.errors import PatternError
from fcgen.grammar.characters import ANY, NO_CHARS, CharSet

MAX_SIZE = 50_000
MAX_UNSETTLED = 40


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Node:
    """Part of a pattern.

    Attributes:
        least, most: bounds of how many characters it matches.
        plain: what it matches does not depend on the text around it.
        empty: it is plain and matches the empty string.
        size: how many nodes there are in it.
    """

    least: int
    most: float
    plain: bool
    empty: bool
    size: int


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
    """A plain node, `low` to `high` times (None: no limit)."""

    inner: Node
    low: int
    high: int | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Anchor(Node):
    """The beginning of the text, or its end."""

    end: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look(Node):
    """A lookaround: `inner` must (`negated`: must not) match what follows (not `ahead`: what goes before).

    `offset` is its place in the pattern's text.
    """

    inner: Node
    ahead: bool
    negated: bool
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Where(Node):
    """What `inner` matches, if `test` matches (`negated`: does not match) its beginning (not `ahead`: its end)."""

    inner: Node
    test: Node
    ahead: bool
    negated: bool


def one_of(chars: CharSet) -> Node:
    """One character of a set."""
    return Chars(least=1, most=1, plain=True, empty=False, size=1, chars=chars)


NIL: Node = Chain(least=0, most=0, plain=True, empty=True, size=1, parts=())
NEVER = one_of(NO_CHARS)
BEGIN: Node = Anchor(least=0, most=0, plain=False, empty=False, size=1, end=False)
END: Node = Anchor(least=0, most=0, plain=False, empty=False, size=1, end=True)


def chain(parts: Iterable[Node], *, whole: bool = False) -> Node:
    """All parts, one after the other. `whole`: nothing stands before or behind them in the text."""
    flat: list[Node] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, Chain) else (part,))
    waiting = sum(not part.plain for part in flat)
    if waiting > MAX_UNSETTLED:
        raise PatternError(
            "a pattern has a row of too many anchors and lookarounds", limit=MAX_UNSETTLED, given=waiting
        )
    flat = _settled(flat, whole=whole)
    if NEVER in flat:
        return NEVER
    if len(flat) < 2:
        return flat[0] if flat else NIL
    return Chain(
        least=sum(part.least for part in flat),
        most=sum(part.most for part in flat),
        plain=all(part.plain for part in flat),
        empty=all(part.empty for part in flat),
        size=_bounded(1 + sum(part.size for part in flat)),
        parts=tuple(flat),
    )


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
        size=_bounded(1 + sum(part.size for part in flat)),
        parts=tuple(flat),
    )


def _one_set(parts: list[Node]) -> list[Node]:
    sets = [part.chars for part in parts if isinstance(part, Chars)]
    if len(sets) < 2:
        return parts
    return [one_of(sets[0].union(*sets[1:])), *(part for part in parts if not isinstance(part, Chars))]


def loop(inner: Node, low: int, high: int | None) -> Node:
    """`inner`, `low` to `high` times (None: no limit). It must not contain a lookaround that is still unsettled."""
    if high == 0:
        return NIL
    if low == high == 1:
        return inner
    if not inner.plain:
        return _unrolled(inner, low, high)
    if inner.empty:
        low, inner = 0, _not_empty(inner)
    if high is None and low <= 1:
        inner = _one_turn(inner)
    if inner in (NIL, NEVER):
        return NEVER if low else NIL
    return Loop(
        least=inner.least * low,
        most=float("inf") if high is None and inner.most else inner.most * (high or 0),
        plain=True,
        empty=low == 0 or inner.empty,
        size=inner.size + 1,
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


def look(inner: Node, *, ahead: bool, negated: bool, offset: int) -> Node:
    """A lookaround."""
    return Look(
        least=0,
        most=0,
        plain=False,
        empty=False,
        size=inner.size + 1,
        inner=inner,
        ahead=ahead,
        negated=negated,
        offset=offset,
    )


TEXT = loop(one_of(ANY), 0, None)


def unsettled(node: Node, *, behind: bool = False) -> Look | None:
    """The first lookaround (`behind`: lookbehind) in `node` that waits for the text around the node."""
    match node:
        case Look(inner=inner, ahead=ahead):
            return unsettled(inner, behind=True) if behind and ahead else node
        case Chain(parts=parts) | Choice(parts=parts) if not node.plain:
            return next(filter(None, (unsettled(part, behind=behind) for part in parts)), None)
        case _:
            return None


def _bounded(size: int) -> int:
    if size > MAX_SIZE:
        raise PatternError(
            "a pattern repeats groups with anchors in them, and is too large when they are written out",
            limit=MAX_SIZE,
            given=size,
            hint="Move ^ and $ out of the repeated groups.",
        )
    return size


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
    return sum(isinstance(part, Look) for part in parts)


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
        size=inner.size + look.size,
        inner=inner,
        test=look.inner,
        ahead=look.ahead,
        negated=look.negated,
    )


def _unrolled(inner: Node, low: int, high: int | None) -> Node:
    """A loop over a body with anchors, without a loop over anchors.

    Turns that match the empty string can be left out, or stand where the anchors hold: at the first or last turn.
    """
    turns = _turns(inner, low, high)
    if low == 0:
        return turns
    empty_turn = _empty_part(inner)
    fewer = _turns(inner, 0, None if high is None else high - 1)
    return choice([turns, chain([empty_turn, fewer]), chain([fewer, empty_turn])])


def _turns(inner: Node, low: int, high: int | None) -> Node:
    """`low` to `high` turns that each match at least one character."""
    ways = [NIL] if low == 0 else []
    if low <= 1 and high != 0:
        ways.append(inner)
    if high is None or high > 1:
        middle = loop(_within(inner, begins=False, ends=False), max(low - 2, 0), None if high is None else high - 2)
        ways.append(chain([_within(inner, ends=False), middle, _within(inner, begins=False)]))
    return choice(ways)


def _within(node: Node, *, begins: bool = True, ends: bool = True) -> Node:
    """`node` where the text is known not to begin at it, or not to end with it."""
    match node:
        case Anchor(end=end) if not (ends if end else begins):
            return NEVER
        case Chain(parts=parts) if not node.plain:
            return chain(_within(part, begins=begins, ends=ends) for part in parts)
        case Choice(parts=parts) if not node.plain:
            return choice(_within(part, begins=begins, ends=ends) for part in parts)
        case _:
            return node


def _empty_part(node: Node) -> Node:
    """The anchors under which `node` matches the empty string."""
    match node:
        case Anchor():
            return node
        case Chain(parts=parts) if not node.plain:
            return chain(map(_empty_part, parts))
        case Choice(parts=parts) if not node.plain:
            return choice(map(_empty_part, parts))
        case _:
            return NIL if node.empty else NEVER
