"""Where in a document the strings of a value stand that its schema takes from there (`x-verbatim`).

A string is one of those if any schema that is about it says so: those that `properties`, `items` and their like lead
to, through `$ref` and the branches of `allOf`, `anyOf`, `oneOf`, `then` and `else`. Which of these branches the value
is valid by is not asked; a string that is not in the document has no place there, and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fcgen.place import Place, pointer
from fcgen.schema import Document
from fcgen.schema.drafts import Draft
from fcgen.schema.refs import Base, Documents
from fcgen.schema.shape import String
from fcgen.schema.string_sets import is_string_of

if TYPE_CHECKING:
    from referencing import Registry

_LISTS = ("allOf", "anyOf", "oneOf")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


def find_spans(
    value: Any, schema: Any, document: str, *, whitespace: str = "exact", registry: Registry[Any] | None = None
) -> dict[str, tuple[int, int]]:
    """Where the verbatim strings of a value stand, by JSON pointer: the first character, and the one after the last.

    Of several places of a string it is the first where it neither begins nor ends within a word, or else the first.

    Args:
        value: a JSON value that is valid by the schema.
        schema: the JSON Schema.
        document: the text.
        whitespace: "exact", or "normalized" where each run of whitespace counted as one space. Then the characters from
            the first to the last are the string once their runs are one space each.
        registry: documents that references may name.

    Raises:
        SchemaError: a reference of the schema leads nowhere.
        DocumentError: the document is no string.
        OptionError: there is no such `whitespace`.
    """
    text = Document(document, whitespace)
    strings = _verbatim_strings(value, schema, Documents(schema, registry))
    places = ((pointer(place), text.find(string)) for place, string in strings)
    return {name: place for name, place in places if place is not None}


def _verbatim_strings(value: Any, root: Any, documents: Documents) -> Iterator[tuple[Place, str]]:
    seen: set[tuple[int, str]] = set()
    ahead: list[tuple[Any, Place, Any, Base]] = [(value, None, root, documents.root)]
    for part, at, schema, base in ahead:
        key = (id(schema), pointer(at))
        if not isinstance(schema, dict) or key in seen:
            continue
        seen.add(key)
        inside = documents.enter(base, schema, None)
        only_ref = "$ref" in schema and inside.draft < Draft.D2019
        for name in _REFERENCES:
            if isinstance(schema.get(name), str):
                contents, there, _ = _target(name, schema[name], inside, documents)
                ahead.append((part, at, contents, there))
        if only_ref:
            continue
        if isinstance(part, str) and schema.get("x-verbatim") is True:
            yield at, part
        ahead += [(part, at, branch, inside) for branch in _branches(schema)]
        ahead += [(inner, (at, name), one, inside) for name, inner, one in _children(part, schema)]


def _target(name: str, ref: str, base: Base, documents: Documents) -> tuple[Any, Base, Place]:
    match name:
        case "$dynamicRef":
            return documents.find_dynamic(ref, base, None)
        case "$recursiveRef":
            return documents.find_recursive(base, None)
        case _:
            return documents.find(ref, base, None)


def _branches(schema: dict[str, Any]) -> Iterator[Any]:
    """The schemas that may be about the same value."""
    for name in _LISTS:
        yield from schema[name] if isinstance(schema.get(name), list) else ()
    yield from (schema[name] for name in ("then", "else") if name in schema)
    dependent = schema.get("dependentSchemas")
    yield from dependent.values() if isinstance(dependent, dict) else ()


def _children(value: Any, schema: dict[str, Any]) -> Iterator[tuple[str | int, Any, Any]]:
    """The members and items of a value, each with the schemas that are about it."""
    if isinstance(value, dict):
        named, patterns = (schema.get(name) or {} for name in ("properties", "patternProperties"))
        for name, inner in value.items():
            found = [named[name]] if name in named else []
            found += [one for pattern, one in patterns.items() if is_string_of(String((pattern,)), name)]
            yield from ((name, inner, one) for one in found or [schema.get("additionalProperties")])
            yield name, inner, schema.get("unevaluatedProperties")
    elif isinstance(value, list):
        items = schema.get("items")
        first = items if isinstance(items, list) else schema.get("prefixItems") or []
        rest = schema.get("additionalItems") if isinstance(items, list) else items
        for i, inner in enumerate(value):
            yield i, inner, first[i] if i < len(first) else rest
            yield from ((i, inner, schema.get(name)) for name in ("contains", "unevaluatedItems"))
