"""Work is counted in steps: the same on every run, and no more than there may be."""

import os
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgen.errors import FcgenError, OutOfSteps
from fcgen.grammar.work import bounded, spend


def has_room(steps):
    try:
        spend(steps)
    except OutOfSteps:
        return False
    return True


@given(st.integers(0, 50), st.lists(st.integers(0, 9), max_size=12))
def test_it_stops_as_soon_as_the_steps_are_more_than_the_limit(limit, steps):
    total = 0
    with bounded(limit):
        for count in steps:
            total += count
            assert has_room(count) == (total <= limit)
            if total > limit:
                break


def test_the_error_says_the_limit_and_what_to_do():
    with pytest.raises(OutOfSteps) as caught, bounded(3):
        spend(4)
    assert isinstance(caught.value, FcgenError)
    assert caught.value.limit == 3
    assert str(caught.value) == (
        "this takes too many steps (limit 3). Simplify what is asked for, or raise the limit (max_steps)."
    )


def test_a_step_is_one_unless_said_otherwise():
    with bounded(2):
        assert [has_room(1), has_room(1), has_room(1)] == [True, True, False]
    with pytest.raises(OutOfSteps), bounded(0):
        spend()


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20), st.integers(0, 20))
def test_within_another_limit_the_lower_one_counts_and_what_is_spent_is_spent(outer, before, inner, within):
    left_outside = outer - before
    if left_outside < 0:
        return
    with bounded(outer):
        spend(before)
        fits = within <= min(inner, left_outside)
        try:
            with bounded(inner):
                spend(within)
        except OutOfSteps as error:
            assert not fits
            assert error.limit == (inner if inner < left_outside else outer)
        else:
            assert fits
        assert has_room(max(0, left_outside - within)) == (within <= left_outside)


def test_outside_of_a_limit_nothing_is_counted():
    with bounded(1):
        spend(1)
    spend(10**12)
    with pytest.raises(OutOfSteps), bounded(1):
        spend(2)
    spend(10**12)


def test_a_limit_holds_for_the_thread_that_set_it():
    found = []
    with bounded(1):
        thread = threading.Thread(target=lambda: found.append(has_room(1000)))
        thread.start()
        thread.join()
    assert found == [True]


OUTCOMES = """
from fcgen.errors import OutOfSteps
from fcgen.schema import compile_schema

items = {"type": "array", "items": {"$ref": "#"}}
for schema in (
    {"type": "object", "properties": {"a": {"enum": [1, "b"]}, "b": items}},
    {"type": "string", "pattern": "^[a-f]+-[0-9]*$", "minLength": 3, "maxLength": 9},
    {"oneOf": [{"type": "integer", "multipleOf": 3}, {"type": "number", "minimum": 5}]},
):
    for limit in range(0, 800, 9):
        try:
            compile_schema(schema, max_steps=limit)
        except OutOfSteps as error:
            print(limit, error)
        else:
            print(limit, "enough")
"""


def test_what_is_too_much_is_the_same_in_every_process():
    first, second = (
        subprocess.run(
            [sys.executable, "-c", OUTCOMES],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "12"
    )
    assert "enough" in first
    assert "too many steps" in first
    assert first == second
