"""Rebuild the native core of an editable install when one of its sources is newer than the extension.

A copy of this file is imported by every Python that starts in an environment with an editable install of fcgen, so it
imports next to nothing. It changes nothing about where modules are found: another source tree that goes before this
one, by PYTHONPATH or by the current folder, is left alone.

Where the core cannot be rebuilt (nanobind or scikit-build-core is not installed), a line on standard error says so, and
the core is used as it is; what does not compile is an ImportError.
"""

import os
import sys

NAME = "fcgen.core._core"
SOURCES = (".cpp", ".hpp", "CMakeLists.txt")
EXIT_CANNOT_BUILD = 3


class RebuildBeforeImport:
    """A finder that finds nothing: it rebuilds the core before it is looked for."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Rebuild, if it is the core in this folder that is about to be imported, and is stale."""
        del target
        if name != NAME or not path or os.path.realpath(next(iter(path))) != self.folder:  # type: ignore[call-overload]
            return
        if is_stale(self.folder):
            rebuild(self.folder)


def is_stale(folder: str) -> bool:
    """Whether the folder has no extension for this Python, or one that is older than a source."""
    from importlib.machinery import EXTENSION_SUFFIXES

    modified = {entry.name: entry.stat().st_mtime for entry in os.scandir(folder)}
    built = [modified[f"_core{suffix}"] for suffix in EXTENSION_SUFFIXES if f"_core{suffix}" in modified]
    return not built or built[0] < max(time for name, time in modified.items() if name.endswith(SOURCES))


def rebuild(folder: str) -> None:
    """Build the extension in place.

    Raises:
        ImportError: it does not compile; has what the compiler said.
    """
    import subprocess
    from importlib.util import find_spec

    problem = "nanobind and scikit-build-core are not installed here"
    if find_spec("nanobind") and find_spec("scikit_build_core"):
        sys.stderr.write("fcgen: a source of the core is newer than the extension; rebuilding it\n")
        run = subprocess.run(  # noqa: S603
            [sys.executable, os.path.join(folder, "build_backend.py")],  # noqa: PTH118
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if run.returncode == 0:
            return
        problem = run.stdout.strip()
        if run.returncode != EXIT_CANNOT_BUILD:
            raise ImportError(f"the core of this editable install cannot be rebuilt:\n{problem}", name=NAME)
    sys.stderr.write(f"fcgen: the core is older than its sources, and is not rebuilt: {problem}\n")


def install(folder: str) -> None:
    """Have the core in `folder` rebuilt when it is stale."""
    sys.meta_path.insert(0, RebuildBeforeImport(os.path.realpath(folder)))
