"""`x-verbatim`: strings that are substrings of a document, with all that a schema can say besides; and their places."""

import gc
import json
import random
import re
import weakref
from types import SimpleNamespace

import jsonschema
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from walking import accepts, after, allowed

from fcgen import Grammar, core
from fcgen.errors import DocumentError, GrammarTooLarge, OptionError, SchemaError, Unsatisfiable
from fcgen.grammar import alphabet, expr, substrings
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.mask import Masks, cache
from fcgen.reply import parse_reply
from fcgen.schema import Document, compile_schema
from fcgen.verbatim import find_spans
from fcgen.vocab import Vocabulary

LETTERS = 'ab"\\\n é😀'
texts = st.text(st.sampled_from(LETTERS) | st.sampled_from("ab "), max_size=16)
patterns = st.sampled_from(["^a", "b$", "é", "^[ab ]+$", "^.{2,3}$", '"', "^[^\\n]*$"])


@st.composite
def strings(draw, inner=None):
    """Schemas of strings, most of them verbatim."""
    schema = {"type": "string", "x-verbatim": draw(st.sampled_from([True, True, True, False]))}
    least = draw(st.integers(0, 2))
    some = draw(st.sets(st.sampled_from(["minLength", "maxLength", "pattern", "enum", "not"]), max_size=3))
    given = {
        "minLength": least,
        "maxLength": least + draw(st.integers(0, 4)),
        "pattern": draw(patterns),
        "enum": ["a", "b a", "ab", "é", "x", "", 'a"'],
        "not": draw(st.sampled_from([{"pattern": "a"}, {"const": "b"}, {"minLength": 3}, {"x-verbatim": True}])),
    }
    return schema | {name: given[name] for name in sorted(some)}


@st.composite
def schemas(draw):
    """Strings, and what stands around strings."""
    one = draw(strings())
    around = draw(st.sampled_from(["", "null", "list", "object", "ref", "all", "any", "kinds"]))
    match around:
        case "null":
            return {"anyOf": [one, {"type": "null"}]}
        case "list":
            return {"type": "array", "items": one, "maxItems": 2}
        case "object":
            return {
                "type": "object",
                "properties": {"a": one, "b": draw(strings())},
                "required": ["a"],
                "additionalProperties": False,
            }
        case "ref":
            return {"$ref": "#/$defs/a", "$defs": {"a": one}}
        case "all":
            return {"allOf": [one, draw(strings())]}
        case "any":
            return {"anyOf": [one, draw(strings())]}
        case "kinds":
            return {"type": ["string", "integer"], "x-verbatim": True, "minLength": 1, "maximum": 3, "minimum": 1}
        case _:
            return one


def validator_of(document):
    """jsonschema's, which knows `x-verbatim` here."""

    def verbatim(validator, value, instance, schema):
        if value and isinstance(instance, str) and instance not in document:
            yield jsonschema.ValidationError("not in the document")

    return jsonschema.validators.extend(jsonschema.Draft202012Validator, {"x-verbatim": verbatim})


def values_of(schema, strings):
    """Values that are of the form of a schema, if not valid by it."""
    if "items" in schema:
        return [[one] for one in strings] + [[], [strings[0], strings[-1]], ["a"]]
    if "properties" in schema:
        return [{"a": one} for one in strings] + [{"a": strings[0], "b": one} for one in strings] + [{}]
    return [*strings, None, 1, 2, 4]


def some_strings(document, rng):
    found = {"", "a", "ab", "b a", document, document[::-1], "x"}
    for _ in range(12):
        start = rng.randrange(len(document) + 1)
        part = document[start : start + rng.randrange(5)]
        found |= {part, part + rng.choice(LETTERS), rng.choice(LETTERS) + part}
    return sorted(found)


