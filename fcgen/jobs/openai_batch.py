"""Lines of the OpenAI Batch API: a request -> what is asked; what became of it -> a response.

    {"custom_id": ..., "method": "POST", "url": "/v1/chat/completions", "body": {"messages": [...], ...}}
    {"id": ..., "custom_id": ..., "response": {"status_code": 200, "request_id": ..., "body": {...}}, "error": null}

A parameter is either kept, or it cannot change a reply of ours, or the request is refused by its name. `model` names
the server's model, and the job has one: it is not looked at, and the response says which one replied. Where a request
says nothing of a parameter, the job's own setting holds, not the API's default. One key of a response is not of the
API: `suspected_call` of a message, which quotes what looks like a call in its content.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from fcgen.errors import DocumentError, PromptError, excerpt
from fcgen.extraction import Asked, Extracted, RowError
from fcgen.messages import read_messages

URL = "/v1/chat/completions"

# `top_k`, `min_p` and `repetition_penalty` are what other servers add.
_OPTIONS = {
    "max_tokens": "max_new_tokens",
    "max_completion_tokens": "max_new_tokens",
    **{name: name for name in ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "seed", "stop")},
}
_READ = {"messages", "tools", "tool_choice", "response_format"}
# One call at most is written, so those that may be written in parallel are none.
_WITHOUT_EFFECT = {
    "model", "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key",
    "prompt_cache_retention", "parallel_tool_calls",
}  # fmt: skip
_ONLY = {
    "n": 1, "stream": False, "logprobs": False, "top_logprobs": 0, "presence_penalty": 0, "frequency_penalty": 0,
    "logit_bias": {}, "modalities": ["text"],
}  # fmt: skip


def is_request(line: Mapping[str, Any]) -> bool:
    """Whether a line of JSON is a request of the Batch API: it has `custom_id` and `body`."""
    return "custom_id" in line and "body" in line


def read_request(line: Mapping[str, Any]) -> Asked | RowError:
    """What the request asks for; or why it is refused."""
    try:
        return _read_line(line)
    except DocumentError as error:
        return RowError(type(error).__name__, str(error), error.limit, error.given)


def response_of(extracted: Extracted, *, model: str, created: int) -> dict[str, Any]:
    """The line of the response. Its ids follow from what it says, so the same reply has the same ones.

    Args:
        extracted: what became of the request.
        model: the name of the model that replied.
        created: when, in seconds since 1970.
    """
    read, written = (int(extracted.usage.get(key, 0)) for key in ("prompt_tokens", "new_tokens"))
    said = [extracted.fields, extracted.call, extracted.text, repr(extracted.error)]
    said += [] if extracted.suspected_call is None else [extracted.suspected_call]
    answer = [extracted.id, model, *said, read, written, bool(extracted.usage.get("limited"))]
    name = hashlib.sha256(json.dumps(answer).encode()).hexdigest()[:24]
    line: dict[str, Any] = {"id": f"batch_req_{name}", "custom_id": str(extracted.id), "response": None, "error": None}
    if extracted.error is not None:
        line["error"] = {"code": extracted.error.kind, "message": extracted.error.message}
        return line
    message: dict[str, Any] = {"role": "assistant", "content": extracted.text, "refusal": None}
    if extracted.call is not None:
        arguments = json.dumps(extracted.call["arguments"], ensure_ascii=False)
        function = {"name": extracted.call["function"], "arguments": arguments}
        message["tool_calls"] = [{"id": f"call_{name}", "type": "function", "function": function}]
    elif extracted.text is None:
        message["content"] = json.dumps(extracted.fields, ensure_ascii=False)
    if extracted.suspected_call is not None:
        message["suspected_call"] = extracted.suspected_call
    ended = "stop" if extracted.call is None else "tool_calls"
    if extracted.text is not None and extracted.usage.get("limited"):
        ended = "length"
    body = {
        "id": f"chatcmpl-{name}",
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": ended}],
        "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written},
    }
    line["response"] = {"status_code": 200, "request_id": f"req_{name}", "body": body}
    return line


def _read_line(line: Mapping[str, Any]) -> Asked:
    for name, wanted in (("method", "POST"), ("url", URL)):
        if line.get(name, wanted) != wanted:
            raise DocumentError(f"the {name} is {excerpt(line[name])}", hint=f"Supported is {wanted}")
    body = line.get("body")
    if not isinstance(body, Mapping):
        raise DocumentError(f"the body is {excerpt(body)}", hint='Expected {"messages": [...], ...}')
    given = {name: value for name, value in body.items() if value is not None}
    _check_names(given)
    tools, choice = _read_tools(given.get("tools", []), given.get("tool_choice"))
    schema = _read_response_format(given.get("response_format", {"type": "text"}))
    if tools and schema is not None:
        raise DocumentError(
            "the request has tools and a response_format of JSON", hint="Ask for one of them, or for each by itself"
        )
    return Asked(_read_messages(given.get("messages")), tools or None, choice, schema, _read_options(given))


def _check_names(given: Mapping[str, Any]) -> None:
    """Refuse all parameters at once that would change the reply and are not supported."""
    known = _READ | _WITHOUT_EFFECT | _OPTIONS.keys() | _ONLY.keys()
    refused = [excerpt(name) for name in given if name not in known]
    refused += [
        f"{name!r} other than {json.dumps(only)}"
        for name, only in _ONLY.items()
        if name in given and given[name] != only
    ]
    if refused:
        raise DocumentError(
            f"not supported: {_first_of(refused)}",
            hint="Leave them out, or ask for what they do in the job's options",
        )


def _first_of(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _read_options(given: Mapping[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name, value in given.items():
        if (option := _OPTIONS.get(name)) is None:
            continue
        if options.setdefault(option, value) != value:
            raise DocumentError("max_tokens and max_completion_tokens are different", hint="Leave out max_tokens")
    return options


def _read_tools(tools: Any, choice: Any) -> tuple[list[Any], str | list[str]]:
    if not isinstance(tools, list):
        raise DocumentError(f"tools is {excerpt(tools)}, not a list")
    for number, tool in enumerate(tools):
        if (
            not isinstance(tool, Mapping)
            or tool.get("type") != "function"
            or not isinstance(tool.get("function"), dict)
        ):
            raise DocumentError(
                f"tools/{number} is {excerpt(tool)}", hint='Supported is {"type": "function", "function": {...}}'
            )
    match choice:
        case None | "auto" | "none":
            return tools, (choice or "auto") if tools else "auto"
        case "required" if tools:
            return tools, "required"
        case {"type": "function", "function": {"name": str(name)}} if tools:
            return tools, name if name not in ("auto", "required", "none") else [name]
    raise DocumentError(
        f"tool_choice is {excerpt(choice)}" + ("" if tools else ", and there are no tools"),
        hint='Supported are "none", "auto", "required" and {"type": "function", "function": {"name": ...}}',
    )


def _read_response_format(given: Any) -> Any:
    """The JSON Schema of the reply; None: it is a text."""
    match given:
        case {"type": "text"}:
            return None
        case {"type": "json_object"}:
            return {"type": "object"}
        case {"type": "json_schema", "json_schema": {"schema": dict() | bool() as schema}}:
            return schema
    raise DocumentError(
        f"response_format is {excerpt(given)}",
        hint='Supported are the types "text", "json_object" and "json_schema", with {"json_schema": {"schema": ...}}',
    )


def _read_messages(messages: Any) -> list[dict[str, Any]]:
    if not isinstance(messages, list) or not messages:
        raise DocumentError(f"messages is {excerpt(messages)}", hint='Expected a list of {"role", "content"}')
    try:
        return [message.as_openai() for message in read_messages(messages)]
    except PromptError as error:
        raise DocumentError(error.found, pointer=f"/messages{error.pointer or ''}", hint=error.hint) from None
