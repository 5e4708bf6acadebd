"""Whether the limit of digits may have closed a number of a JSON text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgen.decode.digits import has_longest_number

numbers = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    numbers | st.text('0123456789."\\', max_size=40), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


def longest(value):
    """Whether it is told from the values that a number is so long."""
    match value:
        case bool() | str() | None:
            return False
        case int() | float():
            mantissa, _, _ = json.dumps(value).lstrip("-").partition("e")
            whole, _, fraction = mantissa.partition(".")
            return len(whole) >= 25 or len(fraction) >= 20
        case list():
            return any(map(longest, value))
        case _:
            return any(map(longest, value.values()))


@given(values)
def test_numbers_outside_of_strings_count(value):
    assert has_longest_number(json.dumps(value, ensure_ascii=False).encode()) == longest(value)


@pytest.mark.parametrize(("text", "is_long"), [
    ("9" * 25, True), ("9" * 24, False), ("-" + "9" * 25, True), ("1e300", False), ("0." + "1" * 20, True),
    ('"' + "9" * 30 + '"', False), ('{"a": "\\"", "b": ' + "9" * 25 + "}", True), ("0." + "1" * 19, False),
])  # fmt: skip
def test_the_limits(text, is_long):
    assert has_longest_number(text.encode()) == is_long
