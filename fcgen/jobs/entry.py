"""Entry: what became of one row, and its JSON text in the ledger."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from fcgen.errors import JobError, excerpt


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one row of the input.

    Attributes:
        position: which row of the input it is, from 0.
        id: the row's name; 1 and "1" are two names.
        content: a digest of all that decides the outcome beside the job's fingerprint; hexadecimal.
        failed: whether the row has an error in place of values.
        data: what the output needs of it; JSON, with strings for names.
    """

    position: int
    id: str | int
    content: str
    failed: bool
    data: dict[str, Any]


def write_entry(entry: Entry) -> bytes:
    """One line of ASCII, without a line break.

    Raises:
        JobError: `data` is not JSON.
    """
    parts = {
        "position": entry.position,
        "id": entry.id,
        "content": entry.content,
        "failed": entry.failed,
        "data": entry.data,
    }
    try:
        return json.dumps(parts, separators=(",", ":")).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise JobError(
            f"row {entry.position} (id {excerpt(entry.id)}) cannot be stored: its data is not JSON: {error}"
        ) from error


def read_entry(text: bytes) -> Entry:
    """What `write_entry` wrote.

    Raises:
        ValueError: it is something else.
    """
    try:
        parts = json.loads(text)
        return Entry(parts["position"], parts["id"], parts["content"], parts["failed"], parts["data"])
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise ValueError(f"not an entry: {error}") from error
