"""`fcgen extract`: fields, or calls, from many documents."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fcgen.cli.jobs import Output, OutputFormat, Unordered, in_brackets, write_output
from fcgen.cli.program import app
from fcgen.cli.terminal import complain
from fcgen.errors import FcgenError, JobError, OptionError, excerpt

if TYPE_CHECKING:
    from fcgen.engine import Engine
    from fcgen.extraction import Document
    from fcgen.jobs import Summary
    from fcgen.jobs.options import Settings

COUNTING = 5.0  # seconds

Do = Callable[..., "Summary"]


def _option(help: str, name: str | None = None, *, metavar: str | None = None) -> Any:  # noqa: A002
    """An option that says nothing unless it is given."""
    names = () if name is None else (name,)
    return typer.Option(*names, metavar=metavar, help=help, show_default=False)


@app.command()
def extract(
    file: Annotated[
        str | None,
        typer.Argument(metavar="JOB.toml", help="What is asked; options take its place.", show_default=False),
    ] = None,
    *,
    source: Annotated[
        list[str], _option("Documents: a file, a folder, a glob, - for standard input; several.", "--input")
    ],
    output: Output = "-",
    model: Annotated[str | None, _option("A model's name, hub id or folder; smollm2.")] = None,
    schema: Annotated[str | None, _option("The JSON Schema of the fields.", metavar="FILE")] = None,
    into: Annotated[str | None, _option("A Pydantic model of the fields.", metavar="MODULE:MODEL")] = None,
    functions: Annotated[str | None, _option("Functions: rows become calls.", metavar="FILE")] = None,
    choice: Annotated[list[str] | None, _option("auto, required, none, or names of functions; required.")] = None,
    instruction: Annotated[str | None, _option("What is said before the document.", metavar="TEXT")] = None,
    examples: Annotated[str | None, _option('Lines of {"text", "fields"}.', metavar="FILE")] = None,
    text_field: Annotated[str | None, _option("The column of the texts; text.")] = None,
    id_field: Annotated[str | None, _option("The column of the ids; id.")] = None,
    carry: Annotated[list[str] | None, _option("A column of the input to keep; several.", metavar="NAME")] = None,
    input_format: Annotated[
        str | None, _option("jsonl, json, csv, tsv, parquet or openai-batch; by default as it ends.")
    ] = None,
    separator: Annotated[
        str | None,
        _option("Of the input's CSV: one character, or tab; as the columns' names show.", metavar="CHARACTER"),
    ] = None,
    encoding: Annotated[str | None, _option("Of the input; UTF-8, or as its byte order mark says.")] = None,
    output_format: OutputFormat = None,
    unordered: Unordered = False,
    batch_size: Annotated[int | None, _option("How many rows are written at the same time; 16.")] = None,
    max_new_tokens: Annotated[int | None, _option("The most tokens a reply may have; 256.")] = None,
    temperature: Annotated[float | None, _option("0 takes the likeliest token each time; 0.")] = None,
    seed: Annotated[int | None, _option("Makes the draws repeatable.")] = None,
    form: Annotated[str | None, _option("Of the prompt, instead of the model's own.", "--format")] = None,
    whitespace: Annotated[str | None, _option("json.dumps, compact, flexible or indent=N; json.dumps.")] = None,
    order: Annotated[str | None, _option("Of properties: schema or any; schema.")] = None,
    nullable: Annotated[bool | None, _option("Read `nullable` as OpenAPI 3.0 does.", "--nullable")] = None,
    verbatim_whitespace: Annotated[str | None, _option("Of verbatim strings: exact or normalized; exact.")] = None,
    windows: Annotated[int | None, _option("Cut longer documents into windows of this size.")] = None,
    overlap: Annotated[int | None, _option("What two windows share; 0.")] = None,
    window_unit: Annotated[str | None, _option("characters or tokens; characters.")] = None,
    merge: Annotated[
        list[str] | None, _option("What windows say: first, longest or union; or FIELD=RULE, several.", metavar="RULE")
    ] = None,
    folder: Annotated[str | None, _option("The job's folder; FILE.job.", "--job", metavar="DIR")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the job that is there.")] = False,
    retry: Annotated[str | None, _option("failed: do the rows again that failed, and no others.")] = None,
    max_errors: Annotated[
        str | None, _option("Stop when more rows than N have failed, or than a share: 5%.", metavar="N")
    ] = None,
    limit: Annotated[int | None, _option("Read the first N rows only.", metavar="N")] = None,
    dry_run: Annotated[int | None, _option("Show N prompts and rows, and keep nothing.", metavar="N")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
    engine: Annotated[str, typer.Option(help="Where replies are written: local, or ray (on a cluster).")] = "local",
    workers: Annotated[int | None, _option("Of ray: how many models there are; one for each GPU, or CPU.")] = None,
    ray_address: Annotated[str | None, _option("Of the cluster, such as auto; a new one on this machine.")] = None,
    device: Annotated[str | None, _option("Where the model runs; cuda if there is one.")] = None,
    dtype: Annotated[str | None, _option("Of the model's weights; as they were saved.")] = None,
) -> None:
    """Extract fields, or calls, from many documents: a row for each, valid by the schema, or with an error.

    What is done is kept in the job's folder; what was stopped goes on with --resume.
    """
    from fcgen.jobs import Progress
    from fcgen.jobs.options import read_settings
    from fcgen.jobs.output import check_output
    from fcgen.jobs.sources import check_apart
    from fcgen.jobs.stopping import Stopping

    options = {
        "max_new_tokens": max_new_tokens, "temperature": temperature, "seed": seed, "format": form,
        "whitespace": whitespace, "order": order, "nullable": nullable, "verbatim_whitespace": verbatim_whitespace,
    }  # fmt: skip
    cut = {"size": windows, "overlap": overlap, "unit": window_unit, "merge": _merge(merge)}
    said = {
        "model": model, "schema": schema, "into": into, "functions": functions, "choice": _choice(choice),
        "instruction": instruction, "examples": examples, "text_field": text_field, "id_field": id_field,
        "separator": separator, "encoding": encoding, "carry": carry, "batch_size": batch_size,
        "max_errors": max_errors, "options": _given(options), "windows": _given(cut),
    }  # fmt: skip
    with _quiet_stdout():
        settings = read_settings(file, _given(said))
        _check(retry=retry, limit=limit, dry_run=dry_run, as_json=as_json, output=output)
        _check_engine(engine, {"workers": workers, "ray-address": ray_address})
        check_output(output, format=output_format, columns=settings.carry)  # type: ignore[arg-type]  # it is checked
        if output != "-":
            check_apart(source, Path(output), input_format)  # type: ignore[arg-type]  # it is checked
        documents = partial(_read, source, settings, input_format, limit)
        rows = _asked(documents(), settings)
    if dry_run is not None:
        _show(settings, islice(rows, dry_run), device, dtype)
        return
    place = _job_folder(folder, output, is_new=not resume and retry is None)
    with _quiet_stdout():
        if engine == "local":
            writers = _local(settings, device, dtype)
        else:
            writers = _on_ray(settings, device, dtype, workers, ray_address)
        total = None if quiet else _count(source, documents)
        with writers as do, Stopping() as stopping:
            progress = Progress(total, quiet=quiet)
            summary = do(
                rows, place, resume=resume, retry=retry is not None, max_errors=settings.max_errors, progress=progress,
                stopped=stopping,
            )  # fmt: skip
        _tell(summary, place, settings, quiet=quiet)
    if not summary.stopped:
        _write_or_say_how(place, output, output_format, unordered=unordered, rows=summary.rows)
    if as_json:
        typer.echo(summary.to_json())
    if stopping.number is not None:
        raise typer.Exit(128 + stopping.number)
    if summary.too_many_errors or summary.all_failed or summary.damaged:
        raise typer.Exit(1)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value not in (None, [], {})}


def _choice(choice: list[str] | None) -> str | list[str] | None:
    return choice[0] if choice and len(choice) == 1 else choice


def _merge(rules: list[str] | None) -> str | dict[str, str] | None:
    """One rule for all fields, or rules by field."""
    if not rules or (len(rules) == 1 and "=" not in rules[0]):
        return rules[0] if rules else None
    if plain := [rule for rule in rules if "=" not in rule]:
        raise OptionError(f"--merge {excerpt(plain[0])} beside other rules", hint="Give one rule, or FIELD=RULE only")
    return {field: rule for field, _, rule in (rule.rpartition("=") for rule in rules)}


def _check_engine(engine: str, of_ray: dict[str, Any]) -> None:
    if engine not in ("local", "ray"):
        raise OptionError(f"--engine {excerpt(engine)} is not known", hint="Known are local and ray")
    if engine != "ray" and (given := [*_given(of_ray)]):
        raise OptionError(f"--{given[0]} is given without a cluster", hint="Add --engine ray")


def _check(*, retry: str | None, limit: int | None, dry_run: int | None, as_json: bool, output: str) -> None:
    if retry not in (None, "failed"):
        raise OptionError(f"--retry {excerpt(retry)} is not known", hint="Known is failed")
    for name, number in (("limit", limit), ("dry-run", dry_run)):
        if number is not None and number < 0:
            raise OptionError(f"--{name} is {number}", hint="It has to be 0 or more")
    if as_json and output == "-":
        raise OptionError("--json and rows would both go to standard output", hint="Name a file with --output")


def _job_folder(folder: str | None, output: str, *, is_new: bool) -> str:
    if folder is None and output == "-":
        raise JobError(
            "rows go to standard output, so that there is no file for the job's folder to stand beside",
            hint="Name a folder for it with --job, or a file with --output",
        )
    place = f"{output}.job" if folder is None else folder
    if is_new and Path(place, "job.json").exists():
        raise JobError(
            f"there is a job in {excerpt(place, 200)} already",
            hint="Go on with it (--resume), or name another folder (--job)",
        )
    return place


def _quiet_stdout() -> AbstractContextManager[object]:
    """While this is entered, what libraries print goes to standard error: standard output is for rows."""
    return redirect_stdout(sys.stderr)


def _read(source: list[str], settings: Settings, form: str | None, limit: int | None) -> Iterator[Document]:
    from fcgen.jobs.documents import read_documents

    found = read_documents(
        source,
        text_field=settings.text_field,
        id_field=settings.id_field,
        format=form,  # type: ignore[arg-type]  # it is checked
        separator=settings.separator,
        encoding=settings.encoding,
    )
    return islice(found, limit)


def _asked(rows: Iterator[Document], settings: Settings) -> Iterator[Document]:
    """The documents, which ask for something by themselves if the job asks for nothing."""
    first = next(rows, None)
    if first is None:
        return rows
    if settings.job.asks_nothing and first.asked is None and first.error is None:
        raise OptionError("nothing is asked for", hint="Add --schema, --into or --functions")
    return chain([first], rows)


def _count(source: list[str], documents: Callable[[], Iterable[Document]]) -> int | None:
    """Count the documents, where they can be read twice and are counted quickly; else None."""
    if any(Path(one).exists() and not (Path(one).is_file() or Path(one).is_dir()) for one in source) or "-" in source:
        return None
    number, began = 0, time.monotonic()
    for _ in documents():
        number += 1
        if time.monotonic() - began > COUNTING:
            return None
    return number


def _load(settings: Settings, device: str | None, dtype: str | None) -> Engine:
    from fcgen.models import load

    engine = load(settings.model, device=device, dtype=dtype)
    if settings.batch_size is not None:
        engine.batch_size = settings.batch_size
    return engine


def _local(settings: Settings, device: str | None, dtype: str | None) -> AbstractContextManager[Do]:
    """A runner of the job in this process; the model is loaded before the context is entered."""
    from fcgen.jobs import run_job

    engine = _load(settings, device, dtype)
    return nullcontext(partial(run_job, engine, settings.job, model=settings.model, carry=settings.carry))


@contextmanager
def _on_ray(
    settings: Settings, device: str | None, dtype: str | None, workers: int | None, address: str | None
) -> Iterator[Do]:
    """A runner of the job on the models of a cluster's workers."""
    from fcgen.jobs.ray_engine import Workers, load_engine

    folder = Path(settings.model).expanduser()
    model = str(folder.absolute()) if folder.is_dir() else settings.model  # workers may stand in another folder
    cluster = Workers(
        partial(load_engine, model, device, dtype, settings.batch_size),
        settings.job,
        count=workers,
        address=address,
        gpus=0 if device is not None and device.startswith("cpu") else None,
        model=settings.model,
        carry=settings.carry,
    )
    with cluster:
        yield cluster.run


