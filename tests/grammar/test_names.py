"""A fork of names is the choice among them, however it is walked."""

from hypothesis import given
from hypothesis import strategies as st
from walking import after, restrict

from fcgen.core import NameTable, fork
from fcgen.grammar.automaton import DEAD, Automaton
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.expr import ALL_BYTES, NOTHING, alt, alt_of, literal, seq
from fcgen.grammar.terms import Names

TAILS = [literal(b":1"), literal(b":"), NOTHING, literal(b":22")]
keys = st.lists(st.text("abc", max_size=4).map(lambda text: text.encode() + b'"'), unique=True, max_size=8)


def names(found):
    tails = [TAILS[i % len(TAILS)] for i in range(len(found))]
    return Names(NameTable.of(found), tails.__getitem__, lambda i: fewest(tails[i])), tails


@given(keys, st.integers(0, 255))
def test_it_is_the_choice_of_those_chosen(found, chosen):
    among, tails = names(found)
    chosen &= (1 << len(found)) - 1
    term = among.fork(chosen)
    expected = alt_of(seq(literal(key), tails[i]) for i, key in enumerate(found) if chosen >> i & 1)
    assert fewest(term) == fewest(expected)
    texts = [key + tail for key in found for tail in (b":", b":1", b":22", b"")]
    for text in texts:
        for end in range(len(text) + 1):
            assert fewest(after(term, text[:end])) == fewest(after(expected, text[:end]))
    if fewest(term) == INFINITE:
        return
    automaton = Automaton()
    start = automaton.start(term)
    for text in texts:
        place = automaton.step(start, text)
        assert (place != DEAD and automaton.can_stop(place)) == after(expected, text).can_stop


@given(keys, st.integers(0, 255))
def test_restricted_it_has_the_names_that_can_be_written(found, chosen):
    among, tails = names(found)
    chosen &= (1 << len(found)) - 1
    alphabet = sum(1 << byte for byte in b'ab":12')
    term = restrict(among.fork(chosen), alphabet)
    for i, key in enumerate(found):
        is_there = chosen >> i & 1 and b"c" not in key and tails[i] is not NOTHING
        assert (fewest(after(term, key)) != INFINITE) == bool(is_there)


def symbol(number):
    """A letter, or its number in either of two ways; a quote."""
    letter = literal(bytes([number]))
    return letter if number == ord('"') else alt(letter, literal(b"#%d" % number), literal(b"#0%d" % number))


def ways_to_write(key):
    """Some spellings of a name."""
    yield key
    for form in (b"#%d", b"#0%d"):
        yield b"".join(form % byte if i % 2 else bytes([byte]) for i, byte in enumerate(key[:-1])) + b'"'
        yield b"".join(form % byte for byte in key[:-1]) + b'"'


@given(keys, st.integers(0, 255))
def test_of_symbols_it_is_the_choice_of_all_spellings(found, chosen):
    tails = names(found)[1]
    table = NameTable.of([tuple(key) for key in found], symbol)
    among = Names(table, tails.__getitem__, lambda i: fewest(tails[i]))
    chosen &= (1 << len(found)) - 1
    for alphabet in (ALL_BYTES, ALL_BYTES & ~(1 << ord("c")), sum(1 << byte for byte in b'ab":12')):
        term = restrict(among.fork(chosen), alphabet)
        spelled = [seq(*map(symbol, key), tails[i]) for i, key in enumerate(found) if chosen >> i & 1]
        expected = restrict(alt_of(spelled), alphabet)
        assert fewest(term) == fewest(expected)
        for text in (way + tail for key in found for way in ways_to_write(key) for tail in (b":", b":1")):
            assert [fewest(after(term, text[:end])) for end in range(len(text) + 1)] == [
                fewest(after(expected, text[:end])) for end in range(len(text) + 1)
            ]


@given(st.lists(st.text("abc", max_size=4).map(lambda text: text.encode() + b'"'), unique=True, max_size=8), st.data())
def test_nothing_follows_closed_names(found, data):
    chosen = data.draw(st.integers(0, (1 << len(found)) - 1))
    term = fork(NameTable.of(found), None, chosen)
    expected = alt_of(literal(key) for i, key in enumerate(found) if chosen >> i & 1)
    assert fewest(term) == fewest(expected)
    for key in found:
        assert after(term, key).can_stop == after(expected, key).can_stop
