"""Patterns against Python's `re`, spelled as UTF-8 and as JSON; what they become; what is refused, in which words."""

import itertools
import json
import re
import string

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from walking import accepts, sample

from fcgen.errors import GrammarTooLarge, PatternError
from fcgen.grammar import matcher, regex
from fcgen.grammar.characters import ANY, CharSet, json_chars, utf8
from fcgen.grammar.derive import INFINITE, arcs, fewest
from fcgen.grammar.ecma import MAX_DEPTH, MAX_LENGTH, MAX_TURNS
from fcgen.grammar.expr import NOTHING, alt, literal, repeat, seq
from fcgen.grammar.lookaround import MAX_WORK
from fcgen.grammar.pattern import MAX_UNSETTLED
from fcgen.grammar.positions import MAX_PLACES
from fcgen.grammar.regex import read_pattern

READ_ALIKE = st.characters(codec="ascii", exclude_characters="\r\x1c\x1d\x1e\x1f") | st.sampled_from("é😀")

# -- patterns as trees, so that one can be written for ECMA-262 and for `re`, whose $ also stands before a last \n

ANCHORS = ["^", "$"]
EDGES = [r"\b", r"\B"]
FEW = ["a", "b", "ab", ".", "[^a]", "", "(?:a?|b)"]
ESCAPED = [r"\\", "n", r"\n", r"[\\n]", r"\\n", "."]  # in JSON, the spelling of \n ends that of a backslash and n
MANY = ["a", "ab", ".", "[ab]", "[^a]", "", '"', r"\\", r"[\\\n]", "é", "[a-é]", "😀", r"\x61", r"\u00e9", r"\s", r"\S"]
MANY += [r"[^\s]", r"[^\S]", r"\d", r"[a\-.]", r"[^\]\[]", "]", "}", "a{", r"\/", r"[\b]"]
QUANTIFIERS = ["*", "+", "?", "*?", "+?", "??", "{2}", "{3}", "{1,3}", "{2,}", "{0,2}", "{0}", "{1,2}?"]


def all_texts(alphabet, length):
    return ["".join(chars) for size in range(length + 1) for chars in itertools.product(alphabet, repeat=size)]


def larger(inner):
    several = st.lists(inner, min_size=2, max_size=3)
    return (
        st.tuples(st.just("chain"), several)
        | st.tuples(st.just("choice"), st.sampled_from(["(", "(?:"]), several)
        | st.tuples(st.just("repeat"), inner, st.sampled_from(QUANTIFIERS))
    )


def looking(inner):
    fixed = st.sampled_from(
        ["a", "b", "ab", "n", r"\n", "(?:ab|ba)", "[^a].", "", r"\b", "^", r"a\B", "a(?=b)", "(?!a)"]
    )
    ahead = st.tuples(st.just("look"), st.sampled_from(["(?=", "(?!"]), inner)
    behind = st.tuples(st.just("look"), st.sampled_from(["(?<=", "(?<!"]), fixed)
    return larger(inner | ahead | behind)


def looking_back(inner):
    """Lookbehinds of any length, which `re` has none of."""
    behind = st.tuples(st.just("look"), st.sampled_from(["(?<=", "(?<!"]), inner)
    return looking(inner | behind)


def trees(leaves, grown):
    leaf = st.sampled_from(leaves)
    return grown(leaf | grown(leaf | grown(leaf)))


def written(tree, end="$"):
    """The text of a pattern tree; `end` stands for the end of the text."""
    match tree:
        case "$":
            return end
        case str():
            return tree
        case ("chain", parts):
            return "".join(written(part, end) for part in parts)
        case ("choice", opening, parts):
            return opening + "|".join(written(part, end) for part in parts) + ")"
        case ("repeat", inner, quantifier):
            return f"(?:{written(inner, end)}){quantifier}"
        case ("look", opening, inner):
            return f"{opening}{written(inner, end)})"
    raise AssertionError(tree)


