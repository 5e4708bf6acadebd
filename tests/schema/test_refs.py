"""References: where they lead, by the jsonschema library, and what is said where they lead nowhere."""

import itertools
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT4, DRAFT6, DRAFT7, DRAFT201909, DRAFT202012
from schemas_made import is_accepted, is_valid, root_of

from fcgen.errors import CircularRef, SchemaError, UnresolvedRef
from fcgen.grammar.work import bounded
from fcgen.place import existing, pointer
from fcgen.schema import compile_schema
from fcgen.schema.drafts import Draft, draft_of
from fcgen.schema.refs import MAX_SCOPES, Documents

DIALECTS = {
    Draft.D4: "http://json-schema.org/draft-04/schema",
    Draft.D6: "http://json-schema.org/draft-06/schema",
    Draft.D7: "http://json-schema.org/draft-07/schema",
    Draft.D2019: "https://json-schema.org/draft/2019-09/schema",
    Draft.D2020: "https://json-schema.org/draft/2020-12/schema",
}
UNFETCHED = "Documents are not fetched: put it into the schema, or pass a registry."
SAMPLES = [1, "a", None, [], [1], {}, {"a": 1}, {"a": "b"}, {"a": {"a": {}}}, {"a": {"a": 1}}, {"a": None, "b": 1}]

ROOT = "http://x.org/root"
RESOLVED = [
    {"$ref": "#/$defs/x", "$defs": {"x": {"type": "string"}}},
    {"$ref": "#/$defs/a~1b~0c%25", "$defs": {"a/b~c%": {"type": "string"}}},
    {"$ref": "#/$defs/~01", "$defs": {"~1": {"type": "string"}, "/": {"type": "integer"}}},
    {"$ref": "#/properties/a", "properties": {"a": {"type": "object"}}},
    {"$ref": "#/anyOf/1", "anyOf": [True, {"type": "string"}]},
    {"$ref": "#word", "$defs": {"x": {"$anchor": "word", "type": "string"}}},
    {"$id": ROOT, "$ref": "item", "$defs": {"x": {"$id": "item", "type": "string"}}},
    {"$id": ROOT, "properties": {"a": {"$ref": f"{ROOT}#/$defs/x"}}, "$defs": {"x": {"const": 1}}},
    {
        "$ref": "#/$defs/x",
        "$defs": {"x": {"$id": "x", "$ref": "#/$defs/y", "$defs": {"y": {"const": 1}}}, "y": {"const": 2}},
    },
    {"properties": {"a": {"$ref": "#"}}, "type": "object", "additionalProperties": False},
    {"properties": {"a": {"$ref": "#/properties/a/$defs/x", "$defs": {"x": {"type": "integer"}}}}},
    {"type": "object", "properties": {"a": {"$ref": "#", "required": ["a"]}}},
    {
        "$ref": "#/$defs/x",
        "required": ["a"],
        "$defs": {"x": {"properties": {"a": {"$ref": "#/$defs/x"}}, "type": "object"}},
    },
    {
        "anyOf": [{"$ref": "#/$defs/x"}, {"$ref": "#/$defs/y"}],
        "$defs": {"x": {"const": 1}, "y": {"items": {"$ref": "#"}, "type": "array"}},
    },
]


@pytest.mark.parametrize("schema", RESOLVED, ids=str)
def test_references_lead_where_the_judge_follows_them(schema):
    root = root_of(schema)
    assert [v for v in SAMPLES if is_accepted(root, v)] == [v for v in SAMPLES if is_valid(schema, v)]


def test_recursion_accepts_any_depth():
    root = root_of({"properties": {"a": {"$ref": "#"}}, "type": "object", "additionalProperties": False})
    value = {}
    for _ in range(200):
        value = {"a": value}
    assert is_accepted(root, value)


def test_other_documents_come_from_the_callers_registry():
    document = DRAFT202012.create_resource({"$defs": {"x": {"type": "string"}}, "$id": "http://x.org/doc"})
    registry = Registry().with_resource("http://x.org/doc", document)
    compiled = compile_schema({"items": {"$ref": "http://x.org/doc#/$defs/x"}}, registry=registry)
    assert is_accepted(compiled.root, ["a"])
    assert not is_accepted(compiled.root, [1])


