"""The pattern of a string in Pydantic -> the same in ECMA-262, as JSON Schema has patterns."""

from __future__ import annotations

from typing import Any

from pydantic import PydanticInvalidForJsonSchema

from fcgen.errors import PatternError
from fcgen.grammar.python_patterns import ecma_pattern


def pydantic_pattern(core: Any, config: Any) -> str:
    """The pattern of a string's core schema; its engine is Rust's crate `regex` unless the type chooses another.

    Raises PydanticInvalidForJsonSchema where it cannot be said in JSON Schema.
    """
    pattern, engine = core["pattern"], core.get("regex_engine") or config.regex_engine
    try:
        return ecma_pattern(pattern, rust=isinstance(pattern, str) and engine == "rust-regex")
    except PatternError as error:
        raise PydanticInvalidForJsonSchema(str(error).rstrip(".")) from error
