"""Judges finished values by a JSON Schema, as the `jsonschema` library does, formats included.

The library is given what it lacks: exact decimals (it divides floats, so that 19.99 would be no multiple of 0.01),
patterns by ECMA-262 (it uses Python's `re`), and the spellings of older drafts that the reader takes too.

Limits: nothing is fetched for a `$ref` to another document. Formats are checked as the draft of the whole schema has
them, also in a subschema that names another draft.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache, partial, partialmethod
from typing import TYPE_CHECKING, Any

from fcgen.errors import PatternError, UnresolvedRef, excerpt
from fcgen.grammar.matcher import search
from fcgen.place import Place, pointer
from fcgen.schema.drafts import Draft, draft_of
from fcgen.schema.form import HOLDS, flaws_of_form

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

MAX_EXPONENT = 400
"""Beyond it no float but 0 and infinity is written, and decimals become costly."""

Keyword = Callable[[Any, Any, Any, Any], "Iterator[ValidationError] | None"]
"""As the library calls it: with the validator, the keyword's value, the instance and the schema."""


class Exact(Decimal):
    """A decimal that is shown as it is written."""

    def __repr__(self) -> str:
        return str(self)


def exact(digits: str) -> Exact:
    """The number that a JSON text with a point or an exponent means; 0 where it is too small for a float."""
    value = Exact(digits)
    return value if abs(value.adjusted()) < MAX_EXPONENT else Exact(repr(float(digits)))


def mistake_in(value: Any, schema: Any) -> ValidationError | None:
    """What is wrong with a JSON value by a schema; None: it is valid.

    Floats count as the decimals that `repr` writes; numbers may also be given as `exact` reads them.

    Raises:
        SchemaError: the schema is malformed.
        UnresolvedRef: it refers to what is not known.
        PatternError, GrammarTooLarge: a pattern of it cannot be read, or takes too much work.
    """
    from jsonschema.exceptions import best_match
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
    from referencing.exceptions import Unresolvable

    draft = draft_of(schema, Draft.D2020)
    is_declared = draft_of(schema, Draft.D4) == draft_of(schema, Draft.D6)
    for flaw in flaws_of_form(schema, draft, is_declared=is_declared):
        raise flaw
    dialect = _dialect(draft)
    copy = _Copy(draft, _names_in(value))
    judge = dialect(copy.schema(schema), format_checker=_formats(draft), registry=REGISTRY)
    try:
        mistake: ValidationError | None = best_match(judge.iter_errors(_exactly(value)))
    except Unresolvable as error:
        raise UnresolvedRef(f"the schema refers to {excerpt(error.ref)}", keyword="$ref") from error
    if mistake is not None:
        mistake.message = copy.restored(mistake.message)
    return mistake


class _Copy:
    """Copies a schema for the library, which then judges a value whose properties have the names `names`.

    Numbers are exact. The patterns of `patternProperties`, which several keywords run through `re`, list those of the
    names that they match.
    """

    def __init__(self, draft: Draft, names: list[str]) -> None:
        self._draft = draft
        self._names = names
        self._patterns: dict[str, str] = {}

    def schema(self, schema: Any, place: Place = None) -> Any:
        """The copy of a schema that stands at `place`. Raises PatternError, and SchemaError for draft 3."""
        if not isinstance(schema, dict):
            return schema
        draft_of(schema, self._draft, place)
        return {name: self._value(name, value, (place, name)) for name, value in schema.items()}

    def restored(self, message: str) -> str:
        """A message of the library with the patterns as they are in the schema."""
        for spelled, given in self._patterns.items():
            message = message.replace(repr(spelled), repr(given))
        return message

    def _value(self, keyword: str, value: Any, place: Place) -> Any:
        holds = HOLDS.get(keyword, "nothing")
        if keyword == "pattern":
            _compiled(value, place)
        if holds == "nothing":
            return _exactly(value)
        if isinstance(value, list):
            return [self.schema(one, (place, i)) for i, one in enumerate(value)]
        if holds == "schema":
            return self.schema(value, place)
        is_pattern = keyword == "patternProperties"
        return {
            self._listing(name, place) if is_pattern else name: self.schema(one, (place, name))
            for name, one in value.items()
        }

    def _listing(self, pattern: str, place: Place) -> str:
        """A regular expression of `re` that matches those of the names that `pattern` matches."""
        matches = _compiled(pattern, (place, pattern))
        names = [re.escape(name) for name in self._names if matches(name)]
        spelled = f"(?#{len(self._patterns)})" + (rf"^(?:{'|'.join(names)})\Z" if names else "(?!)")
        self._patterns[spelled] = pattern
        return spelled


