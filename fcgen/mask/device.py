"""Masks as rows of one tensor on the model's device, and logits from which a batch of them takes what is not allowed.

In the steady state no mask travels: sequences stand at places whose rows are on the device already, and a step moves
one number per sequence. A row is copied there when it is met for the first time, all new rows of a batch in one copy.
Rows are told apart by what they allow, so one `DeviceRows` serves all grammars over its vocabulary, and a cursor that
makes a mask of its own near the end of its budget finds the row of an earlier one. `apply` is plain tensor code, one
gather and one bit test, without a round trip to the host: `torch.compile` and `torch.export` take it without a break.

All of the tensor is there from the start, so what was compiled or captured for it stays good. Where it is full, rows
are dropped, those not used for longest first.

Limits: not thread-safe. What reads the rows has to run on the stream that `numbers` is called on, since a row may take
the place of one that an earlier step still reads. On the CPU, `apply` is worth compiling: operation by operation it
takes ten times as long, or more. Tested on the CPU, and not measured on a GPU.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from fcgen.errors import GrammarTooLarge, OptionError, VocabularyError
from fcgen.mask.cursor import Cursor
from fcgen.vocab import Vocabulary

FREE = 0
WORD = 32
MAX_ROW_BYTES = 64 << 20
Words = NDArray[np.uint32]


class DeviceRows:
    """The masks that cursors over one vocabulary have met, on a device.

    Args:
        vocabulary: of the masks.
        device: where the model's logits are.
        max_bytes: the size of the tensor of rows.

    Raises:
        OptionError: `max_bytes` is less than the free row and one more take.

    Attributes:
        words: how many words of 32 tokens a row has.
        max_rows: how many different rows a batch can have, the free one not counted.
        rows: int32 [1 + max_rows, words], bit t & 31 of word t >> 5 for token t. Row FREE allows every token.
    """

    def __init__(self, vocabulary: Vocabulary, device: torch.device | str, *, max_bytes: int = MAX_ROW_BYTES) -> None:
        self.words = -(-vocabulary.size // WORD)
        self.max_rows = max_bytes // (4 * self.words) - 1
        if self.max_rows < 1:
            raise OptionError(f"max_bytes is {max_bytes}", hint=f"It has to be at least {8 * self.words}: two rows")
        free = np.packbits(np.arange(self.words * WORD) < vocabulary.size, bitorder="little").view(np.int32)
        self.rows = torch.empty(1 + self.max_rows, self.words, dtype=torch.int32, device=device)
        self.rows[FREE] = torch.from_numpy(free).to(device)
        self._kept: OrderedDict[int, tuple[Words, bytes]] = OrderedDict()  # by number; used last stands last
        self._by_identity: dict[int, int] = {}
        self._by_content: dict[bytes, int] = {}

    def numbers(self, cursors: Sequence[Cursor | None]) -> torch.Tensor:
        """The rows of what may come next, int64 [batch] on the device: into `rows`, until the next call.

        None is a sequence without a grammar: every token is allowed. A cursor that has stopped allows none.

        Raises:
            VocabularyError: a cursor is of a vocabulary of another size.
            GrammarTooLarge: the batch has more different rows than there is room for. None were dropped.
        """
        return self.numbers_of([None if cursor is None else cursor.mask() for cursor in cursors])

    def numbers_of(self, masks: Sequence[Words | None]) -> torch.Tensor:
        """As `numbers`, of masks that cursors made."""
        numbers: list[int] = []
        missing: dict[bytes, list[int]] = {}
        for place, mask in enumerate(masks):
            number = FREE if mask is None else self._by_identity.get(id(mask))
            if number is None:
                assert mask is not None
                number = self._find(mask, place, missing)
            numbers.append(number)
        different = len(set(numbers) - {FREE, -1}) + len(missing)
        if different > self.max_rows:
            raise GrammarTooLarge(
                "the sequences of one batch have more different masks than there is room for on the device",
                limit=self.max_rows,
                given=different,
                hint="Raise max_bytes, or make the batch smaller",
            )
        for number in numbers:
            if number > FREE:
                self._kept.move_to_end(number)
        if missing:
            self._add(masks, numbers, missing)
        return torch.tensor(numbers, dtype=torch.int64, device=self.rows.device)

    def _find(self, mask: Words, place: int, missing: dict[bytes, list[int]]) -> int:
        """The number of a mask that is not known by its identity; -1 if there is none: it is noted as missing."""
        if mask.shape != (self.words,):
            raise VocabularyError(f"a mask has {mask.shape[0]} words of {WORD} tokens, the rows have {self.words}")
        content = mask.tobytes()
        number = self._by_content.get(content)
        if number is None:
            missing.setdefault(content, []).append(place)
            return -1
        self._keep(number, mask, content)
        return number

    def _add(self, masks: Sequence[Words | None], numbers: list[int], missing: dict[bytes, list[int]]) -> None:
        """Number the missing rows, and copy them to the device, all at once."""
        added = []
        for content, places in missing.items():
            number = self._free_number()
            mask = masks[places[0]]
            assert mask is not None
            self._keep(number, mask, content)
            added.append(number)
            for place in places:
                numbers[place] = number
        device = self.rows.device
        data = np.frombuffer(bytearray().join(missing), np.int32).reshape(len(added), self.words)
        self.rows[torch.tensor(added, device=device)] = torch.from_numpy(data).to(device)

    def _free_number(self) -> int:
        if len(self._kept) < self.max_rows:
            return len(self._kept) + 1
        number, (mask, content) = self._kept.popitem(last=False)
        del self._by_identity[id(mask)], self._by_content[content]
        return number

    def _keep(self, number: int, mask: Words, content: bytes) -> None:
        """Know a row by this array, which is held: so its identity is its own."""
        before = self._kept.get(number)
        if before is not None:
            del self._by_identity[id(before[0])]
        self._kept[number] = mask, content
        self._by_identity[id(mask)] = number
        self._by_content[content] = number


def apply(logits: torch.Tensor, rows: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """The logits, minus infinity where the row of that number does not allow the token.

    Args:
        logits: [batch, width], of any floating type.
        rows: int32 [n, words], as `DeviceRows.rows`.
        numbers: int64 or int32 [batch], a row for each sequence.

    Raises:
        VocabularyError: the rows are of masks made for logits of another width.
    """
    return logits.masked_fill(~allowed(rows, numbers, logits.shape[-1]), -math.inf)


def allowed(rows: torch.Tensor, numbers: torch.Tensor, width: int) -> torch.Tensor:
    """The rows of these numbers as bool [batch, width]; raises VocabularyError as `apply`."""
    if rows.shape[-1] != -(-width // WORD):
        raise VocabularyError(
            f"the masks have {rows.shape[-1]} words of {WORD} tokens, the model's logits are {width} wide",
            hint="Compile the masks with Vocabulary.from_tokenizer(tokenizer, size=<width of the logits>)",
        )
    shifts = torch.arange(WORD, dtype=rows.dtype, device=rows.device)
    bits = rows[numbers].unsqueeze(-1) >> shifts & 1
    return bits.flatten(-2)[..., :width] != 0
