"""Replies: the line between text and call, the strict reading of calls, and what is said of the rest."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fcgen.errors import FcgenError, PatternError, ReplyError, SchemaError
from fcgen.functions import Function
from fcgen.reply import Call, Reply, Usage, parse_reply
from fcgen.suspected_calls import suspected_call

WEATHER = Function(
    name="get_weather",
    description="Get the current weather in a given city",
    parameters={
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "unit": {"enum": ["celsius", "fahrenheit"]},
            "day": {"type": "string", "format": "date"},
        },
        "required": ["city"],
        "additionalProperties": False,
    },
)
ANYTHING = Function(name="log", description="Log anything", parameters={"type": "object"})
FUNCTIONS = (WEATHER, ANYTHING)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def call_text(function="get_weather", **arguments):
    return json.dumps({"function": function, "arguments": arguments})


def refused(text, functions=FUNCTIONS):
    with pytest.raises(ReplyError) as caught:
        parse_reply(text, functions)
    assert caught.value.text == text
    return str(caught.value)


@given(
    st.dictionaries(st.text(), json_values, max_size=4),
    st.sampled_from([None, 0, 1, 4]),
    st.booleans(),
    st.text(" \t\r\n", max_size=3),
)
def test_a_written_call_reads_back(arguments, indent, ascii_only, space):
    text = (
        space + json.dumps({"function": "log", "arguments": arguments}, indent=indent, ensure_ascii=ascii_only) + space
    )
    reply = parse_reply(text, FUNCTIONS)
    assert reply == Reply("call", (Call("log", arguments),), text)


@given(st.text() | st.text(' \n"{}[]:,\\ueEdft019.-functionarguments'), st.booleans())
@example("{" * 100_000, False)
@example('{"a":' * 100_000, True)
@example("{" + "[" * 100_000, True)
@example('{"function": "log", "arguments": {"a": ' + "[" * 900 + "]" * 900 + "}}", True)
@example('{"function": "log", "arguments": {"a": ' + "9" * 5000 + "}}", True)
@example("{\ud800}", False)
def test_any_text_is_a_reply_or_an_error_of_ours(text, braced):
    text = "{" + text if braced else text
    with contextlib.suppress(FcgenError):
        assert parse_reply(text, FUNCTIONS).text == text


@given(st.text())
@example("")
@example(" \n ")
@example("Sure:\n{}")
@example("\ufeff{}")
def test_text_that_begins_otherwise_is_text_as_it_stands(text):
    if not text.lstrip().startswith("{"):
        assert parse_reply(text, FUNCTIONS) == Reply("text", (), text)


def test_the_cards_pretty_reply():
    text = '{\n    "function": "get_weather",\n    "arguments": {\n        "city": "Oslo"\n    }\n}'
    assert parse_reply(text, FUNCTIONS).calls == (Call("get_weather", {"city": "Oslo"}),)


@pytest.mark.parametrize("name", ["trelis", "trelis-zephyr", "chat"])
def test_every_format_reads_its_envelope(name):
    assert parse_reply(call_text(city="Oslo"), FUNCTIONS, format=name).kind == "call"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "begins like a call but is not JSON: Expecting property name enclosed in double quotes, at its end"),
        ("\xa0{}", "not JSON: Expecting value, before '\\xa0{}'"),
        ("{} and more", "not JSON: Extra data, before 'and more'. A call is one JSON object and nothing else"),
        ("{}", 'the call has the keys []. Expected {"function": "...", "arguments": {...}}'),
        ('{"function": "log"}', "the call has the keys ['function']"),
        ('{"function": "log", "arguments": {}, "id": 1}', "the call has the keys ['function', 'arguments', 'id']"),
        ('{"function": 1, "arguments": {}}', "the call's 'function' is 1, not a string"),
        ('{"function": "log", "arguments": "{}"}', "function 'log': the call's 'arguments' is '{}', not an object"),
        ('{"function": "log", "arguments": {"a": 1, "a": 1}}', "the key 'a' twice in one object"),
        ('{"function": "log", "arguments": {"a": NaN}}', "the number 'NaN', which is not a finite one"),
        ('{"function": "log", "arguments": {"a": -Infinity}}', "the number '-Infinity'"),
        ('{"function": "log", "arguments": {"a": 1e999}}', "the number '1e999'"),
        ('{"function": "log", "arguments": {"a": "\\ud800"}}', "half of a surrogate pair"),
        ('{"function": "fly", "arguments": {}}', "names 'fly', which was not offered. Offered: 'get_weather, log'"),
        (call_text(), "function 'get_weather', at the root: the arguments do not fit: 'city' is a required property"),
        (call_text(city=1), "function 'get_weather', at /city: the arguments do not fit: 1 is not of type 'string'"),
        (
            call_text(city="a", unit="K"),
            "at /unit: the arguments do not fit: 'K' is not one of ['celsius', 'fahrenheit']",
        ),
        (call_text(city="a", day="2024-02-30"), "at /day: the arguments do not fit: '2024-02-30' is not a 'date'"),
        (call_text(city="a", wind=1), "Additional properties are not allowed ('wind' was unexpected)"),
        (call_text(city=[0] * 999), "..."),
    ],
)
def test_what_is_said_of_a_call_that_does_not_hold(text, said):
    assert said in refused(text)


def test_messages_are_bounded():
    assert len(refused(call_text(city=["x" * 100_000]))) < 400
    assert len(refused("{" + "x" * 100_000)) < 400
    assert len(refused(json.dumps(dict.fromkeys(map(str, range(10_000)))))) < 400


def test_the_error_says_where_as_data():
    with pytest.raises(ReplyError) as caught:
        parse_reply(call_text(city="Oslo", unit=3), FUNCTIONS)
    assert (caught.value.function, caught.value.pointer, caught.value.keyword) == ("get_weather", "/unit", "enum")


def test_a_pointer_is_escaped():
    odd = Function(name="odd", description="", parameters={"properties": {"a/b~c": {"items": {"type": "null"}}}})
    assert "at /a~1b~0c/1:" in refused(call_text("odd", **{"a/b~c": [None, 1]}), [odd])


@given(st.text() | st.just(call_text(city="Oslo")), st.sampled_from([None, (), []]))
def test_where_nothing_is_offered_every_reply_is_text(text, functions):
    assert parse_reply(text, functions) == Reply("text", (), text)


def test_arguments_can_be_left_unchecked():
    reply = parse_reply(call_text(city=1), FUNCTIONS, validate=False)
    assert reply.calls[0].arguments == {"city": 1}


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (
            {"type": "object", "minProperties": "2"},
            "at /minProperties: `minProperties` must be an integer of at least 0, found '2'",
        ),
        ({"$ref": "https://example.invalid/elsewhere.json"}, "refers to 'https://example.invalid/elsewhere.json'"),
        ({"$ref": "#/$defs/missing"}, "refers to"),
        ({"properties": {"a": {"pattern": "("}}}, "at /properties/a/pattern: pattern '(' has an unclosed group"),
        ({"properties": {"a": {"type": "string", "required": True}}}, "at /properties/a/required: `required` must be"),
    ],
)
def test_a_schema_that_cannot_be_applied(parameters, said):
    broken = Function(name="broken", description="", parameters=parameters)
    with pytest.raises((SchemaError, PatternError)) as caught:
        parse_reply(call_text("broken", a="x"), [broken])
    assert said in str(caught.value)
    assert caught.value.function == "broken"


@pytest.mark.parametrize("depth", [1, 50, 150])
def test_deep_arguments_are_read_and_written(depth):
    arguments = json.loads('{"a": ' + "[" * depth + "]" * depth + "}")
    reply = parse_reply(call_text("log", **arguments), FUNCTIONS)
    assert json.loads(reply.to_json())["calls"][0]["arguments"] == arguments


@pytest.mark.parametrize("depth", [200, 900, 100_000])
def test_depth_is_bounded(depth):
    text = '{"function": "log", "arguments": {"a": ' + "[" * depth + "]" * depth + "}}"
    assert "the call is nested too deeply, 200 levels are read" in refused(text)


def test_a_schema_that_refers_to_itself_for_ever():
    endless = Function(name="endless", description="", parameters={"$ref": "#"})
    assert "nested too deeply" in refused(call_text("endless"), [endless])


def test_the_draft_is_the_schemas_own():
    old = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "properties": {"n": {"maximum": 3, "exclusiveMaximum": True}},
    }
    assert "at /n:" in refused(call_text("old", n=3), [Function(name="old", description="", parameters=old)])


def test_a_reply_as_json_and_as_text():
    usage = Usage(prompt_tokens=9, new_tokens=5, forced_tokens=3, forward_passes=2, seconds=0.5)
    reply = parse_reply(call_text(city="Tromsø"), FUNCTIONS, usage=usage)
    assert json.loads(reply.to_json()) == {
        "kind": "call",
        "calls": [{"function": "get_weather", "arguments": {"city": "Tromsø"}}],
        "text": reply.text,
        "suspected_call": None,
        "usage": {
            "prompt_tokens": 9,
            "new_tokens": 5,
            "forced_tokens": 3,
            "forward_passes": 2,
            "seconds": 0.5,
            "removed": 0.0,
            "call_probability": None,
            "limited": False,
        },
    }
    assert "\n" not in reply.to_json()
    assert "Tromsø" in reply.to_json()
    assert str(reply) == "get_weather(city='Tromsø')"
    assert str(parse_reply("It rains.\n", FUNCTIONS)) == "It rains.\n"


def test_a_reply_is_a_value():
    reply = parse_reply("hello", FUNCTIONS)
    assert reply == Reply("text", (), "hello", Usage(0, 0, 0, 0, 0.0))
    with pytest.raises(dataclasses.FrozenInstanceError):
        reply.text = "other"


# Texts with something like a call in them

A_CALL = call_text(city="Oslo")


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        (f"Sure, I will look it up:\n\n{A_CALL}", A_CALL),
        (f"```json\n{A_CALL}\n```", A_CALL),
        (f"<think>\nThe user wants the weather.\n</think>\n\n{A_CALL}", A_CALL),
        (f"<tool_call>\n{A_CALL}\n</tool_call>", "<tool_call>\n{"),
        ('[TOOL_CALLS][{"name": "get_weather", "arguments": {"city": "Oslo"}}]', "[TOOL_CALLS][{"),
        ('[{"name": "get_weather", "arguments": {}}]', '{"name": "get_weather"'),
        ("[{'name': 'fly', 'arguments': {}}]", "{'name': 'fly'"),
        ('I call it: {"name": "get_weather", "parameters": {"city": "Oslo"}}', '{"name": "get_weather"'),
        ('{"arguments": {"city": "Oslo"}, "name": "get_weather"}'.replace("{", "x {", 1), '{"arguments"'),
        ('<|python_tag|>{"name": "get_weather", "parameters": {}}', "<|python_tag|>"),
        ("<tool_call>\n<function=get_weather>\n<parameter=city>\nOslo", "<tool_call>"),
        ("<|tool_call_start|>[get_weather(city='Oslo')]<|tool_call_end|>", "<|tool_call_start|>["),
        ("[get_weather(city='Oslo')]", "[get_weather("),
        ("```python\nget_weather(city='Oslo')\n```", "get_weather("),
        ('Cut off: {"function": "get_weather", "arguments": {"ci', '{"function"'),
    ],
)
def test_a_text_says_that_it_holds_something_like_a_call(text, begins):
    reply = parse_reply(text, FUNCTIONS)
    assert (reply.kind, reply.calls, reply.text) == ("text", (), text)
    assert reply.suspected_call.strip().startswith(begins[:150])
    assert len(reply.suspected_call) <= 200
    assert json.loads(reply.to_json())["suspected_call"] == reply.suspected_call
    assert parse_reply(text, None).suspected_call is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I can call get_weather(city) for you; it takes a city and a unit.",
        "The function get_weather has the arguments city and unit.",
        "In JSON that is {city: Oslo}, or {} if you want all.",
        'Here is the document:\n```json\n{"name": "Ann", "address": {"city": "Oslo"}, "arguments": 3}\n```',
        '[{"name": "Ann", "age": 3}, {"name": "Bo", "input": {"x": 1}}]',
        'Its schema: {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}',
        'Its metadata: {"name": "get_weather", "description": "...", "parameters": {}}',
        '{"function": "f(x) = x"}'.replace("{", "f: {", 1),
        "Hermes models write <tool_call> tags, Mistral's [TOOL_CALLS] markers.",
        "def get_weather(city: str) -> str: ...",
        "log(x) == log(y) for x == y",
        "print('arguments', sys.argv)",
    ],
)
def test_ordinary_texts_are_not_suspected(text):
    assert parse_reply(text, FUNCTIONS) == Reply("text", (), text)


@given(json_values)
def test_json_that_is_no_call_is_not_suspected(value):
    text = f"Here: {json.dumps(value)}"
    assert parse_reply(text, FUNCTIONS).suspected_call is None


@given(st.dictionaries(st.text(), json_values, max_size=3), st.sampled_from([None, 2]), st.text(), st.text())
def test_a_call_anywhere_in_a_text_is_suspected(arguments, indent, before, after):
    text = f"x{before}{json.dumps({'function': 'log', 'arguments': arguments}, indent=indent)}{after}"
    assert parse_reply(text, FUNCTIONS).suspected_call is not None


@pytest.mark.parametrize(
    "piece", ['{"name": "', "{ ", "<tool_call>", '{"arguments": {', "log(", "\n", '{"name": "log", ']
)
def test_looking_for_calls_takes_linear_time(piece):
    text = "x" + piece * (200_000 // len(piece))
    began = time.perf_counter()
    suspected_call(text[: len(text) // 8], ["log"])
    part = time.perf_counter() - began
    began = time.perf_counter()
    suspected_call(text, ["log"])
    assert time.perf_counter() - began < 80 * part + 0.5
