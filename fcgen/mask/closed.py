"""A grammar closed ahead of time: all of its places as one table, stepped on the device from token ids alone.

`close` walks the grammar byte by byte until no new place is found, and makes a table of the place after each byte from
each place. Bytes whose columns are equal are one piece. Then pieces are joined in pairs, again and again: two of them
in a row are a function from places to places, and of these there are few, since most tokens do the same everywhere (a
word within a string leads on within the string). So a token is one piece as a rule, and a step is one gather, however
long the token. Where the table would grow over its cap, tokens stay sequences of a few pieces, and a step is as many
gathers.

This is for grammars without recursion, and without terms that remember what was written, since only these have an end
of places: strings, numbers, enumerations, objects of declared members, arrays of them. All else is for cursors.

Limits: a budget is not regarded. What closing adds to the states that all grammars over a vocabulary share stays there.
Tested on the CPU, and not measured on a GPU.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from fcgen.errors import GrammarTooLarge
from fcgen.mask.device import apply
from fcgen.mask.masks import Masks
from fcgen.mask.tables import Tables
from fcgen.vocab import Vocabulary

DEAD, STOPPED, START = range(3)
MAX_PLACES = 8192
MAX_TABLE_BYTES = 64 << 20
Ints = NDArray[np.int32]


class Closed(torch.nn.Module):
    """All places of a grammar, and what each token leads to from each. Made by `close`; goes where `.to(device)` says.

    Place DEAD is where a token leads that is not allowed, STOPPED where a stop token does. At neither is any token
    allowed, and no token leads away. All methods are plain tensor code without a round trip to the host.

    Attributes:
        transitions: int32 [places, pieces], the place after a piece of a token.
        pieces: int32 [vocabulary, steps], the pieces of each token.
        rows: int32 [rows, words], the different masks: bit t & 31 of word t >> 5 for token t.
        row_numbers: int32 [places], the row of each place.
    """

    transitions: torch.Tensor
    pieces: torch.Tensor
    rows: torch.Tensor
    row_numbers: torch.Tensor

    def __init__(self, transitions: Ints, pieces: Ints, rows: Ints, row_numbers: Ints) -> None:
        super().__init__()
        self.register_buffer("transitions", torch.from_numpy(transitions))
        self.register_buffer("pieces", torch.from_numpy(pieces))
        self.register_buffer("rows", torch.from_numpy(rows))
        self.register_buffer("row_numbers", torch.from_numpy(row_numbers))

    def start(self, batch: int) -> torch.Tensor:
        """The places of so many new sequences, int32 [batch]."""
        return torch.full((batch,), START, dtype=torch.int32, device=self.transitions.device)

    def step(self, places: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """The places after one token each, int32 [batch].

        Args:
            places: int32 [batch].
            tokens: int64 or int32 [batch], ids within the vocabulary.
        """
        pieces = self.pieces[tokens]
        for number in range(pieces.shape[-1]):
            places = self.transitions[places, pieces[:, number]]
        return places

    def mask(self, logits: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """The logits [batch, width], minus infinity where a token may not come next at the place [batch].

        Raises VocabularyError where the masks were made for logits of another width.
        """
        return apply(logits, self.rows, self.row_numbers[places])

    def forward(self, places: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """What `step` says."""
        return self.step(places, tokens)


class _Bytes(NamedTuple):
    """A grammar closed over bytes. Places DEAD and STOPPED among them.

    Attributes:
        after: int32 [places, 256], the place after each byte.
        rows: int32 [rows, words], the different masks.
        row_numbers: int32 [places], the row of each place.
        can_stop: bool [places].
    """

    after: Ints
    rows: Ints
    row_numbers: Ints
    can_stop: NDArray[np.bool_]


def close(masks: Masks, *, max_places: int = MAX_PLACES, max_bytes: int = MAX_TABLE_BYTES) -> Closed:
    """All places of a grammar, on the CPU.

    Args:
        masks: the grammar and the vocabulary.
        max_places: cap on the number of places.
        max_bytes: cap on the table of transitions. It grows over it only where it does so for single bytes.

    Raises:
        GrammarTooLarge: there are more places, or no end of them; or the masks' own limit is reached.
        OutOfSteps: it takes too much work to find what follows a place.
    """
    tables = masks.new_tables()  # what is closed here does not count as grown by sequences
    found = _close_bytes(tables, max_places)
    columns, pieces = _spell(found, masks.vocabulary)
    most = max_bytes // (4 * columns.shape[1])
    while pieces.shape[1] > 1:
        joined = _join(columns, pieces, most)
        if joined is None:
            break
        columns, pieces = joined
    return Closed(np.ascontiguousarray(columns.T), pieces, found.rows, found.row_numbers)


def _close_bytes(tables: Tables, max_places: int) -> _Bytes:
    """Breadth first from the root, until each byte from each place leads to a known one."""
    spelt = sorted(set(tables.vocabulary.trie.byte.tolist()))
    numbers = {tables.root: START}
    nothing = np.zeros(tables.words, np.uint32).tobytes()
    rows = {nothing: 0}
    after, row_numbers, can_stop = [[DEAD] * 256, [DEAD] * 256], [0, 0], [False, False]
    places = [tables.root]
    for place in places:
        ahead = [DEAD] * 256
        for byte, then in tables.steps(place, spelt):
            number = numbers.get(then)
            if number is None:
                if len(places) == max_places:
                    raise GrammarTooLarge(
                        "the grammar has more places than can be closed ahead of time",
                        limit=max_places,
                        given=max_places + 1,
                        hint="Raise max_places; but where it recurses, or remembers what was written, there is no end",
                    )
                number = numbers[then] = START + len(places)
                places.append(then)
            ahead[byte] = number
        after.append(ahead)
        row_numbers.append(rows.setdefault(tables.row(place).tobytes(), len(rows)))
        can_stop.append(tables.can_stop(place))
    words = np.frombuffer(bytearray().join(rows), np.int32).reshape(len(rows), tables.words)
    return _Bytes(np.array(after, np.int32), words, np.array(row_numbers, np.int32), np.array(can_stop))


def _spell(found: _Bytes, vocabulary: Vocabulary) -> tuple[Ints, Ints]:
    """The different columns of the table, int32 [pieces, places], and each token as pieces, int32 [vocabulary, n].

    Three pieces are no bytes: one that stays, of which there are enough behind each token to make n a power of two; one
    for stop tokens; and a dead one for tokens that are allowed nowhere, so that these do not make the table longer.
    """
    classes, class_of_byte = np.unique(found.after.T, axis=0, return_inverse=True)
    places = np.arange(len(found.after), dtype=np.int32)
    columns = np.vstack([classes, places, np.where(found.can_stop, STOPPED, DEAD), np.zeros_like(places)])
    stays, stops, dies = range(len(classes), len(columns))
    somewhere = np.bitwise_or.reduce(found.rows, axis=0).view(np.uint8)
    alive = np.flatnonzero(np.unpackbits(somewhere, bitorder="little"))
    walked = [vocabulary.walked_bytes(token) for token in alive.tolist()]
    lengths = np.array([len(data) for data in walked], np.int64)
    longest = 1 << (int(lengths.max(initial=1)) - 1).bit_length()
    spelt = np.full((len(alive), longest), stays, np.int32)
    spelt[np.arange(longest) < lengths[:, None]] = class_of_byte[np.frombuffer(b"".join(walked), np.uint8)]
    pieces = np.full((vocabulary.size, longest), stays, np.int32)
    pieces[:, 0] = dies
    pieces[alive] = spelt
    pieces[sorted(vocabulary.stop_ids), 0] = stops
    return columns.astype(np.int32), pieces


def _join(columns: Ints, pieces: Ints, most: int) -> tuple[Ints, Ints] | None:
    """Each two pieces as one, which halves their number; None if there are more than `most` different ones."""
    keys = pieces[:, ::2].astype(np.int64) * len(columns) + pieces[:, 1::2]
    pairs, inverse = np.unique(keys, return_inverse=True)
    numbers: dict[bytes, int] = {}
    joined = []
    for pair in pairs.tolist():
        first, second = divmod(pair, len(columns))
        column = columns[second, columns[first]]
        number = numbers.setdefault(column.tobytes(), len(numbers))
        if number == most:
            return None
        joined.append(number)
    table = np.frombuffer(bytearray().join(numbers), np.int32).reshape(len(numbers), -1)
    return table, np.array(joined, np.int32)[inverse].reshape(keys.shape)
