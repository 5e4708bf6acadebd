"""Conditions and dependencies between properties, by the jsonschema library."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from schemas_made import is_accepted, is_valid, optionals, root_of

NAMES = ["a", "b", "c"]
MEMBERS = [1, 2, "x", None]
objects = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(MEMBERS), max_size=3)
values = objects | st.sampled_from([1, "x", None, [], ["a"]])

members = st.sampled_from(
    [True, False, {"const": 1}, {"type": "string"}, {"type": "integer"}, {"not": {"const": 2}}, {"enum": [1, "x"]}]
)
names = st.lists(st.sampled_from(NAMES), max_size=2, unique=True)
plain = optionals(
    type=st.sampled_from(["object", "integer", ["object", "string"]]),
    properties=st.dictionaries(st.sampled_from(NAMES), members, max_size=2),
    required=names,
    minProperties=st.integers(0, 2),
    maxProperties=st.integers(0, 2),
    additionalProperties=members,
)
tests = (
    plain | st.builds(lambda s: {"not": s}, plain) | st.lists(plain, min_size=1, max_size=2).map(lambda s: {"anyOf": s})
)
conditions = st.builds(
    lambda test, rest, own: {**own, "if": test, **rest},
    tests,
    optionals(**{"then": plain | st.just(False), "else": plain | st.just(False)}),
    optionals(required=names, maxProperties=st.integers(0, 3)),
)


def agree(schema, value):
    assert is_accepted(root_of(schema), value) == is_valid(schema, value)


@given(conditions, values)
def test_a_condition(schema, value):
    agree(schema, value)


@given(st.lists(conditions, min_size=2, max_size=3), values)
def test_conditions_beside_each_other(schemas, value):
    agree({"allOf": schemas}, value)


@given(conditions, plain, plain, values)
def test_a_condition_within_a_condition(test, then, other, value):
    agree({"if": test, "then": then, "else": other}, value)
    agree({"if": then, "then": test, "else": other}, value)


@given(conditions, values)
def test_the_opposite_of_a_condition(schema, value):
    agree({"not": schema}, value)


@given(st.dictionaries(st.sampled_from(NAMES), names, max_size=3), plain, values)
def test_dependent_required(needed, rest, value):
    agree({**rest, "dependentRequired": needed}, value)


@given(st.dictionaries(st.sampled_from(NAMES), plain | conditions | st.just(False), max_size=2), plain, values)
def test_dependent_schemas(schemas, rest, value):
    agree({**rest, "dependentSchemas": schemas}, value)


@given(st.dictionaries(st.sampled_from(NAMES), names, max_size=3), values)
def test_dependent_required_is_a_condition(needed, value):
    conditions = [
        {"if": {"type": "object", "required": [name]}, "then": {"required": then}} for name, then in needed.items()
    ]
    dependent = root_of({"dependentRequired": needed})
    assert is_accepted(dependent, value) == is_accepted(root_of({"allOf": [True, *conditions]}), value)


@pytest.mark.parametrize("count", [4, 12])
def test_many_conditions_beside_each_other_do_not_multiply(count):
    kinds = [f"k{i}" for i in range(count)]
    properties = {"kind": {"enum": kinds}, **{f"p{i}": True for i in range(count)}}
    rules = [
        {"if": {"properties": {"kind": {"const": f"k{i}"}}, "required": ["kind"]}, "then": {"required": [f"p{i}"]}}
        for i in range(count)
    ]
    root = root_of({"type": "object", "properties": properties, "required": ["kind"], "allOf": rules})
    for i, j in itertools.product(range(count), range(count)):
        assert is_accepted(root, {"kind": f"k{i}", f"p{j}": 1}) == (i == j)
