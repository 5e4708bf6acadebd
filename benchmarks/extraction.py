"""What copying from the prompt saves: the fields of documents, with tokens proposed from the prompt and without.

A job is a folder with `job.json`, {"instruction": ..., "schema": ...}, and `docs.jsonl.gz`, lines of {"id": ...,
"text": ..., "gold": {FIELD: VALUE}}; without one, references are made up. All documents are asked about in the same
words, and written under the masks of the schema by `decode.loop.Loop`, with `lookup` (as it comes) and without: some
at a time (`--batch-size`), first in the one way and then in the other. Each way has a process, a model and masks of its
own, and has written one document before. What is proposed may only change what a reply costs: whether the texts are the
same is counted. (The logits of a model differ in their last bits with the shape of a pass, and where two tokens are
that close, so may the text.)

Fields are right if they are the gold ones, but for case and the spaces around them; their share is that of all gold
fields. Passes for each token are those in which a row took part; passes in all are those of the model.

    python benchmarks/extraction.py --documents ../shared/data/documents/anystyle_references --n 100
    python benchmarks/extraction.py --batch-size 1 --out benchmarks/results/extraction.json
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import time
from functools import partial
from pathlib import Path
from typing import Any

from decoding import Asker, ask_all, describe, print_results
from isolated import Failure
from machine import write_record
from times import summarize

Job = dict[str, Any]
Document = dict[str, Any]
Row = dict[str, Any]  # a reply: its text, tokens and passes; or the error
WAYS = {"lookup": True, "no lookup": False}

FIELD = {"type": "string", "minLength": 1, "maxLength": 200}
OWN_JOB = {
    "instruction": "Extract the fields of the bibliographic reference; leave out what is not there.",
    "schema": {
        "type": "object",
        "properties": dict.fromkeys(("author", "title", "journal", "date", "volume", "pages", "publisher"), FIELD),
        "required": [],
        "additionalProperties": False,
    },
}
NAMES = ("Adler", "Brandt", "Castillo", "Dubois", "Eriksen", "Fischer", "García", "Hoffmann", "Ivanova", "Jensen")
TOPICS = ("rivers", "early printing", "labour markets", "sea ice", "graph colouring", "bird song", "city planning")
KINDS = ("A history of", "Notes on", "The economics of", "Measuring", "An introduction to", "On the origins of")
JOURNALS = ("Journal of Applied Studies", "Annals of Science", "Nordic Review", "Quarterly Letters")
PUBLISHERS = ("Hill Press", "North & Sons", "University Press")


class Extraction:
    """A model that fills the fields of one schema."""

    def __init__(self, job: Job, options: argparse.Namespace, *, lookup: bool) -> None:
        import torch

        import fcgen
        from fcgen.decode.loop import LOOKUP
        from fcgen.decode.reading import Prefixes

        if options.threads:
            torch.set_num_threads(options.threads)
        self.engine = fcgen.load(options.model, device=options.device, dtype=options.dtype)
        self.masks = fcgen.Masks(fcgen.Grammar.from_json_schema(job["schema"]), self.engine.vocabulary)
        self.instruction = f"{job['instruction']}\nReply with a JSON object of these fields: "
        self.instruction += ", ".join(job["schema"].get("properties", {}))
        self.budget, self.batch_size = options.budget, options.batch_size
        self.lookup = LOOKUP if lookup else 0
        self.prefixes = Prefixes()
        self.passes = 0
        self.engine.model.register_forward_hook(self._count)
        self.write([make_document(-1)["text"]])

    def write(self, texts: list[str]) -> dict[str, Any]:
        """The fields of each text, as JSON, and what they cost."""
        from fcgen.decode.loop import Loop
        from fcgen.decode.row import Request

        passes, began = self.passes, time.perf_counter()
        loop = Loop(
            self.engine.model,
            self.engine.vocabulary,
            batch_size=self.batch_size,
            lookup=self.lookup,
            prefixes=self.prefixes,
        )
        rows = [
            loop.add(Request(self._prompt(text), self.masks.cursor(budget=self.budget), self.budget)) for text in texts
        ]
        loop.run()
        seconds = time.perf_counter() - began
        replies = [{"error": str(row.error)} if row.error else _reply(row) for row in rows]
        return {"seconds": seconds, "passes": self.passes - passes, "replies": replies}

    def _prompt(self, text: str) -> list[int]:
        from fcgen.prompt import encode_prompt, render_prompt

        form, tokenizer = self.engine.format, self.engine.tokenizer
        rendered = render_prompt(f"{self.instruction}\n\n{text}", format=form, tokenizer=tokenizer)
        return encode_prompt(rendered, tokenizer, format=form)

    def _count(self, *_: Any) -> None:
        self.passes += 1


def _reply(row: Any) -> Row:
    return {"text": row.text().decode(), "tokens": len(row.tokens), "forced": row.forced, "passes": row.passes}


def read_documents(folder: Path | None, count: int) -> tuple[Job, list[Document]]:
    """A job, and `count` of its documents, in the order of the SHA-256 of their ids."""
    if folder is None:
        return OWN_JOB, [make_document(number) for number in range(count)]
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    with gzip.open(folder / "docs.jsonl.gz", "rt", encoding="utf-8") as lines:
        documents = list(map(json.loads, lines))
    return job, sorted(documents, key=lambda one: hashlib.sha256(str(one["id"]).encode()).hexdigest())[:count]


def make_document(number: int) -> Document:
    """A reference of our own: the same one for the same number."""
    draw = random.Random(number)
    gold = {
        "author": f"{draw.choice(NAMES)}, {draw.choice('ABCDEFGH')}.",
        "title": f"{draw.choice(KINDS)} {draw.choice(TOPICS)}",
        "date": str(draw.randint(1890, 2024)),
    }
    text = f"{gold['author']} ({gold['date']}). {gold['title']}. "
    if draw.random() < 0.5:
        gold["publisher"] = draw.choice(PUBLISHERS)
        return {"id": str(number), "text": f"{text}{gold['publisher']}.", "gold": gold}
    first = draw.randint(1, 400)
    gold["journal"] = draw.choice(JOURNALS)
    gold["volume"] = str(draw.randint(1, 60))
    gold["pages"] = f"{first}-{first + draw.randint(2, 30)}"
    return {"id": str(number), "text": f"{text}{gold['journal']} {gold['volume']}, {gold['pages']}.", "gold": gold}


def extract(job: Job, documents: list[Document], options: argparse.Namespace) -> dict[str, list[Row]]:
    """By way, what it makes of each document; and of the documents written together, what they cost."""
    texts = [document["text"] for document in documents]
    groups = [texts[start : start + options.batch_size] for start in range(0, len(texts), options.batch_size)]
    askers = {
        name: Asker(partial(Extraction, job, lookup=on), Extraction.write, options, options.batch_size)
        for name, on in WAYS.items()
    }
    found = ask_all(askers, groups)
    return {name: list(map(_settled, results, groups)) for name, results in found.items()}


def _settled(found: Any, texts: list[str]) -> dict[str, Any]:
    """What a way says; where it fails, each text has that error."""
    if isinstance(found, Failure):
        return {"seconds": 0.0, "passes": 0, "replies": [{"error": f"{found.how}: {found.reason}"} for _ in texts]}
    return dict(found)


def count_right(gold: dict[str, Any], reply: Row) -> int:
    """How many of the gold fields a reply has."""
    try:
        fields = json.loads(reply.get("text", ""))
    except ValueError:
        return 0
    return sum(_said(fields.get(name)) == _said(value) for name, value in gold.items())


def _said(value: Any) -> Any:
    return value.strip().casefold() if isinstance(value, str) else value


def summarize_way(documents: list[Document], batches: list[dict[str, Any]], others: list[Row]) -> dict[str, Any]:
    """What the table shows of one way; `others` are the replies of the first one."""
    replies = _replies(batches)
    answered = [reply for reply in replies if "error" not in reply]
    tokens, seconds = sum(reply["tokens"] for reply in answered), sum(batch["seconds"] for batch in batches)
    both = [(one, own) for one, own in zip(others, replies, strict=True) if "text" in one and "text" in own]
    right = sum(count_right(one["gold"], reply) for one, reply in zip(documents, replies, strict=True))
    return {
        "documents": len(replies),
        "failures": len(replies) - len(answered),
        "fields right %": 100 * right / max(1, sum(len(document["gold"]) for document in documents)),
        "same text %": 100 * sum(one["text"] == own["text"] for one, own in both) / len(both) if both else None,
        "tokens": tokens,
        "forced tokens %": 100 * sum(reply["forced"] for reply in answered) / max(1, tokens),
        "passes / token": sum(reply["passes"] for reply in answered) / max(1, tokens),
        "passes in all": sum(batch["passes"] for batch in batches),
        "s in all": seconds,
        "s of a batch, p50": summarize([[batch["seconds"] for batch in batches if batch["seconds"]]]).get("p50"),
        "rows / s": len(answered) / seconds if seconds else None,
    }


def _replies(batches: list[dict[str, Any]]) -> list[Row]:
    return [reply for batch in batches for reply in batch["replies"]]


def job_parser(description: str | None) -> argparse.ArgumentParser:
    """The options of a benchmark of jobs."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=Path, help="a job's folder; without it, references are made up")
    parser.add_argument("--n", type=int, default=100, help="documents")
    parser.add_argument("--batch-size", type=int, default=16, help="documents side by side, of fcgen")
    parser.add_argument("--budget", type=int, default=256, help="tokens of a reply, at most")
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--device")
    parser.add_argument("--dtype")
    parser.add_argument("--threads", type=int, help="threads of torch; without it, as many as torch takes")
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds for one document")
    parser.add_argument("--memory", type=float, default=8.0, help="GiB that one way may take")
    parser.add_argument("--out", type=Path, help="write the results here, as JSON")
    return parser


def main() -> None:
    options = job_parser(__doc__).parse_args()
    job, documents = read_documents(options.documents, options.n)
    found = extract(job, documents, options)
    first = _replies(next(iter(found.values())))
    results = {
        "summary": {name: summarize_way(documents, batches, first) for name, batches in found.items()},
        "failures": {name: [r["error"] for r in _replies(batches) if "error" in r] for name, batches in found.items()},
        "batches": found,
    }
    print_results(results)
    write_record(options.out, options, {"machine": describe(options), **results})


if __name__ == "__main__":
    main()
