"""Patterns of Python sources, translated, against `re` and against Pydantic, which runs Rust's engine."""

import re
import warnings

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pydantic_core import SchemaError, SchemaValidator, ValidationError
from pydantic_core.core_schema import str_schema

from fcgen.errors import PatternError
from fcgen.grammar.ecma import parse_pattern
from fcgen.grammar.matcher import search
from fcgen.grammar.python_patterns import ecma_pattern

COMMON = ["a", "b", "K", "s", "é", "1", " ", "_", "-", ".", "^", "$", r"\A", r"\b", r"\B", r"\d", r"\D", r"\w", r"\W"]
COMMON += [r"\s", r"\S", r"\n", r"\.", r"\-", r"\x61", r"\u00e9", r"\U0001F600", "[a-c]", "[^a]", r"[\w.-]", r"[^\W\d]"]
COMMON += [
    r"[\W_]",
    r"[^\d\s]",
    r"[\s\S]",
    r"[^\w\W]",
    r"[]a]",
    "[^]a]",
    r"[\]\-^]",
    "[k-s]",
    r"[\D\S]",
    r"[^\D\S]",
    "#",
    "😀",
]
PYTHON = [*COMMON, r"\Z", "{", "}", "]", r"\012", r"\0", r"\N{BULLET}", "[[]", "[a&&b]"]
RUST = [
    *COMMON,
    r"\z",
    r"\pL",
    r"\PN",
    r"\p{Greek}",
    r"\p{lowercase}",
    r"[\p{Lu}x]",
    "[[:alpha:]_]",
    "[^[:^digit:]a]",
    r"\x{e9}",
]
RUST += [r"\<", r"\>", r"\u{1F600}"]
QUANTIFIERS = ["*", "+", "?", "*?", "{2}", "{0,2}", "{1,}"]
FLAGS = "ims"
CHARS = "abAkK\u212asSſéÉ1٣ _-.\n\r\u2028\x85\x1c\xa0\ufeff#^$]&•ΑωDž😀İıiI\x00\x0a"
texts = st.lists(st.text(st.sampled_from(CHARS), max_size=4), max_size=8)


def patterns(atoms, flags, looks, quantifiers):
    atom = st.sampled_from(atoms)

    def grown(inner):
        several = st.lists(inner, min_size=1, max_size=3).map("".join)
        group = st.sampled_from(["(", "(?:", "(?P<{}>", *looks, *(f"(?{flag}:" for flag in flags)])
        return (
            several
            | st.tuples(several, several).map("|".join)
            | st.tuples(group, several).map(lambda found: f"{found[0]}{found[1]})")
            | st.tuples(group, several, st.sampled_from(quantifiers)).map(
                lambda found: f"{found[0]}{found[1]}){found[2]}"
            )
            | st.tuples(atom, st.sampled_from(quantifiers)).map("".join)
        )

    numbered = st.recursive(atom, grown, max_leaves=8).map(name_groups)
    return st.tuples(st.sampled_from(["", *(f"(?{flag})" for flag in flags), "(?im)", "(?sx)"]), numbered).map("".join)


def name_groups(pattern):
    pieces = pattern.split("(?P<{}>")
    return pieces[0] + "".join(f"(?P<n{i}>{piece}" for i, piece in enumerate(pieces[1:]))


def compared(pattern, judge, found):
    """All that the translation matches is matched by the source, and but for two things the other way around."""
    for text, expected in found:
        got = judge(text)
        assert got <= expected, (pattern, text)
        left_out = (r"\d" in pattern and "٣" in text) or ("$" in pattern and "\n" in text)
        assert got == expected or left_out, (pattern, text)


@settings(max_examples=400)
@given(patterns(PYTHON, [*FLAGS, "a", "x", "im"], ["(?=", "(?!"], QUANTIFIERS), texts)
@example("(?i)i", ["ı", "İ"])
@example("(?!a$)a", ["a", "a\n", "ab"])
def test_what_re_means(pattern, texts):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        try:
            python = re.compile(pattern)
        except re.error:
            assume(False)
    judge = search(ecma_pattern(pattern))
    assert search(ecma_pattern(python)) is judge
    compared(
        pattern, judge, [(text, python.search(text) is not None) for text in texts if text or r"\B" not in pattern]
    )


