"""What goes in and what comes out: a document, and the row that became of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fcgen.errors import DocumentError, FcgenError, excerpt


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a row has no values.

    Attributes:
        kind: the name of the error's class.
        message: all of it, in one message.
        limit: the limit that was reached.
        given: what stood against it.
    """

    kind: str
    message: str
    limit: float | None = None
    given: float | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What one document asks for by itself, in place of what the job asks for all of them.

    Attributes:
        messages: the conversation.
        functions: what may be called; None: nothing.
        choice: as for `Engine.call`.
        schema: the JSON Schema of the reply, if it is to be JSON.
        options: of `Engine.call`.
    """

    messages: Sequence[Mapping[str, Any]]
    functions: Sequence[Any] | None = None
    choice: str | Sequence[str] = "auto"
    schema: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Document:
    """One row of the input.

    Attributes:
        id: its name in the output.
        text: what is asked about.
        columns: the other columns of the input.
        asked: what it asks for by itself.
        error: why it cannot be read; it becomes a row with this error.
    """

    id: str | int
    text: str = ""
    columns: Mapping[str, Any] = field(default_factory=dict)
    asked: Asked | None = None
    error: RowError | None = None


@dataclass(frozen=True, slots=True)
class Extracted:
    """What became of one document: its fields, or a call, or a text; or an error.

    Attributes:
        id: the document's.
        fields: the value that was asked for.
        call: the function and its arguments, where functions were offered: {"function": ..., "arguments": {...}}.
        text: the reply, where it is neither.
        spans: where in the document the verbatim strings stand: by JSON pointer into the fields, or the call, the first
            character, and the one after the last.
        error: why there is none of these.
        usage: what the reply cost, in tokens and passes; how many passes varies with the rows written beside it. And
            whether it is `limited`: the budget left something out, so that a string may end early, or a number has
            as many digits as are written.
        suspected_call: of a text, the beginning of what looks like a call in it (see `Reply`); None: nothing does.
    """

    id: str | int
    fields: Any = None
    call: Mapping[str, Any] | None = None
    text: str | None = None
    spans: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    error: RowError | None = None
    usage: Mapping[str, float] = field(default_factory=dict)
    suspected_call: str | None = None


def row_error(error: FcgenError) -> RowError:
    """What a row says of an error."""
    return RowError(type(error).__name__, str(error), error.limit, error.given)


def content_of(document: Document) -> str:
    """What a document asks about, and asks for by itself, as a digest: documents with the same one get the same row.

    Raises DocumentError: what it asks for is no JSON.
    """
    said: list[Any] = [document.text]
    if document.asked is not None:
        asked = document.asked
        said += [asked.messages, asked.functions, asked.choice, asked.schema, asked.options]
    if document.error is not None:
        said += [document.error.kind, document.error.message]
    try:
        text = json.dumps(said, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise DocumentError(f"the document asks for what is no JSON: {excerpt(str(error))}") from None
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def read_document(item: object, number: int) -> Document:
    """A document from what stands for one: a `Document`, a text, or a mapping with "text" and, if it has one, "id".

    Of a mapping the other keys are its columns. Without an id, its number is its id.

    Raises DocumentError: it is none of these.
    """
    if isinstance(item, Document):
        return item
    if isinstance(item, str):
        return Document(number, item)
    if not isinstance(item, Mapping) or not isinstance(item.get("text"), str):
        raise DocumentError(
            f"the document is {excerpt(item)}", hint='Give a text, {"id": ..., "text": ...}, or a Document'
        )
    name = item.get("id", number)
    if not isinstance(name, str | int):
        raise DocumentError(f"the document has the id {excerpt(name)}", hint="An id is a text or an integer")
    return Document(name, item["text"], {key: value for key, value in item.items() if key not in ("id", "text")})