def _tell(summary: Summary, folder: str, settings: Settings, *, quiet: bool) -> None:
    """Report what was done, and how to go on; with --quiet, only damage, a failure of all rows, or a stop."""
    if not quiet:
        text = f"{summary.done} rows done, {summary.failed} failed{in_brackets(summary.errors)}"
        text += f", {summary.earlier} done before, {summary.shared} like others, in {summary.seconds:.1f} s"
        typer.echo(text, err=True)
        if limited := int(summary.usage.get("limited", 0)):
            typer.echo(f"{limited} may say less than they would with a larger --max-new-tokens", err=True)
        if summary.suspected_calls:
            typer.echo(f"{summary.suspected_calls} are texts with something like a call: suspected_call", err=True)
    for damage in summary.damages:
        complain(f"the input is damaged, and rows are missing: {damage}")
    if more := summary.damaged - len(summary.damages):
        complain(f"the input is damaged in {more} more places")
    first = "" if summary.first_error is None else f". The first one: {summary.first_error}"
    if summary.too_many_errors:
        complain(
            f"{summary.failed} rows failed{in_brackets(summary.errors)}, more than max_errors, "
            f"{settings.max_errors}, allows{first}"
        )
    elif summary.all_failed:
        complain(f"all {summary.failed + summary.earlier_failed} rows failed{in_brackets(summary.errors)}{first}")
    if summary.stopped:
        again = sys.argv[1:] if "--resume" in sys.argv else [*sys.argv[1:], "--resume"]
        complain(f"stopped; what is done is in {folder}. To go on: fcgen {shlex.join(again)}")
    if summary.failed and not quiet:
        typer.echo("to do those that failed again: the same command with --retry failed", err=True)


