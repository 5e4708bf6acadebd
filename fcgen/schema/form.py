"""Schema -> its mistakes of form: keywords whose value the metaschema of the draft does not allow.

The reader reports what it reads. This walks over every subschema, reached or not, and over keywords that assert nothing
there (`required: true` in a string, a `title` that is a number), so that what compiles is a schema by its metaschema.

Allowed beyond the metaschemas is what means the same to every validator: repeated entries of `enum`, `required` and
`type`; an empty `prefixItems`; in draft 4 an empty `required`, booleans as schemas, counts such as 2.0, and exclusive
bounds without a bound.
Without `$schema`, the spellings of older drafts are allowed as well: an array of `items`, boolean exclusive bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from fcgen.errors import SchemaError, excerpt
from fcgen.place import Place, pointer
from fcgen.schema.drafts import Draft, draft_of
from fcgen.schema.keywords import KEYWORDS

TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_TYPES = frozenset(TYPES)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_bound(value: Any) -> bool:
    return isinstance(value, int | float)  # also true or false, as in draft 4


def _is_no_list(value: Any) -> bool:
    return not isinstance(value, list)


def _is_count(value: Any) -> bool:
    return _is_number(value) and 0 <= value < float("inf") and not value % 1


def _is_type(value: Any) -> bool:
    names = [value] if isinstance(value, str) else value
    return isinstance(names, list) and bool(names) and all(isinstance(one, str) and one in _TYPES for one in names)


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(type(one) is str for one in value)


def _is_map(value: Any) -> bool:
    return isinstance(value, Mapping) and all(type(one) is str for one in value)


def _are_lists_of_names(value: Any) -> bool:
    return _is_map(value) and all(map(_are_names, value.values()))


def _are_flags(value: Any) -> bool:
    return _is_map(value) and all(isinstance(one, bool) for one in value.values())


Holds = Literal["nothing", "schema", "schemas", "named schemas"]


class _Form(NamedTuple):
    """What the value of a keyword must be, and where schemas stand in it."""

    fits: Callable[[Any], bool]
    allowed: str
    holds: Holds = "nothing"
    kind: type | None = None  # all values of this type fit, and hold no schema


_TEXT = _Form(lambda value: isinstance(value, str), "a string", kind=str)
_FLAG = _Form(lambda value: isinstance(value, bool), "true or false", kind=bool)
_LIST = _Form(lambda value: isinstance(value, list), "an array", kind=list)
_NUMBER = _Form(_is_number, "a number", kind=int)
_COUNT = _Form(_is_count, "an integer of at least 0")
_NAMES = _Form(_are_names, "an array of property names")
_SCHEMA = _Form(_is_no_list, "a schema", "schema")
_ITEMS = _Form(lambda _: True, "a schema, or an array of schemas", "schema")
_SCHEMAS = _Form(lambda value: isinstance(value, list) and bool(value), "an array of at least one schema", "schemas")
_NAMED = _Form(_is_map, "an object of schemas", "named schemas")
_BY_FORM = {
    _TEXT: "id $id $schema $ref $dynamicRef $recursiveRef $anchor $dynamicAnchor title description $comment pattern "
    "format contentMediaType contentEncoding",
    _FLAG: "uniqueItems readOnly writeOnly deprecated $recursiveAnchor",
    _LIST: "examples",
    _Form(lambda value: isinstance(value, list), "an array of values", kind=list): "enum",
    _Form(_is_type, f"one or several of {', '.join(TYPES)}"): "type",
    _NUMBER: "minimum maximum exclusiveMinimum exclusiveMaximum",
    _Form(lambda value: _is_number(value) and value > 0, "a number above 0"): "multipleOf",
    _COUNT: "minLength maxLength minItems maxItems minProperties maxProperties minContains maxContains",
    _NAMES: "required",
    _ITEMS: "items",
    _SCHEMA: "not if then else additionalItems unevaluatedItems contains additionalProperties "
    "unevaluatedProperties propertyNames contentSchema",
    _SCHEMAS: "allOf anyOf oneOf",
    _Form(_LIST.fits, "an array of schemas", "schemas"): "prefixItems",
    _NAMED: "$defs definitions properties patternProperties dependentSchemas dependencies",
    _Form(_are_lists_of_names, "an object of arrays of property names"): "dependentRequired",
    _Form(_are_flags, "an object of booleans"): "$vocabulary",
}  # fmt: skip
_FORMS: Mapping[str, _Form] = {name: form for form, names in _BY_FORM.items() for name in names.split()}
HOLDS: Mapping[str, Holds] = {name: form.holds for name, form in _FORMS.items()}
"""By keywords, how schemas stand in their values."""


def flaws_of_form(
    schema: Any,
    draft: Draft,
    *,
    is_declared: bool,
    ignored: frozenset[str] = frozenset(),
    is_known: Callable[[Any], bool] | None = None,
) -> Iterator[SchemaError]:
    """The mistakes of form in a schema and all of its subschemas.

    Args:
        schema: the schema, as `json.loads` would give it.
        draft: its draft.
        is_declared: whether `$schema` names that draft; if not, the spellings of older ones are allowed too.
        ignored: keywords that the metaschema does not know.
        is_known: whether it is known already that a subschema has no such mistake.
    """
    seen: set[int] = set()
    ahead: list[tuple[Any, Place, Draft]] = [(schema, None, draft)]
    while ahead:
        schema, place, draft = ahead.pop()
        if not isinstance(schema, dict):
            if not isinstance(schema, bool):
                yield SchemaError(
                    f"a schema must be an object or a boolean, found {excerpt(schema)}", pointer=pointer(place)
                )
            continue
        if id(schema) in seen or (is_known is not None and is_known(schema)):
            continue
        seen.add(id(schema))
        if "$schema" in schema:
            draft = _own_draft(schema, draft)
        forms = _forms_of(draft, is_declared)
        for name, value in schema.items():
            form = forms.get(name)
            if form is None or type(value) is form.kind or name in ignored:
                continue
            if not form.fits(value):
                yield _flaw(name, value, form, place)
            elif form.holds != "nothing":
                ahead += [(part, at, draft) for part, at in schemas_in(name, value, (place, name))]


def _own_draft(schema: dict[str, Any], draft: Draft) -> Draft:
    """The draft that `$schema` of a subschema names, or else that of the schema around it."""
    try:
        return draft_of(schema, draft)
    except SchemaError:  # draft 3, which the reader reports
        return draft


@lru_cache(maxsize=2 * len(Draft))
def _forms_of(draft: Draft, is_declared: bool) -> Mapping[str, _Form]:  # noqa: FBT001  a key of the cache
    """The forms of the keywords of a draft."""
    forms = {name: form for name, form in _FORMS.items() if KEYWORDS[name].is_in(draft)}
    if draft is Draft.D2020 and is_declared:
        forms["items"] = _Form(_is_no_list, "a schema (`prefixItems` lists those of the first items)", "schema")
    for name in ("exclusiveMinimum", "exclusiveMaximum"):
        if draft is Draft.D4:
            forms[name] = _Form(_FLAG.fits, "true or false in draft 4")
        elif draft is Draft.D2020 and not is_declared:
            forms[name] = _Form(_is_bound, "a number")
    return forms


def schemas_in(name: str, value: Any, within: Place) -> list[tuple[Any, Place]]:
    """The schemas in the value of the keyword `name`, each with its place."""
    if isinstance(value, list):
        return [(part, (within, i)) for i, part in enumerate(value)]
    if HOLDS[name] == "schema" or not isinstance(value, dict):
        return [(value, within)]
    is_listing = name == "dependencies"
    return [(part, (within, key)) for key, part in value.items() if not (is_listing and _are_names(part))]


def _flaw(name: str, value: Any, form: _Form, place: Place) -> SchemaError:
    hint = None
    if name == "required" and isinstance(value, bool):
        hint = "List the names of required properties beside `properties`, in `required` of the object."
    return SchemaError(
        f"`{name}` must be {form.allowed}, found {excerpt(value)}",
        pointer=pointer((place, name)),
        keyword=name,
        hint=hint,
    )
