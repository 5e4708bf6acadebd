"""Patterns and lengths together: the judge of patterns and `len` agree."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from schemas_made import root_of
from walking import accepts

from fcgen.grammar.matcher import search
from fcgen.schema.values import spelled

ATOMS = [
    "a",
    "b",
    "[ab]",
    "[^a]",
    ".",
    r"\w",
    "é",
    "ab",
    "(?:a|bb)",
    "(?:$|b)",
    "(?=a)",
    "(?!b)",
    r"\b",
    r"\B",
    "^",
    "$",
]
REPEATS = ["", "", "*", "+", "?", "{2}", "{1,3}", "{2,}"]


@st.composite
def patterns(draw, depth=2):
    """Patterns that mean the same to Python, of texts that end no line."""
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        if depth and draw(st.integers(0, 3)) == 0:
            atom = f"(?:{draw(patterns(depth=depth - 1))})"
        else:
            atom = draw(st.sampled_from(ATOMS))
        if atom == "ab":
            atom = "(?:ab)"
        is_place = atom in ("^", "$", r"\b", r"\B") or atom.startswith(("(?=", "(?!"))
        parts.append(atom + ("" if is_place else draw(st.sampled_from(REPEATS))))
    whole = "".join(parts)
    if depth and draw(st.booleans()):
        whole += f"|{draw(patterns(depth=0))}"
    return draw(st.sampled_from(["{}", "^(?:{})$", "^{}", "{}$"])).format(whole)


texts = st.text("ab é", max_size=6)
limits = st.none() | st.integers(0, 5)


def limited(pattern, least, most):
    schema = {"type": "string", "pattern": pattern, "minLength": least, "maxLength": most}
    return {name: value for name, value in schema.items() if value is not None}


@given(patterns(), limits, limits, texts)
@example(r"^\b[a-z]+\b$", None, 3, "abcdefgh")
@example("^(?:[a-z]+(?:$|/))*$", None, 3, "abcdefgh")
def test_pattern_and_length_are_what_search_and_len_say(pattern, least, most, text):
    is_right = search(pattern)(text) and (least or 0) <= len(text) and (most is None or len(text) <= most)
    assert accepts(root_of(limited(pattern, least, most)), spelled(text)) == is_right


REGRESSIONS = [
    (r"^\b[a-z]+\b$", None, 3, "abcdefgh", False),
    (r"^\b[a-z]+\b$", None, 3, "abc", True),
    (r"^\b[a-z]+\b$", 2, None, "a", False),
    ("^(?:[a-z]+(?:$|/))*$", None, 3, "abcdefgh", False),
    ("^(?:[a-z]+(?:$|/))*$", None, 3, "a/b", True),
    ("^(?:[a-z]+(?:$|/))*$", None, 3, "a/bc", False),
    ("^(?:[a-z]+(?:$|/))*$", 4, None, "a/b", False),
    ("^(?:a*)*$", None, 2, "aaa", False),
    ("^a{2,}b?$", 3, 3, "aab", True),
    ("^a{2,}b?$", 3, 3, "aaab", False),
    ("a", None, 2, "bba", False),
    ("^[^/]*$", 3, 3, "😀é\\", True),
]


@pytest.mark.parametrize(("pattern", "least", "most", "text", "is_right"), REGRESSIONS)
def test_a_length_holds_whatever_the_pattern_looks_like(pattern, least, most, text, is_right):
    assert accepts(root_of(limited(pattern, least, most)), spelled(text)) == is_right


@given(patterns(), limits, limits, texts)
def test_a_length_that_another_schema_says_is_the_same(pattern, least, most, text):
    apart = {"allOf": [limited(pattern, None, most), limited("", least, None)]}
    together = root_of(limited(pattern, least, most))
    assert accepts(root_of(apart), spelled(text)) == accepts(together, spelled(text))
