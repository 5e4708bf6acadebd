"""Schemas that are told to be plain at a glance: they compile, and their shortest text is as long as was said."""

import gzip
import json
import random
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from schemas_made import schemas, schemas_with_references
from walking import accepts, allowed

from fcgen import Masks, Vocabulary
from fcgen.call import Grammar, arguments_schema
from fcgen.errors import FcgenError
from fcgen.functions import read_functions
from fcgen.grammar.derive import fewest
from fcgen.grammar.work import MAX_STEPS
from fcgen.schema import Text, compile_schema
from fcgen.schema.plain import MAX_DEPTH, MAX_LENGTH, MAX_VALUES, plain_need
from fcgen.schema.read import Reader

FUNCTIONS = Path(__file__).parents[3] / "shared" / "data" / "functions"

END = 260
BYTES = Vocabulary([*(bytes([byte]) for byte in range(256)), b'{"', b'": ', b'", "', b'"}', None], stop_ids=[END])
AT_ONCE = MAX_STEPS - 1  # with a limit of its own, all of a schema is read at once

words = st.text("abz_- .1", max_size=4)
notes = st.fixed_dictionaries({}, optional={"description": st.text(max_size=3), "default": st.none(), "title": words})
scalars = st.builds(
    lambda kind, more: {"type": kind, **more},
    st.sampled_from(["string", "integer", "number", "boolean", "null"]),
    notes,
)
lengths = st.builds(
    lambda least, more: {"type": "string", "minLength": least, **({"maxLength": least + more} if more >= 0 else {})},
    st.integers(0, 4),
    st.integers(-1, 4),
)


def within(low, high, names):
    """One of the bounds, both or none, that do not cross."""
    bounds = st.lists(st.integers(low, high), min_size=2, max_size=2).map(sorted)
    return st.builds(
        lambda bounds, left: {name: value for name, value in zip(names, bounds, strict=True) if name != left},
        bounds,
        st.sampled_from([*names, None]),
    )


counts = st.just({}) | within(0, 4, ("minItems", "maxItems"))
numbers = st.builds(
    lambda kind, bounds: {"type": kind, **bounds},
    st.sampled_from(["integer", "number"]),
    within(-999, 999, ("minimum", "maximum")),
)
enums = st.builds(
    lambda kind, values, more: {**kind, "enum": values, **more},
    st.sampled_from([{"type": "string"}, {}]),
    st.lists(words, min_size=1),
    notes,
)


def arrays(items):
    return st.builds(lambda items, counts: {"type": "array", "items": items, **counts}, items, counts)


@st.composite
def objects(draw, values):
    properties = draw(st.dictionaries(words, values, max_size=4))
    schema = {"type": "object", "properties": properties, **draw(notes)}
    if draw(st.booleans()):
        schema["required"] = draw(st.lists(st.sampled_from(sorted(properties)), max_size=4)) if properties else []
    if draw(st.booleans()):
        schema["additionalProperties"] = draw(st.booleans())
    return schema


plain = st.recursive(
    scalars | enums | lengths | numbers,
    lambda inner: objects(inner) | arrays(inner) | objects(inner),
    max_leaves=6,
)


@given(plain, st.sampled_from(["json.dumps", "compact", "flexible"]), st.sampled_from(["schema", "any"]))
def test_a_plain_schema_compiles_and_needs_what_was_said(schema, whitespace, order):
    sign = 2 if whitespace == "json.dumps" else 1
    need = plain_need(schema, colon=sign, comma=sign)
    at_once = compile_schema(schema, text=Text(whitespace, order), depth=1, max_steps=AT_ONCE)
    assert need == fewest(at_once.root)


@given(
    schemas | schemas_with_references | objects(plain | schemas),
    st.sampled_from(["json.dumps", "compact", "flexible"]),
    st.sampled_from(["schema", "any"]),
    st.integers(0, 2**32),
)
def test_plain_parts_that_are_read_late_change_nothing(schema, whitespace, order, seed):
    options = {"whitespace": whitespace, "order": order}
    try:
        at_once = Grammar.from_json_schema(schema, max_steps=AT_ONCE, **options)
    except FcgenError as error:
        with pytest.raises(type(error), match=re.escape(str(error))):
            Grammar.from_json_schema(schema, **options)
        return
    late = Grammar.from_json_schema(schema, **options)
    assert late.notes == at_once.notes
    assert fewest(late.root) == fewest(at_once.root)
    ours, theirs = (Masks(grammar, BYTES).cursor() for grammar in (late, at_once))
    rng = random.Random(seed)
    for _ in range(40):
        assert np.array_equal(ours.mask(), theirs.mask())
        token = rng.choice(sorted(allowed(ours.mask())))
        if token == END:
            break
        ours.advance(token)
        theirs.advance(token)


