"""Reply text -> Reply: plain text, or calls that keep what the functions ask for.

A reply whose first character after whitespace is `{` is a call; anything else is text, as it stands. The reply grammar
draws the same line, so no reply can be read both ways. Where no function was offered, every reply is text.

A text that has something like a call in it, as models write that are not constrained (in prose, in a code fence, in
the markers of their family), says so: `Reply.suspected_call`. It stays a text.

A call is read strictly, whoever wrote it (the text may come from a server that does not constrain its model): JSON and
nothing after it, no key twice, no NaN or Infinity, the two keys of the call object and no other, an offered function,
arguments that are valid by its schema (`schema/judge.py`). What fails is reported, never repaired.

Limits: one call in a reply, nested 200 deep at most (masks allow no more than 128 by choice).
"""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from fcgen.errors import FcgenError, OptionError, ReplyError, excerpt
from fcgen.formats import Format, find_format
from fcgen.functions import Function, read_functions
from fcgen.suspected_calls import suspected_call

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jsonschema.exceptions import ValidationError

MAX_DEPTH = 200


@dataclass(frozen=True, slots=True)
class Call:
    """One function call: the function's name, and its arguments as JSON values."""

    function: str
    arguments: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.function}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a reply cost.

    Attributes:
        prompt_tokens: tokens of the prompt.
        new_tokens: tokens of the reply, forced ones included.
        forced_tokens: tokens of the reply that the grammar left no choice about.
        forward_passes: how often the model ran.
        seconds: wall time, from the call to its return.
        removed: the share of the model's probability that was on tokens that were not allowed, where it was asked, on
            average. Much of it says that the model would rather have written something else.
        call_probability: how probable a call was against a text, where the reply could be either; else None.
        limited: whether a limit left something out, so that the reply may be shorter than the model would have it: the
            budget of tokens (a text that ends early, a string in the arguments that does), or the limit of digits (a
            number in the arguments has as many as are written, 25 or more before the point or 20 after it). If not, it
            is the same with any larger budget. (Not known, and False, where a server writes.)
    """

    prompt_tokens: int = 0
    new_tokens: int = 0
    forced_tokens: int = 0
    forward_passes: int = 0
    seconds: float = 0.0
    removed: float = 0.0
    call_probability: float | None = None
    limited: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """A finished reply.

    Attributes:
        kind: "call" or "text".
        calls: the calls in it; none if it is plain text.
        text: the reply as the model wrote it.
        usage: what it cost.
        suspected_call: of a text, the beginning of what looks like a call in it, where functions were offered; None:
            nothing does. It was neither read nor checked.
    """

    kind: Literal["call", "text"]
    calls: tuple[Call, ...]
    text: str
    usage: Usage = Usage()
    suspected_call: str | None = None

    def to_json(self) -> str:
        """All of it as one line of JSON."""
        calls = [{"function": call.function, "arguments": call.arguments} for call in self.calls]
        whole = {
            "kind": self.kind, "calls": calls, "text": self.text, "suspected_call": self.suspected_call,
            "usage": asdict(self.usage),
        }  # fmt: skip
        return json.dumps(whole, ensure_ascii=False)

    def __str__(self) -> str:
        return "\n".join(map(str, self.calls)) if self.calls else self.text


def parse_reply(
    text: str,
    functions: object,
    *,
    format: str | Format = "trelis",  # noqa: A002  the public name of this option everywhere
    usage: Usage | None = None,
    validate: bool = True,
) -> Reply:
    """Read a model's whole reply; `functions` are those that were offered, as `read_functions` reads them, or None.

    `validate=False` leaves the arguments unchecked, for text that the functions' own grammar has already constrained.

    Raises OptionError if there is no text;
    ReplyError for a call that is malformed, names another function or has arguments that its schema forbids;
    SchemaError, PatternError or GrammarTooLarge where the function's schema cannot be applied.
    """
    envelope = find_format(format)
    usage = Usage() if usage is None else usage
    if not isinstance(text, str):
        raise OptionError(
            f"a reply must be a string, found {excerpt(text)}", hint="Give the text that the model wrote."
        )
    offered = () if functions in (None, (), []) else read_functions(functions)
    if not offered:
        return Reply("text", (), text, usage)
    if not text.lstrip().startswith("{"):
        return Reply("text", (), text, usage, suspected_call(text, [function.name for function in offered]))
    try:
        call = _read_call(text, envelope)
        function = _find_function(call, offered, text)
        if validate:
            _validate(function, envelope, text)
    except RecursionError:
        raise _too_deep(text) from None
    return Reply("call", (call,), text, usage)


def _read_call(text: str, envelope: Format) -> Call:
    value = _read_json(text)
    expected = [envelope.function_key, envelope.arguments_key]
    if set(value) != set(expected):
        shape = f'Expected {{"{expected[0]}": "...", "{expected[1]}": {{...}}}}'
        raise ReplyError(f"the call has the keys {excerpt(list(value))}", text=text, hint=shape)
    name, arguments = value[expected[0]], value[expected[1]]
    if not isinstance(name, str):
        raise ReplyError(f"the call's {excerpt(expected[0])} is {excerpt(name)}, not a string", text=text)
    if not isinstance(arguments, dict):
        found = f"the call's {excerpt(expected[1])} is {excerpt(arguments)}, not an object"
        raise ReplyError(found, text=text, function=name)
    return Call(name, arguments)


def _read_json(text: str) -> dict[str, Any]:
    """The JSON object that `text` is; it is known to begin with a brace."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(read := dict(items)) < len(items):
            twice = Counter(name for name, _ in items).most_common(1)[0][0]
            raise ReplyError(f"the call has the key {excerpt(twice)} twice in one object", text=text)
        return read

    def number(digits: str) -> float:
        if not math.isfinite(value := float(digits)):
            constant(digits)
        return value

    def constant(name: str) -> NoReturn:
        raise ReplyError(f"the call has the number {excerpt(name)}, which is not a finite one", text=text)

    try:
        value = json.loads(text, object_pairs_hook=pairs, parse_float=number, parse_constant=constant)
        _check_depth(value, text)
        json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        rest = f"before {excerpt(text[error.pos :], 40)}" if error.pos < len(text) else "at its end"
        found = f"the reply begins like a call but is not JSON: {error.msg}, {rest}"
        raise ReplyError(found, text=text, hint="A call is one JSON object and nothing else") from None
    except UnicodeEncodeError:
        raise ReplyError("the call has half of a surrogate pair, which is no character", text=text) from None
    except ReplyError:
        raise
    except ValueError:  # what int() says of thousands of digits
        raise ReplyError("the call has an integer with too many digits to be read", text=text) from None
    return value  # type: ignore[no-any-return]


