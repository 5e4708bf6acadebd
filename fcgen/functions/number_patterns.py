"""Bounds -> patterns: the texts of the numbers within them, where JSON Schema has a string whose digits count.

A name in an object is a string though Pydantic reads an integer from it; a decimal may be a string, since not every one
is a JSON number, of which a reader makes a float. Numbers are written in one way: no leading zeros, no plus, no
exponent, no -0.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

MOST_DIGITS = 28  # before the point, where no bound says more: what Python's decimals keep
MOST_PLACES = 28  # after the point, of a decimal whose type does not say how many

Limit = tuple[Fraction, bool]
"""A bound, and whether it is itself left out."""


def number_pattern(low: int | None, high: int | None, places: int = 0) -> str:
    """A pattern of the numbers from `low` to `high`, with a point before the last `places` of their digits.

    None is no bound but that of `MOST_DIGITS`. There must be a number within the bounds.
    """
    most = max([10 ** (MOST_DIGITS + places) - 1, *(abs(bound) for bound in (low, high) if bound is not None)])
    low, high = -most if low is None else low, most if high is None else high
    found = _naturals(max(low, 0), high, places) if high >= 0 else []
    if low < 0:
        found.append(f"-(?:{'|'.join(_naturals(max(-high, 1), -low, places))})")
    return "|".join(found)


def any_decimal(digits: int, places: int) -> str:
    """A pattern of all decimals with at most so many digits before the point, and places after it; -0 among them."""
    return rf"-?(?:0|[1-9][0-9]{{0,{digits - 1}}})(?:\.[0-9]{{1,{places}}})?"


def decimal_pattern(low: Limit | None, high: Limit | None) -> str:
    """A pattern of the decimals between two bounds, which have a finite number of places.

    Those with fewer places than a bound have patterns of their own; the others begin with so many, and any digits
    follow, `MOST_PLACES` at most. It is empty where there are none.
    """
    bounds = [bound[0] for bound in (low, high) if bound is not None]
    if not bounds:
        return any_decimal(MOST_DIGITS, MOST_PLACES)
    places = max([0, *map(_places_of, bounds)])
    found = []
    for fewer in range(places):
        least, most = integers_between(low, high, 10**fewer)
        if least is None or most is None or least <= most:
            found.append(number_pattern(least, most, fewer))
    scale = 10**places
    beyond = max([10**MOST_DIGITS, *(10 * abs(int(bound)) for bound in bounds)]) * scale
    lowest = (-beyond, True) if low is None else (int(low[0] * scale), low[1])
    highest = (beyond, True) if high is None else (int(high[0] * scale), high[1])
    found += _sizes(max(lowest, (0, False)), highest, places)
    if below := _sizes(max((-highest[0], highest[1]), (0, True)), (-lowest[0], lowest[1]), places):
        found.append(f"-(?:{'|'.join(below)})")
    return "|".join(found)


def integers_between(low: Limit | None, high: Limit | None, scale: int) -> tuple[int | None, int | None]:
    """The least and the greatest integer that is between two bounds once it is divided by `scale`."""
    least = None if low is None else floor(low[0] * scale) + 1 if low[1] else ceil(low[0] * scale)
    most = None if high is None else ceil(high[0] * scale) - 1 if high[1] else floor(high[0] * scale)
    return least, most


def _sizes(first: tuple[int, bool], last: tuple[int, bool], places: int) -> list[str]:
    """Patterns of the decimals between two bounds, neither below zero, with so many places or more.

    A bound stands for the integer that it is without its point, and is left out itself where the other value says so.
    """
    (low, is_after), (high, is_before) = first, last
    digit, point = "[0-9]", "" if places else r"\."
    found = []
    if low + is_after < high:
        begins = "|".join(_naturals(low + is_after, high - 1, places))
        follows = f"{digit}{{0,{MOST_PLACES}}}" if places else rf"(?:\.{digit}{{1,{MOST_PLACES}}})?"
        found.append(f"(?:{begins}){follows}")
    if is_after and low < high:
        found.append(f"{_text(low, places)}{point}0{{0,{MOST_PLACES - 1}}}[1-9]{digit}{{0,{MOST_PLACES - 1}}}")
    if not is_before and (low < high or (low == high and not is_after)):
        zeros = f"0{{0,{MOST_PLACES}}}" if places else rf"(?:\.0{{1,{MOST_PLACES}}})?"
        found.append(_text(high, places) + zeros)
    return found


def _text(number: int, places: int) -> str:
    digits = str(number).zfill(places + 1)
    return _between(digits, digits, places)


def _places_of(number: Fraction) -> int:
    places = 0
    while 10**places % number.denominator:
        places += 1
    return places


def _naturals(low: int, high: int, places: int) -> list[str]:
    """Those from `low` to `high`, neither below zero: patterns of which one matches."""
    least, most = (str(bound).zfill(places + 1) for bound in (low, high))
    if len(least) == len(most):
        return [_between(least, most, places)]
    found = [_between(least, "9" * len(least), places)]
    ends_full = not most.strip("9")
    fewest, greatest = len(least) - places, len(most) - places - (1 if ends_full else 2)  # digits after the first
    if fewest <= greatest:
        found.append(f"[1-9]{_digits(fewest, greatest)}{_any(places, places)}")
    return found if ends_full else [*found, _between(f"1{'0' * (len(most) - 1)}", most, places)]


def _between(low: str, high: str, places: int) -> str:
    """The texts of as many digits as both have, from `low` to `high`; the last `places` stand behind the point."""
    point = r"\." if places and len(low) == places else ""
    if not low:
        return point
    rest = len(low) - 1
    first, last = int(low[0]), int(high[0])
    if first == last:
        return point + low[0] + _between(low[1:], high[1:], places)
    found = []
    if low[1:] != "0" * rest:
        found.append(low[0] + _between(low[1:], "9" * rest, places))
        first += 1
    if high[1:] != "9" * rest:
        found.append(high[0] + _between("0" * rest, high[1:], places))
        last -= 1
    if first <= last:
        found.append(f"[{first}-{last}]{_any(rest, places)}")
    return point + (found[0] if len(found) == 1 else f"(?:{'|'.join(found)})")


def _any(digits: int, places: int) -> str:
    """The last `digits` digits of a number, the point among them if it stands there, whatever they are."""
    if places and digits >= places:
        return f"{_any(digits - places, 0)}\\.{_digits(places, places)}"
    return _digits(digits, digits) if digits else ""


def _digits(least: int, most: int) -> str:
    if least == most:
        return "[0-9]" if most == 1 else f"[0-9]{{{most}}}"
    return f"[0-9]{{{least},{most}}}"
