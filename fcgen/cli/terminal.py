"""Text on a terminal, whatever is in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table."""
    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text(printable(cell), overflow="fold") for cell in row))
    console = Console()
    with console.capture() as captured:
        console.print(table)
    typer.echo(captured.get(), nl=False)


def complain(message: str) -> None:
    """Print what is wrong, on standard error."""
    Console(stderr=True).print(Text(printable(message), style="red"), soft_wrap=True)


def printable(text: str) -> str:
    """The text with what could steer a terminal spelled out."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
