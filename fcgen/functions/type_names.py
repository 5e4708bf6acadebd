"""Type names as people write them -> JSON Schema's seven, recursively, at schema positions only.

BFCL's files, and what is pasted from Python, Java and JavaScript, say `dict`, `float`, `tuple`, `HashMap`, `List[str]`.
Each has one meaning here, capitals aside; `any` means that the schema says nothing about the type. Values (`enum`,
`const`, `default`, `examples`) and the names of properties are data, not types, and stay as they are. A name that is
not in the table is refused rather than guessed. Everything else about a schema is the compiler's business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fcgen.errors import excerpt
from fcgen.functions.problems import Problems
from fcgen.functions.type_texts import CONTAINERS, read_type_text, union_of
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
_ALSO = (*sorted(_TYPES.keys() - _SPELLINGS.keys()), *CONTAINERS)
_ALLOWED = f"{', '.join(_SPELLINGS)}, any; also {', '.join(_ALSO)}"

_SCHEMA_OF = frozenset(
    {"items", "additionalItems", "unevaluatedItems", "contains", "contentSchema"}
    | {"additionalProperties", "unevaluatedProperties", "propertyNames", "not", "if", "then", "else"}
)
_LIST_OF = frozenset({"prefixItems", "allOf", "anyOf", "oneOf"})
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"})


# Keywords whose value is an object or a list.
HOLDING = (_SCHEMA_OF | _LIST_OF | _NAMED | {"type", "enum", "const", "default", "example", "examples", "required"}) | {
    "dependentRequired",
    "discriminator",
    "$vocabulary",
}

# Fields of the schema classes of SDKs, which dump those that are not set as null.
_BOUNDS = {f"{bound}{what}" for bound in ("min", "max") for what in ("imum", "Length", "Items", "Properties")}
_ABSENT_IF_NULL = _BOUNDS | {
    "title", "description", "format", "pattern", "enum", "anyOf", "properties", "required", "additionalProperties",
}  # fmt: skip

Change = Callable[[dict[str, Any], Place, Problems], dict[str, Any]]


def spell_types(schema: object, pointer: Place, problems: Problems, change: Change | None = None) -> Any:
    """`schema` with JSON Schema's names for its types; what is no schema, or no type, is added to the problems.

    A field that SDKs write as null where it is absent is left out.
    `change` translates each schema in it before its types and parts are read, from a dialect into JSON Schema.
    """
    if isinstance(schema, bool):
        return schema
    if not isinstance(schema, dict):
        problems.add(f"a schema must be an object or a boolean, found {describe(schema)}", pointer)
        return True
    given = {keyword: value for keyword, value in schema.items() if value is not None or keyword not in _ABSENT_IF_NULL}
    read = given if change is None else change(given, pointer, problems)
    types = _types(read["type"], (pointer, "type"), problems) if "type" in read else {}
    spelled: dict[str, Any] = {}
    for keyword, value in read.items():
        inside = (pointer, keyword)
        if keyword == "type":
            spelled |= types
            continue
        spelled[keyword] = _spell(keyword, value, inside, problems, change)
        if keyword in types and spelled[keyword] != types[keyword]:
            found = f"type {excerpt(read['type'])} and {keyword!r} both say what it holds"
            problems.add(found, inside, hint="Keep one of the two.")
    return spelled


def _spell(keyword: str, value: object, pointer: Place, problems: Problems, change: Change | None) -> Any:
    """The value of one keyword, with the schemas inside it spelled."""
    if keyword in _LIST_OF or (keyword == "items" and isinstance(value, list)):
        return _spell_list(keyword, value, pointer, problems, change)
    if keyword in _NAMED:
        return _spell_named(keyword, value, pointer, problems, change)
    return spell_types(value, pointer, problems, change) if keyword in _SCHEMA_OF else value


def _spell_list(keyword: str, value: object, pointer: Place, problems: Problems, change: Change | None) -> list[Any]:
    if not isinstance(value, list):
        problems.add(f"{keyword!r} must be a list of schemas, found {describe(value)}", pointer)
        return []
    return [spell_types(item, (pointer, i), problems, change) for i, item in enumerate(value)]


def _spell_named(
    keyword: str, value: object, pointer: Place, problems: Problems, change: Change | None
) -> dict[str, Any]:
    if not isinstance(value, dict):
        problems.add(f"{keyword!r} must be an object of schemas, found {describe(value)}", pointer)
        return {}
    names_only = keyword == "dependencies"  # a list there names properties
    return {
        name: item if names_only and isinstance(item, list) else spell_types(item, (pointer, name), problems, change)
        for name, item in value.items()
    }


def _types(value: object, pointer: Place, problems: Problems) -> dict[str, Any]:
    """What `type` says, in keywords; none where any type will do."""
    if not isinstance(value, list):
        return _type(value, pointer, problems)
    if not value:
        problems.add(f"an empty list of types. Allowed: {_ALLOWED}", pointer)
        return {}
    kinds = [_type(name, (pointer, i), problems) for i, name in enumerate(value)]
    if len(kinds) == 1 and kinds[0].keys() == {"type"}:
        return {"type": [kinds[0]["type"]]}
    return union_of(kinds)


def _type(value: object, pointer: Place, problems: Problems) -> dict[str, Any]:
    if not isinstance(value, str):
        problems.add(f"a type must be a name, found {describe(value)}. Allowed: {_ALLOWED}", pointer)
        return {}
    found = {"type": value} if value in _SPELLINGS else _named(value)
    if found is None:
        found = read_type_text(value, _named)
    if found is None:
        problems.add(f"unknown type {excerpt(value)}. Allowed: {_ALLOWED}", pointer)
    return found or {}


def _named(name: str) -> dict[str, Any] | None:
    """The schema of one type by its name; None: there is no such name."""
    if name.lower() == _ANY:
        return {}
    spelled = _TYPES.get(name.lower())
    return None if spelled is None else {"type": spelled}