def agree(tree, texts, module=re):
    """The judge, and both spellings of both meanings, against `re` or the package `regex`."""
    pattern, python = written(tree), module.compile(written(tree, end=r"\Z"))
    for text in texts:
        assert matcher.search(pattern)(text) == (python.search(text) is not None), (pattern, text)
    for spell, search in itertools.product([utf8, json_chars], [False, True]):
        try:
            expr = read_pattern(pattern, spell, search)
        except GrammarTooLarge:
            return
        for text in texts:
            data = (text if spell is utf8 else json.dumps(text, ensure_ascii=False)[1:-1]).encode()
            matched = (python.search if search else python.fullmatch)(text) is not None
            assert accepts(expr, data) == matched, (pattern, text, search, data)


@settings(max_examples=300)
@given(trees(MANY, larger), st.lists(st.text('ab"\\\né😀', max_size=5), max_size=9))
def test_plain_patterns_match_what_re_matches(tree, texts):
    agree(tree, [*texts, *all_texts("ab", 2)])


@settings(max_examples=300)
@given(trees(FEW + 4 * ANCHORS, larger))
@example(("chain", ["^", ("repeat", ("chain", [("choice", "(?:", ["^", "b"]), "a"]), "+"), "$"]))
@example(("repeat", ("choice", "(", ["^", "a"]), "{2,}"))
@example(("repeat", ("choice", "(", ["a", "$"]), "{2,}"))
@example(("repeat", ("choice", "(", [("chain", ["^", ("repeat", "a", "?")]), "b"]), "{3}"))
@example(("repeat", ("chain", ["b", ("choice", "(?:", [("chain", ["^", "a"]), "b"])]), "{2,}"))
def test_anchors_hold_where_re_says(tree):
    agree(tree, [*all_texts("ab", 4), "\n", "a\n", "\na"])


@settings(max_examples=60)
@given(trees(FEW + 3 * EDGES, larger))
@example(("chain", [r"\b", ("repeat", ("choice", "(?:", ["a", ("chain", ["-", r"\B"])]), "+")]))
def test_word_boundaries_are_where_re_finds_them(tree):
    agree(tree, all_texts("ab-", 3)[1:])  # on the empty text the dialects differ


@settings(max_examples=300)
@given(trees(FEW + ANCHORS, looking))
@example(("repeat", ("chain", [("look", "(?!", "ab"), "."]), "*"))
@example(("repeat", ("chain", ["a", ("choice", "(?:", [("look", "(?=", "b"), "b"])]), "{2,}"))
@example(("chain", ["a", ("choice", "(?:", [("look", "(?<=", "a"), "b"])]))
@example(("repeat", ("look", "(?=", "a"), "{2}"))
@example(("chain", [("look", "(?!", ("chain", ["a", "$"])), "a"]))
@example(("chain", [("look", "(?=", "a"), "^", "a"]))
@example(("chain", ["a", "$", ("look", "(?<=", "a")]))
@example(("chain", [("repeat", "a", "*"), ("look", "(?!", "^"), "b"]))
def test_lookarounds_see_what_re_sees(tree):
    agree(tree, [*all_texts("ab", 4)[1:], "\n", "a\n", "\na"])


@settings(max_examples=100)
@given(trees(FEW + ANCHORS, looking_back))
@example(("chain", [("look", "(?<=", ("chain", ["^", ("repeat", "ab", "*"), ("look", "(?!", "ba")])), ".", "b"]))
def test_lookbehinds_of_any_length_see_what_the_regex_package_sees(tree):
    agree(tree, all_texts("ab", 3)[1:], pytest.importorskip("regex"))


@given(trees(ESCAPED + ANCHORS, looking))
@example(("chain", [r"\\", "n", ("look", "(?<!", r"\n")]))
def test_lookarounds_see_whole_characters_only(tree):
    agree(tree, all_texts("\\n\n", 3)[1:])


@given(st.data())
def test_texts_made_for_a_pattern_match_it(data):
    tree = data.draw(trees(MANY + ANCHORS, larger))
    try:
        text = data.draw(st.from_regex(written(tree, end=r"\Z"), alphabet=READ_ALIKE))
    except ValueError:  # no text matches
        assume(False)
    agree(tree, [text])


