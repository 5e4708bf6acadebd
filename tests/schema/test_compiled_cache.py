"""What was compiled is kept by content: it is the same for equal schemas, and what it would be without."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from schemas_made import fitting, is_accepted, schemas

from fcgen.errors import SchemaError
from fcgen.schema import Text, compile_schema
from fcgen.schema import compile as compiling


def test_equal_schemas_are_compiled_once():
    schema = {"type": "object", "properties": {"a": {"enum": [1, "x"]}, "b": {}}}
    assert compile_schema(schema).root is compile_schema(copy.deepcopy(schema)).root


@pytest.mark.parametrize(
    "other",
    [
        {"type": "object", "properties": {"b": {}, "a": {"enum": [1, "x"]}}},
        {"type": "object", "properties": {"a": {"enum": [True, "x"]}, "b": {}}},
        {"type": "object", "properties": {"a": {"enum": ["x", 1]}, "b": {}}},
    ],
)
def test_what_differs_is_compiled_anew(other):
    schema = {"type": "object", "properties": {"a": {"enum": [1, "x"]}, "b": {}}}
    assert compile_schema(schema).root is not compile_schema(other).root


def test_choices_are_part_of_the_content():
    schema = {"type": "object", "properties": {"a": {}}, "required": ["a"]}
    roots = [compile_schema(schema, text=Text(whitespace)).root for whitespace in ("compact", "json.dumps")]
    assert len(set(roots)) == 2


def test_what_is_no_json_is_told_from_what_is():
    compile_schema({"enum": [1, 2]})
    with pytest.raises(SchemaError):
        compile_schema({"enum": (1, 2)})


def test_a_schema_may_change_after_it_was_compiled():
    schema = {"type": "object", "properties": {"a": {"properties": {"b": {"const": [1]}}, "required": ["b"]}}}
    root = compile_schema(schema).root
    schema["properties"]["a"]["properties"]["b"]["const"].append(2)
    assert is_accepted(root, {"a": {"b": [1]}})
    assert not is_accepted(root, {"a": {"b": [1, 2]}})


@given(st.data())
def test_cached_is_as_fresh(data):
    schema = data.draw(schemas)
    try:
        cached = compile_schema(schema)
    except SchemaError as error:
        compiling._compile_content.cache_clear()
        with pytest.raises(type(error)):
            compile_schema(schema)
        return
    again = compile_schema(copy.deepcopy(schema))
    compiling._compile_content.cache_clear()
    fresh = compile_schema(schema)
    assert (cached.notes, cached.uses, cached.size) == (again.notes, again.uses, again.size)
    assert (cached.notes, cached.uses, cached.size) == (fresh.notes, fresh.uses, fresh.size)
    value = data.draw(fitting(schema))
    assert is_accepted(cached.root, value) == is_accepted(again.root, value) == is_accepted(fresh.root, value)
