"""A model of Outlines whose logits cannot be had (OpenAI, Anthropic, Gemini, vLLM, TGI, Ollama, ...) -> `Reply`.

    functions -> messages, and a JSON Schema of the calls;  the server's text -> `parse_reply`, which judges it

The functions are offered in the system message, as in the format "chat", or in the texts of another format. Where a
call is demanded and the model takes a JSON Schema, it gets the one of all calls that may be made. (A reply that may be
a text gets none, since it would forbid texts.) Whether the server keeps it is not relied upon: what `parse_reply`
refuses is an error, or is asked for again, with what was wrong with it.

Limits: one reply at a time, and one call in a reply. A text that was cut off cannot be told from a whole one. What a
reply cost is only known as the number of requests and the time.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from fcgen.call import OnError, arguments_schema, read_offered
from fcgen.choice import Choice, choose, read_choice
from fcgen.errors import ModelError, OptionError, PromptError, ReplyError, excerpt
from fcgen.formats import Format, find_format
from fcgen.functions import Function
from fcgen.prompt import chat_messages, render_prompt, sent_text
from fcgen.reply import Reply, Usage, parse_reply

if TYPE_CHECKING:
    from typing_extensions import Unpack

# Keeps only what a Python class can say of a schema.
_WITHOUT_SCHEMA = frozenset({"Gemini"})
# Takes no choice as the outermost schema.
_OBJECT_OUTSIDE = frozenset({"OpenAI"})
_WITHOUT_SYSTEM = frozenset({"Anthropic"})
_SCHEMAS_BY_NAME = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
_VALUES = frozenset({"const", "enum", "default", "example", "examples"})


class ServerOptions(TypedDict, total=False):
    """How a reply is asked for: the options of `Server.call`."""

    choice: Choice
    max_new_tokens: int
    temperature: float | None
    retries: int
    structured: bool
    format: str | Format | None
    on_error: OnError
    client: Mapping[str, Any]


class Question(NamedTuple):
    """What a model of Outlines is asked: its input, its output type, and arguments for the server's client."""

    model_input: Any
    output_type: Any
    arguments: dict[str, Any]


