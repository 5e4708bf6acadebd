"""The position of one sequence in a grammar: what may come next, and what came so far. Cheap to copy.

The core (`core.Cursor`) looks up what is known of a mask or a step, for one cursor or for a batch (`batch.py`), and
calls what is here for the rest.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from fcgen import core
from fcgen.core import STOPPED
from fcgen.errors import GrammarTooLarge, OptionError, TokenRefused, excerpt
from fcgen.grammar.automaton import DEAD
from fcgen.mask.tables import Tables
from fcgen.vocab import Vocabulary

if TYPE_CHECKING:
    from typing_extensions import Self

MOST_BUDGET = 1 << 62
_Answer = TypeVar("_Answer")


class Cursor(core.Cursor):
    """One sequence's place. Made by `Masks.cursor`.

    A stop token ends the sequence: after it the mask is empty.

    A text has no end of places, and what is known of all of them has a limit. Where that is reached, the sequence goes
    on in masks of which nothing is known yet: the limit is one of memory, not of how long a text may be.

    Attributes:
        tokens: the tokens so far, a stop token included.
        length: how many these are.
        left: how many more tokens the budget has, stop token included; None: no limit.
        stopped: whether a stop token has ended the sequence.
    """

    __slots__ = ()

    def __init__(self, masks: Tables, budget: int | None) -> None:
        super().__init__(masks, masks.root, None if budget is None else min(budget, MOST_BUDGET))

    @property
    def vocabulary(self) -> Vocabulary:
        """The tokens it is written in."""
        return self._masks.vocabulary

    @property
    def text(self) -> bytes:
        """What the tokens so far spell."""
        return self._masks.vocabulary.decode(self.tokens)

    @property
    def can_stop(self) -> bool:
        """Whether the text may end here."""
        return not self.stopped and self._masks.can_stop(self.configuration)

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

    @property
    def is_limited(self) -> bool:
        """Whether the budget, or the limit of nesting, leaves out tokens that the grammar allows here."""
        if self.stopped or self._masks.is_deep(self.configuration):
            return not self.stopped
        if self.left is None:
            return False
        mask, row = self.mask(), self._asked(lambda masks, place: masks.row(place))
        return mask is not row and not np.array_equal(mask, row)

    def closing_mask(self) -> NDArray[np.uint32]:
        """Of the tokens that may come next, those that bring the reply nearer to its end. Packed as `mask` is."""
        if self.stopped:
            return np.zeros(self._masks.words, np.uint32)
        return self._asked(lambda masks, place: masks.row_within(place, masks.closing(place)))

    def consume(self, tokens: Iterable[int]) -> None:
        """Take all of `tokens`.

        Raises:
            TokenRefused: one of them may not come next. None is taken.
            OptionError: one is no integer. None is taken.
        """
        before = self.length
        try:
            for token in tokens:
                self.advance(token)
        except BaseException:
            self.rollback(self.length - before)
            raise

    def try_consume(self, tokens: Iterable[int]) -> int:
        """Take tokens up to the first one that may not come next; give how many that are.

        Raises:
            OptionError: one is no integer. Those before it are taken.
        """
        before = self.length
        try:
            for token in tokens:
                self.advance(token)
        except TokenRefused:
            pass
        return self.length - before

    def forced(self) -> list[int]:
        """The tokens about which the grammar leaves no choice, from here on; within the budget. Often none."""
        return [] if self.stopped else list(self._asked(lambda masks, place: masks.forced(place)))

    def __copy__(self) -> Self:
        return self.copy()

    def __deepcopy__(self, _: object) -> Self:
        return self.copy()

    @property
    def _masks(self) -> Tables:
        return cast(Tables, self.table)

    def _find_mask(self) -> NDArray[np.uint32]:
        """The mask where it is not known."""
        if self.stopped:
            return np.zeros(self._masks.words, np.uint32)
        left = self.left
        return self._asked(lambda masks, place: masks.row(place) if left is None else masks.row_within(place, left))

    def _find_canonical_mask(self) -> NDArray[np.uint32]:
        mask = self.mask()
        if self.stopped:
            return mask
        canonical = self._asked(lambda masks, place: masks.canonical_row(place))
        if mask is self._asked(lambda masks, place: masks.row(place)):
            return canonical
        left = mask & canonical
        return left if left.any() else mask  # within a budget the longer ones may be missing

    def _find_step(self, token: int) -> None:
        """Take a token of which it is not known that it may come next. Raises as `advance`."""
        number = token if type(token) is int else _read_token(token)
        try:
            is_taken = self._take(number)
        except GrammarTooLarge:
            self._renew()
            is_taken = self._take(number)
        if not is_taken:
            raise self._refusal(number)

    def _asked(self, ask: Callable[[Tables, int], _Answer]) -> _Answer:
        """What the masks answer for the place; those without states if these can have no more."""
        try:
            return ask(self._masks, self.configuration)
        except GrammarTooLarge:
            self._renew()
            return ask(self._masks, self.configuration)

    def _renew(self) -> None:
        """Go to masks with no states as yet, by the tokens so far."""
        masks = self._masks.renewed()
        path = [masks.root]
        for token in self.tokens:
            place = masks.step(path[-1], token)
            path.append(STOPPED if place < 0 else place)
        self.move_to(masks, path)

    def _take(self, token: int) -> bool:
        """Take `token` if it may come next, and say whether it may."""
        place, masks = self.configuration, self._masks
        after = masks.step(place, token) if place >= 0 else DEAD
        if after == DEAD and self.can_stop and token in masks.vocabulary.stop_ids:
            after = STOPPED
            masks.keep_step(place, token, after)
        if after == DEAD or not self._affords(place, after):
            return False
        self.take(token, after)
        return True

    def _affords(self, place: int, then: int) -> bool:
        left = self.left
        if left is None:
            return True
        return left >= 1 if then == STOPPED else self._masks.affords(place, then, left)

    def _refusal(self, token: int) -> TokenRefused:
        vocabulary = self._masks.vocabulary
        text = self.text.decode("utf-8", "replace")
        if not 0 <= token < vocabulary.size:
            what = f"token {token} is not in the vocabulary of {vocabulary.size}"
        else:
            what = f"token {token} ({excerpt(vocabulary.token_bytes(token))}) may not come next"
        return TokenRefused(f"{what}, after {excerpt(text[-60:])}", token=token, text=text)


def _read_token(token: object) -> int:
    """The id that is given as an integer of some other type. Raises OptionError."""
    try:
        return int(operator.index(token))  # type: ignore[arg-type]
    except TypeError:
        raise OptionError(
            f"token {excerpt(token)} is no integer", hint="Give the id of one token, as in int(token_ids[0])."
        ) from None
