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
import re
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from isolated import Failure, Isolated
from machine import PACKAGES, ROOT, describe_machine, write_record
from times import summarize
from validity import Question, pick_questions
from ways import BATCH_WAYS, WAYS, Fcgen, Way, make_way, profile, write

PROFILED = (1, 16, 64)
NOT_SPOKEN = re.compile(r"[\W_]+")


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
