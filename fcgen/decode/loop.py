"""A model and requests -> replies: rows that are written side by side, each under a grammar of its own, or none.

Each step is one pass of the model over what it has not read yet of each row, and one choice for each row; where a row
copies from its prompt, several (`lookup.py`). What the grammar leaves no choice about is not asked: it rides along in
the next pass. Rows that end leave the batch, and those that wait take their places: their prompts are read by
themselves, and then they join the others.

What is chosen for a row does not depend on the rows beside it: it has its own grammar, options, draws and holes in the
cache. (A model's logits may differ in their last bits with the shape of a batch; where two tokens are that close, the
choice may differ too.)

While a pass runs on an accelerator, the host finds the masks for what it will say; the choice is made on the device,
and one transfer brings all of it back. That is tested on the CPU, and not measured on a GPU.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from fcgen.decode.reading import BatchReader, Prefixes, Reader, RowReader, reads_batches
from fcgen.decode.row import Request, Row, free_mask
from fcgen.decode.sampling import Chosen, allowed_tokens, check_width, choose
from fcgen.errors import FcgenError
from fcgen.mask.bits import Words
from fcgen.mask.device import DeviceRows, allowed
from fcgen.vocab import Vocabulary

BATCH_SIZE = 16
LOOKUP = 8
LIKE = 0.9


class Loop:
    """Writes replies with one model.

    Args:
        model: a language model of transformers, or what is called as one.
        vocabulary: the tokens of its logits.
        batch_size: how many rows are written at the same time.
        fast_forward: whether tokens that leave no choice are written without asking the model.
        lookup: how many tokens that stand in the prompt are proposed at a time, at most; 0: none.
        prefixes: what the model has read of earlier prompts.

    Attributes:
        device_rows: the masks that are on an accelerator already; None: none are.
    """

    def __init__(
        self,
        model: Any,
        vocabulary: Vocabulary,
        *,
        batch_size: int = BATCH_SIZE,
        fast_forward: bool = True,
        lookup: int = LOOKUP,
        prefixes: Prefixes | None = None,
    ) -> None:
        self._model = model
        self._vocabulary = vocabulary
        self._batch_size = batch_size
        self._fast_forward = fast_forward
        self._lookup = lookup
        self._prefixes = Prefixes() if prefixes is None else prefixes
        self._batches = reads_batches(model)
        self._takes_back = self._reader_of([]).takes_back
        self._waiting: deque[Row] = deque()
        self._rows: list[Row] = []
        self._reader: Reader | None = None
        self.device_rows: DeviceRows | None = None

    def add(self, request: Request) -> Row:
        """Ask for a reply; it is written by the steps to come."""
        row = Row(request, self._vocabulary)
        self._waiting.append(row)
        return row

    def cancel(self, row: Row) -> None:
        """Write no more of a reply, and free its place."""
        row.ended = True
        if row in self._waiting:
            self._waiting.remove(row)

    def drop(self) -> None:
        """Write no more of any reply."""
        self._waiting.clear()
        self._rows, self._reader = [], None

    @property
    def idle(self) -> bool:
        """Whether nothing is left to do."""
        return not self._rows and not self._waiting

    def run(self) -> None:
        """Finish all replies. Raises what `step` raises."""
        while not self.idle:
            self.step()

    def step(self) -> list[Row]:
        """Write some more, of the rows that are given back. Those that cannot go on end with an `error`.

        Raises:
            VocabularyError: the logits are not as wide as the vocabulary.
            ModelError: they are NaN.
        """
        with torch.inference_mode():
            room = self._batch_size - len(self._rows)
            if not self._waiting or not room:
                rows = self._rows
                self._reader, self._rows = self._written(self._reader, rows)
                return rows
            fresh = self._taken(room)
            reader, rows = self._written(None, fresh)
            if self._reader is None or not self._rows:
                self._reader, self._rows = reader, rows
            elif reader is not None:
                self._reader.join(reader)
                self._rows += rows
            return fresh

    def _taken(self, room: int) -> list[Row]:
        """The row that waits for longest, and others whose prompts are about as long: shorter ones would be padded."""
        size = len(self._waiting[0].request.prompt)
        fresh: list[Row] = []
        for row in list(self._waiting):
            if len(fresh) < room and LIKE * size <= len(row.request.prompt) <= size / LIKE:
                fresh.append(row)
                self._waiting.remove(row)
        return fresh

    def _written(self, reader: Reader | None, rows: list[Row]) -> tuple[Reader | None, list[Row]]:
        """Write some more of all these rows; those that go on, and their reader. None: it is to be made."""
        takes_back = self._takes_back if reader is None else reader.takes_back
        most = self._proposed(len(rows)) if self._fast_forward and takes_back else 0
        ready = {place: masks for place, row in enumerate(rows) if (masks := self._ready(row, most)) is not None}
        rows = [rows[place] for place in ready]
        if not rows:
            return None, []
        if reader is None:
            reader = self._reader_of(rows)
        else:
            reader.keep(list(ready))
        counts = [len(masks) for masks in ready.values()]
        unread = [[*row.unread, *row.tokens[len(row.tokens) - n :]] for row, n in zip(rows, counts, strict=True)]
        before = reader.passes
        logits = reader.read(unread, 1 + max(counts))
        masks = [mask for row, known in zip(rows, ready.values(), strict=True) for mask in [*known, self._mask(row)]]
        chosen = self._chosen(rows, logits, masks, counts)
        back, first = [], 0
        for row, count in zip(rows, counts, strict=True):
            row.passes += reader.passes - before if self._batches else 1
            here = slice(first, first + 1 + count)
            if len(row.tokens) == count and row.request.calls is not None:
                row.call_probability = chosen.marked[first]
            back.append(_settled(row, chosen.tokens[here], chosen.removed[here]))
            first += 1 + count
        if any(back):
            reader.take_back(back)
        return reader, rows

    def _proposed(self, rows: int) -> int:
        """How many tokens may be proposed of each row.

        An accelerator reads a few tokens of each row in the time of one. A processor does so of one row, not of many.
        """
        if rows == 1 or str(getattr(self._model, "device", "cpu")) != "cpu":
            return self._lookup
        return min(self._lookup, max(1, 2 * self._lookup // rows))

    def _ready(self, row: Row, most: int) -> list[Words] | None:
        """Write what there is no choice about, and propose what may follow; None: the row has ended."""
        try:
            if self._fast_forward and not row.ended:
                row.force()
            return None if row.ended else row.propose(most)
        except FcgenError as error:  # others in the batch are not to pay for it
            row.error, row.ended = error, True
            return None

    def _mask(self, row: Row) -> Words:
        """The tokens that may come next; of a row that fails here, all, since nothing is taken of it any more."""
        try:
            return row.mask_after_proposals() if self._fast_forward else row.mask()
        except FcgenError as error:
            row.error, row.ended = error, True
            return free_mask(self._vocabulary)

    def _reader_of(self, rows: Sequence[Row]) -> Reader:
        prompts = [row.request.prompt for row in rows]
        if self._batches:
            return BatchReader(self._model, prompts, self._prefixes)
        config = getattr(self._model, "config", None)
        start = (
            getattr(config, "decoder_start_token_id", None) if getattr(config, "is_encoder_decoder", False) else None
        )
        return RowReader(self._model, prompts, start)

    def _chosen(self, rows: Sequence[Row], logits: torch.Tensor, masks: list[Words], counts: Sequence[int]) -> Chosen:
        """What is chosen under each mask: for each row, as many as it has proposed tokens, and one more."""
        check_width(len(masks[0]), logits.shape[-1])
        last = logits.shape[1]
        of_row = [place for place, count in enumerate(counts) for _ in range(count + 1)]
        of_step = [step for count in counts for step in range(last - 1 - count, last)]
        asked = logits[torch.tensor(of_row, device=logits.device), torch.tensor(of_step, device=logits.device)]
        samplings = [rows[place].request.sampling for place in of_row]
        numbers = [len(rows[p].tokens) - (last - 1 - step) for p, step in zip(of_row, of_step, strict=True)]
        draws = [rows[p].draws[number] for p, number in zip(of_row, numbers, strict=True)]
        seen = None
        if any(sampling.repetition_penalty != 1 for sampling in samplings):
            seen = [[*rows[p].request.prompt, *rows[p].tokens[:n]] for p, n in zip(of_row, numbers, strict=True)]
        marks = [rows[p].request.calls if number == 0 else None for p, number in zip(of_row, numbers, strict=True)]
        marked = None
        if any(mark is not None for mark in marks):
            none = np.zeros_like(masks[0])
            marked = allowed_tokens(np.stack([none if mark is None else mark for mark in marks]), asked)
        return choose(asked, self._allowed(masks, asked), samplings, draws, seen=seen, marks=marked)

    def _allowed(self, masks: list[Words], logits: torch.Tensor) -> torch.Tensor:
        """The masks as flags beside the logits; on an accelerator, from rows that stay there."""
        if logits.device.type == "cpu":
            return allowed_tokens(np.stack(masks), logits)
        if self.device_rows is None:
            self.device_rows = DeviceRows(self._vocabulary, logits.device)
        return allowed(self.device_rows.rows, self.device_rows.numbers_of(masks), logits.shape[-1])


def _settled(row: Row, tokens: Sequence[int], removed: Sequence[float]) -> int:
    """How many tokens were taken back."""
    if row.ended:
        return 0
    try:
        back = row.settle(tokens)
    except FcgenError as error:
        row.error, row.ended = error, True
        return 0
    row.removed += removed[: len(tokens) - back]
    return back
