"""The command `doctor`: what a bug report needs to say about an installation, and whether the native core works."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer

import fcgen
from fcgen.cli.program import app
from fcgen.cli.terminal import complain

PACKAGES = ("numpy", "torch", "transformers", "tokenizers", "outlines")


@app.command()
def doctor() -> None:
    """Show versions, the native core and the cache; the exit code is 0 if the core works."""
    for name, value in _facts():
        typer.echo(f"{name:<13} {value}")
    problem = _core_problem()
    if problem:
        complain(f"The native core does not work: {problem}")
        raise typer.Exit(1)
    typer.echo(f"{'core works':<13} yes")


def _facts() -> Iterator[tuple[str, str]]:
    yield "fcgen", f"{fcgen.__version__} ({Path(fcgen.__file__).parent})"
    yield "core", _core()
    yield "Python", f"{platform.python_version()} ({platform.python_implementation()}, {sys.executable})"
    yield "platform", f"{platform.platform()}, {os.cpu_count()} cores"
    for package in PACKAGES:
        yield package, _version(package)
    yield from _cache()


def _core() -> str:
    try:
        from fcgen.core import _core
    except ImportError as error:
        return f"cannot be imported: {error}"
    abi = "stable ABI" if ".abi3." in Path(_core.__file__).name else Path(_core.__file__).name.split(".")[1]
    return f"{_core.version} ({_core.build}, {abi})"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _cache() -> Iterator[tuple[str, str]]:
    from fcgen.embedded import cache_folder, cached_models

    folder = cache_folder()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    yield "cache", f"{folder} ({'writable' if os.access(there, os.W_OK) else 'not writable'})"
    models = [f"{model.name} ({model.size / 1e6:.0f} MB)" for model in cached_models()]
    yield "models", ", ".join(models) or "none cached"


def _core_problem() -> str | None:
    """What is wrong with the core, which is asked for the masks of a small grammar; None: nothing."""
    try:
        vocabulary = fcgen.Vocabulary([b"1", b"2", b"x", None], [3])
        cursor = fcgen.Masks(fcgen.Grammar.from_json_schema({"enum": [1, 2]}), vocabulary).cursor()
        first = int(cursor.mask()[0])
        cursor.advance(0)
        found = first, int(cursor.mask()[0])
    except ImportError as error:
        return str(error)
    return None if found == (0b0011, 0b1000) else f"the masks of a small grammar are {found}"
