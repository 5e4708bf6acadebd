"""Multiples of a step -> Expr: their JSON texts, by remainders or one by one.

A small step is counted with: an automaton whose states are the remainders of the digits read so far knows its multiples
among all numbers. It is shared by all places, and intersected with a range.

The multiples of a large step, and those of which a range has few, are a tree of digits that grows where it is walked:
at each digit, an interval of numbers for each number of digits to come tells whether a multiple begins so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache, partial
from itertools import takewhile
from math import ceil, floor, gcd
from typing import NamedTuple

from fcgen.core import Dfa, determinize
from fcgen.grammar.expr import EMPTY, NOTHING, alt_of, deferred, literal, repeat, seq
from fcgen.grammar.terms import Contents, Expr
from fcgen.schema.number_digits import DIGIT, POINT
from fcgen.schema.number_exponents import exponents

_DIGITS = Contents(is_plain=True, is_ascii=True)


class Style(NamedTuple):
    """How numbers are written: with exponents, integers with a point, and each number in one way only, the shortest."""

    exponent: bool = True
    point: bool = True
    shortest: bool = False


MOST_REMAINDERS = 2_000
SURE_DIGITS = 15  # as many as a float is sure to keep
_TRIED = 1_000  # after as many multiples in a row that are not accepted, none is written


def has_few_remainders(step: Fraction) -> bool:
    """Whether the multiples of `step` can be told by remainders."""
    places = places_of(step)
    n = step * 10**places
    return n.denominator == 1 and int(n) * (places + 2) <= MOST_REMAINDERS


def places_of(step: Fraction) -> int:
    """How many digits the fraction of `step` has, if they are not too many."""
    return next((k for k in range(SURE_DIGITS) if 10**k % step.denominator == 0), SURE_DIGITS)


def tiny_shifts(step: Fraction) -> Iterator[int]:
    """The exponents, without their sign, of the multiples of `step` that json.dumps writes with one, below 1e-4."""
    return takewhile(lambda shift: step < Fraction(10, 10**shift), range(5, 325))


@lru_cache(maxsize=64)
def remainder_texts(step: Fraction, *, exponent: bool = False) -> Expr:
    """Texts that are no multiples of `step` if they are not in here, given that they are numbers.

    The state n * phase + r has read digits that leave the remainder r. Phase 0 is before the point; in phase p, p - 1
    digits of the fraction have been read. After the last that counts, only zeros follow. An exponent, if there may be
    one, is not negative.
    """
    places = places_of(step)
    n = int(step * 10**places)
    after_mantissa = n * (places + 2)
    rows: list[list[tuple[int, int]]] = []
    accepting = []
    for phase in range(places + 2):
        then = 0 if phase == 0 else n * min(phase + 1, places + 1)
        to_come = places if phase == 0 else places + 1 - phase
        for r in range(n):
            digits = range(10) if phase <= places else range(1 if r == 0 else 0)
            row = [(1 << (0x30 + digit), then + (10 * r + digit) % n) for digit in digits]
            if phase == 0:
                row += [(1 << ord("."), n + r), (1 << ord("-"), r)]
            power = next((k for k in range(10) if r * 10 ** (to_come + k) % n == 0), None)
            if power == 0:
                accepting.append(len(rows))
            if exponent and power is not None:
                row.append((1 << ord("e") | 1 << ord("E"), after_mantissa + 3 * power))
            rows.append(row)
    for power in range(10):
        rows += _exponent_rows(power, len(rows))
    accepting += range(after_mantissa + 2, len(rows), 3)
    return determinize(Dfa.of(rows, accepting).term())


def _exponent_rows(least: int, first: int) -> list[list[tuple[int, int]]]:
    """The states of an exponent from `least` on: before its sign, before its digits, and after one that is enough.

    No digit below `least` is read but zeros: what begins with one would be another number if it stopped there.
    """
    digits = [(1 << 0x30, first + 1)] if least else []
    digits.append((sum(1 << (0x30 + digit) for digit in range(least, 10)), first + 2))
    return [[(1 << ord("+"), first + 1), *digits], digits, [(0b1111111111 << 0x30, first + 2)]]


def multiple_texts(
    step: Fraction,
    low: Fraction,
    high: Fraction,
    accepts: Callable[[Fraction], bool] | None,
    *,
    digits: int,
    style: Style,
) -> Expr:
    """The multiples of `step` from `low` to `high`, neither of them negative, of which `accepts` is true.

    Integers have up to so many `digits`. Numbers with a point have up to SURE_DIGITS, counted on both sides.
    """
    if low > high:
        return NOTHING
    point = style.point or step.denominator > 1
    places = min(max(1, places_of(step)), SURE_DIGITS) if point else 0
    tiny = Fraction(1, 10**4) if style.exponent else Fraction(0)
    zero = literal(b"0") if low <= 0 <= high and (accepts is None or accepts(Fraction(0))) else NOTHING
    least = max(low, tiny) if style.shortest else low
    parts = [zero, _Tree(step, least, high, accepts, style, digits, places).root()]
    if low < tiny and step < tiny:
        for shift in tiny_shifts(step):
            scale = 10**shift
            least, greatest = max(low * scale, Fraction(1)), min(high * scale, 10 - Fraction(1, 10**SURE_DIGITS))
            places = min(max(1, places_of(step * scale)), SURE_DIGITS - 1)
            mantissas = _Tree(step * scale, least, greatest, accepts, style, 1, places, shift).root()
            parts.append(seq(mantissas, exponents(-shift, -shift)))
    return alt_of(parts)


@dataclass(frozen=True)
class _Tree:
    """The multiples in a range, as digits. What is written is `10**shift` times the number that is meant."""

    step: Fraction
    low: Fraction
    high: Fraction
    accepts: Callable[[Fraction], bool] | None
    style: Style
    digits: int
    places: int
    shift: int = 0

    @cached_property
    def _scaled(self) -> tuple[list[int], int, int]:
        """Counted in units of the last place: the multiples that have up to 0, 1, ... places, and the bounds."""
        unit = 10**self.places
        steps = [self.step.numerator * unit // gcd(self.step.denominator, 10**k) for k in range(self.places + 1)]
        return steps, ceil(self.low * unit), floor(self.high * unit)

    def root(self) -> Expr:
        return alt_of(self._way(digit, digit, None) for digit in range(10))

    def _way(self, digit: int, number: int, places: int | None) -> Expr:
        """A digit, and what follows it."""
        return self._go_on(literal(b"%d" % digit), number, places)

    def _go_on(self, byte: Expr, number: int, places: int | None) -> Expr:
        """A byte, and what follows. Then `number` is all digits so far, the last `places` of them a fraction."""
        ending = self._shortest(number, places)
        if ending is None:
            return NOTHING
        return seq(byte, deferred(partial(self._after, number, places), ending, contents=_DIGITS))

    def _after(self, number: int, places: int | None) -> Expr:
        ways = [EMPTY] if self._shortest(number, places) is EMPTY else []
        if places is None:
            ways.append(self._go_on(POINT, number, 0))
        if places is not None or number > 0:
            then = None if places is None else places + 1
            ways += [self._way(digit, 10 * number + digit, then) for digit in range(10)]
        return alt_of(ways)

    def _shortest(self, number: int, places: int | None) -> Expr | None:
        """As many digits, and a point where it must be, as finish the shortest number that begins so."""
        for more, fraction in self._endings(number, places):
            if self._has_multiple(number, more + fraction, (places or 0) + fraction):
                point = POINT if places is None and fraction else EMPTY
                return seq(repeat(DIGIT, more, more), point, repeat(DIGIT, fraction, fraction))
        return None

    def _endings(self, number: int, places: int | None) -> Iterator[tuple[int, int]]:
        """How many digits can follow before the point and after it, the shortest endings first."""
        size = len(str(number)) if number else 0
        if places is not None:
            least, most = int(places == 0), self.places - places
            size -= places
            yield from ((0, more) for more in range(least, most + 1) if max(size, 0) + places + more <= SURE_DIGITS)
            return
        most = self.digits - size if number else 0
        for length in range(most + self.places + 2):
            if length <= most:
                yield length, 0
            for fraction in range(max(1, length - 1 - most), min(self.places, length - 1) + 1):
                if size + length - 1 <= SURE_DIGITS:
                    yield length - 1 - fraction, fraction

    def _has_multiple(self, number: int, digits: int, places: int) -> bool:
        """Whether one of the numbers with `digits` more digits, of which `places` are a fraction, is written."""
        steps, low, high = self._scaled
        step, unit = steps[places], 10 ** (self.places - places)
        first = max(number * 10**digits * unit, low)
        last = min(((number + 1) * 10**digits - 1) * unit, high)
        first += -first % step
        skipped = 10 * unit if places and not self._ends_in_zeros else 0  # numbers that have fewer places, too
        if skipped and step % skipped == 0:
            return False
        tried = range(first, min(last + 1, first + _TRIED * step), step)
        return any(self._is_accepted(n) for n in tried if not (skipped and n % skipped == 0))

    @property
    def _ends_in_zeros(self) -> bool:
        return self.style.point and not self.style.shortest

    def _is_accepted(self, n: int) -> bool:
        return self.accepts is None or self.accepts(Fraction(n, 10 ** (self.places + self.shift)))
