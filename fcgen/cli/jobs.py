"""Commands about the folders of jobs: look at one, check it, write its output."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import Annotated, Any

import typer

from fcgen.cli.program import app
from fcgen.cli.terminal import print_table

Folder = Annotated[str, typer.Argument(metavar="DIR", help="The job's folder.", show_default=False)]
Output = Annotated[str, typer.Option(metavar="FILE", help="Where rows go; - for standard output.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OutputFormat = Annotated[
    str | None,
    typer.Option(help="jsonl, json, csv, tsv, parquet or openai-batch; by default as FILE ends.", show_default=False),
]
Unordered = Annotated[bool, typer.Option("--unordered", help="Write rows as they came, not as the input has them.")]

jobs = typer.Typer(help="Look at the folder of a job, check it, or write its output.", no_args_is_help=True)
app.add_typer(jobs, name="jobs")


@jobs.command()
def show(folder: Folder, *, as_json: Json = False) -> None:
    """Say how many rows are done, and what was asked."""
    from fcgen.jobs import Ledger

    with Ledger.read(folder) as ledger:
        counts = asdict(ledger.counts())
        errors = _count_errors(ledger) if counts["failed"] else {}
        asked = ledger.fingerprint
    if as_json:
        typer.echo(json.dumps({**counts, "errors": errors, "fingerprint": asked}, ensure_ascii=False))
        return
    typer.echo(f"{counts['done']} rows done, {counts['failed']} failed" + in_brackets(errors))
    print_table(("part", "value"), [(name, _as_text(value)) for name, value in asked.items()])


@jobs.command()
def verify(folder: Folder, *, as_json: Json = False) -> None:
    """Read all that a job has kept, and say what is damaged; the exit code is 0 if nothing is."""
    from fcgen.jobs import Ledger

    with Ledger.read(folder) as ledger:
        problems = list(ledger.problems())
        counts = ledger.counts()
    if as_json:
        typer.echo(json.dumps({**asdict(counts), "problems": [asdict(problem) for problem in problems]}))
    else:
        typer.echo(f"{counts.done} rows done, {counts.failed} failed, {len(problems)} problems")
        for problem in problems:
            typer.echo(f"- {problem.file}, {problem.length} bytes from {problem.offset} on: {problem.what}")
    raise typer.Exit(1 if problems else 0)


@jobs.command("export")
def export_rows(
    folder: Folder, *, output: Output = "-", output_format: OutputFormat = None, unordered: Unordered = False
) -> None:
    """Write the rows that a job has, be it finished or not."""
    write_output(folder, output, output_format, unordered=unordered)


def write_output(folder: str, output: str, form: str | None, *, unordered: bool, rows: int | None = None) -> None:
    """Write the rows of a job."""
    from fcgen.jobs import export

    export(folder, output, format=form, order="done" if unordered else "input", rows=rows)  # type: ignore[arg-type]


def _count_errors(ledger: Any) -> dict[str, int]:
    return dict(Counter(entry.data["error"]["kind"] for entry in ledger.entries() if entry.failed))


def in_brackets(errors: Any) -> str:
    """How many errors there are of each kind; nothing where there are none."""
    return f" ({', '.join(f'{count} {kind}' for kind, count in errors.items())})" if errors else ""


def _as_text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 2000 else f"{text[:2000]}…"
