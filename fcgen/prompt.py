"""Messages and functions -> the prompt's text, and that text -> token ids.

A family with markers (the function-calling v2 models) is asked exactly as its model card writes it: the functions'
metadata first, then the user's message, the system message inside it. The text holds no BOS: the tokenizer adds it.
Earlier turns follow the family's own chat layout, each earlier reply closed by its end token; the function block stays
at the very start. With no functions there is no function block, and the prompt is that of a plain conversation.

"chat" is the model's own template. Its `tools=` is left alone on purpose: it would teach the model the family's native
call markers, while the reply grammar enforces `{"function": ..., "arguments": {...}}`. The functions go into the system
message instead, in the words of the v1 model card; a template that knows no system message gets it with the first
user message.

Earlier calls and their results are given to a template as it expects them, if it writes all of them; else, and in the
families with markers, they are written plainly (`fcgen.messages.plain_turns`): the call as in a reply, in the
assistant's turn; the results as a user's turn, together with what the user says next. A message's `name` is for
templates: it is written nowhere else.

Contents are text, whatever they hold: what looks like a control token of the model there becomes no control token
(`fcgen.control`). The prompt's text has it as it stands; which control texts are the template's is what `Prompt` knows,
and `encode_prompt` makes the ids by it. Markers that are ordinary text to the tokenizer, such as `[INST]`, cannot be
told from the same words in a content.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from fcgen.control import REASONING, ControlTexts, Prompt, Seals, control_texts, encode, joined_pieces
from fcgen.errors import PromptError, excerpt
from fcgen.formats import Format, Markers, find_format
from fcgen.functions import Function, read_functions
from fcgen.functions.write import card_metadata
from fcgen.messages import Message, has_calls, plain_turns, read_messages
from fcgen.vocab.tekken import find_tekken

PERSONA = "You are a helpful research assistant."
OFFER = "The following functions are available for you to fetch further data to answer user questions, if relevant:"
REQUEST = "To call a function, respond - immediately and only - with a JSON object of the following format:"


def render_prompt(
    messages: object,
    functions: object = None,
    *,
    format: str | Format = "trelis-llama2",  # noqa: A002  the public name of this option everywhere
    tokenizer: Any = None,
) -> Prompt:
    """The prompt that asks for the next reply, as a text; `encode_prompt` makes its tokens.

    `messages` is the user's message, or a list of messages as OpenAI's chat API has them (`fcgen.messages`): first, if
    at all, a system message, then the user's and the assistant's in turn, with calls and their results; the last one
    the user's or a result. `functions` is whatever `read_functions` reads; None for none. The format "chat" needs the
    `tokenizer`, whose chat template it uses.

    A content may hold the text of a control token. It stands in the prompt as it is, so a tokenizer that is given the
    bare text would take it for the token; `encode_prompt` does not.

    Raises PromptError for messages that cannot be rendered, FunctionError for functions that cannot be read.
    """
    form = find_format(format)
    offered = _read_offered(functions)
    conversation = read_messages(messages)
    if form.markers is None:
        return _render_chat(conversation, offered, form, tokenizer)
    return Prompt(joined_pieces(_render_markers(conversation, offered, form, form.markers)))


def chat_messages(
    messages: object,
    functions: object = None,
    *,
    format: str | Format = "chat",  # noqa: A002
    has_system: bool = True,
) -> list[dict[str, str]]:
    """The conversation that asks for the next reply, for a model that is given messages: `{"role", "content"}` each.

    The functions stand in the system message, as in the format "chat"; calls and results are written plainly. Without
    `has_system` the system message is the beginning of the first user message.

    Raises PromptError for messages that cannot be sent, FunctionError for functions that cannot be read.
    """
    form = find_format(format)
    system, turns = _with_offer(read_messages(messages), _read_offered(functions), form)
    turns = plain_turns(turns, form.function_key, form.arguments_key)
    if system is not None:
        turns = [Message("system", system), *turns] if has_system else _join_system(system, turns)
    return [{"role": turn.role, "content": turn.content} for turn in turns]


def encode_prompt(text: str, tokenizer: Any, *, format: str | Format = "trelis-llama2") -> list[int]:  # noqa: A002
    """The prompt's token ids, with BOS once: a chat template has written it already, elsewhere the tokenizer does.

    Of a `Prompt`, the control tokens are those that its template wrote. Raises PromptError where that cannot be.
    """
    form = find_format(format)
    return encode(text, tokenizer, _control_texts(form, tokenizer), add_special_tokens=form.markers is not None)


def sent_text(prompt: Prompt, control: Iterable[str]) -> str:
    """The prompt as a text for a server or a library, which takes each control text in it for a control token.

    Raises PromptError where a content has one: it cannot be told from the template's there.
    """
    check_contents(prompt.pieces[1::2], control)
    return str(prompt)


def check_contents(contents: Iterable[str], control: Iterable[str]) -> None:
    """Raise PromptError if a content, which is sent as a text, has a control text."""
    for content in contents:
        if text := next((one for one in sorted(control) if one in content), None):
            raise PromptError(
                f"a content has {excerpt(text)}, which the model would read as its own control text",
                hint="A text cannot say that it is none: write it differently, or use an engine that reads tokens",
            )


def _render_markers(
    messages: Sequence[Message], functions: Sequence[Function], form: Format, markers: Markers
) -> Iterator[tuple[str, bool]]:
    """The parts of the prompt, each with whether it is content."""
    system, turns = _split_system(messages)
    turns = plain_turns(turns, form.function_key, form.arguments_key)
    _check_turns(turns)
    if functions:
        metadata = "".join(json.dumps(card_metadata(function), indent=4) for function in functions)
        yield from _wrap(markers.functions, metadata)
    for number, turn in enumerate(turns):
        if turn.role == "user":
            yield markers.user[0], False
            if number == 0 and system is not None:
                yield from _wrap(markers.system, system)
            yield turn.content.strip(), True
            yield f"{markers.user[1]}{markers.assistant[0]}", False
        else:
            yield turn.content.strip(), True
            yield markers.assistant[1], False


def _check_turns(turns: Sequence[Message]) -> None:
    for turn, role in zip(turns, itertools.cycle(("user", "assistant"))):
        if turn.role != role:
            raise PromptError(
                f"the message {excerpt(turn.content)} has the role {turn.role}, where {role} should speak",
                hint="After the system message, user and assistant alternate: join what belongs together",
            )


def _wrap(pair: tuple[str, str], text: str) -> Iterator[tuple[str, bool]]:
    yield pair[0], False
    yield text.strip(), True
    yield pair[1], False


def _render_chat(messages: Sequence[Message], functions: Sequence[Function], form: Format, tokenizer: Any) -> Prompt:
    from jinja2 import TemplateError

    if not has_chats(tokenizer):
        raise PromptError(
            'the format "chat" needs a tokenizer that has a chat template',
            hint='Pass tokenizer=..., or choose a format of the model\'s family, such as "trelis-llama2"',
        )
    control = _control_texts(form, tokenizer)
    system, turns = _with_offer(messages, functions, form)
    spellings: list[Sequence[Message]] = [plain_turns(turns, form.function_key, form.arguments_key)]
    if has_calls(turns):
        spellings.insert(0, turns)
    reason = "it leaves the system message out"
    refusals: tuple[type[Exception], ...] = (TemplateError, *_mistral_errors())
    mistakes: tuple[type[Exception], ...] = (*refusals, TypeError, ValueError, LookupError, AttributeError)
    for spelling in spellings:
        is_native = spelling is turns
        for layout in _layouts(system, spelling):
            try:
                if is_native and not _writes_all(tokenizer, layout):
                    continue
                prompt = _apply_template(tokenizer, layout, control)
            except mistakes as error:
                if not is_native and not isinstance(error, refusals):
                    raise
                reason = str(error)
                continue
            if system is None or system.strip() in prompt:
                return prompt
    raise PromptError(f"the model's chat template refuses these messages: {excerpt(reason, 200)}")


def _layouts(system: str | None, turns: Sequence[Message]) -> list[Sequence[Message]]:
    return [turns] if system is None else [[Message("system", system), *turns], _join_system(system, turns)]


def has_chats(tokenizer: Any) -> bool:
    """Return whether a tokenizer lays out conversations: by a chat template, or as mistral-common does."""
    return bool(getattr(tokenizer, "chat_template", None)) or _is_mistral(tokenizer)


def _is_mistral(tokenizer: Any) -> bool:
    """Return whether it is mistral-common's: it makes ids of messages, and never a control token of text."""
    return find_tekken(tokenizer) is not None and hasattr(tokenizer, "apply_chat_template")


