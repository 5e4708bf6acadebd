"""Ranges of numbers: exact by the jsonschema library, for texts with bounded digits."""

import json
import random
import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from schemas_made import explain, is_valid
from walking import accepts, sample

from fcgen.errors import SchemaError, Unsatisfiable
from fcgen.grammar.expr import NOTHING
from fcgen.schema import compile_schema
from fcgen.schema.numbers import INTEGER_DIGITS, MOST_INTEGER_DIGITS

whole = st.integers(-300, 300) | st.integers(-(10**19), 10**19)
bounds = (
    whole | st.floats(-300, 300) | st.sampled_from([0.1, 0.3, -0.25, 1e16, 1e17 + 0.5, 2**53, 2**53 + 1, 1e22, 1e-7])
)
ranges = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"], bounds)
)
readable = whole | st.floats(-400, 400) | st.floats(-1e15, 1e15) | st.floats(1e16, 1e99) | st.floats(1e-99, 1e-4)
near = st.builds(lambda n, d: n + d, bounds, st.sampled_from([0, 1, -1, 0.5, -0.5, 1e-9]))


def root_of(schema):
    try:
        return compile_schema(schema).root
    except Unsatisfiable:
        return NOTHING
    except SchemaError as error:  # an error of its own, tested below
        assume("digits" not in error.found)
        raise


def is_written(value):
    """Whether the number has no more digits than are written without a bound that declares more."""
    return re.fullmatch(r"-?\d{1,18}(\.\d{1,17})?(e[+-]\d\d)?", json.dumps(value)) is not None


@given(ranges, ranges, readable | near)
@example({"exclusiveMinimum": 0.1}, {"maximum": 1e22, "minimum": 0}, 0)
@example({"maximum": 5}, {"exclusiveMaximum": 5}, 5)
def test_numbers_are_accepted_if_and_only_if_they_are_in_range(first, second, drawn):
    schema = {"type": "number", **first, "allOf": [second]}
    root = root_of(schema)
    limits = [*first.values(), *second.values()]
    for value in [drawn, *(limit + d for limit in limits for d in (0, 1, -1, 1e-9, -1e-9))]:
        if is_written(value) and repr(value) != "-0.0":
            accepted = accepts(root, json.dumps(value).encode())
            assert not accepted or is_valid(schema, value)
            assert accepted or not is_valid(schema, value) or ("e" in repr(value) and limits)


@pytest.mark.parametrize("value", [1e-05, 9.9e-99, 1.5e16, 2e98])
def test_exponents_are_accepted_where_all_such_numbers_are_in_range(value):
    assert accepts(root_of({"type": "number", "minimum": 0}), json.dumps(value).encode())
    assert accepts(root_of({"type": "number", "maximum": 0}), json.dumps(-value).encode())
    assert not accepts(root_of({"type": "number", "minimum": 0}), json.dumps(-value).encode())
    assert accepts(root_of({"type": "number", "minimum": -1, "maximum": 1}), json.dumps(value).encode()) == (value < 1)
    assert not accepts(root_of({"type": "number", "minimum": 2e-05, "maximum": 3}), json.dumps(value).encode())


def test_a_text_means_a_number_within_the_bounds_even_where_floats_are_far_apart():
    assert float("100000000000000000000000") == 1e23 < 10**23
    assert not accepts(root_of({"type": "number", "maximum": 1e23}), b"%d" % 10**23)
    assert not accepts(root_of({"type": "number", "exclusiveMinimum": 0.1}), b"0.10000000000000000001")
    assert not accepts(root_of({"type": "number", "minimum": 2**53 + 1}), b"9007199254740993.0")
    assert not accepts(root_of({"type": "number", "minimum": 1e17}), b"1e+16")


@given(ranges, st.integers(0, 2**32))
def test_every_written_number_is_in_range(keywords, seed):
    schema = {"type": "number", **keywords}
    root = root_of(schema)
    assume(root is not NOTHING)
    for i in range(5):
        explain(schema, json.loads(sample(root, random.Random(seed + i), steps=20)))


@given(ranges, st.integers(1, 40) | st.sampled_from([1000, 3600, 86400]), whole)
def test_integers_are_accepted_if_and_only_if_they_are_valid(keywords, multiple, value):
    schema = {"type": "integer", "multipleOf": multiple, **keywords}
    for candidate in (value, value // multiple * multiple):
        if is_written(candidate):
            assert accepts(root_of(schema), b"%d" % candidate) == is_valid(schema, candidate)


@given(ranges, st.sampled_from([2, 7, 30, 2.0, 2.5, 0.5]), st.integers(0, 2**32))
def test_every_written_integer_is_valid(keywords, multiple, seed):
    schema = {"type": "integer", "multipleOf": multiple, **keywords}
    root = root_of(schema)
    assume(root is not NOTHING)
    for i in range(5):
        value = json.loads(sample(root, random.Random(seed + i), steps=20))
        assert isinstance(value, int)
        explain(schema, value)


@pytest.mark.parametrize("text", [b"-0", b"01", b"+1", b"1.", b".5", b"1e5", b"", b"--1", b"1.0"])
def test_integers_have_one_spelling(text):
    for keywords in ({}, {"minimum": -5}, {"multipleOf": 1}, {"minimum": -10, "multipleOf": 5}):
        assert not accepts(compile_schema({"type": "integer", **keywords}).root, text)


def test_digits_are_bounded_unless_a_bound_declares_more():
    assert not accepts(root_of({"type": "integer"}), b"9" * (INTEGER_DIGITS + 1))
    assert accepts(root_of({"type": "integer", "maximum": 10**30}), b"9" * 30)
    assert not accepts(root_of({"type": "number", "maximum": 1.7e308}), b"9" * (INTEGER_DIGITS + 1))


def test_a_range_beyond_all_digits_is_an_error():
    with pytest.raises(SchemaError) as caught:
        compile_schema({"properties": {"a": {"type": "integer", "minimum": 10**MOST_INTEGER_DIGITS}}})
    assert str(caught.value) == ("at /properties/a: the range is beyond numbers of 40 digits and 20 digits of fraction")


def test_a_remainder_that_is_too_large_is_an_error():
    with pytest.raises(SchemaError) as caught:
        compile_schema({"type": "integer", "multipleOf": 1_000_003})
    assert str(caught.value) == "at the root: `multipleOf` is too large to count with (limit 2000, given 1000003)"
    assert caught.value.keyword == "multipleOf"


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "number", "minimum": 5, "maximum": 4.5}, "no number is a number >= 5 <= 4.5"),
        ({"type": "number", "exclusiveMinimum": 5, "maximum": 5}, "no number is a number > 5 <= 5"),
        ({"type": "integer", "exclusiveMinimum": 5, "exclusiveMaximum": 6}, "no number is an integer > 5 < 6"),
        (
            {"type": "integer", "minimum": 1, "maximum": 6, "multipleOf": 7},
            "no number is an integer >= 1 <= 6 multiple of 7",
        ),
    ],
)
def test_an_empty_range_says_so(schema, reason):
    with pytest.raises(Unsatisfiable) as caught:
        compile_schema(schema)
    assert str(caught.value) == f"at the root: no value can be valid: {reason}"
