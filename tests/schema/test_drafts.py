"""Drafts: what `$schema` names, in each spelling, and what a metaschema's `$vocabulary` takes away."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_specifications import REGISTRY
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from fcgen.errors import SchemaError, UnsupportedKeyword
from fcgen.schema.drafts import Draft, draft_of, own_metaschema, unasserted
from fcgen.schema.refs import Documents

NAMES = {
    "json-schema.org/draft-04/schema": Draft.D4,
    "json-schema.org/draft-06/schema": Draft.D6,
    "json-schema.org/draft-07/schema": Draft.D7,
    "json-schema.org/draft/2019-09/schema": Draft.D2019,
    "json-schema.org/draft/2020-12/schema": Draft.D2020,
}
drafts = st.sampled_from(list(Draft))


@given(st.sampled_from(sorted(NAMES)), st.sampled_from(["http", "https"]), st.sampled_from(["", "#"]), drafts)
def test_a_known_uri_names_its_draft(name, scheme, end, default):
    schema = {"$schema": f"{scheme}://{name}{end}"}
    assert draft_of(schema, default) is NAMES[name]
    assert own_metaschema(schema) is None


UNKNOWN = [
    "", "#", "http://json-schema.org/schema#", "json-schema.org/draft-08/schema", "x" * 10**6, 7, None, [], {},
]  # fmt: skip


@pytest.mark.parametrize("given_", UNKNOWN, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("default", list(Draft))
def test_anything_else_is_of_the_default_draft(given_, default):
    for schema in ({"$schema": given_}, {}, True, given_):
        assert draft_of(schema, default) is default


def test_draft_3_is_refused():
    for uri in ("http://json-schema.org/draft-03/schema#", "https://json-schema.org/draft-03/schema"):
        with pytest.raises(SchemaError) as caught:
            draft_of({"$schema": uri}, Draft.D7, (None, "items"))
        assert str(caught.value) == "at /items/$schema: `$schema` is draft 3, which fcgen does not read"


def test_the_metaschemas_of_the_drafts_take_nothing_away():
    for name, draft in NAMES.items():
        scheme = "https" if draft >= Draft.D2019 else "http"
        assert unasserted(REGISTRY.contents(f"{scheme}://{name}"), draft) == frozenset()


CORE = "https://json-schema.org/draft/2020-12/vocab/core"
VALIDATION = "https://json-schema.org/draft/2020-12/vocab/validation"


def test_a_vocabulary_that_is_missing_takes_its_keywords_away():
    """The vocabularies' own metaschemas list their keywords."""
    for draft, year in ((Draft.D2019, "2019-09"), (Draft.D2020, "2020-12")):
        head = f"https://json-schema.org/draft/{year}"
        names = ["applicator", "validation"] + (["unevaluated"] if draft is Draft.D2020 else [])
        for missing in names:
            rest = {f"{head}/vocab/{name}": True for name in ("core", *names) if name != missing}
            listed = REGISTRY.contents(f"{head}/meta/{missing}")["properties"].keys()
            others = {"prefixItems", "additionalItems"}  # each is of one draft alone, and asserts nothing in the other
            assert unasserted({"$vocabulary": rest}, draft) - others == listed - others


def test_a_required_vocabulary_that_is_unknown_is_refused():
    with pytest.raises(UnsupportedKeyword) as caught:
        unasserted({"$vocabulary": {"http://x.org/v": True}}, Draft.D2020, (None, "items"))
    assert str(caught.value) == (
        "at /items/$schema: the metaschema requires the vocabulary 'http://x.org/v', which fcgen does not know"
    )
    assert "minimum" in unasserted({"$vocabulary": {"http://x.org/v": False, CORE: True}}, Draft.D2020)


def test_a_metaschema_of_the_registry_tells_draft_and_vocabulary():
    meta = {"$schema": "https://json-schema.org/draft/2019-09/schema", "$vocabulary": {}}
    registry = Registry().with_resource("http://x.org/meta", DRAFT202012.create_resource(meta))
    schema = {"$schema": "http://x.org/meta#", "items": {"$recursiveRef": "#"}}
    documents = Documents(schema, registry)
    assert documents.root.draft is Draft.D2019
    assert documents.enter(documents.root, schema, None) == documents.root
    assert "minimum" in documents.unasserted(schema, documents.root, None)
    assert Documents(schema).root.draft is Draft.D2020
    assert Documents(schema).unasserted(schema, documents.root, None) == frozenset()


@given(
    st.recursive(
        st.none() | st.booleans() | st.just(VALIDATION),
        lambda v: st.lists(v) | st.dictionaries(st.just("$vocabulary") | st.text(), v),
    ),
    drafts,
)
def test_any_metaschema_can_be_asked(metaschema, draft):
    try:
        assert "$ref" not in unasserted(metaschema, draft)
    except UnsupportedKeyword:
        assert "$vocabulary" in json.dumps(metaschema)
