"""Keeps a grammar within the bytes that a vocabulary can write.

Some tokenizers have no token for some bytes (SmolLM2's has none for 0xF1, which begins the rarest characters). A text
that needs such a byte could be begun and never finished, so such ways are taken out of the grammar before it is walked.

A set of which some byte can be written is left as it is (the automaton drops the other bytes), so that nearly all
grammars come back as the very same term, after one look at each new part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial

from fcgen.grammar.dfa import DfaState, determinize
from fcgen.grammar.expr import (
    ALL_BYTES,
    NOTHING,
    Alt,
    Both,
    ByteSet,
    Complement,
    Deferred,
    Expr,
    Literal,
    Reference,
    Repeat,
    Scope,
    Seq,
    alt_of,
    both,
    byte_set,
    deferred,
    parts_of,
    reference,
    repeat,
    seq,
)


def restrict(e: Expr, alphabet: int) -> Expr:
    """The texts of `e` that have only bytes of `alphabet`, up to sets that the alphabet covers in part."""
    if alphabet == ALL_BYTES:
        return e
    return e if _is_all_writable(e, alphabet) else _rebuild(e, _below(e), alphabet)


def _is_all_writable(root: Expr, alphabet: int) -> bool:
    seen = {root}
    ahead = [root]
    while ahead:
        e = ahead.pop()
        if not _is_writable(e, alphabet):
            return False
        for child in parts_of(e):
            if child not in seen:
                seen.add(child)
                ahead.append(child)
    return True


@lru_cache(maxsize=64)
def _bytes_in(alphabet: int) -> bytes:
    return bytes(byte for byte in range(256) if alphabet >> byte & 1)


def _below(root: Expr) -> list[Expr]:
    """Every part of `root`, children first except around references."""
    order: list[Expr] = []
    seen = {root}
    stack: list[tuple[Expr, Iterator[Expr]]] = [(root, iter(parts_of(root)))]
    while stack:
        e, children = stack[-1]
        child = next((child for child in children if child not in seen), None)
        if child is None:
            stack.pop()
            order.append(e)
        else:
            seen.add(child)
            stack.append((child, iter(parts_of(child))))
    return order


def _is_writable(e: Expr, alphabet: int) -> bool:
    match e:
        case Seq() | Alt() | Repeat() | Reference() | Deferred():
            return True
        case Literal():
            return not e.data.translate(None, _bytes_in(alphabet))
        case ByteSet():
            return e.members & alphabet != 0
        case DfaState():
            return all(members & alphabet for members in e.owner.sets)
        case Both() | Complement():
            return False
        case _:
            return True


def _rebuild(root: Expr, order: list[Expr], alphabet: int) -> Expr:
    within = repeat(byte_set(alphabet))
    scopes: dict[Scope, Scope] = {}
    new: dict[Expr, Expr] = {
        e: reference(scopes.setdefault(e.scope, Scope()), e.name, can_stop=e.can_stop)
        for e in order
        if isinstance(e, Reference)
    }
    for e in order:
        match e:
            case Literal():
                new[e] = e if _is_writable(e, alphabet) else NOTHING
            case ByteSet():
                new[e] = byte_set(e.members & alphabet)
            case Seq():
                new[e] = seq(new[e.head], new[e.tail])
            case Alt():
                new[e] = alt_of(new[part] for part in e.parts)
            case Repeat():
                new[e] = repeat(new[e.inner], e.least, e.most)
            case Deferred():
                new[e] = deferred(partial(_restrict_built, e, alphabet), new[e.like])
            case DfaState():
                new[e] = determinize(both(e, within))
            case Both() | Complement():
                new[e] = both(e, within)
            case Reference():
                pass
            case _:
                new[e] = e
    for e in order:
        if isinstance(e, Reference):
            scopes[e.scope].define(e.name, new[e.scope[e.name]])
    return new[root]


def _restrict_built(e: Deferred, alphabet: int) -> Expr:
    return restrict(e.force(), alphabet)
