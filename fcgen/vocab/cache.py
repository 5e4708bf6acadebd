"""A key -> bytes that an earlier process stored under it, in the user's cache folder.

Each entry is a file: a mark with the format's number, a SHA-256 of key and content, the content. An entry that is cut
short, damaged or filed under another key is as if it were not there. Processes may write at once: each writes a file of
its own and renames it. Nothing here fails a program: what cannot be read is not there, what cannot be written is left
out. The folder keeps the entries that were used last, up to `MOST_ENTRIES` and `MOST_BYTES`.

Contents are bytes that the caller parses. They are no pickles: a file in a cache must not be able to run code.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

MOST_ENTRIES = 64
MOST_BYTES = 256 << 20
MOST_ENTRY_BYTES = 64 << 20

_MARK = b"fcgen cache 1\n"
_DIGEST_BYTES = 32
_SUFFIX = ".bin"
_WRITING = ".writing-"
_ABANDONED_SECONDS = 3600.0


def load(key: str) -> memoryview | None:
    """Return what is stored under a key (letters and digits); None where there is nothing whole."""
    try:
        path = _folder() / f"{key}{_SUFFIX}"
        if path.stat().st_size > MOST_ENTRY_BYTES:
            return None
        found = memoryview(path.read_bytes())
    except OSError:
        return None
    head, content = found[: len(_MARK) + _DIGEST_BYTES], found[len(_MARK) + _DIGEST_BYTES :]
    if head != _MARK + _digest(key, content):
        return None
    with suppress(OSError):  # it is another user's: then nobody knows when it was used last
        os.utime(path)
    return content


def store(key: str, content: bytes) -> None:
    """Store bytes under a key, where that is possible. What `load` would find too long is left out."""
    if len(_MARK) + _DIGEST_BYTES + len(content) > MOST_ENTRY_BYTES:
        return
    with suppress(OSError):
        folder = _folder()
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=_WRITING, dir=folder)
        written = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_MARK + _digest(key, content) + content)
            written.replace(folder / f"{key}{_SUFFIX}")
        finally:
            written.unlink(missing_ok=True)
        _make_room(folder)


def _folder() -> Path:
    from platformdirs import user_cache_path

    folder = user_cache_path("fcgen", appauthor=False) / "vocabularies"
    if not folder.is_absolute():
        raise FileNotFoundError("the user has no home folder")
    return folder


def _digest(key: str, content: bytes | memoryview) -> bytes:
    digest = hashlib.sha256(key.encode())
    digest.update(content)
    return digest.digest()


def _make_room(folder: Path) -> None:
    """Remove the entries that were not used for longest, and files that a process did not finish."""
    entries: list[tuple[float, int, Path]] = []
    for path in folder.iterdir():
        with suppress(OSError):  # another process may have removed it
            about = path.stat()
            if path.suffix == _SUFFIX:
                entries.append((about.st_mtime, about.st_size, path))
            elif path.name.startswith(_WRITING) and about.st_mtime < time.time() - _ABANDONED_SECONDS:
                path.unlink()
    total = 0
    for number, (_, size, path) in enumerate(sorted(entries, reverse=True)):
        total += size
        if number and (number >= MOST_ENTRIES or total > MOST_BYTES):
            with suppress(OSError):
                path.unlink()
