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
import threading
import time
from collections.abc import AsyncIterator, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from fcgen.call import Grammar, OnError, TextOptions
from fcgen.choice import Choice
from fcgen.decode.loop import BATCH_SIZE, LOOKUP, Loop
from fcgen.decode.reading import Prefixes
from fcgen.decode.repetition import REPEAT_LIMIT
from fcgen.decode.row import Request, Row
from fcgen.decode.sampling import Sampling
from fcgen.decode.worker import Worker
from fcgen.errors import FcgenError, OptionError, PromptError, Unsatisfiable, excerpt
from fcgen.events import Event, ReplyComplete, ReplyEvents
from fcgen.extraction import Asked, Example, Extracted, Job, Windows
from fcgen.extraction.job import has_verbatim
from fcgen.extraction.stream import Extraction
from fcgen.formats import Format, find_format
from fcgen.mask import Masks
from fcgen.offers import Offer, Offers
from fcgen.prompt import encode_prompt, has_chats, render_prompt
from fcgen.reply import Reply, Usage, parse_reply
from fcgen.vocab.of_model import text_config, vocabulary_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from fcgen.mask.device import DeviceRows


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
        default = "chat" if has_chats(tokenizer) else "trelis-llama2"
        self.model = model
        self.tokenizer = tokenizer
        self.format = find_format(default if format is None else format)
        self.vocabulary = vocabulary_of(model, tokenizer)
        self.batch_size, self.lookup = batch_size, lookup
        self._offers = Offers(self.vocabulary)
        self._prefixes = Prefixes()
        self._spare_rows: list[DeviceRows] = []
        self._lock = threading.Lock()
        self._worker = Worker(self._loop)

    def call(self, prompt: object, functions: object = None, **options: Unpack[CallOptions]) -> Reply:
        """One reply to `prompt`: a call of one of `functions`, or text.

        Args:
            prompt: the user's message, or a list of messages as OpenAI's chat API has them, with calls and their
                results (`fcgen.messages`).
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
        _check_several(prompts, "prompts")
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
        events = ReplyEvents(asked.format, may_call=asked.may_call)
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
        events = ReplyEvents(asked.format, may_call=asked.may_call)
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

    def extract(
        self,
        documents: Iterable[object],
        into: object = None,
        *,
        functions: object = None,
        choice: Choice = "required",
        instruction: str = "",
        examples: Sequence[Example] = (),
        windows: Windows | None = None,
        ordered: bool = True,
        **options: Any,
    ) -> Iterator[Extracted]:
        """A row for each document: the fields that were asked for, or a call; or an error, which is no other row's.

        Documents are read as they are needed, a few batches ahead, and are written side by side. Documents that are
        alike are asked about once, if they are not far apart. Closing the iterator ends it.

        Args:
            documents: each a text, `{"id", "text"}`, or a `Document`, which may ask for something by itself.
            into: what to find: a JSON Schema, or a Pydantic model, dataclass or TypedDict; or a `Job`, which says all
                that the next ones say. A value has the properties that the schema lists, and no others where it says
                nothing of others.
            functions: what may be called instead, in any form that `read_functions` reads.
            choice: as for `call`.
            instruction: what is said before the document.
            examples: documents, each with what is to be said of it.
            windows: how documents that are long are cut, and what was found in the parts is merged; None: a document
                that leaves no room for a reply is an error.
            ordered: whether rows come in the order of the documents, or as they end.
            options: those of `call`; and `verbatim_whitespace`, "exact" or "normalized", for a schema with strings
                that are to stand in the document (`x-verbatim`).

        Raises what `call` raises, for what is asked of all documents: here, before the first row is asked for. What is
        wrong with one document is the `error` of its row.
        """
        job = into if isinstance(into, Job) else Job(into, functions, choice, instruction, examples, windows, options)
        return _one_by_one(self.extracting(documents, job, ordered=ordered))

    def extracting(
        self, documents: Iterable[object], job: Job, *, ordered: bool = True
    ) -> Generator[list[Extracted], None, None]:
        """As `extract`, but the rows that have ended after each pass of the model; often none."""
        _check_several(documents, "documents")
        if not job.asks_nothing:
            self._check(job)
        return self._extracted(documents, job, ordered=ordered)

    def _extracted(
        self, documents: Iterable[object], job: Job, *, ordered: bool
    ) -> Generator[list[Extracted], None, None]:
        with self._writing() as loop:
            extraction = Extraction(
                job, loop, self._ask_about, self.tokenizer, batch_size=self.batch_size, ordered=ordered
            )
            yield from extraction.steps(documents)

    def _check(self, job: Job) -> None:
        """Raise what is wrong with all documents of a job."""
        try:
            self._ask_about(job.about(""), job.options, "")
        except Unsatisfiable:  # an empty document may not have the strings that are to stand in it
            if not job.is_verbatim:
                raise

    def _ask_about(self, asked: Asked, options: Mapping[str, Any], document: str) -> _Asked:
        """What is asked about one document."""
        chosen = cast("CallOptions", {**options, "choice": asked.choice})
        return self._ask(asked.messages, asked.functions, chosen, asked.schema, document)

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
        return self._offers.of_functions(functions, choice, form, on_error, text).masks

    @property
    def context(self) -> int | None:
        """How many tokens the model can read, prompt and reply together; None: the model does not say."""
        return getattr(text_config(self.model), "max_position_embeddings", None)

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

    def _ask(
        self,
        prompt: object,
        functions: object,
        options: CallOptions,
        schema: object = None,
        document: str | None = None,
    ) -> _Asked:
        """All of a reply that can be known before the model runs; with a schema it is JSON. It may be on a document."""
        known = _OPTIONS if document is None else (*_OPTIONS, "verbatim_whitespace")
        if unknown := [name for name in options if name not in known]:
            raise OptionError(f"{excerpt(unknown[0])} is no option", hint=f"Options: {', '.join(known)}")
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
        if document is not None and has_verbatim([schema, functions]):
            spaces = chosen.get("verbatim_whitespace", "exact")
            text = cast("TextOptions", {**text, "document": document, "verbatim_whitespace": spaces})
        if schema is None:
            offer = self._offers.of_functions(functions, chosen["choice"], form, chosen["on_error"], text)
        else:
            offer = self._offers.of_schema(schema, text)
        stop, grammar = _read_stop(chosen["stop"]), cast("Grammar", offer.masks.grammar)
        may_be_text = schema is None and (grammar.calls is not None or not grammar.functions)
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
        return _Asked(first, offer, form, may_call=bool(grammar.functions))

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
class _Asked:
    """A reply that is asked for: the first of several requests, what is offered, the format, and if it may call."""

    first: Request
    offer: Offer
    format: Format
    may_call: bool

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
            call_probability=row.call_probability, limited=row.limited,
        )  # fmt: skip
        text, functions = row.text().decode(), self.offer.functions if self.may_call else ()
        return parse_reply(text, functions, format=self.format, usage=usage, validate=False)


def _one_by_one(steps: Generator[list[Extracted], None, None]) -> Iterator[Extracted]:
    with closing(steps):
        for rows in steps:
            yield from rows


def _check_several(given: object, what: str) -> None:
    """Refuse what would be taken apart into its letters or keys."""
    if isinstance(given, str | bytes | Mapping):
        raise OptionError(
            f"{what} is {excerpt(given)}", hint="It has to be a list of them, also where there is but one"
        )


def _read_stop(stop: object) -> tuple[bytes, ...]:
    texts = (stop,) if isinstance(stop, str) else stop
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) and text for text in texts):
        raise OptionError(
            f"stop is {excerpt(stop)}", hint="It has to be a text, or a list of texts, none of them empty"
        )
    return tuple(text.encode() for text in texts)
