"""The substrings of a text: as terms, as states that are filled at once, and within bounds of length."""

import gc
import json
import random
import weakref

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from walking import accepts, after, restrict, sample

from fcgen.core import Growth, suffix_automaton
from fcgen.errors import GrammarTooLarge
from fcgen.grammar import substrings as module
from fcgen.grammar.automaton import DEAD, MAX_STATES, Automaton
from fcgen.grammar.characters import json_chars, json_chars_free
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.expr import ALL_BYTES, alt, both, complement, literal, repeat, seq
from fcgen.grammar.substrings import substrings
from fcgen.grammar.work import MAX_STEPS

BREAK = -1

LETTERS = 'ab"\\\n\x01é€😀'
texts = st.text(st.sampled_from(LETTERS) | st.sampled_from("ab"), max_size=14)
lengths = st.tuples(st.integers(0, 3), st.none() | st.integers(0, 4))
spellings = st.sampled_from([json_chars, json_chars_free])


def spelled(text):
    return json.dumps(text, ensure_ascii=False)[1:-1].encode()


def parts_of(text):
    return {text[i:j] for i in range(len(text) + 1) for j in range(i, len(text) + 1)}


@st.composite
def bounded(draw):
    """A text, and the bounds of a length."""
    least, more = draw(lengths)
    return draw(texts), least, None if more is None else least + more


def is_within(found, least, most):
    return least <= len(found) and (most is None or len(found) <= most)


@given(st.lists(st.integers(BREAK, 2), max_size=14))
def test_the_suffix_automaton_spells_the_parts_of_a_text(symbols):
    ones, size = np.ones(3, np.int32), len(symbols)
    found = suffix_automaton(np.array(symbols, np.int32), np.ones(size, np.uint8), np.ones(3, np.uint8), ones)
    parts = {tuple(symbols[i:j]) for i in range(size) for j in range(i, size + 1) if BREAK not in symbols[i:j]} | {()}
    ahead, spelt = [(0, ())], set()
    while ahead:
        state, part = ahead.pop()
        spelt.add(part)
        place, left = int(found.places[state]) + 1, int(found.longest[state])
        assert left == max(len(other) for other in parts if other[: len(part)] == part) - len(part)
        assert tuple(symbols[place - len(part) : place + left]) in parts
        edges = range(found.edges[state], found.edges[state + 1])
        ahead += [(int(found.targets[edge]), (*part, int(found.symbols[edge]))) for edge in edges]
    assert spelt == parts
    assert len(found.ends) <= max(1, 2 * size)
    assert len(found.targets) <= 3 * size


@given(bounded(), texts, spellings)
def test_a_term_accepts_the_substrings_of_its_length(given, other, spell):
    text, least, most = given
    term = substrings(text, spell).term(0, least, most)
    for part in parts_of(text) | parts_of(other[:4]):
        assert accepts(term, spelled(part)) == (part in text and is_within(part, least, most))


@given(bounded(), spellings, st.randoms(use_true_random=False))
def test_every_way_of_a_term_leads_to_a_substring(given, spell, rng):
    text, least, most = given
    term = substrings(text, spell).term(0, least, most)
    assume(fewest(term) != INFINITE)
    assert json.loads(b'"' + sample(term, rng) + b'"') in text


@given(bounded())
def test_fewest_is_of_a_substring_and_each_step_on_some_way_is_one_less(given):
    text, least, most = given
    term = substrings(text, json_chars).term(0, least, most)
    needs = [len(spelled(part)) for part in parts_of(text) if is_within(part, least, most)]
    assert (fewest(term) == INFINITE) == (not needs)
    if needs:
        assert min(needs) <= fewest(term) <= max(needs)
        assert least > 1 or fewest(term) == min(needs)
        while fewest(term):
            need = fewest(term)
            term = min((after(term, bytes([byte])) for byte in range(256)), key=fewest)
            assert fewest(term) < need


def test_bounds_that_the_text_does_not_reach_are_none():
    within = substrings("abcab", json_chars)
    assert within.term(0, 0, 5) is within.term()
    assert within.term(0, 1, 4) is not within.term(0, 1)
    assert after(within.term(0, 1, 4), b"c") is after(within.term(), b"c")


@given(bounded(), st.integers(0, 255), spellings)
def test_a_character_that_cannot_be_written_breaks_the_text(given, byte, spell):
    text, least, most = given
    alphabet = ALL_BYTES & ~(1 << byte) & ~(1 << 0xA9)
    whole = substrings(text, spell).term(0, least, most)
    within = restrict(whole, alphabet)
    for part in parts_of(text):
        data = spelled(part)
        is_writable = all(alphabet >> one & 1 for one in data)
        assert accepts(within, data) == (accepts(whole, data) and is_writable)


