"""Arguments described one by one -> the JSON Schema of the object that holds them.

Forms that are not JSON Schema as a whole list their arguments, or name them, each with a schema of its own and a mark
that says whether it must be given:

    Cohere       {"city": {"type": "str", "description": ..., "required": true}}       only what is marked must be given
    smolagents   {"city": {"type": "string", "description": ..., "nullable": true}}    all must, but those with nullable
    ToolBench    required_parameters: [{"name": "city", "type": "STRING", ...}], optional_parameters: [...]
    xLAM, Bedrock agents, Phi-4
                 {"city": {"type": "str, optional", "description": ..., "default": ...}}
                 where some are marked as required: these; where none is: all without a default

They list their arguments completely, so no others are allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from fcgen.errors import excerpt
from fcgen.functions.function import object_schema
from fcgen.functions.openapi import with_null
from fcgen.functions.problems import Problems
from fcgen.functions.type_names import HOLDING, spell_types
from fcgen.functions.values import describe
from fcgen.place import Place

_ARGUMENT = '{"type", "description"}'
_OPTIONAL = re.compile(r",\s*optional\s*$", re.IGNORECASE)

# How RapidAPI, from which ToolBench's tools are, names its types.
_RAPID_TYPES: dict[str, dict[str, Any]] = {
    "date": {"type": "string", "format": "date"},
    "date (yyyy-mm-dd)": {"type": "string", "format": "date"},
    "time": {"type": "string", "pattern": "^(?:[01][0-9]|2[0-3]):[0-5][0-9]$"},
    "time (24-hour hh:mm)": {"type": "string", "pattern": "^(?:[01][0-9]|2[0-3]):[0-5][0-9]$"},
    "enum": {"type": "string"},
    "geopoint": {"type": "string"},
    "geopoint (latitude, longitude)": {"type": "string"},
}


@dataclass(frozen=True, slots=True)
class _Argument:
    """One argument: its schema, and whether it must be given; None: nothing marks it."""

    name: str
    schema: Any
    must: bool | None


def read_definitions(named: object, pointer: Place, problems: Problems) -> dict[str, Any]:
    """Cohere's `parameter_definitions`."""
    return _whole(_named(named, pointer, problems), lambda argument: argument.must is True, pointer, problems)


def read_inputs(named: object, pointer: Place, problems: Problems) -> dict[str, Any]:
    """The `inputs` of smolagents: what may be null may be left out."""
    found = []
    for name, described in _members(named, pointer, problems):
        is_null = described.get("nullable") is True
        schema, must = _parts(with_null(described, (pointer, name), problems), (pointer, name), problems)
        found.append(_Argument(name, schema, not is_null if must is None else must))
    return _whole(found, lambda argument: argument.must is True, pointer, problems)


def read_named(named: object, pointer: Place, problems: Problems) -> dict[str, Any]:
    """Arguments by name, in forms that do not say what it means where nothing says whether one must be given."""
    return _marked(_named(named, pointer, problems), pointer, problems)


def read_listed(listed: list[Any], pointer: Place, problems: Problems) -> dict[str, Any]:
    """The same, in a list of arguments that have their names."""
    found: dict[str, _Argument] = {}
    _add_listed(found, listed, pointer, problems)
    return _marked(list(found.values()), pointer, problems)


def _marked(found: list[_Argument], pointer: Place, problems: Problems) -> dict[str, Any]:
    is_marked = any(argument.must for argument in found)

    def must(argument: _Argument) -> bool:
        if argument.must is not None or is_marked:
            return argument.must is True
        return not (isinstance(argument.schema, dict) and "default" in argument.schema)

    return _whole(found, must, pointer, problems)


def read_lists(tool: dict[str, Any], keys: tuple[str, ...], pointer: Place, problems: Problems) -> dict[str, Any]:
    """ToolBench's lists of arguments: first those that must be given."""
    found: dict[str, _Argument] = {}
    for key, must in zip(keys, (True, False), strict=True):
        listed, place = tool.get(key), (pointer, key)
        if listed is not None and not isinstance(listed, list):
            problems.add(f"{key!r} must be a list of arguments, found {describe(listed)}", place)
            continue
        _add_listed(found, listed or [], place, problems, must=must)
    return _whole(list(found.values()), lambda argument: argument.must is True, pointer, problems)


