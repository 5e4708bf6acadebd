"""Ledger: what became of each row of a job, kept so that no finished row is lost or done twice.

    job.json            the settings that the job was begun with (`fingerprint`)
    segments/*.jsonl    the entries, append-only, each line checked (`segments`): the truth
    index.sqlite        where they are, derived from the segments (`index`); it may be deleted
    lock, holder.json   who writes (`lock`)

What `add` has returned from survives the end of the process and of the machine. A line that is damaged counts as never
written, so its row is done again; `problems` tells of it. Memory does not grow with the rows.

A row is its position in the input, its id and its content, together: two rows with the same id and content both have
an entry, but the second one can take its outcome from `find_content`. Two rows with the same id and different contents
are a mistake of the input, which `claim` finds.

Not here: more than one writing process, and file systems that lie about fsync.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from fcgen.errors import JobError
from fcgen.jobs.durable import cannot_write, sync_folder
from fcgen.jobs.entry import Entry, read_entry, write_entry
from fcgen.jobs.fingerprint import read_fingerprint, refuse_changes, write_fingerprint
from fcgen.jobs.index import Index, copy_index, open_index
from fcgen.jobs.lock import take_lock
from fcgen.jobs.segments import Problem, Segments


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows have an entry: with values, and with an error."""

    done: int
    failed: int


