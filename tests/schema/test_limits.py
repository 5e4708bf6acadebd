"""What compiles is written to its end: limits of steps and states refuse a schema before anything is written."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schemas_made import optionals, schemas, schemas_with_references
from walking import allowed

from fcgen import Grammar, Masks, Vocabulary
from fcgen.errors import FcgenError, GrammarTooLarge, ManyErrors, OutOfSteps, SchemaError
from fcgen.grammar.derive import fewest
from fcgen.grammar.work import bounded
from fcgen.place import existing
from fcgen.schema import compile_schema
from fcgen.schema.judge import exact, mistake_in

PIECES = [b'"', b'",', b", ", b"ab1", b"12", b" word", "é".encode(), b"\\n", b'\\"', b"zz", b"true"]
TOKENS = [*(bytes([byte]) for byte in range(256)), *(piece for piece in PIECES if len(piece) > 1)]
VOCABULARY = Vocabulary([*TOKENS, None], stop_ids={len(TOKENS)})
PATTERNS = [
    "[aA][12].*[zZ]", "ab1", "1.*2", "[a|b]c", r"\d\d\d", "^[a-z][a-z0-9-]*$", "^(abc)*$", "^.{3,7}$", "a.{5}b",
    r"^\S+@\S+\.\S+$", "^(?!foo).*$", r"(?=.*\d)(?=.*[a-z])", r"\bword\b", r"^\p{L}+$", "é|ü", '"', r"\s$", "^(..)*$",
]  # fmt: skip
patterns = st.sampled_from(PATTERNS) | st.builds(
    "({})|({})".format, *[st.sampled_from(["ab1", "a.{5}b", "x{2,5}y"])] * 2
)
lengths = optionals(minLength=st.sampled_from([1, 5, 20, 100]), maxLength=st.sampled_from([1, 7, 30, 120, 30_000]))
constraints = st.one_of(
    patterns.map(lambda pattern: {"not": {"pattern": pattern}}),
    patterns.map(lambda pattern: {"pattern": pattern}),
    lengths,
    st.lists(patterns.map(lambda pattern: {"pattern": pattern}), min_size=2, max_size=3).map(
        lambda ways: {"anyOf": ways}
    ),
)
strings = st.builds(
    lambda length, rest, parts: {"type": "string", **length, **rest, "allOf": parts},
    lengths,
    optionals(pattern=patterns, format=st.sampled_from(["date", "uuid", "ipv4"])),
    st.lists(constraints, min_size=1, max_size=4),
)
numbers = st.builds(
    lambda rest, parts: {"type": "number", **rest, "allOf": parts},
    optionals(minimum=st.sampled_from([-5, 0.5, 17]), maximum=st.sampled_from([99, 123456.789, 1e9])),
    st.lists(
        st.sampled_from([0.01, 0.5, 3, 7, 360]).map(lambda step: {"multipleOf": step})
        | st.sampled_from([2, 7, 11]).map(lambda step: {"not": {"multipleOf": step}}),
        max_size=2,
    ),
)
leaves = strings | numbers
arrays = st.builds(
    lambda items, rest: {"type": "array", "items": items, **rest},
    leaves,
    optionals(
        uniqueItems=st.just(True), contains=leaves, minItems=st.sampled_from([1, 3]), maxItems=st.sampled_from([4, 90])
    ),
)
objects = st.builds(
    lambda names, value, rest: {"type": "object", "patternProperties": {names: value}, **rest},
    patterns,
    leaves,
    optionals(additionalProperties=st.just(False), propertyNames=strings, minProperties=st.sampled_from([1, 2])),
)


def check(schema, rng, **choices):
    """A schema is refused, with the place where it is too much, or each walk through it ends in a valid value."""
    try:
        masks = Masks(Grammar.from_json_schema(schema, **choices), VOCABULARY)
        masks.cursor()
    except FcgenError as error:
        assert isinstance(error, SchemaError) or (error.pointer is not None and error.keyword is not None), error
        return
    for spare in (0, 5, 40):
        cursor = masks.cursor(budget=masks.fewest_tokens + spare)
        while not cursor.stopped:
            cursor.advance(rng.choice(sorted(allowed(cursor.mask()))))
        assert mistake_in(json.loads(cursor.text, parse_float=exact, parse_int=exact), schema) is None


@settings(max_examples=25)
@given(strings, st.randoms(use_true_random=False))
def test_strings_that_compile_are_written_to_their_end(schema, rng):
    check(schema, rng)


@settings(max_examples=15)
@given(arrays | objects, st.sampled_from(["schema", "any"]), st.randoms(use_true_random=False))
def test_arrays_and_objects_that_compile_are_written_to_their_end(schema, order, rng):
    check(schema, rng, order=order)


def test_a_sequence_goes_on_where_its_masks_can_have_no_more_states():
    """The limit is one of memory, not of how long a text is; what is allowed and what it needs stay the same."""
    schema = {"type": "string", "minLength": 60, "pattern": "a.*b", "not": {"pattern": "12"}}
    grammar = Grammar.from_json_schema(schema)
    few = Masks(grammar, Vocabulary([*TOKENS, None], stop_ids={len(TOKENS)}), max_states=900)
    many = Masks(grammar, Vocabulary([*TOKENS, None], stop_ids={len(TOKENS)}))
    ours, theirs, copy = few.cursor(), many.cursor(), None
    rng = random.Random(0)
    while not ours.stopped:
        mask = ours.mask()
        assert (mask == theirs.mask()).all()
        token = rng.choice(sorted(allowed(mask)))
        ours.advance(token)
        theirs.advance(token)
        assert ours.fewest_tokens == theirs.fewest_tokens
        copy = copy or ours.copy()
    assert many._tables.size > 900
    ours.rollback(len(ours.tokens) - len(copy.tokens))
    assert (ours.mask() == copy.mask()).all()


def test_too_many_states_are_refused_with_the_keyword_and_its_place():
    schema = {"type": "string", "pattern": "^(.{1,63}a){1,127}$", "not": {"pattern": "b.{20}c"}}
    with pytest.raises(GrammarTooLarge) as caught:
        Grammar.from_json_schema({"type": "object", "properties": {"x": schema}})
    assert (caught.value.keyword, caught.value.pointer) == ("pattern", "/properties/x/not/pattern")


def test_a_great_least_length_needs_few_steps():
    """Where many characters are still to come, each costs the same."""
    schema = {"type": "string", "minLength": 30_000, "pattern": "a.*b", "not": {"pattern": "12"}}
    with bounded(60_000):
        root = compile_schema(schema).root
    assert fewest(root) == 30_002


@settings(max_examples=300)
@given(
    schemas | schemas_with_references | strings | arrays | objects, st.sampled_from([150, 600, 1_500, 4_000, 500_000])
)
def test_what_is_refused_is_refused_at_a_place_that_is_there(schema, steps):
    try:
        Grammar.from_json_schema(schema, max_steps=steps)
    except FcgenError as error:
        for one in error.errors if isinstance(error, ManyErrors) else [error]:
            assert one.pointer is not None
            assert existing(schema, one.pointer) == one.pointer


def test_what_costs_too_much_names_function_place_and_keyword():
    many = {"type": "array", "uniqueItems": True, "items": {"type": "string", "minLength": 30_000}}
    function = {"name": "f", "parameters": {"type": "object", "properties": {"x": many}}}
    with bounded(10_000), pytest.raises(OutOfSteps) as caught:
        Grammar.from_functions([function])
    error = caught.value
    assert (error.function, error.pointer, error.keyword) == ("f", "/properties/x/uniqueItems", "uniqueItems")


@pytest.mark.parametrize(
    "value",
    [
        {"type": "string", "minLength": 30_000},
        {"type": "string", "minLength": 10**7},
        {"type": "array", "minItems": 30_000},
        {"type": "object", "additionalProperties": {"type": "string", "minLength": 30_000}, "minProperties": 1},
    ],
    ids=str,
)
def test_a_value_of_any_least_length_keeps_the_budget(value):
    """Nobody walks along a way of 10 million bytes to count the tokens that close it."""
    masks = Masks(Grammar.from_json_schema({"type": "object", "properties": {"a": value}}), VOCABULARY)
    cursor = masks.cursor(budget=100)
    while not cursor.can_stop:
        cursor.advance(min(allowed(cursor.mask())))
    need = Masks(Grammar.from_json_schema(value), VOCABULARY).fewest_tokens
    cursor = Masks(Grammar.from_json_schema(value), VOCABULARY).cursor(budget=need)
    for _ in range(50):
        before = cursor.fewest_tokens
        cursor.advance(min(allowed(cursor.mask())))
        assert cursor.fewest_tokens < before
