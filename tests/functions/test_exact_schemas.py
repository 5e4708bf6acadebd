"""What may be written for a Pydantic type is what Pydantic then accepts."""

from __future__ import annotations

import json
import random
import re
from collections import Counter, OrderedDict, defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError
from walking import accepts, sample

from fcgen.errors import FunctionError
from fcgen.functions import read_functions
from fcgen.functions.number_patterns import decimal_pattern, number_pattern
from fcgen.schema import Text, compile_schema
from fcgen.schema.judge import exact, mistake_in

TENTH = Decimal("0.1")
DECIMALS = [
    Decimal,
    Annotated[Decimal, Field(gt=0)],
    Annotated[Decimal, Field(lt=0)],
    Annotated[Decimal, Field(ge=0, le=0)],
    Annotated[Decimal, Field(gt=-1, lt=Decimal("-0.95"))],
    Annotated[Decimal, Field(ge=Decimal("-2.50"), lt=12)],
    Annotated[Decimal, Field(gt=TENTH, lt=Decimal("0.3"))],
    Annotated[Decimal, Field(ge=TENTH + Decimal("1e-20"), le=3 * TENTH - Decimal("1e-20"))],
    Annotated[Decimal, Field(gt=10**24, lt=10**25)],
    Annotated[Decimal, Field(multiple_of=5)],
    Annotated[Decimal, Field(multiple_of=Decimal("0.25"), ge=0)],
    Annotated[Decimal, Field(multiple_of=Decimal("0.01"))],
    Annotated[Decimal, Field(decimal_places=0)],
    Annotated[Decimal, Field(decimal_places=2)],
    Annotated[Decimal, Field(decimal_places=2, gt=0)],
    Annotated[Decimal, Field(decimal_places=1, gt=0.1, le=0.3)],
    Annotated[Decimal, Field(decimal_places=3, ge=-12.5, le=1000)],
    Annotated[Decimal, Field(max_digits=3)],
    Annotated[Decimal, Field(max_digits=3, lt=0)],
    Annotated[Decimal, Field(max_digits=5, decimal_places=2)],
    Annotated[Decimal, Field(max_digits=5, decimal_places=2, ge=0)],
    Annotated[Decimal, Field(max_digits=2, decimal_places=2)],
    Annotated[Decimal, Field(max_digits=2, decimal_places=4)],
    Annotated[Decimal, Field(max_digits=2, decimal_places=2, ge=0)],
    Annotated[Decimal, Field(max_digits=30)],
    Annotated[Decimal, Field(max_digits=38, decimal_places=18, ge=0)],
    Annotated[Decimal, Field(max_digits=3, multiple_of=Decimal("0.1"))],
    Decimal | None,
    list[Annotated[Decimal, Field(max_digits=4, decimal_places=1)]],
]
DICTS = [
    dict[int, str],
    dict[Annotated[int, Field(ge=-5, lt=120)], int],
    dict[float, int],
    dict[bool, int],
    dict[int | bool, int],
    dict[Decimal, int],
    dict[Annotated[Decimal, Field(gt=0)], int],
    dict[Annotated[Decimal, Field(max_digits=3)], int],
    dict[Literal["a", "b"], int],
    dict[Annotated[str, Field(pattern="^x+$")], int],
    dict[Annotated[str, Field(max_length=2)], int],
    dict[Any, int],
    dict[str, int],
    Counter[int],
    OrderedDict[int, str],
    defaultdict[int, str],
]


def schema_of(kind, default=...):
    def f(x): ...

    f.__annotations__ = {"x": kind}
    f.__defaults__ = None if default is ... else (default,)
    return read_functions(f)[0].parameters


@pytest.mark.parametrize("kind", [*DECIMALS, *DICTS, Fraction, complex], ids=str)
def test_pydantic_accepts_each_text_of_a_type(kind):
    schema = schema_of(kind)
    root = compile_schema(schema, text=Text(whole_fraction=False)).root  # as functions are compiled
    rng, adapter = random.Random(7), TypeAdapter(kind)
    for _ in range(20):
        text = sample(root, rng, 40).decode()
        value = json.loads(text)
        assert mistake_in(json.loads(text, parse_float=exact), schema) is None
        adapter.validate_python(value["x"])
        adapter.validate_json(text[text.index(":") + 1 : -1])


