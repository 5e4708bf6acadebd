"""Number -> Expr: the JSON texts of the numbers that a schema means, exactly.

Excluded values cut the range into pieces (`number_ranges.py`). All else is told by automata that narrow the texts of
the range: multiples (`multiple_texts.py`), what must not be, and the style in which numbers are written.

Multiples are those of the decimals that are written. A reader makes floats of texts with a point or an exponent, and
may write them again: so not all is written of which a float could tell something else.

- Multiples with a fraction have 15 digits at most, which a float is sure to keep. So have numbers that must not be
  multiples.
- Multiples with a point or an exponent are written up to 2**53.
- Multiples have an exponent that is not negative; and one below zero if they and their step are below 1e-4.
- A fraction that a float cannot tell from an integer, within about 1e-16 of its size, counts as one. A number that must
  not be an integer has an exponent only below zero, with one digit before the point.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Any

from fcgen.errors import GrammarTooLarge, SchemaError
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.expr import EMPTY, NOTHING, alt, alt_of, both, complement, literal, optional, repeat, seq
from fcgen.grammar.terms import Expr
from fcgen.place import pointer
from fcgen.schema.multiple_texts import (
    MOST_REMAINDERS,
    SURE_DIGITS,
    Style,
    has_few_remainders,
    multiple_texts,
    places_of,
    remainder_texts,
    tiny_shifts,
)
from fcgen.schema.number_bounds import EXACT, MOST_INTEGER_DIGITS, Range, power_of
from fcgen.schema.number_digits import DIGIT, NOT_ZERO, POINT, digits_between
from fcgen.schema.number_exponents import FRACTION_DIGITS, exponents
from fcgen.schema.number_ranges import MINUS, decimals, decimals_between, integers
from fcgen.schema.number_sets import Number, common_step, is_multiple, spelled

MOST_EXCLUDED = 10_000
_LISTED = 100
_ZERO = literal(b"0")


def number_texts(part: Number, *, exponent: bool = True, whole_fraction: bool = True, canonical: bool = False) -> Expr:
    """The texts of the numbers of `part`, which must not be empty.

    Args:
        part: the numbers.
        exponent: whether texts may have an exponent.
        whole_fraction: whether a part of integers may be written as floats: 2.0, 1e5.
        canonical: whether each number has one text only, that of json.dumps: an integer without a point (and without an
            exponent, if it has no more digits than integers are written with); no zeros at the end; no negative zero.
            Numbers with a fraction, and those with an exponent, then have 15 digits at most.

    Raises:
        SchemaError: no number of it can be written out, or it is over a limit.
        GrammarTooLarge: its constraints together have too many states.
    """
    style = Style(exponent, whole_fraction or not part.integer, canonical)
    bounds = part.low, part.low_open, part.high, part.high_open
    steps = tuple(map(spelled, part.multiples)), tuple(map(spelled, part.not_multiples))
    try:
        return _of_parts(*bounds, part.integer, part.fraction, *steps, part.excluded, style)
    except (SchemaError, GrammarTooLarge) as error:
        error.pointer = pointer(part.place)
        raise


@lru_cache(maxsize=1024, typed=True)  # equal bounds may be spelled as different numbers
def _of_parts(*constraints: Any) -> Expr:
    """The texts of a Number with these constraints, in a style."""
    *rest, style = constraints
    return _found(Number(*rest), style)


def _found(part: Number, style: Style) -> Expr:
    step = common_step(part)
    narrowings = list(_narrowings(part))
    if style.shortest:
        most = max(map(abs, Range(part.low, part.low_open, part.high, part.high_open).written_integers()))
        narrowings.append(_canonical(len(str(most)), style.exponent))
    ranges, trees = [], []
    for bounds in _pieces(part):
        if step is None:
            ranges.append(decimals(bounds, exponent=style.exponent))
        elif step == 1:
            ranges.append(integers(bounds, bounds if style.point else None, exponent=style.exponent))
        elif _are_counted(bounds, step):
            ranges += _counted(bounds, step, style)
        else:
            trees.append(_one_by_one(part, bounds, step, style))
    found = both(alt_of(ranges), *narrowings)
    if narrowings and fewest(found) == INFINITE:
        found = NOTHING
    if found is NOTHING and all(tree is NOTHING for tree in trees):
        raise SchemaError(f"no number of the range can be written: {_limits(part, step)}")
    return alt(found, *trees)


def _limits(part: Number, step: Fraction | None) -> str:
    """How many digits the numbers of `part` are written with."""
    limits = f"numbers have up to {MOST_INTEGER_DIGITS} digits and {FRACTION_DIGITS} digits of fraction"
    if part.fraction:
        limits += f", {SURE_DIGITS} before the point where they must not be integers, as a float is sure to keep"
    if part.not_multiples:
        limits += f", {SURE_DIGITS} in all where they must not be multiples"
    if step is not None and step % 1:
        limits += f", {SURE_DIGITS} in all for multiples with a fraction"
    return limits


def _pieces(part: Number) -> Iterator[Range]:
    """The range without the excluded values."""
    if len(part.excluded) > MOST_EXCLUDED:
        raise SchemaError("too many numbers are excluded", limit=MOST_EXCLUDED, given=len(part.excluded))
    low, low_open = part.low, part.low_open
    for value in sorted(part.excluded):
        if (low is None or value >= low) and (part.high is None or value <= part.high):
            yield Range(low, low_open, value, high_open=True)
            low, low_open = value, True
    yield Range(low, low_open, part.high, part.high_open)


def _written(bounds: Range, step: Fraction) -> tuple[Fraction, Fraction]:
    """The bounds between which multiples of `step` are written."""
    if step.denominator == 1:
        first, last = bounds.written_integers()
        return Fraction(first), Fraction(last)
    most = Fraction(10**SURE_DIGITS - 1)
    low, high = bounds.with_point()
    return max(low, -most), min(high, most)


def _are_counted(bounds: Range, step: Fraction) -> bool:
    """Whether the multiples are many, and told by remainders."""
    least, greatest = _written(bounds, step)
    first, last = bounds.written_integers()  # multiples with a fraction have fewer digits
    are_many = greatest - least >= _LISTED * step or last - first >= _LISTED * step
    return has_few_remainders(step) and are_many


def _counted(bounds: Range, step: Fraction, style: Style) -> Iterator[Expr]:
    """The multiples of `step` in a range, as far as floats are exact."""
    remainders = remainder_texts(step, exponent=style.exponent)
    pointed = bounds.within(EXACT)
    yield both(integers(bounds, pointed if style.point else None, exponent=style.exponent), remainders)
    if step.denominator > 1:
        sure = bounds.within(10 ** (SURE_DIGITS - places_of(step)) - 1)
        yield both(decimals(sure, exponent=style.exponent), remainders)
        if style.exponent:
            yield from _tiny(sure, step)


def _tiny(bounds: Range, step: Fraction) -> Iterator[Expr]:
    """The multiples below 1e-4 as json.dumps writes them, with an exponent."""
    low, high = bounds.with_point()
    for sign, least, most in ((EMPTY, low, high), (MINUS, -high, -low)):
        for shift in tiny_shifts(step):
            scale = 10**shift
            within = max(least * scale, Fraction(1)), min(most * scale, 10 - Fraction(1, 10**SURE_DIGITS))
            mantissas = both(decimals_between(*within), remainder_texts(step * scale))
            yield seq(sign, mantissas, exponents(-shift, -shift))


def _one_by_one(part: Number, bounds: Range, step: Fraction, style: Style) -> Expr:
    least, greatest = _written(bounds, step)
    digits = len(str(int(max(-least, greatest))))

    def is_wanted(value: Fraction) -> bool:
        is_unwanted = part.fraction and value.denominator == 1
        return not is_unwanted and not any(is_multiple(value, each) for each in part.not_multiples)

    accepts = is_wanted if part.fraction or part.not_multiples else None
    positive = multiple_texts(step, max(least, Fraction(0)), greatest, accepts, digits=digits, style=style)
    negative = multiple_texts(step, max(-greatest, step), -least, accepts, digits=digits, style=style)
    has_zero = not style.shortest and least < 0 <= greatest and is_wanted(Fraction(0))
    zero = seq(_ZERO, optional(literal(b".0")) if style.point else EMPTY) if has_zero else NOTHING
    return alt(positive, seq(MINUS, alt(negative, zero)))


def _narrowings(part: Number) -> Iterator[Expr]:
    """What tells the numbers from others of the range, besides multiples."""
    if part.fraction:
        yield _no_integers()
    if part.not_multiples:
        steps = [spelled(each) for each in part.not_multiples]
        yield _sure_texts(max(map(places_of, steps)), power_of(min(steps)))
    for step in part.not_multiples:
        if not has_few_remainders(spelled(step)):
            raise SchemaError(
                "`multipleOf` is too large to count with",
                keyword="multipleOf",
                limit=MOST_REMAINDERS,
                given=int(step) if step == int(step) else float(step),
                hint="What must not be a multiple of it cannot be told.",
            )
        yield complement(remainder_texts(spelled(step)))


@lru_cache(maxsize=1)
def _no_integers() -> Expr:
    """Texts that a reader takes for no integer: some digit of the fraction that a float keeps tells so."""
    small = seq(_ZERO, POINT, digits_between("0" * (FRACTION_DIGITS - 1) + "1", "9" * 16, FRACTION_DIGITS))
    ways = [small, _exponents(FRACTION_DIGITS, exponents(-999, -2)), _exponents(SURE_DIGITS, exponents(-1, -1))]
    for size in range(1, SURE_DIGITS + 1):
        kept = SURE_DIGITS + 1 - size
        fraction = digits_between("0" * (kept - 1) + "1", "9" * kept, FRACTION_DIGITS)
        ways.append(seq(_of_size(size), POINT, fraction))
    return seq(optional(MINUS), alt_of(ways))


@lru_cache(maxsize=16)
def _sure_texts(places: int, power: int) -> Expr:
    """Texts so short that floats tell whether they are multiples of a step with `places` digits of fraction.

    They have an exponent where they are smaller than a step of that `power` of ten.
    """
    ways = [seq(_ZERO, optional(seq(POINT, repeat(DIGIT, 1, SURE_DIGITS))))]
    for size in range(1, SURE_DIGITS + 1 - places):
        fraction = seq(POINT, repeat(DIGIT, 1, SURE_DIGITS - size)) if size < SURE_DIGITS else NOTHING
        ways.append(seq(_of_size(size), optional(fraction)))
    ways.append(_exponents(SURE_DIGITS - 1, exponents(-999, min(power, 0) - 1)))
    return seq(optional(MINUS), alt_of(ways))


@lru_cache(maxsize=1)
def _tiny_exponent() -> Expr:
    return alt_of(literal(b"e-%02d" % n) for n in range(5, 325))


@lru_cache(maxsize=64)
def _canonical(digits: int, exponent: bool) -> Expr:  # noqa: FBT001
    """Numbers as json.dumps writes them, given that integers are written out up to so many digits."""
    no_zero_last = seq(repeat(DIGIT, 0, SURE_DIGITS - 2), NOT_ZERO)
    zeros = repeat(_ZERO, 0, 3 if exponent else FRACTION_DIGITS)
    ways = [
        seq(NOT_ZERO, repeat(DIGIT)),
        seq(_ZERO, POINT, zeros, alt(NOT_ZERO, seq(NOT_ZERO, no_zero_last))),
    ]
    ways += [
        seq(_of_size(size), POINT, repeat(DIGIT, 0, SURE_DIGITS - size - 1), NOT_ZERO) for size in range(1, SURE_DIGITS)
    ]
    if exponent:
        huge = alt_of(literal(b"e+%d" % n) for n in range(digits, 309))
        mantissa = seq(NOT_ZERO, optional(seq(POINT, no_zero_last)))
        ways.append(seq(mantissa, alt(_tiny_exponent(), huge)))
    return alt(_ZERO, seq(optional(MINUS), alt_of(ways)))


def _of_size(size: int) -> Expr:
    return seq(NOT_ZERO, repeat(DIGIT, size - 1, size - 1))


def _exponents(places: int, exponents: Expr) -> Expr:
    return seq(NOT_ZERO, optional(seq(POINT, repeat(DIGIT, 1, places))), exponents)
