"""Schema -> its circular references: a schema that would have to be applied to the same value again, without end.

References are followed together with the keywords whose schemas apply to the value itself (`allOf`, `not`, `oneOf`),
before anything is read: the algebra of shapes would multiply such schemas by themselves. Each schema is looked at once
for each base of its references. What is malformed or leads nowhere is left to the reader, which reports it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

from fcgen.errors import SchemaError
from fcgen.grammar.work import spend
from fcgen.schema.definitions import circular
from fcgen.schema.drafts import Draft
from fcgen.schema.form import HOLDS, schemas_in
from fcgen.schema.keywords import KEYWORDS
from fcgen.schema.parts import kinds_of
from fcgen.schema.refs import Documents, Target

_REFERENCES = frozenset(["$ref", "$dynamicRef", "$recursiveRef"])
_FOLLOWED = {
    name: keyword
    for name, keyword in KEYWORDS.items()
    if keyword.status == "enforced" and (name in _REFERENCES or HOLDS.get(name, "nothing") != "nothing")
}
_TO_THE_VALUE = frozenset(["allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "dependencies"])


def check_references(schema: Any, documents: Documents) -> None:
    """Raise CircularRef where references lead back to a schema with no property or item between."""
    done: set[Hashable] = set()
    roots = [Target(schema, documents.root, None)]
    while roots:
        first = roots.pop()
        path: dict[Hashable, list[Target]] = {documents.key(first): _same_value(first, documents, done, roots)}
        while path:
            key, ahead = next(reversed(path.items()))
            target = ahead.pop() if ahead else None
            if target is None:
                done.add(key)
                del path[key]
            elif documents.key(target) in path:
                raise circular(target.place)
            else:
                path[documents.key(target)] = _same_value(target, documents, done, roots)


def _same_value(target: Target, documents: Documents, done: set[Hashable], others: list[Target]) -> list[Target]:
    """The schemas that apply to the same value as this one; those of its members are added to `others`."""
    schema, base, place = target
    if not isinstance(schema, dict) or documents.key(target) in done:
        return []
    spend()
    found: list[Target] = []
    try:
        kinds = kinds_of(schema, place)
        base = documents.enter(base, schema, place)
        for name in _asserting(schema, kinds, base.draft):
            value = schema[name]
            if name not in _REFERENCES:
                parts = (Target(part, base, at) for part, at in schemas_in(name, value, (place, name)))
                (found if name in _TO_THE_VALUE else others).extend(parts)
            elif isinstance(value, str):
                found.append(documents.follow(name, value, base, place))
    except SchemaError:  # which the reader reports
        pass
    return found


def _asserting(schema: dict[str, Any], kinds: frozenset[str], draft: Draft) -> Iterator[str]:
    """The keywords of a schema that refer to schemas or hold some, as far as they assert something."""
    if "$ref" in schema and draft < Draft.D2019:
        yield "$ref"
        return
    for name in schema:
        keyword = _FOLLOWED.get(name)
        if keyword is None or not keyword.is_in(draft) or (name in ("then", "else") and "if" not in schema):
            continue
        if keyword.kind == "any" or keyword.kind in kinds:
            yield name
