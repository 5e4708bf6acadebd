r"""Sets of Unicode characters, and how one character of a set is spelled in bytes.

A `CharSet` is a sorted tuple of code point ranges; surrogates are no characters and never in it. `utf8`, `json_chars`
and `json_chars_free` turn a set into the term of exactly one of its characters. Ranges are cut at the borders of
UTF-8's lead and continuation bytes, and leads with the same rest are joined, so the term is the minimal tree: "any
character" is about ten byte sets. All spellings are prefix codes, so a sequence of them is read in one way.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from fcgen.grammar.expr import EMPTY, alt, alt_of, byte_set, literal, seq
from fcgen.grammar.terms import Expr

Range = tuple[int, int]

_LAST = 0x10FFFF
_SURROGATES = (0xD800, 0xDFFF)
_MEMO_SIZE = 4096


@dataclass(frozen=True, slots=True)
class CharSet:
    """A set of Unicode characters: ascending inclusive ranges of code points that neither touch nor overlap.

    Build it with `of`, which sorts and joins whatever it is given and leaves surrogates out.
    """

    ranges: tuple[Range, ...]

    @classmethod
    def of(cls, *parts: int | str | Range) -> CharSet:
        """The set of code points, of the characters of strings, and of inclusive ranges."""
        ranges: list[Range] = []
        for part in parts:
            if isinstance(part, str):
                ranges.extend((ord(c), ord(c)) for c in part)
            else:
                ranges.append((part, part) if isinstance(part, int) else part)
        return cls(_joined(ranges))

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def contains(self, char: str) -> bool:
        """Whether the one character `char` is in the set."""
        before = bisect(self.ranges, (ord(char), _LAST)) - 1
        return before >= 0 and ord(char) <= self.ranges[before][1]

    def union(self, *others: CharSet) -> CharSet:
        """What is in any of the sets."""
        return CharSet(_joined([r for chars in (self, *others) for r in chars.ranges]))

    def intersect(self, other: CharSet) -> CharSet:
        """What is in both sets."""
        found: list[Range] = []
        i = j = 0
        while i < len(self.ranges) and j < len(other.ranges):
            (low, high), (from_, to) = self.ranges[i], other.ranges[j]
            if low <= to and from_ <= high:
                found.append((max(low, from_), min(high, to)))
            i, j = (i + 1, j) if high < to else (i, j + 1)
        return CharSet(tuple(found))

    def complement(self) -> CharSet:
        """Every other character."""
        found: list[Range] = []
        start = 0
        for low, high in (*self.ranges, (_LAST + 1, _LAST + 1)):
            if start < low:
                found += _without_surrogates((start, low - 1))
            start = high + 1
        return CharSet(tuple(found))


def _joined(ranges: Iterable[Range]) -> tuple[Range, ...]:
    joined: list[Range] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        elif low <= high:
            joined.append((low, high))
    return tuple(piece for r in joined for piece in _without_surrogates(r))


def _without_surrogates(r: Range) -> Iterable[Range]:
    (low, high), (first, last) = r, _SURROGATES
    if high < first or low > last:
        return (r,)
    return [piece for piece in ((low, first - 1), (last + 1, high)) if piece[0] <= piece[1]]


NO_CHARS = CharSet(())
ANY = NO_CHARS.complement()
DIGIT = CharSet.of((0x30, 0x39))
WORD = DIGIT.union(CharSet.of("_", (0x41, 0x5A), (0x61, 0x7A)))
# ECMA-262 WhiteSpace and LineTerminator: tab to carriage return, U+FEFF, and the category Zs
SPACE = CharSet.of((0x09, 0x0D), " \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff", (0x2000, 0x200A))
LINE_END = CharSet.of("\n\r\u2028\u2029")


def partition(sets: Iterable[CharSet]) -> tuple[list[CharSet], dict[CharSet, int]]:
    """The coarsest classes of which all sets are unions; and for each set which (bit i: the class number i)."""
    cuts: dict[int, int] = {}
    found = list(dict.fromkeys(sets))
    for number, chars in enumerate(found):
        for low, high in chars.ranges:
            for cut in (low, high + 1):
                cuts[cut] = cuts.get(cut, 0) ^ 1 << number
    pieces: dict[int, list[Range]] = {}
    within = start = 0
    for cut in sorted(cuts):
        if within:
            pieces.setdefault(within, []).append((start, cut - 1))
        within, start = within ^ cuts[cut], cut
    members = {
        chars: sum(1 << i for i, within in enumerate(pieces) if within >> number & 1)
        for number, chars in enumerate(found)
    }
    return [CharSet.of(*ranges) for ranges in pieces.values()], members


# first and last code point, the bits that the lead byte leaves to continuation bytes, the lead byte's marker
_LENGTHS = ((0x00, 0x7F, 0, 0x00), (0x80, 0x7FF, 6, 0xC0), (0x800, 0xFFFF, 12, 0xE0), (0x10000, _LAST, 18, 0xF0))


@lru_cache(maxsize=_MEMO_SIZE)
def utf8(chars: CharSet) -> Expr:
    """Exactly one character of the set, as UTF-8."""
    terms: list[Expr] = []
    for first, last, shift, marker in _LENGTHS:
        inside = (r for r in chars.ranges if r[0] <= last and r[1] >= first)
        ranges = tuple((max(low, first), min(high, last)) for low, high in inside)
        if ranges:
            terms.append(_encoded(ranges, shift, marker))
    return alt_of(terms)


@lru_cache(maxsize=_MEMO_SIZE)
def _encoded(ranges: tuple[Range, ...], shift: int, marker: int) -> Expr:
    """One byte `marker + (c >> shift)` and the continuation bytes that spell the low `shift` bits of c."""
    if shift == 0:
        return byte_set(sum((2 << marker + high) - (1 << marker + low) for low, high in ranges))
    return alt_of(
        seq(byte_set(sum(1 << marker + block for block in blocks)), _encoded(rest, shift - 6, 0x80))
        for rest, blocks in _blocks(ranges, shift).items()
    )


def _blocks(ranges: Iterable[Range], shift: int) -> dict[tuple[Range, ...], list[int]]:
    """What there is in blocks of `1 << shift` numbers, counted from a block's beginning, and which blocks have it."""
    rests: dict[int, list[Range]] = {}
    for low, high in ranges:
        for block in range(low >> shift, (high >> shift) + 1):
            start = block << shift
            rest = (max(low - start, 0), min(high - start, (1 << shift) - 1))
            rests.setdefault(block, []).append(rest)
    blocks: dict[tuple[Range, ...], list[int]] = {}
    for block, found in rests.items():
        blocks.setdefault(tuple(found), []).append(block)
    return blocks


