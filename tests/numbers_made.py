"""Strategies for what schemas say about numbers, and the JSON Schema that says it."""

from fractions import Fraction

from hypothesis import strategies as st

from fcgen.schema.number_sets import Number, divides

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


def agree(part, value):
    """Whether the library divides as mathematics has it."""
    exact = Fraction(repr(value))
    return all(
        divides(step, value) == (exact % Fraction(repr(step)) == 0) for step in (*part.multiples, *part.not_multiples)
    )


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
