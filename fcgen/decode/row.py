"""One reply while it is written: what it has, what the model has not read of it yet, and what may come next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np

from fcgen.decode.digits import has_longest_number
from fcgen.decode.lookup import Lookup
from fcgen.decode.repetition import REPEAT_LIMIT, goes_round
from fcgen.decode.sampling import Draws, Sampling
from fcgen.errors import FcgenError, OptionError
from fcgen.mask import Cursor
from fcgen.mask.bits import Words, holds, packed, tokens_in
from fcgen.vocab import Vocabulary

_FREE: WeakKeyDictionary[Vocabulary, tuple[Words, Words]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Request:
    """A reply that is asked for.

    Attributes:
        prompt: the prompt's tokens.
        cursor: where the reply begins in its grammar, with a budget of at most `max_new_tokens`; it moves along.
            None: the reply is free.
        max_new_tokens: tokens of the reply, stop token included.
        sampling: how tokens are chosen.
        number: of several replies to one prompt, which one: each has its own draws.
        stop: a text reply ends before the first of these.
        calls: the tokens that a call begins with, packed as masks are; the rest begin a text. None: not known.
        repeat_limit: a string or text whose last so many bytes repeat one piece is closed; None: it is not.

    Raises:
        OptionError: the cursor could write more than `max_new_tokens`.
    """

    prompt: Sequence[int]
    cursor: Cursor | None
    max_new_tokens: int
    sampling: Sampling = Sampling()  # noqa: RUF009  it is immutable
    number: int = 0
    stop: tuple[bytes, ...] = ()
    calls: Words | None = field(default=None, compare=False)
    repeat_limit: int | None = REPEAT_LIMIT

    def __post_init__(self) -> None:
        left = None if self.cursor is None else self.cursor.left
        if self.cursor is not None and (left is None or left > self.max_new_tokens):
            raise OptionError(
                f"the cursor may write {'any number of' if left is None else left} tokens",
                limit=self.max_new_tokens,
                hint="Give it a budget: masks.cursor(budget=max_new_tokens)",
            )


@dataclass(slots=True, eq=False)
class Row:
    """A reply, as far as it is written.

    Attributes:
        request: what was asked for.
        vocabulary: the model's tokens.
        tokens: the reply's tokens, the stop token that ends it among them.
        written: what they spell.
        unread: the tokens that the model has not read yet, without those of the prompt.
        ended: whether the reply is finished.
        error: why it could not be finished.
        forced: how many tokens the model was not asked about.
        passes: in how many passes of the model it took part.
        removed: for each token that was asked about, the share of the model's probability that was not allowed.
        call_probability: how probable a call was at the first choice, against a text; None: it was not a choice.
    """

    request: Request
    vocabulary: Vocabulary
    tokens: list[int] = field(default_factory=list)
    written: bytearray = field(default_factory=bytearray)
    unread: list[int] = field(default_factory=list)
    ended: bool = False
    error: FcgenError | None = None
    forced: int = 0
    passes: int = 0
    removed: list[float] = field(default_factory=list)
    call_probability: float | None = None
    _limited_at: int | None = None
    _lookup: Lookup | None = None
    _looked: int = 0
    _draws: Draws | None = None

    @property
    def limited(self) -> bool:
        """Whether a limit left out tokens somewhere: the budget, or that of the digits of a number.

        If not, the reply is the same with any larger budget.
        """
        if self.request.cursor is None:
            return self.ended and len(self.tokens) == self.request.max_new_tokens and not self._has_stopped
        is_cut = self._limited_at is not None and self._limited_at < len(self.tokens)
        is_json = self.request.calls is None or self.is_call
        return is_cut or (is_json and has_longest_number(bytes(self.written)))

    @property
    def draws(self) -> Draws:
        """Where its draws come from."""
        if self._draws is None:
            self._draws = self.request.sampling.draws(self.request.number)
        return self._draws

    def force(self) -> None:
        """Write what the grammar leaves no choice about, a stop token included."""
        cursor = self.request.cursor
        while cursor is not None and not self.ended:
            tokens = self._without_choice(cursor) or self._only_one()
            if not tokens:
                break
            for token in tokens:
                self._take(token)
            self.forced += len(tokens)
            self.unread += tokens

    def propose(self, most: int) -> list[Words]:
        """Write at most so many tokens that probably follow; the masks under which each of them was.

        `settle` says which of them stay.
        """
        masks: list[Words] = []
        most = min(most, self.request.max_new_tokens - len(self.tokens) - 1)
        if most <= 0:
            return masks
        if self._lookup is None:
            self._lookup = Lookup(self.vocabulary, self.request.prompt)
        self._lookup.add(self.tokens[self._looked :])
        self._looked = len(self.tokens)
        copied: list[int] | None = None
        cursor = self.request.cursor
        while len(masks) < most and (cursor is None or not self._without_choice(cursor)):
            mask, token = self.mask(), self._held_back()
            if token is not None and holds(mask, token):
                copied = None
            else:
                copied = self._lookup.after(bytes(self.written), most) if copied is None else copied
                if not copied:
                    break
                token = copied.pop(0)
            if not holds(mask, token) or token in self.vocabulary.stop_ids:
                break
            self._take(token)
            if self.ended:  # only a token that is settled may end a reply
                self._take_back(1)
                break
            masks.append(mask)
        return masks

    def _without_choice(self, cursor: Cursor) -> list[int]:
        return [min(self.vocabulary.stop_ids)] if cursor.must_stop else cursor.forced()

    def _only_one(self) -> list[int]:
        """The token that may come next, if it is the only one."""
        return tokens_in(self.mask(), 1) or []

    def _held_back(self) -> int | None:
        """The token of a text that has to come, where the model may also go on beyond it."""
        cursor = self.request.cursor
        text = b"" if cursor is None else cursor.forced_text
        return self.vocabulary.longest(text) if text else None

    def settle(self, chosen: Sequence[int]) -> int:
        """Take what was chosen in place of what was proposed, as far as it is known; how many tokens were taken back.

        Args:
            chosen: the tokens chosen under the masks that `propose` gave, and under that of the place after them.
        """
        count = len(chosen) - 1
        proposed = self.tokens[len(self.tokens) - count :]
        kept = next((i for i, (a, b) in enumerate(zip(proposed, chosen, strict=False)) if a != b), count)
        self._take_back(count - kept)
        self._take(chosen[kept])
        self.unread = [chosen[kept]]
        return count - kept

    def mask(self) -> Words:
        """The tokens that may come next, packed."""
        cursor, limit = self.request.cursor, self.request.repeat_limit
        goes_on = limit is None or not goes_round(self.written, limit)
        if cursor is not None:
            if self._limited_at is None and cursor.is_limited:
                self._limited_at = len(self.tokens)
            return cursor.canonical_mask() if goes_on else cursor.closing_mask()
        return free_mask(self.vocabulary, can_go_on=goes_on)

    def mask_after_proposals(self) -> Words:
        """The same; where `force` would go on, the one token that it would write."""
        cursor = self.request.cursor
        tokens = [] if cursor is None else self._without_choice(cursor)
        return packed(tokens[:1], len(free_mask(self.vocabulary))) if tokens else self.mask()

    @property
    def is_call(self) -> bool:
        """Whether the reply is known to be a call."""
        calls = self.request.calls
        return calls is not None and bool(self.tokens) and holds(calls, self.tokens[0])

    def text(self) -> bytes:
        """What the reply says: what is written, up to a text that stops it."""
        found = [] if self.is_call else [self.written.find(stop) for stop in self.request.stop]
        return bytes(self.written[: min((place for place in found if place >= 0), default=len(self.written))])

    def _take(self, token: int) -> None:
        cursor = self.request.cursor
        if cursor is not None:
            cursor.advance(token)
        self.tokens.append(token)
        more = self.vocabulary.token_bytes(token)
        self.written += more
        self.ended = self._has_stopped or len(self.tokens) >= self.request.max_new_tokens or self._is_stopped(len(more))

    @property
    def _has_stopped(self) -> bool:
        cursor = self.request.cursor
        return self.tokens[-1] in self.vocabulary.stop_ids if cursor is None else cursor.stopped

    def _take_back(self, count: int) -> None:
        if count:
            if self.request.cursor is not None:
                self.request.cursor.rollback(count)
            size = sum(len(self.vocabulary.token_bytes(token)) for token in self.tokens[-count:])
            del self.tokens[-count:], self.written[len(self.written) - size :]
            self.ended = False
            if self._limited_at is not None and self._limited_at >= len(self.tokens):
                self._limited_at = None

    def _is_stopped(self, added: int) -> bool:
        if not self.request.stop or self.is_call:
            return False
        end = self.written[-(added + max(map(len, self.request.stop))) :]
        return any(stop in end for stop in self.request.stop)


def free_mask(vocabulary: Vocabulary, *, can_go_on: bool = True) -> Words:
    """All tokens that have one, or the stop tokens alone."""
    return _free_masks(vocabulary)[can_go_on]


def _free_masks(vocabulary: Vocabulary) -> tuple[Words, Words]:
    found = _FREE.get(vocabulary)
    if found is None:
        flags = np.zeros((2, -(-vocabulary.size // 32) * 32), np.bool_)
        flags[:, list(vocabulary.stop_ids)] = True
        flags[1, list(vocabulary.special.values())] = True
        flags[1, vocabulary.trie.tokens] = True
        stops, free = np.packbits(flags, axis=-1, bitorder="little").view(np.uint32)
        found = _FREE[vocabulary] = (stops, free)
    return found
