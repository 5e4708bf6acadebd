"""Which values belong to a shape, as the jsonschema library would decide."""

from __future__ import annotations

from typing import Any

from fcgen.schema.array_sets import is_array_of
from fcgen.schema.definitions import resolve
from fcgen.schema.number_sets import Number, is_number_of
from fcgen.schema.object_sets import is_object_of
from fcgen.schema.shape import AnyOf, Anything, Array, Boolean, Null, Object, Ref, Shape, String, Values
from fcgen.schema.string_sets import is_string_of
from fcgen.schema.values import key_of


def contains(shape: Shape, value: Any) -> bool:
    """Whether the JSON value `value` belongs to `shape`, as the jsonschema library would decide."""
    return _contains(shape, value, {})


def _contains(shape: Shape, value: Any, known: dict[tuple[Shape, int], bool]) -> bool:
    """`known` is what is known already of the places of `value`, by their ids: many ways may lead to one definition."""

    def is_of(part: Shape, item: Any) -> bool:
        return _contains(part, item, known)

    match shape, value:
        case Anything(), _:
            return True
        case Ref(), _:
            target = resolve(shape)
            if (target, id(value)) not in known:
                known[target, id(value)] = _contains(target, value, known)
            return known[target, id(value)]
        case AnyOf(), _:
            return any(is_of(part, value) for part in shape.parts)
        case Values(), _:
            return key_of(value) in shape.values
        case (Null(), None) | (Boolean(), bool()):
            return True
        case String(), str():
            return is_string_of(shape, value)
        case Array(), list():
            return is_array_of(shape, value, is_of, key_of)
        case Object(), dict():
            return is_object_of(shape, value, is_of)
        case Number(), int() | float() if not isinstance(value, bool):
            return is_number_of(shape, value)
        case _:
            return False
