"""The place of one sequence in a grammar: what may come next, and what came so far. Cheap to copy."""

from __future__ import annotations

import operator
from array import array
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from fcgen.errors import GrammarTooLarge, OptionError, TokenRefused, excerpt
from fcgen.vocab import Vocabulary

STOPPED = -2
_Answer = TypeVar("_Answer")


class Places(Protocol):
    """What a cursor asks of compiled masks (`Tables`)."""

    vocabulary: Vocabulary
    root: int

    def row(self, place: int) -> NDArray[np.uint32]:
        """The mask of a place."""

    def row_within(self, place: int, left: int) -> NDArray[np.uint32]:
        """The mask of a place with a budget."""

    def step(self, place: int, token: int) -> int:
        """The place after a token, negative if there is none."""

    def can_stop(self, place: int) -> bool:
        """Whether the text may end in a place."""

    def closing(self, place: int) -> int:
        """How many tokens close the reply from a place."""

    def affords(self, place: int, then: int, left: int) -> bool:
        """Whether so many tokens suffice for a step and to close the reply then."""

    def is_deep(self, place: int) -> bool:
        """Whether the nesting there leaves only tokens that lead nearer to the end."""

    def forced(self, place: int) -> tuple[int, ...]:
        """The tokens about which there is no choice."""

    def forced_text(self, place: int) -> bytes:
        """What must come next in a place."""

    def must_stop(self, place: int) -> bool:
        """Whether nothing can follow a place but a stop token."""

    def canonical_row(self, place: int) -> NDArray[np.uint32]:
        """The mask of a place without tokens that no tokenizer would end there."""

    @property
    def words(self) -> int:
        """How many words a mask has."""

    def renewed(self) -> Places:
        """The same masks with no states as yet."""


