"""The text that is written: whitespace, order, and one spelling per value."""

import json

import pytest
from schemas_made import root_of
from walking import accepts

from fcgen import Grammar, Masks, Vocabulary
from fcgen.grammar.derive import fewest
from fcgen.grammar.terms import Contents
from fcgen.schema import compile_schema, lower, read_schema, spacing

INTEGERS = {"type": "array", "items": {"type": "integer"}}
PLAIN = {"type": "object", "properties": {"a": INTEGERS, "b": {"const": {"c": []}}}}
TEXTS = [
    ("json.dumps", '{"a": [1, 2], "b": {"c": []}}'),
    ("compact", '{"a":[1,2],"b":{"c":[]}}'),
    ("flexible", '{\n "a" : [ 1,2 ] ,"b":{"c"\t:[ ]}\n}'),
]


@pytest.mark.parametrize("whitespace", ["json.dumps", "compact", "flexible"])
def test_whitespace_is_that_of_the_policy(whitespace):
    root = root_of(PLAIN, whitespace)
    accepted = [policy for policy, text in TEXTS if accepts(root, text.encode())]
    assert accepted == ([whitespace] if whitespace != "flexible" else ["json.dumps", "compact", "flexible"])
    for outside in (b" {}", b"{} ", b"\n{}"):
        assert not accepts(root, outside)
    assert accepts(root, b"{ }") == (whitespace == "flexible")


def test_flexible_whitespace_is_bounded():
    root = root_of({"type": "array"}, "flexible")
    assert accepts(root, b"[" + b" " * 30 + b"]")
    assert not accepts(root, b"[" + b" " * 1000 + b"]")


def test_spacing_has_what_stands_around_an_envelopes_parts():
    space = spacing("compact")
    assert space.open.can_stop
    assert space.close.can_stop
    assert accepts(space.colon, b":")
    assert accepts(space.comma, b",")


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ('{"a": 1, "b": 2, "c": 3, "d": 4, "": 5}', True),
        ('{"b": 2, "c": 3}', True),
        ('{"b": 2, "c": 3, "z": 1, "y": 2}', True),
        ('{"c": 3, "b": 2}', False),  # declared comes before what is only required
        ('{"b": 2, "z": 1, "c": 3}', False),  # the others come last
        ('{"b": 2, "a": 1, "c": 3}', False),  # declared come as declared
        ('{"b": 2, "c": 3, "a": 1}', False),  # a declared name is no other name
        ('{"b": 2, "c": 3, "c": 3}', False),
        ('{"b": 2, "c": 3, "\\u0061": 1}', False),
        ('{"b": 2}', False),
    ],
)
def test_properties_come_as_declared_then_required_then_others(text, is_right):
    schema = {"type": "object", "properties": {"a": {}, "b": {}}, "required": ["c", "b"]}
    assert accepts(root_of(schema), text.encode()) == is_right


def test_properties_of_conjunctions_come_in_the_order_of_the_text():
    first, second = {"properties": {"a": {}}}, {"properties": {"b": {}}}
    closed = {"required": ["a", "b"], "type": "object"}
    for schema in (
        {**closed, "allOf": [first, second]},
        {**closed, **first, "allOf": [second]},
        {**closed, "$ref": "#/$defs/x", "$defs": {"x": first}, **second},
    ):
        assert accepts(root_of(schema), b'{"a": 1, "b": 2}')
        assert not accepts(root_of(schema), b'{"b": 1, "a": 2}')


def test_names_and_values_are_spelled_as_json_dumps_spells_them():
    names = ['"', "\\", "\n", "\x1f", "é", "😀", "/", "\x7f", "a b"]
    value = {name: name for name in names}
    schema = {"type": "object", "properties": {n: {"enum": [n]} for n in names}, "additionalProperties": False}
    assert accepts(root_of(schema), json.dumps(value, ensure_ascii=False).encode())
    assert not accepts(root_of(schema), json.dumps(value).encode())


def test_a_value_with_half_a_surrogate_pair_is_escaped():
    assert accepts(root_of({"const": "\ud800"}), b'"\\ud800"')


@pytest.mark.parametrize("required", [False, True])
def test_a_thousand_properties_are_small(required):
    names = [f"name{i}" for i in range(1000)]
    properties = {name: {"type": "string"} for name in names}
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    root = compile_schema({**schema, "required": names if required else []}).root
    assert accepts(root, json.dumps(dict.fromkeys(names, "")).encode())
    assert accepts(root, b'{"name7": "", "name999": ""}') != required
    assert fewest(root) == (len(json.dumps(dict.fromkeys(names, ""))) if required else 2)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5])
def test_items_are_counted(size):
    schema = {"type": "array", "prefixItems": [{"const": 0}, {"const": 1}], "items": {"const": 2}}
    text = json.dumps([0, 1, 2, 2, 2][:size]).encode()
    for least in range(6):
        for most in range(least, 6):
            root = root_of({**schema, "minItems": least, "maxItems": most})
            assert accepts(root, text) == (least <= size <= most)


@pytest.mark.parametrize(
    ("schema", "is_told"),
    [
        ({"properties": {"a": {"pattern": "^[a-z]+$"}}}, True),
        ({"type": "object", "dependentRequired": {"a": ["b"]}, "properties": {"a": {"pattern": "^x"}}}, False),
        ({"items": {"pattern": "^[a-z]+$"}, "uniqueItems": True}, False),
        ({"contains": {"pattern": "^[a-z]+$"}}, False),
    ],
)
def test_leaves_tell_all_unless_more_is_made_later(schema, is_told):
    """What may not be writable has to be known, or else it is looked at when it is made."""
    contents = Contents(is_ascii=True)
    lower(read_schema(schema), contents=contents)
    assert (contents.leaves is not None) == is_told


def test_properties_in_any_order_are_made_as_they_are_walked():
    """A place is not written out for each of the names that could come there."""
    value = {"type": "object", "properties": {"b": {"enum": ["x", "y"]}, "a": {"type": "boolean"}}}
    names = [f"name{i}" for i in range(200)]
    schema = {"type": "object", "properties": dict.fromkeys(names, value), "additionalProperties": False}
    tokens = [bytes([byte]) for byte in range(256) if byte != 0xF1]  # what is there is fitted to the vocabulary
    masks = Masks(
        Grammar.from_json_schema(schema, order="any"), Vocabulary([*tokens, None], stop_ids={255}), max_steps=400
    )
    cursor = masks.cursor()
    for byte in json.dumps({name: {"a": True, "b": "x"} for name in (names[3], names[11], names[7])}).encode():
        cursor.mask()
        cursor.advance(tokens.index(bytes([byte])))
    assert cursor.can_stop
