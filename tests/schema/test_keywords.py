"""The keyword table, and each keyword: enforced, silent where it asserts nothing, or refused by name and place."""

import pytest
from jsonschema_specifications import REGISTRY
from schemas_made import is_accepted, is_valid, root_of

from fcgen.errors import SchemaError, UnsupportedKeyword
from fcgen.schema import KEYWORDS, Document, compile_schema

SAMPLES = [
    None, True, 0, 1, 3, -1, 2.5, 10, "", "a", "ab", "abc", "b", "2024-01-31", [], [1], ["a"], [1, "a"], [1, 2, 3],
    {}, {"a": 1}, {"a": "x"}, {"b": 1}, {"a": 1, "b": 2}, {"a": 1, "c": "d"}, {"a": {"a": 1}},
]  # fmt: skip


def kind(values, required=("k",), name="k"):
    return {"type": "object", "properties": {name: {"enum": values}}, "required": list(required)}


ENFORCED = [
    {"type": "integer"},
    {"type": ["string", "null", "array"]},
    {"enum": [1, "a", [1], {"a": 1}, None]},
    {"enum": [True, 2.5]},
    {"enum": [1, True, 0, False]},
    {"enum": [1, False, [1]], "allOf": [{"enum": [True, 1.0, [True], 0]}]},
    {"const": {"a": {"a": 1}}},
    {"type": "integer", "enum": [1, "a", 2.5]},
    {"minimum": 1},
    {"maximum": 1},
    {"exclusiveMinimum": 1},
    {"exclusiveMaximum": 1},
    {"minimum": 0, "exclusiveMinimum": 0},
    {"type": "integer", "multipleOf": 3},
    {"multipleOf": 5},
    {"minLength": 2},
    {"maxLength": 1},
    {"pattern": "b"},
    {"format": "date"},
    {"items": {"type": "integer"}},
    {"items": False},
    {"prefixItems": [{"type": "integer"}, {"type": "string"}]},
    {"prefixItems": [{"type": "integer"}], "items": False},
    {"prefixItems": [True, False]},
    {"minItems": 2},
    {"maxItems": 1},
    {"minItems": 1.0, "maxItems": 2.0},
    {"properties": {"a": {"type": "integer"}}},
    {"properties": {"a": False}},
    {"required": ["a"]},
    {"required": ["b", "a"], "properties": {"a": {"type": "integer"}}},
    {"additionalProperties": False},
    {"properties": {"a": True}, "additionalProperties": {"type": "string"}},
    {"anyOf": [{"type": "integer"}, {"minLength": 2}]},
    {"anyOf": [{"required": ["a"]}, {"required": ["b"]}], "type": "object"},
    {"allOf": [{"minimum": 1}, {"maximum": 3}]},
    {"oneOf": [{"type": "integer"}, {"type": "string"}]},
    {"oneOf": [{"minimum": 2}, {"maximum": 1}], "type": "integer"},
    {"oneOf": [{"maxItems": 0}, {"minItems": 2}], "type": "array"},
    {"oneOf": [{"required": ["a"], "properties": {"b": False}}, {"required": ["b"]}], "type": "object"},
    {"oneOf": [kind([1], required=["a"], name="a"), kind(["x"], required=(), name="a")]},
    {"required": ["a"], "oneOf": [{"properties": {"a": {"const": a}}} for a in (1, "x")], "type": "object"},
    {"oneOf": [{"type": "integer"}, {"type": "null"}, {"type": "number"}]},
    {"oneOf": [kind(["a", "b"]), kind(["b", "c"])]},
    {"oneOf": [kind(["a"], required=[]), kind(["b"], required=[])]},
    {"oneOf": [kind([1]), kind([1.0])]},
    {"not": {"type": ["null", "object"]}},
    {"not": {"enum": [1, "a", [], {"a": 1}]}},
    {"not": {"minLength": 2, "pattern": "b"}},
    {"not": {"items": {"type": "integer"}, "minItems": 1}},
    {"not": {"properties": {"a": {"type": "integer"}}, "required": ["a"]}},
    {"if": {"type": "string"}, "then": {"minLength": 2}, "else": {"not": {"type": "null"}}},
    {"if": {"required": ["a"]}, "then": {"required": ["b"]}},
    {"contains": {"type": "integer"}},
    {"contains": {"minimum": 2}, "minContains": 2},
    {"contains": {"type": "integer"}, "maxContains": 1},
    {"contains": {"type": "integer"}, "minContains": 0, "maxContains": 1},
    {"uniqueItems": True},
    {"unevaluatedItems": False, "prefixItems": [True]},
    {"unevaluatedItems": {"type": "string"}, "contains": {"type": "integer"}},
    {"unevaluatedProperties": False, "properties": {"a": True}},
    {"unevaluatedProperties": {"type": "string"}, "anyOf": [{"properties": {"a": {"type": "integer"}}}, True]},
    {"patternProperties": {"^[ab]": {"type": "integer"}}},
    {"patternProperties": {"a": {"type": "integer"}, "^.$": {"minimum": 2}}, "additionalProperties": False},
    {"propertyNames": {"pattern": "[bc]"}},
    {"propertyNames": {"const": "a"}},
    {"minProperties": 2},
    {"maxProperties": 1},
    {"maxProperties": 1, "properties": {"a": True, "b": {"type": "integer"}}},
    {"dependentRequired": {"a": ["b"]}},
    {"dependentSchemas": {"a": {"required": ["b"]}, "b": {"maxProperties": 1}}},
    {"dependentSchemas": {"a": False}},
    {"$dynamicRef": "#t", "$defs": {"t": {"$dynamicAnchor": "t", "type": "string"}}},
    {"$ref": "#t", "$defs": {"t": {"$anchor": "t", "type": "string"}}},
    {"$ref": "#/$defs/a", "minLength": 2, "$defs": {"a": {"type": "string"}}},
    {"$ref": "#/definitions/a", "definitions": {"a": {"const": 1}}},
]  # fmt: skip


