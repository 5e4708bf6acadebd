"""What is asked about every document, as one value that can be sent elsewhere: `Job`.

The prompt begins with what is the same for all documents (the instruction, what the reply is to be, the examples as
earlier turns of the conversation) and ends with the document, so that a model reads the beginning once.

Where a schema lists properties and says nothing of others, no others are written: a value of these alone is valid by
the schema as well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fcgen.call import DECLARING
from fcgen.choice import Choice
from fcgen.errors import OptionError, excerpt
from fcgen.extraction.rows import Asked, Document
from fcgen.extraction.windows import Windows, misfit, properties_of
from fcgen.functions import Function, read_functions

VERBATIM = "x-verbatim"


@dataclass(frozen=True, slots=True)
class Example:
    """A document, and what is to be said of it: the fields, or a call ({"function": ..., "arguments": {...}})."""

    text: str
    value: Any


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked about each document. It can be pickled.

    Attributes:
        schema: of the fields that are to be found: a JSON Schema, or a Pydantic model, dataclass or TypedDict, which
            becomes one. None: no fields are asked for.
        functions: what may be called instead, in any form that `read_functions` reads.
        choice: as for `Engine.call`; of a function, a call is demanded unless this says otherwise.
        instruction: what is said before the document.
        examples: documents, each with what is to be said of it.
        windows: how documents are cut that are longer than a window; None: they are left whole.
        options: of `Engine.call`; and `verbatim_whitespace` ("exact" or "normalized"), where the schema has verbatim
            strings.

    Raises:
        FunctionError: the functions, or the class, cannot be read.
        OptionError: these do not go together, or an example is not what is asked for.
    """

    schema: Any = None
    functions: Any = None
    choice: Choice = "required"
    instruction: str = ""
    examples: Sequence[Example] = ()
    windows: Windows | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.schema is not None and self.functions is not None:
            raise OptionError("both a schema and functions are given", hint="Ask for fields, or for calls")
        if self.schema is not None and self.choice != "required":
            raise OptionError(f"choice is {excerpt(self.choice)} beside a schema", hint="It is among functions alone")
        if self.functions is not None:
            object.__setattr__(self, "functions", read_functions(self.functions))
        object.__setattr__(self, "schema", _read_schema(self.schema))
        object.__setattr__(self, "examples", tuple(self.examples))
        for number, example in enumerate(self.examples, 1):
            self._check_example(number, example)
        if self.windows is not None:
            self._check_windows(self.windows)

    @property
    def asks_nothing(self) -> bool:
        """Whether only documents that ask for themselves are asked for anything."""
        return self.schema is None and self.functions is None

    @property
    def is_verbatim(self) -> bool:
        """Whether there are strings in a reply that are to stand in the document."""
        return has_verbatim([self.schema, self.functions])

    def about(self, text: str) -> Asked:
        """What is asked about one document, or one window of it."""
        messages = []
        for example in self.examples:
            messages.append({"role": "user", "content": example.text})
            messages.append({"role": "assistant", "content": self._written(example.value)})
        messages.append({"role": "user", "content": text})
        lead = [self.instruction.strip(), "" if self.schema is None else describe(self.schema)]
        if said := "\n".join(part for part in lead if part):
            # Small models heed it better here than in a system message.
            messages[0]["content"] = f"{said}\n\n{messages[0]['content']}"
        return Asked(messages, self.functions, self.choice, self.schema)

    def asked(self, document: Document, text: str) -> Asked:
        """As `about`; but a document that asks for itself is taken at its word."""
        own = document.asked
        if own is None:
            return self.about(text)
        return own if own.schema is None else replace(own, messages=described(own.messages, own.schema))

    def _written(self, value: Any) -> str:
        """A reply as the grammar would have it."""
        whitespace = str(self.options.get("whitespace", "json.dumps"))
        if whitespace.startswith("indent="):
            return json.dumps(value, ensure_ascii=False, indent=int(whitespace.removeprefix("indent=")))
        separators = (",", ":") if whitespace == "compact" else (", ", ": ")
        return json.dumps(value, ensure_ascii=False, separators=separators)

    def _check_example(self, number: int, example: Example) -> None:
        if not isinstance(example.text, str):
            raise OptionError(f"example {number} has the text {excerpt(example.text)}")
        if self.schema is not None and (reason := misfit(example.value, self.schema)) is not None:
            raise OptionError(f"example {number} is not what is asked for: {reason}")
        if self.functions is not None:
            self._check_call(number, example.value)

    def _check_call(self, number: int, value: Any) -> None:
        offered: dict[str, Function] = {function.name: function for function in self.functions}
        if not isinstance(value, Mapping) or set(value) != {"function", "arguments"}:
            raise OptionError(
                f"example {number} is no call: {excerpt(value)}", hint='Give {"function": ..., "arguments": {...}}'
            )
        if value["function"] not in offered:
            raise OptionError(
                f"example {number} calls {excerpt(value['function'])}", hint=f"Offered are {', '.join(offered)}"
            )
        if (reason := misfit(value["arguments"], offered[value["function"]].parameters)) is not None:
            raise OptionError(f"the arguments of example {number} do not fit: {reason}")

    def _check_windows(self, windows: Windows) -> None:
        if self.schema is None:
            raise OptionError("windows are asked for without a schema", hint="Only fields can be merged")
        if self.options.get("nullable"):
            raise OptionError(
                "windows and nullable are both asked for", hint='Write {"type": ["string", "null"]} in the schema'
            )
        listed = properties_of(self.schema)
        rules = {} if isinstance(windows.merge, str) else windows.merge
        if unknown := [name for name in rules if name not in listed]:
            raise OptionError(
                f"there is a rule of merging for {excerpt(unknown[0])}, which is no field",
                hint=f"Fields are {excerpt(', '.join(listed), 200)}",
            )


