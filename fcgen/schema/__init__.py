"""JSON Schema -> Shape -> Expr."""

from __future__ import annotations

from fcgen.schema.compile import Compiled, compile_schema
from fcgen.schema.keywords import KEYWORDS, Keyword
from fcgen.schema.lower import lower, spacing
from fcgen.schema.read import read_schema

__all__ = ["KEYWORDS", "Compiled", "Keyword", "compile_schema", "lower", "read_schema", "spacing"]
