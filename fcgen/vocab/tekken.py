"""Mistral's Tekken tokenizer (`tekken.json`), as the library mistral-common reads it -> the bytes of its tokens.

It has bytes for each token, so nothing has to be inferred. The first ids are control tokens, which it never makes of
text. No import of mistral-common is needed here: who has such a tokenizer has it already.
"""

from __future__ import annotations

from typing import Any

from fcgen.errors import VocabularyError, excerpt
from fcgen.vocab.strings import Strings


def find_tekken(tokenizer: Any) -> Any:
    """The `Tekkenizer` that a tokenizer of mistral-common is or holds, also that of transformers; None: it is another.

    Transformers' `MistralCommonBackend` holds a `MistralTokenizer`, and that one the `Tekkenizer`.
    """
    inner = tokenizer
    for _ in range(3):
        if hasattr(inner, "id_to_byte_piece") and hasattr(inner, "num_special_tokens"):
            return inner
        instruct = getattr(inner, "instruct_tokenizer", None)
        inner = getattr(inner if instruct is None else instruct, "tokenizer", None)
    return None


def read_tekken(tekken: Any, samples: tuple[str, ...]) -> tuple[Strings, dict[str, int]]:
    """What each token adds to a text, and the control tokens by name.

    Raises VocabularyError unless the tokens of each sample spell it.
    """
    control = range(tekken.num_special_tokens)
    texts = Strings.of(b"" if token in control else tekken.id_to_byte_piece(token) for token in range(tekken.n_words))
    for sample in samples:
        found = b"".join(texts[token] for token in tekken.encode(sample, bos=False, eos=False))
        if found != sample.encode():
            raise VocabularyError(f"the tokenizer's tokens for {excerpt(sample)} spell {excerpt(found)}")
    return texts, {tekken.id_to_piece(token): token for token in control}
