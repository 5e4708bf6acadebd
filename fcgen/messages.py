"""What people have as a conversation -> checked messages: OpenAI's chat messages, or the user's message alone.

    {"role": "user", "content": "..." or [{"type": "text", "text": "..."}, ...]}
    {"role": "assistant", "content": null, "tool_calls": [{"id": ..., "function": {"name": ..., "arguments": ...}}]}
    {"role": "tool", "tool_call_id": ..., "content": "..."}

`developer` is another name of `system`, and `function` of `tool`; a call's arguments are an object, or its JSON. Parts
of a content are joined by line ends. A key whose value is null or an empty list says nothing; any other key that is not
read is refused by its name.

A result belongs to the call whose `tool_call_id` it has, else to the first call of its `name`, else to the first one
that has none yet. Results keep their order, which may be another than that of the calls.

`plain_turns` spells calls and results for prompts that have no place for them: the call as it is written in a reply,
in the assistant's turn, each on a line of its own; the results as a user's turn, which says what each one is of.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn, Protocol

from fcgen.errors import PromptError, excerpt

ROLES = {
    "system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool",
    "function": "tool",
}  # fmt: skip
KEYS = {
    "system": {"name"},
    "user": {"name"},
    "assistant": {"name", "tool_calls", "function_call"},
    "tool": {"name", "tool_call_id"},
}
MAX_DEPTH = 200  # of a call's arguments


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call in an earlier reply: its function, its arguments, and what its result refers to it by."""

    function: str
    arguments: Mapping[str, Any]
    id: str | None = None

    def written(self, function_key: str = "function", arguments_key: str = "arguments") -> str:
        """The call as a reply writes it."""
        return json.dumps({function_key: self.function, arguments_key: self.arguments}, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation, checked.

    Attributes:
        role: system, user, assistant or tool.
        content: its text; "" where there is none beside calls.
        calls: of an assistant's message.
        name: who speaks; of a result, the function.
        call_id: of a result, the `id` of its call.
        call: of a result, its call, if it is known.
    """

    role: str
    content: str
    calls: tuple[ToolCall, ...] = ()
    name: str | None = None
    call_id: str | None = None
    call: ToolCall | None = None

    def as_openai(self) -> dict[str, Any]:
        """The message as a chat template takes it: the arguments as objects, no content null."""
        found: dict[str, Any] = {"role": self.role, "content": self.content}
        if self.name is not None:
            found["name"] = self.name
        if self.call_id is not None:
            found["tool_call_id"] = self.call_id
        if self.calls:
            found["tool_calls"] = [
                {"type": "function", "function": {"name": call.function, "arguments": dict(call.arguments)}}
                | ({} if call.id is None else {"id": call.id})
                for call in self.calls
            ]
        return found


class Refuse(Protocol):
    """Raises a PromptError about one message."""

    def __call__(self, found: str, pointer: str = "", hint: str | None = None) -> NoReturn:
        """Say what was found, where in the message, and what is allowed."""


def read_messages(source: object) -> list[Message]:
    """The conversation that asks for a reply, in order.

    Raises PromptError with a pointer into the list: it is none, or it does not end with what a reply answers.
    """
    if isinstance(source, str):
        source = [{"role": "user", "content": source}]
    if not isinstance(source, Sequence) or isinstance(source, bytes | bytearray) or not source:
        raise PromptError(
            f"the messages are {excerpt(source)}", hint='Expected a text, or a list of {"role": ..., "content": ...}'
        )
    messages: list[Message] = []
    for number, item in enumerate(source):
        message = _read_message(item, number)
        messages.append(_with_call(message, messages, number) if message.role == "tool" else message)
    if messages[-1].role not in ("user", "tool"):
        raise PromptError(
            f"the last message has the role {messages[-1].role}",
            pointer=f"/{len(messages) - 1}/role",
            hint="A reply answers a user's message or a function's result: end with one",
        )
    return messages


def has_calls(messages: Sequence[Message]) -> bool:
    """Whether there are calls or results among the messages."""
    return any(message.calls or message.role == "tool" for message in messages)


def plain_turns(turns: Sequence[Message], function_key: str, arguments_key: str) -> list[Message]:
    """The turns of users and assistants alone, with calls and results as texts. A text keeps the spaces around it."""
    found: list[Message] = []
    is_result = False  # of the last one
    for turn in turns:
        content = turn.content
        if turn.calls:
            calls = "\n".join(call.written(function_key, arguments_key) for call in turn.calls)
            content = f"{content.strip()}\n{calls}" if content.strip() else calls
        elif turn.role == "tool":
            content = f"{_introduction(turn, turns, function_key, arguments_key)}\n{content}"
        if is_result and turn.role in ("user", "tool"):
            content = f"{found.pop().content}\n\n{content}"
        found.append(Message("user" if turn.role == "tool" else turn.role, content))
        is_result = turn.role == "tool" or (is_result and turn.role == "user")
    return found


def _introduction(result: Message, turns: Sequence[Message], function_key: str, arguments_key: str) -> str:
    """What a result is of: the function, or where there are several calls of it in one message, the call."""
    if result.call is None:
        return "The function returned:" if result.name is None else f"The function {result.name} returned:"
    among = next((turn.calls for turn in turns if any(call is result.call for call in turn.calls)), ())
    if sum(call.function == result.call.function for call in among) == 1:
        return f"The function {result.call.function} returned:"
    return f"{result.call.written(function_key, arguments_key)} returned:"


def _read_message(item: object, number: int) -> Message:
    def refuse(found: str, pointer: str = "", hint: str | None = None) -> NoReturn:
        raise PromptError(f"message {number + 1} {found}", pointer=f"/{number}{pointer}", hint=hint)

    if not isinstance(item, Mapping) or "role" not in item:
        found = f"keys {excerpt(list(item))}" if isinstance(item, Mapping) else excerpt(item)
        refuse(f"is not a role and a content: {found}", hint='Expected {"role": ..., "content": ...}')
    role = ROLES.get(item["role"]) if isinstance(item["role"], str) else None
    if role is None:
        refuse(f"has the role {excerpt(item['role'])}, known are {', '.join(ROLES)}", "/role")
    given = {key: value for key, value in item.items() if value is not None and value != []}
    allowed = {"role", "content"} | KEYS[role]
    if unknown := [key for key in given if key not in allowed]:
        hint = f"Of the role {role} {', '.join(sorted(allowed))} are read: leave out what is not needed"
        refuse(f"has {excerpt(unknown[0])}, which is not read", f"/{_step(unknown[0])}", hint)
    if role == "system" and number:
        refuse("is a system message", "/role", "Only the first message can be one")
    texts = {}
    for key in ("name", "tool_call_id"):
        texts[key] = given.get(key)
        if texts[key] is not None and not isinstance(texts[key], str):
            refuse(f"has the {key} {excerpt(texts[key])}, which is not a text", f"/{key}")
    calls = _read_calls(given, refuse)
    content = _read_content(item, refuse, is_needed=not calls)
    message = Message(role, content, calls, texts["name"], texts["tool_call_id"])
    try:
        json.dumps(message.as_openai(), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        refuse("has half of a surrogate pair, which is no character")
    return message


def _read_content(item: Mapping[Any, Any], refuse: Refuse, *, is_needed: bool) -> str:
    content = item.get("content")
    if content is None and "content" not in item and is_needed:
        refuse(f"is not a role and a content: keys {excerpt(list(item))}", hint='Expected {"role", "content"}')
    if content is None and not is_needed:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list | tuple):
        refuse(f"has the content {excerpt(content)}, which is not a text", "/content")
    texts = []
    for place, part in enumerate(content):
        match part:
            case {"type": "text", "text": str(text)}:
                texts.append(text)
            case {"type": str(kind)} if kind != "text":
                refuse(
                    f"has a part of the type {excerpt(kind)}",
                    f"/content/{place}/type",
                    "Parts of the type text are read",
                )
            case _:
                refuse(f"has the part {excerpt(part)}", f"/content/{place}", 'Expected {"type": "text", "text": "..."}')
    return "\n".join(texts)


def _read_calls(given: Mapping[str, Any], refuse: Refuse) -> tuple[ToolCall, ...]:
    listed: Any = given.get("tool_calls", [])
    if not isinstance(listed, list | tuple):
        refuse(f"has the tool_calls {excerpt(listed)}, which is not a list", "/tool_calls")
    calls = []
    for place, call in enumerate(listed):
        where = f"/tool_calls/{place}"
        match call:
            case {"type": kind} if kind not in ("function", None):
                refuse(
                    f"has a call of the type {excerpt(kind)}", f"{where}/type", "Calls of the type function are read"
                )
            case {"function": Mapping() as function}:
                calls.append(_read_call(function, f"{where}/function", refuse, call.get("id")))
            case _:
                shape = '{"id": ..., "type": "function", "function": {"name": ..., "arguments": ...}}'
                refuse(f"has the call {excerpt(call)}", where, f"Expected {shape}")
        if calls[-1].id is not None and not isinstance(calls[-1].id, str):
            refuse(f"has a call with the id {excerpt(calls[-1].id)}, which is not a text", f"{where}/id")
    if (older := given.get("function_call")) is not None:
        if not isinstance(older, Mapping):
            refuse(f"has the function_call {excerpt(older)}", "/function_call")
        calls.append(_read_call(older, "/function_call", refuse))
    ids = [call.id for call in calls if call.id is not None]
    if twice := [name for name in ids if ids.count(name) > 1]:
        refuse(f"has two calls with the id {excerpt(twice[0])}", "/tool_calls")
    return tuple(calls)


def _read_call(function: Mapping[str, Any], where: str, refuse: Refuse, call_id: Any = None) -> ToolCall:
    name: Any = function.get("name")
    arguments: Any = function.get("arguments")
    if not isinstance(name, str) or not name:
        refuse(f"has a call of {excerpt(name)}, which is no function's name", f"{where}/name")
    if isinstance(arguments, str):
        arguments = _read_json(arguments, f"{where}/arguments", refuse)
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, Mapping):
        found = f"has a call of {excerpt(name)} with the arguments {excerpt(arguments)}"
        refuse(found, f"{where}/arguments", "Expected an object, or its JSON")
    try:
        json.dumps(arguments, allow_nan=False)
        too_deep = _is_deep(arguments)
    except (TypeError, ValueError):
        refuse("has a call with arguments that are no JSON", f"{where}/arguments")
    except RecursionError:
        too_deep = True
    if too_deep:
        refuse(
            "has a call with arguments that are nested too deeply", f"{where}/arguments", f"{MAX_DEPTH} levels are read"
        )
    return ToolCall(name, arguments, call_id)


def _read_json(text: str, where: str, refuse: Refuse) -> Any:
    """The value of a call's arguments; no text at all is no arguments."""

    def number(digits: str) -> float:
        if not math.isfinite(value := float(digits)):
            raise ValueError(f"the number {excerpt(digits)}")
        return value

    if not text.strip():
        return {}
    try:
        return json.loads(text, parse_float=number, parse_constant=number)
    except RecursionError:
        refuse("has a call with arguments that are nested too deeply", where, f"{MAX_DEPTH} levels are read")
    except ValueError as error:
        refuse(f"has a call with arguments that are no JSON: {excerpt(str(error), 120)}", where)


def _is_deep(value: object) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        nested = [one.values() if isinstance(one, Mapping) else one for one in level if isinstance(one, Mapping | list)]
        level = [one for some in nested for one in some]
        if not level:
            return False
    return True


def _with_call(result: Message, earlier: Sequence[Message], number: int) -> Message:
    """The result with the call that it is of, and with the function's name."""
    place = next((i for i in reversed(range(len(earlier))) if earlier[i].calls), None)
    calls = () if place is None else earlier[place].calls
    answered = [one.call for one in earlier[0 if place is None else place :]]
    left = [call for call in calls if not any(call is one for one in answered)]
    if result.call_id is not None:
        found = next((call for call in calls if call.id == result.call_id), None)
        if found is None:
            raise PromptError(
                f"message {number + 1} is a result of the call {excerpt(result.call_id)}, which is not made before it",
                pointer=f"/{number}/tool_call_id",
                hint=f"The last calls before it have the ids {excerpt([call.id for call in calls])}" if calls else None,
            )
    elif result.name is not None:
        found = next((call for call in left if call.function == result.name), None)
    else:
        found = left[0] if left else None
    if found is None and result.name is None:
        raise PromptError(
            f"message {number + 1} is a result, and no call before it is without one",
            pointer=f"/{number}/role",
            hint="Put the assistant's message with its tool_calls before it, or name the function (name)",
        )
    named = result.name if result.name is not None or found is None else found.function
    return replace(result, call=found, name=named)


def _step(key: object) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")
