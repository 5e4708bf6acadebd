"""Servers: whatever they answer, a reply is one that was asked for, or an error says what is wrong with it."""

import asyncio
import json
from types import SimpleNamespace

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgen import Function, Server, load, parse_reply
from fcgen.errors import FunctionError, ManyErrors, ModelError, OptionError, PromptError, ReplyError, SchemaError
from fcgen.formats import find_format
from fcgen.servers import calls_schema

outlines = pytest.importorskip("outlines")
from outlines import exceptions  # noqa: E402
from outlines.inputs import Chat  # noqa: E402
from outlines.models.base import AsyncModel, Model, ModelTypeAdapter  # noqa: E402
from outlines.types import JsonSchema  # noqa: E402


def function(name, required=(), **properties):
    return Function(
        name, f"What {name} does.", {"type": "object", "properties": properties, "required": list(required)}
    )


WEATHER = function("get_weather", ["city"], city={"type": "string", "maxLength": 9}, days={"type": "integer"})
TIMER = function("set_timer", minutes={"type": "number", "minimum": 0}, at={"type": "string", "format": "time"})
FUNCTIONS = [WEATHER, TIMER]


def call(name, **arguments):
    return json.dumps({"function": name, "arguments": arguments})


PARIS = call("get_weather", city="Paris", days=3)


class Adapter(ModelTypeAdapter):
    """Takes texts, messages and JSON Schemas, or what of them it is told to."""

    def __init__(self, *, messages=True, schema=True):
        self.messages, self.schema = messages, schema

    def format_input(self, model_input):
        if not isinstance(model_input, str) and not self.messages:
            raise TypeError(f"The input type {type(model_input)} is not available")
        return model_input

    def format_output_type(self, output_type=None):
        if output_type is not None and not self.schema:
            raise NotImplementedError("The output type is not available")
        return output_type


class Fake(Model):
    """A server that answers as it was told to, one answer a time."""

    def __init__(self, *answers, **takes):
        self.answers, self.asked = list(answers), []
        self.type_adapter = Adapter(**takes)

    def generate(self, model_input, output_type=None, **arguments):
        self.asked.append((self.type_adapter.format_input(model_input), output_type, arguments))
        self.type_adapter.format_output_type(output_type)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def generate_batch(self, model_input, output_type=None, **arguments):
        raise NotImplementedError

    def generate_stream(self, model_input, output_type=None, **arguments):
        raise NotImplementedError


class AsyncFake(Fake, AsyncModel):
    """The same, awaited."""

    async def generate(self, model_input, output_type=None, **arguments):
        await asyncio.sleep(0)
        return Fake.generate(self, model_input, output_type, **arguments)


def ask(*answers, prompt="Hi", functions=FUNCTIONS, takes=None, **options):
    model = Fake(*answers, **(takes or {}))
    return Server(model).call(prompt, functions, **options), model.asked


@pytest.mark.parametrize("choice", ["auto", "required", "get_weather", ["set_timer", "get_weather"]])
def test_a_call(choice):
    reply, (asked,) = ask(PARIS, choice=choice)
    assert reply == parse_reply(PARIS, FUNCTIONS, usage=reply.usage)
    assert (reply.calls[0].function, reply.calls[0].arguments) == ("get_weather", {"city": "Paris", "days": 3})
    assert reply.usage.forward_passes == 1
    assert reply.usage.seconds > 0
    assert asked[2] == {"max_tokens": 256}


@pytest.mark.parametrize(
    ("options", "functions"),
    [({}, FUNCTIONS), ({}, None), ({}, []), ({"choice": "none"}, FUNCTIONS), ({"choice": "none"}, None)],
)
def test_a_text(options, functions):
    reply, (asked,) = ask("It is sunny.", functions=functions, **options)
    assert (reply.kind, reply.text, reply.calls) == ("text", "It is sunny.", ())
    assert asked[1] is None


def test_where_nothing_can_be_called_all_is_text():
    reply, _ = ask('{"a": 1}', choice="none")
    assert (reply.kind, reply.text) == ("text", '{"a": 1}')


