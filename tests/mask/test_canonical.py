"""The tokens that no tokenizer would write are left out, and no text with them."""

import json
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from schemas_made import schemas
from tokenizers_made import byte_level, sentencepiece_like
from walking import allowed, sample

from fcgen import Masks, Vocabulary
from fcgen.call import Grammar
from fcgen.errors import FcgenError

END = 256 + 12
MARKS = [b'{"', b"{}", b'":', b'",', b'"}', b"[]", b"},", b'["', b"ab", b": ", b'"a', None]
BYTES = Vocabulary([*(bytes([byte]) for byte in range(256)), *MARKS, None], stop_ids=[END])
TOKENS = {text: token for token, text in enumerate([*(bytes([byte]) for byte in range(256)), *MARKS]) if text}

made = st.sampled_from(["flexible", "json.dumps", "compact"])


def texts_of(mask):
    return {BYTES.token_bytes(token) for token in allowed(mask) if token != END}


def cursor_of(schema, written=b"", whitespace="json.dumps", budget=None):
    cursor = Masks(Grammar.from_json_schema(schema, whitespace=whitespace), BYTES).cursor(budget)
    for byte in written:
        cursor.advance(byte)
    return cursor


OPTIONAL = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "ab": {"type": "null"}},
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("schema", "whitespace", "written", "left_out"),
    [
        (OPTIONAL, "json.dumps", b"", {b"{"}),
        (OPTIONAL, "flexible", b"", set()),  # whitespace may follow, with which it makes no token
        (OPTIONAL, "json.dumps", b'{"ab', {b'"'}),
        (OPTIONAL, "json.dumps", b'{"', set()),  # words are cut as the model likes
        ({"type": "string"}, "json.dumps", b'"x', set()),  # it may end here
        ({"type": "array", "items": {"const": "ab"}}, "json.dumps", b'["ab', set()),  # closing brackets may follow
        ({"type": "array", "items": {"type": "string"}}, "json.dumps", b"", {b"["}),
        ({"type": "array", "items": {"type": "integer"}}, "json.dumps", b"", set()),
    ],
)
def test_marks_are_left_out_where_a_tokenizer_would_go_on(schema, whitespace, written, left_out):
    cursor = cursor_of(schema, written, whitespace)
    assert texts_of(cursor.mask()) - texts_of(cursor.canonical_mask()) == left_out


def test_within_a_budget_there_is_always_a_token():
    cursor = cursor_of(OPTIONAL, budget=2)
    assert texts_of(cursor.canonical_mask()) == {b"{}"}
    cursor = Masks(Grammar.from_lark('start: "{" "\\"" "a"'), BYTES).cursor(4)
    assert cursor.canonical_mask().any()


@given(schemas, made, st.integers(0, 2**32))
def test_all_texts_can_still_be_written(schema, whitespace, seed):
    try:
        grammar = Grammar.from_json_schema(schema, whitespace=whitespace)
    except FcgenError:
        return
    text = sample(grammar.root, random.Random(seed))
    cursor = Masks(grammar, BYTES).cursor()
    while text:
        mask = cursor.canonical_mask()
        assert not (mask & ~cursor.mask()).any()
        fitting = [token for token in allowed(mask) if token != END and text.startswith(BYTES.token_bytes(token))]
        assert fitting
        token = random.Random(seed).choice(sorted(fitting))
        text = text[len(BYTES.token_bytes(token)) :]
        cursor.advance(token)
    assert END in allowed(cursor.canonical_mask())


@pytest.mark.parametrize("tokenizer", [byte_level(), sentencepiece_like()], ids=["byte level", "sentencepiece"])
def test_what_the_tokenizer_writes_is_never_left_out(tokenizer):
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    values = [
        {},
        {"a": 1},
        {"a": [], "ab": None},
        {"ab": {"a": ["x", "y"], "b": [1, [2]]}},
        [{"a": {}}, {"b": ["", "a"]}],
    ]
    for value in values:
        cursor = Masks(Grammar.from_json_schema({"const": value}), vocabulary).cursor()
        for token in tokenizer.encode(json.dumps(value), add_special_tokens=False):
            if not vocabulary.token_bytes(token):
                continue
            if token not in allowed(cursor.mask()):
                break  # a space that the tokenizer adds
            assert token in allowed(cursor.canonical_mask())
            cursor.advance(token)


def test_it_is_found_once():
    cursor = cursor_of(OPTIONAL)
    assert cursor.canonical_mask() is cursor.copy().canonical_mask()
    assert not np.shares_memory(cursor.canonical_mask(), cursor.mask())
