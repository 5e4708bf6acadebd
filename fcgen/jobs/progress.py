"""What a run has done so far -> a bar on a terminal, or elsewhere a line of text every ten seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TextIO

from fcgen.extraction import Extracted

SECONDS = 10.0


class Progress:
    """How far a job is.

    Args:
        total: how many rows the input has; None: that is not known.
        quiet: whether to show nothing.
        stream: where to show it; None: standard error.
        clock: the time, in seconds.
    """

    def __init__(
        self,
        total: int | None = None,
        *,
        quiet: bool = False,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total, self._quiet, self._clock = total, quiet, clock
        self._stream = sys.stderr if stream is None else stream
        self._began = self._shown = clock()
        self._earlier = self._rows = self._errors = self._tokens = self._forced = 0
        self._bar: Any = None
        self._task: Any = None
        if not quiet and self._stream.isatty():
            self._open_bar()

    def pass_over(self) -> None:
        """A row was done before."""
        self._earlier += 1

    def add(self, row: Extracted, *, is_shared: bool = False) -> None:
        """A row has ended; a shared one cost nothing."""
        self._rows += 1
        self._errors += row.error is not None
        if not is_shared:
            self._tokens += int(row.usage.get("new_tokens", 0))
            self._forced += int(row.usage.get("forced_tokens", 0))

    def show(self) -> None:
        """Show how far it is, if it is time to."""
        if self._bar is not None:
            self._bar.update(self._task, completed=self._earlier + self._rows, description=self.line)
        elif not self._quiet and self._clock() - self._shown >= SECONDS:
            self._print()

    def close(self) -> None:
        """Show how far it came."""
        if self._bar is not None:
            self.show()
            self._bar.stop()
            self._bar = None
        elif not self._quiet:
            self._print()

    @property
    def line(self) -> str:
        """How far it is, in words."""
        seconds = max(self._clock() - self._began, 1e-9)
        done = self._earlier + self._rows
        parts = [f"{done}/{self._total} rows" if self._total is not None else f"{done} rows"]
        if self._earlier:
            parts[0] += f" ({self._earlier} done before)"
        parts += [f"{self._rows / seconds:.1f} rows/s", f"{self._tokens / seconds:.0f} tokens/s"]
        if self._tokens:
            parts.append(f"{100 * self._forced / self._tokens:.0f} % forced")
        parts.append(f"{self._errors} error{'' if self._errors == 1 else 's'}")
        if self._total is not None and self._rows and done < self._total:
            left = timedelta(seconds=round((self._total - done) * seconds / self._rows))
            parts.append(f"{left} left")
        return ", ".join(parts)

    def _print(self) -> None:
        self._shown = self._clock()
        print(self.line, file=self._stream, flush=True)

    def _open_bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        console = Console(file=self._stream)
        self._bar = Bar(BarColumn(bar_width=20), TextColumn("{task.description}", markup=False), console=console)
        self._task = self._bar.add_task(self.line, total=self._total)
        self._bar.start()
