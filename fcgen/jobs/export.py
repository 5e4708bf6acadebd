"""What a job's folder holds -> its output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fcgen.extraction import Extracted
from fcgen.jobs.ledger import Ledger
from fcgen.jobs.output import write_rows
from fcgen.jobs.stored import row_of

if TYPE_CHECKING:
    from fcgen.jobs.sources import Format


def export(
    folder: str | Path,
    output: str | Path,
    *,
    format: Format | None = None,  # noqa: A002
    order: Literal["input", "done"] = "input",
    rows: int | None = None,
) -> int:
    """Write the rows of a job, as many as there are, also while it is being done; and say how many they were.

    Args:
        folder: the job's.
        output: a file, which is replaced if it is there; "-": standard output.
        format: as for `write_rows`.
        order: that of the input, or the one in which they came.
        rows: how many rows the input has, where it may have had more when the job was begun; None: take all.

    Raises:
        JobError: there is no job in the folder, or the output cannot be written.
        DocumentError: pyarrow is needed and missing.
    """
    ledger = Ledger.read(folder)
    with ledger:
        asked = ledger.fingerprint
        return write_rows(
            _rows(ledger, order, rows),
            output,
            format=format,
            columns=asked["options"]["carry"],
            schema=asked["grammar"]["schema"],
            model=asked["model"]["name"],
        )


def _rows(
    ledger: Ledger, order: Literal["input", "done"], rows: int | None
) -> Iterator[tuple[Extracted, Mapping[str, Any]]]:
    for entry in ledger.entries(order):
        if rows is None or entry.position < rows:
            yield row_of(entry), entry.data["columns"]
