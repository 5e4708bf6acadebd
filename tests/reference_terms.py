"""fcgen's terms, by their public attributes -> terms of the reference."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import reference as r

from fcgen import core
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
            return r.Capture(read(e.names), e.written, _After(e))
        case terms.Fork():
            return r.choice(r.pair(read(name), read(then)) for name, then in e.ways)
    raise TypeError(e)


def _expanded(e: terms.Reference | terms.Deferred) -> r.Term:
    return read(e.scope[e.name] if isinstance(e, terms.Reference) else terms.force(e))


@dataclass(frozen=True)
class _After:
    of: terms.Record

    def __call__(self, written: bytes) -> r.Term:
        return read(core.after(self.of, written))