def _check_depth(value: object, text: str) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        nested = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list)]
        level = [*itertools.chain.from_iterable(nested)]
    if level:
        raise _too_deep(text)


def _too_deep(text: str) -> ReplyError:
    return ReplyError(f"the call is nested too deeply, {MAX_DEPTH} levels are read", text=text)


def _find_function(call: Call, offered: Iterable[Function], text: str) -> Function:
    known = {function.name: function for function in offered}
    if call.function not in known:
        hint = f"Offered: {excerpt(', '.join(known), 200)}"
        raise ReplyError(f"the call names {excerpt(call.function)}, which was not offered", text=text, hint=hint)
    return known[call.function]


def _validate(function: Function, envelope: Format, text: str) -> None:
    """Judge the arguments, with their numbers as they are written."""
    from fcgen.schema.judge import exact, mistake_in

    arguments = json.loads(text, parse_float=exact)[envelope.arguments_key]
    try:
        mistake = mistake_in(arguments, function.parameters)
    except FcgenError as error:
        error.function = function.name
        raise
    if mistake is not None:
        raise _explain(mistake, function, text)


def _explain(mistake: ValidationError, function: Function, text: str) -> ReplyError:
    found = f"the arguments do not fit: {_bounded(mistake.message)}"
    return ReplyError(
        found, text=text, function=function.name, pointer=_pointer(mistake), keyword=str(mistake.validator)
    )


def _pointer(mistake: ValidationError) -> str:
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in mistake.absolute_path)


def _bounded(message: str, size: int = 200) -> str:
    return message if len(message) <= size else f"{message[: size - 3]}..."
