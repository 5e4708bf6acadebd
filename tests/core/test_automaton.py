"""The native automaton: what it does with numbers that stand for nothing, and with states that are never expanded."""

import gc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcgen import core
from fcgen.errors import GrammarTooLarge
from fcgen.vocab.trie import ROOT, build_trie

TRIE = build_trie([b"a", b"b", b"ab", b"ba", b"aab", b"bbbb"])
ANY = (b"\xff" * 32,)
REFUSED = (IndexError, ValueError, TypeError, RuntimeError, GrammarTooLarge)


class Plain(core.Automaton):
    """Expands states as ends."""

    def __init__(self, max_states=1000):
        super().__init__()
        self.growth = core.Growth(max_states, 1)

    def expand(self, state):
        self.make_end(state)

    def skip(self, state, stack, text):
        return state, len(text)


numbers = st.integers(-3, 12) | st.sampled_from([2**31 - 1, -(2**31), 2**32, 2**62, 2**62 + 1, 2**63 - 1])
bits = st.binary(min_size=32, max_size=32)
operations = st.one_of(
    st.tuples(st.sampled_from(["add", "make_end", "make_opaque", "kind", "stops", "literal"]), numbers),
    st.tuples(st.sampled_from(["entered", "ended", "next_bytes", "threads", "popped", "can_stop", "depth"]), numbers),
    st.tuples(st.sampled_from(["push", "loops", "next", "set_abstracted"]), numbers, numbers),
    st.tuples(st.sampled_from(["make_call", "make_literal"]), numbers, numbers, numbers),
    st.tuples(st.just("describe"), numbers, st.booleans(), numbers),
    st.tuples(st.just("set_run"), numbers, numbers, st.integers(0, 2**64 - 1)),
    st.tuples(st.sampled_from(["make_choice", "configuration_of"]), st.lists(numbers, max_size=4)),
    st.tuples(st.just("make_choice"), numbers, st.lists(numbers, max_size=4)),
    st.tuples(st.just("make_literals"), numbers, st.binary(max_size=3), numbers),
    st.tuples(
        st.just("make_table"), numbers, st.lists(st.tuples(st.binary(min_size=32, max_size=32), numbers), max_size=3)
    ),
    st.tuples(st.just("make_overlay"), numbers, numbers, st.lists(numbers, max_size=4)),
    st.tuples(st.just("step"), numbers, st.binary(max_size=4)),
    st.tuples(st.just("nearer"), numbers, st.binary(min_size=31, max_size=32)),
    st.tuples(st.sampled_from(["mask", "ends"]), numbers),
)


@settings(max_examples=300)
@given(st.lists(operations, max_size=25))
def test_any_numbers_give_an_answer_or_an_error(program):
    automaton = Plain()
    automaton.add(6)
    masks = core.MaskCache(automaton, TRIE, 1)
    for name, *arguments in program:
        try:
            found = getattr(masks if name in {"mask", "ends"} else automaton, name)(*arguments)
            if name == "mask":
                found.write(np.empty(1, np.uint32))
        except REFUSED:
            continue
    assert automaton.count >= 6


def test_a_state_is_expanded_once():
    automaton = Plain()
    state = automaton.add(1)
    automaton.make_end(state)
    with pytest.raises(IndexError, match="expanded already"):
        automaton.make_opaque(state)


def test_a_state_that_is_not_expanded_is_an_error():
    class Idle(Plain):
        def expand(self, state):
            pass

    automaton = Idle()
    state = automaton.add(1)
    with pytest.raises(RuntimeError, match="not expanded"):
        automaton.step(state, b"a")
    with pytest.raises(RuntimeError, match="not expanded"):
        core.MaskCache(automaton, TRIE, 1).mask(state)


@pytest.mark.parametrize("waits", [False, True])
def test_a_state_that_calls_itself_is_an_error(waits):
    automaton = Plain(max_states=100)
    state, other = automaton.add(1), automaton.add(1)
    automaton.make_call(state, other, core.DEAD)
    automaton.make_call(other, state, other if waits else core.DEAD)
    for ask in (automaton.entered, core.MaskCache(automaton, TRIE, 1).mask, lambda place: automaton.step(place, b"a")):
        with pytest.raises(GrammarTooLarge):
            ask(state)


def test_an_error_within_expand_comes_through_and_changes_nothing():
    class Failing(Plain):
        fails = True

        def expand(self, state):
            if self.fails:
                raise KeyError(state)
            super().expand(state)

    automaton = Failing()
    state = automaton.add(1)
    masks = core.MaskCache(automaton, TRIE, 1)
    for ask in (masks.mask, automaton.entered, masks.ends):
        with pytest.raises(KeyError):
            ask(state)
    Failing.fails = False
    assert masks.mask(state).key == masks.mask(state).key


def test_masks_outlive_nothing_that_they_need():
    def cache():
        automaton = Plain()
        state = automaton.add(1)
        automaton.make_table(state, [(b"\xff" * 32, state)])
        return core.MaskCache(automaton, build_trie([b"a", b"", b"ab"]), 1), state

    masks, state = cache()
    gc.collect()
    found = masks.mask(state)
    del masks
    gc.collect()
    row = np.empty(1, np.uint32)
    found.write(row)
    assert row.tolist() == [0b101]


def test_a_row_that_is_too_short_is_refused():
    automaton = Plain()
    trie = build_trie([b"a"] * 40)
    with pytest.raises(ValueError, match="too few words"):
        core.MaskCache(automaton, trie, 1)
    state = automaton.add(1)
    found = core.MaskCache(automaton, trie, 2).mask(state)
    with pytest.raises(IndexError, match="too few words"):
        found.write(np.empty(1, np.uint32))
    with pytest.raises(TypeError):
        found.write(np.empty(2, np.int64))


@given(st.lists(st.integers(-2, 8), max_size=5))
def test_a_trie_refuses_nodes_that_it_has_not(nodes):
    is_fine = all(ROOT <= node < TRIE.size for node in nodes) and nodes == sorted(set(nodes))
    try:
        TRIE.below(np.array(nodes, np.int32))
    except (IndexError, ValueError):
        assert not is_fine
    else:
        assert is_fine


@pytest.mark.parametrize("bounds", [[0, 4], [-1, 1], [4, 4], [0, 1, 0], [2**31 - 1, 2**31 - 1], []])
def test_strings_outside_of_the_data_are_refused(bounds):
    with pytest.raises(ValueError, match=r"outside|no bound"):
        core.Trie(b"abc", np.array(bounds, np.int32), *[np.zeros(0, np.int32)] * 2)


def test_a_long_string_is_refused():
    with pytest.raises(ValueError, match="65,535"):
        build_trie([b"a" * 65_536])
    assert build_trie([b"a" * 65_535]).height == 65_535


@pytest.mark.parametrize("text", [[3], [0, 5]])
def test_a_symbol_that_there_is_not_is_refused(text):
    ones = np.ones(3, np.int32)
    with pytest.raises(ValueError, match="symbol"):
        core.suffix_automaton(np.array(text, np.int32), np.ones(len(text), np.uint8), np.ones(3, np.uint8), ones)
