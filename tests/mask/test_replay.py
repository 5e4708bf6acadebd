"""Replies to real schemas, token by token, with tokens taken back at random: masks are those of the way without it."""

import gzip
import json
import random
import zlib
from pathlib import Path

import numpy as np
import pytest
import tokenizers_made
from walking import allowed

from fcgen import Grammar
from fcgen.errors import FcgenError, TokenRefused
from fcgen.mask import Masks
from fcgen.vocab import Vocabulary

CORPUS = Path(__file__).parents[3] / "shared/data/maskbench/maskbench.jsonl.gz"
VOCABULARY = Vocabulary.from_tokenizer(tokenizers_made.byte_level())
EVERY = 30
MOST_TOKENS = 300

OWN = [
    {
        "schema": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 20},
                "tags": {"type": "array", "items": {"enum": ["a", "ab", "b"]}, "uniqueItems": True, "maxItems": 3},
                "size": {"type": "number", "minimum": 0.5, "exclusiveMaximum": 100},
                "next": {"$ref": "#"},
            },
            "required": ["name", "tags"],
            "additionalProperties": False,
        },
        "tests": [
            {"data": {"name": "Grüße 🙂", "tags": ["ab", "a"], "size": 12.25, "next": {"name": "x", "tags": []}}},
            {"data": {"name": 'a"b\\c\n', "tags": ["b", "ab", "a"]}},
        ],
    },
    {
        "schema": {
            "type": "object",
            "patternProperties": {"^[a-z]{2,4}$": {"type": ["integer", "null"]}},
            "additionalProperties": {"type": "array", "items": {"type": "boolean"}},
            "minProperties": 2,
        },
        "tests": [{"data": {"ab": 1, "abc": None, "A b": [True, False]}}, {"data": {"x": [], "y": [True]}}],
    },
]


def cases():
    yield from (pytest.param(case, id=f"own-{number}") for number, case in enumerate(OWN))
    if CORPUS.is_file():
        with gzip.open(CORPUS, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                if number % EVERY == 0:
                    case = json.loads(line)
                    yield pytest.param(case, id=case["file"])


def spelled(text, rng):
    """Tokens that spell a text: not always the longest ones."""
    tokens = []
    while text:
        size = rng.choice([1, 2, 4, 16])
        token = VOCABULARY.longest(text[:size])
        tokens.append(token)
        text = text[len(VOCABULARY.token_bytes(token)) :]
    return tokens


def replay(masks, tokens, rng):
    """Take the tokens, as far as they are allowed. At random take some others, or go back; then compare."""
    plain, cursor = masks.cursor(), masks.cursor()
    seen = [plain.mask().copy()]
    for token in tokens:
        if rng.random() < 0.2:
            stray(cursor, rng)
        if rng.random() < 0.1 and cursor.tokens:
            back = rng.randrange(1, len(cursor.tokens) + 1)
            again = cursor.tokens[-back:]
            cursor.rollback(back)
            assert np.array_equal(cursor.mask(), seen[len(cursor.tokens)])
            for one in again:
                cursor.advance(one)
        mask = cursor.mask()
        assert np.array_equal(mask, seen[-1])
        if token not in allowed(mask):
            with pytest.raises(TokenRefused):
                cursor.advance(token)
            return
        plain.advance(token)
        cursor.advance(token)
        seen.append(plain.mask().copy())
    assert cursor.text == plain.text
    assert cursor.can_stop == plain.can_stop
    assert cursor.fewest_tokens == plain.fewest_tokens


def stray(cursor, rng):
    """Some steps elsewhere, which are taken back."""
    steps = 0
    for _ in range(rng.randrange(1, 5)):
        may = sorted(allowed(cursor.mask()))
        if not may or cursor.stopped:
            break
        cursor.advance(rng.choice(may))
        steps += 1
    cursor.rollback(steps)


@pytest.mark.parametrize("case", list(cases()))
def test_what_is_taken_back_leaves_nothing(case):
    rng = random.Random(zlib.crc32(json.dumps(case["schema"]).encode()))
    try:
        masks = Masks(Grammar.from_json_schema(case["schema"], order="any"), VOCABULARY)
    except FcgenError:
        pytest.skip("the schema is refused")
    for test in case["tests"][:2]:
        text = json.dumps(test["data"], ensure_ascii=False).encode("utf-8", "replace")
        replay(masks, spelled(text, rng)[:MOST_TOKENS], rng)
    # A way through a grammar that nobody has been at gives the same masks as one that others went before.
    cursor, fresh = masks.cursor(), Masks(Grammar.from_json_schema(case["schema"], order="any"), VOCABULARY).cursor()
    for _ in range(10):
        assert np.array_equal(cursor.mask(), fresh.mask())
        if cursor.stopped:
            break
        token = rng.choice(sorted(allowed(cursor.mask())))
        cursor.advance(token)
        fresh.advance(token)
