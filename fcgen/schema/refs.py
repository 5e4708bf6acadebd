"""Where a `$ref` leads: the part of a document, the base for further references in it, and its place.

A pointer into the schema itself is followed directly. Everything else ($id, $anchor, other documents) is the business
of the `referencing` library, over the documents of the caller's registry, or else the metaschemas; nothing is fetched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from fcgen.errors import UnresolvedRef, excerpt
from fcgen.schema.place import Place, place_of, pointer

if TYPE_CHECKING:
    from referencing import Registry, Resource
    from referencing._core import Resolver

    Base = Resolver[Any] | None


class Target(NamedTuple):
    """What a reference leads to, the base of the references in it (None: the schema's own), and where it is."""

    contents: Any
    base: Base
    place: Place


class Documents:
    """A schema, and the documents that its references reach."""

    def __init__(self, schema: Any, registry: Registry[Any] | None = None) -> None:
        self._schema = schema
        self._registry = registry
        self._root: Resolver[Any] | None = None

    def find(self, ref: str, base: Base, place: Place) -> Target:
        """What `ref`, which stands at `place`, leads to. Raises UnresolvedRef."""
        if base is None and (ref == "#" or ref.startswith("#/")):
            found = self._within(ref, place)
            if found is not None:
                return found
        return self._look_up(ref, base, place)

    def enter(self, base: Base, schema: dict[str, Any], place: Place) -> Base:
        """The base of the references in `schema`, which names itself by `$id` (or `id`). Raises UnresolvedRef."""
        from referencing.jsonschema import DRAFT202012

        try:
            root = self._resolver()
            own = DRAFT202012.detect(self._schema).create_resource(schema)
            return (base or root).in_subresource(own)
        except (AttributeError, TypeError, ValueError):
            raise UnresolvedRef("the schema's `$id` is no URI", pointer=pointer(place), keyword="$id") from None

    def _within(self, ref: str, place: Place) -> Target | None:
        """Follow a pointer into the schema; None where it passes a part with a base of its own."""
        here = self._schema
        keys = (
            [key.replace("~1", "/").replace("~0", "~") for key in unquote(ref[2:]).split("/")] if len(ref) > 1 else []
        )
        for i, key in enumerate(keys):
            if i and isinstance(here, dict) and ("$id" in here or "id" in here):
                return None
            try:
                here = here[int(key)] if isinstance(here, list) else here[key]
            except (LookupError, TypeError, ValueError):
                raise _nowhere(
                    ref, place, f"{pointer(place_of(keys[:i])) or 'the root'} has no {excerpt(key)}"
                ) from None
        return (
            None
            if keys and isinstance(here, dict) and ("$id" in here or "id" in here)
            else Target(here, None, place_of(keys))
        )

    def _look_up(self, ref: str, base: Base, place: Place) -> Target:
        from referencing.exceptions import Unresolvable

        try:
            found = (base or self._resolver()).lookup(ref)
        except Unresolvable:
            raise _nowhere(ref, place, "no such document or part is known") from None
        except (AttributeError, LookupError, TypeError, ValueError) as error:  # of documents that are no schemas
            raise _nowhere(ref, place, f"the document cannot be searched: {error}") from None
        return Target(found.contents, found.resolver, (place, "$ref"))

    def _resolver(self) -> Resolver[Any]:
        if self._root is None:
            self._root = _registry(self._registry).resolver_with_root(_resource(self._schema))
        return self._root


def _registry(given: Registry[Any] | None) -> Registry[Any]:
    if given is not None:
        return given
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]

    metaschemas: Registry[Any] = REGISTRY
    return metaschemas


def _resource(schema: Any) -> Resource[Any]:
    from referencing.jsonschema import DRAFT202012

    return DRAFT202012.detect(schema).create_resource(schema)


def _nowhere(ref: str, place: Place, why: str) -> UnresolvedRef:
    return UnresolvedRef(
        f"`$ref` {excerpt(ref)} leads nowhere: {why}",
        pointer=pointer((place, "$ref")),
        keyword="$ref",
        hint=None if ref.startswith("#") else "Documents are not fetched: put it into the schema, or pass a registry.",
    )
