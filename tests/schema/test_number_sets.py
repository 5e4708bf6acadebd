"""What a schema says about numbers: the algebra is that of sets, and membership is what the judge says."""

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from numbers_made import is_valid, numbers, parts, schema_of, small_parts, values

from fcgen.errors import SchemaError
from fcgen.schema.number_sets import (
    Number,
    complement_number,
    described_number,
    divides_inexactly,
    is_number_of,
    meet_numbers,
    no_number,
)


@given(parts, st.data())
@example(Number(multiples=(0.01,)), None)
def test_membership_is_what_the_judge_says(part, data):
    for value in [0.07, 19.99, 19.995] if data is None else [data.draw(values(part))]:
        assert is_number_of(part, value) == is_valid(schema_of(part), value)


@given(parts, parts, st.data())
@example(Number(multiples=(3,)), Number(multiples=(3.0,)), None)
def test_what_two_parts_have_in_common_is_in_both(a, b, data):
    met = meet_numbers(a, b)
    assert met.place == b.place
    for value in [2**53, 3**40] if data is None else [data.draw(values(a)), data.draw(values(b))]:
        assert is_number_of(met, value) == (is_number_of(a, value) and is_number_of(b, value))


@given(parts, st.data())
def test_a_number_is_in_the_complement_if_and_only_if_it_is_not_in_the_part(part, data):
    value = data.draw(values(part))
    assert any(is_number_of(other, value) for other in complement_number(part)) != is_number_of(part, value)


@given(small_parts)
@example(Number(low=0.07, high=0.07, multiples=(0.01,)))
@example(Number(low=0.065, high=0.075, multiples=(0.01,)))
@example(Number(low=1, high=3, integer=True, excluded=frozenset([1, 2.0, 3])))
@example(Number(low=-9, high=9, multiples=(0.5,), fraction=True, not_multiples=(0.25,)))
def test_there_is_no_number_if_and_only_if_none_is_found(part):
    candidates = (Fraction(n, 200) for n in range(-2000, 2001))
    found = any(is_number_of(part, n.numerator if n.denominator == 1 else float(n)) for n in candidates)
    assert no_number(part) == (not found)


@pytest.mark.parametrize(
    ("part", "is_empty"),
    [
        (Number(), False),
        (Number(low=5, high=4.5), True),
        (Number(low=5, low_open=True, high=5), True),
        (Number(low=5, high=5), False),
        (Number(integer=True, fraction=True), True),
        (Number(integer=True, low=5, low_open=True, high=6, high_open=True), True),
        (Number(low=10**400, high=10**400 + 5, integer=True, multiples=(7,)), False),
        (Number(low=10**400, high=10**400 + 5, multiples=(0.75,)), False),
        (Number(low=1e308, high=1.5e308, multiples=(1e307,)), False),
        (Number(multiples=(6,), not_multiples=(3,)), True),
        (Number(multiples=(6,), not_multiples=(4,)), False),
        (Number(low=-(10**9), high=10**9, multiples=(6,), not_multiples=(0.5, 7)), True),
        (Number(low=1, high=10**9, multiples=(6,), not_multiples=(4, 9)), False),
        (Number(fraction=True, multiples=(2.0,)), True),
        (Number(low=0, high=100, integer=True, excluded=frozenset(range(101))), True),
    ],
)
def test_emptiness_of_large_ranges(part, is_empty):
    assert no_number(part) == is_empty


def test_a_search_without_end_is_an_error():
    part = Number(low=0, high=10**9, integer=True, not_multiples=tuple(range(2, 3_000)), excluded=frozenset([1]))
    with pytest.raises(SchemaError) as caught:
        no_number(part)
    assert (caught.value.limit, caught.value.given) == (2_001, 10**9 + 1)


def test_steps_without_a_usable_common_multiple_are_an_error():
    primes = [n for n in range(2, 5000) if all(n % k for k in range(2, int(n**0.5) + 1))]
    with pytest.raises(SchemaError) as caught:
        no_number(Number(multiples=tuple(primes), place=(None, "a")))
    assert (caught.value.pointer, caught.value.keyword, caught.value.limit) == ("/a", "multipleOf", 4000)


@given(numbers)
def test_the_same_step_twice_is_one_step(value):
    parts = [Number(multiples=(step,)) for step in (2, 2, 2.0, 3, 2.0)]
    met = parts[0]
    for part in parts:
        met = meet_numbers(met, part)
    assert len(met.multiples) == 2
    assert is_number_of(met, value) == all(is_number_of(part, value) for part in parts)


@pytest.mark.parametrize(("step", "is_inexact"), [(0.01, True), (0.3, True), (0.25, False), (2.0, False), (3, False)])
def test_the_library_divides_by_some_steps_inexactly(step, is_inexact):
    assert divides_inexactly(step) == is_inexact
    validator = Draft202012Validator({"multipleOf": step})
    assert any(not validator.is_valid(float(Fraction(repr(step)) * n)) for n in range(100)) == is_inexact


def test_infinity_is_no_number():
    assert not any(is_number_of(Number(), value) for value in (float("inf"), float("-inf"), float("nan")))


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (Number(), "a number"),
        (Number(integer=True, low=1, multiples=(0.5,)), "an integer >= 1 multiple of 0.5"),
        (Number(low=0, low_open=True, high=1.5, fraction=True), "a number > 0 <= 1.5 that is no integer"),
        (Number(high=3, high_open=True, multiples=(2, 3)), "a number < 3 multiple of 2 and 3"),
        (Number(not_multiples=(2,), excluded=frozenset([3, 1])), "a number no multiple of 2 other than 1 or 3"),
        (Number(excluded=frozenset(range(9))), "a number other than 0, 1, 2 or 6 more"),
    ],
)
def test_numbers_in_words(part, words):
    assert described_number(part) == words


def test_parts_of_a_complement_keep_the_place():
    part = Number(0, True, 1, False, True, False, (2,), (3,), frozenset([4]), (None, "a"))
    others = complement_number(part)
    assert [other.place for other in others] == [(None, "a")] * 6
