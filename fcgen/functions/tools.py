"""Tool definitions with a JSON Schema -> Function: OpenAI, MCP, Anthropic, and plain `{name, description, parameters}`.

    {"type": "function", "function": {"name", "description", "parameters"}}    OpenAI chat completions
    {"type": "function", "name", "description", "parameters"}                  OpenAI responses
    {"name", "description", "inputSchema"}                                     MCP
    {"name", "description", "input_schema"}                                    Anthropic

What they add for their own servers (`strict`, `annotations`, `cache_control`, ...) says nothing about the arguments
and is ignored. The schema is taken as it stands but for the spelling of its types; without one there are no arguments,
and then nothing may stand elsewhere that looks as if it described some.
"""

from __future__ import annotations

from typing import Any

from fcgen.errors import excerpt
from fcgen.functions.function import Function, check_name, object_schema, read_description
from fcgen.functions.problems import Problems
from fcgen.functions.type_names import spell_types
from fcgen.functions.values import describe
from fcgen.place import Place

SCHEMA_KEYS = ("parameters", "inputSchema", "input_schema")

# Ignoring one of these would read a function with arguments as one without.
_MISPLACED = ("args", "params", "properties", "schema")

# What may hold the JSON Schema of something else.
_OF_SERVERS = frozenset(
    {"_meta", "annotations", "cache_control", "execution", "icons", "input_examples", "metadata", "strict"}
    | {"output", "outputSchema", "output_schema", "outputs", "response", "responseJsonSchema", "response_schema"}
    | {"responses", "result", "results", "return", "returns"}
)


def read_tool(tool: dict[str, Any], pointer: Place, problems: Problems) -> Function | None:
    """The function that a tool definition describes; None where there are problems."""
    _check_kind(tool, pointer, problems)
    around: dict[str, Any] = {}
    place = pointer
    if isinstance(tool.get("function"), dict):
        around = {key: value for key, value in tool.items() if key != "function"}
        tool, pointer = tool["function"], (pointer, "function")
    key = "name" if "name" in tool else "function"
    if key in tool:
        check_name(tool[key], (pointer, key), problems)
    else:
        problems.add('no name: it belongs in "name", or in the model card\'s form in "function"', pointer)
    description = read_description(tool.get("description"), (pointer, "description"), problems)
    if not any(key in tool for key in SCHEMA_KEYS):
        check_misplaced(around, SCHEMA_KEYS, place, problems)
        check_misplaced(tool, (), pointer, problems)
    parameters = _read_schema(tool, pointer, problems)
    return None if problems.errors else Function.of_checked(tool[key], description, parameters)


def _check_kind(tool: dict[str, Any], pointer: Place, problems: Problems) -> None:
    kind = tool.get("type", "function")
    if kind != "function" and not (kind == "custom" and "input_schema" in tool):
        found = f"a tool of type {describe(kind)} is not a function; allowed: 'function'"
        problems.add(found, (pointer, "type"))


def _read_schema(tool: dict[str, Any], pointer: Place, problems: Problems) -> dict[str, Any]:
    keys = [key for key in SCHEMA_KEYS if key in tool]
    if len(keys) > 1:
        problems.add(f"the arguments are described more than once: in {' and in '.join(map(repr, keys))}", pointer)
    if keys:
        place = (pointer, keys[0])
        schema = tool[keys[0]]
        return object_schema(None if schema is None else spell_types(schema, place, problems), place, problems)
    return object_schema(None, pointer, problems)


def check_misplaced(tool: dict[str, Any], elsewhere: tuple[str, ...], pointer: Place, problems: Problems) -> None:
    """Add to the problems what describes arguments in a place where nothing reads it."""
    for key, value in tool.items():
        if key in _MISPLACED or key in elsewhere or (key not in _OF_SERVERS and _looks_like_arguments(value)):
            hint = "Put the JSON Schema of the arguments under 'parameters'."
            problems.add(f"{excerpt(key)} is not where arguments are described", (pointer, key), hint=hint)


def _looks_like_arguments(value: object) -> bool:
    return isinstance(value, dict) and ("properties" in value or value.get("type") in ("object", "dict"))