def test_the_functions_are_offered_in_the_system_message():
    _, ((chat, _, _),) = ask(
        PARIS, prompt=[{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]
    )
    assert isinstance(chat, Chat)
    system, user = chat.messages
    assert (system["role"], user) == ("system", {"role": "user", "content": "Hi"})
    assert system["content"].startswith("Be kind.")
    assert all(f"What {one.name} does." in system["content"] for one in FUNCTIONS)
    _, ((chat, _, _),) = ask(call("set_timer"), choice="set_timer")
    assert "get_weather" not in chat.messages[0]["content"]
    _, ((chat, _, _),) = ask("Hi!", functions=None)
    assert [message["role"] for message in chat.messages] == ["user"]


BAD = [
    ("The weather is fine.", "a text where a call is demanded"),
    ("", "a text where a call is demanded"),
    (PARIS[:-3], "not JSON"),
    (PARIS + PARIS, "not JSON"),
    (f"```json\n{PARIS}\n```", "a text where a call is demanded"),
    (call("get_wether", city="Paris"), "get_wether.*not offered"),
    (call("get_weather"), "do not fit: 'city' is a required property"),
    (call("get_weather", city="Paris", days=2.5), "do not fit"),
    (call("get_weather", city="A long name"), "do not fit"),
    (call("set_timer", at="noon"), "do not fit"),
    (call("get_weather", city="Paris", unit="C"), "do not fit: Additional properties"),
    (json.dumps({"name": "get_weather", "arguments": {}}), "has the keys"),
    (None, "is None, not a text"),
    ([PARIS, PARIS], "not a text"),
]


@pytest.mark.parametrize(("answer", "says"), BAD)
def test_an_answer_that_is_no_reply(answer, says):
    with pytest.raises(ReplyError, match=says) as caught:
        ask(answer, choice="required")
    assert caught.value.text == (answer if isinstance(answer, str) else "")


@pytest.mark.parametrize("size", range(1, len(PARIS)))
def test_an_answer_that_was_cut_off(size):
    with pytest.raises(ReplyError) as caught:
        ask(PARIS[:size], choice="required", max_new_tokens=7)
    assert PARIS[:size].endswith("}") or "cut off after 7 tokens" in caught.value.hint


def test_a_function_that_the_choice_does_not_name():
    with pytest.raises(ReplyError, match=r"set_timer.*not offered"):
        ask(call("set_timer", minutes=1), choice="get_weather")


@pytest.mark.parametrize(("answer", "says"), BAD)
@pytest.mark.parametrize("before", [1, 2])
def test_an_invalid_reply_is_asked_for_again(answer, says, before):
    prompt = [{"role": "user", "content": "Hi"}]
    reply, asked = ask(*[answer] * before, PARIS, prompt=prompt, choice="required", retries=before)
    assert reply == parse_reply(PARIS, FUNCTIONS, usage=reply.usage)
    assert reply.usage.forward_passes == before + 1 == len(asked)
    messages = asked[-1][0].messages
    assert messages[1] == {"role": "user", "content": "Hi"}
    if isinstance(answer, str) and answer:
        assert messages[2] == {"role": "assistant", "content": answer}
        assert messages[3]["role"] == "user"
        assert messages[3]["content"].startswith("This is not a valid reply: ")
    assert len(messages) in (2, 4)
    assert prompt == [{"role": "user", "content": "Hi"}]


def test_the_last_of_all_tries_is_the_error():
    with pytest.raises(ReplyError, match="get_b") as caught:
        ask(call("get_a"), call("get_b"), retries=1)
    assert caught.value.text == call("get_b")


def test_an_answer_that_may_be_a_text_is_asked_for_again_only_if_it_is_a_broken_call():
    reply, asked = ask("{ that is no call", "Hello!", retries=3)
    assert (reply.text, len(asked)) == ("Hello!", 2)


def test_the_schema_of_the_calls_is_given_where_one_is_demanded():
    form = find_format("chat")
    for choice, functions in (("required", FUNCTIONS), ("get_weather", [WEATHER]), (["set_timer"], [TIMER])):
        answer = call(functions[-1].name, **({"city": "x"} if functions[-1] is WEATHER else {}))
        _, ((_, output_type, _),) = ask(answer, choice=choice)
        assert output_type == JsonSchema(calls_schema(functions, form))
    assert ask(PARIS)[1][0][1] is None
    assert ask(PARIS, choice="required", structured=False)[1][0][1] is None
    assert ask(PARIS, choice="required", takes={"schema": False})[1][0][1] is None


def test_a_schema_that_outlines_does_not_know_is_not_given():
    draft = "http://json-schema.org/draft-04/schema#"
    number = {"type": "number", "minimum": 3, "exclusiveMinimum": True}
    old = Function("f", "", {"$schema": draft, "type": "object", "properties": {"x": number}})
    reply, ((_, output_type, _),) = ask(call("f", x=4), functions=[old], choice="required")
    assert output_type is None
    assert reply.calls[0].arguments == {"x": 4}
    with pytest.raises(ReplyError, match="do not fit"):
        ask(call("f", x=3), functions=[old], choice="required")


def test_a_schema_that_is_none():
    with pytest.raises(SchemaError, match="`type` must be one or several of"):
        ask(call("f", x=4), functions=[function("f", x={"type": "nothing"})])


def test_a_server_of_texts():
    _, ((text, _, _),) = ask(PARIS, takes={"messages": False})
    assert "What get_weather does." in text
    assert text.endswith("\n\nHi")
    assert ask("Hi!", functions=None, takes={"messages": False})[1][0][0] == "Hi"
    _, ((text, _, _),) = ask(PARIS, takes={"messages": False}, format="trelis-zephyr")
    assert text.endswith("<|user|>\nHi</s>\n<|assistant|>\n\n\n")
    conversation = [{"role": role, "content": role} for role in ("user", "assistant", "user")]
    with pytest.raises(PromptError, match="takes one text"):
        ask(PARIS, prompt=conversation, takes={"messages": False})
    _, asked = ask("{", PARIS, takes={"messages": False}, format="trelis-mistral", retries=1)
    assert "[INST] Hi [/INST]\n\n{</s> [INST] This is not a valid reply" in asked[1][0]


def test_a_format_of_the_engine():
    model = Fake(PARIS)
    engine = Server(model, format="trelis-llama2")
    assert engine.call("Hi", FUNCTIONS).kind == "call"
    assert model.asked[0][0].endswith("[INST] Hi [/INST]\n\n")
    with pytest.raises(PromptError, match="no format"):
        Server(model, format="nothing")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"choice": "nothing"}, FunctionError),
        ({"choice": 3}, FunctionError),
        ({"choice": [3]}, FunctionError),
        ({"choice": []}, FunctionError),
        ({"max_new_tokens": 0}, OptionError),
        ({"max_new_tokens": "9"}, OptionError),
        ({"retries": -1}, OptionError),
        ({"retries": True}, OptionError),
        ({"on_error": "ignore"}, OptionError),
        ({"format": "nothing"}, PromptError),
        ({"functions": [{"description": "nameless"}]}, FunctionError),
        ({"functions": [{"description": "nameless"}, {}]}, ManyErrors),
        ({"functions": None, "choice": "required"}, FunctionError),
        ({"prompt": []}, PromptError),
        ({"prompt": 3}, PromptError),
    ],
)
def test_mistakes_are_said_before_the_server_is_asked(options, error):
    model = Fake()
    options = {"prompt": "Hi", "functions": FUNCTIONS, **options}
    with pytest.raises(error):
        Server(model).call(**options)
    assert model.asked == []


