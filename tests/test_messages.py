"""Conversations as OpenAI's chat API has them: calls and results in the history, in the formats and in templates."""

from __future__ import annotations

import json

import pytest
import tokenizers_made
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from fcgen.errors import PromptError
from fcgen.messages import MAX_DEPTH, plain_turns, read_messages
from fcgen.prompt import chat_messages, render_prompt

HI = {"role": "user", "content": "Hi"}


def call(name="f", arguments="{}", call_id=None):
    found = {"type": "function", "function": {"name": name, "arguments": arguments}}
    return found if call_id is None else {**found, "id": call_id}


def calling(*calls, content=None):
    return {"role": "assistant", "content": content, "tool_calls": list(calls)}


def result(content, call_id=None, **more):
    found = {"role": "tool", "content": content, **more}
    return found if call_id is None else {**found, "tool_call_id": call_id}


TWO = [
    HI,
    calling(call("get_weather", '{"city": "Paris"}', "a"), call("get_time", {}, "b")),
    result("12:00", "b"),
    result("20", "a"),
]
PLAIN_TWO = (
    '{"function": "get_weather", "arguments": {"city": "Paris"}}\n{"function": "get_time", "arguments": {}}',
    "The function get_time returned:\n12:00\n\nThe function get_weather returned:\n20",
)
NATIVE = (
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% for c in m.tool_calls or [] %}"
    "<call>{{ c.function.name }} {{ c.function.arguments | tojson }}</call>{% endfor %}{{ '\\n' }}{% endfor %}"
)


def tokenizer_with(template):
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizers_made.byte_level().backend_tokenizer, chat_template=template
    )


# What is read


def test_roles_contents_and_what_says_nothing():
    messages = read_messages(
        [
            {"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "user", "content": "Hi", "name": "Ann"},
            {"role": "assistant", "content": "c", "refusal": None, "tool_calls": [], "audio": None},
            HI,
        ]
    )
    assert [(message.role, message.content, message.name) for message in messages] == [
        ("system", "a\nb", None), ("user", "Hi", "Ann"), ("assistant", "c", None), ("user", "Hi", None),
    ]  # fmt: skip


def test_calls_and_results_find_each_other():
    messages = read_messages(TWO)
    assert [one.function for one in messages[1].calls] == ["get_weather", "get_time"]
    assert messages[1].content == ""
    assert [(one.name, one.call.id) for one in messages[2:]] == [("get_time", "b"), ("get_weather", "a")]
    unnamed = [HI, calling(call("f"), call("g")), result("1"), result("2", name="f")]
    with pytest.raises(PromptError, match="no call before it is without one"):
        read_messages([*unnamed[:3], result("2"), result("3")])
    assert [one.name for one in read_messages([*unnamed[:3], result("2")])[2:]] == ["f", "g"]


def test_the_older_spelling():
    older = [
        HI,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"x": 1}'}},
        {"role": "function", "name": "f", "content": "2"},
    ]
    messages = read_messages(older)
    assert messages[1].calls[0].arguments == {"x": 1}
    assert (messages[2].role, messages[2].call) == ("tool", messages[1].calls[0])


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.lists(st.booleans()), max_size=4))
def test_arguments_are_an_object_or_its_json(arguments):
    for given_as in (arguments, json.dumps(arguments)):
        assert read_messages([HI, calling(call("f", given_as)), result("1")])[1].calls[0].arguments == arguments


@pytest.mark.parametrize("arguments", ["", " ", None])
def test_no_arguments(arguments):
    assert read_messages([HI, calling(call("f", arguments)), result("1")])[1].calls[0].arguments == {}


@pytest.mark.parametrize(
    ("messages", "pointer", "said"),
    [
        ([HI, {"role": "user", "content": None}], "/1/content", "message 2 has the content None"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}], "/0/content/0/type", "'image_url'"),
        ([{"role": "user", "content": [{"type": "text"}]}], "/0/content/0", 'Expected {"type": "text", "text": "..."}'),
        ([{"role": "user", "content": "x", "name": 3}], "/0/name", "the name 3, which is not a text"),
        ([{"role": "user", "content": "x", "tool_calls": [call()]}], "/0/tool_calls", "which is not read"),
        ([HI, calling(call("f", "{")), HI], "/1/tool_calls/0/function/arguments", "that are no JSON"),
        ([HI, calling(call("f", "[1]")), HI], "/1/tool_calls/0/function/arguments", "Expected an object, or its JSON"),
        ([HI, calling(call("f", '{"x": NaN}')), HI], "/1/tool_calls/0/function/arguments", "that are no JSON"),
        ([HI, calling(call("f", '{"x": 1e999}')), HI], "/1/tool_calls/0/function/arguments", "that are no JSON"),
        ([HI, calling(call("f", {"x": {1}})), HI], "/1/tool_calls/0/function/arguments", "that are no JSON"),
        ([HI, calling(call("", "{}")), HI], "/1/tool_calls/0/function/name", "no function's name"),
        ([HI, calling({"type": "custom", "custom": {}}), HI], "/1/tool_calls/0/type", "of the type 'custom'"),
        ([HI, calling({"name": "f"}), HI], "/1/tool_calls/0", "has the call"),
        ([HI, calling(call("f", "{}", 7)), HI], "/1/tool_calls/0/id", "the id 7"),
        ([HI, calling(call("f", "{}", "a"), call("g", "{}", "a")), HI], "/1/tool_calls", "two calls with the id 'a'"),
        ([HI, calling(call("f", "{}", "a")), result("1", "b")], "/2/tool_call_id", "the call 'b'"),
        ([HI, result("1")], "/1/role", "no call before it is without one"),
        ([HI, calling(call("f"))], "/1/role", "the last message has the role assistant"),
        ([HI, {"role": "system", "content": "x"}, HI], "/1/role", "is a system message"),
        ([{"role": "user", "content": "x", "a/b": 1}], "/0/a~1b", "which is not read"),
    ],
)
def test_messages_that_are_refused(messages, pointer, said):
    with pytest.raises(PromptError) as caught:
        read_messages(messages)
    assert caught.value.pointer == pointer
    assert said in str(caught.value)
    assert f"message {int(pointer.split('/')[1]) + 1} " in str(caught.value) or "the last message" in str(caught.value)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 5, 100_000])
