"""A model and its tokenizer -> replies: the whole line from functions to `Reply`, in one call.

    functions -> Grammar -> Masks (kept) -> Cursor;  prompt -> token ids;  model + cursor -> tokens -> Reply

Compiled masks are kept for the function sets used last, since they grow better with use: a second reply finds the rows
that the first one needed. What is wrong with the tokenizer, the prompt's length or the budget is said before the model
runs.

The arguments of a call are not validated again: the grammar they were written under is their schema's.

Limits: one reply at a time; decoder-only models.
"""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from fcgen.call import Grammar, OnError, TextOptions, read_offered
from fcgen.decode.generate import Generation, generate
from fcgen.decode.sampling import Sampling
from fcgen.errors import FunctionError, ModelError, OptionError, PromptError, VocabularyError, excerpt
from fcgen.formats import Format, find_format
from fcgen.functions import Function
from fcgen.mask import Masks
from fcgen.prompt import encode_prompt, render_prompt
from fcgen.reply import Reply, Usage, parse_reply
from fcgen.vocab import Vocabulary

if TYPE_CHECKING:
    from typing_extensions import Unpack

KEPT_MASKS = 32
# A tokenizer that leaves more than this share of the logits without a token is another model's: padding is less.
MOST_PADDING = 1 / 8

Choice = str | Sequence[str]


class Engine:
    """A causal language model of transformers that replies with valid calls.

    Args:
        model: the model; neither moved nor changed.
        tokenizer: the model's tokenizer.
        format: how prompts are written and calls spelled; None: the model's own chat template if the tokenizer has
            one, else that of the function-calling models for Llama 2.

    Raises:
        VocabularyError: the tokenizer is not this model's, or cannot be used.
        ModelError: the model is not a decoder-only language model.
        PromptError: no format has that name.
    """

    def __init__(self, model: Any, tokenizer: Any, *, format: str | Format | None = None) -> None:  # noqa: A002
        default = "chat" if getattr(tokenizer, "chat_template", None) else "trelis-llama2"
        self.model = model
        self.tokenizer = tokenizer
        self.format = find_format(default if format is None else format)
        self.vocabulary = _read_vocabulary(model, tokenizer)
        self._kept: OrderedDict[str, Masks] = OrderedDict()
        self._lock = threading.Lock()

    def call(
        self,
        prompt: object,
        functions: object = None,
        *,
        choice: Choice = "auto",
        max_new_tokens: int = 256,
        temperature: float | None = 0.0,
        top_p: float = 1.0,
        top_k: int = 0,
        seed: int | None = None,
        format: str | Format | None = None,  # noqa: A002
        on_error: OnError = "raise",
        **text: Unpack[TextOptions],
    ) -> Reply:
        """One reply to `prompt`: a call of one of `functions`, or text.

        Args:
            prompt: the user's message, or a list of `{"role", "content"}`.
            functions: what may be called, in any form that `read_functions` reads; None: nothing, the reply is text.
            choice: "auto" (a call or text), "required" (a call), "none" (text), a function's name, or a list of names
                (a call of one of these).
            max_new_tokens: tokens of the reply, stop token included. Fewer are left where the prompt fills the
                model's context; the reply is complete in any case.
            temperature: 0 or None takes the likeliest token each time; above 0 tokens are drawn.
            top_p: draw from the likeliest tokens that together reach this probability.
            top_k: draw from this many of the likeliest tokens; 0: from all.
            seed: makes the draws repeatable.
            format: instead of the engine's own.
            on_error: what to do where a function cannot be used: "raise", or "leave_out" that function, also of the
                prompt; `masks(...).grammar.left_out` says which and why.
            text: how a call's JSON is written: `whitespace`, `order`, `exponent`, `escapes` and `nullable`, as in
                `Grammar.from_functions`.

        Raises:
            FunctionError: the functions cannot be read, or `choice` names none of them.
            SchemaError: the parameters of a function cannot be compiled; ManyErrors if there are several mistakes.
            PromptError: the prompt cannot be rendered, or leaves no room for a reply in the model's context.
            BudgetTooSmall: no reply fits in `max_new_tokens`; `limit` is the minimum.
        """
        began = time.perf_counter()
        sampling = Sampling(0.0 if temperature is None else temperature, top_p, top_k, seed)
        form = self.format if format is None else find_format(format)
        masks = self.masks(functions, choice=choice, format=form, on_error=on_error, **text)
        offered = _usable(functions, cast("Grammar", masks.grammar), on_error)
        rendered = render_prompt(prompt, offered if choice != "none" else (), format=form, tokenizer=self.tokenizer)
        ids = encode_prompt(rendered, self.tokenizer, format=form)
        budget = self._budget(len(ids), max_new_tokens, masks.fewest_tokens)
        written = generate(self.model, ids, masks.cursor(budget=budget), sampling=sampling, max_new_tokens=budget)
        usage = _usage(len(ids), written, time.perf_counter() - began)
        reply = self.vocabulary.decode(written.tokens).decode()
        return parse_reply(reply, offered, format=form, usage=usage, validate=False)

    def masks(
        self,
        functions: object = None,
        *,
        choice: Choice = "auto",
        format: str | Format | None = None,  # noqa: A002
        on_error: OnError = "raise",
        **text: Unpack[TextOptions],
    ) -> Masks:
        """The compiled masks of the replies that `call` would allow, kept for the next time; for `LogitsProcessor`.

        Raises FunctionError, SchemaError or ManyErrors, as `call`.
        """
        form = self.format if format is None else find_format(format)
        chosen = _read_choice(choice)
        readable, unreadable = read_offered(functions, on_error)
        mistakes = [str(error) for report in unreadable for error in report.errors]
        offered = [[f.name, f.parameters] for f in readable]
        key = json.dumps([offered, mistakes, chosen, form.reply, repr(sorted(text.items())), on_error])
        with self._lock:
            if key not in self._kept:
                grammar = Grammar.from_functions(functions, choice=chosen, format=form, on_error=on_error, **text)
                self._kept[key] = Masks(grammar, self.vocabulary)
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT_MASKS:
                self._kept.popitem(last=False)
            return self._kept[key]

    @property
    def context(self) -> int | None:
        """How many tokens the model can read, prompt and reply together; None: the model does not say."""
        return getattr(_text_config(self.model), "max_position_embeddings", None)

    def _budget(self, prompt_tokens: int, max_new_tokens: int, fewest: int) -> int:
        """The tokens a reply may have: those asked for, or what the context has left for them."""
        if not isinstance(max_new_tokens, int) or isinstance(max_new_tokens, bool):
            raise OptionError(f"max_new_tokens is {excerpt(max_new_tokens)}", hint="It has to be an integer")
        if max_new_tokens < fewest or self.context is None:
            return max_new_tokens
        if prompt_tokens + fewest > self.context:
            raise PromptError(
                f"the prompt has {prompt_tokens} tokens and the shortest reply {fewest}, "
                f"which is more than the model's context",
                limit=self.context,
                given=prompt_tokens + fewest,
                hint="Shorten the prompt, offer fewer functions, or use a model with a longer context",
            )
        return min(max_new_tokens, self.context - prompt_tokens)


