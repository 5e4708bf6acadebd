"""Under `escapes="free"` a string may be spelled in any way, wherever it stands, and counts as what it means."""

import json
import random
import re

from hypothesis import assume, given
from hypothesis import strategies as st
from schemas_made import (
    compiled,
    explain,
    fitting,
    no_twice,
    orders,
    schemas,
    schemas_with_references,
    values,
)
from walking import accepts, restrict, sample

from fcgen import Grammar
from fcgen.grammar.automaton import DEAD, Automaton
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.expr import ALL_BYTES, NOTHING

STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
SHORT = {'"': '"', "\\": "\\", "/": "/", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
STYLES = {"json.dumps": {}, "compact": {"separators": (",", ":")}, "indent=2": {"indent": 2}, "flexible": {}}
TEXTS = ["a", "ab", "é", "É", "/", "a/b", '"', "\\", "\n", "\x1f", "\x7f", "😀", "a😀", "\ud800", "u0061", ""]
all_schemas = schemas | schemas_with_references
seeds = st.integers(0, 2**32 - 1)
order_names = st.sampled_from(["schema", "any"])
styles = st.sampled_from(sorted(STYLES))
texts = st.sampled_from(TEXTS)


def numbered(char, rng):
    r"""A character as `\uXXXX`, or as two such."""
    units = char.encode("utf-16-be", "surrogatepass").hex()
    units = "".join(rng.choice([digit, digit.upper()]) for digit in units)
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))


def spellings(char, rng):
    """All ways to write a character, up to the case of digits."""
    found = [numbered(char, rng)]
    if char in SHORT:
        found.append("\\" + SHORT[char])
    if char not in '"\\' and char >= " " and not "\ud800" <= char <= "\udfff":
        found.append(char)
    return found


def respelled(text, rng):
    """A JSON text with every character of its strings written in some way."""

    def in_some_way(found):
        return '"' + "".join(rng.choice(spellings(char, rng)) for char in json.loads(found[0])) + '"'

    other = STRING.sub(in_some_way, text)
    assert json.loads(other) == json.loads(text)
    return other.encode()


def dumped(value, whitespace="json.dumps"):
    text = json.dumps(value, ensure_ascii=False, **STYLES[whitespace])
    return text.encode("utf-8", "backslashreplace").decode()  # half of a surrogate pair has no other spelling


def walked(root, text):
    """Whether a text is accepted by the states of an automaton."""
    automaton = Automaton()
    place = automaton.step(automaton.start(root), text)
    return place != DEAD and automaton.can_stop(place)


def agree(schema, value, whitespace, order, rng):
    """Under free escapes a value is accepted in any spelling if it is accepted in its own under canonical ones."""
    free, canonical = (compiled(schema, whitespace, order=order, escapes=name) for name in ("free", "canonical"))
    for ordered in list(orders(value))[:6]:
        text = dumped(ordered, whitespace)
        expected = accepts(canonical, text.encode())
        for _ in range(3):
            other = respelled(text, rng)
            assert accepts(free, other) == expected, other
        assert free is NOTHING or walked(free, other) == expected, other


@given(st.data(), all_schemas, styles, order_names, seeds)
def test_a_value_is_accepted_in_all_spellings_or_none(data, schema, whitespace, order, seed):
    value = data.draw(values | fitting(schema) if "$defs" not in schema else values)
    agree(schema, value, whitespace, order, random.Random(seed))


listed = st.sampled_from(
    [
        {"enum": TEXTS},
        {"const": "a/b"},
        {"not": {"const": "a"}},
        {"type": "string", "not": {"enum": ["é", "", "\n"]}},
        {"enum": [{"é": "/"}, ["a", {"/": "\ud800"}], "é"]},
        {"type": "string", "maxLength": 1},
        {"oneOf": [{"const": "a"}, {"enum": ["a", "ab"]}, {"pattern": "^.$", "type": "string"}]},
    ]
)
OBJECTS = [
    {"properties": {name: True for name in TEXTS if name != "a"}},
    {"properties": {name: True for name in TEXTS if name != "é"}, "additionalProperties": False},
    {"properties": {"é": {"const": "é"}, "\ud800": True, "😀": {"const": 1}}, "required": ["é", "😀"]},
    {"required": ["é", "/"]},
    {"patternProperties": {"^a|/$": {"type": "integer"}}, "properties": {"a": {"const": 1}}},
    {"propertyNames": {"enum": ["é", "/", "a", "😀"]}},
    {"propertyNames": {"not": {"enum": ["é", "/"]}}, "minProperties": 1},
    {"minProperties": 2, "maxProperties": 2},
    {"dependentRequired": {"é": ["/"]}, "dependentSchemas": {"/": {"required": ["a"]}}},
    {"oneOf": [{"properties": {"é": {"const": "é"}}}, {"properties": {"é": {"const": "/"}}}], "required": ["é"]},
]


