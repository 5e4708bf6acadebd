"""A reference for byte languages: derivatives alone (Brzozowski 1964), as they stand in the book.

Nothing is kept from one question to the next, nothing is numbered or shared, and no term is ever expanded ahead. What
comes next is found by trying each byte, and whether a text can end by looking for an end. It is slow, and meant for
small terms over few bytes. It knows nothing of fcgen: `reference_terms.py` reads fcgen's terms.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from functools import reduce

INFINITE = float("inf")
MOST_REACHED = 1_000  # terms that a search finds


class TooLarge(Exception):
    """A search that would take too long."""


class Term:
    """A byte language."""


@dataclass(frozen=True)
class Nothing(Term):
    """The language without a text."""


@dataclass(frozen=True)
class Empty(Term):
    """The empty text."""


@dataclass(frozen=True)
class Bytes(Term):
    """One byte of a set."""

    members: frozenset[int]


@dataclass(frozen=True)
class Pair(Term):
    """One after the other."""

    first: Term
    then: Term


@dataclass(frozen=True)
class Choice(Term):
    """Any of them."""

    parts: frozenset[Term]


@dataclass(frozen=True)
class Intersection(Term):
    """All of them."""

    parts: frozenset[Term]


@dataclass(frozen=True)
class Complement(Term):
    """All that the other one has not."""

    inner: Term


@dataclass(frozen=True)
class Repeat(Term):
    """The inner one, so many times."""

    inner: Term
    least: int
    most: int | None


@dataclass(frozen=True)
class Lazy(Term):
    """A term that is found when something is asked of it: recursion."""

    source: Hashable
    term: Callable[[], Term] = field(compare=False)


@dataclass(frozen=True)
class Capture(Term):
    """What is left of a name after `written`; then what `after` says of the whole name."""

    rest: Term
    written: bytes
    after: Callable[[bytes], Term]


NOTHING, EMPTY, ANY = Nothing(), Empty(), Complement(Nothing())


def pair(first: Term, then: Term) -> Term:
    if NOTHING in (first, then):
        return NOTHING
    if isinstance(first, Pair):
        return pair(first.first, pair(first.then, then))
    return then if first == EMPTY else first if then == EMPTY else Pair(first, then)


def sequence(parts: Iterable[Term]) -> Term:
    return reduce(lambda then, first: pair(first, then), reversed(list(parts)), EMPTY)


def choice(parts: Iterable[Term]) -> Term:
    flat = frozenset(one for part in parts for one in (part.parts if isinstance(part, Choice) else [part]))
    flat -= {NOTHING}
    if ANY in flat:
        return ANY
    return Choice(flat) if len(flat) > 1 else next(iter(flat), NOTHING)


def intersection(parts: Iterable[Term]) -> Term:
    flat = frozenset(one for part in parts for one in (part.parts if isinstance(part, Intersection) else [part]))
    flat -= {ANY}
    if NOTHING in flat:
        return NOTHING
    return Intersection(flat) if len(flat) > 1 else next(iter(flat), ANY)


def complement(inner: Term) -> Term:
    return inner.inner if isinstance(inner, Complement) else Complement(inner)


def repeat(inner: Term, least: int, most: int | None) -> Term:
    if most == 0 or inner == EMPTY or (inner == NOTHING and least == 0):
        return EMPTY
    return inner if (least, most) == (1, 1) else NOTHING if inner == NOTHING else Repeat(inner, least, most)


def literal(text: bytes) -> Term:
    return sequence(Bytes(frozenset([byte])) for byte in text)


def nullable(e: Term) -> bool:
    """Whether the empty text is of it."""
    match e:
        case Nothing() | Bytes():
            return False
        case Empty():
            return True
        case Pair(first, then):
            return nullable(first) and nullable(then)
        case Choice(parts):
            return any(map(nullable, parts))
        case Intersection(parts):
            return all(map(nullable, parts))
        case Complement(inner):
            return not nullable(inner)
        case Repeat(inner, least, _):
            return least == 0 or nullable(inner)
        case Lazy():
            return nullable(e.term())
        case Capture(rest, written, after):
            return nullable(rest) and nullable(after(written))
    raise TypeError(e)


def derivative(e: Term, byte: int) -> Term:
    """What is left of it after a byte."""
    match e:
        case Nothing() | Empty():
            return NOTHING
        case Bytes(members):
            return EMPTY if byte in members else NOTHING
        case Pair(first, then):
            ahead = pair(derivative(first, byte), then)
            return choice([ahead, derivative(then, byte)]) if nullable(first) else ahead
        case Choice(parts):
            return choice(derivative(part, byte) for part in parts)
        case Intersection(parts):
            return intersection(derivative(part, byte) for part in parts)
        case Complement(inner):
            return complement(derivative(inner, byte))
        case Repeat(inner, least, most):
            left = repeat(inner, max(least - 1, 0), None if most is None else most - 1)
            return pair(derivative(inner, byte), left)
        case Lazy():
            return derivative(e.term(), byte)
        case Capture(rest, written, after):
            ahead = derivative(rest, byte)
            name = NOTHING if ahead == NOTHING else Capture(ahead, written + bytes([byte]), after)
            return choice([name, derivative(after(written), byte)]) if nullable(rest) else name
    raise TypeError(e)


def derived(e: Term, text: bytes) -> Term:
    return reduce(derivative, text, e)


def at_least(e: Term) -> float:
    """A bound of the length of its texts from below."""
    match e:
        case Nothing():
            return INFINITE
        case Bytes():
            return 1
        case Pair(first, then):
            return at_least(first) + at_least(then)
        case Choice(parts):
            return min(map(at_least, parts))
        case Intersection(parts):
            return max(map(at_least, parts))
        case Repeat(inner, least, _) if least:
            return least * at_least(inner)
        case Capture(rest):
            return at_least(rest)
        case _:
            return 0


def shortest(e: Term, alphabet: Iterable[int]) -> bytes | None:
    """One of its shortest texts over an alphabet; None: it has none. Raises TooLarge."""
    alphabet = sorted(alphabet)
    ahead: list[tuple[float, int, bytes, Term]] = [(at_least(e), 0, b"", e)]
    reached = {e: 0}
    steps = 0
    while ahead and ahead[0][0] < INFINITE:
        _, _, text, here = heapq.heappop(ahead)
        if nullable(here):
            return text
        for byte in alphabet:
            then, steps = derivative(here, byte), steps + 1
            if then != NOTHING and reached.get(then, INFINITE) > len(text) + 1:
                reached[then] = len(text) + 1
                heapq.heappush(ahead, (len(text) + 1 + at_least(then), -steps, text + bytes([byte]), then))
        if len(reached) > MOST_REACHED:
            raise TooLarge
    return None


def mask(e: Term, tokens: Iterable[bytes | None], alphabet: Iterable[int]) -> set[int]:
    """The tokens after which an end can be reached."""
    alphabet = list(alphabet)
    return {i for i, text in enumerate(tokens) if text and shortest(derived(e, text), alphabet) is not None}
