"""Automata beside a count of characters: the same texts, as far from an end, as the intersection with the length."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from walking import accepts

from fcgen.grammar.arcs import arcs
from fcgen.grammar.characters import ANY, utf8
from fcgen.grammar.classes import common_language
from fcgen.grammar.derive import fewest
from fcgen.grammar.expr import both, complement, repeat
from fcgen.grammar.horizon import boundless
from fcgen.grammar.regex import alternatives, read_pattern

PATTERNS = ["a*b", "(ab)+", "^(..)*$", "b.a", "^a{2,5}$", "é", "^[ab]{3,}$", "(?=.*a)(?=.*b)", "^(a|bb)*$", "^.{2,4}$"]
TEXTS = ["".join(text).encode() for size in range(5) for text in itertools.product("abé", repeat=size)]
chosen = st.lists(st.sampled_from(PATTERNS), max_size=2)


def counted(patterns, others, least, most):
    def read(classes):
        found = [alternatives(pattern, classes.spell, True)[0] for pattern in [*patterns, *others]]
        return [*found[: len(patterns)], *map(complement, found[len(patterns) :])]

    return common_language(read).spelled(utf8, least, most)


@settings(max_examples=30)
@given(chosen, chosen, st.integers(0, 6), st.none() | st.integers(0, 6))
def test_it_is_the_intersection(patterns, others, least, more):
    most = None if more is None else least + more
    found = counted(patterns, others, least, most)
    parts = [read_pattern(pattern, search=True) for pattern in patterns]
    parts += [complement(read_pattern(pattern, search=True)) for pattern in others]
    expected = both(repeat(utf8(ANY), least, most), *parts)
    assert fewest(found) == fewest(expected)
    for text in TEXTS:
        assert accepts(found, text) == accepts(expected, text)


@settings(max_examples=30)
@given(chosen, chosen, st.integers(0, 4), st.integers(0, 30), st.integers(0, 6))
def test_a_bound_that_is_left_out_does_not_matter(patterns, others, least, more, horizon):
    """Up to the horizon there are the same ways, and no way is farther from an end."""
    bounded = counted(patterns, others, least, least + more)
    ways = {(bounded, boundless(bounded, horizon))}
    for _ in range(horizon):
        assert all(a.can_stop == b.can_stop and fewest(a) == fewest(b) for a, b in ways)
        ways = {(then, dict(arcs(b))[members]) for a, b in ways for members, then in arcs(a)}
