"""What a job gets right, and how fast: the fields of documents, beside those that Outlines writes with the same model.

A job is a folder with `job.json` and `docs.jsonl.gz`, as for `extraction.py`. All ways have the same model, the same
JSON Schema and the same prompts, those that fcgen renders; all take the likeliest token:

    fcgen                `Engine.extract`, as it comes
    fcgen-verbatim       the same, with each string marked `x-verbatim`: it has to stand in the document
    outlines-core        a loop over `outlines.Generator(model, JsonSchema(schema)).batch`, with its own backend
    outlines-llguidance  the same, with the backend llguidance

Each way has a process and a model of its own, and has written one document before: that one's time, in which grammars
are compiled, is told apart. (So the generator of Outlines is made once, and fcgen has compiled what documents share.)
The documents are written in groups (`--group`), each in all ways before the next. The loop has the best of some batch
sizes (`--batch-sizes`), as found on the first documents, and is given its prompts; fcgen has its own size, and renders
within its time.

A row is an error if there is no reply; it is valid if the reply is JSON that `jsonschema` finds valid by the schema.
These, and the share of replies that were cut off, are of all documents. A field is right if it is the gold one, but for
case and the spaces around it. Precision is the share of right ones among the fields that were said, one that gold does
not have counting as wrong; recall is the share among the gold fields. Strings are from the document if they stand in it
as they are. Passes for each token are those in which a row took part (of Outlines: a pass for each token).

    python benchmarks/jobs.py --documents ../shared/data/documents/us_addresses --n 100
    python benchmarks/jobs.py --ways fcgen fcgen-verbatim --out benchmarks/results/jobs.json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import ways
from decoding import Asker, describe, print_results
from extraction import count_right, job_parser, make_document, read_documents
from isolated import Failure
from machine import write_record

Group = tuple[list[str], int]  # texts, and how many are to be written side by side
Reply = dict[str, Any]  # its text, tokens and passes; or the error


class Extract:
    """`Engine.extract`."""

    def __init__(self, job: dict[str, Any], options: argparse.Namespace, *, verbatim: bool) -> None:
        import torch

        import fcgen

        if options.threads:
            torch.set_num_threads(options.threads)
        self.engine = fcgen.load(options.model, device=options.device, dtype=options.dtype)
        self.job = make_job(job, options, verbatim=verbatim)
        self.meter = ways.Meter(self.engine.model)
        self.first = 0.0
        self.first = self.write(([make_document(-1)["text"]], 1))["seconds"]

    def write(self, group: Group) -> dict[str, Any]:
        """The reply to each document, and what they cost together."""
        texts, self.engine.batch_size = group
        self.meter.clear()
        began = time.perf_counter()
        rows = list(self.engine.extract(texts, self.job))
        seconds = time.perf_counter() - began
        replies = [
            {"error": f"{row.error.kind}: {row.error.message}"}
            if row.error
            else {
                "text": json.dumps(row.fields, ensure_ascii=False),
                "tokens": row.usage["new_tokens"],
                "passes": row.usage["forward_passes"],
            }
            for row in rows
        ]
        return {"seconds": seconds, "first": self.first, "passes": self.meter.passes, "replies": replies}


class Loop:
    """A loop over the documents with a generator of Outlines."""

    def __init__(self, job: dict[str, Any], options: argparse.Namespace, *, made: type[ways.Outlines]) -> None:
        self.way, self.job = made(options), make_job(job, options)
        began = time.perf_counter()
        schema = self.way.outlines.types.JsonSchema(self.job.schema)
        self.generator = self.way.outlines.Generator(self.way.outer, schema, backend=self.way.backend)
        self.first = 0.0
        self.write(([make_document(-1)["text"]], 1))
        self.first = time.perf_counter() - began

    def write(self, group: Group) -> dict[str, Any]:
        """The reply to each document, and what they cost together."""
        texts, size = group
        prompts = list(map(self._prompt, texts))
        replies: list[Reply] = []
        self.way.meter.clear()
        began = time.perf_counter()
        for start in range(0, len(prompts), size):
            replies += self._write(prompts[start : start + size])
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "first": self.first, "passes": self.way.meter.passes, "replies": replies}

    def _write(self, prompts: list[tuple[str, list[int]]]) -> Iterator[Reply]:
        texts = self.generator.batch([prompt for prompt, _ in prompts], **self.way.greedy())
        longest = max(len(ids) for _, ids in prompts)
        stops = self.way.engine.vocabulary.stop_ids
        for text, (_, ids), row in zip(texts, prompts, self.way.written.tolist(), strict=True):
            if row[longest - len(ids) : longest] != ids:
                raise ValueError("the prompt's tokens are not those that fcgen has")
            written = row[longest:]
            tokens = next((place for place, token in enumerate(written, 1) if token in stops), len(written))
            yield {"text": text, "tokens": tokens, "passes": tokens}

    def _prompt(self, text: str) -> tuple[str, list[int]]:
        from fcgen.jobs.identity import prompt_of
        from fcgen.prompt import encode_prompt

        engine = self.way.engine
        prompt = prompt_of(engine, self.job.about(text), {})
        return prompt, encode_prompt(prompt, engine.tokenizer, format=engine.format)


WAYS: dict[str, Callable[..., Extract | Loop]] = {
    "fcgen": partial(Extract, verbatim=False),
    "fcgen-verbatim": partial(Extract, verbatim=True),
    "outlines-core": partial(Loop, made=ways.Outlines),
    "outlines-llguidance": partial(Loop, made=ways.OutlinesLlguidance),
}


def make_job(job: dict[str, Any], options: argparse.Namespace, *, verbatim: bool = False) -> Any:
    """The job as fcgen has it."""
    from fcgen.extraction import Job

    schema = mark_verbatim(job["schema"]) if verbatim else job["schema"]
    return Job(schema, instruction=job["instruction"], options={"max_new_tokens": options.budget})


def mark_verbatim(schema: Any) -> Any:
    """The schema with each string to stand in the document."""
    found = dict(schema)
    if found.get("type") == "string":
        found["x-verbatim"] = True
    if "properties" in found:
        found["properties"] = {name: mark_verbatim(part) for name, part in found["properties"].items()}
    if isinstance(found.get("items"), dict):
        found["items"] = mark_verbatim(found["items"])
    return found


def write(way: Extract | Loop, group: Group) -> dict[str, Any]:
    return way.write(group)


def extract(
    job: dict[str, Any], documents: list[dict[str, Any]], options: argparse.Namespace
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, dict[int, float]]]:
    """By way, what it makes of each group of documents; and the rows in a second of each size that it tried."""
    texts = [document["text"] for document in documents]
    askers = {
        name: Asker(partial(WAYS[name], job), write, options, options.group) for name in options.ways or list(WAYS)
    }
    sizes = {name: options.batch_sizes if "outlines" in name else [options.batch_size] for name in askers}
    tried = {name: try_sizes(asker, texts, sizes[name]) for name, asker in askers.items()}
    best = {name: max(sizes[name], key=lambda size: tried[name].get(size, 0.0)) for name in askers}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in askers}
    for start in range(0, len(texts), options.group):
        group = texts[start : start + options.group]
        for name, asker in askers.items():
            found[name].append({"size": best[name], **settled(asker.ask((group, best[name])), group)})
        print(f"\r{start + len(group)}/{len(texts)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    for asker in askers.values():
        asker.close()
    return found, tried


def try_sizes(asker: Asker, texts: list[str], sizes: list[int]) -> dict[int, float]:
    """Rows in a second for each batch size, of those that answer; nothing where there is no choice."""
    if len(sizes) == 1:
        return {}
    some = texts[: max(sizes)]
    answers = {size: asker.ask((some, size)) for size in sizes}
    return {size: len(some) / one["seconds"] for size, one in answers.items() if not isinstance(one, Failure)}


def settled(found: Any, texts: list[str]) -> dict[str, Any]:
    """What a way says; where it fails, each text has that error."""
    if isinstance(found, Failure):
        error = {"error": f"{found.how}: {found.reason}"}
        return {"seconds": 0.0, "first": None, "passes": 0, "replies": [error for _ in texts]}
    return dict(found)


def summarize_way(
    job: dict[str, Any], documents: list[dict[str, Any]], groups: list[dict[str, Any]], options: argparse.Namespace
) -> dict[str, Any]:
    """What the table shows of one way."""
    replies = [reply for group in groups for reply in group["replies"]]
    answered = [reply for reply in replies if "error" not in reply]
    values = [read_value(reply) for reply in replies]
    strings = [
        string in document["text"]
        for document, value in zip(documents, values, strict=True)
        for string in strings_of(value)
    ]
    gold = sum(len(document["gold"]) for document in documents)
    said = sum(len(value) for value in values if isinstance(value, dict))
    right = sum(count_right(one["gold"], reply) for one, reply in zip(documents, replies, strict=True))
    tokens, seconds = sum(reply["tokens"] for reply in answered), sum(group["seconds"] for group in groups)
    return {
        "documents": len(replies),
        "errors": len(replies) - len(answered),
        "valid %": _percent(sum(is_valid(value, job["schema"]) for value in values), len(replies)),
        "cut off %": _percent(
            sum(reply["tokens"] >= options.budget and read_value(reply) is None for reply in answered), len(replies)
        ),
        "precision %": _percent(right, said),
        "recall %": _percent(right, gold),
        "F1 %": _percent(2 * right, said + gold),
        "strings from document %": _percent(sum(strings), len(strings)),
        "side by side": groups[0]["size"],
        "s of the 1st document": next((group["first"] for group in groups if group["first"] is not None), None),
        "tokens": tokens,
        "passes / token": sum(reply["passes"] for reply in answered) / max(1, tokens),
        "passes in all": sum(group["passes"] for group in groups),
        "s in all": seconds,
        "rows / s": len(answered) / seconds if seconds else None,
        "tokens / s": tokens / seconds if seconds else None,
    }


def read_value(reply: Reply) -> Any:
    """The value that a reply has; None where it is no JSON."""
    try:
        return json.loads(reply.get("text", ""))
    except ValueError:
        return None


def is_valid(value: Any, schema: Any) -> bool:
    """Whether `jsonschema` finds the value valid."""
    import jsonschema

    return bool(jsonschema.validators.validator_for(schema)(schema).is_valid(value))


def strings_of(value: Any) -> Iterator[str]:
    """All strings of a value, but for names."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from strings_of(part)


