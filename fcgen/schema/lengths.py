"""Pattern and length together, without an intersection, where the pattern's form allows it.

Read with a spelling that writes every character as the same byte, a pattern becomes a term of its lengths alone. Where
all of them are within bounds, the bounds say nothing more. Where the pattern is a chain in which one loop over single
characters is the only part without a fixed length, as in `^[a-z][a-z0-9-]*$`, the bounds become bounds of that loop.

Most patterns that people give a length are of these two forms. For the others an intersection has as many states as
both have in product.
"""

from __future__ import annotations

from fcgen.grammar.characters import CharSet
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.expr import NOTHING, literal, repeat, seq
from fcgen.grammar.regex import read_pattern
from fcgen.grammar.terms import Alt, Empty, Expr, Literal, Nothing, Repeat, Seq

_ONE = literal(b"a")


def fitted_to_length(pattern: str, term: Expr, least: int, most: int | None) -> Expr | None:
    """The texts of `pattern` that have `least` to `most` characters, or None where its form is another.

    `term` is the pattern as read with any spelling, unanchored.
    """
    if "(?" in pattern.replace("(?:", ""):
        return None  # intersections and complements, of which lengths alone tell nothing
    lengths = read_pattern(pattern, _as_one, search=True)
    if fewest(lengths) >= least and (most is None or _longest(lengths) <= most):
        return term
    return _with_loop(_spine(term), _spine(lengths), least, most)


def _as_one(chars: CharSet) -> Expr:
    return _ONE if chars else NOTHING


def _longest(lengths: Expr) -> float:
    match lengths:
        case Literal():
            return len(lengths.data)
        case Seq():
            return sum(map(_longest, _spine(lengths)))
        case Alt():
            return max(map(_longest, lengths.parts))
        case Repeat():
            return INFINITE if lengths.most is None else lengths.most * _longest(lengths.inner)
        case Empty() | Nothing():
            return 0
        case _:
            return INFINITE


def _with_loop(parts: list[Expr], lengths: list[Expr], least: int, most: int | None) -> Expr | None:
    """The chain with the bounds moved into its only loop."""
    loops = [part for part in lengths if _is_loop(part)]
    places = [i for i, part in enumerate(parts) if _is_loop(part)]
    fixed = sum(fewest(part) for part in lengths if not _is_loop(part))
    if len(loops) != 1 or len(places) != 1 or any(_longest(p) != fewest(p) for p in lengths if p is not loops[0]):
        return None
    (loop,), here = loops, parts[places[0]]
    assert isinstance(loop, Repeat)
    assert isinstance(here, Repeat)
    if loop.inner is not _ONE or (loop.least, loop.most) != (here.least, here.most):
        return None
    low = max(loop.least, least - int(fixed))
    high = loop.most if most is None else min(most - int(fixed), most if loop.most is None else loop.most)
    return seq(*parts[: places[0]], repeat(here.inner, low, high), *parts[places[0] + 1 :])


def _is_loop(part: Expr) -> bool:
    return isinstance(part, Repeat) and part.least != part.most


def _spine(e: Expr) -> list[Expr]:
    parts = []
    while isinstance(e, Seq):
        parts.append(e.head)
        e = e.tail
    return [*parts, e]
