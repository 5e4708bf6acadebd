"""The ways in which `decoding.py` has calls written: fcgen's, and those of its peers, each with the same model."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from corpus import union_of
from engines import WARMING
from typing_extensions import override
from validity import Question

Written = tuple[str, int]  # a reply's text, and how many tokens it has
WARMING_FUNCTION = {"name": "say", "description": "Says something.", "parameters": WARMING}
WARMING_QUESTION = {"question": "Say hello to the world, once.", "functions": [WARMING_FUNCTION]}


@dataclass(frozen=True)
class Asked:
    """A question in the forms that the ways want it in."""

    question: str
    functions: list[dict[str, Any]]
    prompt: str
    ids: list[int]
    schema: dict[str, Any]


class Meter:
    """When the model ran since the last `clear`: by the host's clock, or that of the device, if it has one."""

    def __init__(self, model: Any) -> None:
        self.device = model.device
        self.clear()
        model.register_forward_pre_hook(self._begin)
        model.register_forward_hook(self._end)

    def clear(self) -> None:
        """Forget the passes so far."""
        self.first = 0.0
        self.begun: list[Any] = []
        self.ended: list[Any] = []

    @property
    def passes(self) -> int:
        """How often the model ran."""
        return len(self.ended)

    def spans(self) -> tuple[list[float], list[float]]:
        """The seconds of each pass, and those between one pass and the next."""
        passes = [self._between(*ends) for ends in zip(self.begun, self.ended, strict=True)]
        gaps = [self._between(*ends) for ends in zip(self.ended[:-1], self.begun[1:], strict=True)]
        return passes, gaps

    def _begin(self, *_: Any) -> None:
        self.first = self.first or time.perf_counter()
        self.begun.append(self._now())

    def _end(self, *_: Any) -> None:
        self.ended.append(self._now())

    def _now(self) -> Any:
        if self.device.type != "cuda":
            return time.perf_counter()
        import torch

        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def _between(self, begun: Any, ended: Any) -> float:
        if isinstance(begun, float):
            return float(ended - begun)
        ended.synchronize()
        return float(begun.elapsed_time(ended)) / 1000


class Way:
    """One way of writing replies, with a model of its own."""

    package: ClassVar[str] = "fcgen"

    def __init__(self, options: argparse.Namespace) -> None:
        import torch

        import fcgen

        if options.threads:
            torch.set_num_threads(options.threads)
        self.engine = fcgen.load(options.model, device=options.device, dtype=options.dtype)
        self.model, self.tokenizer = self.engine.model, self.engine.tokenizer
        self.budget = options.budget
        self.meter = Meter(self.model)
        self.set_up()
        for _ in range(2):
            self.write(self.read(WARMING_QUESTION))

    def set_up(self) -> None:
        """Make what is made once for a tokenizer."""

    def read(self, question: Question) -> Asked:
        """The question in all its forms."""
        from fcgen import read_functions
        from fcgen.prompt import encode_prompt, render_prompt

        text, functions, form = question["question"], question["functions"], self.engine.format
        prompt = render_prompt(text, functions, format=form, tokenizer=self.tokenizer)
        ids = encode_prompt(prompt, self.tokenizer, format=form)
        read = [{"name": one.name, "parameters": one.parameters} for one in read_functions(functions)]
        return Asked(text, functions, prompt, ids, union_of(read))

    def forget(self) -> None:
        """Drop what is kept of earlier questions."""

    def write(self, asked: Asked) -> Written:
        """One reply, with its grammar compiled anew."""
        raise NotImplementedError

    def write_all(self, asked: Sequence[Asked]) -> list[Written]:
        """Several replies."""
        return [self.write(one) for one in asked]


class Fcgen(Way):
    """fcgen, as it comes."""

    @override
    def forget(self) -> None:
        from fcgen.decode.reading import Prefixes
        from fcgen.offers import Offers

        self.engine._offers = Offers(self.engine.vocabulary)  # noqa: SLF001  a new engine reads the tokenizer anew
        self.engine._prefixes = Prefixes()  # noqa: SLF001

    @override
    def write(self, asked: Asked) -> Written:
        reply = self.engine.call(asked.question, asked.functions, choice="required", max_new_tokens=self.budget)
        return reply.text, reply.usage.new_tokens

    @override
    def write_all(self, asked: Sequence[Asked]) -> list[Written]:
        self.engine.batch_size = len(asked)
        items = [{"prompt": one.question, "functions": one.functions} for one in asked]
        replies = self.engine.batch(items, choice="required", max_new_tokens=self.budget)
        return [(reply.text, reply.usage.new_tokens) for reply in replies]


