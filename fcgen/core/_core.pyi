from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from fcgen.errors import FcgenError
from fcgen.grammar.terms import CountedAutomaton, Names, Scope, Substrings

DEAD: Final[int]
OPAQUE_NEXT: Final[int]
INFINITE: Final[int]
ENDLESS: Final[int]
OPEN: Final[int]
BOTTOM: Final[int]
ROOT: Final[int]
STOPPED: Final[int]
BYTE_CLASSES: Final[bytes]
version: Final[str]
build: Final[str]
NOTHING: Final[Expr]
EMPTY: Final[Expr]
ANY_BYTES: Final[Expr]

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

class Expr:
    """A byte language. Compare by identity: equal terms are one object, as long as something refers to it.

    What is not regular, or built when it is walked, refers to Python's objects, which must not depend on what was asked
    before.
    """

    @property
    def can_stop(self) -> bool:
        """Whether it accepts the empty string."""
    @property
    def fewest_memo(self) -> float | None:
        """What `fewest` is; None: not known yet."""
    @fewest_memo.setter
    def fewest_memo(self, need: float | None) -> None: ...

class Nothing(Expr):
    """The language without a string."""

class Empty(Expr):
    """The language of the empty string alone."""

class Literal(Expr):
    """One string of at least one byte."""

    @property
    def data(self) -> bytes: ...

class ByteSet(Expr):
    """One byte out of a set of at least two, the bits of `members`."""

    @property
    def members(self) -> int: ...

class Seq(Expr):
    """`head`, then `tail`. The head is never a Seq; a literal is never followed by a literal."""

    @property
    def head(self) -> Expr: ...
    @property
    def tail(self) -> Expr: ...

class Alt(Expr):
    """Any of at least two parts, none of which is an Alt."""

    @property
    def parts(self) -> tuple[Expr, ...]: ...

class Repeat(Expr):
    """`inner`, at least `least` and at most `most` times (None: no limit)."""

    @property
    def inner(self) -> Expr: ...
    @property
    def least(self) -> int: ...
    @property
    def most(self) -> int | None: ...

class Both(Expr):
    """What all of at least two parts accept."""

    @property
    def parts(self) -> tuple[Expr, ...]: ...

class Complement(Expr):
    """Every byte string that `inner` does not accept."""

    @property
    def inner(self) -> Expr: ...

class Reference(Expr):
    """What `scope[name]` is, looked up when it is walked: recursion."""

    @property
    def scope(self) -> Scope: ...
    @property
    def name(self) -> Hashable: ...

class Deferred(Expr):
    """A term that is built when it is walked; until then `like` stands for it.

    Attributes:
        contents: what is known of it.
        members: the members of the object of which it is a place, if it is one.
    """

    @property
    def like(self) -> Expr: ...
    @property
    def contents(self) -> Contents: ...
    @property
    def members(self) -> Members | None: ...

class Apart(Expr):
    """`inner`, walked by itself: what follows is the same wherever it ends, and waits until then."""

    @property
    def inner(self) -> Expr: ...

class Unlike(Expr):
    """The texts of `plain` that are none of `names`, which are many strings at most, and never all that there are."""

    @property
    def plain(self) -> Expr: ...
    @property
    def names(self) -> frozenset[bytes]: ...

class Fork(Expr):
    """What is left of some names that begin alike, then what follows each. Their next bytes are not all the same.

    Attributes:
        table: the names.
        names: what says what follows them, if Python does.
        members: the members of the object whose names they are, if they are.
    """

    @property
    def table(self) -> NameTable: ...
    @property
    def names(self) -> Names | None: ...
    @property
    def members(self) -> Members | None: ...
    @property
    def ways(self) -> list[tuple[Expr, Expr]]:
        """What is left of each name, and what follows it."""

class Members(Expr):
    """The members of an object: no language of its own, but what places of the object refer to (`members`)."""

    @property
    def contents(self) -> Contents: ...

class Record(Expr):
    """What is left of a text of `names` after `written`, then what follows the whole of it.

    Attributes:
        sure: whether it is known that something can follow each text of `names`.
        after: the function that says what follows, if it is one of Python's.
        members: the members of the object of which it is a name, if it is one.
    """

    @property
    def names(self) -> Expr: ...
    @property
    def written(self) -> bytes: ...
    @property
    def after(self) -> Callable[[bytes], Expr] | None: ...
    @property
    def members(self) -> Members | None: ...
    @property
    def like(self) -> Expr: ...
    @property
    def sure(self) -> bool: ...
    @sure.setter
    def sure(self, is_sure: bool) -> None: ...

