"""Masks, shortest completions and captures, by the reference: derivatives alone."""

import itertools
import random
from types import SimpleNamespace

import pytest
import reference
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from recordings_made import LANGUAGES
from reference_terms import read
from walking import allowed

from fcgen.core import NameTable, fork
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.expr import (
    EMPTY,
    alt,
    alt_of,
    apart,
    both,
    byte_set,
    complement,
    deferred,
    literal,
    record,
    repeat,
    seq,
    unknown,
    unlike,
)
from fcgen.grammar.expr import reference as call
from fcgen.grammar.terms import Names, Scope
from fcgen.mask import Masks
from fcgen.vocab import Vocabulary

LETTERS = b"abc"
ALL = repeat(byte_set(sum(1 << b for b in LETTERS)))
WORDS = [bytes(word) for n in range(1, 4) for word in itertools.product(LETTERS, repeat=n)]
words = st.sampled_from(WORDS)


@st.composite
def key_tries(draw, inner):
    """Names, each with something after it, of which some are chosen."""
    found = draw(st.lists(words, min_size=1, max_size=5, unique=True))
    keys = [one for one in found if not any(one != other and one.startswith(other) for other in found)]
    after = [draw(inner) for _ in keys]
    table = NameTable.of(keys)
    names = None if draw(st.booleans()) else Names(table, after.__getitem__, lambda i: fewest(after[i]))
    return fork(table, names, draw(st.integers(1, (1 << len(keys)) - 1)))


def joined(inner):
    return st.one_of(
        st.builds(seq, inner, inner),
        st.builds(lambda a, b: seq(apart(a), b), inner, inner),
        st.builds(alt, inner, inner),
        st.builds(lambda e: deferred(lambda: e, e), inner),
        st.builds(lambda e, n, more: repeat(e, n, more and n + more), inner, st.integers(0, 2), st.integers(0, 5)),
    )


@st.composite
def lists(draw, inner):
    """Recursion: any number of items between brackets that may hold such a list."""
    scope = Scope()
    item = draw(inner)
    again = seq(literal(b"a"), apart(call(scope, "list")), literal(b"b"))
    scope.define("list", draw(st.sampled_from([alt(again, item), seq(item, repeat(again, 0, 2))])))
    return call(scope, "list", can_stop=item.can_stop)


@st.composite
def captures(draw, inner):
    """A name, and then something that depends on it: any text but it, it again, or its last letter over again."""
    kind = draw(st.sampled_from(["differs", "again", "last"]))
    listed = st.sets(words, min_size=1, max_size=4).map(lambda found: alt_of(map(literal, found)))
    names = draw(listed if kind == "again" else listed | inner.filter(lambda e: not e.can_stop))
    rest = draw(inner)
    assume(INFINITE not in (fewest(names), fewest(rest)))

    def after(written):
        match kind:
            case "differs":
                return seq(both(ALL, complement(literal(written))), rest)
            case "again":
                return seq(literal(written), rest)
            case _:
                return seq(repeat(literal(written[-1:]), 1, 2), rest)

    need = {"differs": alt(EMPTY, unknown(1)), "again": unknown(3), "last": unknown(1)}[kind]
    return record(names, after, seq(need, rest))


leaves = st.one_of(
    words.map(literal),
    st.sets(st.sampled_from(sorted(LETTERS)), min_size=1).map(lambda s: byte_set(sum(1 << b for b in s))),
)
regular = st.recursive(
    leaves,
    lambda inner: st.one_of(
        joined(inner),
        st.builds(both, inner, inner),
        st.builds(lambda e: both(ALL, complement(e)), inner),
        st.builds(lambda names: unlike(ALL, names), st.frozensets(words, min_size=1, max_size=4)),
        key_tries(inner),
    ),
    max_leaves=6,
)
plain = st.recursive(regular, lambda inner: st.one_of(joined(inner), key_tries(inner), lists(inner)), max_leaves=3)
FAR = {"object of two or more", "two unique objects"}  # their ends are too far for the reference


@st.composite
def vocabularies(draw, alphabet):
    """Each letter, and some longer tokens."""
    pieces = st.lists(st.sampled_from(alphabet), min_size=2, max_size=5).map(bytes)
    tokens = [bytes([byte]) for byte in alphabet] + draw(st.lists(pieces, unique=True, max_size=10))
    return Vocabulary([*tokens, None], stop_ids={len(tokens)})


def end_of(term, alphabet):
    try:
        return reference.shortest(term, alphabet)
    except (reference.TooLarge, RecursionError):
        return assume(False)


def walk(term, vocabulary, rng, steps):
    """Compare on a random way: the mask, whether the text can end, and how far it is to an end."""
    alphabet = sorted({byte for token in range(vocabulary.size) for byte in vocabulary.token_bytes(token)})
    tokens = [vocabulary.token_bytes(token) for token in range(vocabulary.size)]
    here = read(term)
    assume(end_of(here, alphabet) is not None)
    cursor = Masks(SimpleNamespace(root=term), vocabulary).cursor()
    for _ in range(steps):
        stops = set(vocabulary.stop_ids) if reference.nullable(here) else set()
        ahead = {token: reference.derived(here, text) for token, text in enumerate(tokens) if text}
        expected = {token for token, then in ahead.items() if end_of(then, alphabet) is not None}
        may = allowed(cursor.mask())
        assert may == expected | stops, cursor.text
        assert cursor.can_stop == bool(stops)
        if not expected:
            break
        token = rng.choice(sorted(expected))
        cursor.advance(token)
        here = ahead[token]


randoms = st.randoms(use_true_random=False)


@settings(max_examples=150)
@given(plain, vocabularies(LETTERS), randoms)
def test_masks_are_those_of_the_reference(term, vocabulary, rng):
    assume(fewest(term) != INFINITE)
    walk(term, vocabulary, rng, 8)


@settings(max_examples=150)
@given(plain)
def test_the_shortest_completion_is_as_long_as_the_reference_says(term):
    end = end_of(read(term), LETTERS)
    assert fewest(term) == (INFINITE if end is None else len(end))


@settings(max_examples=150)
@given(captures(regular), vocabularies(LETTERS), randoms)
def test_masks_with_captures_are_those_of_the_reference(term, vocabulary, rng):
    end = end_of(read(term), LETTERS)
    assert (fewest(term) == INFINITE) == (end is None)
    assume(end is not None)
    assert fewest(term) >= len(end)
    walk(term, vocabulary, rng, 6)


@pytest.mark.parametrize("name", sorted(LANGUAGES.keys() - FAR))
@settings(max_examples=5)
@given(st.data(), randoms)
def test_names_and_items_that_must_differ(name, data, rng):
    term, texts = LANGUAGES[name].term, sorted(LANGUAGES[name].up_to(13))
    alphabet = sorted({byte for text in texts for byte in text})
    found = read(term)
    for text in random.Random(name).sample(texts, min(len(texts), 20)):
        assert reference.nullable(reference.derived(found, text))
    assert len(end_of(found, alphabet)) == min(map(len, texts))
    walk(term, data.draw(vocabularies(alphabet)), rng, 6)
