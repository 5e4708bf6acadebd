"""Many byte strings as one block: it is the list of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgen.vocab.strings import Strings

lists = st.lists(st.text("\x00ab\xff", max_size=5).map(lambda text: text.encode("latin-1")), max_size=20)


@given(lists)
def test_it_is_the_list(strings):
    block = Strings.of(strings)
    assert list(block) == strings == [block[place] for place in range(len(block))]
    assert block.data == b"".join(strings)
    assert block.length.tolist() == list(map(len, strings))
    assert block.start.tolist() == [len(b"".join(strings[:place])) for place in range(len(strings))]


def test_none_is_an_empty_string():
    assert Strings.of([None, b"a", None]) == Strings.of([b"", b"a", b""])


@given(lists, lists)
def test_equal_is_what_has_equal_strings(strings, others):
    one, other = Strings.of(strings), Strings.of(others)
    assert (one == other) == (strings == others)
    assert one == Strings(b"".join(strings), np.cumsum([len(string) for string in strings], dtype=np.int32))
    assert hash(one) == hash(Strings.of(strings))
    assert one != strings


@given(lists, st.data())
def test_replaced_has_others_in_some_places(strings, data):
    block = Strings.of(strings)
    places = st.integers(0, len(strings) - 1) if strings else st.nothing()
    others = data.draw(st.dictionaries(places, st.binary(max_size=3)))
    assert list(block.replaced(others)) == [others.get(place, string) for place, string in enumerate(strings)]
    assert list(block) == strings


@given(lists)
def test_what_stays_the_same_is_the_same_object(strings):
    block = Strings.of(strings)
    assert block.replaced(dict(enumerate(strings))) is block


@given(lists, st.sampled_from(b"\x00ab\xff"))
def test_holding_a_byte(strings, byte):
    assert Strings.of(strings).holding(byte) == [place for place, string in enumerate(strings) if byte in string]


def test_there_is_nothing_outside():
    block = Strings.of([b"a", b"b"])
    for place in (-1, 2):
        with pytest.raises(IndexError):
            block[place]
        with pytest.raises(IndexError):
            block.replaced({place: b""})


def test_the_arrays_are_read_only():
    block = Strings.of([b"a", b"bc"])
    assert not block.start.flags.writeable
    assert not block.bounds.flags.writeable
