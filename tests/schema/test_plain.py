"""Schemas that are told to be plain at a glance: they compile, and their shortest text is as long as was said."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgen.call import arguments_schema
from fcgen.functions import read_functions
from fcgen.grammar.derive import fewest
from fcgen.schema import Text, compile_schema
from fcgen.schema.plain import MAX_DEPTH, MAX_VALUES, plain_need

FUNCTIONS = Path(__file__).parents[3] / "shared" / "data" / "functions"

words = st.text("abz_- .1", max_size=4)
notes = st.fixed_dictionaries({}, optional={"description": st.text(max_size=3), "default": st.none(), "title": words})
scalars = st.builds(
    lambda kind, more: {"type": kind, **more},
    st.sampled_from(["string", "integer", "number", "boolean", "null"]),
    notes,
)
enums = st.builds(lambda values, more: {"type": "string", "enum": values, **more}, st.lists(words, min_size=1), notes)


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
    scalars | enums,
    lambda inner: objects(inner) | st.builds(lambda items: {"type": "array", "items": items}, inner) | objects(inner),
    max_leaves=6,
)


@given(plain, st.sampled_from(["json.dumps", "compact", "flexible"]), st.sampled_from(["schema", "any"]))
def test_a_plain_schema_compiles_and_needs_what_was_said(schema, whitespace, order):
    sign = 2 if whitespace == "json.dumps" else 1
    need = plain_need(schema, colon=sign, comma=sign)
    assert need == fewest(compile_schema(schema, text=Text(whitespace, order), depth=1).root)


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {},
        {"type": ["string", "null"]},
        {"type": "string", "minLength": 3},
        {"type": "string", "enum": []},
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
