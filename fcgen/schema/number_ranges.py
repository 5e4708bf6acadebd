"""A range of numbers -> Expr: the JSON texts of the numbers in it, exactly.

Digits are built from the bounds: of two numbers with equally many digits, the first digit that differs decides. A
fraction is compared in the same way, digit by digit.

Every text is bounded, so that no model can run on in digits: integers have up to 18 digits, or as many as the bounds
declare (40 at most), fractions up to 20. Numbers without a useful bound may have an exponent, which is bounded so that
they stay finite; within bounds only the exponents that json.dumps writes are allowed, and only where the bounds admit
every number with such an exponent. Integers have none: a text such as 1.5 could go on to 1.5e+16 only.

A reader turns a text with a point into the nearest float, which must keep the bounds too: so a bound is moved inwards
to the shortest spelling of the nearest float that keeps it. A larger text then means a float at least as large.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import ceil, floor, inf, nextafter
from typing import NamedTuple

from fcgen.grammar.expr import EMPTY, NOTHING, alt, alt_of, byte_range, literal, optional, repeat, seq
from fcgen.grammar.lark import read_grammar
from fcgen.grammar.terms import Expr
from fcgen.schema.number_sets import Real

INTEGER_DIGITS = 18
MOST_INTEGER_DIGITS = 40
FRACTION_DIGITS = 20
EXACT = 2**53  # up to here every integer is a float

DIGIT = byte_range(0x30, 0x39)
NOT_ZERO = byte_range(0x31, 0x39)
MINUS = literal(b"-")
POINT = literal(b".")
NEGATIVE_ZERO = literal(b"-0.0")
_POINT_ZEROS = seq(POINT, repeat(literal(b"0"), 1, FRACTION_DIGITS))


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
        low, high = self.low, self.high
        least = None if low is None else floor(low) + 1 if self.low_open else ceil(low)
        greatest = None if high is None else ceil(high) - 1 if self.high_open else floor(high)
        return least, greatest

    def written_integers(self) -> tuple[int, int]:
        """The least and the greatest integer in it that is written."""
        least, greatest = self.integers()
        return _between(least, greatest, 10 ** _digits(least, greatest) - 1)

    def with_point(self) -> tuple[Fraction | None, Fraction | None]:
        """The least and the greatest text with a point that is sure to mean a number in it."""
        least = None if self.low is None else _inward(self.low, self.low_open)
        return least, None if self.high is None else -_inward(-self.high, self.high_open)


def _between(low: int | None, high: int | None, most: int) -> tuple[int, int]:
    return -most if low is None else max(low, -most), most if high is None else min(high, most)


def _digits(*bounds: int | None) -> int:
    declared = [len(str(abs(b))) for b in bounds if b is not None and abs(b) < 10**MOST_INTEGER_DIGITS]
    return max([INTEGER_DIGITS, *declared])


def _inward(low: Real, is_open: bool) -> Fraction:  # noqa: FBT001
    if abs(low) >= 10**MOST_INTEGER_DIGITS:
        return Fraction(low)
    nearest = float(low)
    if nearest < low or (nearest == low and is_open):
        nearest = nextafter(nearest, inf)
    shortest = Fraction(repr(nearest))
    return shortest if abs(nearest) < EXACT else max(shortest, Fraction(nearest))


@lru_cache(maxsize=1024)
def integers(bounds: Range, pointed: Range | None) -> Expr:
    """The integers in `bounds`, and those in `pointed`, if it is given, with a point and zeros after it."""
    first, last = bounds.written_integers()
    texts = _signed(first, last)
    if pointed is None:
        return texts
    least, greatest = pointed.with_point()
    low = first if least is None else max(first, ceil(least))
    high = last if greatest is None else min(last, floor(greatest))
    zero = NEGATIVE_ZERO if low < 0 <= high else NOTHING
    if (low, high) == (first, last):
        return alt(seq(texts, optional(_POINT_ZEROS)), zero)
    return alt(texts, seq(_signed(low, high), _POINT_ZEROS), zero)


def _signed(low: int, high: int) -> Expr:
    below = seq(MINUS, _natural(max(1, -high), -low)) if low < 0 else NOTHING
    return alt(_natural(max(0, low), high), below)


def _natural(low: int, high: int) -> Expr:
    """The integers from `low` to `high`, neither of them negative."""
    if low > high:
        return NOTHING
    if low == 0:
        return alt(literal(b"0"), _natural(1, high))
    short, long = len(str(low)), len(str(high))
    first, last = short + (low > 10 ** (short - 1)), long - (high < 10**long - 1)  # of which all numbers are in range
    if first > last + 1:
        return _of_one_length(str(low), str(high))
    parts = [seq(NOT_ZERO, repeat(DIGIT, first - 1, last - 1))] if first <= last else []
    if first > short:
        parts.append(_of_one_length(str(low), "9" * short))
    if last < long:
        parts.append(_of_one_length("1" + "0" * (long - 1), str(high)))
    return alt_of(parts)


def _of_one_length(low: str, high: str) -> Expr:
    """The digit strings from `low` to `high`, which are of one length."""
    size = len(low)
    if low == "0" * size and high == "9" * size:
        return repeat(DIGIT, size, size)
    same = next((i for i in range(size) if low[i] != high[i]), size)
    if same == size:
        return literal(low.encode())
    rest = size - same - 1
    ways = alt(
        seq(literal(low[same].encode()), _of_one_length(low[same + 1 :], "9" * rest)),
        seq(_inner_digits(low[same], high[same]), repeat(DIGIT, rest, rest)),
        seq(literal(high[same].encode()), _of_one_length("0" * rest, high[same + 1 :])),
    )
    return seq(literal(low[:same].encode()), ways)


def _inner_digits(low: str, high: str) -> Expr:
    return byte_range(ord(low) + 1, ord(high) - 1) if ord(high) - ord(low) > 1 else NOTHING


@lru_cache(maxsize=1024)
def decimals(bounds: Range, exponent: bool) -> Expr:  # noqa: FBT001
    """The numbers in `bounds`, with or without a fraction; counted in units of the last digit of a fraction."""
    if bounds.low is None and bounds.high is None:
        return read_grammar("json")["NUMBER" if exponent else "DECIMAL"]
    unit = 10**FRACTION_DIGITS
    low, high = bounds.with_point()
    least, greatest = None if low is None else ceil(low * unit), None if high is None else floor(high * unit)
    whole = (None if n is None else n // unit for n in (least, greatest))
    first, last = _between(least, greatest, 10 ** _digits(*whole) * unit - 1)
    positive = _fractional(max(0, first), last)
    negative = seq(MINUS, _fractional(max(0, -last), -first)) if first < 0 else NOTHING
    return alt(positive, negative, *(_with_exponents(bounds) if exponent else ()))


def _fractional(low: int, high: int) -> Expr:
    """The texts from `low` to `high`, neither of them negative, in units of the last digit of a fraction."""
    if low > high:
        return NOTHING
    (first, first_part), (last, last_part) = (divmod(n, 10**FRACTION_DIGITS) for n in (low, high))
    smallest, largest = (f"{n:0{FRACTION_DIGITS}}".rstrip("0") for n in (first_part, last_part))
    if first == last:
        return seq(_natural(first, first), _fraction(smallest, largest))
    return alt(
        seq(_natural(first, first), _fraction(smallest, None)),
        seq(_natural(first + 1, last - 1), _fraction("", None)),
        seq(_natural(last, last), _fraction("", largest)),
    )


def _fraction(low: str, high: str | None) -> Expr:
    """A point and digits from `low` to `high` (None: any), or nothing at all where that is in the range too."""
    digits = digits_between(low, high, FRACTION_DIGITS, nonempty=True)
    return alt(EMPTY if low == "" else NOTHING, seq(POINT, digits))


def digits_between(low: str, high: str | None, most: int, *, nonempty: bool = False) -> Expr:
    """Up to `most` digits of a fraction, from `low` to `high`, neither of which ends in 0."""
    if high is None and low == "":
        return repeat(DIGIT, int(nonempty), most)
    if high == "":
        return repeat(literal(b"0"), int(nonempty), most) if low == "" else NOTHING
    first, last = low[:1] or "0", high[:1] if high is not None else ":"  # the character after 9
    if first == last:
        ways = seq(literal(first.encode()), digits_between(low[1:], high[1:] if high else None, most - 1))
    else:
        above = seq(literal(first.encode()), digits_between(low[1:], None, most - 1))
        between = seq(_inner_digits(first, last), repeat(DIGIT, 0, most - 1))
        below = seq(literal(last.encode()), digits_between("", high[1:], most - 1)) if high is not None else NOTHING
        ways = alt(above, between, below)
    return alt(ways, EMPTY) if low == "" and not nonempty else ways


TINY_EXPONENT = alt(seq(literal(b"e-0"), byte_range(0x35, 0x39)), seq(literal(b"e-"), NOT_ZERO, DIGIT))
_HUGE_EXPONENT = seq(
    literal(b"e+"), alt(seq(literal(b"1"), byte_range(0x36, 0x39)), seq(byte_range(0x32, 0x39), DIGIT))
)


def _with_exponents(bounds: Range) -> tuple[Expr, Expr]:
    """Positive and negative numbers as json.dumps writes them with an exponent: below 1e-4, and from 1e16 on."""
    low, high = bounds.low, bounds.high
    below = (None if high is None else -high, None if low is None else -low)
    return _with_exponent(low, high), seq(MINUS, _with_exponent(*below))


def _with_exponent(low: Real | None, high: Real | None) -> Expr:
    tiny = (low is None or low <= 0) and (high is None or high > 1e-4)
    huge = (low is None or low < 1e16) and high is None
    exponents = alt(TINY_EXPONENT if tiny else NOTHING, _HUGE_EXPONENT if huge else NOTHING)
    return seq(NOT_ZERO, optional(seq(POINT, repeat(DIGIT, 1, 17))), exponents)
