"""The order of byte strings is Python's."""

from itertools import pairwise, takewhile

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fcgen.vocab.order import in_order
from fcgen.vocab.strings import Strings

# Strings are compared some bytes at a time: some begin alike for longer than that, and bytes stand for their end too.
pieces = st.sampled_from([b"\x00", b"\x01", b"\xff", b"aaaaaaa", b"\x00" * 8, b"\xff" * 6, b"aaaaaab"])
alike = st.lists(st.sampled_from([b"aaaaaaa", b"aaaaaab"]), min_size=2, max_size=4).map(b"".join)
lists = st.lists(st.lists(pieces, max_size=4).map(b"".join) | st.binary(max_size=20), max_size=30) | st.lists(alike)


def common(one, other):
    """How many bytes both have from the first on."""
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))))


@settings(max_examples=300)
@given(lists, st.randoms(use_true_random=False))
def test_the_order_is_that_of_the_strings(strings, random):
    places = random.sample(range(len(strings)), len(strings) - len(strings) // 5)
    given = np.array(places, np.int64)
    found, shared = in_order(Strings.of(strings), given)
    assert found.tolist() == sorted(places, key=strings.__getitem__)  # sorting is stable
    assert given.tolist() == places
    ordered = [strings[place] for place in found]
    assert shared.tolist() == [0, *(common(*pair) for pair in pairwise(ordered))][: len(places)]
