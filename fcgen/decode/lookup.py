"""What a reply probably goes on with, where it copies from its prompt, or from itself.

What a model writes into an argument often stands in the prompt already. Where the end of the reply occurs there, what
follows it there is proposed, and the model is asked about all of it in one pass; what it would have written differently
is taken back. (Prompt lookup decoding, Saxena 2023, but for two things.) Ends are compared as bytes, since a tokenizer
splits a word otherwise behind a quote than behind a space; what follows is proposed in the tokens it has there. And
only what was written since the last quote counts: before it, a reply is alike everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from fcgen.vocab import Vocabulary

MOST = 32  # bytes of the reply's end that are looked up
SURE = 3  # so many of them are enough where what stands before them differs
TRIES = 8


class Lookup:
    """The tokens that a reply may copy.

    Args:
        vocabulary: of the tokens.
        tokens: the prompt's.
    """

    def __init__(self, vocabulary: Vocabulary, tokens: Sequence[int]) -> None:
        self._vocabulary = vocabulary
        self._tokens: list[int] = []
        self._text = bytearray()
        self._ends: list[int] = []
        self.add(tokens)

    def add(self, tokens: Sequence[int]) -> None:
        """Put some more tokens behind the others."""
        texts = list(map(self._vocabulary.token_bytes, tokens))
        self._ends += list(accumulate(map(len, texts), initial=len(self._text)))[1:]
        self._tokens += tokens
        self._text += b"".join(texts)

    def after(self, written: bytes, most: int) -> list[int]:
        """At most so many tokens that probably follow `written`."""
        content = written[written.rfind(b'"') + 1 :][-MOST:]
        place = self._find(content)
        if place < 0:
            return []
        token = int(np.searchsorted(self._ends, place, side="right"))
        # The token that `place` is within, if it is, has its rest spelled anew.
        begun = self._ends[token - 1] if token else 0
        found: list[int] = []
        if place > begun:
            rest = bytes(self._text[place : self._ends[token]])
            while rest and (longest := self._vocabulary.longest(rest)) is not None:
                found.append(longest)
                rest = rest[len(self._vocabulary.token_bytes(longest)) :]
            token += 1
        return [*found, *self._tokens[token : token + most]][:most]

    def _find(self, content: bytes) -> int:
        """Where the longest end of `content` that occurs, and can be trusted, ends last; -1: nowhere."""
        last = len(self._text) - 1
        least, longest, place = 1, len(content), -1
        while least <= longest:  # the ends of an end that occurs do so as well
            size = (least + longest) // 2
            found = self._text.rfind(content[-size:], 0, last)
            if found < 0:
                longest = size - 1
            else:
                place, least = found + size, size + 1
        if longest >= SURE or place < 0:
            return place
        return self._find_word(content, last) if longest == len(content) else -1

    def _find_word(self, content: bytes, last: int) -> int:
        """Where `content` ends last, if it begins a word there."""
        for _ in range(TRIES):
            found = self._text.rfind(content, 0, last)
            if found < 0:
                break
            if found == 0 or not self._text[found - 1 : found].isalnum():
                return found + len(content)
            last = found + len(content) - 1
        return -1
