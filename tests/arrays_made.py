"""Schemas of arrays whose items are counted or must differ, of several drafts; many are impossible."""

from hypothesis import strategies as st
from schemas_made import optionals

DRAFTS = [
    "http://json-schema.org/draft-06/schema#",
    "http://json-schema.org/draft-07/schema#",
    "https://json-schema.org/draft/2019-09/schema",
    "https://json-schema.org/draft/2020-12/schema",
]
_LISTED = ["a", "b", "admin", 1, 12, 2, True, False, None, 1.5, [1], {"x": 1}, "é", ""]

_leaves = (
    st.sampled_from(["string", "integer", "number", "boolean", "null"]).map(lambda kind: {"type": kind})
    | st.lists(st.sampled_from(["string", "integer", "boolean", "null", "array", "object"]), min_size=2, max_size=3)
    .map(lambda kinds: sorted(set(kinds)))
    .map(lambda kinds: {"type": kinds})
    | st.lists(st.sampled_from(_LISTED), min_size=1, max_size=6).map(lambda values: {"enum": values})
    | st.sampled_from(["admin", 1, 0, True, None, [], {"x": 1, "y": 2}]).map(lambda value: {"const": value})
    | st.builds(
        lambda kind, low, size: {"type": kind, "minimum": low, "maximum": low + size},
        st.sampled_from(["integer", "number"]),
        st.integers(-3, 5),
        st.integers(0, 8),
    )
    | st.sampled_from(["^[ab]$", "^[a-z]{1,3}$", "^x", "b$", "^(a|b|c)d?$"]).map(
        lambda pattern: {"type": "string", "pattern": pattern}
    )
    | st.builds(
        lambda rest: {"type": "string", **rest}, optionals(minLength=st.integers(0, 2), maxLength=st.integers(0, 3))
    )
    | st.sampled_from(["date", "uuid"]).map(lambda name: {"type": "string", "format": name})
    | st.sampled_from([True, {}])
)
_items = (
    _leaves
    | _leaves.filter(lambda inner: "format" not in str(inner)).map(lambda inner: {"not": inner})  # of all drafts
    | st.lists(_leaves, min_size=2, max_size=3).map(lambda parts: {"anyOf": parts})
    | st.builds(
        lambda inner, rest: {"type": "array", "items": inner, **rest},
        _leaves,
        optionals(maxItems=st.integers(0, 3), uniqueItems=st.just(True)),
    )
    | st.builds(
        lambda members, rest: {"type": "object", "properties": members, **rest},
        st.dictionaries(st.sampled_from("ab"), _leaves, min_size=1),
        optionals(required=st.just(["a"]), additionalProperties=st.just(False)),
    )
)


@st.composite
def array_schemas(draw):
    """An array, by itself or in an object."""
    draft = draw(st.sampled_from(DRAFTS))
    is_latest, counts = draft == DRAFTS[3], draft in DRAFTS[2:]
    found = {"type": "array"}
    if draw(st.integers(0, 9)) < 8:
        found["uniqueItems"] = True
    if draw(st.booleans()):
        found["prefixItems" if is_latest else "items"] = draw(st.lists(_items, min_size=1, max_size=3))
        found["items" if is_latest else "additionalItems"] = draw(_items | st.just(False))
    else:
        found["items"] = draw(_items)
    if draw(st.booleans()):
        found["contains"] = draw(_items)
        found |= draw(optionals(minContains=st.integers(0, 4), maxContains=st.integers(0, 4))) if counts else {}
    if draw(st.integers(0, 9)) < 2:
        found["allOf"] = [{"contains": draw(_items)}]
    found |= draw(optionals(minItems=st.sampled_from([0, 1, 2, 3, 4, 10]), maxItems=st.sampled_from([0, 1, 2, 3, 12])))
    if draw(st.integers(0, 9)) == 0:
        found = {"type": "object", "properties": {"a": found}, "required": ["a"]}
    return {"$schema": draft, **found}
