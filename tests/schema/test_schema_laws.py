"""The laws of the schema front end, with the jsonschema library as the judge."""

import json
import random

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from schemas_made import (
    compiled,
    explain,
    fitting,
    is_accepted,
    is_exact,
    is_valid,
    no_twice,
    orders,
    root_of,
    schemas,
    schemas_with_references,
    values,
)
from walking import accepts, sample

from fcgen.grammar.expr import NOTHING

seeds = st.integers(0, 2**32 - 1)
all_schemas = schemas | schemas_with_references
STYLES = {
    "json.dumps": {},
    "compact": {"separators": (",", ":")},
    "indent=2": {"indent": 2},
    "flexible": {"indent": 1},
}
styles = st.sampled_from(sorted(STYLES))
schema_or_any = st.sampled_from(["schema", "any"])


def texts_of(value, whitespace):
    """The texts of a value with the members of its objects in every order."""
    for ordered in orders(value):
        yield json.dumps(ordered, ensure_ascii=False, **STYLES[whitespace]).encode()


@given(all_schemas, styles, schema_or_any, seeds)
def test_what_is_written_is_valid_and_names_nothing_twice(schema, whitespace, order, seed):
    root = compiled(schema, whitespace, order=order)
    assume(root is not NOTHING)
    for i in range(4):
        explain(schema, json.loads(sample(root, random.Random(seed + i), steps=40), object_pairs_hook=no_twice))


@given(all_schemas, values)
@example({"type": "object", "properties": {"a": False}, "required": ["b"]}, {"b": None, "": 1})
@example({"allOf": [{"properties": {"a": {"minimum": 1}}}, {"additionalProperties": {"maximum": 1}}]}, {"a": 1, "b": 0})
def test_a_value_is_accepted_in_some_order_if_and_only_if_it_is_valid(schema, value):
    _agree(schema, is_accepted(compiled(schema), value), value)


@given(all_schemas, values, styles)
def test_a_value_is_accepted_in_every_order_if_and_only_if_it_is_valid(schema, value, whitespace):
    root = compiled(schema, whitespace, order="any")
    accepted = {accepts(root, text) for text in texts_of(value, whitespace)}
    assert len(accepted) == 1
    _agree(schema, accepted.pop(), value)


def _agree(schema, accepted, value):
    valid = is_valid(schema, value)
    assert accepted <= valid
    assert valid <= accepted or not is_exact(schema)


@given(st.data(), schemas, schema_or_any)
def test_every_valid_value_is_accepted_in_every_style(data, schema, order):
    assume(is_exact(schema))
    assume(compiled(schema) is not NOTHING)
    value = data.draw(fitting(schema))
    assume(is_valid(schema, value) and _is_within_bounds(value))
    for whitespace in STYLES:
        accepted = [accepts(root_of(schema, whitespace, order=order), text) for text in texts_of(value, whitespace)]
        assert all(accepted) if order == "any" else any(accepted)


def _is_within_bounds(value):
    """Few members, and numbers of few digits, of which every one is written."""
    match value:
        case float():
            return not value.is_integer() and 1e-20 < abs(value) < 1e15
        case int():
            return abs(value) < 10**18
        case str():
            return not any("\ud800" <= c <= "\udfff" for c in value)
        case list():
            return len(value) < 6 and all(map(_is_within_bounds, value))
        case dict():
            return len(value) < 4 and all(_is_within_bounds(v) and _is_within_bounds(k) for k, v in value.items())
    return True


@given(st.lists(schemas, min_size=2, max_size=3), values)
def test_one_of_is_exact(branches, value):
    schema = {"oneOf": branches}
    _agree(schema, is_accepted(compiled(schema), value), value)


@given(schemas, st.booleans() | schemas, values)
def test_unevaluated_properties_and_items_are_exact(schema, rest, value):
    for keyword in ("unevaluatedProperties", "unevaluatedItems"):
        whole = {**schema, keyword: rest} if isinstance(schema, dict) else {keyword: rest}
        _agree(whole, is_accepted(compiled(whole), value), value)


@pytest.mark.parametrize("whitespace", STYLES)
@settings(max_examples=50)
@given(value=values)
def test_anything_is_any_value(whitespace, value):
    root = root_of(True, whitespace)
    assert all(accepts(root, text) for text in texts_of(value, whitespace))