def test_draft_4_names_documents_by_id():
    schema = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "id": "http://x.org/root",
        "items": {"$ref": "item"},
        "definitions": {"x": {"id": "item", "type": "string"}},
    }
    assert is_accepted(root_of(schema), ["a"])
    assert not is_accepted(root_of(schema), [1])


NOWHERE = [
    ("#/$defs/x", "the root has no '$defs'. It has '$id', 'items', 'not'."),
    ("#/items/a", "/items has no 'a'. It has '$ref'."),
    ("#/items/$ref/0", "/items/$ref has no '0'. It has no parts."),
    ("#/not/enum/01", "/not/enum has no '01'. It has 2 parts, from 0 on."),
    ("#/not/enum/-1", "/not/enum has no '-1'. It has 2 parts, from 0 on."),
    ("#word", "no anchor 'word' is there. The anchors there: 'w'."),
    ("http://[", "it is no URI reference of up to 4000 characters. Correct it: '#/...' leads into the schema itself."),
    ("http://x.org/doc", f"no such document is known. {UNFETCHED}"),
    ("doc#/a", f"no 'http://y.org/doc' is known. {UNFETCHED}"),
    ("https://json-schema.org/draft/2020-12/vocab", f"no such document is known. {UNFETCHED}"),
    ("/a", f"no 'http://y.org/a' is known. A pointer into the schema itself begins with '#': '#/a'. {UNFETCHED}"),
]


@pytest.mark.parametrize(("ref", "text"), NOWHERE)
def test_a_reference_that_leads_nowhere(ref, text):
    schema = {"$id": "http://y.org/root", "items": {"$ref": ref}, "not": {"enum": [1, 2], "$anchor": "w"}}
    documents = Documents(schema)
    with pytest.raises(UnresolvedRef) as caught:
        documents.find(ref, documents.root, (None, "items"))
    assert str(caught.value) == f"at /items/$ref: `$ref` {ref!r} leads nowhere: {text}"


def test_a_reference_that_leads_nowhere_is_an_error_of_the_schema():
    with pytest.raises(UnresolvedRef, match=r"at /items/[$]ref: `[$]ref` '#word' leads nowhere: no anchor 'word'"):
        compile_schema({"items": {"$ref": "#word"}})


@given(st.data())
def test_what_is_no_schema_is_told_in_an_error_of_ours(data):
    """References of any spelling, into documents of any shape, which are in any registry."""
    words = ["$id", "id", "$ref", "$anchor", "$dynamicAnchor", "$schema", "$recursiveAnchor", "items", "$defs", "allOf"]
    texts = st.sampled_from(["#", "#/", "#a", "a", "a#b", "http://[", "http://x.org/doc", "//", "", "urn:x", "\ud800"])
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | texts | st.sampled_from(list(DIALECTS.values())),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(words), inner, max_size=4),
        max_leaves=12,
    )
    schema, other = data.draw(anything), data.draw(anything)
    registry = data.draw(st.none() | st.just(Registry().with_resource("a", DRAFT202012.create_resource(other))))
    documents = Documents(schema, registry, data.draw(st.sampled_from(list(Draft))))
    base = documents.root
    for here in [schema, *data.draw(st.lists(st.dictionaries(st.sampled_from(words), anything), max_size=2))]:
        try:
            base = documents.enter(base, here, None) if isinstance(here, dict) else base
            base = documents.find(data.draw(texts | st.text()), base, None).base
            base = documents.find_dynamic(data.draw(texts), base, None).base
            base = documents.find_recursive(base, None).base
        except SchemaError as error:
            assert error.pointer is not None
            assert type(error) is UnresolvedRef or "draft 3" in str(error)


def test_depth_and_size_do_no_harm():
    deep = {"$anchor": "end"}
    for i in range(20_000):
        deep = {"items": deep} if i % 2 else {"$id": f"i{i}", "allOf": [deep]}
    documents = Documents(deep)
    assert documents.find("i0#end", documents.root, None).contents == {"$anchor": "end"}
    for ref in ("#" + "/items" * 200_000, "a/" * 200_000, "#/" + "9" * 10_000, "%ff" * 10_000, "#" + "a" * 100_000):
        with pytest.raises(UnresolvedRef) as caught:
            documents.find(ref, documents.root, None)
        assert len(str(caught.value)) < 1000


