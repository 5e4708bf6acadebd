from enum import Enum
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

DEAD: Final[int]
OPAQUE_NEXT: Final[int]
INFINITE: Final[int]
ENDLESS: Final[int]
OPEN: Final[int]
BOTTOM: Final[int]
ROOT: Final[int]
BYTE_CLASSES: Final[bytes]
version: Final[str]
build: Final[str]

_Ints: TypeAlias = NDArray[np.int32]

class Trie:
    """A trie of the tokens' bytes, its n nodes in preorder. The root is no node, and stands as ROOT. Immutable."""

    def __init__(self, data: bytes, bounds: _Ints, last: _Ints, order: _Ints) -> None:
        """Build the trie of tokens: the bytes of token t are data[bounds[t]:bounds[t + 1]]; empty ones are left out.

        Where several tokens have the same bytes, the lower id goes first, but those in `last` go last. `order` are
        tokens in the order of their bytes, as far as that is known: the trie is the same without it, and takes longer.
        Raises ValueError for strings of over 65,535 bytes, or outside of `data`.
        """

    @property
    def size(self) -> int:
        """The number of nodes."""
    @property
    def height(self) -> int:
        """The length of the longest string."""
    @property
    def memory(self) -> int:
        """The memory that it takes."""
    @property
    def byte(self) -> NDArray[np.uint8]:
        """[n], the byte that leads to the node from its parent."""
    @property
    def depth(self) -> NDArray[np.uint16]:
        """[n], the number of bytes before that byte."""
    @property
    def end(self) -> _Ints:
        """[n], the first node after the subtree of the node, so its children are i + 1, end[i + 1], ..."""
    @property
    def reach(self) -> NDArray[np.uint16]:
        """[n], how many bytes the longest path below has."""
    @property
    def classes(self) -> NDArray[np.uint64]:
        """[n], the classes of the bytes below (`byte_classes.hpp`), as bits."""
    @property
    def token_start(self) -> _Ints:
        """[n + 1]; the tokens that end at node i are tokens[token_start[i]:token_start[i + 1]]."""
    @property
    def tokens(self) -> _Ints:
        """All tokens along the preorder; at one node, the preferred token is the first."""
    def child(self, node: int, byte: int) -> int:
        """Return the node that a byte leads to, or -1."""
    def children(self, node: int) -> list[int]:
        """Return the nodes one byte below."""
    def tokens_at(self, node: int) -> _Ints:
        """Return the tokens that end at a node, the preferred one first."""
    def path(self, node: int) -> bytes:
        """Return the bytes that lead to a node."""
    def longest(self, text: bytes) -> int | None:
        """Return the preferred among the longest tokens that a text begins with."""
    def may_share(self, text: bytes, size: int) -> bool:
        """Tell whether so many bytes may stand side by side both in a text and in a string. False is sure."""
    def below(self, exits: _Ints) -> Trie | None:
        """Merge what is left of the strings below some nodes, given in order; None: nothing is."""

class Kind(Enum):
    """The kinds of states; see `fcgen.grammar.automaton`."""

    UNEXPANDED = ...
    TABLE = ...
    LITERAL = ...
    CALL = ...
    CHOICE = ...
    END = ...
    OPAQUE = ...
    OVERLAY = ...

class Growth:
    """How much one grammar may add to an automaton, and how much work each addition may take."""

    used: int
    def __init__(self, max_states: int, max_steps: int) -> None: ...
    @property
    def limit(self) -> int: ...
    @property
    def max_steps(self) -> int: ...

