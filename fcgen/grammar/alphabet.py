"""Keeps a grammar within the bytes that a vocabulary can write.

Some tokenizers have no token for some bytes (SmolLM2's has none for 0xF1, which begins the rarest characters). A text
that needs such a byte could be begun and never finished, so such ways are taken out of the grammar before it is walked.

A set of which some byte can be written is left as it is (the automaton drops the other bytes), so that nearly all
grammars come back as the very same term, after one look at each new part of it. What recordings go on with is
restricted when it is made, and only if the grammar had to be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial

from fcgen.grammar.dfa import DfaState, determinize
from fcgen.grammar.expr import (
    ALL_BYTES,
    NOTHING,
    alt_of,
    apart,
    both,
    byte_set,
    deferred,
    recorded,
    reference,
    repeat,
    seq,
    unlike,
)
from fcgen.grammar.terms import (
    Alt,
    Apart,
    Both,
    ByteSet,
    Complement,
    Deferred,
    Expr,
    Literal,
    Record,
    Reference,
    Repeat,
    Scope,
    Seq,
    Unlike,
    parts_of,
)


def restrict(e: Expr, alphabet: int) -> Expr:
    """The texts of `e` that have only bytes of `alphabet`, up to sets that the alphabet covers in part."""
    if alphabet == ALL_BYTES:
        return e
    return e if _is_all_writable(e, alphabet) else _Restriction(alphabet).of(e)


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


def _below(root: Expr, known: dict[Expr, Expr]) -> list[Expr]:
    """Every part of `root` that is not known, children first; not what references lead to."""
    if root in known:
        return []
    order: list[Expr] = []
    seen = {root}
    stack: list[tuple[Expr, Iterator[Expr]]] = [(root, _parts(root))]
    while stack:
        e, children = stack[-1]
        child = next((child for child in children if child not in seen and child not in known), None)
        if child is None:
            stack.pop()
            order.append(e)
        else:
            seen.add(child)
            stack.append((child, _parts(child)))
    return order


def _parts(e: Expr) -> Iterator[Expr]:
    match e:
        case Reference():
            return iter(())
        case Both():
            return filter(_is_structural, e.parts)
        case _:
            return iter(parts_of(e))


def _is_structural(e: Expr) -> bool:
    return type(e) is not Complement


def _is_writable(e: Expr, alphabet: int) -> bool:
    match e:
        case Seq() | Alt() | Repeat() | Reference() | Deferred() | Apart() | Unlike() | Record():
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


class _Restriction:
    """Restricted terms, by what they were: equal terms stay equal, also those that are made later by recordings."""

    def __init__(self, alphabet: int) -> None:
        self._alphabet = alphabet
        self._within = repeat(byte_set(alphabet))
        self._scopes: dict[Scope, Scope] = {}
        self._new: dict[Expr, Expr] = {}

    def of(self, root: Expr) -> Expr:
        """`root`, restricted."""
        references = []
        roots = [root]
        while roots:
            for e in _below(roots.pop(), self._new):
                if isinstance(e, Reference):
                    scope = self._scopes.setdefault(e.scope, Scope())
                    self._new[e] = reference(scope, e.name, can_stop=e.can_stop)
                    references.append(e)
                    roots.append(e.scope[e.name])
                elif e not in self._new:  # what a recording goes on with may have been restricted on the way
                    self._new[e] = self._rebuilt(e)
        for one in references:
            self._scopes[one.scope].define(one.name, self._new[one.scope[one.name]])
        return self._new[root]

    def _rebuilt(self, e: Expr) -> Expr:
        new = self._new
        match e:
            case Literal():
                return e if _is_writable(e, self._alphabet) else NOTHING
            case ByteSet():
                return byte_set(e.members & self._alphabet)
            case Seq():
                return seq(new[e.head], new[e.tail])
            case Alt():
                return alt_of(new[part] for part in e.parts)
            case Repeat():
                return repeat(new[e.inner], e.least, e.most)
            case Apart():
                return apart(new[e.inner])
            case Unlike():
                return unlike(new[e.plain], e.names)
            case Deferred():
                return deferred(partial(_restrict_built, e, self), new[e.like])
            case Record():
                return recorded(new[e.names], e.written, _RestrictedAfter(e.after, self), new[e.like])
            case DfaState():
                return determinize(both(e, self._within))
            case Both():  # where one part is restricted, all is; complements keep what they leave out
                parts = [part if type(part) is Complement else new[part] for part in e.parts]
                return both(*parts) if any(map(_is_structural, e.parts)) else both(*parts, self._within)
            case Complement():
                return both(e, self._within)
            case _:
                return e


@dataclass(frozen=True, slots=True)
class _RestrictedAfter:
    """What follows a recording, restricted."""

    after: Callable[[bytes], Expr]
    restriction: _Restriction

    def __call__(self, written: bytes) -> Expr:
        return self.restriction.of(self.after(written))


def _restrict_built(e: Deferred, restriction: _Restriction) -> Expr:
    return restriction.of(e.force())
