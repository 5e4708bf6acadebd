"""Functions and a choice -> the grammar of replies: the union of calls and text.

Each function contributes its own call, its name with its own arguments, so one function's arguments never stand under
another's name. Text is anything that does not begin like a call, so that `call | text` is unambiguous. The words around
name and arguments are those of the format's envelope, `grammars/<reply>.lark`. Where no call is possible, text is
anything.

A function's arguments are those it declares: where its schema, or the definition it refers to, lists `properties` and
says nothing of others (`additionalProperties`, `patternProperties`, or another schema that could add some), no others
are written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict

from fcgen.choice import Choice, choose
from fcgen.core import NameTable
from fcgen.errors import (
    FcgenError,
    FunctionError,
    GrammarTooLarge,
    ManyErrors,
    OptionError,
    excerpt,
    raise_all,
)
from fcgen.formats import Format, find_format
from fcgen.functions import Function
from fcgen.functions.read import Entry, try_entries
from fcgen.grammar.derive import fewest
from fcgen.grammar.ecma import check_kind
from fcgen.grammar.expr import NOTHING, alt, parts_in_row, reference, seq
from fcgen.grammar.lark import grammar_text, read_lark, read_start
from fcgen.grammar.regex import read_pattern
from fcgen.grammar.terms import UNKNOWN_CONTENTS, Expr, Names, Scope
from fcgen.grammar.work import MAX_STEPS, bounded, read_limit
from fcgen.output_types import read_output_type
from fcgen.schema import Compiled, Document, Status, Text, compile_schema, spacing
from fcgen.schema.lower import plain_contents
from fcgen.schema.plain import plain_need
from fcgen.shared import Shared

if TYPE_CHECKING:
    from referencing import Registry
    from typing_extensions import Unpack

OnError = Literal["raise", "leave_out"]

# What stands in an envelope for a function's own.
_HOLES = Scope()
_NAME, _ARGUMENTS = reference(_HOLES, "NAME"), reference(_HOLES, "ARGUMENTS")

# Where one of these stands, arguments may be declared elsewhere than in `properties`.
DECLARING = frozenset(
    {"additionalProperties", "patternProperties", "unevaluatedProperties", "propertyNames", "dependentSchemas"}
    | {"$ref", "$dynamicRef", "$recursiveRef", "allOf", "anyOf", "oneOf", "if", "dependencies"}
)


_DEFINITION = re.compile(r"#/(\$defs|definitions)/([^/~%]+)")


@dataclass(frozen=True, slots=True)
class Grammar(Shared):
    """A language of replies, ready to be compiled over a vocabulary (`Masks`).

    Attributes:
        root: the language, over bytes.
        functions: the functions that a call may name; empty for grammars that are not made of functions.
        notes: by pointer, keywords of the schemas that assert nothing, or about which validators differ, and what a
            Python type demands that no schema can say.
        left_out: the functions that could not be used, each with its errors, where that was asked for.
        calls: the calls alone, where a reply may be a call or a text.
    """

    root: Expr
    functions: tuple[Function, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)
    left_out: tuple[FunctionReport, ...] = field(default=(), compare=False)
    calls: Expr | None = field(default=None, compare=False, repr=False)

    @classmethod
    def from_json_schema(
        cls,
        schema: Any,
        *,
        whitespace: str = "json.dumps",
        order: str = "schema",
        exponent: bool = True,
        escapes: str = "canonical",
        whole_fraction: bool = True,
        nullable: bool = False,
        registry: Registry[Any] | None = None,
        max_steps: int = MAX_STEPS,
        document: str | None = None,
        verbatim_whitespace: str = "exact",
    ) -> Grammar:
        """JSON texts that are valid by `schema`.

        Args:
            schema: a JSON Schema: a dict or a boolean. `$schema` chooses the draft, 2020-12 if there is none.
            whitespace: "json.dumps" (`", "` and `": "`), "compact" (none), "flexible" (any, bounded) or "indent=N"
                (as `json.dumps(indent=N)`).
            order: of properties: "schema" (as the schema lists them, then the others) or "any".
            exponent: whether numbers may have an exponent.
            escapes: of characters in strings, keys and listed values included: "canonical" (as
                `json.dumps(ensure_ascii=False)`) or "free" (any); strings are compared by what they mean.
            whole_fraction: whether an integer may also be written as 2.0 or 1e5, which JSON Schema says are integers.
            nullable: read `nullable: true` as OpenAPI 3.0 does: null is allowed too, though JSON Schema says it is not.
            registry: documents that references may name (`referencing.Registry`); nothing is fetched.
            max_steps: how much work compiling may take (see `fcgen.grammar.work`).
            document: the text that strings are substrings of whose schema has `x-verbatim: true`. It may have some
                1,500,000 bytes. None: the keyword asserts nothing.
            verbatim_whitespace: "exact", or "normalized": each run of whitespace in the document counts as one space.

        Raises:
            SchemaError: the schema cannot be compiled; ManyErrors if there are several reasons.
            GrammarTooLarge, OutOfSteps: it is beyond the limits.
            OptionError: an option cannot have that value.
            DocumentError: the document is no string.
        """
        text = Text(whitespace, order, exponent, escapes, whole_fraction)
        compiled = compile_schema(
            schema,
            text=text,
            nullable=nullable,
            registry=registry,
            max_steps=read_limit("max_steps", max_steps),
            document=_read_document(document, verbatim_whitespace),
        )
        return cls(compiled.root, notes=compiled.notes)

    @classmethod
    def from_regex(cls, pattern: str, *, max_steps: int = MAX_STEPS) -> Grammar:
        """Texts that match all of an ECMA-262 `pattern`.

        Raises PatternError, GrammarTooLarge or OutOfSteps; OptionError if `max_steps` is no whole number.
        """
        check_kind(pattern)
        with _memory_errors(), bounded(max_steps):
            return cls(read_pattern(pattern))

    @classmethod
    def from_lark(cls, text: str, *, max_steps: int = MAX_STEPS) -> Grammar:
        """Texts of the rule `start` of a grammar in Lark's notation (see `fcgen.grammar.lark`).

        Raises GrammarError, PatternError, GrammarTooLarge or OutOfSteps; OptionError if `max_steps` is no whole number.
        """
        with _memory_errors(), bounded(max_steps):
            return cls(read_start(text))

    @classmethod
    def from_output_type(cls, output_type: Any, *, max_steps: int = MAX_STEPS, **text: Unpack[TextOptions]) -> Grammar:
        """Texts of what Outlines calls an output type: a Python type, or a term of `outlines.types`.

        Args:
            output_type: what `outlines.Generator` takes as one (see `fcgen.output_types`). A string, a number or a
                boolean is one for Outlines too, and means its own text.
            max_steps: how much work compiling may take.
            text: how the JSON of JSON Schemas is written, as for `from_json_schema`.

        Raises:
            OptionError: it is no output type, or an option cannot have that value.
            GrammarError, PatternError, SchemaError: a part of it cannot be compiled.
            GrammarTooLarge, OutOfSteps: it is beyond the limits.
        """
        with _memory_errors(), bounded(max_steps):
            root, notes = read_output_type(output_type, max_steps=max_steps, **text)
        return cls(root, notes=notes)

    @classmethod
    def from_functions(
        cls,
        functions: Any,
        *,
        choice: Choice = "auto",
        format: str | Format = "trelis",  # noqa: A002
        whitespace: str = "json.dumps",
        order: str = "schema",
        exponent: bool = True,
        escapes: str = "canonical",
        nullable: bool = False,
        registry: Registry[Any] | None = None,
        max_steps: int = MAX_STEPS,
        on_error: OnError = "raise",
        document: str | None = None,
        verbatim_whitespace: str = "exact",
    ) -> Grammar:
        """Replies that are a call of one of `functions`, or text.

        Args:
            functions: anything that `read_functions` reads.
            choice: "auto" (a call or text), "required" (a call), "none" (text), a function's name, or a list of names
                (a call of one of these).
            format: the format whose reply envelope to use.
            whitespace: as for `from_json_schema`, and so are the next ones; integers are written without a point.
            order: of properties.
            exponent: whether numbers may have one.
            escapes: of characters in strings of the arguments; a call's own keys and its function's name are canonical,
                so that what is called is known from the text as it stands.
            nullable: read it as OpenAPI 3.0 does.
            registry: documents that references may name.
            on_error: what to do where a function cannot be read or its parameters cannot be compiled: "raise", or
                "leave_out" that function, and list it in `left_out`.
            max_steps: how much work compiling each function may take; a step is some microseconds.
            document: as for `from_json_schema`.
            verbatim_whitespace: of the document.

        Raises:
            FunctionError: the metadata cannot be read, or `choice` names no function.
            SchemaError: a function's parameters cannot be compiled.
            GrammarTooLarge, OutOfSteps: they are beyond the limits.
            ManyErrors: there are several of these errors, in one function or in many. With "leave_out" these errors
                are only raised where no function is left of those that `choice` names.
            OptionError: an option cannot have that value.
        """
        text = Text(whitespace, order, exponent, escapes, whole_fraction=False)
        envelope = find_format(format).reply
        options: Options = {
            "text": text,
            "nullable": nullable,
            "registry": registry,
            "max_steps": read_limit("max_steps", max_steps),
            "document": _read_document(document, verbatim_whitespace),
        }
        readable, unreadable = read_offered(functions, on_error, **options)
        chosen = choose(readable, choice, [report.name for report in unreadable])
        offered = [_offered(function, options) for function in chosen]
        left_out = (*unreadable, *(one for one in offered if isinstance(one, FunctionReport)))
        usable = [one for one in offered if isinstance(one, _Offered)]
        if on_error == "raise" or (not usable and choice != "none"):
            raise_all([error for report in left_out for error in report.errors])
        calls = _calls(usable, _envelope(envelope, whitespace), text)
        has_text = choice in ("auto", "none")
        around = _envelope(envelope, whitespace)
        root = calls if not has_text else alt(calls, around.text) if usable else around.anything
        notes = tuple(f"{one.function.name}: {note}" for one in usable for note in one.notes)
        return cls(root, tuple(one.function for one in usable), notes, left_out, calls if has_text and usable else None)


@dataclass(frozen=True, slots=True)
class FunctionReport:
    """The outcome of compiling one function: usable if there are no errors.

    Attributes:
        name: the function's name.
        errors: why it cannot be used.
        compiled: its arguments' grammar, unless there are errors.
        of_function: the function's own notes: what its schema cannot say.
    """

    name: str
    errors: tuple[FcgenError, ...] = ()
    compiled: Compiled | None = field(default=None, repr=False)
    of_function: tuple[str, ...] = field(default=(), repr=False)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes, by pointer: what the schema leaves to others to check, and keywords that assert nothing."""
        return self.of_function + (() if self.compiled is None else self.compiled.notes)

    @property
    def arguments(self) -> Expr:
        """The texts of its arguments."""
        assert self.compiled is not None, "only usable functions are called"
        return self.compiled.root

    @property
    def uses(self) -> tuple[tuple[str, Status], ...]:
        """The keywords of its schema, each with what becomes of it; where there are errors, those that are refused."""
        if self.compiled is not None:
            return self.compiled.uses
        refused = {error.keyword for error in self.errors if error.keyword is not None}
        return tuple((name, "refused") for name in sorted(refused))


