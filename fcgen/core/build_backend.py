"""The build backend of `pyproject.toml`: scikit-build-core's, but for two things.

- Where no C++20 compiler is found, the build takes the one that the PyPI package `ziglang` carries.
- An editable install puts the extension beside its sources and the source tree on `sys.path`, so that an import, mypy
  and PYTHONPATH all mean the same files. (The import hooks of scikit-build-core's editable modes go before PYTHONPATH,
  and rebuild in a folder that refers to a build environment which is gone.) `editable_hook.py` rebuilds it.

`python fcgen/core/build_backend.py` builds the extension in place, in an environment that has nanobind and
scikit-build-core; what it compiled before is kept in `build/`.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

from scikit_build_core import build
from scikit_build_core.build import (
    build_sdist,
    get_requires_for_build_sdist,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

Settings: TypeAlias = "Mapping[str, list[str] | str] | None"

CORE = Path(__file__).resolve().parent
ROOT = CORE.parents[1]
ZIG = "ziglang>=0.14"
ZIG_PLATFORMS = ("linux-x86_64", "linux-aarch64", "linux-armv7l", "linux-i686", "linux-ppc64le", "macosx")
NO_COMPILER = (
    "fcgen is built with a C++20 compiler, and none was found, neither in CXX nor as c++, g++ or clang++. Install one "
    "(Debian: apt-get install g++; Fedora: dnf install gcc-c++; Alpine: apk add g++; macOS: xcode-select --install; "
    "Windows: the Visual Studio Build Tools, with C++)"
)
PROBE = "#include <bit>\n#include <concepts>\n#include <span>\nint main() { return std::popcount(1u) - 1; }\n"
EXIT_CANNOT_BUILD = 3


class CannotBuild(SystemExit):
    """Something that a build needs is missing; the message says what to install."""

    def __init__(self, message: str) -> None:
        print(f"error: {message}", file=sys.stderr)  # noqa: T201
        super().__init__(EXIT_CANNOT_BUILD)


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    """Return what a build needs beside the requirements of pyproject.toml: CMake, Ninja, a compiler, if not there."""
    required = build.get_requires_for_build_wheel(_plain(config_settings))
    return required if _has_compiler(config_settings) else [*required, _zig_requirement()]


def get_requires_for_build_editable(config_settings: Settings = None) -> list[str]:
    """Return the same for an editable install."""
    return get_requires_for_build_wheel(config_settings)


def build_wheel(wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None) -> str:
    """Build a wheel, and return its file name."""
    if _has_compiler(config_settings):
        return build.build_wheel(wheel_directory, _plain(config_settings), metadata_directory)
    with _zig() as settings:
        return build.build_wheel(wheel_directory, {**settings, **_plain(config_settings)}, metadata_directory)


def build_editable(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    """Build the extension into the source tree, and a wheel that names the tree; return its file name."""
    del metadata_directory  # it has what the wheel below has
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder, _build_in_place(folder, config_settings))
        _write_editable(built, Path(wheel_directory, built.name))
    return built.name


def main() -> None:
    """Build the extension in place, one process at a time; the objects of the last build are reused."""
    os.chdir(ROOT)
    folder = ROOT / "build" / f"core-{sysconfig.get_config_var('SOABI') or sys.implementation.cache_tag}"
    folder.mkdir(parents=True, exist_ok=True)
    if find_spec("nanobind") is None:
        raise CannotBuild("the package nanobind is not installed here")
    with _alone(folder / "lock"), tempfile.TemporaryDirectory() as wheels:
        _build_in_place(wheels, {"build-dir": str(folder)})


def _build_in_place(wheel_directory: str, config_settings: Settings) -> str:
    started = time.time()
    name = build_wheel(wheel_directory, config_settings)
    with zipfile.ZipFile(Path(wheel_directory, name)) as wheel:
        (member,) = (
            one for one in wheel.namelist() if one.startswith("fcgen/core/_core.") and not one.endswith(".pyi")
        )
        target = CORE / Path(member).name
        fresh = target.with_name(f"unfinished-{os.getpid()}-{target.name}")
        fresh.write_bytes(wheel.read(member))
    os.utime(fresh, (started, started))  # a source that was changed meanwhile is newer
    fresh.replace(target)  # not written over: other processes may have it loaded
    return name


def _write_editable(built: Path, target: Path) -> None:
    """Write a wheel with the metadata of `built`, which puts the source tree on `sys.path` and installs the hook."""
    hook = (CORE / "editable_hook.py").read_text(encoding="utf-8")
    files = {
        "_fcgen_editable.pth": f"{ROOT}\nimport _fcgen_editable\n".encode(),
        "_fcgen_editable.py": f"{hook}\n\ninstall({str(CORE)!r})\n".encode(),
    }
    with zipfile.ZipFile(built) as wheel:
        metadata = [name for name in wheel.namelist() if name.split("/")[0].endswith(".dist-info")]
        files |= {name: wheel.read(name) for name in metadata if not name.endswith("/RECORD")}
    (record,) = (name for name in metadata if name.endswith("/RECORD"))
    lines = [f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in files.items()]
    files[record] = "".join([*lines, f"{record},,\n"]).encode()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _plain(config_settings: Settings) -> dict[str, list[str] | str]:
    return dict(config_settings or {})


def _has_compiler(config_settings: Settings) -> bool:
    """Whether someone chose a compiler, or CMake will find one that reads C++20. On Windows, CMake looks for MSVC."""
    if os.environ.get("CXX") or os.environ.get("CMAKE_TOOLCHAIN_FILE") or sys.platform == "win32":
        return True
    words = " ".join([os.environ.get("CMAKE_ARGS", ""), *_plain(config_settings)])
    if any(name in words for name in ("CMAKE_CXX_COMPILER", "CMAKE_TOOLCHAIN_FILE", "toolchain-file")):
        return True
    return any(_compiles(found) for name in ("c++", "g++", "clang++") if (found := shutil.which(name)))


def _compiles(compiler: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.cpp")
        source.write_text(PROBE, encoding="utf-8")
        command = [compiler, "-std=c++20", "-c", str(source), "-o", str(source.with_suffix(".o"))]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0  # noqa: S603


def _zig_requirement() -> str:
    if not sysconfig.get_platform().startswith(ZIG_PLATFORMS):
        raise CannotBuild(f"{NO_COMPILER}.")
    return ZIG


@contextlib.contextmanager
def _zig() -> Iterator[dict[str, list[str] | str]]:
    """Settings with which CMake builds with Zig's C++ compiler; nothing of it stays on the machine."""
    found = find_spec("ziglang")
    if found is None or found.origin is None:
        raise CannotBuild(f"{NO_COMPILER}, or the package ziglang, which carries one (pip install '{ZIG}').")
    zig = shlex.quote(str(Path(found.origin).with_name("zig")))
    with tempfile.TemporaryDirectory() as folder:
        cache = shlex.quote(str(Path(folder, "cache")))
        environment = f"ZIG_GLOBAL_CACHE_DIR={cache} ZIG_LOCAL_CACHE_DIR={cache}"
        tools = {"CMAKE_CXX_COMPILER": "c++ -O2 -mcpu=baseline", "CMAKE_AR": "ar", "CMAKE_RANLIB": "ranlib"}
        # Zig compiles its libraries for each way of optimizing: with -O2 for all of CMake's probes, only once.
        settings: dict[str, list[str] | str] = {"cmake.define.FCGEN_LTO": "OFF"}
        for variable, command in tools.items():
            script = Path(folder, f"zig-{command.split()[0]}")
            script.write_text(f'#!/bin/sh\n{environment} exec {zig} {command} "$@"\n', encoding="utf-8")
            script.chmod(0o755)
            settings[f"cmake.define.{variable}"] = str(script)
        settings["cmake.define.CMAKE_CXX_COMPILER_AR"] = settings["cmake.define.CMAKE_AR"]
        settings["cmake.define.CMAKE_CXX_COMPILER_RANLIB"] = settings["cmake.define.CMAKE_RANLIB"]
        yield settings


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait until no other process holds the lock file; where there are no such locks (Windows), do not."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    main()