def has_verbatim(asked: Any) -> bool:
    """Whether there are strings in a schema, or in functions, that are to stand in the document."""
    if isinstance(asked, Function):
        return has_verbatim(asked.parameters)
    if isinstance(asked, Mapping):
        return asked.get(VERBATIM) is True or any(map(has_verbatim, asked.values()))
    return isinstance(asked, list | tuple) and any(map(has_verbatim, asked))


def describe(schema: Any) -> str:
    """What the reply is to be, for a model to read."""
    listed = properties_of(schema)
    if not listed or any(isinstance(part, Mapping) and _is_deep(part) for part in listed.values()):
        return f"Reply with JSON of this JSON Schema: {json.dumps(schema, ensure_ascii=False)}"
    return f"Reply with a JSON object of these fields: {', '.join(map(_named, listed, listed.values()))}"


def described(messages: Sequence[Mapping[str, Any]], schema: Any) -> Sequence[Mapping[str, Any]]:
    """A conversation whose first message says what the reply is to be as well."""
    first = messages[0] if isinstance(messages, list | tuple) and messages else None
    if not isinstance(first, Mapping) or not isinstance(first.get("content"), str):
        return messages
    own, said = first["content"], describe(schema)
    joined = f"{own}\n{said}" if first.get("role") == "system" else f"{said}\n\n{own}"
    return [{**first, "content": joined}, *messages[1:]]


def _named(name: str, schema: Any) -> str:
    said = schema.get("description") if isinstance(schema, Mapping) else None
    return f"{name} ({said})" if isinstance(said, str) else name


def _is_deep(schema: Mapping[str, Any]) -> bool:
    """Whether the names of a field do not say all: it has fields of its own, or is said elsewhere."""
    text = json.dumps(schema)
    return any(f'"{key}":' in text for key in ("properties", "$ref", "enum", "const"))


def _read_schema(source: Any) -> Any:
    if isinstance(source, type):
        return closed(read_functions(source)[0].parameters, of_class=True)
    said = json.dumps(source) if isinstance(source, dict) else ""
    is_shared = any(f'"#/{key}' in said for key in ("properties", "items", "prefixItems"))
    return source if is_shared else closed(source)


def closed(schema: Any, *, of_class: bool = False) -> Any:
    """The schema with no properties but those that it lists, where it says nothing of others.

    It is so of the whole, of its properties and of the items of its lists; of a class, wherever objects are.
    """
    if not isinstance(schema, dict):
        return schema
    found = dict(schema)
    for key in ("properties", "$defs") if of_class else ("properties",):
        if isinstance(schema.get(key), dict):
            found[key] = {name: closed(part, of_class=of_class) for name, part in schema[key].items()}
    for key in ("items", "prefixItems", "anyOf", "oneOf") if of_class else ("items", "prefixItems"):
        part = schema.get(key)
        parts = [closed(one, of_class=of_class) for one in part] if isinstance(part, list) else None
        if part is not None:
            found[key] = closed(part, of_class=of_class) if parts is None else parts
    if isinstance(schema.get("properties"), dict) and not schema.keys() & (DECLARING | {"not"}) and _names_all(schema):
        found["additionalProperties"] = False
    return found


def _names_all(schema: Mapping[str, Any]) -> bool:
    """Whether all that is required is listed."""
    required = schema.get("required", [])
    return not isinstance(required, list) or all(name in schema["properties"] for name in required)
