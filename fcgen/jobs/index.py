"""Where the entries are: an SQLite file beside the segments, derived from them.

It holds what was read of each segment (its length and CRC), and for each entry its place, its position and digests of
its id and content; so a look-up costs the same however many rows there are, and memory does not grow with them. It need
not be durable. Opening compares it with the segments' bytes and with its own sums; if anything differs it is made anew,
otherwise only what was appended since is read.

Of the entries with the same position, id and content the newest counts alone. Of those with the same position but
another id or content (the input has changed) all are kept, for their contents, but the newest holds the position.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

from fcgen.errors import JobError
from fcgen.jobs.entry import Entry, read_entry
from fcgen.jobs.segments import Segments

_SCHEMA = (
    "CREATE TABLE entries (place INTEGER PRIMARY KEY, position INT, id BLOB, content BLOB, failed INT)",
    "CREATE INDEX by_content ON entries (content, failed, id, position)",
    "CREATE INDEX by_position ON entries (position)",
    "CREATE TABLE segments (number INTEGER PRIMARY KEY, size INT, crc INT)",
    "CREATE TABLE sums (crcs INT)",
)
_SIDE_FILES = ("", "-journal", "-wal", "-shm")
_PAGE = 1000  # rows of one query
_LINES = 2000  # lines of one transaction
_PATIENCE = 60  # seconds that a transaction waits for a reader's copy


class Index:
    """An index that agrees with some segments. Made by `open_index` or `copy_index`.

    All methods raise JobError where SQLite cannot go on, as when the disk is full.
    """

    def __init__(self, name: str) -> None:
        try:
            self._db = sqlite3.connect(name, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise _cannot(error) from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def copy(self, path: Path) -> None:
        """Become what another process has committed to a file, as far as it can be read."""
        with suppress(sqlite3.Error), closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as other:
            other.backup(self._db)

    def agrees(self, segments: Segments) -> bool:
        """Whether it is whole, and was made of what the segments hold, or of the beginning of that."""
        try:
            self._settle()
            with self._transaction():  # it must be possible to write to it
                self._ask("UPDATE sums SET crcs = crcs")
            return (
                [sql for (sql,) in self._ask("SELECT sql FROM sqlite_master ORDER BY rowid")] == list(_SCHEMA)
                and self._ask("PRAGMA integrity_check") == [("ok",)]
                and self._ask("SELECT crcs FROM sums") == [(self._sum(),)]
                and self._has_read(segments)
            )
        except JobError:
            return False

    def make(self) -> None:
        """Begin with an empty file."""
        self._settle()
        with self._transaction():
            for sql in (*_SCHEMA, "INSERT INTO sums VALUES (0)"):
                self._ask(sql)

    def catch_up(self, segments: Segments) -> int:
        """Read what was appended to the segments since the last time; how many lines of it are damaged."""
        damaged = 0
        known = self._ask("SELECT number, size, crc FROM segments ORDER BY number DESC LIMIT 1")
        last, size, crc = known[0] if known else (0, 0, 0)
        for number, end in segments.ends.items():
            if number < last:
                continue
            if number > last:
                size, crc = 0, 0
            lines, before = segments.lines(number, size), -1
            while before < size < end:
                before, sums = size, 0
                with self._transaction():
                    for line in islice(lines, _LINES):
                        size, crc = size + len(line.raw), zlib.crc32(line.raw, crc)
                        try:
                            sums += self._take(line.place, read_entry(line.text or b""))
                        except ValueError:
                            damaged += 1
                    self._ask("UPDATE sums SET crcs = crcs + ?", (sums,))
                    self._ask("INSERT OR REPLACE INTO segments VALUES (?, ?, ?)", (number, size, crc))
        return damaged

    def find(self, position: int, id: str | int, content: str) -> tuple[int, bool] | None:  # noqa: A002
        """The place of a row's entry, and whether it failed; None if there is none or another row has its position."""
        found = self._own(position, digest(id), digest(content))
        if found is None or self._ask("SELECT MAX(place) FROM entries WHERE position = ?", (position,)) != [found[:1]]:
            return None
        return found[0], bool(found[4])

    def find_content(self, content: str) -> int | None:
        """The place of an entry with this content that did not fail."""
        found = self._ask("SELECT place FROM entries WHERE content = ? AND failed = 0 LIMIT 1", (digest(content),))
        return int(found[0][0]) if found else None

    def by_position(self) -> Iterator[int]:
        """The places of the entries that count, in the order of the input."""
        last = -1
        sql = "SELECT position, MAX(place) FROM entries WHERE position > ? GROUP BY position ORDER BY position LIMIT ?"
        while page := self._ask(sql, (last, _PAGE)):
            for position, place in page:
                yield place
                last = position

    def by_place(self) -> Iterator[int]:
        """The places of the entries that count, in the order in which they came."""
        last = -1
        sql = (
            "SELECT place FROM entries AS one WHERE place > ? AND NOT EXISTS"
            " (SELECT 1 FROM entries WHERE position = one.position AND place > one.place) ORDER BY place LIMIT ?"
        )
        while page := self._ask(sql, (last, _PAGE)):
            for (place,) in page:
                yield place
                last = place

    def counts(self) -> tuple[int, int]:
        """How many of the entries that count did not fail, and how many did."""
        sql = "SELECT COUNT(*), TOTAL(failed) FROM (SELECT failed, MAX(place) FROM entries GROUP BY position)"
        total, failed = self._ask(sql)[0]
        return int(total - failed), int(failed)

    def claim(self, position: int, id: str | int, content: str) -> int | None:  # noqa: A002
        """The position that claimed this id first, for another content; None if this one may have it.

        Claims are of one run of the job, which reads the input from its beginning, and end when the file is closed.
        """
        key, own = digest(id), digest(content)
        self._ask("INSERT OR IGNORE INTO claims VALUES (?, ?, ?)", (key, position, own))
        first, other = self._ask("SELECT position, content FROM claims WHERE id = ?", (key,))[0]
        return None if other == own else int(first)

    def _settle(self) -> None:
        self._ask("PRAGMA synchronous = OFF")
        self._ask("PRAGMA journal_mode = TRUNCATE")
        self._ask("PRAGMA temp_store = FILE")
        claims = "claims (id BLOB PRIMARY KEY, position INT, content BLOB) WITHOUT ROWID"
        self._ask(f"CREATE TEMP TABLE IF NOT EXISTS {claims}")

    def _sum(self) -> int:
        try:
            with closing(self._db.execute("SELECT place, position, id, content, failed FROM entries")) as rows:
                return sum(map(_crc, rows))
        except sqlite3.Error as error:
            raise _cannot(error) from error

    def _has_read(self, segments: Segments) -> bool:
        known = self._ask("SELECT number, size, crc FROM segments ORDER BY number")
        numbers = list(segments.ends)[: len(known)]
        return numbers == [number for number, _, _ in known] and all(
            isinstance(size, int)
            and (size == segments.ends[number] or (number == numbers[-1] and 0 <= size < segments.ends[number]))
            and segments.crc(number, size) == crc
            for number, size, crc in known
        )

    def _take(self, place: int, entry: Entry) -> int:
        """Take in one entry; by how much the sum of the CRCs grows."""
        row = (place, entry.position, digest(entry.id), digest(entry.content), int(entry.failed))
        older = self._own(*row[1:4])
        if older:
            self._ask("DELETE FROM entries WHERE place = ?", older[:1])
        self._ask("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", row)
        return _crc(row) - (_crc(older) if older else 0)

    def _own(self, position: int, id: bytes, content: bytes) -> tuple[Any, ...] | None:  # noqa: A002
        sql = (
            "SELECT place, position, id, content, failed FROM entries"
            " WHERE content = ? AND failed IN (0, 1) AND id = ? AND position = ?"
        )
        found = self._ask(sql, (content, id, position))
        return found[0] if found else None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._ask("BEGIN IMMEDIATE")
        try:
            yield
            self._ask("COMMIT")
        finally:
            if self._db.in_transaction:
                self._ask("ROLLBACK")

    def _ask(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise _cannot(error) from error


def open_index(path: Path, segments: Segments) -> Index:
    """The index in a file, up to date with the segments; made anew if it does not agree with them.

    Raises:
        JobError: the file cannot be written.
    """

    def anew() -> Index:
        try:
            for end in _SIDE_FILES:
                path.with_name(path.name + end).unlink(missing_ok=True)
        except OSError as error:
            raise _cannot(error) from error
        return Index(str(path))

    return _up_to_date(Index(str(path)), segments, anew)


def copy_index(path: Path, open_segments: Callable[[], Segments]) -> tuple[Index, Segments]:
    """An index of one's own, in a temporary file, begun with a copy of another one if there is one that agrees.

    The segments are opened after that is copied, so that a process that writes meanwhile cannot put it ahead of them.

    Raises:
        JobError: there is no room for it, or the segments cannot be read.
    """
    index = Index("")
    try:
        index.copy(path)
        segments = open_segments()
    except BaseException:
        index.close()
        raise
    return _up_to_date(index, segments, lambda: Index("")), segments


def _up_to_date(index: Index, segments: Segments, anew: Callable[[], Index]) -> Index:
    try:
        if not index.agrees(segments):
            index.close()
            index = anew()
            index.make()
        index.catch_up(segments)
    except BaseException:
        index.close()
        raise
    return index


def digest(value: str | int) -> bytes:
    """Sixteen bytes that stand for an id or a content."""
    return hashlib.blake2b(json.dumps(value).encode("ascii"), digest_size=16).digest()


def _crc(row: Sequence[Any]) -> int:
    return zlib.crc32(repr(row).encode("ascii", "backslashreplace"))


def _cannot(error: Exception) -> JobError:
    return JobError(
        f"the job's index cannot be used: {error}",
        hint="What was added to the job is safe. Make room on the disk, or mend what it is, then resume.",
    )
