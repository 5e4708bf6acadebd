"""JSON text -> whether the limit of digits may have closed one of its numbers.

Which digit a model would have written next is not known, so a number that has as many digits as are written counts.
"""

from __future__ import annotations

import re

from fcgen.schema.number_bounds import INTEGER_DIGITS
from fcgen.schema.number_exponents import FRACTION_DIGITS

_STRING_OR_NUMBER = re.compile(rb'"(?:[^"\\]|\\.)*"|([0-9]+)(?:\.([0-9]+))?', re.DOTALL)


def has_longest_number(text: bytes) -> bool:
    """Whether a number outside of strings has INTEGER_DIGITS or more digits, or FRACTION_DIGITS after its point."""
    return any(
        match[1] is not None and (len(match[1]) >= INTEGER_DIGITS or len(match[2] or b"") >= FRACTION_DIGITS)
        for match in _STRING_OR_NUMBER.finditer(text)
    )
