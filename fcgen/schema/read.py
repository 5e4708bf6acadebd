"""JSON Schema -> Shape.

A schema is a conjunction: what its `type` and the keywords about each kind of value say (`parts.py`), and what the
schemas say that it refers to. Each becomes a Shape, and the schema means their meet; `not`, `oneOf` and `if` then leave
out of it what they rule out. A `$ref` becomes a Ref to a definition that is read later, so that cycles are no trouble
and depth never adds up.

Every keyword is looked up in the one table (`keywords.py`). All mistakes are collected, then raised at once.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

from fcgen.errors import FcgenError, OutOfSteps, SchemaError, Unsatisfiable, UnsupportedKeyword, excerpt, raise_all
from fcgen.place import Place, pointer
from fcgen.schema.algebra import exclude, forget, meet, union
from fcgen.schema.conditional import conditional
from fcgen.schema.cycles import check_references
from fcgen.schema.definitions import Definitions, check_cycles, resolve
from fcgen.schema.document import Document
from fcgen.schema.drafts import Draft
from fcgen.schema.form import flaws_of_form
from fcgen.schema.formats import ANNOTATIONS, format_pattern
from fcgen.schema.keywords import KEYWORDS, Keyword, Status
from fcgen.schema.number_sets import divides_inexactly
from fcgen.schema.one_of import exactly_one, named_apart, names_of
from fcgen.schema.parts import dependents, kinds_of, listed, malformed, read_kinds
from fcgen.schema.plain import PlainNeeds
from fcgen.schema.refs import Base, Documents, Target
from fcgen.schema.response_format import check_is_schema
from fcgen.schema.shape import ANYTHING, Anything, Never, Ref, Shape, Values
from fcgen.schema.unevaluated import is_needed, read_unevaluated
from fcgen.schema.values import flaw, key_of

if TYPE_CHECKING:
    from referencing import Registry

MAX_ERRORS = 100
MAX_VALUES = 1_000_000
MAX_DEPTH = 80
_APPLICATORS = frozenset(["$ref", "$dynamicRef", "$recursiveRef", "enum", "const", "allOf", "anyOf"])
_DEPENDENT = frozenset(["dependentRequired", "dependentSchemas", "dependencies"])
_REMARKS = frozenset(
    name for name, keyword in KEYWORDS.items() if keyword.status == "annotation" and name[0] != "$" and name != "id"
)
_LAST = ("not", "oneOf", "if")
_INEXACT = (
    "multiples are those of the decimals that are written; the jsonschema library, which divides floats, takes some of "
    "them for none"
)


@dataclass(frozen=True, slots=True)
class Note:
    """A remark on a keyword: it changes nothing though its writer may have meant something by it, or readers differ."""

    place: Place
    keyword: str
    why: str

    def __str__(self) -> str:
        return f"at {pointer((self.place, self.keyword))}: {self.why}"


def read_schema(
    schema: Any,
    *,
    function: str | None = None,
    registry: Registry[Any] | None = None,
    nullable: bool = False,
    document: Document | None = None,
) -> Shape:
    """What a JSON Schema means.

    Args:
        schema: the schema, as `json.loads` would give it.
        function: the name of the function whose parameters it describes, for messages.
        registry: documents that its references may name; nothing is fetched.
        nullable: read `nullable: true` beside a `type` as OpenAPI 3.0 means it: null is allowed too.
        document: what strings with `x-verbatim` are substrings of.

    Raises:
        SchemaError: the schema is malformed, or over a limit.
        UnsupportedKeyword: a keyword is not enforced, or cannot be where it stands.
        UnresolvedRef: a `$ref` leads nowhere.
        Unsatisfiable: no value can be valid.
        PatternError, GrammarTooLarge: a pattern cannot be read.
        ManyErrors: several of these.
    """
    return Reader(schema, function=function, registry=registry, nullable=nullable, document=document).read_all()


class Reader:
    """One reading of one schema: `notes` are complete when `read_all` has returned, `uses` too if nothing is read late.

    Args:
        needs: of plain schemas, which are read when they are asked for. None: all is read at once.
        is_one: whether it is known that no part of the schema has a name of its own.
        is_acyclic: whether it is known that no reference leads back through `not`, `oneOf`, `if` or dependents.

    Attributes:
        notes: keywords that assert nothing, though their writer may have meant something by them, or about which
            validators differ.
        uses: the keywords that were met, each with what became of it.
    """

    def __init__(
        self,
        schema: Any,
        *,
        function: str | None = None,
        registry: Registry[Any] | None = None,
        nullable: bool = False,
        document: Document | None = None,
        needs: PlainNeeds | None = None,
        is_one: bool = False,
        is_acyclic: bool = False,
    ) -> None:
        self.notes: list[Note] = []
        self.uses: set[tuple[str, Status]] = set()
        self.definitions = Definitions()
        self._schema = schema
        self._function = function
        self._nullable = nullable
        self._document = document
        self._needs = needs
        self._errors: dict[str, FcgenError] = {}
        self._unasserted: frozenset[str] = frozenset()
        self._known: dict[tuple[bytes, int], tuple[Shape, Base]] = {}  # with the base, so that its identity lasts
        self._depth = 0
        self._is_acyclic = is_acyclic
        self._documents = Documents(schema, registry, is_one=is_one)

    @property
    def draft(self) -> Draft:
        """The draft that the schema is of."""
        return self._documents.root.draft

    def read_all(self) -> Shape:
        """The shape of the whole schema, all definitions that it needs included."""
        if isinstance(self._schema, dict):
            check_is_schema(self._schema)
            if not self._is_acyclic:
                self.attempt(lambda: check_references(self._schema, self._documents))
                raise_all(list(self._errors.values()))  # what is circular is not read
            self.attempt(self._read_metaschema)
        target = Target(self._schema, self._documents.root, None)
        root = self._defined(target)
        for key in self.definitions.keys:
            self.attempt(lambda key=key: self.definitions[key])  # type: ignore[misc]
        self._check_form()
        if not self._errors:
            self.attempt(lambda: check_cycles(self.definitions))
        forget()
        raise_all(list(self._errors.values()))
        shape = resolve(root)
        if type(shape) is Never:
            raise Unsatisfiable(
                f"no value can be valid: {shape.reason}", function=self._function, pointer=pointer(shape.place)
            )
        return shape

    def _read_metaschema(self) -> None:
        if self._documents.is_read_as_newest(self._schema):
            self.note(None, "$schema", "it names no draft that is known: the schema is read as of 2020-12")
        self._unasserted = self._documents.unasserted(self._schema, self._documents.root, None)

    def _check_form(self) -> None:
        """Report the mistakes of form that reading has not met."""
        documents = self._documents
        is_declared = (
            isinstance(self._schema, dict)
            and "$schema" in self._schema
            and not documents.is_read_as_newest(self._schema)
        )
        is_known = self._needs.is_known if self._needs is not None else None
        flaws = flaws_of_form(
            self._schema, self.draft, is_declared=is_declared, ignored=self._unasserted, is_known=is_known
        )
        for error in flaws:
            if not any(f"{known.pointer}/".startswith(f"{error.pointer}/") for known in self._errors.values()):
                self.report(error)

    def attempt(self, act: Callable[[], Any]) -> None:
        """Act, and collect the mistake that it raises."""
        try:
            act()
        except OutOfSteps:
            raise
        except FcgenError as error:
            self.report(error)

    def read_plain(self) -> Shape:
        """The shape of a schema that is known to be plain."""
        return resolve(self.read(self._schema, None, self._documents.root))

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
                raise _no_schema(schema, pointer(place))
            return self._read_once(schema, place, base)
        except OutOfSteps as error:
            error.pointer = pointer(place) if error.pointer is None else error.pointer
            raise
        except FcgenError as error:
            self.report(error)
            return ANYTHING
        finally:
            self._depth -= 1

    def _read_once(self, schema: dict[str, Any], place: Place, base: Base) -> Shape:
        """The shape of a schema, which is that of an equal one that was read before without a remark on it."""
        content = _content(schema)
        if content is None or b"uniqueItems" in content:  # of each array whose items must differ there may be a note
            return self._conjunction(schema, place, base)
        known = self._known.get((content, id(base)))
        if known is None:
            remarks = len(self.notes), len(self._errors)
            shape = self._conjunction(schema, place, base)
            if remarks == (len(self.notes), len(self._errors)) and type(shape) is not Never:
                self._known[content, id(base)] = shape, base
            return shape
        for name in schema.keys() & _REMARKS:
            self._count(name, "annotation")
        return known[0]

    def read_late(self, schema: Any, place: Place, base: Base) -> Shape:
        """The same; of a plain object or array, a definition that is only read when it is asked for."""
        is_worth_it = type(schema) is dict and schema.get("type") in ("object", "array")
        need = self._plain_need(schema) if is_worth_it else None
        if need is None:
            return self.read(schema, place, base)
        return self.definitions.define_plain(schema, lambda: self.read(schema, place, base), place, need)

    def _plain_need(self, schema: Any) -> int | None:
        """The fewest bytes of a text of a plain schema, which may be read late; None: it is to be read at once."""
        if self._needs is None or self._unasserted or self._depth > MAX_DEPTH // 2:
            return None
        return self._needs.of(schema)

    def _conjunction(self, schema: dict[str, Any], place: Place, base: Base) -> Shape:
        base = self.entered(schema, place, base)
        if "$ref" in schema and base.draft < Draft.D2019:
            return self._lone_ref(schema, place, base)
        kinds = kinds_of(schema, place)
        if self._nullable and schema.get("nullable") is True and "type" in schema:
            kinds |= {"null"}
        if is_needed(schema, base.draft):
            self._look_up(schema, kinds, base.draft, place)
            cases = partial(read_unevaluated, self, schema, place, base)
            return self.definitions.define(
                ("cases", id(schema), base), cases, place
            )  # what it refers to may lead back to it
        return self.finished(self.own(schema, kinds, place, base), schema, place, base)

    def entered(self, schema: dict[str, Any], place: Place, base: Base) -> Base:
        """The base of the references in `schema`, which may name itself or its draft."""
        return self._documents.enter(base, schema, place)

    def own(self, schema: dict[str, Any], kinds: frozenset[str], place: Place, base: Base) -> Shape:
        """What the schema says by itself, and the schemas that must all hold with it."""
        draft = base.draft
        shapes: list[Shape] = []
        own = None  # where to put what the schema itself says: this decides the order of properties
        for name, keyword in self._look_up(schema, kinds, draft, place):
            if name in _APPLICATORS:
                shapes.append(self._applied(name, schema, place, base))
            elif name in _DEPENDENT and "object" in kinds:
                shapes.append(dependents(schema, name, place, partial(self.read, base=base)))
            elif name == "properties" or (own is None and (keyword.kind != "any" or name == "type")):
                own = len(shapes) if name == "properties" else 0
        if own is not None:
            read = partial(self.read, base=base)
            later = partial(self.read_late, base=base)
            shapes.insert(own, read_kinds(schema, kinds, draft, place, read, later, document=self._document))
        return reduce(meet, shapes) if shapes else Anything(place)

    def finished(self, shape: Shape, schema: dict[str, Any], place: Place, base: Base) -> Shape:
        """`shape` without what `not`, `oneOf` and `if` rule out."""
        for name in _LAST:
            if name not in schema or not KEYWORDS[name].is_in(base.draft):
                continue
            if name == "not":
                shape = exclude(shape, self.read(schema["not"], (place, "not"), base))
            elif name == "oneOf":
                shape = self._one_of(shape, schema, place, base)
            else:
                shape = self._either(shape, schema, place, base)
        return shape

    def _look_up(
        self, schema: dict[str, Any], kinds: frozenset[str], draft: Draft, place: Place
    ) -> list[tuple[str, Keyword]]:
        """The keywords that assert something here; the others are noted or reported."""
        found = []
        for name, given in schema.items():
            keyword = KEYWORDS.get(name)
            if keyword is None:
                self._unknown(name, place)
                continue
            is_met = keyword.kind == "any" or keyword.kind in kinds
            if keyword.status == "enforced" and not self._asserts(keyword, schema, draft, place):
                self._count(name, "annotation")
                continue
            self._count(name, keyword.status if is_met else "annotation")
            if keyword.status == "enforced":
                found.append((name, keyword))
                if name == "multipleOf" and divides_inexactly(given):
                    self.note(place, name, _INEXACT)
            elif keyword.status == "refused" and is_met:
                where = pointer((place, name))
                self.report(
                    UnsupportedKeyword(f"`{name}` {keyword.why}", pointer=where, keyword=name, hint=keyword.hint)
                )
            elif keyword.why:
                self.note(place, name, keyword.why)
        return found

    def _asserts(self, keyword: Keyword, schema: dict[str, Any], draft: Draft, place: Place) -> bool:
        """Whether a keyword has its meaning here; a note says why, where its writer may think that it has."""
        name = keyword.name
        given = schema[name]
        why = ""
        if name in self._unasserted:
            why = "the vocabularies of the metaschema that `$schema` names do not assert it"
        elif not keyword.is_in(draft) and not _is_older_spelling(name, schema):
            why = f"the draft of this schema ({draft.name[1:]}) has no such keyword, and it asserts nothing"
        elif name == "nullable" and not self._nullable:
            why = "JSON Schema gives `nullable` no meaning: null is not allowed by it"
        elif name == "format" and isinstance(given, str) and format_pattern(given) is None:
            if given in ANNOTATIONS:
                return False
            why = f"the format {excerpt(given)} is not known, and asserts nothing"
        elif name == "x-verbatim":
            if not isinstance(given, bool):
                raise malformed(schema, name, "true or false", place)
            if self._document is None and given:
                why = "no document is given, and it asserts nothing"
        elif name == "discriminator" and schema.keys().isdisjoint(("oneOf", "anyOf")):
            why = "without `oneOf` or `anyOf` beside it, it asserts nothing"
        elif name in ("then", "else") and "if" not in schema:
            why = "without `if` it asserts nothing"
        elif name in ("minContains", "maxContains") and "contains" not in schema:
            why = "without `contains` it asserts nothing"
        elif name == "additionalItems" and not isinstance(schema.get("items"), list):
            why = "without an array of `items` it asserts nothing"
        if why:
            self.note(place, name, why)
        return not why

    def _unknown(self, name: Any, place: Place) -> None:
        if type(name) is not str:
            raise SchemaError(f"a keyword must be a string, found {excerpt(name)}", pointer=pointer(place))
        self.note(place, name, "no draft of JSON Schema has this keyword, and it asserts nothing")
        self._count(name, "annotation")

    def _count(self, name: str, status: Status) -> None:
        self.uses.add((name, status))

    def _applied(self, name: str, schema: dict[str, Any], place: Place, base: Base) -> Shape:
        match name:
            case "const":
                return _values([schema["const"]], "const", place)
            case "enum":
                return _listed(schema, place)
            case "allOf":
                return reduce(meet, self.branches(schema, "allOf", place, base))
            case "anyOf":
                branches = self.branches(schema, "anyOf", place, base)
                return union(self._naming(schema, "anyOf", place)(branches), (place, "anyOf"))
            case _:
                return self._referred(self.target(name, schema, place, base))

    def target(self, keyword: str, schema: dict[str, Any], place: Place, base: Base) -> Target:
        """What the reference `keyword` of the schema leads to."""
        ref = schema[keyword]
        if not isinstance(ref, str):
            raise malformed(schema, keyword, "a URI reference as a string", place)
        if keyword == "$recursiveRef" and ref != "#":
            raise malformed(schema, keyword, '"#"', place)
        return self._documents.follow(keyword, ref, base, place)

    def _defined(self, target: Target) -> Ref:
        contents, base, place = target
        return self.definitions.define(self._documents.key(target), lambda: self.read(contents, place, base), place)

    def _referred(self, target: Target) -> Ref:
        """What a reference leads to; if that is plain, it is only read when it is asked for."""
        contents, base, place = target
        need = self._plain_need(contents)
        if need is None:
            return self._defined(target)
        return self.definitions.define_plain(contents, lambda: self.read(contents, place, base), place, need)

    def _lone_ref(self, schema: dict[str, Any], place: Place, base: Base) -> Shape:
        for name in schema:
            keyword = KEYWORDS.get(name)
            if name != "$ref" and (keyword is None or keyword.status != "annotation"):
                self.note(place, name, "beside `$ref` it asserts nothing in the draft that `$schema` names")
        self._count("$ref", "enforced")
        return self._referred(self.target("$ref", schema, place, base))

    def _one_of(self, shape: Shape, schema: dict[str, Any], place: Place, base: Base) -> Shape:
        """`shape` and exactly one of the branches. Where they refer to others, that is settled when those are read."""
        branches = self.branches(schema, "oneOf", place, base)
        narrow = self._naming(schema, "oneOf", place)
        within = (place, "oneOf")
        if any(type(branch) is Ref for branch in (shape, *branches)):
            return self.definitions.define(object(), lambda: exactly_one(shape, branches, within, narrow), within)
        return exactly_one(shape, branches, within, narrow)

    def _either(self, shape: Shape, schema: dict[str, Any], place: Place, base: Base) -> Shape:
        """`if`: what is of it must be of `then`, everything else of `else`."""
        then, other = (
            self.read(schema[name], (place, name), base) if name in schema else ANYTHING for name in ("then", "else")
        )
        test = self.read(schema["if"], (place, "if"), base)
        if "then" not in schema and "else" not in schema:
            return shape
        return conditional(shape, test, then, other, place)

    def _naming(self, schema: dict[str, Any], keyword: str, place: Place) -> Callable[[Sequence[Shape]], list[Shape]]:
        """What `discriminator` makes of the branches of `anyOf` or `oneOf`: each says by a name that it is meant."""
        given = schema.get("discriminator")
        if "discriminator" not in schema:
            return list
        if not isinstance(given, dict) or not isinstance(given.get("propertyName"), str):
            raise malformed(schema, "discriminator", "an object with a `propertyName`", place)
        refs = [one.get("$ref") if isinstance(one, dict) else None for one in schema[keyword]]
        names = names_of(given, [ref if isinstance(ref, str) else None for ref in refs])
        within = (place, "discriminator")
        return partial(named_apart, names=names, name=given["propertyName"], place=within)

    def branches(self, schema: dict[str, Any], keyword: str, place: Place, base: Base) -> list[Shape]:
        """The shapes of the schemas under `keyword`."""
        within = (place, keyword)
        return [self.read(branch, (within, i), base) for i, branch in enumerate(listed(schema, keyword, place))]


def _content(schema: dict[str, Any]) -> bytes | None:
    """What a schema holds but for remarks: equal for equal schemas. None: that is not known."""
    try:
        return marshal.dumps({name: given for name, given in schema.items() if name not in _REMARKS}, 2)
    except ValueError:
        return None


def _no_schema(found: object, where: str) -> SchemaError:
    """What to say of something that is no schema."""
    hint = None
    if isinstance(found, type):
        hint = "Of a class, use Grammar.from_output_type, or the schema that it has (model_json_schema of Pydantic)."
    elif isinstance(found, str) and (not where or found.lstrip().startswith("{")):
        hint = "Of a text, give what json.loads reads it as."
    return SchemaError(f"a schema must be an object or a boolean, found {excerpt(found)}", pointer=where, hint=hint)


def _is_older_spelling(name: str, schema: dict[str, Any]) -> bool:
    """Keywords of older drafts that are read in the newest one as well, where nothing else has taken their place."""
    return name == "additionalItems" and isinstance(schema.get("items"), list)


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
