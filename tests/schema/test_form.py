"""What the metaschema of a draft refuses is refused, with its pointer; what it allows is not."""

from itertools import groupby

import jsonschema
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from schema.test_mutations import mutants

from fcgen.errors import SchemaError
from fcgen.schema import compile_schema
from fcgen.schema.drafts import Draft
from fcgen.schema.form import flaws_of_form

VALIDATORS = {
    Draft.D4: jsonschema.Draft4Validator,
    Draft.D6: jsonschema.Draft6Validator,
    Draft.D7: jsonschema.Draft7Validator,
    Draft.D2019: jsonschema.Draft201909Validator,
    Draft.D2020: jsonschema.Draft202012Validator,
}


def is_harmless(error, draft):
    """Whether all validators take what the metaschema refuses, for the same (see `form.py`)."""
    if error.context:
        by_branch = groupby(error.context, key=lambda each: each.schema_path[0])
        return any(all(is_harmless(each, draft) for each in branch) for _, branch in by_branch)
    value, keyword = error.instance, error.absolute_path and error.absolute_path[-1]
    is_count = isinstance(value, float) and value >= 0 and value.is_integer()
    return (
        error.validator in ("uniqueItems", "pattern", "dependencies")
        or "$recursive" in str(keyword)  # 2020-12 has a form for them, but they are none of its keywords
        or (error.validator == "minItems" and keyword in ("required", "prefixItems", "enum"))
        or (draft is Draft.D4 and error.validator == "type" and (isinstance(value, bool) or is_count))
        or (draft <= Draft.D7 and error.validator == "minItems" and keyword not in ("allOf", "anyOf", "oneOf", "type"))
    )


def is_of_draft_4(flaw, draft):
    """The metaschema of draft 4 forgets `$ref`."""
    return draft is Draft.D4 and flaw.keyword == "$ref"


def holds(value, wanted):
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (isinstance(value, dict) and wanted in value) or any(holds(part, wanted) for part in parts)


@given(mutants(), st.sampled_from(list(Draft)))
def test_flaws_are_those_that_the_metaschema_finds(schema, draft):
    assume(not holds(schema, "$schema"))
    validator = VALIDATORS[draft]
    errors = list(validator(validator.META_SCHEMA).iter_errors(schema))
    flaws = [flaw for flaw in flaws_of_form(schema, draft, is_declared=True) if not is_of_draft_4(flaw, draft)]
    if flaws:
        assert errors
    if not all(is_harmless(error, draft) for error in errors):
        assert flaws


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"properties": {"a": {"type": "string", "required": True}}}, "/properties/a/required"),
        ({"$defs": {"unused": {"type": "str"}}}, "/$defs/unused/type"),
        ({"type": "string", "items": {"minimum": "1"}}, "/items/minimum"),
        ({"title": 3}, "/title"),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema", "items": [{}]}, "/items"),
    ],
)
def test_what_is_not_read_is_looked_at_too(schema, pointer):
    with pytest.raises(SchemaError) as caught:
        compile_schema(schema)
    assert caught.value.pointer == pointer


def test_a_boolean_required_says_where_the_name_belongs():
    with pytest.raises(SchemaError, match="in `required` of the object"):
        compile_schema({"type": "object", "properties": {"a": {"type": "string", "required": True}}})


def test_older_spellings_are_read_where_no_draft_is_declared():
    assert compile_schema({"items": [{"type": "null"}], "additionalItems": False})
    assert compile_schema({"type": "number", "minimum": 0, "exclusiveMinimum": True})