def test_a_lone_surrogate_is_no_character():
    term = substrings("a\ud800b", json_chars).term()
    assert accepts(term, b"a")
    assert accepts(term, b"b")
    assert not accepts(term, "a\ud800b".encode("utf-8", "surrogatepass"))


tails = st.sampled_from([b'"', b'":1', b"a", b"ab", b"n"])


@given(bounded(), tails, st.integers(2, 9), st.randoms(use_true_random=False))
def test_the_states_of_a_text_are_those_of_its_terms(given, tail, horizon, rng):
    """A walk by states, one that takes a text at a time, and the terms agree."""
    text, least, most = given
    term = seq(literal(b'"'), substrings(text, json_chars).term(0, least, most), literal(tail))
    assume(fewest(term) != INFINITE)
    automaton = Automaton(horizon=horizon, within=lambda data: min(len(data), horizon))
    with automaton.growing(Growth(MAX_STATES, MAX_STEPS)):
        start = automaton.start(term)
        for _ in range(12):
            whole = bytearray(sample(term, rng))
            if rng.random() < 0.5:
                whole[rng.randrange(len(whole))] = rng.choice(spelled(text) + b'"ab')
            place, left = start, term
            for byte in bytes(whole):
                ways = automaton.next_bytes(place)
                left = after(left, bytes([byte]))
                assert (byte in ways) == (fewest(left) != INFINITE)
                place = automaton.step(place, bytes([byte]))
                if place == DEAD:
                    assert fewest(left) == INFINITE
                    break
                assert automaton.can_stop(place) == left.can_stop
                assert automaton.min_length(place) == fewest(left)
            assert automaton.step(start, bytes(whole)) == place


@given(texts, texts)
def test_they_meet_other_terms(text, other):
    one = substrings(text, json_chars).term()
    any_text = repeat(json_chars(module.CharSet.of((0, 0x10FFFF))))
    shared, rest = both(one, substrings(other, json_chars).term()), both(any_text, complement(one))
    either = alt(one, substrings(other, json_chars).term())
    for part in parts_of(text) | parts_of(other):
        data = spelled(part)
        assert accepts(shared, data) == (part in text and part in other)
        assert accepts(either, data)
        assert accepts(rest, data) == (part not in text)


@given(bounded(), texts.map(lambda text: text[:3]), st.booleans())
def test_what_surely_meets_no_substring_does_not(given, other, begins):
    text, least, most = given
    if begins:
        term = seq(literal(spelled(other) or b"a"), repeat(json_chars(module.CharSet.of((0, 0x10FFFF)))))
    else:
        term = complement(literal(spelled(other))) if other else literal(b"b")
    within = [part for part in parts_of(text) if is_within(part, least, most) and accepts(term, spelled(part))]
    may = substrings(text, json_chars).may_meet(term, least, most)
    assert may or not within
    if least == 0:
        assert may == bool(within)


def test_all_states_of_a_text_are_filled_at_once_and_count_little():
    rng = random.Random(0)
    text = "".join(rng.choices("abcdefgh", k=4000))
    automaton = Automaton()
    place = automaton.start(seq(literal(b'"'), substrings(text, json_chars).term(0, 1), literal(b'"')))
    with automaton.growing(Growth(1000, MAX_STEPS)):
        assert automaton.step(place, b'"' + text[1000:2000].encode() + b'"') != DEAD
    assert automaton.size < 1000 < automaton.count


def test_a_text_that_is_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(module, "MAX_SYMBOLS", 9)
    substrings("é" * 4 + "a", json_chars)
    with pytest.raises(GrammarTooLarge) as caught:
        substrings("é" * 5, json_chars)
    assert (caught.value.limit, caught.value.given) == (9, 10)


def test_what_is_kept_of_texts_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MAX_KEPT", 3000)
    found = [substrings(f"some text number {i} of many texts", json_chars) for i in range(20)]
    terms = [one.term() for one in found]
    assert sum(one._automaton is not None for one in found) < 10
    assert all(accepts(term, b"number %d of" % i) for i, term in enumerate(terms))


def test_a_text_lives_no_longer_than_its_terms():
    owner = substrings("abc", json_chars)
    term = owner.term()
    assert accepts(term, b"bc")
    known = weakref.ref(owner)
    del owner, term
    gc.collect()
    assert known() is None
