"""What may be replied: the union of calls and text, as one grammar.

Each function contributes its own call, its name with its own arguments, so one function's arguments never stand under
another's name. Text is anything that does not begin like a call, so that `call | text` is unambiguous. The words around
name and arguments are those of the format's envelope, `grammars/<reply>.lark`.

A function's arguments are those it declares: where its schema lists `properties` and says nothing of others
(`additionalProperties`, `patternProperties`, or another schema that could add some), no others are written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from fcgen.errors import FcgenError, FunctionError, GrammarError, ManyErrors, OptionError, excerpt, raise_all
from fcgen.formats import Format, find_format
from fcgen.functions import Function, read_functions
from fcgen.grammar.expr import EMPTY, Expr, alt, alt_of, literal
from fcgen.grammar.lark import grammar_text, read_lark
from fcgen.grammar.regex import read_pattern
from fcgen.schema import Compiled, Status, Text, compile_schema, spacing

if TYPE_CHECKING:
    from referencing import Registry

Choice = str | Sequence[str]
OnError = Literal["raise", "leave_out"]

# Where one of these stands, arguments may be declared elsewhere than in `properties`.
_DECLARING = frozenset(
    {"additionalProperties", "patternProperties", "unevaluatedProperties", "propertyNames", "dependentSchemas"}
    | {"$ref", "$dynamicRef", "$recursiveRef", "allOf", "anyOf", "oneOf", "if", "dependencies"}
)


@dataclass(frozen=True, slots=True)
class Grammar:
    """A language of replies, ready to be compiled over a vocabulary (`Masks`).

    Attributes:
        root: the language, over bytes.
        functions: the functions that a call may name; empty for grammars that are not made of functions.
        notes: keywords of the schemas that assert nothing and so change nothing, by pointer.
        left_out: the functions that could not be used, each with its errors, where that was asked for.
    """

    root: Expr
    functions: tuple[Function, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)
    left_out: tuple[FunctionReport, ...] = field(default=(), compare=False)

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
    ) -> Grammar:
        """JSON texts that are valid by `schema`.

        Args:
            schema: a JSON Schema: a dict or a boolean. `$schema` chooses the draft, 2020-12 if there is none.
            whitespace: "json.dumps" (`", "` and `": "`), "compact" (none), "flexible" (any, bounded) or "indent=N"
                (as `json.dumps(indent=N)`).
            order: of properties: "schema" (as the schema lists them, then the others) or "any".
            exponent: whether numbers may have an exponent.
            escapes: of characters in strings: "canonical" (as `json.dumps(ensure_ascii=False)`) or "free" (any).
            whole_fraction: whether an integer may also be written as 2.0, which JSON Schema says is one.
            nullable: read `nullable: true` as OpenAPI 3.0 does: null is allowed too, though JSON Schema says it is not.
            registry: documents that references may name (`referencing.Registry`); nothing is fetched.

        Raises:
            SchemaError: the schema cannot be compiled; ManyErrors if there are several reasons.
            OptionError: an option cannot have that value.
        """
        text = Text(whitespace, order, exponent, escapes, whole_fraction)
        compiled = compile_schema(schema, text=text, nullable=nullable, registry=registry)
        return cls(compiled.root, notes=compiled.notes)

    @classmethod
    def from_regex(cls, pattern: str) -> Grammar:
        """Texts that match all of an ECMA-262 `pattern`. Raises PatternError."""
        return cls(read_pattern(pattern))

    @classmethod
    def from_lark(cls, text: str) -> Grammar:
        """Texts of the rule `start` of a grammar in Lark's notation (see `fcgen.grammar.lark`). Raises GrammarError."""
        rules = dict(read_lark(text))
        if "start" not in rules:
            raise GrammarError("the grammar has no rule `start`", hint=f"It has {', '.join(rules) or 'no rules'}.")
        return cls(rules["start"])

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
        on_error: OnError = "raise",
    ) -> Grammar:
        """Replies that are a call of one of `functions`, or text.

        Args:
            functions: anything that `read_functions` reads.
            choice: "auto" (a call or text), "required" (a call), "none" (text), a function's name, or a list of names
                (a call of one of these).
            format: the format whose reply envelope to use.
            whitespace, order, exponent, escapes, nullable, registry: as for `from_json_schema`. Integers are written
                without a point.
            on_error: what to do where a function's parameters cannot be compiled: "raise", or "leave_out" that
                function, and list it in `left_out`.

        Raises:
            FunctionError: the metadata cannot be read, `choice` names no function, or all functions are left out.
            SchemaError: a function's parameters cannot be compiled; ManyErrors lists all that cannot.
            OptionError: an option cannot have that value.
        """
        if on_error not in ("raise", "leave_out"):
            raise OptionError(f"on_error {excerpt(on_error)} is not known", hint="Known are raise and leave_out.")
        text = Text(whitespace, order, exponent, escapes, whole_fraction=False)
        offered = read_functions(functions) if functions else ()
        chosen = choose(offered, choice)
        envelope = find_format(format).reply
        reports = [_report(function, text, nullable=nullable, registry=registry) for function in chosen]
        left_out = tuple(report for report in reports if report.errors)
        if on_error == "raise":
            raise_all([error for report in left_out for error in report.errors])
        usable = [(f, report) for f, report in zip(chosen, reports, strict=True) if report.compiled is not None]
        if left_out and not usable:
            raise ManyErrors([error for report in left_out for error in report.errors])
        root = alt_of(_call(f, report.compiled.root, envelope, whitespace) for f, report in usable if report.compiled)
        if choice in ("auto", "none"):
            root = alt(root, _envelope(envelope, whitespace, EMPTY, EMPTY)["text"])
        notes = tuple(f"{report.name}: {note}" for _, report in usable for note in report.notes)
        return cls(root, tuple(f for f, _ in usable), notes, left_out)


