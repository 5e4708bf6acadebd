"""Schemas with instances, and functions: those of a file or folder that is given, or a few of our own.

A corpus of schemas is a file of JSON lines, `{"file": NAME, "schema": ..., "tests": [{"data": ..., "valid": BOOL}]}`;
a corpus of functions a folder of such files, `{"functions": [{"name": ..., "description": ..., "parameters": ...}]}`.
Both may be packed (`.gz`). They are taken in the order of the SHA-256 of their names, so that the first ones are a
random sample, and the same one everywhere.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Function = dict[str, Any]


def read_schemas(path: Path | None, first: int | None) -> list[Row]:
    """The first schemas of a corpus."""
    rows = OWN_SCHEMAS if path is None else list(_read_lines(path))
    return sorted(rows, key=lambda row: _place(row["file"]))[:first]


def read_functions(folder: Path | None, count: int) -> list[Function]:
    """Functions with distinct names: at most `count`."""
    if folder is None:
        return [make_function(number) for number in range(count)]
    found: dict[str, Function] = {}
    for path in sorted(folder.glob("*.jsonl*")):
        for row in _read_lines(path):
            for function in row["functions"]:
                found.setdefault(function["name"], function)
    return [found[name] for name in sorted(found, key=_place)][:count]


def make_function(number: int) -> Function:
    """A function of our own: the same one for the same number, and another one for each number."""
    draw = random.Random(number)
    names = draw.sample(WORDS, k=draw.randint(1, 6))
    properties = {name: {"description": f"The {name}.", **_make_value(draw, 2)} for name in names}
    return {
        "name": f"{draw.choice(VERBS)}_{draw.choice(WORDS)}_{number}",
        "description": "One of many functions.",
        "parameters": {"type": "object", "properties": properties, "required": names[: len(names) // 2]},
    }


def union_of(functions: list[Function]) -> dict[str, Any]:
    """The schema of a call of one of the functions.

    Arguments are those that are listed, unless the parameters say more of others.
    """
    return {"anyOf": [_call_of(function) for function in functions]}


def _call_of(function: Function) -> dict[str, Any]:
    parameters = function["parameters"]
    if "properties" in parameters and OPENING.isdisjoint(parameters):
        parameters = {**parameters, "additionalProperties": False}
    return {
        "type": "object",
        "properties": {"function": {"const": function["name"]}, "arguments": parameters},
        "required": ["function", "arguments"],
        "additionalProperties": False,
    }


def _make_value(draw: random.Random, depth: int) -> dict[str, Any]:
    kinds = ["string", "bounded", "pattern", "enum", "integer", "number", "boolean", "date"]
    match draw.choice(kinds + ["array", "object"] * (depth > 0)):
        case "bounded":
            return {"type": "string", "minLength": 1, "maxLength": draw.randint(2, 60)}
        case "pattern":
            return {"type": "string", "pattern": f"^[a-z]{{{draw.randint(1, 4)}}}-[0-9]{{{draw.randint(2, 9)}}}$"}
        case "enum":
            return {"enum": draw.sample(WORDS, k=draw.randint(2, 8))}
        case "integer":
            return {"type": "integer", "minimum": draw.randint(-5, 5), "maximum": draw.randint(10, 5000)}
        case "date":
            return {"type": "string", "format": "date"}
        case "array":
            return {"type": "array", "items": _make_value(draw, depth - 1), "maxItems": draw.randint(2, 9)}
        case "object":
            names = draw.sample(WORDS, k=draw.randint(1, 4))
            properties = {name: _make_value(draw, depth - 1) for name in names}
            return {"type": "object", "properties": properties, "required": names[:1], "additionalProperties": False}
        case kind:
            return {"type": kind}


def _read_lines(path: Path) -> Iterator[Row]:
    opening = gzip.open if path.suffix == ".gz" else open
    with opening(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _place(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


OPENING = frozenset(
    {"additionalProperties", "patternProperties", "unevaluatedProperties", "propertyNames", "dependentSchemas"}
    | {"$ref", "$dynamicRef", "$recursiveRef", "allOf", "anyOf", "oneOf", "if", "dependencies"}
)
VERBS = ["get", "set", "find", "list", "add", "remove", "send", "book", "convert", "compare"]
WORDS_TEXT = """
account address amount author book category city code color comment country currency customer date distance
duration email event file filter flight format genre height hotel image invoice item language length level limit
location message movie name note number order origin page parcel person phone place player price product quantity
query range rating recipe region room route schedule score season seat size song source start stock street
subject task team temperature ticket time title topic track unit user value vehicle weather weight year
"""
WORDS = WORDS_TEXT.split()


def _schema(file: str, schema: Any, valid: list[Any], invalid: list[Any]) -> Row:
    tests = [{"data": data, "valid": True} for data in valid] + [{"data": data, "valid": False} for data in invalid]
    return {"file": file, "schema": schema, "tests": tests}


OWN_SCHEMAS = [
    _schema(
        "order",
        {
            "type": "object",
            "properties": {
                "size": {"enum": ["small", "large"]},
                "count": {"type": "integer", "minimum": 1, "maximum": 20},
                "toppings": {"type": "array", "items": {"type": "string", "maxLength": 20}, "maxItems": 5},
                "note": {"type": "string"},
            },
            "required": ["size", "count"],
            "additionalProperties": False,
        },
        [
            {"size": "large", "count": 2, "toppings": ["ham", "olives"], "note": "No onions, please. Ring twice."},
            {"size": "small", "count": 20},
        ],
        [{"size": "medium", "count": 1}, {"size": "small", "count": 21}, {"size": "small"}],
    ),
    _schema(
        "tree",
        {
            "$ref": "#/$defs/node",
            "$defs": {
                "node": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string"},
                        "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                    },
                    "required": ["name"],
                    "additionalProperties": False,
                }
            },
        },
        [{"name": "root", "children": [{"name": "left", "children": []}, {"name": "right"}]}],
        [{"name": "root", "children": [{"children": []}]}],
    ),
    _schema(
        "event",
        {
            "type": "object",
            "properties": {
                "id": {"type": "string", "pattern": "^[A-Z]{2,4}-[0-9]{3,6}$"},
                "on": {"type": "string", "format": "date"},
                "where": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "number"}, "minItems": 2}]},
                "tags": {"type": "object", "additionalProperties": {"type": "string"}},
            },
            "required": ["id", "on"],
        },
        [
            {"id": "AB-1234", "on": "2024-02-29", "where": [48.1, 11.6], "tags": {"kind": "talk", "room": "b12"}},
            {"id": "XYZ-999999", "on": "2031-12-01", "where": "Paris"},
        ],
        [{"id": "A-1", "on": "2024-02-29"}, {"id": "AB-1234", "on": "2023-02-30"}],
    ),
    _schema("list", {"type": "array", "items": {"type": "integer"}, "maxItems": 4}, [[], [1, -20, 300]], [[1.5], "no"]),
    _schema("anything", {}, [{"a": [1, {"b": None}], "c": "text"}, "text", 1.5e-7], []),
]
