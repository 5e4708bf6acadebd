"""Schemas that users of other engines reported as misread, with values that must and must not be written."""

import json

import pytest
from schemas_made import is_valid, root_of
from walking import accepts

ODD_NAMES = ["", 'a"b', "c\\d", "e\nf", "😀", "\x00", "a/b~c%", "\u2028", "__proto__"]

REPORTED = {
    "names of values beside their schema": (
        {
            "propertyNames": {"type": "string"},
            "additionalProperties": {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]},
        },
        [{"a": {"n": 1}}, {}],
        [{"a": "plain"}, {"a": {}}],
    ),
    "alternation at the top of a name's pattern": (
        {"propertyNames": {"pattern": "^a|b$"}, "type": "object"},
        [{"ax": 1, "xb": 2}],
        [{"xa": 1}],
    ),
    "a declared property that a pattern matches too": (
        {
            "properties": {"score": {"type": "integer", "multipleOf": 5}},
            "patternProperties": {"^score$": {"minimum": 10}},
            "additionalProperties": False,
        },
        [{"score": 15}],
        [{"score": 14}, {"score": 5}, {"other": 1}],
    ),
    "an enum behind a reference": (
        {"properties": {"s": {"$ref": "#/definitions/E"}}, "definitions": {"E": {"enum": ["a", "b"]}}},
        [{"s": "a"}],
        [{"s": {}}, {"s": "c"}],
    ),
    "definitions in any order": (
        {
            "$defs": {
                "C": {"properties": {"p": {"$ref": "#/$defs/A"}}, "required": ["p"], "type": "object"},
                "A": {"properties": {"p": {"$ref": "#/$defs/E"}}, "required": ["p"], "type": "object"},
                "E": {"type": "boolean"},
            },
            "$ref": "#/$defs/C",
        },
        [{"p": {"p": True}}],
        [{"p": {"p": 1}}, {"p": True}],
    ),
    "an optional property that cannot be": ({"properties": {"x": {"enum": []}}}, [{}], [{"x": "a"}, {"x": None}]),
    "names of any characters": (
        {
            "properties": {name: {"type": "integer"} for name in ODD_NAMES},
            "required": ["", "😀"],
            "additionalProperties": False,
        },
        [dict.fromkeys(ODD_NAMES, 1), {"": 1, "😀": 2}],
        [{"😀": 1}, {"": 1, "😀": "x"}],
    ),
    "escapes that need none": (
        {"pattern": r"^[\säÄß\w\_\'\/\-\+\*\&\<\>\(\)\,\:\.\?\!]+$"},
        ["Käse & <a>!"],
        ["#", ""],
    ),
    "braces that count nothing": ({"pattern": r"^\${{.*}}$"}, ["${{ x }}"], ["{{x}}", "${x}"]),
    "slashes with an escape": ({"pattern": r"^(https:\/\/)?a\.com\/\w+\/?$"}, ["https://a.com/b/"], ["ftp://a.com/b"]),
    "a pattern and a length": ({"pattern": r"^[\x20-\x7E]+$", "minLength": 2, "maxLength": 8}, ["ab"], ["a", "a" * 9]),
    "an escape and many spaces": ({"const": "\n" + " " * 30}, ["\n" + " " * 30], ["\n", "\n" + " " * 29]),
    "marks of a text that look like others": ({"type": "string"}, ["„hören“ # ‘x’ \u202f"], [1]),
}  # fmt: skip


@pytest.mark.parametrize(("schema", "valid", "invalid"), REPORTED.values(), ids=REPORTED)
def test_what_users_of_other_engines_reported(schema, valid, invalid):
    root = root_of(schema)
    for fits, values in ((True, valid), (False, invalid)):
        texts = [json.dumps(value, ensure_ascii=False) for value in values]
        assert [accepts(root, text.encode()) for text in texts] == [fits] * len(values)
        assert [is_valid(schema, value) for value in values] == [fits] * len(values)


@pytest.mark.parametrize(
    "text", ['{"a": "\t"}', "{\"a': 1}", '{"a": “x"}', '{"a": "x”}', '{"a": nulltrue}', '{"a": 01}']
)
def test_texts_that_are_no_json(text):
    assert not accepts(root_of({"type": "object"}), text.encode())
