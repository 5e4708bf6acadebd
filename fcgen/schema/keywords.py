"""The one table of keywords: what fcgen does with each keyword of JSON Schema, and with each format.

Keyword -> enforced | annotation | refused (and why). The reader, `fcgen check` and the README's table read it, so that
they cannot disagree. A keyword that asserts something is enforced or refused, never dropped. A name that no draft knows
is an annotation, as the specification says; the reader notes it.

A keyword concerns values of one kind, or of any kind: where a schema's `type` leaves that kind out, a refused keyword
asserts nothing and is let pass. Likewise where its value asserts nothing (`vacuous`), such as `uniqueItems: false`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["enforced", "annotation", "refused"]
Kind = Literal["any", "null", "boolean", "number", "string", "array", "object"]


Test = Callable[[Any, Mapping[str, Any]], bool]


def _never(_value: Any, _schema: Mapping[str, Any]) -> bool:
    return False


def _always(_value: Any, _schema: Mapping[str, Any]) -> bool:
    return True


def _is_empty(value: Any, _schema: Mapping[str, Any]) -> bool:
    return value is True or value == {}


def _has_none(value: Any, _schema: Mapping[str, Any]) -> bool:
    return bool(value == {})


def _is_false(value: Any, _schema: Mapping[str, Any]) -> bool:
    return value is False


def _without_if(value: Any, schema: Mapping[str, Any]) -> bool:
    return "if" not in schema or _is_empty(value, schema)


def _at_most_one(value: Any, schema: Mapping[str, Any]) -> bool:
    return value is False or schema.get("maxItems") in (0, 1)


def _are_required(value: Any, schema: Mapping[str, Any]) -> bool:
    required = schema.get("required")
    return value == 0 or (isinstance(value, int) and isinstance(required, list) and len(set(required)) >= value)


def _are_declared(value: Any, schema: Mapping[str, Any]) -> bool:
    declared, closed = schema.get("properties", {}), schema.get("additionalProperties") is False
    return closed and isinstance(value, int) and isinstance(declared, dict) and len(declared) <= value


@dataclass(frozen=True, slots=True)
class Keyword:
    """What becomes of one keyword.

    Attributes:
        name: the keyword.
        status: whether it is enforced, changes nothing, or is refused.
        kind: the kind of values that it says something about.
        why: for a refused one, what is in the way; for an annotation, what its writer should know.
        hint: what to write instead.
        vacuous: tells, from its value and the schema around it, where a refused keyword asserts nothing.
    """

    name: str
    status: Status
    kind: Kind = "any"
    why: str = ""
    hint: str | None = None
    vacuous: Test = _never


def _enforced() -> Iterable[Keyword]:
    for kind, names in {
        "any": "type enum const anyOf allOf oneOf $ref discriminator",
        "number": "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf",
        "string": "minLength maxLength pattern format",
        "array": "items prefixItems additionalItems minItems maxItems",
        "object": "properties required additionalProperties",
    }.items():
        for name in names.split():
            yield Keyword(name, "enforced", kind)  # type: ignore[arg-type]


def _annotations() -> Iterable[Keyword]:
    silent = (
        "title description default example examples $comment deprecated readOnly writeOnly $schema $id id $anchor "
        "$dynamicAnchor $recursiveAnchor $vocabulary $defs definitions contentMediaType contentEncoding contentSchema"
    )
    for name in silent.split():
        yield Keyword(name, "annotation")
    yield Keyword("nullable", "annotation", why="JSON Schema gives `nullable` no meaning: null is not allowed by it")


def _refused() -> Iterable[Keyword]:
    cases, unbuilt = "Write the cases as `anyOf`.", "is not enforced yet"
    for name, kind, hint, vacuous in (
        ("not", "any", "State what is allowed instead.", _is_false),
        ("if", "any", None, _always),  # it asserts something only through `then` and `else`
        ("then", "any", cases, _without_if),
        ("else", "any", cases, _without_if),
        ("contains", "array", "Describe all items with `items`, or the first ones with `prefixItems`.", _never),
        ("minContains", "array", None, _always),  # it asserts something only through `contains`
        ("maxContains", "array", None, _always),
        ("uniqueItems", "array", "Leave it out, and remove what is double from the reply.", _at_most_one),
        ("unevaluatedItems", "array", "Use `items`.", _is_empty),
        ("unevaluatedProperties", "object", "Use `additionalProperties`.", _is_empty),
        ("patternProperties", "object", "Use `additionalProperties`.", _has_none),
        ("propertyNames", "object", "Declare the names with `properties`.", _is_empty),
        ("minProperties", "object", "Use `required`.", _are_required),
        ("maxProperties", "object", "Use `properties` with `additionalProperties: false`.", _are_declared),
        ("dependentRequired", "object", cases, _has_none),
        ("dependentSchemas", "object", cases, _has_none),
        ("dependencies", "object", cases, _has_none),
        ("$dynamicRef", "any", "Use `$ref`.", _never),
        ("$recursiveRef", "any", "Use `$ref`.", _never),
    ):
        yield Keyword(name, "refused", kind, unbuilt, hint, vacuous)  # type: ignore[arg-type]
    for name, instead in {"divisibleBy": "multipleOf", "disallow": "not", "extends": "allOf"}.items():
        yield Keyword(name, "refused", why="is of draft 3, which fcgen does not read", hint=f"Use `{instead}`.")
    for name in ("formatMinimum", "formatMaximum", "formatExclusiveMinimum", "formatExclusiveMaximum"):
        yield Keyword(name, "refused", "string", "is of a draft that was never published", "Use `pattern`.")


KEYWORDS: Mapping[str, Keyword] = {
    keyword.name: keyword for group in (_enforced(), _annotations(), _refused()) for keyword in group
}

REFUSED_FORMATS = frozenset(
    [
        "color", "duration", "hostname", "idn-email", "idn-hostname", "ipv6", "iri", "iri-reference", "json-pointer",
        "regex", "relative-json-pointer", "uri-reference", "uri-template",
    ]
)  # fmt: skip
"""Formats that the jsonschema library checks and that fcgen does not enforce. What neither knows is an annotation."""
