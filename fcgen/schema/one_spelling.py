"""Shape -> notes: where items must differ, numbers are written in one way each, and with fewer digits than elsewhere.

Items are compared by their texts, so each number has the text of json.dumps alone, whole ones that of an integer.
Numbers of every size can be written; of the digits of one with a fraction, those that a float is sure to keep.
"""

from __future__ import annotations

from collections.abc import Iterator

from fcgen.grammar.work import spend
from fcgen.place import pointer
from fcgen.schema.definitions import resolve
from fcgen.schema.lowering import children_of
from fcgen.schema.multiple_texts import SURE_DIGITS
from fcgen.schema.number_sets import Number
from fcgen.schema.shape import Anything, Array, Shape

_NOTE = f"numbers in the items have one spelling each, and up to {SURE_DIGITS} digits if they have a fraction"


def notes_on_numbers(root: Shape) -> Iterator[str]:
    """Say of each array whose items must differ, and may hold numbers with a fraction, how these are written."""
    for shape in _within(root):
        if isinstance(shape, Array) and shape.unique and any(map(_may_have_fraction, _within(shape))):
            yield f"at {pointer((shape.place, 'uniqueItems'))}: {_NOTE}"


def _within(root: Shape) -> list[Shape]:
    """The shapes of all that values of `root` may hold, itself among them."""
    found = {root: None}
    ahead = [root]
    while ahead:
        spend()
        new = [part for part in map(resolve, children_of(ahead.pop())) if part not in found]
        found.update(dict.fromkeys(new))
        ahead += new
    return list(found)


def _may_have_fraction(shape: Shape) -> bool:
    return isinstance(shape, Anything) or (isinstance(shape, Number) and not shape.integer)
