"""A model and its tokenizer -> replies: the whole line from functions to `Reply`, in one call.

    functions -> Grammar -> Masks (kept) -> Cursor;  prompt -> token ids;  model + cursor -> tokens -> Reply

Compiled masks are kept for the function sets used last, since they grow better with use: a second reply finds the rows
that the first one needed. So is what the model has read of the prompts used last, up to 256 MB: a prompt that begins
like one of them, as with the same functions, is only read from where they differ. What is wrong with the tokenizer,
the prompt's length or the budget is said before the model runs.

The arguments of a call are not validated again: the grammar they were written under is their schema's.
"""

from __future__ import annotations

import asyncio
import marshal
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from fcgen.call import Choice, Grammar, OnError, TextOptions, read_choice, read_offered
from fcgen.decode.loop import BATCH_SIZE, LOOKUP, Loop
from fcgen.decode.reading import Prefixes
from fcgen.decode.repetition import REPEAT_LIMIT
from fcgen.decode.row import Request, Row
from fcgen.decode.sampling import Sampling
from fcgen.decode.worker import Worker
from fcgen.errors import FcgenError, OptionError, PromptError, VocabularyError, excerpt
from fcgen.events import Event, ReplyComplete, ReplyEvents
from fcgen.formats import Format, find_format
from fcgen.functions import Function
from fcgen.mask import Masks
from fcgen.prompt import encode_prompt, render_prompt
from fcgen.reply import Reply, Usage, parse_reply
from fcgen.vocab import Vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Unpack

    from fcgen.mask.device import DeviceRows

KEPT_MASKS = 32
# A tokenizer that leaves more than this share of the logits without a token is another model's: padding is less.
MOST_PADDING = 1 / 8


class CallOptions(TextOptions, total=False):
    """How a reply is asked for: the options of `Engine.call`."""

    choice: Choice
    max_new_tokens: int
    temperature: float | None
    top_p: float
    top_k: int
    min_p: float
    repetition_penalty: float
    seed: int | None
    stop: str | Sequence[str]
    repeat_limit: int | None
    format: str | Format | None
    on_error: OnError