def _compiled(pattern: str, place: Place) -> Callable[[str], bool]:
    """The test of a pattern. Raises PatternError, with its place."""
    try:
        return search(pattern)
    except PatternError as error:
        error.pointer = pointer(place)
        raise


def _exactly(value: Any) -> Any:
    """The value with its floats as decimals."""
    match value:
        case float():
            return exact(repr(value))
        case dict():
            return {name: _exactly(item) for name, item in value.items()}
        case list():
            return [_exactly(item) for item in value]
        case _:
            return value


def _names_in(value: Any) -> list[str]:
    """The names of all properties in a value."""
    names: dict[str, None] = {}
    ahead = [value]
    while ahead:
        part = ahead.pop()
        if isinstance(part, dict):
            names.update(dict.fromkeys(part))
            ahead += part.values()
        elif isinstance(part, list):
            ahead += part
    return list(names)


@lru_cache(maxsize=len(Draft))
def _dialect(draft: Draft) -> Any:
    """The library's validator of a draft, with our keywords."""
    from jsonschema import validators

    plain = {
        Draft.D4: validators.Draft4Validator,
        Draft.D6: validators.Draft6Validator,
        Draft.D7: validators.Draft7Validator,
        Draft.D2019: validators.Draft201909Validator,
        Draft.D2020: validators.Draft202012Validator,
    }
    own: dict[str, Keyword] = {"multipleOf": _multiple_of, "pattern": _pattern}
    checker = plain[draft].TYPE_CHECKER
    if draft > Draft.D4:
        checker = checker.redefine("integer", _is_integer)
    if draft >= Draft.D2019:
        own["dependencies"] = plain[Draft.D7].VALIDATORS["dependencies"]
    if draft is Draft.D2020:
        own["additionalItems"] = plain[Draft.D2019].VALIDATORS["additionalItems"]
        newer, older = plain[draft].VALIDATORS, plain[Draft.D2019].VALIDATORS
        own["items"] = _either(lambda items, _: isinstance(items, list), older["items"], newer["items"])
        for name in ("minimum", "maximum"):
            exclusive = f"exclusive{name.capitalize()}"
            is_flag = partial(_has_flag, exclusive)
            own[name] = _either(is_flag, plain[Draft.D4].VALIDATORS[name], newer[name])
            own[exclusive] = _either(is_flag, lambda *_: None, newer[exclusive])
    dialect: Any = validators.extend(plain[draft], own, type_checker=checker)  # type: ignore[no-untyped-call]
    dialect.evolve = partialmethod(_evolve, draft)
    return dialect


@lru_cache(maxsize=len(Draft))
def _formats(draft: Draft) -> Any:
    """The library's format checker of a draft, with the formats of other drafts too: fcgen asserts all of them."""
    from jsonschema import FormatChecker, validators

    checker = FormatChecker(formats=())
    older, newer = validators.Draft3Validator, validators.Draft202012Validator
    checker.checkers = {
        **older.FORMAT_CHECKER.checkers,
        **newer.FORMAT_CHECKER.checkers,
        **_dialect(draft).FORMAT_CHECKER.checkers,
    }
    return checker


def _evolve(validator: Any, draft: Draft, **changes: Any) -> Any:
    """The validator of a subschema; by itself, the library takes one of its own where that names a draft."""
    from attrs import fields

    dialect = _dialect(draft_of(changes.get("schema", validator.schema), draft))
    kept = {field.alias: getattr(validator, field.name) for field in fields(dialect) if field.init}
    return dialect(**(kept | changes))


def _has_flag(exclusive: str, _: Any, schema: Any) -> bool:
    return isinstance(schema.get(exclusive), bool)


def _either(is_older: Callable[[Any, Any], bool], older: Keyword, newer: Keyword) -> Keyword:
    """A keyword that is spelled as in an older draft, or as in this one."""

    def keyword(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError] | None:
        return (older if is_older(value, schema) else newer)(validator, value, instance, schema)

    return keyword


def _is_integer(_: Any, value: Any) -> bool:
    if isinstance(value, Decimal):
        return value == value.to_integral_value()
    return isinstance(value, int) and not isinstance(value, bool)


def _multiple_of(validator: Any, step: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    from jsonschema.exceptions import ValidationError

    if validator.is_type(instance, "number") and Fraction(instance) % Fraction(step):
        yield ValidationError(f"{instance!r} is not a multiple of {step!r}")


def _pattern(validator: Any, pattern: str, instance: Any, _: Any) -> Iterator[ValidationError]:
    from jsonschema.exceptions import ValidationError

    if validator.is_type(instance, "string") and not search(pattern)(instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")
