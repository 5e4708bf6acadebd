"""A function that a model may call: its name, what it does, and the JSON Schema that its arguments must satisfy.

Whatever form the metadata came in, this is what the rest of fcgen sees. A Function owns its schema: a copy that is
plain JSON and describes an object. Whether the schema can be compiled is decided where it is compiled; checked here is
what no schema could mean for the arguments of a function (`required` names an argument that cannot be given).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import Any

from fcgen.errors import excerpt
from fcgen.functions.problems import Problems
from fcgen.functions.type_names import HOLDING
from fcgen.functions.values import copy_value, describe
from fcgen.place import Place

MAX_NAME = 256

# Where one of these stands, arguments can be declared elsewhere than in `properties`.
_DECLARING = frozenset(
    {"$ref", "$dynamicRef", "$recursiveRef", "allOf", "anyOf", "oneOf", "if", "then", "else"}
    | {"dependentSchemas", "dependencies", "patternProperties"}
)

# Keywords of which one at least stands in whatever is meant as the schema of an object.
_KNOWN = HOLDING | {"$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$recursiveRef", "$ref"}
_KNOWN |= {"$comment", "title", "description", "deprecated", "readOnly", "writeOnly", "nullable", "format"}
_KNOWN |= {"$dynamicRef", "minProperties", "maxProperties"}


def no_arguments() -> dict[str, Any]:
    """The parameters of a function that takes none."""
    return {"type": "object", "properties": {}, "additionalProperties": False}


@dataclass(frozen=True, slots=True)
class Function:
    """A function offered to the model.

    Attributes:
        name: what a call calls it by: 1 to 256 characters, no control characters.
        description: what it does, for the model to read.
        parameters: a JSON Schema of the object that holds the arguments, copied. An empty schema, or True, becomes
            that of any object; None means no arguments.
        notes: what the schema cannot say of them, by JSON pointer into `parameters`.

    Raises:
        FunctionError: one of them cannot be used; ManyErrors if several cannot.
    """

    name: str
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=no_arguments, hash=False)
    notes: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        problems = Problems(function=self.name if isinstance(self.name, str) else None)
        check_name(self.name, "/name", problems)
        description = read_description(copy_value(self.description, "/description", problems), "/description", problems)
        parameters = object_schema(copy_value(self.parameters, "/parameters", problems), "/parameters", problems)
        problems.raise_all()
        object.__setattr__(self, "description", description)
        object.__setattr__(self, "parameters", parameters)

    @classmethod
    def of_checked(
        cls, name: str, description: str, parameters: dict[str, Any], notes: tuple[str, ...] = ()
    ) -> Function:
        """One of parts that were checked as they were read, and that nobody else has."""
        function = object.__new__(cls)
        object.__setattr__(function, "name", name)
        object.__setattr__(function, "description", description)
        object.__setattr__(function, "parameters", parameters)
        object.__setattr__(function, "notes", notes)
        return function


def check_name(name: object, pointer: Place, problems: Problems) -> None:
    """Add to the problems what keeps `name` from being the name of a function."""
    if not isinstance(name, str):
        problems.add(f"a function's name must be a string, found {describe(name)}", pointer)
    elif not name:
        problems.add("a function's name must not be empty", pointer)
    elif len(name) > MAX_NAME:
        problems.add("a function's name has too many characters", pointer, limit=MAX_NAME, given=len(name))
    elif not name.isprintable() and (bad := next((c for c in name if unicodedata.category(c) in ("Cc", "Cs")), None)):
        problems.add(f"a function's name holds U+{ord(bad):04X}, a control character or surrogate", pointer)


def read_description(description: object, pointer: Place, problems: Problems) -> str:
    """The description, empty where there is none; anything but text is added to the problems."""
    if description is None or isinstance(description, str):
        return description or ""
    problems.add(f"a description must be a string, found {describe(description)}", pointer)
    return ""


def object_schema(schema: object, pointer: Place, problems: Problems) -> dict[str, Any]:
    """`schema` as that of an object; why it cannot be is added to the problems."""
    if schema is None:
        return no_arguments()
    if schema is True:
        return {"type": "object"}
    if not isinstance(schema, dict):
        problems.add(f"parameters must be a JSON Schema of an object, found {describe(schema)}", pointer)
        return {}
    kind = schema.get("type", "object")
    if kind != "object" and not (isinstance(kind, list) and "object" in kind):
        problems.add(f"arguments are always an object, found type {describe(kind)}", (pointer, "type"))
    properties = schema.get("properties", {})
    if isinstance(properties, dict):
        check_required(schema, pointer, problems)
    else:
        found = f"'properties' must be an object of schemas, found {describe(properties)}"
        problems.add(found, (pointer, "properties"))
    _check_declared(schema, pointer, problems)
    return {"type": "object", **schema, **({"type": "object"} if "type" in schema else {})}


def _check_declared(schema: dict[str, Any], pointer: Place, problems: Problems) -> None:
    """Add to the problems what may have been meant as `properties`, where there are none."""
    if "properties" in schema or _may_declare_more(schema):
        return
    is_none = _KNOWN.isdisjoint(schema)
    for key, value in schema.items():
        is_meant = isinstance(value, dict | list) or (is_none and value is not None)
        if is_meant and key not in _KNOWN and not key.startswith("x-"):
            found = f"{excerpt(key)} is no keyword of JSON Schema, and there are no 'properties'"
            problems.add(found, (pointer, key), hint="The arguments' schemas belong in 'properties', by name.")


def check_required(schema: dict[str, Any], pointer: Place, problems: Problems) -> None:
    """Add to the problems what `required` lists that is no name, or the name of nothing that can be given."""
    required, pointer = schema.get("required", []), (pointer, "required")
    if not isinstance(required, list):
        problems.add(f"'required' must be a list of the arguments' names, found {describe(required)}", pointer)
        return
    known = schema.get("properties", {})
    seen: set[str] = set()
    for i, name in enumerate(required):
        if not isinstance(name, str):
            problems.add(f"'required' must list names, found {describe(name)}", (pointer, i))
        elif name in seen:
            problems.add(f"'required' lists {excerpt(name)} twice", (pointer, i))
        elif name not in known and not _may_declare_more(schema):
            arguments = excerpt(", ".join(known), 200) if known else "none"
            found = f"'required' lists {excerpt(name)}, which is no argument. Its arguments: {arguments}"
            problems.add(found, (pointer, i))
        if isinstance(name, str):
            seen.add(name)


def _may_declare_more(schema: dict[str, Any]) -> bool:
    rest = schema.get("additionalProperties", False), schema.get("unevaluatedProperties", False)
    return rest != (False, False) or not _DECLARING.isdisjoint(schema)
