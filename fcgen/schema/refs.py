"""Where a reference leads: the part of a document, what further references in it are resolved against, and its place.

The documents are the schema itself and, by their URIs, those of the caller's registry and the metaschemas; nothing is
fetched. Each document is split into its resources (`resources.py`); a reference names a resource by a URI, and a part
of it by a pointer or by an anchor. Pointers are followed anywhere, also to where no schema is expected.

A dynamic reference leads to the outermost of the resources passed on the way that has an anchor of that name. So a Base
keeps, of the dynamic scope, just the outermost resource per name: ways that differ in nothing else are the same.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from urllib.parse import unquote

from fcgen.errors import SchemaError, UnresolvedRef, excerpt
from fcgen.place import Place, pointer
from fcgen.schema.drafts import Draft, draft_of, own_metaschema, own_name, unasserted
from fcgen.schema.resources import MAX_URI, RECURSIVE, Anchor, Resource, join, named, resources_in

if TYPE_CHECKING:
    import referencing
    from referencing import Registry

_NAMING = frozenset(["$id", "id", "$schema"])
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")

MAX_SCOPES = 1000
"""How many dynamic scopes one schema may have, and names in each: its definitions are read once per scope."""

Scope: TypeAlias = "tuple[tuple[str, Resource], ...]"
"""The outermost of the resources passed on the way per name of a dynamic anchor, sorted by name."""


@dataclass(frozen=True, slots=True)
class Base:
    """What the references in a schema are resolved against, and the draft it is read by.

    Attributes:
        resource: the resource that the schema is part of.
        draft: the draft of the schema.
        scope: the dynamic scope.
    """

    resource: Resource
    draft: Draft
    scope: Scope = ()


class Target(NamedTuple):
    """What a reference leads to, the base of the references in it, and where it is."""

    contents: Any
    base: Base
    place: Place


class Documents:
    """A schema, and the documents that its references reach.

    Args:
        schema: the schema.
        registry: documents that its references may name.
        default: the draft of a schema that names none.
        is_one: whether it is known that no part of the schema has a name of its own.

    Attributes:
        root: the base of the schema itself.
    """

    def __init__(
        self,
        schema: Any,
        registry: Registry[Any] | None = None,
        default: Draft = Draft.D2020,
        *,
        is_one: bool = False,
    ) -> None:
        self._registry = registry
        self._found: dict[str, referencing.Resource[Any] | None] = {}
        self._by_uri: dict[str, Resource] = {}
        self._by_contents: dict[int, Resource] = {}  # the documents are kept, so identities last
        self._scopes: set[Scope] = set()
        self._is_one = is_one
        root = self._add(schema, "", default, None)
        self._is_one = False  # others may be
        self.root = Base(root, root.draft, _outermost((), root))

    def enter(self, base: Base, schema: dict[str, Any], place: Place) -> Base:
        """The base of `schema` itself, which may have `$schema`, or a name: `$id`, or `id` in draft 4.

        `base` is that of the schema around; entering again what a reference led to changes nothing.

        Raises:
            UnresolvedRef: the name is no URI reference.
            SchemaError: `$schema` is draft 3, or there are too many dynamic scopes.
        """
        if schema.keys().isdisjoint(_NAMING):
            return base
        draft = draft_of(schema, self._draft(schema, base.draft), place)
        name = own_name(schema, draft)
        if not (name is None or (isinstance(name, str) and join(base.resource.uri, name))):
            keyword = "id" if draft is Draft.D4 else "$id"
            raise UnresolvedRef(
                f"`{keyword}` must be a URI reference, found {excerpt(name)}",
                pointer=pointer((place, keyword)),
                keyword=keyword,
                hint=f"Correct it, or leave `{keyword}` out.",
            )
        known = self._by_contents.get(id(schema))
        if known is None:  # it stands where no keyword expects a schema
            known = named(schema, base.resource.uri, draft, place)
            if known is not None:
                self._split(known)
        return self._pass(base, known or base.resource, draft, place)

    def follow(self, keyword: str, ref: str, base: Base, place: Place) -> Target:
        """What the reference `keyword` of the schema at `place` leads to. Raises as `find`."""
        match keyword:
            case "$dynamicRef":
                return self.find_dynamic(ref, base, place)
            case "$recursiveRef":
                return self.find_recursive(base, place)
            case _:
                return self.find(ref, base, place)

    def find(self, ref: str, base: Base, place: Place) -> Target:
        """What the `$ref` of the schema at `place` leads to. Raises as `enter`, and UnresolvedRef."""
        resource, part = self._part(ref, base, (place, "$ref"))
        return self._target(base, resource, part)

    def find_dynamic(self, ref: str, base: Base, place: Place) -> Target:
        """What a `$dynamicRef` leads to (2020-12 core, 8.2.3.2). Raises as `find`."""
        resource, part = self._part(ref, base, (place, "$dynamicRef"))
        if part.dynamic:
            name = unquote(ref.partition("#")[2])
            resource = dict(base.scope).get(name, resource)
            part = resource.anchors[name]
        return self._target(base, resource, part)

    def find_recursive(self, base: Base, place: Place) -> Target:
        """What a `$recursiveRef`, which is always "#", leads to (2019-09 core, 8.2.4.2). Raises as `find`."""
        resource, part = self._part("#", base, (place, "$recursiveRef"))
        if RECURSIVE in resource.anchors:
            resource = dict(base.scope).get(RECURSIVE, resource)
            part = resource.anchors[RECURSIVE]
        return self._target(base, resource, part)

    def key(self, target: Target) -> Hashable:
        """Two targets of one key mean the same."""
        return id(target.contents), target.base

    def is_read_as_newest(self, schema: dict[str, Any]) -> bool:
        """Whether `$schema` names neither a draft nor a document of the registry's, which would say what it means."""
        return "$schema" in schema and draft_of(schema, Draft.D2020) is Draft.D2020 and not self._is_known(schema)

    def unasserted(self, schema: dict[str, Any], base: Base, place: Place) -> frozenset[str]:
        """The keywords that a schema with a metaschema of the registry's does not assert; see `drafts.unasserted`."""
        return unasserted(self._metaschema(schema), base.draft, place)

    def _target(self, base: Base, resource: Resource, part: Anchor) -> Target:
        return Target(part.contents, self._pass(base, resource, resource.draft, part.place), part.place)

    def _pass(self, base: Base, resource: Resource, draft: Draft, place: Place) -> Base:
        """The base after stepping from `base` into `resource`."""
        scope = base.scope if resource is base.resource else _outermost(base.scope, resource)
        self._scopes.add(scope)
        given = max(len(scope), len(self._scopes))
        if given > MAX_SCOPES:
            raise SchemaError("too many dynamic scopes", pointer=pointer(place), limit=MAX_SCOPES, given=given)
        return Base(resource, draft, scope)

    def _part(self, ref: str, base: Base, at: Place) -> tuple[Resource, Anchor]:
        """The part that `ref`, which stands at `at`, names before anything dynamic is considered."""
        uri, fragment = join(base.resource.uri, ref) or (None, "")
        if uri is None:
            raise _nowhere(
                ref,
                at,
                f"it is no URI reference of up to {MAX_URI} characters",
                "Correct it: '#/...' leads into the schema itself.",
            )
        resource = base.resource if ref == "" or ref[0] == "#" else self._resource(uri, base.draft, at)
        if resource is None:
            why = "no such document is known" if uri == ref.partition("#")[0] else f"no {excerpt(uri)} is known"
            hint = "Documents are not fetched: put it into the schema, or pass a registry."
            if ref[0] == "/" and "#" not in ref:
                hint = f"A pointer into the schema itself begins with '#': {excerpt('#' + ref)}. {hint}"
            raise _nowhere(ref, at, why, hint)
        fragment = unquote(fragment)
        if fragment == "":
            return resource, Anchor(resource.contents, resource.place, dynamic=False)
        if fragment[0] == "/":
            return self._follow(fragment, resource, ref, at)
        if fragment not in resource.anchors:
            known = _some(name for name in resource.anchors if name != RECURSIVE)
            hint = f"The anchors there: {known}." if known else "Give that part an `$anchor`, or point to it: '#/...'."
            raise _nowhere(ref, at, f"no anchor {excerpt(fragment)} is there", hint)
        return resource, resource.anchors[fragment]

    def _follow(self, path: str, resource: Resource, ref: str, at: Place) -> tuple[Resource, Anchor]:
        """The part that a JSON pointer (RFC 6901) leads to, and the innermost resource around it."""
        here, place = resource.contents, resource.place
        for key in path[1:].split("/"):
            name = key.replace("~1", "/").replace("~0", "~")
            found = _child(here, name)
            if not found:
                has = f"{pointer(place) or 'the root'} has no {excerpt(name)}"
                raise _nowhere(ref, at, has, _listing(here))
            here, place = found[0], (place, name)
            resource = self._by_contents.get(id(here), resource)
        return resource, Anchor(here, place, dynamic=False)

    def _resource(self, uri: str, draft: Draft, at: Place) -> Resource | None:
        if uri not in self._by_uri:
            document = self._document(uri)
            if document is not None:
                self._by_uri[uri] = self._add(document.contents, uri, _draft_given(document, draft), at)
        return self._by_uri.get(uri)

    def _add(self, contents: Any, uri: str, default: Draft, place: Place) -> Resource:
        """Know a document, and what is embedded in it, by their URIs; `uri` is the one it was found by."""
        draft = self._draft(contents, default)
        name = own_name(contents, draft) if isinstance(contents, dict) else None
        has_it = isinstance(name, str) and uri.endswith("/" + name.lstrip("/"))  # as embedded resources have it
        own = None if has_it else named(contents, uri, draft, place)
        root = own or Resource(uri, contents, draft, place)
        for resource in self._split(root):
            self._by_uri.setdefault(resource.uri, resource)
        return root

    def _split(self, root: Resource) -> list[Resource]:
        found = [root] if self._is_one else list(resources_in(root, self._draft))
        for resource in found:
            if isinstance(resource.contents, dict):  # booleans have no identity of their own
                self._by_contents.setdefault(id(resource.contents), resource)
        return found

    def _draft(self, schema: Any, default: Draft) -> Draft:
        """The draft of a schema, also by a metaschema of the registry's; `default` for draft 3."""
        try:
            return draft_of(schema, draft_of(self._metaschema(schema), default))
        except SchemaError:
            return default

    def _is_known(self, schema: dict[str, Any]) -> bool:
        return draft_of(schema, Draft.D4) is not Draft.D4 or self._metaschema(schema) is not None

    def _metaschema(self, schema: Any) -> Any:
        uri = own_metaschema(schema)
        document = self._document(uri.removesuffix("#")) if uri is not None and self._registry is not None else None
        return document.contents if document is not None else None

    def _document(self, uri: str) -> referencing.Resource[Any] | None:
        """The document that the registry has under a URI, or else a metaschema."""
        if uri not in self._found:
            found = _registered(self._crawled, uri) if self._registry is not None else None
            if found is None and "//json-schema.org/" in uri:
                from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]

                found = REGISTRY.get(uri)
            self._found[uri] = found
        return self._found[uri]

    @cached_property
    def _crawled(self) -> Registry[Any]:
        """The registry, with what is embedded in its documents; as it is, where they are no schemas."""
        assert self._registry is not None
        try:
            return self._registry.crawl()
        except (AttributeError, LookupError, TypeError, ValueError):
            return self._registry