@given(schemas(), texts, st.randoms(use_true_random=False), st.sampled_from(["canonical", "free"]))
@example({"type": "string", "x-verbatim": True, "not": {"x-verbatim": True}}, "ab", random.Random(0), "canonical")
def test_the_grammar_accepts_what_is_valid_and_in_the_document(schema, document, rng, escapes):
    is_valid = validator_of(document)(schema).is_valid
    values = values_of(schema, some_strings(document, rng))
    try:
        grammar = Grammar.from_json_schema(schema, document=document, escapes=escapes)
    except Unsatisfiable:
        assert not any(map(is_valid, values))
        return
    for value in values:
        data = json.dumps(value, ensure_ascii=False).encode()
        # Python's `$` matches before a last line end too, ECMA-262's does not
        assume(not (is_valid(value) and "$" in str(schema) and "\\n" in json.dumps(value)))
        assert accepts(grammar.root, data) == is_valid(value), value


BYTES = sorted(set((LETTERS + "nx{}[]:, null0123").encode()) - {0x0A})
WORDS = ["ab", "ba", " a", 'a"', '"a', "é ", "😀", '"}', 'b",', "aba ab", "\\n"]


@st.composite
def documents_and_vocabularies(draw):
    """A document, and every byte that may be needed, some longer words, most of them out of it, and a stop token."""
    document = draw(texts)
    ends = st.tuples(st.integers(0, len(document)), st.integers(0, len(document)))
    within = st.builds(lambda ends: json.dumps(document[min(ends) : max(ends)], ensure_ascii=False)[1:-1], ends)
    longer = draw(
        st.lists(within | within | within.map('"{}"'.format) | st.sampled_from(WORDS), unique=True, max_size=8)
    )
    longer = [word for word in longer if len(word.encode()) > 1]
    tokens = [bytes([byte]) for byte in BYTES] + [word.encode() for word in longer] + [b"\xf0\x9f", b"\xa9 "]
    return document, Vocabulary([*tokens, None], stop_ids={len(tokens)}, size=len(tokens) + 1)


@given(schemas(), documents_and_vocabularies(), st.randoms(use_true_random=False), st.none() | st.integers(0, 5))
def test_whatever_the_masks_allow_ends_in_a_valid_value(schema, given, rng, more):
    """At any budget there is a token, and what is written at the end is valid."""
    document, vocabulary = given
    try:
        grammar = Grammar.from_json_schema(schema, document=document, escapes=rng.choice(["canonical", "free"]))
        masks = Masks(grammar, vocabulary)
    except Unsatisfiable:
        assume(False)
    cursor = masks.cursor(None if more is None else masks.fewest_tokens + more)
    for _ in range(150):
        may = allowed(cursor.mask())
        assert may, "a dead end"
        if more is None and cursor.can_stop and rng.random() < 0.3:
            may = set(vocabulary.stop_ids)
        cursor.advance(rng.choice(sorted(may)))
        if cursor.stopped:
            value = json.loads(vocabulary.decode(cursor.tokens))
            assert validator_of(document)(schema).is_valid(value)
            return
    assert more is None


@given(schemas(), documents_and_vocabularies(), st.randoms(use_true_random=False))
def test_the_masks_allow_what_some_value_goes_on_with(schema, given, rng):
    """The mask is that of the term itself, which knows nothing of states that are filled at once."""
    document, vocabulary = given
    try:
        grammar = Grammar.from_json_schema(schema, document=document)
    except Unsatisfiable:
        assume(False)
    cursor, term = Masks(grammar, vocabulary).cursor(), grammar.root
    for _ in range(15):
        may = allowed(cursor.mask())
        for token in range(vocabulary.size - 1):
            assert (token in may) == (fewest(after(term, vocabulary.token_bytes(token))) != INFINITE)
        token = rng.choice(sorted(may))
        cursor.advance(token)
        if cursor.stopped:
            return
        term = after(term, vocabulary.token_bytes(token))


