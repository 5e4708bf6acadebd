"""Bounds -> patterns: the texts of the numbers within them, where JSON Schema has a string whose digits count.

A name in an object is a string though Pydantic reads an integer from it; a decimal with so many digits is one that no
JSON number says, since a reader makes a float of it. Numbers are written in one way: no leading zeros, no plus, no
exponent, no -0.
"""

from __future__ import annotations

MOST_DIGITS = 28  # before the point, where no bound says more: what Python's decimals keep


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
