"""CSV (RFC 4180, with any separator) <-> cells.

An empty cell without quotes is None, one with quotes is the empty text: so both can be written and are told apart. A
quote opens a cell only where it is the cell's first character; elsewhere it is a character like others (`5" pipe`).

Python's `csv` module is not used: it cannot tell the two empty cells apart, its limit on a cell's size is one setting
for the whole process, and a quote that is never closed swallows all the rest of a file. Here reading begins anew with
the line after the mistake, or after `MAX_LINE` bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fcgen.errors import DocumentError, OptionError, excerpt
from fcgen.jobs.lines import MAX_LINE
from fcgen.jobs.strict_json import is_text

Numbered = tuple[int, bytes | None]


def read_cells(
    lines: Iterable[bytes | None], separator: bytes = b",", *, first: int = 1
) -> Iterator[list[bytes | None] | DocumentError]:
    """The cells of each record of the lines; an error in place of what is none. Blank lines are no records.

    Args:
        lines: of a table.
        separator: what stands between two cells: a character, in UTF-8.
        first: the number of the first line.
    """
    numbered: Iterator[Numbered] = enumerate(lines, start=first)
    for number, line in numbered:
        if line is not None and not line.strip(b"\r\n"):
            continue
        try:
            yield _read_record((number, line), numbered, separator)
        except DocumentError as error:
            yield error


def write_cells(cells: Iterable[str | None], separator: str = ",") -> str:
    """One record, with its line's end."""
    return separator.join(_write_cell(cell, separator) for cell in cells) + "\n"


def check_separator(separator: str) -> None:
    """Raise OptionError for what cannot separate cells."""
    if len(separator) != 1 or separator in '"\r\n\0' or not is_text(separator):
        raise OptionError(
            f"the separator is {excerpt(separator)}", hint="It has to be one character, and no quote or line break"
        )


def _write_cell(cell: str | None, separator: str) -> str:
    if cell is None:
        return ""
    special = f'"{separator}\r\n'
    if not cell or any(character in cell for character in special) or cell[0].isspace() or cell[-1].isspace():
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _read_record(first: Numbered, following: Iterator[Numbered], separator: bytes) -> list[bytes | None]:
    """The record that begins with the `first` line; takes from the `following` what its quoted cells need."""
    line, at = _known(first), 0
    cells: list[bytes | None] = []
    while True:
        if line.startswith(b'"', at):
            cell, number, line, at = _read_quoted(first[0], line, at, following)
            cells.append(cell)
            end = len(line.rstrip(b"\r\n"))
            if at < end and not line.startswith(separator, at):
                after = line[at : at + 20].decode(errors="replace")
                raise DocumentError(
                    f"line {number}: {excerpt(after, 30)} follows the quote that ends a cell",
                    hint=f"A cell's end is followed by {excerpt(separator.decode())} or the line's end; "
                    "a quote in a quoted cell is doubled",
                )
        else:
            end = len(line.rstrip(b"\r\n"))
            next_one = line.find(separator, at, end)
            stop = end if next_one < 0 else next_one
            cells.append(line[at:stop] or None)
            at = stop
        if at >= end:
            return cells
        at += len(separator)


def _read_quoted(number: int, line: bytes, at: int, following: Iterator[Numbered]) -> tuple[bytes, int, bytes, int]:
    """The cell whose quote opens at `at`; the line in which it ends, with its number, and the place after its end."""
    opened, size, pieces = number, len(line), []
    start = at = at + 1
    while True:
        close = line.find(b'"', at)
        if close < 0:
            pieces.append(line[start:])
            number, line = _next_line(opened, number, size, following)
            size += len(line)
            start = at = 0
        elif line.startswith(b'"', close + 1):
            at = close + 2
        else:
            pieces.append(line[start:close])
            return b"".join(pieces).replace(b'""', b'"'), number, line, close + 1


def _next_line(opened: int, number: int, size: int, following: Iterator[Numbered]) -> tuple[int, bytes]:
    numbered = next(following, None)
    if numbered is None:
        found = f"lines {opened} to {number}: a quote opens a cell and none closes it"
        raise DocumentError(found, hint="Close it, or double it if it is a character of the cell")
    line = _known(numbered)
    if size + len(line) > MAX_LINE:
        found = f"lines {opened} to {numbered[0]}: a quote opens a cell and none closes it"
        raise DocumentError(found, limit=MAX_LINE, given=size + len(line))
    return numbered[0], line


def _known(numbered: Numbered) -> bytes:
    number, line = numbered
    if line is None:
        raise DocumentError(f"line {number} has too many bytes", limit=MAX_LINE)
    return line