@given(trees(MANY + ANCHORS + EDGES, looking), st.randoms(use_true_random=False), st.booleans())
def test_samples_of_a_pattern_match_it(tree, rng, search):
    try:
        expr = read_pattern(written(tree), json_chars, search)
    except GrammarTooLarge:
        assume(False)
    assume(fewest(expr) < INFINITE)
    text = json.loads(f'"{sample(expr, rng, 20).decode()}"')
    assume("\ufeff" not in text)  # which ECMA-262 alone counts as whitespace
    assume(text or "\\B" not in written(tree))  # of the empty text, Python before 3.14 says that it is none
    assert (re.search if search else re.fullmatch)(written(tree, end=r"\Z"), text), (written(tree), text)


IN_ECMA = {"d": string.digits, "w": string.ascii_letters + string.digits + "_"}
IN_ECMA["s"] = "\t\n\v\f\r \xa0\ufeff\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


@pytest.mark.parametrize("letter", "dDwWsS")
@pytest.mark.parametrize("form", [r"\{}", r"[\{}]", r"[^\{}]"])
@given(st.characters(codec="utf-8") | st.sampled_from("\ufeff\x1c\x85\xa0\u2028é٣_0 "))
def test_shorthands_are_those_of_ecma_262(letter, form, char):
    expected = (char in IN_ECMA[letter.lower()]) ^ letter.isupper() ^ ("^" in form)
    pattern = form.format(letter)
    assert accepts(read_pattern(pattern), char.encode()) == expected
    assert accepts(read_pattern(rf"(?!{pattern})[\s\S]"), char.encode()) != expected
    assert matcher.search(pattern)(char) == expected


@pytest.mark.parametrize("pattern", [r"\b", r"\B"])
@settings(max_examples=25)
@given(text=st.text(st.sampled_from("aé_- ²"), max_size=4))
def test_word_boundaries_are_those_of_ecma_262(pattern, text):
    for place in range(len(text) + 1):
        beside = [char in IN_ECMA["w"] for char in (text[place - 1 : place] or "-", text[place : place + 1] or "-")]
        expected = (beside[0] != beside[1]) == (pattern == r"\b")
        before, after = map(re.escape, (text[:place], text[place:]))
        assert accepts(read_pattern(before + pattern + after), text.encode()) == expected
        assert accepts(read_pattern(f"{before}(?!{pattern}){after}"), text.encode()) != expected
        assert matcher.search(f"^{before}{pattern}{after}$")(text) == expected


# -- what patterns become

LOWER = CharSet.of((ord("a"), ord("z")))


def any_text():
    return repeat(utf8(ANY))


def spelled(char):
    return utf8(CharSet.of(char))


def fresh(pattern, spell=utf8, search=False):
    """The pattern read anew: one from the cache need not share terms with what is built now."""
    regex._read.cache_clear()
    return read_pattern(pattern, spell, search)


@pytest.mark.parametrize("pattern", ["", ".*", "^", "$", "^.*", "(?:a?)*", "a*|b", "a*b?", "^a*|b", "b|.*$"])
def test_patterns_that_every_text_matches_are_any_text(pattern):
    assert fresh(pattern, search=True) is any_text()


@pytest.mark.parametrize("spell", [utf8, json_chars])
def test_anchored_patterns_have_no_leftovers(spell):
    assert fresh("^[a-z]+$", spell, search=True) is repeat(spell(LOWER), 1)
    assert fresh("^[a-z]{2,5}$", spell, search=True) is fresh("[a-z]{2,5}", spell)
    assert fresh("^(?:(?:[a-z]))$", spell, search=True) is spell(LOWER)
    assert fresh("^(a|b|[c-z])*$", spell, search=True) is repeat(spell(LOWER))
    assert fresh("^(?:[a-z]*)*$", spell, search=True) is repeat(spell(LOWER))


def test_loops_next_to_any_text_turn_no_more_than_they_must():
    assert fresh("a+", search=True) is fresh("a", search=True)
    assert fresh(".*b.*", search=True) is fresh("b", search=True)
    assert fresh("^x.*", search=True) is seq(spelled("x"), any_text())


def test_unanchored_choices_keep_their_own_anchors():
    assert fresh("^a|b$", search=True) is alt(seq(spelled("a"), any_text()), seq(any_text(), spelled("b")))