class Unknown(Expr):
    """A place where what follows depends on bytes that are not known."""

    @property
    def need(self) -> int: ...

class Substring(Expr):
    """What is left of a substring of a text, at a state of the text's automaton: so many more characters.

    The owner (`fcgen.grammar.substrings`) says what follows.
    """

    @property
    def owner(self) -> Substrings: ...
    @property
    def state(self) -> int: ...
    @property
    def least(self) -> int: ...
    @property
    def most(self) -> int | None: ...

class Counted(Expr):
    """What is left at a state of an automaton over characters after `count` of them.

    The owner (`fcgen.grammar.counted`) says what follows.
    """

    @property
    def owner(self) -> CountedAutomaton: ...
    @property
    def state(self) -> int: ...
    @property
    def count(self) -> int: ...

class DfaState(Expr):
    """What is left at a state of a finite automaton."""

    @property
    def owner(self) -> Dfa: ...
    @property
    def state(self) -> int: ...

def literal(data: bytes) -> Expr:
    """Build the language of one string."""

def byte_set(members: int) -> Expr:
    """Build the language of one byte: bit b of `members` says whether b is in the set."""

def seq(*parts: Expr) -> Expr:
    """Build one part after the other."""

def follow(first: Expr, rest: Expr) -> Expr:
    """Build `first`, and after it `rest`."""

def alt(*parts: Expr) -> Expr:
    """Build any of the parts. Literals that begin alike share their beginning: a thousand names become a tree."""

def alt_of(parts: Iterable[Expr]) -> Expr:
    """Build any of the parts, as `alt` does."""

def repeat(inner: Expr, least: int = 0, most: int | None = None) -> Expr:
    """Build `inner`, at least `least` and at most `most` times (None: no limit).

    No text has 2^50 parts, so that more are as many.
    """

def both(*parts: Expr) -> Expr:
    """Build what all parts accept. Meant for regular parts: recursive ones may have no end of states."""

def complement(inner: Expr) -> Expr:
    """Build every byte string that `inner` does not accept (valid UTF-8 or not)."""

def apart(inner: Expr) -> Expr:
    """Build the same language, kept apart from what follows it.

    An automaton walks it as it would walk it alone, and then goes on with what follows, so that it has the same states
    wherever it stands. Meant for what can be told from what follows: where a text may both go on and have ended with
    the same byte, each such place costs a state of its own.
    """

def unlike(plain: Expr, names: Iterable[bytes]) -> Expr:
    """Build the texts of `plain` that are none of `names`.

    A place in it goes on like the place of `plain` that it is at, except that the next byte of a name leads on in the
    tree of names, and that a whole name is no end: one byte after it has parted from the names it is `plain` itself.
    There must be texts of any length that are no names, so that it needs as few bytes as `plain`, or one where that is
    none.
    """

def unknown(need: int) -> Expr:
    """Build a place in the `like` of a recording where what follows depends on what was written.

    Args:
        need: at least as many bytes as `fewest` says of any term that can stand there, up to the end of that term.
    """

def reference(scope: Scope, name: Hashable, *, can_stop: bool = False, is_permanent: bool = False) -> Expr:
    """Build what `scope` defines under `name`.

    Args:
        can_stop: true of the definition.
        is_permanent: the scope lasts as long as the process, so that no garbage collection needs to know of it.
    """

def of_schema(schema: bytes, text: int, contents: Contents, need: float) -> Expr:
    """Build the values of a schema that is read when it is walked: what it holds, as `provide` knows to read it.

    Args:
        schema: see above.
        text: the number of how it is written.
        contents: what is known of the terms.
        need: the fewest bytes of a value.
    """

def deferred(
    build: Callable[[], Expr],
    like: Expr | Callable[[], Expr],
    contents: Contents,
    *,
    can_stop: bool | None = None,
    need: float | None = None,
) -> Expr:
    """Build a term that is built when it is walked: `fcgen.grammar.expr.deferred`."""

