"""A file, or standard input -> a stream of UTF-8, whatever it is packed with and encoded in.

An input is UTF-8 unless it begins with a byte order mark of UTF-16 or UTF-32, or its encoding is named. Encodings
without a mark, such as Latin-1, cannot be told from each other, and are not guessed. A mark holds against what is
named.

Bytes that are not of the encoding become `NO_TEXT`, which is no UTF-8 either: so they are the mistake of one row, and
not of all that follow.
"""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from fcgen.errors import OptionError, excerpt
from fcgen.jobs.compression import packing_of, unpack
from fcgen.jobs.strict_json import NO_TEXT

_MARKS = {
    codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
_HEAD = max(map(len, _MARKS))
_CHUNK = 2**16
_ERRORS = "fcgen.no-text"


def _mark_error(error: Any) -> tuple[str, int]:
    return NO_TEXT.decode("utf-8", "surrogatepass"), error.end


codecs.register_error(_ERRORS, _mark_error)


def check_encoding(encoding: str) -> None:
    """Raise OptionError where Python knows no encoding of texts by that name."""
    try:
        "a".encode(encoding)
        codecs.getincrementaldecoder(encoding)
    except (LookupError, ValueError):
        raise OptionError(
            f"the encoding {excerpt(encoding)} is not known", hint="Known are those of Python, such as latin-1, cp1252"
        ) from None


@contextmanager
def open_text(
    path: Path | None, *, encoding: str | None = None, stdin: BinaryIO | None = None
) -> Iterator[io.BufferedReader]:
    """The text of a file, as UTF-8; without a path that of `stdin`, or of standard input."""
    with ExitStack() as held:
        if path is None:
            packed: BinaryIO = sys.stdin.buffer if stdin is None else stdin
        else:
            packed = held.enter_context(path.open("rb"))
        head, stream = _peeked(packed)
        if (packing := packing_of(path, head)) is not None:
            if not head:
                raise EOFError("it is empty, and nothing packed has no bytes")
            head, stream = _peeked(held.enter_context(unpack(stream, packing)))
        marked = next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)
        name = codecs.lookup(marked or encoding or "utf-8").name
        if name not in ("utf-8", "utf-8-sig"):
            stream = io.BufferedReader(_Decoded(stream, name), _CHUNK)
        elif marked:
            stream.read(len(codecs.BOM_UTF8))
        yield stream


def _peeked(stream: BinaryIO) -> tuple[bytes, io.BufferedReader]:
    """The first bytes, and a stream that has them still. It does not close the stream below it."""
    head = b""
    while len(head) < _HEAD and (more := stream.read(_HEAD - len(head))):
        head += more
    return head, io.BufferedReader(_Behind(head, stream), _CHUNK)


class _Pieces(io.RawIOBase):
    """Bytes that come in pieces of any size."""

    _held = b""

    def readable(self) -> bool:
        """Return that the stream can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes, as soon as there are some; 0: there are no more."""
        self._held = self._held or self._next()
        size = min(len(buffer), len(self._held))
        buffer[:size], self._held = self._held[:size], self._held[size:]
        return size

    def _next(self) -> bytes:
        raise NotImplementedError


class _Behind(_Pieces):
    """A head, and what follows it in a stream."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._held = head
        self._read: Any = getattr(stream, "read1", stream.read)

    def _next(self) -> bytes:
        piece: bytes | None = self._read(_CHUNK)
        return piece or b""


class _Decoded(_Pieces):
    """The text of a stream in another encoding, as UTF-8."""

    def __init__(self, stream: io.BufferedReader, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(_ERRORS)

    def _next(self) -> bytes:
        text = ""
        while not text and (chunk := self._stream.read1(_CHUNK)):
            text = self._decoder.decode(chunk)
        return (text or self._decoder.decode(b"", final=True)).encode("utf-8", "surrogatepass")