class Engine:
    """A language model of transformers that replies with valid calls.

    Args:
        model: the model; neither moved nor changed. Whoever moves it or changes its weights makes a new engine, since
            this one keeps what the model has read.
        tokenizer: the model's tokenizer.
        format: how prompts are written and calls spelled; None: the model's own chat template if the tokenizer has
            one, else that of the function-calling models for Llama 2.
        batch_size: how many replies are written at the same time, at most.
        lookup: how many tokens that stand in the prompt are proposed to the model at a time, where a reply copies from
            it; 0: none. It changes what a reply costs, not what it says.

    Raises:
        VocabularyError: the tokenizer is not this model's, or cannot be used.
        PromptError: no format has that name.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        format: str | Format | None = None,  # noqa: A002
        batch_size: int = BATCH_SIZE,
        lookup: int = LOOKUP,
    ) -> None:
        default = "chat" if getattr(tokenizer, "chat_template", None) else "trelis-llama2"
        self.model = model
        self.tokenizer = tokenizer
        self.format = find_format(default if format is None else format)
        self.vocabulary = _read_vocabulary(model, tokenizer)
        self.batch_size, self.lookup = batch_size, lookup
        self._kept: OrderedDict[bytes, _Offer] = OrderedDict()
        self._lock = threading.Lock()
        self._prefixes = Prefixes()
        self._spare_rows: list[DeviceRows] = []
        self._worker = Worker(self._loop)

    def call(self, prompt: object, functions: object = None, **options: Unpack[CallOptions]) -> Reply:
        """One reply to `prompt`: a call of one of `functions`, or text.

        Args:
            prompt: the user's message, or a list of `{"role", "content"}`.
            functions: what may be called, in any form that `read_functions` reads; None: nothing, the reply is text.
            options: all of these may be left out.

                choice: "auto" (a call or text; the default), "required" (a call), "none" (text), a function's name, or
                a list of names (a call of one of these).

                max_new_tokens: tokens of the reply, stop token included; 256. Fewer are left where the prompt fills
                the model's context; the reply is complete in any case.

                temperature: 0 (the default) or None takes the likeliest token each time; above 0 tokens are drawn.
                top_p, top_k, min_p, repetition_penalty: as in `generate` of transformers (see `Sampling`).
                seed: makes the draws repeatable.

                stop: a text, or several: a text reply ends before the first of them.

                repeat_limit: a string or text whose last so many bytes (128) repeat one piece is closed; None: it is
                left to the budget.

                format: instead of the engine's own.

                on_error: what to do where a function cannot be used: "raise" (the default), or "leave_out" that
                function, also of the prompt; `masks(...).grammar.left_out` says which and why.

                whitespace, order, exponent, escapes, nullable: how a call's JSON is written, as in
                `Grammar.from_functions`.

        Raises:
            FunctionError: the functions cannot be read, or `choice` names none of them.
            SchemaError: the parameters of a function cannot be compiled; ManyErrors if there are several mistakes.
            PromptError: the prompt cannot be rendered, or leaves no room for a reply in the model's context.
            BudgetTooSmall: no reply fits in `max_new_tokens`; `limit` is the minimum.
            OptionError: an option cannot have that value.
            ModelError: the model's logits are no numbers.
        """
        return self.several(prompt, functions, 1, **options)[0]

    def several(
        self, prompt: object, functions: object = None, count: int = 2, **options: Unpack[CallOptions]
    ) -> list[Reply]:
        """So many replies to one prompt, each with draws of its own; the other arguments, and errors, are `call`'s."""
        began = time.perf_counter()
        asked = self._ask(prompt, functions, options)
        with self._writing() as loop:
            rows = [loop.add(asked.request(number)) for number in range(count)]
            loop.run()
        return [asked.reply(row, began) for row in rows]

    def batch(
        self,
        prompts: Sequence[object],
        functions: object = None,
        *,
        errors: Literal["raise", "return"] = "raise",
        **options: Unpack[CallOptions],
    ) -> list[Reply | FcgenError]:
        """A reply to each of `prompts`, in their order, written side by side.

        Args:
            prompts: each what `call` takes as its prompt; or a dict with the key "prompt", and as further keys the
                functions and options of this one prompt, in place of those for all.
            functions: what may be called.
            errors: "raise" the first error, before the model runs if that can be; or "return" each in place of the
                reply, and finish the others.
            options: as for `call`.

        Raises what `call` raises, for one of the prompts; OptionError for a key that is no option.
        """
        if errors not in ("raise", "return"):
            raise OptionError(f"errors is {excerpt(errors)}", hint='It has to be "raise" or "return"')
        began = time.perf_counter()
        asked = [self._try_to_ask(prompt, functions, options, errors) for prompt in prompts]
        with self._writing() as loop:
            rows = [None if isinstance(one, FcgenError) else loop.add(one.request(0)) for one in asked]
            loop.run()
        found: list[Reply | FcgenError] = []
        for one, row in zip(asked, rows, strict=True):
            if isinstance(one, FcgenError) or row is None:
                found.append(cast("FcgenError", one))
            elif row.error is not None and errors == "return":
                found.append(row.error)
            else:
                found.append(one.reply(row, began))
        return found

    def stream(self, prompt: object, functions: object = None, **options: Unpack[CallOptions]) -> Iterator[Event]:
        """The reply while it is written, as events (`fcgen.events`), the last one a `ReplyComplete`.

        Closing the iterator ends the reply. The arguments, and errors, are those of `call`; errors of the arguments
        are raised here, before the first event is asked for.
        """
        began = time.perf_counter()
        asked = self._ask(prompt, functions, options)
        return self._streamed(asked, began)

    def _streamed(self, asked: _Asked, began: float) -> Iterator[Event]:
        events = ReplyEvents(asked.format)
        with self._writing() as loop:
            row = loop.add(asked.request(0))
            while not row.ended:
                loop.step()
                yield from events.feed(asked.shown(row))
        reply = asked.reply(row, began)
        yield from events.end()
        yield ReplyComplete(reply)

    async def acall(self, prompt: object, functions: object = None, **options: Unpack[CallOptions]) -> Reply:
        """As `call`. Replies that are awaited at the same time are written side by side; cancelling ends one."""
        reply: Reply | None = None
        async for event in self.astream(prompt, functions, **options):
            if isinstance(event, ReplyComplete):
                reply = event.reply
        assert reply is not None, "the last event has the reply"
        return reply

    async def astream(
        self, prompt: object, functions: object = None, **options: Unpack[CallOptions]
    ) -> AsyncIterator[Event]:
        """As `stream`. Replies that are awaited at the same time are written side by side; cancelling ends one."""
        began = time.perf_counter()
        asked = await asyncio.to_thread(self._ask, prompt, functions, options)
        events = ReplyEvents(asked.format)
        running = asyncio.get_running_loop()
        progress: asyncio.Queue[bytes | FcgenError | Row] = asyncio.Queue()

        def tell(row: Row) -> None:
            running.call_soon_threadsafe(progress.put_nowait, row if row.ended else asked.shown(row))

        ticket = self._worker.submit(asked.request(0), tell)
        try:
            while True:
                found = await progress.get()
                written = asked.shown(found) if isinstance(found, Row) else cast("bytes", found)
                for event in events.feed(written):
                    yield event
                if isinstance(found, Row):
                    reply = asked.reply(found, began)
                    for event in events.end():
                        yield event
                    yield ReplyComplete(reply)
                    return
        finally:
            self._worker.cancel(ticket)

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
        return self._offer(functions, choice, form, on_error, text).masks

    @property
    def context(self) -> int | None:
        """How many tokens the model can read, prompt and reply together; None: the model does not say."""
        return getattr(_text_config(self.model), "max_position_embeddings", None)

    @contextmanager
    def _writing(self) -> Iterator[Loop]:
        """A loop, with the masks that an earlier one has left on the device."""
        loop = self._loop()
        with self._lock:
            loop.device_rows = self._spare_rows.pop() if self._spare_rows else None
        try:
            yield loop
        finally:
            if loop.device_rows is not None:
                self._spare_rows.append(loop.device_rows)

    def _loop(self) -> Loop:
        return Loop(
            self.model, self.vocabulary, batch_size=self.batch_size, lookup=self.lookup, prefixes=self._prefixes
        )

    def _try_to_ask(self, item: object, functions: object, options: CallOptions, errors: str) -> _Asked | FcgenError:
        try:
            if not (isinstance(item, Mapping) and "prompt" in item):
                return self._ask(item, functions, options)
            own = {key: value for key, value in item.items() if key not in ("prompt", "functions")}
            merged = cast("CallOptions", {**options, **own})
            return self._ask(item["prompt"], item.get("functions", functions), merged)
        except FcgenError as error:
            if errors == "raise":
                raise
            return error

    def _ask(self, prompt: object, functions: object, options: CallOptions) -> _Asked:
        """All of a reply that can be known before the model runs."""
        if unknown := [name for name in options if name not in _OPTIONS]:
            raise OptionError(f"{excerpt(unknown[0])} is no option", hint=f"Options: {', '.join(_OPTIONS)}")
        chosen = {**_DEFAULTS, **options}
        sampling = Sampling(
            0.0 if chosen["temperature"] is None else chosen["temperature"],
            chosen["top_p"],
            chosen["top_k"],
            chosen["seed"],
            chosen["min_p"],
            chosen["repetition_penalty"],
        )
        form = self.format if chosen["format"] is None else find_format(chosen["format"])
        text = cast("TextOptions", {name: chosen[name] for name in TextOptions.__annotations__ if name in chosen})
        offer = self._offer(functions, chosen["choice"], form, chosen["on_error"], text)
        stop, grammar = _read_stop(chosen["stop"]), cast("Grammar", offer.masks.grammar)
        may_be_text = grammar.calls is not None or not grammar.functions
        shown = offer.functions if chosen["choice"] != "none" else ()
        rendered = render_prompt(prompt, shown, format=form, tokenizer=self.tokenizer)
        ids = encode_prompt(rendered, self.tokenizer, format=form)
        budget = self._budget(len(ids), chosen["max_new_tokens"], offer.masks.fewest_tokens)
        first = Request(
            ids,
            offer.masks.cursor(budget=budget),
            budget,
            sampling,
            stop=stop if may_be_text else (),
            calls=offer.calls,
            repeat_limit=chosen["repeat_limit"],
        )
        return _Asked(first, offer, form)

    def _offer(self, functions: object, choice: object, form: Format, on_error: OnError, text: TextOptions) -> _Offer:
        """The functions and the masks of their replies, kept for those used last."""
        chosen = read_choice(choice)
        rest = [chosen, form.reply, on_error, sorted(text.items())]
        key = _content([functions, rest])
        if key is None:  # not plain JSON: what it says is known when it is read
            readable, unreadable = read_offered(functions, on_error)
            mistakes = [str(error) for report in unreadable for error in report.errors]
            key = _content([[[f.name, f.description, f.parameters] for f in readable], mistakes, rest])
        assert key is not None, "functions that were read are plain JSON"
        with self._lock:
            if key not in self._kept:
                grammar = Grammar.from_functions(functions, choice=chosen, format=form, on_error=on_error, **text)
                self._kept[key] = _new_offer(functions, grammar, on_error, self.vocabulary)
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT_MASKS:
                self._kept.popitem(last=False)
            return self._kept[key]

    def _budget(self, prompt_tokens: int, max_new_tokens: int, fewest: int) -> int:
        """The tokens a reply may have: those asked for, or what the context has left for them."""
        if not isinstance(max_new_tokens, int) or isinstance(max_new_tokens, bool):
            raise OptionError(f"max_new_tokens is {excerpt(max_new_tokens)}", hint="It has to be an integer")
        if max_new_tokens < fewest or self.context is None:
            return max_new_tokens
        beside = 0 if getattr(self.model.config, "is_encoder_decoder", False) else prompt_tokens
        if beside + fewest > self.context or prompt_tokens > self.context:
            raise PromptError(
                f"the prompt has {prompt_tokens} tokens and the shortest reply {fewest}, "
                f"which is more than the model's context",
                limit=self.context,
                given=prompt_tokens + fewest,
                hint="Shorten the prompt, offer fewer functions, or use a model with a longer context",
            )
        return min(max_new_tokens, self.context - beside)


