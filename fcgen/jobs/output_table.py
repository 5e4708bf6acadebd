"""Rows as the JSON Lines have them -> a table: CSV or Parquet.

    id, <columns carried over>, <columns of the fields>, [fields], [function, arguments], [text], [suspected_call],
    [_spans], error

The columns in brackets are there where some row needs them; `fields` has, as JSON, what of a value has no column of its
own (see `fcgen.jobs.columns`). `arguments` and `_spans` are JSON texts. CSV has `error_kind` and `error_message`,
Parquet `error` with `kind`, `message`, `limit` and `given`.

Which columns there are, and in Parquet the type of those that are carried over and of the ids, depends on all rows. So
the rows wait on disk until the last has come: no row can come too late for a type that an earlier one has set. A column
has the type that all its values share (integers among floats are floats); where they share none it holds JSON texts.
Ids are integers if all are, else texts.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from fcgen.jobs.columns import Array, Object, Type, cells_of, field_columns, is_double, is_long
from fcgen.jobs.csv_rows import write_cells
from fcgen.jobs.parquet_rows import pyarrow
from fcgen.jobs.strict_json import is_text, write_json

_OPTIONAL = ("fields", "function", "arguments", "text", "suspected_call", "_spans")
RESERVED = frozenset({"id", "call", "error", "error_kind", "error_message", *_OPTIONAL})
_ERROR = Object((("kind", "string"), ("message", "string"), ("limit", "number"), ("given", "number")))
GROUP_ROWS = 10_000
GROUP_BYTES = 16 * 2**20


def write_csv(
    rows: Iterable[Mapping[str, Any]],
    file: BinaryIO,
    *,
    columns: Sequence[str],
    schema: Any,
    folder: Path | None,
    separator: str = ",",
) -> int:
    """Write a table of texts: null is an empty cell, the empty text `""`; numbers, booleans and the rest are JSON.

    `folder` is where rows may wait, None for the system's own; so it is in `write_parquet`.
    """
    with tempfile.TemporaryFile(dir=folder) as spool:
        table = _Table(columns, schema, spool, flat=True)
        written = table.add_all(rows)
        types = table.types()
        del types["error"]
        file.write(write_cells([*types, "error_kind", "error_message"], separator).encode())
        for row in chain.from_iterable(table.groups()):
            error = row["error"] or {}
            cells = [_csv_cell(row[name], type_) for name, type_ in types.items()]
            cells += [_csv_cell(error.get(key), "string") for key in ("kind", "message")]
            file.write(write_cells(cells, separator).encode())
    return written


def write_parquet(
    rows: Iterable[Mapping[str, Any]], file: BinaryIO, *, columns: Sequence[str], schema: Any, folder: Path | None
) -> int:
    """Write a table with types, a row group for each `GROUP_ROWS` rows, or `GROUP_BYTES` bytes of them."""
    pa, pq = pyarrow(), pyarrow("pyarrow.parquet")
    with tempfile.TemporaryFile(dir=folder) as spool:
        table = _Table(columns, schema, spool, flat=False)
        written = table.add_all(rows)
        types = table.types()
        of_arrow = pa.schema([(name, _arrow_type(type_)) for name, type_ in types.items()])
        with pq.ParquetWriter(file, of_arrow) as writer:
            for group in table.groups():
                cells = {name: [_arrow_cell(row[name], type_) for row in group] for name, type_ in types.items()}
                writer.write_table(pa.Table.from_pydict(cells, schema=of_arrow))
    return written


class _Table:
    """The rows of a table while they wait on disk, and what is known of its columns."""

    def __init__(self, columns: Sequence[str], schema: Any, spool: BinaryIO, *, flat: bool) -> None:
        self.carried = list(columns)
        self.fields = field_columns(schema, flat=flat, taken=RESERVED | set(columns))
        self.seen: dict[str, set[str]] = {name: set() for name in ("id", *columns)}
        self.used: set[str] = set()
        self.spool = spool

    def add_all(self, rows: Iterable[Mapping[str, Any]]) -> int:
        """Take all rows, and say how many they were."""
        written = 0
        for row in rows:
            cells = self._cells(row)
            for name, kinds in self.seen.items():
                kinds.add(_kind(cells[name]))
            self.used.update(name for name in _OPTIONAL if cells[name] is not None)
            self.spool.write(write_json(cells).encode() + b"\n")
            written += 1
        return written

    def types(self) -> dict[str, Type]:
        """The columns, in order, each with its type; known when all rows are there."""
        found: dict[str, Type] = {"id": "integer" if _shared(self.seen["id"]) == "integer" else "string"}
        found |= {name: _shared(self.seen[name]) for name in self.carried}
        found |= {column.name: column.type for column in self.fields}
        found |= {name: "string" for name in _OPTIONAL if name in self.used}
        return {**found, "error": _ERROR}

    def groups(self) -> Iterator[list[dict[str, Any]]]:
        """The rows again, so many at a time as memory may hold."""
        self.spool.seek(0)
        group: list[dict[str, Any]] = []
        size = 0
        for line in self.spool:
            group.append(json.loads(line))
            size += len(line)
            if len(group) == GROUP_ROWS or size >= GROUP_BYTES:
                yield group
                group, size = [], 0
        if group:
            yield group

    def _cells(self, row: Mapping[str, Any]) -> dict[str, Any]:
        cells: dict[str, Any] = {name: row[name] for name in self.seen}
        values, rest = cells_of(row["fields"], self.fields) if "fields" in row else ([None] * len(self.fields), None)
        cells.update(zip((column.name for column in self.fields), values, strict=True))
        call, spans = row.get("call", {}), row.get("_spans")
        cells |= {
            "fields": rest,
            "function": call.get("function"),
            "arguments": write_json(call["arguments"]) if call else None,
            "text": row.get("text"),
            "suspected_call": row.get("suspected_call"),
            "_spans": spans and write_json(spans),
            "error": row["error"],
        }
        return cells


def _kind(value: Any) -> str:
    """The type of one value of a column that is carried over."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "json" if not is_long(value) else "integer" if is_double(value) else "long"
        case float():
            return "number"
        case str() if is_text(value):
            return "string"
    return "json"


def _shared(kinds: set[str]) -> Type:
    """The type that values of these kinds share."""
    match sorted(kinds - {"null"}):
        case [] | ["string"]:
            return "string"
        case ["boolean"]:
            return "boolean"
        case ["integer"] | ["long"] | ["integer", "long"]:
            return "integer"
        case ["number"] | ["integer", "number"]:
            return "number"
    return "json"


def _arrow_type(type_: Type) -> Any:
    pa = pyarrow()
    match type_:
        case "integer":
            return pa.int64()
        case "number":
            return pa.float64()
        case "boolean":
            return pa.bool_()
        case Array(items):
            return pa.list_(_arrow_type(items))
        case Object(fields):
            return pa.struct([(name, _arrow_type(part)) for name, part in fields])
    return pa.string()


def _arrow_cell(value: Any, type_: Type) -> Any:
    match value, type_:
        case None, _:
            return None
        case _, "number":
            return float(value)
        case list(), Array(items):
            return [_arrow_cell(item, items) for item in value]
        case dict(), Object(fields):
            return {name: _arrow_cell(value.get(name), part) for name, part in fields}
        case _, "string" | "json":
            return _csv_cell(value, type_)
    return value


def _csv_cell(value: Any, type_: Type) -> str | None:
    """A text as it is, if UTF-8 can hold it; else, and of any other value, JSON."""
    if value is None:
        return None
    return value if type_ == "string" and isinstance(value, str) and is_text(value) else write_json(value)
