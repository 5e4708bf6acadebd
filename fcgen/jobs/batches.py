"""Documents -> batches for workers that may end at any time; and what comes back of them -> a row for each document.

Documents are read a batch for each worker at a time, sorted by length and dealt out, so that those of like length are
written together. Documents that are alike are asked about once, if they are not far apart. So memory does not grow with
the number of documents.

Where a worker ends while it writes, the documents of its batch that have no row yet are asked about again, one by one:
one that ends its worker each time has that as its error, and takes no other with it.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

from fcgen.extraction import Document, Extracted, RowError, content_of

TRIES = 3  # workers that may end over one document
HELD = 8  # batches of documents for each worker that were read and whose rows were not taken yet, at most
KNOWN = 4096  # rows that have ended, for documents like theirs
CHARACTERS = 2**25  # of documents that are read at a time, about


@dataclass(slots=True, eq=False)
class Work:
    """A document that is asked about, for all who asked.

    Attributes:
        document: with a number for its id, and without columns.
        content: its digest.
        askers: the ids of the documents that are like it.
        tries: how many workers have ended over it.
    """

    document: Document
    content: str
    askers: list[str | int]
    tries: int = 0

    @property
    def size(self) -> int:
        """How long it is, in characters."""
        asked = self.document.asked
        return len(self.document.text if asked is None else str(asked.messages))


Batch = dict[int, Work]
"""Documents by number, as far as they have no row yet."""


class Batches:
    """Documents on their way to workers and back.

    Args:
        documents: are read as batches are asked for.
        size: of a batch, at most.
        workers: among how many they are dealt out.

    Attributes:
        more: whether there may be documents that were not read yet.
    """

    def __init__(self, documents: Iterable[Document], *, size: int, workers: int) -> None:
        self.more = True
        self._source, self._size, self._workers = iter(documents), size, workers
        self._alone: deque[Work] = deque()
        self._waiting: deque[Batch] = deque()
        self._works: dict[str, Work] = {}
        self._known: OrderedDict[str, Extracted] = OrderedDict()
        self._rows: list[Extracted] = []
        self._read = self._taken = 0

    @property
    def is_done(self) -> bool:
        """Whether all rows were taken."""
        return not self.more and self._read == self._taken

    def next(self) -> Batch | None:
        """What a worker is to do; None: nothing, at the moment."""
        if self._alone:
            work = self._alone.popleft()
            return {int(work.document.id): work}
        if not self._waiting and self.more:
            self._read_more()
        return self._waiting.popleft() if self._waiting else None

    def end(self, batch: Batch, row: Extracted) -> None:
        """A worker has given a row of its batch."""
        self._settle(batch.pop(int(row.id)), row)

    def fail(self, batch: Batch, reason: str) -> None:
        """The worker has ended that wrote the rows of a batch."""
        for work in batch.values():
            work.tries += 1
            if work.tries < TRIES:
                self._alone.append(work)
            else:
                found = f"the worker that was asked about the document ended, {TRIES} times: {reason}"
                self._settle(work, Extracted(0, error=RowError("ModelError", found)))

    def put_back(self, batch: Batch) -> None:
        """A batch was not begun."""
        self._waiting.appendleft(batch)

    def take(self) -> list[Extracted]:
        """The rows that have ended since."""
        rows, self._rows = self._rows, []
        self._taken += len(rows)
        return rows

    def _read_more(self) -> None:
        works: list[Work] = []
        characters, each = 0, self._size * self._workers
        while len(works) < each and characters < CHARACTERS and self._read - self._taken < HELD * each:
            document = next(self._source, None)
            if document is None:
                self.more = False
                break
            number, self._read = self._read, self._read + 1
            work = self._work(document, number)
            if work is not None:
                works.append(work)
                characters += work.size
        works.sort(key=lambda work: work.size)
        share = max(1, -(-len(works) // self._workers))
        for start in range(0, len(works), share):
            self._waiting.append({int(work.document.id): work for work in works[start : start + share]})

    def _work(self, document: Document, number: int) -> Work | None:
        """What is to be done for a document; None: nothing, since one like it is known, or under way."""
        content = content_of(document)
        if content in self._known:
            self._known.move_to_end(content)
            self._rows.append(replace(self._known[content], id=document.id))
            return None
        if content in self._works:
            self._works[content].askers.append(document.id)
            return None
        asked = replace(document, id=number, columns={})
        work = self._works[content] = Work(asked, content, [document.id])
        return work

    def _settle(self, work: Work, outcome: Extracted) -> None:
        """All who asked for the document get what became of it."""
        del self._works[work.content]
        self._known[work.content] = outcome
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)
        self._rows += [replace(outcome, id=name) for name in work.askers]
