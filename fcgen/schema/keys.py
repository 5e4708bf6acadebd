"""The names that are left: any JSON string but certain ones."""

from __future__ import annotations

from functools import lru_cache

from fcgen.grammar.expr import repeat, unlike
from fcgen.grammar.lark import read_grammar
from fcgen.grammar.terms import Expr


def other_names(names: frozenset[bytes]) -> Expr:
    """The contents of the JSON strings that are none of `names`, which are spelled as in JSON, without quotes."""
    return unlike(_any_text(), names)


@lru_cache(maxsize=1)
def _any_text() -> Expr:
    return repeat(read_grammar("json")["CHAR"])
