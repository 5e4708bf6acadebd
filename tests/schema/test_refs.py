"""References: where they lead, by the jsonschema library, and what is said where they lead nowhere."""

import pytest
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from schemas_made import is_accepted, is_valid, root_of

from fcgen.errors import ManyErrors, SchemaError, UnresolvedRef
from fcgen.schema import compile_schema

SAMPLES = [1, "a", None, [], [1], {}, {"a": 1}, {"a": "b"}, {"a": {"a": {}}}, {"a": {"a": 1}}, {"a": None, "b": 1}]

ROOT = "http://x.org/root"
RESOLVED = [
    {"$ref": "#/$defs/x", "$defs": {"x": {"type": "string"}}},
    {"$ref": "#/$defs/a~1b~0c%25", "$defs": {"a/b~c%": {"type": "string"}}},
    {"$ref": "#/properties/a", "properties": {"a": {"type": "object"}}},
    {"$ref": "#/anyOf/1", "anyOf": [True, {"type": "string"}]},
    {"$ref": "#word", "$defs": {"x": {"$anchor": "word", "type": "string"}}},
    {"$id": ROOT, "$ref": "item", "$defs": {"x": {"$id": "item", "type": "string"}}},
    {"$id": ROOT, "properties": {"a": {"$ref": f"{ROOT}#/$defs/x"}}, "$defs": {"x": {"const": 1}}},
    {
        "$ref": "#/$defs/x",
        "$defs": {"x": {"$id": "x", "$ref": "#/$defs/y", "$defs": {"y": {"const": 1}}}, "y": {"const": 2}},
    },
    {"properties": {"a": {"$ref": "#"}}, "type": "object", "additionalProperties": False},
    {"properties": {"a": {"$ref": "#/properties/a/$defs/x", "$defs": {"x": {"type": "integer"}}}}},
    {"type": "object", "properties": {"a": {"$ref": "#", "required": ["a"]}}},
    {
        "$ref": "#/$defs/x",
        "required": ["a"],
        "$defs": {"x": {"properties": {"a": {"$ref": "#/$defs/x"}}, "type": "object"}},
    },
    {
        "anyOf": [{"$ref": "#/$defs/x"}, {"$ref": "#/$defs/y"}],
        "$defs": {"x": {"const": 1}, "y": {"items": {"$ref": "#"}, "type": "array"}},
    },
]


@pytest.mark.parametrize("schema", RESOLVED, ids=str)
def test_references_lead_where_the_judge_follows_them(schema):
    root = root_of(schema)
    assert [v for v in SAMPLES if is_accepted(root, v)] == [v for v in SAMPLES if is_valid(schema, v)]


def test_recursion_accepts_any_depth():
    root = root_of({"properties": {"a": {"$ref": "#"}}, "type": "object", "additionalProperties": False})
    value = {}
    for _ in range(200):
        value = {"a": value}
    assert is_accepted(root, value)


def test_other_documents_come_from_the_callers_registry():
    document = DRAFT202012.create_resource({"$defs": {"x": {"type": "string"}}, "$id": "http://x.org/doc"})
    registry = Registry().with_resource("http://x.org/doc", document)
    compiled = compile_schema({"items": {"$ref": "http://x.org/doc#/$defs/x"}}, registry=registry)
    assert is_accepted(compiled.root, ["a"])
    assert not is_accepted(compiled.root, [1])


def test_draft_4_names_documents_by_id():
    schema = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "id": "http://x.org/root",
        "items": {"$ref": "item"},
        "definitions": {"x": {"id": "item", "type": "string"}},
    }
    assert is_accepted(root_of(schema), ["a"])
    assert not is_accepted(root_of(schema), [1])


NOWHERE = [
    ("#/$defs/x", "`$ref` '#/$defs/x' leads nowhere: the root has no '$defs'"),
    ("#/items/a", "`$ref` '#/items/a' leads nowhere: /items has no 'a'"),
    ("#/items/$ref/0", "`$ref` '#/items/$ref/0' leads nowhere: /items/$ref has no '0'"),
    ("#word", "`$ref` '#word' leads nowhere: no such document or part is known"),
    (
        "http://x.org/doc",
        (
            "`$ref` 'http://x.org/doc' leads nowhere: no such document or part is known. "
            "Documents are not fetched: put it into the schema, or pass a registry."
        ),
    ),
]


@pytest.mark.parametrize(("ref", "text"), NOWHERE)
def test_a_reference_that_leads_nowhere(ref, text):
    with pytest.raises(UnresolvedRef) as caught:
        compile_schema({"items": {"$ref": ref}})
    assert str(caught.value) == f"at /items/$ref: {text}"


UNSEARCHABLE = [{"properties": 12}, {"$id": 3}, {"$defs": {"a": {"$id": 5}}}, {"$defs": 3}]


@pytest.mark.parametrize("rest", UNSEARCHABLE, ids=str)
def test_documents_that_cannot_be_searched_are_said_to_be_so(rest):
    with pytest.raises((SchemaError, ManyErrors)) as caught:
        compile_schema({**rest, "items": {"$ref": "#word"}})
    assert "at /items/$ref: `$ref` '#word' leads nowhere: " in str(caught.value)


CYCLES = [
    {"$ref": "#"},
    {"allOf": [{"$ref": "#"}], "type": "object"},
    {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
    {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
    {"items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"const": 1}]}}},
]


@pytest.mark.parametrize("schema", CYCLES, ids=str)
def test_a_cycle_that_describes_nothing_is_an_error(schema):
    with pytest.raises(SchemaError) as caught:
        compile_schema(schema)
    assert "leads back to itself before it describes any value" in str(caught.value)


def test_a_million_ways_through_references_take_no_time():
    def choice(i):
        return {"anyOf": [{"$ref": f"#/$defs/a{i + 1}"}, {"$ref": f"#/$defs/b{i + 1}"}]}

    defs = {f"{name}{i}": choice(i) for i in range(60) for name in "ab"}
    defs |= {"a60": {"type": "string"}, "b60": {"type": "null"}}
    root = root_of({"allOf": [{"$ref": "#/$defs/a0"}], "enum": ["x", 1], "$defs": defs})
    assert is_accepted(root, "x")
    assert not is_accepted(root, 1)
