"""Rows of a job -> a file: JSON Lines, a JSON array, CSV (commas, or tabs), Parquet, or responses of the Batch API.

    {"id": ..., <the columns of the input that are carried over>, "fields": {...}, "error": null}

In place of `fields` stands `call` or `text`, as the job asked; a row with an error has none of them, but what and why:
`{"kind": ..., "message": ...}`. `_spans`, where there are any, say where in the document verbatim strings stand;
`suspected_call`, beside a text, quotes what looks like a call in it.

The file is there only when all of it is: it is written beside its place, to disk, and then moved there. Standard
output, and what is no file on disk, is written as it comes. Memory does not grow with the rows.
"""

from __future__ import annotations

import glob
import os
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, BinaryIO, get_args

from fcgen.errors import JobError, excerpt
from fcgen.extraction import Extracted
from fcgen.jobs.compression import pack, packing_of, zstd
from fcgen.jobs.durable import sync_folder
from fcgen.jobs.openai_batch import response_of
from fcgen.jobs.output_table import RESERVED, write_csv, write_parquet
from fcgen.jobs.parquet_rows import pyarrow
from fcgen.jobs.sources import ENDINGS_TEXT, Format, ending_format
from fcgen.jobs.strict_json import write_json

STDOUT = "-"
Rows = Iterable[tuple[Extracted, Mapping[str, Any]]]


def check_output(
    path: str | Path,
    *,
    format: Format | None = None,  # noqa: A002
    columns: Sequence[str] = (),
) -> Format:
    """The format that `write_rows` would write, after a check of all that can be known before there are rows.

    Raises JobError, or DocumentError where pyarrow, or Zstandard, is needed and missing.
    """
    if format is not None and format not in get_args(Format):
        raise JobError(f"the format {excerpt(format)} is not known", hint=f"Known: {', '.join(get_args(Format))}")
    found = format or ("jsonl" if str(path) == STDOUT else ending_format(Path(path)))
    if found is None:
        raise JobError(
            f"the ending of {excerpt(str(path), 200)} does not say its format",
            hint=f"Known endings: {ENDINGS_TEXT}. Otherwise name the format",
        )
    if taken := [name for name in columns if name in RESERVED]:
        raise JobError(
            f"the column {excerpt(taken[0])} cannot be carried over: the output has one of that name",
            hint=f"Rename it in the input. Names of the output: {', '.join(sorted(RESERVED))}",
        )
    if len(set(columns)) < len(columns):
        raise JobError(f"a column is named twice: {excerpt(list(columns), 200)}")
    if columns and found == "openai-batch":
        raise JobError("responses of the OpenAI Batch API have no place for columns of the input", hint="Carry none")
    if str(path) != STDOUT and (Path(path).is_dir() or not Path(path).absolute().parent.is_dir()):
        where = "is a folder" if Path(path).is_dir() else "is in a folder that does not exist"
        raise JobError(f"the output {excerpt(str(path), 200)} {where}", hint="Name a file in a folder that exists")
    if found == "parquet":
        pyarrow()
    if str(path) != STDOUT and packing_of(Path(path)) == "zstd":
        zstd()
    return found