def test_plain_parts_are_read_when_a_text_comes_to_them(monkeypatch):
    read = []
    whole = Reader.read
    monkeypatch.setattr(
        Reader, "read", lambda self, schema, *rest: (read.append(schema), whole(self, schema, *rest))[1]
    )
    parts = [{"type": "object", "properties": {name: {"type": "string"}}, "title": name} for name in "ab"]
    schema = {"type": "object", "properties": dict(zip("ab", parts, strict=True))}
    compiled = compile_schema(schema)
    cursor = Masks(Grammar(compiled.root), BYTES).cursor()
    for byte in b'{"b": {':
        cursor.advance(byte)
    assert parts[1] in read
    assert parts[0] not in read
    assert ("title", "annotation") in compiled.uses
    assert parts[0] in read


def test_what_names_itself_is_found_in_plain_parts_too():
    named = {"type": "object", "$id": "http://x.example/y", "properties": {"a": {"type": "integer"}}}
    schema = {"type": "object", "properties": {"x": named, "y": {"$ref": "http://x.example/y"}}, "required": ["y"]}
    root = Grammar.from_json_schema(schema).root
    assert accepts(root, b'{"y": {"a": 1}}')
    assert not accepts(root, b'{"y": {"a": "1"}}')


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {},
        {"type": ["string", "null"]},
        {"type": "string", "minLength": 3, "maxLength": 2},
        {"type": "string", "minLength": MAX_LENGTH + 1},
        {"type": "string", "maxLength": 2.0},
        {"type": "string", "maxLength": -1},
        {"type": "string", "enum": ["a"], "maxLength": 1},
        {"type": "integer", "minLength": 1},
        {"type": "integer", "minimum": 3, "maximum": 2},
        {"type": "integer", "minimum": 1000},
        {"type": "integer", "minimum": 0.5},
        {"type": "integer", "minimum": True},
        {"type": "number", "minimum": 0, "exclusiveMinimum": True},
        {"type": "array", "minItems": 2},
        {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 1},
        {"type": "array", "items": {"type": "string"}, "minItems": -1},
        {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        {"type": "string", "enum": []},
        {"enum": []},
        {"enum": ["a", None]},
        {"enum": ["a"], "maxLength": 3},
        {"type": "string", "enum": ["a", 1]},
        {"type": "integer", "enum": ["a"]},
        {"type": "object", "properties": {"é": {"type": "string"}}},
        {"type": "object", "properties": {"a": True}},
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["b"]},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "$ref": "#"},
        {"type": "array", "items": [{"type": "string"}]},
        {"type": "object", "allOf": []},
        {"type": "sting"},
        {"type": "string", "unknown": 1},
    ],
)
def test_what_may_hold_a_mistake_or_a_note_is_not_plain(schema):
    assert plain_need(schema) is None
    assert plain_need({"type": "object", "properties": {"in": schema}}) is None


def test_large_ones_are_not_plain():
    deep = {"type": "string"}
    for _ in range(MAX_DEPTH + 1):
        deep = {"type": "array", "items": deep}
    wide = {"type": "object", "properties": {f"p{i}": {"type": "string"} for i in range(MAX_VALUES + 1)}}
    assert plain_need(deep) is None
    assert plain_need(wide) is None
    assert plain_need({"type": "string", "enum": ["a"] * (MAX_VALUES + 1)}) is None


@pytest.mark.skipif(not FUNCTIONS.exists(), reason="needs the shared data")
def test_most_functions_are_plain_and_compile():
    with gzip.open(FUNCTIONS / "bfcl.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines][::20]
    schemas = [arguments_schema(one) for row in rows for one in read_functions(row["functions"])]
    needs = [plain_need(schema) for schema in schemas]
    assert sum(need is not None for need in needs) > 0.8 * len(needs)
    for schema, need in zip(schemas, needs, strict=True):
        if need is not None:
            assert need == fewest(compile_schema(schema, text=Text(whole_fraction=False), depth=1).root)
