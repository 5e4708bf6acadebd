"""A model and its tokenizer -> the Vocabulary of the model's logits, after a check that the two belong together."""

from __future__ import annotations

from typing import Any

from fcgen.errors import VocabularyError
from fcgen.vocab.tekken import find_tekken
from fcgen.vocab.vocabulary import Vocabulary

# A tokenizer that leaves more than this share of the logits without a token is another model's: padding is less.
MOST_PADDING = 1 / 8


def vocabulary_of(model: Any, tokenizer: Any) -> Vocabulary:
    """The tokens of the logits of a model of transformers, by its tokenizer.

    Raises VocabularyError: the tokenizer is not this model's, or neither says which token ends a reply.
    """
    width = _logits_width(model)
    tekken = find_tekken(tokenizer)
    tokens = max(tokenizer.get_vocab().values(), default=-1) + 1 if tekken is None else tekken.n_words
    if not width * (1 - MOST_PADDING) <= tokens <= width:
        raise VocabularyError(
            f"the tokenizer has {tokens} tokens, the model's logits are {width} wide: it is not this model's tokenizer",
            hint="Load both from the same place; a tokenizer with added tokens needs model.resize_token_embeddings",
        )
    return Vocabulary.from_tokenizer(tokenizer, size=width, stop_ids=_stop_ids(model, tokenizer, tokens, width))


def text_config(model: Any) -> Any:
    """The part of the model's configuration that is about text."""
    return model.config.get_text_config()


def _logits_width(model: Any) -> int:
    head = model.get_output_embeddings()
    if head is None:
        return int(text_config(model).vocab_size)
    # A quantized layer packs its weight, so the weight's shape is not what it gives.
    return int(getattr(head, "out_features", None) or head.weight.shape[0])


def _stop_ids(model: Any, tokenizer: Any, tokens: int, width: int) -> frozenset[int]:
    """The tokens that end a reply: by the model's generation settings and by the tokenizer."""
    configured = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    listed = configured if isinstance(configured, list | tuple) else [configured]
    stops = frozenset(int(stop) for stop in [*listed, tokenizer.eos_token_id] if stop is not None)
    if not stops:
        raise VocabularyError(
            "neither the model's generation settings nor the tokenizer name a token that ends a reply",
            hint="Set model.generation_config.eos_token_id or tokenizer.eos_token",
        )
    if outside := sorted(stop for stop in stops if not 0 <= stop < tokens):
        raise VocabularyError(
            f"replies end with token {outside[0]}, but the tokenizer has {tokens} tokens "
            f"and the model's logits are {width} wide: it is not this model's tokenizer",
            hint="Load both from the same place, or correct model.generation_config.eos_token_id",
        )
    return stops
