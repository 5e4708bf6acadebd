"""Number -> Expr: the JSON texts of the numbers that a schema means, exactly.

Excluded values cut the range into pieces (`number_ranges.py`). All else is told by automata that narrow the texts of
the range: multiples (`multiple_texts.py`), what must not be, and the style in which numbers are written.

A reader makes floats of texts, and the jsonschema library divides floats: so not all is written that can be told apart.

- Multiples of a fractional step, or of one that the library tells by floats though it is none, have 15 digits at most,
  which a float is sure to keep. So have numbers that must not be multiples.
- Multiples of a whole float such as 2.0, or with a point, are written up to 2**53, those of a step such as 0.5 up to as
  much less as it has fewer floats.
- Multiples have an exponent only below 1e-4; multiples of a step above that never do.
- A fraction that a float cannot tell from an integer, within about 1e-16 of its size, counts as one.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache

from fcgen.errors import GrammarTooLarge, SchemaError
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.expr import NOTHING, alt, alt_of, both, complement, literal, optional, repeat, seq
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
)
from fcgen.schema.number_ranges import (
    DIGIT,
    EXACT,
    FRACTION_DIGITS,
    MINUS,
    MOST_INTEGER_DIGITS,
    NEGATIVE_ZERO,
    NOT_ZERO,
    POINT,
    TINY_EXPONENT,
    Range,
    decimals,
    digits_between,
    integers,
)
from fcgen.schema.number_sets import Number, Real, common_step, divides, is_number_of, spelled

MOST_EXCLUDED = 10_000
_LISTED = 100
_ZERO = literal(b"0")


def number_texts(part: Number, *, exponent: bool = True, whole_fraction: bool = True, canonical: bool = False) -> Expr:
    """The texts of the numbers of `part`, which must not be empty.

    Args:
        part: the numbers.
        exponent: whether texts may have an exponent.
        whole_fraction: whether integers may have a point, with zeros after it: 2.0.
        canonical: whether each number has one text only, that of json.dumps: an integer without a point (and without an
            exponent, if it has no more digits than integers are written with); no zeros at the end; no negative zero.
            Numbers with a fraction, and those with an exponent, then have 15 digits at most.

    Raises:
        SchemaError: no number of it can be written out, or it is over a limit.
        GrammarTooLarge: its constraints together have too many states.
    """
    try:
        if part.fraction or part.multiples or part.not_multiples or part.excluded:
            return _found(part, Style(exponent, whole_fraction, canonical))
        return _in_range(
            part.low, part.low_open, part.high, part.high_open, part.integer, exponent, whole_fraction, canonical
        )
    except (SchemaError, GrammarTooLarge) as error:
        error.pointer = pointer(part.place)
        raise


@lru_cache(maxsize=1024)
def _in_range(
    low: Real | None,
    low_open: bool,  # noqa: FBT001
    high: Real | None,
    high_open: bool,  # noqa: FBT001
    integer: bool,  # noqa: FBT001
    *style: bool,
) -> Expr:
    return _found(Number(low, low_open, high, high_open, integer), Style(*style))


def _found(part: Number, style: Style) -> Expr:
    step = common_step(part)
    floats = tuple(each for each in part.multiples if isinstance(each, float) and not _is_harmless(each, step))
    narrowings = [*_narrowings(part), *_styles(part, step, style)]
    ranges, trees = [], []
    for bounds in _pieces(part):
        if step is None:
            ranges.append(decimals(bounds, style.exponent))
        elif step == 1 and not floats:
            ranges.append(integers(bounds, bounds if style.point else None))
        elif _are_counted(bounds, step, floats):
            ranges.append(both(_around(bounds, step, floats, style), remainder_texts(step)))
        else:
            trees.append(_one_by_one(part, bounds, step, floats, style))
    found = both(alt_of(ranges), *narrowings)
    if narrowings and fewest(found) == INFINITE:
        found = NOTHING
    if found is NOTHING and all(tree is NOTHING for tree in trees):
        raise SchemaError(
            f"the range is beyond numbers of {MOST_INTEGER_DIGITS} digits and {FRACTION_DIGITS} digits of fraction"
        )
    return alt(found, *trees)


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


def _is_harmless(divisor: float, step: Fraction | None) -> bool:
    """Whether every integer that is a multiple is one by division of floats too."""
    return step is not None and step.denominator == 1 and divisor <= 1 and spelled(divisor) == Fraction(divisor)


def _written(bounds: Range, step: Fraction, floats: tuple[float, ...]) -> tuple[Fraction, Fraction]:
    """The bounds between which multiples of `step` are written."""
    if step.denominator == 1 and not floats:
        first, last = bounds.written_integers()
        return Fraction(first), Fraction(last)
    most = Fraction(10**SURE_DIGITS - 1)
    low, high = bounds.with_point()
    return -most if low is None else max(low, -most), most if high is None else min(high, most)


def _are_counted(bounds: Range, step: Fraction, floats: tuple[float, ...]) -> bool:
    """Whether the multiples are many, and told by remainders, which the library's division agrees with."""
    least, greatest = _written(bounds, step, floats)
    is_exact = all(spelled(each) == Fraction(each) for each in floats)
    return is_exact and has_few_remainders(step) and greatest - least >= _LISTED * step