def _outermost(scope: Scope, resource: Resource) -> Scope:
    """The scope within `resource`, where `scope` is that around it."""
    known = {name for name, _ in scope}
    new = [(name, resource) for name in resource.dynamic if name not in known]
    return tuple(sorted([*scope, *new], key=lambda pair: pair[0])) if new else scope


def _registered(registry: Registry[Any], uri: str) -> referencing.Resource[Any] | None:
    """What a registry has under a URI; None where nothing, or where its documents cannot be searched for it."""
    from referencing.exceptions import CannotDetermineSpecification
    from referencing.jsonschema import UnknownDialect

    try:
        return registry.get_or_retrieve(uri).value
    except (CannotDetermineSpecification, UnknownDialect, AttributeError, LookupError, TypeError, ValueError):
        return None


def _draft_given(document: referencing.Resource[Any], default: Draft) -> Draft:
    """The draft by whose specification the registry's owner added a document."""
    from referencing import jsonschema

    specifications = {
        Draft.D4: jsonschema.DRAFT4,
        Draft.D6: jsonschema.DRAFT6,
        Draft.D7: jsonschema.DRAFT7,
        Draft.D2019: jsonschema.DRAFT201909,
        Draft.D2020: jsonschema.DRAFT202012,
    }
    given = (draft for draft, spec in specifications.items() if document == spec.create_resource(document.contents))
    return next(given, default)


def _child(here: Any, name: str) -> list[Any]:
    """The part of `here` under a key of a pointer, in a list; an empty list where it has none."""
    if isinstance(here, list):
        return here[int(name) :][:1] if _INDEX.fullmatch(name) else []
    return [here[name]] if isinstance(here, dict) and name in here else []


def _listing(here: Any) -> str:
    if isinstance(here, list):
        return f"It has {len(here)} parts, from 0 on."
    return f"It has {_some(here)}." if isinstance(here, dict) and here else "It has no parts."


def _some(names: Iterable[Any]) -> str:
    """The first few names, quoted."""
    first = [excerpt(name, 40) for name in islice(names, 6)]
    return ", ".join([*first[:5], "..."] if len(first) > 5 else first)


def _nowhere(ref: str, at: Place, why: str, hint: str) -> UnresolvedRef:
    assert at is not None
    keyword = str(at[1])
    return UnresolvedRef(
        f"`{keyword}` {excerpt(ref)} leads nowhere: {why}", pointer=pointer(at), keyword=keyword, hint=hint
    )
