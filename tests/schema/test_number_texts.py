"""The texts of numbers: each means a valid number, as a decimal and as the float it is read as, and all are there."""

import json
import random
import re
from fractions import Fraction

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from numbers_made import bounds, explain, is_valid, is_within, numbers, parts, schema_of, steps, values, whole
from walking import accepts, sample

from fcgen.errors import SchemaError
from fcgen.grammar.expr import NOTHING
from fcgen.schema.multiple_texts import SURE_DIGITS
from fcgen.schema.number_bounds import EXACT, INTEGER_DIGITS, MOST_INTEGER_DIGITS
from fcgen.schema.number_sets import Number, is_number_of, no_number
from fcgen.schema.number_texts import number_texts

styles = st.fixed_dictionaries({}, optional=dict.fromkeys(["exponent", "whole_fraction", "canonical"], st.booleans()))
limits = st.none() | bounds
ranges = st.builds(Number, limits, st.booleans(), limits, st.booleans(), st.booleans())
integers = st.builds(Number, limits, st.booleans(), limits, st.booleans(), st.just(value=True))


def texts_of(part, **style):
    """The texts of a part; none where it is empty, or where its numbers cannot be written out."""
    try:
        if no_number(part):
            return NOTHING
        return number_texts(part, **style)
    except SchemaError as error:  # tested below
        assume(not re.search("can be written|too large|too many were tried", error.found))
        raise


def is_written(value):
    """Whether the number has no more digits than are written without a bound that declares more."""
    return re.fullmatch(r"-?\d{1,25}(\.\d{1,20})?(e[+-]\d+)?", json.dumps(value)) is not None


def is_within_limits(part, value):
    """Whether the number is none of those that number_texts gives up, and has no exponent."""
    text = json.dumps(value)
    if not is_written(value) or "e" in text:
        return False
    if part.fraction and abs(value - round(value)) < 2e-15 * max(1, abs(value)):
        return False
    places = max(len(str(step).partition(".")[2]) if "e" not in str(step) else 8 for step in [*part.not_multiples, 0])
    room = SURE_DIGITS - places if part.not_multiples else INTEGER_DIGITS
    if isinstance(value, float) and (part.multiples or part.not_multiples):
        room = min(room, SURE_DIGITS)
    whole_digits, _, fraction = text.strip("-").partition(".")
    return len(whole_digits) <= room and (
        room > SURE_DIGITS or len(whole_digits + fraction) <= SURE_DIGITS + 1 * (whole_digits == "0")
    )


@given(parts, styles, st.integers(0, 2**32))
def test_every_text_means_a_number_that_is_valid(part, style, seed):
    root = texts_of(part, **style)
    assume(root is not NOTHING)
    for i in range(5):
        text = sample(root, random.Random(seed + i), steps=20)
        value = json.loads(text)
        explain(schema_of(part), value)
        assert is_number_of(part, value), text
        assert is_within(part, text.decode())
        assert all(Fraction(text.decode()) % Fraction(repr(step)) == 0 for step in part.multiples)


@given(parts, st.data())
@example(Number(low=0, multiples=(0.01,)), None)
def test_every_number_within_the_limits_is_accepted_as_json_dumps_writes_it(part, data):
    root = texts_of(part)
    for value in [0.5, 1.1, 99_999.99, 100_000] if data is None else [data.draw(values(part)) for _ in range(4)]:
        if is_within_limits(part, value):
            assert accepts(root, json.dumps(value).encode()) == is_number_of(part, value)
        else:
            assert is_number_of(part, value) or not accepts(root, json.dumps(value).encode())


@given(parts, st.booleans(), st.integers(0, 2**32))
def test_canonical_texts_are_those_that_json_dumps_writes(part, exponent, seed):
    root = texts_of(part, canonical=True, exponent=exponent)
    assume(root is not NOTHING)
    for i in range(5):
        text = sample(root, random.Random(seed + i), steps=24).decode()
        value = json.loads(text)
        tiny_without_exponent = not exponent and abs(value) < 1e-4
        assert value == 0 or tiny_without_exponent or json.dumps(value) == text
        assert not (isinstance(value, float) and value.is_integer()) or abs(value) >= 1e25
        assert text != "-0"


