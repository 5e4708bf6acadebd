"""A reply while it is written -> events, from the state of a parser that reads each byte once.

    for event in engine.stream("What is the weather in Paris?", functions):
        match event:
            case TextDelta(text): ...                   # some more of a text reply
            case CallStarted(function): ...             # which function is called
            case ArgumentDelta(path, delta): ...        # some more of a string, as it reads
            case ValueComplete(path, value): ...        # an argument, or a value within one
            case CallComplete(call): ...
            case ReplyComplete(reply): ...              # the last one, with the usage

A path leads to a value within the arguments: names of properties and numbers of items. What is parsed was written
under a grammar, so it is JSON, and is not checked again.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fcgen.formats import Format, find_format
from fcgen.reply import Call, Reply

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class TextDelta:
    """Some more of a text reply."""

    text: str


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A function is called, and its name is known."""

    function: str


@dataclass(frozen=True, slots=True)
class ArgumentDelta:
    """Some more of the string at `path`, with its escapes read."""

    path: Path
    delta: str


@dataclass(frozen=True, slots=True)
class ValueComplete:
    """The value at `path` is finished; objects and arrays come after what is in them."""

    path: Path
    value: Any


@dataclass(frozen=True, slots=True)
class CallComplete:
    """A call is finished."""

    call: Call


@dataclass(frozen=True, slots=True)
class ReplyComplete:
    """The reply is finished. The last event."""

    reply: Reply


Event = TextDelta | CallStarted | ArgumentDelta | ValueComplete | CallComplete | ReplyComplete


class ReplyEvents:
    """Reads a reply as it grows.

    Args:
        format: whose calls it reads.
        may_call: whether the reply may be a call; if not, it is a text, however it begins.
    """

    def __init__(self, format: str | Format = "trelis", *, may_call: bool = True) -> None:  # noqa: A002
        self._format = find_format(format)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._read = 0
        self._lead = ""
        self._kind: str | None = None if may_call else "text"
        self._json = _Json()
        self._function: str | None = None

    def feed(self, written: bytes) -> Iterator[Event]:
        """The events of what has come since the last time.

        Args:
            written: all of the reply so far.
        """
        text = self._decoder.decode(written[self._read :])
        self._read = len(written)
        if self._kind is None:
            self._lead += text
            begins = self._lead.lstrip()
            if not begins:
                return
            self._kind = "call" if begins.startswith("{") else "text"
            text = begins if self._kind == "call" else self._lead
        if self._kind == "call":
            yield from self._calls(text)
        elif text:
            yield TextDelta(text)

    def end(self) -> Iterator[Event]:
        """The last events: of a text of spaces alone, which could have begun a call."""
        if self._kind is None and self._lead:
            yield TextDelta(self._lead)

    def _calls(self, text: str) -> Iterator[Event]:
        for path, delta, value in self._json.feed(text):
            key, inner = (path[0], path[1:]) if path else (None, ())
            if key == self._format.function_key and delta is None:
                self._function = str(value)
                yield CallStarted(self._function)
            elif key == self._format.arguments_key and path[1:]:
                yield ValueComplete(inner, value) if delta is None else ArgumentDelta(inner, delta)
            elif not path:
                yield CallComplete(Call(str(self._function), value[self._format.arguments_key]))


@dataclass(slots=True)
class _Open:
    """An object or array that is being read: its values so far, and the name that the next one stands under."""

    value: Any
    name: str | None = None

    @property
    def wants_name(self) -> bool:
        """Whether a name comes next."""
        return isinstance(self.value, dict) and self.name is None

    def take(self, value: Any) -> None:
        """Take the next value."""
        if isinstance(self.value, dict):
            self.value[self.name], self.name = value, None
        else:
            self.value.append(value)


@dataclass(slots=True)
class _String:
    """A string that is being read, its opening quote left out."""

    read: list[str] = field(default_factory=list)
    shown: int = 0
    escape: str = ""
    half: str = ""  # the escape of the first half of a surrogate pair, which the second may follow

    def take(self, char: str) -> bool:
        """Read one more character; whether it is the closing quote."""
        if self.escape:
            self.escape += char
            if len(self.escape) == (6 if self.escape[1] == "u" else 2):
                self._end_escape()
        elif char == "\\":
            self.escape = char
        else:
            self._end_half()
            if char == '"':
                return True
            self.read.append(char)
        return False

    def _end_escape(self) -> None:
        escape, self.escape = self.escape, ""
        if self.half and len(pair := json.loads(f'"{self.half}{escape}"')) == 1:
            self.read.append(pair)
            self.half = ""
            return
        self._end_half()
        if "\ud800" <= (char := json.loads(f'"{escape}"')) <= "\udbff":
            self.half = escape
        else:
            self.read.append(char)

    def _end_half(self) -> None:
        if self.half:
            self.read.append(json.loads(f'"{self.half}"'))
            self.half = ""

    def fresh(self) -> str:
        """What was read since this was asked for the last time."""
        self.read[self.shown :] = ["".join(self.read[self.shown :])]
        self.shown = len(self.read)
        return self.read[-1]


Step = tuple[Path, str | None, Any]


class _Json:
    """Reads one JSON value, character by character."""

    def __init__(self) -> None:
        self._stack: list[_Open] = []
        self._string: _String | None = None
        self._word = ""  # of a number, true, false or null

    def feed(self, text: str) -> Iterator[Step]:
        """What is finished with these characters: a path with some more of a string, or with None and the value."""
        for char in text:
            if self._string is not None:
                if self._string.take(char):
                    yield from self._end_string(self._string)
                continue
            if self._word and char not in ",]} \t\r\n":
                self._word += char
                continue
            if self._word:
                word, self._word = self._word, ""
                yield self._finished(json.loads(word))
            if char in "{[":
                self._stack.append(_Open({} if char == "{" else []))
            elif char in "}]":
                yield self._finished(self._stack.pop().value)
            elif char == '"':
                self._string = _String()
            elif char not in ",: \t\r\n":
                self._word = char
        if self._string is not None and not self._names and (delta := self._string.fresh()):
            yield self._path(), delta, None

    def _end_string(self, string: _String) -> Iterator[Step]:
        delta = string.fresh()
        if self._names:
            self._stack[-1].name = "".join(string.read)
        else:
            if delta:
                yield self._path(), delta, None
            yield self._finished("".join(string.read))
        self._string = None

    def _finished(self, value: Any) -> Step:
        path = self._path()
        if self._stack:
            self._stack[-1].take(value)
        return path, None, value

    @property
    def _names(self) -> bool:
        """Whether a string here is a name."""
        return bool(self._stack) and self._stack[-1].wants_name

    def _path(self) -> Path:
        return tuple(str(one.name) if isinstance(one.value, dict) else len(one.value) for one in self._stack)