class FcgenNoLookup(Fcgen):
    """fcgen, without proposals from the prompt."""

    @override
    def set_up(self) -> None:
        self.engine.lookup = 0


class FcgenSteps(Fcgen):
    """fcgen, with a pass of the model for each token."""

    @override
    def write(self, asked: Asked) -> Written:
        from fcgen.decode.generate import generate
        from fcgen.decode.sampling import Sampling

        cursor = self.engine.masks(asked.functions, choice="required").cursor(budget=self.budget)
        made = generate(
            self.model, asked.ids, cursor, sampling=Sampling(), max_new_tokens=self.budget, fast_forward=False
        )
        return bytes(cursor.text).decode(), len(made.tokens)


class FcgenOneByOne(Fcgen):
    """fcgen, with one reply after the other."""

    write_all = Way.write_all


class Generate(Way):
    """`generate` of transformers, with a processor that lets only some tokens through."""

    def processor(self, schema: dict[str, Any]) -> Any:
        """What takes the other tokens out of the logits."""
        raise NotImplementedError

    @override
    def write(self, asked: Asked) -> Written:
        import torch

        processor = self.processor(asked.schema)
        ids = torch.tensor([asked.ids], device=self.model.device)
        written = self.model.generate(
            ids, attention_mask=torch.ones_like(ids), logits_processor=[processor], **self.greedy()
        )[0, len(asked.ids) :]
        return self.tokenizer.decode(written, skip_special_tokens=True), len(written)

    def greedy(self) -> dict[str, Any]:
        """The options of `generate` that make it take the likeliest token, whatever the model's own say."""
        stops = sorted(self.engine.vocabulary.stop_ids)
        none = dict.fromkeys(("temperature", "top_p", "top_k"))
        ends = {"eos_token_id": stops, "pad_token_id": stops[0], "max_new_tokens": self.budget}
        return {"do_sample": False, "repetition_penalty": 1.0, **none, **ends}


class Outlines(Generate):
    """Outlines' generator, with its own backend."""

    package = "outlines"
    backend = "outlines_core"

    @override
    def set_up(self) -> None:
        from functools import partial

        import outlines

        outer = outlines.from_transformers(self.model, self.tokenizer)
        # The prompt is in the model's layout already, and may begin with its first token.
        outer.type_adapter.has_chat_template = False
        own = self.engine.format.markers is not None
        outer.tokenizer.encode = partial(outer.tokenizer.encode, add_special_tokens=own)
        self.outlines, self.outer = outlines, outer
        self.generate, self.model.generate = self.model.generate, self._generate

    @override
    def write(self, asked: Asked) -> Written:
        text = self._generator(asked)(asked.prompt, **self.greedy())
        if self.written[0, : len(asked.ids)].tolist() != asked.ids:
            raise ValueError("the prompt's tokens are not those that the others are given")
        return text, self.written.shape[1] - len(asked.ids)

    @override
    def write_all(self, asked: Sequence[Asked]) -> list[Written]:
        texts = self._generator(asked[0]).batch([one.prompt for one in asked], **self.greedy())
        stops, longest = self.engine.vocabulary.stop_ids, max(len(one.ids) for one in asked)
        rows = self.written[:, longest:].tolist()
        lengths = [next((place for place, token in enumerate(row, 1) if token in stops), len(row)) for row in rows]
        return list(zip(texts, lengths, strict=True))

    def _generator(self, asked: Asked) -> Any:
        schema = self.outlines.types.JsonSchema(asked.schema)
        return self.outlines.Generator(self.outer, schema, backend=self.backend)

    def _generate(self, *arguments: Any, **options: Any) -> Any:
        self.written = self.generate(*arguments, **options)
        return self.written


class OutlinesLlguidance(Outlines):
    """Outlines' generator, with the backend llguidance."""

    backend = "llguidance"


