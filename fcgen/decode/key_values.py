"""What a model has read of a batch of rows: the keys and values of its attention, and which of them are whose.

All rows share the columns of the cache. Rows do not read equally many tokens in a step, nor do they keep all that they
read, so a row has holes: columns that are not its own, which the attention mask leaves out. Positions are counted
within each row. So rows of any length stand side by side, what a row takes back is no more than another hole, and
what a batch makes of a row is what the row makes of itself. Where holes are most of a cache, they are closed.

Limits: caches whose layers all keep every token (`DynamicLayer` of transformers); no window of attention.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import pad

Layer = tuple[torch.Tensor, torch.Tensor]  # keys and values, each [rows, heads, columns, size]
MOST_HOLES = 1 / 2
FEW_COLUMNS = 128


class KeyValues:
    """The cache of a batch of rows.

    Args:
        cache: a `DynamicCache` for the model, empty.
        rows: how many rows there are; nothing is read of them yet.

    Attributes:
        own: bool [rows, columns], which columns are of which row.
        lengths: int64 [rows], how many tokens of each row are read.
    """

    def __init__(self, cache: Any, rows: int) -> None:
        self.cache = cache
        self.own: NDArray[np.bool_] = np.zeros((rows, 0), np.bool_)
        self.lengths: NDArray[np.int64] = np.zeros(rows, np.int64)

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return int(self.own.shape[1])

    def layers(self) -> list[Layer]:
        """The keys and values of each layer."""
        return [(layer.keys, layer.values) for layer in self.cache.layers if layer.is_initialized]

    def begin(self, prefix: Sequence[Layer]) -> None:
        """Let all rows begin with what one row has read."""
        rows, columns = len(self.own), prefix[0][0].shape[-2]
        for number, (keys, values) in enumerate(prefix):
            self.cache.update(keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1), number)
        self.own = np.ones((rows, columns), np.bool_)
        self.lengths[:] = columns

    def have_read(self, own: NDArray[np.bool_]) -> None:
        """Note which of the columns that the model has just added are of which row."""
        self.own = np.concatenate([self.own, own], axis=1)
        self.lengths += own.sum(axis=1)

    def take_back(self, counts: Sequence[int]) -> None:
        """Forget the last so many tokens of each row."""
        for row, count in enumerate(counts):
            if count:
                self.own[row, np.flatnonzero(self.own[row])[-count:]] = False
                self.lengths[row] -= count
        used = np.flatnonzero(self.own.any(axis=0))
        unused = self.columns - (int(used[-1]) + 1 if len(used) else 0)
        if unused:
            self._replace(lambda states: states[..., : states.shape[-2] - unused, :])
            self.own = self.own[:, : self.columns - unused]

    def keep(self, rows: Sequence[int]) -> None:
        """Keep these rows only, in this order."""
        if list(rows) != list(range(len(self.own))):
            places = torch.tensor(rows, dtype=torch.int64)
            self._replace(lambda states: states[places.to(states.device)])
            self.own, self.lengths = self.own[list(rows)], self.lengths[list(rows)]
        self._close_holes()

    def join(self, other: KeyValues) -> None:
        """Put the rows of `other` below these."""
        columns = max(self.columns, other.columns)
        for layer, (keys, values) in zip(self.cache.layers, other.layers(), strict=True):
            layer.keys = torch.cat([_widened(layer.keys, columns), _widened(keys, columns)])
            layer.values = torch.cat([_widened(layer.values, columns), _widened(values, columns)])
        own = [np.pad(one.own, ((0, 0), (columns - one.columns, 0))) for one in (self, other)]
        self.own = np.concatenate(own)
        self.lengths = np.concatenate([self.lengths, other.lengths])

    def _close_holes(self) -> None:
        columns = int(self.lengths.max(initial=0))
        if self.columns <= FEW_COLUMNS or columns > (1 - MOST_HOLES) * self.columns:
            return
        # A stable sort of the flags puts each row's own columns last, in order.
        places = torch.from_numpy(np.argsort(self.own, axis=1, kind="stable")[:, self.columns - columns :].copy())

        def gather(states: torch.Tensor) -> torch.Tensor:
            index = places.to(states.device)[:, None, :, None].expand(-1, states.shape[1], -1, states.shape[3])
            return states.gather(2, index)

        self._replace(gather)
        self.own = np.arange(columns) >= columns - self.lengths[:, None]

    def _replace(self, change: Any) -> None:
        for layer in self.cache.layers:
            if layer.is_initialized:
                layer.keys, layer.values = change(layer.keys), change(layer.values)


def _widened(states: torch.Tensor, columns: int) -> torch.Tensor:
    return pad(states, (0, 0, columns - states.shape[-2], 0))
