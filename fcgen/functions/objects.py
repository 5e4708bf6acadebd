"""Tool objects of other libraries -> what `read_functions` reads, by the attributes they have; nothing is imported.

args_schema, name, description              LangChain, CrewAI       a Pydantic class, or a JSON Schema
metadata.fn_schema, .name, .description     LlamaIndex              a Pydantic class
params_json_schema, name, description       OpenAI's agents         a JSON Schema
inputs, output_type, name, description      smolagents              as in `fcgen.functions.arguments`
model_dump                                  MCP, Cohere, Gemini     an instance of a Pydantic model: its JSON
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from fcgen.functions.function import Function

_NOT_OBJECTS = (
    Function,
    str,
    bytes,
    int,
    float,
    list,
    tuple,
    Mapping,
    FunctionType,
    MethodType,
    BuiltinFunctionType,
    partial,
)
_ONE_TEXT = {"input": {"type": "string"}}  # what a tool of LlamaIndex takes that has no schema


@dataclass(frozen=True, slots=True)
class ToolObject:
    """A tool whose arguments are the fields of a Pydantic class."""

    name: object
    description: object
    fields: type


def find_object(value: Any) -> ToolObject | Mapping[str, Any] | None:
    """The tool, or the metadata, that an object is; None: it is none that is known."""
    if value is None or isinstance(value, _NOT_OBJECTS):
        return None
    if _has(value, "inputs", "output_type", "description") and isinstance(value.inputs, Mapping):  # or its class
        named = getattr(value, "name", None)
        return {"name": named, "description": value.description, "inputs": value.inputs}
    if isinstance(value, type):
        return None
    if _has(value, "args_schema", "name", "description"):
        return _of_langchain(value)
    about = getattr(value, "metadata", None)
    if about is not None and _has(about, "fn_schema", "name", "description"):
        return _tool(about.name, about.description, about.fn_schema or _object_of(_ONE_TEXT))
    if _has(value, "params_json_schema", "name", "description"):
        return _tool(value.name, value.description, value.params_json_schema)
    if _has(value, "parameters", "name", "description") and isinstance(value.parameters, Mapping | list):
        return _tool(value.name, value.description, value.parameters)
    if _has(value, "model_dump") and not callable(value):
        dumped = value.model_dump(mode="json", by_alias=True, exclude_none=True)
        return dumped if isinstance(dumped, Mapping) else None
    return None


def _of_langchain(value: Any) -> ToolObject | Mapping[str, Any]:
    """Take `tool_call_schema`, which leaves out the arguments that the caller fills in; without any schema, `args`."""
    schema = value.args_schema
    if schema is None:
        schema = _object_of(getattr(value, "args", {}))
    elif isinstance(schema, type):
        schema = getattr(value, "tool_call_schema", None) or schema
    return _tool(value.name, value.description, schema)


def _tool(name: object, description: object, schema: Any) -> ToolObject | Mapping[str, Any]:
    if isinstance(schema, type):
        if hasattr(schema, "model_fields"):
            return ToolObject(name, description, schema)
        if callable(read := getattr(schema, "schema", None)):  # a class of Pydantic 1
            schema = {key: part for key, part in read().items() if key not in ("title", "description")}
    return {"name": name, "description": description, "parameters": schema}


def _object_of(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _has(value: Any, *names: str) -> bool:
    return all(hasattr(value, name) for name in names)
