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
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import Field, TypeAdapter
from walking import accepts, sample

from fcgen.errors import FunctionError
from fcgen.functions import read_functions
from fcgen.functions.number_patterns import number_pattern
from fcgen.schema import Text, compile_schema

TENTH = Decimal("0.1")
DECIMALS = [
    Decimal,
    Annotated[Decimal, Field(gt=0)],
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
        Draft202012Validator(schema).validate(value)
        adapter.validate_python(value["x"])
        adapter.validate_json(text[text.index(":") + 1 : -1])


@pytest.mark.parametrize(
    ("kind", "written", "not_written"),
    [
        (Decimal, ["1", "19.99", "-0.5"], ['"a"', '"1"']),
        (Annotated[Decimal, Field(gt=0)], ["0.01"], ["0", "-1"]),
        (DECIMALS[15], ['"19.99"', '"0.07"', '"-999.99"', '"5"', '"5.5"'], ['"1000"', '"0.001"', '"1."', "19.99"]),
        (DECIMALS[10], ['"19.99"', '"0.01"', '"3"'], ['"0"', '"0.00"', '"-1"']),
        (DECIMALS[12], ['"-12.5"', '"-12.499"', '"1000.000"'], ['"-12.501"', '"1000.001"', '"-13"']),
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
    [(Decimal, 1.5), (Decimal | None, 1.5), (Annotated[Decimal, Field(decimal_places=2)], "1.5")],
    ids=str,
)
def test_a_default_is_of_the_type_that_is_written(kind, default):
    assert schema_of(kind, Decimal("1.5"))["properties"]["x"]["default"] == default


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
