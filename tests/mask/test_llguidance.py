"""Beside another engine: what fcgen writes, llguidance accepts, token by token; and both judge instances alike."""

import json
import random

import jsonschema
import numpy as np
import pytest
from tokenizers_made import byte_level

from fcgen import Grammar, Masks, Vocabulary

llguidance = pytest.importorskip("llguidance")

LAYOUT = {"x-guidance": {"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": False}}
CLOSED = {"additionalProperties": False}
SCHEMAS = [
    {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a"], **CLOSED},
    {"type": "object", "properties": {"x": {"type": "number"}}, "additionalProperties": {"type": "boolean"}},
    {"type": "array", "items": {"enum": ["red", "green", 3, None]}, "minItems": 1, "maxItems": 4},
    {"type": "array", "prefixItems": [{"type": "boolean"}, {"type": "null"}], "items": {"type": "integer"}},
    {"type": "integer", "minimum": -20, "maximum": 1300},
    {"type": "number", "exclusiveMinimum": 0.5, "maximum": 12.25},
    {"type": "string", "minLength": 2, "maxLength": 5},
    {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"},
    {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"k": {"const": 1}}, "required": ["k"], **CLOSED}]},
    {"$defs": {"t": {"type": "object", "properties": {"v": {"type": "integer"}, "c": {"$ref": "#/$defs/t"}}, **CLOSED}},
     "$ref": "#/$defs/t"},
]  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer():
    return byte_level()


@pytest.fixture(scope="module")
def theirs(tokenizer):
    import llguidance.hf

    return llguidance.hf.from_tokenizer(tokenizer)


def matcher(theirs, schema):
    grammar = llguidance.LLMatcher.grammar_from_json_schema({**schema, **LAYOUT})
    found = llguidance.LLMatcher(theirs, grammar)
    assert not found.is_error(), found.get_error()
    return found


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: json.dumps(schema)[:40])
def test_what_fcgen_writes_llguidance_accepts(schema, tokenizer, theirs):
    has_bounds = "exclusiveMinimum" in schema  # within them llguidance has no exponents
    grammar = Grammar.from_json_schema(schema, whole_fraction=False, exponent=not has_bounds)
    masks = Masks(grammar, Vocabulary.from_tokenizer(tokenizer))
    for seed in range(20):
        rng, cursor, other = random.Random(seed), masks.cursor(budget=60), matcher(theirs, schema)
        while not cursor.stopped:
            allowed = np.flatnonzero(np.unpackbits(cursor.mask().view(np.uint8), bitorder="little"))
            token = int(rng.choice(allowed))
            cursor.advance(token)
            if not cursor.stopped:
                assert other.consume_token(token), (cursor.text, token)
        assert other.is_accepting(), cursor.text
        jsonschema.Draft202012Validator(schema).validate(json.loads(cursor.text))


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: json.dumps(schema)[:40])
def test_both_judge_instances_alike(schema, tokenizer, theirs):
    grammar = Grammar.from_json_schema(schema, whole_fraction=False)
    masks = Masks(grammar, Vocabulary.from_tokenizer(tokenizer))
    instances = [None, True, 0, 3, -20, 1300, 1301, 0.5, 12.25, 12.5, "", "ab", "abcdef", "AB-12", "ab-12", [], ["red"],
                 ["red", "blue"], [True], [True, None, 4], [True, 1], {}, {"a": "x"}, {"a": "x", "b": 2}, {"b": 2},
                 {"a": 1}, {"x": 1.5}, {"x": 1, "y": True}, {"y": 1}, {"k": 1}, {"k": 2}, {"v": 1, "c": {"v": 2}},
                 {"v": 1, "c": {"v": "2"}}, {"c": {"c": {}}}]  # fmt: skip
    for instance in instances:
        tokens = tokenizer.encode(json.dumps(instance), add_special_tokens=False)
        other = matcher(theirs, schema)
        they_accept = all(other.consume_token(token) for token in tokens) and other.is_accepting()
        assert we_accept(masks, tokens) == they_accept, instance
        assert they_accept == jsonschema.Draft202012Validator(schema).is_valid(instance), instance


def we_accept(masks, tokens):
    cursor = masks.cursor()
    for token in tokens:
        if not int(cursor.mask()[token >> 5]) >> (token & 31) & 1:
            return False
        cursor.advance(token)
    return cursor.can_stop