class Contents:
    """What is known of terms before they are built.

    Attributes:
        is_plain: whether no recording in them has names that are recorded themselves.
        leaves: terms such that all is ASCII but for what is in these; None: it is not known.
    """

    def __init__(self, *, is_plain: bool = False, is_ascii: bool = False) -> None: ...
    @property
    def is_plain(self) -> bool: ...
    @property
    def leaves(self) -> list[Expr] | None: ...
    def has_more(self) -> None:
        """Note that there will be terms of which nothing is known yet."""
    def has(self, leaf: Expr) -> None:
        """Note the texts of strings of which it is not known whether they are ASCII."""

class NameTable:
    """Names, sorted once, of which none begins another and none is empty."""

    @staticmethod
    def of(names: Iterable[bytes] | Iterable[Sequence[int]], symbol: Callable[[int], Expr] | None = None) -> NameTable:
        """Sort names.

        Args:
            names: each a row of bytes, or of numbers.
            symbol: how a number is spelled, differently from all others; None: they are bytes.
        """
    def changed(self, change: Callable[[Expr], Expr]) -> NameTable:
        """Build the same names with other spellings of their numbers."""
    def __len__(self) -> int: ...

def fork(table: NameTable, names: Names | None, chosen: int) -> Expr:
    """Build any of the names whose bits are set in `chosen`, then what follows it by `names`; None: nothing does."""

def refork(e: Expr, table: NameTable, following: Names | Members | None, alphabet: int) -> Expr:
    """Build a fork with something else after its names, and without those that need other bytes than these."""

def fork_need(e: Expr) -> float:
    """Return the fewest bytes that finish a fork."""

def members(
    table: NameTable,
    values: Sequence[Expr],
    required: Sequence[int],
    is_ordered: bool,
    around: tuple[Expr, Expr, Expr, Expr, Expr],
    groups: Sequence[tuple[Expr | None, Expr]],
    any_name: Expr,
    taken: Sequence[bytes],
    contents: Contents,
) -> Members:
    """Build the members that an object may have.

    Args:
        table: the names that are known one by one, with quotes.
        values: their values.
        required: those that must be there, by their indices.
        is_ordered: whether they come in their order, and before all others.
        around: what stands after the opening bracket, before the closing one, in empty brackets, as colon and as comma.
        groups: the other names, without quotes (None: any), each group with the values that they have.
        any_name: the texts of any names, without quotes.
        taken: the names that no other member may have, without quotes.
        contents: what is known of the terms.
    """

def object_of(members: Expr) -> Expr:
    """Build the texts of an object with these members. Each place is built when it is walked."""

def changed_members(members: Expr, change: Callable[[Expr], Expr], alphabet: int) -> Members:
    """Build the same members with other terms, and without the names that need other bytes than these."""

def place_in(e: Expr, members: Expr) -> Expr:
    """Build the place of `e` in the same members that were changed."""

def recorded_in(e: Expr, names: Expr, like: Expr, members: Expr, *, sure: bool = False) -> Expr:
    """Build the recording `e`, with these terms, in the same members that were changed."""

def after(e: Expr, written: bytes) -> Expr:
    """Return what follows the text of a recording."""

def recorded(names: Expr, written: bytes, after: Callable[[bytes], Expr], like: Expr, *, sure: bool = False) -> Expr:
    """Build what is left of a recording after `written`, if `names` is what is left of its names."""

def substring(owner: Substrings, state: int, least: int, most: int | None, need: float) -> Substring:
    """Build a Substring; `need`: the fewest bytes that finish it."""

def counted(owner: CountedAutomaton, state: int, count: int, need: float) -> Counted:
    """Build a Counted; `need`: the fewest bytes that finish it."""

class Dfa:
    """A finite automaton whose states are terms, with all arcs and distances known. Equal ones are one object.

    Attributes:
        size: how many states there are.
        sets: the byte sets on its arcs.
    """

    @staticmethod
    def of(table: Sequence[Sequence[tuple[int, int]]], accepting: Iterable[int]) -> Dfa:
        """Build an automaton.

        Args:
            table: for each state its arcs: sets of bytes, disjoint, each with the number of the next state.
            accepting: the states at which texts may end.
        """
    @property
    def size(self) -> int: ...
    @property
    def sets(self) -> list[int]: ...
    def table(self) -> tuple[list[list[tuple[int, int]]], frozenset[int]]:
        """Return each state's arcs, and the accepting states."""
    def term(self, state: int = 0) -> Expr:
        """Return the language that is left at a state."""