@pytest.mark.parametrize("schema", ENFORCED, ids=str)
def test_an_enforced_keyword_is_enforced(schema):
    root = root_of(schema)
    assert [v for v in SAMPLES if is_accepted(root, v)] == [v for v in SAMPLES if is_valid(schema, v)]


def test_a_step_by_which_the_library_divides_inexactly_is_noted():
    compiled = compile_schema({"properties": {"price": {"multipleOf": 0.01}, "n": {"multipleOf": 3}}})
    assert [note.partition(":")[0] for note in compiled.notes] == ["at /properties/price/multipleOf"]
    assert "jsonschema" in compiled.notes[0]
    assert is_accepted(compiled.root, {"price": 19.99})
    assert compile_schema({"multipleOf": 0.25}).notes == ()


OLDER = [
    ({"minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 1}),
    ({"maximum": 1, "exclusiveMaximum": False}, {"maximum": 1}),
    ({"items": [{"minimum": 1}], "additionalItems": False}, {"prefixItems": [{"minimum": 1}], "items": False}),
    ({"items": [{"type": "integer"}]}, {"prefixItems": [{"type": "integer"}]}),
    ({"items": {"type": "integer"}, "additionalItems": False}, {"items": {"type": "integer"}}),
    ({"dependencies": {"a": ["b"]}}, {"dependentRequired": {"a": ["b"]}}),
    ({"dependencies": {"a": {"maxProperties": 1}}}, {"dependentSchemas": {"a": {"maxProperties": 1}}}),
]  # fmt: skip


@pytest.mark.parametrize(("older", "newer"), OLDER, ids=str)
def test_older_spellings_are_read(older, newer):
    root = root_of(older)
    assert [v for v in SAMPLES if is_accepted(root, v)] == [v for v in SAMPLES if is_valid(newer, v)]


@pytest.mark.parametrize("draft", ["draft-04", "draft-06", "draft-07"])
def test_siblings_of_ref_are_ignored_up_to_draft_7_and_noted(draft):
    uri = f"http://json-schema.org/{draft}/schema#"
    compiled = compile_schema({"$schema": uri, "$ref": "#/definitions/a", "minLength": 2, "definitions": {"a": {}}})
    assert is_accepted(compiled.root, "")
    assert compiled.notes == ("at /minLength: beside `$ref` it asserts nothing in the draft that `$schema` names",)


def test_siblings_of_ref_count_in_later_drafts():
    for uri in ("https://json-schema.org/draft/2019-09/schema", "https://json-schema.org/draft/2020-12/schema"):
        root = root_of({"$schema": uri, "$ref": "#/$defs/a", "minLength": 2, "$defs": {"a": {}}})
        assert not is_accepted(root, "")


def test_draft_3_is_refused():
    with pytest.raises(SchemaError) as caught:
        compile_schema({"$schema": "http://json-schema.org/draft-03/schema#"}, function="f")
    assert str(caught.value) == "function 'f', at /$schema: `$schema` is draft 3, which fcgen does not read"


REFUSED = {
    "divisibleBy": 2,
    "disallow": "null",
    "extends": {},
    "formatMinimum": "2020-01-01",
    "formatMaximum": "2020-01-01",
    "formatExclusiveMinimum": "2020-01-01",
    "formatExclusiveMaximum": "2020-01-01",
}


def test_all_refused_keywords_have_an_example_here():
    assert {k.name for k in KEYWORDS.values() if k.status == "refused"} == set(REFUSED)


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_keyword_is_refused_by_name_and_place(name):
    with pytest.raises(UnsupportedKeyword) as caught:
        compile_schema({"properties": {"a/b": {name: REFUSED[name]}}}, function="f")
    error = caught.value
    assert (error.keyword, error.pointer, error.function) == (name, f"/properties/a~1b/{name}", "f")
    assert error.found == f"`{name}` {KEYWORDS[name].why}"
    assert str(error).startswith(f"function 'f', at /properties/a~1b/{name}: `{name}` is ")


def test_the_text_of_a_refusal():
    with pytest.raises(UnsupportedKeyword) as caught:
        compile_schema({"items": {"divisibleBy": 2}})
    assert str(caught.value) == (
        "at /items/divisibleBy: `divisibleBy` is of draft 3, which fcgen does not read. Use `multipleOf`."
    )


def test_a_keyword_about_other_kinds_than_its_type_is_not_refused():
    assert is_accepted(root_of({"type": "integer", "formatMinimum": "2020-01-01"}), 1)


def test_the_opposite_of_unique_items_is_refused():
    with pytest.raises(UnsupportedKeyword) as caught:
        compile_schema({"items": {"not": {"type": "array", "uniqueItems": True}}})
    assert (caught.value.keyword, caught.value.pointer) == ("uniqueItems", "/items/not/uniqueItems")


NO_ASSERTION = [
    {"not": False},
    {"if": {"type": "null"}},
    {"then": False, "else": False},
    {"if": True, "then": {}},
    {"minContains": 2, "maxContains": 1},
    {"uniqueItems": False},
    {"uniqueItems": True, "maxItems": 1},
    {"unevaluatedItems": True},
    {"unevaluatedProperties": {}},
    {"patternProperties": {}},
    {"propertyNames": True},
    {"minProperties": 0},
    {"minProperties": 2, "required": ["a", "b"]},
    {"maxProperties": 2, "properties": {"a": {}}, "additionalProperties": False},
    {"dependentRequired": {}, "dependencies": {}, "dependentSchemas": {}},
    {"type": "string", "uniqueItems": True, "minProperties": 3, "contains": False},
    {"type": "string", "minimum": 5},
]  # fmt: skip


@pytest.mark.parametrize("schema", NO_ASSERTION, ids=str)
def test_a_keyword_passes_where_it_asserts_nothing(schema):
    root = root_of(schema)
    assert [v for v in SAMPLES if is_accepted(root, v)] == [v for v in SAMPLES if is_valid(schema, v)]


def test_annotations_change_nothing():
    values = {"examples": [], "deprecated": True, "readOnly": True, "writeOnly": True, "$recursiveAnchor": True}
    values |= {name: {} for name in ("default", "example", "$vocabulary", "$defs", "definitions", "contentSchema")}
    silent = {k.name: values.get(k.name, "a") for k in KEYWORDS.values() if k.status == "annotation" and not k.why}
    compiled = compile_schema({"properties": {"a": {**silent, "$id": "a", "id": "a"}}})
    assert compiled.notes == ()
    assert is_accepted(compiled.root, {"a": [1]})


def test_what_asserts_nothing_though_one_might_think_so_is_noted():
    noted = {"nullable": True, "type": "string", "format": "mac", "x-order": 1}
    schema = {"properties": {"a": noted}, "require": ["a"]}
    assert set(compile_schema(schema).notes) == {
        "at /properties/a/nullable: JSON Schema gives `nullable` no meaning: null is not allowed by it",
        "at /properties/a/x-order: no draft of JSON Schema has this keyword, and it asserts nothing",
        "at /properties/a/format: the format 'mac' is not known, and asserts nothing",
        "at /require: no draft of JSON Schema has this keyword, and it asserts nothing",
    }


def test_the_table_has_every_keyword_of_every_draft():
    documents = [REGISTRY.contents(uri) for uri in REGISTRY]
    known = {name for document in documents for name in document.get("properties", {})}
    assert known <= set(KEYWORDS)


DRAFT = {4: "http://json-schema.org/draft-04/schema#", 2019: "https://json-schema.org/draft/2019-09/schema"}
EXAMPLES = {
    "type": ({"type": ["integer", "null"]}, 1, "a"),
    "enum": ({"enum": [1, "a"]}, "a", "b"),
    "const": ({"const": [1]}, [1], [2]),
    "allOf": ({"allOf": [{"minimum": 1}, {"maximum": 3}]}, 2, 4),
    "anyOf": ({"anyOf": [{"minimum": 3}, {"maximum": 1}]}, 3, 2),
    "oneOf": ({"oneOf": [{"minimum": 1}, {"minimum": 3}]}, 2, 3),
    "not": ({"not": {"type": "string"}}, 1, "a"),
    "if": ({"if": {"type": "string"}, "then": {"minLength": 2}}, "ab", "a"),
    "then": ({"if": True, "then": {"type": "string"}}, "a", 1),
    "else": ({"if": {"type": "string"}, "else": {"minimum": 2}}, 2, 1),
    "$ref": ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}, "a", 1),
    "$dynamicRef": ({"$dynamicRef": "#t", "$defs": {"t": {"$dynamicAnchor": "t", "type": "string"}}}, "a", 1),
    "$recursiveRef": ({"$schema": DRAFT[2019], "maxItems": 1, "items": {"$recursiveRef": "#"}}, [[1]], [[1, 2]]),
    "discriminator": (
        {
            "anyOf": [{"$ref": "#/$defs/A"}],
            "discriminator": {"propertyName": "k"},
            "$defs": {"A": {"type": "object", "properties": {"k": {"type": "string"}}, "required": ["k"]}},
        },
        {"k": "A"},
        {"k": "B"},
    ),
    "nullable": ({"type": "string", "nullable": True}, None, 1),
    "minimum": ({"minimum": 2}, 2, 1),
    "maximum": ({"maximum": 2}, 2, 3),
    "exclusiveMinimum": ({"exclusiveMinimum": 2}, 3, 2),
    "exclusiveMinimum of draft 4": ({"$schema": DRAFT[4], "minimum": 2, "exclusiveMinimum": True}, 3, 2),
    "exclusiveMaximum": ({"exclusiveMaximum": 2}, 1, 2),
    "exclusiveMaximum of draft 4": ({"$schema": DRAFT[4], "maximum": 2, "exclusiveMaximum": True}, 1, 2),
    "multipleOf": ({"multipleOf": 3}, 6, 7),
    "minLength": ({"minLength": 2}, "ab", "a"),
    "maxLength": ({"maxLength": 1}, "é", "ab"),
    "pattern": ({"pattern": "b"}, "abc", "ac"),
    "format": ({"format": "date"}, "2024-02-29", "2023-02-29"),
    "x-verbatim": ({"x-verbatim": True}, "bc", "ac"),
    "items": ({"items": {"type": "integer"}}, [1, 2], [1, "a"]),
    "items of draft 4": ({"$schema": DRAFT[4], "items": [{"type": "integer"}]}, [1, "a"], ["a"]),
    "additionalItems": (
        {"$schema": DRAFT[4], "items": [{}], "additionalItems": {"type": "integer"}},
        ["a", 1],
        [1, "a"],
    ),
    "prefixItems": ({"prefixItems": [{"type": "integer"}]}, [1, "a"], ["a"]),
    "unevaluatedItems": ({"prefixItems": [True], "unevaluatedItems": False}, [1], [1, 2]),
    "minItems": ({"minItems": 2}, [1, 2], [1]),
    "maxItems": ({"maxItems": 1}, [1], [1, 2]),
    "uniqueItems": ({"uniqueItems": True}, [1, 2], [1, 1]),
    "contains": ({"contains": {"type": "integer"}}, ["a", 1], ["a"]),
    "minContains": ({"contains": {"type": "integer"}, "minContains": 2}, [1, 2], [1, "a"]),
    "maxContains": ({"contains": {"type": "integer"}, "maxContains": 1}, [1, "a"], [1, 2]),
    "properties": ({"properties": {"a": {"type": "integer"}}}, {"a": 1}, {"a": "x"}),
    "patternProperties": ({"patternProperties": {"^a": {"type": "integer"}}}, {"ab": 1, "b": "x"}, {"ab": "x"}),
    "additionalProperties": ({"properties": {"a": True}, "additionalProperties": False}, {"a": 1}, {"b": 1}),
    "unevaluatedProperties": (
        {"allOf": [{"properties": {"a": True}}], "unevaluatedProperties": False},
        {"a": 1},
        {"b": 1},
    ),
    "propertyNames": ({"propertyNames": {"maxLength": 1}}, {"a": 1}, {"ab": 1}),
    "required": ({"required": ["a"]}, {"a": 1}, {"b": 1}),
    "minProperties": ({"minProperties": 1}, {"a": 1}, {}),
    "maxProperties": ({"maxProperties": 1}, {"a": 1}, {"a": 1, "b": 2}),
    "dependentRequired": ({"dependentRequired": {"a": ["b"]}}, {"a": 1, "b": 2}, {"a": 1}),
    "dependentSchemas": ({"dependentSchemas": {"a": {"maxProperties": 1}}}, {"a": 1}, {"a": 1, "b": 2}),
    "dependencies": ({"dependencies": {"a": ["b"]}}, {"a": 1, "b": 2}, {"a": 1}),
    "dependencies of schemas": ({"dependencies": {"a": {"maxProperties": 1}}}, {"a": 1}, {"a": 1, "b": 2}),
}


