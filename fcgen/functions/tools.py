"""Tool definitions with a JSON Schema -> Function: OpenAI, MCP, Anthropic, and plain `{name, description, parameters}`.

    {"type": "function", "function": {"name", "description", "parameters"}}    OpenAI chat completions
    {"type": "function", "name", "description", "parameters"}                  OpenAI responses
    {"name", "description", "inputSchema"}                                     MCP
    {"name", "description", "input_schema"}                                    Anthropic

What they add for their own servers (`strict`, `annotations`, `cache_control`, ...) says nothing about the arguments
and is ignored. The schema is taken as it stands but for the spelling of its types; without one there are no arguments.
"""

from __future__ import annotations

from typing import Any

from fcgen.functions.function import Function, check_name, object_schema, read_description
from fcgen.functions.problems import Problems
from fcgen.functions.type_names import spell_types
from fcgen.functions.values import describe
from fcgen.place import Place

SCHEMA_KEYS = ("parameters", "inputSchema", "input_schema")

# Ignoring one of these would read a function with arguments as one without.
_MISPLACED = ("args", "params", "properties", "schema")


def read_tool(tool: dict[str, Any], pointer: Place, problems: Problems) -> Function | None:
    """The function that a tool definition describes; None where there are problems."""
    _check_kind(tool, pointer, problems)
    if isinstance(tool.get("function"), dict):
        tool, pointer = tool["function"], (pointer, "function")
    key = "name" if "name" in tool else "function"
    if key in tool:
        check_name(tool[key], (pointer, key), problems)
    else:
        problems.add('no name: it belongs in "name", or in the model card\'s form in "function"', pointer)
    description = read_description(tool.get("description"), (pointer, "description"), problems)
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
    for key in _MISPLACED:
        if key in tool:
            hint = "Put the JSON Schema of the arguments under 'parameters'."
            problems.add(f"{key!r} is not where arguments are described", (pointer, key), hint=hint)
    return object_schema(None, pointer, problems)