@settings(max_examples=400)
@given(patterns(RUST, [*FLAGS, "x", "U", "i-s"], [], [*QUANTIFIERS, "**", "++", "{2}{2}"]), texts)
def test_what_pydantic_means(pattern, texts):
    try:
        validator = SchemaValidator(str_schema(pattern=pattern))
    except SchemaError:
        assume(False)

    def accepts(text):
        try:
            validator.validate_python(text)
        except ValidationError:
            return False
        return True

    compared(pattern, search(ecma_pattern(pattern, rust=True)), [(text, accepts(text)) for text in texts])


@pytest.mark.parametrize(
    ("pattern", "rust", "ecma"),
    [
        ("^[a-z_]{2,5}$", False, "^[a-z_]{2,5}$"),
        (r"^\d{3}\-\d{4}$", True, r"^\d{3}-\d{4}$"),
        (r"(?i)^(yes|no)\Z", False, r"^([Yy][Ee][Ssſ]|[Nn][Oo])$"),
        (r"(?P<year>\d{4})", False, r"(?<year>\d{4})"),
        (r"^\w+$", False, r"^[\p{L}\p{N}_]+$"),
        (r"(?a)^\w+$", False, "^[0-9A-Za-z_]+$"),
        ("^a.b$", True, r"^a[^\n]b$"),
        ("(?s)a.b", True, r"a[\s\S]b"),
        (r"\A(?x) a b # c", True, "^ab"),
        (r"(?!\d)", False, r"(?!\p{Nd})"),
        (r"[^\W\d_]", False, r"(?:(?![\p{Nd}_])[\p{L}\p{N}_])"),
        (r"\p{Greek}\pL", True, r"\p{Script=Greek}\p{L}"),
        ("a{,3}", False, "a{0,3}"),
        ("(?#x)a", False, "a"),
    ],
)
def test_what_becomes_of_patterns(pattern, rust, ecma):
    found = ecma_pattern(pattern, rust=rust)
    assert found.replace("K", "k") == ecma
    parse_pattern(found)


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        ("(a)(?P<b>b)(?P=b)", "a back reference, at offset 11"),
        (r"(a)\1", "the back reference \\1, at offset 3. Spell the text out."),
        ("(?>a)", "an atomic group, at offset 0"),
        ("a++", "a possessive quantifier, at offset 2. Leave the + out where that matches the same."),
        ("(a)?(?(1)b)", "a conditional, at offset 4"),
        ("(?L)a", "the flag 'L', which has no meaning here, at offset 0"),
        (r"\p{Nope}", r"\p with a property that ECMA-262 does not have, at offset 0"),
        ("(a", "an unclosed group, at offset 0"),
        ("[a", "an unclosed class, at offset 0"),
        (r"\N{NOPE}", r"the escape \N, at offset 0"),
        (r"\ud800", r"\u without a character, at offset 0"),
        ("a\\", "the escape \\, at offset 1"),
        ("*a", "a quantifier with nothing to repeat, at offset 0"),
        ("a**", "a quantifier with nothing to repeat, at offset 2"),
    ],
)
def test_what_is_refused_says_what_and_where(pattern, what):
    with pytest.raises(PatternError) as caught:
        ecma_pattern(pattern)
    assert str(caught.value).split(" has ", 1)[1] == what


@given(
    st.text(r"ab^$.*+?{}[]()|\-,123:=!<>PxudwspLkimsN#& ", max_size=12),
    st.booleans(),
    st.sampled_from(["", "i", "x", "ms"]),
)
def test_any_text_is_translated_or_refused(pattern, rust, flags):
    try:
        search(ecma_pattern(pattern, rust=rust, flags=flags))
    except PatternError as error:
        assert str(error).startswith("pattern '")
