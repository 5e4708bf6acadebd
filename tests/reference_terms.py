"""fcgen's terms, by their public attributes -> terms of the reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import reference as r

from fcgen.grammar import terms


def read(e: terms.Expr) -> r.Term:
    """The same language, of terms of the reference."""
    match e:
        case terms.Nothing():
            return r.NOTHING
        case terms.Empty():
            return r.EMPTY
        case terms.Literal():
            return r.literal(e.data)
        case terms.ByteSet():
            return r.Bytes(frozenset(byte for byte in range(256) if e.members >> byte & 1))
        case terms.Seq():
            return r.pair(read(e.head), read(e.tail))
        case terms.Alt():
            return r.choice(map(read, e.parts))
        case terms.Both():
            return r.intersection(map(read, e.parts))
        case terms.Complement():
            return r.complement(read(e.inner))
        case terms.Repeat():
            return r.repeat(read(e.inner), e.least, e.most)
        case terms.Apart():
            return read(e.inner)
        case terms.Unlike():
            return r.intersection([read(e.plain), r.complement(r.choice(map(r.literal, e.names)))])
        case terms.Reference() | terms.Deferred():
            return r.Lazy(e, partial(_expanded, e))
        case terms.Record():
            return r.Capture(read(e.names), e.written, _After(e.after))
        case terms.Fork():
            return r.choice(_named(e, place) for place in range(e.first, e.last) if e.chosen >> place & 1)
    raise TypeError(e)


def _named(e: terms.Fork, place: int) -> r.Term:
    rest = e.names.sorted_key(place)[e.depth :]
    name = r.literal(bytes(rest)) if e.names.symbol is None else r.sequence(read(e.names.symbol(one)) for one in rest)
    return name if e.names.is_closed else r.pair(name, read(e.names.tail(e.names.order[place])))


def _expanded(e: terms.Reference | terms.Deferred) -> r.Term:
    return read(e.scope[e.name] if isinstance(e, terms.Reference) else terms.force(e))


@dataclass(frozen=True)
class _After:
    after: Callable[[bytes], Any]

    def __call__(self, written: bytes) -> r.Term:
        return read(self.after(written))
