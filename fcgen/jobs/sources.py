"""What the user names as the input -> the files to read, in order, each with its format and a short name.

The endings say the format: .jsonl and .ndjson (JSON Lines), .json (an array, or JSON Lines), .csv, .tsv and .parquet;
all but the last also with .gz or .zst behind them. Of a folder those of its files are read that have such an ending,
sorted by name; of a glob all files that match it. What ends in .json alone is often a schema or a setting: of a folder
such files are only read where the format "json" is named.
"""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from fcgen.errors import DocumentError, excerpt
from fcgen.jobs.compression import PACKINGS

Format = Literal["jsonl", "json", "csv", "tsv", "parquet", "openai-batch"]
_TEXTS: dict[str, Format] = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "tsv"}
ENDINGS: dict[str, Format] = {
    **{ending + packing: format_ for packing in ("", *PACKINGS) for ending, format_ in _TEXTS.items()},
    ".parquet": "parquet",
}
STDIN = "-"
ENDINGS_TEXT = f"{', '.join(_TEXTS)} (each also with {' or '.join(PACKINGS)} behind it), .parquet"


@dataclass(frozen=True, slots=True)
class Source:
    """One file to read.

    Attributes:
        name: what rows without an id are named after: the file's name, or its path where two have one name.
        path: of the file; None: standard input.
        format: how it is read; None: JSON Lines, each of which may be a request of the OpenAI Batch API.
    """

    name: str
    path: Path | None
    format: Format | None


def find_sources(source: str | Path | Sequence[str | Path], format: Format | None = None) -> list[Source]:  # noqa: A002
    """The files that `source` names: a file, a folder, a glob, "-" for standard input, or a list of these.

    Raises DocumentError where there is no such file, or none whose format is known.
    """
    if format is not None and format not in get_args(Format):
        raise DocumentError(f"the format {excerpt(format)} is not known", hint=f"Known: {', '.join(get_args(Format))}")
    named = [source] if isinstance(source, str | Path) else list(source)
    if not named:
        raise DocumentError("the list of files is empty", hint="Name at least one")
    paths = [path for one in named for path in _paths(one, format)]
    times = Counter(None if path is None else path.name for path in paths)
    return [_source(path, format, is_alone=path is None or times[path.name] == 1) for path in paths]


def check_apart(source: Sequence[str | Path], output: Path, format: Format | None = None) -> None:  # noqa: A002
    """Raise DocumentError where `output` is, or would be, one of the files that `source` names."""
    is_input = output.exists() and any(
        one.path is not None and one.path.samefile(output) for one in find_sources(source, format)
    )
    if is_input or (ending_format(output) and output.resolve().parent in [Path(one).resolve() for one in source]):
        raise DocumentError(
            f"the output {excerpt(str(output), 200)} is one of the files of the input, or would be the next time",
            hint="Name another file, outside of the folder that is read",
        )


def ending_format(path: Path) -> Format | None:
    """The format that the path's ending says; None: none of those known."""
    name = path.name.lower()
    return next((format_ for ending, format_ in ENDINGS.items() if name.endswith(ending)), None)


def check_names(names: Sequence[str], path: object) -> None:
    """Raise DocumentError where two columns of a file have one name."""
    name, times = Counter(names).most_common(1)[0] if names else ("", 0)
    if times > 1:
        raise DocumentError(f"{excerpt(str(path), 200)} has {times} columns with the name {excerpt(name)}")


def _source(path: Path | None, format_: Format | None, *, is_alone: bool) -> Source:
    if path is None:
        return Source("stdin", None, format_)
    found = format_ or ending_format(path)
    if found is None:
        raise DocumentError(
            f"the ending of {excerpt(str(path), 200)} does not say its format",
            hint=f"Known endings: {ENDINGS_TEXT}. Otherwise name the format",
        )
    return Source(path.name if is_alone else path.as_posix(), path, format_ or (None if found == "jsonl" else found))


def _paths(named: Any, format_: Format | None) -> list[Path | None]:
    if str(named) == STDIN:
        return [None]
    if "\0" in str(named) or not str(named):
        raise DocumentError(f"{excerpt(str(named), 200)} is no name of a file")
    path = Path(named)
    try:
        if path.is_dir():
            return _in_folder(path, format_)
        if path.exists():
            return [path]
    except OSError as error:
        raise DocumentError(f"{excerpt(str(named), 200)} cannot be read: {error.strerror}") from error
    if not glob.has_magic(str(named)):
        raise DocumentError(f"there is no file {excerpt(str(named), 200)}")
    names = glob.glob(str(named), recursive=True)  # noqa: PTH207  Path.glob takes no absolute pattern
    found = sorted(match for name in names if (match := Path(name)).is_file())
    if not found:
        raise DocumentError(f"no file matches {excerpt(str(named), 200)}")
    return [*found]


def _in_folder(folder: Path, format_: Format | None) -> list[Path | None]:
    wanted = "jsonl" if format_ == "openai-batch" else format_
    found = sorted(
        path
        for path in folder.iterdir()
        if not path.name.startswith(".") and (known := ending_format(path)) and wanted in (None, known)
        if (wanted is not None or path.suffix.lower() != ".json") and path.is_file()
    )
    if not found:
        of_it = ", ".join(ending for ending, known in ENDINGS.items() if known == wanted)
        raise DocumentError(
            f"the folder {excerpt(str(folder), 200)} has no file of {of_it or ENDINGS_TEXT}",
            hint=None if wanted else "Files of .json alone are read where the format json is named",
        )
    return [*found]