def _mistral_errors() -> tuple[type[Exception], ...]:
    """List what mistral-common raises for messages; nothing if it is not installed."""
    exceptions = sys.modules.get("mistral_common.exceptions")
    return () if exceptions is None else (exceptions.MistralCommonException,)


def _apply_template(tokenizer: Any, messages: Iterable[Message], control: ControlTexts) -> Prompt:
    if _is_mistral(tokenizer):
        ids = _mistral_ids(tokenizer, [message.as_openai() for message in messages])
        return Prompt([tokenizer.decode(ids)], ids)
    seals = Seals()
    conversation = [_sealed(message, seals, control) for message in messages]
    return seals.open(_template_text(tokenizer, conversation))


def _sealed(message: Message, seals: Seals, control: ControlTexts) -> dict[str, Any]:
    """The message as a template gets it, without control texts; a reply may have the marks of reasoning."""
    if message.role == "assistant":
        control = control.without(REASONING)
    return {key: value if key == "role" else seals.seal(value, control) for key, value in message.as_openai().items()}


def _mistral_ids(tokenizer: Any, conversation: list[dict[str, Any]]) -> list[int]:
    for message in conversation:
        for call in message.get("tool_calls", []):
            function = call["function"]
            call["function"] = {**function, "arguments": json.dumps(function["arguments"], ensure_ascii=False)}
    return list(tokenizer.apply_chat_template(conversation, tokenize=True, return_dict=False))


