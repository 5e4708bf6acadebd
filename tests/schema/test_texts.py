"""What a text leaves open once its value is settled: whitespace, order, and the spelling of numbers and strings."""

import json
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from schemas_made import fitting, is_exact, is_valid, orders, root_of, schemas
from walking import accepts

from fcgen.errors import FcgenError, OptionError
from fcgen.grammar.expr import NOTHING
from fcgen.schema import Text
from fcgen.schema.text import MAX_INDENT

NAMES = ["a", "b", "c", "d"]
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text('ab é"\\', max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=8,
)
LAYOUTS = {
    "json.dumps": {},
    "compact": {"separators": (",", ":")},
    **{f"indent={n}": {"indent": n} for n in (0, 1, 2, 4, MAX_INDENT)},
}


def written(value, whitespace):
    return json.dumps(value, ensure_ascii=False, **LAYOUTS[whitespace]).encode()


@pytest.mark.parametrize("whitespace", LAYOUTS)
@given(value=plain)
def test_of_all_layouts_one_is_accepted(whitespace, value):
    root = root_of({"const": value}, whitespace, order="any")
    for other in LAYOUTS:
        text = written(value, other)
        assert accepts(root, text) == (text == written(value, whitespace))


@given(st.data(), schemas, st.sampled_from(sorted(LAYOUTS)))
def test_a_layout_is_accepted_by_its_own_name_and_by_flexible(data, schema, whitespace):
    assume(is_exact(schema))
    try:
        root, loose = (root_of(schema, name, order="any") for name in (whitespace, "flexible"))
    except FcgenError:
        assume(False)
    assume(root is not NOTHING)
    is_any = data.draw(st.booleans())
    value = data.draw(plain if is_any else fitting(schema))
    try:
        text = written(value, whitespace)
    except UnicodeEncodeError:
        assume(False)
    assert accepts(root, text) == is_valid(schema, value) if is_any else accepts(root, text) <= is_valid(schema, value)
    assert accepts(root, text) <= accepts(loose, text) or whitespace == f"indent={MAX_INDENT}"


@given(plain, st.integers(1, MAX_INDENT), st.randoms(use_true_random=False))
def test_a_space_more_or_less_is_another_text(value, indent, rng):
    text = json.dumps(value, ensure_ascii=False, indent=indent).encode()
    root = root_of({"const": value}, f"indent={indent}")
    assert accepts(root, text)
    breaks = [found.end() for found in re.finditer(rb"\n *", text)]
    if breaks:
        at = rng.choice(breaks)
        assert not accepts(root, text[:at] + b" " + text[at:])
        assert not accepts(root, text[: at - 1] + text[at:])


@given(st.permutations(NAMES), st.sets(st.sampled_from(NAMES)), st.permutations(NAMES))
def test_order_of_the_schema_or_any(declared, some, order):
    schema = {"type": "object", "properties": {key: {"const": 1} for key in declared}, "additionalProperties": False}
    text = written({name: 1 for name in order if name in some}, "json.dumps")
    is_declared = [n for n in order if n in some] == [n for n in declared if n in some]
    assert accepts(root_of(schema, order="schema"), text) == is_declared
    assert accepts(root_of(schema, order="any"), text)


@given(st.dictionaries(st.sampled_from(NAMES), st.integers(0, 3), max_size=3), st.data())
def test_every_order_or_none(value, data):
    schema = data.draw(schemas)
    try:
        root = root_of(schema, order="any")
    except FcgenError:
        assume(False)
    assert len({accepts(root, written(ordered, "json.dumps")) for ordered in orders(value)}) == 1


def escaped(name):
    """A name, all of it in escapes."""
    return "".join(f"\\u{ord(c):04x}" for c in name)


