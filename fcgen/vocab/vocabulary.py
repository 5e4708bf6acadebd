"""Tokens as bytes -> a vocabulary: which tokens there are to choose from, what each writes, which end a reply.

A token is one of
- text: it adds its bytes, and stands in the trie under them;
- a stop token: it ends the reply, adds nothing and is not in the trie;
- special: it adds nothing to the text. In the trie it stands under its symbol, its name between two bytes 0xFF, so
  that a grammar can name it. No text has the byte 0xFF (it is not UTF-8), and no text token with it is in the trie,
  so text never spells a symbol;
- none: padding beyond the tokenizer's tokens, ids without a token, tokens without bytes. It is never chosen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from os import PathLike
from threading import Lock
from types import MappingProxyType
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from fcgen.errors import VocabularyError, excerpt
from fcgen.shared import Shared
from fcgen.vocab.files import read_tokenizer_file
from fcgen.vocab.strings import Strings
from fcgen.vocab.tekken import find_tekken
from fcgen.vocab.tokens import read_tokens, unwrap
from fcgen.vocab.trie import ROOT, Trie, build_trie

MARK = b"\xff"
MAX_TOKEN_BYTES = 65_000  # the trie counts bytes in 16 bits, a symbol's marks among them


class Vocabulary(Shared):
    """The tokens of a model. Immutable, and safe to share between threads.

    Args:
        tokens: what each id adds to a text; nothing or None for special tokens and for ids that are none.
        stop_ids: the tokens that end a reply.
        size: the width of the model's logits, where it is more than there are tokens.
        special: the special tokens, by name.
        fallback: tokens that `spell` takes only where no other token has the same bytes.

    Raises:
        VocabularyError: an id is out of range, `size` is less than the number of tokens, or a token is too long.

    Attributes:
        size: the width of the model's logits.
        stop_ids: the tokens that end a reply.
        special: the special tokens by name, stop tokens among them.
        trie: all tokens but the stop tokens, under the bytes that `walked_bytes` gives.
        alphabet: the bytes with a token of their own, as a 256-bit set: texts of these bytes can be written. 0xFF is
            among them if there are symbols.
        has_byte: the alphabet as 256 flags.
    """

    def __init__(
        self,
        tokens: Sequence[bytes | None] | Strings,
        stop_ids: Iterable[int],
        size: int | None = None,
        *,
        special: Mapping[str, int] | None = None,
        fallback: Iterable[int] = (),
    ) -> None:
        self.size = len(tokens) if size is None else size
        self.stop_ids = frozenset(stop_ids)
        self.special: Mapping[str, int] = MappingProxyType(dict(special or {}))
        self._check(len(tokens))
        texts = tokens if isinstance(tokens, Strings) else Strings.of(tokens)
        silent = self.stop_ids.union(self.special.values())
        self._texts = texts.replaced({token: b"" for token in silent if token < len(texts)})
        symbols = {token: _symbol(name) for name, token in self.special.items() if token not in self.stop_ids}
        self._walked = self._texts.replaced(dict.fromkeys(self._texts.holding(MARK[0]), b"") | symbols)
        if len(texts) and texts.length.max() > MAX_TOKEN_BYTES:
            raise VocabularyError("a token is too long", limit=MAX_TOKEN_BYTES, given=int(texts.length.max()))
        self.trie: Trie = build_trie(self._walked, frozenset(fallback))
        self.has_byte: NDArray[np.bool_] = _alphabet(self.trie)
        self.has_byte.flags.writeable = False
        self.alphabet: int = int.from_bytes(np.packbits(self.has_byte, bitorder="little").tobytes(), "little")

    @classmethod
    def from_tokenizer(
        cls,
        tokenizer: Any,
        *,
        size: int | None = None,
        stop_ids: Iterable[int] | None = None,
        cache: bool = True,
    ) -> Vocabulary:
        """Read the vocabulary of a tokenizer of transformers (a fast one), tokenizers, mistral-common or Outlines.

        While a vocabulary is in use, all tokenizers with the same tokens share it, and so all that is found out about
        it. What counts are the tokens as they are now: a tokenizer that was changed has another one.

        Args:
            tokenizer: the tokenizer, or the path of a `tokenizer.json` or of a folder with one.
            size: the width of the model's logits. None: as many as there are tokens.
            stop_ids: the tokens that end a reply; a model's generation settings know them best. None: the
                tokenizer's EOS token, if it knows one.
            cache: whether tokens of large vocabularies are kept in the user's cache folder, and taken from there.

        Raises:
            VocabularyError: the tokens' bytes cannot be known for sure, an id is out of range, the logits are fewer
                than the tokens, or there is no file.
        """
        if isinstance(tokenizer, str | PathLike):
            tokens, ends = read_tokenizer_file(tokenizer, use_cache=cache)
        else:
            tokens = read_tokens(tokenizer, use_cache=cache)
            ends = _eos_ids(unwrap(tokenizer)) if stop_ids is None else []
        stops = frozenset(ends if stop_ids is None else stop_ids)
        size = len(tokens.texts) if size is None else size
        key = (cls, size, stops, frozenset(tokens.special.items()), tokens.fallback, tokens.texts)
        with _making:
            made = _in_use.get(key)
            if made is None:
                made = cls(tokens.texts, stops, size, special=tokens.special, fallback=tokens.fallback)
                _in_use[key] = made
        return made

    def token_bytes(self, token: int) -> bytes:
        """What the token adds to the text: nothing for stop tokens, special tokens and ids that are none.

        Raises VocabularyError for an id out of range.
        """
        self._check_token(token)
        return _at(self._texts, token)

    def walked_bytes(self, token: int) -> bytes:
        """What the token stands under in the trie: its text or its symbol. Nothing: it is not in the trie.

        Raises VocabularyError for an id out of range.
        """
        self._check_token(token)
        return _at(self._walked, token)

    def decode(self, tokens: Iterable[int]) -> bytes:
        """The text that the tokens spell.

        Raises VocabularyError for an id out of range.
        """
        return b"".join(map(self.token_bytes, tokens))

    def symbol(self, name: str) -> bytes:
        """What stands for the special token `name` in a grammar.

        Raises VocabularyError where there is no such token, or where it ends the reply.
        """
        if name not in self.special:
            known = ", ".join(sorted(self.special)[:20]) or "none"
            raise VocabularyError(f"the vocabulary has no special token {excerpt(name)}", hint=f"It has: {known}")
        if self.special[name] in self.stop_ids:
            raise VocabularyError(f"the special token {excerpt(name)} ends the reply, so a grammar cannot name it")
        return _symbol(name)

    def longest(self, text: bytes) -> int | None:
        """The longest token that `text` begins with, if there is one."""
        return self.trie.longest(text)

    def spell(self, text: bytes) -> list[int]:
        """Tokens that spell `text`: each time the longest one.

        Raises VocabularyError where no token goes on.
        """
        tokens, place = [], 0
        longest = self.trie.height
        while place < len(text):
            token = self.longest(text[place : place + longest])
            if token is None:
                raise VocabularyError(
                    f"no token spells {excerpt(text[place : place + 24])}, at byte {place} of {len(text)}",
                    hint="Some tokenizers have no token for some bytes",
                )
            tokens.append(token)
            place += len(self._walked[token])
        return tokens

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over all that makes the vocabulary, in hexadecimal: equal for equal vocabularies only."""
        digest = hashlib.sha256(f"{self.size} {sorted(self.stop_ids)} {sorted(self.special.items())}\n".encode())
        for strings in (self._texts, self._walked):
            digest.update(strings.length.astype(np.int64).tobytes())
            digest.update(strings.data)
        digest.update(self.trie.tokens.tobytes())
        return digest.hexdigest()

    def _check(self, tokens: int) -> None:
        if self.size < tokens:
            raise VocabularyError(
                f"the tokenizer has {tokens} tokens, the model's logits are {self.size} wide",
                limit=self.size,
                given=tokens,
                hint="It is not this model's tokenizer, or the model's embeddings were not resized for added tokens",
            )
        for what, ids, limit in (("stop", self.stop_ids, self.size), ("special", self.special.values(), tokens)):
            if outside := sorted(token for token in ids if not 0 <= token < limit):
                raise VocabularyError(f"the {what} tokens {outside[:5]} are out of range: there are {limit} tokens")

    def _check_token(self, token: int) -> None:
        if not 0 <= token < self.size:
            raise VocabularyError(f"there is no token {token}: the vocabulary has {self.size}")


# What a vocabulary is made of -> the vocabulary. The texts in a key are as a rule those that it holds itself.
_in_use: WeakValueDictionary[Hashable, Vocabulary] = WeakValueDictionary()
_making = Lock()


def _alphabet(trie: Trie) -> NDArray[np.bool_]:
    """The bytes that are a token, and the first byte of symbols, as 256 flags."""
    has_byte = np.zeros(256, np.bool_)
    for node in trie.children(ROOT):
        byte = trie.path(node)[0]
        has_byte[byte] = byte == MARK[0] or len(trie.tokens_at(node)) > 0
    return has_byte


def _at(strings: Strings, token: int) -> bytes:
    try:
        return strings[token]
    except IndexError:
        return b""


def _symbol(name: str) -> bytes:
    return MARK + name.encode() + MARK


def _eos_ids(tokenizer: Any) -> list[int]:
    tekken = find_tekken(tokenizer)
    found = getattr(tokenizer, "eos_token_id", None) if tekken is None else tekken.eos_id
    return [] if found is None else [found] if isinstance(found, int) else list(found)