class _Offered(NamedTuple):
    """A usable function: what its arguments may be, made when it is asked for; and the fewest bytes of them."""

    function: Function
    arguments: Callable[[], Expr]
    need: float
    is_plain: bool = False
    notes: tuple[str, ...] = ()


class TextOptions(TypedDict, total=False):
    """How a call's JSON is written: the arguments of these names of `Grammar.from_functions`."""

    whitespace: str
    order: str
    exponent: bool
    escapes: str
    nullable: bool


class Options(TypedDict, total=False):
    """How functions are compiled: the arguments of these names of `compile_schema`."""

    text: Text
    nullable: bool
    registry: Registry[Any] | None
    max_steps: int
    document: Document | None


def check_functions(functions: Sequence[Function], **options: Unpack[Options]) -> tuple[FunctionReport, ...]:
    """Compile each function by itself, and report each one's errors instead of raising them."""
    chosen: Options = {"text": Text(whole_fraction=False), **options}
    return tuple(_report(function, chosen) for function in functions)


def call_of(report: FunctionReport, format: str | Format = "trelis", whitespace: str = "json.dumps") -> Expr:  # noqa: A002
    """The texts of the calls of one usable function."""
    one = _Offered(Function(report.name), lambda: report.arguments, fewest(report.arguments))
    return _calls([one], _envelope(find_format(format).reply, whitespace), Text(whitespace))