@given(st.text("ab", min_size=6, max_size=12), st.integers(1, 5), st.randoms(use_true_random=False))
def test_no_token_reaches_beyond_the_greatest_length(document, most, rng):
    words = sorted({document[i:j] for i in range(len(document)) for j in range(i + 2, len(document) + 1)})
    tokens = [b"a", b"b", b'"', *(word.encode() for word in words), *(f'"{word}'.encode() for word in words)]
    vocabulary = Vocabulary([*tokens, None], stop_ids={len(tokens)}, size=len(tokens) + 1)
    grammar = Grammar.from_json_schema({**VERBATIM, "maxLength": most}, document=document)
    cursor, text = Masks(grammar, vocabulary).cursor(), b""
    while not cursor.stopped:
        may = allowed(cursor.mask())
        for token, data in enumerate(tokens):
            inside = (text + data).decode().strip('"')
            is_open = (text + data).count(b'"') == 1
            is_right = (text + data).startswith(b'"') and inside in document and len(inside) <= most
            assert (token in may) == (is_right and (is_open or data == b'"') and text.count(b'"') < 2)
        token = rng.choice(sorted(may))
        cursor.advance(token)
        text += tokens[token] if token < len(tokens) else b""


VERBATIM = {"type": "string", "x-verbatim": True}


def test_without_a_document_it_is_noted_and_asserts_nothing():
    compiled = compile_schema({"properties": {"a": VERBATIM}})
    assert compiled.notes == ("at /properties/a/x-verbatim: no document is given, and it asserts nothing",)
    assert ("x-verbatim", "annotation") in compiled.uses
    assert accepts(compiled.root, b'{"a": "whatever"}')
    assert compile_schema({"x-verbatim": False}).notes == ()
    assert compile_schema({"properties": {"a": VERBATIM}}, document=Document("")).notes == ()


@pytest.mark.parametrize("document", [None, "abc"])
def test_what_is_no_boolean_is_an_error(document):
    for schema in ({"x-verbatim": 1}, {"type": "integer", "x-verbatim": "yes"}):
        with pytest.raises(SchemaError) as caught:
            Grammar.from_json_schema({"properties": {"a": schema}}, document=document)
        assert (caught.value.pointer, caught.value.keyword) == ("/properties/a/x-verbatim", "x-verbatim")


def test_it_concerns_strings_alone():
    root = Grammar.from_json_schema({"type": ["integer", "null"], "x-verbatim": True}, document="abc").root
    assert accepts(root, b"12")
    assert not accepts(root, b'"abc"')
    root = Grammar.from_json_schema({"x-verbatim": True}, document="abc").root
    assert accepts(root, b'[1, "x"]')
    assert accepts(root, b'"bc"')
    assert not accepts(root, b'"x"')


def test_what_no_string_of_the_document_can_be_is_unsatisfiable():
    with pytest.raises(Unsatisfiable) as caught:
        Grammar.from_json_schema({**VERBATIM, "minLength": 4}, document="abc")
    assert caught.value.found == "no value can be valid: no string is a string out of the document minLength 4"
    with pytest.raises(Unsatisfiable):
        Grammar.from_json_schema({**VERBATIM, "enum": ["x", "ba"]}, document="abc")
    with pytest.raises(Unsatisfiable):
        Grammar.from_json_schema({**VERBATIM, "pattern": "[0-9]"}, document="abc")
    optional = {"type": "object", "properties": {"a": {**VERBATIM, "minLength": 1}}, "additionalProperties": False}
    assert accepts(Grammar.from_json_schema(optional, document="").root, b"{}")


def test_names_of_properties_can_be_out_of_the_document():
    schema = {"type": "object", "propertyNames": {"x-verbatim": True}, "additionalProperties": {"type": "integer"}}
    root = Grammar.from_json_schema(schema, document='a "b"').root
    assert accepts(root, b'{"a": 1, "\\"b": 2}')
    assert not accepts(root, b'{"a": 1, "a": 2}')
    assert not accepts(root, b'{"c": 1}')


def test_unique_items_are_out_of_the_document():
    schema = {"type": "array", "items": {**VERBATIM, "minLength": 1}, "uniqueItems": True}
    root = Grammar.from_json_schema(schema, document="aba").root
    assert accepts(root, b'["a", "ab", "b"]')
    assert not accepts(root, b'["a", "ab", "a"]')
    assert not accepts(root, b'["a", "bb"]')