_JSON_ESCAPES = {'"': '"', "\\": "\\", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
_JSON_ESCAPED = CharSet.of('"\\', (0x00, 0x1F))


@lru_cache(maxsize=_MEMO_SIZE)
def json_chars(chars: CharSet) -> Expr:
    r"""Exactly one character of the set as it stands in a JSON string, in the one spelling that `json.dumps` gives it.

    That is: a short escape where there is one, `\u00xx` in lower case for the other controls below U+0020, and UTF-8
    for everything else, as with `ensure_ascii=False`.
    """
    escaped = chars.intersect(_JSON_ESCAPED)
    if not escaped:
        return utf8(chars)
    letters = CharSet.of("".join(letter for char, letter in _JSON_ESCAPES.items() if escaped.contains(char)))
    numbered = escaped.intersect(CharSet.of("".join(_JSON_ESCAPES)).complement())
    digits = [_hex_digits(numbered.intersect(CharSet.of((start, start + 15)))) for start in (0x00, 0x10)]
    by_number = alt(*(seq(literal(lead), digit) for lead, digit in zip((b"u000", b"u001"), digits, strict=True)))
    plain = utf8(chars.intersect(_JSON_ESCAPED.complement()))
    return alt(plain, seq(literal(b"\\"), alt(utf8(letters), by_number)))


_JSON_SHORT = {**_JSON_ESCAPES, "/": "/"}


@lru_cache(maxsize=_MEMO_SIZE)
def json_chars_free(chars: CharSet) -> Expr:
    r"""Exactly one character of the set as it may stand in a JSON string, in any spelling (RFC 8259, section 7).

    That is: itself, unless it must be escaped; its short escape, if it has one; `\uXXXX` in upper or lower case, beyond
    the basic plane two of these.
    """
    short = (
        seq(literal(b"\\"), literal(letter.encode())) for char, letter in _JSON_SHORT.items() if chars.contains(char)
    )
    return alt_of([utf8(chars.intersect(_JSON_ESCAPED.complement())), *short, _numbered(chars)])


@lru_cache(maxsize=_MEMO_SIZE)
def json_char_free(code: int) -> Expr:
    """One code point in any spelling: a character, or half of a surrogate pair that stands alone."""
    is_half = _SURROGATES[0] <= code <= _SURROGATES[1]
    return _unit(((code, code),)) if is_half else json_chars_free(CharSet.of(code))


def _numbered(chars: CharSet) -> Expr:
    r"""One character of the set as `\uXXXX`, or as two such if it is beyond the basic plane (UTF-16)."""
    basic = tuple((low, min(high, 0xFFFF)) for low, high in chars.ranges if low <= 0xFFFF)
    beyond = tuple((max(low, 0x10000) - 0x10000, high - 0x10000) for low, high in chars.ranges if high > 0xFFFF)
    terms = [_unit(basic)] if basic else []
    for rest, blocks in _blocks(beyond, 10).items():
        first = _unit(tuple((_SURROGATES[0] + block,) * 2 for block in blocks))
        terms.append(seq(first, _unit(tuple((low + 0xDC00, high + 0xDC00) for low, high in rest))))
    return alt_of(terms)


def _unit(ranges: tuple[Range, ...]) -> Expr:
    return seq(literal(b"\\u"), _hexadecimal(ranges, 12))


@lru_cache(maxsize=_MEMO_SIZE)
def _hexadecimal(ranges: tuple[Range, ...], shift: int) -> Expr:
    """One digit `c >> shift`, and the digits that spell the low `shift` bits of c."""
    terms = []
    for rest, blocks in _blocks(ranges, shift).items():
        digits = "".join(f"{block:x}{block:X}" for block in blocks)
        tail = _hexadecimal(rest, shift - 4) if shift else EMPTY
        terms.append(seq(utf8(CharSet.of(digits)), tail))
    return alt_of(terms)


def _hex_digits(controls: CharSet) -> Expr:
    return utf8(CharSet.of("".join(f"{code & 15:x}" for low, high in controls.ranges for code in range(low, high + 1))))
