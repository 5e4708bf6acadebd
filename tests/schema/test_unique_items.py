"""Arrays whose items must differ or are counted: what compiles is written to its end; all else is refused at once."""

import json
import random

import numpy as np
import pytest
from arrays_made import array_schemas
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import validators
from tokenizers_made import byte_level
from walking import accepts, allowed

from fcgen import Grammar, Masks, Vocabulary
from fcgen.errors import SchemaError, Unsatisfiable
from fcgen.grammar.enumeration import few_texts, texts_of
from fcgen.grammar.expr import byte_range, literal, repeat, seq
from fcgen.schema import Text, compile_schema
from fcgen.schema.algebra import forget
from fcgen.schema.judge import exact, mistake_in

PIECES = ['"', '", "', '","', '"]', "[", "]", ", ", '["', "true", "null", "admin", "ad", "12", '{"', '": ', "}"]
TOKENS = [*(bytes([byte]) for byte in range(256)), *(piece.encode() for piece in PIECES if len(piece) > 1)]
VOCABULARY = Vocabulary([*TOKENS, None], stop_ids={len(TOKENS)})
IDS = {token.decode("latin-1"): number for number, token in enumerate(TOKENS)}
ADMIN = {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "contains": {"const": "admin"}}
CODES = sorted({"".join(random.Random(seed).choices("abcdefgh ", k=2 + seed % 12)) + str(seed) for seed in range(1000)})


def walked(masks, rng, spare):
    """A text of random tokens, with a budget of a few more than are needed."""
    cursor = masks.cursor(budget=masks.fewest_tokens + spare)
    while not cursor.stopped:
        tokens = sorted(allowed(cursor.mask()))
        assert tokens, cursor.text
        cursor.advance(rng.choice(tokens[-40:] if rng.random() < 0.7 else tokens))
    return cursor.text


def check(schema, rng, **choices):
    """A schema is refused, as such or as impossible, or every walk through it ends in a valid value."""
    try:
        masks = Masks(Grammar.from_json_schema(schema, **choices), VOCABULARY)
    except SchemaError as error:  # neither out of steps, nor too large
        return error
    judge = validators.validator_for(schema)
    validator = judge(schema, format_checker=judge.FORMAT_CHECKER)
    for spare in (0, 3, 40):
        validator.validate(json.loads(walked(masks, rng, spare)))
    return None


@settings(max_examples=60)
@given(
    array_schemas(),
    st.sampled_from(["json.dumps", "compact", "flexible"]),
    st.sampled_from(["schema", "any"]),
    st.randoms(use_true_random=False),
)
@example(ADMIN, "json.dumps", "schema", random.Random(0))
@example({**ADMIN, "minItems": 3}, "json.dumps", "schema", random.Random(0))
def test_what_compiles_is_written_to_its_end(schema, whitespace, order, rng):
    check(schema, rng, whitespace=whitespace, order=order)


@settings(max_examples=12)
@given(array_schemas(), st.integers(0, 2**32))
def test_the_outcome_does_not_depend_on_what_was_compiled_before(schema, seed):
    outcomes = []
    for _ in range(2):
        outcomes.append(str(check(schema, random.Random(seed))))
        forget()
        compile_schema.__globals__["_compile_content"].cache_clear()
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    "schema",
    [
        {"items": {"type": "integer"}, "contains": {"const": "admin"}},
        {"items": {"enum": [1, 2, 3]}, "minItems": 4},
        {"items": {"type": "boolean"}, "contains": {"const": 1}},
        {"items": {"type": "integer", "minimum": 1, "maximum": 9}, "minItems": 10},
        {"prefixItems": [{"const": 1}, {"const": 1}], "minItems": 2},
        {"items": {"type": "array", "items": {"type": "boolean"}, "maxItems": 1}, "minItems": 4},
        {"contains": {"enum": ["a", "b"]}, "minContains": 3},
    ],
)
def test_it_is_seen_that_there_are_too_few_values(schema):
    with pytest.raises(Unsatisfiable):
        compile_schema({"type": "array", "uniqueItems": True, **schema})


def test_a_value_that_is_needed_later_is_not_taken_before():
    schema = {"type": "array", "uniqueItems": True, "prefixItems": [True, {"const": "a"}], "minItems": 2}
    cursor = Masks(Grammar.from_json_schema(schema), VOCABULARY).cursor()
    cursor.advance(IDS['["'])
    assert IDS["a"] in allowed(cursor.mask())
    cursor.advance(IDS["a"])
    assert IDS['"'] not in allowed(cursor.mask())
    assert IDS["b"] in allowed(cursor.mask())