def test_functions_take_arguments_out_of_the_document():
    parameters = {"type": "object", "properties": {"city": {**VERBATIM, "minLength": 1}}, "required": ["city"]}
    functions = [{"name": "weather", "parameters": parameters}]
    document = {"document": "rain  in\nParis", "verbatim_whitespace": "normalized"}
    grammar = Grammar.from_functions(functions, choice="required", **document)
    masks = Masks(grammar, BYTEWISE)
    rng = random.Random(1)
    for _ in range(5):
        cursor = masks.cursor(masks.fewest_tokens + 6)
        while not cursor.stopped:
            cursor.advance(rng.choice(sorted(allowed(cursor.mask()))))
        (call,) = parse_reply(BYTEWISE.decode(cursor.tokens).decode(), functions).calls
        assert call.arguments["city"] in "rain in Paris"


BYTEWISE = Vocabulary([bytes([byte]) for byte in range(256)] + [None], stop_ids={256}, size=257)


def test_options_and_documents_that_are_none():
    for document in (None, "a"):
        with pytest.raises(OptionError) as caught:
            Grammar.from_json_schema(VERBATIM, document=document, verbatim_whitespace="some")
        assert str(caught.value) == "verbatim_whitespace 'some' is not known. Known are exact and normalized."
    with pytest.raises(DocumentError):
        Grammar.from_json_schema(VERBATIM, document=b"a")


@given(texts, st.randoms(use_true_random=False))
def test_normalized_whitespace_is_one_space(document, rng):
    document = document.replace("é", "\u00a0").replace("😀", "\t ")
    root = Grammar.from_json_schema(VERBATIM, document=document, verbatim_whitespace="normalized").root
    normal = re.sub(r"\s+", " ", document)
    for text in some_strings(document, rng) + some_strings(normal, rng):
        assert accepts(root, json.dumps(text, ensure_ascii=False).encode()) == (text in normal)


@given(texts, st.randoms(use_true_random=False), st.sampled_from(["exact", "normalized"]))
def test_spans_are_where_the_strings_stand(document, rng, whitespace):
    is_exact = whitespace == "exact"
    read = (lambda text: text) if is_exact else (lambda text: re.sub(r"\s+", " ", text))
    schema = {"type": "array", "items": VERBATIM}
    found = some_strings(read(document), rng)
    spans = find_spans(found, schema, document, whitespace=whitespace)
    assert set(spans) == {f"/{i}" for i, one in enumerate(found) if one in read(document)}
    for i, one in enumerate(found):
        if f"/{i}" in spans:
            start, end = spans[f"/{i}"]
            assert read(document[start:end]) == one
            earlier = read(document).find(one)
            assert not is_exact or start >= earlier


@pytest.mark.parametrize(
    ("document", "text", "place"),
    [
        ("catalogue cat", "cat", (10, 13)),
        ("catalogue cats", "cat", (0, 3)),
        ("1299 299 99", "99", (9, 11)),
        ("a-b b", "b", (2, 3)),
        ("über übe", "übe", (5, 8)),
        ("abc", "", (0, 0)),
        ("(b) (b)", "(b)", (0, 3)),
    ],
)
def test_a_span_is_the_first_that_is_no_part_of_a_word(document, text, place):
    assert Document(document).find(text) == place


def test_a_span_of_normalized_whitespace_covers_all_of_a_run():
    document = "  12 \n\t Main   Street\n"
    found = Document(document, "normalized")
    assert found.find("12 Main") == (2, 12)
    assert document[slice(*found.find(" Main Street "))] == " \n\t Main   Street\n"
    assert found.find("12  Main") is None