def read_offered(
    functions: Any, on_error: OnError = "raise", **options: Unpack[Options]
) -> tuple[tuple[Function, ...], tuple[FunctionReport, ...]]:
    """The functions that can be read, and one report of each that cannot; None or an empty list has none.

    With "raise", the errors of those that cannot are raised, together with what `check_functions` (which gets the
    options) finds in the others: whoever mends one wants to know of all.

    Raises FunctionError, SchemaError or ManyErrors; OptionError for another `on_error`.
    """
    if on_error not in ("raise", "leave_out"):
        raise OptionError(f"on_error {excerpt(on_error)} is not known", hint="Known are raise and leave_out.")
    if functions is None or (isinstance(functions, list | tuple) and not functions):
        return (), ()
    readable, mistakes = try_entries([Entry(functions)])
    if not readable and not mistakes:
        raise FunctionError("no functions", hint="Offer at least one, or None for a reply in text.")
    if mistakes and on_error == "raise":
        others = check_functions(readable, **options)
        raise_all([*mistakes, *(error for report in others for error in report.errors)])
    return tuple(readable), report_mistakes(mistakes)


def report_mistakes(mistakes: Sequence[FcgenError]) -> tuple[FunctionReport, ...]:
    """One report for each name, "" where the name itself could not be read."""
    by_name: dict[str, list[FcgenError]] = {}
    for mistake in mistakes:
        by_name.setdefault(mistake.function or "", []).append(mistake)
    return tuple(FunctionReport(name, tuple(errors)) for name, errors in by_name.items())


