"""Tool definitions -> Function. One table, `FORMS`, says of each form by which keys it is told, and what reads them.

    {"type": "function", "function": {"name", "description", "parameters"}}    OpenAI chat completions, Cohere v2
    {"type": "function", "name", "description", "parameters"}                  OpenAI responses
    {"name", "description", "inputSchema"}                                     MCP
    {"toolSpec": {"name", "description", "inputSchema": {"json"}}}             Bedrock
    {"name", "description", "input_schema"}                                    Anthropic
    {"name", "description", "parameters" or "parametersJsonSchema"}            Gemini, in `functionDeclarations`
    {"name", "description", "parameter_definitions"}                           Cohere v1
    {"name", "description", "inputs", "output_type"}                           smolagents
    {"api_name", "required_parameters", "optional_parameters"}                 ToolBench, RapidAPI

What they add for their own servers (`strict`, `annotations`, `cache_control`, ...) says nothing about the arguments
and is ignored. Any other key that holds an object or a list is refused: it may be what describes the arguments, and
ignoring it would read a function with arguments as one without. A schema is taken as it stands but for the spelling of
its types; without one there are no arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fcgen.errors import excerpt
from fcgen.functions.arguments import looks_named, read_definitions, read_inputs, read_listed, read_lists, read_named
from fcgen.functions.function import Function, check_name, no_arguments, object_schema, read_description
from fcgen.functions.openapi import from_openapi, is_openapi
from fcgen.functions.problems import Problems
from fcgen.functions.type_names import spell_types
from fcgen.functions.values import describe
from fcgen.place import Place

WRAPPERS = ("function", "toolSpec")

# What describes no arguments, though it may hold an object or a list.
_OF_SERVERS = frozenset(
    {"_meta", "allowed_callers", "annotations", "cache_control", "example", "examples", "execution", "icons"}
    | {"input_examples", "meta", "metadata", "output", "outputSchema", "output_schema", "output_type", "outputs"}
    | {"permissions", "response", "responseJsonSchema", "response_json_schema", "response_schema", "responses"}
    | {"result", "results", "return", "returns", "security", "strict", "tags"}
)
_OF_TOOLBENCH = frozenset({"body", "headers", "schema", "template_response", "test_endpoint"})

# Refused whatever they hold: they can be meant as nothing but arguments.
_MISPLACED = frozenset({"args", "params", "properties", "schema"})


@dataclass(frozen=True, slots=True)
class Form:
    """A form of tool definitions.

    Attributes:
        keys: where the arguments are described; one of them tells the form.
        read: the tool, its pointer and the problems -> the JSON Schema of the arguments.
        names: where its name may stand.
        descriptions: where its description may stand.
        beside: keys of its own that describe no arguments.
    """

    keys: tuple[str, ...]
    read: Callable[[dict[str, Any], Place, Problems], dict[str, Any]]
    names: tuple[str, ...] = ("name", "function")
    descriptions: tuple[str, ...] = ("description",)
    beside: frozenset[str] = frozenset()


def _under(key: str, read: Callable[[Any, Place, Problems], dict[str, Any]]) -> Form:
    """The form of tools that describe their arguments under one key."""
    return Form((key,), lambda tool, pointer, problems: read(tool[key], (pointer, key), problems))


def _schema(schema: object, pointer: Place, problems: Problems) -> dict[str, Any]:
    return object_schema(spell_types(schema, pointer, problems), pointer, problems)


def _openapi_schema(schema: object, pointer: Place, problems: Problems) -> dict[str, Any]:
    return object_schema(spell_types(schema, pointer, problems, from_openapi), pointer, problems)


def _parameters(schema: object, pointer: Place, problems: Problems) -> dict[str, Any]:
    if isinstance(schema, list):
        return read_listed(schema, pointer, problems)
    if looks_named(schema):
        return read_named(schema, pointer, problems)
    return (_openapi_schema if is_openapi(schema) else _schema)(schema, pointer, problems)


def _input_schema(schema: object, pointer: Place, problems: Problems) -> dict[str, Any]:
    if isinstance(schema, dict) and schema.keys() == {"json"}:  # Bedrock's
        schema, pointer = schema["json"], (pointer, "json")
    return _schema(schema, pointer, problems)


_LISTS = ("required_parameters", "optional_parameters")

FORMS = (
    _under("parameters", _parameters),
    _under("inputSchema", _input_schema),
    _under("input_schema", _schema),
    _under("parametersJsonSchema", _schema),
    _under("parameters_json_schema", _schema),
    _under("parameter_definitions", read_definitions),
    _under("inputs", read_inputs),
    Form(
        _LISTS,
        lambda tool, pointer, problems: read_lists(tool, _LISTS, pointer, problems),
        names=("name", "api_name"),
        descriptions=("description", "api_description"),
        beside=_OF_TOOLBENCH,
    ),
)
_WITHOUT = Form((), lambda *_: no_arguments())
_GEMINI = _under("parameters", _openapi_schema)

PARAMETERS = tuple(key for form in FORMS for key in form.keys)
_KNOWN = f"Arguments are described under arguments, {', '.join(PARAMETERS)}; leave out what says nothing of them."


def read_tool(
    tool: dict[str, Any], pointer: Place, problems: Problems, *, is_declaration: bool = False
) -> Function | None:
    """The function that a tool definition describes; None where there are problems.

    `is_declaration`: it is one of Gemini's function declarations, whose `parameters` are of OpenAPI's dialect.
    """
    _check_kind(tool, pointer, problems)
    for wrapper in WRAPPERS:
        if isinstance(tool.get(wrapper), dict):
            around = {key: value for key, value in tool.items() if key != wrapper}
            check_others(around, frozenset(), pointer, problems)
            tool, pointer = tool[wrapper], (pointer, wrapper)
            break
    form = _form(tool, pointer, problems)
    name = _first(tool, form.names)
    if name is None:
        problems.add('no name: it belongs in "name", or in the model card\'s form in "function"', pointer)
    else:
        check_name(tool[name], (pointer, name), problems)
    about = _first(tool, form.descriptions) or "description"
    description = read_description(tool.get(about), (pointer, about), problems)
    check_others(tool, form.beside.union(PARAMETERS, form.names, form.descriptions), pointer, problems)
    read = _GEMINI.read if is_declaration and form.keys == _GEMINI.keys else form.read
    parameters = read(tool, pointer, problems)
    return None if problems.errors or name is None else Function.of_checked(tool[name], description, parameters)


def _check_kind(tool: dict[str, Any], pointer: Place, problems: Problems) -> None:
    kind = tool.get("type", "function")
    if kind != "function" and not (kind == "custom" and "input_schema" in tool):
        found = f"a tool of type {describe(kind)} is not a function; allowed: 'function'"
        problems.add(found, (pointer, "type"))


def _form(tool: dict[str, Any], pointer: Place, problems: Problems) -> Form:
    """The form that the keys tell; two at once are a problem."""
    told = [form for form in FORMS if any(tool.get(key) is not None for key in form.keys)]
    if len(told) > 1:
        keys = [key for form in told for key in form.keys if tool.get(key) is not None]
        problems.add(f"the arguments are described more than once: in {' and in '.join(map(repr, keys))}", pointer)
    return told[0] if told else _WITHOUT


def _first(tool: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    return next((key for key in keys if key in tool), None)


def check_others(tool: dict[str, Any], known: frozenset[str], pointer: Place, problems: Problems) -> None:
    """Add to the problems what may describe arguments in a place where nothing reads it."""
    for key, value in tool.items():
        if key in known or key in _OF_SERVERS or key.startswith("x-"):
            continue
        if isinstance(value, dict | list) or (value is not None and key in _MISPLACED):
            found = f"{excerpt(key)} holds {describe(value)}, and is not where arguments are described"
            problems.add(found, (pointer, key), hint=_KNOWN)