def test_long_names_and_many_names_are_bounded():
    nested = {}
    for _ in range(10_000):
        nested = {"$id": "x/", "not": nested}
    documents = Documents(nested)
    assert documents.find("x/x/", documents.root, None).contents is nested["not"]["not"]
    many = {f"a{i}": {"$dynamicAnchor": f"a{i}"} for i in range(20_000)}
    documents = Documents({"$defs": many})
    for ref in ("#a1", "#/$defs/a1"):
        with pytest.raises(SchemaError, match=f"too many dynamic scopes .limit {MAX_SCOPES}, given 20000"):
            documents.find(ref, documents.root, None)


def test_one_part_that_holds_itself_is_walked_once():
    part = {"$id": "a"}
    part["allOf"] = [part, part]
    documents = Documents({"items": part})
    assert documents.find("a", documents.root, None).contents is part


SPECIFICATIONS = {
    Draft.D4: DRAFT4,
    Draft.D6: DRAFT6,
    Draft.D7: DRAFT7,
    Draft.D2019: DRAFT201909,
    Draft.D2020: DRAFT202012,
}


@st.composite
def documents_with_names(draw, draft):
    """A document whose schemas name themselves at random, no two alike; and the references that may lead into it."""
    count, refs = itertools.count(), ["#", "", "#/", "r0/../d1/", "#/definitions"]

    def name(schema, way):
        i = next(count)
        absolute, relative = [f"http://y.org/r{i}", f"urn:x:{i}"], [f"r{i}", f"d{i}/", f"/p/r{i}"]
        uri = draw(st.none() | st.sampled_from(absolute + relative if way else absolute))
        anchor = draw(st.none() | st.just(f"a{i}"))
        identity = "id" if draft is Draft.D4 else "$id"
        if uri is not None:
            schema[identity] = uri
            refs.append(uri)
        elif anchor and draft < Draft.D2019:
            schema[identity] = f"#{anchor}"
        if anchor and draft >= Draft.D2019:
            schema["$anchor"] = anchor
        if anchor:
            refs.append(f"{uri or ''}#{anchor}")
        refs.append("#" + way)
        refs.append(f"{uri}#/not")
        return schema

    def build(depth, way):
        schema = name({}, way)
        for keyword in draw(st.lists(st.sampled_from(["not", "allOf", "properties", "items", "enum"]), max_size=2)):
            if depth and keyword in ("not", "items"):
                schema[keyword] = build(depth - 1, f"{way}/{keyword}")
            elif depth and keyword == "properties":
                schema[keyword] = {"a/~%": build(depth - 1, f"{way}/{keyword}/a~1~0%25")}
            elif depth:
                schema[keyword] = [build(depth - 1, f"{way}/{keyword}/0"), {}]
        return schema

    return build(3, ""), refs


@settings(max_examples=200)
@given(st.sampled_from(list(Draft)), st.data())
def test_references_lead_where_the_referencing_library_follows_them(draft, data):
    schema, refs = data.draw(documents_with_names(draft))
    specification = SPECIFICATIONS[draft]
    documents = Documents(schema, default=draft)
    base = documents.root
    resolver = Registry().resolver_with_root(specification.create_resource(schema))
    for ref in data.draw(st.lists(st.sampled_from(refs), min_size=1, max_size=4)):
        try:
            expected = resolver.lookup(ref)
        except (Unresolvable, ValueError):
            with pytest.raises(UnresolvedRef):
                documents.find(ref, base, None)
            return
        found = documents.find(ref, base, None)
        assert found.contents is expected.contents
        base, resolver = found.base, expected.resolver


DYNAMIC_NAMES = ["a", "b"]


@given(st.lists(st.sets(st.sampled_from(DYNAMIC_NAMES)), min_size=2, max_size=4), st.data())
def test_a_dynamic_reference_leads_to_the_outermost_resource_with_the_name(names, data):
    """By a model that keeps the whole way: what a Base forgets of it makes no difference."""
    parts = [
        {"$id": f"http://x.org/{i}", "$defs": {name: {"$dynamicAnchor": name, "const": [i, name]} for name in own}}
        for i, own in enumerate(names)
    ]
    documents = Documents({"$id": "http://x.org/root", "$defs": dict(enumerate(parts))})
    base, way = documents.root, []
    for part in data.draw(st.lists(st.integers(0, len(parts) - 1), min_size=1, max_size=8)):
        base = documents.find(f"{part}", base, None).base
        way.append(part)
        for name in names[part]:
            outermost = next(i for i in way if name in names[i])
            target = documents.find_dynamic(f"#{name}", base, None)
            assert target.contents["const"] == [outermost, name]
            assert target.base.resource.contents is parts[outermost]
            assert documents.find(f"#{name}", base, None).contents["const"] == [part, name]


