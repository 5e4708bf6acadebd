"""Documents -> rows, with a model: what is read, what waits, what is being written, and what has ended.

Documents are read a few batches ahead, so that those of like length can be written together (shorter ones would be
padded). Documents that are alike are asked about once, if they are not far apart: they share what is under way, or what
is known of the last ones that have ended. So memory does not grow with the number of documents.

Where a pass of the model fails as a whole (its logits are NaN, there is no memory for it), the rows that took part are
begun anew, one at a time: only those that fail by themselves have that error.
"""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch

from fcgen.decode.loop import Loop
from fcgen.decode.row import Request, Row
from fcgen.errors import FcgenError, ModelError, OptionError
from fcgen.extraction.job import Job, has_verbatim
from fcgen.extraction.rows import Asked, Document, Extracted, content_of, read_document, row_error
from fcgen.functions import read_functions
from fcgen.messages import read_messages
from fcgen.reply import Reply
from fcgen.verbatim import find_spans

AHEAD = 8  # batches of documents that wait, at most
HELD = 64  # batches of documents that were read and whose rows were not given yet, at most
KNOWN = 4096  # rows that have ended, for documents like theirs
LIKE, SHORT = 0.9, 200  # documents of fewer characters are of like length, as their prompts are


class Asking(Protocol):
    """A reply that is asked for."""

    def request(self, number: int) -> Request:
        """The request of one of several replies."""

    def reply(self, row: Row, began: float) -> Reply:
        """The reply of a row that has ended. Raises the row's error."""


Ask = Callable[[Asked, Mapping[str, Any], str], Asking]


@dataclass(slots=True, eq=False)
class _Work:
    """A document that is asked about, for all who asked: their numbers and ids; and its windows.

    `found` has what became of each window, as far as it is known.
    """

    document: Document
    content: str
    windows: Sequence[str]
    askers: list[tuple[int, str | int]]
    found: dict[int, Extracted] = field(default_factory=dict)
    ended: bool = False


@dataclass(slots=True, eq=False)
class _Piece:
    """One window of a document."""

    work: _Work
    number: int
    size: int
    asked: Asked | None = None
    asking: Asking | None = None

    @property
    def text(self) -> str:
        return self.work.windows[self.number]


