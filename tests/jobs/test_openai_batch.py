"""The OpenAI Batch API: what of a request is kept or refused by name, and the published shape of responses."""

from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgen.extraction import Asked, Extracted, RowError
from fcgen.functions import read_functions
from fcgen.jobs.openai_batch import read_request, response_of

HI = [{"role": "user", "content": "Hi"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": True}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}

# BatchRequestOutput and CreateChatCompletionResponse of OpenAI's published OpenAPI document, of what is in use here;
# closed, so that nothing is written that is not in them, but for one key of a message of ours.
STRING, INTEGER = {"type": "string"}, {"type": "integer", "minimum": 0}


def closed(required, **optional):
    properties = {**required, **optional}
    return {"type": "object", "properties": properties, "required": [*required], "additionalProperties": False}


CALL = closed({"id": STRING, "type": {"const": "function"}, "function": closed({"name": STRING, "arguments": STRING})})
MESSAGE = closed(
    {"role": {"const": "assistant"}, "content": {"type": ["string", "null"]}, "refusal": {"type": ["string", "null"]}},
    tool_calls={"type": "array", "items": CALL, "minItems": 1},
    suspected_call=STRING,
)
CHOICE = closed(
    {
        "index": INTEGER,
        "message": MESSAGE,
        "logprobs": {"type": "null"},
        "finish_reason": {"enum": ["stop", "length", "tool_calls", "content_filter", "function_call"]},
    }
)
COMPLETION = closed(
    {
        "id": STRING,
        "object": {"const": "chat.completion"},
        "created": INTEGER,
        "model": STRING,
        "choices": {"type": "array", "items": CHOICE, "minItems": 1},
    },
    usage=closed({"prompt_tokens": INTEGER, "completion_tokens": INTEGER, "total_tokens": INTEGER}),
)
RESPONSE = closed({"status_code": {"type": "integer"}, "request_id": STRING, "body": COMPLETION})
LINE = closed(
    {
        "id": STRING,
        "custom_id": STRING,
        "response": {"anyOf": [RESPONSE, {"type": "null"}]},
        "error": {"anyOf": [closed({"code": STRING, "message": STRING}), {"type": "null"}]},
    }
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
outcomes = st.one_of(
    st.builds(Extracted, st.text(min_size=1), fields=json_values),
    st.builds(
        Extracted,
        st.text(min_size=1),
        text=st.text(),
        usage=st.fixed_dictionaries({"limited": st.booleans()}),
        suspected_call=st.none() | st.text(),
    ),
    st.builds(
        Extracted,
        st.text(min_size=1),
        call=st.fixed_dictionaries({"function": st.text(), "arguments": st.dictionaries(st.text(), json_values)}),
        usage=st.fixed_dictionaries(
            {"prompt_tokens": st.integers(0, 99), "new_tokens": st.integers(0, 99), "limited": st.booleans()}
        ),
    ),
    st.builds(Extracted, st.text(min_size=1), error=st.builds(RowError, st.text(), st.text())),
)


def asked(**body):
    return read_request({"custom_id": "r", "body": {"messages": HI, **body}})


def refused(**body):
    error = asked(**body)
    assert isinstance(error, RowError)
    assert error.kind == "DocumentError"
    assert len(error.message) < 500
    return error.message


def test_parameters_that_are_kept():
    assert asked(
        model="gpt", max_completion_tokens=9, temperature=0.5, top_p=0.9, seed=3, stop=["a", "b"], top_k=4, min_p=0.1,
        repetition_penalty=1.1,
    ) == Asked(
        HI,
        options={"max_new_tokens": 9, "temperature": 0.5, "top_p": 0.9, "seed": 3, "stop": ["a", "b"], "top_k": 4,
                 "min_p": 0.1, "repetition_penalty": 1.1},
    )  # fmt: skip
    assert asked(max_tokens=5).options == asked(max_tokens=5, max_completion_tokens=5).options == {"max_new_tokens": 5}


@pytest.mark.parametrize(
    "body",
    [
        {"n": 1, "stream": False, "logprobs": False, "presence_penalty": 0, "frequency_penalty": 0.0, "logit_bias": {}},
        {"user": "u", "metadata": {"a": "b"}, "store": True, "service_tier": "flex", "parallel_tool_calls": True},
        {"temperature": None, "stop": None, "tools": None, "tool_choice": None, "response_format": None, "n": None},
        {"response_format": {"type": "text"}, "tools": [], "tool_choice": "none"},
    ],
)
def test_what_cannot_change_a_reply_changes_nothing(body):
    assert asked(**body) == Asked(HI)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"n": 2}, "not supported: 'n' other than 1"),
        ({"stream": True}, "'stream' other than false"),
        ({"logprobs": True, "top_logprobs": 3}, "'logprobs' other than false, 'top_logprobs' other than 0"),
        ({"presence_penalty": 0.5}, "'presence_penalty' other than 0"),
        ({"logit_bias": {"5": 1}}, "'logit_bias' other than {}"),
        ({"functions": [], "reasoning_effort": "low"}, "not supported: 'functions', 'reasoning_effort'"),
        ({f"p{i}": 1 for i in range(50)}, "and 40 more"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_tokens and max_completion_tokens are different"),
        ({"tools": {}}, "tools is {}, not a list"),
        ({"tools": [TOOL, {"type": "custom"}]}, "tools/1 is {'type': 'custom'}"),
        ({"tool_choice": "required"}, "tool_choice is 'required', and there are no tools"),
        ({"tools": [TOOL], "tool_choice": {"type": "custom"}}, "tool_choice is {'type': 'custom'}. Supported"),
        ({"response_format": {"type": "xml"}}, "response_format is {'type': 'xml'}"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, "response_format is"),
        ({"tools": [TOOL], "response_format": {"type": "json_object"}}, "has tools and a response_format of JSON"),
        ({"messages": None}, "messages is None"),
        ({"messages": []}, "messages is []"),
        ({"messages": ["Hi"]}, "at /messages/0: message 1 is not a role and a content: 'Hi'"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "at /messages/0/role: message 1 is a result, and no"),
        ({"messages": [{"role": "user", "content": None}]}, "at /messages/0/content: message 1 has the content None"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "Parts of the type text are read"),
        ({"messages": [{"role": "user", "content": "x", "mood": "n"}]}, "at /messages/0/mood: message 1 has 'mood'"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(body, said):
    assert said in refused(**body)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"url": "/v1/embeddings", "body": {"messages": HI}}, "the url is '/v1/embeddings'. Supported is /v1/chat/com"),
        ({"method": "GET", "body": {"messages": HI}}, "the method is 'GET'"),
        ({"body": "x"}, "the body is 'x'"),
        ({}, "the body is None"),
    ],
)
def test_lines_that_are_no_request_for_a_chat(line, said):
    assert said in read_request(line).message


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, "auto"),
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ({"type": "function", "function": {"name": "f"}}, "f"),
        ({"type": "function", "function": {"name": "auto"}}, ["auto"]),
    ],
)
def test_tools_and_their_choice(choice, expected):
    found = asked(tools=[TOOL], tool_choice=choice)
    assert (found.functions, found.choice) == ([TOOL], expected)
    assert [function.name for function in read_functions(found.functions)] == ["f"]


