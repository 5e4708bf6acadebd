"""Errors of what costs too much: the schema, and the keyword, that they are about.

Steps and states are counted far below, where nobody knows of schemas. On its way up such an error is told its place by
the first who knows one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fcgen.errors import FcgenError, GrammarTooLarge, OutOfSteps
from fcgen.place import Place, pointer


def locate(error: FcgenError, place: Place, keyword: str | None = None) -> None:
    """Tell an error that knows no place yet that it is about this one, and about `keyword` there."""
    if error.pointer is None:
        error.pointer, error.keyword = pointer(place if keyword is None else (place, keyword)), keyword


@contextmanager
def located(place: Place, keyword: str | None = None) -> Iterator[None]:
    """Tell the errors of what costs too much within that they are about this place; see `locate`."""
    try:
        yield
    except (GrammarTooLarge, OutOfSteps) as error:
        locate(error, place, keyword)
        raise
