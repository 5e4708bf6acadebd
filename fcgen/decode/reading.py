"""Models that read rows of tokens, each token once, and say what may follow: what the loop needs of a model.

There are two ways. `BatchReader` reads all rows in one forward pass, whatever their lengths (`key_values.py`), and
begins with what is known of an earlier prompt. It wants a decoder-only model whose cache keeps every token, and whose
`forward` takes an attention mask and positions. `RowReader` is for all others: it reads one row after the other, with
whatever cache the model makes for itself, or none at all; encoder-decoder models read the prompt with their encoder.

A model in training mode, on whatever device and in whatever dtype, is the caller's business.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Protocol

import numpy as np
import torch

from fcgen.decode.key_values import KeyValues, Layer

# What models call the option to compute only the last rows of logits.
LAST_ONLY = ("logits_to_keep", "num_logits_to_keep")
SHORT = 16  # prompts that share no more than this begin anew
MAX_PREFIX_BYTES = 256 << 20


class Reader(Protocol):
    """Some rows that a model reads.

    Attributes:
        passes: how often the model ran.
        takes_back: whether `take_back` costs less than reading a row again.
    """

    passes: int
    takes_back: bool

    def read(self, tokens: Sequence[Sequence[int]], last: int) -> torch.Tensor:
        """Read so many more tokens of each row, at least one; the logits [rows, last, width] after the last of them.

        Of rows that read fewer than `last`, only as many of the last ones mean something.
        """

    def take_back(self, counts: Sequence[int]) -> None:
        """Let the last so many tokens of each row be unread."""

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only, in this order."""

    def join(self, other: Any) -> None:
        """Go on with the rows of another reader of this kind as well."""