def _add_listed(
    found: dict[str, _Argument], listed: list[Any], pointer: Place, problems: Problems, *, must: bool | None = None
) -> None:
    """Add the arguments of one list, all of which must be given or none; None: each says it itself."""
    for i, described in enumerate(listed):
        argument = _listed(described, (pointer, i), problems)
        if argument is None:
            continue
        if argument.name in found:
            found_twice = f"a second argument {excerpt(argument.name)}; names must differ"
            problems.add(found_twice, ((pointer, i), "name"))
        elif must is not None and argument.must not in (None, must):
            problems.add("'required' contradicts the list that it is in", ((pointer, i), "required"))
        found[argument.name] = argument if must is None else replace(argument, must=must)


def looks_named(value: object) -> bool:
    """Whether an object has arguments by name, and is no JSON Schema: each member describes something."""
    if not isinstance(value, dict) or not value or not _SCHEMAS.isdisjoint(value):
        return False
    return all(isinstance(member, dict) and not _DESCRIBING.isdisjoint(member) for member in value.values())


# Keywords whose value is an object: where one stands, the whole is a JSON Schema.
_SCHEMAS = frozenset(
    {"properties", "patternProperties", "additionalProperties", "unevaluatedProperties", "propertyNames", "$defs"}
    | {"definitions", "not", "if", "then", "else", "dependentSchemas", "dependentRequired", "dependencies"}
)
_DESCRIBING = frozenset({"type", "description", "enum", "const", "anyOf", "oneOf", "allOf", "$ref", "default"})


def _named(named: object, pointer: Place, problems: Problems) -> list[_Argument]:
    return [
        _Argument(name, *_parts(described, (pointer, name), problems))
        for name, described in _members(named, pointer, problems)
    ]


def _members(named: object, pointer: Place, problems: Problems) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each argument's name, and what describes it."""
    if not isinstance(named, dict):
        problems.add(f"arguments must be an object, each {_ARGUMENT} by its name, found {describe(named)}", pointer)
        return
    for name, described in named.items():
        if isinstance(described, dict):
            yield name, described
        else:
            found = f"an argument must be an object {_ARGUMENT}, found {describe(described)}"
            problems.add(found, (pointer, name))


def _listed(described: object, pointer: Place, problems: Problems) -> _Argument | None:
    if not isinstance(described, dict):
        problems.add(f'an argument must be an object {{"name", "type"}}, found {describe(described)}', pointer)
        return None
    name = described.get("name")
    if not isinstance(name, str):
        found = "an argument without a name" if name is None else f"a name must be a string, found {describe(name)}"
        problems.add(found, pointer if name is None else (pointer, "name"))
        return None
    rest = {key: value for key, value in described.items() if key != "name"}
    kind = rest.get("type")
    rapid = _RAPID_TYPES.get(kind.lower()) if isinstance(kind, str) else None
    return _Argument(name, *_parts(rest if rapid is None else {**rest, **rapid}, pointer, problems))


def _parts(described: dict[str, Any], pointer: Place, problems: Problems) -> tuple[Any, bool | None]:
    """The schema of an argument, and whether it is marked as one that must be given."""
    must = described.get("required")
    if isinstance(must, list):  # the schema's own: the argument is an object
        return _schema(described, pointer, problems), None
    if must is not None and not isinstance(must, bool):
        problems.add(f"'required' must be true or false, found {describe(must)}", (pointer, "required"))
    rest = {key: value for key, value in described.items() if key != "required"}
    kind = rest.get("type")
    if isinstance(kind, str) and _OPTIONAL.search(kind):
        rest["type"] = _OPTIONAL.sub("", kind)
        must = False if must is None else must
    return _schema(rest, pointer, problems), must if isinstance(must, bool) else None


def _schema(described: dict[str, Any], pointer: Place, problems: Problems) -> Any:
    if described.get("description", "") is None:
        described = {key: value for key, value in described.items() if key != "description"}
    for key, value in described.items():
        if isinstance(value, dict | list) and key not in HOLDING and not key.startswith("x-"):
            problems.add(f"{excerpt(key)} says nothing of an argument that is known", (pointer, key))
    return spell_types(described, pointer, problems)


def _whole(
    arguments: list[_Argument], must: Callable[[_Argument], bool], pointer: Place, problems: Problems
) -> dict[str, Any]:
    properties = {argument.name: argument.schema for argument in arguments}
    required = [argument.name for argument in arguments if must(argument)]
    schema = {"type": "object", "properties": properties, **({"required": required} if required else {})}
    return object_schema({**schema, "additionalProperties": False}, pointer, problems)
