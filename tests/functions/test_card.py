"""The model card's form: what decides whether an argument must be given, and the bytes of the card's own list."""

import json
from pathlib import Path

import pytest

from fcgen.functions import Function, card_metadata, read_functions, read_functions_file

SEARCH = Path(__file__).parents[1] / "data" / "search.json"


def read(*arguments, **more):
    (function,) = read_functions({"function": "f", "description": "d", "arguments": list(arguments), **more})
    return function.parameters


def test_the_cards_own_list_is_written_as_it_was_read():
    functions = read_functions_file(SEARCH)
    assert [function.name for function in functions] == ["search_bing", "search_arxiv"]
    assert functions[0].parameters == {
        "type": "object",
        "properties": {"query": {"type": "string", "description": "The search query string"}},
        "required": ["query"],
        "additionalProperties": False,
    }
    written = json.dumps([card_metadata(function) for function in functions], indent=4)
    assert written + "\n" == SEARCH.read_text("utf-8")


@pytest.mark.parametrize(
    ("argument", "must"),
    [
        ({}, True),
        ({"default": 1}, False),
        ({"default": None}, False),
        ({"required": True, "default": 1}, True),
        ({"required": False}, False),
        ({"optional": True}, False),
        ({"optional": False, "default": 1}, True),
        ({"description": "Optional."}, True),
        ({"type": "object", "required": ["a"]}, True),
        ({"type": "object", "required": ["a"], "optional": True}, False),
    ],
)
def test_explicit_fields_decide_what_must_be_given(argument, must):
    assert ("q" in read({"name": "q", **argument}).get("required", [])) == must


def test_a_list_of_required_names_decides_for_arguments_that_do_not():
    parameters = read({"name": "a"}, {"name": "b"}, {"name": "c", "required": True}, required=["b"])
    assert parameters["required"] == ["b", "c"]


def test_everything_else_in_an_argument_is_its_schema():
    argument = {"name": "q", "type": "list", "description": "x", "items": {"type": "int"}, "minItems": 1, "enum": [[1]]}
    assert read(argument)["properties"] == {
        "q": {"type": "array", "description": "x", "items": {"type": "integer"}, "minItems": 1, "enum": [[1]]}
    }


def test_what_belongs_to_no_argument_stands_beside_them():
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/A"}, "b": False},
        "required": ["x", "a"],
        "additionalProperties": {"type": "integer"},
        "$defs": {"A": {"type": "string"}},
    }
    card = card_metadata(Function("f", "d", schema))
    assert card == {
        "function": "f",
        "description": "d",
        "arguments": [{"name": "a", "$ref": "#/$defs/A"}, {"name": "b", "not": {}, "required": False}],
        "parameters": {
            "required": ["x"],
            "additionalProperties": {"type": "integer"},
            "$defs": {"A": {"type": "string"}},
        },
    }
    assert read_functions(card)[0].parameters == schema | {"properties": {"a": {"$ref": "#/$defs/A"}, "b": {"not": {}}}}