def _write_or_say_how(folder: str, output: str, form: str | None, *, unordered: bool, rows: int) -> None:
    """Write the rows of a job that is done; where that is interrupted, say how to write them."""
    try:
        write_output(folder, output, form, unordered=unordered, rows=rows)
    except KeyboardInterrupt:
        given = [] if form is None else ["--output-format", form]
        given += ["--unordered"] if unordered else []
        command = shlex.join(["fcgen", "jobs", "export", folder, "--output", output, *given])
        complain(f"stopped; all rows are in {folder}. To write them: {command}")
        raise typer.Exit(130) from None


def _show(settings: Settings, documents: Iterable[Document], device: str | None, dtype: str | None) -> None:
    """The prompts of documents, and their rows."""
    from fcgen.jobs.identity import prompt_of
    from fcgen.jobs.stored import data_of

    with _quiet_stdout():
        engine = _load(settings, device, dtype)
    shown, job = list(documents), settings.job
    for document, row in zip(shown, engine.extract(shown, job), strict=True):
        typer.echo(f"--- {document.id}")
        try:
            asked = job.asked(document, document.text)
            typer.echo(prompt_of(engine, asked, {**job.options, **asked.options}))
        except FcgenError as error:
            typer.echo(f"(no prompt: {error})")
        typer.echo(json.dumps({"id": row.id, **data_of(row)}, ensure_ascii=False))
