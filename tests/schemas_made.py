"""Schemas over the keywords that are enforced, and small values that are often valid by them and often not.

Names, strings and numbers come from small sets, so that a value meets a schema's keywords instead of passing them by.
"""

import itertools
import json

from hypothesis import assume
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from walking import accepts

from fcgen.errors import GrammarTooLarge, SchemaError, Unsatisfiable, UnsupportedKeyword
from fcgen.grammar.expr import NOTHING
from fcgen.schema import Text, compile_schema

NAMES = ["a", "b", "c"]
PATTERNS = ["^a", "b$", "^[ab]*$", "a|é", "^.{2}$", "^(ab)+$", "\\\\", '"']
NAME_PATTERNS = ["^a", "b$", "c|^$", "^[^a]"]
DEFINED = ["node", "leaf"]

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-12, 12)
    | st.sampled_from([-2.5, -0.5, 0.25, 0.5, 1.5, 1e-07])
    | st.text("ab", max_size=3)
    # no line end: Python's `$` matches before the last one, ECMA-262's does not
    | st.sampled_from(["é", "\\", '"', "\t", "2020-02-29", "2021-02-29", "a@b.c", "😀😀"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NAMES, ""]), inner, max_size=3),
    max_leaves=5,
)

bounds = st.integers(-10, 10) | st.sampled_from([-2.5, -0.5, 0.25, 0.5, 1.5])
counts = st.integers(0, 3)


def optionals(**strategies):
    """Objects that have any of these keywords."""
    return st.fixed_dictionaries({}, optional=strategies)


numbers = st.builds(
    lambda kind, rest: {"type": kind, **rest},
    st.just("number"),
    optionals(minimum=bounds, maximum=bounds, exclusiveMinimum=bounds, exclusiveMaximum=bounds),
)
integers = st.builds(
    lambda rest: {"type": "integer", **rest},
    optionals(minimum=bounds, exclusiveMaximum=bounds, multipleOf=st.integers(1, 4) | st.sampled_from([0.5, 2.0, 1.5])),
)
strings = st.builds(
    lambda rest: {"type": "string", **rest},
    optionals(
        minLength=counts,
        maxLength=counts,
        pattern=st.sampled_from(PATTERNS),
        format=st.sampled_from(["date", "email"]),
    ),
)
listed = st.lists(values, min_size=1, max_size=4).map(lambda v: {"enum": v}) | values.map(lambda v: {"const": v})
name_schemas = st.sampled_from(
    [
        {"pattern": "^[ab]"},
        {"enum": ["a", "b", 1]},
        {"maxLength": 1},
        {"not": {"const": "a"}},
        {"type": "string"},
        False,
    ]
)
bare = st.sampled_from([{}, True, {"type": "null"}, {"type": "boolean"}, {"type": ["string", "null"]}])
references = st.sampled_from([{"$ref": f"#/$defs/{name}"} for name in DEFINED])
leaves = bare | numbers | integers | strings | listed | optionals(minimum=bounds, maxLength=counts, minItems=counts)


def _arrays(inner):
    return optionals(
        items=inner,
        prefixItems=st.lists(inner, max_size=2),
        minItems=counts,
        maxItems=counts,
        uniqueItems=st.booleans(),
        contains=inner,
        minContains=st.integers(0, 2),
        maxContains=st.integers(0, 2),
    )


def _objects(inner):
    named = st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    required = st.lists(st.sampled_from(NAMES), max_size=2, unique=True)
    return optionals(
        properties=named,
        patternProperties=st.dictionaries(st.sampled_from(NAME_PATTERNS), inner, max_size=2),
        additionalProperties=inner | st.just(False),
        propertyNames=name_schemas,
        required=required,
        minProperties=counts,
        maxProperties=counts,
        dependentRequired=st.dictionaries(st.sampled_from(NAMES), required, max_size=2),
        dependentSchemas=st.dictionaries(st.sampled_from(NAMES), inner, max_size=1),
    )


def _composite(inner):
    arrays, objects = _arrays(inner), _objects(inner)
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        arrays.map(lambda s: {"type": "array", **s}),
        objects.map(lambda s: {"type": "object", **s}),
        st.builds(lambda a, b: {**a, **b}, arrays, objects),
        several.map(lambda s: {"anyOf": s}),
        several.map(lambda s: {"allOf": s}),
        several.map(lambda s: {"oneOf": s}),
        inner.map(lambda s: {"not": s}),
        st.builds(lambda s, rest: {"if": s, **rest}, inner, optionals(**{"then": inner, "else": inner})),
        st.builds(lambda s, o: {**o, "anyOf": s}, several, objects),
        st.builds(
            lambda s, o, u: {**o, "anyOf": s, "unevaluatedProperties": u}, several, objects, st.just(False) | inner
        ),
        st.builds(lambda s, o, u: {**o, "allOf": s, "unevaluatedItems": u}, several, arrays, st.just(False) | inner),
    )


