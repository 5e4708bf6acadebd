"""Append-only files of checked lines, which are the truth about a job.

    segments/000001.jsonl:    <CRC-32 of the text, 8 hexadecimal digits> <its length in bytes> <the text>

A text is ASCII without line breaks. `append` returns when its lines are on the disk; what a failed `append` left behind
is cut off, at the latest before the next one writes. A line is found by its place, a number that grows along the files.

Damage stays local. A line is read by its length, and after a damaged one reading goes on behind the next line break, so
a changed byte costs at most the line that it is in. The bytes behind a file's last line break are of a line that was
not finished: nothing reads them, and a writer that opens the folder moves the last file's into `*.torn`.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fcgen.errors import JobError
from fcgen.jobs.durable import cannot_write, sync_folder

SEGMENT_BYTES = 64 << 20
SEGMENT_LINES = 50_000
LONGEST_LINE = 256 << 20
OPEN_FILES = 4
_CHUNK = 1 << 20
_SHIFT = 40  # bits of a place that are the offset
_NAME = re.compile(r"(\d{6})\.jsonl")
_HEAD = re.compile(rb"[0-9a-f]{8} (\d{1,9}) ")


@dataclass(frozen=True, slots=True)
class Line:
    """A stretch of a segment: a line, or damaged bytes.

    Attributes:
        place: where it begins.
        raw: its bytes, line break included.
        text: what was appended; None where that cannot be told.
    """

    place: int
    raw: bytes
    text: bytes | None


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a job's files that is not as it was written.

    Attributes:
        file: the file's name.
        offset: the first byte.
        length: how many bytes.
        what: what is wrong with them, and what it means.
    """

    file: str
    offset: int
    length: int
    what: str


