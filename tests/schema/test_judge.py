"""The judge of finished values: the jsonschema library, with exact decimals and ECMA-262 patterns."""

import gzip
import hashlib
import json
import random
from decimal import Decimal

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schema.test_mutations import MAX_STEPS, mutants
from schema.test_schema_corpus import CORPUS
from schemas_made import schemas, values
from walking import sample

import fcgen
from fcgen.errors import FcgenError, PatternError
from fcgen.schema import Text, compile_schema
from fcgen.schema.judge import exact, mistake_in

UUID = "0ab1c2d3-0000-4000-8000-000000000000"


def is_valid(value, schema):
    return mistake_in(value, schema) is None


@given(schemas, values)
def test_it_judges_as_the_library_does(schema, value):
    """The strategies' patterns mean the same to `re`, and their steps are floats without a rest."""
    plain = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
    assert is_valid(value, schema) == plain.is_valid(value)


@given(st.integers(-(10**12), 10**12), st.integers(0, 6))
def test_multiples_are_those_of_decimals(count, places):
    step = 1 / 10**places
    value = Decimal(count) / 10**places
    assert is_valid(exact(str(value)), {"multipleOf": step})
    assert is_valid(float(value), {"multipleOf": step})
    assert not is_valid(exact(f"{value + Decimal(1) / 10 ** (places + 1)}"), {"multipleOf": step})


@pytest.mark.parametrize(
    ("schema", "valid", "invalid"),
    [
        ({"pattern": r"^\p{L}+$"}, "é", "1"),
        ({"pattern": r"^(?<year>\d{4})$"}, "1999", "1999\n"),
        ({"patternProperties": {r"^\p{Lu}": {"const": 1}}, "additionalProperties": False}, {"É": 1}, {"é": 1}),
        ({"patternProperties": {r"^\p{Lu}": True}, "unevaluatedProperties": False}, {"É": 1}, {"é": 1}),
        ({"items": [{"type": "null"}], "additionalItems": False}, [None], [None, 1]),
        ({"minimum": 0, "exclusiveMinimum": True}, 0.5, 0),
        ({"maximum": 0.1}, 0.1, 0.11),
        ({"type": "integer"}, 10**25, 0.5),
        ({"type": "integer"}, 2.0, 2.5),
        ({"dependencies": {"a": ["b"]}}, {"a": 1, "b": 1}, {"a": 1}),
        ({"format": "color"}, "red", "#12"),
        ({"$schema": "http://json-schema.org/draft-04/schema#", "not": {"format": "uuid"}}, "a", UUID),
        ({"$schema": "http://json-schema.org/draft-04/schema#", "type": "integer"}, 2, 2.0),
        (
            {"$schema": "http://json-schema.org/draft-07/schema#", "items": {"$ref": "#/definitions/a"},
             "definitions": {"a": {"$schema": "http://json-schema.org/draft-07/schema#", "pattern": r"^\p{L}$"}}},
            ["é"],
            ["1"],
        ),
        ({"patternProperties": {"^$": {"type": "null"}}, "additionalProperties": False}, {"": None}, {"": 1}),
        ({"items": {"$schema": "http://json-schema.org/draft-07/schema#", "pattern": r"^\p{L}$"}}, ["é"], ["1"]),
        ({"items": {"$schema": "http://json-schema.org/draft-07/schema#", "type": "integer"}}, [exact("7.0")], [0.5]),
        ({"items": {"$schema": "http://json-schema.org/draft-04/schema#", "multipleOf": 0.01}}, [19.99], [0.015]),
        (
            {"items": {"$schema": "http://json-schema.org/draft-04/schema#", "type": "integer",
             "not": {"$schema": "https://json-schema.org/draft/2020-12/schema", "const": 3}}},
            [2],
            [2.0],
        ),
    ],
)  # fmt: skip
def test_what_the_library_lacks(schema, valid, invalid):
    assert is_valid(valid, schema)
    assert not is_valid(invalid, schema)


def test_a_message_shows_values_and_patterns_as_they_were_given():
    assert mistake_in(0.015, {"multipleOf": 0.01}).message == "0.015 is not a multiple of 0.01"
    schema = {"patternProperties": {"^x": True}, "additionalProperties": False}
    assert "'^x'" in mistake_in({"y": 1}, schema).message


def test_numbers_without_end_cost_nothing():
    assert is_valid(exact("1e-999999999"), {"multipleOf": 0.5})
    assert is_valid(exact("1" + "0" * 300), {"multipleOf": 1e-5})


def test_a_pattern_that_cannot_be_read_has_a_pointer():
    with pytest.raises(PatternError) as caught:
        is_valid("a", {"properties": {"a": {"pattern": r"(a)\1"}}})
    assert caught.value.pointer == "/properties/a/pattern"


@settings(max_examples=150)
@given(mutants(), st.randoms(use_true_random=False), st.sampled_from(["schema", "any"]))
def test_what_a_damaged_schema_still_allows_is_valid(schema, rng, order):
    try:
        root = compile_schema(schema, max_steps=MAX_STEPS, text=Text(order=order)).root
    except FcgenError:
        return
    text = sample(root, rng).decode()
    assert is_valid(json.loads(text, parse_float=exact), schema), text


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus is not part of the project")
def test_parse_reply_judges_walks_of_real_schemas_valid():
    with gzip.open(CORPUS, "rt", encoding="utf-8") as lines:
        cases = sorted(map(json.loads, lines), key=lambda case: hashlib.sha256(case["file"].encode()).digest())[:60]
    judged = 0
    for case in cases:
        if not isinstance(case["schema"], dict) or case["schema"].get("type") != "object":
            continue
        function = {"name": "f", "parameters": case["schema"]}
        try:
            parameters = fcgen.read_functions([function])[0].parameters
            root = compile_schema(parameters).root
        except FcgenError:
            continue
        for seed in range(2):
            arguments = sample(root, random.Random(seed)).decode()
            fcgen.parse_reply(f'{{"function": "f", "arguments": {arguments}}}', [function])
            judged += 1
    assert judged > 50
