"""Gemini's schemas -> JSON Schema: a dialect of OpenAPI 3.0 in which `nullable: true` allows null.

Its types are in capitals (`type_names.py` reads them as they are), its counts may be strings of digits (as protocol
buffers write 64-bit integers), its keywords in Python have underscores, and `propertyOrdering` says in which order the
properties are written. `TYPE_UNSPECIFIED` is any type.
"""

from __future__ import annotations

from typing import Any

from fcgen.functions.problems import Problems
from fcgen.functions.values import describe
from fcgen.place import Place

_COUNTS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
_SPELLINGS = {
    "additional_properties": "additionalProperties",
    "any_of": "anyOf",
    "defs": "$defs",
    "max_items": "maxItems",
    "max_length": "maxLength",
    "max_properties": "maxProperties",
    "min_items": "minItems",
    "min_length": "minLength",
    "min_properties": "minProperties",
    "prefix_items": "prefixItems",
    "property_ordering": "propertyOrdering",
    "ref": "$ref",
    "type_": "type",
}
_ANY_TYPE = "TYPE_UNSPECIFIED"


def is_openapi(schema: object) -> bool:
    """Whether a schema of arguments is of this dialect, by the capitals of its type."""
    return isinstance(schema, dict) and (schema.get("type") == "OBJECT" or "type_" in schema)


def from_openapi(schema: dict[str, Any], pointer: Place, problems: Problems) -> dict[str, Any]:
    """The keywords of one schema, its parts as they are, as JSON Schema has them."""
    read: dict[str, Any] = {}
    for keyword, value in schema.items():
        name = _SPELLINGS.get(keyword, keyword)
        if name in read or (name != keyword and name in schema):
            problems.add(f"{keyword!r} and {name!r} are the same keyword", (pointer, keyword), hint="Keep one.")
        read[name] = int(value) if name in _COUNTS and _is_count(value) else value
    if read.get("type") == _ANY_TYPE:
        del read["type"]
    order = read.pop("propertyOrdering", None)
    if order is not None and isinstance(read.get("properties"), dict):
        read["properties"] = _ordered(read["properties"], order, (pointer, "propertyOrdering"), problems)
    return with_null(read, pointer, problems)


def with_null(schema: dict[str, Any], pointer: Place, problems: Problems) -> dict[str, Any]:
    """A schema without `nullable`; where that was true, null is allowed."""
    nullable = schema.get("nullable")
    rest = {keyword: value for keyword, value in schema.items() if keyword != "nullable"}
    if nullable is not None and not isinstance(nullable, bool):
        problems.add(f"'nullable' must be true or false, found {describe(nullable)}", (pointer, "nullable"))
    if nullable is not True:
        return rest
    said: dict[str, Any] = {key: rest.pop(key) for key in ("title", "description", "default", "example") if key in rest}
    if isinstance(rest.get("type"), str) and rest.keys().isdisjoint(
        {"enum", "const", "anyOf", "oneOf", "allOf", "$ref"}
    ):
        return {**said, **rest, "type": [rest["type"], "null"]}
    return {**said, "anyOf": [rest, {"type": "null"}]} if rest else said


def _is_count(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20


def _ordered(properties: dict[str, Any], order: object, pointer: Place, problems: Problems) -> dict[str, Any]:
    """The properties in the order that is listed, then the others."""
    if not isinstance(order, list):
        problems.add(f"'propertyOrdering' must be a list of names, found {describe(order)}", pointer)
        return properties
    for i, name in enumerate(order):
        if not isinstance(name, str) or name not in properties:
            problems.add(f"'propertyOrdering' lists {describe(name)}, which is no property", (pointer, i))
    first = [name for name in order if isinstance(name, str) and name in properties]
    return {name: properties[name] for name in (*first, *properties)}
