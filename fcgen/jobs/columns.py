"""A JSON Schema -> the columns that a table has for the values of the schema, and the cells of a value.

The properties of an object are columns; where the table is flat (CSV), so are those of the objects in it, as `a.b`. A
column has a type where the schema makes it plain: string, integer (64 bits), number, boolean, an array or an object of
such; everything else is JSON text. Types are the schema's alone, so files of one schema have the same columns.

What has no place there (a further property, an integer of more than 64 bits, a value that is no object) is not lost: it
is left over, and the table keeps it as JSON text in the column `fields`. What a table cannot tell apart is a property
that is null, one that is absent and, where the table is flat, an object without any.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from fcgen.jobs.strict_json import is_text, write_json

MAX_COLUMNS = 1000
_SAYS_NOTHING = frozenset(
    {"title", "description", "default", "example", "examples", "deprecated", "readOnly", "writeOnly", "$comment"}
    | {"$schema", "$id", "$defs", "definitions"}
)
_BY_VALUE: dict[type, Literal["string", "boolean", "integer"]] = {str: "string", bool: "boolean", int: "integer"}


@dataclass(frozen=True, slots=True)
class Array:
    """Lists of values of one type."""

    items: Type


@dataclass(frozen=True, slots=True)
class Object:
    """Objects of which all properties are known."""

    fields: tuple[tuple[str, Type], ...]


Type = Literal["string", "integer", "number", "boolean", "json"] | Array | Object


@dataclass(frozen=True, slots=True)
class Column:
    """One column for a part of the value.

    Attributes:
        name: of the column.
        path: the names of the properties that lead to the part.
        type: of its cells, each of which may be null; "json": of values of any type, to be written as JSON texts.
    """

    name: str
    path: tuple[str, ...]
    type: Type


def field_columns(schema: Any, *, flat: bool, taken: Collection[str] = ()) -> tuple[Column, ...]:
    """The columns for values of the schema; none where its values are no objects with known properties.

    Args:
        schema: a JSON Schema, or None.
        flat: whether the properties of inner objects have columns of their own, and arrays are JSON texts.
        taken: names of other columns; a column that would have one of them begins with "fields.".
    """
    whole = _Types(schema).read(schema, ())
    if not isinstance(whole, Object):
        return ()
    columns = [
        Column(name if name not in taken else f"fields.{name}", path, type_)
        for path, type_ in _parts(whole, (), flat=flat)
        for name in [".".join(path)]
    ]
    names = Counter(column.name for column in columns)
    return tuple(columns) if max(names.values()) == 1 and not names.keys() & set(taken) else ()


def cells_of(value: Any, columns: Sequence[Column]) -> tuple[list[Any], str | None]:
    """The cell of each column, and what is left over of the value, as JSON text; None: nothing is."""
    if not isinstance(value, dict):
        return [None] * len(columns), write_json(value)
    rest = _copy(value)
    cells = [_take(rest, column) for column in columns]
    for path in {column.path[:-1] for column in columns}:
        _prune(rest, path)
    return cells, write_json(rest) if rest or not columns else None


def _parts(whole: Object, path: tuple[str, ...], *, flat: bool) -> list[tuple[tuple[str, ...], Type]]:
    found: list[tuple[tuple[str, ...], Type]] = []
    for name, type_ in whole.fields:
        if flat and isinstance(type_, Object):
            found += _parts(type_, (*path, name), flat=flat)
        else:
            found.append(((*path, name), "json" if flat and isinstance(type_, Array) else type_))
    return found


class _Types:
    """Reads types out of a schema, at most `MAX_COLUMNS` of them, since references can multiply."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self.left = MAX_COLUMNS

    def read(self, schema: Any, within: tuple[str, ...]) -> Type:
        """The type of the schema's values, if it is plain; `within`: the references that led to it."""
        self.left -= 1
        if not isinstance(schema, dict) or self.left < 0 or len(within) > MAX_COLUMNS:
            return "json"
        said = {key: value for key, value in schema.items() if key not in _SAYS_NOTHING}
        match said:
            case {"$ref": str(name)} if len(said) == 1 and name not in within:
                return self.read(self._find(name), (*within, name))
            case {"anyOf": list(options)} | {"oneOf": list(options)} if len(said) == 1:
                types = [self.read(option, within) for option in options if option != {"type": "null"}]
                return types[0] if types and all(type_ == types[0] for type_ in types) else "json"
            case {"const": value}:
                return _type_of([value])
            case {"enum": list(values)}:
                return _type_of(values)
        types_said = said.get("type")
        names = [types_said] if isinstance(types_said, str) else types_said
        match [name for name in names if name != "null"] if isinstance(names, list) else []:
            case ["string" | "integer" | "number" | "boolean" as name]:
                return cast("Type", name)
            case ["array"] if "prefixItems" not in said and isinstance(said.get("items"), dict):
                return Array(self.read(said["items"], within))
            case ["object"]:
                return self._object(said, within)
        return "json"

    def _object(self, said: Mapping[str, Any], within: tuple[str, ...]) -> Type:
        properties = said.get("properties")
        if not isinstance(properties, dict) or not properties:
            return "json"
        return Object(tuple((name, self.read(schema, within)) for name, schema in properties.items()))

    def _find(self, reference: str) -> Any:
        """What a reference into the schema itself leads to; None: it leads elsewhere."""
        first, *steps = reference.split("/")
        found = self.root if first == "#" else None
        for step in steps:
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        return found


