"""A stream of bytes -> its lines, none of which is kept beyond a limit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

MAX_LINE = 16 * 2**20  # bytes
_SKIPPED = 2**16


def read_lines(stream: BinaryIO, limit: int = MAX_LINE) -> Iterator[bytes | None]:
    """The lines, each with what ends it; None in place of one of more than `limit` bytes, which is read and dropped."""
    while line := stream.readline(limit + 1):
        if len(line) <= limit or line.endswith(b"\n"):
            yield line
            continue
        while (line := stream.readline(_SKIPPED)) and not line.endswith(b"\n"):
            pass
        yield None