@dataclass(frozen=True, slots=True)
class FunctionReport:
    """What became of one function: usable if there are no errors.

    Attributes:
        name: the function's name.
        errors: why it cannot be used.
        compiled: its arguments' grammar, unless there are errors.
    """

    name: str
    errors: tuple[FcgenError, ...] = ()
    compiled: Compiled | None = field(default=None, repr=False)

    @property
    def notes(self) -> tuple[str, ...]:
        """Keywords of its schema that assert nothing and so change nothing, by pointer."""
        return () if self.compiled is None else self.compiled.notes

    @property
    def keywords(self) -> Mapping[Status, tuple[str, ...]]:
        """The keywords of its schema, by what becomes of them; those that are refused are known from the errors."""
        found: dict[Status, tuple[str, ...]] = {}
        for name, status in () if self.compiled is None else self.compiled.uses:
            found[status] = (*found.get(status, ()), name)
        refused = tuple(dict.fromkeys(error.keyword for error in self.errors if error.keyword is not None))
        return {**found, "refused": refused} if refused else found


def check_functions(
    functions: Sequence[Function], *, nullable: bool = False, registry: Registry[Any] | None = None
) -> tuple[FunctionReport, ...]:
    """Compile each function by itself, and report each one's errors instead of raising them."""
    text = Text(whole_fraction=False)
    return tuple(_report(function, text, nullable=nullable, registry=registry) for function in functions)


def choose(functions: Sequence[Function], choice: Choice) -> tuple[Function, ...]:
    """The functions that a call may name under `choice`.

    Raises:
        FunctionError: `choice` names a function that is not there, or demands a call where there is no function.
    """
    if choice == "none":
        return ()
    if choice == "auto":
        return tuple(functions)
    if choice == "required":
        wanted = [function.name for function in functions]
    else:
        wanted = [choice] if isinstance(choice, str) else list(choice)
    names = {function.name for function in functions}
    unknown = next((name for name in wanted if name not in names), None)
    if unknown is not None:
        raise FunctionError(
            f"choice {excerpt(unknown)} is none of the functions offered: {excerpt(', '.join(sorted(names)), 200)}",
            hint='Use a function\'s name, a list of names, "auto", "required" or "none".',
        )
    if not wanted:
        raise FunctionError("a call is demanded, and there is no function to call", hint="Offer at least one function.")
    return tuple(function for function in functions if function.name in wanted)


def arguments_schema(function: Function) -> dict[str, Any]:
    """The schema that the arguments of a call are held to: the function's parameters, closed if they list them all."""
    if not _DECLARING.isdisjoint(function.parameters):
        return function.parameters
    return {**function.parameters, "additionalProperties": False}


def _report(function: Function, text: Text, *, nullable: bool, registry: Registry[Any] | None) -> FunctionReport:
    try:
        compiled = compile_schema(
            arguments_schema(function),
            text=text,
            depth=1,
            function=function.name,
            nullable=nullable,
            registry=registry,
        )
    except ManyErrors as error:
        return FunctionReport(function.name, error.errors)
    except FcgenError as error:
        return FunctionReport(function.name, (error,))
    return FunctionReport(function.name, (), compiled)


def _call(function: Function, arguments: Expr, envelope: str, whitespace: str) -> Expr:
    name = literal(json.dumps(function.name, ensure_ascii=False).encode())
    return _envelope(envelope, whitespace, name, arguments)["call"]


def _envelope(envelope: str, whitespace: str, name: Expr, arguments: Expr) -> Mapping[str, Expr]:
    space = spacing(whitespace)
    holes = {
        "NAME": name, "ARGUMENTS": arguments,
        "OPEN": space.open, "CLOSE": space.close, "COLON": space.colon, "COMMA": space.comma,
    }  # fmt: skip
    return read_lark(grammar_text(envelope), holes)
