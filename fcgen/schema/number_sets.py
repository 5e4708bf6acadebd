"""What a JSON Schema says about numbers, and the algebra of it: what two parts have in common, and what is in neither.

Numbers are the decimals that are written: 0.1 is a tenth, in a text and in a schema, though the float that a reader
makes of it is not. So 19.99 is a multiple of 0.01. The jsonschema library, which divides floats, disagrees about some
multiples of a fraction (`divides_inexactly`). Bounds are compared as Python does, and 2.0 is an integer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import islice
from math import ceil, floor, gcd, isfinite, lcm
from typing import Any, TypeAlias

from fcgen.errors import SchemaError, excerpt
from fcgen.place import Place, pointer

Real: TypeAlias = int | float
_Step: TypeAlias = int | float | Fraction

SEARCHED = 2_000
LARGEST_BITS = 4_000  # more than any float, and any integer that is written


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """The numbers of which all of this is true.

    Attributes:
        low: they are not below this; None: there is no lower bound.
        low_open: nor are they `low` itself.
        high: they are not above this, likewise.
        high_open: nor are they `high` itself.
        integer: they are integers (2.0 is one).
        fraction: they are no integers.
        multiples: they are multiples of each of these.
        not_multiples: they are multiples of none of these.
        excluded: they are none of these.
        place: where the schema says so.
    """

    low: Real | None = None
    low_open: bool = False
    high: Real | None = None
    high_open: bool = False
    integer: bool = False
    fraction: bool = False
    multiples: tuple[_Step, ...] = ()
    not_multiples: tuple[_Step, ...] = ()
    excluded: frozenset[Real] = frozenset()
    place: Place = None


def meet_numbers(a: Number, b: Number) -> Number:
    """What both mean, at the place of `b`. It may contradict itself: `no_number` tells."""
    low, high = (a.low, a.low_open), (a.high, a.high_open)
    if a.low is None or (b.low is not None and (b.low, b.low_open) > low):
        low = b.low, b.low_open
    if a.high is None or (b.high is not None and (b.high, not b.high_open) < (a.high, not a.high_open)):
        high = b.high, b.high_open
    return Number(
        *low,
        *high,
        integer=a.integer or b.integer,
        fraction=a.fraction or b.fraction,
        multiples=_together(a.multiples, b.multiples),
        not_multiples=_together(a.not_multiples, b.not_multiples),
        excluded=a.excluded | b.excluded,
        place=b.place,
    )


def _together(ours: tuple[_Step, ...], theirs: tuple[_Step, ...]) -> tuple[_Step, ...]:
    """The steps of both, each once."""
    return tuple({spelled(step): step for step in (*ours, *theirs)}.values()) if ours and theirs else ours or theirs


def complement_number(part: Number) -> list[Number]:
    """The numbers that are not in `part`: those of any of these parts, which may overlap."""
    place = part.place
    outside = []
    if part.low is not None:
        outside.append(Number(high=part.low, high_open=not part.low_open, place=place))
    if part.high is not None:
        outside.append(Number(low=part.high, low_open=not part.high_open, place=place))
    if part.integer:
        outside.append(Number(fraction=True, place=place))
    if part.fraction:
        outside.append(Number(integer=True, place=place))
    outside += [Number(not_multiples=(step,), place=place) for step in part.multiples]
    outside += [Number(multiples=(step,), place=place) for step in part.not_multiples]
    return outside + [Number(low=value, high=value, place=place) for value in sorted(part.excluded)]


def no_number(part: Number) -> bool:
    """Whether no number at all is in it, be it one that can be written out or not.

    Raises SchemaError where none was found among many candidates, though not all have been tried.
    """
    low, high = part.low, part.high
    if part.integer and part.fraction:
        return True
    if low is not None and high is not None:
        if low > high or (low == high and (part.low_open or part.high_open)):
            return True
        if low == high:
            return not is_number_of(part, low)
    step = common_step(part)
    if step is None:
        return False
    unwanted = [spelled(each) for each in part.not_multiples] + [Fraction(1)] * part.fraction
    if any(is_multiple(step, each) for each in unwanted):
        return True
    return low is not None and high is not None and _none_between(part, step)


def _none_between(part: Number, step: Fraction) -> bool:
    first, last = _multiples_between(part, step)
    if first > last:
        return True
    limit = SEARCHED + len(part.excluded)
    if any(_is_wanted(part, n * step) for n in islice(_outwards(first, last), limit)):
        return False
    if last - first < limit:
        return True
    raise SchemaError(
        f"no number was found that is {described_number(part)}: too many were tried",
        pointer=pointer(part.place),
        limit=limit,
        given=last - first + 1,
    )


def _outwards(first: int, last: int) -> Iterator[int]:
    """From the one nearest to zero: small numbers have the fewest digits, and are the likeliest to be found."""
    middle = min(max(first, 0), last)
    for distance in range(max(middle - first, last - middle) + 1):
        if middle + distance <= last:
            yield middle + distance
        if distance and first <= middle - distance:
            yield middle - distance


def _multiples_between(part: Number, step: Fraction) -> tuple[int, int]:
    """The least and the greatest n for which n times `step` is within the bounds, both of which are there."""
    assert part.low is not None
    assert part.high is not None
    low, high = spelled(part.low) / step, spelled(part.high) / step
    return floor(low) + 1 if part.low_open else ceil(low), ceil(high) - 1 if part.high_open else floor(high)


def is_number_of(part: Number, value: Real) -> bool:
    """Whether `value` is one of the numbers."""
    if (isinstance(value, float) and not isfinite(value)) or value in part.excluded:
        return False
    if part.low is not None and (value < part.low or (value == part.low and part.low_open)):
        return False
    if part.high is not None and (value > part.high or (value == part.high and part.high_open)):
        return False
    if (part.integer and value != int(value)) or (part.fraction and value == int(value)):
        return False
    return all(is_multiple(value, step) for step in part.multiples) and not any(
        is_multiple(value, step) for step in part.not_multiples
    )


def _is_wanted(part: Number, value: Fraction) -> bool:
    """Whether a multiple that is within the bounds is nothing that `part` leaves out."""
    return not (
        (part.fraction and value.denominator == 1)
        or any(is_multiple(value, step) for step in part.not_multiples)
        or any(spelled(each) == value for each in part.excluded)
    )


def is_multiple(value: Real | Fraction, step: Real | Fraction) -> bool:
    """Whether `value` is a multiple of `step`, both taken as they are written."""
    return spelled(value) % spelled(step) == 0


def divides_inexactly(step: Any) -> bool:
    """Whether the jsonschema library may take a multiple of `step` for none, since it divides floats."""
    return isinstance(step, float) and isfinite(step) and spelled(step) != Fraction(step)


@lru_cache(maxsize=1024, typed=True)  # equal numbers may be spelled differently: 1e23 and its integer
def spelled(value: Real | Fraction) -> Fraction:
    """The number that the shortest spelling of `value` means."""
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


def common_step(part: Number) -> Fraction | None:
    """What the numbers are the multiples of; None if they have no such step.

    Raises SchemaError where many steps have a common multiple that is too large to count with.
    """
    common = Fraction(1) if part.integer else None
    for step in part.multiples:
        common = spelled(step) if common is None else common_multiple(common, spelled(step))
        if common.numerator.bit_length() > LARGEST_BITS:
            raise SchemaError(
                "`multipleOf` is too large to count with, in bits",
                pointer=pointer(part.place),
                keyword="multipleOf",
                limit=LARGEST_BITS,
                given=common.numerator.bit_length(),
            )
    return common


def common_multiple(a: Fraction, b: Fraction) -> Fraction:
    """The least number that is a multiple of both."""
    return Fraction(lcm(a.numerator, b.numerator), gcd(a.denominator, b.denominator))


def described_number(part: Number) -> str:
    """The numbers in a few words, for a message."""
    return " ".join(["an integer" if part.integer else "a number", *_constraints(part)])


def _constraints(part: Number) -> Iterator[str]:
    if part.low is not None:
        yield f"{'>' if part.low_open else '>='} {excerpt(part.low, 30)}"
    if part.high is not None:
        yield f"{'<' if part.high_open else '<='} {excerpt(part.high, 30)}"
    if part.fraction:
        yield "that is no integer"
    if part.multiples:
        yield f"multiple of {_listed(part.multiples, 'and')}"
    if part.not_multiples:
        yield f"no multiple of {_listed(part.not_multiples, 'or')}"
    if part.excluded:
        yield f"other than {_listed(sorted(part.excluded), 'or')}"


def _listed(values: Sequence[_Step], word: str) -> str:
    if len(values) > 3:
        return f"{', '.join(excerpt(value, 30) for value in values[:3])} {word} {len(values) - 3} more"
    return f" {word} ".join(excerpt(value, 30) for value in values)
