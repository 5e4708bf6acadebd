"""Everything that fcgen raises on purpose: data first, the message derived from it.

    FcgenError
    ├── FunctionError (ValueError)       function metadata that cannot be read, or a name that cannot be used
    ├── SchemaError (ValueError)         a JSON Schema that cannot be compiled
    │   ├── UnsupportedKeyword           a keyword, or a combination, that fcgen does not enforce
    │   ├── UnresolvedRef                a `$ref` that leads nowhere
    │   ├── CircularRef                  a `$ref` that leads back to itself before it describes a value
    │   └── Unsatisfiable                no JSON value can be valid
    ├── PatternError (ValueError)        a regular expression that is malformed or not regular
    ├── GrammarError (ValueError)        a grammar text that cannot be read
    ├── GrammarTooLarge                  a limit on size was reached: says limit and given
    ├── OutOfSteps                       compiling or walking takes too much work: says the limit
    ├── VocabularyError                  a tokenizer whose tokens' bytes cannot be known for sure
    ├── TokenRefused (ValueError)        a token that the grammar does not allow at this place
    ├── BudgetTooSmall (ValueError)      fewer tokens than the shortest reply: says limit and given
    ├── PromptError (ValueError)         messages that cannot be rendered, or a prompt longer than the context
    ├── ReplyError (ValueError)          text that is not a reply of the format it should be in
    ├── OptionError (ValueError)         an option with a value that it cannot have
    ├── ModelError                       a model that cannot be found, fetched or used
    ├── DocumentError (ValueError)       an input of documents that cannot be read at all
    │   └── InputDamaged                 an input that breaks off or is damaged: what follows cannot be read
    ├── JobError                         a job that cannot begin, or cannot go on
    ├── BatchError                       some sequences of a batch failed: `errors` has each by its number
    └── ManyErrors (ValueError)          several of these at once, in `errors`

Wording of a message: where, what was found, what is allowed, what to do.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence

MAX_POINTER = 200  # characters of a pointer in a message; the attribute has all


class FcgenError(Exception):
    """Base of all errors. Whatever is known about the mistake is an attribute; what is not known is None.

    Attributes:
        found: what was found, and what is allowed instead.
        function: the name of the function it concerns.
        pointer: JSON pointer into the schema or the metadata (RFC 6901; the document's root is "").
        keyword: the JSON Schema keyword it concerns.
        limit: the limit that was reached.
        given: what stood against the limit.
        hint: what to do about it.
    """

    def __init__(
        self,
        found: str,
        *,
        function: str | None = None,
        pointer: str | None = None,
        keyword: str | None = None,
        limit: float | None = None,
        given: float | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(found)
        self.found = found
        self.function = function
        self.pointer = pointer
        self.keyword = keyword
        self.limit = limit
        self.given = given
        self.hint = hint

    def __str__(self) -> str:
        place = []
        if self.function is not None:
            place.append(f"function {excerpt(self.function)}")
        if self.pointer is not None:
            place.append(f"at {_cut(self.pointer) or 'the root'}")
        text = ": ".join([", ".join(place), self.found] if place else [self.found])
        if self.limit is not None:
            text += f" (limit {self.limit}" + (f", given {self.given})" if self.given is not None else ")")
        return f"{text}. {self.hint}" if self.hint else text

    def __reduce__(self) -> tuple[object, ...]:
        return (_restore, (type(self), self.args, self.__dict__.copy()))


class FunctionError(FcgenError, ValueError):
    """Function metadata that cannot be read, or a name that cannot be used."""


class SchemaError(FcgenError, ValueError):
    """A JSON Schema that cannot be compiled."""


class UnsupportedKeyword(SchemaError):
    """A keyword, or a combination of keywords, that fcgen does not enforce: it refuses rather than ignores it."""


class UnresolvedRef(SchemaError):
    """A `$ref` that leads nowhere."""


class CircularRef(SchemaError):
    """A `$ref` that leads back to itself before it describes any value, or through too many others."""


class Unsatisfiable(SchemaError):
    """A schema, or a grammar, that no text satisfies."""


class PatternError(FcgenError, ValueError):
    """A regular expression that is malformed, or that no finite automaton can decide."""


class GrammarError(FcgenError, ValueError):
    """A grammar text that cannot be read."""


class GrammarTooLarge(FcgenError):
    """A limit on the size of a grammar was reached; `limit` and `given` say which."""


class OutOfSteps(FcgenError):
    """Compiling or walking would take more steps than it may; `limit` says how many (see `fcgen.grammar.work`)."""


class VocabularyError(FcgenError):
    """A tokenizer whose tokens' bytes cannot be known for sure, or that does not belong to the model."""


class TokenRefused(FcgenError, ValueError):
    """A token that the grammar does not allow here. `text` is the reply so far, `token` the id."""

    def __init__(self, found: str, *, token: int, text: str, hint: str | None = None) -> None:
        super().__init__(found, hint=hint)
        self.token = token
        self.text = text


class BudgetTooSmall(FcgenError, ValueError):
    """Fewer tokens than the shortest reply needs: `limit` is the minimum, `given` the budget."""

    def __str__(self) -> str:
        text = f"{self.found}: the shortest reply needs {self.limit} tokens, stop token included, given {self.given}"
        return f"{text}. {self.hint}" if self.hint else text


class PromptError(FcgenError, ValueError):
    """Messages that cannot be rendered, or a prompt that is longer than the model's context."""


class ReplyError(FcgenError, ValueError):
    """Text that is not a reply of the format it should be in: `text`. `pointer` leads into the arguments."""

    def __init__(
        self,
        found: str,
        *,
        text: str,
        function: str | None = None,
        pointer: str | None = None,
        keyword: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(found, function=function, pointer=pointer, keyword=keyword, hint=hint)
        self.text = text


class OptionError(FcgenError, ValueError):
    """An option with a value that it cannot have."""


class ModelError(FcgenError):
    """A model that cannot be found, fetched, converted or used."""


class DocumentError(FcgenError, ValueError):
    """An input of documents that cannot be read at all; of one document, it becomes that row's error."""


class InputDamaged(DocumentError):
    """An input that breaks off or is damaged: rows that follow cannot be read."""


class JobError(FcgenError):
    """A job that cannot begin, or cannot go on; what it has done stays."""


class BatchError(FcgenError):
    """Some sequences of a batch failed, and the others went on: `errors` has each error by the sequence's number."""

    def __init__(self, errors: Mapping[int, FcgenError]) -> None:
        number, first = min(errors.items(), key=lambda item: item[0])
        super().__init__(f"{len(errors)} sequences of a batch failed; number {number}: {first}")
        self.errors = dict(errors)


class ManyErrors(FcgenError, ValueError):
    """Several mistakes, found in one go: `errors` has each of them."""

    def __init__(self, errors: Sequence[FcgenError]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = tuple(errors)

    def __str__(self) -> str:
        return "\n".join([f"{len(self.errors)} errors:", *(f"- {error}" for error in self.errors)])


def _restore(kind: type[FcgenError], args: tuple[object, ...], state: dict[str, object]) -> FcgenError:
    """Unpickle: constructors take keywords, which the default protocol does not know."""
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


def raise_all(errors: Sequence[FcgenError]) -> None:
    """Raise the only error as itself, several as ManyErrors, none not at all."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ManyErrors(errors)


class _Short(reprlib.Repr):
    def repr_int(self, value: int, level: int) -> str:
        """Python refuses to write out integers of more than 4300 digits."""
        return (
            super().repr_int(value, level)
            if value.bit_length() < 10_000
            else f"an integer of {value.bit_length()} bits"
        )


_SHORT = _Short()  # bounds the depth and the length of what it writes
_SHORT.maxlevel, _SHORT.maxdict, _SHORT.maxlist, _SHORT.maxtuple, _SHORT.maxset = 6, 20, 20, 20, 20
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = 200


def _cut(pointer: str) -> str:
    return (
        pointer if len(pointer) <= MAX_POINTER else f"{pointer[: MAX_POINTER // 2]} ... {pointer[-MAX_POINTER // 2 :]}"
    )


def excerpt(value: object, size: int = 80) -> str:
    """`repr(value)`, shortened to about `size` characters: what a message quotes of untrusted input."""
    text = repr(value[: size + 1]) if isinstance(value, str) else _SHORT.repr(value)
    return text if len(text) <= size else f"{text[: size - 3]}..."