class Server:
    """A model of Outlines that is asked for replies, each of which is checked.

    Args:
        model: the model, synchronous or asynchronous.
        format: how prompts are written and calls spelled. None: "chat", the server lays out the messages.

    Raises:
        PromptError: no format has that name.
    """

    def __init__(self, model: Any, *, format: str | Format | None = None) -> None:  # noqa: A002
        self.model = model
        self.format = find_format("chat" if format is None else format)
        self.kind = _kind(model)

    def call(self, prompt: object, functions: object = None, **options: Unpack[ServerOptions]) -> Reply:
        """One reply to `prompt`: a call of one of `functions` that is valid, or text.

        Args:
            prompt: the user's message, or a list of messages as OpenAI's chat API has them (`fcgen.messages`). Calls
                and their results are written plainly.
            functions: what may be called, in any form that `read_functions` reads; None: nothing, the reply is text.
            options: all of these may be left out.

                choice: "auto" (a call or text; the default), "required" (a call), "none" (text), a function's name, or
                a list of names (a call of one of these). Functions that it does not name are not offered.

                max_new_tokens: tokens of the reply; 256.

                temperature: None (the default): the server's own.

                retries: how often an invalid reply is asked for again; 0.

                structured: whether the server gets a JSON Schema of the calls, where a call is demanded; True.

                format: instead of the engine's own.

                on_error: what to do where a function cannot be read: "raise" (the default), or "leave_out" it.

                client: more arguments for the server's client, by the names that it knows.

        Raises:
            FunctionError: the functions cannot be read, or `choice` names none of them.
            SchemaError: the parameters of a called function are no JSON Schema.
            PromptError: the prompt cannot be rendered for this server.
            ReplyError: the reply is not what was asked for, in the last of all tries; `text` is what it says.
            ModelError: the server did not answer.
            OptionError: an option cannot have that value.
        """
        asking = self._ask(prompt, functions, _Options(**options))
        question = next(asking)
        while True:
            with _Answering(self.kind):
                text = self.model.generate(question.model_input, question.output_type, **question.arguments)
            if inspect.iscoroutine(text):
                text.close()
                raise ModelError(f"the Outlines model {self.kind} is asynchronous", hint="Use await engine.acall(...)")
            try:
                question = asking.send(text)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]

    async def acall(self, prompt: object, functions: object = None, **options: Unpack[ServerOptions]) -> Reply:
        """As `call`, awaited; a synchronous model answers in a thread."""
        asking = self._ask(prompt, functions, _Options(**options))
        question = next(asking)
        while True:
            with _Answering(self.kind):
                text = await self._answer(question)
            try:
                question = asking.send(text)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]

    async def _answer(self, question: Question) -> object:
        generate = self.model.generate
        if inspect.iscoroutinefunction(generate):
            return await generate(question.model_input, question.output_type, **question.arguments)
        return await asyncio.to_thread(generate, question.model_input, question.output_type, **question.arguments)

    def _ask(self, prompt: object, functions: object, options: _Options) -> Generator[Question, object, Reply]:
        """Asks, and is sent what was answered, until a reply is right."""
        began = time.perf_counter()
        form = self.format if options.format is None else find_format(options.format)
        readable, unreadable = read_offered(functions, options.on_error)
        chosen = choose(readable, options.choice, [report.name for report in unreadable])
        output_type = self._output_type(chosen, options, form)
        arguments = _merged(_client_arguments(self.kind, options), options.client)
        messages = prompt
        for tries in range(1, options.retries + 2):
            text = yield Question(self._input(messages, chosen, form), output_type, dict(arguments))
            usage = Usage(forward_passes=tries, seconds=time.perf_counter() - began)
            try:
                return _read(text, chosen, options, form, usage)
            except ReplyError as error:
                if tries > options.retries:
                    raise
                messages = _complained(prompt, error)
        raise AssertionError("the last try returns or raises")

    def _input(self, messages: object, functions: Sequence[Function], form: Format) -> Any:
        """The prompt as the model takes it: messages, or the text of a format that has one."""
        from outlines.inputs import Chat

        if form.markers is not None:
            return sent_text(render_prompt(messages, functions, format=form), form.markers.control)
        conversation = chat_messages(messages, functions, format=form, has_system=self.kind not in _WITHOUT_SYSTEM)
        chat = Chat(messages=conversation)
        if self._takes("format_input", chat):
            return chat
        if [message["role"] for message in conversation] in (["user"], ["system", "user"]):
            return "\n\n".join(message["content"] for message in conversation)
        raise PromptError(
            f"the Outlines model {self.kind} takes one text, and no messages",
            hint='Choose a format of the model\'s family, such as format="trelis-llama2"',
        )

    def _output_type(self, functions: Sequence[Function], options: _Options, form: Format) -> Any:
        """The JSON Schema of the calls, if there is to be one and the model takes it."""
        import jsonschema
        from outlines.types import JsonSchema

        if not options.structured or not functions or options.choice == "auto" or self.kind in _WITHOUT_SCHEMA:
            return None
        try:
            schema = JsonSchema(json.dumps(calls_schema(functions, form, is_object=self.kind in _OBJECT_OUTSIDE)))
        except jsonschema.SchemaError:  # of a draft that Outlines does not know
            return None
        return schema if self._takes("format_output_type", schema) else None

    def _takes(self, method: str, value: Any) -> bool:
        """Whether the model's type adapter has a place for the value."""
        adapter = getattr(self.model, "type_adapter", None)
        if adapter is None:
            return True
        try:
            getattr(adapter, method)(value)
        except (TypeError, NotImplementedError, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Options:
    """The options of `Server.call`, checked."""

    choice: Choice = "auto"
    max_new_tokens: int = 256
    temperature: float | None = None
    retries: int = 0
    structured: bool = True
    format: str | Format | None = None
    on_error: OnError = "raise"
    client: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        read_choice(self.choice)
        for name, least in (("max_new_tokens", 1), ("retries", 0)):
            given = getattr(self, name)
            if not isinstance(given, int) or isinstance(given, bool) or given < least:
                raise OptionError(f"{name} is {excerpt(given)}", hint=f"It has to be an integer from {least} up")


class _Answering:
    """Makes a ModelError of what Outlines raises where a server does not answer."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        from outlines.exceptions import APIError, BadRequestError

        if isinstance(error, APIError):
            reason = str(error).strip().partition("\n")[0].rstrip(".")
            hint = error.hint
            if isinstance(error, BadRequestError):
                hint = f"{hint} Where it is the schema of the calls that the server refuses: structured=False"
            raise ModelError(
                f"the Outlines model {self.kind} gave no answer: {excerpt(reason, 200)}", hint=hint
            ) from error


def calls_schema(functions: Sequence[Function], format: Format, *, is_object: bool = False) -> dict[str, Any]:  # noqa: A002
    """The JSON Schema of the calls of these functions.

    `is_object`: as one object, for servers that take no choice as the outermost schema. Then it allows one function's
    arguments under another's name.
    """
    keys = {"type": "object", "required": [format.function_key, format.arguments_key], "additionalProperties": False}

    def call(name: Any, arguments: Any) -> dict[str, Any]:
        return {**keys, "properties": {format.function_key: name, format.arguments_key: arguments}}

    way = f"/properties/{format.arguments_key}"
    if len(functions) == 1:
        return call({"const": functions[0].name}, _placed(functions[0], f"#{way}"))
    if is_object:
        arguments = [_placed(function, f"#{way}/anyOf/{i}") for i, function in enumerate(functions)]
        return call({"enum": [function.name for function in functions]}, {"anyOf": arguments})
    calls = (call({"const": one.name}, _placed(one, f"#/anyOf/{i}{way}")) for i, one in enumerate(functions))
    return {"anyOf": list(calls)}


def _placed(function: Function, place: str) -> Any:
    """The schema of the function's arguments, to stand at `place` in another one."""
    schema = {key: value for key, value in arguments_schema(function).items() if key != "$schema"}
    return schema if "$id" in schema or "id" in schema else _moved(schema, place)


def _moved(schema: Any, place: str) -> Any:
    """The schema with its references into itself made references to `place`."""
    if isinstance(schema, list):
        return [_moved(part, place) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _SCHEMAS_BY_NAME and isinstance(value, dict):
            found[key] = {name: _moved(part, place) for name, part in value.items()}
        elif key == "$ref" and isinstance(value, str) and (value == "#" or value.startswith("#/")):
            found[key] = place + value[1:]
        else:
            found[key] = value if key in _VALUES else _moved(value, place)
    return found


def _read(text: object, functions: Sequence[Function], options: _Options, form: Format, usage: Usage) -> Reply:
    """The reply that the text is, if it is one that was asked for."""
    if not isinstance(text, str):
        raise ReplyError(f"the server's answer is {excerpt(text)}, not a text", text="", hint="Ask for one answer only")
    if not functions:
        return Reply("text", (), text, usage)
    judged = [replace(function, parameters=arguments_schema(function)) for function in functions]
    try:
        reply = parse_reply(text, judged, format=form, usage=usage)
    except ReplyError as error:
        if not text.rstrip().endswith("}"):
            error.hint = f"It may have been cut off after {options.max_new_tokens} tokens (max_new_tokens)"
        raise
    if reply.kind == "text" and options.choice != "auto":
        raise ReplyError(f"the reply is a text where a call is demanded: {excerpt(text)}", text=text)
    return reply


def _complained(messages: object, error: ReplyError) -> list[Any]:
    """The conversation, then the reply and what is wrong with it."""
    said: list[Any] = [{"role": "user", "content": messages}] if isinstance(messages, str) else list(messages)  # type: ignore[call-overload]
    if not error.text.strip():
        return said
    complaint = f"This is not a valid reply: {error}. Reply again, with nothing but the valid reply."
    return [*said, {"role": "assistant", "content": error.text}, {"role": "user", "content": complaint}]


def _kind(model: Any) -> str:
    """What Outlines calls the model, without regard to whether it is asynchronous."""
    known = [kind for kind in type(model).__mro__ if kind.__module__.startswith("outlines.models.")]
    known = [kind for kind in known if kind.__module__ != "outlines.models.base"]
    return (known or [type(model)])[0].__name__.removeprefix("Async")


def _client_arguments(kind: str, options: _Options) -> dict[str, Any]:
    """The limit and the temperature under the names that the server's client has for them."""
    heat = {} if options.temperature is None else {"temperature": options.temperature}
    match kind:
        case "OpenAI":
            return {"max_completion_tokens": options.max_new_tokens, **heat}
        case "TGI":
            return {"max_new_tokens": options.max_new_tokens, **heat}
        case "Gemini":
            return {"max_output_tokens": options.max_new_tokens, **heat}
        case "Ollama":
            return {"options": {"num_predict": options.max_new_tokens, **heat}}
        case "LMStudio":
            return {"config": {"maxTokens": options.max_new_tokens, **heat}}
        case "VLLMOffline":
            from vllm import SamplingParams

            return {"sampling_params": SamplingParams(max_tokens=options.max_new_tokens, **heat)}
        case _:
            return {"max_tokens": options.max_new_tokens, **heat}


def _merged(arguments: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Both, the second one's where they have the same name, and of dicts under the same name likewise."""
    found = {**arguments, **more}
    for name in arguments.keys() & more.keys():
        if isinstance(arguments[name], dict) and isinstance(more[name], Mapping):
            found[name] = {**arguments[name], **more[name]}
    return found
