"""Files of documents -> `Document`s, one after another, in bounded memory.

Whatever is wrong with one row (broken JSON, no UTF-8, an id that is null, an empty text, ...) becomes a Document with
an error, under its own id if it has one that can be read, and the rows after it are read as if nothing had been. Only
what makes all of an input unusable is raised: no such file, a table without the column of the texts.

A row without an id is named "<file name>:<row>", by which it is found: of JSON Lines the number of the line, of a table
the number of the row, both from 1. Blank lines are no rows. Ids are texts or integers; those of CSV are texts.

A row holds at most `MAX_LINE` bytes of JSON, or of one quoted cell and what precedes it in CSV. Of a longer one no more
is kept in memory.
"""

from __future__ import annotations

import codecs
import gzip
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

from fcgen.errors import DocumentError, excerpt
from fcgen.extraction import Document, RowError
from fcgen.jobs.csv_rows import read_cells
from fcgen.jobs.lines import MAX_LINE, read_lines
from fcgen.jobs.openai_batch import is_request, read_request
from fcgen.jobs.parquet_rows import ParquetRows
from fcgen.jobs.sources import Format, Source, check_names, find_sources
from fcgen.jobs.strict_json import decode, read_json

# The cells of one row by column, a DocumentError where one cannot be read; or what is wrong with all of it.
Row = Mapping[str, Any] | DocumentError
_UNREADABLE = (OSError, EOFError, zlib.error)


def read_documents(
    source: str | Path | Sequence[str | Path],
    *,
    text_field: str = "text",
    id_field: str = "id",
    format: Format | None = None,  # noqa: A002
    stdin: BinaryIO | None = None,
) -> Iterator[Document]:
    """The documents of `source`, in order, one for each row.

    Args:
        source: a file, a folder, a glob, "-" for standard input, or a list of these.
        text_field: the column of the texts.
        id_field: the column of the ids.
        format: of all files: "jsonl", "csv", "parquet" or "openai-batch". None: as their endings say, standard input
            as JSON Lines; and a JSON line with `custom_id` and `body` is a request of the OpenAI Batch API.
        stdin: read in place of standard input.

    Raises:
        DocumentError: there is no such file, its format is not known, a table has no column of texts or two columns of
            one name, or pyarrow is needed and missing. It is raised at once, but for what is not a file on disk.
    """
    sources = find_sources(source, format)
    reader = _Reader(text_field, id_field, stdin)
    for one in sources:
        if one.path is not None and one.path.is_file():
            reader.check(one)
    return (document for one in sources for document in reader.documents(one))


@dataclass(frozen=True, slots=True)
class _Reader:
    text_field: str
    id_field: str
    stdin: BinaryIO | None

    def check(self, source: Source) -> None:
        """Raise what is wrong with all of a file."""
        if source.format == "parquet":
            self._parquet(source).close()
            return
        try:
            with _opened(source, self.stdin) as stream:
                if source.format == "csv":
                    next(self._csv(source, stream), None)
        except _UNREADABLE as error:
            raise _unreadable(source, error) from error

    def documents(self, source: Source) -> Iterator[Document]:
        """A document for each row of the file, and one more with an error where it breaks off."""
        number = 0
        try:
            for number, row in self._rows(source):
                yield self._document(source, number, row)
        except _UNREADABLE as error:
            yield self._document(source, number + 1, DocumentError(f"the file cannot be read on: {_reason(error)}"))

    def _rows(self, source: Source) -> Iterator[tuple[int, Row]]:
        if source.format == "parquet":
            with closing(self._parquet(source)) as rows:
                yield from rows
            return
        with _opened(source, self.stdin) as stream:
            yield from (self._csv if source.format == "csv" else self._json)(source, stream)

    def _parquet(self, source: Source) -> ParquetRows:
        if source.path is None:
            raise DocumentError("Parquet cannot be read from standard input", hint="Write it to a file first")
        rows = ParquetRows(source.path, texts=(self.text_field, self.id_field))
        self._check_columns(source, rows.names)
        return rows

    def _csv(self, source: Source, stream: BinaryIO) -> Iterator[tuple[int, Row]]:
        records = read_cells(_without_mark(read_lines(stream)))
        names = self._header(source, next(records, None))
        yield from ((number, _csv_row(names, cells)) for number, cells in enumerate(records, start=1))

    def _header(self, source: Source, cells: list[bytes | None] | DocumentError | None) -> list[str]:
        if cells is None:
            raise DocumentError(f"{excerpt(source.name)} has no line with the names of its columns")
        try:
            if isinstance(cells, DocumentError):
                raise cells
            names = [decode(cell or b"") for cell in cells]
        except DocumentError as error:
            raise DocumentError(f"the names of the columns of {excerpt(source.name)}: {error}") from None
        check_names(names, source.name)
        self._check_columns(source, names)
        return names

    def _check_columns(self, source: Source, names: Sequence[str]) -> None:
        if self.text_field not in names:
            raise DocumentError(
                f"{excerpt(source.name)} has no column {excerpt(self.text_field)}, but {excerpt(list(names), 200)}",
                hint="Name the column of the texts. Columns of CSV are separated by commas",
            )

    def _json(self, _: Source, stream: BinaryIO) -> Iterator[tuple[int, Row]]:
        for number, line in enumerate(_without_mark(read_lines(stream)), start=1):
            if line is None:
                yield number, DocumentError("the line has too many bytes", limit=MAX_LINE)
            elif line.strip():
                yield number, _json_row(line)

    def _document(self, source: Source, number: int, row: Row) -> Document:
        """The document of one row; all that is wrong with it is its error."""
        name: str | int = f"{source.name}:{number}"
        where = name
        columns: Mapping[str, Any] = {}
        try:
            if isinstance(row, DocumentError):
                raise row
            if source.format == "openai-batch" or (source.format is None and is_request(row)):
                name = _read_id(row, "custom_id", is_text=True)
                asked = read_request(row)
                if isinstance(asked, RowError):
                    return Document(name, error=replace(asked, message=f"{where}: {asked.message}"))
                return Document(name, asked=asked)
            name = _read_id(row, self.id_field, default=name)
            columns = {
                key: value
                for key, value in row.items()
                if key not in (self.text_field, self.id_field) and not isinstance(value, DocumentError)
            }
            return Document(name, self._text(row), columns)
        except DocumentError as error:
            return Document(
                name,
                columns=columns,
                error=RowError(type(error).__name__, f"{where}: {error}", error.limit, error.given),
            )

    def _text(self, row: Mapping[str, Any]) -> str:
        if self.text_field not in row:
            found = f"there is no {excerpt(self.text_field)}, but {excerpt(list(row), 200)}"
            raise DocumentError(found, hint="Name the column of the texts")
        for key, value in row.items():
            if isinstance(value, DocumentError):
                raise DocumentError(f"the column {excerpt(key)}: {value.found}", hint=value.hint)
        text = row[self.text_field]
        if not isinstance(text, str):
            raise DocumentError(f"the text is {_kind(text)}", hint="It has to be a string")
        if not text.strip():
            raise DocumentError("the text is empty" if not text else "the text is nothing but white space")
        return _without_nul("text", text)


