"""Type names as people write them -> JSON Schema's seven, recursively, at schema positions only.

BFCL's files, and what is pasted from Python, Java and JavaScript, say `dict`, `float`, `tuple`, `HashMap`. Each has one
meaning here, capitals aside; `any` means that the schema says nothing about the type. Values (`enum`, `const`,
`default`, `examples`) and the names of properties are data, not types, and stay as they are. A name that is not in the
table is refused rather than guessed. Everything else about a schema is the compiler's business.
"""

from __future__ import annotations

from typing import Any

from fcgen.errors import excerpt
from fcgen.functions.problems import Problems
from fcgen.functions.values import describe
from fcgen.place import Place

_SPELLINGS = {
    "array": ("arraylist", "list", "queue", "stack", "tuple"),
    "boolean": ("bool",),
    "integer": ("bigint", "byte", "int", "long", "short"),
    "null": (),
    "number": ("double", "float"),
    "object": ("dict", "hashmap", "hashtable", "map"),
    "string": ("char", "str"),
}
_ANY = "any"
_TYPES = {spelling: name for name, others in _SPELLINGS.items() for spelling in (name, *others)}
_ALLOWED = f"{', '.join(_SPELLINGS)}, any; also {', '.join(sorted(_TYPES.keys() - _SPELLINGS.keys()))}"

_SCHEMA_OF = frozenset(
    {"items", "additionalItems", "unevaluatedItems", "contains", "contentSchema"}
    | {"additionalProperties", "unevaluatedProperties", "propertyNames", "not", "if", "then", "else"}
)
_LIST_OF = frozenset({"prefixItems", "allOf", "anyOf", "oneOf"})
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"})


def spell_types(schema: object, pointer: Place, problems: Problems) -> Any:
    """`schema` with JSON Schema's names for its types; what is no schema, or no type, is added to the problems."""
    if isinstance(schema, bool):
        return schema
    if not isinstance(schema, dict):
        problems.add(f"a schema must be an object or a boolean, found {describe(schema)}", pointer)
        return True
    spelled = {}
    for keyword, value in schema.items():
        inside = (pointer, keyword)
        result = _type(value, inside, problems) if keyword == "type" else _spell(keyword, value, inside, problems)
        if keyword != "type" or result is not None:
            spelled[keyword] = result
    return spelled


def _spell(keyword: str, value: object, pointer: Place, problems: Problems) -> Any:
    """The value of one keyword, with the schemas inside it spelled."""
    if keyword in _LIST_OF or (keyword == "items" and isinstance(value, list)):
        return _spell_list(keyword, value, pointer, problems)
    if keyword in _NAMED:
        return _spell_named(keyword, value, pointer, problems)
    return spell_types(value, pointer, problems) if keyword in _SCHEMA_OF else value


def _spell_list(keyword: str, value: object, pointer: Place, problems: Problems) -> list[Any]:
    if not isinstance(value, list):
        problems.add(f"{keyword!r} must be a list of schemas, found {describe(value)}", pointer)
        return []
    return [spell_types(item, (pointer, i), problems) for i, item in enumerate(value)]


def _spell_named(keyword: str, value: object, pointer: Place, problems: Problems) -> dict[str, Any]:
    if not isinstance(value, dict):
        problems.add(f"{keyword!r} must be an object of schemas, found {describe(value)}", pointer)
        return {}
    names_only = keyword == "dependencies"  # a list there names properties
    return {
        name: item if names_only and isinstance(item, list) else spell_types(item, (pointer, name), problems)
        for name, item in value.items()
    }


def _type(value: object, pointer: Place, problems: Problems) -> str | list[str] | None:
    """The value of `type`; None where any type will do."""
    if not isinstance(value, list):
        return _type_name(value, pointer, problems)
    if not value:
        problems.add(f"an empty list of types. Allowed: {_ALLOWED}", pointer)
    names = [_type_name(name, (pointer, i), problems) for i, name in enumerate(value)]
    return None if None in names else [name for name in dict.fromkeys(names) if name is not None]


def _type_name(value: object, pointer: Place, problems: Problems) -> str | None:
    if not isinstance(value, str):
        problems.add(f"a type must be a name, found {describe(value)}. Allowed: {_ALLOWED}", pointer)
        return None
    if value.lower() not in _TYPES and value.lower() != _ANY:
        problems.add(f"unknown type {excerpt(value)}. Allowed: {_ALLOWED}", pointer)
    return _TYPES.get(value.lower())
