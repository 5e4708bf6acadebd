"""JSON Schema -> Expr, in one go: read, lower, and see that some text is left.

What was compiled last is kept, by the content of the schema; but not what depends on a document, which is another one
each time.
"""

from __future__ import annotations

import json
import marshal
import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from fcgen.core import provide
from fcgen.errors import (
    FcgenError,
    GrammarTooLarge,
    ManyErrors,
    SchemaError,
    Unsatisfiable,
    UnsupportedKeyword,
    excerpt,
)
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.terms import Contents, Expr
from fcgen.grammar.work import MAX_STEPS, bounded
from fcgen.place import existing, pointer
from fcgen.schema.costs import locate
from fcgen.schema.definitions import resolve
from fcgen.schema.document import Document
from fcgen.schema.drafts import Draft
from fcgen.schema.keywords import Status
from fcgen.schema.lower import lower, plain_contents
from fcgen.schema.lowering import children_of
from fcgen.schema.object_sets import value_of
from fcgen.schema.one_spelling import notes_on_numbers
from fcgen.schema.plain import PlainNeeds
from fcgen.schema.read import Reader
from fcgen.schema.shape import AnyOf, Array, Never, Object, Shape, String
from fcgen.schema.string_sets import described_string
from fcgen.schema.string_texts import string_texts
from fcgen.schema.text import Text, spacing, text_of

if TYPE_CHECKING:
    from referencing import Registry

