"""Files that are there, whole, when a function returns, whatever becomes of the process or the machine."""

from __future__ import annotations

import os
from pathlib import Path

from fcgen.errors import JobError


def sync_folder(folder: Path) -> None:
    """Make the names of new files in a folder durable."""
    if os.name == "nt":  # folders cannot be opened there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file: the new one whole, or the old one as it was.

    Raises:
        JobError: it cannot be written.
    """
    fresh = path.with_name(f"{path.name}.new")
    try:
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: Exception) -> JobError:
    """The error of a file of a job that cannot be written."""
    return JobError(
        f"cannot write {str(path)!r}: {error}",
        hint="What was added to the job before is safe. Make room on the disk, or mend what it is, then resume.",
    )
