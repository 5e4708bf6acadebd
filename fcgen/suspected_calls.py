"""A text reply -> where something like a call stands in it, if anywhere.

A model that nothing constrains may wrap its call: in prose, in a code fence, behind `<think>`, in the markers of its
own family. Such a reply is a text, since a call is one JSON object and nothing else; this finds out that it is no mere
text. It looks for the keys of a call next to each other, or for a family's marker with what follows it in a call. Where
the same words could be an ordinary document, the name has to be one of the functions offered.

One pass of a regular expression, in linear time: it looks a bounded number of characters ahead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

LONGEST = 200  # characters that are quoted
_S = r"[ \t\r\n]{0,64}"
_Q = r"\\?[\"']"
_NAME = r"[^\"'\\\n]{1,128}"
_VALUE = rf"{_S}:{_S}"
_CALLED = rf"{_S}(?:[\[{{<]|\w[\w.-]{{0,63}}[ \t\r\n]{{0,64}}[\[({{<:])"
_MARKERS = (
    rf"<tool_call>{_CALLED}",
    rf"<tool_calls>{_CALLED}",
    rf"<function_calls?>{_CALLED}",
    rf"<\|tool_calls?\|>{_CALLED}",
    rf"<\|tool_call_start\|>{_S}\[",
    rf"<\|tool_call>{_S}call:",
    r"<\|tool_call_begin\|>",
    r"<\|tool_calls_section_begin\|>",
    rf"<\|python_tag\|>{_CALLED}",
    rf"<\|tools_prefix\|>{_S}\[",
    rf"<TOOLCALL>{_S}\[",
    rf"<\|START_ACTION\|>{_S}\[",
    r"<｜tool▁calls?▁begin｜>",
    rf"\[TOOL_CALLS\]{_CALLED}",
    rf"functools\[{_S}{{",
    r"<function=\w",
    r"<｜DSML｜ ?invoke name=",
    r"<invoke name=\"\w",
    r"to=functions\.\w",
)


def suspected_call(text: str, names: Iterable[str]) -> str | None:
    """The beginning of what looks like a call in a text; None: nothing does. `names` are the functions offered."""
    if (found := _pattern(tuple(sorted(names))).search(text)) is None:
        return None
    return text[found.start() : found.start() + LONGEST]


@lru_cache(maxsize=64)
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    def key(*words: str) -> str:
        return rf"{_Q}(?:{'|'.join(words)}){_Q}{_VALUE}"

    parts = [
        *_MARKERS,
        rf"\{{{_S}{key('function', 'name', 'tool', 'tool_name')}{_Q}{_NAME}{_Q}{_S},{_S}{key('arguments')}[{{\"']",
        rf"\{{{_S}{key('arguments')}\{{[^{{}}]{{0,2000}}\}}{_S},{_S}{key('function', 'name')}{_Q}",
    ]
    if names:
        known = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
        words = key("function", "name", "tool", "tool_name", "action", "recipient_name")
        given = key("parameters", "args", "input", "action_input")
        parts += [
            rf"\{{{_S}{words}{_Q}(?:{known}){_Q}{_S},{_S}{given}[{{\"'](?!{_S}{key('type')}{_Q}object)",
            rf"(?m:^){_S}\[?(?:{known})\({_S}(?:\w{{1,64}}{_S}=(?!=)|\)[ \t]*\]?[ \t]*$)",
        ]
    return re.compile("|".join(parts), re.MULTILINE)
