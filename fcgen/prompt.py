"""Messages and functions -> the prompt's text, and that text -> token ids.

A family with markers (the function-calling v2 models) is asked exactly as its model card writes it: the functions'
metadata first, then the user's message, the system message inside it. The text holds no BOS: the tokenizer adds it.
Earlier turns follow the family's own chat layout, each earlier reply closed by its end token; the function block stays
at the very start. With no functions there is no function block, and the prompt is that of a plain conversation.

"chat" is the model's own template. Its `tools=` is left alone on purpose: it would teach the model the family's native
call markers, while the reply grammar enforces `{"function": ..., "arguments": {...}}`. The functions go into the system
message instead, in the words of the v1 model card; a template that knows no system message gets it with the first
user message.

Contents are text. Where one holds a control text of the model or a marker of the format, which would forge a part of
the prompt, it is refused. Without a tokenizer only the format's own texts are known.

Limits: roles system, user and assistant; contents are strings; a function's result has no place of its own.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fcgen.errors import PromptError, excerpt
from fcgen.formats import Format, Markers, find_format
from fcgen.functions import Function, read_functions
from fcgen.functions.write import card_metadata

PERSONA = "You are a helpful research assistant."
OFFER = "The following functions are available for you to fetch further data to answer user questions, if relevant:"
REQUEST = "To call a function, respond - immediately and only - with a JSON object of the following format:"


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation, checked."""

    role: str
    content: str


def render_prompt(
    messages: object,
    functions: object = None,
    *,
    format: str | Format = "trelis-llama2",  # noqa: A002  the public name of this option everywhere
    tokenizer: Any = None,
) -> str:
    """The prompt that asks for the next reply; `encode_prompt` makes its tokens.

    `messages` is the user's message, or a list of `{"role", "content"}`: first, if at all, a system message, then the
    user's and the assistant's in turn, the user's last. `functions` is whatever `read_functions` reads; None for none.
    The format "chat" needs the `tokenizer`, whose chat template it uses; to the others it tells the control texts.

    Raises PromptError for messages that cannot be rendered, FunctionError for functions that cannot be read.
    """
    form = find_format(format)
    offered = () if functions in (None, (), []) else read_functions(functions)
    conversation = _read_messages(messages)
    _check_contents(conversation, offered, _control_texts(form, tokenizer))
    if form.markers is None:
        return _render_chat(conversation, offered, form, tokenizer)
    return _render_markers(conversation, offered, form.markers)


def chat_messages(
    messages: object,
    functions: object = None,
    *,
    format: str | Format = "chat",  # noqa: A002
    control: Iterable[str] = (),
    has_system: bool = True,
) -> list[dict[str, str]]:
    """The conversation that asks for the next reply, for a model that is given messages: `{"role", "content"}` each.

    The functions stand in the system message, as in the format "chat". Without `has_system` it is the beginning of the
    first user message. `control` are the model's control texts, which no message may hold.

    Raises PromptError for messages that cannot be sent, FunctionError for functions that cannot be read.
    """
    form = find_format(format)
    offered = () if functions in (None, (), []) else read_functions(functions)
    conversation = _read_messages(messages)
    _check_contents(conversation, offered, frozenset(control))
    system, turns = _with_offer(conversation, offered, form)
    if system is not None:
        turns = [Message("system", system), *turns] if has_system else _join_system(system, turns)
    return [{"role": turn.role, "content": turn.content} for turn in turns]


def encode_prompt(text: str, tokenizer: Any, *, format: str | Format = "trelis-llama2") -> list[int]:  # noqa: A002
    """The prompt's token ids, with BOS once: a chat template has written it already, elsewhere the tokenizer does."""
    ids = tokenizer.encode(text, add_special_tokens=find_format(format).markers is not None, verbose=False)
    return [int(token) for token in ids]


def _render_markers(messages: Sequence[Message], functions: Sequence[Function], markers: Markers) -> str:
    system, turns = _split_system(messages)
    _check_turns(turns)
    metadata = "".join(json.dumps(card_metadata(function), indent=4) for function in functions)
    text = _wrap(markers.functions, metadata) if functions else ""
    lead = "" if system is None else _wrap(markers.system, system)
    for turn in turns:
        if turn.role == "user":
            text += f"{markers.user[0]}{lead}{turn.content.strip()}{markers.user[1]}{markers.assistant[0]}"
            lead = ""
        else:
            text += f"{turn.content.strip()}{markers.assistant[1]}"
    return text


def _check_turns(turns: Sequence[Message]) -> None:
    for turn, role in zip(turns, itertools.cycle(("user", "assistant"))):
        if turn.role != role:
            raise PromptError(
                f"the message {excerpt(turn.content)} has the role {turn.role}, where {role} should speak",
                hint="After the system message, user and assistant alternate: join what belongs together",
            )


def _wrap(pair: tuple[str, str], text: str) -> str:
    return f"{pair[0]}{text.strip()}{pair[1]}"


