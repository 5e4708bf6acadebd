"""Languages that remember, as terms and as plain sets: texts of items that must all differ, and words said twice.

Each is a term and all its texts up to a length, the latter by Python alone.
"""

import itertools
from dataclasses import dataclass, field
from functools import cached_property

from fcgen.grammar.derive import fewest
from fcgen.grammar.expr import (
    EMPTY,
    NOTHING,
    alt,
    alt_of,
    both,
    byte_set,
    complement,
    literal,
    record,
    repeat,
    seq,
    unknown,
)
from fcgen.grammar.terms import Expr

SLACK = 12  # by how much one more item that is taken can lengthen the shortest that is left


def letters(text):
    return byte_set(sum(1 << byte for byte in text))


@dataclass(frozen=True)
class Language:
    """A term, and for a length the set of all its texts that are not longer."""

    term: Expr
    texts: object

    def up_to(self, length):
        return self.texts(length)


def words(alphabet, least, most=None):
    def texts(length):
        longest = length if most is None else min(most, length)
        return {bytes(word) for n in range(least, longest + 1) for word in itertools.product(alphabet, repeat=n)}

    return Language(repeat(letters(alphabet), least, most), texts)


def joined(*parts):
    def texts(length):
        found = {b""}
        for part in parts:
            more = {part} if isinstance(part, bytes) else part.up_to(length)
            found = {a + b for a in found for b in more if len(a + b) <= length}
        return found

    return Language(seq(*(literal(part) if isinstance(part, bytes) else part.term for part in parts)), texts)


def either(*parts):
    return Language(
        alt_of(part.term for part in parts), lambda length: set().union(*(part.up_to(length) for part in parts))
    )


@dataclass(frozen=True)
class Distinct:
    """`start`, items that all differ, each followed by `then`, with `between` between them, and `end`.

    `size`: how many items there are in all; None: more than texts of tests have. `vague`: `like` says nothing but that
    there is more.
    """

    item: Language
    then: Language = field(default_factory=lambda: Language(EMPTY, lambda _: {b""}))
    start: bytes = b"["
    between: bytes = b","
    end: bytes = b"]"
    least: int = 0
    most: int | None = None
    size: int | None = None
    vague: bool = False

    @cached_property
    def term(self):
        first = self._items(frozenset())
        return seq(literal(self.start), alt(literal(self.end) if self.least == 0 else NOTHING, first))

    def _items(self, seen):
        names = both(self.item.term, complement(alt_of(map(literal, seen)))) if seen else self.item.term
        return record(names, After(self, seen), self._like(len(seen) + 1))

    def _more(self, count, following):
        end = literal(self.end) if count >= self.least else NOTHING
        full = count in (self.most, self.size)
        return alt(end, NOTHING if full else seq(literal(self.between), following))

    def _like(self, count):
        """What follows the item number `count`, whichever it was."""
        following = unknown(self._need(count))
        like = seq(self.then.term, self._more(count, following))
        return unknown(int(fewest(like))) if self.vague and like is not NOTHING else like

    def _need(self, count):
        """Bytes that surely suffice for the item after `count` others, and for all that must follow."""
        each = int(fewest(self.item.term)) + int(fewest(self.then.term)) + len(self.between)
        return sum(each + SLACK * done for done in range(count, max(count + 1, self.least))) + len(self.end)

    def texts(self, length):
        room = length - len(self.start + self.end)
        thens = self.then.up_to(room)
        items = sorted(((i, i + t) for i in self.item.up_to(room) for t in thens), key=lambda pair: len(pair[1]))
        found, ahead = set(), [(self.start, frozenset())]
        while ahead:
            text, seen = ahead.pop()
            if len(seen) >= self.least:
                found.add(text + self.end)
            text += self.between if seen else b""
            room = length - len(text + self.end)
            if len(seen) != self.most:
                fitting = itertools.takewhile(lambda pair: len(pair[1]) <= room, items)  # noqa: B023
                ahead += [(text + whole, seen | {item}) for item, whole in fitting if item not in seen]
        return {text for text in found if len(text) <= length}

    up_to = texts


@dataclass(frozen=True)
class After:
    """What follows an item of `texts`, after those `seen`."""

    texts: Distinct
    seen: frozenset

    def __call__(self, written):
        seen = self.seen | {written}
        count = len(seen)
        full = count in (self.texts.most, self.texts.size)
        following = NOTHING if full else self.texts._items(seen)
        return seq(self.texts.then.term, self.texts._more(count, following))


def echo(written):
    return literal(written)


ONE = joined(b"1")
NUMBER = either(joined(b"0"), joined(words(b"12", 1, 1), words(b"01", 0)))


def object_of(value, **options):
    return Distinct(joined(words(b"ab", 1), b":"), value, b"{", b",", b"}", **options)


TWICE = Language(
    record(words(b"ab", 1, 2).term, echo, unknown(2)),
    lambda length: {w + w for w in words(b"ab", 1, 2).up_to(length // 2)},
)

LANGUAGES = {
    "object": object_of(ONE),
    "object of two or more": object_of(ONE, least=2),
    "object of two at most": object_of(ONE, least=1, most=2),
    "object in object": object_of(either(ONE, object_of(ONE))),
    "unique strings": Distinct(joined(words(b"ab", 0), b".")),
    "unique numbers": Distinct(NUMBER),
    "unique numbers, vague": Distinct(NUMBER, vague=True),
    "three unique numbers": Distinct(NUMBER, least=3),
    "a or b": Distinct(words(b"ab", 1, 1), size=2),
    "a and b": Distinct(words(b"ab", 1, 1), least=2, size=2, vague=True),
    "unique objects": Distinct(object_of(ONE)),
    "two unique objects": Distinct(object_of(ONE, least=1), least=2),
    "unique arrays": Distinct(Distinct(words(b"ab", 1, 1), size=2), size=5),
    "twice": TWICE,
    "unique twice": Distinct(TWICE, start=b"(", end=b")", size=6),
}
