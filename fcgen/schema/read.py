"""JSON Schema -> Shape.

A schema is a conjunction: what its `type` and the keywords about each kind of value say (`parts.py`), and what the
schemas say that it refers to. Each becomes a Shape, and the schema means their meet. A `$ref` becomes a Ref to a
definition that is read later, so that cycles are no trouble and depth never adds up.

Every keyword is looked up in the one table (`keywords.py`). All mistakes are collected, then raised at once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

from fcgen.errors import FcgenError, SchemaError, Unsatisfiable, UnsupportedKeyword, excerpt, raise_all
from fcgen.schema.algebra import meet, union
from fcgen.schema.exclusive import check_discriminator, check_exclusive
from fcgen.schema.keywords import KEYWORDS, Keyword
from fcgen.schema.parts import kinds_of, malformed, read_kinds
from fcgen.schema.place import Place, pointer
from fcgen.schema.refs import Documents
from fcgen.schema.shape import ANYTHING, MAX_DEPTH, Anything, Definitions, Never, Shape, Values, check_cycles, resolve
from fcgen.schema.values import flaw, key_of

if TYPE_CHECKING:
    from referencing import Registry

    from fcgen.schema.refs import Base

MAX_ERRORS = 100
MAX_VALUES = 10_000
_APPLICATORS = frozenset(["$ref", "enum", "const", "allOf", "anyOf"])
_LEGACY = ("draft-04", "draft-06", "draft-07")


@dataclass(frozen=True, slots=True)
class Note:
    """A keyword that changes nothing, though its writer may have meant something by it."""

    place: Place
    keyword: str
    why: str

    def __str__(self) -> str:
        return f"at {pointer((self.place, self.keyword))}: {self.why}"


def read_schema(schema: Any, *, function: str | None = None, registry: Registry[Any] | None = None) -> Shape:
    """What a JSON Schema means.

    Args:
        schema: the schema, as `json.loads` would give it.
        function: the name of the function whose parameters it describes, for messages.
        registry: documents that its references may name; nothing is fetched.

    Raises:
        SchemaError: the schema is malformed, or over a limit.
        UnsupportedKeyword: a keyword is not enforced, or cannot be where it stands.
        UnresolvedRef: a `$ref` leads nowhere.
        Unsatisfiable: no value can be valid.
        PatternError, GrammarTooLarge: a pattern cannot be read.
        ManyErrors: several of these.
    """
    return Reader(schema, function=function, registry=registry).read_all()


class Reader:
    """One reading of one schema: `notes` is complete when `read_all` has returned."""

    def __init__(self, schema: Any, *, function: str | None, registry: Registry[Any] | None) -> None:
        self.notes: list[Note] = []
        self.definitions = Definitions()
        self._schema = schema
        self._function = function
        self._documents = Documents(schema, registry)
        self._errors: dict[str, FcgenError] = {}
        self._checks: list[Callable[[], None]] = []
        self._depth = 0
        self._siblings_count = not _is_legacy(schema)

    def read_all(self) -> Shape:
        """The shape of the whole schema, all definitions that it needs included."""
        if isinstance(self._schema, dict) and "draft-03" in str(self._schema.get("$schema")):
            raise SchemaError(
                "`$schema` is draft 3, which fcgen does not read",
                function=self._function,
                pointer="/$schema",
                keyword="$schema",
            )
        root = self.definitions.define(id(self._schema), lambda: self.read(self._schema, None, None), None)
        for key in self.definitions.keys:
            self.attempt(lambda key=key: self.definitions[key])  # type: ignore[misc]
        if not self._errors:
            self.attempt(lambda: check_cycles(self.definitions))
        for check in self._checks:
            self.attempt(check)
        raise_all(list(self._errors.values()))
        shape = resolve(root)
        if type(shape) is Never:
            raise Unsatisfiable(
                f"no value can be valid: {shape.reason}", function=self._function, pointer=pointer(shape.place)
            )
        return shape

    def attempt(self, act: Callable[[], Any]) -> None:
        """Act, and collect the mistake that it raises."""
        try:
            act()
        except FcgenError as error:
            self.report(error)

    def report(self, error: FcgenError) -> None:
        """Collect a mistake."""
        if len(self._errors) < MAX_ERRORS:
            error.function = self._function
            self._errors.setdefault(str(error), error)

    def note(self, place: Place, keyword: str, text: str) -> None:
        """Collect a remark on a keyword of the schema at `place`."""
        self.notes.append(Note(place, keyword, text))

    def read(self, schema: Any, place: Place, base: Base) -> Shape:
        """The shape of one schema; of a malformed one, which is reported, anything."""
        if schema is True:
            return Anything(place)
        if schema is False:
            return Never("`false` allows no value", place)
        if self._depth >= MAX_DEPTH:
            self.report(SchemaError("schemas are nested too deeply", pointer=pointer(place), limit=MAX_DEPTH))
            return ANYTHING
        self._depth += 1
        try:
            if not isinstance(schema, dict):
                raise SchemaError(
                    f"a schema must be an object or a boolean, found {excerpt(schema)}", pointer=pointer(place)
                )
            return self._conjunction(schema, place, base)
        except FcgenError as error:
            self.report(error)
            return ANYTHING
        finally:
            self._depth -= 1

    def _conjunction(self, schema: dict[str, Any], place: Place, base: Base) -> Shape:
        if place is not None and ("$id" in schema or "id" in schema):
            base = self._documents.enter(base, schema, place)
        if "$ref" in schema and not self._siblings_count:
            return self._lone_ref(schema, place, base)
        kinds = kinds_of(schema, place)
        shapes: list[Shape] = []
        own = None  # where to put what the schema itself says: this decides the order of properties
        for name in schema:
            keyword = KEYWORDS.get(name)
            if keyword is None or keyword.status != "enforced":
                self._unenforced(name, keyword, schema, kinds, place)
            elif name in _APPLICATORS:
                shapes.append(self._applied(name, schema, place, base))
            elif name == "properties" or (own is None and (keyword.kind != "any" or name == "type")):
                own = len(shapes) if name == "properties" else 0
            elif name == "discriminator" and not schema.keys() & {"oneOf", "anyOf"}:
                self._discriminate([], schema, place)
        if own is not None:
            shapes.insert(own, read_kinds(schema, kinds, place, partial(self.read, base=base), self.note))
        shape = reduce(meet, shapes) if shapes else Anything(place)
        return self._one_of(shape, schema, place, base) if "oneOf" in schema else shape

    def _applied(self, name: str, schema: dict[str, Any], place: Place, base: Base) -> Shape:
        match name:
            case "$ref":
                return self._ref(schema, place, base)
            case "const":
                return _values([schema["const"]], "const", place)
            case "enum":
                return _listed(schema, place)
            case "allOf":
                return reduce(meet, self._branches(schema, "allOf", place, base))
            case _:
                return self._any_of(schema, place, base)

    def _unenforced(
        self, name: Any, keyword: Keyword | None, schema: dict[str, Any], kinds: frozenset[str], place: Place
    ) -> None:
        if keyword is None and type(name) is not str:
            raise SchemaError(f"a keyword must be a string, found {excerpt(name)}", pointer=pointer(place))
        if keyword is None:
            self.note(place, name, "no draft of JSON Schema has this keyword, and it asserts nothing")
        elif keyword.status == "annotation":
            if keyword.why:
                self.note(place, name, keyword.why)
        elif (keyword.kind == "any" or keyword.kind in kinds) and not keyword.vacuous(schema[name], schema):
            self.report(
                UnsupportedKeyword(
                    f"`{name}` {keyword.why}", pointer=pointer((place, name)), keyword=name, hint=keyword.hint
                )
            )

    def _ref(self, schema: dict[str, Any], place: Place, base: Base) -> Shape:
        ref = schema["$ref"]
        if not isinstance(ref, str):
            raise malformed(schema, "$ref", "a URI reference as a string", place)
        contents, base, found = self._documents.find(ref, base, place)
        return self.definitions.define(id(contents), lambda: self.read(contents, found, base), found)

    def _lone_ref(self, schema: dict[str, Any], place: Place, base: Base) -> Shape:
        for name in schema:
            keyword = KEYWORDS.get(name)
            if name != "$ref" and (keyword is None or keyword.status != "annotation"):
                self.note(place, name, "beside `$ref` it asserts nothing in the draft that `$schema` names")
        return self._ref(schema, place, base)

    def _any_of(self, schema: dict[str, Any], place: Place, base: Base) -> Shape:
        branches = self._branches(schema, "anyOf", place, base)
        self._discriminate(branches, schema, place)
        return union(branches, (place, "anyOf"))

    def _one_of(self, shape: Shape, schema: dict[str, Any], place: Place, base: Base) -> Shape:
        """`shape` and exactly one of the branches, which together with `shape` must exclude each other."""
        branches = [meet(shape, branch) for branch in self._branches(schema, "oneOf", place, base)]
        self._checks.append(lambda: check_exclusive(branches, place))
        self._discriminate(branches, schema, place)
        return union(branches, (place, "oneOf"))

    def _discriminate(self, branches: list[Shape], schema: dict[str, Any], place: Place) -> None:
        """OpenAPI's `discriminator` asserts nothing where its property tells the branches apart anyway."""
        given = schema.get("discriminator", {"propertyName": ""})
        if not isinstance(given, dict) or not isinstance(given.get("propertyName"), str):
            raise malformed(schema, "discriminator", "an object with a `propertyName`", place)
        if "discriminator" in schema:
            self._checks.append(lambda: check_discriminator(branches, given["propertyName"], place))

    def _branches(self, schema: dict[str, Any], keyword: str, place: Place, base: Base) -> list[Shape]:
        schemas = schema[keyword]
        if not isinstance(schemas, list) or not schemas:
            raise malformed(schema, keyword, "an array of at least one schema", place)
        within = (place, keyword)
        return [self.read(branch, (within, i), base) for i, branch in enumerate(schemas)]