def arguments_schema(function: Function) -> dict[str, Any]:
    """The schema that the arguments of a call are held to: the function's parameters, closed if they list them all."""
    parameters = function.parameters
    if DECLARING.isdisjoint(parameters):
        return {**parameters, "additionalProperties": False}
    listed = _listed_behind(parameters)
    if listed is None:
        return parameters
    rest = {key: value for key, value in parameters.items() if key != "$ref"}
    properties: dict[str, Any] = {name: {} for name in listed}
    return {**rest, "allOf": [{"$ref": parameters["$ref"]}], "properties": properties, "additionalProperties": False}


def _listed_behind(parameters: dict[str, Any]) -> list[str] | None:
    """The arguments that the definition lists which is all that the schema refers to; None if others may be declared.

    Pydantic's schema of a recursive model is such a reference, and so are those of generators that name each type.
    """
    found: Any = parameters
    passed: set[str] = set()
    while isinstance(found, dict) and "properties" not in found and found.keys() & DECLARING == {"$ref"}:
        place = _DEFINITION.fullmatch(str(found["$ref"]))
        if place is None or place[0] in passed:
            return None
        passed.add(place[0])
        definitions = parameters.get(place[1])
        found = definitions.get(place[2]) if isinstance(definitions, dict) else None
    if not isinstance(found, dict) or not DECLARING.isdisjoint(found):
        return None
    properties = found.get("properties")
    return list(properties) if isinstance(properties, dict) else None


def _read_document(document: str | None, whitespace: str) -> Document | None:
    found = Document("" if document is None else document, whitespace)
    return None if document is None else found


def _report(function: Function, options: Options) -> FunctionReport:
    try:
        with _memory_errors():
            compiled = compile_schema(arguments_schema(function), depth=1, function=function.name, **options)
    except ManyErrors as error:
        return FunctionReport(function.name, error.errors)
    except FcgenError as error:
        error.function = function.name
        error.pointer = error.pointer or ""
        return FunctionReport(function.name, (error,))
    return FunctionReport(function.name, (), compiled, function.notes)


def _offered(function: Function, options: Options) -> _Offered | FunctionReport:
    """A function that can be used, or why it cannot. One with a plain schema is compiled when a reply comes to it."""
    text = options["text"]
    if options["max_steps"] == MAX_STEPS and options["registry"] is None and not text.is_indented:
        around = spacing(text.whitespace)
        need = plain_need(arguments_schema(function), colon=int(fewest(around.colon)), comma=int(fewest(around.comma)))
        if need is not None:
            arguments = lambda: _report(function, options).arguments  # noqa: E731
            return _Offered(function, arguments, need, is_plain=True, notes=function.notes)
    report = _report(function, options)
    if report.errors:
        return report
    return _Offered(function, lambda: report.arguments, fewest(report.arguments), notes=report.notes)


def _calls(offered: Sequence[_Offered], envelope: _Envelope, text: Text) -> Expr:
    """The texts of the calls of all these functions."""
    if not offered:
        return NOTHING
    hole = envelope.call.index(_NAME)
    before, after = envelope.call[:hole], envelope.call[hole + 1 :]
    around = sum(fewest(part) for part in after if part is not _ARGUMENTS)
    plain = plain_contents(text.spell)
    names = Names(
        NameTable.of([json.dumps(one.function.name, ensure_ascii=False).encode() for one in offered]),
        lambda i: seq(*(offered[i].arguments() if part is _ARGUMENTS else part for part in after)),
        lambda i: offered[i].need + around,
        contents=[plain if one.is_plain else UNKNOWN_CONTENTS for one in offered],
    )
    return seq(*before, names.fork((1 << len(offered)) - 1))


@contextmanager
def _memory_errors() -> Iterator[None]:
    """Makes an error of fcgen's where Python's stack or the memory ends: the last net under the limits."""
    try:
        yield
    except (RecursionError, MemoryError):
        raise GrammarTooLarge("the grammar takes more memory than there is", hint="Simplify it.") from None


class _Envelope(NamedTuple):
    """The texts around calls: the parts of one, with _NAME and _ARGUMENTS among them; and the texts of a text reply.

    `text` is what does not begin like a call, `anything` a text where no call is possible.
    """

    call: tuple[Expr, ...]
    text: Expr
    anything: Expr


@lru_cache(maxsize=64)
def _envelope(name: str, whitespace: str) -> _Envelope:
    space = spacing(whitespace)
    holes = {
        "NAME": _NAME, "ARGUMENTS": _ARGUMENTS,
        "OPEN": space.open, "CLOSE": space.close, "COLON": space.colon, "COMMA": space.comma,
    }  # fmt: skip
    rules = read_lark(grammar_text(name), holes)
    return _Envelope(tuple(parts_in_row(rules["call"])), rules["text"], rules["anything"])
