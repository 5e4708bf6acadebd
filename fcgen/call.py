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
from typing import Any

from fcgen.errors import FcgenError, FunctionError, GrammarError, ManyErrors, OptionError, excerpt, raise_all
from fcgen.formats import Format, find_format
from fcgen.functions import Function, read_functions
from fcgen.grammar.expr import EMPTY, Expr, alt, alt_of, literal
from fcgen.grammar.lark import grammar_text, read_lark
from fcgen.grammar.regex import read_pattern
from fcgen.schema import Compiled, compile_schema, spacing

Choice = str | Sequence[str]

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
    """

    root: Expr
    functions: tuple[Function, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def from_json_schema(cls, schema: Any, *, whitespace: str = "json.dumps", order: str = "schema") -> Grammar:
        """JSON texts that are valid by `schema`.

        Args:
            schema: a JSON Schema: a dict or a boolean.
            whitespace: "json.dumps" (`", "` and `": "`), "compact" (none) or "flexible" (any, bounded).
            order: "schema", the one order of properties there is: as the schema lists them, then the others.

        Raises:
            SchemaError: the schema cannot be compiled; ManyErrors if there are several reasons.
            OptionError: there is no such whitespace or order.
        """
        if order != "schema":
            raise OptionError(f"order {excerpt(order)} is not known", hint='Use order="schema".')
        compiled = compile_schema(schema, whitespace=whitespace)
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
    ) -> Grammar:
        """Replies that are a call of one of `functions`, or text.

        Args:
            functions: anything that `read_functions` reads.
            choice: "auto" (a call or text), "required" (a call), "none" (text), a function's name, or a list of names
                (a call of one of these).
            format: the format whose reply envelope to use.
            whitespace: as for `from_json_schema`.

        Raises:
            FunctionError: the metadata cannot be read, or `choice` names no function.
            SchemaError: a function's parameters cannot be compiled; ManyErrors lists all that cannot.
        """
        offered = read_functions(functions) if functions else ()
        chosen = choose(offered, choice)
        envelope = find_format(format).reply
        compiled = _compile_all(chosen, whitespace)
        calls = (
            _call(function, one.root, envelope, whitespace) for function, one in zip(chosen, compiled, strict=True)
        )
        root = alt_of(calls)
        if choice in ("auto", "none"):
            root = alt(root, _envelope(envelope, whitespace, EMPTY, EMPTY)["text"])
        notes = (f"{f.name}: {note}" for f, one in zip(chosen, compiled, strict=True) for note in one.notes)
        return cls(root, chosen, tuple(notes))


@dataclass(frozen=True, slots=True)
class FunctionReport:
    """What became of one function: usable if there are no errors."""

    name: str
    errors: tuple[FcgenError, ...] = ()
    notes: tuple[str, ...] = ()


def check_functions(functions: Sequence[Function]) -> tuple[FunctionReport, ...]:
    """Compile each function by itself, and report each one's errors instead of raising them."""
    return tuple(_check(function) for function in functions)


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


def _compile_all(functions: Sequence[Function], whitespace: str) -> list[Compiled]:
    compiled: list[Compiled] = []
    errors: list[FcgenError] = []
    for function in functions:
        try:
            compiled.append(_compile(function, whitespace))
        except ManyErrors as error:
            errors.extend(error.errors)
        except FcgenError as error:
            errors.append(error)
    raise_all(errors)
    return compiled


def _compile(function: Function, whitespace: str) -> Compiled:
    return compile_schema(arguments_schema(function), whitespace=whitespace, function=function.name)


def _check(function: Function) -> FunctionReport:
    try:
        return FunctionReport(function.name, notes=_compile(function, "json.dumps").notes)
    except ManyErrors as error:
        return FunctionReport(function.name, error.errors)
    except FcgenError as error:
        return FunctionReport(function.name, (error,))


def _call(function: Function, arguments: Expr, envelope: str, whitespace: str) -> Expr:
    name = literal(json.dumps(function.name, ensure_ascii=False).encode())
    return _envelope(envelope, whitespace, name, arguments)["call"]


def _envelope(envelope: str, whitespace: str, name: Expr, arguments: Expr) -> Mapping[str, Expr]:
    pad, colon, comma = spacing(whitespace)
    holes = {"NAME": name, "ARGUMENTS": arguments, "PAD": pad, "COLON": colon, "COMMA": comma}
    return read_lark(grammar_text(envelope), holes)
