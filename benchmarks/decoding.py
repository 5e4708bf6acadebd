"""What a call costs with fcgen, and with its peers: passes of the model for each token, wall time, right arguments.

Single calls (`--n`), one required for each question, greedy, with the same model and the same tokens of the prompt.
Each question is asked in all ways before the next, each way in a process of its own, where a failure is an answer. Each
process has written two short calls before, so that what is done once is done; but what is asked is new to it: the
grammar of the question's functions is compiled within the time, and nothing of the prompt was read before.

    fcgen                `Engine.call`
    fcgen-no-lookup      the same, with `lookup=0`: nothing is proposed from the prompt
    fcgen-steps          `generate(fast_forward=False)`: the model is asked about every token
    outlines-core        Outlines' generator for transformers, with its own backend
    outlines-llguidance  the same, with the backend llguidance
    xgrammar             `generate` of transformers, with xgrammar's own processor
    llguidance           `generate` of transformers, with the masks of llguidance

fcgen renders the prompt within its time; the others are given it. The peers have one JSON Schema, any of the objects
{"function": NAME, "arguments": {...}}, and are used as they come, so that most let the model choose the whitespace.
Outlines reads the tokenizer anew for each schema; in the other ways that was done before.

A reply is valid if `parse_reply` reads it as a call. Its arguments are right if they are those of one of the answers:
none missing that has to be there, none that is not listed. As in BFCL, case, spaces and punctuation of texts do not
matter, and numbers are compared by value. Shares are of all questions, failures among them; costs of those answered.

    python benchmarks/decoding.py --n 60 --out benchmarks/results/decoding.json
    python benchmarks/decoding.py --n 48 --batch 16     rows of different functions side by side; the rows of Outlines
                                                        all have the schema of the first
    python benchmarks/decoding.py --profile 1 16 64     the host's part of a step of `Engine.batch`
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from corpus import union_of
from engines import WARMING
from isolated import Failure, Isolated
from machine import PACKAGES, ROOT, describe_machine, write_record
from times import summarize
from typing_extensions import override
from validity import Question, pick_questions

Written = tuple[str, int]  # a reply's text, and how many tokens it has
WARMING_FUNCTION = {"name": "say", "description": "Says something.", "parameters": WARMING}
WARMING_QUESTION = {"question": "Say hello to the world, once.", "functions": [WARMING_FUNCTION]}
PROFILED = (1, 16, 64)
NOT_SPOKEN = re.compile(r"[\W_]+")


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

        self.engine._kept.clear()  # noqa: SLF001  a new engine would read the tokenizer anew
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


@dataclass
class Answer:
    """One reply: what became of it ("call", "invalid", or how it failed), what is right in it, and what it cost."""

    id: str
    outcome: str
    reason: str = ""
    right_name: bool = False
    right_arguments: bool = False
    text: str = ""
    new_tokens: int = 0
    passes: int = 0
    seconds: float = 0.0
    before: float = 0.0  # the first pass of the model

    @property
    def answered(self) -> bool:
        """Whether there is a reply."""
        return self.outcome in ("call", "invalid")


def judge(question: Question, found: dict[str, Any] | Failure) -> Answer:
    """What became of a question."""
    from fcgen import parse_reply
    from fcgen.errors import FcgenError

    if isinstance(found, Failure):
        return Answer(question["id"], found.how, found.reason)
    text = found.pop("texts")[0]
    answer = Answer(question["id"], "invalid", text=text, **found)
    try:
        reply = parse_reply(text, question["functions"])
    except FcgenError as error:
        answer.reason = str(error)
        return answer
    if reply.kind == "text":
        answer.reason = "text where a call is required"
        return answer
    answer.outcome = "call"
    meant = [one["accepted"] for one in question["answers"] if one["name"] == reply.calls[0].function]
    answer.right_name = bool(meant)
    answer.right_arguments = any(has_accepted(reply.calls[0].arguments, accepted) for accepted in meant)
    return answer


def has_accepted(given: dict[str, Any], accepted: dict[str, Any]) -> bool:
    """Whether each value of an object is one of those accepted for it; "" says that it may be left out."""
    if not set(given) <= set(accepted):
        return False
    for name, values in accepted.items():
        options = values if isinstance(values, list) else [values]
        if name not in given:
            if "" not in options:
                return False
        elif not any(is_same(given[name], option) for option in [*options, values]):
            return False
    return True


def is_same(given: Any, accepted: Any) -> bool:
    """Whether a value is as good as the one accepted."""
    match accepted:
        case dict():
            return isinstance(given, dict) and has_accepted(given, accepted)
        case list():
            return isinstance(given, list) and len(given) == len(accepted) and all(map(is_same, given, accepted))
        case str():
            return isinstance(given, str) and spoken(given) == spoken(accepted)
        case bool() | None:
            return given is accepted
    return isinstance(given, int | float) and not isinstance(given, bool) and given == accepted


def spoken(text: str) -> str:
    """A text without case, spaces and punctuation; as it is where it has nothing else."""
    return NOT_SPOKEN.sub("", text.casefold()) or text


class Asker:
    """A way in a process of its own. Where it cannot be set up, that is the answer to every question."""

    def __init__(
        self,
        made: Callable[[argparse.Namespace], Any],
        answer: Callable[[Any, Any], Any],
        options: argparse.Namespace,
        rows: int = 1,
    ) -> None:
        self._arguments = (made, options)
        limits = {"timeout": options.timeout * rows, "memory": options.memory}
        self._worker = Isolated(make_way, self._arguments, answer, **limits)
        self._broken: Failure | None = None

    def ask(self, questions: Sequence[Any]) -> Any:
        """What the way answers, or a `Failure`."""
        if self._broken is None:
            try:
                return self._worker.ask(questions)
            except (RuntimeError, OSError) as error:
                self.close()
                self._broken = Failure("not set up", str(error).removeprefix(f"setting up {self._arguments}: "))
        return self._broken

    def close(self) -> None:
        """End the process."""
        self._worker.close()


def ask_all(askers: dict[str, Asker], groups: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    """What each way says to each group of questions, each asked in all ways before the next."""
    found: dict[str, list[Any]] = {name: [] for name in askers}
    for number, group in enumerate(groups):
        for name, asker in askers.items():
            found[name].append(asker.ask(group))
        print(f"\r{number + 1}/{len(groups)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    for asker in askers.values():
        asker.close()
    return found


def measure_calls(questions: list[Question], options: argparse.Namespace) -> dict[str, Any]:
    """Single calls."""
    askers = {name: Asker(WAYS[name], write, options) for name in installed(options.ways, WAYS)}
    found = ask_all(askers, [[question] for question in questions])
    answers = {name: list(map(judge, questions, results)) for name, results in found.items()}
    first = next(iter(answers))
    summaries = {name: summarize_calls(own, answers[first], first) for name, own in answers.items()}
    failures = {
        name: [f"{one.outcome}: {one.reason}" for one in own if not one.answered] for name, own in answers.items()
    }
    return {
        "summary": summaries,
        "failures": failures,
        "answers": {name: [asdict(answer) for answer in own] for name, own in answers.items()},
    }


def summarize_calls(answers: Sequence[Answer], others: Sequence[Answer], first: str) -> dict[str, Any]:
    """What the table shows of one way; `others` are the answers of the first one."""
    answered = [answer for answer in answers if answer.answered]
    both = [(one, own) for one, own in zip(others, answers, strict=True) if one.answered and own.answered]
    ours, theirs = (sum(pair[place].seconds for pair in both) for place in (0, 1))
    seconds = summarize([[answer.seconds for answer in answered]])
    return {
        "questions": len(answers),
        "failures": len(answers) - len(answered),
        "of these timed out": sum(answer.outcome == "timed out" for answer in answers),
        "valid %": _percent(answer.outcome == "call" for answer in answers),
        "right function %": _percent(answer.right_name for answer in answers),
        "right arguments %": _percent(answer.right_arguments for answer in answers),
        "new tokens": _mean(answer.new_tokens for answer in answered),
        "passes": _mean(answer.passes for answer in answered),
        "passes / token": sum(a.passes for a in answered) / max(1, sum(a.new_tokens for a in answered)),
        "s before the 1st pass": _mean(answer.before for answer in answered),
        "s p50": seconds.get("p50", 0.0),
        "s mean": seconds.get("mean", 0.0),
        "s total": sum(answer.seconds for answer in answered),
        f"{first} / it": ours / theirs if theirs else None,  # over the questions that both have answered
    }


def measure_batches(questions: list[Question], options: argparse.Namespace) -> dict[str, Any]:
    """Rows side by side."""
    size = options.batch
    groups = [questions[start : start + size] for start in range(0, len(questions), size)]
    groups = [group for group in groups if len(group) == size] or groups
    askers = {name: Asker(BATCH_WAYS[name], write, options, size) for name in installed(options.ways, BATCH_WAYS)}
    found = ask_all(askers, groups)
    summaries = {name: summarize_batches(results, len(groups[0])) for name, results in found.items()}
    failures = {name: [f"{r.how}: {r.reason}" for r in own if isinstance(r, Failure)] for name, own in found.items()}
    answers = {name: [asdict(one) if isinstance(one, Failure) else one for one in own] for name, own in found.items()}
    return {"summary": summaries, "failures": failures, "answers": answers}


def summarize_batches(results: Sequence[Any], size: int) -> dict[str, float]:
    """What the table shows of one way."""
    answered = [result for result in results if not isinstance(result, Failure)]
    seconds, tokens, passes = (sum(one[what] for one in answered) for what in ("seconds", "new_tokens", "passes"))
    return {
        "batches": len(results),
        "failures": len(results) - len(answered),
        "rows": size * len(answered),
        "new tokens / row": tokens / max(1, size * len(answered)),
        "passes / token": passes / max(1, tokens),
        "s before the 1st pass": _mean(one["before"] for one in answered),
        "s of a batch": _mean(one["seconds"] for one in answered),
        "rows / s": size * len(answered) / seconds if seconds else 0.0,
        "tokens / s": tokens / seconds if seconds else 0.0,
    }


def measure_profile(questions: list[Question], options: argparse.Namespace) -> dict[str, Any]:
    """The host's part of a step."""
    summaries, failures = {}, {}
    for size in options.profile:
        asker = Asker(Fcgen, profile, options, size)
        found = asker.ask(questions[:size])
        asker.close()
        if isinstance(found, Failure):
            failures[f"batch of {size}"] = [f"{found.how}: {found.reason}"]
        else:
            summaries[f"batch of {size}"] = found
    return {"summary": summaries, "failures": failures}


