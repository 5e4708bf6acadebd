"""Schemas that were damaged: whatever comes of them, it is a grammar or an error that says what is wrong."""

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from fcgen.errors import FcgenError
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.schema import KEYWORDS, compile_schema

MAX_STEPS = 20_000
SCHEMAS = [
    {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a"]},
    {"type": "object", "properties": {"n": {"$ref": "#"}}, "additionalProperties": False},
    {"type": "object", "patternProperties": {"^[ab]": {"minimum": 1}, "b$": {"maximum": 9}}, "minProperties": 1},
    {"type": "object", "propertyNames": {"pattern": "^[a-c]+$"}, "maxProperties": 2, "unevaluatedProperties": False},
    {"type": "object", "dependentRequired": {"a": ["b"]}, "dependentSchemas": {"b": {"required": ["c"]}}},
    {"type": "object", "dependencies": {"a": ["b"], "b": {"minProperties": 2}}},
    {"type": "array", "items": {"enum": [1, 2, "a"]}, "uniqueItems": True, "maxItems": 3},
    {"type": "array", "prefixItems": [{"type": "null"}, {"type": "boolean"}], "items": False, "minItems": 1},
    {"type": "array", "contains": {"const": 1}, "minContains": 1, "maxContains": 2, "unevaluatedItems": {"const": 2}},
    {"items": [{"type": "integer"}], "additionalItems": {"type": "string"}},
    {"type": "number", "minimum": -1.5, "exclusiveMaximum": 100, "multipleOf": 0.25},
    {"type": "integer", "multipleOf": 7, "minimum": 10, "maximum": 1000},
    {"type": "string", "pattern": "^(?:[a-z]+-)*[0-9]{2,3}$", "minLength": 2, "maxLength": 12},
    {"type": "string", "format": "date-time", "maxLength": 30},
    {"enum": [None, True, 0, 1.5, "a", [1], {"a": 1}], "not": {"type": "array"}},
    {"const": {"a": [1, {"b": "c"}]}},
    {"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 2}, {"type": "string"}]},
    {"anyOf": [{"required": ["a"]}, {"required": ["b"]}, {"maxProperties": 0}], "type": "object"},
    {"allOf": [{"properties": {"a": {"minimum": 1}}}, {"properties": {"a": {"maximum": 5}}}], "required": ["a"]},
    {"if": {"properties": {"k": {"const": "a"}}}, "then": {"required": ["x"]}, "else": {"required": ["y"]}},
    {"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}},
    {"$id": "http://a.b/c", "$ref": "d", "$defs": {"d": {"$id": "d", "properties": {"e": {"$ref": "c"}}}}},
    {"$dynamicRef": "#t", "$defs": {"t": {"$dynamicAnchor": "t", "type": "array", "items": {"$dynamicRef": "#t"}}}},
    {"$schema": "https://json-schema.org/draft/2019-09/schema", "properties": {"a": {"$recursiveRef": "#"}}},
    {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": True, "id": "http://a.b"},
    {"anyOf": [{"$ref": "#/$defs/A"}], "discriminator": {"propertyName": "k"}, "$defs": {"A": {"required": ["k"]}}},
]  # fmt: skip
odd = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        -1,
        1e308,
        10**30,
        0.1,
        "",
        "a",
        "#",
        "#/$defs",
        "^(a|b)*$",
        "(",
        "\ud800",
        [],
        {},
        [[]],
        {"": {}},
    ]
)


def paths(value, path=()):
    """The ways to all parts of a value."""
    yield path
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield from paths(value[key], (*path, key))


def part(value, path):
    for key in path:
        value = value[key]
    return value


def changed(value, path, new):
    """The value with another part at `path`."""
    if not path:
        return new
    value = copy.deepcopy(value)
    part(value, path[:-1])[path[-1]] = new
    return value


def deleted(value, path):
    value = copy.deepcopy(value)
    if path:
        del part(value, path[:-1])[path[-1]]
    return value


@st.composite
def mutants(draw):
    """One of the schemas after a few changes."""
    schema = draw(st.sampled_from(SCHEMAS))
    for _ in range(draw(st.integers(1, 4))):
        here, there = draw(st.sampled_from(all_paths := list(paths(schema)))), draw(st.sampled_from(all_paths))
        one, other = copy.deepcopy(part(schema, here)), copy.deepcopy(part(schema, there))
        match draw(st.sampled_from(["delete", "swap", "retype", "copy", "nest", "graft"])):
            case "delete":
                schema = deleted(schema, here)
            case "swap" if here[: len(there)] != there and there[: len(here)] != here:
                schema = changed(changed(schema, here, other), there, one)
            case "retype":
                schema = changed(schema, here, draw(odd))
            case "copy":
                schema = changed(schema, here, other)
            case "nest":
                schema = changed(schema, here, draw(st.sampled_from([[one], [one, one], {"a": one}, {"not": one}])))
            case "graft":
                keyword, whole = draw(st.sampled_from(sorted(KEYWORDS))), draw(st.sampled_from(SCHEMAS))
                schema = changed(schema, here, {keyword: one, **copy.deepcopy(whole)})
    return schema


@settings(max_examples=150)
@given(mutants(), st.booleans())
def test_any_outcome_is_a_grammar_or_an_error_of_ours(schema, nullable):
    before = copy.deepcopy(schema)
    try:
        root = compile_schema(schema, max_steps=MAX_STEPS, nullable=nullable).root
    except FcgenError as error:
        assert str(error)
    else:
        assert fewest(root) < INFINITE
    assert schema == before
