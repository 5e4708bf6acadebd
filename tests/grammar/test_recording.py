"""Recordings: languages in which what follows depends on what was written."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings_made import LANGUAGES, NUMBER, Distinct, either, joined, letters, object_of, words
from walking import restrict

from fcgen.core import determinize
from fcgen.errors import GrammarError, Unsatisfiable
from fcgen.grammar.arcs import Recording, arcs, derived, generic, is_recording
from fcgen.grammar.automaton import DEAD, Automaton
from fcgen.grammar.derive import BEYOND, INFINITE, fewest
from fcgen.grammar.expr import EMPTY, NOTHING, alt, literal, record, repeat, seq, unknown

BYTES = b"{}[](),:.ab012"
LENGTH = 6
ENOUGH = {"two unique objects": 17}  # the length to which each text so long can be finished; else 13


def after(term, data):
    for byte in data:
        term = derived(term, byte)
    return term


def language(term, length):
    """The texts of at most so many bytes that a walk byte by byte accepts."""
    found, ahead = set(), [(b"", term)]
    while ahead:
        text, here = ahead.pop()
        if here.can_stop:
            found.add(text)
        if len(text) < length and here is not NOTHING:
            ahead += [(text + bytes([byte]), derived(here, byte)) for byte in BYTES]
    return found


@pytest.mark.parametrize("name", LANGUAGES)
def test_the_texts_are_those_whose_items_differ(name):
    assert language(LANGUAGES[name].term, 8) == LANGUAGES[name].up_to(8)


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_term_is_alive_if_and_only_if_a_text_goes_on_from_it(name):
    """And some byte leads to a term with a smaller number, down to an end."""
    texts = LANGUAGES[name].up_to(ENOUGH.get(name, 13))
    begun = {text[:n] for text in texts for n in range(min(len(text), LENGTH) + 1)}
    ahead = [(b"", LANGUAGES[name].term)]
    while ahead:
        text, here = ahead.pop()
        need = fewest(here)
        assert (need != INFINITE) == (text in begun), text
        if need != INFINITE:
            assert (need == 0) == here.can_stop
            assert need < BEYOND
            ways = [derived(here, byte) for byte in BYTES]
            assert here.can_stop or min(map(fewest, ways)) < need
            if len(text) < LENGTH:
                ahead += [(text + bytes([byte]), way) for byte, way in zip(BYTES, ways, strict=True)]


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_recording_is_told_without_what_follows(name):
    """As `arcs` would tell it, which finds all that follows."""
    ahead = [(LANGUAGES[name].term, LENGTH)]
    for here, left in ahead:
        told = is_recording(here)
        try:
            arcs(here)
        except Recording:
            assert told
        else:
            assert not told
        ways = {derived(here, byte) for byte in BYTES} if left else set()
        ahead += [(then, left - 1) for then in ways - {NOTHING}]


@pytest.mark.parametrize("name", LANGUAGES)
def test_the_automaton_steps_through_the_same_texts(name):
    automaton = Automaton()
    start = automaton.start(LANGUAGES[name].term)
    texts = LANGUAGES[name].up_to(ENOUGH.get(name, 13))
    begun = {text[:n] for text in texts for n in range(min(len(text), LENGTH) + 1)}
    for text in begun:
        for byte in BYTES if len(text) < LENGTH else b"":
            place = automaton.step(start, text + bytes([byte]))
            assert (place != DEAD) == (text + bytes([byte]) in begun)
            if place != DEAD:
                assert automaton.can_stop(place) == (text + bytes([byte]) in texts)


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_restricted_language_has_the_texts_that_can_be_written(name):
    kept = frozenset(BYTES) - frozenset(b"b2")
    found = language(restrict(LANGUAGES[name].term, sum(1 << byte for byte in kept)), LENGTH)
    texts = LANGUAGES[name].up_to(LENGTH)
    assert {text for text in texts if kept.issuperset(text)} == {text for text in found if kept.issuperset(text)}


@pytest.mark.parametrize("least", [2, 3])
def test_names_that_cannot_be_written_do_not_count(least):
    """Also where what follows a name is made, after the grammar was restricted."""
    item = either(joined(b"a"), joined(b"ab"), joined(b"1"))
    term = restrict(Distinct(item, least=least, most=least).term, sum(1 << byte for byte in b"[,]a1"))
    assert language(term, 7) == ({b"[a,1]", b"[1,a]"} if least == 2 else set())
    assert (fewest(term) == INFINITE) == (least == 3)
    assert after(term, b"[a") is after(term, b"[a")


def test_a_restricted_recording_is_one_term_however_it_is_reached():
    alphabet = sum(1 << byte for byte in b"{},:a1")
    term = restrict(LANGUAGES["object"].term, alphabet)
    assert after(term, b"{a:1,aa") is after(term, b"{a:1,aa")


def test_what_cannot_differ_often_enough_is_no_language():
    """Three booleans, found out by going through with it."""
    boolean = words(b"01", 1, 1)
    assert fewest(Distinct(boolean, least=2).term) < INFINITE
    assert fewest(Distinct(boolean, least=3).term) == INFINITE
    assert fewest(alt(literal(b"long way"), Distinct(boolean, least=3).term)) == 8
    with pytest.raises(Unsatisfiable):
        Automaton().start(Distinct(boolean, least=3).term)


def test_a_hundred_items_need_no_recursion():
    term = Distinct(NUMBER, least=100).term
    assert 300 < fewest(term) < INFINITE
    assert fewest(Distinct(object_of(joined(b"1")), least=20).term) < INFINITE


def test_names_may_be_numbers_that_begin_each_other():
    term = after(LANGUAGES["unique numbers"].term, b"[1,10,1")
    assert not any(derived(term, byte) is not NOTHING and fewest(derived(term, byte)) < INFINITE for byte in b",]")
    assert fewest(derived(term, ord("1"))) < INFINITE


def test_a_term_without_recordings_is_its_own_generic_term():
    term = seq(repeat(letters(b"ab")), literal(b"c"))
    assert not is_recording(term)
    assert generic(term) is term
    assert generic(LANGUAGES["object"].term) is LANGUAGES["object"].term


@given(st.text("ab", min_size=1, max_size=5))
def test_the_generic_term_forgets_what_was_written(key):
    first = after(LANGUAGES["object"].term, b"{" + key.encode())
    assert is_recording(first)
    assert generic(first) is generic(after(LANGUAGES["object"].term, b"{b"))


def test_what_is_remembered_has_no_arcs_and_no_finite_automaton():
    term = LANGUAGES["twice"].term
    with pytest.raises(GrammarError, match="not regular"):
        arcs(term)
    with pytest.raises(GrammarError, match="not regular"):
        determinize(term)


def test_equal_recordings_are_one_object():
    names, like = letters(b"ab"), unknown(1)
    follow = partial(literal)
    assert record(names, literal, like) is record(names, literal, like)
    assert record(names, follow, like) is not record(names, literal, like)
    assert record(NOTHING, literal, like) is record(names, literal, NOTHING) is NOTHING
    assert after(record(names, lambda _: EMPTY, like), b"a") is EMPTY
