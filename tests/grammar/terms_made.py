"""Terms with their words, computed by brute force over short strings."""

import itertools

from hypothesis import strategies as st

from fcgen.grammar.derive import arcs
from fcgen.grammar.expr import alt, apart, both, byte_set, complement, literal, repeat, seq

LETTERS = b"abc"
WORDS = [bytes(word) for n in range(5) for word in itertools.product(LETTERS, repeat=n)]
LETTER_SET = sum(1 << b for b in LETTERS)


def concatenated(a, b):
    return {x + y for x in a for y in b if len(x + y) <= 4}


def repeated(a, least, most):
    power, result = {b""}, set()
    for count in range((4 if most is None else most) + least + 1):
        if count >= least and (most is None or count <= most):
            result |= power
        power = concatenated(power, a)
    return result


@st.composite
def terms(draw, depth=3):
    """A term and the set of its words of at most four letters."""
    kind = draw(
        st.sampled_from(
            ["literal", "set"] if depth == 0 else ["literal", "set", "seq", "alt", "rep", "both", "not", "apart"]
        )
    )
    if kind == "literal":
        word = draw(st.sampled_from([w for w in WORDS if len(w) <= 3]))
        return literal(word), {word}
    if kind == "set":
        letters = draw(st.sets(st.sampled_from(sorted(LETTERS)), min_size=1))
        return byte_set(sum(1 << b for b in letters)), {bytes([b]) for b in letters}
    first, words = draw(terms(depth=depth - 1))
    if kind == "rep":
        least = draw(st.integers(0, 2))
        most = draw(st.one_of(st.none(), st.integers(least, 3)))
        return repeat(first, least, most), repeated(words, least, most)
    if kind == "apart":
        return apart(first), words
    if kind == "not":
        return both(repeat(byte_set(LETTER_SET)), complement(first)), set(WORDS) - words
    second, others = draw(terms(depth=depth - 1))
    match kind:
        case "seq":
            return seq(first, second), concatenated(words, others)
        case "alt":
            return alt(first, second), words | others
        case _:
            return both(first, second), words & others


def language(term):
    """The words of at most four letters that a walk over arcs accepts."""
    found, frontier = set(), [(b"", term)]
    for word, here in frontier:
        if here.can_stop:
            found.add(word)
        if len(word) < 4:
            frontier += [(word + bytes([b]), then) for members, then in arcs(here) for b in LETTERS if members >> b & 1]
    return found
