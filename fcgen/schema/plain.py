"""Schemas of which it is seen at a glance that they can be compiled, and how short their shortest text is.

Most parameters of functions are an object of strings, numbers, given words, arrays and objects, each with a type of its
own. No two keywords of such a schema can contradict each other, none refers to another place, and none costs work that
grows faster than the schema; so of many functions only those need be compiled that a reply names.
"""

from __future__ import annotations

from typing import Any

MAX_DEPTH = 12
MAX_VALUES = 300
_SAYS_NOTHING = frozenset(["description", "title", "default", "example", "examples"])
_KEYWORDS = {
    "string": _SAYS_NOTHING | {"type", "enum"},
    "integer": _SAYS_NOTHING | {"type"},
    "number": _SAYS_NOTHING | {"type"},
    "boolean": _SAYS_NOTHING | {"type"},
    "null": _SAYS_NOTHING | {"type"},
    "array": _SAYS_NOTHING | {"type", "items"},
    "object": _SAYS_NOTHING | {"type", "properties", "required", "additionalProperties"},
}
_SHORTEST = {"string": 2, "integer": 1, "number": 1, "boolean": 4, "null": 4, "array": 2}


def plain_need(schema: Any, *, colon: int = 2, comma: int = 2) -> int | None:
    """The bytes of the shortest text of a plain schema; None: it is not plain.

    All names and given values of a plain schema are ASCII.

    Args:
        schema: any JSON Schema.
        colon: the bytes of a colon and what must stand around it.
        comma: likewise of a comma.
    """
    return _Plain(colon, comma).need(schema, 0)


class _Plain:
    """One look at one schema, which ends when too much was seen."""

    def __init__(self, colon: int, comma: int) -> None:
        self._colon, self._comma = colon, comma
        self._left = MAX_VALUES

    def need(self, schema: Any, depth: int) -> int | None:
        """The fewest bytes of a schema within; None: it is not plain."""
        self._left -= 1
        kind = schema.get("type") if type(schema) is dict else None
        if type(kind) is not str or self._left < 0 or depth > MAX_DEPTH:
            return None
        known = _KEYWORDS.get(kind)
        if known is None or not schema.keys() <= known:
            return None
        if kind == "object":
            return self._of_object(schema, depth)
        if kind == "array" and "items" in schema and self.need(schema["items"], depth + 1) is None:
            return None
        return self._of_words(schema["enum"]) if "enum" in schema else _SHORTEST[kind]

    def _of_object(self, schema: dict[str, Any], depth: int) -> int | None:
        properties, required = schema.get("properties", {}), schema.get("required", ())
        if type(schema.get("additionalProperties", False)) is not bool or type(properties) is not dict:
            return None
        needs: dict[str, int] = {}
        for name, value in properties.items():
            need = self.need(value, depth + 1)
            if need is None or type(name) is not str or not _is_plain(name):
                return None
            needs[name] = len(name) + 2 + self._colon + need
        if type(required) not in (list, tuple) or not all(type(name) is str and name in needs for name in required):
            return None
        given = set(required)
        return 2 + sum(needs[name] for name in given) + self._comma * max(0, len(given) - 1)

    def _of_words(self, words: Any) -> int | None:
        if type(words) is not list or not words or not all(type(word) is str and _is_plain(word) for word in words):
            return None
        self._left -= len(words)
        return min(map(len, words)) + 2 if self._left >= 0 else None


def _is_plain(text: str) -> bool:
    """Whether its JSON is the text itself, in quotes."""
    return text.isascii() and text.isprintable() and '"' not in text and "\\" not in text