def test_bases_of_one_meaning_are_equal():
    parts = {name: {"$id": name, "$dynamicAnchor": "meta"} for name in "abc"}
    documents = Documents({"$id": "root", "$dynamicAnchor": "meta", "$defs": parts})
    ways = [["a"], ["b", "a"], ["c", "b", "c", "a"], ["root", "a"]]
    keys = set()
    for way in ways:
        base = documents.root
        for ref in way:
            target = documents.find(ref, base, None)
            base = target.base
        keys.add(documents.key(target))
    assert len(keys) == 1


def test_what_differs_in_its_dynamic_scope_differs():
    tree = {"$id": "tree", "$dynamicAnchor": "node", "items": {"$dynamicRef": "#node"}}
    strict = {"$id": "strict", "$dynamicAnchor": "node", "$ref": "tree"}
    documents = Documents({"$defs": {"tree": tree, "strict": strict}})
    plain = documents.find("tree", documents.root, None)
    within = documents.find("tree", documents.find("strict", documents.root, None).base, None)
    assert plain.contents is within.contents
    assert documents.key(plain) != documents.key(within)
    assert documents.find_dynamic("#node", plain.base, None).contents is tree
    assert documents.find_dynamic("#node", within.base, None).contents is strict


def test_dynamic_scopes_are_bounded():
    parts = [{"$id": f"r{i}", "$defs": {n: {"$dynamicAnchor": n} for n in (f"a{i}", "x")}} for i in range(MAX_SCOPES)]
    documents = Documents({"$defs": dict(enumerate(parts))})
    with pytest.raises(SchemaError, match=rf"too many dynamic scopes .limit {MAX_SCOPES}, given {MAX_SCOPES + 1}"):
        for i in range(MAX_SCOPES):
            documents.find(
                f"r{i}", documents.find(f"r{i - 1}", documents.root, None).base if i else documents.root, None
            )


@pytest.mark.parametrize("outer", [True, False])
@pytest.mark.parametrize("inner", [True, False])
def test_a_recursive_reference_leads_out_where_both_ends_allow_it(outer, inner):
    tree = {"$id": "tree", "$recursiveAnchor": inner}
    schema = {"$id": "root", "$recursiveAnchor": outer, "$defs": {"tree": tree, "part": {"$recursiveAnchor": True}}}
    documents = Documents(schema, default=Draft.D2019)
    base = documents.find("tree", documents.root, None).base
    assert documents.find_recursive(base, None).contents is (schema if outer and inner else tree)
    assert documents.find_recursive(documents.root, None).contents is schema


def test_identifiers_per_draft():
    """Where "#/$defs/x" and the name "inner" lead from a schema that has a name, an anchor or a `$ref` beside it."""
    for draft in Draft:
        identity, other = ("id", "$id") if draft is Draft.D4 else ("$id", "id")
        legacy = draft <= Draft.D7
        for inner, is_base in [
            ({identity: "inner"}, True),
            ({other: "inner"}, False),
            ({identity: "#inner"}, False),
            ({identity: "inner", "$ref": "#/definitions/x"}, not legacy),
        ]:
            schema = {"definitions": {"inner": {**inner, "definitions": {"x": "in"}}, "x": "out"}}
            documents = Documents(schema, default=draft)
            base = documents.enter(documents.root, schema["definitions"]["inner"], None)
            assert documents.find("#/definitions/x", base, None).contents == ("in" if is_base else "out")


@pytest.mark.parametrize(
    ("draft", "named"),
    [
        (Draft.D4, {"id": "#a"}),
        (Draft.D4, {"id": "http://x.org/root#a"}),
        (Draft.D7, {"$id": "#a"}),
        (Draft.D2019, {"$anchor": "a"}),
        (Draft.D2020, {"$dynamicAnchor": "a"}),
    ],
)
def test_anchors_per_draft(draft, named):
    identity = "id" if draft is Draft.D4 else "$id"
    schema = {identity: "http://x.org/root", "properties": {"p": named}}
    documents = Documents(schema, default=draft)
    for ref in ("#a", "http://x.org/root#a", "root#a", "/root#%61"):
        target = documents.find(ref, documents.root, None)
        assert target.contents is named
        assert pointer(target.place) == "/properties/p"


