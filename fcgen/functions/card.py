"""The model card's metadata -> Function: `{"function", "description", "arguments": [{"name", "type", ...}]}`.

Everything in an argument but its name, and whether it must be given, is its JSON Schema. Only explicit fields decide
whether it must be given, never its description; the first of these that is there:

1. the argument's `"required": true | false`, or `"optional": true | false`;
2. the card's `"required": [names]`, if it has one;
3. it must be given unless it has a `default`.

A `required` that is a list belongs to the schema of an argument that is itself an object. The card lists its arguments
completely, so no others are allowed. What the card has no place for (`$defs`, rules across arguments) stands beside
`arguments` in `parameters`: JSON Schema keywords of the whole. `card_metadata` writes this form.
"""

from __future__ import annotations

from typing import Any

from fcgen.errors import excerpt
from fcgen.functions.function import Function, check_name, check_required, object_schema, read_description
from fcgen.functions.problems import Problems
from fcgen.functions.tools import check_others
from fcgen.functions.type_names import spell_types
from fcgen.functions.values import describe
from fcgen.place import Place

_KEYS = frozenset({"function", "name", "description", "arguments", "required", "parameters"})
_ARGUMENT = '{"name", "type", "description"}'


def read_card(card: dict[str, Any], pointer: Place, problems: Problems) -> Function | None:
    """The function that a card describes; None where there are problems."""
    key = "function" if "function" in card else "name"
    if key in card:
        check_name(card[key], (pointer, key), problems)
    else:
        problems.add('no name: it belongs in "function"', pointer)
    description = read_description(card.get("description"), (pointer, "description"), problems)
    check_others(card, _KEYS, pointer, problems)
    parameters = _read_parameters(card, pointer, problems)
    return None if problems.errors else Function.of_checked(card[key], description, parameters)


def _read_parameters(card: dict[str, Any], pointer: Place, problems: Problems) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    must: list[str] = []
    listed = _listed(card, pointer, problems)
    for i, argument in enumerate(_arguments(card, pointer, problems)):
        place = ((pointer, "arguments"), i)
        name = _argument_name(argument, place, problems)
        if name is None:
            continue
        if name in properties:
            problems.add(f"a second argument {excerpt(name)}; names must differ", (place, "name"))
            continue
        properties[name] = _argument_schema(argument, place, problems)
        if _must_be_given(name, argument, listed, place, problems):
            must.append(name)
    if listed is not None:
        check_required({"required": listed, "properties": properties}, pointer, problems)
    return _whole(properties, must, _beside(card, pointer, problems), (pointer, "parameters"), problems)


def _arguments(card: dict[str, Any], pointer: Place, problems: Problems) -> list[Any]:
    arguments = card.get("arguments")
    if arguments is None or isinstance(arguments, list):
        return arguments or []
    found = f"'arguments' must be a list of {_ARGUMENT}, found {describe(arguments)}"
    hint = "A call has an object there; what is needed is what describes the function." if arguments else None
    problems.add(found, (pointer, "arguments"), hint=hint if isinstance(arguments, dict) else None)
    return []


def _listed(card: dict[str, Any], pointer: Place, problems: Problems) -> list[Any] | None:
    listed = card.get("required")
    if listed is None or isinstance(listed, list):
        return listed
    found = f"a card's 'required' must be a list of its arguments' names, found {describe(listed)}"
    problems.add(found, (pointer, "required"))
    return None


def _argument_name(argument: object, pointer: Place, problems: Problems) -> str | None:
    if not isinstance(argument, dict):
        problems.add(f"an argument must be an object {_ARGUMENT}, found {describe(argument)}", pointer)
    elif "name" not in argument:
        problems.add("an argument without a name", pointer)
    elif not isinstance(argument["name"], str):
        found = f"an argument's name must be a string, found {describe(argument['name'])}"
        problems.add(found, (pointer, "name"))
    else:
        return argument["name"]
    return None


def _argument_schema(argument: dict[str, Any], pointer: Place, problems: Problems) -> Any:
    own = {"name", "optional"} | ({"required"} if not isinstance(argument.get("required"), list) else set())
    return spell_types({key: value for key, value in argument.items() if key not in own}, pointer, problems)


def _must_be_given(
    name: str, argument: dict[str, Any], listed: list[Any] | None, pointer: Place, problems: Problems
) -> bool:
    flags = {}
    for key in ("required", "optional"):
        flag = argument.get(key)
        if isinstance(flag, bool):
            flags[key] = flag == (key == "required")
        elif flag is not None and not (key == "required" and isinstance(flag, list)):
            problems.add(f"{key!r} must be true or false, found {describe(flag)}", (pointer, key))
    if len(set(flags.values())) > 1:
        problems.add("'required' and 'optional' contradict each other", pointer)
    if flags:
        return next(iter(flags.values()))
    return name in listed if listed is not None else "default" not in argument


def _beside(card: dict[str, Any], pointer: Place, problems: Problems) -> dict[str, Any]:
    """The keywords that stand beside the arguments."""
    pointer = (pointer, "parameters")
    keywords = card.get("parameters")
    if keywords is None:
        return {}
    if not isinstance(keywords, dict):
        problems.add(f"'parameters' beside 'arguments' must be an object, found {describe(keywords)}", pointer)
        return {}
    keywords = spell_types(keywords, pointer, problems)
    if "properties" in keywords:
        hint = "Keep one of the two."
        problems.add("arguments are listed in 'arguments' and in 'parameters'", (pointer, "properties"), hint=hint)
    return dict(keywords)


def _whole(
    properties: dict[str, Any], must: list[str], beside: dict[str, Any], pointer: Place, problems: Problems
) -> dict[str, Any]:
    more = beside.get("required", [])
    # Those beside the arguments come first, so that a pointer into them is right.
    required = [*more, *(name for name in must if name not in more)] if isinstance(more, list) else more
    schema = {"type": "object", "properties": properties, **({"required": required} if required else {})}
    rest = {keyword: value for keyword, value in beside.items() if keyword not in schema or keyword == "type"}
    return object_schema({**schema, "additionalProperties": False, **rest}, pointer, problems)