def _usage(prompt_tokens: int, written: Generation, seconds: float) -> Usage:
    return Usage(prompt_tokens, len(written.tokens), written.forced_tokens, written.forward_passes, seconds)


def _usable(functions: object, grammar: Grammar, on_error: OnError) -> tuple[Function, ...]:
    """The functions to offer: those that can be read, but for those that the grammar leaves out."""
    readable, _ = read_offered(functions, on_error)
    unusable = {report.name for report in grammar.left_out} - {function.name for function in grammar.functions}
    return tuple(function for function in readable if function.name not in unusable)


def _read_choice(choice: object) -> str | tuple[str, ...]:
    names = (choice,) if isinstance(choice, str) else choice
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise FunctionError(
            f"choice is {excerpt(choice)}",
            hint='Use "auto", "required", "none", a function\'s name, or a list of names',
        )
    return choice if isinstance(choice, str) else tuple(names)


def _text_config(model: Any) -> Any:
    """The part of the model's configuration that is about text."""
    return model.config.get_text_config()


def _read_vocabulary(model: Any, tokenizer: Any) -> Vocabulary:
    """The tokens of the model's logits, after a check that the tokenizer is the model's."""
    if getattr(model.config, "is_encoder_decoder", False):
        raise ModelError(
            f"{type(model).__name__} is an encoder-decoder model",
            hint="Use a decoder-only model (AutoModelForCausalLM), or fcgen.LogitsProcessor with model.generate",
        )
    width = _logits_width(model)
    tokens = max(tokenizer.get_vocab().values(), default=-1) + 1
    if not width * (1 - MOST_PADDING) <= tokens <= width:
        raise VocabularyError(
            f"the tokenizer has {tokens} tokens, the model's logits are {width} wide: it is not this model's tokenizer",
            hint="Load both from the same place; a tokenizer with added tokens needs model.resize_token_embeddings",
        )
    return Vocabulary.from_tokenizer(tokenizer, size=width, stop_ids=_stop_ids(model, tokenizer, tokens, width))


def _logits_width(model: Any) -> int:
    head = model.get_output_embeddings()
    if head is None:
        return int(_text_config(model).vocab_size)
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
