"""Grammar texts: what they mean, and what is said about those that mean nothing here."""

import json
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from walking import accepts

from fcgen.errors import FcgenError, GrammarError
from fcgen.grammar.characters import ANY, json_chars
from fcgen.grammar.expr import literal
from fcgen.grammar.lark import grammar_text, read_grammar, read_lark, read_start

JSON = read_grammar("json")


def test_the_characters_of_strings_are_those_that_the_code_writes():
    assert JSON["CHAR"] == json_chars(ANY)


@given(st.text())
def test_a_json_string_is_what_dumps_writes(text):
    assert accepts(JSON["STRING"], json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass")) == all(
        not "\ud800" <= c <= "\udfff" for c in text
    )


@given(st.text(alphabet='"\\nrtbfu0019aF/ é{'))
def test_a_json_string_that_is_accepted_is_valid_and_canonical(body):
    data = f'"{body}"'.encode()
    if accepts(JSON["STRING"], data):
        assert json.dumps(json.loads(data), ensure_ascii=False).encode() == data


@given(st.integers(-(10**25) + 1, 10**25 - 1))
def test_integers(number):
    assert accepts(JSON["INTEGER"], str(number).encode())


@given(st.text(alphabet="0123456789-+.eE", max_size=8))
def test_numbers_are_json_numbers(text):
    try:
        valid = text.strip() == text and isinstance(json.loads(text), (int, float))
    except ValueError:
        valid = False
    mantissa, _, exponent = text.lower().partition("e")
    is_short = len(exponent.lstrip("+-")) <= 2 or (
        len(mantissa.lstrip("-").partition(".")[0]) == 1
        and len(exponent.lstrip("+-")) == 3
        and abs(int(exponent)) <= 307
    )
    assert accepts(JSON["NUMBER"], text.encode()) == (valid and is_short)


@pytest.mark.parametrize(("text", "accepted"), [
    ("1e300", True), ("-2.5E-307", True), ("9.9e307", True), ("1e308", False), ("10e300", False), ("1e999", False),
])  # fmt: skip
def test_numbers_with_exponents_of_three_digits_are_finite(text, accepted):
    assert accepts(JSON["NUMBER"], text.encode()) == accepted
    assert not accepted or abs(float(text)) < float("inf")


def test_operators():
    rules = read_lark(
        """
        start: "a" b? [c] d* e+ "x".."z" /[0-9]/~2 f~1..2   // a comment
        b: "b"
        c: "c" -> alias
        !d: "d" | "D"
        E: "e"i
        e: E
        ?f: ("f" | "")
        """
    )
    for text in ["aex00f", "abcdDeEz99ff", "aey01"]:
        assert accepts(rules["start"], text.encode()), text
    for text in ["ax00f", "aew00f", "aex0f", "aex00fff", "abbex00"]:
        assert not accepts(rules["start"], text.encode()), text


def test_recursion():
    rules = read_lark('start: "(" start* ")" | item\nitem: /[a-z]/ | "[" start "]"')
    assert accepts(rules["start"], b"((a)[(b)]()x)")
    assert not accepts(rules["start"], b"((a)")


def test_a_rule_that_may_be_empty_and_recurs():
    rules = read_lark('start: item* \nitem: "a" start "b"')
    for text in [b"", b"ab", b"aabbab"]:
        assert accepts(rules["start"], text)
    assert not accepts(rules["start"], b"aab")


def test_holes_and_imports():
    rules = read_lark(
        "%declare HOLE\n%import json.STRING -> S\n%import json (NUMBER, TRUE)\nstart: HOLE S NUMBER TRUE",
        {"HOLE": literal(b"<hole>")},
    )
    assert accepts(rules["start"], b'<hole>"x"12true')