def _render_chat(messages: Sequence[Message], functions: Sequence[Function], form: Format, tokenizer: Any) -> str:
    from jinja2 import TemplateError

    if getattr(tokenizer, "chat_template", None) is None:
        raise PromptError(
            'the format "chat" needs a tokenizer that has a chat template',
            hint='Pass tokenizer=..., or choose a format of the model\'s family, such as "trelis-llama2"',
        )
    system, turns = _with_offer(messages, functions, form)
    layouts = [turns] if system is None else [[Message("system", system), *turns], _join_system(system, turns)]
    reason = "it leaves the system message out"
    for layout in layouts:
        try:
            text = _apply_template(tokenizer, layout)
        except TemplateError as error:
            reason = str(error)
            continue
        if system is None or system.strip() in text:
            return text
    raise PromptError(f"the model's chat template refuses these messages: {excerpt(reason, 200)}")


def _with_offer(
    messages: Sequence[Message], functions: Sequence[Function], form: Format
) -> tuple[str | None, Sequence[Message]]:
    """The system message, in which the functions are offered, and the turns."""
    system, turns = _split_system(messages)
    return (_offer_functions(system, functions, form) if functions else system), turns


def _join_system(system: str, turns: Sequence[Message]) -> list[Message]:
    """The turns, with the system message at the head of the first user message."""
    first = next(number for number, turn in enumerate(turns) if turn.role == "user")
    joined = Message("user", f"{system.strip()}\n\n{turns[first].content}")
    return [*turns[:first], joined, *turns[first + 1 :]]


def _apply_template(tokenizer: Any, messages: Iterable[Message]) -> str:
    conversation = [{"role": message.role, "content": message.content} for message in messages]
    return str(tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True))


def _offer_functions(system: str | None, functions: Sequence[Function], form: Format) -> str:
    """The system message that offers the functions; the caller's own stands where the card has the persona."""
    lead = f"{PERSONA} {OFFER}" if system is None else f"{system.strip()}\n\n{OFFER}"
    metadata = [json.dumps(card_metadata(function), indent=4, ensure_ascii=False) for function in functions]
    example = f'{{"{form.function_key}": ..., "{form.arguments_key}": {{...}}}}'
    return "\n\n".join([lead, *metadata, f"{REQUEST}\n{example}"])


def _read_messages(source: object) -> list[Message]:
    if isinstance(source, str):
        source = [{"role": "user", "content": source}]
    if not isinstance(source, Sequence) or isinstance(source, bytes | bytearray) or not source:
        raise PromptError(
            f"the messages are {excerpt(source)}", hint='Expected a text, or a list of {"role": ..., "content": ...}'
        )
    messages = [_read_message(item, number) for number, item in enumerate(source, start=1)]
    if messages[-1].role != "user":
        found = f"the last message has the role {messages[-1].role}"
        raise PromptError(found, hint="A reply answers a user's message: end with one")
    return messages


def _read_message(item: object, number: int) -> Message:
    where = f"message {number}"
    if not isinstance(item, Mapping) or set(item) != {"role", "content"}:
        found = f"keys {excerpt(list(item))}" if isinstance(item, Mapping) else excerpt(item)
        raise PromptError(
            f"{where} is not a role and a content: {found}", hint='Expected {"role": ..., "content": ...}'
        )
    role, content = item["role"], item["content"]
    if role not in ("system", "user", "assistant"):
        raise PromptError(
            f"{where} has the role {excerpt(role)}, known are system, user and assistant",
            hint="Give a call as the assistant's text, and a function's result in the next user message",
        )
    if role == "system" and number > 1:
        raise PromptError(f"{where} is a system message", hint="Only the first message can be one")
    if not isinstance(content, str):
        raise PromptError(f"{where} has the content {excerpt(content)}, which is not a text")
    return Message(role, content)


def _split_system(messages: Sequence[Message]) -> tuple[str | None, Sequence[Message]]:
    return (messages[0].content, messages[1:]) if messages[0].role == "system" else (None, messages)


def _control_texts(form: Format, tokenizer: Any) -> frozenset[str]:
    reserved = frozenset[str]() if form.markers is None else form.markers.reserved
    added = getattr(tokenizer, "added_tokens_decoder", {}).values()
    return reserved | {token.content for token in added if token.special}


def _check_contents(messages: Iterable[Message], functions: Iterable[Function], control: frozenset[str]) -> None:
    for number, message in enumerate(messages, start=1):
        _check_content(f"message {number}", message.content, control)
    for function in functions:
        metadata = json.dumps(card_metadata(function), ensure_ascii=False)
        _check_content(f"function {excerpt(function.name)}", metadata, control)


def _check_content(where: str, content: str, control: frozenset[str]) -> None:
    try:
        content.encode()
    except UnicodeEncodeError:
        raise PromptError(f"{where} has half of a surrogate pair, which is no character") from None
    for text in sorted(control):
        if text in content:
            raise PromptError(
                f"{where} holds {excerpt(text)}, which the model would read as its own control text",
                hint="Write it differently, for example with a space inside",
            )
