"""The masks of many cursors in one call, and the tokens of a step, for hosts that write many sequences side by side.

Cursors of different grammars, vocabularies and budgets may be mixed. Buffers are arrays of any library that shares its
memory (numpy, torch and others, by DLPack or the buffer protocol), on the host: pinned memory is. What is known is
looked up in a microsecond or less for each cursor. Where copying masks, or applying them to logits, takes longer than
handing over Python's lock, other threads of Python run meanwhile; where it is longer still, several threads share it. A
mask that nobody has met yet is found first, by one thread, which holds the lock.

    masks = torch.zeros(len(cursors), words, dtype=torch.int32)
    fill(cursors, masks)
    apply_masks(logits, masks)
    advance_all(cursors, sampled)

Limits: on the CPU. On a GPU keep the masks there (`device.py`), or copy the buffer.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from fcgen import core
from fcgen.errors import BatchError, OptionError
from fcgen.grammar.work import read_limit
from fcgen.mask.cursor import Cursor


def fill(
    cursors: Sequence[Cursor | None],
    out: Any,
    *,
    rows: Sequence[int] | None = None,
    canonical: bool = False,
    threads: int | None = None,
) -> None:
    """Write the masks of cursors into a buffer, each into a row: bit t & 31 of word t >> 5 for token t.

    Args:
        cursors: sequences; None is one without a grammar, for which every bit is set. One that has stopped allows
            nothing.
        out: uint32 or int32 [rows, words], as many words as the widest mask or more, of which the rest are zero.
        rows: the row of each cursor. None: the first ones. Other rows of `out` stay as they are.
        canonical: take `Cursor.canonical_mask`, not `Cursor.mask`.
        threads: how many threads at most. None: as many as this process may run on.

    Raises:
        OptionError: the buffer, the rows or the threads are not of that kind. Nothing was written.
        BatchError: masks of some cursors cannot be found. Their rows are zero, all others are written.
    """
    _raise_all(core.fill(cursors, out, rows, canonical, _read_threads(threads)))


def advance_all(cursors: Sequence[Cursor | None], tokens: Any) -> None:
    """Take one token in each cursor.

    Args:
        cursors: sequences; None is one without a grammar, which takes any token.
        tokens: as many, in a list or an array of one axis.

    Raises:
        OptionError: these are not as many tokens as cursors. None was taken.
        BatchError: some cursors did not take theirs, as `Cursor.advance` says. All others did.
    """
    _raise_all(core.advance_all(cursors, tokens))


def apply_masks(logits: Any, masks: Any, *, threads: int | None = None) -> None:
    """Set logits to minus infinity where a mask does not allow the token.

    Args:
        logits: float16, bfloat16, float32 or float64 [rows, width]; changed in place.
        masks: uint32 or int32 [rows, words], with 32 tokens a word, so as many words as the width takes.
        threads: as of `fill`.

    Raises:
        OptionError: these are no such arrays.
    """
    if getattr(logits, "requires_grad", False):
        raise OptionError("the array `logits` requires gradients, and is changed unseen", hint="Pass logits.detach().")
    core.apply_masks(logits, masks, _read_threads(threads))


def _read_threads(threads: int | None) -> int:
    if threads is None:
        affinity = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity else os.cpu_count() or 1
    return min(max(1, read_limit("threads", threads)), 1024)


def _raise_all(errors: Any) -> None:
    if errors:
        raise BatchError(errors)
