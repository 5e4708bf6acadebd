"""Strings: patterns, formats and lengths together, by the jsonschema library."""

import json
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from schemas_made import explain, is_valid, root_of
from walking import accepts, sample

from fcgen.errors import GrammarTooLarge, PatternError, Unsatisfiable
from fcgen.grammar import classes, derive
from fcgen.grammar.characters import json_chars
from fcgen.grammar.expr import NOTHING
from fcgen.grammar.regex import read_pattern
from fcgen.schema import compile_schema
from fcgen.schema.keys import other_names
from fcgen.schema.lengths import fitted_to_length
from fcgen.schema.values import spelled

PATTERNS = [
    "^[ab]+$", "^a[ab]*$", "^a[ab]{0,3}b$", "^(?:ab)*$", "a", "^a|b$", "[ab]{2,10}", "^a?b*$", "^é+$", '^["\\\\]*$',
    "^(?=a)[ab]*$", "^[^a]*$", "^.{2,}$", "^$", "^a{3}b{1,}$",
]  # fmt: skip
texts = st.text('ab"\\é\n😀', max_size=6) | st.text(max_size=4)
lengths = st.fixed_dictionaries({}, optional={"minLength": st.integers(0, 5), "maxLength": st.integers(0, 5)})
constraints = st.builds(
    lambda some, rest: {"type": "string", **some, **rest},
    lengths,
    st.fixed_dictionaries({}, optional={"pattern": st.sampled_from(PATTERNS), "format": st.just("date")}),
)


@given(constraints, constraints, texts | st.sampled_from(["2024-02-29", "aab", "aaab"]))
def test_strings_are_accepted_if_and_only_if_they_are_valid(first, second, text):
    for schema in (first, {"allOf": [first, second]}):
        assert accepts(root_of(schema), json.dumps(text, ensure_ascii=False).encode()) == is_valid(schema, text)


@given(constraints, st.integers(0, 2**32))
def test_every_written_string_is_valid(schema, seed):
    root = root_of(schema)
    assume(root is not NOTHING)
    for i in range(4):
        text = sample(root, random.Random(seed + i), steps=20)
        explain(schema, json.loads(text))
        assert spelled(json.loads(text)) == text


@given(st.sampled_from(PATTERNS), st.integers(0, 5), st.none() | st.integers(0, 5), st.text("ab", max_size=6))
def test_a_pattern_that_is_fitted_to_a_length_is_pattern_and_length(pattern, least, most, text):
    term = read_pattern(pattern, json_chars, search=True)
    fitted = fitted_to_length(pattern, term, least, most)
    assume(fitted is not None)
    is_long_enough = least <= len(text) <= (len(text) if most is None else most)
    assert accepts(fitted, text.encode()) == (accepts(term, text.encode()) and is_long_enough)


@pytest.mark.parametrize("pattern", ["^[ab]+$", "^a[ab]*$", "^a[ab]{0,3}b$", "^a{3}b{1,}$"])
def test_common_forms_can_be_fitted(pattern):
    assert fitted_to_length(pattern, read_pattern(pattern, json_chars, search=True), 2, 4) is not None


@given(st.frozensets(texts, max_size=5), texts)
def test_other_names_are_all_but_the_declared(names, text):
    others = other_names(frozenset(spelled(name)[1:-1] for name in names), json_chars)
    for candidate in {text, *names, *(name + "a" for name in names), *(name[:-1] for name in names)}:
        assert accepts(others, spelled(candidate)[1:-1]) == (candidate not in names)


def test_a_name_that_is_half_a_surrogate_pair_changes_nothing():
    assert accepts(other_names(frozenset([spelled("\ud800")[1:-1]]), json_chars), b"")
    assert spelled("\ud800") == b'"\\ud800"'


def test_a_bad_pattern_says_where_it_is():
    with pytest.raises(PatternError) as caught:
        compile_schema({"properties": {"a": {"type": "string", "pattern": "a("}}}, function="f")
    assert str(caught.value).startswith("function 'f', at /properties/a/pattern: pattern 'a('")
    assert caught.value.keyword == "pattern"


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"minLength": 3, "maxLength": 2}, "no string is a string minLength 3 maxLength 2"),
        ({"pattern": "^a{5}$", "maxLength": 2}, "no string is a string with pattern '^a{5}$' maxLength 2"),
        ({"pattern": "^a$", "format": "date"}, "no string is a string with pattern '^a$' of format 'date'"),
    ],
)
def test_strings_that_cannot_be_say_so(schema, reason):
    with pytest.raises(Unsatisfiable) as caught:
        compile_schema({"type": "string", **schema})
    assert str(caught.value) == f"at the root: no value can be valid: {reason}"


def test_too_many_states_are_told_with_the_keyword_and_their_place(monkeypatch):
    """Also where it is only asked whether there is any text."""
    for module, name in [
        (derive, "EXACT_LIMIT"),
        (derive, "SEARCH_LIMIT"),
        (classes, "MAX_STATES"),
        (classes, "MAX_SETTLED"),
    ]:
        monkeypatch.setattr(module, name, 3)
    many = {"type": "string", "pattern": "^(am|cm){9}$", "not": {"pattern": "^amcm(am)*cmam$"}}
    with pytest.raises(GrammarTooLarge) as caught:
        root_of({"anyOf": [many, {"type": "null"}]})
    assert (caught.value.keyword, caught.value.pointer) == ("pattern", "/anyOf/0/not/pattern")
