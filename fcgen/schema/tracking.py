"""What arrays and objects have in common whose members are kept track of."""

from __future__ import annotations

from collections.abc import Sequence

from fcgen.errors import SchemaError
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.expr import NOTHING, unknown
from fcgen.grammar.terms import Expr
from fcgen.place import Place, pointer

MAX_CLASSES = 256
MAX_FEW = 64  # texts that are told apart one by one
FAR = 1_000_000  # bytes: a way that is never the shortest


def check_few(classes: Sequence[object], place: Place) -> None:
    """Raise SchemaError where values are told apart by more than there may be."""
    if len(classes) > MAX_CLASSES:
        raise SchemaError(
            "values must be told apart in too many ways",
            pointer=pointer(place),
            limit=MAX_CLASSES,
            given=len(classes),
        )


def needing(sketch: Expr, *, after: Expr) -> Expr:
    """An unknown place from which `sketch`, without the `after` that it begins with, is a way to the end."""
    need = fewest(sketch) - fewest(after)
    return NOTHING if need == INFINITE else unknown(int(need))