def write_rows(
    rows: Rows,
    path: str | Path,
    *,
    format: Format | None = None,  # noqa: A002
    columns: Sequence[str] = (),
    schema: Any = None,
    model: str = "",
    created: int = 0,
) -> int:
    """Write the rows, in their order, and say how many they were.

    Args:
        rows: what became of each document, and the document's columns.
        path: of the file, which is replaced if it is there; "-": standard output.
        format: "jsonl", "json", "csv", "tsv", "parquet" or "openai-batch"; None: as the ending says, JSON Lines for
            standard output.
        columns: those of the document's columns to carry over; null where a document has none.
        schema: the JSON Schema of the fields: a table has its properties as columns (`field_columns`).
        model: for "openai-batch", the name of the model.
        created: for "openai-batch", the time of the replies, in seconds since 1970.

    Raises:
        JobError: the path, the format or the columns cannot be, or the file cannot be written.
        DocumentError: pyarrow, or Zstandard, is needed and missing.
    """
    chosen = check_output(path, format=format, columns=columns)
    try:
        with _opened(path) as file:
            if chosen == "openai-batch":
                responses = (response_of(extracted, model=model, created=created) for extracted, _ in rows)
                return _write_lines(responses, file)
            lines = (_row_of(extracted, values, columns) for extracted, values in rows)
            if chosen == "jsonl":
                return _write_lines(lines, file)
            if chosen == "json":
                return _write_array(lines, file)
            place = _place(path)
            options: dict[str, Any] = {"columns": columns, "schema": schema, "folder": place and place.parent}
            if chosen == "parquet":
                return write_parquet(lines, file, **options)
            return write_csv(lines, file, separator="\t" if chosen == "tsv" else ",", **options)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise JobError(
            f"the output {excerpt(str(path), 200)} cannot be written: {error.strerror or error}",
            hint="Make room or choose another place, and write it again",
        ) from error


def _row_of(extracted: Extracted, values: Mapping[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    row: dict[str, Any] = {"id": extracted.id, **{name: values.get(name) for name in columns}}
    error = extracted.error
    if error is not None:
        known = {"kind": error.kind, "message": error.message, "limit": error.limit, "given": error.given}
        return {**row, "error": {key: value for key, value in known.items() if value is not None}}
    if extracted.call is not None:
        row["call"] = dict(extracted.call)
    elif extracted.text is not None:
        row["text"] = extracted.text
        if extracted.suspected_call is not None:
            row["suspected_call"] = extracted.suspected_call
    else:
        row["fields"] = extracted.fields
    if extracted.spans:
        row["_spans"] = {pointer: list(span) for pointer, span in extracted.spans.items()}
    return {**row, "error": None}


def _write_lines(lines: Iterable[Mapping[str, Any]], file: BinaryIO) -> int:
    written = 0
    for line in lines:
        file.write(write_json(line).encode() + b"\n")
        written += 1
    return written


def _write_array(lines: Iterable[Mapping[str, Any]], file: BinaryIO) -> int:
    """An array, with a row on each line."""
    written = 0
    for line in lines:
        file.write((b",\n" if written else b"[\n") + write_json(line).encode())
        written += 1
    file.write(b"\n]\n" if written else b"[]\n")
    return written


def _place(path: str | Path) -> Path | None:
    """Where the file will be, behind links; None: it is written as it comes."""
    place = Path(os.path.realpath(path))
    return None if str(path) == STDOUT or (place.exists() and not place.is_file()) else place


@contextmanager
def _opened(path: str | Path) -> Iterator[BinaryIO]:
    """The file to write to, in its place when all is well."""
    place = _place(path)
    if place is None:
        with nullcontext(sys.stdout.buffer) if str(path) == STDOUT else Path(path).open("wb") as file:
            yield file
            file.flush()
        return
    name = f".{place.name[:100]}."
    _remove_left(place.parent, name)
    beside = place.with_name(f"{name}{secrets.token_hex(8)}.tmp")
    try:
        with beside.open("xb") as file:
            _hold(file)
            packing = packing_of(place)
            with nullcontext(file) if packing is None else pack(file, packing) as written:
                yield written
            file.flush()
            os.fsync(file.fileno())
        beside.replace(place)
        sync_folder(place.parent)
    finally:
        beside.unlink(missing_ok=True)


def _remove_left(folder: Path, name: str) -> None:
    """Remove what processes have left that were killed while they wrote; those that write hold theirs."""
    if os.name == "posix":
        for left in folder.glob(f"{glob.escape(name)}*.tmp"):
            with suppress(OSError), left.open("rb") as file:
                _hold(file)
                left.unlink()


def _hold(file: BinaryIO) -> None:
    """Hold a file until it is closed. Raises BlockingIOError: somebody else does."""
    if os.name == "posix":
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
