"""JSON Schema -> Shape -> Expr."""

from __future__ import annotations

from fcgen.schema.compile import Compiled, compile_schema
from fcgen.schema.document import Document
from fcgen.schema.keywords import KEYWORDS, Keyword, Status
from fcgen.schema.lower import lower
from fcgen.schema.read import read_schema
from fcgen.schema.text import Text, spacing

__all__ = [
    "KEYWORDS",
    "Compiled",
    "Document",
    "Keyword",
    "Status",
    "Text",
    "compile_schema",
    "lower",
    "read_schema",
    "spacing",
]
