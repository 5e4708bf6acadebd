"""The substrings of a text as terms: each term is a state of the text's suffix automaton, with a length in characters.

A character is spelled by a term. Where that is a literal, as in canonical JSON, each of its bytes is a symbol of the
automaton (those after the first are other symbols than the same byte at the beginning, so that no substring begins
within a character); any other term is a symbol of its own. What cannot be spelled breaks the text in parts.

A length that the text cannot exceed is no bound, so that most terms have none. The automata are kept for the texts used
last, since terms live longer than that in all sorts of memories; another one is built once more when it is asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache, partial
from weakref import WeakValueDictionary, ref

import numpy as np
from numpy.typing import NDArray

from fcgen.core import SuffixAutomaton, substring, suffix_automaton
from fcgen.errors import GrammarTooLarge
from fcgen.grammar.arcs import derived
from fcgen.grammar.characters import CharSet
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.expr import EMPTY, NOTHING, literal, weigh
from fcgen.grammar.terms import Expr, Literal, Substring

MAX_SYMBOLS = 1_500_000
MAX_KEPT = 64 << 20
_MOST_OPEN = 50  # so many substrings at a place are followed, on the average
_WITHIN = 256  # is added to a byte within a character
_TERMS = 512  # and from here on symbols stand for terms


class Substrings:
    """The substrings of a text, the empty one included, as they are spelled.

    Args:
        text: the text.
        spelling: of each of its characters, by code point, the term that spells it. No spelling of one begins another
            one's. A character that nothing spells breaks the text in parts.

    Attributes:
        bytes_used: the bytes of all literal spellings, as bits.
        first_bytes: those that they begin with.
        others: the spellings that are not literal.

    Raises:
        GrammarTooLarge: the spelled text has more than MAX_SYMBOLS symbols.
    """

    __slots__ = (
        "__weakref__",
        "_automaton",
        "_spelling",
        "_symbols",
        "_terms",
        "_text",
        "_within",
        "bytes_used",
        "first_bytes",
        "others",
    )

    def __init__(self, text: str, spelling: Callable[[int], Expr]) -> None:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        used, which = np.unique(codes, return_inverse=True)
        self._text = text
        self._spelling = {code: spelling(code) for code in used.tolist()}
        self._terms: WeakValueDictionary[tuple[int, int, int | None], Substring] = WeakValueDictionary()
        self._within: dict[int, Substrings] = {}
        self._automaton: _Read | None = None
        self.bytes_used = self.first_bytes = 0
        self.others: list[Expr] = []
        spelled = [self._symbols_of(term) for term in self._spelling.values()]
        sizes = np.array([len(symbols) for symbols in spelled], np.int64)[which]
        count = int(sizes.sum())
        if count > MAX_SYMBOLS:
            raise GrammarTooLarge(
                "the document is too long, in bytes as JSON spells it",
                limit=MAX_SYMBOLS,
                given=count,
                hint="Cut it in parts.",
            )
        table = np.array([symbol for symbols in spelled for symbol in symbols], np.int32)
        firsts = np.cumsum([0, *map(len, spelled)])[:-1][which]
        stops = np.cumsum(sizes)
        ends = np.zeros(count, np.bool_)
        ends[stops - 1] = True
        self._symbols = table[np.arange(count) + np.repeat(firsts - stops + sizes, sizes)], ends
        weigh(count)

    def _symbols_of(self, term: Expr) -> list[int]:
        if type(term) is Literal:
            self.first_bytes |= 1 << term.data[0]
            for byte in term.data:
                self.bytes_used |= 1 << byte
            return [term.data[0], *(byte + _WITHIN for byte in term.data[1:])]
        if fewest(term) == INFINITE:
            return [-1]
        self.others.append(term)
        return [_TERMS + len(self.others) - 1]

    @property
    def data(self) -> bytes | None:
        """The bytes of the text, any byte for a break; None where they are not literal."""
        return None if self.others else self._symbols[0].astype(np.uint8).tobytes()

    @property
    def size(self) -> int:
        """How many symbols the text has."""
        return len(self._symbols[0])

    @property
    def automaton(self) -> SuffixAutomaton:
        """The suffix automaton, whose states are those of terms."""
        return self._read().automaton

    def restricted(self, alphabet: int, restrict: Callable[[Expr], Expr]) -> Substrings:
        """What is left of them where a character is spelled as `restrict` leaves it, within the bytes of `alphabet`."""
        found = self._within.get(alphabet)
        if found is None:
            spelling = {code: restrict(term) for code, term in self._spelling.items()}
            if spelling == self._spelling:
                return self
            found = self._within[alphabet] = Substrings(self._text, spelling.__getitem__)
        return found

    def term(self, state: int = 0, least: int = 0, most: int | None = None) -> Expr:
        """What is left at a state: of `least` to `most` more characters, the one that the state is within included."""
        read = self._read()
        longest = read.longest[state]
        if least > longest or (most is not None and most < least):
            return NOTHING
        if most is not None and most >= longest:
            most = None
        if not read.ends[state]:  # the character that it is within comes to its end in any case
            least = 0 if least == 1 else least
        elif longest == 0 or most == 0:
            return EMPTY
        key = (state, least, most)
        found = self._terms.get(key)
        if found is None:
            found = substring(self, state, least, most, read.need(state, least))
            self._terms[key] = found
        return found

    def ways(self, e: Substring) -> list[tuple[Expr, Expr]]:
        """What can come next at a term, each with what is left after it."""
        read = self._read()
        found = []
        for edge in range(read.edges[e.state], read.edges[e.state + 1]):
            symbol = read.symbols[edge]
            first = self.others[symbol - _TERMS] if symbol >= _TERMS else literal(bytes([symbol % _WITHIN]))
            then = self.term(*read.after(read.targets[edge], e.least, e.most))
            if then is not NOTHING:
                found.append((first, then))
        return found

    def skip(self, e: Substring, data: bytes) -> tuple[Expr, int]:
        """What is left after as many bytes of `data` as are the beginning of a substring, and how many these are."""
        read = self._read()
        state, least, most = e.state, e.least, e.most
        count = 0
        while count < len(data) and (most != 0 or not read.ends[state]):
            then = read.step(state, data[count])
            if then < 0:
                break
            state, least, most = read.after(then, least, most)
            count += 1
        return self.term(state, least, most), count

    def may_meet(self, e: Expr, least: int, most: int | None) -> bool:
        """Whether a substring of so many characters may be a text of `e`. If not, that is sure.

        All substrings are followed at once, place by place; of those that `e` takes alike the shortest and the longest
        are known. So it takes time with the length of the text, where searching a meet of terms takes it with all the
        lengths of its substrings.
        """
        if self.others or (least == 0 and e.can_stop):
            return True
        known: dict[tuple[Expr, int], Expr] = {}
        open_: dict[Expr, tuple[int, int]] = {}  # what is left of `e`, and how many characters were before
        count, work = 0, 0
        for symbol, is_end in zip(self._symbols[0].tolist(), self._symbols[1].tolist(), strict=True):
            if 0 <= symbol < _WITHIN:
                open_[e] = (open_[e][0] if e in open_ else count, count)
            byte = symbol % _WITHIN
            after: dict[Expr, tuple[int, int]] = {}
            for term, (first, last) in open_.items() if symbol >= 0 else ():
                then = known.get((term, byte))
                if then is None:
                    then = known[term, byte] = derived(term, byte)
                if then is not NOTHING:
                    others = after.get(then, (first, last))
                    after[then] = min(first, others[0]), max(last, others[1])
            open_ = after
            count += is_end
            for term, (first, last) in after.items() if is_end else ():
                if term.can_stop and count - first >= least and (most is None or count - last <= most):
                    return True
            work += len(after)
            if work > _MOST_OPEN * self.size:
                return True
        return False

    def _read(self) -> _Read:
        found = self._automaton
        return self._build() if found is None else found

    def _build(self) -> _Read:
        symbols, ends = self._symbols
        weights = np.array([1] * _TERMS + [int(fewest(term)) for term in self.others], np.int32)
        begins = np.ones(len(weights), np.uint8)
        begins[_WITHIN:_TERMS] = 0
        built = _Read(suffix_automaton(symbols, ends.view(np.uint8), begins, weights), symbols, ends, weights)
        with _keeping:
            self._automaton = built
            _kept.append((ref(self), built.automaton.size))
            if sum(size for _, size in _kept) > MAX_KEPT:
                _kept[:] = [(owner, size) for owner, size in _kept if owner() is not None]
            while len(_kept) > 1 and sum(size for _, size in _kept) > MAX_KEPT:
                oldest = _kept.pop(0)[0]()
                if oldest is not None:
                    oldest._automaton = None  # noqa: SLF001  one of its kind
        return built


_keeping = threading.Lock()
_kept: list[tuple[ref[Substrings], int]] = []


def substrings(text: str, spell: Callable[[CharSet], Expr]) -> Substrings:
    """The substrings of `text`, where `spell` gives the term of one character of a set. Raises GrammarTooLarge."""
    return Substrings(text, partial(_spelled, spell))


@lru_cache(maxsize=4096)
def _spelled(spell: Callable[[CharSet], Expr], code: int) -> Expr:
    return spell(CharSet.of(code))


class _Read:
    """An automaton as Python reads it one by one."""

    __slots__ = ("_ends", "_text", "_weights", "automaton", "edges", "ends", "longest", "nearest", "symbols", "targets")

    def __init__(
        self, automaton: SuffixAutomaton, text: NDArray[np.int32], ends: NDArray[np.bool_], weights: NDArray[np.int32]
    ) -> None:
        self.automaton = automaton
        self._text, self._ends, self._weights = text, ends, weights
        self.edges, self.symbols, self.targets = automaton.edges.data, automaton.symbols.data, automaton.targets.data
        self.ends, self.longest, self.nearest = automaton.ends.data, automaton.longest.data, automaton.nearest.data

    def step(self, state: int, byte: int) -> int:
        """The state after a byte that is a symbol, or -1."""
        for edge in range(self.edges[state], self.edges[state + 1]):
            if self.symbols[edge] % _WITHIN == byte and self.symbols[edge] < _TERMS:
                return self.targets[edge]
        return -1

    def after(self, state: int, least: int, most: int | None) -> tuple[int, int, int | None]:
        """A state that is just reached, and how many more characters there may be if there were so many before."""
        if not self.ends[state]:
            return state, least, most
        return state, max(0, least - 1), None if most is None else most - 1

    def need(self, state: int, least: int) -> int:
        """The fewest bytes that bring `least` more characters to an end; beyond one, those of a place in the text."""
        if least == 0:
            return 0 if self.ends[state] else self.nearest[state]
        if least == 1:
            return self.nearest[state]
        place = int(self.automaton.places[state]) + 1
        end = int(np.flatnonzero(self._ends[place:])[least - 1]) + 1
        return int(self._weights[self._text[place : place + end]].sum())
