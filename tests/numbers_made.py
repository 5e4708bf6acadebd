"""Strategies for what schemas say about numbers, the JSON Schema that says it, and the judges of numbers and texts."""

import json
import re
from fractions import Fraction
from math import isinf

from hypothesis import strategies as st

from fcgen.schema.judge import mistake_in
from fcgen.schema.number_sets import Number

whole = st.integers(-300, 300) | st.integers(-(10**19), 10**19)
bounds = (
    whole | st.floats(-300, 300) | st.sampled_from([0.1, 0.3, -0.25, 1e16, 1e17 + 0.5, 2**53, 2**53 + 1, 1e22, 1e-7])
)
numbers = whole | st.floats(-400, 400) | st.floats(-1e15, 1e15) | st.floats(1e16, 1e99) | st.floats(1e-99, 1e-4)
steps = st.sampled_from(
    [1, 2, 3, 7, 30, 1000, 86_400, 1.0, 2.0, 0.5, 2.5, 0.75, 6.75, 0.1, 0.01, 0.3, 1e-4, 1e-8, 100.5]
)


def _parts(limits, divisors):
    limits = st.none() | limits
    some = st.lists(divisors, max_size=2).map(tuple)
    return st.builds(
        lambda sign, **constraints: Number(**constraints, integer=sign > 0, fraction=sign < 0),
        st.sampled_from([0, 0, 1, -1]),
        low=limits,
        low_open=st.booleans(),
        high=limits,
        high_open=st.booleans(),
        multiples=some,
        not_multiples=st.just(()) | some,
        excluded=st.frozensets(st.integers(-9, 9) | st.sampled_from([0.5, 0.25, 0.1]), max_size=3),
    )


parts = _parts(bounds, steps)
small_bounds = st.integers(-80, 80).map(lambda n: n / 8) | st.integers(-10, 10)
small_parts = st.tuples(
    _parts(small_bounds, st.sampled_from([1, 2, 3, 1.0, 0.5, 2.5, 0.25, 0.1, 0.05, 0.3])), small_bounds, small_bounds
).map(lambda drawn: bounded(*drawn))
"""Numbers between -10 and 10, told apart at 1/40."""


def bounded(part, low, high):
    return Number(
        low,
        part.low_open,
        high,
        part.high_open,
        part.integer,
        part.fraction,
        part.multiples,
        part.not_multiples,
        part.excluded,
    )


def values(part):
    """Numbers that are near to what the part speaks of."""
    limits = [n for n in (part.low, part.high, *part.excluded) if n is not None] or [0]
    divisors = [*part.multiples, *part.not_multiples, 1]
    near = st.builds(lambda n, d: n + d, st.sampled_from(limits), st.sampled_from([0, 1, -1, 0.5, -0.5, 1e-9]))
    times = st.builds(
        lambda n, step: n * step if isinstance(step, int) else float(Fraction(repr(step)) * n),
        st.integers(-1000, 1000) | st.integers(-(10**9), 10**9),
        st.sampled_from(divisors),
    )
    return times | near | numbers


def schema_of(part):
    """The JSON Schema that says the same."""
    says = [{"type": "integer" if part.integer else "number"}]
    if part.low is not None:
        says.append({"exclusiveMinimum" if part.low_open else "minimum": part.low})
    if part.high is not None:
        says.append({"exclusiveMaximum" if part.high_open else "maximum": part.high})
    says += [{"multipleOf": step} for step in part.multiples]
    denied = [{"type": "integer"}] * part.fraction + [{"multipleOf": step} for step in part.not_multiples]
    denied += [{"const": value} for value in part.excluded]
    return {"allOf": [*says, *({"not": each} for each in denied)]}


def exact(value):
    """The decimal that a number is spelled as."""
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


def is_valid(schema, value):
    return mistake_in(value, schema) is None


def explain(schema, value):
    """Raise what the judge has against a number."""
    assert (found := mistake_in(value, schema)) is None, found


def is_within(part, text):
    """Whether a text means a number within the bounds, as a decimal and as what Python reads."""
    value, decimal = json.loads(text), Fraction(text)
    if isinstance(value, float) and (isinf(value) or (value == 0) != (decimal == 0)):
        return False
    if part.low is not None and not all(
        a > b or (a == b and not part.low_open) for a, b in [(value, part.low), (decimal, exact(part.low))]
    ):
        return False
    return part.high is None or all(
        a < b or (a == b and not part.high_open) for a, b in [(value, part.high), (decimal, exact(part.high))]
    )


def forms(value):
    """A number as Python, C and people write it, with and without an exponent, in up to 17 digits.

    No form has more digits than are written, and none is a negative zero.
    """
    texts = {json.dumps(value), repr(value)}
    if abs(value) < 1e308:
        for digits in (1, 3, 7, 15, 16, 17):
            texts |= {f"{float(value):.{digits - 1}e}", f"{float(value):.{digits}g}"}
        shortest = f"{float(value):e}".partition("e")
        texts.add(f"{shortest[0].rstrip('0').rstrip('.')}e{shortest[2]}")
    for text in list(texts):
        mantissa, e, power = text.partition("e")
        if e:
            sign = "-" if power[0] == "-" else ""
            size = power.lstrip("+-0") or "0"
            texts |= {f"{mantissa}E{power}", f"{mantissa}e{sign}{size}", f"{mantissa}e{sign or '+'}{size}"}
            texts |= {f"{mantissa}E{sign}{size:0>2}", f"{mantissa}E{sign}{size}"}
    return sorted(
        text for text in texts if re.fullmatch(r"-?\d{1,25}(\.\d{1,20})?([eE].*)?", text) and not _is_minus_zero(text)
    )


def _is_minus_zero(text):
    return text[0] == "-" and not Fraction(text)