def installed(names: Sequence[str] | None, ways: dict[str, type[Way]]) -> list[str]:
    """Those of the ways that are installed; says which are not."""
    found = []
    for name in ways if names is None else [name for name in names if name in ways]:
        if importlib.util.find_spec(ways[name].package):
            found.append(name)
        else:
            print(f"{name} is skipped: it is not installed", file=sys.stderr)
    return found


def print_results(results: dict[str, Any]) -> None:
    summaries = results["summary"]
    width = max(map(len, summaries), default=0) + 3
    print(f"{'':24}" + "".join(f"{name:>{width}}" for name in summaries))
    for line in next(iter(summaries.values()), {}):
        print(f"{line:24}" + "".join(f"{_short(summary[line]):>{width}}" for summary in summaries.values()))
    for name, reasons in results["failures"].items():
        for reason, count in Counter(reasons).most_common(3):
            print(f"{name}, {count} times: {reason[:200]}")


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:,.{2 if value >= 1 else 3}f}"


def _percent(found: Any) -> float:
    return 100 * _mean(found)


def _mean(values: Any) -> float:
    return float(statistics.mean([*values] or [0.0]))


def describe(options: argparse.Namespace) -> dict[str, Any]:
    """The machine, and where the models ran."""
    import torch

    device = torch.device(options.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    described = describe_machine(PACKAGES | {"outlines", "outlines_core"})
    return {**described, "device": name, "threads": options.threads or torch.get_num_threads()}


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--functions-data", type=Path, default=ROOT.parent / "shared" / "data" / "functions")
    parser.add_argument("--n", type=int, default=60, help="questions")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS | BATCH_WAYS), help="without it, all")
    parser.add_argument("--batch", type=int, help="measure batches of so many rows instead")
    parser.add_argument(
        "--profile", type=int, nargs="*", help="measure the host's part of batches of these sizes instead"
    )
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--device")
    parser.add_argument("--dtype")
    parser.add_argument("--threads", type=int, help="threads of torch; without it, as many as torch takes")
    parser.add_argument("--budget", type=int, default=256, help="tokens of a reply, at most")
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds for one reply")
    parser.add_argument("--memory", type=float, default=8.0, help="GiB that one way may take")
    parser.add_argument("--out", type=Path, help="write the results here, as JSON")
    options = parser.parse_args()
    if options.profile is not None:
        options.profile = options.profile or list(PROFILED)
        options.n = max(options.profile)
    return options


def main() -> None:
    options = read_options()
    questions, left_out = pick_questions(options.functions_data, options.n)
    print(f"{len(questions)} questions, {len(left_out)} left out: their functions cannot be compiled", file=sys.stderr)
    measure = measure_profile if options.profile else measure_batches if options.batch else measure_calls
    results = measure(questions, options)
    print_results(results)
    write_record(options.out, options, {"machine": describe(options), "left_out": left_out, **results})


if __name__ == "__main__":
    main()