def test_response_formats():
    named = {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": SCHEMA}}
    assert asked(response_format=named).schema == SCHEMA
    assert asked(response_format={"type": "json_object"}).schema == {"type": "object"}


def test_messages():
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    replied = {"role": "assistant", "content": "c", "refusal": None, "tool_calls": [], "audio": None}
    given = [{"role": "developer", "content": "s"}, {"role": "user", "content": parts}, replied, *HI]
    assert asked(messages=given).messages == [
        {"role": "system", "content": "s"}, {"role": "user", "content": "a\nb"}, {"role": "assistant", "content": "c"},
        *HI,
    ]  # fmt: skip


@given(
    st.dictionaries(
        st.sampled_from(["messages", "tools", "tool_choice", "response_format", "n", "stop", "max_tokens", "other"]),
        json_values,
    ),
    json_values,
)
def test_any_json_is_asked_or_refused(body, other):
    for line in ({"custom_id": "r", "body": body}, {"body": other, "url": other, "method": other}):
        assert isinstance(read_request(line), Asked | RowError)


@given(outcomes)
def test_responses_have_the_published_shape(extracted):
    line = response_of(extracted, model="m", created=7)
    jsonschema.validate(json.loads(json.dumps(line)), LINE)
    assert line["custom_id"] == extracted.id
    assert (line["response"] is None) == (extracted.error is not None)
    assert (line["error"] is None) == (extracted.error is None)


@given(outcomes)
def test_what_was_extracted_can_be_read_from_the_response(extracted):
    line = response_of(extracted, model="m", created=7)
    if extracted.error is not None:
        assert line["error"] == {"code": extracted.error.kind, "message": extracted.error.message}
        return
    (choice,) = line["response"]["body"]["choices"]
    message = choice["message"]
    assert message.get("suspected_call") == extracted.suspected_call
    assert ("suspected_call" in message) == (extracted.suspected_call is not None)
    if extracted.call is not None:
        (call,) = message["tool_calls"]
        assert choice["finish_reason"] == "tool_calls"
        assert message["content"] is None
        assert call["function"]["name"] == extracted.call["function"]
        assert json.loads(call["function"]["arguments"]) == extracted.call["arguments"]
        usage = line["response"]["body"]["usage"]
        assert usage["prompt_tokens"] == extracted.usage["prompt_tokens"]
        assert usage["completion_tokens"] == extracted.usage["new_tokens"]
        assert usage["total_tokens"] == extracted.usage["prompt_tokens"] + extracted.usage["new_tokens"]
    elif extracted.text is not None:
        ended = "length" if extracted.usage["limited"] else "stop"
        assert (message["content"], choice["finish_reason"]) == (extracted.text, ended)
    else:
        assert json.loads(message["content"]) == extracted.fields


@given(outcomes, outcomes)
def test_ids_follow_from_what_is_said(one, other):
    first, again, second = (response_of(extracted, model="m", created=7) for extracted in (one, one, other))
    assert first == again
    rest = [{**line, "id": None} for line in (first, second)]
    if first["id"] == second["id"]:
        assert rest[0] == rest[1]
    assert response_of(one, model="m", created=8)["id"] == first["id"]