def test_arguments_nested_too_deeply(depth):
    text = '{"x": ' + "[" * depth + "]" * depth + "}"
    with pytest.raises(PromptError, match="nested too deeply"):
        read_messages([HI, calling(call("f", text)), result("1")])


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(["user", "tool", "assistant"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "tool_calls", "function", "name", "id", "type", "text"]), inner
        )
    ),
    max_leaves=12,
)


@given(st.lists(junk | st.just(HI) | st.just(calling(call())), max_size=4) | junk)
def test_whatever_is_given_is_read_or_refused_by_us(source):
    try:
        messages = read_messages(source)
    except PromptError:
        return
    assert render_prompt_or_refusal(messages) is not None


def render_prompt_or_refusal(messages):
    try:
        return render_prompt([message.as_openai() for message in messages])
    except PromptError as error:
        return error


# How it is written


def test_the_plain_spelling():
    prompt = render_prompt(TWO)
    assert prompt == f"[INST] Hi [/INST]\n\n{PLAIN_TWO[0]} </s><s>[INST] {PLAIN_TWO[1]} [/INST]\n\n"
    beside = [HI, calling(call("f"), content="Let me look."), result("1"), {"role": "user", "content": "And now?"}]
    assert [turn.content for turn in plain_turns(read_messages(beside), "name", "args")] == [
        "Hi", 'Let me look.\n{"name": "f", "args": {}}', "The function f returned:\n1\n\nAnd now?",
    ]  # fmt: skip


def test_results_of_one_function_say_of_which_call_they_are():
    paris, rome = call("w", {"city": "Paris"}, "a"), call("w", {"city": "Rome"}, "b")
    said = chat_messages([HI, calling(paris, rome), result("21", "b"), result("20", "a")])
    assert said[-1]["content"] == (
        '{"function": "w", "arguments": {"city": "Rome"}} returned:\n21\n\n'
        '{"function": "w", "arguments": {"city": "Paris"}} returned:\n20'
    )


def test_a_template_that_writes_calls_gets_them():
    text = render_prompt(TWO, format="chat", tokenizer=tokenizer_with(NATIVE))
    assert text == (
        '[user]Hi\n[assistant]<call>get_weather {"city": "Paris"}</call><call>get_time {}</call>\n'
        "[tool]12:00\n[tool]20\n"
    )


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}[{{ m.role }}]{{ m.content }}\n{% endfor %}",  # leaves the calls out
        NATIVE.replace("m.tool_calls or []", "(m.tool_calls or [])[:1]"),  # the second one
        NATIVE.replace("{{ m.content }}", "{% if m.role != 'tool' %}{{ m.content }}{% endif %}"),  # the results
        NATIVE.replace("c.function.arguments | tojson", "c.function.arguments + ''"),  # wants a text
        "{% if messages[1].tool_calls %}{{ raise_exception('no') }}{% endif %}" + NATIVE,
        "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no') }}{% endif %}{% endfor %}" + NATIVE,
    ],
)
def test_a_template_that_does_not_gets_the_plain_spelling(template):
    text = render_prompt(TWO, format="chat", tokenizer=tokenizer_with(template))
    assert text == f"[user]Hi\n[assistant]{PLAIN_TWO[0]}\n[user]{PLAIN_TWO[1]}\n"


def test_what_is_said_beside_a_call_is_not_lost():
    template = NATIVE.replace("{{ m.content }}", "{% if not m.tool_calls %}{{ m.content }}{% endif %}")
    beside = [HI, calling(call("f"), content="Let me look."), result("1")]
    text = render_prompt(beside, format="chat", tokenizer=tokenizer_with(template))
    assert '[assistant]Let me look.\n{"function": "f", "arguments": {}}\n' in text


def test_a_conversation_that_is_plain_needs_no_second_look():
    assert render_prompt([HI], format="chat", tokenizer=tokenizer_with(NATIVE)) == "[user]Hi\n"
