"""What follows a term, byte by byte.

`arcs(e)` is a partition: byte sets that do not overlap, each with the term that is left after one of its bytes. For a
choice the partitions of its parts are refined against each other, for an intersection they are crossed, for a
complement the rest leads to "anything". Memoised on the term. (Brzozowski 1964, over byte classes as in Owens, Reppy
and Turon 2009.)

A recording at the head of a term has no arcs, since each byte leads to a term of its own. `derived` takes one byte, and
remembers it; `generic` is the term that forgets, whose arcs are those of all the texts at once. Other terms know
nothing of this: `arcs` raises through them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import TypeVar

from fcgen.errors import GrammarError
from fcgen.grammar.expr import (
    ALL_BYTES,
    ANY_BYTES,
    EMPTY,
    NOTHING,
    alt,
    alt_of,
    apart,
    both,
    complement,
    follow,
    literal,
    recorded,
    repeat,
    seq,
    unlike,
)
from fcgen.grammar.names import fork_arcs, fork_choice
from fcgen.grammar.terms import (
    Alt,
    Apart,
    Both,
    ByteSet,
    Complement,
    Counted,
    Deferred,
    Expr,
    Fork,
    Literal,
    Record,
    Reference,
    Repeat,
    Seq,
    Substring,
    Unknown,
    Unlike,
    building,
)
from fcgen.grammar.work import spend

Arcs = Sequence[tuple[int, Expr]]
_BUSY = "busy"  # marks a term whose arcs are being computed, by the one thread that holds the lock
_RECORDS = "records"  # marks a term with a recording or an unknown place at its head
_APART_FROM_RUNS = (Literal, Seq)
_T = TypeVar("_T")


class Recording(GrammarError):
    """What follows depends on the bytes that were written before, so that it is no partition of byte sets."""

    def __init__(self) -> None:
        super().__init__("what follows here depends on the text before it, which is not regular")


def arcs(e: Expr) -> Arcs:
    """The byte sets that can come first, disjoint, each with what is left after it.

    Raises:
        Recording: `e` has a recording (or an unknown place) at its head; see `derived` and `generic`.
        GrammarError: a reference leads back to itself before any byte (left recursion).
    """
    memo = e.arcs_memo
    if memo.__class__ is tuple:
        flat = iter(memo)
        return list(zip(flat, flat, strict=True))
    match e:  # what takes no time is not kept: garbage collections go through all that is
        case Literal():
            return [(1 << e.data[0], literal(e.data[1:]))]
        case Seq(head=Literal() as head):
            return [(1 << head.data[0], seq(literal(head.data[1:]), e.tail))]
        case Seq() if not e.head.can_stop:
            return [(members, follow(then, e.tail)) for members, then in arcs(e.head)]
        case Apart():
            return [(members, apart(then)) for members, then in arcs(e.inner)]
        case Unlike():
            return _unlike_arcs(e)
        case Substring():
            ways = e.owner.ways(e)
            return _refine([[(members, follow(left, then)) for members, left in arcs(first)] for first, then in ways])
        case Counted():
            return e.owner.arcs(e)
        case Deferred():
            return arcs(e.force())
    with building:
        return _derive(e)


def keep(e: Expr, found: Arcs) -> None:
    """Keep the arcs of `e`: flat, since garbage collections would go through a pair for each."""
    e.arcs_memo = tuple(chain.from_iterable(found))


def forget(e: Expr) -> None:
    """Do not keep the arcs of `e`, which are not needed soon."""
    if type(e) in (Seq, Alt, Both, Complement, Repeat):
        e.arcs_memo = None


def _derive(e: Expr) -> Arcs:
    if e.arcs_memo is _RECORDS:
        raise Recording
    if e.arcs_memo is _BUSY:
        raise GrammarError("a rule refers to itself before any character of it", hint="Remove the left recursion.")
    if e.arcs_memo is not None:
        return arcs(e)
    spend(2)
    e.arcs_memo = _BUSY
    after: object = None
    try:
        found = _arcs(e)
    except Recording:
        after = _RECORDS
        raise
    finally:
        e.arcs_memo = after
    keep(e, found)
    return found


def _arcs(e: Expr) -> Arcs:
    match e:
        case ByteSet():
            return [(e.members, EMPTY)]
        case Seq():
            return _seq_arcs(e)
        case Alt():
            spend(len(e.parts))
            return _refine([arcs(part) for part in e.parts])
        case Repeat():
            rest = one_less(e)
            return [(members, follow(then, rest)) for members, then in arcs(e.inner)]
        case Fork():
            return fork_arcs(e) if e.names.symbol is None else arcs(fork_choice(e))
        case Both():
            return _crossed(e.parts)
        case Complement():
            return _complement_arcs(arcs(e.inner))
        case Reference():
            return arcs(e.scope[e.name])
        case Record() | Unknown():
            raise Recording
        case _:
            return []


def _seq_arcs(e: Expr) -> Arcs:
    lists = []
    while type(e) is Seq:
        tail = e.tail
        lists.append([(members, follow(then, tail)) for members, then in arcs(e.head)])
        if not e.head.can_stop:
            return lists[0] if len(lists) == 1 else _refine(lists)
        e = tail
    return _refine([*lists, arcs(e)])


def _unlike_arcs(e: Unlike) -> Arcs:
    tails = _tails_of(e.names)
    result = []
    for members, then in arcs(e.plain):
        inside = [byte for byte in tails if members >> byte & 1]
        rest = members & ~sum(1 << byte for byte in inside)
        result += [(1 << byte, unlike(then, tails[byte])) for byte in inside]
        if rest:
            result.append((rest, then))
    return result


def _tails_of(names: frozenset[bytes]) -> dict[int, frozenset[bytes]]:
    """For each byte that a name begins with, what is left of those names."""
    tails: dict[int, list[bytes]] = {}
    for name in names:
        if name:
            tails.setdefault(name[0], []).append(name[1:])
    return {byte: frozenset(found) for byte, found in tails.items()}


def _refine(lists: Iterable[Arcs]) -> Arcs:
    """The common refinement of several partitions: where sets overlap, what follows is a choice."""
    single: dict[int, list[Expr]] = {}
    wide: list[tuple[int, list[Expr]]] = []
    for part in lists:
        is_first = not wide  # the sets of one part are disjoint
        for members, then in part:
            if members & (members - 1) == 0:
                single.setdefault(members, []).append(then)
            elif is_first:
                wide.append((members, [then]))
            else:
                wide = split(wide, members, then)
    for bit, terms in single.items():
        for i, (members, others) in enumerate(wide):
            if members & bit:
                terms.extend(others)
                wide[i] = (members ^ bit, others)
                break
    pairs = [*single.items(), *wide]
    return grouped((members, terms[0] if len(terms) == 1 else alt_of(terms)) for members, terms in pairs if members)


def split(partition: list[tuple[int, list[_T]]], members: int, then: _T) -> list[tuple[int, list[_T]]]:
    """A partition refined by a set, with `then` added to all that is in it."""
    result = []
    for present, terms in partition:
        common = present & members
        if common:
            members ^= common
            result.append((common, [*terms, then]))
        if present != common:
            result.append((present ^ common, terms))
    if members:
        result.append((members, [then]))
    return result


def grouped(pairs: Iterable[tuple[int, Expr]]) -> Arcs:
    """Disjoint sets, each with what is left, those with the same left as one."""
    by_term: dict[Expr, int] = {}
    for members, then in pairs:
        by_term[then] = by_term.get(then, 0) | members
    return [(members, then) for then, members in by_term.items()]


def _crossed(parts: tuple[Expr, ...]) -> Arcs:
    rows: list[tuple[int, tuple[Expr, ...]]] = [(ALL_BYTES, ())]
    for part in parts:
        found = arcs(part)
        rows = [(common, (*terms, then)) for m, terms in rows for n, then in found if (common := m & n)]
    return [(m, then) for m, then in grouped((m, both(*terms)) for m, terms in rows) if then is not NOTHING]


def _complement_arcs(inner: Arcs) -> Arcs:
    rest = ALL_BYTES
    result = []
    for members, then in inner:
        rest ^= members
        result.append((members, complement(then)))
    return [(m, then) for m, then in grouped([*result, (rest, ANY_BYTES)]) if m and then is not NOTHING]


def is_recording(e: Expr) -> bool:
    """Whether a recording or an unknown place is at the head of `e`."""
    while type(e) is Seq and not is_recording(e.head):
        if not e.head.can_stop:
            return False
        e = e.tail
    if type(e) is Seq:
        return True
    if type(e) is Unlike:
        return is_recording(e.plain)
    try:
        arcs(e)
    except Recording:
        return True
    return False


def derived(e: Expr, byte: int) -> Expr:
    """What is left of `e` after `byte`, which recordings at its head remember.

    Raises Recording where it is not known what is there.
    """
    if e.arcs_memo.__class__ is not tuple:
        if type(e) is Seq and not e.head.can_stop:
            return follow(derived(e.head, byte), e.tail)
        if type(e) is Unlike:
            return unlike(derived(e.plain, byte), _tails_of(e.names).get(byte, frozenset()))
    try:
        found = arcs(e)
    except Recording:
        return _derived(e, byte)
    return next((then for members, then in found if members >> byte & 1), NOTHING)


def _derived(e: Expr, byte: int) -> Expr:
    match e:
        case Record():
            then = derived(e.names, byte)
            within = recorded(then, e.written + bytes([byte]), e.after, e.like, sure=e.sure)
            return alt(within, derived(e.after(e.written), byte)) if e.names.can_stop else within
        case Seq():
            then = seq(derived(e.head, byte), e.tail)
            return alt(then, derived(e.tail, byte)) if e.head.can_stop else then
        case Alt():
            return alt_of(derived(part, byte) for part in e.parts)
        case Both():
            return both(*(derived(part, byte) for part in e.parts))
        case Repeat():
            return seq(derived(e.inner, byte), one_less(e))
        case Apart():
            return apart(derived(e.inner, byte))
        case Reference():
            return derived(e.scope[e.name], byte)
        case Deferred():
            return derived(e.force(), byte)
        case _:
            raise Recording


def skipped(e: Expr, data: bytes) -> tuple[Expr, int]:
    """What is left of `e` after as many bytes of `data` as can be taken in one go, and how many these are; 0: none.

    Before each of these bytes `e` is within a name that is remembered, or within a run, and may not end.
    """
    head, tail = (e.head, e.tail) if type(e) is Seq else (e, EMPTY)
    if type(head) is Record:
        names, count = head.names, 0
        while count < len(data) and names is not EMPTY and not names.can_stop:
            names, more = skipped(names, data[count:])
            if not more:
                names, more = derived(names, data[count]), 1
            count += more
        rest = recorded(names, head.written + data[:count], head.after, head.like, sure=head.sure)
        return follow(rest, tail), count
    if type(head) is Substring and type(tail) in _APART_FROM_RUNS:
        rest, count = head.owner.skip(head, data[: _run_of(ALL_BYTES & ~_first_byte(tail), data)])
        return follow(rest, tail), count
    if type(head) is Repeat and type(tail) in _APART_FROM_RUNS:
        count = _run_of(_single_bytes(head.inner) & ~_first_byte(tail), data)
        most = head.most
        if most is None or count <= most:
            run = repeat(head.inner, max(0, head.least - count), None if most is None else most - count)
            return follow(run, tail), count
    return e, 0


def _first_byte(tail: Expr) -> int:
    first = tail.head if type(tail) is Seq else tail
    return 1 << first.data[0] if type(first) is Literal else ALL_BYTES


def _run_of(members: int, data: bytes) -> int:
    return next((count for count, byte in enumerate(data) if not members >> byte & 1), len(data))


@lru_cache(maxsize=256)
def _single_bytes(one: Expr) -> int:
    """The bytes that are all of `one`."""
    try:
        return sum(members for members, then in arcs(one) if then is EMPTY)
    except Recording:
        return 0


def generic(e: Expr, is_alive: Callable[[Expr], bool]) -> Expr:
    """`e` without memory: each recording at its head as its names, then what they have in common that follows.

    Recordings are left out that are not alive: what follows generally does not tell. The same object if there are none.
    """
    if not is_recording(e):
        return e
    match e:
        case Record():
            then = generic(e.like, is_alive) if e.names.can_stop else e.like
            return seq(apart(generic(e.names, is_alive)), then) if is_alive(e) else NOTHING
        case Seq():
            return seq(generic(e.head, is_alive), generic(e.tail, is_alive) if e.head.can_stop else e.tail)
        case Alt():
            return alt_of(generic(part, is_alive) for part in e.parts)
        case Both():
            return both(*(generic(part, is_alive) for part in e.parts))
        case Repeat():
            then = seq(generic(e.inner, is_alive), one_less(e))
            return alt(EMPTY, then) if e.can_stop else then
        case Apart():
            return apart(generic(e.inner, is_alive))
        case Reference():
            return generic(e.scope[e.name], is_alive)
        case Deferred():
            return generic(e.force(), is_alive)
        case _:
            return e


def recordings(e: Expr) -> int:
    """How many recordings, one in the other, are at the head of `e` at most."""
    deepest: dict[Expr, int] = {}
    ahead = [(e, 0)]
    while ahead:
        e, depth = ahead.pop()
        if deepest.get(e, -1) >= depth:
            continue
        deepest[e] = depth
        spend()
        match e:
            case Record():
                ahead.append((e.names, depth + 1))
            case Seq():
                ahead += [(e.head, depth), *([(e.tail, depth)] if e.head.can_stop else [])]
            case Alt() | Both():
                ahead += [(part, depth) for part in e.parts]
            case Apart() | Repeat():
                ahead.append((e.inner, depth))
            case Unlike():
                ahead.append((e.plain, depth))
    return max(deepest.values())


def one_less(e: Repeat) -> Expr:
    """`e` when one more of it was written."""
    return repeat(e.inner, max(0, e.least - 1), None if e.most is None else e.most - 1)


def ways(e: Expr) -> Iterator[tuple[int, Expr]]:
    """What can be left of `e` after a byte, each once, with the least such byte.

    For recordings, bytes that lead to the same but for what is remembered count as the same.
    """
    try:
        yield from (((members & -members).bit_length() - 1, then) for members, then in arcs(e))
    except Recording:
        for byte in _bytes_apart(e):
            yield byte, derived(e, byte)


def _bytes_apart(e: Expr) -> Iterable[int]:
    try:
        return [(members & -members).bit_length() - 1 for members, _ in arcs(generic(e, lambda _: True))]
    except Recording:
        return range(256)
