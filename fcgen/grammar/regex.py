"""Regular expressions as terms: an ECMA-262 pattern and a spelling of characters give the language of its texts.

A plain node (`pattern.py`) becomes its term directly. Everything else is built from the end of the pattern backwards,
each node from what may follow it up to the end of the text: `$` keeps of that only the empty string, a lookahead is an
intersection with it. What may follow is a pair, since `^` tells the text's beginning from every later place. Patterns
that this does not settle (word boundaries, lookarounds and anchors in loops) are read by an automaton, `lookaround.py`.

The spelling is the caller's: the same pattern describes UTF-8 text (`utf8`) or the inside of a JSON string
(`json_chars`). Intersections and complements of spelled texts stay right because a spelling is a prefix code.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from fcgen.grammar.characters import ANY, CharSet, utf8
from fcgen.grammar.ecma import parse_pattern
from fcgen.grammar.expr import (
    ALL_BYTES,
    ANY_BYTES,
    EMPTY,
    NOTHING,
    alt,
    alt_of,
    both,
    byte_set,
    complement,
    repeat,
    seq,
)
from fcgen.grammar.lookaround import with_lookarounds
from fcgen.grammar.pattern import (
    BEGIN,
    END,
    MAX_UNSETTLED,
    NIL,
    TEXT,
    Anchor,
    Chain,
    Chars,
    Choice,
    Look,
    Loop,
    Node,
    Where,
    chain,
    choice,
    loop,
    structural,
)
from fcgen.grammar.terms import Expr

Spell = Callable[[CharSet], Expr]
MAX_ALTERNATIVES = 8


def read_pattern(pattern: str, spell: Spell = utf8, search: bool = False) -> Expr:  # noqa: FBT001, FBT002
    """The language of the texts that match an ECMA-262 pattern.

    Args:
        pattern: the text of the pattern, without delimiters and flags.
        spell: the term of one character out of a set. No character's spelling may begin another's.
        search: a text matches if any part of it does, as JSON Schema says; otherwise the whole text must match.

    Raises:
        PatternError: the pattern is malformed, not regular, not supported, or over a limit.
        GrammarTooLarge: its lookarounds or word boundaries lead to too many states.
    """
    return _read(pattern, spell, search)


def alternatives(pattern: str, spell: Spell, search: bool) -> list[Expr]:  # noqa: FBT001
    """The same as `read_pattern`, as terms of which a text is of one; for a spelling that is used once."""
    tree = parse_pattern(pattern)
    parts = tree.parts if isinstance(tree, Choice) and len(tree.parts) <= MAX_ALTERNATIVES else (tree,)
    return [_language(part, spell, search=search) for part in parts]


@lru_cache(maxsize=512)
def _read(pattern: str, spell: Spell, search: bool) -> Expr:  # noqa: FBT001
    tree = parse_pattern(pattern)
    return _language(tree, spell, search=search)


def _language(tree: Node, spell: Spell, *, search: bool) -> Expr:
    whole = _anywhere(tree) if search else chain([tree], whole=True)
    if structural(whole):
        return _Builder(spell).text(whole)
    looks = _leading(tree)
    if looks:
        assert isinstance(tree, Chain)
        seen = [_language(chain([BEGIN, look.inner]), spell, search=True) for look in looks]
        rest = _language(chain([BEGIN, *tree.parts[1 + len(looks) :]]), spell, search=search)
        return both(rest, *(complement(s) if look.negated else s for look, s in zip(looks, seen, strict=True)))
    return with_lookarounds(chain([TEXT, tree] if search else [tree, END]), spell)


def _leading(tree: Node) -> list[Look]:
    """The lookaheads at the beginning of the text: an intersection with them has fewer states than an automaton."""
    parts = tree.parts if isinstance(tree, Chain) and tree.parts[:1] == (BEGIN,) else ()
    behind_begin = itertools.takewhile(lambda part: isinstance(part, Look) and part.ahead, parts[1:])
    return [part for part in itertools.islice(behind_begin, MAX_UNSETTLED) if isinstance(part, Look)]


def _anywhere(node: Node) -> Node:
    """`node` at any place of a text."""
    if isinstance(node, Choice) and not node.plain:
        return choice(map(_anywhere, node.parts))
    return chain([TEXT, _beside_text(node), TEXT], whole=True)


def _beside_text(node: Node) -> Node:
    """The same beside any text, where what may be empty adds nothing, nor does a loop that turns more than it must."""
    match node:
        case Chain(parts=parts) if parts:
            shorter = NIL
            gone = 0
            while shorter is NIL and gone < len(parts) and parts[gone].plain:
                shorter = _beside_text(parts[gone])
                gone += 1
            return chain([shorter, *parts[gone:]])
        case Loop(inner=inner, low=low) if not node.empty:
            return loop(inner, low, low)
        case _:
            return NIL if node.empty else node


class _Rest(NamedTuple):
    """What may follow up to the end of the text: where the text has only just begun, and everywhere else."""

    begun: Expr
    later: Expr


_END = _Rest(EMPTY, EMPTY)
_ANYTHING = _Rest(ANY_BYTES, ANY_BYTES)
_SOME_BYTES = seq(byte_set(ALL_BYTES), ANY_BYTES)


class _Builder:
    def __init__(self, spell: Spell) -> None:
        self.spell = spell
        self.any_text = repeat(spell(ANY))

    def text(self, node: Node) -> Expr:
        """The texts that are `node` from beginning to end."""
        return self.before(node, _END).begun

    def plain(self, node: Node) -> Expr:
        match node:
            case Chars(chars=chars):
                return self.spell(chars) if chars else NOTHING
            case Chain(parts=parts):
                return seq(*[self.plain(part) for part in parts])
            case Choice(parts=parts):
                return alt_of([self.plain(part) for part in parts])
            case Loop(inner=inner, low=low, high=high):
                return repeat(self.plain(inner), low, high)
            case Where(inner=inner, test=test, ahead=ahead, negated=negated):
                found = self.plain(test)
                seen = seq(found, ANY_BYTES) if ahead else seq(self.any_text, found)
                return both(self.plain(inner), complement(seen) if negated else seen)
        raise AssertionError(node)

    def before(self, node: Node, rest: _Rest) -> _Rest:
        """`node`, then `rest`."""
        match node:
            case Chain(parts=parts):
                for is_chars, run in itertools.groupby(reversed(parts), lambda part: isinstance(part, Chars)):
                    for part in [chain(list(run)[::-1])] if is_chars else run:  # a long text is one literal
                        rest = self.plain_before(part, rest) if is_chars else self.before(part, rest)
                return rest
            case _ if node.plain:
                return self.plain_before(node, rest)
            case Choice(parts=parts):
                ways = [self.before(part, rest) for part in parts]
                return _Rest(self.either([way.begun for way in ways]), self.either([way.later for way in ways]))
            case Anchor(end=False):
                return _Rest(rest.begun, NOTHING)
            case Anchor():
                return _Rest(*(EMPTY if way.can_stop else NOTHING for way in rest))
            case Look(inner=inner, negated=negated):
                seen = self.before(inner, _ANYTHING)
                return _Rest(*(both(r, complement(s) if negated else s) for r, s in zip(rest, seen, strict=True)))
        raise AssertionError(node)

    def plain_before(self, node: Node, rest: _Rest) -> _Rest:
        begun, later = rest
        if begun is later and later in (self.any_text, ANY_BYTES):
            node = _beside_text(node)
        term = self.plain(node)
        whole = seq(term, later)
        if begun is later or not term.can_stop:
            return _Rest(whole, whole)
        return _Rest(alt(begun, seq(self.some(node), later)), whole)

    def either(self, ways: list[Expr]) -> Expr:
        return self.any_text if self.any_text in ways else alt_of(ways)

    def some(self, node: Node) -> Expr:
        """What `node` matches but for the empty string."""
        if isinstance(node, Loop) and not node.inner.empty:
            return repeat(self.plain(node.inner), 1, node.high)
        return both(self.plain(node), _SOME_BYTES)