def test_an_option_that_is_none():
    with pytest.raises(TypeError, match="top_p"):
        ask(PARIS, top_p=0.5)


def test_functions_that_cannot_be_read_are_left_out():
    reply, _ = ask(PARIS, functions=[{"description": "nameless"}, WEATHER], on_error="leave_out", choice="required")
    assert reply.kind == "call"


@pytest.mark.parametrize("kind", [Fake, AsyncFake])
def test_replies_that_are_awaited(kind):
    async def replies():
        engines = [Server(kind("{", PARIS)) for _ in range(3)]
        return await asyncio.gather(*(one.acall("Hi", FUNCTIONS, choice="required", retries=1) for one in engines))

    for reply in asyncio.run(replies()):
        assert reply == parse_reply(PARIS, FUNCTIONS, usage=reply.usage)
    with pytest.raises(ReplyError):
        asyncio.run(Server(kind("{")).acall("Hi", FUNCTIONS))
    with pytest.raises(ModelError, match="gave no answer"):
        asyncio.run(Server(kind(exceptions.RateLimitError())).acall("Hi", FUNCTIONS))


def test_an_asynchronous_model_has_to_be_awaited():
    with pytest.raises(ModelError, match=r"is asynchronous\. Use await"):
        Server(AsyncFake(PARIS)).call("Hi", FUNCTIONS)


