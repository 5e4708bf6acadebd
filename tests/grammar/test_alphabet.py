"""A grammar within an alphabet: the texts of the grammar that the alphabet can write, and no others are begun."""

from grammar.terms_made import LETTER_SET, LETTERS, language, terms
from hypothesis import given
from hypothesis import strategies as st
from walking import accepts, restrict

from fcgen.grammar.arcs import arcs
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.expr import (
    ALL_BYTES,
    NOTHING,
    alt,
    both,
    byte_set,
    complement,
    deferred,
    literal,
    record,
    reference,
    repeat,
    seq,
)
from fcgen.grammar.terms import Scope

alphabets = st.sets(st.sampled_from(sorted(LETTERS)))


def mask(letters):
    return sum(1 << byte for byte in letters)


def written(term, letters):
    """The words of at most four letters that are in `term` and can be written."""
    return {word for word in language(term) if set(word) <= letters}


def is_never_stuck(term, letters, depth=4):
    """Whether every text that the letters can begin can be ended with them."""
    frontier = [term]
    for _ in range(depth):
        ahead = [then for e in frontier for members, then in arcs(e) if members & mask(letters)]
        frontier = [e for e in dict.fromkeys(ahead) if fewest(e) < INFINITE]
        if not all(_can_end(e, letters) for e in frontier):
            return False
    return True


def _can_end(term, letters):
    seen, ahead = {term}, [term]
    while ahead:
        e = ahead.pop()
        if e.can_stop:
            return True
        new = {then for members, then in arcs(e) if members & mask(letters)} - seen
        seen |= new
        ahead += new
    return False


@given(terms(), alphabets)
def test_what_can_be_written_is_kept(pair, letters):
    term, words = pair
    assert written(restrict(term, mask(letters)), letters) == {word for word in words if set(word) <= letters}


@given(terms(), alphabets)
def test_nothing_is_begun_that_cannot_be_ended(pair, letters):
    assert is_never_stuck(restrict(pair[0], mask(letters)), letters)


@given(terms(), alphabets, alphabets)
def test_one_alphabet_after_another_is_both(pair, first, second):
    term, words = pair
    twice = restrict(restrict(term, mask(first)), mask(second))
    assert written(twice, first & second) == {word for word in words if set(word) <= first & second}


@given(terms())
def test_an_alphabet_that_has_every_byte_changes_nothing(pair):
    assert restrict(pair[0], ALL_BYTES) is pair[0]


@given(terms(), terms(), alphabets)
def test_what_is_built_later_is_restricted_too(first, second, letters):
    plain = alt(first[0], seq(second[0], first[0]))
    term = deferred(lambda: plain, like=plain)
    assert written(restrict(term, mask(letters)), letters) == written(plain, letters)


def nested(inner):
    """a, any number of times, around `inner`; b, as often, after it."""
    scope = Scope()
    name = reference(scope, "value")
    scope.define("value", alt(inner, seq(literal(b"a"), name, literal(b"b"))))
    return name


@given(terms(depth=1), alphabets)
def test_cycles_of_references(pair, letters):
    term = nested(pair[0])
    restricted = restrict(term, mask(letters))
    assert written(restricted, letters) == written(term, letters)
    assert (fewest(restricted) < INFINITE) or not written(term, letters)


@given(terms(depth=1), terms(depth=1), alphabets)
def test_references_to_each_other(first, second, letters):
    scope = Scope()
    one, other = reference(scope, "one"), reference(scope, "other")
    scope.define("one", alt(seq(literal(b"c"), first[0]), seq(literal(b"a"), other, literal(b"a"))))
    scope.define("other", alt(seq(literal(b"c"), second[0]), seq(literal(b"b"), one)))
    for root in (one, other, alt(one, other)):
        assert written(restrict(root, mask(letters)), letters) == written(root, letters)


@given(terms(depth=1), terms(depth=1), alphabets)
def test_references_within_intersections_and_complements(first, second, letters):
    scope = Scope()
    name = reference(scope, "value", can_stop=first[0].can_stop)
    scope.define("value", first[0])
    anything = repeat(byte_set(LETTER_SET))
    for root in (
        both(name, second[0]),
        both(name, complement(second[0])),
        both(anything, complement(name)),
        seq(literal(b"a"), both(anything, name), name),
    ):
        assert written(restrict(root, mask(letters)), letters) == written(root, letters)


def test_a_reference_that_stands_alone_and_within_an_intersection():
    scope = Scope()
    name = reference(scope, "value")
    scope.define("value", alt(literal(b"ab"), literal(b"cc")))
    root = alt(seq(literal(b"a"), both(name, complement(literal(b"cc")))), seq(literal(b"b"), name))
    assert language(restrict(root, mask(b"ab"))) == {b"aab", b"bab"}


def test_what_a_recording_goes_on_with_is_restricted():
    def twice(data):
        return alt(literal(data), literal(b"c"))

    names = alt(literal(b"ab"), literal(b"c"))
    term = record(names, twice, like=byte_set(LETTER_SET))
    restricted = restrict(term, mask(b"ab"))
    assert [word for word in (b"abab", b"abc", b"cc") if accepts(term, word)] == [b"abab", b"abc", b"cc"]
    assert [word for word in (b"abab", b"abc", b"cc") if accepts(restricted, word)] == [b"abab"]


def test_a_grammar_of_which_nothing_can_be_written_is_empty():
    assert restrict(literal(b"abc"), mask(b"ab")) is NOTHING
    assert restrict(nested(literal(b"c")), mask(b"ab")) is not NOTHING  # its name is not looked up
    assert fewest(restrict(nested(literal(b"c")), mask(b"ab"))) == INFINITE