def _opened(source: Source, stdin: BinaryIO | None) -> AbstractContextManager[BinaryIO]:
    if source.path is None:
        return nullcontext(sys.stdin.buffer if stdin is None else stdin)
    if source.path.name.lower().endswith(".gz"):
        return cast("AbstractContextManager[BinaryIO]", gzip.open(source.path))
    return source.path.open("rb")


def _without_mark(lines: Iterator[bytes | None]) -> Iterator[bytes | None]:
    """The lines without the byte order mark that some programs write before the first."""
    first = next(lines, b"")
    if first is None or first:
        yield first and first.removeprefix(codecs.BOM_UTF8)
    yield from lines


def _json_row(line: bytes) -> Row:
    try:
        value = read_json(line)
    except DocumentError as error:
        return error
    return value if isinstance(value, dict) else DocumentError(f"the line is {_kind(value)}, not an object")


def _csv_row(names: Sequence[str], cells: Sequence[bytes | None] | DocumentError) -> Row:
    if isinstance(cells, DocumentError):
        return cells
    if len(cells) != len(names):
        found = f"the row has {len(cells)} cells where the table has {len(names)} columns"
        return DocumentError(found, hint="Put a cell that holds a comma in quotes")
    return {name: None if cell is None else _csv_cell(cell) for name, cell in zip(names, cells, strict=True)}


def _csv_cell(cell: bytes) -> str | DocumentError:
    try:
        return decode(cell)
    except DocumentError as error:
        return error


def _read_id(
    row: Mapping[str, Any], field: str, *, default: str | int | None = None, is_text: bool = False
) -> str | int:
    """The row's own id; the default where it has none."""
    if field not in row and default is not None:
        return default
    value = row.get(field)
    if isinstance(value, DocumentError):
        raise DocumentError(f"the id: {value.found}", hint=value.hint)
    if isinstance(value, int) and not isinstance(value, bool) and not is_text:
        return value
    if not isinstance(value, str) or not value:
        what = f"the id ({excerpt(field)}) is {_kind(value)}"
        raise DocumentError(what, hint="It has to be a text" + ("" if is_text else ", or an integer"))
    return _without_nul("id", value)


def _without_nul(what: str, text: str) -> str:
    if "\0" in text:
        found = f"the {what} has a NUL character, at place {text.index(chr(0))}"
        raise DocumentError(found, hint="Remove it, if it is a text at all")
    return text


def _kind(value: object) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
    if value is None:
        return "null"
    return "empty" if value == "" else f"{names.get(type(value), type(value).__name__)}: {excerpt(value)}"


def _unreadable(source: Source, error: BaseException) -> DocumentError:
    return DocumentError(f"{excerpt(str(source.path), 200)} cannot be read: {_reason(error)}")


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error)
