"""Keys by which JSON values compare, and numbers where items must differ."""

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from schemas_made import values
from walking import accepts

from fcgen.schema import compile_schema
from fcgen.schema.values import key_of, value_by

numbers = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
UNIQUE = compile_schema({"type": "array", "items": {"type": "number"}, "uniqueItems": True})
NOTE = "numbers in the items have one spelling each, and up to 15 digits if they have a fraction"


@given(values | numbers | st.lists(numbers | st.booleans(), max_size=3))
def test_a_value_comes_back_by_its_key(value):
    found = value_by(key_of(value))
    assert json.dumps(found, sort_keys=True) == json.dumps(value, sort_keys=True)
    assert key_of(found) == key_of(value)


def one_spelling(number):
    """That of json.dumps; of whole numbers, up to 25 digits; of others, those that a float is sure to keep."""
    if number % 1 == 0 and abs(number) < 10**25:
        return str(int(number))
    return json.dumps(float(f"{number:.15g}"))


@given(numbers)
def test_where_items_must_differ_numbers_of_every_size_are_written(number):
    text = one_spelling(number)
    assume(text not in ("Infinity", "-Infinity"))  # as the largest ones are with 15 digits
    assert accepts(UNIQUE.root, f"[{text}]".encode())


@pytest.mark.parametrize("text", ["1e+300", "1.5e-10", "0.123456789012345", "1234567890123456789012345", "-3e-07"])
def test_such_numbers_are_written_where_items_must_differ(text):
    assert accepts(UNIQUE.root, f"[{text}]".encode())


def test_what_is_narrower_where_items_must_differ_is_noted():
    assert UNIQUE.notes == (f"at /uniqueItems: {NOTE}",)
    array = {"type": "array", "items": {"type": "number"}, "uniqueItems": True}
    both = compile_schema({"type": "object", "properties": {"a": array, "b": dict(array)}})
    assert both.notes == tuple(f"at /properties/{name}/uniqueItems: {NOTE}" for name in "ab")
    for items in ({"type": "integer"}, {"type": "string"}, {"enum": [0.5]}):
        assert compile_schema({"type": "array", "items": items, "uniqueItems": True}).notes == ()
    inner = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}}
    assert compile_schema(inner).notes == (f"at /properties/a/uniqueItems: {NOTE}",)
