"""Texts that go round in circles.

Greedy decoding of small models falls into loops, and a string is where a grammar does not stop them. Such a string is
not cut off: it is closed, by the tokens that bring the reply nearer to its end.
"""

from __future__ import annotations

REPEAT_LIMIT = 128
TIMES = 4


def goes_round(written: bytes | bytearray, limit: int) -> bool:
    """Whether the last `limit` bytes are one piece, four times or more, within one string or text."""
    if len(written) < limit:
        return False
    end = bytes(written[-limit:])
    if b'"' in end:
        return False
    return any(end[-1] == end[-1 - period] and end[period:] == end[:-period] for period in range(1, limit // TIMES + 1))
