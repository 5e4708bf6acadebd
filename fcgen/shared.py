"""What is compiled once and shared: it never changes, so a copy is the thing itself, and it stays in its process.

Serving frameworks copy a request's processors, with all that these hold, for each sequence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from fcgen.errors import OptionError

if TYPE_CHECKING:
    from typing_extensions import Self


class Shared:
    """Base of what may be copied at no cost, and not pickled."""

    __slots__ = ()

    def __copy__(self) -> Self:
        """Return the object itself."""
        return self

    def __deepcopy__(self, _: object) -> Self:
        """Return the object itself."""
        return self

    def __reduce__(self) -> NoReturn:
        """Raise OptionError: terms and tables belong to one process."""
        raise OptionError(
            f"{type(self).__name__} cannot be pickled",
            hint="Send what it was made of (functions, a schema, a tokenizer), and make it in the other process.",
        )