def test_characters_not_bytes():
    rules = read_lark('start: "ä".."ö" /[^a]/ "é"i')
    assert accepts(rules["start"], "ö☃É".encode())
    assert not accepts(rules["start"], "zaé".encode())


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("/./", ["a", "\r", "é"], ["\n", ""]),
        ("/./s", ["a", "\n"], ["", "ab"]),
        ("/a[b-d]/i", ["AB", "aC", "ad"], ["ae"]),
        ("/(?i:a)b/", ["Ab", "ab"], ["aB"]),
        ("/a b # c/x", ["ab"], ["a b"]),
        ("/a$\\n^b/m", ["a\nb"], ["ab"]),
        ("/\\w/", ["é", "²"], ["-"]),
        ("/./isu", ["\n"], [""]),
        ('"straße"i', ["STRAẞE"], ["STRASSE"]),
    ],
)
def test_patterns_and_their_flags_are_read_as_lark_reads_them(pattern, matching, others):
    start = read_lark(f"start: {pattern}")["start"]
    if pattern.startswith("/"):  # what Lark makes of them
        source, _, flags = pattern[1:].rpartition("/")
        python = re.compile("".join(f"(?{flag}:" for flag in flags) + source + "\n" * ("x" in flags) + ")" * len(flags))
        assert all(python.fullmatch(text) for text in matching)
        assert not any(python.fullmatch(text) for text in others)
    assert all(accepts(start, text.encode()) for text in matching)
    assert not any(accepts(start, text.encode()) for text in others)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("start: )", "line 1, column 8: not in Lark's notation: 'start: )'"),
        ("start: nowhere", "'nowhere' is used, and not defined"),
        ("start: A\n%declare A", "'A' is declared, and nothing was given for it"),
        ('start: "a"\nstart: "b"', "'start' is defined twice"),
        (
            '%ignore " "\nstart: "a"',
            "%ignore has no meaning here: there is no lexer. Write whitespace where it may stand.",
        ),
        ("%import common.WS\nstart: WS", "%import of 'common': only `json` can be imported"),
        ("%import json.NOPE\nstart: NOPE", "`json` has no 'NOPE': it has CHAR, STRING"),
        ("start{x}: x", "is a template, which has no meaning here"),
        ("start: /a/il", "the flags 'l' of '/a/il' have no meaning here"),
        ('start: "b".."a"', '"b".."a" is not a range of characters'),
        ('start: "a"~3..2', "a repeat of 3 to 2 is not possible"),
        ('start: "a"~9999999999', "a repeat of 9999999999 to 9999999999 is not possible"),
        ("start: " + "(" * 150 + '"a"' + ")?" * 150, "parentheses are nested too deeply (limit 100)"),
    ],
)
def test_errors(text, said):
    with pytest.raises(GrammarError) as error:
        dict(read_lark(text))
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('start: start "a" | "b"', "rule 'start' refers to itself before any character of it. Remove"),
        (
            'start: "(" x ")"\nx: y\ny: "c"? x "d" | "e"',
            "rule 'x' refers to itself before any character of it, through",
        ),
        ('start: a "x"\na: "q"* start | "z"', "through 'a'."),
        ('start: (start)~2 "a"', "rule 'start' refers"),
        ('start: [A] /b*/ "" start -> x\nA: "a"', "rule 'start' refers"),
        ('start: (" " | start) "a"', "rule 'start' refers"),
        ("start: e start\ne: f\nf: ", "rule 'start' refers"),
    ],
)
def test_left_recursion(text, said):
    with pytest.raises(GrammarError) as error:
        read_start(text)
    assert said in str(error.value)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('start: "a" start?', b"aaa"),
        ('start: "a" | "(" start "b" start ")"', b"(aba)"),
        ('start: start~0 "a"', b"a"),
        ("%import json.STRING\nstart: STRING start | STRING", b'"a""b"'),
        ('start: "a"\nnever: never "b" | "c"', b"a"),
    ],
)
def test_what_is_no_left_recursion(text, written):
    assert accepts(read_start(text), written)


@given(st.text(alphabet=string.ascii_letters + '"/|()[]*+?~:\n .%\\{}0', max_size=40))
def test_any_text_is_read_or_refused(text):
    try:
        dict(read_lark("start: " + text))
    except FcgenError as error:
        assert str(error)


def test_every_shipped_grammar_is_there():
    assert "STRING" in grammar_text("json")
    assert "call" in grammar_text("trelis")
