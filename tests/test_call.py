"""The union of calls and text: every call under its own function's schema, and nothing in between."""

import json
import random

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from walking import accepts, sample

from fcgen import Function, Grammar, parse_reply
from fcgen.call import arguments_schema, check_functions, choose
from fcgen.errors import FunctionError, GrammarError, ManyErrors, OptionError, UnsupportedKeyword

STRING, INTEGER = {"type": "string"}, {"type": "integer"}


def function(name, required=(), **properties):
    return Function(name, "", {"type": "object", "properties": properties, "required": list(required)})


def call(name, arguments):
    return json.dumps({"function": name, "arguments": arguments}).encode()


SETS = [
    [function("f", x=STRING), function("g", x=INTEGER)],
    [function("a", ["id"], id=INTEGER), function("ab", ["id"], id=INTEGER), function("abc")],
    [function("same", ["q"], q=STRING), function("other", ["q"], q=STRING)],
    [function('quo"te é', x={"enum": ["a", 1, None]}), function("back\\slash", x={"type": ["integer", "null"]})],
    [function("list", ["x"], x={"type": "array", "items": STRING, "minItems": 1, "maxItems": 3})],
    [
        Function(
            "open", "", {"type": "object", "properties": {"x": INTEGER}, "additionalProperties": {"type": "boolean"}}
        )
    ],
    [Function("none", "")],
]


@given(st.sampled_from(SETS), st.sampled_from(["json.dumps", "compact", "flexible"]), st.integers(0, 2**32))
def test_every_call_names_a_function_and_fits_its_schema(functions, whitespace, seed):
    grammar = Grammar.from_functions(functions, choice="required", whitespace=whitespace)
    value = json.loads(sample(grammar.root, random.Random(seed)))
    assert list(value) == ["function", "arguments"]
    (called,) = (one for one in functions if one.name == value["function"])
    jsonschema.Draft202012Validator(called.parameters).validate(value["arguments"])
    reply = parse_reply(json.dumps(value), functions)
    assert (reply.calls[0].function, reply.calls[0].arguments) == (called.name, value["arguments"])


@given(st.sampled_from(SETS), st.integers(0, 2**32))
def test_auto_is_a_call_or_text_and_the_parser_agrees(functions, seed):
    rng = random.Random(seed)
    text = sample(Grammar.from_functions(functions).root, rng).decode()
    assert parse_reply(text, functions).kind in {"call", "text"}
    plain = sample(Grammar.from_functions(functions, choice="none").root, rng).decode()
    assert parse_reply(plain, functions).kind == "text"
    assert parse_reply(plain, functions).text == plain


WHITE = "".join(chr(c) for c in range(0x3001) if chr(c).isspace()) + "\ufeff"


@given(st.builds("".join, st.tuples(st.text(WHITE, max_size=3), st.text("{", max_size=1), st.text())))
def test_text_is_all_that_does_not_begin_like_a_call(text):
    assert accepts(Grammar.from_functions(None, choice="none").root, text.encode()) == (
        not text.lstrip().startswith("{")
    )


@pytest.mark.parametrize("name", ["title", "description", "default", "examples", "$comment", "x"])
@pytest.mark.parametrize("swapped", [False, True])
def test_functions_that_differ_in_one_property_are_kept_apart(name, swapped):
    """Some engines drop annotation keywords when they compare schemas, even where these are property names."""
    make, edit = function("make", ["id"], id=INTEGER), function("edit", ["id"], id=INTEGER, **{name: STRING})
    functions = [edit, make] if swapped else [make, edit]
    root = Grammar.from_functions(functions, choice="required").root
    assert accepts(root, call("edit", {"id": 1, name: "x"}))
    assert accepts(root, call("make", {"id": 1}))
    assert not accepts(root, call("make", {"id": 1, name: "x"}))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_functions_that_differ_in_the_order_of_properties(order):
    pair = [function("f", x=INTEGER, y=INTEGER), function("g", y=INTEGER, x=INTEGER)]
    root = Grammar.from_functions([pair[i] for i in order]).root
    assert accepts(root, call("f", {"x": 1, "y": 2}))
    assert accepts(root, call("g", {"y": 1, "x": 2}))
    assert not accepts(root, call("f", {"y": 1, "x": 2}))


