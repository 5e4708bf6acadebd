"""Type names: each spelling means one type, at schema positions only."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgen.errors import FunctionError
from fcgen.functions import read_functions

SPELLINGS = {
    "array": ["array", "list", "tuple", "ArrayList", "Array", "Queue", "Stack"],
    "boolean": ["boolean", "bool", "Boolean"],
    "integer": ["integer", "int", "byte", "short", "long", "Bigint"],
    "null": ["null", "NULL"],
    "number": ["number", "float", "double"],
    "object": ["object", "dict", "HashMap", "Hashtable"],
    "string": ["string", "String", "str", "char"],
}


def parameters(schema):
    (function,) = read_functions({"name": "f", "parameters": {"type": "dict", "properties": {"x": schema}}})
    return function.parameters["properties"]["x"]


@pytest.mark.parametrize(("name", "spelling"), [(name, each) for name, all_ in SPELLINGS.items() for each in all_])
def test_each_spelling_means_its_type(name, spelling):
    assert parameters({"type": spelling}) == {"type": name}
    assert parameters({"type": spelling.upper()}) == {"type": name}


@pytest.mark.parametrize("any_type", ["any", "Any", ["string", "any"]])
def test_any_says_nothing(any_type):
    assert parameters({"type": any_type, "description": "d"}) == {"description": "d"}


def test_several_types_are_spelled_each_once():
    assert parameters({"type": ["int", "integer", "dict"]}) == {"type": ["integer", "object"]}


def test_values_and_property_names_are_not_types():
    schema = {
        "type": "object",
        "properties": {"type": {"type": "string"}, "dict": True},
        "enum": [{"type": "dict"}],
        "const": {"type": "float", "items": {"type": "tuple"}},
        "default": {"properties": {"x": {"type": "any"}}},
        "examples": [{"type": "int"}],
        "x-unknown": {"type": "int"},
    }
    assert parameters(schema) == schema


SINGLE = ["items", "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else", "additionalItems"]
LISTS = ["prefixItems", "allOf", "anyOf", "oneOf", "items"]
NAMED = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"]


def layers(inner):
    single = st.builds(lambda key, schema: {key: schema}, st.sampled_from(SINGLE), inner)
    listed = st.builds(lambda key, schemas: {key: schemas}, st.sampled_from(LISTS), st.lists(inner, max_size=2))
    names = st.dictionaries(st.sampled_from(["type", "enum", "a"]), inner, max_size=2)
    return single | listed | st.builds(lambda key, schemas: {key: schemas}, st.sampled_from(NAMED), names)


@given(st.recursive(st.just({"type": "<type>"}) | st.booleans(), layers, max_leaves=5), st.data())
def test_types_are_spelled_wherever_a_schema_can_stand(template, data):
    name = data.draw(st.sampled_from(sorted(SPELLINGS)))
    text = json.dumps(template)
    spelled = json.loads(text.replace("<type>", data.draw(st.sampled_from(SPELLINGS[name]))))
    expected = json.loads(text.replace("<type>", name))
    assert parameters(spelled) == expected
    assert parameters(expected) == expected
    if "<type>" in text:
        with pytest.raises(ValueError, match="unknown type"):
            parameters(json.loads(text.replace("<type>", "strin")))


def test_dependencies_may_list_names():
    assert parameters({"dependencies": {"a": ["type"]}}) == {"dependencies": {"a": ["type"]}}


@pytest.mark.parametrize("bad", ["list[strin]", "string[", "", None, 3, [], {}, ["string", 3]])
def test_anything_else_is_refused(bad):
    with pytest.raises(FunctionError, match="Allowed: array, boolean") as caught:
        parameters({"type": bad})
    assert caught.value.pointer.startswith("/parameters/properties/x/type")


def test_keywords_that_are_null_are_absent():
    """As SDKs write them that dump each field that there could be."""
    city = {"type": "string", "description": None, "enum": None, "default": None}
    (function,) = read_functions({"name": "f", "parameters": {"properties": {"city": city}, "required": None}})
    assert function.parameters["properties"] == {"city": {"type": "string", "default": None}}
