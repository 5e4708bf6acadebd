"""The native cursor and its table: what they do with what is not known, or stands for nothing."""

import gc

import numpy as np
import pytest

from fcgen.core import DEAD, STOPPED, ConfigurationTable, Cursor, advance_all, fill

MASK = np.array([5, 1], np.uint32)


class Asking(Cursor):
    """A cursor that notes what it is asked for."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.asked = []

    def _find_mask(self):
        self.asked.append("mask")
        return MASK

    def _find_canonical_mask(self):
        self.asked.append("canonical mask")
        return MASK

    def _find_step(self, token):
        self.asked.append(token)


def table(**kept):
    return ConfigurationTable(**{"words": 2, "max_masks": 8, "max_steps": 8, **kept})


def test_what_is_known_is_not_asked_for():
    known = table()
    known.keep_mask(7, MASK)
    known.keep_step(7, 3, 9)
    known.keep_step(9, 4, STOPPED)
    cursor = Asking(known, 7, None)
    assert cursor.mask() is MASK
    cursor.advance(3)
    assert (cursor.configuration, cursor.tokens, cursor.asked) == (9, (3,), [])
    cursor.mask()
    cursor.canonical_mask()
    cursor.advance(5)
    assert cursor.asked == ["mask", "canonical mask", 5]
    cursor.advance(4)
    assert cursor.stopped
    cursor.mask()
    cursor.advance(4)
    assert cursor.asked == ["mask", "canonical mask", 5, "mask", 4]
    cursor.rollback(2)
    assert (cursor.configuration, cursor.tokens) == (7, ())


@pytest.mark.parametrize(("budget", "known"), [(None, True), (6, True), (5, False), (1, False)])
def test_a_budget_is_known_to_suffice_or_asked_about(budget, known):
    of = table()
    of.keep_mask(7, MASK)
    of.keep_step(7, 3, 9)
    cursor = Asking(of, 7, budget)
    of.keep_most_to_finish(7, 5)
    cursor.mask()
    cursor.advance(3)
    assert cursor.asked == ([] if known else ["mask", 3])
    of.keep_to_finish(9, 4)
    cursor = Asking(of, 7, 5)
    cursor.advance(3)
    assert (cursor.left, cursor.asked) == (4, [])


def test_a_step_to_nowhere_is_asked_about():
    of = table()
    of.keep_step(7, 3, DEAD)
    cursor = Asking(of, 7, None)
    cursor.advance(3)
    assert cursor.asked == [3]


@pytest.mark.parametrize("token", [-1, 2**31, 2**70, None, "a", 1.0, True, np.int64(3)])
def test_other_tokens_are_asked_about(token):
    of = table()
    for known in (1, 3):
        of.keep_step(7, known, 9)
    cursor = Asking(of, 7, None)
    cursor.advance(token)
    assert cursor.asked == [token]


@pytest.mark.parametrize("mask", [np.zeros(3, np.uint32), np.zeros(0, np.uint32)])
def test_masks_of_another_size_are_refused(mask):
    with pytest.raises(ValueError, match="another vocabulary"):
        table().keep_mask(1, mask)


@pytest.mark.parametrize(
    "mask", [None, np.zeros(2, np.int64), np.zeros((2, 1), np.uint32), np.zeros(4, np.uint32)[::2]]
)
def test_what_is_no_mask_is_refused(mask):
    with pytest.raises((TypeError, ValueError)):
        table().keep_mask(1, mask)


def test_there_is_no_going_back_beyond_the_beginning_nor_on_after_the_end():
    cursor = Cursor(table(), 7, None)
    for count in (-1, 1, 2**70):
        with pytest.raises(ValueError, match=f"rollback\\({count}\\): there are 0 tokens"):
            cursor.rollback(count)
    with pytest.raises(TypeError):
        cursor.rollback("1")
    cursor.take(3, STOPPED)
    with pytest.raises(RuntimeError, match="has ended"):
        cursor.take(3, 7)
    with pytest.raises(IndexError, match="another length"):
        cursor.move_to(table(), [7])
    assert (cursor.length, cursor.configuration) == (1, STOPPED)


def test_a_copy_is_of_the_same_kind_and_goes_its_own_way():
    cursor = Asking(table(), 7, 9)
    cursor.take(3, 8)
    twin = cursor.copy()
    assert type(twin) is Asking
    twin.take(4, 9)
    assert (twin.tokens, twin.left, cursor.tokens, cursor.left) == ((3, 4), 7, (3,), 8)
    assert twin.table is cursor.table


def test_masks_outlive_what_kept_them():
    known = table(max_masks=2)
    for configuration in range(50):
        known.keep_mask(configuration, np.full(2, configuration, np.uint32))
    assert known.known_mask(1) is None
    mask, cursor = known.known_mask(49), Cursor(known, 49, None)
    del known
    gc.collect()
    assert cursor.mask() is mask
    del cursor
    gc.collect()
    assert mask.tolist() == [49, 49]


def test_what_is_used_stays_known():
    known = table(max_masks=4, max_steps=4)
    for number in range(100):
        known.keep_mask(number, MASK)
        known.keep_step(number, number, number + 1)
        known.keep_to_finish(number, number)
        assert known.known_mask(0) is MASK
        assert known.known_step(0, 0) == 1
        assert known.known_to_finish(0) == 0
    assert sum(known.known_mask(number) is not None for number in range(100)) <= 4
    assert sum(known.known_step(number, number) is not None for number in range(100)) <= 4


def test_a_batch_may_change_while_it_is_asked():
    class Emptying(Asking):
        def _find_mask(self):
            batch.clear()
            gc.collect()
            return super()._find_mask()

    batch = [Emptying(table(), number, None) for number in range(3)]
    out = np.zeros((3, 2), np.uint32)
    assert not fill(batch, out, None, canonical=False, threads=1)
    assert (out == MASK).all()
    assert not advance_all(batch, [])
