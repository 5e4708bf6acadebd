"""Schemas of which it is seen at a glance that they can be compiled, and how short their shortest text is.

Most parameters of functions are an object of strings, numbers, given words, arrays and objects, each with a type of its
own. It is seen that no two keywords of such a schema contradict each other, none refers to another place, and none
costs work that grows faster than the schema; so of many functions only those need be compiled that a reply names.
"""

from __future__ import annotations

from typing import Any

MAX_DEPTH = 12
MAX_VALUES = 300
MAX_LENGTH = 1000  # that a text is demanded to have
MAX_ITEMS = 1000
_MAX_NUMBER = 10**12
_SAYS_NOTHING = frozenset(["description", "title", "default", "example", "examples"])
_KEYWORDS = {
    "string": _SAYS_NOTHING | {"type", "enum", "minLength", "maxLength"},
    "integer": _SAYS_NOTHING | {"type", "minimum", "maximum"},
    "number": _SAYS_NOTHING | {"type", "minimum", "maximum"},
    "boolean": _SAYS_NOTHING | {"type"},
    "null": _SAYS_NOTHING | {"type"},
    "array": _SAYS_NOTHING | {"type", "items", "minItems", "maxItems"},
    "object": _SAYS_NOTHING | {"type", "properties", "required", "additionalProperties"},
}
_SHORTEST = {"boolean": 4, "null": 4}


def plain_need(schema: Any, *, colon: int = 2, comma: int = 2) -> int | None:
    """The bytes of the shortest text of a plain schema; None: it is not plain. As `PlainNeeds` has it."""
    return PlainNeeds(colon, comma).of(schema)


class PlainNeeds:
    """The bytes of the shortest texts of plain schemas. All names and given values of these are ASCII.

    Args:
        colon: the bytes of a colon and what must stand around it.
        comma: likewise of a comma.
    """

    def __init__(self, colon: int, comma: int) -> None:
        self._colon, self._comma = colon, comma
        self._left = 0
        # By the identities of schemas, which last as long as they are held.
        self._known: dict[int, tuple[Any, int | None]] = {}
        self._not_plain: dict[int, Any] = {}

    def of(self, schema: Any) -> int | None:
        """The fewest bytes of a text of `schema`; None: it is not plain, or too large to see that at a glance."""
        known = self._known.get(id(schema))
        if known is None:
            self._left = MAX_VALUES
            known = self._known[id(schema)] = schema, self._need(schema, 0)
        return known[1]

    def is_known(self, schema: Any) -> bool:
        """Whether it was asked for before and found plain: then all of it has the form that metaschemas demand."""
        known = self._known.get(id(schema))
        return known is not None and known[1] is not None

    def _need(self, schema: Any, depth: int) -> int | None:
        if id(schema) in self._not_plain:
            return None
        need = self._look(schema, depth)
        if need is None and self._left >= 0:
            self._not_plain[id(schema)] = schema
        return need

    def _look(self, schema: Any, depth: int) -> int | None:
        self._left -= 1
        if type(schema) is not dict:
            return None
        kind = schema.get("type", "string" if "enum" in schema else None)
        if type(kind) is not str or self._left < 0 or depth > MAX_DEPTH:
            return None
        known = _KEYWORDS.get(kind)
        if known is None or not schema.keys() <= known or not _are_remarks(schema):
            return None
        match kind:
            case "object":
                return self._of_object(schema, depth)
            case "array":
                return self._of_array(schema, depth)
            case "integer" | "number":
                return _of_bounds(schema)
            case "string" if "enum" in schema:
                return None if "minLength" in schema or "maxLength" in schema else self._of_words(schema["enum"])
            case "string":
                return _of_length(schema)
            case _:
                return _SHORTEST[kind]

    def _of_array(self, schema: dict[str, Any], depth: int) -> int | None:
        item = self._need(schema["items"], depth + 1) if "items" in schema else None
        least, most = schema.get("minItems", 0), schema.get("maxItems", MAX_ITEMS)
        if (item is None and "items" in schema) or not type(least) is type(most) is int:
            return None
        if not 0 <= least <= most <= MAX_ITEMS or (least and item is None):
            return None
        return 2 + least * (item or 0) + self._comma * max(0, least - 1)

    def _of_object(self, schema: dict[str, Any], depth: int) -> int | None:
        properties, required = schema.get("properties", {}), schema.get("required", [])
        if type(schema.get("additionalProperties", False)) is not bool or type(properties) is not dict:
            return None
        needs: dict[str, int] = {}
        for name, value in properties.items():
            need = self._need(value, depth + 1)
            if need is None or type(name) is not str or not _is_plain(name):
                return None
            needs[name] = len(name) + 2 + self._colon + need
        if type(required) is not list or not all(type(name) is str and name in needs for name in required):
            return None
        given = set(required)
        return 2 + sum(needs[name] for name in given) + self._comma * max(0, len(given) - 1)

    def _of_words(self, words: Any) -> int | None:
        if type(words) is not list or not words or not all(type(word) is str and _is_plain(word) for word in words):
            return None
        self._left -= len(words)
        return min(map(len, words)) + 2 if self._left >= 0 else None


def _are_remarks(schema: dict[str, Any]) -> bool:
    """Whether annotations have the form that metaschemas demand."""
    texts = type(schema.get("description", "")) is type(schema.get("title", "")) is str
    return texts and type(schema.get("examples", [])) is list


def _of_bounds(schema: dict[str, Any]) -> int | None:
    """The digits of the integer within the bounds that is nearest to 0, if no other spelling of a number is shorter."""
    least, most = schema.get("minimum", -_MAX_NUMBER), schema.get("maximum", _MAX_NUMBER)
    if not type(least) is type(most) is int or not -_MAX_NUMBER <= least <= most <= _MAX_NUMBER:
        return None
    nearest = max(least, min(most, 0))
    return len(str(nearest)) if abs(nearest) < 1000 else None


def _of_length(schema: dict[str, Any]) -> int | None:
    least, most = schema.get("minLength", 0), schema.get("maxLength", MAX_LENGTH)
    return 2 + least if type(least) is type(most) is int and 0 <= least <= most and least <= MAX_LENGTH else None


def _is_plain(text: str) -> bool:
    """Whether its JSON is the text itself, in quotes."""
    return text.isascii() and text.isprintable() and '"' not in text and "\\" not in text
