r"""Translate the patterns of Python sources into ECMA-262: `re`'s, and Rust's, which are Pydantic's.

What reads the same in both stays as it is. Flags are written out (`(?i)a` becomes `[Aa]`), so that the result needs
none:

    (?P<x>...)  \A  \Z  \z      (?<x>...)  ^  $  $
    \w  \s  \b  .               Unicode's letters, digits, spaces and places between words; anything but a line feed
    [^\W\d]                     (?:(?![\p{Nd}])[\p{L}\p{N}_])

Two things that Python allows and nobody means are left out where nothing is ruled out by them, outside of negated
classes and lookarounds: digits other than 0 to 9 for `\d`, and a line feed behind `$`. All that the result matches is
matched by the source.

Refused: back references, conditionals, atomic groups and possessive quantifiers, locales, classes within classes.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import NoReturn

from fcgen.errors import PatternError, excerpt
from fcgen.grammar.cases import any_case
from fcgen.grammar.characters import CharSet
from fcgen.grammar.properties import ecma_name, unicode_property

_CONTROLS = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_WRITTEN = {"\t": r"\t", "\n": r"\n", "\v": r"\v", "\f": r"\f", "\r": r"\r"}
_SPACE = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_WORDS = {False: r"\p{L}\p{N}_", True: r"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}"}  # Python's, Rust's
_SHORTHANDS = frozenset("dDsSwW")
_ANY, _NEVER = r"[\s\S]", r"[^\s\S]"
_I_WITH_OR_WITHOUT_DOT = CharSet.of("iIıİ")  # which Python's `(?i)` does not tell apart
_POSIX = {  # each two characters are the bounds of a range
    "alnum": "09AZaz", "alpha": "AZaz", "ascii": "\x00\x7f", "blank": "\t\t  ", "cntrl": "\x00\x1f\x7f\x7f",
    "digit": "09", "graph": "!~", "lower": "az", "print": " ~", "punct": "!/:@[`{~", "space": "\t\r  ", "upper": "AZ",
    "word": "09AZaz__", "xdigit": "09AFaf",
}  # fmt: skip
_GROUP = re.compile(
    r"\(\?(?:(?P<look><?[=!])|P?<(?P<name>[^>=!][^>]*)>|(?P<on>[A-Za-z]*)(?:-(?P<off>[A-Za-z]*))?(?P<end>[:)]))"
)
_COUNTS = re.compile(r"\{([0-9]+)(,?)([0-9]*)\}|\{,([0-9]*)\}")
_OCTAL = re.compile("0[0-7]{0,2}|[1-3][0-7]{2}")
_HEX = {
    letter: re.compile(rf"\{{([0-9A-Fa-f]{{1,8}})\}}|([0-9A-Fa-f]{{{size}}})")
    for letter, size in {"x": 2, "u": 4, "U": 8}.items()
}
_NAME = re.compile(r"[^\W\d]\w*")
_REFUSED_GROUPS = {
    "(?P=": "a back reference", "(?P>": "a recursion", "(?>": "an atomic group", "(?(": "a conditional",
}  # fmt: skip


def ecma_pattern(pattern: str | re.Pattern[str], *, rust: bool = False, flags: str = "") -> str:
    """The ECMA-262 pattern of what a pattern in Python's syntax matches, or (`rust`) in that of Rust's crate `regex`.

    Args:
        pattern: its text, or a compiled one, whose flags are taken along.
        rust: whether the text is Rust's.
        flags: letters of flags that hold for all of it, as in `(?im)`.

    Raises PatternError: it cannot be said in ECMA-262, or not by a finite automaton.
    """
    if isinstance(pattern, re.Pattern):
        flags += "".join(letter for letter in "aimsx" if pattern.flags & re.RegexFlag[letter.upper()])
        pattern = pattern.pattern
    if not isinstance(pattern, str):
        raise PatternError(f"a pattern must be a string, found {excerpt(pattern)}")
    return _Translator(pattern, rust=rust, flags=flags).translated()


@dataclass(slots=True)
class _Group:
    """A group whose end has not been read yet: where it begins, in the source and in what is written; flags outside."""

    offset: int
    begin: int
    flags: frozenset[str]
    is_look: bool


class _Translator:
    def __init__(self, pattern: str, *, rust: bool, flags: str) -> None:
        self.pattern, self.rust = pattern, rust
        self.at = 0
        self.written: list[str] = []
        self.open: list[_Group] = []
        self.flags: frozenset[str] = frozenset()
        self.last: int | None = None  # where in `written` begins what a quantifier would repeat
        self.is_bare = True  # whether it may be repeated as it stands
        self.set_flags(flags, None, 0)

    def translated(self) -> str:
        while self.at < len(self.pattern):
            self.term()
        if self.open:
            self.refuse("an unclosed group", self.open[-1].offset)
        return "".join(self.written)

    def term(self) -> None:
        start = self.at
        c = self.take()
        if "x" in self.flags and (c.isspace() or c == "#"):
            self.skip_comment(c)
        elif c == "|":
            self.written.append(c)
            self.last = None
        elif c == "(":
            self.open_group(start)
        elif c == ")":
            self.close_group(start)
        elif c in "*+?" or (c == "{" and _COUNTS.match(self.pattern, start)):
            self.quantifier(c, start)
        elif c in "^$":
            self.anchor(c)
        elif c == ".":
            self.write(_ANY if "s" in self.flags else r"[^\n]")
        elif c == "[":
            self.write(self.char_class(start))
        elif c == "\\":
            self.escape(start)
        else:
            self.write(self.literal(c))

    def write(self, text: str, *, is_bare: bool = True) -> None:
        self.last, self.is_bare = len(self.written), is_bare
        self.written.append(text)

    def skip_comment(self, c: str) -> None:
        if c == "#":
            end = self.pattern.find("\n", self.at)
            self.at = len(self.pattern) if end < 0 else end + 1

    def anchor(self, c: str) -> None:
        if "m" in self.flags:
            self.write(r"(?<![^\n])" if c == "^" else r"(?![^\n])", is_bare=False)
        elif c == "$" and not self.rust and self.is_exact:
            self.write(r"(?=\n?$)", is_bare=False)
        else:
            self.write(c, is_bare=False)

    @property
    def is_exact(self) -> bool:
        """Whether what is read here may rule a text out."""
        return any(group.is_look for group in self.open)

    def open_group(self, start: int) -> None:
        found = _GROUP.match(self.pattern, start)
        self.last = None
        if self.pattern.startswith("(?#", start):
            self.at = self.pattern.find(")", start) + 1 or self.refuse("an unclosed comment", start)
        elif found is None and self.pattern.startswith("(?", start):
            what = next((what for text, what in _REFUSED_GROUPS.items() if self.pattern.startswith(text, start)), None)
            self.refuse(what or "a group that is not known", start)
        elif found is None:
            self.open.append(_Group(start, len(self.written), self.flags, is_look=False))
            self.written.append("(")
        else:
            self.at = found.end()
            if found["end"] != ")":
                self.open.append(_Group(start, len(self.written), self.flags, is_look=bool(found["look"])))
                name = f"?<{found['name']}>" if _NAME.fullmatch(found["name"] or "") else ""
                self.written.append(f"(?{found['look']}" if found["look"] else f"({name or '?:'}")
            self.set_flags(found["on"] or "", found["off"], start)

    def set_flags(self, on: str, off: str | None, start: int) -> None:
        unknown = set(on + (off or "")) - set("imsxuU" if self.rust else "aimsxu") or set(off or "") & set("au")
        if unknown:
            self.refuse(f"the flag {excerpt(unknown.pop())}, which has no meaning here", start)
        self.flags = (self.flags - {"a"} if "u" in on else self.flags).union(on).difference(off or "")

    def close_group(self, start: int) -> None:
        if not self.open:
            self.refuse("a ) that closes no group", start)
        group = self.open.pop()
        self.flags = group.flags
        self.written.append(")")
        self.last, self.is_bare = group.begin, not group.is_look

    def quantifier(self, c: str, start: int) -> None:
        if self.last is None:
            self.refuse("a quantifier with nothing to repeat", start)
        counts = _COUNTS.match(self.pattern, start) if c == "{" else None
        if counts is not None:
            self.at = counts.end()
            c = f"{{0,{counts[4]}}}" if counts[1] is None else counts[0]
            c = "*" if c == "{0,}" else c
        if not self.rust and self.pattern.startswith("+", self.at):
            self.refuse("a possessive quantifier", self.at, "Leave the + out where that matches the same.")
        lazy = "?" if self.pattern.startswith("?", self.at) else ""
        self.at += len(lazy)
        if not self.is_bare:
            self.written[self.last :] = [f"(?:{''.join(self.written[self.last :])})"]
        self.written.append(c + lazy)
        self.last, self.is_bare = self.last if self.rust else None, False

    def escape(self, start: int) -> None:
        c = self.take()
        if c in ("A", "Z", "z"):
            self.write("^" if c == "A" else "$", is_bare=False)
        elif c in ("b", "B") or (c in ("<", ">") and self.rust):
            self.boundary(c, start)
        elif c in _SHORTHANDS:
            items = self.shorthand(c.lower(), is_exact=self.is_exact or c.isupper())
            plain = {r"\d": r"\D", r"\p{Nd}": r"\P{Nd}"}
            negated = f"[^{items}]" if c.isupper() else f"[{items}]"
            self.write((plain.get(items, negated) if c.isupper() else items) if items in plain else negated)
        elif c in ("p", "P"):
            name, chars = self.property_name(c, start)
            self.write(_class(any_case(chars)) if "i" in self.flags else rf"\{c}{{{name}}}")
        else:
            self.write(self.literal(self.code_point(c, start)))

    def boundary(self, c: str, start: int) -> None:
        if re.compile("{[a-z]").match(self.pattern, self.at):
            self.refuse("a kind of word boundary that is not known", start)
        word = self.shorthand("w", is_exact=True)
        start_of, end_of = f"(?<![{word}])(?=[{word}])", f"(?<=[{word}])(?![{word}])"
        inside, outside = f"(?<=[{word}])(?=[{word}])", f"(?<![{word}])(?![{word}])"
        not_empty = "" if self.rust else "(?!^$)"
        ways = {"b": f"{start_of}|{end_of}", "B": f"{not_empty}(?:{inside}|{outside})", "<": start_of, ">": end_of}
        self.write(f"(?:{ways[c]})")

    def shorthand(self, letter: str, *, is_exact: bool) -> str:
        """The items of a class that stand for a shorthand."""
        if letter == "s":
            return r"\t-\r " if "a" in self.flags else _SPACE if self.rust else rf"{_SPACE}\x1c-\x1f"
        if letter == "d":
            return "0-9" if "a" in self.flags else r"\p{Nd}" if is_exact else r"\d"
        return "0-9A-Za-z_" if "a" in self.flags else _WORDS[self.rust]

    def literal(self, char: str) -> str:
        chars = self.cases(CharSet.of(char))
        return _outside(char) if chars == CharSet.of(char) else _class(chars)

    def cases(self, chars: CharSet) -> CharSet:
        if "i" not in self.flags:
            return chars
        ascii_only = CharSet.of((0, 0x7F))
        if "a" in self.flags:
            return chars.union(any_case(chars.intersect(ascii_only)).intersect(ascii_only))
        found = any_case(chars)
        has_i = not self.rust and bool(found.intersect(_I_WITH_OR_WITHOUT_DOT))
        return found.union(_I_WITH_OR_WITHOUT_DOT) if has_i else found

    def code_point(self, c: str, start: int) -> str:
        """The character of an escape whose first character is `c`."""
        if c in _CONTROLS:
            return _CONTROLS[c]
        if octal := _OCTAL.match(self.pattern, self.at - 1):
            self.at = octal.end()
            return chr(int(octal[0], 8))
        if c.isdecimal():
            self.refuse(f"the back reference \\{c}", start, "Spell the text out.")
        if c in _HEX:
            digits = _HEX[c].match(self.pattern, self.at)
            code = int(digits[1] or digits[2], 16) if digits else -1
            if digits is None or not 0 <= code <= 0x10FFFF or 0xD800 <= code <= 0xDFFF:
                self.refuse(f"\\{c} without a character", start)
            self.at = digits.end()
            return chr(code)
        name = re.compile(r"\{([^{}]*)\}").match(self.pattern, self.at)
        if c == "N" and name is not None and (char := _named(name[1])):
            self.at = name.end()
            return char
        if not c or c.isalnum():
            self.refuse(f"the escape \\{c}", start)
        return c

    def property_name(self, c: str, start: int) -> tuple[str, CharSet]:
        found = re.compile(r"\{(\^?)([^{}]*)\}|()([A-Z])").match(self.pattern, self.at)
        name = found and ecma_name(found[2] or found[4] or "")
        chars = unicode_property(name) if name else None
        if found is None or name is None or chars is None or found[1]:
            self.refuse(f"\\{c} with a property that ECMA-262 does not have", start)
        self.at = found.end()
        return name, chars.complement() if c == "P" else chars

    def char_class(self, start: int) -> str:
        negated = self.peek() == "^"
        self.at += negated
        items: list[str] = []
        others: dict[str, None] = {}  # items of shorthands whose complement the class has
        letters = set()
        first = self.at
        while self.peek() != "]" or self.at == first:
            letters |= self.item(items, others, start, is_exact=negated or self.is_exact)
        self.at += 1
        if any(letter.swapcase() in letters for letter in letters):
            return _NEVER if negated else _ANY
        inside = "".join(items)
        parts = [f"[{inside}]"] * bool(items) + [f"[^{other}]" for other in others]
        if not negated:
            return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"
        if not others:
            return f"[^{inside}]"
        *rest, last = parts
        last = f"[{last[2:]}"
        return f"(?:{''.join(f'(?!{part})' for part in rest)}{last})" if rest else last

    def item(self, items: list[str], others: dict[str, None], start: int, *, is_exact: bool) -> set[str]:
        """Read one item of a class; the shorthands in it."""
        posix = re.compile(r"\[:(\^?)([a-z]+):\]").match(self.pattern, self.at) if self.rust else None
        if self.rust and posix is None and self.pattern.startswith(("[", "&&", "--", "~~"), self.at):
            self.refuse("a class within a class", start, "Write the characters out.")
        place = self.at
        c = self.take() or self.refuse("an unclosed class", start)
        if posix is not None and posix[2] in _POSIX:
            self.at = posix.end()
            ends = list(map(ord, _POSIX[posix[2]]))
            named = _items(self.cases(CharSet.of(*zip(ends[::2], ends[1::2], strict=True))))
            (others.setdefault(named) if posix[1] else items.append(named))
            return set()
        if c == "\\" and self.peek() in _SHORTHANDS:
            letter = self.take()
            read = self.shorthand(letter.lower(), is_exact=is_exact or letter.isupper())
            (others.setdefault(read) if letter.isupper() else items.append(read))
            return {letter}
        if c == "\\" and self.peek() in ("p", "P"):
            letter = self.take()
            name, chars = self.property_name(letter, place)
            items.append(_items(any_case(chars)) if "i" in self.flags else rf"\{letter}{{{name}}}")
        elif not (self.rust and "x" in self.flags and c.isspace()):
            low = self.member(c, place)
            high = low
            if self.peek() == "-" and self.pattern[self.at + 1 : self.at + 2] not in ("]", ""):
                self.take()
                high = self.member(self.take(), place)
            if low > high:
                self.refuse("a range whose bounds are in the wrong order", place)
            items.append(_items(self.cases(CharSet.of((ord(low), ord(high))))))
        return set()

    def member(self, c: str, place: int) -> str:
        if c != "\\":
            return c
        c = self.take()
        return "\b" if c == "b" else self.code_point(c, place)

    def peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def take(self) -> str:
        self.at += 1
        return self.pattern[self.at - 1 : self.at]

    def refuse(self, what: str, offset: int, hint: str | None = None) -> NoReturn:
        raise PatternError(f"pattern {excerpt(self.pattern)} has {what}, at offset {offset}", hint=hint)


def _named(name: str) -> str:
    """A character by its name; the empty string if there is none."""
    try:
        return unicodedata.lookup(name)
    except KeyError:
        return ""


def _class(chars: CharSet) -> str:
    return f"[{_items(chars)}]"


def _items(chars: CharSet) -> str:
    return "".join(
        _inside(chr(low)) if low == high else f"{_inside(chr(low))}{'-' * (high > low + 1)}{_inside(chr(high))}"
        for low, high in chars.ranges
    )


def _outside(char: str) -> str:
    return f"\\{char}" if char in r"^$\.*+?()[]{}|" else _readable(char)


def _inside(char: str) -> str:
    return f"\\{char}" if char in r"^\[]-" else _readable(char)


def _readable(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    return _WRITTEN.get(char) or (
        f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\u{{{code:x}}}"
    )
