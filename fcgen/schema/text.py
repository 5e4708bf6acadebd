"""The choices that a JSON text leaves open once its value is settled: whitespace, order, spelling."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from fcgen.errors import OptionError, excerpt
from fcgen.grammar.characters import json_chars, json_chars_free
from fcgen.grammar.expr import EMPTY, apart, literal, seq
from fcgen.grammar.lark import read_grammar
from fcgen.grammar.terms import Expr
from fcgen.schema.keys import Spell

MAX_INDENT = 16
_INDENT = re.compile(r"indent=([0-9]{1,2})")


@dataclass(frozen=True, slots=True)
class Text:
    """How values are written.

    Attributes:
        whitespace: "json.dumps" (a space after each comma and colon), "compact" (none), "flexible" (any, bounded,
            around each bracket, comma and colon), or "indent=N" (as `json.dumps(indent=N)` lays it out).
        order: of an object's properties: "schema" (as declared, then those that are only required, then any others) or
            "any".
        exponent: whether numbers may have an exponent.
        escapes: of strings, names of properties included: "canonical" (those of `json.dumps(ensure_ascii=False)`) or
            "free" (any). However they are escaped, strings are compared by what they mean.
        whole_fraction: whether an integer may be written as a float: `2.0`, `1e5`.
        plain_integers: whether `type: integer` means numbers without a point, as draft 4 has it.
        one_spelling: whether each number has one spelling only; needed where values are compared by their text.

    Raises OptionError for a value that an attribute cannot have.
    """

    whitespace: str = "json.dumps"
    order: str = "schema"
    exponent: bool = True
    escapes: str = "canonical"
    whole_fraction: bool = True
    plain_integers: bool = False
    one_spelling: bool = False

    def __post_init__(self) -> None:
        if self.order not in ("schema", "any"):
            raise OptionError(f"order {excerpt(self.order)} is not known", hint="Known are schema and any.")
        if self.escapes not in ("canonical", "free"):
            raise OptionError(f"escapes {excerpt(self.escapes)} is not known", hint="Known are canonical and free.")
        spacing(self.whitespace, 0)

    @property
    def is_indented(self) -> bool:
        """Whether whitespace depends on how deep a value is nested."""
        return self.whitespace.startswith("indent=")

    @property
    def spell(self) -> Spell:
        """The spelling of the characters of strings."""
        return json_chars if self.escapes == "canonical" else json_chars_free


_numbers: dict[Text, int] = {}
_numbered: list[Text] = []


def number_of(text: Text) -> int:
    """A number of its own for each way to write values in which depth does not matter: there are few of them."""
    found = _numbers.get(text)
    if found is None:
        _numbered.append(text)
        found = _numbers.setdefault(text, len(_numbered) - 1)
    return found


def text_of(number: int) -> Text:
    """The way to write values that has this number."""
    return _numbered[number]


class Spacing(NamedTuple):
    """What stands after an opening bracket, before a closing one, in empty brackets, and between members."""

    open: Expr
    close: Expr
    empty: Expr
    colon: Expr
    comma: Expr


@lru_cache(maxsize=256)
def spacing(whitespace: str, depth: int = 0) -> Spacing:
    """The spacing of that name, in brackets that stand `depth` deep. Raises OptionError where there is none."""
    match whitespace:
        case "json.dumps":
            return Spacing(EMPTY, EMPTY, EMPTY, literal(b": "), literal(b", "))
        case "compact":
            return Spacing(EMPTY, EMPTY, EMPTY, literal(b":"), literal(b","))
        case "flexible":
            pad = apart(read_grammar("json")["WS"])
            return Spacing(pad, pad, pad, seq(pad, literal(b":"), pad), seq(pad, literal(b","), pad))
    indent = _INDENT.fullmatch(whitespace) if isinstance(whitespace, str) else None
    if indent is None or int(indent[1]) > MAX_INDENT:
        raise OptionError(
            f"whitespace {excerpt(whitespace)} is not known",
            hint=f"Known are json.dumps, compact, flexible, and indent=N with N up to {MAX_INDENT}.",
        )
    outer = b"\n" + b" " * (int(indent[1]) * depth)
    inner = outer + b" " * int(indent[1])
    return Spacing(literal(inner), literal(outer), EMPTY, literal(b": "), literal(b"," + inner))