class Cursor:
    """One sequence's place. Made by `Masks.cursor`.

    A stop token ends the sequence: after it the mask is empty.

    A text has no end of places, and what is known of all of them has a limit. Where that is reached, the sequence goes
    on in masks of which nothing is known yet: the limit is one of memory, not of how long a text may be.
    """

    __slots__ = ("_budget", "_masks", "_places", "_tokens")

    def __init__(self, masks: Places, budget: int | None) -> None:
        self._masks = masks
        self._budget = budget
        self._places = [masks.root]
        self._tokens = array("q")  # takes what is an integer, of numpy or torch too, and nothing else

    @property
    def tokens(self) -> Sequence[int]:
        """The tokens so far, a stop token included."""
        return tuple(self._tokens)

    @property
    def vocabulary(self) -> Vocabulary:
        """The tokens it is written in."""
        return self._masks.vocabulary

    @property
    def text(self) -> bytes:
        """What the tokens so far spell."""
        return self._masks.vocabulary.decode(self._tokens)

    @property
    def left(self) -> int | None:
        """How many more tokens the budget has, stop token included; None: no limit."""
        return None if self._budget is None else self._budget - len(self._tokens)

    @property
    def stopped(self) -> bool:
        """Whether a stop token has ended the sequence."""
        return self._places[-1] == STOPPED

    @property
    def can_stop(self) -> bool:
        """Whether the text may end here."""
        return not self.stopped and self._masks.can_stop(self._places[-1])

    @property
    def forced_text(self) -> bytes:
        """What must come next. `forced` holds back the end of it where a token may reach beyond. Often nothing."""
        return b"" if self.stopped else self._asked(lambda masks, place: masks.forced_text(place))

    @property
    def must_stop(self) -> bool:
        """Whether nothing but a stop token can come next."""
        return not self.stopped and self._asked(lambda masks, place: masks.must_stop(place))

    @property
    def fewest_tokens(self) -> int:
        """How many more tokens close the reply, stop token included."""
        return 0 if self.stopped else self._asked(lambda masks, place: masks.closing(place))

    def mask(self) -> NDArray[np.uint32]:
        """The tokens that may come next: bit t & 31 of word t >> 5. Read-only; shared between sequences."""
        place = self._places[-1]
        if place == STOPPED:
            return np.zeros(self._masks.words, np.uint32)
        try:
            if self._budget is None:
                return self._masks.row(place)
            return self._masks.row_within(place, self._budget - len(self._tokens))
        except GrammarTooLarge:
            self._renew()
            return _row_of(self._masks, self._places[-1], self.left)

    @property
    def is_limited(self) -> bool:
        """Whether the budget, or the limit of nesting, leaves out tokens that the grammar allows here."""
        place = self._places[-1]
        if place < 0 or self._masks.is_deep(place):
            return place >= 0
        if self._budget is None:
            return False
        mask, row = self.mask(), self._asked(lambda masks, place: masks.row(place))
        return mask is not row and not np.array_equal(mask, row)

    def canonical_mask(self) -> NDArray[np.uint32]:
        """Of the tokens that may come next, those that a tokenizer could write there, so that a model knows them.

        A token of marks is left out where it makes a longer token with whatever may follow it (`{` beside `{"`). The
        same texts can be written. Packed as `mask` is.
        """
        mask = self.mask()
        if self._places[-1] < 0:
            return mask
        canonical = self._asked(lambda masks, place: masks.canonical_row(place))
        if mask is self._asked(lambda masks, place: masks.row(place)):
            return canonical
        left = mask & canonical
        return left if left.any() else mask  # within a budget the longer ones may be missing

    def closing_mask(self) -> NDArray[np.uint32]:
        """Of the tokens that may come next, those that bring the reply nearer to its end. Packed as `mask` is."""
        if self.stopped:
            return np.zeros(self._masks.words, np.uint32)
        return self._asked(lambda masks, place: masks.row_within(place, masks.closing(place)))

    def advance(self, token: int) -> None:
        """Take `token`.

        Raises:
            TokenRefused: it may not come next. The cursor stays where it is.
            OptionError: it is no integer. The cursor stays where it is.
        """
        try:
            try:
                is_taken = self._take(token)
            except GrammarTooLarge:
                self._renew()
                is_taken = self._take(token)
            if is_taken:
                return
        except (TypeError, RuntimeError):  # what arrays and texts raise that are looked up
            if type(token) is int:
                raise
        if type(token) is int:
            raise self._refusal(token)
        self.advance(_read_token(token))

    def forced(self) -> list[int]:
        """The tokens about which the grammar leaves no choice, from here on; within the budget. Often none."""
        return [] if self.stopped else list(self._asked(lambda masks, place: masks.forced(place)))

    def rollback(self, count: int) -> None:
        """Take back the last `count` tokens.

        Raises:
            ValueError: there are not that many.
        """
        if not 0 <= count <= len(self._tokens):
            raise ValueError(f"rollback({count}): there are {len(self._tokens)} tokens to take back")
        if count:
            del self._places[-count:]
            del self._tokens[-count:]

    def copy(self) -> Cursor:
        """A cursor at the same place that goes its own way."""
        twin = Cursor(self._masks, self._budget)
        twin._places = self._places.copy()
        twin._tokens = self._tokens[:]
        return twin

    def __copy__(self) -> Cursor:
        return self.copy()

    def __deepcopy__(self, _: object) -> Cursor:
        return self.copy()

    def _asked(self, ask: Callable[[Places, int], _Answer]) -> _Answer:
        """What the masks answer for the place; those without states if these can have no more."""
        try:
            return ask(self._masks, self._places[-1])
        except GrammarTooLarge:
            self._renew()
            return ask(self._masks, self._places[-1])

    def _renew(self) -> None:
        """Go to masks with no states as yet, by the tokens so far."""
        masks = self._masks.renewed()
        places = [masks.root]
        for token in self._tokens:
            place = masks.step(places[-1], token)
            places.append(STOPPED if place < 0 else place)
        self._masks, self._places = masks, places

    def _take(self, token: int) -> bool:
        """Take `token` if it may come next, and say whether it may."""
        place = self._places[-1]
        after = self._masks.step(place, token) if place >= 0 else -1
        if after < 0 and self.can_stop and token in self._masks.vocabulary.stop_ids:
            after = STOPPED
        if after == -1 or not self._affords(place, after):
            return False
        self._tokens.append(token)
        self._places.append(after)
        return True

    def _affords(self, place: int, then: int) -> bool:
        if self._budget is None:
            return True
        left = self._budget - len(self._tokens)
        return left >= 1 if then == STOPPED else self._masks.affords(place, then, left)

    def _refusal(self, token: int) -> TokenRefused:
        vocabulary = self._masks.vocabulary
        text = self.text.decode("utf-8", "replace")
        if not 0 <= token < vocabulary.size:
            what = f"token {token} is not in the vocabulary of {vocabulary.size}"
        else:
            what = f"token {token} ({excerpt(vocabulary.token_bytes(token))}) may not come next"
        return TokenRefused(f"{what}, after {excerpt(text[-60:])}", token=token, text=text)


def _row_of(masks: Places, place: int, left: int | None) -> NDArray[np.uint32]:
    return masks.row(place) if left is None else masks.row_within(place, left)


def _read_token(token: object) -> int:
    """The id that is given as an integer of some other type. Raises OptionError."""
    try:
        return operator.index(token)  # type: ignore[arg-type]
    except TypeError:
        raise OptionError(
            f"token {excerpt(token)} is no integer", hint="Give the id of one token, as in int(token_ids[0])."
        ) from None