@given(numbers)
def test_a_number_has_one_canonical_text(value):
    root = number_texts(Number(), canonical=True)
    is_short = len(re.sub(r"e.*|\D", "", json.dumps(value))) <= SURE_DIGITS
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e25:
        assert accepts(root, b"%d" % value)
        assert not accepts(root, json.dumps(value).encode())
    elif is_written(value) and (is_short or isinstance(value, int)):
        assert accepts(root, json.dumps(value).encode())
    for other in (b"%d.0" % value, b"%de0" % value, b"%.30f" % value, b"%.18e" % value):
        assert not accepts(root, other)


@given(parts, st.integers(0, 2**32))
def test_without_exponents_there_is_none(part, seed):
    root = texts_of(part, exponent=False)
    assume(root is not NOTHING)
    assert all(b"e" not in sample(root, random.Random(seed + i)).lower() for i in range(5))


@given(integers, steps, st.integers(0, 2**32))
def test_integers_are_digits_alone_unless_they_may_be_floats(part, step, seed):
    part = Number(part.low, part.low_open, part.high, part.high_open, integer=True, multiples=(step,))
    root = texts_of(part, whole_fraction=False)
    assume(root is not NOTHING)
    for i in range(5):
        assert re.fullmatch(rb"-?\d+", sample(root, random.Random(seed + i), steps=10))


@given(integers, steps, whole)
def test_integers_may_have_a_point_with_zeros_after_it(part, step, value):
    part = Number(part.low, part.low_open, part.high, part.high_open, integer=True, multiples=(step,))
    plain, pointed = texts_of(part, whole_fraction=False), texts_of(part)
    for number in (value, value * step):
        if number == int(number) and abs(number) < 10**SURE_DIGITS and number != 0:
            text = b"%d" % number
            assert accepts(pointed, text + b".0") == accepts(plain, text)
            if step < 1000:
                assert accepts(pointed, text + b"e0") == accepts(plain, text)
                assert accepts(pointed, text + b".0E+00") == accepts(plain, text)
            assert not accepts(plain, text + b".0")
            assert not accepts(pointed, text + b".")


@given(ranges, ranges, numbers)
@example(Number(low=0.1, low_open=True), Number(low=0, high=1e22), 0)
@example(Number(high=5), Number(high=5, high_open=True), 5)
def test_numbers_are_accepted_if_and_only_if_they_are_in_range(first, second, drawn):
    for part in (first, second):
        root = texts_of(part)
        given_bounds = [n for n in (first.low, first.high, second.low, second.high) if n is not None]
        for value in [drawn, *(limit + d for limit in given_bounds for d in (0, 1, -1, 1e-9, -1e-9))]:
            if is_written(value) and repr(value) != "-0.0" and not (part.integer and "e" in repr(value)):
                assert accepts(root, json.dumps(value).encode()) == is_valid(schema_of(part), value)