class Segments:
    """The files of a folder.

    Args:
        folder: holds them, and nothing else.
        write: whether lines will be appended; only one process may. Otherwise nothing in the folder is touched, and the
            lines are those that are there now.

    Raises:
        JobError: the folder cannot be read, or written to.
    """

    def __init__(self, folder: Path, *, write: bool) -> None:
        self._folder = folder
        self._out: BinaryIO | None = None
        self._lines_in_last = 0
        self._reading: dict[int, BinaryIO] = {}
        self.ends: dict[int, int] = {}  # where the last whole line of each segment ends, by its number, in order
        try:
            if write:
                folder.mkdir(exist_ok=True)
                sync_folder(folder.parent)
            for number in sorted(self._numbers()):
                self.ends[number] = _whole(self._path(number))
            if write and self.ends:
                self._cut_tail(max(self.ends))
                self._lines_in_last = _line_breaks(self._path(max(self.ends)))
        except OSError as error:
            raise JobError(f"cannot open the segments in {str(folder)!r}: {error}") from error

    def append(self, texts: Sequence[bytes]) -> None:
        """Add lines; they are on the disk when it returns.

        Raises:
            JobError: they are not, none of them; or one is longer than LONGEST_LINE.
        """
        lines = [b"%b%b\n" % (_head(text), text) for text in texts]
        longest = max(map(len, lines), default=0)
        if longest > LONGEST_LINE:
            raise JobError("a row's outcome is too long to be stored, in bytes", limit=LONGEST_LINE, given=longest)
        number, data = max(self.ends, default=1), b"".join(lines)
        try:
            self._cut_off(number)
            if self._is_full(number, len(data), len(lines)):
                number += 1
                self._close_out()
            out = self._out or self._open_out(number)
            view = memoryview(data)
            while view:
                view = view[out.write(view) :]
            os.fsync(out.fileno())
        except OSError as error:
            with suppress(OSError):  # then it is cut off before the next one writes
                self._cut_off(number)
            raise cannot_write(self._path(number), error) from error
        self.ends[number] += len(data)
        self._lines_in_last += len(lines)

    def lines(self, number: int, start: int = 0) -> Iterator[Line]:
        """What stands in a segment from an offset on, where a line begins; without the unfinished line at its end.

        Raises:
            JobError: the file cannot be read.
        """
        try:
            with self._path(number).open("rb") as file:
                file.seek(start)
                offset = start
                while offset < self.ends[number]:
                    raw = file.readline(min(LONGEST_LINE, self.ends[number] - offset))
                    if not raw:  # it was cut short meanwhile
                        return
                    text, size = _text(raw)
                    yield Line(number << _SHIFT | offset, raw[:size], text)
                    offset += size
                    if size < len(raw):  # the line break is damaged, and what follows may be a line
                        file.seek(offset)
        except OSError as error:
            raise self._cannot_read(number, error) from error

    def read(self, place: int) -> bytes | None:
        """The text of the line at a place; None if there is no whole one.

        Raises:
            JobError: the file cannot be read.
        """
        number, offset = place >> _SHIFT, place & ((1 << _SHIFT) - 1)
        try:
            file = self._reading.pop(number, None) or self._path(number).open("rb")
            self._reading[number] = file  # the one that was used last is last
            if len(self._reading) > OPEN_FILES:
                self._reading.pop(next(iter(self._reading))).close()
            file.seek(offset)
            return _text(file.readline(LONGEST_LINE))[0]
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._cannot_read(number, error) from error

    def crc(self, number: int, size: int) -> int:
        """The CRC-32 of a segment's first bytes.

        Raises:
            JobError: the file cannot be read.
        """
        value = 0
        try:
            with self._path(number).open("rb") as file:
                while size and (chunk := file.read(min(size, _CHUNK))):
                    value, size = zlib.crc32(chunk, value), size - len(chunk)
        except OSError as error:
            raise self._cannot_read(number, error) from error
        return value

    def problems(self) -> Iterator[Problem]:
        """All that is not as it was written. Reads everything.

        Raises:
            JobError: a file cannot be read.
        """
        for number in range(1, max(self.ends, default=0) + 1):
            name = self._path(number).name
            if number not in self.ends:
                yield Problem(name, 0, 0, "the file is missing, with all rows that were in it")
                continue
            offset = 0
            for line in self.lines(number):
                if line.text is None:
                    yield Problem(name, offset, len(line.raw), "a damaged line; its row is not done")
                elif not line.raw.endswith(b"\n"):
                    yield Problem(name, offset, len(line.raw), "a damaged line break; the row before it is whole")
                offset += len(line.raw)
            rest = self._path(number).stat().st_size - offset
            if rest:
                what = "an unfinished line: the process was stopped while it wrote it, or is just writing it"
                yield Problem(name, offset, rest, what)
        for path in sorted(self._folder.glob("*.torn")):
            what = "unfinished lines that were moved here when the job was resumed; their rows were not done then"
            yield Problem(path.name, 0, path.stat().st_size, what)

    def close(self) -> None:
        """Close the files."""
        self._close_out()
        self._close_reading()

    def _numbers(self) -> Iterator[int]:
        if self._folder.is_dir():
            for path in self._folder.iterdir():
                if match := _NAME.fullmatch(path.name):
                    yield int(match[1])

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06d}.jsonl"

    def _is_full(self, number: int, size: int, count: int) -> bool:
        end = self.ends.get(number, 0)
        return end > 0 and (end + size > SEGMENT_BYTES or self._lines_in_last + count > SEGMENT_LINES)

    def _open_out(self, number: int) -> BinaryIO:
        out = self._path(number).open("ab", buffering=0)
        try:
            sync_folder(self._folder)
        except OSError:
            out.close()
            raise
        if number not in self.ends:
            self.ends[number], self._lines_in_last = 0, 0
        self._out = out
        return out

    def _cut_off(self, number: int) -> None:
        """Remove what an `append` that failed has left behind."""
        if self._out and os.fstat(self._out.fileno()).st_size != self.ends[number]:
            self._out.truncate(self.ends[number])
            self._close_reading()  # whose buffers may hold what was there

    def _cut_tail(self, number: int) -> None:
        path, end = self._path(number), self.ends[number]
        if path.stat().st_size == end:
            return
        with path.open("r+b") as file, path.with_suffix(".torn").open("ab") as torn:
            file.seek(end)
            while chunk := file.read(_CHUNK):
                torn.write(chunk)
            torn.flush()
            os.fsync(torn.fileno())
            sync_folder(self._folder)
            file.truncate(end)
            os.fsync(file.fileno())

    def _close_out(self) -> None:
        if self._out is not None:
            self._out.close()
            self._out = None

    def _close_reading(self) -> None:
        while self._reading:
            self._reading.popitem()[1].close()

    def _cannot_read(self, number: int, error: OSError) -> JobError:
        return JobError(f"cannot read {str(self._path(number))!r}: {error}")


def _head(text: bytes) -> bytes:
    return b"%08x %d " % (zlib.crc32(text), len(text))


def _text(raw: bytes) -> tuple[bytes | None, int]:
    """The text of the line that some bytes begin with, and the line's length; None and all of them if there is none."""
    match = _HEAD.match(raw)
    if match is not None:
        end = match.end() + int(match[1])
        text = raw[match.end() : end]
        if raw.startswith(_head(text)):
            return text, end + 1
    return None, len(raw)


def _whole(path: Path) -> int:
    """Where the last whole line of a file ends."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            begin = max(0, end - _CHUNK)
            file.seek(begin)
            found = file.read(end - begin).rfind(b"\n")
            if found >= 0:
                return begin + found + 1
            end = begin
    return 0


def _line_breaks(path: Path) -> int:
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(_CHUNK), b""))
