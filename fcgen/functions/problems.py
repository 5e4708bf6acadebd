"""What is wrong with the metadata, collected: a reader goes on after a mistake, so that all are told at once.

A reader takes the problems it may add to and returns None where it found some. Whoever began the reading raises them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fcgen.errors import FunctionError, raise_all
from fcgen.place import Place
from fcgen.place import pointer as spelled


@dataclass(frozen=True, slots=True)
class Problems:
    """The mistakes found so far in one piece of metadata.

    Attributes:
        function: the name of the function being read, where it is known.
        place: the file, and the line, that it stands in; None where it was handed over in memory.
        errors: one error per mistake, in the order found.
    """

    function: str | None = None
    place: str | None = None
    errors: list[FunctionError] = field(default_factory=list)

    def add(
        self,
        found: str,
        pointer: Place = None,
        *,
        hint: str | None = None,
        limit: float | None = None,
        given: float | None = None,
    ) -> None:
        """Note a mistake, and where it is; None: it is nowhere in particular."""
        where = None if pointer is None else spelled(pointer)
        text = found if self.place is None else f"in {self.place}: {found}"
        error = FunctionError(text, function=self.function, pointer=where, hint=hint, limit=limit, given=given)
        self.errors.append(error)

    def raise_all(self) -> None:
        """Raise what was found: the only error as itself, several as ManyErrors, none not at all."""
        raise_all(self.errors)
