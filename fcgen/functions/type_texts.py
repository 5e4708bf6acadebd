"""Types as programs write them -> JSON Schemas: `List[str]`, `Dict[str, int]`, `Optional[float]`, `str[]`.

What stands in a tool's description was often copied from an annotation. Read are the containers of Python, Java and
TypeScript with what they hold, unions, and listed values; the names alone are `type_names.py`'s.

    list[X], X[]       an array of X            dict[str, X]    an object whose values are X
    set[X]             likewise, items differ   optional[X], X? X or null
    tuple[X, Y]        an array of X, then Y    union[X, Y], X | Y
    tuple[X, ...]      an array of X            literal["a", 1] these values
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

MAX_TEXT = 1000
MAX_NESTED = 20

CONTAINERS = ("list[...]", "set[...]", "tuple[...]", "dict[str, ...]", "optional[...]", "union[...]", "literal[...]")

_LISTS = frozenset({"array", "arraylist", "collection", "deque", "iterable", "list", "queue", "sequence", "stack"})
_SETS = frozenset({"frozenset", "hashset", "set"})
_MAPS = frozenset({"dict", "hashmap", "hashtable", "map", "mapping", "object", "record"})
_NULL = frozenset({"none", "nonetype", "null"})
_NAME = re.compile(r"\s*(?:typing\.|t\.)?([A-Za-z_]\w*)\s*")
_OPENING = {"[": "]", "<": ">"}

Named = Callable[[str], "dict[str, Any] | None"]


def read_type_text(text: str, named: Named) -> dict[str, Any] | None:
    """The schema of a type that is more than a name; None: it is none.

    `named` gives the schema of a name alone.
    """
    if len(text) > MAX_TEXT or not any(mark in text for mark in "[<|?"):
        return None
    return _union([_part(part, named, 0) for part in _split(text, "|")])


def union_of(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The schema of any of these, as short as it can be said."""
    if any(not part for part in parts):
        return {}
    if len(parts) == 1:
        return parts[0]
    if all(part.keys() == {"type"} for part in parts):
        types = [part["type"] for part in parts]
        return {"type": list(dict.fromkeys(name for kind in types for name in ([kind] if type(kind) is str else kind)))}
    return {"anyOf": parts}


def _union(parts: list[dict[str, Any] | None]) -> dict[str, Any] | None:
    known = [part for part in parts if part is not None]
    return union_of(known) if known and len(known) == len(parts) else None


def _part(text: str, named: Named, depth: int) -> dict[str, Any] | None:
    """One part of a union: a name, what it holds, and what follows."""
    text = text.strip()
    if depth > MAX_NESTED:
        return None
    if text.endswith("[]"):
        items = _part(text[:-2], named, depth + 1)
        return None if items is None else _array(items)
    if text.endswith("?"):
        return _union([_part(text[:-1], named, depth + 1), {"type": "null"}])
    found = _NAME.match(text)
    if found is None:
        return None
    name, rest = found[1].lower(), text[found.end() :]
    if not rest:
        return {"type": "null"} if name in _NULL else named(found[1])
    if len(rest) < 2 or _OPENING.get(rest[0]) != rest[-1]:
        return None
    if name == "literal":
        return _literal(rest[1:-1])
    inside = [_union([_part(each, named, depth + 1) for each in _split(one, "|")]) for one in _held(rest[1:-1])]
    return _holding(name, rest[1:-1], inside)


def _holding(name: str, text: str, inside: list[dict[str, Any] | None]) -> dict[str, Any] | None:
    """The schema of a container of that name that holds these."""
    held = [each for each in inside if each is not None]
    if len(held) < len(inside) or not held:
        return None
    if name == "union":
        return union_of(held)
    if name == "optional" and len(held) == 1:
        return union_of([*held, {"type": "null"}])
    if name == "tuple":
        return _array(held[0]) if text.replace(" ", "").endswith(",...") and len(held) == 1 else _tuple(held)
    if name in _LISTS | _SETS and len(held) == 1:
        return _array(held[0]) | ({"uniqueItems": True} if name in _SETS else {})
    if name in _MAPS and len(held) == 2 and held[0] in ({}, {"type": "string"}):
        return {"type": "object", "additionalProperties": held[1] or True}
    return None


def _array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items} if items else {"type": "array"}


def _tuple(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}


def _literal(text: str) -> dict[str, Any] | None:
    try:
        values = ast.literal_eval(f"({text},)")
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    is_json = all(value is None or type(value) in (str, int, bool) for value in values)
    return {"enum": list(values)} if values and is_json else None


def _held(text: str) -> list[str]:
    """What stands between the brackets, without the dots of `tuple[X, ...]`."""
    parts = _split(text, ",")
    return parts[:-1] if len(parts) == 2 and parts[1].strip() == "..." else parts


def _split(text: str, mark: str) -> list[str]:
    """The parts of a text between marks that stand in no brackets."""
    parts, depth, begin = [], 0, 0
    for i, char in enumerate(text):
        depth += (char in "[<") - (char in "]>")
        if char == mark and depth == 0:
            parts.append(text[begin:i])
            begin = i + 1
    return [*parts, text[begin:]]
