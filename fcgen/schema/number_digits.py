"""Ranges -> Expr: the digits of integers and of fractions.

Of two numbers with equally many digits, the first digit that differs decides. A fraction is compared in the same way.
"""

from __future__ import annotations

from collections.abc import Callable

from fcgen.grammar.expr import EMPTY, NOTHING, alt, alt_of, byte_range, literal, repeat, seq
from fcgen.grammar.terms import Expr

DIGIT = byte_range(0x30, 0x39)
NOT_ZERO = byte_range(0x31, 0x39)
POINT = literal(b".")


def no_tail(size: int) -> Expr:  # noqa: ARG001  a tail may depend on it
    """Nothing, after an integer of any size."""
    return EMPTY


def naturals(low: int, high: int, tail: Callable[[int], Expr] = no_tail) -> Expr:
    """The integers from `low` to `high`, neither of them negative, each with a tail that its number of digits decides.

    Zero counts as a number of no digits.
    """
    if low > high:
        return NOTHING
    if low == 0:
        return alt(seq(literal(b"0"), tail(0)), naturals(1, high, tail))
    short, long = len(str(low)), len(str(high))
    first, last = short + (low > 10 ** (short - 1)), long - (high < 10**long - 1)  # of which all numbers are in range
    if first > last + 1:
        return seq(of_one_length(str(low), str(high)), tail(long))
    parts = [_of_sizes(first, last, tail)] if first <= last else []
    if first > short:
        parts.append(seq(of_one_length(str(low), "9" * short), tail(short)))
    if last < long:
        parts.append(seq(of_one_length("1" + "0" * (long - 1), str(high)), tail(long)))
    return alt_of(parts)


def _of_sizes(first: int, last: int, tail: Callable[[int], Expr]) -> Expr:
    """All integers of `first` to `last` digits."""
    rest, size = tail(last), last
    ways = rest
    while size > first and tail(size - 1) is rest:
        size -= 1
    ways = seq(repeat(DIGIT, 0, last - size), rest)
    while size > first:
        size -= 1
        ways = alt(tail(size), seq(DIGIT, ways))
    return seq(NOT_ZERO, repeat(DIGIT, first - 1, first - 1), ways)


def of_one_length(low: str, high: str) -> Expr:
    """The digit strings from `low` to `high`, which are of one length."""
    size = len(low)
    if low == "0" * size and high == "9" * size:
        return repeat(DIGIT, size, size)
    same = next((i for i in range(size) if low[i] != high[i]), size)
    if same == size:
        return literal(low.encode())
    rest = size - same - 1
    ways = alt(
        seq(literal(low[same].encode()), of_one_length(low[same + 1 :], "9" * rest)),
        seq(_inner_digits(low[same], high[same]), repeat(DIGIT, rest, rest)),
        seq(literal(high[same].encode()), of_one_length("0" * rest, high[same + 1 :])),
    )
    return seq(literal(low[:same].encode()), ways)


def _inner_digits(low: str, high: str) -> Expr:
    return byte_range(ord(low) + 1, ord(high) - 1) if ord(high) - ord(low) > 1 else NOTHING


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
