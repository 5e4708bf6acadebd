"""The union of calls and text: every call under its own function's schema, and nothing in between."""

import gzip
import json
import random
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from walking import accepts, allowed, sample

import fcgen.call as calls
from fcgen import Function, Grammar, Masks, Vocabulary, parse_reply
from fcgen.call import arguments_schema, check_functions
from fcgen.choice import choose
from fcgen.errors import (
    FunctionError,
    GrammarError,
    GrammarTooLarge,
    ManyErrors,
    OptionError,
    OutOfSteps,
    PatternError,
    Unsatisfiable,
)
from fcgen.grammar.work import MAX_STEPS

FUNCTIONS = Path(__file__).parents[2] / "shared" / "data" / "functions"
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


PLAIN = [
    function("plain", ["q"], q=STRING, n=INTEGER, of={"type": "array", "items": STRING}),
    function("plainer", kind={"type": "string", "enum": ["a", "b"]}),
    function("bounded", ["q"], q={"type": "string", "maxLength": 3, "minLength": 1}),
    function("counted", ["q"], q={"type": "integer", "maximum": 3}),
    function("wörter", ["q"], q={"type": "boolean"}),
]


@given(
    st.lists(st.sampled_from(PLAIN), unique_by=lambda one: one.name, min_size=1),
    st.sampled_from(["json.dumps", "compact", "flexible"]),
    st.integers(0, 2**32),
)
def test_what_is_compiled_when_it_is_needed_says_the_same_as_what_is_compiled_at_once(functions, whitespace, seed):
    late = Grammar.from_functions(functions, choice="required", whitespace=whitespace)
    at_once = Grammar.from_functions(functions, choice="required", whitespace=whitespace, max_steps=MAX_STEPS - 1)
    tokens = [*(bytes([byte]) for byte in range(256)), b'{"', b'": ', b"pla", b"er", None]
    vocabulary = Vocabulary(tokens, stop_ids=[260])
    ours, theirs = (Masks(grammar, vocabulary).cursor() for grammar in (late, at_once))
    rng = random.Random(seed)
    assert ours.fewest_tokens == theirs.fewest_tokens
    for _ in range(40):
        assert np.array_equal(ours.mask(), theirs.mask())
        token = rng.choice(sorted(allowed(ours.mask())))
        if token == 260:
            break
        ours.advance(token)
        theirs.advance(token)


def test_plain_functions_are_compiled_when_a_reply_comes_to_them(monkeypatch):
    compiled = []
    monkeypatch.setattr(calls, "compile_schema", lambda *_, function, **__: compiled.append(function))
    Grammar.from_functions(PLAIN[:2])
    assert compiled == []


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
    assert parse_reply(plain, None).kind == "text"
    assert parse_reply(plain, None).text == plain


WHITE = "".join(chr(c) for c in range(0x3001) if chr(c).isspace()) + "\ufeff"


@given(st.builds("".join, st.tuples(st.text(WHITE, max_size=3), st.text("{", max_size=1), st.text())))
def test_text_is_all_that_does_not_begin_like_a_call(text):
    grammar = Grammar.from_functions(SETS[0])
    is_call = accepts(grammar.calls, text.encode())
    assert accepts(grammar.root, text.encode()) == (is_call or not text.lstrip().startswith("{"))
    for functions in (None, SETS[0]):
        assert accepts(Grammar.from_functions(functions, choice="none").root, text.encode())


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
    assert accepts(root, call("f", {})) == ("f" in allowed or choice == "none")  # there it is a text
    assert accepts(root, call("g", {})) == ("g" in allowed or choice == "none")
    assert accepts(root, b"Hello.") == ("t" in allowed)
    assert accepts(root, b"") == ("t" in allowed)
    assert accepts(root, b'{"function": "f"') == (choice == "none")


def test_choice_that_cannot_be():
    with pytest.raises(FunctionError, match=r"choice 'h' is none of the functions offered: 'f, g'"):
        choose([function("f"), function("g")], ["f", "h"])
    with pytest.raises(FunctionError, match="a call is demanded, and there is no function to call"):
        Grammar.from_functions([], choice="required")
    for functions, choice in ((None, "nope"), ([], ["nope", "f"])):
        with pytest.raises(FunctionError) as caught:
            Grammar.from_functions(functions, choice=choice)
        assert str(caught.value) == (
            "choice 'nope' names a function, and no functions are offered. "
            'Offer functions, or use "auto" or "none" for a text.'
        )


