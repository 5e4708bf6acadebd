"""A choice, and the functions offered -> the functions that a call may name."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from fcgen.errors import FunctionError, excerpt
from fcgen.functions import Function

Choice = str | Sequence[str]
_WORDS = ("auto", "required", "none")


def read_choice(choice: object) -> str | tuple[str, ...]:
    """`choice` as it is, if it is one in form. Raises FunctionError."""
    names = (choice,) if isinstance(choice, str) else choice
    if not isinstance(names, list | tuple | AbstractSet) or not all(isinstance(name, str) for name in names):
        raise FunctionError(
            f"choice is {excerpt(choice)}",
            hint='Use "auto", "required", "none", a function\'s name, or a list of names',
        )
    return choice if isinstance(choice, str) else tuple(names)


def choose(functions: Sequence[Function], choice: Choice, left_out: Sequence[str] = ()) -> tuple[Function, ...]:
    """The functions that a call may name under `choice`, which may also name some that are left out.

    Raises:
        FunctionError: `choice` is none in form, names a function that is not there, or demands a call where there is
            no function.
    """
    chosen = read_choice(choice)
    listed = [chosen] if isinstance(chosen, str) else list(chosen)
    if choice == "none":
        return ()
    if choice == "auto":
        return tuple(functions)
    every = [*(function.name for function in functions), *left_out]
    names, wanted = set(every), every if choice == "required" else listed
    unknown = next((name for name in wanted if name not in names), None)
    if unknown in _WORDS:
        raise FunctionError(
            f"choice {excerpt(wanted)} has {excerpt(unknown)}, which is no function's name, in a list of names",
            hint=f"Use {excerpt(unknown)} alone, or list the functions that a call may name.",
        )
    if unknown is not None and not names:
        raise FunctionError(
            f"choice {excerpt(unknown)} names a function, and no functions are offered",
            hint='Offer functions, or use "auto" or "none" for a text.',
        )
    if unknown is not None:
        raise FunctionError(
            f"choice {excerpt(unknown)} is none of the functions offered: {excerpt(', '.join(sorted(names)), 200)}",
            hint='Use a function\'s name, a list of names, "auto", "required" or "none".',
        )
    if not wanted and choice != "required":
        raise FunctionError(
            "choice is an empty list, so there is no function to call",
            hint='List the functions that a call may name, or use "none" for a text.',
        )
    if not wanted:
        raise FunctionError("a call is demanded, and there is no function to call", hint="Offer at least one function.")
    return tuple(function for function in functions if function.name in wanted)