OPEN = [
    {"type": "object"},
    {"type": "object", "properties": {"a": True}},
    {"type": "object", "required": ["a", "c"]},
    {"type": "object", "patternProperties": {"^[ab]": True}},
    {"type": "object", "minProperties": 1, "maxProperties": 4},
    {"type": "object", "propertyNames": {"maxLength": 2}},
    {"type": "object", "additionalProperties": {"type": "integer"}},
]


@pytest.mark.parametrize("schema", OPEN, ids=str)
@given(
    names=st.lists(st.sampled_from(["a", "b", "c", "é", '"', "\n", ""]), min_size=1, max_size=3, unique=True),
    order=st.sampled_from(["schema", "any"]),
    escapes=st.sampled_from(["canonical", "free"]),
    data=st.data(),
)
def test_no_name_comes_twice_however_it_is_spelled(schema, names, order, escapes, data):
    root = root_of(schema, order=order, escapes=escapes)
    again = data.draw(st.sampled_from(names))
    members = [json.dumps(name, ensure_ascii=False) for name in names]
    for spelling in (json.dumps(again, ensure_ascii=False), json.dumps(again), f'"{escaped(again)}"'):
        for at in range(len(members) + 1):
            twice = [*members[:at], spelling, *members[at:]]
            assert not accepts(root, ("{" + ", ".join(f"{name}: 1" for name in twice) + "}").encode())


numbers = st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6, allow_nan=False).filter(lambda x: not x or abs(x) > 1e-4)


@given(numbers, st.integers(-3, 3))
def test_exponents_are_a_choice(number, power):
    with_one, without = root_of({"type": "number"}), root_of({"type": "number"}, exponent=False)
    for text in (f"{number}e{power}", f"{number}E{power}", f"{number}e+{abs(power)}"):
        if "e" not in str(number):
            assert not accepts(without, text.encode())
    plain_text = json.dumps(number)
    assert accepts(without, plain_text.encode()) == ("e" not in plain_text)
    assert accepts(with_one, plain_text.encode())


@given(st.integers(-50, 50), st.integers(0, 60), st.integers(-100, 100), st.booleans())
def test_bounded_numbers_have_their_texts_with_and_without_exponents(low, size, number, exponent):
    root = root_of({"type": "integer", "minimum": low, "maximum": low + size}, exponent=exponent)
    assert accepts(root, str(number).encode()) == (low <= number <= low + size)
    tenths = root_of({"type": "number", "minimum": low, "maximum": low + size}, exponent=exponent)
    assert accepts(tenths, str(number / 2).encode()) == (low <= number / 2 <= low + size)


strings = st.text(max_size=4).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text))


@given(strings, st.data())
def test_free_escapes_have_every_spelling_and_canonical_ones_one(text, data):
    spellings = {json.dumps(text, ensure_ascii=False), json.dumps(text)}
    spellings.add(json.dumps(text, ensure_ascii=False).replace("/", "\\/"))
    if all(ord(c) < 0x10000 for c in text):
        spellings.add(f'"{escaped(text)}"')
    schema = data.draw(st.sampled_from([{"type": "string"}, {"minLength": len(text), "maxLength": len(text)}, True]))
    free, canonical = root_of(schema, escapes="free"), root_of(schema)
    for spelling in spellings:
        assert accepts(free, spelling.encode())
        assert accepts(canonical, spelling.encode()) == (spelling == json.dumps(text, ensure_ascii=False))


@given(strings, strings)
def test_free_escapes_change_no_value(text, other):
    root = root_of({"type": "string", "minLength": 2, "maxLength": 3, "not": {"const": other}}, escapes="free")
    for spelling in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
        assert accepts(root, spelling.encode()) == (2 <= len(text) <= 3 and text != other)


@pytest.mark.parametrize(
    "choices", [{"whitespace": "indent=17"}, {"whitespace": "indent=-1"}, {"whitespace": 2}, {"order": "sorted"}]
)
def test_a_choice_that_there_is_not(choices):
    with pytest.raises(OptionError, match=r"is not known\. Known are"):
        Text(**choices)