def determined(e: Expr, limit: int) -> tuple[list[list[tuple[int, int]]], frozenset[int]]:
    """Return the minimal finite automaton of a term: its table, of which state 0 is the first, and what accepts.

    Raises:
        GrammarTooLarge: it has more than `limit` states before equal ones are one.
        Recording: it is not regular.
    """

def determinize(e: Expr, *, limit: int = 20_000) -> Expr:
    """Build a term as a state of its minimal finite automaton, whose distances are known and not searched for.

    It pays for intersections and complements. Raises as `determined` does.
    """

def arcs(e: Expr) -> list[tuple[int, Expr]]:
    """Return the byte sets that can come first, disjoint, each with what is left after it.

    Raises:
        Recording: a recording (or an unknown place) is at the head of `e`; see `derived` and `generic`.
        GrammarError: a reference leads back to itself before any byte (left recursion).
    """

def derived(e: Expr, byte: int) -> Expr:
    """Return what is left of `e` after `byte`, which recordings at its head remember.

    Raises Recording where it is not known what is there.
    """

def skipped(e: Expr, data: bytes) -> tuple[Expr, int]:
    """Return what is left after as many bytes of `data` as can be taken in one go, and how many these are; 0: none.

    Before each of these bytes `e` is within a name that is remembered, or within a run, and may not end.
    """

def generic(e: Expr, leaves_out_dead: bool = False) -> Expr:
    """Return `e` without memory: each recording at its head as its names, then what they have in common that follows.

    `leaves_out_dead`: without recordings that cannot be finished, which what follows generally does not tell. The same
    object if there are none.
    """

def is_recording(e: Expr) -> bool:
    """Tell whether a recording or an unknown place is at the head of `e`."""

def recordings(e: Expr) -> int:
    """Count how many recordings, one in the other, are at the head of `e` at most."""

def fewest(e: Expr) -> float:
    """Return the fewest bytes that finish `e`; infinite if nothing does; BEYOND or more if only unknown places do.

    With recordings it may be more than the fewest, but some byte always leads to a term with a smaller number.
    """

def parts_of(e: Expr) -> tuple[Expr, ...]:
    """Return the terms that `e` is put together from, as its structure tells: not those of Both and Complement."""

def force(e: Expr) -> Expr:
    """Return what a deferred term is, built once, whichever thread is first."""

def living_terms() -> int:
    """Count the terms that there are."""

def keep_terms(most: int) -> int:
    """Set how many terms are kept for a while though nothing may refer to them, and return how many were.

    What follows a term, which is kept with it, counts too. Where there are more, all are dropped.
    """

def spend(steps: int = 1) -> None:
    """Count some steps of work. Raises OutOfSteps where they are more than this thread may take."""

def fuel() -> tuple[int, int]:
    """Return how many steps this thread may still take, and how many it may take in all."""

def set_fuel(left: int, limit: int) -> None:
    """Set what `fuel` returns."""

def provide(
    *,
    settle: Callable[[Expr], object] | None = None,
    boundless: Callable[[Expr, int], Expr] | None = None,
    whole_characters: Callable[[Expr], int] | None = None,
    recording: type[Exception] | None = None,
    of_schema: Callable[[bytes, int], Expr] | None = None,
    building: Any = None,
) -> None:
    """Give the core what it asks of Python.

    Args:
        settle: finds out `fewest_memo` of a term.
        boundless: a term without bounds that so many bytes cannot reach (`fcgen.grammar.horizon`).
        whole_characters: which classes of characters are all of a term (`fcgen.grammar.runs`).
        recording: the error that `arcs` raises where a recording is at the head.
        of_schema: the values of a schema that is read late, by what it holds and the number of how it is written.
        building: the lock that is held by the one thread that builds terms, or finds out what follows them.
    """

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

class Growing:
    """Holds an automaton's lock, and counts what is added to it, and what work that takes, as a context."""

    def __init__(self, automaton: Automaton, growth: Growth, lock: Any) -> None: ...
    def __enter__(self) -> None: ...
    def __exit__(self, *error: object) -> None: ...

class TermAutomaton(Automaton):
    """The automaton of terms, which expands its states itself."""

    def __init__(self, horizon: int, text_horizon: Callable[[Substrings], int]) -> None:
        """`horizon`: how many bytes a walk has at most. `text_horizon`: the same within an owner's text."""
    def number(self, term: Expr) -> int:
        """Return the state of a term."""
    def expand(self, state: int) -> None:
        """Find out the kind of a state."""

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