def test_a_server_that_does_not_answer():
    with pytest.raises(ModelError, match=r"Fake gave no answer: 'API Error \[openai\]'. Slow down") as caught:
        ask(exceptions.RateLimitError(provider="openai"))
    assert isinstance(caught.value.__cause__, exceptions.RateLimitError)
    with pytest.raises(ModelError, match="structured=False"):
        ask(exceptions.BadRequestError("no pattern"), choice="required")
    with pytest.raises(KeyError):
        ask(KeyError("a mistake of the client's"))


def test_load():
    engine = load(Fake(PARIS))
    assert isinstance(engine, Server)
    assert engine.call("Hi", FUNCTIONS).kind == "call"


def completion(text):
    return SimpleNamespace(choices=[SimpleNamespace(message=SimpleNamespace(content=text, refusal=None))])


class Client:
    """The client of any server: it keeps what it was given, and answers with a call."""

    def __init__(self, answer):
        self.answer, self.given = answer, None
        self.chat = Method(self, completions=SimpleNamespace(create=self.take))
        self.messages = SimpleNamespace(create=self.take)
        self.models = SimpleNamespace(generate_content=self.take)
        self.generate = self.text_generation = self.take

    def take(self, **given):
        self.given = given
        return self.answer


class Method:
    def __init__(self, client, **more):
        self.client = client
        self.__dict__.update(more)

    def __call__(self, **given):
        return self.client.take(**given)


MODELS = outlines.models
SERVERS = {
    "OpenAI": (MODELS.OpenAI, completion(PARIS)),
    "VLLM": (MODELS.VLLM, completion(PARIS)),
    "SGLang": (MODELS.SGLang, completion(PARIS)),
    "Anthropic": (MODELS.Anthropic, SimpleNamespace(content=[SimpleNamespace(text=PARIS)])),
    "Gemini": (MODELS.Gemini, SimpleNamespace(text=PARIS)),
    "Ollama": (MODELS.Ollama, SimpleNamespace(message=SimpleNamespace(content=PARIS))),
    "TGI": (lambda client, _: MODELS.TGI(client), PARIS),
    "Dottxt": (MODELS.Dottxt, json.loads(PARIS)),
}


def given_to(name, **options):
    make, answer = SERVERS[name]
    client = Client(answer)
    reply = load(make(client, "some-model")).call("Hi", FUNCTIONS, **options)
    assert reply.calls[0].arguments == {"city": "Paris", "days": 3}
    return client.given


