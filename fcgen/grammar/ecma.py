r"""Read the text of an ECMA-262 regular expression into a tree.

A pattern means what ECMA-262 says it means under the flag `u` (JSON Schema's recommendation): it reads code points,
`\d \w \b` know ASCII only, `$` is the end of the text alone. Beyond that the reader is as lenient as browsers are
without the flag (Annex B), where nothing else can be meant: needless escapes, and `]`, `}` and `{` that can only be
characters. What Annex B reads as text and other dialects as something else (`{,3}`, `\A`, `\e`) is refused.

Back references are refused: no finite automaton decides them. So is what only Python or Perl write (`(?i)`, `(?P<`,
atomic groups). The reader keeps its own stack of open groups, so no pattern can exhaust Python's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import NoReturn

from fcgen.errors import PatternError, excerpt
from fcgen.grammar.cases import any_case as in_any_case
from fcgen.grammar.characters import ANY, DIGIT, LINE_END, SPACE, WORD, CharSet, Range
from fcgen.grammar.pattern import BEGIN, END, Node, chain, choice, look, loop, one_of
from fcgen.grammar.properties import unicode_property
from fcgen.grammar.work import spend

MAX_LENGTH = 250_000
_MOST_KEPT = 1_000  # characters of a pattern whose tree is kept: a node for each
MAX_DEPTH = 40
MAX_TURNS = 100_000

_CONTROLS = {"t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}
_QUANTIFIER = re.compile(r"\{([0-9]+)(?:(,)([0-9]*))?\}")
_OPEN_QUANTIFIER = re.compile(r"\{,[0-9]*\}")
_OPENING = re.compile(
    r"\((?:\?(?P<look><?[=!])|\?(?P<on>[ims]*)(?P<off>-[ims]*)?:|\?<(?P<name>[^\W\d]\w*|[$_][\w$]*)>|(?!\?))"
)
_HIGH, _LOW = range(0xD800, 0xDC00), range(0xDC00, 0xE000)

_SHORTHANDS = {"d": DIGIT, "w": WORD, "s": SPACE}

_HINTS_FOR_GROUPS = (
    ("(?P<", "Write a named group as (?<name>...)."),
    ("(?P=", "Back references are not regular; spell the text out."),
    ("(?P>", "Recursion is not regular; spell the text out."),
    ("(?#", "Leave comments out."),
    ("(?>", "Write an atomic group as (?:...): a pattern here says what matches, not how it is searched."),
    ("(?(", "Write a conditional as a choice."),
    ("(?<", "A group's name is a letter, then letters and digits: (?<name>...)."),
    ("(?", "Flags hold for one group, as in (?i:abc), and are i, m and s."),
)
_HINTS_FOR_ESCAPES = {
    "A": "Write ^ for the beginning of the text.",
    "Z": "Write $ for the end of the text.",
    "z": "Write $ for the end of the text.",
    "k": "Back references are not regular; spell the text out.",
    "h": r"Write [ \t] for horizontal space.",
    "R": r"Write (?:\r\n|\n|\r) for a line break.",
}
_HINT_FOR_PROPERTIES = (
    "Known are the general categories (L, Lu, Letter, Nd, P, ...), scripts (Script=Greek, sc=Grek, scx=Grek) and the "
    "binary properties of ECMA-262 (Alphabetic, Emoji, ...)."
)


def parse_pattern(pattern: str) -> Node:
    """The tree of a pattern.

    Raises PatternError: it is no string, malformed, not regular, not supported, or over a limit (length, depth of
    groups, count of a quantifier).
    """
    check_kind(pattern)
    if len(pattern) > MAX_LENGTH:
        raise PatternError("a pattern has too many characters", limit=MAX_LENGTH, given=len(pattern))
    return _parsed(pattern) if len(pattern) <= _MOST_KEPT else _Reader(pattern).read()


@lru_cache(maxsize=256)
def _parsed(pattern: str) -> Node:
    return _Reader(pattern).read()


def check_kind(pattern: object) -> None:
    """Raise PatternError where a pattern is no string."""
    if not isinstance(pattern, str):
        is_compiled = isinstance(pattern, re.Pattern)
        raise PatternError(
            f"a pattern must be a string, found {excerpt(pattern)}",
            hint="Give its text, which is its attribute `pattern`." if is_compiled else None,
        )


@dataclass(slots=True)
class _Group:
    """A group whose end has not been read yet.

    Attributes:
        offset: where it begins.
        look: of a lookaround, what it begins with.
        flags: those that hold outside.
        names: those of the groups before it that may match together with it.
        others: those in its alternatives but for the last.
        branches: its alternatives but for the last.
        parts: those of the last one.
    """

    offset: int
    look: str = ""
    flags: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    branches: list[Node] = field(default_factory=list)
    parts: list[Node] = field(default_factory=list)

    def node(self) -> Node:
        inner = choice([*self.branches, chain(self.parts)])
        if not self.look:
            return inner
        return look(inner, ahead="<" not in self.look, negated="!" in self.look)


class _Reader:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.open = [_Group(0)]
        self.flags: frozenset[str] = frozenset()
        self.names: frozenset[str] = frozenset()  # of groups that may match together with what is read here
        self.repeatable = False  # may a quantifier stand here
        self.empty_class: int | None = None

    def read(self) -> Node:
        while self.at < len(self.pattern):
            spend()
            self.term()
        if len(self.open) > 1:
            self.refuse("an unclosed group", self.open[-1].offset, "Close it with ), or write \\( for the character.")
        return self.open[0].node()

    def term(self) -> None:
        start = self.at
        c = self.take()
        repeatable = False
        if c == "|":
            self.next_branch()
        elif c == "(":
            self.open_group(start)
        elif c == ")":
            repeatable = self.close_group(start)
        elif c in "*+?" or (c == "{" and _QUANTIFIER.match(self.pattern, start)):
            self.quantifier(c, start)
        elif c == "{" and _OPEN_QUANTIFIER.match(self.pattern, start):
            self.refuse("{,n}, which is text in ECMA-262 and a quantifier in Python", start, "Write {0,n}, or \\{,n}.")
        elif c in "^$":
            self.open[-1].parts.append(_anchor(end=c == "$", lines="m" in self.flags))
        elif c == "\\" and self.peek() in ("b", "B"):
            self.open[-1].parts.append(_boundary(inside=self.take() == "B", any_case="i" in self.flags))
        elif c == "]" and self.empty_class is not None:
            text = self.pattern[self.empty_class : self.at]
            hint = r"Write \] for the character; [\s\S] is any character."
            self.refuse(f"{excerpt(text)}, which is a class of its own up to its first ]", self.empty_class, hint)
        else:
            self.open[-1].parts.append(self.character(c, start))
            repeatable = True
        self.repeatable = repeatable

    def open_group(self, start: int) -> None:
        opening = _OPENING.match(self.pattern, start)
        if opening is None:
            found, hint = next((text, hint) for text, hint in _HINTS_FOR_GROUPS if self.pattern.startswith(text, start))
            self.refuse(f"{found}, which does not open a group of ECMA-262 here", start, hint)
        if len(self.open) > MAX_DEPTH:
            self.refuse(f"groups more than {MAX_DEPTH} deep", start, "Flatten the pattern.")
        name = opening["name"]
        if name in self.names:
            self.refuse(f"a second group named {excerpt(name)}", start, "Give each group its own name.")
        self.names |= {name} if name else set()
        self.open.append(_Group(start, opening["look"] or "", self.flags, self.names))
        self.set_flags(opening["on"] or "", opening["off"], start)
        self.at = opening.end()

    def set_flags(self, on: str, off: str | None, start: int) -> None:
        letters = on + (off or "")
        if len(set(letters)) < len(letters) or letters == "-":
            self.refuse("flags that contradict each other or say nothing", start, "Name each flag once.")
        self.flags = self.flags.union(on).difference(off or "")

    def next_branch(self) -> None:
        group = self.open[-1]
        group.branches.append(chain(group.parts))
        group.parts = []
        group.others |= self.names
        self.names = group.names

    def close_group(self, start: int) -> bool:
        if len(self.open) == 1:
            self.refuse("a ) that closes no group", start, "Write \\) for the character.")
        group = self.open.pop()
        self.flags, self.names = group.flags, self.names | group.others
        self.open[-1].parts.append(group.node())
        return "<" not in group.look  # a lookahead may be repeated, as in browsers and in Python

    def quantifier(self, c: str, start: int) -> None:
        low, high = self.turns(c, start)
        if not self.repeatable:
            self.refuse("a quantifier with nothing to repeat", start, f"Put a character before it, or write \\{c}.")
        parts = self.open[-1].parts
        parts[-1] = loop(parts[-1], low, high)
        if self.peek() == "?":
            self.at += 1
        elif self.peek() == "+":
            self.refuse("a possessive quantifier", self.at, "Leave the second + out: a pattern only says what matches.")

    def turns(self, c: str, start: int) -> tuple[int, int | None]:
        if c != "{":
            return (1 if c == "+" else 0), (1 if c == "?" else None)
        counts = _QUANTIFIER.match(self.pattern, start)
        assert counts is not None  # the caller saw it
        self.at = counts.end()
        if max(map(len, filter(None, (counts[1], counts[3])))) > len(str(MAX_TURNS)):
            self.too_many(start)
        low = int(counts[1])
        high = low if counts[2] is None else int(counts[3]) if counts[3] else None
        if max(low, high or 0) > MAX_TURNS:
            self.too_many(start)
        if high is not None and low > high:
            self.refuse(f"the quantifier {counts[0]}, whose bounds are in the wrong order", start)
        return low, high

    def too_many(self, start: int) -> NoReturn:
        self.refuse(f"a quantifier over {MAX_TURNS}", start, "Use a smaller count, or no upper limit.")

    def character(self, c: str, start: int) -> Node:
        if c == ".":
            return one_of(ANY if "s" in self.flags else LINE_END.complement())
        if c == "[":
            return one_of(self.char_class(start))
        found = self.escape(start, in_class=False) if c == "\\" else ord(c)
        if isinstance(found, int) and "i" not in self.flags:
            return _only(found)
        return one_of(self.in_any_case(_as_set(found)))

    def in_any_case(self, chars: CharSet) -> CharSet:
        return in_any_case(chars) if "i" in self.flags else chars

    def char_class(self, start: int) -> CharSet:
        negated = self.peek() == "^"
        self.at += negated
        if self.peek() == "]" and self.empty_class is None:
            self.empty_class = start
        ranges: list[Range] = []
        while self.peek() != "]":
            ranges += self.class_range(start)
        self.at += 1
        found = self.in_any_case(CharSet.of(*ranges))
        return found.complement() if negated else found

    def class_range(self, start: int) -> Iterable[Range]:
        place = self.at
        low = self.class_atom(start)
        if self.pattern[self.at : self.at + 1] != "-" or self.pattern[self.at + 1 : self.at + 2] in ("]", ""):
            return _ranges(low)
        self.at += 1
        high = self.class_atom(start)
        if isinstance(low, int) and isinstance(high, int):
            if low > high:
                text = self.pattern[place : self.at]
                self.refuse(f"the range {excerpt(text)}, whose bounds are in the wrong order", place)
            return ((low, high),)
        return (*_ranges(ord("-")), *_ranges(low), *_ranges(high))

    def class_atom(self, start: int) -> int | CharSet:
        place = self.at
        if self.peek() == "":
            self.refuse("an unclosed class", start, "Close it with ], or write \\[ for the character.")
        c = self.take()
        return self.escape(place, in_class=True) if c == "\\" else ord(c)

    def escape(self, start: int, *, in_class: bool) -> int | CharSet:
        c = self.take() if self.peek() else self.refuse("a \\ at the end", start, "Write \\\\ for the character.")
        if c in "dDwWsS":
            chars = self.in_any_case(_SHORTHANDS[c.lower()])
            return chars.complement() if c.isupper() else chars
        if c in "pP":
            return self.category(c, start)
        if c in _CONTROLS:
            return ord(_CONTROLS[c])
        if c in "xu":
            return self.code_point(c, start)
        if c == "c" and re.match("[A-Za-z]", self.peek()):
            return ord(self.take()) % 32
        if c == "b" and in_class:
            return ord("\b")
        if c == "0" and not self.peek().isdecimal():
            return 0
        if c.isascii() and c.isalnum():
            self.no_such_escape(c, start)
        return ord(c)

    def no_such_escape(self, c: str, start: int) -> NoReturn:
        if c.isdecimal():
            what = "octal escape" if c == "0" else "back reference"
            self.refuse(f"the {what} \\{c}", start, "Spell the text out; a character by its code is \\xHH or \\uHHHH.")
        self.refuse(f"the escape \\{c}", start, _HINTS_FOR_ESCAPES.get(c, f"Write {c} for the character."))

    def category(self, c: str, start: int) -> CharSet:
        named = re.compile(r"\{([^{}]*)\}").match(self.pattern, self.at)
        if named is None:
            self.refuse(f"\\{c} without a property", start, f"Write \\{c}{{L}} or another general category in braces.")
        self.at = named.end()
        found = unicode_property(named[1])
        if found is None:
            what = excerpt(self.pattern[start : self.at])
            self.refuse(f"the property {what}", start, _HINT_FOR_PROPERTIES)
        return found.complement() if c == "P" else found

    def code_point(self, c: str, start: int) -> int:
        r"""`\xHH`, `\uHHHH`, `\u{H...}`, or the two halves of a surrogate pair."""
        form = r"([0-9A-Fa-f]{2})" if c == "x" else r"([0-9A-Fa-f]{4})|\{0*([0-9A-Fa-f]{1,6})\}"
        digits = re.compile(form).match(self.pattern, self.at)
        code = -1 if digits is None else int(digits[digits.lastindex or 0], 16)
        if digits is None or code > 0x10FFFF:
            self.refuse(f"\\{c} without a code point", start, r"Write \xHH, \uHHHH or \u{H...}, up to \u{10FFFF}.")
        self.at = digits.end()
        second = re.compile(r"\\u([Dd][C-Fc-f][0-9A-Fa-f]{2})").match(self.pattern, self.at)
        if code in _HIGH and second is not None:
            self.at = second.end()
            return 0x10000 + ((code - _HIGH.start) << 10) + int(second[1], 16) - _LOW.start
        return code

    def peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def take(self) -> str:
        self.at += 1
        return self.pattern[self.at - 1]

    def refuse(self, what: str, offset: int, hint: str | None = None) -> NoReturn:
        raise PatternError(f"pattern {excerpt(self.pattern)} has {what}, at offset {offset}", hint=hint)


@cache
def _anchor(*, end: bool, lines: bool) -> Node:
    """The beginning or the end of the text, or also of any of its lines."""
    anchor = END if end else BEGIN
    return choice([anchor, look(one_of(LINE_END), ahead=end, negated=False)]) if lines else anchor


@cache
def _boundary(*, inside: bool, any_case: bool) -> Node:
    """A place where a word is on one side only, or (`inside`) on both or none."""
    word = one_of(in_any_case(WORD) if any_case else WORD)
    before, after = ({no: look(word, ahead=ahead, negated=no) for no in (False, True)} for ahead in (False, True))
    return choice(chain([before[no], after[no == inside]]) for no in (False, True))


def _as_set(found: int | CharSet) -> CharSet:
    return CharSet.of(found) if isinstance(found, int) else found


def _ranges(found: int | CharSet) -> tuple[Range, ...]:
    return ((found, found),) if isinstance(found, int) else found.ranges


@lru_cache(maxsize=1024)
def _only(code: int) -> Node:
    return one_of(CharSet.of(code))