def add_ratios(summaries: dict[str, dict[str, Any]]) -> None:
    """How many rows the first way writes while another one writes one."""
    first, *_ = summaries
    own = summaries[first]["rows / s"]
    for summary in summaries.values():
        summary[f"rows / s, {first} / it"] = own / summary["rows / s"] if own and summary["rows / s"] else None


def _percent(part: float, whole: float) -> float | None:
    return 100 * part / whole if whole else None


def read_options() -> argparse.Namespace:
    parser = job_parser(__doc__)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), help="without it, all")
    parser.add_argument("--group", type=int, default=64, help="documents that a way is given at a time")
    parser.add_argument(
        "--batch-sizes", type=int, nargs="+", default=[1, 4, 16], help="documents side by side, tried with Outlines"
    )
    return parser.parse_args()


def main() -> None:
    options = read_options()
    job, documents = read_documents(options.documents, options.n)
    found, tried = extract(job, documents, options)
    summaries = {name: summarize_way(job, documents, groups, options) for name, groups in found.items()}
    add_ratios(summaries)
    failures = {
        name: [reply["error"] for group in groups for reply in group["replies"] if "error" in reply]
        for name, groups in found.items()
    }
    results = {"summary": summaries, "failures": failures, "sizes tried, rows / s": tried, "groups": found}
    print_results(results)
    write_record(options.out, options, {"machine": describe(options), **results})


if __name__ == "__main__":
    main()