def test_names_that_begin_alike():
    functions = [function("a"), function("ab", x=INTEGER), function("abc", y=INTEGER)]
    root = Grammar.from_functions(functions).root
    assert accepts(root, call("a", {}))
    assert accepts(root, call("ab", {"x": 1}))
    assert not accepts(root, call("ab", {"y": 1}))
    assert not accepts(root, call("abcd", {}))


def test_a_thousand_functions():
    functions = [function(f"f{i}", ["x"], x={"const": i}) for i in range(1000)]
    root = Grammar.from_functions(functions, choice="required").root
    assert accepts(root, call("f777", {"x": 777}))
    assert not accepts(root, call("f777", {"x": 77}))


@pytest.mark.parametrize(
    ("choice", "allowed"),
    [("required", "fg"), ("f", "f"), (["g"], "g"), (["g", "f"], "fg"), ("auto", "fgt"), ("none", "t")],
)
def test_choice(choice, allowed):
    root = Grammar.from_functions([function("f"), function("g")], choice=choice).root
    assert accepts(root, call("f", {})) == ("f" in allowed)
    assert accepts(root, call("g", {})) == ("g" in allowed)
    assert accepts(root, b"Hello.") == ("t" in allowed)
    assert accepts(root, b"") == ("t" in allowed)
    assert not accepts(root, b'{"function": "f"')


def test_choice_that_cannot_be():
    with pytest.raises(FunctionError, match=r"choice 'h' is none of the functions offered: 'f, g'"):
        choose([function("f"), function("g")], ["f", "h"])
    with pytest.raises(FunctionError, match="a call is demanded, and there is no function to call"):
        Grammar.from_functions([], choice="required")


def test_arguments_are_those_declared_unless_the_schema_says_otherwise():
    assert arguments_schema(function("f", x=STRING))["additionalProperties"] is False
    for others in ({"additionalProperties": True}, {"patternProperties": {}}, {"anyOf": [{"required": ["x"]}]}):
        parameters = {"type": "object", "properties": {"x": STRING}, **others}
        assert arguments_schema(Function("f", "", parameters)) == parameters


def test_all_functions_that_cannot_be_compiled_are_named_at_once():
    functions = [
        Function("one", "", {"type": "object", "properties": {"x": {"not": {"type": "null"}}}}),
        function("two"),
        Function("three", "", {"type": "object", "properties": {"y": {"type": "array", "uniqueItems": True}}}),
    ]
    with pytest.raises(ManyErrors) as caught:
        Grammar.from_functions(functions)
    assert [(e.function, e.pointer, e.keyword) for e in caught.value.errors] == [
        ("one", "/properties/x/not", "not"),
        ("three", "/properties/y/uniqueItems", "uniqueItems"),
    ]
    assert [(r.name, len(r.errors)) for r in check_functions(functions)] == [("one", 1), ("two", 0), ("three", 1)]
    with pytest.raises(UnsupportedKeyword):
        Grammar.from_functions(functions[:1])


def test_other_grammars():
    assert accepts(Grammar.from_regex("a+|b").root, b"aaa")
    assert not accepts(Grammar.from_regex("a+|b").root, b"ab")
    assert accepts(Grammar.from_lark('start: "a" start? "b"').root, b"aabb")
    with pytest.raises(GrammarError, match="the grammar has no rule `start`"):
        Grammar.from_lark('begin: "a"')
    with pytest.raises(OptionError, match="order 'random' is not known"):
        Grammar.from_json_schema({}, order="random")
