"""Numbers with an exponent -> Expr.

A number with one digit other than 0 before the point (3e-4, 2.5E+05) has an exponent of its own, so its bounds say
which exponents it may have, and only at the least and the greatest of these its digits are compared. A number with
more digits before the point, or with 0 there (12.5e3, 0.5e-3), has an exponent where it would be within the bounds
without it, and one with which every number of its size is: so nothing is begun that only an exponent makes valid.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

from fcgen.grammar.expr import EMPTY, NOTHING, alt, alt_of, byte_range, literal, optional, repeat, seq
from fcgen.grammar.terms import Expr
from fcgen.schema.number_bounds import SIGNIFICANT, power_of
from fcgen.schema.number_digits import DIGIT, NOT_ZERO, POINT, digits_between, of_one_length

FRACTION_DIGITS = 20
_E = alt(literal(b"e"), literal(b"E"))
_FARTHEST = 99  # exponent of a number with several digits before the point, or with 0
ZEROS = seq(POINT, repeat(literal(b"0"), 1, FRACTION_DIGITS))
ANY_FRACTION = optional(seq(POINT, repeat(DIGIT, 1, FRACTION_DIGITS)))


@lru_cache(maxsize=1024)
def exponents(low: int, high: int) -> Expr:
    """The exponents from `low` to `high`, with `e` or `E`, a sign or none, and up to three digits."""
    positive = seq(optional(literal(b"+")), _padded(max(low, 0), high))
    negative = seq(literal(b"-"), _padded(max(-high, 0), -low)) if low < 0 else NOTHING
    return seq(_E, alt(positive, negative))


def _padded(low: int, high: int) -> Expr:
    """The integers from `low` to `high`, which may have zeros before them, with up to three digits in all."""
    if low > high:
        return NOTHING
    sizes = [size for size in (1, 2, 3) if low < 10**size]
    return alt_of(of_one_length(f"{low:0{size}}", str(min(high, 10**size - 1)).zfill(size)) for size in sizes)


@lru_cache(maxsize=1024)
def exponents_of_size(size: int, first: int, last: int, *, least: int = -_FARTHEST) -> Expr:
    """The exponents that a number may have, given the digits that it has before the point (0: only 0 stands there).

    `first` and `last` are the exponents of the least and the greatest number that there may be. None is below `least`.
    """
    fewest = first + 2 - size if size else first + 1 + FRACTION_DIGITS
    return exponents(max(min(0, fewest), -_FARTHEST, least), min(max(0, last - size), _FARTHEST))


@lru_cache(maxsize=1024)
def scientific(low: Fraction, high: Fraction, mantissas: Callable[[str, str | None], Expr], *, least: int) -> Expr:
    """The numbers between `low` and `high` with one digit other than 0 before the point, and maybe an exponent.

    Args:
        low: the least number, above 0.
        high: the greatest number.
        mantissas: those from some digits to some digits (None: any), of which the first stands before the point.
        least: the least exponent that is written.
    """
    if low > high:
        return NOTHING
    first, last = power_of(low), power_of(high)
    smallest, largest = _significant(low, first), _significant(high, last)
    if first == last:
        return _with(mantissas(smallest, largest), first, last, least)
    if smallest == "1":
        first -= 1
    edges = [_with(mantissas("1", largest), last, last, least)]
    if smallest != "1":
        edges.append(_with(mantissas(smallest, None), first, first, least))
    return alt(_with(mantissas("1", None), first + 1, last - 1, least), *edges)


def _with(mantissas: Expr, low: int, high: int, least: int) -> Expr:
    low = max(low, least)
    if low > high:
        return NOTHING
    found = exponents(low, high)
    return seq(mantissas, optional(found) if low <= 0 <= high else found)


def _significant(value: Fraction, power: int) -> str:
    """The digits of a number, of which it has SIGNIFICANT at most."""
    return str(int(value * Fraction(10) ** (SIGNIFICANT - 1 - power))).rstrip("0")


@lru_cache(maxsize=256)
def decimal_mantissas(low: str, high: str | None) -> Expr:
    """One digit other than 0, and maybe a fraction: from the digits `low` to the digits `high`."""
    if low == "1" and high is None:
        return seq(NOT_ZERO, ANY_FRACTION)
    last = "9" if high is None else high[0]
    if low[0] == last:
        return seq(literal(last.encode()), fraction_between(low[1:], None if high is None else high[1:]))
    inner = byte_range(ord(low[0]) + 1, ord(last) - (high is not None))
    return alt(
        seq(literal(low[:1].encode()), fraction_between(low[1:], None)),
        seq(inner, ANY_FRACTION),
        seq(literal(last.encode()), fraction_between("", high[1:])) if high is not None else NOTHING,
    )


def fraction_between(low: str, high: str | None) -> Expr:
    """A point and digits from `low` to `high` (None: any), or nothing at all where that is in the range too."""
    digits = digits_between(low, high, FRACTION_DIGITS, nonempty=True)
    return alt(EMPTY if low == "" else NOTHING, seq(POINT, digits))


@lru_cache(maxsize=256)
def integer_mantissas(low: str, high: str | None) -> Expr:
    """One digit other than 0, and maybe a point and zeros: from the digits `low` to the digits `high`."""
    first, last = int(low[0]) + (len(low) > 1), 9 if high is None else int(high[0])
    if first > last:
        return NOTHING
    return seq(byte_range(0x30 + first, 0x30 + last), optional(ZEROS))