def _listed(schema: dict[str, Any], place: Place) -> Shape:
    values = schema["enum"]
    if not isinstance(values, list):
        raise malformed(schema, "enum", "an array of values", place)
    if len(values) > MAX_VALUES:
        where = pointer((place, "enum"))
        raise SchemaError("too many values", pointer=where, keyword="enum", limit=MAX_VALUES, given=len(values))
    return _values(values, "enum", place) if values else Never("`enum` lists no value", place)


def _values(values: list[Any], keyword: str, place: Place) -> Shape:
    for i, value in enumerate(values):
        wrong = None if type(value) is str and value.isascii() else flaw(value)
        if wrong is not None:
            where: Place = (place, keyword)
            raise SchemaError(
                f"`{keyword}` holds {wrong}",
                pointer=pointer((where, i) if keyword == "enum" else where),
                keyword=keyword,
            )
    first: dict[Hashable, Any] = {}
    for value in values:
        first.setdefault(key_of(value), value)
    return Values(first, (place, keyword))


def _is_legacy(schema: Any) -> bool:
    """Whether the schema names a draft in which the siblings of `$ref` assert nothing."""
    dialect = schema.get("$schema") if isinstance(schema, dict) else None
    return isinstance(dialect, str) and any(draft in dialect for draft in _LEGACY)
