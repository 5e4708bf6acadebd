"""Schemas that are malformed, impossible or made to be slow: an error that says what, where, and what is allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgen.errors import FcgenError, ManyErrors, OptionError, SchemaError, Unsatisfiable
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.enumeration import few_texts
from fcgen.schema import KEYWORDS, Text, compile_schema, lower, read_schema
from fcgen.schema.definitions import MAX_CHAIN
from fcgen.schema.read import MAX_DEPTH

MALFORMED = [
    (12, "at the root: a schema must be an object or a boolean, found 12"),
    ({"items": "string"}, "at /items: a schema must be an object or a boolean, found 'string'"),
    (
        {"type": 12},
        "at /type: `type` must be one or several of array, boolean, integer, null, number, object, string, found 12",
    ),
    (
        {"type": ["string", "str"]},
        (
            "at /type: `type` must be one or several of array, boolean, integer, null, number, object, string, "
            "found ['string', 'str']"
        ),
    ),
    ({"required": "a"}, "at /required: `required` must list property names, found 'a'"),
    ({"properties": []}, "at /properties: `properties` must be an object of schemas, found []"),
    ({"minLength": -1}, "at /minLength: `minLength` must be an integer of at least 0, found -1"),
    ({"maxItems": 1.5}, "at /maxItems: `maxItems` must be an integer of at least 0, found 1.5"),
    ({"minItems": True}, "at /minItems: `minItems` must be an integer of at least 0, found True"),
    ({"maxLength": float("inf")}, "at /maxLength: `maxLength` must be an integer of at least 0, found inf"),
    ({"minimum": float("nan")}, "at /minimum: `minimum` is nan, which is no JSON number"),
    ({"maximum": "9"}, "at /maximum: `maximum` must be a number, found '9'"),
    ({"multipleOf": 0}, "at /multipleOf: `multipleOf` must be a number above 0, found 0"),
    ({"pattern": 3}, "at /pattern: `pattern` must be a regular expression as a string, found 3"),
    ({"format": 3}, "at /format: `format` must be a name, found 3"),
    ({"enum": "abc"}, "at /enum: `enum` must be an array of values, found 'abc'"),
    ({"enum": [1, float("nan")]}, "at /enum/1: `enum` holds nan, which is no JSON number"),
    ({"const": {1, 2}}, "at /const: `const` holds a Python set, which is no JSON value"),
    ({"const": {1: 2}}, "at /const: `const` holds a Python dict, which is no JSON value"),
    ({"const": "\ud83d\ude00"}, "at /const: `const` holds '\\ud83d\\ude00', which no JSON text spells"),
    ({"anyOf": []}, "at /anyOf: `anyOf` must be an array of at least one schema, found []"),
    ({"oneOf": {}}, "at /oneOf: `oneOf` must be an array of at least one schema, found {}"),
    ({"prefixItems": {}}, "at /prefixItems: `prefixItems` must be an array of schemas, found {}"),
    ({"prefixItems": [], "items": []}, "at /items: `items` must be a schema, beside `prefixItems`, found []"),
    ({"allOf": 1}, "at /allOf: `allOf` must be an array of at least one schema, found 1"),
    ({"not": 1}, "at /not: a schema must be an object or a boolean, found 1"),
    ({"if": [], "then": True}, "at /if: a schema must be an object or a boolean, found []"),
    ({"contains": 1}, "at /contains: a schema must be an object or a boolean, found 1"),
    ({"contains": {}, "minContains": -1}, "at /minContains: `minContains` must be an integer of at least 0, found -1"),
    ({"uniqueItems": 1}, "at /uniqueItems: `uniqueItems` must be true or false, found 1"),
    ({"minProperties": "1"}, "at /minProperties: `minProperties` must be an integer of at least 0, found '1'"),
    ({"propertyNames": 1}, "at /propertyNames: a schema must be an object or a boolean, found 1"),
    ({"patternProperties": []}, "at /patternProperties: `patternProperties` must be an object of schemas, found []"),
    ({"patternProperties": {"a": 1}}, "at /patternProperties/a: a schema must be an object or a boolean, found 1"),
    ({"dependentSchemas": []}, "at /dependentSchemas: `dependentSchemas` must be an object of schemas, found []"),
    ({"unevaluatedItems": 1}, "at /unevaluatedItems: a schema must be an object or a boolean, found 1"),
    ({"$ref": 1}, "at /$ref: `$ref` must be a URI reference as a string, found 1"),
    ({"exclusiveMinimum": "1"}, "at /exclusiveMinimum: `exclusiveMinimum` must be a number, found '1'"),
    ({"exclusiveMaximum": []}, "at /exclusiveMaximum: `exclusiveMaximum` must be a number, found []"),
    ({"multipleOf": -2}, "at /multipleOf: `multipleOf` must be a number above 0, found -2"),
    ({"x-verbatim": "yes"}, "at /x-verbatim: `x-verbatim` must be true or false, found 'yes'"),
    ({"required": ["a", 1]}, "at /required: `required` must list property names, found ['a', 1]"),
    ({"items": [True], "additionalItems": 1}, "at /additionalItems: a schema must be an object or a boolean, found 1"),
    ({"prefixItems": [1]}, "at /prefixItems/0: a schema must be an object or a boolean, found 1"),
    (
        {"contains": {}, "maxContains": "1"},
        "at /maxContains: `maxContains` must be an integer of at least 0, found '1'",
    ),
    ({"maxProperties": -1}, "at /maxProperties: `maxProperties` must be an integer of at least 0, found -1"),
    ({"additionalProperties": 1}, "at /additionalProperties: a schema must be an object or a boolean, found 1"),
    ({"unevaluatedProperties": []}, "at /unevaluatedProperties: a schema must be an object or a boolean, found []"),
    (
        {"dependentRequired": {"a": "b"}},
        "at /dependentRequired/a: `dependentRequired` must list property names, found 'b'",
    ),
    ({"dependencies": {"a": 1}}, "at /dependencies/a: a schema must be an object or a boolean, found 1"),
    ({"dependencies": {"a": [1]}}, "at /dependencies/a: `dependencies` must list property names, found [1]"),
    ({"if": True, "then": 1}, "at /then: a schema must be an object or a boolean, found 1"),
    ({"if": False, "else": "a"}, "at /else: a schema must be an object or a boolean, found 'a'"),
    ({"$dynamicRef": 1}, "at /$dynamicRef: `$dynamicRef` must be a URI reference as a string, found 1"),
    (
        {"$schema": "https://json-schema.org/draft/2019-09/schema", "$recursiveRef": 1},
        "at /$recursiveRef: `$recursiveRef` must be a URI reference as a string, found 1",
    ),
    (
        {"anyOf": [True], "discriminator": 1},
        "at /discriminator: `discriminator` must be an object with a `propertyName`, found 1",
    ),
    ({1: 2}, "at the root: a keyword must be a string, found 1"),
]


@pytest.mark.parametrize(("schema", "text"), MALFORMED, ids=[text[:40] for _, text in MALFORMED])
def test_a_malformed_schema_says_what_is_allowed(schema, text):
    with pytest.raises(SchemaError) as caught:
        compile_schema(schema)
    assert str(caught.value) == text


HELD = {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": HELD}}, "/json_schema/schema"),
        ({"type": "json_schema", "name": "n", "schema": HELD}, "/schema"),
        ({"name": "n", "description": "d", "strict": True, "schema": HELD}, "/schema"),
    ],
)
def test_a_response_format_is_no_schema(schema, place):
    with pytest.raises(SchemaError) as caught:
        compile_schema(schema)
    assert (
        str(caught.value)
        == f"at the root: this holds a schema, and is none: it would allow any value. Pass what is at {place}."
    )


@pytest.mark.parametrize(
    "schema", [{"schema": {}, "type": "object"}, {"properties": {"schema": HELD}}, {"x-own": HELD}]
)
def test_a_schema_may_have_a_keyword_of_that_name(schema):
    assert compile_schema(schema).root is not None


def test_each_keyword_that_asserts_is_malformed_above():
    blamed = {text.split(":")[0].split("/")[1] for _, text in MALFORMED if text.startswith("at /")}
    no_value_is_wrong = {"nullable"}  # what is not `true` has no meaning
    assert {k.name for k in KEYWORDS.values() if k.status == "enforced"} - no_value_is_wrong == blamed


IMPOSSIBLE = [
    (False, "at the root: no value can be valid: `false` allows no value"),
    ({"type": "array", "minItems": 3, "maxItems": 1}, "at the root: no value can be valid: minItems 3 > maxItems 1"),
    (
        {"type": "array", "minItems": 3, "prefixItems": [True, {"type": "string", "enum": [1]}]},
        (
            "at /prefixItems/1/enum: no value can be valid: "
            "minItems 3, but only 1 items are possible: none of 1 is a string"
        ),
    ),
    (
        {"type": "object", "required": ["a"], "properties": {"a": {"allOf": [{"type": "null"}, {"type": "object"}]}}},
        (
            "at /properties/a/allOf/1: no value can be valid: "
            "the required property 'a' is impossible: null and an object have no value in common"
        ),
    ),
    (
        {"type": "object", "required": ["b"], "additionalProperties": False},
        (
            "at /additionalProperties: no value can be valid: "
            "the required property 'b' is impossible: `false` allows no value"
        ),
    ),
    (
        {"type": "string", "enum": [1, 2, 3, 4]},
        "at /enum: no value can be valid: none of the values 1, 2, 3, ... is a string",
    ),
    (
        {"anyOf": [{"type": "string", "maxLength": 1}, {"type": "integer"}], "minLength": 2, "type": "string"},
        "at /anyOf/0: no value can be valid: no string is a string minLength 2 maxLength 1",
    ),
    ({"enum": []}, "at the root: no value can be valid: `enum` lists no value"),
    (
        {"type": "object", "required": ["c"], "properties": {"c": {"$ref": "#"}}},
        "at the root: no value can be valid: each would have to hold another one, without end",
    ),
    (
        {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/x"}, "$defs": {"x": {"const": 1, "enum": [2]}}},
        "at /$defs/x/const: no value can be valid: item 0: none of 1 is 2",
    ),
]


@pytest.mark.parametrize(("schema", "text"), IMPOSSIBLE, ids=[text[:60] for _, text in IMPOSSIBLE])
def test_a_contradiction_names_both_sides(schema, text):
    with pytest.raises(Unsatisfiable) as caught:
        compile_schema(schema)
    assert str(caught.value) == text


def test_an_impossible_property_is_forbidden_and_an_impossible_item_ends_the_array():
    clash = {"type": "string", "minLength": 2, "maxLength": 1}
    closed = {"type": "object", "properties": {"a": clash}, "additionalProperties": False}
    assert few_texts(lower(read_schema(closed)), 2) == [b"{}"]
    assert lower(read_schema({"type": "array", "items": clash})) is lower(read_schema({"const": []}))


def test_all_mistakes_are_raised_at_once():
    schema = {"properties": {"a": {"type": "str"}, "b": {"disallow": {}}, "c": {"pattern": "("}, "d": {"$ref": "#/x"}}}
    with pytest.raises(ManyErrors) as caught:
        read_schema(schema, function="f")
    assert [(error.pointer, error.keyword, error.function) for error in caught.value.errors] == [
        ("/properties/a/type", "type", "f"),
        ("/properties/b/disallow", "disallow", "f"),
        ("/properties/c/pattern", "pattern", "f"),
        ("/properties/d/$ref", "$ref", "f"),
    ]


def nested(keyword, depth, inner=True):
    schema = inner
    for _ in range(depth):
        schema = {keyword: {"a": schema} if keyword == "properties" else [schema] if "Of" in keyword else schema}
    return schema


@pytest.mark.parametrize("keyword", ["items", "properties", "additionalProperties", "allOf", "anyOf", "not"])
def test_depth_is_limited_and_never_a_recursion_error(keyword):
    assert fewest(compile_schema(nested(keyword, MAX_DEPTH - 1, {"minimum": 1})).root) < INFINITE
    assert compile_schema({"allOf": [nested(keyword, MAX_DEPTH - 2), nested(keyword, MAX_DEPTH - 2, {"minimum": 1})]})
    with pytest.raises(SchemaError) as caught:
        compile_schema(nested(keyword, 10_000))
    assert caught.value.limit == MAX_DEPTH
    assert str(caught.value).endswith(f"schemas are nested too deeply (limit {MAX_DEPTH})")


def test_a_schema_that_holds_itself_is_too_deep():
    schema = {}
    schema["items"] = schema
    with pytest.raises(SchemaError, match="nested too deeply"):
        compile_schema(schema)


def test_a_value_that_is_too_deep():
    value = []
    for _ in range(10_000):
        value = [value]
    with pytest.raises(SchemaError) as caught:
        compile_schema({"const": value})
    assert str(caught.value) == "at /const: `const` holds a value nested more than 32 deep"


def test_chains_of_references_that_meet_are_limited():
    defs = {str(i): {"allOf": [{"$ref": f"#/$defs/{i + 1}"}], "minLength": 1} for i in range(500)}
    with pytest.raises(ManyErrors) as caught:
        compile_schema({"$ref": "#/$defs/0", "$defs": {**defs, "500": {}}})
    assert {error.limit for error in caught.value.errors} == {MAX_CHAIN}


def test_combinations_are_limited():
    pairs = [{"anyOf": [{"required": [f"a{i}"]}, {"required": [f"b{i}"]}], "type": "object"} for i in range(30)]
    with pytest.raises(SchemaError) as caught:
        compile_schema({"allOf": pairs})
    assert "too many combinations" in caught.value.found
    assert caught.value.given > caught.value.limit


def test_definitions_that_meet_without_end_are_limited():
    def arrays(depth, inner):
        return {"type": "array", "items": arrays(depth - 1, inner)} if depth else inner

    sizes = [2, 3, 5, 7, 11, 13]
    defs = {str(size): arrays(size, {"$ref": f"#/$defs/{size}"}) for size in sizes}
    with pytest.raises(SchemaError) as caught:
        compile_schema({"allOf": [{"$ref": f"#/$defs/{size}"} for size in sizes], "$defs": defs})
    assert caught.value.limit == 20_000


def test_unknown_whitespace():
    with pytest.raises(OptionError) as caught:
        Text("wide")
    assert str(caught.value) == (
        "whitespace 'wide' is not known. Known are json.dumps, compact, flexible, and indent=N with N up to 16."
    )


names = st.sampled_from([*sorted(KEYWORDS), "a"])
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 9)
    | st.floats()
    | st.text("ab#/$", max_size=4)
    | st.sampled_from(["string", "#", "object"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


@given(anything)
def test_whatever_it_is_given_it_compiles_or_says_why_not(schema):
    try:
        root = compile_schema(schema).root
    except FcgenError as error:
        assert str(error)
    else:
        assert fewest(root) < INFINITE
