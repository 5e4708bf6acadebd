"""Texts are nested no deeper than a reader that recurses can read."""

import json
import random

import pytest
from walking import allowed

import fcgen
from fcgen.errors import TokenRefused
from fcgen.mask.tables import MAX_NESTING
from fcgen.reply import MAX_DEPTH

BYTES = fcgen.Vocabulary([*(bytes([byte]) for byte in range(256)), b"[[[[", None], [257])
ANYTHING = {"name": "f", "parameters": {"type": "object", "properties": {"a": {}}, "required": ["a"]}}
TREE = {
    "name": "f",
    "parameters": {
        "type": "object",
        "properties": {"left": {"$ref": "#/$defs/tree"}},
        "required": ["left"],
        "$defs": {
            "tree": {
                "type": "object",
                "properties": {
                    "child": {"type": "array", "items": {"$ref": "#/$defs/tree"}},
                    "value": {"type": "integer"},
                },
                "required": ["child"],
            }
        },
    },
}


def depth_of(value):
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if parts is None else 1 + max(map(depth_of, parts), default=0)


@pytest.mark.parametrize("function", [ANYTHING, TREE], ids=["anything", "tree"])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_written_can_be_read(function, seed):
    """Also where a model opens a bracket wherever it may; a deep text says that something was left out."""
    rng = random.Random(seed)
    masks = fcgen.Masks(fcgen.Grammar.from_functions([function], choice="required"), BYTES)
    cursor = masks.cursor(700)
    limited = False
    while not cursor.stopped:
        tokens = allowed(cursor.mask())
        opening = [token for token in tokens if masks.vocabulary.token_bytes(token) in (b"[", b"{", b"c", b'"')]
        limited |= cursor.is_limited
        cursor.advance(rng.choice(opening or sorted(tokens)) if rng.random() < 0.95 else rng.choice(sorted(tokens)))
    text = cursor.text.decode()
    depth = depth_of(json.loads(text))
    assert depth <= MAX_DEPTH
    assert limited or depth <= MAX_NESTING + 1
    assert json.loads(fcgen.parse_reply(text, [function]).to_json())


UNIQUE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"a": {"type": "array", "items": {"$ref": "#/$defs/node"}, "uniqueItems": True}},
            "additionalProperties": False,
        }
    },
}


def test_items_that_must_differ_are_nested_less_deeply():
    """Each byte is derived through all items around it: 142 of them were more than Python's stack holds."""
    cursor = fcgen.Masks(fcgen.Grammar.from_json_schema(UNIQUE), BYTES).cursor()
    while not cursor.is_limited:
        for byte in b'{"a": [':
            assert byte in allowed(cursor.mask()) or cursor.is_limited
            if not cursor.is_limited:
                cursor.advance(byte)
    assert 16 <= cursor.text.count(b"[") <= 18
    while not cursor.stopped:
        tokens = allowed(cursor.mask())
        cursor.advance(next((token for token in (257, ord("]"), ord("}")) if token in tokens), min(tokens)))
    assert depth_of(json.loads(cursor.text)) <= 2 * 18


def test_a_token_that_nests_too_deeply_is_refused():
    masks = fcgen.Masks(fcgen.Grammar.from_json_schema({"type": "array"}), BYTES)
    cursor = masks.cursor()
    bracket = next(t for t in allowed(cursor.mask()) if masks.vocabulary.token_bytes(t) == b"[")
    with pytest.raises(TokenRefused):
        for _ in range(MAX_DEPTH):
            assert bracket in allowed(cursor.mask()) or cursor.is_limited
            cursor.advance(bracket)
    assert cursor.text.count(b"[") > MAX_NESTING
