"""Files of documents -> `Document`s, one after another, in bounded memory.

Whatever is wrong with one row (broken JSON, no UTF-8, an id that is null, an empty text, ...) becomes a Document with
an error, under its own id if it has one that can be read, and the rows after it are read as if nothing had been. Where
a file breaks off or is damaged, so that rows after it are lost, the error is `InputDamaged`. Only what makes all of an
input unusable is raised: no such file, a table without the column of the texts.

A row without an id is named "<file name>:<row>", by which it is found: of JSON Lines the number of the line, of a table
or an array the number of the row, all from 1. Blank lines are no rows. Ids are texts or integers; those of CSV are
texts. A row of JSON is an object, or a string, which is a text without an id.

A row holds at most `MAX_LINE` bytes of JSON, or of one quoted cell and what precedes it in CSV, as UTF-8. Of a longer
one no more is kept in memory; nor is more of files that are packed, or that are one array.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from fcgen.errors import DocumentError, InputDamaged, excerpt
from fcgen.extraction import Document, RowError
from fcgen.jobs.compression import packing_of, unreadable, zstd
from fcgen.jobs.csv_rows import check_separator, read_cells
from fcgen.jobs.json_array import read_elements
from fcgen.jobs.lines import MAX_LINE, read_lines
from fcgen.jobs.openai_batch import is_request, read_request
from fcgen.jobs.parquet_rows import ParquetRows
from fcgen.jobs.sources import Format, Source, check_names, find_sources
from fcgen.jobs.streams import check_encoding, open_text
from fcgen.jobs.strict_json import HAS_NUL, decode, read_json

# The cells of one row by column, a DocumentError where one cannot be read; or what is wrong with all of it.
Row = Mapping[str, Any] | DocumentError
SEPARATORS = (",", "\t", ";", "|")  # those that are tried
_SPACE = b" \t\r\n"


def read_documents(
    source: str | Path | Sequence[str | Path],
    *,
    text_field: str = "text",
    id_field: str = "id",
    format: Format | None = None,  # noqa: A002
    separator: str | None = None,
    encoding: str | None = None,
    stdin: BinaryIO | None = None,
) -> Iterator[Document]:
    """The documents of `source`, in order, one for each row.

    Args:
        source: a file, a folder, a glob, "-" for standard input, or a list of these.
        text_field: the column of the texts.
        id_field: the column of the ids.
        format: of all files: "jsonl", "json", "csv", "tsv", "parquet" or "openai-batch". None: as their endings say,
            standard input as JSON Lines; and a JSON line with `custom_id` and `body` is a request of the OpenAI Batch
            API.
        separator: of the cells of CSV, one character. None: a comma (a tab for "tsv"); or that one of `SEPARATORS` by
            which alone the first line has the column of the texts.
        encoding: of the files, by a name that Python knows. None: UTF-8. UTF-16 and UTF-32 with a byte order mark are
            read as such in any case.
        stdin: read in place of standard input.

    Raises:
        DocumentError: there is no such file, its format is not known, a table has no column of texts or two columns of
            one name, or pyarrow, or Zstandard, is needed and missing. It is raised at once, but for what is not a file
            on disk.
        OptionError: there is no such encoding, or that cannot separate cells.
    """
    sources = find_sources(source, format)
    if encoding is not None:
        check_encoding(encoding)
    if separator is not None:
        check_separator(separator)
    reader = _Reader(text_field, id_field, separator, encoding, stdin)
    for one in sources:
        if one.path is not None and one.path.is_file():
            reader.check(one)
    return (document for one in sources for document in reader.documents(one))


@dataclass(frozen=True, slots=True)
class _Reader:
    text_field: str
    id_field: str
    separator: str | None
    encoding: str | None
    stdin: BinaryIO | None

    def check(self, source: Source) -> None:
        """Raise what is wrong with all of a file."""
        if source.format == "parquet":
            self._parquet(source).close()
            return
        if packing_of(source.path) == "zstd":
            zstd()
        try:
            with closing(self._rows(source)) as rows:
                next(rows, None)
        except unreadable() as error:
            raise _unreadable(source, error) from error

    def documents(self, source: Source) -> Iterator[Document]:
        """A document for each row of the file, and one more with an error where it breaks off."""
        number = 0
        try:
            for number, row in self._rows(source):
                yield self._document(source, number, row)
        except unreadable() as error:
            yield self._document(source, number + 1, InputDamaged(f"the file cannot be read on: {_reason(error)}"))

    def _rows(self, source: Source) -> Generator[tuple[int, Row], None, None]:
        if source.format == "parquet":
            with closing(self._parquet(source)) as rows:
                yield from rows
            return
        read = {"csv": self._csv, "tsv": self._csv, "json": self._json}.get(source.format or "", self._json_lines)
        with open_text(source.path, encoding=self.encoding, stdin=self.stdin) as stream:
            yield from read(source, stream)

    def _parquet(self, source: Source) -> ParquetRows:
        if source.path is None:
            raise DocumentError("Parquet cannot be read from standard input", hint="Write it to a file first")
        rows = ParquetRows(source.path, texts=(self.text_field, self.id_field))
        self._check_columns(source, rows.names)
        return rows

    def _csv(self, source: Source, stream: io.BufferedReader) -> Iterator[tuple[int, Row]]:
        lines = read_lines(stream)
        first, line = next(((at, line) for at, line in enumerate(lines, 1) if line is None or line.strip()), (1, b""))
        separator = self._separator(source, line).encode()
        records = read_cells(chain([line], lines), separator, first=first)
        names = self._header(source, next(records, None))
        yield from ((number, _csv_row(names, cells)) for number, cells in enumerate(records, start=1))

    def _separator(self, source: Source, line: bytes | None) -> str:
        """What separates the names of the columns in the first line."""
        if self.separator is not None:
            return self.separator
        usual = "\t" if source.format == "tsv" else ","
        fitting = [one for one in SEPARATORS if self.text_field in _names(line, one)]
        return fitting[0] if len(fitting) == 1 else usual

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
            hint = "Name the column of the texts (text_field, --text-field), or what separates columns (separator)"
            raise DocumentError(
                f"{excerpt(source.name)} has no column {excerpt(self.text_field)}, but {excerpt(list(names), 200)}",
                hint=HAS_NUL if any("\0" in name for name in names) else hint,
            )

    def _json(self, source: Source, stream: io.BufferedReader) -> Iterator[tuple[int, Row]]:
        """The rows of an array; where it is none, of JSON Lines."""
        skipped = _skip_blank(stream)
        if not stream.peek(1):
            found = f"{excerpt(source.name)} is empty, which is no JSON"
            raise DocumentError(found, hint="No rows are an empty array: []")
        if not stream.peek(1).startswith(b"["):
            yield from self._json_lines(source, stream, skipped + 1)
            return
        number = 0
        try:
            for number, element in enumerate(read_elements(stream), start=1):
                yield number, self._json_row(element)
        except DocumentError as error:
            yield number + 1, InputDamaged(f"the file cannot be read on: {error}")

    def _json_lines(self, source: Source, stream: io.BufferedReader, first: int = 1) -> Iterator[tuple[int, Row]]:
        for number, line in enumerate(read_lines(stream), start=first):
            if line is None or line.strip():
                row = self._json_row(line)
                if source.format == "json" and number == first and isinstance(row, DocumentError):
                    raise DocumentError(
                        f"{excerpt(source.name)} is neither a JSON array nor JSON Lines: {row}",
                        hint="Expected an array of objects or texts, or one of them on each line",
                    )
                yield number, row

    def _json_row(self, text: bytes | None) -> Row:
        if text is None:
            return DocumentError("the row has too many bytes", limit=MAX_LINE)
        try:
            # Files that were put together may have a byte order mark in the middle.
            value = read_json(text.removeprefix(codecs.BOM_UTF8))
        except DocumentError as error:
            return error
        if isinstance(value, str):
            return {self.text_field: value}
        if isinstance(value, dict):
            return value
        hint = "An array of rows is read in the format json" if isinstance(value, list) else None
        return DocumentError(f"the row is {_kind(value)}, not an object", hint=hint)

    def _document(self, source: Source, number: int, row: Row) -> Document:
        """The document of one row; all that is wrong with it is its error."""
        name: str | int = f"{source.name}:{number}"
        where = name
        columns: Mapping[str, Any] = {}
        try:
            if isinstance(row, DocumentError):
                raise row
            if source.format == "openai-batch" or (source.format in (None, "json") and is_request(row)):
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
            raise DocumentError(found, hint="Name the column of the texts (text_field, --text-field)")
        for key, value in row.items():
            if isinstance(value, DocumentError):
                raise DocumentError(f"the column {excerpt(key)}: {value.found}", hint=value.hint)
        text = row[self.text_field]
        if not isinstance(text, str):
            raise DocumentError(f"the text is {_kind(text)}", hint="It has to be a string")
        if not text.strip():
            raise DocumentError("the text is empty" if not text else "the text is nothing but white space")
        return _without_nul("text", text)


def _skip_blank(stream: io.BufferedReader) -> int:
    """Pass over white space, and say how many lines it was."""
    lines = 0
    while head := stream.peek(1):
        blank = len(head) - len(head.lstrip(_SPACE))
        lines += stream.read(blank).count(b"\n")
        if blank < len(head):
            break
    return lines


def _names(line: bytes | None, separator: str) -> list[str]:
    """The cells of a line that has all of a record; nothing where it has not."""
    cells = next(read_cells([line], separator.encode()), [])
    return [] if isinstance(cells, DocumentError) else [(cell or b"").decode(errors="replace") for cell in cells]


def _csv_row(names: Sequence[str], cells: Sequence[bytes | None] | DocumentError) -> Row:
    if isinstance(cells, DocumentError):
        return cells
    if len(cells) != len(names):
        found = f"the row has {len(cells)} cells where the table has {len(names)} columns"
        return DocumentError(found, hint="Put a cell that holds the separator in quotes")
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