@pytest.mark.parametrize(
    ("draft", "part"),
    [
        (Draft.D4, {"$id": "#a"}),
        (Draft.D7, {"id": "#a"}),
        (Draft.D7, {"$anchor": "a"}),
        (Draft.D2019, {"$dynamicAnchor": "a"}),
        (Draft.D2020, {"$anchor": 1, "$dynamicAnchor": ["a"]}),
    ],
)
def test_what_is_no_anchor_in_a_draft(draft, part):
    documents = Documents({"properties": {"p": part}}, default=draft)
    with pytest.raises(UnresolvedRef):
        documents.find("#a", documents.root, None)


def test_a_resource_of_another_draft_is_read_by_it():
    old = {"$schema": DIALECTS[Draft.D4], "id": "http://x.org/old", "$id": "http://x.org/new", "items": {"id": "i"}}
    newer = {**old, "$schema": DIALECTS[Draft.D7], "items": {}}
    documents = Documents({"$defs": {"newer": newer, "items": old}})
    assert documents.root.draft is Draft.D2020
    target = documents.find("http://x.org/i", documents.root, None)
    assert target.base.draft is Draft.D4
    assert documents.find("http://x.org/new", documents.root, None).base.draft is Draft.D7
    assert documents.find("#/$defs/items/items", documents.root, None).base == target.base


def test_a_document_is_read_by_the_draft_of_its_resource():
    contents = {"definitions": {"x": {"$id": "#word"}}}
    for draft, specification in SPECIFICATIONS.items():
        registry = Registry().with_resource("http://x.org/doc", specification.create_resource(contents))
        documents = Documents({}, registry)
        assert documents.find("http://x.org/doc#/definitions/x", documents.root, None).base.draft is draft


def test_names_of_documents_in_a_registry():
    """A document is known by the URI it was found by, and the references in it are resolved against its own."""
    inner = {"$id": "p/inner", "$ref": "x"}
    doc = {"$id": "http://y.org/own", "$defs": {"i": inner, "x": {"$id": "p/x"}}}
    registry = Registry().with_resource("http://x.org/found", DRAFT202012.create_resource(doc)).crawl()
    documents = Documents({}, registry)
    first = documents.find("http://y.org/p/inner", documents.root, None)
    assert first.contents is inner
    assert documents.find("x", first.base, None).contents is doc["$defs"]["x"]
    second = documents.find("http://x.org/found", documents.root, (None, "items"))
    assert second.base.resource.uri == "http://y.org/own"
    assert pointer(documents.find("#/$defs/x", second.base, None).place) == "/items/$ref/$defs/x"


def test_a_document_may_be_a_boolean():
    registry = Registry().with_resource("http://x.org/true", DRAFT202012.create_resource(True))
    documents = Documents({"items": True}, registry)
    assert documents.find("http://x.org/true", documents.root, None).contents is True
    assert documents.find("#/items", documents.root, None).base == documents.root


def test_the_first_of_two_equal_names_counts():
    parts = [{"$id": "a", "title": 0}, {"$id": "a", "title": 1}, {"$anchor": "w", "title": 2}, {"$anchor": "w"}]
    documents = Documents({"allOf": parts, "anyOf": parts})
    assert documents.find("a", documents.root, None).contents is parts[0]
    assert documents.find("#w", documents.root, None).contents is parts[2]


def test_metaschemas_are_known():
    documents = Documents({})
    for uri in DIALECTS.values():
        target = documents.find(uri, documents.root, None)
        assert isinstance(target.contents, dict)
        assert target.base.draft is draft_of({"$schema": uri}, Draft.D6)


def test_what_looks_like_a_schema_within_a_value_has_no_name():
    value = {"$id": "http://x.org/a", "$anchor": "w", "$ref": 1}
    for schema in ({"const": value}, {"enum": [value]}, {"default": value}, {"unknown": value}):
        documents = Documents(schema)
        for ref in ("http://x.org/a", "#w"):
            with pytest.raises(UnresolvedRef):
                documents.find(ref, documents.root, None)