def test_every_keyword_that_asserts_has_an_example():
    assert {name.split(" of ")[0] for name in EXAMPLES} == {k.name for k in KEYWORDS.values() if k.status == "enforced"}


def without(keyword, part):
    """The part of a schema without a keyword, wherever it stands."""
    if isinstance(part, list):
        return [without(keyword, each) for each in part]
    if isinstance(part, dict):
        return {name: without(keyword, value) for name, value in part.items() if name != keyword}
    return part


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_keyword_allows_something_and_rules_something_out(name):
    schema, right, wrong = EXAMPLES[name]
    keyword = name.split(" of ")[0]
    document = Document("abcd") if keyword == "x-verbatim" else None
    compiled = compile_schema(schema, nullable=keyword == "nullable", document=document)
    assert (keyword, "enforced") in compiled.uses
    assert is_accepted(compiled.root, right)
    assert not is_accepted(compiled.root, wrong)
    less = compile_schema(without(keyword, schema)).root
    assert (is_accepted(less, right), is_accepted(less, wrong)) != (True, False)  # so it is the keyword that decides


RECURSIVE = {"$schema": "https://json-schema.org/draft/2019-09/schema", "properties": {"a": {"$recursiveRef": "#"}},
             "required": ["a"], "minProperties": 1, "type": ["object", "integer"]}  # fmt: skip


