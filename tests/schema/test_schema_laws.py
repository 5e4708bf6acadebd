"""The laws of the schema front end, with the jsonschema library as the judge."""

import json
import random

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from schemas_made import explain, fitting, is_accepted, is_valid, root_of, schemas, schemas_with_references, values
from walking import sample

from fcgen.errors import SchemaError, Unsatisfiable
from fcgen.grammar.expr import NOTHING
from fcgen.schema import read_schema
from fcgen.schema.algebra import contains, meet, union

seeds = st.integers(0, 2**32 - 1)
spacings = st.sampled_from(["json.dumps", "compact", "flexible"])


def assume_readable(schema):
    """Leave out references that define nothing, and too many combinations: their errors have tests of their own."""
    try:
        return read_schema(schema)
    except Unsatisfiable:
        return None
    except SchemaError:
        assume(False)


@given(schemas | schemas_with_references, spacings, seeds)
def test_what_is_written_is_valid(schema, whitespace, seed):
    assume_readable(schema)
    root = root_of(schema, whitespace)
    assume(root is not NOTHING)
    for i in range(4):
        explain(schema, json.loads(sample(root, random.Random(seed + i), steps=40)))


@given(schemas | schemas_with_references, values)
@example({"type": "object", "properties": {"a": False}, "required": ["b"]}, {"b": None, "": 1})
@example({"allOf": [{"properties": {"a": {"minimum": 1}}}, {"additionalProperties": {"maximum": 1}}]}, {"a": 1, "b": 0})
def test_a_value_is_accepted_if_and_only_if_it_is_valid(schema, value):
    assume_readable(schema)
    assert is_accepted(root_of(schema), value) == is_valid(schema, value)


@given(st.data(), schemas)
def test_every_valid_value_is_accepted(data, schema):
    assume_readable(schema)
    root = root_of(schema)
    assume(root is not NOTHING)
    value = data.draw(fitting(schema))
    assume(is_valid(schema, value) and _is_within_bounds(value))
    assert is_accepted(root, value)
    assert is_accepted(root_of(schema, "compact"), value, separators=(",", ":"))
    assert is_accepted(root_of(schema, "flexible"), value, indent=1)


def _is_within_bounds(value):
    """Few members, and numbers that are written: of few digits, and no 2.0 where an integer may be asked for."""
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


@given(schemas, schemas, values)
def test_meet_and_union_are_and_and_or(first, second, value):
    a, b = assume_readable(first), assume_readable(second)
    assume(a is not None and b is not None)
    assert contains(a, value) == is_valid(first, value)
    assert contains(meet(a, b), value) == (contains(a, value) and contains(b, value))
    assert contains(union([a, b]), value) == (contains(a, value) or contains(b, value))


@given(schemas_with_references, values)
def test_contains_follows_references(schema, value):
    shape = assume_readable(schema)
    assert (shape is not None and contains(shape, value)) == is_valid(schema, value)


@given(st.lists(schemas, min_size=1, max_size=3), values)
def test_one_of_is_exact_or_refused(branches, value):
    schema = {"oneOf": branches}
    assume_readable(schema)
    assert is_accepted(root_of(schema), value) == is_valid(schema, value)


@pytest.mark.parametrize("whitespace", ["json.dumps", "compact", "flexible"])
@given(value=values)
def test_anything_is_any_value(whitespace, value):
    separators = (",", ":") if whitespace == "compact" else None
    assert is_accepted(root_of(True, whitespace), value, separators=separators)
