"""A job over documents: rows that are done already are passed over, the others are asked for, and each is kept.

    documents -> those that are not done -> `write` -> rows -> ledger;      ledger -> output

What a row is, is kept in the ledger as it ends, with the columns that are carried over; the output is written from the
ledger alone (`export`). So nothing but what is under way is lost, whatever ends the process, and the output of a job
that was resumed is that of one that was not.

Documents that are alike get one reply, also where the other one was asked about in an earlier run.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fcgen.errors import InputDamaged, excerpt
from fcgen.extraction import Document, Extracted, Job, RowError, content_of
from fcgen.jobs.entry import Entry
from fcgen.jobs.error_limit import ErrorLimit, read_error_limit
from fcgen.jobs.identity import fingerprint_of
from fcgen.jobs.ledger import Ledger
from fcgen.jobs.progress import Progress
from fcgen.jobs.stored import data_of, json_of, row_of

if TYPE_CHECKING:
    from fcgen.engine import Engine

Write = Callable[[Iterable[Document]], Generator[Sequence[Extracted], None, None]]
"""Documents -> their rows, in any order and as they end: what `Engine.extracting` does."""

KEPT_BACK = 256  # rows that have ended and are not on the disk yet, at most
DAMAGES = 10  # of inputs, that are told one by one
SECONDS = 1.0  # for which a row may be kept back, while others end


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run of a job did.

    Attributes:
        rows: rows of the input that were looked at.
        done: rows that this run has values for.
        failed: rows that this run has errors for.
        earlier: rows that were passed over, since an earlier run has done them, or tried to.
        earlier_failed: how many of those have failed.
        shared: rows that were not asked about, since a document like theirs was.
        errors: how many of those that failed, by the kind of error.
        usage: tokens of this run, in how many passes its rows took part, and how many the budget limited.
        seconds: how long it took.
        stopped: whether it was stopped, or gave up, before all rows were done.
        too_many_errors: whether more of its rows failed than `max_errors` allows.
        first_error: what the first row that failed says.
        damaged: how many inputs, or parts of one, could not be read to their end.
        damages: what the first of them say, `DAMAGES` at most.
        suspected_calls: rows that this run has a text for in which something looks like a call.
    """

    rows: int
    done: int
    failed: int
    earlier: int
    earlier_failed: int
    shared: int
    errors: Mapping[str, int]
    usage: Mapping[str, float]
    seconds: float
    stopped: bool
    too_many_errors: bool = False
    first_error: str | None = None
    suspected_calls: int = 0
    damaged: int = 0
    damages: Sequence[str] = ()

    @property
    def all_failed(self) -> bool:
        """Whether there are rows, and none has values, of an earlier run neither."""
        has_values = self.done or self.earlier > self.earlier_failed
        return not has_values and self.failed + self.earlier_failed > 0

    def to_json(self) -> str:
        """All of it as one line of JSON."""
        return json.dumps(asdict(self))