class Ledger:
    """The entries of the job in one folder. Made by `create_or_open` or `read`; used by one thread at a time.

    Attributes:
        folder: the job's.
        fingerprint: the settings that it was begun with.
    """

    def __init__(
        self,
        folder: Path,
        fingerprint: Mapping[str, Any],
        segments: Segments,
        index: Index,
        held: ExitStack,
        *,
        write: bool,
    ) -> None:
        self.folder = folder
        self.fingerprint = fingerprint
        self._segments = segments
        self._index = index
        self._held = held
        self._write = write

    @classmethod
    def create_or_open(cls, folder: str | Path, fingerprint: Mapping[str, Any], *, resume: bool) -> Ledger:
        """The ledger of a job that is to be begun, or gone on with.

        Args:
            folder: holds the job's files; made if it is not there.
            fingerprint: the parts of the settings that decide the outcome, each any JSON value.
            resume: go on with the job that is there, if there is one.

        Raises:
            JobError: another process writes the job; it was begun with other settings; there is one, and `resume` is
                not set; or the folder cannot be used.
        """
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            sync_folder(folder.parent)
        except OSError as error:
            raise cannot_write(folder, error) from error
        with ExitStack() as held:
            lock = take_lock(folder)
            held.callback(lock.release)
            if (folder / "job.json").exists():
                if not resume:
                    raise JobError(
                        f"there is a job in {str(folder)!r} already",
                        hint="Resume it, or begin the new one in another folder.",
                    )
                refuse_changes(folder, fingerprint)
            elif any((folder / "segments").glob("*.jsonl")):
                raise JobError(
                    f"{str(folder)!r} has the rows of a job, but not its settings: job.json is missing",
                    hint="Restore it from a copy, or begin the job in another folder.",
                )
            else:
                write_fingerprint(folder, fingerprint)
            segments = Segments(folder / "segments", write=True)
            held.callback(segments.close)
            index = open_index(folder / "index.sqlite", segments)
            held.callback(index.close)
            return cls(folder, read_fingerprint(folder), segments, index, held.pop_all(), write=True)

    @classmethod
    def read(cls, folder: str | Path) -> Ledger:
        """The ledger as it is now, also while another process writes it. Nothing in the folder is touched.

        Raises:
            JobError: there is no job in the folder, or it cannot be read.
        """
        folder = Path(folder)
        fingerprint = read_fingerprint(folder)
        with ExitStack() as held:

            def open_segments() -> Segments:
                segments = Segments(folder / "segments", write=False)
                held.callback(segments.close)
                return segments

            index, segments = copy_index(folder / "index.sqlite", open_segments)
            held.callback(index.close)
            return cls(folder, fingerprint, segments, index, held.pop_all(), write=False)

    def close(self) -> None:
        """Close the files, and give back the lock."""
        self._held.close()

    def __enter__(self) -> Ledger:  # noqa: PYI034
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, entries: Sequence[Entry]) -> None:
        """Store entries; they are on the disk when it returns.

        An entry of a row that is done already is left out; one of a row that has failed replaces the older one.

        Raises:
            JobError: an entry is not JSON or too long (then none is stored), or the disk is full or fails (then those
                that were added before are safe, and adding again is possible).
        """
        self._need_to_write()
        self._index.catch_up(self._segments)  # if the index could not be written the last time
        fresh: list[Entry] = []
        newest: dict[int, Entry] = {}
        for entry in entries:
            if entry.position in newest:
                is_done = _is_outcome_of(newest[entry.position], entry)
            else:
                is_done = self.state(entry.id, entry.content, entry.position) == "done"
            if not is_done:
                fresh.append(entry)
                newest[entry.position] = entry
        if fresh:
            self._segments.append([write_entry(entry) for entry in fresh])
            if self._index.catch_up(self._segments):
                raise JobError(f"what was written to {str(self.folder)!r} cannot be read back", hint="Check the disk.")

    def claim(self, id: str | int, content: str, position: int) -> int | None:  # noqa: A002
        """Say that a row of the input has this id. To be called for each row, in the order of the input, in each run.

        Returns:
            The position of the first row with this id, if that has another content: this row's id is a duplicate. None
            if all is well.
        """
        self._need_to_write()
        return self._index.claim(position, id, content)

    def state(self, id: str | int, content: str, position: int) -> Literal["done", "failed"] | None:  # noqa: A002
        """Whether a row is done, or has failed; None if neither is known."""
        found = self._index.find(position, id, content)
        return None if found is None else "failed" if found[1] else "done"

    def get(self, id: str | int, content: str, position: int) -> Entry | None:  # noqa: A002
        """The entry of a row, None if it has none.

        Raises:
            JobError: it was damaged since the ledger was opened.
        """
        found = self._index.find(position, id, content)
        return None if found is None else self._entry(found[0])

    def find_content(self, content: str) -> Entry | None:
        """An entry of any row with this content that did not fail.

        Raises:
            JobError: it was damaged since the ledger was opened.
        """
        place = self._index.find_content(content)
        return None if place is None else self._entry(place)

    def entries(self, order: Literal["input", "done"] = "input") -> Iterator[Entry]:
        """The newest entry of each position.

        Args:
            order: by position, or as they came.

        Raises:
            JobError: one was damaged since the ledger was opened.
        """
        places = self._index.by_position() if order == "input" else self._index.by_place()
        return map(self._entry, places)

    def counts(self) -> Counts:
        """How many positions have an entry. Goes through the index: not for each row of a job."""
        return Counts(*self._index.counts())

    def problems(self) -> Iterator[Problem]:
        """What is not as it was written, in all files. Reads everything; rows that it names are not done, unless since.

        Raises:
            JobError: a file cannot be read.
        """
        return self._segments.problems()

    def _need_to_write(self) -> None:
        if not self._write:
            raise JobError(f"the job in {str(self.folder)!r} is open for reading only")

    def _entry(self, place: int) -> Entry:
        try:
            return read_entry(self._segments.read(place) or b"")
        except ValueError:
            raise JobError(
                f"an entry of the job in {str(self.folder)!r} was damaged since the job was opened",
                hint="Open the job again: the row counts as not done then, and the others are there.",
            ) from None


def _is_outcome_of(done: Entry, entry: Entry) -> bool:
    """Whether the row of the second entry, at the same position, is done with the first."""
    row, other = ((one.id, type(one.id), one.content) for one in (done, entry))
    return row == other and not done.failed