@pytest.mark.parametrize(
    ("kind", "written", "not_written"),
    [
        (Decimal, ["1", "19.99", "-0.5", "1e300", '"1"', '"-0.50"'], ['"a"', '""', '"1."', '"01"', '"+1"']),
        (Annotated[Decimal, Field(gt=0)], ["0.01", '"0.01"', '"0.00000000000000000001"'], ["0", "-1", '"0.00"']),
        (
            Annotated[Decimal, Field(max_digits=5, decimal_places=2)],
            ["19.99", "0.07", "-999.99", "5", '"19.99"', '"0.07"', '"-999.99"', '"5"', '"5.5"'],
            ["1000", "0.001", '"1000"', '"0.001"', '"1."'],
        ),
        (
            Annotated[Decimal, Field(decimal_places=2, gt=0)],
            ["19.99", "3", '"19.99"', '"0.01"', '"3"'],
            ["0", "0.001", "-1", '"0"', '"0.00"', '"-1"'],
        ),
        (
            Annotated[Decimal, Field(decimal_places=3, ge=-12.5, le=1000)],
            ["-12.5", "1000", '"-12.5"', '"-12.499"', '"1000.000"'],
            ["-12.501", "1000.001", '"-12.501"', '"1000.001"', '"-13"'],
        ),
        (Annotated[Decimal, Field(max_digits=3)], ["999", "99.9", "0.001"], ["1000", "99.91", "0.0001"]),
        (Annotated[Decimal, Field(max_digits=2, decimal_places=2)], ["0.25", "-0.1"], ["0", "1", "0.123"]),
        (complex, ['"1.5-2j"', '"2j"', '"1"'], ['""', '"a"', '"1+2"']),
        (dict[int, int], ['{"-12": 1, "0": 2}'], ['{"a": 1}', '{"01": 1}', '{"1.5": 1}', '{"": 1}']),
        (DICTS[1], ['{"-5": 1, "119": 2}'], ['{"-6": 1}', '{"120": 1}']),
        (dict[float, int], ['{"1.5": 1}'], ['{"a": 1}']),
    ],
    ids=str,
)
def test_what_is_written_of_a_type(kind, written, not_written):
    root = compile_schema(schema_of(kind)).root
    assert [text for text in written if not accepts(root, f'{{"x": {text}}}'.encode())] == []
    assert [text for text in not_written if accepts(root, f'{{"x": {text}}}'.encode())] == []


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (
            dict[Literal[1, 2], int],
            "a dict with keys that names in JSON cannot be: {'enum': [1, 2], 'type': 'integer'}",
        ),
        (dict[None, int], "a dict with keys that names in JSON cannot be: {'type': 'null'}"),
        (
            Annotated[Decimal, Field(decimal_places=1, multiple_of=Decimal("0.25"))],
            "a decimal with multiple_of and a number of digits or places: keep one",
        ),
        (Annotated[Decimal, Field(gt=3, lt=2)], "a decimal that no number is, with such bounds"),
        (Annotated[Decimal, Field(gt=3, le=3)], "a decimal that no number is, with such bounds"),
        (
            Annotated[Decimal, Field(max_digits=1, gt=10)],
            "a decimal that no number is, with such bounds and so few digits",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_said_exactly_is_refused(kind, found):
    with pytest.raises(FunctionError) as caught:
        schema_of(kind)
    assert f"parameter 'x': {found}. Use types" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "default"),
    [(Decimal, 1.5), (Decimal | None, 1.5), (Annotated[Decimal, Field(decimal_places=2)], 1.5)],
    ids=str,
)
def test_a_default_is_a_number(kind, default):
    assert schema_of(kind, Decimal("1.5"))["properties"]["x"]["default"] == default