class Extraction:
    """Documents on their way to rows.

    Args:
        job: what is asked about each.
        loop: writes the replies.
        ask: what is asked for, the options, and the document -> a request. Raises FcgenError.
        tokenizer: counts windows.
        batch_size: of the loop.
        ordered: whether rows are given in the order of their documents, or as they end.
    """

    def __init__(self, job: Job, loop: Loop, ask: Ask, tokenizer: Any, *, batch_size: int, ordered: bool) -> None:
        self._job, self._loop, self._ask, self._tokenizer = job, loop, ask, tokenizer
        self._size, self._ordered = batch_size, ordered
        self._waiting: deque[_Piece] = deque()
        self._alone: deque[_Piece] = deque()
        self._under_way: dict[Row, _Piece] = {}
        self._works: dict[str, _Work] = {}
        self._known: OrderedDict[str, Extracted] = OrderedDict()
        self._ended: dict[int, Extracted] = {}
        self._read = self._given = 0

    def steps(self, documents: Iterable[object]) -> Iterator[list[Extracted]]:
        """The rows that have ended, after each pass of the model; often none."""
        source, more = iter(documents), True
        while more or self._works:
            more = more and self._read_ahead(source)
            self._begin()
            if self._under_way:
                self._step()
            yield self._pop_ended()
        yield self._pop_ended()

    def _read_ahead(self, source: Iterator[object]) -> bool:
        """Read documents as long as there is room for them; whether there may be more."""
        while len(self._waiting) < AHEAD * self._size and self._read - self._given < HELD * self._size:
            try:
                item = next(source)
            except StopIteration:
                return False
            number, self._read = self._read, self._read + 1
            document = Document(number)
            try:
                document = read_document(item, number)
                self._take(number, document)
            except FcgenError as error:
                self._end(number, document.id, Extracted(number, error=row_error(error)))
        return True

    def _take(self, number: int, document: Document) -> None:
        if document.error is not None:
            self._end(number, document.id, Extracted(number, error=document.error))
            return
        if document.asked is None and self._job.asks_nothing:
            raise OptionError("nothing is asked about the document", hint="Give a schema, or functions")
        content = content_of(document)
        if content in self._known:
            self._known.move_to_end(content)
            self._end(number, document.id, self._known[content])
        elif content in self._works:
            self._works[content].askers.append((number, document.id))
        else:
            windows = [document.text]
            if document.asked is None and self._job.windows is not None:
                windows = self._job.windows.cut(document.text, self._tokenizer)
            work = self._works[content] = _Work(document, content, windows, [(number, document.id)])
            sizes = map(len, windows if document.asked is None else [str(document.asked.messages)])
            self._waiting.extend(_Piece(work, number, size) for number, size in enumerate(sizes))

    def _begin(self) -> None:
        """Begin what waits for longest, and others of like length, as far as there is room."""
        if self._alone:
            while self._alone and not self._under_way:
                self._start(self._alone.popleft())
            return
        room = self._size - len(self._under_way)
        while self._waiting and (room > self._size // 4 or not self._under_way):  # each beginning is a pass of its own
            size = self._waiting[0].size
            for piece in sorted(self._waiting, key=lambda piece: abs(piece.size - size)):
                if room and LIKE * max(size, SHORT) <= max(piece.size, SHORT) <= max(size, SHORT) / LIKE:
                    self._waiting.remove(piece)
                    room -= self._start(piece)
            if self._under_way:
                break

    def _start(self, piece: _Piece) -> bool:
        """Whether a row was begun."""
        work, job = piece.work, self._job
        if work.ended:
            return False
        try:
            piece.asked = job.asked(work.document, piece.text)
            piece.asking = self._ask(piece.asked, {**job.options, **piece.asked.options}, _document(piece))
            row = self._loop.add(piece.asking.request(0))
        except FcgenError as error:
            self._settle(work, Extracted(work.document.id, error=row_error(error)))
            return False
        self._under_way[row] = piece
        return True

    def _step(self) -> None:
        try:
            rows = self._loop.step()
        except (FcgenError, torch.cuda.OutOfMemoryError) as error:
            self._fall_back(error)
            return
        for row in rows:
            if row.ended and row in self._under_way:
                self._finish(row, self._under_way.pop(row))

    def _fall_back(self, error: FcgenError | torch.cuda.OutOfMemoryError) -> None:
        """What to do of rows that cannot go on together: one alone has that error, several are begun one by one."""
        self._loop.drop()
        pieces = list(self._under_way.values())
        self._under_way.clear()
        if len(pieces) > 1:
            self._alone.extend(pieces)
            return
        known = error if isinstance(error, FcgenError) else ModelError(f"there is no memory for the document: {error}")
        self._settle(pieces[0].work, Extracted(0, error=row_error(known)))

    def _finish(self, row: Row, piece: _Piece) -> None:
        work = piece.work
        try:
            work.found[piece.number] = self._outcome(row, piece)
            if len(work.found) == len(work.windows):
                self._settle(work, self._merged([work.found[number] for number in range(len(work.windows))], piece))
        except FcgenError as error:
            self._settle(work, Extracted(0, error=row_error(error)))

    def _outcome(self, row: Row, piece: _Piece) -> Extracted:
        assert piece.asking is not None, "it was begun"
        assert piece.asked is not None, "it was begun"
        reply = None if row.error is None and piece.asked.schema is not None else piece.asking.reply(row, 0.0)
        found = Extracted(0, usage={
            "prompt_tokens": len(row.request.prompt), "new_tokens": len(row.tokens),
            "forced_tokens": row.forced, "forward_passes": row.passes, "limited": row.limited,
        })  # fmt: skip
        if reply is None:
            return replace(found, fields=json.loads(row.text()))
        if reply.calls:
            call = {"function": reply.calls[0].function, "arguments": reply.calls[0].arguments}
            return replace(found, call=call)
        return replace(found, text=reply.text, suspected_call=reply.suspected_call)

    def _merged(self, found: Sequence[Extracted], piece: _Piece) -> Extracted:
        """One row of what the windows of a document gave, with the places of its verbatim strings."""
        row, asked, windows = found[0], piece.asked, self._job.windows
        assert asked is not None, "it was begun"
        if len(found) > 1:
            assert windows is not None, "only windows make several"
            usage = {name: sum(one.usage[name] for one in found) for name in row.usage}
            usage["limited"] = any(one.usage["limited"] for one in found)
            row = replace(row, fields=windows.merged([one.fields for one in found], asked.schema), usage=usage)
        return (
            replace(row, spans=self._spans(row, piece, asked)) if has_verbatim([asked.schema, asked.functions]) else row
        )

    def _spans(self, row: Extracted, piece: _Piece, asked: Asked) -> Mapping[str, tuple[int, int]]:
        """Where the verbatim strings of a row stand in all of the document."""
        document = piece.work.document
        text = document.text if document.asked is None else _document(piece)
        whitespace = {**self._job.options, **asked.options}.get("verbatim_whitespace", "exact")
        if row.call is None:
            return {} if asked.schema is None else find_spans(row.fields, asked.schema, text, whitespace=whitespace)
        called = next(one for one in read_functions(asked.functions) if one.name == row.call["function"])
        found = find_spans(row.call["arguments"], called.parameters, text, whitespace=whitespace)
        return {f"/arguments{pointer}": span for pointer, span in found.items()}

    def _settle(self, work: _Work, outcome: Extracted) -> None:
        """All who asked for the document get what became of it."""
        work.ended = True
        for row in [row for row, piece in self._under_way.items() if piece.work is work]:
            self._loop.cancel(row)
            del self._under_way[row]
        for waiting in (self._waiting, self._alone):
            for piece in [piece for piece in waiting if piece.work is work]:
                waiting.remove(piece)
        del self._works[work.content]
        self._known[work.content] = outcome
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)
        for number, name in work.askers:
            self._end(number, name, outcome)

    def _end(self, number: int, name: str | int, outcome: Extracted) -> None:
        self._ended[number] = replace(outcome, id=name)

    def _pop_ended(self) -> list[Extracted]:
        rows: list[Extracted] = []
        if self._ordered:
            while self._given + len(rows) in self._ended:
                rows.append(self._ended.pop(self._given + len(rows)))
        else:
            rows = list(self._ended.values())
            self._ended.clear()
        self._given += len(rows)
        return rows


def _document(piece: _Piece) -> str:
    """The text in which verbatim strings stand: where a document asks for itself, what its last message says."""
    asked = piece.work.document.asked
    if asked is None:
        return piece.text
    return read_messages(asked.messages)[-1].content
