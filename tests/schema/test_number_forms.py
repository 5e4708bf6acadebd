"""The forms of a number: within bounds each is accepted, outside none is, and a valid number may always stop."""

import itertools
import json
import math
import random
import re
from fractions import Fraction

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from numbers_made import forms, is_within
from schemas_made import root_of
from walking import accepts, after, sample

from fcgen.errors import SchemaError
from fcgen.grammar.expr import NOTHING
from fcgen.schema.number_sets import Number, no_number
from fcgen.schema.number_texts import number_texts

finite = st.floats(allow_nan=False, allow_infinity=False)
logarithmic = st.builds(
    lambda digits, power, sign: sign * float(f"{digits}e{power}"),
    st.integers(1, 999),
    st.integers(-12, 12),
    st.sampled_from([1, -1]),
)
reals = finite | logarithmic | st.integers(-(10**30), 10**30) | st.integers(-1000, 1000)
edges = st.sampled_from(
    [0, 1, -1, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 2**53, 2**53 + 1, 1e23, 0.1]
)
limits = st.none() | reals | edges
ranges = st.builds(Number, limits, st.booleans(), limits, st.booleans())


def near(part):
    """Numbers of all sizes, and those about the bounds and between them."""
    given_bounds = [n for n in (part.low, part.high) if n is not None]
    about = [
        other
        for n in given_bounds
        for other in (n, n * 10, n * 0.1, *((math.nextafter(n, math.inf), math.nextafter(n, -math.inf)) if n else ()))
        if abs(other) <= 1.7e308
    ]
    between = [st.floats(*map(float, sorted(given_bounds)))] if len(given_bounds) == 2 else []
    return st.one_of(reals, *([st.sampled_from(about)] if about else []), *between)


def texts_of(part):
    try:
        return NOTHING if no_number(part) else number_texts(part)
    except SchemaError as error:
        assert "can be written" in error.found
        return NOTHING


@given(ranges, st.data())
@example(Number(low=0, low_open=True), None)
@example(Number(low=0, low_open=True, high=1), None)
def test_each_form_of_a_number_is_accepted_if_and_only_if_it_is_within_the_bounds(part, data):
    root = texts_of(part)
    for value in [3e-4, 1e-3, 0.5, 1, 5e-324, 1e308] if data is None else [data.draw(near(part)) for _ in range(5)]:
        for text in forms(value):
            assert accepts(root, text.encode()) == is_within(part, text), text


@given(ranges, st.integers(0, 2**32))
def test_every_text_is_within_the_bounds_and_every_prefix_that_is_may_stop(part, seed):
    root = texts_of(part)
    assume(root is not NOTHING)
    for i in range(5):
        text = sample(root, random.Random(seed + i), steps=random.Random(seed).randrange(30)).decode()
        assert is_within(part, text)
        for size in range(1, len(text)):
            if _is_number(text[:size]) and is_within(part, text[:size]):
                assert accepts(root, text[:size].encode()), text


@given(
    ranges,
    st.from_regex(r"-?(0|[1-9]\d{0,9})(\.\d{1,9})?([eE][+-]?\d{1,4})?", fullmatch=True, alphabet="0123456789eE+-."),
)
def test_no_text_outside_the_bounds_is_accepted(part, text):
    assert is_within(part, text) or not accepts(texts_of(part), text.encode())


def _is_number(text):
    return re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", text) is not None


@pytest.mark.parametrize(
    "text", ["0.5e-3", "10e3", "12.5E+3", "100e-2", "0.05E1", "1E5", "1e05", "1e+005", "0e0", "0.0e-12"]
)
def test_other_mantissas_have_exponents_where_they_are_within_the_bounds_themselves(text):
    assert accepts(number_texts(Number()), text.encode())
    assert accepts(number_texts(Number(low=-1000, high=1e9)), text.encode())


@pytest.mark.parametrize(
    ("schema", "text"), [({"maximum": 5}, "70"), ({"minimum": 100}, "0.5"), ({"maximum": 0.01}, "0.5")]
)
def test_no_other_mantissa_needs_an_exponent_to_be_valid(schema, text):
    assert after(root_of({"type": "number", **schema}), text.encode()) is NOTHING