def _template_text(tokenizer: Any, conversation: list[dict[str, Any]]) -> str:
    if _is_mistral(tokenizer):
        return str(tokenizer.decode(_mistral_ids(tokenizer, conversation)))
    return str(tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True))


def _writes_all(tokenizer: Any, messages: Sequence[Message]) -> bool:
    """Return whether the template writes calls and results of messages, and the text beside them."""
    marks: list[str] = []

    def mark() -> str:
        marks.append(f"mark{len(marks):06d}")
        return marks[-1]

    conversation = []
    for message in messages:
        found = message.as_openai()
        if found["content"]:
            found["content"] = mark()
        for call in found.get("tool_calls", []):
            call["function"] = {"name": mark(), "arguments": {mark(): mark()} if call["function"]["arguments"] else {}}
        conversation.append(found)
    text = _template_text(tokenizer, conversation)
    return all(one in text for one in marks)


def _with_offer(
    messages: Sequence[Message], functions: Sequence[Function], form: Format
) -> tuple[str | None, Sequence[Message]]:
    """The system message, in which the functions are offered, and the turns."""
    system, turns = _split_system(messages)
    return (_offer_functions(system, functions, form) if functions else system), turns


def _join_system(system: str, turns: Sequence[Message]) -> list[Message]:
    """The turns, with the system message at the head of the first user message; of one of its own, if there is none."""
    first = next((number for number, turn in enumerate(turns) if turn.role == "user"), None)
    if first is None:
        return [Message("user", system.strip()), *turns]
    joined = replace(turns[first], content=f"{system.strip()}\n\n{turns[first].content}")
    return [*turns[:first], joined, *turns[first + 1 :]]


def _offer_functions(system: str | None, functions: Sequence[Function], form: Format) -> str:
    """The system message that offers the functions; the caller's own stands where the card has the persona."""
    lead = f"{PERSONA} {OFFER}" if system is None else f"{system.strip()}\n\n{OFFER}"
    metadata = [json.dumps(card_metadata(function), indent=4, ensure_ascii=False) for function in functions]
    example = f'{{"{form.function_key}": ..., "{form.arguments_key}": {{...}}}}'
    return "\n\n".join([lead, *metadata, f"{REQUEST}\n{example}"])


def _read_offered(functions: object) -> Sequence[Function]:
    offered = () if functions in (None, (), []) else read_functions(functions)
    for function in offered:
        try:
            json.dumps(card_metadata(function), ensure_ascii=False).encode()
        except UnicodeEncodeError:
            found = f"function {excerpt(function.name)} has half of a surrogate pair, which is no character"
            raise PromptError(found) from None
    return offered


def _split_system(messages: Sequence[Message]) -> tuple[str | None, Sequence[Message]]:
    return (messages[0].content, messages[1:]) if messages[0].role == "system" else (None, messages)


def _control_texts(form: Format, tokenizer: Any) -> ControlTexts:
    template = getattr(tokenizer, "chat_template", None)
    return control_texts(tokenizer, "\n".join(form.markers.reserved) if form.markers else str(template))
