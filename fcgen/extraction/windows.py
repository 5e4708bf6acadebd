"""A long document -> windows of it, and what was found in each -> one value.

Windows are cut one after another, each beginning `size - overlap` after the one before; a document that fits in one is
left as it is. What is found in them is merged field by field, by one of three rules:

    first      the first value that says something (not null, nor an empty text, list or object)
    longest    of texts, lists and objects the longest; else as `first`
    union      of lists all items, in order, each once; else as `first`

A value that is no object is merged as one field. The merged value is judged by the schema like any other; where it does
not fit (a list of all items may be too long), that is the row's error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fcgen.errors import FcgenError, OptionError, ReplyError, excerpt

RULES = ("first", "longest", "union")
UNITS = ("characters", "tokens")


@dataclass(frozen=True, slots=True)
class Windows:
    """How long documents are cut, and what was found is merged.

    Attributes:
        size: of a window, in `unit`s.
        overlap: how much of a window the next one has again.
        unit: "characters", or "tokens" of the model.
        merge: a rule for all fields, or rules by field; fields without one are merged by "first".

    Raises:
        OptionError: one of these cannot have that value.
    """

    size: int
    overlap: int = 0
    unit: Literal["characters", "tokens"] = "characters"
    merge: str | Mapping[str, str] = "first"

    def __post_init__(self) -> None:
        for name, least in (("size", 1), ("overlap", 0)):
            given = getattr(self, name)
            if not isinstance(given, int) or isinstance(given, bool) or given < least:
                raise OptionError(
                    f"the windows' {name} is {excerpt(given)}", hint=f"It has to be an integer from {least} up"
                )
        if self.overlap >= self.size:
            raise OptionError("the windows overlap by all of their size", limit=self.size - 1, given=self.overlap)
        if self.unit not in UNITS:
            raise OptionError(f"the windows' unit is {excerpt(self.unit)}", hint=f"Known are {' and '.join(UNITS)}")
        rules = [self.merge] if isinstance(self.merge, str) else list(self.merge.values())
        if unknown := [rule for rule in rules if rule not in RULES]:
            raise OptionError(f"no rule of merging is {excerpt(unknown[0])}", hint=f"Known are {', '.join(RULES)}")

    def cut(self, text: str, tokenizer: Any) -> list[str]:
        """The windows of a text.

        Raises OptionError: they are counted in tokens, and the tokenizer does not say where in a text its tokens are.
        """
        if self.unit == "characters":
            return [text[start:end] for start, end in self._places(len(text))]
        if not getattr(tokenizer, "is_fast", False):
            raise OptionError(
                "the tokenizer does not say where its tokens stand in a text", hint="Count windows in characters"
            )
        read = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False, verbose=False)
        begins = [0, *(start for start, _ in read["offset_mapping"][1:]), len(text)]
        return [text[begins[start] : begins[end]] for start, end in self._places(len(begins) - 1)]

    def _places(self, count: int) -> list[tuple[int, int]]:
        """Where windows of so many things begin and end."""
        step = self.size - self.overlap
        last = max(0, -(-(count - self.size) // step))
        return [(number * step, min(number * step + self.size, count)) for number in range(last + 1)]

    def merged(self, values: Sequence[Any], schema: Any) -> Any:
        """One value of what was found in each window.

        Raises ReplyError: merged, the values do not fit the schema.
        """
        if len(values) == 1:
            return values[0]
        value = self._merged(values, schema)
        if (reason := misfit(value, schema)) is not None:
            raise ReplyError(
                f"what {len(values)} windows say, merged, does not fit the schema: {reason}",
                text=json.dumps(value, ensure_ascii=False),
                hint="Choose other rules for the windows' fields, or other windows",
            )
        return value

    def _merged(self, values: Sequence[Any], schema: Any) -> Any:
        if not all(isinstance(value, dict) for value in values):
            return _by_rule(self.merge if isinstance(self.merge, str) else "first", values)
        names = dict.fromkeys(name for value in values for name in value)
        listed = [name for name in properties_of(schema) if name in names]
        found = {}
        for name in dict.fromkeys([*listed, *names]):
            rule = self.merge if isinstance(self.merge, str) else self.merge.get(name, "first")
            found[name] = _by_rule(rule, [value[name] for value in values if name in value])
        return found


def _by_rule(rule: str, values: Sequence[Any]) -> Any:
    telling = [value for value in values if value is not None and value not in ("", [], {})]
    if not telling:
        return values[0]
    if rule == "longest" and all(isinstance(value, str | list | dict) for value in telling):
        return max(telling, key=len)
    if rule == "union" and all(isinstance(value, list) for value in telling):
        items: dict[str, Any] = {}
        for item in (item for value in telling for item in value):
            items.setdefault(json.dumps(item, sort_keys=True), item)
        return list(items.values())
    return telling[0]


def properties_of(schema: Any) -> Mapping[str, Any]:
    """The properties that a schema lists."""
    listed = schema.get("properties") if isinstance(schema, Mapping) else None
    return listed if isinstance(listed, Mapping) else {}


def misfit(value: Any, schema: Any) -> str | None:
    """Why `value` is not valid by `schema`; None: it is."""
    from fcgen.schema.judge import mistake_in

    try:
        mistake = mistake_in(value, schema)
    except FcgenError as error:
        return str(error)
    return None if mistake is None else f"at {mistake.json_path}: {excerpt(mistake.message, 200)}"
