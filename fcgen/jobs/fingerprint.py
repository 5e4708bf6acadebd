"""`job.json`: the settings that a job was begun with, so that no two settings mix in one output.

A fingerprint is a mapping of parts (the model, the schema, the prompt, options, versions, ...), each any JSON value.
The order of an object's names counts: it decides the order in which a model writes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from fcgen.errors import JobError, excerpt
from fcgen.jobs.durable import replace_file

VERSION = 1
SHOWN = 10  # differences that one message tells
_CONTEXT = 20  # characters of a text that stand before the first difference
_NOTHING = object()


def write_fingerprint(folder: Path, fingerprint: Mapping[str, Any]) -> None:
    """Begin a job.

    Raises:
        JobError: it cannot be written.
    """
    begun = datetime.now(timezone.utc).isoformat("T", "seconds")
    job = {"version": VERSION, "begun": begun, "fingerprint": dict(fingerprint)}
    replace_file(folder / "job.json", json.dumps(job, indent=2).encode("ascii"))


def read_fingerprint(folder: Path) -> dict[str, Any]:
    """The fingerprint of the job in a folder.

    Raises:
        JobError: there is none, it is damaged, or another version of fcgen wrote it.
    """
    path = folder / "job.json"
    try:
        job = json.loads(path.read_bytes())
        version, fingerprint = job["version"], job["fingerprint"]
    except FileNotFoundError as error:
        raise JobError(f"there is no job in {str(folder)!r}", hint="Name a job's folder: it has a job.json") from error
    except OSError as error:
        raise JobError(f"the job in {str(folder)!r} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise JobError(f"{str(path)!r} is damaged: {error}", hint="Restore it from a copy.") from error
    if version != VERSION:
        raise JobError(f"{str(path)!r} is of version {excerpt(version)}; this fcgen reads version {VERSION}")
    if not isinstance(fingerprint, dict):
        raise JobError(f"{str(path)!r} is damaged: its fingerprint is not an object", hint="Restore it from a copy.")
    return fingerprint


def refuse_changes(folder: Path, fingerprint: Mapping[str, Any]) -> None:
    """Compare with the fingerprint of the job in a folder.

    Raises:
        JobError: they differ; says where, with the old and the new value.
    """
    old, new = read_fingerprint(folder), json.loads(json.dumps(dict(fingerprint)))
    changes = list(islice(_changes("", old, new), SHOWN + 1))
    if changes:
        told = "; ".join([*changes[:SHOWN], *(["and more"] if changes[SHOWN:] else [])])
        raise JobError(
            f"the job in {str(folder)!r} was begun with other settings: {told}",
            hint="Resume it with the settings that it was begun with, or begin another job in another folder.",
        )


def _changes(place: str, old: Any, new: Any) -> Iterator[str]:
    """What differs, one text for each place."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(name for name in new if name not in old)]:
            yield from _changes(_join(place, name), old.get(name, _NOTHING), new.get(name, _NOTHING))
        if set(old) == set(new) and list(old) != list(new):
            yield f"{place or 'the parts'}: the order {excerpt(list(old))} -> {excerpt(list(new))}"
    elif isinstance(old, list) and isinstance(new, list):
        for index, (one, other) in enumerate(zip_longest(old, new, fillvalue=_NOTHING)):
            yield from _changes(_join(place, str(index)), one, other)
    elif isinstance(old, str) and isinstance(new, str):
        if old != new:
            pairs = enumerate(zip(old, new, strict=False))
            at = next((at for at, (one, other) in pairs if one != other), min(len(old), len(new)))
            begin = max(0, at - _CONTEXT)
            where = f" from character {begin} on" if begin else ""
            yield f"{place}{where}: {excerpt(old[begin:])} -> {excerpt(new[begin:])}"
    elif old is _NOTHING or new is _NOTHING or json.dumps(old) != json.dumps(new):
        yield f"{place}: {_shown(old)} -> {_shown(new)}"


def _join(place: str, name: str) -> str:
    return f"{place}/{name}" if place else name


def _shown(value: Any) -> str:
    return "nothing" if value is _NOTHING else excerpt(value)
