"""How far it is to the end of an object is known before its places are built, and what it takes to know it."""

from hypothesis import given
from hypothesis import strategies as st
from walking import after, restrict

from fcgen.grammar.arcs import ways
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.expr import ALL_BYTES
from fcgen.grammar.work import bounded
from fcgen.schema import Text, compile_schema
from fcgen.schema.algebra import complement, meet
from fcgen.schema.said import Said
from fcgen.schema.shape import Array, Number, Object, String

VALUES = [{"type": "null"}, {"type": "boolean"}, {"enum": ["xx", "c", 7]}, {"const": "cc"}]
NAMES = ["a", "ab", "b", "c", "ba"]


@st.composite
def objects(draw):
    found = draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES), min_size=1))
    schema = {"type": "object", "properties": found, "additionalProperties": False}
    schema["required"] = draw(st.lists(st.sampled_from(sorted(found)), unique=True))
    schema["maxProperties"] = draw(st.integers(len(schema["required"]) or 1, len(found)))
    schema["minProperties"] = draw(st.integers(0, schema["maxProperties"]))
    if draw(st.booleans()):
        schema["dependentRequired"] = {draw(st.sampled_from(NAMES)): [draw(st.sampled_from(sorted(found)))]}
    return schema


@given(objects(), st.sampled_from(["any", "schema"]), st.booleans(), st.lists(st.integers(0, 9), max_size=40))
def test_each_byte_is_one_nearer_to_the_end_or_leads_away(schema, order, is_restricted, turns):
    e = compile_schema(schema, text=Text("compact", order)).root
    if is_restricted:
        e = restrict(e, ALL_BYTES & ~(1 << ord("c")))
    for turn in turns:
        found = [then for _, then in ways(e) if fewest(then) != INFINITE]
        if fewest(e) == INFINITE or not found:
            return
        assert fewest(e) == (0 if e.can_stop else 1 + min(map(fewest, found)))
        e = found[turn % len(found)]


def test_members_that_may_come_in_any_order_take_few_steps():
    """Each place asks for the need of each name, which is no way to the end of its own."""
    names = [f"name{i}" for i in range(100)]
    value = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"enum": ["x", "y"]}}, "required": ["a"]}
    schema = {"type": "object", "properties": dict.fromkeys(names, value), "required": names[:50]}
    with bounded(3_000):
        e = compile_schema(schema | {"additionalProperties": False}, text=Text("compact", "any")).root
        for text in (b'{"name0":{"a":""},', b'"name99":{"a":""},', b'"name5":{"a":""},'):
            e = after(e, text)
            assert fewest(e) < INFINITE


def test_equal_shapes_say_the_same_wherever_they_stand():
    said = Said()
    one, same, other = (
        Object({"a": Array(rest=String(max_length=length, place=place)), "b": Number(place=place)}, place=place)
        for length, place in ((3, (None, "x")), (3, (None, "y")), (4, (None, "x")))
    )
    assert said.of(one) == said.of(same) != said.of(other)
    assert said.of(complement(one)) == said.of(complement(same)) != said.of(complement(other))
    assert said.of(meet(one, other)) == said.of(meet(same, other))


def test_branches_that_repeat_a_property_tell_it_apart_once():
    """What a branch is not, each of the others may be by the same array: one way to differ, not one for each."""
    port = {"type": "object", "properties": {"port": {"type": "integer"}}, "required": ["port"]}
    shared = {"ports": {"type": "array", "items": port}, "name": {"type": "string"}}
    branches = [
        {"properties": shared | {f"name{i}": {"type": "string"}}, "required": ["name", f"name{i}"]} for i in range(6)
    ]
    schema = {"type": "object", "oneOf": [*branches, {"required": ["other"]}]}
    with bounded(12_000):
        e = compile_schema(schema, text=Text("compact", "any")).root
        assert fewest(after(e, b'{"ports":[{"port":1}],"other":')) < INFINITE


NAMED = [{}, {"patternProperties": {"^[^a]": {"const": {}}}}, {"propertyNames": {"pattern": "^[ab]+$"}}]


@given(
    st.sampled_from(NAMED),
    st.dictionaries(st.sampled_from(["a", "b", ""]), st.sampled_from(VALUES), max_size=2),
    st.integers(0, 4),
    st.sampled_from(["any", "schema"]),
    st.sampled_from(["compact", "json.dumps", "flexible"]),
    st.lists(st.integers(0, 9), max_size=30),
)
def test_some_byte_leads_nearer_where_names_are_remembered(names, found, least, order, whitespace, turns):
    schema = {"type": "object", "properties": found, "minProperties": least, **names}
    e = compile_schema(schema, text=Text(whitespace, order)).root
    for turn in turns:
        found = sorted((then for _, then in ways(e) if fewest(then) != INFINITE), key=fewest)
        assert e.can_stop or fewest(found[0]) < fewest(e)
        if not found:
            return
        e = found[turn % len(found)]