@pytest.mark.parametrize("text", ["0", "-0", "7", "-100000", "1760123456789012345", "1e5", "1E+5", "1.0", "-1.0e1"])
def test_integers_of_calls_are_read_as_integers(text):
    schema = {"type": "object", "properties": {"x": INTEGER}}
    is_digits = type(json.loads(text)) is int
    written = f'{{"x": {text}}}'.encode()
    assert accepts(Grammar.from_json_schema(schema).root, written)
    assert accepts(Grammar.from_json_schema(schema, whole_fraction=False).root, written) == is_digits
    root = Grammar.from_functions([function("f", x=INTEGER)], choice="required").root
    assert accepts(root, b'{"function": "f", "arguments": ' + written + b"}") == is_digits


NODE = {"type": "object", "properties": {"v": INTEGER, "next": {"$ref": "#/$defs/Node"}}, "required": ["v"]}
REFERRED = [
    {"$ref": "#/$defs/Node", "$defs": {"Node": NODE}},
    {"$ref": "#/$defs/Other", "$defs": {"Other": {"$ref": "#/$defs/Node"}, "Node": NODE}},
    {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$ref": "#/definitions/Node",
        "definitions": {"Node": {**NODE, "properties": {"v": INTEGER, "next": {"$ref": "#/definitions/Node"}}}},
    },
]


@pytest.mark.parametrize("parameters", REFERRED)
def test_arguments_may_be_declared_by_the_definition_that_the_schema_refers_to(parameters):
    made = Function("f", "", parameters)
    root = Grammar.from_functions([made], choice="required").root
    assert accepts(root, call("f", {"v": 1, "next": {"v": 2}}))
    assert not accepts(root, call("f", {"v": 1, "other": 2}))
    assert not accepts(root, call("f", {"next": {"v": 1}}))


@pytest.mark.parametrize(
    "node", [{**NODE, "additionalProperties": INTEGER}, {"allOf": [NODE]}, {"$ref": "#/$defs/Node"}, True, {}]
)
def test_what_else_a_definition_may_allow_stays_allowed(node):
    parameters = {"$ref": "#/$defs/Node", "$defs": {"Node": node}}
    assert arguments_schema(Function("f", "", parameters)) == {"type": "object", **parameters}


def test_arguments_are_those_declared_unless_the_schema_says_otherwise():
    assert arguments_schema(function("f", x=STRING))["additionalProperties"] is False
    for others in ({"additionalProperties": True}, {"patternProperties": {}}, {"anyOf": [{"required": ["x"]}]}):
        parameters = {"type": "object", "properties": {"x": STRING}, **others}
        assert arguments_schema(Function("f", "", parameters)) == parameters


TRAPS = ["title", "description", "default", "examples", "$comment", "x"]


def fits(functions, text):
    """Whether a call names one of the functions and jsonschema accepts its arguments."""
    value = json.loads(text)
    called = [one for one in functions if one.name == value["function"]]
    return bool(called) and jsonschema.Draft202012Validator(arguments_schema(called[0])).is_valid(value["arguments"])


@given(
    names=st.permutations(TRAPS),
    picks=st.lists(st.lists(st.sampled_from(TRAPS), unique=True, max_size=3), min_size=2, max_size=4),
    kinds=st.lists(st.sampled_from([STRING, INTEGER]), min_size=4, max_size=4),
    prefixes=st.booleans(),
)
def test_each_function_of_a_union_accepts_what_it_accepts_alone(names, picks, kinds, prefixes):
    """Names that are prefixes of each other, equal parameters, annotation names as properties, in any order."""
    functions = [
        function("f" * (i + 1) if prefixes else f"{names[0]}{i}", **dict.fromkeys(pick, kinds[i]))
        for i, pick in enumerate(picks)
    ]
    root = Grammar.from_functions(functions, choice="required").root
    for called in functions:
        for other in functions:
            properties = other.parameters["properties"]
            arguments = {name: 1 if schema == INTEGER else "s" for name, schema in properties.items()}
            text = call(called.name, arguments)
            in_order = [name for name in called.parameters["properties"] if name in arguments] == list(arguments)
            assert accepts(root, text) == (fits(functions, text) and in_order)


