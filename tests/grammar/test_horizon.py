"""Bounds beyond the horizon: a walk that is no longer finds the same, and meets few states."""

import random

from hypothesis import assume, given
from hypothesis import strategies as st
from walking import after, sample

from fcgen.grammar.automaton import DEAD, Automaton, state_of, thread_of
from fcgen.grammar.characters import json_chars
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.expr import both, literal, repeat, seq
from fcgen.grammar.horizon import boundless
from fcgen.grammar.regex import read_pattern
from fcgen.grammar.terms import Both
from fcgen.grammar.work import bounded

ALPHABET = b'ab c"'
HORIZON = 5
PATTERNS = ["^(a|b.{12})*$", r"^(?:\S+ ){0,9}\S*$", "^(?=.*c)[abc ]*$", "^a*b?$", "^(?!.*aa)", "^(ab|c){0,20}$"]


def text(pattern):
    return read_pattern(pattern, json_chars, search=True)


@st.composite
def terms(draw):
    """Strings of a pattern and a length, then something else."""
    least, more = draw(st.integers(0, 3)), draw(st.integers(1, 40))
    length = repeat(text("^[abc ]$"), least, least + more)
    pattern = draw(st.none() | st.sampled_from(PATTERNS))
    term = length if pattern is None else both(length, text(pattern))
    return seq(literal(b'"'), term, literal(b'"'), draw(st.sampled_from([literal(b"a"), repeat(length, 0, 9)])))


@given(terms(), st.randoms(use_true_random=False))
def test_a_walk_within_the_horizon_finds_what_the_term_allows(term, rng):
    assume(fewest(term) != INFINITE)
    whole = sample(term, rng, steps=rng.randrange(40))
    automaton = Automaton(horizon=HORIZON)
    place = automaton.step(automaton.start(term), written := whole[: rng.randrange(len(whole) + 1)])
    left = after(term, written)
    for _ in range(20):
        ahead = bytes(rng.choices(ALPHABET, k=rng.randrange(1, HORIZON + 1)))
        expected = fewest(after(left, ahead)) != INFINITE
        assert (_by_tables(automaton, place, ahead) != DEAD) == expected
        assert (automaton.step(place, ahead) != DEAD) == expected


def _by_tables(automaton, place, data):
    """The place after `data`, of a text that is never at several."""
    for byte in data:
        (thread,) = automaton.entered(place)
        then = automaton.next(state_of(thread), byte)
        if then == DEAD:
            return DEAD
        place = thread_of(then, thread >> 32)
    return place


@given(terms(), st.randoms(use_true_random=False))
def test_whether_a_text_may_end_does_not_depend_on_the_horizon(term, rng):
    assume(fewest(term) != INFINITE)
    whole = sample(term, rng)
    near, far = Automaton(horizon=HORIZON), Automaton()
    begin = near.start(term), far.start(term)
    for end in range(len(whole) + 1):
        a, b = near.step(begin[0], whole[:end]), far.step(begin[1], whole[:end])
        assert near.can_stop(a) == far.can_stop(b)


def test_a_long_string_has_few_states():
    term = seq(repeat(text("^.$"), 0, 5000), literal(b'"'))
    automaton = Automaton(horizon=64)
    place = automaton.step(automaton.start(term), b"a" * 4000)
    for byte in b'a\xc3\\"':
        assert _by_tables(automaton, place, bytes([byte])) != DEAD
    assert automaton.size < 50


def test_a_bound_that_may_keep_a_text_from_ending_is_kept():
    length = repeat(text("^.$"), 0, 100)
    close = both(length, text("^(a|b.{90})*$"))
    assert isinstance(close, Both)
    assert boundless(close, HORIZON) is not close
    assert boundless(close, 10) is close  # ten characters on, b may not come any more


def test_a_term_without_such_bounds_is_the_same_object():
    for term in [literal(b"a"), repeat(literal(b"a"), 0, 3), seq(repeat(literal(b"a")), literal(b"b"))]:
        assert boundless(term, 3) is term
    rng = random.Random(0)
    assert sample(boundless(repeat(literal(b"a"), 4, 9), 3), rng, steps=20).startswith(b"aaaa")


HOST_NAME = r"^(?!.*://)(?=.{1,255}$)((.{1,63}\.){1,127}(?![0-9]*$)[a-z0-9-]+\.?)$"


def test_counts_within_counts_beside_a_greatest_length_take_few_steps():
    """It is not worth finding out, at each place anew, that the length does not matter."""
    term = seq(text(HOST_NAME), literal(b'"'))
    automaton = Automaton(horizon=80)
    place = automaton.start(term)
    with bounded(30_000):
        for byte in b'example.com.example.org"':
            assert automaton.entered(place)
            place = automaton.step(place, bytes([byte]))
    assert automaton.can_stop(place)
