"""The algebra of Shapes, with the jsonschema library and the texts of the shapes as judges."""

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from schemas_made import fitting, is_accepted, is_valid, schemas, schemas_with_references, values

from fcgen.errors import SchemaError, Unsatisfiable, UnsupportedKeyword
from fcgen.schema import compile_schema, lower, read_schema
from fcgen.schema.algebra import complement, exclude, meet, union
from fcgen.schema.contains import contains
from fcgen.schema.definitions import resolve
from fcgen.schema.shape import Never


def without_formats(schema):
    """Formats are sound, but not exact: some texts are neither written as of a format nor as not of it."""
    if isinstance(schema, dict):
        return "format" not in schema and all(map(without_formats, schema.values()))
    return not isinstance(schema, list) or all(map(without_formats, schema))


exact = schemas.filter(without_formats)


def shape_of(schema):
    """The shape of a schema, be it Never. What is refused, or over a limit, is left out."""
    try:
        return read_schema(schema)
    except Unsatisfiable as error:
        return Never(error.found, None)
    except SchemaError as error:
        return left_out(error)


def left_out(error):
    assert isinstance(error, UnsupportedKeyword) or error.limit is not None, error
    assume(False)


def known(operation, *shapes):
    """What the operation makes of the shapes, unless that is refused, or over a limit."""
    try:
        return operation(*shapes)
    except SchemaError as error:
        return left_out(error)


def is_written(shape, value):
    """Whether the texts of the shape have the value."""
    try:
        return is_accepted(lower(shape), value)
    except SchemaError as error:
        return left_out(error)


@given(exact | schemas_with_references.filter(without_formats), values)
def test_a_shape_contains_what_is_valid(schema, value):
    assert contains(shape_of(schema), value) == is_valid(schema, value)


@given(exact, exact, values)
def test_meet_is_and(first, second, value):
    both = known(meet, shape_of(first), shape_of(second))
    assert contains(both, value) == is_written(both, value) == (is_valid(first, value) and is_valid(second, value))


@given(exact, exact, values)
def test_union_is_or(first, second, value):
    either = union([shape_of(first), shape_of(second)])
    assert contains(either, value) == is_written(either, value) == (is_valid(first, value) or is_valid(second, value))


@given(exact, values)
@example({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["b"]}, {"a": 1, "b": 0})
@example({"prefixItems": [{"const": 1}], "items": {"type": "null"}}, [1, None, 2])
def test_complement_is_not(schema, value):
    other = known(complement, shape_of(schema))
    assert contains(other, value) == is_written(other, value) == (not is_valid(schema, value))


@given(exact, values)
def test_the_complement_of_the_complement_is_the_shape(schema, value):
    again = known(complement, known(complement, shape_of(schema)))
    assert contains(again, value) == is_valid(schema, value)


@given(exact, exact, values)
def test_exclude_is_and_not(first, second, value):
    left = known(exclude, shape_of(first), shape_of(second))
    assert contains(left, value) == is_written(left, value) == (is_valid(first, value) and not is_valid(second, value))


@given(schemas_with_references.filter(without_formats), values)
def test_complements_follow_references(schema, value):
    (part,) = schema["allOf"]
    whole = {"items": part, "properties": {"a": part}, "$defs": schema["$defs"]}
    other = known(complement, shape_of(whole))
    assert contains(other, [value]) == contains(other, {"a": value}) == (not is_valid(schema, value))


@given(st.data(), exact)
def test_a_shape_and_its_complement_divide_what_nearly_fits(data, schema):
    shape = shape_of(schema)
    other = known(complement, shape)
    value = data.draw(fitting(schema))
    assert contains(shape, value) == is_valid(schema, value) == (not contains(other, value))


@given(exact, exact, values)
def test_the_laws_of_de_morgan(first, second, value):
    a, b = shape_of(first), shape_of(second)
    one = known(complement, known(meet, a, b))
    other = union([known(complement, a), known(complement, b)])
    assert contains(one, value) == contains(other, value)


@given(exact, st.lists(values, max_size=20))
def test_what_is_never_has_no_value(schema, some):
    if type(shape_of(schema)) is Never:
        assert not any(is_valid(schema, value) for value in some)


@given(exact, exact)
def test_a_shape_and_its_complement_have_nothing_in_common(first, second):
    a = known(meet, shape_of(first), shape_of(second))
    none = known(meet, a, known(complement, a))
    assert type(resolve(none)) is Never or not any(map(none_of(none), SAMPLES))


def none_of(shape):
    return lambda value: contains(shape, value)


SAMPLES = [None, True, 0, 1, 2.5, -3, "", "a", "ab", [], [1], [1, 1], ["a", 2], {}, {"a": 1}, {"a": "a", "b": 2}]

CONTRADICTIONS = [
    ([{"type": "string"}, {"type": "integer"}], "a string and an integer have no value in common"),
    ([{"type": "integer", "minimum": 3}, {"maximum": 2}], "no number is an integer >= 3 <= 2"),
    ([{"type": "string", "minLength": 3}, {"maxLength": 2}], "no string is a string minLength 3 maxLength 2"),
    ([{"type": "string", "pattern": "^a"}, {"not": {"pattern": "^a"}}], "with pattern '^a' without pattern '^a'"),
    ([{"enum": [1, 2]}, {"enum": [3]}], "none of the values 1, 2 is 3"),
    ([{"enum": ["a"], "not": {"const": "a"}}], "none of 'a' is anything but 'a'"),
    ([{"type": "array", "minItems": 2}, {"maxItems": 1}], "minItems 2 > maxItems 1"),
    ([{"type": "array", "contains": {"type": "null"}}, {"items": {"type": "string"}, "maxItems": 0}], "minItems 1"),
    ([{"type": "object", "minProperties": 2}, {"maxProperties": 1}], "minProperties 2 > maxProperties 1"),
    ([{"type": "object", "required": ["a"]}, {"properties": {"a": False}}], "the required property 'a' is impossible"),
    (
        [{"type": "object", "required": ["a"]}, {"propertyNames": {"const": "b"}}],
        "the required property 'a' is impossible: the name 'a' is not allowed",
    ),
    (
        [
            {"type": "object", "required": ["a"], "properties": {"a": {"type": "null"}}},
            {"properties": {"a": {"type": "boolean"}}},
        ],
        "the required property 'a' is impossible: null and a boolean have no value in common",
    ),
]


@pytest.mark.parametrize(("schemas", "text"), CONTRADICTIONS, ids=[text for _, text in CONTRADICTIONS])
def test_a_contradiction_names_both_sides_in_either_order(schemas, text):
    for both in (schemas, schemas[::-1]):
        with pytest.raises(Unsatisfiable):
            compile_schema({"allOf": both})
    with pytest.raises(Unsatisfiable) as caught:
        compile_schema({"allOf": schemas})
    assert text in str(caught.value)


def test_the_opposite_of_unique_items_is_refused_where_it_is_asked_for():
    shape = read_schema({"type": "array", "uniqueItems": True})
    with pytest.raises(UnsupportedKeyword) as caught:
        complement(shape)
    assert caught.value.keyword == "uniqueItems"
