"""The command line: each command reads its options, calls the library and prints what comes back.

Standard output carries the result and nothing else: a reply or a report as JSON or a table, rows, a prompt byte for
byte. All the rest, progress bars and errors, goes to standard error.

Exit codes: 0 it is done (of documents, whatever the errors of single rows are); 1 an error of fcgen's (said in one
message), or all rows of a job failed, or more than `--max-errors`, or its input is damaged, or `check` found an
unusable function, `jobs verify` damage, or `doctor` that the core does not work; 2 the command line is wrong;
130 interrupted; 141 the reader of the output went away; 143 terminated.
"""

import io
import sys

from fcgen.cli import calls, doctor, extract, jobs
from fcgen.cli.program import app
from fcgen.threads import wait_asleep


def main() -> None:
    """The console script."""
    wait_asleep()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # JSON and prompts are UTF-8 everywhere
    app()


__all__ = ["app", "calls", "doctor", "extract", "jobs", "main"]
