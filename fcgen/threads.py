"""Threads that wait sleep, in processes of our own: the command line's, and workers of a job.

Where threads of OpenMP wait for one another they spin, for it is not to be long. Beside another process that is busy it
is long: the one that is waited for has no core, since another spins on it. (With 2 threads on 2 cores that others used
too, the README's call took 33 s in the median beside a spinning process, and 2 s with threads that sleep.) The library
leaves this alone, for its process is not its own.
"""

from __future__ import annotations

import os

_CHOSEN = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def wait_asleep() -> None:
    """Let threads that wait sleep, unless the user has chosen. It has no effect once torch is loaded."""
    if not any(name in os.environ for name in _CHOSEN):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