class Xgrammar(Generate):
    """xgrammar's own processor for transformers."""

    package = "xgrammar"

    @override
    def set_up(self) -> None:
        import xgrammar
        from xgrammar.contrib.hf import LogitsProcessor

        vocabulary = self.engine.vocabulary
        read = xgrammar.TokenizerInfo.from_huggingface(
            self.tokenizer, vocab_size=vocabulary.size, stop_token_ids=sorted(vocabulary.stop_ids)
        )
        self.compiler, self.make = xgrammar.GrammarCompiler(read), LogitsProcessor

    @override
    def processor(self, schema: dict[str, Any]) -> Any:
        return self.make(self.compiler.compile_json_schema(json.dumps(schema)))


class Llguidance(Generate):
    """The masks of llguidance."""

    package = "llguidance"

    @override
    def set_up(self) -> None:
        import llguidance.hf

        self.read_tokens = llguidance.hf.from_tokenizer(self.tokenizer)

    @override
    def processor(self, schema: dict[str, Any]) -> Any:
        return LlguidanceProcessor(self.read_tokens, schema)


class LlguidanceProcessor:
    """Takes out of the logits of one row what llguidance does not allow."""

    def __init__(self, tokens: Any, schema: dict[str, Any]) -> None:
        import llguidance
        import llguidance.torch

        self.bits = llguidance.torch
        self.matcher = llguidance.LLMatcher(tokens, llguidance.LLMatcher.grammar_from_json_schema(json.dumps(schema)))
        self.mask = self.bits.allocate_token_bitmask(1, tokens.vocab_size)
        self.begun = False

    def __call__(self, ids: Any, scores: Any) -> Any:
        """The logits, minus infinity where a token is not allowed."""
        if self.begun:
            self.matcher.consume_token(int(ids[0, -1]))
        self.begun = True
        if self.matcher.is_error():
            raise ValueError(self.matcher.get_error())
        self.bits.fill_next_token_bitmask(self.matcher, self.mask, 0)
        self.bits.apply_token_bitmask_inplace(scores, self.mask.to(scores.device))
        return scores


WAYS: dict[str, type[Way]] = {
    "fcgen": Fcgen,
    "fcgen-no-lookup": FcgenNoLookup,
    "fcgen-steps": FcgenSteps,
    "outlines-core": Outlines,
    "outlines-llguidance": OutlinesLlguidance,
    "xgrammar": Xgrammar,
    "llguidance": Llguidance,
}
BATCH_WAYS: dict[str, type[Way]] = {
    "fcgen": Fcgen,
    "fcgen-one-by-one": FcgenOneByOne,
    "outlines-core": Outlines,
    "outlines-llguidance": OutlinesLlguidance,
}


def make_way(made: Callable[[argparse.Namespace], Any], options: argparse.Namespace) -> Any:
    """The way, with its model loaded, and in use already."""
    return made(options)


def write(way: Way, questions: Sequence[Question]) -> dict[str, Any]:
    """The replies to these questions, and what they cost together."""
    asked = [way.read(question) for question in questions]
    way.forget()
    way.meter.clear()
    began = time.perf_counter()
    replies = [way.write(asked[0])] if len(asked) == 1 else way.write_all(asked)
    seconds = time.perf_counter() - began
    return {
        "texts": [text for text, _ in replies],
        "new_tokens": sum(count for _, count in replies),
        "passes": way.meter.passes,
        "seconds": seconds,
        "before": way.meter.first - began,
    }


def profile(way: Way, questions: Sequence[Question]) -> dict[str, float]:
    """The time that the model takes in a step of a batch, and the host's own."""
    asked = [way.read(question) for question in questions]
    way.forget()
    way.meter.clear()
    began = time.perf_counter()
    replies = way.write_all(asked)
    seconds = time.perf_counter() - began
    passes, gaps = way.meter.spans()
    one, gap = statistics.median(passes), statistics.median(gaps or [0.0])
    return {
        "rows": len(asked),
        "new tokens": sum(count for _, count in replies),
        "passes": len(passes),
        "seconds": seconds,
        "s before the 1st pass": way.meter.first - began,
        "ms of a pass, p50": 1000 * one,
        "ms between two, p50": 1000 * gap,
        "host % of a step": 100 * gap / (gap + one),
        "host % of all steps": 100 * sum(gaps) / (sum(gaps) + sum(passes)),
    }