def test_pointers_lead_also_to_where_no_schema_is_expected():
    inner = {"$id": "http://x.org/a", "items": {"$anchor": "w"}}
    documents = Documents({"unknown": [inner]})
    target = documents.find("#/unknown/0", documents.root, None)
    base = documents.enter(target.base, target.contents, target.place)
    assert documents.find("#/items", base, None).contents is inner["items"]
    assert documents.find("#w", base, None).contents is inner["items"]
    assert documents.enter(base, target.contents, target.place) == base
    assert documents.enter(target.base, target.contents, target.place) == base


@pytest.mark.parametrize("name", [1, None, [], {}, "http://["])
def test_a_name_that_is_no_uri_is_an_error(name):
    documents = Documents({"$id": name})
    act = lambda: documents.enter(documents.root, {"$id": name}, (None, "items"))  # noqa: E731
    if name is None:
        assert act() == documents.root
    else:
        with pytest.raises(UnresolvedRef, match=r"at /items/[$]id: `[$]id` must be a URI reference, found "):
            act()


def test_pointers_need_no_further_import():
    """The library for documents from elsewhere takes longer to import than most schemas to compile."""
    code = (
        "import sys; from fcgen.schema.refs import Documents\n"
        "documents = Documents({'$id': 'a', '$defs': {'x': {'$id': 'b', '$anchor': 'c'}}})\n"
        "for ref in ('#/$defs/x', 'b', 'b#c'): documents.find(ref, documents.root, None)\n"
        "print('referencing' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


CYCLES = [
    {"$ref": "#"},
    {"allOf": [{"$ref": "#"}], "type": "object"},
    {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
    {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
    {"items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"const": 1}]}}},
    {"oneOf": [{"$ref": "#"}, {"type": "array"}]},
    {"oneOf": [{"$ref": "#/$defs/n"}, {"type": "string"}], "$defs": {"n": {"oneOf": [{"$ref": "#"}, {"const": []}]}}},
    {"not": {"$ref": "#"}, "prefixItems": [{"type": "string"}]},
    {"if": {"$ref": "#"}, "then": {"type": "string"}, "minProperties": 1},
    {"allOf": [{"$ref": "#/$defs/m"}], "$defs": {"m": {"uniqueItems": True, "oneOf": [{"$ref": "#/$defs/m"}, {}]}}},
    {"items": {"$ref": "#/$defs/m"}, "$defs": {"m": {"minimum": 1, "dependentSchemas": {"a": {"$ref": "#/$defs/m"}}}}},
    {"$ref": "#/$defs/a", "$defs": {"a": {"dependentSchemas": {"x": {"not": {"$ref": "#/$defs/a"}}}}}},
]


@pytest.mark.parametrize("schema", CYCLES, ids=str)
def test_a_cycle_that_describes_nothing_is_an_error(schema):
    with bounded(20_000), pytest.raises(CircularRef) as caught:
        compile_schema(schema)
    assert "leads back to itself before it describes any value" in str(caught.value)
    assert existing(schema, caught.value.pointer) == caught.value.pointer


def test_a_reference_back_to_what_holds_it_is_no_cycle():
    inner = {"type": "object", "properties": {"a": {"$ref": "#"}}, "not": {"required": ["b"]}}
    compile_schema({"oneOf": [{"type": "null"}, inner]})
    compile_schema({"type": "string", "dependentSchemas": {"x": {"not": {"$ref": "#"}}}})
    compile_schema({"$schema": "http://json-schema.org/draft-07/schema#", "else": {"not": {"$ref": "#"}}})


def test_a_million_ways_through_references_take_no_time():
    def choice(i):
        return {"anyOf": [{"$ref": f"#/$defs/a{i + 1}"}, {"$ref": f"#/$defs/b{i + 1}"}]}

    defs = {f"{name}{i}": choice(i) for i in range(60) for name in "ab"}
    defs |= {"a60": {"type": "string"}, "b60": {"type": "null"}}
    root = root_of({"allOf": [{"$ref": "#/$defs/a0"}], "enum": ["x", 1], "$defs": defs})
    assert is_accepted(root, "x")
    assert not is_accepted(root, 1)