class Prefixes:
    """What a model has read of the prompts used last, to begin others with. Thread-safe.

    Args:
        max_bytes: how much may be kept.
    """

    def __init__(self, max_bytes: int = MAX_PREFIX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._kept: list[tuple[list[int], list[Layer]]] = []

    def find(self, tokens: Sequence[int]) -> tuple[int, list[Layer]]:
        """How many of the first of `tokens` are known, and their keys and values."""
        with self._lock:
            length, best = max(
                ((shared([kept, tokens]), layers) for kept, layers in self._kept), default=(0, []), key=itemgetter(0)
            )
        if length <= SHORT:
            return 0, []
        return length, [(keys[..., :length, :], values[..., :length, :]) for keys, values in best]

    def add(self, tokens: Sequence[int], layers: Sequence[Layer]) -> None:
        """Keep what was read of a prompt; those used longest ago are dropped for it."""
        size = sum(states.numel() * states.element_size() for layer in layers for states in layer)
        if len(tokens) <= SHORT or size > self._max_bytes:
            return
        with self._lock:
            self._kept = [one for one in self._kept if shared([one[0], tokens]) < len(one[0])]
            self._kept.append((list(tokens), list(layers)))
            room = self._max_bytes
            for place in range(len(self._kept) - 1, -1, -1):
                room -= sum(
                    states.numel() * states.element_size() for layer in self._kept[place][1] for states in layer
                )
                if room < 0:
                    del self._kept[: place + 1]
                    break


def shared(rows: Sequence[Sequence[int]]) -> int:
    """How many tokens all of `rows` begin with."""
    first, *others = rows
    least, most = 0, min(map(len, rows))
    while least < most:  # slices are compared much faster than tokens one by one
        middle = (least + most + 1) // 2
        if all(row[least:middle] == first[least:middle] for row in others):
            least = middle
        else:
            most = middle - 1
    return least


class BatchReader:
    """Rows that are read together.

    Args:
        model: a model for which `reads_batches` is true.
        prompts: what the rows begin with. It is not read yet, but for what they share.
        prefixes: what is known of earlier prompts.
    """

    takes_back = True

    def __init__(self, model: Any, prompts: Sequence[Sequence[int]], prefixes: Prefixes) -> None:
        self.passes = 0
        self._model = model
        self._options = _options(model)
        self._cache_name = _cache_name(model)
        self._prefixes = prefixes
        self._rest = [list(prompt) for prompt in prompts]
        self._prompts: list[list[int]] | None = [list(prompt) for prompt in prompts]
        self._read = KeyValues(_new_cache(model), len(prompts))

    def read(self, tokens: Sequence[Sequence[int]], last: int) -> torch.Tensor:
        """As `Reader` says; the prompts are read before."""
        if self._prompts is not None:
            self._begin(self._prompts)
            tokens = [[*rest, *row] for rest, row in zip(self._rest, tokens, strict=True)]
        logits = self._forward(tokens, last)
        if self._prompts is not None:
            if len(self._prompts) == 1:
                self._prefixes.add([*self._prompts[0], *tokens[0][len(self._rest[0]) :]], self._read.layers())
            self._prompts = None
        return logits

    def take_back(self, counts: Sequence[int]) -> None:
        """As `Reader` says."""
        self._read.take_back(counts)

    def keep(self, rows: Sequence[int]) -> None:
        """As `Reader` says."""
        self._read.keep(rows)

    def join(self, other: BatchReader) -> None:
        """As `Reader` says; something was read of both."""
        self._read.join(other._read)
        self.passes += other.passes

    def _begin(self, prompts: list[list[int]]) -> None:
        """Find or read what the prompts share, once for all of them; the last token of each is left."""
        length, layers = self._prefixes.find(prompts[0])
        length = min(length, *(shared([prompt, prompts[0]]) for prompt in prompts), *(len(p) - 1 for p in prompts))
        common = min(shared(prompts), min(map(len, prompts)) - 1)
        if len(prompts) > 1 and common > max(length, SHORT):
            first = BatchReader(self._model, [prompts[0][:common]], self._prefixes)
            first.read([[]], 1)
            self.passes += first.passes
            length, layers = common, first._read.layers()
        if length > SHORT:
            self._read.begin([(keys[..., :length, :], values[..., :length, :]) for keys, values in layers])
            self._rest = [prompt[length:] for prompt in prompts]

    def _forward(self, tokens: Sequence[Sequence[int]], last: int) -> torch.Tensor:
        """One pass over tokens that are aligned at their ends."""
        width = max(map(len, tokens))
        ids = np.zeros((len(tokens), width), np.int64)
        own = np.zeros((len(tokens), width), np.bool_)
        for row, more in enumerate(tokens):
            ids[row, width - len(more) :] = more
            own[row, width - len(more) :] = True
        device, read = self._model.device, self._read
        options: dict[str, Any] = dict.fromkeys(self._options, last)
        before = read.lengths[:, None]
        mask = np.concatenate([read.own, own], axis=1)
        if not mask.all():
            positions = np.maximum(before + own.cumsum(axis=1) - 1, 0)
            options["position_ids"] = torch.from_numpy(positions).to(device)
            options["attention_mask"] = torch.from_numpy(mask.astype(np.int64)).to(device)
        cache = {self._cache_name: read.cache}
        output = self._model(
            input_ids=torch.from_numpy(ids).to(device), use_cache=True, return_dict=True, **cache, **options
        )
        self.passes += 1
        read.have_read(own)
        logits: torch.Tensor = output.logits[:, -last:]
        return logits


class RowReader:
    """Rows that are read one after the other.

    Args:
        model: any model.
        prompts: what the rows begin with. It is not read yet.
        start: the token that a decoder begins with, where the prompt is the encoder's; None: there is no encoder.
    """

    def __init__(self, model: Any, prompts: Sequence[Sequence[int]], start: int | None = None) -> None:
        self.passes = 0
        self._model = model
        self._options = _options(model)
        self._cache_name = _cache_name(model)
        # A cache of a window of tokens cannot be cut further back, and a model works as well with one that keeps all.
        self._attends = start is None and _attends(model)
        self.takes_back = start is not None or self._attends
        self._rows = [_Row(list(prompt), start) for prompt in prompts]

    def read(self, tokens: Sequence[Sequence[int]], last: int) -> torch.Tensor:
        """As `Reader` says; the prompts are read before."""
        read = [self._read(row, more, last) for row, more in zip(self._rows, tokens, strict=True)]
        return torch.stack([_lengthened(logits, last) for logits in read])

    def take_back(self, counts: Sequence[int]) -> None:
        """As `Reader` says; a row whose cache cannot be cut is read again from the start."""
        for row, count in zip(self._rows, counts, strict=True):
            if not count:
                continue
            del row.tokens[-count:]
            if self.takes_back and row.cache is not None:
                row.cache.crop(-count)
                row.seen -= count
            else:
                row.cache, row.seen = None, 0

    def keep(self, rows: Sequence[int]) -> None:
        """As `Reader` says."""
        self._rows = [self._rows[row] for row in rows]

    def join(self, other: RowReader) -> None:
        """As `Reader` says."""
        self._rows += other._rows
        self.passes += other.passes

    def _read(self, row: _Row, more: Sequence[int], last: int) -> torch.Tensor:
        row.tokens += more
        ids = torch.tensor([row.tokens[row.seen :]], device=self._model.device)
        if row.cache is None and self._attends:
            from transformers import DynamicCache

            row.cache = DynamicCache()
        given: dict[str, Any] = {self._cache_name: row.cache, **dict.fromkeys(self._options, last)}
        if row.start is None:
            given["input_ids"] = ids
        else:
            if row.encoded is None:
                prompt = torch.tensor([row.prompt], device=self._model.device)
                row.encoded = self._model.get_encoder()(input_ids=prompt, return_dict=True)
            given.update(decoder_input_ids=ids, encoder_outputs=row.encoded)
        output = self._model(use_cache=True, return_dict=True, **given)
        row.cache = getattr(output, self._cache_name, None)
        row.seen = 0 if row.cache is None else len(row.tokens)
        self.takes_back = self.takes_back or row.cache is None  # all is read again each time
        self.passes += 1
        logits: torch.Tensor = output.logits[0, -last:]
        return logits


class _Row:
    """A row of a `RowReader`: what was given to the model, its cache, and how much of it this holds."""

    def __init__(self, prompt: list[int], start: int | None) -> None:
        self.prompt, self.start = prompt, start
        self.tokens = prompt.copy() if start is None else [start]
        self.cache: Any = None
        self.seen = 0
        self.encoded: Any = None


def _lengthened(logits: torch.Tensor, last: int) -> torch.Tensor:
    return torch.nn.functional.pad(logits, (0, 0, last - len(logits), 0))


def reads_batches(model: Any) -> bool:
    """Whether a `BatchReader` may read with `model`."""
    known = inspect.signature(model.forward).parameters
    config = getattr(model, "config", None)
    if config is None or getattr(config, "is_encoder_decoder", False):
        return False
    return {"attention_mask", "position_ids", "use_cache", _cache_name(model)} <= set(known) and _keeps_all(model)


def _keeps_all(model: Any) -> bool:
    """Whether the model's attention reaches back to every token."""
    from transformers.cache_utils import DynamicLayer

    layers = _new_cache(model).layers
    return bool(layers) and all(type(layer) is DynamicLayer for layer in layers)


def _attends(model: Any) -> bool:
    """Whether all of the model's layers are attention, over all tokens or a window of them."""
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    if getattr(model, "config", None) is None or getattr(model.config, "is_encoder_decoder", False):
        return False
    layers = _new_cache(model).layers
    return bool(layers) and all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in layers)


def _new_cache(model: Any) -> Any:
    from transformers import DynamicCache

    return DynamicCache(config=model.config)


def _cache_name(model: Any) -> str:
    """How `forward` calls its cache: `past_key_values` before transformers 5.24."""
    return "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"


def _options(model: Any) -> tuple[str, ...]:
    known = inspect.signature(model.forward).parameters
    return tuple(name for name in LAST_ONLY if name in known)