@pytest.mark.parametrize("count", [249, 1000])
def test_listed_values_cost_hardly_more_where_they_must_differ(count):
    """New states are what masks cost: they grow with what is written, not with how many values there are."""
    names = CODES[:count]
    text = json.dumps(names[:12])
    sizes = []
    for unique in (False, True):
        schema = {"type": "array", "items": {"enum": names}, "uniqueItems": unique}
        vocabulary = Vocabulary([*TOKENS, None], stop_ids={len(TOKENS)})
        masks = Masks(Grammar.from_json_schema(schema), vocabulary)
        cursor = masks.cursor()
        for byte in text.encode():
            mask = cursor.mask()
            assert mask[byte >> 5] >> np.uint32(byte & 31) & 1
            cursor.advance(byte)
        assert cursor.can_stop
        sizes.append(cursor._masks.size)
    assert sizes[1] - sizes[0] < 10 * len(text)


def test_no_listed_value_comes_twice():
    schema = {"type": "array", "items": {"enum": [1, 12, 123, "a"]}, "uniqueItems": True, "minItems": 4}
    for seed in range(20):
        masks = Masks(Grammar.from_json_schema(schema), VOCABULARY)
        found = json.loads(walked(masks, random.Random(seed), seed))
        assert sorted(map(str, found)) == ["1", "12", "123", "a"]


def closed(kind, count):
    """A schema of arrays or objects that hold each of `count` values or names once at most, and their texts."""
    names = CODES[:count]
    pattern = f"^(?:{'|'.join(names)})$"
    if kind == "names":
        return {"propertyNames": {"enum": names}, "additionalProperties": True}, [f'"{name}": 1' for name in names]
    if kind == "names of a pattern":
        return {"patternProperties": {pattern: {"const": 1}}, "additionalProperties": False}, [
            f'"{name}": 1' for name in names
        ]
    items = {"enum": {"enum": names}, "pattern": {"type": "string", "pattern": pattern}}
    if kind == "integers":
        return {"items": {"type": "integer", "minimum": 1, "maximum": count}}, [str(n + 1) for n in range(count)]
    return {"items": items[kind]}, [f'"{name}"' for name in names]


@settings(max_examples=2, deadline=None)
@given(
    st.sampled_from(["enum", "pattern", "integers", "names", "names of a pattern"]),
    st.integers(250, 600),
    st.booleans(),
    st.randoms(use_true_random=False),
)
@example("enum", 257, False, random.Random(0))
@example("enum", 200, True, random.Random(0))
@example("names", 257, False, random.Random(0))
@example("names of a pattern", 300, False, random.Random(0))
def test_a_comma_is_written_until_the_last_value_of_a_closed_set_and_not_after_it(kind, count, has_least, rng):
    keywords, texts = closed(kind, count)
    is_array = "items" in keywords
    least = min(count, 200) if has_least and is_array else 0
    schema = {"type": "array", "uniqueItems": True, "minItems": least} if is_array else {"type": "object"}
    cursor = Masks(Grammar.from_json_schema({**schema, **keywords}), VOCABULARY).cursor()
    if kind != "names":  # the schema lists them, so they have an order
        rng.shuffle(texts)
    open_, close = ("[", "]") if is_array else ("{", "}")
    cursor.advance(IDS[open_])
    for left, text in zip(range(count - 1, -1, -1), texts, strict=True):
        for byte in text.encode():
            cursor.advance(byte)
        if left < 3 or left in (count - 64, count - 65, count - 256, count - 257):
            tokens = allowed(cursor.mask())
            assert (IDS[","] in tokens, IDS[close] in tokens) == (left > 0, count - left >= least)
        if left:
            cursor.advance(IDS[", "])
    cursor.advance(IDS[close])
    assert cursor.can_stop


def test_too_many_ways_are_refused_when_it_is_compiled():
    groups = [{"enum": list(range(10 * i, 10 * i + 30))} for i in range(8)]
    schema = {"type": "array", "uniqueItems": True, "prefixItems": groups, "minItems": 8, "items": {"type": "integer"}}
    with pytest.raises(SchemaError) as caught:
        compile_schema({**schema, "contains": {"multipleOf": 7}, "minContains": 4})
    assert (caught.value.keyword, caught.value.pointer) == ("uniqueItems", "/uniqueItems")


def test_texts_are_listed_the_short_ones_first():
    term = seq(literal(b"x"), repeat(byte_range(97, 98), 0, 2))
    expected = [b"x", b"xa", b"xb", b"xaa", b"xab", b"xba", b"xbb"]
    assert sorted(texts_of(term)) == sorted(expected)
    assert [len(text) for text in texts_of(term)] == [1, 2, 2, 3, 3, 3, 3]
    assert sorted(few_texts(term, 7)) == sorted(expected)
    assert few_texts(term, 6) is None


@pytest.mark.parametrize("order", ["schema", "any"])
def test_items_are_definitions_that_hold_such_arrays_too(order):
    """Each array is checked when all that it refers to is lowered, also what the others refer to."""

    def part(*names):
        arrays = {name: {"type": "array", "uniqueItems": True, "items": {"$ref": f"#/$defs/{name}"}} for name in names}
        return {"type": "object", "properties": {**arrays, "id": {"type": "string", "format": "duration"}}}

    schema = {
        **part("a", "b"),
        "$defs": {"a": part("b", "c"), "b": part("c", "a", "d"), "c": part("d"), "d": part("a")},
    }
    root = compile_schema(schema, text=Text(order=order)).root
    assert accepts(root, b'{"a": [{"b": [{"d": []}]}, {"b": []}]}')
    assert not accepts(root, b'{"a": [{"b": []}, {"b": []}]}')


