"""Judge finished texts by an ECMA-262 pattern: `search(pattern)(text)`.

The tree that the grammar is built from (`ecma.py`, `pattern.py`) is run over all places of a text at once: a set of
places is an integer whose bit i is the place before character i, and each node maps the set where it may begin to the
set where it may end. A lookbehind holds where such a set ends; for a lookahead the same is done from the right. There
is no backtracking, so no pattern takes exponential time, and none needs an automaton; a loop over one character is one
addition (Cameron et al., Bitwise data parallelism in regular expression matching, 2014).

Work is counted and bounded: a loop over a long text whose inner part is more than a character takes a step a turn.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from fcgen.errors import GrammarTooLarge
from fcgen.grammar.characters import CharSet
from fcgen.grammar.ecma import check_kind, parse_pattern
from fcgen.grammar.pattern import Anchor, Chain, Chars, Choice, Look, Loop, Node, Where

MAX_WORK = 3_000_000
_PLACES_A_STEP = 16_384  # an integer of so many bits is combined about as fast as a step of Python
_CHARS_A_STEP = 16
_LONG = 5_000


def search(pattern: str) -> Callable[[str], bool]:
    """Return the test whether an ECMA-262 pattern matches any part of a text, as JSON Schema's `pattern` demands.

    Raises PatternError: the pattern is malformed, not regular, not supported, or over a limit.
    The test raises GrammarTooLarge: the pattern takes too many steps on this text.
    """
    check_kind(pattern)
    return (_search if len(pattern) <= _LONG else _search_long)(pattern)


def _searcher(pattern: str) -> Callable[[str], bool]:
    tree = parse_pattern(pattern)

    def matches(text: str) -> bool:
        return _Match(text).found(tree)

    return matches


_search = lru_cache(maxsize=512)(_searcher)
_search_long = lru_cache(maxsize=8)(_searcher)  # a tree takes some 100 bytes a character


class _Match:
    """One text on which patterns are run."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.everywhere = (2 << len(text)) - 1
        self.cost = 1 + len(text) // _PLACES_A_STEP
        self.work = 0
        self.chars = set(text)
        self.masks: dict[int, int] = {}
        self.looks: dict[tuple[Node, bool], int] = {}

    def found(self, tree: Node) -> bool:
        """Whether the pattern matches anywhere."""
        return self.ends(tree, self.everywhere) != 0

    def ends(self, node: Node, at: int, *, back: bool = False) -> int:
        """The places where `node` may end if it begins at one of `at`; `back`: where it may begin if it ends there."""
        self.count(self.cost)
        match node:
            case Chars(chars=chars):
                mask = self.mask(chars)
                return at >> 1 & mask if back else (at & mask) << 1
            case Chain(parts=parts):
                for part in reversed(parts) if back else parts:
                    at = self.ends(part, at, back=back) if at else 0
                return at
            case Choice(parts=parts):
                found = 0
                for part in parts:
                    found |= self.ends(part, at, back=back)
                return found
            case Loop():
                return self.loop(node, at, back=back)
            case Anchor(end=end):
                return at & (1 << len(self.text) if end else 1)
            case Look(inner=inner, ahead=ahead, negated=negated):
                return self.where(at, inner, ahead=ahead, negated=negated)
            case Where(inner=inner, test=test, ahead=ahead, negated=negated):
                if ahead != back:
                    return self.ends(inner, self.where(at, test, ahead=ahead, negated=negated), back=back)
                return self.where(self.ends(inner, at, back=back), test, ahead=ahead, negated=negated)
        raise AssertionError(node)

    def where(self, at: int, test: Node, *, ahead: bool, negated: bool) -> int:
        """The places of `at` where `test` matches (`negated`: does not match) what follows, or what goes before."""
        holds = self.looks.get((test, ahead))
        if holds is None:
            holds = self.looks[test, ahead] = self.ends(test, self.everywhere, back=ahead)
        return at & ~holds if negated else at & holds

    def loop(self, node: Loop, at: int, *, back: bool) -> int:
        for _ in range(node.low):
            before, at = at, self.ends(node.inner, at, back=back)
            if at in (0, before):
                break
        if node.high is None and isinstance(node.inner, Chars):
            return self.run(node.inner.chars, at, back=back)
        found = ahead = at
        turns = len(self.text) if node.high is None else min(node.high - node.low, len(self.text))
        while ahead and turns:
            ahead = self.ends(node.inner, ahead, back=back) & ~found
            found |= ahead
            turns -= 1
        return found

    def run(self, chars: CharSet, at: int, *, back: bool) -> int:
        """The places that are reached from `at` over characters of a set alone: a carry runs through them."""
        self.count(4 * self.cost)
        mask, size = self.mask(chars), len(self.text)
        if back:
            mask, at = _reversed(mask, size), _reversed(at, size + 1)
        found = ((at & mask) + mask ^ mask) | at
        return _reversed(found, size + 1) if back else found

    def mask(self, chars: CharSet) -> int:
        """The places before the characters of a set."""
        mask = self.masks.get(id(chars))  # the tree keeps the set alive, and its id its own
        if mask is None:
            self.count(1 + len(self.text) // _CHARS_A_STEP)
            within = {char for char in self.chars if chars.contains(char)}
            bits = "".join(["1" if char in within else "0" for char in reversed(self.text)])
            mask = self.masks[id(chars)] = int(bits or "0", 2)
        return mask

    def count(self, steps: int) -> None:
        self.work += steps
        if self.work > MAX_WORK:
            raise GrammarTooLarge(
                "judging a text by a pattern takes too many steps",
                limit=MAX_WORK,
                given=self.work,
                hint="Lower the counts of its quantifiers, or give a shorter text.",
            )


def _reversed(bits: int, size: int) -> int:
    return int(f"{bits:0{size}b}"[::-1], 2) if size else 0
