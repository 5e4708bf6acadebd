"""The one table of keywords: what fcgen does with each keyword of JSON Schema.

Keyword -> enforced | annotation | refused (and why). The reader, `fcgen check` and the README's table read it, so that
they cannot disagree. A keyword that asserts something is enforced or refused, never dropped. A name that no draft knows
is an annotation, as the specification says; the reader notes it, and likewise a keyword of another draft than the one
that `$schema` names. Without `$schema`, the spellings of older drafts are read too.

`x-verbatim` is fcgen's own: where a document is given, it asserts that a string is a substring of it.

A keyword concerns values of one kind, or of any kind: where a schema's `type` leaves that kind out, it asserts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from fcgen.schema.drafts import Draft

Status = Literal["enforced", "annotation", "refused"]
Kind = Literal["any", "null", "boolean", "number", "string", "array", "object"]

_FIRST, _LAST = Draft.D4, Draft.D2020


@dataclass(frozen=True, slots=True)
class Keyword:
    """What becomes of one keyword.

    Attributes:
        name: the keyword.
        status: whether it is enforced, changes nothing, or is refused.
        kind: the kind of values that it says something about.
        since, until: the drafts that have it.
        why: for a refused one, what is in the way; for an annotation, what its writer should know.
        hint: what to write instead.
    """

    name: str
    status: Status
    kind: Kind = "any"
    since: Draft = _FIRST
    until: Draft = _LAST
    why: str = ""
    hint: str | None = None

    def is_in(self, draft: Draft) -> bool:
        """Whether the draft has this keyword."""
        return self.since <= draft <= self.until


_KINDS: Mapping[Kind, str] = {
    "any": "type enum const allOf anyOf oneOf not if then else $ref $dynamicRef $recursiveRef discriminator nullable",
    "number": "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf",
    "string": "minLength maxLength pattern format x-verbatim",
    "array": "items prefixItems additionalItems unevaluatedItems minItems maxItems uniqueItems contains minContains "
    "maxContains",
    "object": "properties patternProperties additionalProperties unevaluatedProperties propertyNames required "
    "minProperties maxProperties dependentRequired dependentSchemas dependencies",
}
_SINCE: Mapping[Draft, str] = {
    Draft.D6: "const contains propertyNames examples $id",
    Draft.D7: "if then else $comment readOnly writeOnly contentMediaType contentEncoding",
    Draft.D2019: "$recursiveRef $recursiveAnchor $defs $anchor $vocabulary dependentRequired dependentSchemas "
    "minContains maxContains unevaluatedItems unevaluatedProperties deprecated contentSchema",
    Draft.D2020: "$dynamicRef $dynamicAnchor prefixItems",
}
_UNTIL: Mapping[Draft, str] = {
    Draft.D4: "id",
    Draft.D2019: "additionalItems $recursiveRef $recursiveAnchor",
}
_ANNOTATIONS = (
    "title description default example examples $comment deprecated readOnly writeOnly $schema $id id $anchor "
    "$dynamicAnchor $recursiveAnchor $vocabulary $defs definitions contentMediaType contentEncoding contentSchema"
)
_DRAFT_3 = {"divisibleBy": "multipleOf", "disallow": "not", "extends": "allOf"}


def _drafts(name: str) -> tuple[Draft, Draft]:
    since = next((draft for draft, names in _SINCE.items() if name in names.split()), _FIRST)
    return since, next((draft for draft, names in _UNTIL.items() if name in names.split()), _LAST)


def _keywords() -> Iterable[Keyword]:
    for kind, names in _KINDS.items():
        for name in names.split():
            yield Keyword(name, "enforced", kind, *_drafts(name))
    for name in _ANNOTATIONS.split():
        yield Keyword(name, "annotation", "any", *_drafts(name))
    for name, instead in _DRAFT_3.items():
        yield Keyword(name, "refused", why="is of draft 3, which fcgen does not read", hint=f"Use `{instead}`.")
    for name in ("formatMinimum", "formatMaximum", "formatExclusiveMinimum", "formatExclusiveMaximum"):
        why = "is of a draft that was never published"
        yield Keyword(name, "refused", "string", why=why, hint="Use `pattern`.")


KEYWORDS: Mapping[str, Keyword] = {keyword.name: keyword for keyword in _keywords()}
