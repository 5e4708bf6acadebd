"""A tokenizer -> a copy of it in which some tokens are called otherwise, by names that no text has.

The copy makes the same tokens of all texts, but takes the spelling of these tokens for ordinary text; and where their
names stand, it makes these tokens. No merge makes one of them. Names are drawn at random for each copy, of letters and
digits, which no normalizer changes.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from fcgen.errors import VocabularyError, excerpt
from fcgen.vocab.tokens import unwrap

CUSTOM = ("Normalizer", "PreTokenizer")


class Renamed(NamedTuple):
    """The copy, of the tokenizers library; and each token's name and id, by what the tokenizer calls it."""

    tokenizer: Any
    names: Mapping[str, tuple[str, int]]


def rename(tokenizer: Any, texts: Iterable[str]) -> Renamed:
    """A copy of a tokenizer of transformers or tokenizers in which the added tokens `texts` are called otherwise.

    Raises VocabularyError: the tokenizer cannot be copied so.
    """
    from tokenizers import Tokenizer

    backend = getattr(unwrap(tokenizer), "backend_tokenizer", unwrap(tokenizer))
    key = secrets.token_hex(16)
    called = {text: f"{key}{number:06d}" for number, text in enumerate(sorted(texts))}
    if any(type(part).__name__ in CUSTOM for part in (backend.normalizer, backend.pre_tokenizer)):
        raise VocabularyError("the tokenizer has a part that is written in Python, and cannot be copied")
    state = json.loads(backend.to_str())
    copy = Tokenizer.from_str(json.dumps(_renamed(state, called)))
    names = {text: (name, backend.token_to_id(text)) for text, name in called.items()}
    for text, (name, token) in names.items():
        if copy.token_to_id(name) != token:
            raise VocabularyError(f"the tokenizer's token {excerpt(text)} cannot be called otherwise")
    return Renamed(copy, names)


def _renamed(state: dict[str, Any], called: Mapping[str, str]) -> dict[str, Any]:
    model = state["model"]
    vocab = model.get("vocab", {})
    if isinstance(vocab, dict):
        model["vocab"] = {called.get(text, text): token for text, token in vocab.items()}
    else:
        model["vocab"] = [[called.get(text, text), score] for text, score in vocab]
    if model.get("unk_token") in called:
        model["unk_token"] = called[model["unk_token"]]
    if "merges" in model:
        model["merges"] = [merge for merge in model["merges"] if not _concerns(merge, called)]
    for token in state["added_tokens"]:
        token["content"] = called.get(token["content"], token["content"])
    return {**state, "truncation": None, "padding": None}


def _concerns(merge: Any, called: Mapping[str, str]) -> bool:
    """Whether a merge makes one of the tokens, or is of one."""
    pair = merge.split(" ") if isinstance(merge, str) else merge
    return "".join(pair) in called or any(part in called for part in pair)
