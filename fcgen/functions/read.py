"""Functions in any of the forms people have them in -> a tuple of `Function`.

    anything -> entries (one function each, with its position) -> Function -> names checked

Texts, lists and whole requests only hold entries. Each entry is recognised by its keys and read by the module for its
form: `card`, `tools`, `python`. All mistakes of all entries are raised together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fcgen.errors import FunctionError, raise_all
from fcgen.functions.card import read_card
from fcgen.functions.function import Function
from fcgen.functions.objects import ToolObject, find_object
from fcgen.functions.problems import Problems
from fcgen.functions.text import read_text
from fcgen.functions.tools import PARAMETERS, WRAPPERS, read_tool
from fcgen.functions.values import MAX_DEPTH, RepeatedKeys, copy_value, describe
from fcgen.place import Place
from fcgen.place import pointer as spelled

# Where a request, a result or a file holds its functions, and what holds that in turn.
_LISTS = ("tools", "functions", "function_declarations", "functionDeclarations", "api_list", "function")
_DECLARATIONS = ("function_declarations", "functionDeclarations")
_AROUND = ("toolConfig", "tool_config", "result")
_LISTS_OF = frozenset(_LISTS)

_FORMS = "a Function, metadata (an object or JSON text), a Python callable, a class, or a list of these"


@dataclass(frozen=True, slots=True)
class Entry:
    """What describes one function, or holds several that do.

    Attributes:
        value: the metadata, callable or list.
        pointer: where it is.
        place: its file and line, if any.
        is_declaration: whether it is one of Gemini's function declarations.
    """

    value: object
    pointer: Place = ""
    place: str | None = None
    is_declaration: bool = False

    def inside(self, *parts: str | int, value: object) -> Entry:
        """An entry within this one."""
        pointer = self.pointer
        for part in parts:
            pointer = (pointer, part)
        is_declaration = self.is_declaration or any(part in _DECLARATIONS for part in parts)
        return Entry(value, pointer, self.place, is_declaration)

    @property
    def position(self) -> str:
        """Where it is, in words."""
        where = spelled(self.pointer)
        if self.place is None:
            return f"at {where}"
        return f"in {self.place}, at {where}" if where else f"in {self.place}"


def read_functions(source: object) -> tuple[Function, ...]:
    """Read every function that `source` describes, in order.

    A source is a `Function`, metadata as a dict or as JSON text (of the model card, or a tool in one of the forms of
    `fcgen.functions.tools`), a tool object of LangChain, LlamaIndex, smolagents and others (`fcgen.functions.objects`),
    a Python callable, a Pydantic model, dataclass or TypedDict, or a list or tuple of these. JSON text may hold several
    objects one after another. An object that holds a list of functions (an OpenAI or Gemini request, Bedrock's
    `toolConfig`, an MCP result) stands for that list.

    Raises:
        FunctionError: something in it cannot be read, two functions have one name, or there is no function; `pointer`
            leads to the place from the outermost list or object. ManyErrors if there are several mistakes.
    """
    return read_entries([Entry(source)])


def read_entries(sources: Iterable[Entry], place: str | None = None) -> tuple[Function, ...]:
    """`read_functions` over sources whose positions are known, all of them from `place`."""
    functions, errors = try_entries(sources)
    raise_all(errors)
    if not functions:
        found = "no functions" if place is None else f"no functions in {place}"
        raise FunctionError(found, hint=f"At least one is needed: {_FORMS}.")
    return tuple(functions)


def try_entries(sources: Iterable[Entry]) -> tuple[list[Function], list[FunctionError]]:
    """The functions that can be read, and what is wrong with the others."""
    errors: list[FunctionError] = []
    first: dict[str, Entry] = {}
    functions = []
    for source in sources:
        for entry in _expand(source, errors):
            function = _read_entry(entry, errors)
            if function is None:
                continue
            if function.name in first:
                errors.append(_second(function.name, entry, first[function.name]))
                continue
            first[function.name] = entry
            functions.append(function)
    return functions, errors


def _second(name: str, entry: Entry, first: Entry) -> FunctionError:
    problems = Problems(name, entry.place)
    problems.add(f"a second function of this name; the first is {first.position}", entry.pointer)
    return problems.errors[0]


def _expand(entry: Entry, errors: list[FunctionError], depth: int = 0) -> Iterator[Entry]:
    """The entries that texts, lists and requests hold."""
    problems = Problems(None, entry.place, errors)
    value: Any = entry.value
    if depth > MAX_DEPTH:
        problems.add("nested too deeply", entry.pointer, limit=MAX_DEPTH)
    elif isinstance(value, str):
        values = read_text(value, entry.pointer, problems)
        if values:
            yield from _expand(entry.inside(value=values[0] if len(values) == 1 else values), errors, depth + 1)
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from _expand(entry.inside(i, value=item), errors, depth + 1)
    elif (found := find_object(value)) is not None and not isinstance(found, ToolObject):
        yield from _expand(entry.inside(value=found), errors, depth + 1)
    elif key := _list_key(value, entry.pointer, problems):
        yield from _expand(entry.inside(key, value=value[key]), errors, depth + 1)
    elif not (isinstance(value, Mapping) and value.keys() == {"cachePoint"}):  # a mark between Bedrock's tools
        yield entry if found is None else entry.inside(value=found)


def _list_key(value: Any, pointer: Place, problems: Problems) -> str | None:
    """The key under which a request or a result holds its functions; a second one is added to the problems."""
    if not isinstance(value, Mapping) or isinstance(value, RepeatedKeys) or "name" in value:
        return None
    keys = [key for key in _LISTS if isinstance(value.get(key), list | tuple)]
    if "function" in keys and not (value["function"] and all(isinstance(each, Mapping) for each in value["function"])):
        keys.remove("function")
    full = [key for key in keys if value[key]]
    if len(full) > 1:
        problems.add(f"functions are listed more than once: in {' and in '.join(map(repr, full))}", pointer)
    if not keys and "function" not in value:
        keys = [key for key in _AROUND if isinstance(value.get(key), Mapping) and not _LISTS_OF.isdisjoint(value[key])]
    return next(iter(full or keys), None)


def _read_entry(entry: Entry, errors: list[FunctionError]) -> Function | None:
    value = entry.value
    if isinstance(value, Function):
        return value
    problems = Problems(_name(value), entry.place)
    function = None
    if isinstance(value, Mapping):
        metadata = copy_value(value, entry.pointer, problems)
        function = _read_metadata(metadata, entry, problems)
    elif isinstance(value, ToolObject):
        from fcgen.functions.python import read_tool_object

        function = read_tool_object(value, entry.pointer or None, problems)
    elif callable(value):
        from fcgen.functions.python import read_callable  # Pydantic takes longer to load than all the rest

        function = read_callable(value, entry.pointer or None, problems)
    else:
        problems.add(f"a function is described by {_FORMS}; found {describe(value)}", entry.pointer)
    errors.extend(problems.errors)
    return function


def _read_metadata(metadata: dict[str, Any], entry: Entry, problems: Problems) -> Function | None:
    if problems.errors:
        return None
    named = isinstance(metadata.get("function"), str)
    is_card = "arguments" in metadata or (named and not any(key in metadata for key in PARAMETERS))
    if is_card:
        return read_card(metadata, entry.pointer, problems)
    return read_tool(metadata, entry.pointer, problems, is_declaration=entry.is_declaration)


def _name(value: object) -> str | None:
    """The name, for messages, before anything is known to be right."""
    if isinstance(value, ToolObject):
        return value.name if isinstance(value.name, str) else None
    if not isinstance(value, Mapping):
        return None
    inner: Mapping[str, object] = next((value[key] for key in WRAPPERS if isinstance(value.get(key), Mapping)), {})
    names = value.get("name"), inner.get("name"), value.get("function"), value.get("api_name")
    return next((name for name in names if isinstance(name, str)), None)
