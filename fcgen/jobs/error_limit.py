"""How many rows may fail before a run gives up: a number, or a share of the rows that have ended."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fcgen.errors import OptionError, excerpt

SAMPLE = 100  # rows that have to have ended before a share of them means something, while there are more to come
_FORM = re.compile(r"(\d{1,18})|(\d{1,2}(?:\.\d{1,6})?)%")


@dataclass(frozen=True, slots=True)
class ErrorLimit:
    """More rows that failed than this are too many; without either any number is fine.

    Attributes:
        count: of rows.
        percent: of the rows that have ended.
    """

    count: int | None = None
    percent: float | None = None

    def is_passed(self, failed: int, ended: int, *, at_end: bool = False) -> bool:
        """Whether so many rows that failed are too many, among all that have ended."""
        if self.count is not None:
            return failed > self.count
        return self.percent is not None and (ended >= SAMPLE or at_end) and 100 * failed > self.percent * ended


def read_error_limit(limit: int | str | None) -> ErrorLimit:
    """The limit that a number, or a text such as "10" or "2.5%", says; None: there is none.

    Raises OptionError: it is none of these.
    """
    if limit is None:
        return ErrorLimit()
    match = None if isinstance(limit, bool) else _FORM.fullmatch(str(limit).strip())
    if match is None:
        raise OptionError(f"max_errors is {excerpt(limit)}", hint="It has to be a number from 0 up, or a share: 5%")
    return ErrorLimit(int(match[1])) if match[1] else ErrorLimit(percent=float(match[2]))
