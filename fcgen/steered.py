"""A local model of Outlines whose logits can be had -> masks for it, and replies of llama.cpp and mlx-lm.

    functions -> Grammar -> Masks -> OutlinesProcessor;  messages + model + processor -> text -> Reply

`processor_for` is for `outlines.Generator` with a grammar or an output type; `SteeredEngine` is what `fcgen.load` makes
of a model that transformers does not run. The model lays out the messages by its own chat template, with the functions
in the system message; a template that refuses one gets it with the first user message.

What the tokens of llama.cpp write is asked of llama.cpp, token by token, and put to the test: the tokens of some texts
must spell these texts.

Limits: one reply at a time, without fast-forward: the libraries run their own loops. They are given texts, in which
they take each control text for a control token: a content that has one is refused.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fcgen.call import Grammar, OnError, TextOptions
from fcgen.choice import Choice, read_choice
from fcgen.decode.digits import has_longest_number
from fcgen.decode.sampling import Sampling
from fcgen.engine import Engine
from fcgen.errors import FcgenError, ModelError, OptionError, PromptError, VocabularyError, excerpt
from fcgen.formats import Format, find_format
from fcgen.functions import Function
from fcgen.mask import Masks
from fcgen.prompt import chat_messages, check_contents, render_prompt, sent_text
from fcgen.reply import Reply, Usage, parse_reply
from fcgen.vocab import Vocabulary
from fcgen.vocab.tokens import SAMPLES

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from fcgen.decode.outlines import OutlinesProcessor


def processor_for(
    model: Any, grammar: Any, *, budget: int | None = None, context: int | None = None
) -> OutlinesProcessor:
    """A processor for `outlines.Generator(model, processor=...)`.

    Args:
        model: what `outlines.from_transformers`, `from_llamacpp` or `from_mlxlm` makes.
        grammar: what may be written: a `Grammar`, or an output type of Outlines.
        budget: tokens of each reply, stop token included; what the model gets as its limit. None: no limit.
        context: tokens that the model has room for, prompt and reply together. None: no limit.

    Raises:
        ModelError: the model's logits cannot be had.
        VocabularyError: its tokens' bytes cannot be known for sure.
        OptionError, GrammarError, PatternError, SchemaError: it is no output type, or cannot be compiled.
        BudgetTooSmall: no reply fits in the budget.
    """
    from fcgen.decode.outlines import OutlinesProcessor

    chosen = grammar if isinstance(grammar, Grammar) else Grammar.from_output_type(grammar)
    return OutlinesProcessor(Masks(chosen, read_vocabulary(model)), budget=budget, context=context)


class SteeredEngine:
    """A model of llama.cpp or mlx-lm that replies with valid calls.

    Args:
        model: what `outlines.from_llamacpp` or `outlines.from_mlxlm` makes.
        format: how prompts are written and calls spelled. None: "chat" if the model lays out messages, else
            "trelis-llama2".

    Raises:
        ModelError: the model's logits cannot be had.
        VocabularyError: its tokens' bytes cannot be known for sure.
        PromptError: no format has that name.
    """

    def __init__(self, model: Any, *, format: str | Format | None = None) -> None:  # noqa: A002
        self.model = model
        default = "chat" if model.type_adapter.has_chat_template else "trelis-llama2"
        self.format = find_format(default if format is None else format)
        self.vocabulary = read_vocabulary(model)
        self._lock = threading.Lock()

    @property
    def context(self) -> int | None:
        """How many tokens the model has room for, prompt and reply together; None: it is not known."""
        return int(self.model.model.n_ctx()) if _is_llama(self.model) else None

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
        min_p: float = 0.0,
        seed: int | None = None,
        format: str | Format | None = None,  # noqa: A002
        on_error: OnError = "raise",
        **text: Unpack[TextOptions],
    ) -> Reply:
        """One reply to `prompt`: a call of one of `functions`, or text. The options are those of `Engine.call`.

        Functions that `choice` does not name are not offered.

        Raises:
            FunctionError: the functions cannot be read, or `choice` names none of them.
            SchemaError: the parameters of a function cannot be compiled; ManyErrors if there are several mistakes.
            PromptError: the prompt cannot be rendered, or leaves no room for a reply.
            BudgetTooSmall: no reply fits in `max_new_tokens`; `limit` is the minimum.
            OptionError: an option cannot have that value.
            ReplyError: the model's library ended the reply before it was whole.
        """
        from fcgen.decode.outlines import OutlinesProcessor

        began = time.perf_counter()
        if not isinstance(max_new_tokens, int) or isinstance(max_new_tokens, bool):
            raise OptionError(f"max_new_tokens is {excerpt(max_new_tokens)}", hint="It has to be an integer")
        sampling = Sampling(temperature=temperature or 0.0, top_p=top_p, top_k=top_k, min_p=min_p, seed=seed)
        form = self.format if format is None else find_format(format)
        grammar = Grammar.from_functions(functions, choice=read_choice(choice), format=form, on_error=on_error, **text)
        masks = Masks(grammar, self.vocabulary)
        processor = OutlinesProcessor(masks, budget=max_new_tokens, context=self.context)
        offered = grammar.functions
        with self._lock:
            if form.markers is None:
                written = self._answer(prompt, offered, form, processor, sampling)
            else:
                written = self._continue(prompt, offered, form, processor, sampling)
        seconds = time.perf_counter() - began
        usage = Usage(
            processor.prompt_tokens, processor.new_tokens, 0, processor.new_tokens, seconds,
            limited=processor.new_tokens >= max_new_tokens
            or (written.lstrip().startswith("{") and has_longest_number(written.encode())),
        )  # fmt: skip
        return parse_reply(written, offered, format=form, usage=usage)

    def _answer(
        self,
        prompt: object,
        functions: Sequence[Function],
        form: Format,
        processor: OutlinesProcessor,
        sampling: Sampling,
    ) -> str:
        """What the model says to messages that it lays out itself."""
        from jinja2 import TemplateError
        from outlines.inputs import Chat

        reason = "it leaves the system message out"
        for has_system in (True, False):
            messages = chat_messages(prompt, functions, format=form, has_system=has_system)
            check_contents([message["content"] for message in messages], self.vocabulary.special)
            chat = Chat(messages=messages)
            try:
                if self._shows(chat):
                    return self._generate(chat, processor, sampling)
            except FcgenError:
                raise
            except (TemplateError, ValueError) as error:
                reason = str(error).strip().partition("\n")[0]
        raise PromptError(f"the model refuses these messages: {excerpt(reason, 200)}")

    def _continue(
        self,
        prompt: object,
        functions: Sequence[Function],
        form: Format,
        processor: OutlinesProcessor,
        sampling: Sampling,
    ) -> str:
        """How the model goes on with a text."""
        if self.model.type_adapter.has_chat_template:
            raise PromptError(
                f"the format {excerpt(form.name)} is a text, and this model takes texts as messages",
                hint='Use format="chat", or outlines.from_llamacpp(model, chat_mode=False)',
            )
        assert form.markers is not None, "chat is not a text"
        control = {*self.vocabulary.special, *form.markers.control}
        text = sent_text(render_prompt(prompt, functions, format=form), control)
        try:
            return self._generate(text, processor, sampling)
        except FcgenError:
            raise
        except ValueError as error:
            raise PromptError(f"the model refuses this prompt: {excerpt(str(error), 200)}") from error

    def _shows(self, chat: Any) -> bool:
        """Whether the laid out messages have all that the system message says, as far as that can be seen."""
        shown = self.model.type_adapter.format_input(chat)
        system = chat.messages[0]["content"].strip() if chat.messages[0]["role"] == "system" else ""
        return not isinstance(shown, str) or system in shown

    def _generate(self, model_input: Any, processor: OutlinesProcessor, sampling: Sampling) -> str:
        processor.reset()
        limit = {"max_tokens": processor.budget}
        text = self.model.generate(model_input, processor, **limit, **_sampling_arguments(self.model, sampling))
        processor.check()
        return str(text)


def read_vocabulary(model: Any) -> Vocabulary:
    """The tokens of a model of Outlines whose logits can be had.

    Raises:
        ModelError: it is another one.
        VocabularyError: its tokens' bytes cannot be known for sure.
    """
    from outlines.models import MLXLM, LlamaCpp, Transformers, TransformersMultiModal

    if isinstance(model, LlamaCpp):
        return _llama_vocabulary(model.model)
    if isinstance(model, MLXLM):
        return _mlx_vocabulary(model)
    if isinstance(model, Transformers) and not isinstance(model, TransformersMultiModal):
        return Engine(model.model, model.hf_tokenizer).vocabulary
    raise ModelError(
        f"{type(model).__name__} gives no access to a text model's logits",
        hint="Of Outlines' models, those of from_transformers, from_llamacpp and from_mlxlm do",
    )


def _is_llama(model: Any) -> bool:
    from outlines.models import LlamaCpp

    return isinstance(model, LlamaCpp)


def _sampling_arguments(model: Any, sampling: Sampling) -> dict[str, Any]:
    """How the model's library is told to choose tokens."""
    if _is_llama(model):
        return {
            "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k,
            "min_p": sampling.min_p, "seed": sampling.seed, "repeat_penalty": 1.0,
        }  # fmt: skip
    import mlx.core
    from mlx_lm.sample_utils import make_sampler

    if sampling.seed is not None:
        mlx.core.random.seed(sampling.seed)
    return {
        "sampler": make_sampler(
            temp=sampling.temperature, top_p=sampling.top_p, top_k=sampling.top_k, min_p=sampling.min_p
        )
    }