def _around(bounds: Range, step: Fraction, floats: tuple[float, ...], style: Style) -> Expr:
    """Texts of the range among which are its multiples of `step`, as far as floats are exact."""
    exact = bounds.within(EXACT // step.denominator)
    if step.denominator > 1:
        return decimals(exact, exponent=False)
    return integers(exact if floats else bounds, exact if style.point else None)


def _one_by_one(part: Number, bounds: Range, step: Fraction, floats: tuple[float, ...], style: Style) -> Expr:
    least, greatest = _written(bounds, step, floats)
    digits = len(str(int(max(-least, greatest))))
    rest = Number(fraction=part.fraction, not_multiples=part.not_multiples)

    def accepts(value: Real) -> bool:
        return all(divides(each, value) for each in floats) and is_number_of(rest, value)

    positive = multiple_texts(step, max(least, Fraction(0)), greatest, accepts, digits=digits, style=style)
    negative = multiple_texts(step, max(-greatest, step), -least, accepts, digits=digits, style=style)
    has_zero = style.point and not style.shortest and least < 0 <= greatest and accepts(0)
    return alt(positive, seq(MINUS, negative), NEGATIVE_ZERO if has_zero else NOTHING)


def _narrowings(part: Number) -> Iterator[Expr]:
    """What tells the numbers from others of the range, besides multiples."""
    if part.fraction:
        yield _no_integers()
    if part.not_multiples:
        steps = [spelled(each) for each in part.not_multiples]
        yield _sure_texts(max(map(places_of, steps)), exponent=min(steps) >= Fraction(1, 10**4))
    for step in part.not_multiples:
        if not has_few_remainders(spelled(step)):
            raise SchemaError(
                "`multipleOf` is too large to count with",
                keyword="multipleOf",
                limit=MOST_REMAINDERS,
                given=step,
                hint="What must not be a multiple of it cannot be told.",
            )
        yield complement(remainder_texts(spelled(step)))


def _styles(part: Number, step: Fraction | None, style: Style) -> Iterator[Expr]:
    if style.shortest:
        most = max(map(abs, Range(part.low, part.low_open, part.high, part.high_open).written_integers()))
        yield _canonical(len(str(most)), style.exponent)
    elif not style.point and (step is None or step.denominator > 1):
        yield _integers_without_point()


@lru_cache(maxsize=1)
def _no_integers() -> Expr:
    """Texts that a reader takes for no integer: some digit of the fraction that a float keeps tells so."""
    small = seq(_ZERO, POINT, digits_between("0" * (FRACTION_DIGITS - 1) + "1", "9" * 16, FRACTION_DIGITS))
    ways = [small, _exponents(17, TINY_EXPONENT)]
    for size in range(1, SURE_DIGITS + 1):
        kept = SURE_DIGITS + 1 - size
        fraction = digits_between("0" * (kept - 1) + "1", "9" * kept, FRACTION_DIGITS)
        ways.append(seq(_of_size(size), POINT, fraction))
    return seq(optional(MINUS), alt_of(ways))


@lru_cache(maxsize=16)
def _sure_texts(places: int, exponent: bool) -> Expr:  # noqa: FBT001
    """Texts so short that floats tell whether they are multiples of a step with `places` digits of fraction."""
    ways = [seq(_ZERO, optional(seq(POINT, repeat(DIGIT, 1, SURE_DIGITS))))]
    for size in range(1, SURE_DIGITS + 1 - places):
        fraction = seq(POINT, repeat(DIGIT, 1, SURE_DIGITS - size)) if size < SURE_DIGITS else NOTHING
        ways.append(seq(_of_size(size), optional(fraction)))
    if exponent:
        ways.append(_exponents(SURE_DIGITS - 1, TINY_EXPONENT))
    return seq(optional(MINUS), alt_of(ways))


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
        huge = alt_of(literal(b"e+%d" % n) for n in range(digits, 100))
        mantissa = seq(NOT_ZERO, optional(seq(POINT, no_zero_last)))
        ways.append(seq(mantissa, alt(TINY_EXPONENT, huge)))
    return alt(_ZERO, seq(optional(MINUS), alt_of(ways)))


@lru_cache(maxsize=1)
def _integers_without_point() -> Expr:
    """Texts with a digit other than 0 after the point, if they have one."""
    digits, e = repeat(DIGIT, 1), alt(literal(b"e"), literal(b"E"))
    fraction = seq(POINT, repeat(_ZERO), NOT_ZERO, repeat(DIGIT))
    sign = alt(MINUS, literal(b"+"))
    return seq(optional(MINUS), digits, optional(fraction), optional(seq(e, optional(sign), digits)))


def _of_size(size: int) -> Expr:
    return seq(NOT_ZERO, repeat(DIGIT, size - 1, size - 1))


def _exponents(places: int, exponents: Expr) -> Expr:
    return seq(NOT_ZERO, optional(seq(POINT, repeat(DIGIT, 1, places))), exponents)