_DEFAULTS: dict[str, Any] = {
    "choice": "auto", "max_new_tokens": 256, "temperature": 0.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0,
    "repetition_penalty": 1.0, "seed": None, "stop": (), "repeat_limit": REPEAT_LIMIT, "format": None,
    "on_error": "raise",
}  # fmt: skip
_OPTIONS = (*_DEFAULTS, *TextOptions.__annotations__)


@dataclass(frozen=True, slots=True)
class _Offer:
    """Functions that may be called: those that are shown to the model, the masks, and the tokens that begin a call."""

    functions: tuple[Function, ...]
    masks: Masks
    calls: NDArray[np.uint32] | None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A reply that is asked for: the request of the first of several, what is offered, and the format."""

    first: Request
    offer: _Offer
    format: Format

    def request(self, number: int) -> Request:
        """The request of one of several replies."""
        budget = self.first.max_new_tokens
        return replace(self.first, cursor=self.offer.masks.cursor(budget=budget), number=number)

    def shown(self, row: Row) -> bytes:
        """What of a reply is sure to stay, while it is written."""
        text = row.text()
        longest = max(map(len, self.first.stop), default=0)
        return text if row.ended or row.is_call or not longest else text[: max(0, len(row.written) - longest + 1)]

    def reply(self, row: Row, began: float) -> Reply:
        """The reply of a row that has ended. Raises the row's error."""
        if row.error is not None:
            raise row.error
        usage = Usage(
            len(self.first.prompt), len(row.tokens), row.forced, row.passes, time.perf_counter() - began,
            removed=sum(row.removed) / len(row.removed) if row.removed else 0.0,
            call_probability=row.call_probability,
        )  # fmt: skip
        text = row.text().decode()
        return parse_reply(text, self.offer.functions, format=self.format, usage=usage, validate=False)