@given(integers, st.integers(1, 40) | st.sampled_from([1000, 3600, 86400, 1_000_003]), whole)
def test_integers_are_accepted_if_and_only_if_they_are_valid(part, step, value):
    part = Number(part.low, part.low_open, part.high, part.high_open, integer=True, multiples=(step,))
    for candidate in (value, value // step * step):
        if is_written(candidate):
            assert accepts(texts_of(part), b"%d" % candidate) == is_valid(schema_of(part), candidate)


@pytest.mark.parametrize("value", [1e-05, 9.9e-99, 1.5e16, 2e98])
def test_exponents_are_accepted_where_numbers_are_excluded(value):
    assert accepts(number_texts(Number(excluded=frozenset([5]))), json.dumps(value).encode())
    assert accepts(number_texts(Number(fraction=True)), json.dumps(value).encode()) == (value < 1)


def test_multiples_of_a_small_step_have_the_exponents_that_json_dumps_writes():
    part = Number(multiples=(1e-08,))
    root, canonical, plain = (number_texts(part, **style) for style in ({}, {"canonical": True}, {"exponent": False}))
    found = {"1e-08": True, "12391239123": True, "1e-09": False}
    found |= {
        json.dumps(n / 10**8): is_number_of(part, n / 10**8) for n in (1, 2, 16, 25, 9_999, 12_345, 2_150_000_001)
    }
    for text, is_multiple in found.items():
        assert accepts(root, text.encode()) == accepts(canonical, text.encode()) == is_multiple
        assert accepts(plain, text.encode()) == (is_multiple and "e" not in text)
    assert sum(found.values()) > len(found) / 2


def test_every_price_is_accepted():
    root = number_texts(Number(low=0, high=100_000, multiples=(0.01,)))
    for n in [1999, *range(3000), *range(9_990_000, 10_000_100, 7)]:
        assert accepts(root, json.dumps(n / 100).encode()) == (n <= 10_000_000)
        assert accepts(root, b"%.2f" % (n / 100)) == (n <= 10_000_000)
        assert not accepts(root, b"%.3f" % (n / 100 + 0.005))


@given(st.decimals(-(10**9), 10**9, places=2), st.sampled_from([0.01, 0.05, 0.1, 0.25, 0.5, 0.3, 1e-4]))
def test_every_multiple_of_a_decimal_step_is_accepted_and_no_other(value, step):
    root, opposite = (number_texts(Number(**{name: (step,)})) for name in ("multiples", "not_multiples"))
    is_one = Fraction(value) % Fraction(repr(step)) == 0
    for text in {str(value), json.dumps(float(value))}:
        assert accepts(root, text.encode()) == is_one
        if "-0.0" not in text:
            assert accepts(opposite, text.encode()) == (not is_one)


@pytest.mark.parametrize(("step", "accepted", "refused"), [
    (1000, ["1e3", "5e4", "1E+06", "1000e0", "20e2"], ["1e2", "5e1", "1e10", "1.5e3"]),
    (0.01, ["1e3", "1.5e2", "19.99e1"], ["1.555e2", "1e-1", "1e-2"]),
    (86_400, ["86400", "172800.0"], ["864e2"]),
])  # fmt: skip
def test_multiples_have_exponents_that_are_not_negative(step, accepted, refused):
    root = number_texts(Number(multiples=(step,)))
    assert [text for text in accepted + refused if accepts(root, text.encode())] == accepted


def test_a_text_means_a_number_within_the_bounds_even_where_floats_are_far_apart():
    assert float("100000000000000000000000") == 1e23 < 10**23
    assert not accepts(number_texts(Number(high=1e23)), b"%d" % 10**23)
    assert not accepts(number_texts(Number(low=0.1, low_open=True)), b"0.10000000000000000001")
    assert not accepts(number_texts(Number(low=2**53 + 1)), b"9007199254740993.0")
    assert not accepts(number_texts(Number(low=2**53 + 1, integer=True)), b"9007199254740993.0")
    assert accepts(number_texts(Number(low=2**53 + 1, integer=True)), b"9007199254740993")
    assert not accepts(number_texts(Number(low=1e17)), b"1e+16")


@pytest.mark.parametrize(
    "text", [b"1", b"1.0", b"1.00", b"10e-1", b"1.00000000000000000001", b"0.99999999999999999999"]
)
def test_an_excluded_number_has_no_spelling(text):
    assert float(text) == 1
    assert not accepts(number_texts(Number(excluded=frozenset([1]))), text)
    assert not accepts(number_texts(Number(low=0, excluded=frozenset([1.0]))), text)
    assert not accepts(number_texts(Number(integer=True, excluded=frozenset([1]))), text)


@pytest.mark.parametrize(
    "text", [b"5.0", b"5.00000000000000000001", b"4.99999999999999999999", b"9007199254740993.5", b"1e+16"]
)
def test_no_integer_is_written_in_disguise(text):
    assert float(text).is_integer()
    assert not accepts(number_texts(Number(fraction=True)), text)
    assert not accepts(number_texts(Number(not_multiples=(1,))), text)


@pytest.mark.parametrize("value", [0.1, 0.30000000000000004, 40.74894149554006, -73.98142319, 123456789012345.5])
def test_fractions_with_all_digits_of_a_float_are_accepted(value):
    assert accepts(number_texts(Number(fraction=True)), json.dumps(value).encode())


@pytest.mark.parametrize("text", [b"-00", b"01", b"+1", b"1.", b".5", b"1e-1", b"", b"--1", b"1.5", b"00.0", b"0.01"])
def test_integers_have_no_other_spelling(text):
    parts = [{}, {"low": -5}, {"multiples": (1,)}, {"low": -10, "multiples": (5,)}, {"multiples": (86_400,)}]
    for keywords in parts:
        assert not accepts(number_texts(Number(integer=True, **keywords)), text)


def test_digits_are_bounded_unless_a_bound_declares_more():
    assert not accepts(number_texts(Number(integer=True)), b"9" * (INTEGER_DIGITS + 1))
    assert accepts(number_texts(Number(integer=True, high=10**30)), b"9" * 30)
    assert accepts(number_texts(Number(integer=True, high=10**30, multiples=(3,))), b"9" * 30)
    assert not accepts(number_texts(Number(high=1.7e308)), b"9" * (INTEGER_DIGITS + 1))


def test_multiples_have_a_point_up_to_where_floats_are_exact():
    for step in (3, 3.0):
        root, last = number_texts(Number(multiples=(step,))), EXACT // 3 * 3
        assert accepts(root, b"%d.0" % last)
        assert accepts(root, b"%d" % (last + 3))
        assert not accepts(root, b"%d.0" % (last + 3))


def test_a_range_beyond_all_digits_is_an_error():
    with pytest.raises(SchemaError) as caught:
        number_texts(Number(integer=True, low=10**MOST_INTEGER_DIGITS, place=(None, "a")), whole_fraction=False)
    said = "at /a: no number of the range can be written: numbers have up to 40 digits and 20 digits of fraction"
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (Number(low=2**53 + 1, fraction=True), "15 before the point where they must not be integers"),
        (Number(low=2**53 + 1, not_multiples=(0.5,)), "15 in all where they must not be multiples"),
        (Number(low=2**53 + 1, fraction=True, multiples=(0.5,)), "15 in all for multiples with a fraction"),
    ],
)
def test_the_error_names_the_limit_of_what_a_float_tells(part, said):
    with pytest.raises(SchemaError, match=said):
        number_texts(part)


