"""Output types of Outlines -> terms: wherever Outlines takes a type of what a model may write, fcgen takes it too.

Outlines reads a Python type as one of its own terms, and these terms are read here one by one: pieces of text, patterns
and what is built of them become the same of ours, a JSON Schema is compiled with all that it demands (Outlines makes a
regular expression of the part that one can say), and a grammar is read as `Grammar.from_lark` does.

A pattern is one of Python's `re` (`grammar/python_patterns.py`), in a field of Pydantic's one of its engine. Where it
looks at the text around it (anchors, lookarounds) it says something about the whole: then the whole is read as the one
regular expression that Outlines would make of it, which cannot have a JSON Schema or a grammar in it.

A class or a function is written with the fields or arguments that it declares, of values that Pydantic accepts, and, as
Outlines has it, with no others; a JSON Schema (`outlines.types.JsonSchema`) with any that it allows. Integers are
written without a point.

What is no type but a string, a number or a boolean means its own text, as it does to Outlines: `3` is `Literal[3]`.

Limits: what Outlines cannot read, and what `Grammar.from_lark` refuses of its grammars (`%ignore`, left recursion).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import is_dataclass, replace
from functools import partial
from inspect import signature
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from fcgen.errors import FcgenError, GrammarError, OptionError, PatternError, excerpt
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.ecma import parse_pattern
from fcgen.grammar.expr import EMPTY, alt, alt_of, both, complement, literal, optional, repeat, seq
from fcgen.grammar.lark import read_grammar, read_start
from fcgen.grammar.python_patterns import ecma_pattern
from fcgen.grammar.regex import read_pattern
from fcgen.grammar.work import MAX_STEPS
from fcgen.schema import Text, compile_schema

if TYPE_CHECKING:
    from fcgen.grammar.terms import Expr

_TYPES = (
    "Literal, Enum, int, float, bool, str, dict, date, time, datetime, list[...], tuple[...], dict[..., ...], unions, "
    "Pydantic models, dataclasses, TypedDicts, functions with type hints, and the terms of outlines.types"
)

# What Pydantic says of a class that takes no fields but those it declares, or ignores all others.
_OF_A_CLASS = frozenset({"type", "properties", "required", "title", "description", "default", "examples", "$defs"})
_SCHEMAS_BY_NAME = ("properties", "$defs")
_SCHEMAS = ("items", "prefixItems", "additionalProperties", "anyOf", "oneOf", "allOf")


def read_output_type(
    output_type: Any, *, nullable: bool = False, max_steps: int = MAX_STEPS, **text: Any
) -> tuple[Expr, tuple[str, ...]]:
    """The texts of an output type, and the keywords of its JSON Schemas that change nothing.

    Args:
        output_type: what `outlines.Generator` takes as one, or a term of `outlines.types`.
        nullable: for JSON Schemas, as for `compile_schema`.
        max_steps: for each of them, likewise.
        text: how JSON is written: the attributes of `Text` by name.

    Raises:
        OptionError: it is no output type, or its whitespace cannot be had.
        GrammarError: its text or grammar cannot be read.
        PatternError, SchemaError: a pattern or a JSON Schema in it cannot be compiled.
    """
    with _Reading(output_type):
        reader = _Reader(output_type, Text(**text, whole_fraction=False), nullable=nullable, max_steps=max_steps)
        term = reader.dsl.python_types_to_terms(output_type)
    root = reader.read(term)
    return root, tuple(reader.notes)


class _Reading:
    """Makes an OptionError of what reading a type raises: it looks at annotations, which may be any code."""

    def __init__(self, output_type: Any) -> None:
        self.output_type = output_type

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        import jsonschema
        from pydantic import PydanticUserError

        known = (TypeError, ValueError, NameError, AttributeError, RecursionError)
        if isinstance(error, (*known, PydanticUserError, jsonschema.SchemaError)) and not isinstance(error, FcgenError):
            reason = str(error).strip().partition("\n")[0].partition(". Please open an issue")[0].rstrip(".")
            raise OptionError(
                f"{excerpt(self.output_type)} is no output type: {excerpt(reason, 200)}",
                hint=f"Output types are {_TYPES}.",
            ) from error


class _Reader:
    """Reads the terms of one output type."""

    def __init__(self, output_type: Any, text: Text, *, nullable: bool, max_steps: int) -> None:
        from outlines import grammars
        from outlines.types import dsl

        self.dsl, self.json_grammar = dsl, grammars.json
        self.text, self.nullable, self.max_steps = text, nullable, max_steps
        self.is_class = not isinstance(output_type, dsl.Term)
        self.notes: list[str] = []
        hints = list(_hints(output_type, {})) if self.is_class else []
        terms = [hint for hint in hints if isinstance(hint, dsl.Term)]
        self.whole = {dsl.to_regex(term) for term in terms if self.is_regular(term)}
        self.exact = dict(filter(None, (_exactly(hint) for hint in hints)))

    def read(self, term: Any) -> Expr:
        """The texts of a whole term."""
        parts = [] if isinstance(term, self.dsl.Regex) else self.leaves(term)
        patterns = (part.pattern for part in parts if isinstance(part, self.dsl.Regex))
        around = next((pattern for pattern in patterns if not parse_pattern(ecma_pattern(pattern)).plain), None)
        if around is None:
            return self.build(term)
        if not self.is_regular(term):
            raise PatternError(
                f"pattern {excerpt(around)} looks at the text around it, where there is a JSON Schema or a grammar",
                hint="Leave out ^, $, \\b, \\B and lookarounds: a pattern in a type is that of all of its own text.",
            )
        return read_pattern(ecma_pattern(self.dsl.to_regex(term)))

    def is_regular(self, term: Any) -> bool:
        """Whether Outlines can make a regular expression of the term without leaving out what a part of it means."""
        return not any(isinstance(part, self.dsl.JsonSchema | self.dsl.CFG) for part in self.leaves(term))

    def leaves(self, term: Any) -> Iterator[Any]:
        """The terms in `term` that are built of no others."""
        parts = self.parts(term)
        if parts is None:
            yield term
        else:
            for part in parts:
                yield from self.leaves(part)

    def parts(self, term: Any) -> list[Any] | None:
        """What `term` is built of; None: of nothing else."""
        if isinstance(term, self.dsl.Choice):
            with _Reading(term):
                return [self.dsl.python_types_to_terms(item) for item in term.items]
        if hasattr(term, "terms"):
            return list(term.terms)
        return [term.term] if hasattr(term, "term") else None

    def build(self, term: Any) -> Expr:
        """The texts of a term whose patterns say nothing about what is around them."""
        dsl = self.dsl
        parts = [self.build(part) for part in self.parts(term) or ()]
        match term:
            case dsl.String(value=value):
                return _plain(value)
            case dsl.Regex(pattern=pattern):
                return read_pattern(ecma_pattern(pattern))
            case dsl.JsonSchema():
                return self.schema(self.of_class(term.schema), term.whitespace_pattern)
            case dsl.CFG(definition=definition):
                return self.schema({}) if definition == self.json_grammar else read_start(definition)
            case dsl.Sequence():
                return seq(*parts)
            case dsl.Alternatives() | dsl.Choice():
                return alt_of(parts)
            case dsl.Optional():
                return optional(parts[0])
            case dsl.KleeneStar():
                return repeat(parts[0])
            case dsl.KleenePlus():
                return repeat(parts[0], 1)
            case dsl.QuantifyExact(count=count):
                return repeat(parts[0], count, count)
            case dsl.QuantifyMinimum(min_count=least):
                return repeat(parts[0], least)
            case dsl.QuantifyMaximum(max_count=most):
                return repeat(parts[0], 0, most)
            case dsl.QuantifyBetween(min_count=least, max_count=most):
                return repeat(parts[0], least, most)
        raise OptionError(f"{type(term).__name__} is no term that is known", hint=f"Output types are {_TYPES}.")

    def of_class(self, text: str) -> Any:
        """The JSON Schema of a term, which Pydantic then accepts if it was made of a class or a function."""
        schema, notes = self.exact.get(text) or (json.loads(text), ())
        self.notes.extend(notes)
        return schema

    def schema(self, schema: Any, whitespace: str | None = None) -> Expr:
        """The JSON texts of a schema, whose whitespace may be held to a pattern."""
        text = self.text
        if whitespace is not None:
            text = replace(text, whitespace=_fitting(whitespace, text.whitespace))
        chosen = _declared(schema, self.whole) if self.is_class else schema
        compiled = compile_schema(chosen, text=text, nullable=self.nullable, max_steps=self.max_steps)
        self.notes.extend(compiled.notes)
        return compiled.root


def _exactly(kind: Any) -> tuple[str, tuple[Any, tuple[str, ...]]] | None:
    """The JSON Schema that Outlines has of a class or a function, as text, with the exact one and its notes."""
    from outlines.types import dsl, utils
    from pydantic import TypeAdapter, create_model

    from fcgen.functions.narrowing import take_notes
    from fcgen.functions.pydantic_schemas import exact_schema

    if utils.is_dataclass(kind) or utils.is_typed_dict(kind) or utils.is_pydantic_model(kind):
        plain, exact = TypeAdapter(kind).json_schema(), exact_schema(kind)
    elif isinstance(kind, FunctionType | MethodType):
        parameters = signature(kind).parameters.values()
        if any(one.annotation is one.empty for one in parameters):  # in an annotation, where it is no output type
            return None
        fields: dict[str, Any] = {
            one.name: (one.annotation, ... if one.default is one.empty else one.default) for one in parameters
        }
        plain, exact = utils.get_schema_from_signature(kind), exact_schema(create_model(kind.__name__, **fields))
    else:
        return None
    return dsl.JsonSchema(plain).schema, (exact, tuple(dict.fromkeys(take_notes(exact))))


def _plain(value: str) -> Expr:
    try:
        return literal(value.encode())
    except UnicodeEncodeError:
        raise GrammarError(f"the text {excerpt(value)} has half of a surrogate pair, which is no character") from None


def _declared(schema: Any, whole: Collection[str]) -> Any:
    """The schema that Pydantic makes of a type, as Outlines means it.

    There are no fields but those that a class declares, and a term that is a field's type is the whole of the field.
    """
    if isinstance(schema, list):
        return [_declared(part, whole) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = dict(schema)
    for key in _SCHEMAS_BY_NAME:
        if key in found:
            found[key] = {name: _declared(part, whole) for name, part in found[key].items()}
    for key in _SCHEMAS:
        if key in found:
            found[key] = _declared(found[key], whole)
    if "properties" in found and _OF_A_CLASS.issuperset(found):
        found["additionalProperties"] = False
    if found.get("pattern") in whole:
        found["pattern"] = f"^(?:{ecma_pattern(found['pattern'])})$"
    return found


def _hints(kind: Any, seen: dict[int, Any]) -> Iterator[Any]:
    """All that the annotations of a type lead to."""
    if id(kind) in seen:
        return
    seen[id(kind)] = kind  # held, so that no other object gets its id
    yield kind
    inside = list(get_args(kind))
    declared = kind.func if isinstance(kind, partial) else kind
    if isinstance(fields := getattr(declared, "model_fields", None), dict):
        inside += [part for field in fields.values() for part in (field.annotation, *field.metadata)]
    elif _is_annotated(declared):
        inside += get_type_hints(declared, include_extras=True).values()
    for part in inside:
        yield from _hints(part, seen)


def _is_annotated(kind: Any) -> bool:
    """Tell types and functions, whose annotations are part of the type, from the metadata of `Annotated`."""
    if isinstance(kind, type):
        return is_dataclass(kind) or hasattr(kind, "__total__")
    return isinstance(kind, FunctionType | MethodType)


def _fitting(pattern: str, wanted: str) -> str:
    """The whitespace policy that writes nothing but what the pattern allows: the wanted one, if it does."""
    written = {
        "json.dumps": alt(EMPTY, literal(b" ")),
        "compact": EMPTY,
        "flexible": read_grammar("json")["WS"],
    }
    others = complement(read_pattern(ecma_pattern(pattern)))
    for policy in (wanted, "json.dumps", "compact"):
        if policy in written and fewest(both(written[policy], others)) == INFINITE:
            return policy
    raise OptionError(
        f"the whitespace pattern {excerpt(pattern)} does not allow JSON to be written without whitespace",
        hint="Let it match the empty text, as in ' ?'.",
    )
