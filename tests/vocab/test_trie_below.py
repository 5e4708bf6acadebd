"""Tries of what is left of tokens below some nodes, merged; and what nodes tell of the bytes below them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgen.core import BYTE_CLASSES as CLASS
from fcgen.grammar.runs import FOUR, THREE, TWO
from fcgen.vocab.trie import ROOT, build_trie

ODD = 63

PIECES = [b"a", b"b", b'"', b"\x00", b"\xff", "é".encode(), "中".encode(), "😀".encode(), "é".encode()[:1], b"\xa9"]
words = st.lists(st.lists(st.sampled_from(PIECES), max_size=4).map(b"".join), max_size=40)


def entries(trie):
    """The pairs of path and token, and the path of each node."""
    path, found, paths = bytearray(), [], []
    for node in range(trie.size):
        del path[trie.depth[node] :]
        assert len(path) == trie.depth[node]
        path.append(trie.byte[node])
        paths.append(bytes(path))
        found += [(bytes(path), int(token)) for token in trie.tokens_at(node)]
    return sorted(found), paths


@given(words, st.data())
def test_it_holds_what_follows_some_nodes(strings, data):
    whole = build_trie(strings)
    _, paths = entries(whole)
    nodes = [ROOT, *range(len(paths))]
    exits = sorted(data.draw(st.sets(st.sampled_from(nodes), min_size=1)))
    expected = sorted(
        (text[len(path) :], token)
        for path in (b"" if node == ROOT else paths[node] for node in exits)
        for token, text in enumerate(strings)
        if text.startswith(path) and len(text) > len(path)
    )
    rest = whole.below(np.array(exits, np.int32))
    if rest is None:
        assert not expected
        return
    found, found_paths = entries(rest)
    assert found == expected
    assert found_paths == sorted(set(found_paths))
    for i, path in enumerate(found_paths):
        below = [other for other in found_paths if other.startswith(path)]
        assert rest.end[i] == i + len(below)
        assert rest.reach[i] == max(map(len, below)) - len(path)
    firsts = {path[0]: i for i, path in enumerate(found_paths) if len(path) == 1}
    assert {byte: i for byte in range(256) if (i := rest.child(ROOT, byte)) >= 0} == firsts


def test_nothing_may_follow():
    whole = build_trie([b"ab", b"b"])
    assert whole.below(np.array([1], np.int32)) is None  # nothing goes on from "ab"


@pytest.mark.parametrize(
    ("below", "expected"),
    [
        (b"ab", {CLASS[ord("a")], CLASS[ord("b")]}),
        ("é".encode(), {TWO}),
        ("中a".encode(), {THREE, CLASS[ord("a")]}),
        ("😀".encode(), {FOUR}),
        ("😀".encode()[:2], {FOUR}),  # a character may be cut off where a token ends
        (b"\xc3a", {TWO, ODD}),
        (b"\xa9", {ODD}),
        (b"\xe0\x80", {THREE, ODD}),  # overlong
        (b"\xed\xa0", {THREE, ODD}),  # a surrogate
        (b"\xf4\x90", {FOUR, ODD}),  # beyond the last
        (b"\xff", {ODD}),
    ],
)
def test_a_node_knows_the_classes_below(below, expected):
    found = int(build_trie([b"x" + below]).classes[0])
    assert {bit for bit in range(64) if found >> bit & 1} == expected