@pytest.mark.parametrize("pattern", ["a^b", "a$b", "$a", "a^", "[^\\s\\S]", "(?!)", "\\ud800", "(?=a)b", "a(?<=b)"])
def test_patterns_that_no_text_matches(pattern):
    assert fewest(read_pattern(pattern)) == INFINITE


def test_a_lookahead_that_cannot_succeed_any_more_leaves_nothing_behind():
    expr = fresh("^(?!foo)[a-z]+$", search=True)
    assert next(then for members, then in arcs(expr) if members >> ord("b") & 1) is repeat(utf8(LOWER))


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        (r"\cJ\t\v\f\0", "\n\t\v\f\0", "J"),
        (r"\u{1F600}\ud83d\ude00[\ud83d\ude00]\u0041\x41", "😀😀😀AA", "😀"),
        (r"[\ud83d\ude00-\ud83d\ude02]", "😁", "\ufffd"),
        (r"\p{Lu}\P{Lu}\p{gc=Nd}\p{General_Category=Letter}\p{Any}", "Éé٣x\n", "éé٣x\n"),
        (r"[\p{Lu}\d]+", "É1", "é"),
        (r"\-\/\_\@\ \!\#\%", "-/_@ !#%", "\\-"),
        ("x{", "x{", "x"),
        ("x{}", "x{}", "x"),
        ("x{1,2", "x{1,2", "xx"),
        ("]}", "]}", ""),
        (r"[a-]", "-", "b"),
        (r"[-a]", "-", "b"),
        (r"[\w-.]+", "a-.", "+"),
        (r"[a-c-e]+", "-e", "d"),
        (r"[\b]", "\b", "b"),
        ("[.*+?^$|()]+", ".*+?^$|()", "a"),
        ("(?<year>[0-9]{4})", "2024", "24"),
        ("a{2}?b{0,}", "aab", "ab"),
        ("(?:a|ab)(?:c|bcd)(?:d*)", "abcd", "ac" + "b"),
        ("^(?=.*[A-Z])(?=.*[0-9]).{8,}$", "Passw0rd", "password"),
        (r"^((?!-)[a-z0-9-]{1,63}(?<!-)\.)+[a-z]{2,6}$", "a-b.example.com", "a-.example.com"),
        (r"^(?!.*://)(?=.{1,9}$)((.{1,63}\.){1,127}(?![0-9]*$)[a-z0-9-]+\.?)$", "a.b", "a.9"),
        ("(?:^|,)x", ",x", "ax"),
        ("(?:(?!<b>).)*<b>", "x<b>", "<b><b>"),
        (r"(?:\b[a-z]+\b ?)+", "two words", "two, words"),
        (r"^(?=.{1,9}$)(?:\b[a-z]+\b\.)+[a-z]+$", "ab.cd.ef", "ab.cd.ef.gh"),
        (r"a(?<=^(?:ab)*a)b", "ab", "b"),
        (r"(?<=^(?:ab)*)c|.*(?<=^(?:ab)*)c", "ababc", "abac"),
        (r"\p{ASCII}\p{Uppercase}\P{White_Space}", "aÉb", "ÉÉb"),
        ("[^]", "\n", ""),
        ("a[]|b", "b", "a"),
        ("(?i:straße k)", "STRAẞE \u212a", "STRASSE k"),
        ("(?i:a(?-i:b)c)", "AbC", "ABc"),
        ("(?i:[^a])", "b", "A"),
        (r"(?i:\W)", "-", "ſ"),
        ("(?s:.(?m:^a$).)", "\na\n", "bab"),
        ("(?<y>a)|(?<y>b)", "b", "ab"),
        (r"\p{sc=Grek}+", "αω", "a"),
    ],
)
def test_what_patterns_mean(pattern, matching, other):
    expr = read_pattern(pattern)
    assert accepts(expr, matching.encode())
    assert not accepts(expr, other.encode())
    judge = matcher.search(f"^(?:{pattern})$")
    assert judge(matching)
    assert not judge(other)


def test_the_spelling_is_the_callers():
    assert read_pattern("a.", lambda chars: literal(b"?") if chars else NOTHING) is literal(b"??")


# -- what is refused

