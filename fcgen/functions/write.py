"""Function -> metadata: the model card's form and OpenAI's, as prompts and servers want them.

Reading what was written gives the function back. In the card's form some things come back said otherwise, meaning
the same: `required` in the order of the arguments; schemas that are booleans, or hold one of the card's own keys, as
objects around them; `"additionalProperties": false` where nothing was said about further arguments.
"""

from __future__ import annotations

import copy
from typing import Any

from fcgen.functions.function import Function

# Keys of an argument that are the card's own: a schema that has one of them is wrapped.
_OWN = ("name", "optional")


def openai_tool(function: Function) -> dict[str, Any]:
    """The function as OpenAI's chat completions take it: `{"type": "function", "function": {...}}`."""
    parameters = copy.deepcopy(function.parameters)
    described = {"name": function.name, "description": function.description, "parameters": parameters}
    return {"type": "function", "function": described}


def card_metadata(function: Function) -> dict[str, Any]:
    """The function as the model card describes it: `{"function", "description", "arguments": [...]}`.

    Nothing is lost: an argument carries all keywords of its schema, and what belongs to no argument follows in
    `parameters`, which is left out where it would be empty.
    """
    parameters = copy.deepcopy(function.parameters)
    required = parameters.pop("required", [])
    properties = parameters.pop("properties", {})
    card = {
        "function": function.name,
        "description": function.description,
        "arguments": [_argument(name, schema, required=name in required) for name, schema in properties.items()],
    }
    del parameters["type"]
    if parameters.get("additionalProperties") is False:
        del parameters["additionalProperties"]
    if more := [name for name in required if name not in properties]:
        parameters["required"] = more
    return {**card, "parameters": parameters} if parameters else card


def _argument(name: str, schema: Any, *, required: bool) -> dict[str, Any]:
    if isinstance(schema, bool):
        schema = {} if schema else {"not": {}}
    if any(key in schema for key in _OWN) or not isinstance(schema.get("required", []), list):
        schema = {"allOf": [schema]}
    first = {key: schema[key] for key in ("type", "description") if key in schema}
    return {"name": name, **first, **schema, **_flag(schema, required=required)}


def _flag(schema: dict[str, Any], *, required: bool) -> dict[str, bool]:
    """What must be said about whether it must be given: nothing where the reader's rule says the same."""
    if required == ("default" not in schema):
        return {}
    return {"optional": not required} if "required" in schema else {"required": required}
