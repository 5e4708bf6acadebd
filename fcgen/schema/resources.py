"""Document -> Resources: the schemas in it that have a URI of their own, and the anchors within each of them.

One walk over a document, down those keywords that hold schemas. A value of `const` or `enum` that looks like a schema
is none, and what is malformed holds none: the reader says so where it is read. The first of two equal names counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urljoin

from fcgen.place import Place
from fcgen.schema.drafts import Draft, own_name

MAX_URI = 4000
RECURSIVE = ""
"""The name under which a resource with `$recursiveAnchor` has itself among its anchors."""

_SCHEMA = {
    "additionalItems", "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not",
    "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
}  # fmt: skip
_SCHEMAS = {"allOf", "anyOf", "items", "oneOf", "prefixItems"}
_NAMED_SCHEMAS = {"$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"}


class Anchor(NamedTuple):
    """A named part of a resource; `dynamic`: a `$dynamicRef` may lead from it to one of the same name further out."""

    contents: Any
    place: Place
    dynamic: bool


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """A schema with a URI. The root of a document is always one: its URI is "" where it has no other.

    Attributes:
        uri: what references within it are resolved against.
        contents: the schema.
        draft: the draft it is written in.
        place: where it stands; for a document from elsewhere, the reference that led to it first.
        anchors: its parts by their names, its own embedded resources left out.
        dynamic: the names of its dynamic anchors.
    """

    uri: str
    contents: Any
    draft: Draft
    place: Place
    anchors: dict[str, Anchor] = field(default_factory=dict)
    dynamic: list[str] = field(default_factory=list)

    def name(self, name: str, anchor: Anchor) -> None:
        """Give a part a name, unless another part has it."""
        if name not in self.anchors:
            self.anchors[name] = anchor
            if anchor.dynamic:
                self.dynamic.append(name)


def join(base: str, ref: str) -> tuple[str, str] | None:
    """A reference resolved against a base (RFC 3986, 5): URI and fragment; None where it is no URI, or too long."""
    name, _, fragment = ref.partition("#")
    if not name:
        return base, fragment
    try:
        return (urljoin(base, name), fragment) if len(base) + len(name) <= MAX_URI else None
    except ValueError:
        return None


def named(schema: Any, base: str, draft: Draft, place: Place) -> Resource | None:
    """The resource that `schema` makes itself by its name; None where that is an anchor within `base`, or ignored."""
    name = own_name(schema, draft) if isinstance(schema, dict) else None
    if not isinstance(name, str) or (draft <= Draft.D7 and "$ref" in schema):
        return None
    joined = join(base, name)
    return Resource(joined[0], schema, draft, place) if joined and joined[0] != base else None


def resources_in(root: Resource, draft_of: Callable[[Any, Draft], Draft]) -> Iterator[Resource]:
    """`root` and the resources embedded in it, in the order of the text; all have their anchors when all are taken.

    `draft_of` tells the draft of a schema from that of the schema around it.
    """
    yield root
    seen: set[int] = set()
    ahead: list[tuple[Any, Place, Resource, Draft]] = [(root.contents, root.place, root, root.draft)]
    while ahead:
        schema, place, within, draft = ahead.pop()
        if not isinstance(schema, dict) or id(schema) in seen:
            continue
        seen.add(id(schema))
        draft = draft_of(schema, draft)
        own = None if schema is root.contents else named(schema, within.uri, draft, place)
        if own is not None:
            yield own
            within = own
        for name, dynamic in _anchors(schema, draft, is_root=schema is within.contents):
            within.name(name, Anchor(schema, place, dynamic))
        ahead += [(part, at, within, draft) for part, at in reversed(list(_parts(schema, place)))]


def _anchors(schema: dict[str, Any], draft: Draft, *, is_root: bool) -> Iterator[tuple[str, bool]]:
    """The names that `schema` has as a part of its resource, and whether each is dynamic."""
    name = own_name(schema, draft)
    fragment = name.partition("#")[2] if isinstance(name, str) else ""
    anchor = schema.get("$anchor") if draft >= Draft.D2019 else None
    dynamic = schema.get("$dynamicAnchor") if draft is Draft.D2020 else None
    for given, is_dynamic in ((dynamic, True), (anchor, False), (fragment, False)):
        if isinstance(given, str) and given:
            yield given, is_dynamic
    if is_root and draft is Draft.D2019 and schema.get("$recursiveAnchor") is True:
        yield RECURSIVE, True


def _parts(schema: dict[str, Any], place: Place) -> Iterator[tuple[Any, Place]]:
    """The schemas right below `schema`, as far as it is well-formed."""
    for keyword, value in schema.items():
        within: Place = (place, keyword)
        if isinstance(value, dict) and keyword in _SCHEMA:
            yield value, within
        elif isinstance(value, dict) and keyword in _NAMED_SCHEMAS:
            yield from ((part, (within, name)) for name, part in value.items())
        elif isinstance(value, list) and keyword in _SCHEMAS:
            yield from ((part, (within, i)) for i, part in enumerate(value))