class ConfigurationTable:
    """What is known of the configurations of one grammar over one vocabulary. What is not used is dropped in time.

    A configuration is one of an automaton, or STOPPED after a stop token. `known_...` give None for what is not known.
    """

    def __init__(self, words: int, max_masks: int, max_steps: int) -> None:
        """A mask has so many words; so many masks, and steps by one token, are kept."""
    @property
    def words(self) -> int:
        """How many words a mask has."""
    def known_mask(self, configuration: int) -> NDArray[np.uint32] | None:
        """Return the mask."""
    def keep_mask(self, configuration: int, mask: NDArray[np.uint32]) -> None:
        """Note the mask, an array that does not change. Raises ValueError where it has not `words` words."""
    def known_canonical_mask(self, configuration: int) -> NDArray[np.uint32] | None:
        """Return the mask without tokens that no tokenizer would end there."""
    def keep_canonical_mask(self, configuration: int, mask: NDArray[np.uint32]) -> None:
        """Note that mask, as `keep_mask` does."""
    def known_most_to_finish(self, configuration: int) -> int | None:
        """Return how many tokens finish the text after any token of the mask, or somewhat more."""
    def keep_most_to_finish(self, configuration: int, tokens: int) -> None:
        """Note that number."""
    def known_step(self, configuration: int, token: int) -> int | None:
        """Return the configuration after a token, DEAD or STOPPED."""
    def keep_step(self, configuration: int, token: int, then: int) -> None:
        """Note that configuration."""
    def known_to_finish(self, configuration: int) -> int | None:
        """Return how many tokens finish the text, stop token included."""
    def keep_to_finish(self, configuration: int, tokens: int) -> None:
        """Note that number."""

class Cursor:
    """The position of one sequence in a grammar.

    A subclass has `_find_mask()`, `_find_canonical_mask()` and `_find_step(token)`, for what its table does not know.
    """

    def __init__(self, table: ConfigurationTable, start: int, budget: int | None) -> None:
        """Begin at a configuration, with so many tokens to write; None: any number."""
    @property
    def table(self) -> ConfigurationTable:
        """What is known of the grammar."""
    @property
    def configuration(self) -> int:
        """Where the tokens so far have led; STOPPED after a stop token."""
    @property
    def stopped(self) -> bool:
        """Whether a stop token has ended the sequence."""
    @property
    def tokens(self) -> tuple[int, ...]:
        """The tokens so far, a stop token included."""
    @property
    def length(self) -> int:
        """How many tokens there are so far."""
    @property
    def left(self) -> int | None:
        """How many more tokens the budget has, stop token included; None: no limit."""
    def mask(self) -> NDArray[np.uint32]:
        """Return the tokens that may come next: bit t & 31 of word t >> 5. Read-only; shared between sequences."""
    def canonical_mask(self) -> NDArray[np.uint32]:
        """Return those of them that a tokenizer could write there, so that a model knows them. Packed as `mask` is.

        A token of marks is left out where it makes a longer token with whatever may follow it (`{` beside `{"`). The
        same texts can be written.
        """
    def advance(self, token: int) -> None:
        """Take a token.

        Raises:
            TokenRefused: it may not come next. The cursor stays where it is.
            OptionError: it is no integer. The cursor stays where it is.
        """
    def take(self, token: int, then: int) -> None:
        """Take a token that leads to a configuration; whether it may come next is not asked."""
    def rollback(self, count: int) -> None:
        """Take back the last `count` tokens. Raises ValueError where there are not that many."""
    def copy(self) -> Self:
        """Return a cursor at the same place that goes its own way."""
    def move_to(self, table: ConfigurationTable, path: Sequence[int]) -> None:
        """Go on in another table. The path has the configuration at the beginning, and that after each token so far."""

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

def fill(
    cursors: Sequence[Cursor | None],
    out: Any,
    rows: Sequence[int] | None,
    canonical: bool,
    threads: int,
) -> Mapping[int, FcgenError]:
    """Write the masks of cursors into a buffer; see `fcgen.mask.batch`. Return the errors by cursor."""

def advance_all(cursors: Sequence[Cursor | None], tokens: Any) -> Mapping[int, FcgenError]:
    """Take one token in each cursor; see `fcgen.mask.batch`. Return the errors by cursor."""

def apply_masks(logits: Any, masks: Any, threads: int) -> None:
    """Set logits to minus infinity where masks do not allow a token; see `fcgen.mask.batch`."""