@pytest.mark.parametrize("text", ["1e5", "1E5", "1e+05", "10e3", "1.0e5", "-0", "-0.0", "-0e0", "5.00", "0e3"])
def test_integers_have_the_forms_that_json_schema_counts_as_integers(text):
    assert accepts(root_of({"type": "integer"}), text.encode())
    assert accepts(root_of({"type": "integer", "minimum": -(10**6), "maximum": 10**6}), text.encode())
    assert accepts(root_of({"type": "integer", "multipleOf": 5}), text.encode()) == (text != "1.0e5")
    plain = root_of({"type": "integer"}, whole_fraction=False)
    assert accepts(plain, text.encode()) == (text == "-0")
    draft_4 = root_of({"type": "integer", "$schema": "http://json-schema.org/draft-04/schema#"})
    assert accepts(draft_4, text.encode()) == (text == "-0")
    assert accepts(root_of({"type": "integer"}, exponent=False), text.encode()) == ("e" not in text.lower())
    assert accepts(root_of({"type": "integer"}, one_spelling=True), text.encode()) is False


@pytest.mark.parametrize("text", ["1.5", "1.5e", "50e-", "1e-"])
def test_no_integer_begins_with_what_is_none(text):
    assert after(root_of({"type": "integer"}), text.encode()) is NOTHING


@given(
    st.builds(Number, limits, st.booleans(), limits, st.booleans(), st.just(value=True)),
    reals.map(int),
    st.integers(0, 30),
)
def test_integers_with_an_exponent_are_accepted_if_and_only_if_they_are_within_the_bounds(part, number, power):
    root = texts_of(part)
    digit = int(str(number).lstrip("-")[0])
    for text in (f"{digit}e{power}", f"-{digit}E+{power:02}", f"{digit}.0e{power}"):
        if digit:
            assert accepts(root, text.encode()) == is_within(part, text), text


@pytest.mark.parametrize("low", [0, 1, -3])
def test_a_minus_sign_is_not_written_where_only_zero_can_follow(low):
    assert (after(root_of({"type": "number", "minimum": low}), b"-") is NOTHING) == (low >= 0)


def test_a_bound_beyond_all_digits_leaves_exponents():
    assert accepts(root_of({"minimum": 1e200}), b"1e200")
    assert accepts(root_of({"type": "integer", "minimum": 1e200}), b"2E+200")
    assert not accepts(root_of({"minimum": 1e200}), b"9e199")


def test_numbers_have_up_to_25_digits_and_exponents_up_to_three():
    for kind, bound in itertools.product(("integer", "number"), ({}, {"minimum": 0}, {"minimum": 0.5})):
        schema = {"type": kind, **bound}
        for digits in ("1760123456789012345", str(2**64), "9" * 25):
            assert accepts(root_of(schema), digits.encode())
        assert not accepts(root_of(schema), b"9" * 26)
        assert accepts(root_of(schema), b"1e300")


@given(st.integers(-(10**25) + 1, 10**25 - 1))
def test_integers_up_to_25_digits_are_accepted(number):
    for kind in ("integer", "number"):
        assert accepts(root_of({"type": kind}), b"%d" % number)


def test_no_number_is_read_as_infinity_or_as_zero_that_is_none():
    root = number_texts(Number())
    for text, is_accepted in {
        "1.7976931348623157e308": True, "1.7976931348623159e308": False, "1e309": False, "9e999": False,
        "10e308": False,
        "5e-324": True, "2.5e-324": True, "2.4e-324": False, "1e-400": False, "0e-400": True,
    }.items():  # fmt: skip
        assert accepts(root, text.encode()) == is_accepted, text


def test_forms_are_what_is_said():
    assert {"3e-4", "3e-04", "3E-4", "0.0003", "3.000000e-04"} <= set(forms(3e-4))
    assert {"1e+16", "1e16", "1E+16"} <= set(forms(1e16))
    assert all(math.isclose(float(text), 0.1) and Fraction(text) for text in forms(0.1))
    assert "123" in forms(123)
    assert json.dumps(1e22) in forms(1e22)
