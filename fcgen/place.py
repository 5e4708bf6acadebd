"""Where in a JSON value something stands: a chain of keys from the inside out, spelled as a pointer when asked for.

Reading metadata and schemas makes thousands of places and spells hardly any, so a place is no more than a pair.
"""

from __future__ import annotations

from typing import Any, TypeAlias

Place: TypeAlias = "tuple[Place, str | int] | str | None"
"""The place of the part that holds it, and the key within that part; or a pointer; None for the root."""


def pointer(place: Place) -> str:
    """The place as a JSON pointer (RFC 6901): "" for the root."""
    keys: list[str] = []
    while isinstance(place, tuple):
        place, key = place
        keys.append(str(key).replace("~", "~0").replace("/", "~1"))
    return (place or "") + "".join(f"/{key}" for key in reversed(keys))


def existing(document: Any, whole: str) -> str:
    """The longest beginning of a pointer that leads to something in the document.

    What two schemas make together is known by the place of one, which may not have the keyword that is named.
    """
    here, found = document, 0
    for name in whole.split("/")[1:]:
        key = name.replace("~1", "/").replace("~0", "~")
        if isinstance(here, list) and key.isdecimal() and int(key) < len(here):
            here = here[int(key)]
        elif isinstance(here, dict) and key in here:
            here = here[key]
        else:
            return whole[:found]
        found += 1 + len(name)
    return whole
