"""A Parquet file -> its rows as JSON values, a batch at a time.

What JSON does not know is written as text: dates and times by ISO 8601, decimals in digits, bytes in base64. A float
that is not finite is null. A value that cannot be read (a text that is no UTF-8, a date beyond the calendar) is a
DocumentError in its place, and a row group that cannot be read is an InputDamaged in the place of its rows.

Limits: a batch is read at once, so memory is that of `BATCH` rows and of the file's own pages.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import importlib
import math
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from fcgen.errors import DocumentError, InputDamaged, excerpt
from fcgen.jobs.sources import check_names
from fcgen.jobs.strict_json import decode, not_utf8

BATCH = 256


def pyarrow(module: str = "pyarrow") -> Any:
    """The module of pyarrow. Raises DocumentError where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise DocumentError("Parquet needs pyarrow", hint="Run pip install 'fcgen[parquet]'") from None


class ParquetRows:
    """A Parquet file that is open for reading; to be closed.

    Args:
        path: of the file.
        texts: columns whose bytes, if they hold bytes, are a text.

    Attributes:
        names: of its columns.

    Raises:
        DocumentError: it is no Parquet file, or has two columns of one name.
    """

    def __init__(self, path: Path, texts: Collection[str] = ()) -> None:
        self._texts = texts
        self._mistakes = (pyarrow().ArrowException, OSError, ValueError)
        try:
            self._file = pyarrow("pyarrow.parquet").ParquetFile(path, buffer_size=2**20)
            self.names: list[str] = list(self._file.schema_arrow.names)
        except self._mistakes as error:
            raise DocumentError(f"{excerpt(str(path), 200)} is no Parquet file: {_reason(error)}") from error
        check_names(self.names, path)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __iter__(self) -> Iterator[tuple[int, dict[str, Any] | DocumentError]]:
        """The rows, each with its number, from 1."""
        first = 1
        for group in range(self._file.num_row_groups):
            number = first
            try:
                for batch in self._file.iter_batches(BATCH, row_groups=[group]):
                    columns = [
                        self._values(column, is_text=name in self._texts)
                        for name, column in zip(self.names, batch.columns, strict=True)
                    ]
                    for values in zip(*columns, strict=True):
                        yield number, dict(zip(self.names, values, strict=True))
                        number += 1
            except self._mistakes as error:
                found = f"the row group {group}, from row {number} on, cannot be read: {_reason(error)}"
                yield number, InputDamaged(found)
                number += 1
            first = max(number, first + self._file.metadata.row_group(group).num_rows)

    def _values(self, column: Any, *, is_text: bool) -> list[Any]:
        try:
            return [_plain(value, is_text=is_text) for value in column.to_pylist()]
        except (*self._mistakes, OverflowError):
            return [self._value(scalar, is_text=is_text) for scalar in column]

    def _value(self, scalar: Any, *, is_text: bool) -> Any:
        try:
            return _plain(scalar.as_py(), is_text=is_text)
        except DocumentError as error:
            return error
        except UnicodeDecodeError as error:
            return not_utf8(error)
        except (*self._mistakes, OverflowError) as error:
            return DocumentError(f"a value cannot be read: {_reason(error)}")


def _plain(value: Any, *, is_text: bool = False) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {str(key): _plain(part) for key, part in value.items()}
        case list() | tuple():
            return [_plain(part) for part in value]
        case bytes():
            return decode(value) if is_text else base64.b64encode(value).decode()
        case dt.date() | dt.time():
            return value.isoformat()
        case decimal.Decimal():
            return format(value, "f")
        case _:
            return str(value)


def _reason(error: BaseException) -> str:
    return excerpt(str(error).partition("\n")[0], 200)