@given(st.permutations(["f", "ff", "fff"]), st.integers(0, 2**32))
def test_functions_with_identical_parameters(names, seed):
    functions = [function(name, ["q"], q=STRING, title=INTEGER) for name in names]
    root = Grammar.from_functions(functions, choice="required").root
    assert fits(functions, sample(root, random.Random(seed)))
    assert all(accepts(root, call(name, {"q": "x", "title": 1})) for name in names)
    assert not accepts(root, call("ffff", {"q": "x"}))


@pytest.mark.skipif(not FUNCTIONS.is_dir(), reason="the function sets are not here")
def test_a_thousand_real_functions():
    found = {}
    with gzip.open(FUNCTIONS / "sealtools.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            found.update({one["name"]: one for one in json.loads(line)["functions"]})
            if len(found) >= 1000:
                break
    metadata = list(found.values())[:1000]
    grammar = Grammar.from_functions(metadata, choice="required", on_error="leave_out")
    assert len(grammar.functions) + len(grammar.left_out) == 1000
    assert len(grammar.functions) >= 990
    rng = random.Random(0)
    for one in rng.sample(grammar.functions, 40):
        alone = sample(Grammar.from_functions([one], choice="required").root, rng)
        assert fits([one], alone)
        assert accepts(grammar.root, alone)
    for _ in range(10):
        assert fits(grammar.functions, sample(grammar.root, rng))


BACK = {"type": "string", "pattern": r"(a)\1"}
BAD = {
    "back": function("back", x=BACK),
    "old": function("old", y={"extends": {}}, z=BACK),
    "never": function("never", ["x"], x={"type": "array", "minItems": 2, "maxItems": 1}),
}
GOOD = [function("good", x=STRING), function("other")]


def test_all_functions_that_cannot_be_compiled_are_named_at_once():
    functions = [BAD["back"], GOOD[0], BAD["old"], BAD["never"]]
    with pytest.raises(ManyErrors) as caught:
        Grammar.from_functions(functions)
    assert [(e.function, e.pointer, e.keyword) for e in caught.value.errors][:1] == [
        ("back", "/properties/x/pattern", "pattern")
    ]
    assert {(e.function, e.pointer) for e in caught.value.errors} >= {
        ("old", "/properties/y/extends"),
        ("old", "/properties/z/pattern"),
    }
    assert isinstance(caught.value.errors[-1], Unsatisfiable)
    reports = [(r.name, len(r.errors)) for r in check_functions(functions)]
    assert reports == [("back", 1), ("good", 0), ("old", 2), ("never", 1)]
    with pytest.raises(PatternError):
        Grammar.from_functions(functions[:1])


def test_mistakes_in_metadata_are_told_beside_those_in_schemas():
    functions = [{"description": "nameless"}, BAD["back"], {"name": "typo", "parameters": {"type": "strng"}}]
    with pytest.raises(ManyErrors) as caught:
        Grammar.from_functions(functions)
    assert [(e.function, e.pointer) for e in caught.value.errors] == [
        (None, "/0"),
        ("typo", "/2/parameters/type"),
        ("back", "/properties/x/pattern"),
    ]
    grammar = Grammar.from_functions([*functions, GOOD[0]], on_error="leave_out")
    assert [one.name for one in grammar.functions] == ["good"]
    assert [report.name for report in grammar.left_out] == ["", "typo", "back"]


@given(st.permutations([*GOOD, *BAD.values()]))
def test_leaving_out_leaves_the_others_as_they_are(functions):
    grammar = Grammar.from_functions(functions, on_error="leave_out")
    good = [one for one in functions if one.name not in BAD]
    assert list(grammar.functions) == good
    assert [report.name for report in grammar.left_out] == [one.name for one in functions if one.name in BAD]
    assert all(report.errors for report in grammar.left_out)
    alone = Grammar.from_functions(good)
    rng = random.Random(0)
    assert all(accepts(grammar.root, text) for text in (sample(alone.root, rng) for _ in range(3)))
    assert all(accepts(alone.root, text) for text in (sample(grammar.root, rng) for _ in range(3)))


def test_nothing_left_is_an_error():
    for choice in ("auto", "required", "back", ["back"]):
        with pytest.raises(PatternError):
            Grammar.from_functions([BAD["back"]], choice=choice, on_error="leave_out")
    with pytest.raises(FunctionError, match="unknown type"):
        Grammar.from_functions(
            [*GOOD, {"name": "typo", "parameters": {"type": "strng"}}], choice="typo", on_error="leave_out"
        )
    assert Grammar.from_functions([BAD["back"]], choice="none", on_error="leave_out").functions == ()
    with pytest.raises(OptionError, match="on_error 'ignore' is not known"):
        Grammar.from_functions(GOOD, on_error="ignore")


@pytest.mark.parametrize("kind", [RecursionError, MemoryError])
def test_running_out_of_memory_is_an_error_of_one_function(monkeypatch, kind):
    def compile_schema(schema, **options):
        raise kind

    monkeypatch.setattr("fcgen.call.compile_schema", compile_schema)
    (report,) = check_functions(GOOD[:1])
    (error,) = report.errors
    assert isinstance(error, GrammarTooLarge)
    assert (error.function, error.pointer) == ("good", "")


def test_a_report_says_what_became_of_each_keyword():
    good, bad = check_functions([GOOD[0], BAD["old"]])
    assert dict(good.uses)["properties"] == "enforced"
    assert bad.uses == (("extends", "refused"), ("pattern", "refused"))


def test_other_grammars():
    assert accepts(Grammar.from_regex("a+|b").root, b"aaa")
    assert not accepts(Grammar.from_regex("a+|b").root, b"ab")
    assert accepts(Grammar.from_lark('start: "a" start? "b"').root, b"aabb")
    with pytest.raises(GrammarError, match="the grammar has no rule `start`"):
        Grammar.from_lark('begin: "a"')
    with pytest.raises(OptionError, match="order 'random' is not known"):
        Grammar.from_json_schema({}, order="random")


def slow(letter):
    """A schema that takes many steps; fewer the next time, since patterns are kept."""
    return {"type": "object", "patternProperties": {f"^a*{letter * n}a*$": {"maxLength": n} for n in range(12)}}


@pytest.mark.parametrize(
    "compiled",
    [
        lambda: Grammar.from_json_schema({"maxItems": 7, "items": slow("b")}, max_steps=200),
        lambda: Grammar.from_regex("(?!.*never in any other test).{3,40}(?<=x)", max_steps=20),
        lambda: Grammar.from_lark('start: "never" | "in" | "any" | "other" | "test" | /[a-f]{7}/', max_steps=3),
    ],
)
def test_the_limit_of_steps_is_kept_and_told(compiled):
    with pytest.raises(OutOfSteps) as caught:
        compiled()
    assert caught.value.limit in (200, 20, 3)
    assert "max_steps" in caught.value.hint


def test_a_function_that_takes_too_many_steps_is_named_and_can_be_left_out():
    first, second = (Function("slow", "", {"type": "object", "properties": {"x": slow(letter)}}) for letter in "cd")
    with pytest.raises(OutOfSteps) as caught:
        Grammar.from_functions([*GOOD, first], max_steps=2_000)
    assert (caught.value.function, caught.value.limit) == ("slow", 2_000)
    assert caught.value.pointer.startswith("/properties/x")
    grammar = Grammar.from_functions([*GOOD, second], max_steps=2_000, on_error="leave_out")
    assert [one.name for one in grammar.functions] == [one.name for one in GOOD]
    assert [report.name for report in grammar.left_out] == ["slow"]


def test_masks_keep_the_limit_of_steps():
    single = Vocabulary([*(bytes([byte]) for byte in range(256)), None], stop_ids={256})
    grammar = Grammar.from_json_schema({"items": {"pattern": "^(?=.*q)(?=.*x)(?=.*z).{9,300}$"}})
    with pytest.raises(OutOfSteps):
        cursor = Masks(grammar, single, max_steps=30).cursor()
        for token in b'["qx':
            cursor.mask()
            cursor.advance(token)