REFUSED = [
    ("a(b", "an unclosed group, at offset 1. Close it with ), or write \\( for the character."),
    ("ab)", "a ) that closes no group, at offset 2. Write \\) for the character."),
    ("[a", "an unclosed class, at offset 0. Close it with ], or write \\[ for the character."),
    ("a\\", "a \\ at the end, at offset 1. Write \\\\ for the character."),
    ("*a", "a quantifier with nothing to repeat, at offset 0. Put a character before it, or write \\*."),
    ("a**", "a quantifier with nothing to repeat, at offset 2. Put a character before it, or write \\*."),
    ("^*", "a quantifier with nothing to repeat, at offset 1. Put a character before it, or write \\*."),
    ("(?<=a)+", "a quantifier with nothing to repeat, at offset 6. Put a character before it, or write \\+."),
    (r"\b*", "a quantifier with nothing to repeat, at offset 2. Put a character before it, or write \\*."),
    ("a|{2}", "a quantifier with nothing to repeat, at offset 2. Put a character before it, or write \\{."),
    ("a++", "a possessive quantifier, at offset 2. Leave the second + out: a pattern only says what matches."),
    ("a{3,2}", "the quantifier {3,2}, whose bounds are in the wrong order, at offset 1"),
    (
        "a{,3}",
        "{,n}, which is text in ECMA-262 and a quantifier in Python, at offset 1. Write {0,n}, or \\{,n}.",
    ),
    (
        "[]a]",
        (
            r"'[]a]', which is a class of its own up to its first ], at offset 0. Write \] for the character; [\s\S] "
            "is any character."
        ),
    ),
    ("[z-a]", "the range 'z-a', whose bounds are in the wrong order, at offset 1"),
    (
        r"(a)\1",
        "the back reference \\1, at offset 3. Spell the text out; a character by its code is \\xHH or \\uHHHH.",
    ),
    (r"\01", "the octal escape \\0, at offset 0. Spell the text out; a character by its code is \\xHH or \\uHHHH."),
    (r"(?<n>a)\k<n>", "the escape \\k, at offset 7. Back references are not regular; spell the text out."),
    (r"\Aa\Z", "the escape \\A, at offset 0. Write ^ for the beginning of the text."),
    (r"\e", "the escape \\e, at offset 0. Write e for the character."),
    (r"\xg1", r"\x without a code point, at offset 0. Write \xHH, \uHHHH or \u{H...}, up to \u{10FFFF}."),
    (r"\u{110000}", r"\u without a code point, at offset 0. Write \xHH, \uHHHH or \u{H...}, up to \u{10FFFF}."),
    (r"\pL", r"\p without a property, at offset 0. Write \p{L} or another general category in braces."),
    (
        r"\p{Greek}",
        (
            r"the property '\\p{Greek}', at offset 0. Known are the general categories (L, Lu, Letter, Nd, P, ...), "
            "scripts (Script=Greek, sc=Grek, scx=Grek) and the binary properties of ECMA-262 (Alphabetic, Emoji, ...)."
        ),
    ),
    (
        "(?P<n>a)",
        "(?P<, which does not open a group of ECMA-262 here, at offset 0. Write a named group as (?<name>...).",
    ),
    (
        "(?i)a",
        (
            "(?, which does not open a group of ECMA-262 here, at offset 0. "
            "Flags hold for one group, as in (?i:abc), and are i, m and s."
        ),
    ),
    ("(?<n>a)(?<n>b)", "a second group named 'n', at offset 7. Give each group its own name."),
    (f"a{{{MAX_TURNS + 1}}}", f"a quantifier over {MAX_TURNS}, at offset 1. Use a smaller count, or no upper limit."),
    (f"a{{{'9' * 5000}}}", f"a quantifier over {MAX_TURNS}, at offset 1. Use a smaller count, or no upper limit."),
    ("(" * 500 + ")" * 500, f"groups more than {MAX_DEPTH} deep, at offset {MAX_DEPTH}. Flatten the pattern."),
]


@pytest.mark.parametrize(("pattern", "message"), REFUSED, ids=[pattern[:16] for pattern, _ in REFUSED])
def test_refusals_say_what_and_where_and_what_to_do(pattern, message):
    with pytest.raises(PatternError) as caught:
        read_pattern(pattern)
    assert str(caught.value).split(" has ", 1)[1] == message
    assert str(caught.value).startswith("pattern '")


