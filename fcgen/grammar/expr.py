"""Byte languages as immutable terms that are shared: equal terms are one object.

A term (Expr) is nothing, the empty string, a literal, a set of bytes, a sequence, a choice, a bounded repeat, an
intersection, a complement, a reference, a deferred term, a term that stands apart, texts unlike some names, a fork of
names (`names.py`), a recording, a state of an explicit automaton (`dfa.py`), or a substring of a text
(`substrings.py`). Constructors simplify, so that terms
reached by different ways are often the same object; `arcs.py` computes what follows a term byte by byte. A sequence
leans to the right (`Seq(head, tail)`, the head never a sequence), which makes the term itself the stack of a recursive
grammar; an automaton (`automaton.py`) has a stack of its own for what stands apart.

A recording holds what is not regular (names that must differ): it carries the bytes walked since it began, and goes on
with a term made from them. Since each text leads to a term of its own, a walk over many texts at once takes the generic
term instead, which forgets the bytes, as far as the places that depend on them.

The table of terms is emptied when it is full: terms built before and after then are not shared, which costs states and
nothing else. (Weak references would need no limit; with them compiling a schema took a quarter longer.)

`can_stop` (does the term accept the empty string) is settled at construction. A byte set is a 256-bit int.

Why not regular expressions as text: they explode, and they have neither recursion, intersection nor complement.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import groupby
from typing import Any, TypeVar

from fcgen.grammar.terms import (
    UNKNOWN_CONTENTS,
    Alt,
    Apart,
    Both,
    ByteSet,
    Complement,
    Contents,
    Deferred,
    Empty,
    Expr,
    Fork,
    Literal,
    Names,
    Nothing,
    Record,
    Reference,
    Repeat,
    Scope,
    Seq,
    Unknown,
    Unlike,
)
from fcgen.grammar.work import spend

ALL_BYTES = (1 << 256) - 1


_E = TypeVar("_E", bound=Expr)
_At = TypeVar("_At", bound=Hashable)
_terms: dict[tuple[Any, ...], Expr] = {}
_lasting: dict[tuple[Any, ...], Expr] = {}
MAX_TERMS = 100_000
MAX_FACTORED = 50
BYTES_PER_TERM = 100
_held = [0]
# Keys hold ids rather than terms: these live as long as the term does that has them, and a tuple of numbers is none of
# the objects that garbage collections go through.
_LITERAL, _BYTES, _SEQ, _ALT, _REPEAT, _BOTH, _COMPLEMENT, _APART, _UNKNOWN, _FORK = range(10)
_PER_HEAD = 10  # loops that follow one another have equal heads without end


def _fresh(kind: type[_E], can_stop: bool) -> _E:  # noqa: FBT001
    term = kind()
    term.can_stop = can_stop
    term.arcs_memo = None
    term.fewest_memo = 0 if can_stop else None
    return term


def _share(key: tuple[Any, ...], term: Expr) -> Expr:
    spend()
    if len(_terms) + _held[0] > MAX_TERMS:
        _terms.clear()
        _terms.update(_lasting)
        _held[0] = 0
    return _terms.setdefault(key, term)


def shared(make: Callable[[_At], Expr], at: _At) -> Expr:
    """`make(at)`: the same term whenever it is asked for, as long as the table of terms has it.

    Meant for terms that are told apart by what is written, of which there are as many as texts. What makes them may
    last as long as the process, so that it must not keep them itself.
    """
    key = (make, at)
    found = _terms.get(key)
    return _share(key, make(at)) if found is None else found


def weigh(size: int) -> None:
    """Count so many bytes that terms hold, though they are no terms, as what the table of terms holds."""
    _held[0] += size // BYTES_PER_TERM


NOTHING: Expr = _fresh(Nothing, can_stop=False)
EMPTY: Expr = _fresh(Empty, can_stop=True)


def literal(data: bytes) -> Expr:
    """The language of one string."""
    if not data:
        return EMPTY
    key = (_LITERAL, data)
    found = _terms.get(key)
    if found is not None:
        return found
    term = _fresh(Literal, can_stop=False)
    term.data = data
    term.fewest_memo = len(data)
    return _share(key, term)


def byte_set(members: int) -> Expr:
    """One byte: bit b of `members` says whether b is in the set."""
    if members & (members - 1) == 0:
        return literal(bytes([members.bit_length() - 1])) if members else NOTHING
    key = (_BYTES, members)
    found = _terms.get(key)
    if found is not None:
        return found
    term = _fresh(ByteSet, can_stop=False)
    term.members = members
    term.fewest_memo = 1
    return _share(key, term)


def byte_range(low: int, high: int) -> Expr:
    """One byte from `low` to `high`, both included."""
    return byte_set((1 << (high + 1)) - (1 << low))


def seq(*parts: Expr) -> Expr:
    """One part after the other."""
    result = EMPTY
    for part in reversed(_joined(parts) if len(parts) > 2 else parts):
        result = follow(part, result)
        if result is NOTHING:
            return NOTHING
    return result


def _joined(parts: Sequence[Expr]) -> list[Expr]:
    """`parts`, runs of literals among them as one each: put together piece by piece, a long one takes its square."""
    found: list[Expr] = []
    for is_literal, run in groupby(parts, lambda part: type(part) is Literal):
        alike = list(run)
        found += [literal(b"".join(part.data for part in alike))] if is_literal else alike  # type: ignore[attr-defined]
    return found


def follow(first: Expr, rest: Expr) -> Expr:
    """`first`, and after it `rest`."""
    if first is EMPTY:
        return rest
    if rest is EMPTY or first is NOTHING:
        return first
    if rest is NOTHING:
        return NOTHING
    if type(first) is not Seq:
        return _pair(first, rest)
    heads = []
    while type(first) is Seq:
        heads.append(first.head)
        first = first.tail
    rest = _pair(first, rest)
    for head in reversed(heads):
        rest = _pair(head, rest)
    return rest


def parts_in_row(e: Expr) -> list[Expr]:
    """What `e` is a sequence of."""
    found = []
    while type(e) is Seq:
        found.append(e.head)
        e = e.tail
    return [*found, e]


def _pair(head: Expr, tail: Expr) -> Expr:
    if type(head) is Literal:
        if type(tail) is Literal:
            return literal(head.data + tail.data)
        if type(tail) is Seq and type(tail.head) is Literal:
            head, tail = literal(head.data + tail.head.data), tail.tail
    key = (_SEQ, id(head), id(tail))
    found = _terms.get(key)
    if found is not None:
        return found
    term = _fresh(Seq, can_stop=head.can_stop and tail.can_stop)
    term.head, term.tail = head, tail
    if term.fewest_memo is None and head.fewest_memo is not None and tail.fewest_memo is not None:
        term.fewest_memo = head.fewest_memo + tail.fewest_memo
    return _share(key, term)


def alt(*parts: Expr) -> Expr:
    """Any of the parts."""
    return alt_of(parts)


def alt_of(parts: Iterable[Expr]) -> Expr:
    """Any of the parts. Literals that begin alike share their beginning, so a thousand names become a tree."""
    return _alt(parts, 0)


def _alt(parts: Iterable[Expr], depth: int) -> Expr:
    flat: dict[Expr, None] = {}
    for part in parts:
        if type(part) is Alt:
            flat.update(dict.fromkeys(part.parts))
        else:
            flat[part] = None
    flat.pop(NOTHING, None)
    if len(flat) < 2:
        return next(iter(flat), NOTHING)
    if ANY_BYTES in flat:
        return ANY_BYTES
    spend(len(flat) >> 3)
    # Deeper down, the tree is grown when it is walked.
    return _choice(_merge_single_bytes(_left_factored(flat, depth) if depth < MAX_FACTORED else list(flat)))


def _left_factored(parts: Iterable[Expr], depth: int) -> list[Expr]:
    """The parts with common beginnings joined: of literals the common prefix, of sequences an equal head."""
    groups: dict[int, list[tuple[bytes, Expr]]] = {}
    tails: dict[Expr, list[Expr]] = {}
    others = []
    for part in parts:
        if type(part) is Literal:
            groups.setdefault(part.data[0], []).append((part.data, EMPTY))
        elif type(part) is not Seq:
            others.append(part)
        elif type(part.head) is Literal:
            groups.setdefault(part.head.data[0], []).append((part.head.data, part.tail))
        else:
            tails.setdefault(part.head, []).append(part.tail)
            if len(tails[part.head]) == 1:
                others.append(part)
    if any(len(found) > 1 for found in tails.values()):
        others = [
            follow(part.head, _alt(tails[part.head], depth + _PER_HEAD))
            if type(part) is Seq and len(tails[part.head]) > 1
            else part
            for part in others
        ]
    return [*(_factor(group, depth) for group in groups.values()), *others]


def _factor(group: list[tuple[bytes, Expr]], depth: int) -> Expr:
    if len(group) == 1:
        data, tail = group[0]
        return follow(literal(data), tail)
    low, high = min(data for data, _ in group), max(data for data, _ in group)
    size = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    return follow(literal(low[:size]), _alt((follow(literal(data[size:]), tail) for data, tail in group), depth + 1))


def _merge_single_bytes(parts: list[Expr]) -> list[Expr]:
    members, others = 0, []
    for part in parts:
        if type(part) is ByteSet:
            members |= part.members
        elif type(part) is Literal and len(part.data) == 1:
            members |= 1 << part.data[0]
        else:
            others.append(part)
    return [byte_set(members), *others] if members else others


def _choice(parts: list[Expr]) -> Expr:
    if len(parts) == 1:
        return parts[0]
    key = (_ALT, *sorted(map(id, parts)))
    found = _terms.get(key)
    if found is not None:
        return found
    term = _fresh(Alt, can_stop=any(part.can_stop for part in parts))
    term.parts = tuple(parts)
    if term.fewest_memo is None:
        needs = [part.fewest_memo for part in parts]
        if None not in needs:
            term.fewest_memo = min(needs)  # type: ignore[type-var]
    return _share(key, term)


def repeat(inner: Expr, least: int = 0, most: int | None = None) -> Expr:
    """`inner`, at least `least` and at most `most` times (None: no limit)."""
    if most is not None and most < least:
        return NOTHING
    if inner is NOTHING:
        return NOTHING if least else EMPTY
    if inner is EMPTY or most == 0:
        return EMPTY
    if least == most == 1:
        return inner
    if inner.can_stop:
        least = 0
        if type(inner) is Repeat and inner.most is None:
            return repeat(inner.inner)
    key = (_REPEAT, id(inner), least, most)
    found = _terms.get(key)
    if found is not None:
        return found
    term = _fresh(Repeat, can_stop=least == 0)
    term.inner, term.least, term.most = inner, least, most
    if term.fewest_memo is None and inner.fewest_memo is not None:
        term.fewest_memo = least * inner.fewest_memo
    return _share(key, term)


def optional(inner: Expr) -> Expr:
    """`inner` or nothing at all."""
    return alt(EMPTY, inner)


def both(*parts: Expr) -> Expr:
    """What all parts accept. Meant for regular parts: recursive ones may have no end of states."""
    flat: dict[Expr, None] = {}
    for part in parts:
        if type(part) is Both:
            flat.update(dict.fromkeys(part.parts))
        else:
            flat[part] = None
    flat.pop(ANY_BYTES, None)
    if len(flat) < 2:
        return next(iter(flat), ANY_BYTES)
    if NOTHING in flat or any(type(part) is Complement and part.inner in flat for part in flat):
        return NOTHING
    if EMPTY in flat:
        return EMPTY if all(part.can_stop for part in flat) else NOTHING
    key = (_BOTH, *sorted(map(id, flat)))
    found = _terms.get(key)
    if found is not None:
        return found
    term = _fresh(Both, can_stop=all(part.can_stop for part in flat))
    term.parts = tuple(flat)
    return _share(key, term)


def complement(inner: Expr) -> Expr:
    """Every byte string that `inner` does not accept (valid UTF-8 or not)."""
    if type(inner) is Complement:
        return inner.inner
    if inner is NOTHING:
        return ANY_BYTES
    if inner is ANY_BYTES:
        return NOTHING
    key = (_COMPLEMENT, id(inner))
    found = _terms.get(key)
    if found is not None:
        return found
    term = _fresh(Complement, can_stop=not inner.can_stop)
    term.inner = inner
    return _share(key, term)


def reference(scope: Scope, name: Hashable, *, can_stop: bool = False) -> Expr:
    """What `scope` defines under `name`. `can_stop` must be true of the definition."""
    key = (Reference, scope, name)
    found = _terms.get(key)
    if found is not None:
        return found
    term = _fresh(Reference, can_stop=can_stop)
    term.scope, term.name = scope, name
    return _share(key, term)


def deferred(
    build: Callable[[], Expr],
    like: Expr | Callable[[], Expr],
    *,
    can_stop: bool | None = None,
    need: float | None = None,
    contents: Contents = UNKNOWN_CONTENTS,
) -> Expr:
    """The term that `build()` returns, built when it is first walked.

    Until then `like` stands for it, which is quicker to build: it must accept the empty string if the term does, finish
    in as few bytes or more, if the term can be finished at all, and need no byte to do so that the term does not need.
    So an object of n optional properties is n small terms, though each of its places has up to n ways on.

    Args:
        build: see above; called once.
        like: see above; a function is called when it is first asked for.
        can_stop: whether the term accepts the empty string, where `like` is a function.
        need: the fewest bytes that finish `like`, if that is known where `like` is a function.
        contents: what is known of the term.
    """
    stops = like.can_stop if isinstance(like, Expr) else bool(can_stop)
    term = _fresh(Deferred, can_stop=stops)
    if not stops:
        term.fewest_memo = like.fewest_memo if need is None and isinstance(like, Expr) else need
    term.build, term.built, term._like, term.contents = build, None, like, contents  # noqa: SLF001  made here
    return term


def fork_of(names: Names, first: int, last: int, depth: int, chosen: int) -> Expr:
    """See `Fork`; `names.py` makes them."""
    key = (_FORK, id(names), first, depth, chosen)
    found = _terms.get(key)
    if found is not None:
        return found
    term = _fresh(Fork, can_stop=False)
    term.names, term.first, term.last, term.depth, term.chosen = names, first, last, depth, chosen
    return _share(key, term)


def apart(inner: Expr) -> Expr:
    """The same language, kept apart from what follows it.

    An automaton walks it as it would walk it alone, and then goes on with what follows, so that it has the same states
    wherever it stands. Meant for what can be told from what follows: where a text may both go on and have ended with
    the same byte, each such place costs a state of its own.
    """
    if type(inner) in _SIMPLE:
        return inner
    key = (_APART, id(inner))
    found = _terms.get(key)
    if found is not None:
        return found
    term = _fresh(Apart, can_stop=inner.can_stop)
    term.inner, term.fewest_memo = inner, inner.fewest_memo
    return _share(key, term)


def unlike(plain: Expr, names: frozenset[bytes]) -> Expr:
    """The texts of `plain` that are none of `names`.

    A place in it goes on like the place of `plain` that it is at, except that the next byte of a name leads on in the
    tree of names, and that a whole name is no end: one byte after it has parted from the names it is `plain` itself.
    There must be texts of any length that are no names, so that it needs as few bytes as `plain`, or one where that is
    none.
    """
    if not names or plain is NOTHING:
        return plain
    key = (Unlike, plain, names)
    found = _terms.get(key)
    if found is not None:
        return found
    term = _fresh(Unlike, can_stop=plain.can_stop and b"" not in names)
    term.plain, term.names = plain, names
    if plain.fewest_memo is not None and not term.can_stop:
        term.fewest_memo = max(1, plain.fewest_memo)
    return _share(key, term)


def record(names: Expr, after: Callable[[bytes], Expr], like: Expr, *, sure: bool = False) -> Expr:
    """A text of `names`, remembered, then the term that `after` returns for its bytes.

    Args:
        names: what is remembered; not the empty text. One name may begin another (numbers).
        after: what follows. Deterministic, and equal to itself wherever the same is meant; the same bytes should give
            the same term. It leaves something that can be finished for every text of `names` or for none, and needs no
            byte that `names` and `like` do not show to be needed.
        like: the same, with `unknown` for each place that depends on the bytes. It can stop where `after` can, each way
            to an unknown place is there whatever was written, and `fewest` of it is at least that of all that `after`
            returns.
        sure: whether it is known that what `after` leaves can be finished.
    """
    return recorded(names, b"", after, like, sure=sure)


def recorded(names: Expr, written: bytes, after: Callable[[bytes], Expr], like: Expr, *, sure: bool = False) -> Expr:
    """What is left of `record(all_names, after, like)` after `written`, if `names` is what is left of `all_names`."""
    if names is EMPTY:
        return after(written)
    if names is NOTHING or like is NOTHING:
        return NOTHING
    key = (Record, names, written, after, like)
    found = _terms.get(key)
    if found is None:
        term = _fresh(Record, can_stop=names.can_stop and after(written).can_stop)
        term.names, term.written, term.after, term.like, term.sure = names, written, after, like, False
        found = _share(key, term)
    if sure:
        found.sure = True  # type: ignore[attr-defined]
        if found.fewest_memo is None and names.fewest_memo is not None and like.fewest_memo is not None:
            found.fewest_memo = names.fewest_memo + like.fewest_memo
    return found


def unknown(need: int) -> Expr:
    """A place in the `like` of a recording where what follows depends on what was written.

    Args:
        need: at least as many bytes as `fewest` says of any term that can stand there, up to the end of that term.
    """
    key = (_UNKNOWN, need)
    found = _terms.get(key)
    if found is not None:
        return found
    term = _fresh(Unknown, can_stop=False)
    term.need = term.fewest_memo = need
    return _share(key, term)


_SIMPLE = frozenset([Nothing, Empty, Literal, ByteSet, Apart])
ANY_BYTES: Expr = repeat(byte_set(ALL_BYTES))
_lasting.update(_terms)
