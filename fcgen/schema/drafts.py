"""Which draft of JSON Schema a schema is of, what it names itself by there, and what its metaschema leaves out.

`$schema` names a draft, or a metaschema of somebody's own; where neither is known, the schema is of the draft that
holds around it. Limits: draft 3 is refused, and a metaschema is read for its `$vocabulary` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from fcgen.errors import SchemaError, UnsupportedKeyword, excerpt
from fcgen.place import Place, pointer


class Draft(IntEnum):
    """The drafts that are read, in the order of their appearance."""

    D4 = 4
    D6 = 6
    D7 = 7
    D2019 = 2019
    D2020 = 2020


_DRAFTS: Mapping[str, Draft | None] = {
    "json-schema.org/draft-03/schema": None,
    "json-schema.org/draft-04/schema": Draft.D4,
    "json-schema.org/draft-06/schema": Draft.D6,
    "json-schema.org/draft-07/schema": Draft.D7,
    "json-schema.org/draft/2019-09/schema": Draft.D2019,
    "json-schema.org/draft/2020-12/schema": Draft.D2020,
}

_VOCABULARIES: Mapping[str, str] = {
    "applicator": "allOf anyOf oneOf not if then else dependentSchemas prefixItems items additionalItems contains "
    "properties patternProperties additionalProperties propertyNames",
    "unevaluated": "unevaluatedItems unevaluatedProperties",
    "validation": "type enum const multipleOf maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength "
    "pattern maxItems minItems uniqueItems maxContains minContains maxProperties minProperties required "
    "dependentRequired",
}
_SILENT = {"core", "meta-data", "format", "format-annotation", "format-assertion", "content"}


def draft_of(schema: Any, default: Draft, place: Place = None) -> Draft:
    """The draft that `$schema` names; `default` where it names none that is known. Raises SchemaError for draft 3."""
    draft = _DRAFTS.get(_address(schema), default)
    if draft is None:
        where: Place = (place, "$schema")
        raise SchemaError("`$schema` is draft 3, which fcgen does not read", pointer=pointer(where), keyword="$schema")
    return draft


def own_metaschema(schema: Any) -> str | None:
    """The URI that `$schema` has, where it is not that of a draft."""
    given = schema.get("$schema") if isinstance(schema, dict) else None
    return given if isinstance(given, str) and _address(schema) not in _DRAFTS else None


def own_name(schema: Mapping[str, Any], draft: Draft) -> Any:
    """What the schema names itself by: `$id`, or `id` in draft 4. None where it has no name."""
    return schema.get("id" if draft is Draft.D4 else "$id")


def unasserted(metaschema: Any, draft: Draft, place: Place = None) -> frozenset[str]:
    """The keywords that assert nothing since `$vocabulary` of the metaschema lacks them (2020-12 core, 8.1.2).

    Raises UnsupportedKeyword for a required vocabulary that is not known: `place` is that of the schema.
    """
    given = metaschema.get("$vocabulary") if isinstance(metaschema, dict) else None
    if draft < Draft.D2019 or not isinstance(given, dict):
        return frozenset()
    known = {name for uri in given if (name := _vocabulary(uri, draft)) is not None}
    for uri, needed in given.items():
        if needed is True and _vocabulary(uri, draft) is None:
            where: Place = (place, "$schema")
            raise UnsupportedKeyword(
                f"the metaschema requires the vocabulary {excerpt(uri)}, which fcgen does not know",
                pointer=pointer(where),
                keyword="$schema",
            )
    if draft is Draft.D2019 and "applicator" in known:
        known.add("unevaluated")
    return frozenset(word for name, words in _VOCABULARIES.items() if name not in known for word in words.split())


def _address(schema: Any) -> str:
    given = schema.get("$schema") if isinstance(schema, dict) else None
    if not isinstance(given, str) or len(given) > 100:
        return ""
    return given.removeprefix("http://").removeprefix("https://").removesuffix("#")


def _vocabulary(uri: Any, draft: Draft) -> str | None:
    """The name of a vocabulary of the draft; None for anybody else's."""
    year = "2019-09" if draft is Draft.D2019 else "2020-12"
    head = f"https://json-schema.org/draft/{year}/vocab/"
    name = uri.removeprefix(head) if isinstance(uri, str) and uri.startswith(head) else None
    return name if name in _VOCABULARIES or name in _SILENT else None