MAX_CACHED = 256  # of thousands, garbage collections that go through all of them take seconds
MAX_CACHED_BYTES = 1 << 18
_BEYOND_ASCII = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")  # in UTF-8; numbers and lengths may look like it as well
_ANCHOR = b"nchor"  # as in `$anchor`, `$dynamicAnchor` and `$recursiveAnchor`
_ID = marshal.dumps("id", 2)[1:]  # the first byte tells whether it is interned
_REFERENCES = (b"$ref", b"$dynamicRef", b"$recursiveRef")
_BESIDE = tuple(marshal.dumps(name, 2)[1:] for name in ("not", "oneOf", "if", "dependentSchemas", "dependencies"))
_COMPARING = frozenset({"uniqueItems", "contains"})  # values are told apart by their texts
_NAMING = frozenset({"patternProperties", "propertyNames"})  # names are of patterns


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a schema became.

    Attributes:
        root: the JSON texts of the valid values.
        notes: keywords that assert nothing, though their writer may have meant something by them, or about which
            validators differ.
    """

    root: Expr
    notes: tuple[str, ...]
    _source: _Source = field(repr=False)

    @property
    def uses(self) -> tuple[tuple[str, Status], ...]:
        """The keywords of the schema, each with what became of it. It is read again for that."""
        reader = self._source.reader()
        reader.read_all()
        return tuple(sorted(reader.uses))

    @property
    def size(self) -> int:
        """How many values, one in the other, the schema describes; alternatives by themselves. It is read again."""
        seen: set[Shape] = set()
        ahead = [self._source.reader().read_all()]
        while ahead:
            shape = resolve(ahead.pop())
            if shape not in seen and type(shape) is not Never:
                seen.add(shape)
                ahead += children_of(shape)
        return len(seen)


class _Choices(NamedTuple):
    """What `compile_schema` is given beside the schema."""

    text: Text
    depth: int
    function: str | None
    nullable: bool
    max_steps: int


class _Source(NamedTuple):
    """What a grammar was made of."""

    schema: Any  # or what it holds
    choices: _Choices
    registry: Registry[Any] | None
    document: Document | None

    def reader(self, needs: PlainNeeds | None = None) -> Reader:
        """A reader of it."""
        content = self.schema if isinstance(self.schema, bytes) else None
        schema = self.schema if content is None else _loaded(content)
        return Reader(
            schema,
            function=self.choices.function,
            registry=self.registry,
            nullable=self.choices.nullable,
            document=self.document,
            needs=needs,
            is_one=content is not None and _is_one(schema, content),
            is_acyclic=content is not None and not _may_be_cyclic(content),
        )


def compile_schema(
    schema: Any,
    *,
    text: Text = Text(),  # noqa: B008  it is immutable
    depth: int = 0,
    function: str | None = None,
    registry: Registry[Any] | None = None,
    nullable: bool = False,
    max_steps: int = MAX_STEPS,
    document: Document | None = None,
) -> Compiled:
    """The JSON texts of the values that a schema allows, written as `text` says, nested `depth` deep in other text.

    The other arguments, and the errors, are those of `read_schema`; and

    Raises OutOfSteps, GrammarTooLarge: it takes more than `max_steps`, or than there is memory.
    """
    choices = _Choices(text, depth, function, nullable, max_steps)
    content = _content(schema)
    try:
        if content is None:
            return _compile(schema, None, choices, registry, document)
        is_of_document = document is not None and b"x-verbatim" in content
        if registry is not None or len(content) > MAX_CACHED_BYTES or is_of_document:
            return _compile(_loaded(content), content, choices, registry, document)
        return _compile_content(content, choices)
    except FcgenError as error:
        error.function = function
        for one in error.errors if isinstance(error, ManyErrors) else [error]:
            locate(one, None)
            if registry is None:
                one.pointer = existing(schema, one.pointer or "")
        raise
    except (RecursionError, MemoryError):
        raise GrammarTooLarge(
            "the schema takes more memory than there is", function=function, pointer="", hint="Simplify it."
        ) from None


def _content(schema: Any) -> bytes | None:
    """What a schema holds: equal for equal schemas, types and the order of properties included; None: not known.

    In version 2 of the format, which has no references, since these depend on what else refers to a string.
    """
    try:
        return marshal.dumps(schema, 2)
    except ValueError:  # other types than JSON has, or too deep
        return None


def _loaded(content: bytes) -> Any:
    return marshal.loads(content)  # noqa: S302  it was dumped a moment ago


@lru_cache(maxsize=MAX_CACHED)
def _compile_content(content: bytes, choices: _Choices) -> Compiled:
    """Kept by content, so that a schema that comes again has the states that it had, and what was found out of them."""
    return _compile(_loaded(content), content, choices, None, None)


def _compile(
    schema: Any, content: bytes | None, choices: _Choices, registry: Registry[Any] | None, document: Document | None
) -> Compiled:
    """What is made of `schema` is in part made when it is walked, so nobody else may change it."""
    text, depth, _, _, max_steps = choices
    source = _Source(schema if content is None else content, choices, registry, document)
    with bounded(max_steps):
        reader = source.reader(None if text.is_indented or max_steps < MAX_STEPS else _plain_needs(text))
        if reader.draft is Draft.D4:
            text = replace(text, plain_integers=True)
        shape = reader.read_all()
        keywords = {keyword for keyword, _ in reader.uses}
        is_ascii = registry is None and not keywords & _NAMING and _is_ascii(schema, content)
        contents = Contents(is_plain=not keywords & _COMPARING, is_ascii=is_ascii)
        root = lower(shape, text, depth, contents=contents)
        if fewest(root) == INFINITE:
            raise _impossible(shape)
        notes = [*map(str, reader.notes), *(notes_on_numbers(shape) if "uniqueItems" in keywords else ())]
    return Compiled(root, tuple(dict.fromkeys(notes)), source)


def _of_plain(content: bytes, number: int) -> Expr:
    """The texts of a plain schema, by what it holds and the number of how it is written."""
    text = text_of(number)
    shape = Reader(_loaded(content), needs=_plain_needs(text), is_one=True).read_plain()
    return lower(shape, text, contents=plain_contents(text.spell))


provide(of_schema=_of_plain)


def _plain_needs(text: Text) -> PlainNeeds:
    around = spacing(text.whitespace)
    return PlainNeeds(colon=int(fewest(around.colon)), comma=int(fewest(around.comma)))


def _is_one(schema: Any, content: bytes) -> bool:
    """Whether it is seen at a glance that no part of the schema names itself."""
    if type(schema) is not dict or _ANCHOR in content:
        return False
    if _ID in content and not _is_newer(schema, content):
        return False
    name = schema.get("$id", "")
    return content.count(b"$id") == ("$id" in schema) and type(name) is str and "#" not in name


def _is_newer(schema: dict[str, Any], content: bytes) -> bool:
    """Whether it is seen at a glance that no part is of draft 4, where `id` is a name."""
    if b"draft-04" in content or content.count(b"$schema") > ("$schema" in schema):
        return False
    given = schema.get("$schema", "json-schema.org")
    return type(given) is str and "json-schema.org" in given


def _may_be_cyclic(content: bytes) -> bool:
    """Whether it may be, as far as is seen at a glance, that references lead back through `not` and the like."""
    return any(name in content for name in _REFERENCES) and any(name in content for name in _BESIDE)


def _is_ascii(schema: Any, content: bytes | None) -> bool:
    """Whether all its strings are ASCII, as far as that is easily told."""
    if content is not None and _BEYOND_ASCII.search(content) is None:
        return True
    try:
        return json.dumps(schema, ensure_ascii=False).isascii()
    except (TypeError, ValueError, RecursionError):  # no JSON where none is asked for, or too deep for this
        return False


def _impossible(shape: Shape) -> SchemaError:
    """Follows what every value must have, to a place where nothing is possible."""
    seen: set[Shape] = set()
    ahead = [(shape, "")]
    tight: SchemaError | None = None
    while ahead:
        shape, way = ahead.pop()
        shape = resolve(shape)
        if isinstance(shape, Never):
            return Unsatisfiable(f"no value can be valid: {way}{shape.reason}", pointer=pointer(shape.place))
        if isinstance(shape, String) and fewest(string_texts(shape)) == INFINITE:
            return UnsupportedKeyword(
                f"{way}no text is sure to be {described_string(shape)}",
                pointer=pointer(shape.place),
                keyword="format",
                hint="Leave the format out, or say what is meant by a pattern.",
            )
        if tight is None and isinstance(shape, Array) and (shape.unique or shape.contains):
            tight = Unsatisfiable(
                f"no value can be valid: {way}there are too few values that the items can be",
                pointer=pointer(shape.place),
                keyword="uniqueItems" if shape.unique else "contains",
            )
        if shape not in seen:
            seen.add(shape)
            ahead += [(part, f"{way}{name}") for name, part in reversed(_needed(shape))]
    return tight or Unsatisfiable("no value can be valid: each would have to hold another one, without end", pointer="")


def _needed(shape: Shape) -> list[tuple[str, Shape]]:
    match shape:
        case Object(required=names):
            return [(f"the required property {excerpt(name)}: ", value_of(shape, name)) for name in names]
        case Array(prefix=prefix, rest=rest, min_items=least):
            return [(f"item {i}: ", item) for i, item in enumerate((*prefix[:least], rest)[:least])]
        case AnyOf(parts=parts):
            return [("", part) for part in parts]
        case _:
            return []