@given(st.sampled_from(OBJECTS), st.dictionaries(texts, st.just(1) | texts, max_size=4), styles, order_names, seeds)
def test_names_count_as_what_they_mean(schema, value, whitespace, order, seed):
    agree({"type": "object", **schema}, value, whitespace, order, random.Random(seed))


@given(listed, texts | st.dictionaries(texts, texts, max_size=2) | st.lists(texts, max_size=2), seeds)
def test_values_that_are_listed_may_be_spelled_in_any_way(schema, value, seed):
    agree(schema, value, "json.dumps", "schema", random.Random(seed))


@given(st.sampled_from(OBJECTS), st.lists(texts, min_size=1, max_size=3, unique=True), order_names, seeds)
def test_no_name_comes_twice(schema, names, order, seed):
    rng = random.Random(seed)
    root = compiled({"type": "object", **schema}, order=order, escapes="free")
    members = [*names, rng.choice(names)]
    rng.shuffle(members)
    text = "{" + ", ".join(f"{respelled(dumped(name), rng).decode()}: 1" for name in members) + "}"
    assert not accepts(root, text.encode())


ITEMS = [
    {},
    {"items": {"type": "string"}},
    {"items": {"enum": TEXTS}},
    {"items": {"type": "string", "pattern": "^[a/é]"}},
    {"contains": {"const": "é"}, "maxItems": 6},
    {"prefixItems": [{"enum": ["a", "é"]}], "minItems": 2},
]
items = texts | st.lists(texts, max_size=2) | st.dictionaries(texts, texts, max_size=2)


@given(st.sampled_from(ITEMS), st.lists(items, max_size=4), order_names, seeds)
def test_items_differ_in_what_they_mean(schema, some, order, seed):
    schema = {"type": "array", "uniqueItems": True, **schema}
    agree(schema, some, "json.dumps", order, random.Random(seed))


@given(all_schemas, styles, order_names, seeds)
def test_what_is_written_is_valid_and_names_nothing_twice(schema, whitespace, order, seed):
    root = compiled(schema, whitespace, order=order, escapes="free")
    assume(root is not NOTHING)
    for i in range(3):
        explain(schema, json.loads(sample(root, random.Random(seed + i), steps=40), object_pairs_hook=no_twice))


@given(all_schemas | st.sampled_from(OBJECTS), seeds)
def test_without_some_bytes_what_is_left_can_be_finished(schema, seed):
    rng = random.Random(seed)
    root = compiled(schema, escapes="free")
    without = sum(1 << byte for byte in rng.sample(b"abcu0123456789\\/\xc3\xa9", 3))
    left = restrict(root, ALL_BYTES & ~without)
    assume(fewest(left) != INFINITE)
    text = sample(left, rng, steps=30)
    explain(schema, json.loads(text, object_pairs_hook=no_twice))


def test_what_is_called_is_known_from_the_text_as_it_stands():
    parameters = {"type": "object", "properties": {"é": {"const": "é"}}, "additionalProperties": False}
    options = {"choice": "required", "escapes": "free"}
    root = Grammar.from_functions([{"name": "get_é", "parameters": parameters}], **options).root
    for call, expected in [
        ('{"function": "get_é", "arguments": {"\\u00e9": "\\u00E9"}}', True),
        ('{"function": "get_\\u00e9", "arguments": {}}', False),
        ('{"\\u0066unction": "get_é", "arguments": {}}', False),
    ]:
        assert accepts(root, call.encode()) == expected
