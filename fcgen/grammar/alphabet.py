"""Keeps a grammar within the bytes that a vocabulary can write.

Some tokenizers have no token for some bytes (SmolLM2's has none for 0xF1, which begins the rarest characters). A text
that needs such a byte could be begun and never finished, so such ways are taken out of the grammar before it is walked.

A set of which some byte can be written is left as it is (the automaton drops the other bytes), so that nearly all terms
come back as they were. What is made later (what follows a name, what recordings go on with) is restricted then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from fcgen.core import NameTable, changed_members, determinize, place_in, recorded_in, refork
from fcgen.grammar.derive import fewest
from fcgen.grammar.expr import (
    ALL_BYTES,
    BYTES_PER_TERM,
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
    Counted,
    Deferred,
    DfaState,
    Expr,
    Fork,
    Literal,
    Members,
    Names,
    Record,
    Reference,
    Repeat,
    Scope,
    Seq,
    Substring,
    Unlike,
    force,
    parts_of,
)

MAX_KNOWN = 50_000
_ASCII = (1 << 0x7F) - (1 << 0x20) | 1 << 0x09 | 1 << 0x0A | 1 << 0x0D  # what JSON texts have of it


@lru_cache(maxsize=64)
def _bytes_in(alphabet: int) -> bytes:
    return bytes(byte for byte in range(256) if alphabet >> byte & 1)


def _parts(e: Expr) -> Iterable[Expr]:
    """The parts of `e` that are restricted with it, not when they are asked for."""
    match e:
        case Reference() | Deferred() | Fork():
            return ()
        case Both():
            return filter(_is_structural, e.parts)
        case _:
            return parts_of(e)


def _is_structural(e: Expr) -> bool:
    return type(e) is not Complement


def _is_writable(e: Expr, alphabet: int) -> bool:
    match e:
        case Literal():
            return not e.data.translate(None, _bytes_in(alphabet))
        case ByteSet():
            return e.members & alphabet != 0
        case DfaState():
            return all(members & alphabet for members in e.owner.sets)
        case Substring():
            return e.owner.bytes_used & ~alphabet == 0 and not e.owner.others
        case Both() | Complement():
            return False
        case _:
            return True


def _needed_parts(e: Expr) -> Iterable[Expr]:
    return () if e.can_stop else parts_of(e)


def _is_needed_writable(e: Expr, alphabet: int) -> bool:
    return e.can_stop or _is_writable(e, alphabet)


class Restriction:
    """Restricted terms, by what they were: equal terms stay equal, also those that are made later.

    One restriction serves many grammars; it forgets what it knows when that has become much.

    Args:
        alphabet: the bytes that can be written, as bits.
    """

    def __init__(self, alphabet: int) -> None:
        self._alphabet = alphabet
        self._has_ascii = _ASCII & ~alphabet == 0
        self._within = repeat(byte_set(alphabet))
        self._forget()

    def _forget(self) -> None:
        self._scopes: dict[Scope, Scope] = {}
        self._names: dict[Names, Names] = {}
        self._members: dict[Members, Members] = {}
        self._tables: dict[NameTable, NameTable] = {}
        self._new: dict[Expr, Expr] = {}
        self._clean: set[Expr] = set()
        self._unclean: set[Expr] = set()
        self._short: set[Expr] = set()
        self._unshort: set[Expr] = set()
        self._held = 0

    def of(self, root: Expr) -> Expr:
        """The texts of `root` that have only bytes of the alphabet, up to sets that it covers in part."""
        if self._alphabet == ALL_BYTES:
            return root
        if sum(map(len, (self._new, self._clean, self._unclean, self._short, self._unshort))) + self._held > MAX_KNOWN:
            self._forget()
        return self.also(root)

    def also(self, root: Expr) -> Expr:
        """`root`, which is a part of what was restricted before."""
        new = self._new
        references = []
        ahead = [root]
        while ahead:
            e = ahead[-1]
            waiting = [] if e in new else [part for part in _parts(e) if part not in new]
            if waiting:
                ahead += waiting
                continue
            ahead.pop()
            if e in new:
                continue
            if isinstance(e, Reference):
                scope = self._scopes.setdefault(e.scope, Scope())
                new[e] = reference(scope, e.name, can_stop=e.can_stop)
                references.append(e)
                ahead.append(e.scope[e.name])
            else:
                new[e] = self._rebuilt(e)
        for one in references:
            self._scopes[one.scope].define(one.name, new[one.scope[one.name]])
        return new[root]

    def _is_known_clean(self, leaves: Sequence[Expr] | None) -> bool:
        return leaves is not None and self._has_ascii and all(map(self._is_clean, leaves))

    def _is_clean(self, root: Expr) -> bool:
        """Whether all of `root` is writable, as far as it is known."""
        return self._is_sound(root, self._clean, self._unclean, parts_of, _is_writable)

    def _shows_need(self, root: Expr) -> bool:
        """Whether all that is needed to see how short a text of `root` can be is writable."""
        return self._is_sound(root, self._short, self._unshort, _needed_parts, _is_needed_writable)

    def _need(self, root: Expr) -> float:
        """The fewest bytes that finish `root`, restricted."""
        return fewest(root if self._shows_need(root) else self.also(root))

    def _is_sound(
        self,
        root: Expr,
        sound: set[Expr],
        unsound: set[Expr],
        parts_of: Callable[[Expr], Iterable[Expr]],
        is_writable: Callable[[Expr, int], bool],
    ) -> bool:
        """Whether all terms that `root` leads to are writable; those are remembered of which it is known now."""
        if root in sound:
            return True
        if root in unsound or not is_writable(root, self._alphabet):
            unsound.add(root)
            return False
        way = {root: iter(parts_of(root))}  # from the root to the term that is looked into
        done: set[Expr] = set()
        has_cycle = False
        while way:
            e, parts = next(reversed(way.items()))
            part = next(parts, None)
            if part is None:
                way.popitem()
                done.add(e)
                if not has_cycle:
                    sound.add(e)
            elif part in way:
                has_cycle = True
            elif part in unsound or not is_writable(part, self._alphabet):
                unsound.add(part)
                unsound.update(way)
                return False
            elif part not in sound and part not in done:
                way[part] = iter(parts_of(part))
        sound |= done
        return True

    def _restricted_names(self, among: Names) -> Names:
        found = self._names.get(among)
        if found is None:
            known = {contents: self._is_known_clean(contents.leaves) for contents in set(among.contents)}
            clean = [known[contents] for contents in among.contents]
            need_by = among.need_by and among.need_by(self._need)

            def tail(index: int) -> Expr:
                return among.tail(index) if clean[index] else self.also(among.tail(index))

            def need(index: int) -> float:
                if clean[index]:
                    return among.need(index)
                if need_by is not None:
                    return need_by(index)
                return fewest(self.also(among.tail(index)))

            table = self._restricted_table(among.table)
            found = self._names[among] = Names(table, tail, need, contents=among.contents)
        return found

    def _restricted_table(self, table: NameTable) -> NameTable:
        found = self._tables.get(table)
        if found is None:
            found = self._tables[table] = table.changed(self.also)
        return found

    def _restricted_members(self, members: Members) -> Members:
        found = self._members.get(members)
        if found is None:
            found = self._members[members] = changed_members(members, self.also, self._alphabet)
        return found

    def _fork(self, e: Fork) -> Expr:
        """A fork of those of the names that can be written."""
        following: Names | Members | None = None
        if e.names is not None:
            following = self._restricted_names(e.names)
        elif e.members is not None:
            following = self._restricted_members(e.members)
        return refork(e, self._restricted_table(e.table), following, self._alphabet)

    def _recording(self, e: Record) -> Expr:
        """A recording, after which what follows is restricted, too."""
        new = self._new
        sure = e.sure and self._shows_need(e)  # what follows needs no byte that it does not show
        if e.members is not None:
            return recorded_in(e, new[e.names], new[e.like], self._restricted_members(e.members), sure=sure)
        assert e.after is not None
        return recorded(new[e.names], e.written, _RestrictedAfter(e.after, self), new[e.like], sure=sure)

    def _substring(self, e: Substring) -> Expr:
        if e.state:
            return both(e, self._within)
        return e.owner.restricted(self._alphabet, self.also).term(0, e.least, e.most)

    def _rebuilt(self, e: Expr) -> Expr:
        new = self._new
        match e:
            case Literal():
                return e if _is_writable(e, self._alphabet) else NOTHING
            case ByteSet():
                return byte_set(e.members & self._alphabet)
            case Seq() | Alt() | Repeat() | Apart() | Unlike() if all(new[part] is part for part in parts_of(e)):
                return e
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
            case Deferred() if self._is_known_clean(e.contents.leaves):
                return e
            case Deferred() if e.members is not None:
                return place_in(e, self._restricted_members(e.members))
            case Deferred():
                like = e.like if self._shows_need(e.like) else partial(_restrict_like, e, self)
                return deferred(partial(_restrict_built, e, self), like, can_stop=e.can_stop, contents=e.contents)
            case Fork():
                return self._fork(e)
            case Record():
                return self._recording(e)
            case DfaState():
                return e if _is_writable(e, self._alphabet) else determinize(both(e, self._within))
            case Counted():
                return e.owner.spelled(new).term(e.state, e.count)
            case Substring():
                self._held += e.owner.size // BYTES_PER_TERM
                return e if _is_writable(e, self._alphabet) else self._substring(e)
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
    restriction: Restriction

    def __call__(self, written: bytes) -> Expr:
        return self.restriction.also(self.after(written))


def _restrict_built(e: Deferred, restriction: Restriction) -> Expr:
    return restriction.also(force(e))


def _restrict_like(e: Deferred, restriction: Restriction) -> Expr:
    return restriction.also(e.like)
