"""A range of numbers -> Expr: the JSON texts of the numbers in it, exactly.

Digits are built from the bounds (`number_digits.py`), and so are exponents (`number_exponents.py`). Every text is
bounded, so that no model can run on in digits: integers have up to 25 digits, or as many as the bounds declare (40 at
most), fractions up to 20, exponents up to three.

Where a text cannot stop though it is a number, a model would go on with what it did not mean. So integers have no
fraction but zeros, and no negative exponent: 1.5 could only go on to 1.5e1, and 50 to 50e-1. And there is no minus sign
before zero unless numbers below zero are in the range.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache, lru_cache
from math import ceil, floor
from typing import TypeAlias

from fcgen.grammar.expr import EMPTY, NOTHING, alt, literal, optional, seq
from fcgen.grammar.terms import Expr
from fcgen.schema.number_bounds import EXACT, TINIEST, Range, power_of
from fcgen.schema.number_digits import naturals
from fcgen.schema.number_exponents import (
    ANY_FRACTION,
    FRACTION_DIGITS,
    ZEROS,
    decimal_mantissas,
    exponents,
    exponents_of_size,
    fraction_between,
    integer_mantissas,
    scientific,
)

MINUS = literal(b"-")
_ZERO = literal(b"0")
_UNIT = 10**FRACTION_DIGITS
_HUNDREDS = 999
_LEAST = -_HUNDREDS  # exponents are bounded by the numbers


def integers(bounds: Range, pointed: Range | None, *, exponent: bool = False) -> Expr:
    """The integers in `bounds`; those in `pointed`, if it is given, may have a point with zeros, and an exponent."""
    first, last = bounds.written_integers()
    low, high = (Fraction(1), Fraction(0)) if pointed is None else pointed.with_point()
    return _integers(first, last, low, high, exponent)


@lru_cache(maxsize=1024)
def _integers(first: int, last: int, low: Fraction, high: Fraction, exponent: bool) -> Expr:  # noqa: FBT001
    """The integers from `first` to `last`; from `low` to `high` they may be written as floats too."""
    positive = _positive_integers(max(first, 1), last, max(low, Fraction(1)), high, exponent)
    negative = _positive_integers(max(-last, 1), -first, max(-high, Fraction(1)), -low, exponent)
    zero: Expr = NOTHING
    if first <= 0 <= last:
        tail = _float_tail(exponents(0, _HUNDREDS) if exponent else NOTHING) if low <= 0 <= high else NOTHING
        zero = seq(optional(MINUS) if first < 0 else EMPTY, _ZERO, optional(tail))
    return alt(zero, positive, seq(MINUS, negative))


@lru_cache(maxsize=1024)
def _float_tail(exponent: Expr) -> Expr:
    """What makes a float of an integer without changing that it is one."""
    return alt(seq(ZEROS, alt(EMPTY, exponent)), exponent)


def _positive_integers(first: int, last: int, low: Fraction, high: Fraction, exponent: bool) -> Expr:  # noqa: FBT001
    least, most = max(first, ceil(low)), min(last, floor(high))
    if low > high:
        return naturals(first, last)

    smallest, largest = power_of(low), power_of(high)

    @cache
    def tail(size: int) -> Expr:
        return _float_tail(exponents_of_size(size, smallest, largest, least=0) if exponent else NOTHING)

    @cache
    def any_tail(size: int) -> Expr:
        return optional(tail(size))

    alone = scientific(low, high, integer_mantissas, least=1) if exponent else NOTHING
    if (least, most) == (first, last):
        return alt(naturals(first, last, any_tail), alone)
    return alt(naturals(first, last), naturals(least, most, tail), alone)


def decimals(bounds: Range, *, exponent: bool) -> Expr:
    """The numbers in `bounds`, with or without a fraction, and with an exponent where `exponent` is true."""
    found = _decimals(bounds.plain(), bounds.with_point() if exponent else None, bounds.digits())
    if any(limit is not None and abs(limit) >= EXACT for limit in (bounds.low, bounds.high)):
        return alt(found, integers(bounds, None))  # some of which are no floats
    return found


def decimals_between(low: Fraction, high: Fraction) -> Expr:
    """The numbers from `low` to `high`, neither of them negative, with or without a fraction."""
    return _fractional(ceil(low * _UNIT), floor(high * _UNIT), None)


_Limits: TypeAlias = tuple[Fraction, Fraction]


@lru_cache(maxsize=1024)
def _decimals(plain: _Limits, bounds: _Limits | None, digits: int) -> Expr:
    """The numbers within `plain`; with an exponent, those within `bounds`."""
    positive = _unsigned(plain, bounds, digits)
    if (plain if bounds is None else bounds)[0] >= 0:
        return positive
    negative = _unsigned(_mirrored(plain), bounds and _mirrored(bounds), digits)
    return alt(positive, seq(MINUS, negative))


def _mirrored(limits: _Limits) -> _Limits:
    return -limits[1], -limits[0]


def _unsigned(plain: _Limits, bounds: _Limits | None, digits: int) -> Expr:
    """The numbers without a sign, zero among them if it is in the range at all."""
    is_zero_in = plain[0] <= 0 <= plain[1]
    least = 0 if is_zero_in else ceil(max(plain[0], TINIEST) * _UNIT)
    most = min(floor(plain[1] * _UNIT), 10**digits * _UNIT - 1)
    if bounds is None:
        return _fractional(least, most, None)
    low, high = max(bounds[0], TINIEST), bounds[1]
    if low > high:
        return _zeros() if is_zero_in else NOTHING
    powers = power_of(low), power_of(high)
    return alt(
        _zeros() if is_zero_in else NOTHING,
        _fractional(least, min(most, _UNIT - 1), powers),
        scientific(low, high, decimal_mantissas, least=_LEAST),
        _fractional(max(least, 10 * _UNIT), most, powers),
    )


@lru_cache(maxsize=1)
def _zeros() -> Expr:
    """Zero, which may have any exponent."""
    return seq(_ZERO, optional(ZEROS), optional(exponents(-_HUNDREDS, _HUNDREDS)))


@lru_cache(maxsize=1024)
def _fractional(low: int, high: int, powers: tuple[int, int] | None) -> Expr:
    """The texts from `low` to `high`, neither of them negative, in units of the last digit of a fraction.

    They may have an exponent where `powers` are given: those of the least and the greatest number that there may be.
    """
    if low > high:
        return NOTHING

    def exponent(size: int) -> Expr:
        return EMPTY if powers is None else optional(exponents_of_size(size, *powers))

    @cache
    def tail(size: int) -> Expr:
        return seq(ANY_FRACTION, exponent(size))

    (first, first_part), (last, last_part) = divmod(low, _UNIT), divmod(high, _UNIT)
    smallest, largest = (f"{n:0{FRACTION_DIGITS}}".rstrip("0") for n in (first_part, last_part))
    is_all = last_part == _UNIT - 1
    if first == last:
        ways = fraction_between(smallest, None if is_all else largest)
        return seq(naturals(first, first), ways, exponent(_size(first)))
    if smallest == "":
        first -= 1
    if is_all:
        last += 1
    return alt(
        seq(naturals(first, first), fraction_between(smallest, None), exponent(_size(first))) if smallest else NOTHING,
        naturals(first + 1, last - 1, tail),
        NOTHING if is_all else seq(naturals(last, last), fraction_between("", largest), exponent(_size(last))),
    )


def _size(whole: int) -> int:
    return len(str(whole)) if whole else 0