schemas = st.recursive(leaves, _composite, max_leaves=6)
"""Schemas without references."""

_defined = st.recursive(leaves | references, _composite, max_leaves=4)
_holders = st.builds(
    lambda inner, rest: {"type": "object", "properties": {"a": inner}, **rest},
    _defined,
    optionals(required=st.just(["a"])),
) | _defined.map(lambda inner: {"type": "array", "items": inner, "maxItems": 2})
schemas_with_references = st.builds(
    lambda schema, defs: {"allOf": [schema], "$defs": dict(zip(DEFINED, defs, strict=True))},
    _defined,
    st.tuples(_holders, leaves),
)
"""Schemas whose parts refer to definitions, which may be recursive."""


def fitting(schema):
    """Values that one part of the schema at least was made for: most are valid."""
    if schema is True or schema is False or not schema:
        return values
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    for keyword in ("anyOf", "allOf", "oneOf"):
        if keyword in schema:
            return st.one_of(*map(fitting, schema[keyword]))
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        return st.one_of(*(fitting({**schema, "type": each}) for each in kind))
    return {"array": _fitting_array, "object": _fitting_object, "string": _fitting_string}.get(kind, _fitting_other)(
        schema
    )


def _fitting_array(schema):
    first = [fitting(item) for item in schema.get("prefixItems", [])]
    further = st.lists(fitting(schema.get("items", True)), max_size=schema.get("maxItems", 3))
    return st.builds(lambda a, b: [*a, *b][: schema.get("maxItems", 4)], st.tuples(*first), further)


def _fitting_object(schema):
    members = {name: fitting(value) for name, value in schema.get("properties", {}).items()}
    others = fitting(schema.get("additionalProperties", True))
    required = schema.get("required", [])
    return st.fixed_dictionaries(
        {name: members.get(name, others) for name in required},
        optional={name: value for name, value in {**members, "": others}.items() if name not in required},
    )


def _fitting_string(schema):
    if schema.get("format") in ("date", "email"):
        return st.sampled_from(["2024-02-29", "a@b.c"])
    # no line ends: Python's `$` matches before the last one, and its `.` matches more of them than ECMA-262's
    found = st.from_regex(schema.get("pattern", ""), alphabet='abc"\\é😀 \n').filter(lambda text: "\n" not in text)
    return found | st.text("ab", max_size=3)


def _fitting_other(schema):
    match schema.get("type"):
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(-20, 20)
        case "number":
            return st.integers(-20, 20) | st.floats(-20, 20, exclude_min=True)
    return values


_NEGATING = frozenset(["not", "oneOf", "if", "minContains", "maxContains"])


def is_exact(schema):
    """Whether no format is negated: of some, only texts that are surely not of them are written."""
    keywords = set(_keywords_of(schema))
    return "format" not in keywords or keywords.isdisjoint(_NEGATING)


def _keywords_of(schema):
    if isinstance(schema, dict):
        yield from schema
    if isinstance(schema, dict | list):
        for part in schema.values() if isinstance(schema, dict) else schema:
            yield from _keywords_of(part)


def no_twice(members):
    """The members of an object, for json.loads: fails where a name comes twice."""
    assert len(dict(members)) == len(members), members
    return dict(members)


def validator(schema):
    """The judge: the jsonschema library, format checks included."""
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def is_valid(schema, value):
    return validator(schema).is_valid(value)


def explain(schema, value):
    """Raise what the judge has against a value."""
    error: ValidationError | None = next(iter(validator(schema).iter_errors(value)), None)
    assert error is None, error


def orders(value):
    """The value with the members of its objects in every order."""
    if isinstance(value, list):
        yield from map(list, itertools.product(*map(orders, value)))
    elif isinstance(value, dict):
        for names in itertools.permutations(value):
            for members in itertools.product(*(orders(value[name]) for name in names)):
                yield dict(zip(names, members, strict=True))
    else:
        yield value


def root_of(schema, whitespace="json.dumps", **choices):
    """The texts of a schema; none where it says that there are none."""
    try:
        return compile_schema(schema, text=Text(whitespace, **choices)).root
    except Unsatisfiable:
        return NOTHING


def compiled(schema, whitespace="json.dumps", **choices):
    """The texts of a schema. What is refused, or over a limit, is left out: that has tests of its own."""
    try:
        return root_of(schema, whitespace, **choices)
    except (SchemaError, GrammarTooLarge) as error:
        assert isinstance(error, UnsupportedKeyword) or error.limit is not None, error
        assume(False)


def is_accepted(root, value, **style):
    """Whether the value is accepted with the members of its objects in some order."""
    texts = (json.dumps(ordered, ensure_ascii=False, **style).encode() for ordered in orders(value))
    return any(accepts(root, text) for text in texts)
