"""The place of one sequence in a grammar: what may come next, and what came so far. Cheap to copy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fcgen.errors import TokenRefused, excerpt
from fcgen.vocab import Vocabulary

STOPPED = -2


class States(Protocol):
    """What a cursor asks of compiled masks (`Tables`)."""

    vocabulary: Vocabulary

    def row(self, state: int) -> NDArray[np.uint32]:
        """The mask of a state."""

    def row_within(self, state: int, left: int) -> NDArray[np.uint32]:
        """The mask of a state with a budget."""

    def step(self, state: int, token: int) -> int:
        """The state after a token, negative if there is none."""

    def can_stop(self, state: int) -> bool:
        """Whether the text may end in a state."""

    def closing(self, state: int) -> int:
        """How many tokens close the reply from a state."""

    def forced(self, state: int) -> tuple[int, ...]:
        """The tokens about which there is no choice."""

    @property
    def words(self) -> int:
        """How many words a mask has."""


class Cursor:
    """One sequence's place. Made by `Masks.cursor`.

    A stop token ends the sequence: after it the mask is empty.
    """

    __slots__ = ("_budget", "_masks", "_states", "_tokens")

    def __init__(self, masks: States, budget: int | None) -> None:
        self._masks = masks
        self._budget = budget
        self._states = [0]
        self._tokens: list[int] = []

    @property
    def tokens(self) -> Sequence[int]:
        """The tokens so far, a stop token included."""
        return tuple(self._tokens)

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
        return self._states[-1] == STOPPED

    @property
    def can_stop(self) -> bool:
        """Whether the text may end here."""
        return not self.stopped and self._masks.can_stop(self._states[-1])

    @property
    def fewest_tokens(self) -> int:
        """How many more tokens close the reply, stop token included."""
        return 0 if self.stopped else self._masks.closing(self._states[-1])

    def mask(self) -> NDArray[np.uint32]:
        """The tokens that may come next: bit t & 31 of word t >> 5. Read-only; shared between sequences."""
        state = self._states[-1]
        if self._budget is None and state >= 0:
            return self._masks.row(state)
        if state == STOPPED:
            return np.zeros(self._masks.words, np.uint32)
        return self._masks.row_within(state, self._budget - len(self._tokens))  # type: ignore[operator]

    def advance(self, token: int) -> None:
        """Take `token`.

        Raises:
            TokenRefused: it may not come next. The cursor stays where it is.
        """
        state = self._states[-1]
        after = self._masks.step(state, token) if state >= 0 else -1
        if after < 0 and self.can_stop and token in self._masks.vocabulary.stop_ids:
            after = STOPPED
        if after == -1 or not self._affords(after):
            raise self._refusal(token)
        self._states.append(after)
        self._tokens.append(token)

    def forced(self) -> list[int]:
        """The tokens about which the grammar leaves no choice, from here on; within the budget. Often none."""
        return [] if self.stopped else list(self._masks.forced(self._states[-1]))

    def rollback(self, count: int) -> None:
        """Take back the last `count` tokens.

        Raises:
            ValueError: there are not that many.
        """
        if not 0 <= count <= len(self._tokens):
            raise ValueError(f"rollback({count}): there are {len(self._tokens)} tokens to take back")
        if count:
            del self._states[-count:]
            del self._tokens[-count:]

    def copy(self) -> Cursor:
        """A cursor at the same place that goes its own way."""
        twin = Cursor(self._masks, self._budget)
        twin._states = self._states.copy()
        twin._tokens = self._tokens.copy()
        return twin

    def _affords(self, after: int) -> bool:
        if self._budget is None:
            return True
        need = 0 if after == STOPPED else self._masks.closing(after)
        return 1 + need <= self._budget - len(self._tokens)

    def _refusal(self, token: int) -> TokenRefused:
        vocabulary = self._masks.vocabulary
        text = self.text.decode("utf-8", "replace")
        if not 0 <= token < vocabulary.size:
            what = f"token {token} is not in the vocabulary of {vocabulary.size}"
        else:
            what = f"token {token} ({excerpt(vocabulary.token_bytes(token))}) may not come next"
        return TokenRefused(f"{what}, after {excerpt(text[-60:])}", token=token, text=text)