def test_a_default_that_is_a_fraction_can_be_read():
    assert "x" in schema_of(Fraction, Fraction(3, 2))["properties"]


decimals = st.decimals(-1100, 1100, places=4) | st.decimals(-12, 12, places=2) | st.integers(-1100, 1100).map(Decimal)
constraints = st.fixed_dictionaries(
    {},
    optional={
        "max_digits": st.integers(1, 6),
        "decimal_places": st.integers(0, 4),
        "gt": decimals,
        "ge": decimals,
        "lt": decimals,
        "le": decimals,
    },
)


def is_accepted(read, text):
    try:
        read(text)
    except ValidationError:
        return False
    return True


@settings(max_examples=60)
@given(constraints, st.lists(decimals, min_size=5, max_size=15))
def test_a_decimal_is_written_if_and_only_if_pydantic_accepts_it(constraint, numbers):
    kind = Annotated[Decimal, Field(**constraint)]
    try:
        root = compile_schema(schema_of(kind)).root
    except FunctionError as error:
        assert "that no number is" in str(error)
        return
    adapter = TypeAdapter(kind)
    ends = [bound for bound in (constraint.get(name) for name in ("gt", "ge", "lt", "le")) if bound is not None]
    for number in [*numbers, *ends]:
        plain = format(number.normalize() if number else Decimal(0), "f")
        for text in (plain, f'"{plain}"', f"{number:f}", f'"{number:f}"', f"{number:e}", f'"{plain}.0"', f"{plain}."):
            if accepts(root, f'{{"x": {text}}}'.encode()):
                assert is_accepted(adapter.validate_json, text)
                assert is_accepted(lambda given: adapter.validate_python(json.loads(given)), text)
            elif text in (plain, f'"{plain}"'):
                assert not is_accepted(adapter.validate_json, text)


bounds = st.none() | st.tuples(st.decimals(-3, 3, places=2) | st.integers(-3, 3), st.booleans())


@given(bounds, bounds, st.lists(st.decimals(-4, 4, places=4) | st.decimals(-4, 4, places=1), max_size=9))
def test_a_pattern_is_of_the_decimals_within_the_bounds_and_no_others(low, high, decimals):
    low, high = (bound and (Fraction(bound[0]), bound[1]) for bound in (low, high))
    pattern = re.compile(decimal_pattern(low, high))
    near = [bound[0] + Fraction(n, 1000) for bound in (low, high) if bound for n in (-10, -1, 0, 1, 10)]
    for number in [*decimals, *(Decimal(n.numerator) / n.denominator for n in near)]:
        inside = low is None or (number > low[0] if low[1] else number >= low[0])
        inside = inside and (high is None or (number < high[0] if high[1] else number <= high[0]))
        plain = format(number, "f")
        for text in {plain, plain.rstrip("0").rstrip("."), format(number, ".9f"), format(number.quantize(1), "f")}:
            if text not in ("", "-") and Decimal(text) == number:
                is_canonical = low is high is None or not text.startswith("-0") or number != 0
                assert bool(pattern.fullmatch(text)) == (inside and is_canonical), text
        assert not pattern.fullmatch(f"0{plain}")


@given(st.integers(-1200, 1200), st.integers(0, 1200), st.integers(0, 3), st.booleans(), st.booleans())
def test_a_pattern_is_of_the_numbers_within_the_bounds_and_no_others(low, size, places, is_least, is_most):
    high = low + size
    pattern = re.compile(number_pattern(low if is_least else None, high if is_most else None, places))
    for number in {*range(low - 12, low + 12), *range(high - 12, high + 12), *range(-1300, 1300, 7)}:
        digits = str(abs(number)).zfill(places + 1)
        whole = len(digits) - places
        text = ("-" if number < 0 else "") + digits[:whole] + ("." + digits[whole:] if places else "")
        inside = (not is_least or low <= number) and (not is_most or number <= high)
        assert bool(pattern.fullmatch(text)) == inside
        assert not pattern.fullmatch(f"0{text}")