COMMENT = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "text": {"type": "string"},
        "replies": {"type": "array", "items": {"$ref": "#/$defs/comment"}, "uniqueItems": True},
    },
    "required": ["id", "text", "replies"],
}


@pytest.mark.parametrize(
    ("name", "definition", "least"),
    [
        ("comment", COMMENT, 1),
        ("array", {"type": "array", "items": {"$ref": "#/$defs/array"}, "uniqueItems": True}, 3),
    ],
)
def test_arrays_of_items_that_must_differ_may_be_within_each_other(name, definition, least):
    """The shortest of them is found without a search through all that each could begin."""
    items = {"type": "array", "items": {"$ref": f"#/$defs/{name}"}, "uniqueItems": True, "minItems": least}
    assert check({"$defs": {name: definition}, **items}, random.Random(1)) is None


@pytest.mark.parametrize(
    "items",
    [
        {"type": "object", "properties": {"a": {"type": "null"}, "b": {"type": "string"}}},
        {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": {"type": "boolean"}}},
        {"type": "array", "items": {"type": ["string", "boolean"]}, "uniqueItems": True},
        {},
    ],
)
def test_allowed_tokens_are_afforded_where_what_differs_is_within_what_differs(items):
    tokenizer = byte_level()
    vocabulary = Vocabulary.from_tokenizer(tokenizer, stop_ids={tokenizer.eos_token_id})
    schema = {"type": "array", "items": items, "uniqueItems": True, "minItems": 2}
    masks = Masks(Grammar.from_json_schema(schema), vocabulary)
    for seed in range(40):
        rng = random.Random(seed)
        cursor = masks.cursor(budget=masks.fewest_tokens + rng.randrange(20))
        while not cursor.stopped:
            tokens = sorted(allowed(cursor.mask()))
            for token in rng.sample(tokens, min(3, len(tokens))):
                cursor.copy().advance(token)
            cursor.advance(rng.choice(tokens))


def tree(least, named, **more):
    node = {"type": "object", "properties": {"name": {"type": "string"}, "children": {"$ref": "#"}}, **named}
    return {"type": "array", "items": node, "uniqueItems": True, "minItems": least, **more}


NAMED = {"contains": {"required": ["name"]}, "minContains": 2}
TREES = [
    tree(2, {"additionalProperties": False}),
    tree(3, {"required": ["name"]}),
    tree(0, {"required": ["name"], "additionalProperties": False}, **NAMED),
    {"type": "array", "items": {"type": "array", "items": {"anyOf": [{"$ref": "#"}, {"type": "string"}]}},
     "uniqueItems": True, "minItems": 2},
    {"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "required": ["id"], "properties": {
        "id": {"type": "integer"}, "next": {"$ref": "#/$defs/node"},
        "children": {"type": "array", "items": {"$ref": "#/$defs/node"}, "uniqueItems": True, "minItems": 2},
    }}}},
]  # fmt: skip


@settings(max_examples=20)
@given(st.sampled_from(TREES), st.sampled_from(["schema", "any"]), st.randoms(use_true_random=False))
def test_a_tree_whose_children_must_differ_is_written_to_its_end(schema, order, rng):
    masks = Masks(Grammar.from_json_schema(schema, order=order), VOCABULARY)
    for spare in (0, 3, 60):
        assert mistake_in(json.loads(walked(masks, rng, spare), parse_float=exact), schema) is None


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"$ref": "#"}, "uniqueItems": True, "minItems": 2},
        tree(2, {"additionalProperties": {"$ref": "#"}, "properties": {}}),
        {"type": "array", "items": {"anyOf": [{"type": "boolean"}, {"$ref": "#"}]}, "uniqueItems": True, "minItems": 3},
    ],
    ids=str,
)
def test_a_tree_whose_leaves_are_too_few_is_impossible(schema):
    """The innermost array holds leaves alone."""
    with pytest.raises(Unsatisfiable, match="too few values"):
        Grammar.from_json_schema(schema)


@pytest.mark.parametrize("where", [{"items": None}, {"properties": {"a": None}}], ids=str)
def test_a_tree_whose_leaves_may_run_out_is_refused_at_once(where):
    bits = {"anyOf": [{"type": "boolean"}, {"$ref": "#/$defs/bits"}]}
    defs = {"bits": {"type": "array", "items": bits, "uniqueItems": True, "minItems": 2}}
    to_bits = {"$ref": "#/$defs/bits"}
    schema = {key: to_bits if value is None else dict.fromkeys(value, to_bits) for key, value in where.items()}
    with pytest.raises(SchemaError, match="may run out") as caught:
        Grammar.from_json_schema({**schema, "$defs": defs})
    assert (caught.value.pointer, caught.value.keyword) == ("/$defs/bits/uniqueItems", "uniqueItems")