def _new_offer(functions: object, grammar: Grammar, on_error: OnError, vocabulary: Vocabulary) -> _Offer:
    masks = Masks(grammar, vocabulary)
    calls = None if grammar.calls is None else Masks(Grammar(grammar.calls), vocabulary).cursor().mask()
    return _Offer(_usable(functions, grammar, on_error), masks, calls)


def _content(value: object) -> bytes | None:
    """What plain JSON holds, the order of its keys included; None: it is something else."""
    try:
        return marshal.dumps(value, 2)  # type: ignore[arg-type]  # this version depends on nothing but the values
    except ValueError:
        return None


def _read_stop(stop: object) -> tuple[bytes, ...]:
    texts = (stop,) if isinstance(stop, str) else stop
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) and text for text in texts):
        raise OptionError(
            f"stop is {excerpt(stop)}", hint="It has to be a text, or a list of texts, none of them empty"
        )
    return tuple(text.encode() for text in texts)


def _usable(functions: object, grammar: Grammar, on_error: OnError) -> tuple[Function, ...]:
    """The functions to offer: those that can be read, but for those that the grammar leaves out."""
    readable, _ = read_offered(functions, on_error)
    unusable = {report.name for report in grammar.left_out} - {function.name for function in grammar.functions}
    return tuple(function for function in readable if function.name not in unusable)


def _text_config(model: Any) -> Any:
    """The part of the model's configuration that is about text."""
    return model.config.get_text_config()


def _read_vocabulary(model: Any, tokenizer: Any) -> Vocabulary:
    """The tokens of the model's logits, after a check that the tokenizer is the model's."""
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