def test_spans_are_found_through_the_schema():
    named = {"$anchor": "t", **VERBATIM}
    schema = {
        "type": "object",
        "properties": {
            "a/b": {"$ref": "#/$defs/name"},
            "c": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/name"}]},
            "free": {"type": "string"},
            "list": {"type": "array", "prefixItems": [{"type": "string"}], "items": {"allOf": [{}, VERBATIM]}},
            "self": {"$ref": "#"},
        },
        "patternProperties": {"^x": VERBATIM},
        "additionalProperties": {"if": {"type": "string"}, "then": {"oneOf": [VERBATIM]}},
        "$defs": {"name": {"$id": "https://example.com/n", "allOf": [{"$ref": "#t"}], "$defs": {"t": named}}},
    }
    value = {"a/b": "b", "c": "c", "free": "a", "list": ["a", "a b"], "self": {"c": "a"}, "xy": "b c", "z": "a b c"}
    assert find_spans(value, schema, "a b c") == {
        "/a~1b": (2, 3), "/c": (4, 5), "/list/1": (0, 3), "/self/c": (0, 1), "/xy": (2, 5), "/z": (0, 5),
    }  # fmt: skip
    assert find_spans({**value, "c": None}, schema, "") == {}
    draft_7 = "http://json-schema.org/draft-07/schema#"
    beside = {"items": [{"$ref": "#/a", "x-verbatim": True}], "a": {}}
    assert find_spans(["a"], {"$schema": draft_7, **beside}, "a") == {}
    assert find_spans(["a"], beside, "a") == {"/0": (0, 1)}


@pytest.fixture
def few_terms_kept():
    before = core.keep_terms(1000)
    yield
    core.keep_terms(before)


@pytest.mark.usefixtures("few_terms_kept")
def test_documents_do_not_pile_up(monkeypatch):
    """What is shared by all grammars keeps some of the last ones, as many as its limits allow."""
    monkeypatch.setattr(expr, "MAX_SHARED", 3000)
    monkeypatch.setattr(alphabet, "MAX_KNOWN", 3000)
    monkeypatch.setattr(cache, "MAX_SIZE", 3000)
    vocabulary = Vocabulary([bytes([byte]) for byte in range(255)] + [None], stop_ids={255}, size=256)
    schema = {"type": "object", "properties": {"a": {**VERBATIM, "minLength": 1}}, "required": ["a"]}
    known = []
    for i in range(400):
        document = Document(f"document number {i}: " + "words and more words " * 20)
        masks = Masks(SimpleNamespace(root=compile_schema(schema, document=document).root), vocabulary)
        cursor = masks.cursor(60)
        for byte in f'{{"a": "number {i}'.encode():
            assert byte in allowed(cursor.mask())
            cursor.advance(byte)
        known.append(weakref.ref(document))
    gc.collect()
    alive = [i for i, one in enumerate(known) if one() is not None]
    assert len(alive) < 150
    assert min(alive) > 200


@pytest.mark.usefixtures("few_terms_kept")
def test_a_document_that_is_only_compiled_is_let_go(monkeypatch):
    monkeypatch.setattr(expr, "MAX_SHARED", 1000)
    known = []
    for i in range(100):
        document = Document(f"document number {i}")
        compile_schema({"anyOf": [{**VERBATIM, "pattern": "r"}, {"not": VERBATIM}]}, document=document)
        known.append(weakref.ref(document))
    del document
    expr.literal(b"x" * 5000)  # the table of terms holds some still
    gc.collect()
    assert sum(one() is not None for one in known) < 50


def test_the_compiled_schema_without_a_verbatim_string_does_not_depend_on_the_document():
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert compile_schema(schema, document=Document("a")).root is compile_schema(schema).root


def test_a_document_that_is_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(substrings, "MAX_SYMBOLS", 100)
    Grammar.from_json_schema(VERBATIM, document="a" * 100)
    with pytest.raises(GrammarTooLarge) as caught:
        Grammar.from_json_schema({"properties": {"a": VERBATIM}}, document="a" * 101)
    assert (caught.value.limit, caught.value.given) == (100, 101)
    assert caught.value.pointer == "/properties/a/x-verbatim"
