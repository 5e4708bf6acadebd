"""Number -> Expr: the JSON texts of the numbers in a range, exactly.

Digits are built from the bounds: of two numbers with equally many digits, the first digit that differs decides. A
fraction is compared in the same way, digit by digit. Multiples of m are an automaton whose states are the remainders.

Every text is bounded, so that no model can run on in digits: integers have up to 18 digits, or as many as the bounds
declare (40 at most), fractions up to 20. Numbers without a useful bound may have an exponent, which is bounded so that
they stay finite; within bounds only the exponents that json.dumps writes are allowed, and only where the bounds admit
every number with such an exponent.

A reader turns a text with a fraction into the nearest float, which must keep the bounds too: so a bound is moved
inwards to the shortest spelling of the nearest float that keeps it. A larger text then means a float at least as large.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import ceil, floor, inf, nextafter

from fcgen.errors import SchemaError
from fcgen.grammar.dfa import Dfa, determinize
from fcgen.grammar.expr import EMPTY, NOTHING, Expr, alt, alt_of, both, byte_range, literal, optional, repeat, seq
from fcgen.grammar.lark import read_grammar
from fcgen.schema.place import pointer
from fcgen.schema.shape import Number, Real

INTEGER_DIGITS = 18
MOST_INTEGER_DIGITS = 40
FRACTION_DIGITS = 20
LARGEST_REMAINDER = 2_000
_LISTED = 100
_EXACT = 2**53  # up to here every integer is a float

_DIGIT = byte_range(0x30, 0x39)
_MINUS = literal(b"-")


def number_texts(part: Number) -> Expr:
    """The texts of the numbers of `part`, which must not be empty.

    Raises SchemaError where a bound, or a multiple, has too many digits to be written out.
    """
    low, high, bounds = part.low, part.high, (part.low_open, part.high_open)
    if low is None and high is None and not part.integer:
        return read_grammar("json")["NUMBER"]
    try:
        found = _integers(low, high, *bounds, part.multiple) if part.integer else _decimals(low, high, *bounds)
    except SchemaError as error:
        error.pointer = pointer(part.place)
        raise
    if found is NOTHING:
        raise SchemaError(
            f"the range is beyond numbers of {MOST_INTEGER_DIGITS} digits and {FRACTION_DIGITS} digits of fraction",
            pointer=pointer(part.place),
        )
    return found


def integer_range(part: Number) -> tuple[int | None, int | None]:
    """The least and the greatest integer in the range, whether or not they are multiples."""
    low, high = part.low, part.high
    least = None if low is None else floor(low) + 1 if part.low_open else ceil(low)
    greatest = None if high is None else ceil(high) - 1 if part.high_open else floor(high)
    return least, greatest


def no_number(part: Number) -> bool:
    """Whether no number at all is in the range."""
    if part.low is None or part.high is None:
        return False
    if part.integer:
        least, greatest = integer_range(part)
        assert least is not None
        assert greatest is not None
        return greatest // part.multiple < -(-least // part.multiple)
    return part.low > part.high or (part.low == part.high and (part.low_open or part.high_open))


def is_number_of(part: Number, value: Real) -> bool:
    """Whether `value` is one of the numbers; 2.0 is an integer."""
    if part.integer and (value != int(value) or int(value) % part.multiple):
        return False
    above = part.low is None or value > part.low or (value == part.low and not part.low_open)
    return above and (part.high is None or value < part.high or (value == part.high and not part.high_open))


@lru_cache(maxsize=1024)
def _integers(low: Real | None, high: Real | None, low_open: bool, high_open: bool, multiple: int) -> Expr:  # noqa: FBT001
    least, greatest = integer_range(Number(low, low_open, high, high_open))
    first, last = _writable(least, greatest, 10 ** _digits(least, greatest) - 1)
    if multiple == 1:
        return _signed(first, last)
    first, last = -(-first // multiple), last // multiple
    if last - first < _LISTED:
        return alt_of(literal(b"%d" % (n * multiple)) for n in range(first, last + 1))
    return both(_signed(first * multiple, last * multiple), _multiples(multiple))


def _digits(*bounds: int | None) -> int:
    declared = [len(str(abs(b))) for b in bounds if b is not None and abs(b) < 10**MOST_INTEGER_DIGITS]
    return max([INTEGER_DIGITS, *declared])


def _writable(low: int | None, high: int | None, most: int) -> tuple[int, int]:
    return -most if low is None else max(low, -most), most if high is None else min(high, most)


def _signed(low: int, high: int) -> Expr:
    below = seq(_MINUS, _natural(max(1, -high), -low)) if low < 0 else NOTHING
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
        return _between(str(low), str(high))
    parts = [seq(byte_range(0x31, 0x39), repeat(_DIGIT, first - 1, last - 1))] if first <= last else []
    if first > short:
        parts.append(_between(str(low), "9" * short))
    if last < long:
        parts.append(_between("1" + "0" * (long - 1), str(high)))
    return alt_of(parts)


def _between(low: str, high: str) -> Expr:
    """The digit strings from `low` to `high`, which are of one length."""
    size = len(low)
    if low == "0" * size and high == "9" * size:
        return repeat(_DIGIT, size, size)
    same = next((i for i in range(size) if low[i] != high[i]), size)
    if same == size:
        return literal(low.encode())
    rest = size - same - 1
    ways = alt(
        seq(literal(low[same].encode()), _between(low[same + 1 :], "9" * rest)),
        seq(_inner_digits(low[same], high[same]), repeat(_DIGIT, rest, rest)),
        seq(literal(high[same].encode()), _between("0" * rest, high[same + 1 :])),
    )
    return seq(literal(low[:same].encode()), ways)


def _inner_digits(low: str, high: str) -> Expr:
    return byte_range(ord(low) + 1, ord(high) - 1) if ord(high) - ord(low) > 1 else NOTHING


def _multiples(m: int) -> Expr:
    """The integers, in any number of digits, that m divides."""
    zeros = 0
    while m % 10 == 0:
        m, zeros = m // 10, zeros + 1
    if m > LARGEST_REMAINDER:
        raise SchemaError(
            "`multipleOf` is too large to count with", keyword="multipleOf", limit=LARGEST_REMAINDER, given=m
        )
    natural = seq(_divisible(m), repeat(literal(b"0"), zeros, zeros))
    return seq(optional(_MINUS), alt(natural, literal(b"0")))


@lru_cache(maxsize=64)
def _divisible(m: int) -> Expr:
    """The integers above zero that m divides: state r + 1 has read digits that leave the remainder r."""
    rows = [[(1 << (0x30 + digit), digit % m + 1) for digit in range(1, 10)]]
    rows += [[(1 << (0x30 + digit), (10 * r + digit) % m + 1) for digit in range(10)] for r in range(m)]
    return determinize(Dfa(rows, frozenset([1])).term(), limit=m + 2)


@lru_cache(maxsize=1024)
def _decimals(low: Real | None, high: Real | None, low_open: bool, high_open: bool) -> Expr:  # noqa: FBT001
    """Numbers with or without a fraction; bounds are counted in units of the last digit of a fraction."""
    unit = 10**FRACTION_DIGITS
    least = None if low is None else ceil(_inward(low, low_open) * unit)
    greatest = None if high is None else -ceil(_inward(-high, high_open) * unit)
    whole = (None if n is None else n // unit for n in (least, greatest))
    first, last = _writable(least, greatest, 10 ** _digits(*whole) * unit - 1)
    positive = _fractional(max(0, first), last)
    negative = seq(_MINUS, _fractional(max(0, -last), -first)) if first < 0 else NOTHING
    return alt(positive, negative, _with_exponent(low, high), _negative_with_exponent(low, high))


def _inward(low: Real, is_open: bool) -> Fraction:  # noqa: FBT001
    """The least text that is sure to mean a number within the lower bound `low`."""
    if abs(low) >= 10**MOST_INTEGER_DIGITS:
        return Fraction(low)
    nearest = float(low)
    if nearest < low or (nearest == low and is_open):
        nearest = nextafter(nearest, inf)
    shortest = Fraction(repr(nearest))
    return shortest if abs(nearest) < _EXACT else max(shortest, Fraction(nearest))


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
    digits = _digits_between(low, high, FRACTION_DIGITS, nonempty=True)
    return alt(EMPTY if low == "" else NOTHING, seq(literal(b"."), digits))


def _digits_between(low: str, high: str | None, most: int, *, nonempty: bool = False) -> Expr:
    """Up to `most` digits of a fraction, from `low` to `high`, neither of which ends in 0."""
    if high is None and low == "":
        return repeat(_DIGIT, int(nonempty), most)
    if high == "":
        return repeat(literal(b"0"), int(nonempty), most) if low == "" else NOTHING
    first, last = low[:1] or "0", high[:1] if high is not None else ":"  # the character after 9
    if first == last:
        ways = seq(literal(first.encode()), _digits_between(low[1:], high[1:] if high else None, most - 1))
    else:
        above = seq(literal(first.encode()), _digits_between(low[1:], None, most - 1))
        between = seq(_inner_digits(first, last), repeat(_DIGIT, 0, most - 1))
        below = seq(literal(last.encode()), _digits_between("", high[1:], most - 1)) if high is not None else NOTHING
        ways = alt(above, between, below)
    return alt(ways, EMPTY) if low == "" and not nonempty else ways


def _with_exponent(low: Real | None, high: Real | None) -> Expr:
    """Positive numbers as json.dumps writes them with an exponent: below 1e-4, and from 1e16 on."""
    tiny = (low is None or low <= 0) and (high is None or high > 1e-4)
    huge = (low is None or low < 1e16) and high is None
    exponents = alt(_TINY if tiny else NOTHING, _HUGE if huge else NOTHING)
    return seq(byte_range(0x31, 0x39), optional(seq(literal(b"."), repeat(_DIGIT, 1, 17))), exponents)


def _negative_with_exponent(low: Real | None, high: Real | None) -> Expr:
    return seq(_MINUS, _with_exponent(None if high is None else -high, None if low is None else -low))


_TINY = alt(seq(literal(b"e-0"), byte_range(0x35, 0x39)), seq(literal(b"e-"), byte_range(0x31, 0x39), _DIGIT))
_HUGE = seq(literal(b"e+"), alt(seq(literal(b"1"), byte_range(0x36, 0x39)), seq(byte_range(0x32, 0x39), _DIGIT)))
