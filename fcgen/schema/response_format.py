"""The `response_format` of the OpenAI API holds a schema and is none.

JSON Schema takes its keys for annotations, so that as a schema it would allow any value: it is refused.
"""

from __future__ import annotations

from typing import Any

from fcgen.errors import SchemaError
from fcgen.schema.keywords import KEYWORDS

_HELD_AT = ("/json_schema/schema", "/json_schema", "/schema")


def check_is_schema(schema: dict[str, Any]) -> None:
    """Raise a SchemaError if `schema` says nothing about values but holds the schema that does."""
    if schema.get("type") != "json_schema" and any(_asserts(key) for key in schema):
        return
    for place in _HELD_AT:
        held: Any = schema
        for key in place[1:].split("/"):
            held = held.get(key) if isinstance(held, dict) else None
        if isinstance(held, dict):
            found = "this holds a schema, and is none: it would allow any value"
            raise SchemaError(found, pointer="", hint=f"Pass what is at {place}.")


def _asserts(key: str) -> bool:
    return key in KEYWORDS and KEYWORDS[key].status != "annotation"
