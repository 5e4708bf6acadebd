"""Suffixes: what is left of tokens below some nodes, merged; and what its nodes say of the bytes below them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgen.grammar.runs import CLASS, FOUR, ODD, THREE, TWO
from fcgen.mask.suffixes import Suffixes
from fcgen.mask.walk import BELOW_CLASSES, BYTE, DEPTH, HEIGHT, MORE_CLASSES, SUBTREE_END
from fcgen.vocab.trie import ROOT, build_trie

PIECES = [b"a", b"b", b'"', b"\x00", b"\xff", "é".encode(), "中".encode(), "😀".encode(), "é".encode()[:1], b"\xa9"]
words = st.lists(st.lists(st.sampled_from(PIECES), max_size=4).map(b"".join), max_size=40)


def entries(suffixes):
    """The pairs of path and token, and the path of each node."""
    path, found, paths = bytearray(), [], []
    for i, node in enumerate(suffixes.nodes):
        del path[node[DEPTH] :]
        assert len(path) == node[DEPTH]
        path.append(node[BYTE])
        paths.append(bytes(path))
        tokens = suffixes.tokens[suffixes.token_start[i] : suffixes.token_start[i + 1]]
        found += [(bytes(path), int(token)) for token in tokens]
    return sorted(found), paths


@given(words, st.data())
def test_it_holds_what_follows_some_nodes(strings, data):
    whole = Suffixes.of(build_trie(strings))
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
        assert rest.nodes[i, SUBTREE_END] == i + len(below)
        assert rest.nodes[i, HEIGHT] == max(map(len, below)) - len(path)
    firsts = {path[0]: i for i, path in enumerate(found_paths) if len(path) == 1}
    assert {byte: i for byte, i in enumerate(rest.child.tolist()) if i >= 0} == firsts


def test_what_follows_the_root_alone_is_the_whole():
    whole = Suffixes.of(build_trie([b"ab", b"b"]))
    assert whole.below(np.array([ROOT], np.int32)) is whole
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
    whole = Suffixes.of(build_trie([b"x" + below]))
    low, high = whole.nodes[0, [BELOW_CLASSES, MORE_CLASSES]].view(np.uint32).tolist()
    assert {bit for bit in range(64) if (low | high << 32) >> bit & 1} == {int(name) for name in expected}
