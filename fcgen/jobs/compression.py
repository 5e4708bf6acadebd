"""Packed bytes <-> bytes: gzip and Zstandard, as a stream, so that memory does not grow with what comes out.

What packs a file is said by its ending, or by its first bytes where the ending says nothing (neither begins a text).
Zstandard is of the standard library from Python 3.14 on, and of `backports.zstd`, its backport, before. (The package
`zstandard` is not used: its reader takes a file that breaks off for one that ends.) A frame that needs a window of more
than 128 MiB is refused by the library.
"""

from __future__ import annotations

import gzip
import importlib
import sys
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from fcgen.errors import DocumentError

Packing = Literal["gzip", "zstd"]
PACKINGS: dict[str, Packing] = {".gz": "gzip", ".zst": "zstd"}
_FIRST_BYTES: dict[bytes, Packing] = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


def packing_of(path: Path | None, head: bytes = b"") -> Packing | None:
    """Find how a file is packed, by the ending of its path or its first bytes; None if it is not."""
    by_ending = None if path is None else PACKINGS.get(path.suffix.lower())
    return by_ending or next((kind for first, kind in _FIRST_BYTES.items() if head.startswith(first)), None)


def unpack(stream: BinaryIO, packing: Packing) -> BinaryIO:
    """Open a packed stream for reading, which raises one of `unreadable()` where it is damaged, or breaks off.

    Raises DocumentError: Zstandard is needed and missing.
    """
    if packing == "gzip":
        return cast("BinaryIO", gzip.GzipFile(fileobj=stream))
    return cast("BinaryIO", zstd().open(stream))


def pack(file: BinaryIO, packing: Packing) -> BinaryIO:
    """A file to write to, whose bytes go packed to `file`: the same bytes, for the same rows; to be closed."""
    if packing == "gzip":  # without a name and a time in it
        return cast("BinaryIO", gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0))
    parameters = {zstd().CompressionParameter.checksum_flag: 1}  # so that damage is seen, as `zstd` itself has it
    packed = cast("BinaryIO", zstd().open(file, "wb", options=parameters))
    packed.write(b"")  # without which nothing is not packed, but left out
    return packed


def zstd() -> Any:
    """The module that has Zstandard. Raises DocumentError where there is none."""
    try:
        return importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    except ImportError:
        raise DocumentError("Zstandard needs backports.zstd", hint="Run pip install 'fcgen[zstd]'") from None


def unreadable() -> tuple[type[BaseException], ...]:
    """The exceptions of a file that cannot be read or is damaged, and of UTF-16 without its byte order mark."""
    loaded = sys.modules.get("compression.zstd") or sys.modules.get("backports.zstd")
    return (OSError, EOFError, UnicodeError, zlib.error, *(() if loaded is None else (loaded.ZstdError,)))