class Run:
    """One run of a job.

    Args:
        write: gives the rows of documents.
        ledger: keeps them. It is open for writing.
        carry: the columns of the input that are kept beside a row.
        retry: whether those rows alone are done that have failed.
        max_errors: how many rows may fail; where more do, the run ends.
        progress: is told what happens.
        stopped: whether to end; it is asked after each pass of the model.
        clock: the time, in seconds.
    """

    def __init__(
        self,
        write: Write,
        ledger: Ledger,
        *,
        carry: Sequence[str] = (),
        retry: bool = False,
        max_errors: ErrorLimit = ErrorLimit(),  # noqa: B008  it is frozen
        progress: Progress | None = None,
        stopped: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write, self._ledger, self._carry, self._retry = write, ledger, carry, retry
        self._progress, self._was_stopped, self._clock = progress or Progress(quiet=True), stopped, clock
        self._max_errors = max_errors
        self._asked: dict[int, _Asked] = {}
        self._kept_back: list[Entry] = []
        self._fresh: set[str] = set()  # contents that are asked about, or kept back
        self._committed_at = 0.0
        self._counts = _Counts()

    def run(self, documents: Iterable[Document]) -> Summary:
        """Do what is not done, until all is or `stopped` says so.

        Raises JobError: what has ended cannot be kept. What was kept before stays.
        """
        began = self._committed_at = self._clock()
        try:
            with closing(self._write(self._left(documents))) as steps:
                for rows in steps:
                    for row in rows:
                        self._end(self._asked.pop(int(row.id)), row)
                    self._commit()
                    self._progress.show()
                    if self._stopped():
                        break
        finally:
            self._progress.close()
            self._commit(now=True)
        stopped = self._stopped()
        return self._counts.summary(
            seconds=self._clock() - began, stopped=stopped, too_many_errors=self._has_too_many(at_end=True)
        )

    def _stopped(self) -> bool:
        return self._was_stopped() or self._has_too_many()

    def _has_too_many(self, *, at_end: bool = False) -> bool:
        failed = self._counts.failed
        return self._max_errors.is_passed(failed, failed + self._counts.done, at_end=at_end)

    def _left(self, documents: Iterable[Document]) -> Iterator[Document]:
        """The documents that are to be asked about, each with its position for an id."""
        for position, document in enumerate(documents):
            if self._stopped():
                return
            self._counts.read(document)
            content = content_of(document)
            first = self._ledger.claim(document.id, content, position)
            state = self._ledger.state(document.id, content, position)
            if state == "done" or (state == "failed") != self._retry:
                self._counts.earlier += state is not None
                self._counts.earlier_failed += state == "failed"
                self._progress.pass_over()
                continue
            columns = {name: json_of(document.columns.get(name)) for name in self._carry}
            asked = _Asked(Entry(position, document.id, content, failed=False, data={"columns": columns}))
            if first is not None:
                self._end(asked, Extracted(document.id, error=_second(document.id, first)))
            elif (other := self._ledger.find_content(content)) is not None:
                self._end(replace(asked, is_shared=True), row_of(other))
            else:
                self._asked[position] = replace(asked, is_shared=content in self._fresh)
                self._fresh.add(content)
                yield replace(document, id=position)

    def _end(self, asked: _Asked, row: Extracted) -> None:
        """Take in a row that has ended; it is on the disk before many others are."""
        entry, failed = asked.entry, row.error is not None
        self._counts.add(row, is_shared=asked.is_shared)
        self._progress.add(row, is_shared=asked.is_shared)
        self._kept_back.append(replace(entry, failed=failed, data={**entry.data, **data_of(row)}))
        if len(self._kept_back) >= KEPT_BACK:
            self._commit(now=True)

    def _commit(self, *, now: bool = False) -> None:
        time = self._clock()
        if self._kept_back and (now or time - self._committed_at >= SECONDS):
            self._ledger.add(self._kept_back)
            self._fresh.difference_update(entry.content for entry in self._kept_back)
            self._kept_back, self._committed_at = [], time


@dataclass(frozen=True, slots=True)
class _Asked:
    """A row that is to be: its entry without what became of it, and whether a document like its was asked about."""

    entry: Entry
    is_shared: bool = False


@dataclass(slots=True)
class _Counts:
    """The counts of `Summary`."""

    rows: int = 0
    done: int = 0
    failed: int = 0
    earlier: int = 0
    earlier_failed: int = 0
    shared: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    usage: Counter[str] = field(default_factory=Counter)
    first_error: str | None = None
    suspected_calls: int = 0
    damaged: int = 0
    damages: list[str] = field(default_factory=list)

    def read(self, document: Document) -> None:
        """Count a row of the input."""
        self.rows += 1
        if document.error is not None and document.error.kind == InputDamaged.__name__:
            self.damaged += 1
            if len(self.damages) < DAMAGES:
                self.damages.append(document.error.message)

    def add(self, row: Extracted, *, is_shared: bool) -> None:
        """Count a row that has ended."""
        self.done += row.error is None
        self.failed += row.error is not None
        self.shared += is_shared
        self.suspected_calls += row.suspected_call is not None
        if row.error is not None:
            self.errors[row.error.kind] += 1
            self.first_error = self.first_error or row.error.message
        if not is_shared:
            self.usage.update({name: int(value) for name, value in row.usage.items()})

    def summary(self, *, seconds: float, stopped: bool, too_many_errors: bool) -> Summary:
        """What the run did."""
        return Summary(
            self.rows, self.done, self.failed, self.earlier, self.earlier_failed, self.shared, dict(self.errors),
            dict(self.usage), seconds, stopped, too_many_errors, self.first_error, self.suspected_calls,
            self.damaged, tuple(self.damages),
        )  # fmt: skip


def run_job(
    engine: Engine,
    job: Job,
    documents: Iterable[Document],
    folder: str | Path,
    *,
    model: str = "",
    carry: Sequence[str] = (),
    resume: bool = False,
    retry: bool = False,
    max_errors: int | str | None = None,
    progress: Progress | None = None,
    stopped: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.monotonic,
) -> Summary:
    """Ask about documents, and keep what becomes of them in a folder.

    Args:
        engine: replies.
        job: what is asked.
        documents: each becomes a row; they are read as they are needed.
        folder: the job's.
        model: the name under which the model was loaded.
        carry: the columns of the input that are kept beside a row.
        resume: whether to go on with the job that is there: rows that it has done are passed over.
        retry: whether those rows alone are done that have failed; as `resume`.
        max_errors: how many rows of this run may fail, as a number, or as a share of those that have ended ("5%"),
            which counts from the hundredth row on, and at the end. Where more do, it ends, as if it were stopped.
        progress: is told what happens.
        stopped: whether to end; it is asked after each pass of the model.
        clock: the time, in seconds.

    Raises:
        JobError: the job is there and not to be gone on with, it was begun with other settings, another process does
            it, or what has ended cannot be kept.
        OptionError: `max_errors` is neither a number nor a share.
        FcgenError: what is asked cannot be asked of any document (see `Engine.extract`).
    """
    most = read_error_limit(max_errors)
    fingerprint = fingerprint_of(engine, job, model=model, carry=carry)
    write = partial(engine.extracting, job=job, ordered=False)
    write(())  # says what is wrong with the job, before there is a folder
    with Ledger.create_or_open(folder, fingerprint, resume=resume or retry) as ledger:
        run = Run(
            write, ledger, carry=carry, retry=retry, max_errors=most, progress=progress, stopped=stopped, clock=clock
        )
        return run.run(documents)


def extract_batch(engine: Engine, documents: Iterable[object], job: Job) -> list[Extracted]:
    """The rows of documents, in their order: for those who divide the work among processes by themselves.

    Each document is what `Engine.extract` takes as one.
    """
    return list(engine.extract(documents, job))


def _second(name: str | int, first: int) -> RowError:
    found = f"row {first + 1} has the id {excerpt(name)} as well, and says something else"
    return RowError("DocumentError", f"{found}. Ids have to be different")
