"""Bounds -> the numerals that keep them: exactly as decimals, and as the floats that a reader makes of them.

A reader makes an int of digits alone, and the nearest float of a text with a point or an exponent. Such a text keeps a
bound if its decimal does and its float does. Both grow with the text, so a least and a greatest text remain. They are
cut inwards to SIGNIFICANT digits, more than any float is spelled with.

A text that is not zero must not be read as zero or infinity: so there are a TINIEST and a HUGEST one.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import ceil, floor, inf, isinf, nextafter
from typing import NamedTuple

from fcgen.schema.number_sets import Real, spelled

INTEGER_DIGITS = 25
MOST_INTEGER_DIGITS = 40
SIGNIFICANT = 20
EXACT = 2**53  # up to here every integer is a float


class Range(NamedTuple):
    """Bounds as a Number has them."""

    low: Real | None = None
    low_open: bool = False
    high: Real | None = None
    high_open: bool = False

    def within(self, most: int) -> Range:
        """The part of it from `-most` to `most`."""
        low, high = (self.low, self.low_open), (self.high, self.high_open)
        if self.low is None or self.low < -most:
            low = -most, False
        if self.high is None or self.high > most:
            high = most, False
        return Range(*low, *high)

    def integers(self) -> tuple[int | None, int | None]:
        """The least and the greatest integer in it."""
        low = None if self.low is None else _least_integer(self.low, self.low_open)
        return low, None if self.high is None else -_least_integer(-self.high, self.high_open)

    def written_integers(self) -> tuple[int, int]:
        """The least and the greatest integer in it that is written out in digits."""
        least, greatest = self.integers()
        most = 10 ** self.digits() - 1
        return -most if least is None else max(least, -most), most if greatest is None else min(greatest, most)

    def digits(self) -> int:
        """How many digits an integer is written out with: more than INTEGER_DIGITS where a bound declares more."""
        declared = [len(str(abs(b))) for b in self.integers() if b is not None and abs(b) < 10**MOST_INTEGER_DIGITS]
        return max([INTEGER_DIGITS, *declared])

    def with_point(self) -> tuple[Fraction, Fraction]:
        """The least and the greatest text with a point or an exponent that is sure to mean a number in it."""
        least = -HUGEST if self.low is None else _least(self.low, self.low_open)
        return least, HUGEST if self.high is None else -_least(-self.high, self.high_open)

    def plain(self) -> tuple[Fraction, Fraction]:
        """The least and the greatest text without an exponent that means a number in it, with a point or without."""
        least, greatest = self.with_point()
        if self.low is not None and abs(self.low) >= EXACT:  # an integer, and integers are compared exactly
            least = max(least, Fraction(self.low))
        if self.high is not None and abs(self.high) >= EXACT:
            greatest = min(greatest, Fraction(self.high))
        return least, greatest


def power_of(value: Fraction) -> int:
    """The exponent of a positive number with one digit before the point."""
    power = len(str(value.numerator)) - len(str(value.denominator))
    return power if value >= Fraction(10) ** power else power - 1


def _least_integer(low: Real, is_open: bool) -> int:  # noqa: FBT001
    bound = max(spelled(low), Fraction(low))
    return floor(bound) + 1 if is_open else ceil(bound)


@lru_cache(maxsize=1024, typed=True)  # equal bounds may be spelled as different numbers
def _least(low: Real, is_open: bool) -> Fraction:  # noqa: FBT001
    """The least number of SIGNIFICANT digits that keeps a lower bound, both as a decimal and as a float."""
    try:
        first = float(low)
    except OverflowError:
        return -HUGEST if low < 0 else 2 * HUGEST
    if first < low or (first == low and is_open):
        first = nextafter(first, inf)
    if isinf(first):
        return 2 * HUGEST
    before = nextafter(first, -inf)
    halfway = (Fraction(first) + (-Fraction(2**1024) if isinf(before) else Fraction(before))) / 2
    exact = spelled(low)
    least = max(halfway, exact)
    if least == 0:
        return least
    unit = Fraction(10) ** (power_of(abs(least)) - SIGNIFICANT + 1)
    least = ceil(least / unit) * unit
    is_kept = float(least) >= first and not (is_open and least == exact)
    return least if is_kept else least + unit


TINIEST = Fraction(10) ** -343 * ceil(Fraction(10**343, 2**1075))
HUGEST = Fraction(10) ** 289 * ((2**1024 - 2**970) // 10**289)
