"""One process at a time writes into a job's folder; another one is told who does.

The operating system holds the lock, so it is free once its process ends, however it ends. `holder.json` beside it is
only for the message.
"""

from __future__ import annotations

import json
import os
import socket
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from fcgen.errors import JobError
from fcgen.jobs.durable import cannot_write

if TYPE_CHECKING:
    from filelock import BaseFileLock


def take_lock(folder: Path) -> BaseFileLock:
    """The lock of a folder, held until `release` or the end of the process.

    Raises:
        JobError: another process holds it, or the file system has no locks.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / "lock", thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise JobError(
            f"the job in {str(folder)!r} is being written by {_holder(folder)}",
            hint="Wait until it ends, or stop it. Reading the job (`Ledger.read`) is possible meanwhile.",
        ) from None
    except (OSError, NotImplementedError) as error:
        raise JobError(f"the folder {str(folder)!r} cannot be locked: {error}") from error
    own = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(timezone.utc).isoformat("T", "seconds"),
    }
    try:
        (folder / "holder.json").write_text(json.dumps(own), encoding="utf-8")
    except OSError as error:
        lock.release()
        raise cannot_write(folder / "holder.json", error) from error
    return lock


def _holder(folder: Path) -> str:
    try:
        found = json.loads((folder / "holder.json").read_text(encoding="utf-8"))
        return f"process {found['pid']} on {found['host']}, since {found['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
