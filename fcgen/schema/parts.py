"""What a schema says about values of each kind: its `type` and the keywords about numbers, strings, arrays and objects.

One function per kind; each reads the keywords of its kind, checks what stands there, and makes a part of a Shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from fcgen.errors import GrammarTooLarge, OutOfSteps, PatternError, SchemaError, excerpt
from fcgen.place import Place, pointer
from fcgen.schema.algebra import checked, meet, union
from fcgen.schema.contains import contains
from fcgen.schema.definitions import resolve
from fcgen.schema.document import Document
from fcgen.schema.drafts import Draft
from fcgen.schema.formats import format_pattern
from fcgen.schema.number_sets import Number, Real
from fcgen.schema.object_sets import MAX_GROUPS, value_of
from fcgen.schema.shape import (
    ANY_STRING,
    ANYTHING,
    EVERY_KIND,
    EVERY_NAME,
    AnyOf,
    Anything,
    Array,
    Boolean,
    Contains,
    Demand,
    Group,
    Never,
    Null,
    Object,
    Shape,
    String,
    Values,
    Witness,
)
from fcgen.schema.string_sets import is_string_of, meet_strings, no_string, outside
from fcgen.schema.values import flaw

Schema = dict[str, Any]
Read = Callable[[Any, Place], Shape]
"""Reads a schema that stands at a place within this one."""

"""Notes something about a keyword."""

_TYPES = {"null", "boolean", "integer", "number", "string", "array", "object"}
_ALL = frozenset(_TYPES)


def kinds_of(schema: Schema, place: Place) -> frozenset[str]:
    """The kinds of values that `type` admits: all where there is none."""
    if "type" not in schema:
        return _ALL
    given = schema["type"]
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name in _TYPES for name in names):
        raise malformed(schema, "type", f"one or several of {', '.join(sorted(_TYPES))}", place)
    return frozenset(names)


def read_kinds(  # noqa: PLR0917  all of it is one question
    schema: Schema,
    kinds: frozenset[str],
    draft: Draft,
    place: Place,
    read: Read,
    later: Read,
    *,
    document: Document | None = None,
) -> Shape:
    """The union of what the schema says about each kind. `later` reads what nothing depends on but its own text."""
    found: list[Shape] = []
    if "null" in kinds:
        found.append(Null(place))
    if "boolean" in kinds:
        found.append(Boolean(place))
    if "number" in kinds or "integer" in kinds:
        found.append(_number(schema, "number" not in kinds, draft, place))
    if "string" in kinds:
        found.append(_string(schema, place, document))
    if "array" in kinds:
        is_counted = "contains" in schema or "uniqueItems" in schema
        found.append(_array(schema, draft, place, read, read if is_counted else later))
    if "object" in kinds:
        found.append(_object(schema, draft, place, read, later))
    return found[0] if len(found) == 1 else union(found, place)


def malformed(schema: Schema, keyword: str, allowed: str, place: Place) -> SchemaError:
    """The error for a keyword whose value is not of the form it must have."""
    return SchemaError(
        f"`{keyword}` must be {allowed}, found {excerpt(schema[keyword])}",
        pointer=pointer((place, keyword)),
        keyword=keyword,
    )


def _number(schema: Schema, integer: bool, draft: Draft, place: Place) -> Shape:  # noqa: FBT001
    low, low_open = _bound(schema, "Minimum", draft, place, max)
    high, high_open = _bound(schema, "Maximum", draft, place, min)
    multiples = _multiple(schema, place)
    part = Number(
        low, low_open, high, high_open, integer or schema.get("multipleOf") == 1, multiples=multiples, place=place
    )
    return part if low is None and high is None else checked(part)


def _bound(
    schema: Schema, name: str, draft: Draft, place: Place, tighter: Callable[[Real, Real], Real]
) -> tuple[Real | None, bool]:
    """A bound, and whether it is open. Draft 4 wrote `exclusiveMinimum: true` beside the bound."""
    closed, exclusive = name.lower(), f"exclusive{name}"
    bound = _real(schema, closed, place)
    if isinstance(schema.get(exclusive), bool) and draft in (Draft.D4, Draft.D2020):
        return bound, bound is not None and schema[exclusive]
    if exclusive in schema and draft is Draft.D4:
        raise malformed(schema, exclusive, "true or false in draft 4", place)
    limit = _real(schema, exclusive, place)
    if bound is None or limit is None:
        return (bound, False) if limit is None else (limit, True)
    return tighter(bound, limit), tighter(limit, bound) == limit


def _real(schema: Schema, name: str, place: Place) -> Real | None:
    value = schema.get(name)
    if value is None and name not in schema:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise malformed(schema, name, "a number", place)
    wrong = flaw(value)
    if wrong is not None:
        raise SchemaError(f"`{name}` is {wrong}", pointer=pointer((place, name)), keyword=name)
    return value


def _multiple(schema: Schema, place: Place) -> tuple[Real, ...]:
    if "multipleOf" not in schema:
        return ()
    step = _real(schema, "multipleOf", place)
    if step is None or step <= 0:
        raise malformed(schema, "multipleOf", "a number above 0", place)
    return () if step == 1 and type(step) is int else (step,)


def _string(schema: Schema, place: Place, document: Document | None) -> Shape:
    least, most = _count(schema, "minLength", place) or 0, _count(schema, "maxLength", place)
    pattern = schema.get("pattern")
    if "pattern" in schema and not isinstance(pattern, str):
        raise malformed(schema, "pattern", "a regular expression as a string", place)
    formats = _formats(schema, place) if "format" in schema else ()
    patterns = () if pattern is None else (pattern,)
    documents = (document,) if document is not None and schema.get("x-verbatim") is True else ()
    part = String(patterns, formats=formats, min_length=least, max_length=most, documents=documents, place=place)
    return checked(part) if pattern is not None or formats or most is not None or documents else part


def _formats(schema: Schema, place: Place) -> tuple[str, ...]:
    name = schema["format"]
    if not isinstance(name, str):
        raise malformed(schema, "format", "a name", place)
    return () if format_pattern(name) is None else (name,)


def _count(schema: Schema, name: str, place: Place) -> int | None:
    value = schema.get(name)
    if value is None and name not in schema:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf") or value % 1:
        raise malformed(schema, name, "an integer of at least 0", place)
    return int(value)


def items_of(schema: Schema, draft: Draft, place: Place) -> tuple[str, list[Any], str | None]:
    """Which keyword describes the first items, how, and which one describes the further ones (None: none does)."""
    first, rest = "prefixItems", "items"
    if isinstance(schema.get("items"), list):  # as it was written up to draft 2019-09
        if "prefixItems" in schema and draft >= Draft.D2020:
            raise malformed(schema, "items", "a schema, beside `prefixItems`", place)
        first, rest = "items", "additionalItems"
    elif draft < Draft.D2020:
        first = ""
    items = schema.get(first, [])
    if not isinstance(items, list):
        raise malformed(schema, first, "an array of schemas", place)
    return first, items, rest if rest in schema else None


def _array(schema: Schema, draft: Draft, place: Place, read: Read, later: Read) -> Shape:
    low, high = _count(schema, "minItems", place) or 0, _count(schema, "maxItems", place)
    first, items, rest = items_of(schema, draft, place)
    prefix = tuple([read(item, ((place, first), i)) for i, item in enumerate(items)])
    further = ANYTHING if rest is None else later(schema[rest], (place, rest))
    contains = _contains(schema, draft, place, read) if "contains" in schema and draft >= Draft.D6 else ()
    unique = schema.get("uniqueItems", False)
    if not isinstance(unique, bool):
        raise malformed(schema, "uniqueItems", "true or false", place)
    return checked(Array(prefix, further, low, high, contains, unique, place))


def _contains(schema: Schema, draft: Draft, place: Place, read: Read) -> tuple[Contains, ...]:
    low, high = (
        _count(schema, name, place) if draft >= Draft.D2019 else None for name in ("minContains", "maxContains")
    )
    item = read(schema["contains"], (place, "contains"))
    low = 1 if low is None else low
    return (Contains(item, 0, low, high),) if low or high is not None else ()


def _object(schema: Schema, draft: Draft, place: Place, read: Read, later: Read) -> Shape:
    declared = named(schema, "properties", place)
    names = _names(schema.get("required", []), "required", (place, "required"))
    within = (place, "properties")
    properties = {name: later(value, (within, name)) for name, value in declared.items()}
    rest: Shape = ANYTHING
    if "additionalProperties" in schema:
        rest = read(schema["additionalProperties"], (place, "additionalProperties"))
    low, high = _count(schema, "minProperties", place) or 0, _count(schema, "maxProperties", place)
    groups = EVERY_NAME if type(rest) is Anything else (Group(ANY_STRING, rest),)
    part = Object(properties, groups, names, low, high, place=place)
    if "patternProperties" in schema:
        part = _with_patterns(schema, part, place, read)
    if "propertyNames" in schema and draft >= Draft.D6:
        part = with_names(part, read(schema["propertyNames"], (place, "propertyNames")))
    return checked(part)


def _with_patterns(schema: Schema, part: Object, place: Place, read: Read) -> Object:
    """The object with `patternProperties`: what is said of other names holds for those that match none of them."""
    within = (place, "patternProperties")
    properties, (others,) = dict(part.properties), part.groups
    groups: tuple[Group, ...] = (others,)
    given = named(schema, "patternProperties", place)
    values = [read(value, (within, pattern)) for pattern, value in given.items()]
    for pattern, value in zip(given, values, strict=True):
        names = String((pattern,), place=(within, pattern))
        try:
            properties = {n: meet(one, value) if is_string_of(names, n) else one for n, one in properties.items()}
            groups = tuple(piece for group in groups for piece in _split(group, names, value, others))
        except (PatternError, GrammarTooLarge, OutOfSteps) as error:
            error.pointer, error.keyword = pointer(names.place), "patternProperties"  # the pattern is no schema
            raise
        if len(groups) > MAX_GROUPS:
            where = pointer(within)
            raise SchemaError(
                "patterns that overlap in too many ways", pointer=where, limit=MAX_GROUPS, given=len(groups)
            )
    return replace(part, properties=properties, groups=groups)


def _split(group: Group, names: String, value: Shape, others: Group) -> Iterator[Group]:
    """Those names of the group that are of `names`, and those that are not. `others` matched no pattern so far."""
    untouched = group.value is others.value
    for some, inside in ((names, True), *((one, False) for one in outside(names))):
        both = meet_strings(group.names, some)
        if no_string(both):
            continue
        yield Group(both, (value if untouched else meet(group.value, value)) if inside else group.value)


def listed(schema: Schema, keyword: str, place: Place) -> list[Any]:
    """The schemas under `keyword`. Raises SchemaError where it is no list of some."""
    schemas = schema[keyword]
    if not isinstance(schemas, list) or not schemas:
        raise malformed(schema, keyword, "an array of at least one schema", place)
    return schemas


def named(schema: Schema, keyword: str, place: Place) -> Mapping[str, Any]:
    """What `keyword` says of each name; of none if it is not there. Raises SchemaError where it is malformed."""
    given = schema.get(keyword, {})
    if not isinstance(given, Mapping) or not all(type(name) is str for name in given):
        what = "arrays of property names" if keyword == "dependentRequired" else "schemas"
        raise malformed(schema, keyword, f"an object of {what}", place)
    return given


def _names(given: Any, keyword: str, at: Place) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(type(name) is str for name in given):
        raise SchemaError(
            f"`{keyword}` must list property names, found {excerpt(given)}", pointer=pointer(at), keyword=keyword
        )
    return tuple(given)


def with_names(part: Object, names: Shape) -> Object:
    """The object whose property names are all of `names`."""
    languages, listed = _languages(names)
    excluded = sorted({name for language in languages for name in language.excluded})
    single = dict.fromkeys([*part.properties, *listed, *excluded])
    properties = {
        name: value_of(part, name)
        if contains(names, name)
        else Never(f"the name {excerpt(name)} is not allowed", part.place)
        for name in single
    }
    groups = [
        Group(both, group.value)
        for group in part.groups
        for language in languages
        if not no_string(both := meet_strings(group.names, language))
    ]
    return replace(part, properties=properties, groups=tuple(groups))


def _languages(names: Shape) -> tuple[list[String], list[str]]:
    """The strings of a shape, as languages that do not overlap, and as those that are listed."""
    names = resolve(names)
    languages: list[String] = []
    listed: list[str] = []
    for part in names.parts if isinstance(names, AnyOf) else (names,):
        match resolve(part):
            case Anything():
                return [ANY_STRING], []
            case Values(values=values):
                listed += [value for value in values.values() if isinstance(value, str)]
            case String() as language:
                fresh = [language]
                for earlier in languages:
                    fresh = [meet_strings(one, other) for one in fresh for other in outside(earlier)]
                languages += [one for one in fresh if not no_string(one)]
            case AnyOf() as nested:
                more, others = _languages(nested)
                languages, listed = languages + more, listed + others
            case _:
                pass
    return languages, listed


def dependents(schema: Schema, keyword: str, place: Place, read: Read) -> Shape:
    """What `dependentRequired`, `dependentSchemas` and `dependencies` say follows from a property that is there."""
    found: Shape = ANYTHING
    within = (place, keyword)
    for name, given in named(schema, keyword, place).items():
        at = (within, name)
        if keyword == "dependentRequired" or (keyword == "dependencies" and isinstance(given, list)):
            found = meet(found, _with_others(name, _names(given, keyword, at), at))
        elif keyword == "dependencies" and isinstance(given, str):  # as draft 3 wrote it
            found = meet(found, _with_others(name, (given,), at))
        else:
            found = meet(found, implied(name, read(given, at), at))
    return found


def _with_others(name: str, others: tuple[str, ...], place: Place) -> Shape:
    """Where the property `name` is there, the others are there too."""
    demands = tuple(Demand((Witness(other, ANYTHING),), (name,)) for other in others if other != name)
    return union([*(kind for kind in EVERY_KIND if type(kind) is not Object), Object(demands=demands, place=place)])


def implied(name: str, follows: Shape, place: Place) -> Shape:
    """Where the property `name` is there, what follows; else anything."""
    absent = Object({name: Never(f"{excerpt(name)} demands what is not there", place)}, place=place)
    others = [kind for kind in EVERY_KIND if type(kind) is not Object]
    return union([*others, absent, meet(Object(required=(name,), place=place), follows)], place)