def _mlx_vocabulary(model: Any) -> Vocabulary:
    import mlx.core

    width = model.model(mlx.core.array([[0]])).shape[-1]  # the shape is known without running it
    tokenizer = model.tokenizer.tokenizer
    stops = getattr(model.mlx_tokenizer, "eos_token_ids", None) or [tokenizer.eos_token_id]
    return Vocabulary.from_tokenizer(tokenizer, size=width, stop_ids=stops)


def _llama_vocabulary(llama: Any) -> Vocabulary:
    import llama_cpp

    vocab = llama_cpp.llama_model_get_vocab(llama.model)
    tokens = range(llama.n_vocab())
    texts = [_piece(vocab, token) for token in tokens]
    special = {
        llama_cpp.llama_vocab_get_text(vocab, token).decode("utf-8", "replace"): token
        for token in tokens
        if llama_cpp.llama_vocab_is_control(vocab, token)
    }
    stops = [token for token in tokens if llama_cpp.llama_vocab_is_eog(vocab, token)]
    is_byte = llama_cpp.LLAMA_TOKEN_ATTR_BYTE
    fallback = [token for token in tokens if llama_cpp.llama_vocab_get_attr(vocab, token) & is_byte]
    for sample in SAMPLES:
        data = sample.encode()
        found = b"".join(texts[token] for token in llama.tokenize(data, add_bos=False, special=False))
        if found not in (data, b" " + data):
            raise VocabularyError(
                f"the tokenizer's tokens for {excerpt(sample)} spell {excerpt(found)}",
                hint="A tokenizer that leaves out or changes parts of a text cannot be used",
            )
    return Vocabulary(texts, stops, special=special, fallback=fallback)


def _piece(vocab: Any, token: int) -> bytes:
    """What a token of llama.cpp writes; nothing for control tokens."""
    import llama_cpp

    size = 64
    while True:
        room = ctypes.create_string_buffer(size)
        written = int(llama_cpp.llama_token_to_piece(vocab, token, room, size, 0, 0))
        if written >= 0:
            return room.raw[:written]
        size = -written