@pytest.mark.parametrize("name", sorted(SERVERS))
def test_the_models_of_outlines(name):
    """What each of them is asked, and that its limit and temperature have the names that its client knows."""
    given = given_to(name, choice="required", max_new_tokens=50, temperature=0.5)
    schema = calls_schema(FUNCTIONS, find_format("chat"))
    match name:
        case "OpenAI":
            assert (given["max_completion_tokens"], given["temperature"]) == (50, 0.5)
            assert given["response_format"]["json_schema"]["schema"]["type"] == "object"
        case "VLLM":
            assert given["extra_body"] == {"structured_outputs": {"json": schema}}
            assert given["max_tokens"] == 50
        case "SGLang":
            assert given["response_format"]["json_schema"]["schema"] == schema
        case "Anthropic":
            assert given["max_tokens"] == 50
            assert [message["role"] for message in given["messages"]] == ["user"]
            assert "What get_weather does." in given["messages"][0]["content"]
        case "Gemini":
            config = given["config"]
            assert (config["max_output_tokens"], "response_schema" in config) == (50, False)
            assert "What get_weather does." in config["system_instruction"]
        case "Ollama":
            assert given["options"] == {"num_predict": 50, "temperature": 0.5}
            assert given["format"] == schema
        case "TGI":
            assert (given["max_new_tokens"], given["grammar"]) == (50, {"type": "json", "value": schema})
            assert given["prompt"].endswith("\n\nHi")
        case "Dottxt":
            assert json.loads(given["response_format"]) == schema
            assert given["input"].endswith("\n\nHi")


def test_more_arguments_for_the_client():
    client = {"top_p": 0.5, "model": "another", "max_tokens": 3}
    assert {name: given_to("VLLM", client=client)[name] for name in client} == client
    given = given_to("Ollama", client={"options": {"seed": 1, "num_predict": 9}})
    assert given["options"] == {"num_predict": 9, "seed": 1}


def test_a_server_that_takes_one_object():
    schema = calls_schema(FUNCTIONS, find_format("chat"), is_object=True)
    judge = jsonschema.Draft202012Validator(schema)
    assert schema["type"] == "object"
    assert judge.is_valid(json.loads(PARIS))
    assert not judge.is_valid(json.loads(call("get_wether", city="x")))


TREE = {"type": "object", "properties": {"value": {"enum": ["a", 1]}, "next": {"$ref": "#/$defs/tree"}}}
NAMES = {
    "$ref": {"$ref": "#/definitions/a~1b"},
    "enum": {"enum": [{"$ref": "#/$defs/tree"}]},
    "properties": {"$ref": "#/properties/$ref"},
}
OF_TREE = Function(
    "tree", "", {"type": "object", "properties": {"t": {"$ref": "#/$defs/tree"}}, "$defs": {"tree": TREE}}
)
OF_ITSELF = Function("self", "", {"type": "object", "properties": {"self": {"$ref": "#"}, "x": {"type": "integer"}}})
OF_NAMES = Function("names", "", {"type": "object", "properties": NAMES, "definitions": {"a/b": {"type": "integer"}}})
OWN = {
    "$id": "urn:own",
    "type": "object",
    "properties": {"x": {"$ref": "#/$defs/i"}},
    "$defs": {"i": {"type": "integer"}},
}
SETS = [FUNCTIONS, [WEATHER], [OF_TREE], [OF_ITSELF, OF_NAMES, OF_TREE], [Function("own", "", OWN), TIMER]]
KEYS = ["t", "x", "self", "city", "minutes", *NAMES]
VALUES = [1, "a", {"x": 1}, {"value": "a"}, {"value": 1, "next": {"value": "b"}}, {"self": {"x": "a"}}]
VALUES += [{"$ref": "#/$defs/tree"}, {"self": {"self": {"x": 1}}}]


@given(
    st.sampled_from(SETS),
    st.integers(0, 9),
    st.dictionaries(
        st.sampled_from(["t", "x", "self", "city", "minutes", *NAMES]), st.sampled_from(VALUES), max_size=2
    ),
    st.booleans(),
)
def test_the_schema_of_the_calls_allows_what_can_be_read(functions, place, arguments, is_object):
    name = functions[place % len(functions)].name
    answer = call(name, **arguments)
    judge = jsonschema.Draft202012Validator(calls_schema(functions, find_format("chat"), is_object=is_object))
    allowed = judge.is_valid(json.loads(answer))
    try:
        reply, _ = ask(answer, functions=functions, choice="required")
    except ReplyError:
        assert is_object or not allowed
    else:
        assert allowed
        assert reply.calls[0].arguments == arguments
