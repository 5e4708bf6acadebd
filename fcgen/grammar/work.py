"""Limits on the work that a schema or a grammar may cause, counted in steps: the same on every machine.

A step is a term that is built, a state that is searched, two shapes that meet: some microseconds. The innermost loops
count their steps with `spend`; who takes input from strangers says with `bounded` how many there may be. Outside of
that nothing is counted.
"""

from __future__ import annotations

import operator
from typing import SupportsIndex

from fcgen.core import fuel, set_fuel, spend
from fcgen.errors import OptionError, excerpt

__all__ = ["MAX_STEPS", "bounded", "read_limit", "spend"]

MAX_STEPS = 500_000


def read_limit(name: str, limit: object) -> int:
    """A limit that is given as the option `name`, as an integer. Raises OptionError: it is no whole number."""
    if type(limit) is int:
        return limit
    if isinstance(limit, SupportsIndex) and not isinstance(limit, bool):
        try:
            return operator.index(limit)
        except TypeError:  # an array has the method, whether or not it is a whole number
            pass
    raise OptionError(
        f"{name} is {excerpt(limit)}, which is not a whole number", hint=f"Give an integer, as in {name}=1000."
    )


class bounded:  # noqa: N801  it is used as a function is
    """Let the work within take so many steps; within another such block, what is left of its steps at most.

    Raises OptionError: the steps are no whole number.
    """

    __slots__ = ("_before", "_started", "_steps")

    def __init__(self, steps: int) -> None:
        self._steps = steps if type(steps) is int else read_limit("max_steps", steps)

    def __enter__(self) -> None:
        self._before = left, limit = fuel()
        self._started = min(left, self._steps)
        set_fuel(self._started, limit if left <= self._steps else self._steps)

    def __exit__(self, *_: object) -> None:
        left, limit = self._before
        set_fuel(left - (self._started - fuel()[0]), limit)