def _type_of(values: Sequence[Any]) -> Type:
    types: set[Type] = {_BY_VALUE.get(type(value), "json") for value in values if value is not None}
    return types.pop() if len(types) == 1 else "json"


def _copy(value: dict[str, Any]) -> dict[str, Any]:
    return {key: _copy(part) if isinstance(part, dict) else part for key, part in value.items()}


def _take(rest: dict[str, Any], column: Column) -> Any:
    """The column's cell, taken out of the rest; None where there is nothing, or nothing that fits."""
    *way, last = column.path
    place: Any = rest
    for step in way:
        place = place.get(step) if isinstance(place, dict) else None
    if not isinstance(place, dict) or last not in place or not _fits(place[last], column.type):
        return None
    return _cell(place.pop(last), column.type)


def _prune(rest: dict[str, Any], path: tuple[str, ...]) -> None:
    """Remove what is empty or null on the way to inner columns, from its end on."""
    for length in range(len(path), 0, -1):
        *way, last = path[:length]
        place: Any = rest
        for step in way:
            place = place.get(step) if isinstance(place, dict) else None
        if isinstance(place, dict) and last in place and place[last] in (None, {}):
            del place[last]


def _fits(value: Any, type_: Type) -> bool:
    match value, type_:
        case (None, _) | (_, "json"):
            return True
        case bool(), _:
            return type_ == "boolean"
        case str(), "string":
            return is_text(value)
        case ((int() | float()), "integer"):
            return int(value) == value and is_long(int(value))
        case ((int() | float()), "number"):
            return isinstance(value, float) or is_double(value)
        case list(), Array(items):
            return all(_fits(item, items) for item in value)
        case dict(), Object(fields):
            known = dict(fields)
            return all(name in known and _fits(part, known[name]) for name, part in value.items())
    return False


def is_long(value: int) -> bool:
    """Whether 64 bits hold the integer."""
    return -(2**63) <= value < 2**63


def is_double(value: int) -> bool:
    """Whether a float of 64 bits is the same as the integer."""
    return abs(value) <= 2**53 or (is_long(value) and int(float(value)) == value)


def _cell(value: Any, type_: Type) -> Any:
    match value, type_:
        case None, _:
            return None
        case _, "integer":
            return int(value)
        case list(), Array(items):
            return [_cell(item, items) for item in value]
        case dict(), Object(fields):
            return {name: _cell(value.get(name), part) for name, part in fields}
    return value
