"""Control texts: which of a prompt's are the template's own, and token ids in which no content forges one.

A model's control tokens (`<|im_end|>`, `</s>`) are told from text by their spelling, and a document may have that
spelling in it. So a prompt remembers what it was made of (`Prompt.pieces`: the template's words, a content, the
template's words, ...), and contents are encoded as ordinary text.

A chat template is a program that strips its contents, looks into them, and writes them in the midst of its own words.
It gets contents in which each control text is sealed: replaced by a name that no document can hold, since it is drawn
anew each time. What is a control text in the rendered prompt was then written by the template; afterwards the seals
are opened. A beginning of a control text at a content's end is sealed too, and an end of one at its beginning, so that
template and content do not write one together.

To the tokenizer the template's control texts are given by names in turn: by a copy of the tokenizer in which control
tokens are called otherwise (`fcgen.vocab.renamed`). The whole prompt is encoded at once, so all is as it would be if
the content had the control texts as ordinary text. A prompt without such contents is encoded by the tokenizer itself.

A control token is one that the tokenizer calls special, or any other added one that the template names. An earlier
reply may hold the marks of reasoning (`<think>`), which templates look for.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from fcgen.errors import PromptError
from fcgen.vocab.renamed import Renamed, rename

if TYPE_CHECKING:
    from typing_extensions import Self

REASONING = frozenset({"<think>", "</think>"})
LEAST_MARKER = 3  # characters of an added token that is a template's mark, if it is not special


class Prompt(str):
    """The text of a prompt, which knows what of it is content.

    Attributes:
        pieces: the template's words and contents in turn, the first of them the template's.
        ids: its token ids, where the tokenizer lays out prompts itself.
    """

    __slots__ = ("ids", "pieces")

    pieces: tuple[str, ...]
    ids: tuple[int, ...] | None

    def __new__(cls, pieces: Sequence[str], ids: Sequence[int] | None = None) -> Self:
        """A prompt of these pieces."""
        self = super().__new__(cls, "".join(pieces))
        self.pieces = tuple(pieces)
        self.ids = None if ids is None else tuple(ids)
        return self

    def __getnewargs__(self) -> tuple[Any, ...]:
        return self.pieces, self.ids


@dataclass(frozen=True, slots=True)
class ControlTexts:
    """The control texts of a tokenizer, as a template writes them."""

    texts: frozenset[str]
    special: frozenset[str] = frozenset()
    _pattern: re.Pattern[str] | None = field(init=False, compare=False)
    _beginnings: frozenset[str] = field(init=False, compare=False)
    _ends: frozenset[str] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        longest_first = sorted(self.texts, key=len, reverse=True)
        pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        object.__setattr__(self, "_pattern", pattern)
        parts = [(text, place) for text in self.texts for place in range(1, len(text))]
        object.__setattr__(self, "_beginnings", frozenset(text[:place] for text, place in parts))
        object.__setattr__(self, "_ends", frozenset(text[place:] for text, place in parts))

    def within(self, text: str) -> list[tuple[int, int]]:
        """Find the control texts in a text, as spans."""
        return [] if self._pattern is None else [match.span() for match in self._pattern.finditer(text)]

    def around(self, text: str) -> list[tuple[int, int]]:
        """Find them as spans, with those that the text may complete with what surrounds it."""
        found = self.within(text)
        begin, end = len(text) - len(text.lstrip()), len(text.rstrip())
        longest = max(map(len, self.texts), default=1) - 1
        first, last = (found[0][0], found[-1][1]) if found else (end, begin)
        for size in range(min(longest, first - begin), 0, -1):
            if text[begin : begin + size] in self._ends:
                found.insert(0, (begin, begin + size))
                last = max(last, begin + size)
                break
        for size in range(min(longest, end - last), 0, -1):
            if text[end - size : end] in self._beginnings:
                found.append((end - size, end))
                break
        return found

    def without(self, texts: frozenset[str]) -> ControlTexts:
        """These but for some that are not special."""
        return _of(self.texts - (texts - self.special), self.special)


def control_texts(tokenizer: Any, written: str = "") -> ControlTexts:
    """The control texts of a tokenizer, by what a template has in it."""
    added = getattr(tokenizer, "added_tokens_decoder", None)
    tokens = added.values() if isinstance(added, Mapping) else ()
    return _control_texts(tuple((token.content, token.special) for token in tokens), written)


@lru_cache(maxsize=16)
def _control_texts(tokens: tuple[tuple[str, bool], ...], written: str) -> ControlTexts:
    special = frozenset(text for text, is_special in tokens if is_special and text)
    named = {
        text
        for text, is_special in tokens
        if not is_special and len(text) >= LEAST_MARKER and text.strip() == text and text in written
    }
    return _of(special | named, special)


_of = lru_cache(maxsize=32)(ControlTexts)


class Seals:
    """Names for the control texts in contents, of one prompt."""

    def __init__(self) -> None:
        self._key = secrets.token_hex(16)
        self._texts: list[str] = []

    def seal(self, value: Any, control: ControlTexts) -> Any:
        """A content, or all texts in a JSON value, without control texts."""
        if isinstance(value, str):
            return self._sealed(value, control)
        if isinstance(value, Mapping):
            return {self.seal(key, control): self.seal(part, control) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [self.seal(part, control) for part in value]
        return value

    def open(self, rendered: str) -> Prompt:
        """The prompt of a text that a template has made of sealed contents."""
        pieces = re.split(f"{self._key}([0-9]{{8}})", rendered)
        pieces[1::2] = [self._texts[int(number)] for number in pieces[1::2]]
        return Prompt(pieces)

    def _sealed(self, text: str, control: ControlTexts) -> str:
        parts, done = [], 0
        for start, end in control.around(text):
            parts += [text[done:start], f"{self._key}{len(self._texts):08d}"]
            self._texts.append(text[start:end])
            done = end
        return "".join([*parts, text[done:]])


def encode(prompt: str, tokenizer: Any, control: ControlTexts, *, add_special_tokens: bool) -> list[int]:
    """The ids of a prompt, in which control tokens are those that its template wrote, and what the tokenizer adds.

    Raises PromptError where the tokenizer cannot be kept from finding others.
    """
    if isinstance(prompt, Prompt):
        if prompt.ids is not None:
            return list(prompt.ids)
        if _is_forged(prompt, control):
            return _encode_apart(prompt, tokenizer, control, add_special_tokens=add_special_tokens)
    return [int(token) for token in tokenizer.encode(str(prompt), add_special_tokens=add_special_tokens, verbose=False)]


def _is_forged(prompt: Prompt, control: ControlTexts) -> bool:
    """Return whether the text has control texts that the template did not write."""
    if len(prompt.pieces) == 1:
        return False
    begins = accumulate(map(len, prompt.pieces), initial=0)
    written = [
        (begin + start, begin + end)
        for number, (piece, begin) in enumerate(zip(prompt.pieces, begins, strict=False))
        if number % 2 == 0
        for start, end in control.within(piece)
    ]
    return control.within(prompt) != written


def _encode_apart(prompt: Prompt, tokenizer: Any, control: ControlTexts, *, add_special_tokens: bool) -> list[int]:
    renamed = _renamed(tokenizer, control)
    parts: list[str] = []
    expected: list[int] = []
    for number, piece in enumerate(prompt.pieces):
        done = 0
        for start, end in control.within(piece) if number % 2 == 0 else ():
            name, token = renamed.names[piece[start:end]]
            parts += [piece[done:start], name]
            expected.append(token)
            done = end
        parts.append(piece[done:])
    text = "".join(parts)
    ids = renamed.tokenizer.encode(text, add_special_tokens=False).ids
    tokens = {token for _, token in renamed.names.values()}
    if [token for token in ids if token in tokens] != expected:
        raise PromptError(
            "a content has control texts of the model in it, and the tokenizer reads them as control tokens",
            hint="Write them differently, for example with a space inside",
        )
    return list(renamed.tokenizer.encode(text, add_special_tokens=True).ids if add_special_tokens else ids)


# Tokenizer -> its copies, by how many tokens it has and which are called otherwise: one for each format in use.
_copies: WeakKeyDictionary[Any, dict[tuple[int, frozenset[str]], Renamed]] = WeakKeyDictionary()
KEPT_COPIES = 4


def _renamed(tokenizer: Any, control: ControlTexts) -> Renamed:
    copies, key = _copies.setdefault(tokenizer, {}), (len(tokenizer), control.texts)
    if key not in copies:
        if len(copies) >= KEPT_COPIES:
            copies.clear()
        copies[key] = rename(tokenizer, control.texts)
    return copies[key]


def joined_pieces(parts: Iterable[tuple[str, bool]]) -> list[str]:
    """Pieces of a prompt, of texts with whether they are content."""
    pieces = [""]
    for text, is_content in parts:
        if is_content == (len(pieces) % 2 == 0):
            pieces[-1] += text
        else:
            pieces.append(text)
    return pieces