def test_the_limit_of_length_is_data():
    with pytest.raises(PatternError) as caught:
        read_pattern("a" * (MAX_LENGTH + 1))
    assert (caught.value.limit, caught.value.given) == (MAX_LENGTH, MAX_LENGTH + 1)


@pytest.mark.parametrize(
    "pattern",
    [
        r"\b(a{1,1000}){1,1000}\b",
        "|".join(rf"\b{number}\b" for number in range(1000)),
        r"\b(a|b)*a(a|b){20}\b",
        "".join(f"(?=.*[{letter}])" for letter in string.ascii_lowercase) + ".{8,}",
        r"(?=\ba.*" * MAX_DEPTH + ")" * MAX_DEPTH,
        "".join(f"(?<={letter}.*)" for letter in string.ascii_lowercase),
    ],
    ids=lambda pattern: pattern[:12],
)
def test_limits_of_the_general_method_are_data(pattern):
    with pytest.raises(GrammarTooLarge) as caught:
        read_pattern(pattern, search=True)
    assert caught.value.limit in (MAX_WORK, MAX_PLACES)
    assert caught.value.given > caught.value.limit


@pytest.mark.parametrize(
    "pattern",
    [
        "(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH,
        "(x?" * MAX_DEPTH + "a" + "y*)?" * MAX_DEPTH,
        "(?:b|c" * MAX_DEPTH + "a" + "d|e)+f" * MAX_DEPTH,
        "(?=.*a)x" * MAX_UNSETTLED,
        "((?=a)" * (MAX_DEPTH - 1) + "a" + ")" * (MAX_DEPTH - 1),
        "(^|a)" * 1500,
        "(?=a" * MAX_DEPTH + ")" * MAX_DEPTH,
        "(?<=a.*" * MAX_DEPTH + ")" * MAX_DEPTH,
        r"^\b\w{1,2000}\b$",
        "|".join(f"^name{i}$" for i in range(1000)),
        "(a|b)" * 2000,
        "^" + "a" * 100_000 + "$",
        "a?" * 5000 + "a" * 5000,
        "[ab]" * 20_000,
        "(?:(?:a{0,1000}){0,1000}){0,1000}",
    ],
    ids=lambda pattern: pattern[:12],
)
def test_what_is_within_the_limits_can_be_walked(pattern):
    expr = read_pattern(pattern, search=True)
    assert fewest(expr) <= MAX_LENGTH
    assert arcs(expr)


def test_the_cost_of_a_pattern_counts_not_its_length():
    words = ["".join(letters) for letters in itertools.islice(itertools.product("abcdefgh", repeat=7), 0, 300_000, 200)]
    pattern = f"^(?:{'|'.join(words)})$"
    assert len(pattern) > 10_000
    expr, judge = read_pattern(pattern, json_chars, search=True), matcher.search(pattern)
    for word in (*words[::100], "abcdefgh", ""):
        assert accepts(expr, word.encode()) == judge(word) == (word in words)


@pytest.mark.parametrize("pattern", ["^(?:ab)+$", "^(?:ab|b|a)*c"])
def test_the_work_of_a_judge_is_bounded(pattern):
    with pytest.raises(GrammarTooLarge) as caught:
        matcher.search(pattern)("ab" * 500_000)
    assert caught.value.given > caught.value.limit == matcher.MAX_WORK


@given(st.text(r"ab^$.*+?{}[]()|\-,123:=!<>PxudwspLk", max_size=12))
def test_any_text_is_read_or_refused(pattern):
    try:
        expr = read_pattern(pattern, search=True)
    except (GrammarTooLarge, PatternError):
        return
    assert expr.can_stop == accepts(expr, b"") == matcher.search(pattern)("")


@pytest.mark.parametrize("pattern", [r"[\s\S]", r"[\d\D]", r"[\W\w]", r"[^\s\S]"])
def test_a_class_and_its_complement_are_any_character(pattern):
    for char in ("a", " ", "\x1f", "\x85", "\ufeff", "\n", "é", "²", "\U0001f600"):
        assert accepts(read_pattern(pattern), char.encode()) == (re.fullmatch(pattern, char) is not None)
    assert not accepts(read_pattern(r"[\\sS]"), b" ")
