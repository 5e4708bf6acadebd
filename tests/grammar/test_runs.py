"""Runs: bytes that lead back to where they began, by classes."""

import pytest

from fcgen.core import BYTE_CLASSES as CLASS
from fcgen.core import keep_terms
from fcgen.grammar.automaton import Automaton, state_of
from fcgen.grammar.characters import ANY, CharSet, json_chars
from fcgen.grammar.expr import ANY_BYTES, alt, literal, repeat, seq
from fcgen.grammar.regex import read_pattern
from fcgen.grammar.runs import ENDLESS, FOUR, THREE, TWO, whole_characters

ODD = 63


def run_of(term):
    """How long the run of a term is, and of which bytes' classes."""
    automaton = Automaton()
    (thread,) = automaton.entered(automaton.start(term))
    most, found = automaton.run_of(state_of(thread))
    return most, {name for name in range(64) if found >> name & 1}


def classes(text):
    return {CLASS[byte] for byte in text}


PRINTABLE = bytes(byte for byte in range(0x20, 0x7F) if byte not in b'"\\')


def test_a_string_runs_on_all_but_quotes_escapes_and_controls():
    assert run_of(seq(repeat(json_chars(ANY)), literal(b'"'))) == (ENDLESS, classes(PRINTABLE) | {TWO, THREE, FOUR})


def test_a_bound_is_how_long_it_runs():
    assert run_of(seq(repeat(json_chars(ANY), 3, 9), literal(b'"')))[0] == 9


def test_a_run_that_cannot_end_yet_runs_as_long_as_it_must():
    assert run_of(seq(repeat(json_chars(ANY), 300), literal(b'"'))) == (300, classes(PRINTABLE) | {TWO, THREE, FOUR})


def test_a_run_that_may_end_on_the_way_is_none():
    assert run_of(repeat(json_chars(ANY), 3, 9))[0] == 0


def test_any_bytes_run_on_all_bytes():
    most, found = run_of(ANY_BYTES)
    assert most == ENDLESS
    assert found == {*classes(bytes(range(256))), TWO, THREE, FOUR}


def test_a_word_that_is_looked_for_ends_the_run():
    _, found = run_of(seq(read_pattern("^(?!.*foo).*$", json_chars), literal(b'"')))
    assert classes(b"f").isdisjoint(found)
    assert classes(b"abeo 1-") <= found


def test_what_follows_may_begin_with_a_character_of_the_run():
    end = alt(literal("é!".encode()), literal(b'"'))
    assert run_of(seq(repeat(json_chars(ANY)), end)) == (ENDLESS, classes(PRINTABLE))


@pytest.mark.parametrize(
    ("chars", "expected"),
    [
        (ANY, {TWO, THREE, FOUR}),
        (CharSet.of((0x20, 0x7FF)), {TWO}),
        (CharSet.of((0x20, 0xFFFF)), {TWO, THREE}),
        (CharSet.of((0x20, 0x10FFFE)), {TWO, THREE}),
        (CharSet.of((0x800, 0x10FFFF)), {THREE, FOUR}),
        (CharSet.of("é"), set()),
    ],
)
def test_whole_characters_are_told_by_their_length(chars, expected):
    found = whole_characters(json_chars(chars))
    assert {name for name in range(64) if found >> name & 1} == expected


def test_a_class_loops_if_all_its_bytes_do():
    automaton = Automaton()
    state, home, other, unmet = (automaton.add(1) for _ in range(4))
    own = 1 << ord("x") | 1 << ord("3")
    rest = (1 << 256) - 1 ^ own
    automaton.make_table(state, [(own.to_bytes(32, "little"), other), (rest.to_bytes(32, "little"), home)])
    found = automaton.loops(state, home)
    assert not found >> CLASS[ord("x")] & 1
    assert not found >> CLASS[ord("3")] & 1  # digits are told apart together
    assert found >> CLASS[ord("y")] & 1
    assert found >> ODD & 1
    assert automaton.loops(state, unmet) == 0


def test_whole_characters_are_told_whatever_was_asked_before():
    keep_terms(keep_terms(0))
    assert whole_characters(json_chars(CharSet.of((0x80, 0x10FFFF)))) == 1 << TWO | 1 << THREE | 1 << FOUR
