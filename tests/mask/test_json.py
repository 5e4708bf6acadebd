"""Masks inside real JSON texts, where runs of plain characters take a short cut: still exactly brute force."""

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st
from walking import after, allowed

from fcgen import Grammar, Masks, Vocabulary
from fcgen.grammar.derive import INFINITE, fewest

SCHEMAS = [
    {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a"]},
    {"type": "array", "items": {"type": "string", "maxLength": 3}, "maxItems": 2},
    {"type": "array", "items": {"type": "string", "minLength": 3}, "minItems": 1},
    {"enum": ["é\n", 'a"b', "", 12, None]},
    {"type": "string", "pattern": "^a+$"},
    True,
]
GRAMMARS = [Grammar.from_json_schema(s, whitespace=w) for s in SCHEMAS for w in ("json.dumps", "flexible")]
GRAMMARS += [
    Grammar.from_functions([{"name": "f", "parameters": SCHEMAS[0]}, {"name": "fg", "parameters": {}}]),
    Grammar.from_regex("[^{]*"),
    Grammar.from_regex("[a-z ]{3,}ab[0-9]?"),
]
PIECES = [
    '"',
    '{"',
    '"a',
    '"a"',
    '": ',
    '", "',
    '"}',
    "}",
    "é",
    "\\",
    '\\"',
    "\\u00",
    "[]",
    " ",
    "  ",
    "ab",
    "hello wor",
    'x"y',
    "12",
    "1.",
    "null",
    "tru",
    'function": "f',
    '{"function',
    "☃",
    "a\\",
    "\n",
    "\x00",
]
EXTRA = [b"\xc3", b"a\xc3", b"\xa9", b"\xa9b", b"\xf0\x9f", b"\xff"]


@st.composite
def vocabularies(draw):
    pieces = draw(st.lists(st.sampled_from(PIECES), unique=True, min_size=3))
    joined = draw(st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(PIECES)).map("".join), max_size=8))
    words = draw(st.lists(st.text(min_size=2, max_size=4), max_size=8))
    tokens = [*(bytes([b]) for b in range(256)), *(p.encode() for p in {*pieces, *joined, *words}), *EXTRA]
    return Vocabulary([*tokens, None], stop_ids={len(tokens)})


@settings(max_examples=60)
@given(st.sampled_from(GRAMMARS), vocabularies(), st.randoms(use_true_random=False))
def test_mask_is_brute_force(grammar, vocabulary, rng):
    cursor = Masks(grammar, vocabulary).cursor()
    for _ in range(8):
        here = after(grammar.root, cursor.text)
        expected = {
            t
            for t in range(vocabulary.size)
            if (data := vocabulary.token_bytes(t)) and fewest(after(here, data)) != INFINITE
        }
        if here.can_stop:
            expected |= set(vocabulary.stop_ids)
        assert allowed(cursor.mask()) == expected
        cursor.advance(rng.choice(sorted(expected)))
        if cursor.stopped:
            break


MORE_SCHEMAS = [
    {"properties": {"a": {"type": "string", "minLength": 2, "maxLength": 5}, "ab": {"properties": {"12": True}}}},
    {"properties": {"hello": {"enum": ["ab", "abab"]}}, "patternProperties": {"^a": {"type": "null"}}},
    {"type": "array", "items": {"type": "object", "required": ["a"], "properties": {"a": {"pattern": "^(?!.*ab)"}}}},
    {"anyOf": [{"type": "object", "properties": {"a": {"const": c}}, "required": ["a"]} for c in ("ab", "12", True)]},
    {"type": "array", "uniqueItems": True, "items": {"type": ["string", "integer"]}},
]
MORE_GRAMMARS = [
    Grammar.from_json_schema(s, whitespace=w, order=o)
    for s in MORE_SCHEMAS
    for w in ("json.dumps", "flexible")
    for o in ("schema", "any")
]
MANY_TOKENS = sorted({"".join(parts).encode() for n in (1, 2, 3) for parts in itertools.product(PIECES, repeat=n)})
LARGE = Vocabulary(
    [*(bytes([b]) for b in range(256)), *(t for t in MANY_TOKENS if len(t) > 1), None],
    stop_ids={256 + sum(len(t) > 1 for t in MANY_TOKENS)},
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([*GRAMMARS, *MORE_GRAMMARS]), st.integers(0, 2**32))
def test_mask_of_many_tokens_is_brute_force_for_some(grammar, seed):
    """So many tokens that their suffixes are merged, and what is called is walked by itself."""
    rng = random.Random(seed)
    cursor = Masks(grammar, LARGE).cursor()
    for _ in range(10):
        here = after(grammar.root, cursor.text)
        may = allowed(cursor.mask())
        some = {*rng.sample(range(LARGE.size - 1), 60), *rng.sample(sorted(may), min(60, len(may)))} - LARGE.stop_ids
        for token in some:
            assert (token in may) == (fewest(after(here, LARGE.token_bytes(token))) != INFINITE), LARGE.token_bytes(
                token
            )
        assert bool(may & LARGE.stop_ids) == here.can_stop
        longest = max(may - LARGE.stop_ids or may, key=lambda token: (len(LARGE.token_bytes(token)), rng.random()))
        cursor.advance(rng.choice([longest, *rng.sample(sorted(may), 1)]))
        if cursor.stopped:
            break
