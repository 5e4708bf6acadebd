"""The names that are left: any JSON string but certain ones.

The automaton of string contents is unrolled along the tree of those names: a place in the tree goes on like the place
of the plain automaton that it is at, except that the next byte of a name leads on in the tree, and that a whole name is
no end. Every other byte leads back into the plain automaton, so that a key is like any string one byte after it has
parted from the names. Places are built where they are walked.
"""

from __future__ import annotations

from functools import lru_cache, partial

from fcgen.grammar.derive import arcs
from fcgen.grammar.expr import EMPTY, alt_of, byte_set, deferred, literal, repeat, seq
from fcgen.grammar.lark import read_grammar
from fcgen.grammar.terms import Expr


def other_names(names: frozenset[bytes]) -> Expr:
    """The contents of the JSON strings that are none of `names`, which are spelled as in JSON, without quotes."""
    return _unlike(names, _any_text())


@lru_cache(maxsize=1)
def _any_text() -> Expr:
    return repeat(read_grammar("json")["CHAR"])


@lru_cache(maxsize=16_384)
def _unlike(names: frozenset[bytes], plain: Expr) -> Expr:
    """The texts of `plain`, a place in the automaton of string contents, that are none of `names`."""
    if not names:
        return plain
    like = seq(read_grammar("json")["CHAR"], plain) if b"" in names and plain.can_stop else plain
    return deferred(partial(_branched, names, plain), like)


def _branched(names: frozenset[bytes], plain: Expr) -> Expr:
    tails: dict[int, set[bytes]] = {}
    for name in names:
        if name:
            tails.setdefault(name[0], set()).add(name[1:])
    taken = sum(1 << byte for byte in tails)
    ways = [EMPTY] if plain.can_stop and b"" not in names else []
    for members, then in arcs(plain):
        ways.append(seq(byte_set(members & ~taken), then))
        inside = [byte for byte in tails if members >> byte & 1]
        ways += [seq(literal(bytes([byte])), _unlike(frozenset(tails[byte]), then)) for byte in inside]
    return alt_of(ways)
