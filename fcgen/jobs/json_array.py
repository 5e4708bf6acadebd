"""A stream of bytes that is one JSON array -> the bytes of its elements, none of which is kept beyond a limit.

Only what separates elements is looked at here: strings, brackets and commas. Each element is JSON text of its own, to
be read as strictly as a line of JSON Lines, so that one that cannot be read is one row with an error. (A parser of
events, such as ijson, keeps a string of any length, and ends at the first mistake.)

Where brackets do not match nobody knows where an element ends: then the rest cannot be read.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

from fcgen.errors import DocumentError
from fcgen.jobs.lines import MAX_LINE

MAX_OPEN = 2**16  # brackets
_OUTSIDE, _IN_STRING = re.compile(rb'["\[\]{},]'), re.compile(rb'["\\]')
_OPENS = {b"]": b"["[0], b"}": b"{"[0]}
_SPACE = b" \t\r\n"
_CHUNK = 2**16


def read_elements(stream: io.BufferedReader, limit: int = MAX_LINE) -> Iterator[bytes | None]:
    """The elements; None in place of one of more than `limit` bytes.

    Raises DocumentError, after the elements before it: brackets do not match, the array is not closed, or more follows.
    """
    opened = bytearray()
    element = _Element(limit)
    taken, has_ended = 0, False
    for piece, mark in _marks(stream):
        if not opened:
            if piece.strip(_SPACE) or mark not in (b"", b"[") or (mark and has_ended):
                raise DocumentError("more follows the array" if has_ended else "it is no array")
            opened += mark
            continue
        element.add(piece)
        if mark in _OPENS and opened.pop() != _OPENS[mark]:
            raise DocumentError(f"brackets do not match: {mark.decode()!r} closes another one, in element {taken + 1}")
        if len(opened) > 1 or (opened and mark in (b"[", b"{", b"}", b"]")):
            element.add(mark)
        elif mark == b"," or (mark == b"]" and (taken or not element.is_blank)):
            yield element.take()
            taken += 1
        has_ended = not opened
        if mark in (b"[", b"{"):
            opened += mark
            if len(opened) > MAX_OPEN:
                raise DocumentError(f"element {taken + 1} is nested too deeply", limit=MAX_OPEN)
    if not has_ended:
        raise DocumentError("the array breaks off: nothing closes it")


def _marks(stream: io.BufferedReader) -> Iterator[tuple[bytes, bytes]]:
    """The brackets and commas outside of strings, each with what is before it; and nothing, with what is behind it."""
    in_string = is_escaped = False
    while chunk := stream.read1(_CHUNK):
        begin, at = 0, int(is_escaped)
        while match := (_IN_STRING if in_string else _OUTSIDE).search(chunk, at):
            at = match.end()
            if match[0] == b'"':
                in_string = not in_string
            elif in_string:
                at += 1  # what is escaped
            else:
                yield chunk[begin : match.start()], match[0]
                begin = at
        is_escaped = at > len(chunk)
        yield chunk[begin:], b""


class _Element:
    """An element, as far as it was read."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._text = bytearray()
        self._size = 0

    @property
    def is_blank(self) -> bool:
        return self._size <= self._limit and not self._text.strip(_SPACE)

    def add(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size <= self._limit:
            self._text += piece

    def take(self) -> bytes | None:
        text = bytes(self._text) if self._size <= self._limit else None
        self._text.clear()
        self._size = 0
        return text
