"""Terms against a reference: the language of a term, computed by brute force over short strings."""

import pytest
from grammar.terms_made import LETTER_SET, LETTERS, WORDS, language, terms
from hypothesis import given
from hypothesis import strategies as st
from walking import after, restrict

from fcgen.core import determinize, keep_terms
from fcgen.errors import GrammarError, GrammarTooLarge
from fcgen.grammar.arcs import derived
from fcgen.grammar.automaton import DEAD, Automaton
from fcgen.grammar.derive import INFINITE, arcs, fewest, shortest
from fcgen.grammar.expr import (
    ALL_BYTES,
    ANY_BYTES,
    EMPTY,
    NOTHING,
    alt,
    apart,
    both,
    byte_set,
    complement,
    deferred,
    literal,
    reference,
    repeat,
    seq,
    unlike,
)
from fcgen.grammar.terms import Scope


@given(terms())
def test_arcs_spell_the_language(pair):
    term, words = pair
    assert language(term) == words


@given(terms(), st.sets(st.sampled_from([w for w in WORDS if w]), max_size=3), st.sampled_from(LETTERS))
def test_what_is_left_after_a_byte_is_what_the_arcs_lead_to(pair, names, byte):
    """Found with or without them; within names that must be none of some names, too."""
    for term in (seq(pair[0], literal(b"c")), unlike(repeat(byte_set(LETTER_SET)), frozenset(names))):
        keep_terms(keep_terms(0))
        left = derived(term, byte)
        assert left is next((then for members, then in arcs(term) if members >> byte & 1), NOTHING)
        assert derived(term, byte) is left


@given(terms())
def test_arcs_are_disjoint(pair):
    frontier, seen = [pair[0]], {pair[0]}
    for term in frontier[:50]:
        union = 0
        for members, then in arcs(term):
            assert members
            assert not union & members
            union |= members
            if then not in seen:
                seen.add(then)
                frontier.append(then)


@given(terms())
def test_fewest_is_the_length_of_the_shortest_word(pair):
    term, words = pair
    size = min(map(len, words), default=INFINITE)
    if size <= 4:
        assert fewest(term) == size
    else:
        assert fewest(term) > 4


@given(terms())
def test_determinized_is_the_same_language(pair):
    term, words = pair
    assert language(determinize(term)) == words
    assert fewest(determinize(term)) == fewest(term)


@given(terms())
def test_automaton_is_the_same_language(pair):
    term, words = pair
    if fewest(term) == INFINITE:
        return
    automaton = Automaton()
    start = automaton.start(term)
    for word in WORDS:
        place = automaton.step(start, word)
        assert (place != DEAD and automaton.can_stop(place)) == (word in words)
        assert (place != DEAD) == (fewest(after(term, word)) != INFINITE)
        if place != DEAD:
            assert automaton.min_length(place) == fewest(after(term, word))


@given(terms(), st.sets(st.sampled_from(sorted(LETTERS))))
def test_restricted_terms_finish_within_the_alphabet(pair, letters):
    term, words = pair
    alphabet = sum(1 << b for b in letters)
    kept = {word for word in words if set(word) <= letters}
    restricted = restrict(term, alphabet)
    found = language(restricted)
    assert kept <= found <= words
    # From every state a way on within the alphabet ends: nothing that is begun needs a byte that cannot be written.
    assert (fewest(restricted) == INFINITE) or any(set(word) <= letters for word in found) or fewest(restricted) > 4


def test_restriction_leaves_what_can_be_written_alone():
    term = seq(literal(b"ab"), repeat(byte_set(LETTER_SET)))
    assert restrict(term, LETTER_SET) is term
    assert restrict(term, ALL_BYTES) is term


@given(terms())
def test_equal_terms_are_one_object(pair):
    term, _ = pair
    assert alt(term, term) is term
    assert both(term, term) is term
    assert seq(EMPTY, term, EMPTY) is term
    assert complement(complement(term)) is term
    assert both(term, ANY_BYTES) is term
    assert alt(term, NOTHING) is term
    assert seq(term, NOTHING) is NOTHING


def test_recursion_needs_no_stack():
    scope = Scope()
    value = alt(literal(b"c"), seq(literal(b"a"), reference(scope, "value"), literal(b"b")))
    scope.define("value", value)
    assert fewest(value) == 1
    automaton = Automaton()
    place = automaton.step(automaton.start(value), b"a" * 1000 + b"c" + b"b" * 999)
    assert place != DEAD
    assert not automaton.can_stop(place)
    end = automaton.step(place, b"b")
    assert automaton.can_stop(end)
    assert automaton.step(place, b"c") == DEAD


def test_a_recursion_that_never_ends_is_infinite():
    scope = Scope()
    scope.define("value", seq(literal(b"a"), reference(scope, "value")))
    assert fewest(reference(scope, "value")) == INFINITE


def test_left_recursion_is_an_error():
    scope = Scope()
    scope.define("value", alt(literal(b"a"), seq(reference(scope, "value"), literal(b"b"))))
    with pytest.raises(GrammarError, match="refers to itself before any character"):
        arcs(reference(scope, "value"))


def test_a_long_chain_of_deferred_terms():
    tail = literal(b"}")
    for i in range(5000):
        member = literal(b"%d," % i)
        tail = deferred(lambda m=member, t=tail: alt(seq(m, t), t), like=alt(seq(member, tail), tail))
    assert fewest(tail) == 1


def test_long_sequences_do_not_recurse():
    part = alt(EMPTY, literal(b"a"))
    term = seq(*[part] * 5000)
    assert len(arcs(term)) == 1
    assert fewest(seq(*[literal(b"a"), byte_set(LETTER_SET)] * 5000)) == 10_000


def test_prefixes_of_prefixes_do_not_recurse():
    words = [b"a" * n for n in range(1, 1000)]
    term = alt(*map(literal, words))
    automaton = Automaton()
    start = automaton.start(term)
    assert all(automaton.can_stop(automaton.step(start, word)) for word in words)
    assert automaton.step(start, b"a" * 1000) == DEAD
    twice = alt(seq(term, literal(b"b")), *(literal(word + b"c") for word in words))
    assert fewest(twice) == 2
    assert automaton.step(automaton.start(twice), words[-1] + b"c") != DEAD


def test_a_text_that_can_be_read_in_many_ways_has_few_threads():
    """Each level can be closed in two ways, which is not known until then: 2**40 stacks, of which each frame is one."""
    scope = Scope()
    inner = reference(scope, "value")
    value = alt(literal(b"x"), *(seq(literal(b"a"), apart(inner), literal(end)) for end in (b"b", b"c")))
    scope.define("value", value)
    automaton = Automaton()
    place = automaton.step(automaton.start(value), b"a" * 40 + b"x")
    assert len(automaton.threads(place)) < 10
    closed = automaton.step(place, b"bc" * 20)
    assert automaton.can_stop(closed)
    assert automaton.step(place, b"bd") == DEAD
    assert automaton.min_length(place) == 40


def test_a_search_that_found_an_end_too_near_ends_in_an_error_of_ours():
    """What is nearer may count as farther, since the search of a large intersection finds some end, not the nearest."""
    term = both(repeat(byte_set(0b111 << 0x61), 3), complement(repeat(literal(b"ab"), 0)))
    term.fewest_memo = 1.0
    with pytest.raises(GrammarTooLarge, match="too many states to search"):
        shortest(term)