def test_recursive_references_are_followed():
    root = root_of(RECURSIVE)
    values = [1, "a", {"a": 1}, {"a": {"a": 2}}, {"a": {"b": 2}}, {"a": "x"}]
    assert [v for v in values if is_accepted(root, v)] == [1, {"a": 1}, {"a": {"a": 2}}]


NULLABLE = {"type": "string", "nullable": True}


@pytest.mark.parametrize("nullable", [False, True])
def test_nullable_has_the_meaning_of_openapi_on_request(nullable):
    compiled = compile_schema(NULLABLE, nullable=nullable)
    assert is_accepted(compiled.root, None) == nullable
    assert bool(compiled.notes) != nullable
    assert is_accepted(compiled.root, "a")
    assert not is_accepted(compile_schema({"type": "string", "nullable": False}, nullable=nullable).root, None)


DISCRIMINATED = {
    "anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}],
    "discriminator": {"propertyName": "k", "mapping": {"b": "#/$defs/B"}},
    "$defs": {
        "A": {"type": "object", "properties": {"k": {"type": "string"}, "x": {"type": "integer"}}, "required": ["k"]},
        "B": {"type": "object", "properties": {"k": {"type": "string"}, "x": {"type": "integer"}}, "required": ["k"]},
    },
}


def test_a_discriminator_says_which_alternative_is_meant():
    root = root_of(DISCRIMINATED)
    assert [k for k in ("A", "B", "a", "b", "c") if is_accepted(root, {"k": k})] == ["A", "b"]
    assert not is_accepted(root, {"k": "A", "x": "y"})


def test_a_discriminator_changes_nothing_where_its_property_tells_the_alternatives_apart():
    kinds = [{"type": "object", "properties": {"k": {"const": k}}, "required": ["k"]} for k in "ab"]
    root = root_of({"oneOf": kinds, "discriminator": {"propertyName": "k", "mapping": {"x": "#/oneOf/0"}}})
    assert [k for k in ("a", "b", "x") if is_accepted(root, {"k": k})] == ["a", "b"]


def test_a_discriminator_alone_is_noted():
    compiled = compile_schema({"discriminator": {"propertyName": "k"}})
    assert compiled.notes == ("at /discriminator: without `oneOf` or `anyOf` beside it, it asserts nothing",)


@pytest.mark.parametrize("given", [{}, [], "k", {"propertyName": 1}])
def test_a_discriminator_must_name_a_property(given):
    with pytest.raises(SchemaError) as caught:
        compile_schema({"anyOf": [True], "discriminator": given})
    assert "`discriminator` must be an object with a `propertyName`, found" in str(caught.value)