@pytest.mark.parametrize("low", [0, 10**14, 10**15 - 1, 10**15, 2**53 + 1, 10**24])
def test_integers_are_multiples_of_a_fraction_however_large(low):
    root = number_texts(Number(low=low, multiples=(0.3,)))
    least = -(-low // 3) * 3
    assert [n for n in range(least, least + 9) if accepts(root, b"%d" % n)] == [least, least + 3, least + 6]
    assert not accepts(root, b"%d" % (least - 3))


@pytest.mark.parametrize(
    "part", [Number(low=5.01, high=5.03, multiples=(0.5, 1.25)), Number(low=1, high=5, multiples=(7,))]
)
def test_numbers_that_are_not_there_are_an_error(part):
    with pytest.raises(SchemaError):
        number_texts(part)


def test_a_step_that_cannot_be_told_from_others_is_an_error():
    with pytest.raises(SchemaError) as caught:
        number_texts(Number(not_multiples=(1_000_003,)))
    assert (caught.value.keyword, caught.value.limit, caught.value.given) == ("multipleOf", 2000, 1_000_003)


def test_excluded_values_are_limited():
    with pytest.raises(SchemaError) as caught:
        number_texts(Number(excluded=frozenset(range(10_001)), place=(None, "a")))
    assert str(caught.value) == "at /a: too many numbers are excluded (limit 10000, given 10001)"
    root = number_texts(Number(integer=True, excluded=frozenset(range(0, 10_000, 2))))
    assert [n for n in range(20) if accepts(root, b"%d" % n)] == list(range(1, 20, 2))


@given(st.fractions(0, 1000, max_denominator=10_000).filter(bool), st.integers(-(10**6), 10**6), st.integers(0, 9))
def test_multiples_of_any_step(fraction, times, shift):
    step = float(fraction / 10**shift)
    part = Number(multiples=(step,))
    value = float(Fraction(repr(step)) * times)
    text = json.dumps(value)
    if len(re.sub(r"e.*|\D", "", text).lstrip("0")) <= 13 and 1e-4 <= abs(value) < 1e12:
        assert accepts(number_texts(part), text.encode()) == is_number_of(part, value)
