"""Runs: bytes that lead back to where they began, by classes."""

import numpy as np
import pytest

from fcgen.grammar import expr
from fcgen.grammar.automaton import Automaton, state_of
from fcgen.grammar.characters import ANY, CharSet, json_chars
from fcgen.grammar.expr import ANY_BYTES, alt, literal, repeat, seq
from fcgen.grammar.regex import read_pattern
from fcgen.grammar.runs import CLASS, ENDLESS, FOUR, ODD, THREE, TWO, loops, whole_characters
from fcgen.grammar.states import LOOPS, MORE_LOOPS, RUN


def run_of(term):
    """How long the run of a term is, and of which bytes' classes."""
    automaton = Automaton()
    (thread,) = automaton.by_rows(automaton.start(term))
    most, low, high = automaton.states[state_of(thread), [RUN, LOOPS, MORE_LOOPS]].tolist()
    found = (low & 0xFFFFFFFF) | (high & 0xFFFFFFFF) << 32
    return most, {name for name in range(64) if found >> name & 1}


def classes(text):
    return {int(CLASS[byte]) for byte in text}


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
    row = np.full(256, 7, np.int32)
    row[ord("x")] = row[ord("3")] = 1
    found = loops(row, 7)
    assert not found >> int(CLASS[ord("x")]) & 1
    assert not found >> int(CLASS[ord("3")]) & 1  # digits are told apart together
    assert found >> int(CLASS[ord("y")]) & 1
    assert found >> ODD & 1
    assert loops(row, 5) == 0


def test_whole_characters_are_told_whenever_their_terms_were_made(monkeypatch):
    monkeypatch.setattr(expr, "_terms", dict(expr._lasting))
    assert whole_characters(json_chars(CharSet.of((0x80, 0x10FFFF)))) == 1 << TWO | 1 << THREE | 1 << FOUR
