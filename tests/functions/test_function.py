"""Function: what it refuses, and that it owns what it holds."""

import dataclasses

import pytest

from fcgen.errors import FunctionError, ManyErrors
from fcgen.functions import Function

NO_ARGUMENTS = {"type": "object", "properties": {}, "additionalProperties": False}


def message(*args):
    with pytest.raises((FunctionError, ManyErrors)) as caught:
        Function(*args)
    return str(caught.value)


def test_a_name_alone_is_a_function_without_arguments():
    assert Function("f") == Function("f", "", NO_ARGUMENTS) == Function("f", None, None)


def test_an_empty_schema_is_that_of_any_object():
    assert Function("f", "", {}).parameters == Function("f", "", True).parameters == {"type": "object"}


def test_a_schema_of_objects_among_others_is_narrowed_to_objects():
    assert Function("f", "", {"title": "t", "type": ["null", "object"]}).parameters == {"type": "object", "title": "t"}


def test_it_is_frozen_and_owns_its_schema():
    schema = {"type": "object", "properties": {"x": {"enum": ("a", 1)}}}
    function = Function("f", "", schema)
    schema["properties"].clear()
    assert function.parameters["properties"] == {"x": {"enum": ["a", 1]}}
    with pytest.raises(dataclasses.FrozenInstanceError):
        function.name = "g"


@pytest.mark.parametrize("name", ["a b", "math.factorial", "x-y", "search", "naïve", "検索", "x" * 256])
def test_names_that_people_use_are_accepted(name):
    assert Function(name).name == name


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ((3,), "at /name: a function's name must be a string, found 3"),
        (("",), "function '', at /name: a function's name must not be empty"),
        (("a\tb",), r"function 'a\tb', at /name: a function's name holds U+0009, a control character or surrogate"),
        (
            ("a\udc00",),
            r"function 'a\udc00', at /name: a function's name holds U+DC00, a control character or surrogate",
        ),
        (("f", 3), "function 'f', at /description: a description must be a string, found 3"),
        (
            ("f", "", []),
            "function 'f', at /parameters: parameters must be a JSON Schema of an object, found a list",
        ),
        (
            ("f", "", {"type": "string"}),
            "function 'f', at /parameters/type: arguments are always an object, found type 'string'",
        ),
        (
            ("f", "", {"properties": []}),
            "function 'f', at /parameters/properties: 'properties' must be an object of schemas, found a list",
        ),
        (
            ("f", "", {"properties": {"a": {}}, "required": ["a", "c"]}),
            "function 'f', at /parameters/required/1: 'required' lists 'c', which is no argument. Its arguments: 'a'",
        ),
        (
            ("f", "", {"properties": {"a": {"minimum": float("nan")}}}),
            "function 'f', at /parameters/properties/a/minimum: NaN cannot be written as JSON",
        ),
        (
            ("f", "", {"x": {1, 2}}),
            "function 'f', at /parameters/x: found a Python set, which is no JSON value",
        ),
    ],
)
def test_what_cannot_be_a_function_is_refused_with_its_reason(args, expected):
    assert message(*args) == expected


def test_a_long_name_is_refused_with_the_limit():
    assert message("x" * 257).endswith("a function's name has too many characters (limit 256, given 257)")


def test_several_mistakes_are_told_together():
    assert message("", 3, False).splitlines() == [
        "3 errors:",
        "- function '', at /name: a function's name must not be empty",
        "- function '', at /description: a description must be a string, found 3",
        "- function '', at /parameters: parameters must be a JSON Schema of an object, found false",
    ]


@pytest.mark.parametrize("keyword", ["$ref", "anyOf", "patternProperties", "additionalProperties"])
def test_an_unlisted_argument_may_be_required_where_it_can_be_declared_elsewhere(keyword):
    value = {"$ref": "#/$defs/x", "anyOf": [True], "patternProperties": {"a": True}, "additionalProperties": {}}[
        keyword
    ]
    assert Function("f", "", {"properties": {}, "required": ["a"], keyword: value}).parameters["required"] == ["a"]