class Automaton:
    """States, the stacks behind them, and the configurations of texts.

    A subclass has `expand(state)`, which makes a state one of the kinds, and `skip(state, stack, text)`, which steps
    from an abstracted state, and gives the state and the number of bytes it took. Methods raise IndexError for states,
    stacks and configurations that there are not, and GrammarTooLarge beyond the limit of `growth`.
    """

    growth: Growth
    def __init__(self) -> None: ...
    @property
    def size(self) -> int:
        """How many states, stacks and configurations of several threads there are, by what they take."""
    @property
    def count(self) -> int:
        """How many states there are."""
    def add(self, count: int, is_light: bool = False) -> int:
        """Add states that are not expanded; give the first. Light ones weigh a sixteenth."""
    def describe(self, state: int, stops: bool, min_length: int) -> None:
        """Set whether a state's text may end there, and the fewest bytes to an end of it."""
    def make_end(self, state: int) -> None: ...
    def make_opaque(self, state: int) -> None: ...
    def make_call(self, state: int, called: int, waiting: int) -> None:
        """Expand a state as another one, with `waiting` on the stack (DEAD: nothing)."""
    def make_choice(self, state: int, parts: list[int]) -> None: ...
    def make_literals(self, state: int, text: bytes, end: int) -> None:
        """Expand a state, and those that are added within a text, up to `end`."""
    def make_literal(self, state: int, byte: int, then: int) -> None: ...
    def make_table(self, state: int, arcs: list[tuple[bytes, int]]) -> None:
        """Expand a state by disjoint sets of bytes (256 bits each) and the state after each, or OPAQUE_NEXT."""
    def make_overlay(self, state: int, other: int, own: list[int]) -> None:
        """Expand a state as one with a table, but for its own bytes; `own` has these and their next states in turn."""
    def add_text(self, text: SuffixAutomaton, tail: bytes, end: int, after_close: int) -> int:
        """Add the states of all parts of a text, each followed by `tail`; give the first.

        It is the one where a part begins; the next is the same where there must be a character, then come the other
        states of the suffix automaton. `end` is the state of the tail, `after_close` that after its first byte.
        """
    def set_run(self, state: int, run: int, loops: int) -> None:
        """Set how many bytes of some classes (as bits) lead back to a state, or to states like it."""
    def set_abstracted(self, state: int, extra_depth: int) -> None:
        """Let a text be stepped by `skip` from a state, which counts as so many more stack nodes."""
    def loops(self, state: int, home: int) -> int:
        """Return the classes of which all bytes lead from a state with a table to `home`, as bits."""
    def kind(self, state: int) -> Kind: ...
    def stops(self, state: int) -> bool: ...
    def length_of(self, state: int) -> int:
        """Return the fewest bytes to an end of a state's own text."""
    def run_of(self, state: int) -> tuple[int, int]:
        """Return what `set_run` has set."""
    def literal(self, state: int) -> tuple[int, int]:
        """Return the byte of a literal, and the next state."""
    def next(self, state: int, byte: int) -> int:
        """Return the state after a byte from one that is expanded, DEAD or OPAQUE_NEXT."""
    def push(self, state: int, below: int) -> int:
        """Return the stack of a state on top of another stack."""
    def popped(self, stack: int) -> list[int]:
        """Return the threads that wait on a stack."""
    def threads(self, configuration: int) -> list[int]:
        """Return the threads of a configuration."""
    def configuration_of(self, threads: list[int]) -> int:
        """Return the configuration of a text that is at all of these threads."""
    def can_stop(self, configuration: int) -> bool:
        """Tell whether the text may end."""
    def min_length(self, configuration: int) -> int:
        """Return the fewest bytes to an end, or somewhat more; INFINITE or more: unknown."""
    def depth(self, configuration: int) -> int:
        """Return how many states wait behind the deepest thread, or would without what is abstracted."""
    def step(self, configuration: int, text: bytes) -> int:
        """Return the configuration after a text, or DEAD. Raises GrammarTooLarge where it is too ambiguous."""
    def entered(self, configuration: int) -> list[int]:
        """Return the threads that a walk is at: no calls, no choices, nothing that has ended."""
    def ended(self, configuration: int) -> list[int]:
        """Return these, and what waits where they may end."""
    def next_bytes(self, configuration: int) -> list[int] | None:
        """Return the bytes that may come next, in order; None: that depends on what was written."""
    def nearer(self, thread: int, writable: bytes) -> tuple[int, int] | None:
        """Return the configuration after the first byte of the shortest text, and that byte; None: it is not known.

        Args:
            thread: one that `entered` gives, whose state's text cannot end.
            writable: the bytes that can be written, as 256 bits.
        """

class ConfigurationMask:
    """The tokens that may come next."""

    @property
    def key(self) -> bytes:
        """Equal where the tokens are."""
    @property
    def max_length_left(self) -> int:
        """No more bytes are missing to an end of the text after any of the tokens."""
    def write(self, row: NDArray[np.uint32]) -> None:
        """Write the tokens as bits: token t is bit t & 31 of word t >> 5. Raises IndexError for too short a row."""

class MaskCache:
    """The masks of an automaton's states over a vocabulary, kept up to 128 MiB."""

    def __init__(self, automaton: Automaton, trie: Trie, words: int) -> None:
        """Raises ValueError where masks of so many words are too short for the tokens."""
    def mask(self, configuration: int) -> ConfigurationMask: ...
    def ends(self, configuration: int) -> dict[int, _Ints]:
        """Return the configurations that tokens lead to, each with the nodes of the trie at which these end."""

class SuffixAutomaton:
    """The smallest automaton of which each way from the root, state 0, spells a part of a text."""

    @property
    def edges(self) -> _Ints:
        """[n + 1]; the edges of state s are those from edges[s] up to edges[s + 1]."""
    @property
    def symbols(self) -> _Ints:
        """Of each edge its symbol."""
    @property
    def targets(self) -> _Ints:
        """Of each edge the next state."""
    @property
    def ends(self) -> NDArray[np.uint8]:
        """Whether a character ends where the state is."""
    @property
    def longest(self) -> _Ints:
        """How many characters can still end."""
    @property
    def nearest(self) -> _Ints:
        """How much is needed until the next character ends, by the weights of symbols."""
    @property
    def places(self) -> _Ints:
        """Where in the text one of the parts that lead to the state ends, after which `longest` can still end."""
    @property
    def size(self) -> int:
        """The memory that it takes."""

def suffix_automaton(
    text: _Ints, ends: NDArray[np.uint8], begins: NDArray[np.uint8], weights: _Ints
) -> SuffixAutomaton:
    """Build the suffix automaton of symbols; a negative one is a break, which no part reaches across.

    Args:
        text: the symbols.
        ends: whether a character ends with the symbol there.
        begins: of each symbol, whether a part may begin with it.
        weights: of each symbol, what it counts.
    """

def clear(tokens: _Ints, row: NDArray[np.uint32]) -> None:
    """Take tokens out of a mask."""

def put_at(trie: Trie, nodes: _Ints, row: NDArray[np.uint32]) -> None:
    """Set in a mask the tokens that end at some nodes."""
