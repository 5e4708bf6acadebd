"""Object -> Expr: the texts of objects, with no key twice.

Most objects have known members, which may be in order or in any order, and others of which only the names' languages
are known; the core walks these. Where members are counted, or are demanded in one of several ways, or where names have
many spellings, each place keeps track of that (`object_places.py`).
"""

from __future__ import annotations

from fcgen import core
from fcgen.core import NameTable
from fcgen.errors import SchemaError
from fcgen.grammar.characters import json_chars
from fcgen.grammar.expr import NOTHING
from fcgen.grammar.terms import Expr
from fcgen.place import pointer
from fcgen.schema.keys import any_text
from fcgen.schema.lowering import Lowering
from fcgen.schema.object_members import MAX_MEMBERS, Count, known_members, named_singly
from fcgen.schema.object_places import Places
from fcgen.schema.shape import Object
from fcgen.schema.string_texts import string_texts
from fcgen.schema.values import spelled


def object_texts(part: Object, low: Lowering, depth: int) -> Expr:
    """The texts of the objects of `part`, whose values `low` has lowered.

    Raises SchemaError where there is too much to count.
    """
    single = named_singly(part)
    count = Count.of(single)
    if part.demands:
        low.contents.has_more()  # what meets a demand is made of two shapes when it is walked
    if count.matters or part.demands or single is not part or low.text.spell is not json_chars:
        return Places(single, {*part.properties, *part.required}, count, low, depth).whole()
    return _of_members(part, low, depth)


def _of_members(part: Object, low: Lowering, depth: int) -> Expr:
    inside = low.within(depth)
    known = known_members(part)
    is_ordered = low.text.order != "any"
    if not is_ordered and len(known) > MAX_MEMBERS:
        raise SchemaError(
            "an object has too many properties to write in any order",
            pointer=pointer(part.place),
            limit=MAX_MEMBERS,
            given=len(known),
        )
    required = frozenset(part.required)
    names = dict.fromkeys([*part.properties, *part.required])  # those that are impossible included
    groups = [
        (None if group.names.is_any else string_texts(group.names), value)
        for group in part.groups
        if (value := low.term(group.value, inside)) is not NOTHING
    ]
    members = core.members(
        NameTable.of([spelled(name) for name, _ in known]),
        [low.term(value, inside) for _, value in known],
        [i for i, (name, _) in enumerate(known) if name in required],
        is_ordered,
        low.spacing(depth),
        groups,
        any_text(json_chars),
        [spelled(name)[1:-1] for name in names],
        low.contents,
    )
    return core.object_of(members)
