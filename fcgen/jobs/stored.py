"""A row <-> what the ledger stores of it: JSON, in which what there is none of is left out."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fcgen.extraction import Extracted, RowError
from fcgen.jobs.entry import Entry


def data_of(row: Extracted) -> dict[str, Any]:
    """What is stored of a row, but for its id."""
    data: dict[str, Any] = {"usage": dict(row.usage)}
    if row.error is not None:
        return {**data, "error": asdict(row.error)}
    if row.call is not None:
        data["call"] = dict(row.call)
    elif row.text is not None:
        data["text"] = row.text
        if row.suspected_call is not None:
            data["suspected_call"] = row.suspected_call
    else:
        data["fields"] = row.fields
    if row.spans:
        data["spans"] = {pointer: list(span) for pointer, span in row.spans.items()}
    return data


def row_of(entry: Entry) -> Extracted:
    """The row that was stored."""
    data = entry.data
    error = data.get("error")
    return Extracted(
        entry.id,
        data.get("fields"),
        data.get("call"),
        data.get("text"),
        {pointer: (start, end) for pointer, (start, end) in data.get("spans", {}).items()},
        None if error is None else RowError(**error),
        data["usage"],
        data.get("suspected_call"),
    )


def json_of(value: Any) -> Any:
    """A value of a column as JSON: bytes in base 64, and what JSON has no type for as its text."""
    return json.loads(json.dumps(_spelled(value), default=_spelled))


def _spelled(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {str(name): part for name, part in value.items()}
    if isinstance(value, str | int | float | list | tuple) or value is None:
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
