"""Character sets against Python's sets, their spellings against Python's codecs."""

import itertools
import json
import random
import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from walking import accepts, sample

from fcgen.grammar.characters import (
    ANY,
    DIGIT,
    LINE_END,
    NO_CHARS,
    SPACE,
    WORD,
    CharSet,
    json_chars,
    json_chars_free,
    partition,
    utf8,
)
from fcgen.grammar.derive import arcs
from fcgen.grammar.expr import NOTHING, literal, repeat, seq

# where ranges are cut: code points around UTF-8's length borders, surrogates, controls and what JSON escapes
BORDERS = sorted(
    {0, 8, 9, 0x1F, 0x20, 0x22, 0x5C, 0x7F, 0x80, 0x7FF, 0x800, 0xFFF, 0x1000, 0xD7FF, 0xE000, 0xFFFF, 0x10000}
    | {0x3FFFF, 0x40000, 0x10FFFF}
)
code_points = st.sampled_from(BORDERS) | st.integers(0, 0x10FFFF)
ranges = st.tuples(code_points, code_points).map(lambda r: (min(r), max(r)))
char_sets = st.lists(ranges, max_size=6).map(lambda found: CharSet.of(*found))
chars = (code_points.filter(lambda c: not 0xD800 <= c <= 0xDFFF)).map(chr)


def small_set(chars):
    return CharSet.of("".join(chars))


@given(st.frozensets(st.characters(exclude_categories=["Cs"])), st.frozensets(st.characters(exclude_categories=["Cs"])))
def test_the_algebra_is_that_of_sets(a, b):
    x, y = small_set(a), small_set(b)
    assert x.union(y) == small_set(a | b)
    assert x.intersect(y) == small_set(a & b)
    assert x.complement().intersect(y) == small_set(b - a)
    assert x.complement().complement() == x
    assert bool(x) == bool(a)


@given(char_sets, char_sets, chars)
def test_membership_follows_the_algebra(x, y, char):
    assert x.union(y).contains(char) == (x.contains(char) or y.contains(char))
    assert x.intersect(y).contains(char) == (x.contains(char) and y.contains(char))
    assert x.complement().contains(char) != x.contains(char)


@given(char_sets)
def test_ranges_are_sorted_apart_and_without_surrogates(x):
    for (_, high), (low, _) in zip(x.ranges, x.ranges[1:], strict=False):
        assert high + 1 < low or (high, low) == (0xD7FF, 0xE000)
    assert all(low <= high and (high < 0xD800 or low > 0xDFFF) for low, high in x.ranges)


@given(char_sets, chars)
def test_utf8_accepts_exactly_the_set(x, char):
    assert accepts(utf8(x), char.encode()) == x.contains(char)


@given(char_sets, chars)
def test_json_chars_accepts_exactly_the_set_as_json_dumps_spells_it(x, char):
    assert accepts(json_chars(x), json.dumps(char, ensure_ascii=False)[1:-1].encode()) == x.contains(char)


def spellings(char):
    """Every way of writing a character in a JSON string (RFC 8259, section 7)."""
    units = [f"\\u{unit:04x}" for unit in memoryview(char.encode("utf-16-le")).cast("H")]
    cases = [[*map("".join, itertools.product(*({c, c.upper()} for c in unit[2:])))] for unit in units]
    numbered = ["".join("\\u" + digits for digits in pair) for pair in itertools.product(*cases)]
    plain = [char] if char >= " " and char not in '"\\' else []
    return [*plain, *numbered, *("\\" + c for c in '"\\/bfnrt' if json.loads(f'"\\{c}"') == char)]


@given(char_sets, chars | st.sampled_from('"\\/\b\f\n\r\t\x7f'))
def test_json_chars_free_accepts_exactly_the_set_in_every_spelling(x, char):
    for text in spellings(char):
        assert json.loads(f'"{text}"') == char
        assert accepts(json_chars_free(x), text.encode()) == x.contains(char)


@given(char_sets.filter(bool), st.randoms(use_true_random=False))
def test_free_samples_are_a_spelling_of_one_character_of_the_set(x, rng):
    text = sample(json_chars_free(x), rng).decode()
    char = json.loads(f'"{text}"')
    assert x.contains(char)
    assert text in spellings(char)


@given(st.lists(char_sets, max_size=5), chars)
def test_a_partition_tells_apart_what_the_sets_do(sets, char):
    classes, members = partition(sets)
    holding = [number for number, found in enumerate(classes) if found.contains(char)]
    assert len(holding) == any(x.contains(char) for x in sets)
    for x in sets:
        assert x.contains(char) == any(members[x] >> number & 1 for number in holding)
    assert len({tuple(members[x] >> number & 1 for x in sets) for number in range(len(classes))}) == len(classes)


@given(char_sets.filter(bool), st.randoms(use_true_random=False))
def test_samples_are_one_character_of_the_set(x, rng):
    assert x.contains(sample(utf8(x), rng).decode())
    text = sample(json_chars(x), rng).decode()
    assert x.contains(json.loads(f'"{text}"'))
    assert json.dumps(json.loads(f'"{text}"'), ensure_ascii=False) == f'"{text}"'


@given(st.binary(max_size=5))
def test_any_character_is_what_the_codec_decodes_to_one(data):
    try:
        decoded = data.decode()
    except UnicodeDecodeError:
        decoded = ""
    assert accepts(utf8(ANY), data) == (len(decoded) == 1)


def test_every_character_of_the_basic_plane_has_its_own_spelling():
    for code in [*range(0xD800), *range(0xE000, 0x10000)]:
        assert accepts(utf8(ANY), chr(code).encode()), hex(code)


def test_any_character_is_a_small_term():
    seen = [utf8(ANY)]
    for term in seen:
        seen.extend(then for _, then in arcs(term) if then not in seen)
    assert len(seen) == 9


def test_equal_sets_are_one_term():
    assert utf8(CharSet.of("a", "b", "c")) is utf8(CharSet.of((0x62, 0x63), 0x61))


def test_no_character_is_no_text():
    assert utf8(NO_CHARS) is json_chars(CharSet.of((0xD800, 0xDFFF))) is NOTHING


def test_the_classes_are_those_of_ecma_262():
    spaces = "\t\n\v\f\r \u00a0\ufeff\u2028\u2029" + "".join(
        chr(c) for c in range(0x10000) if unicodedata.category(chr(c)) == "Zs"
    )
    assert CharSet.of(spaces) == SPACE
    assert CharSet.of("0123456789") == DIGIT
    assert small_set(re.findall(r"(?a:\w)", "".join(map(chr, range(0x300))))) == WORD
    assert CharSet.of("\n\r\u2028\u2029") == LINE_END


def test_sampling_ends_where_a_walk_alone_would_not():
    text = sample(seq(repeat(utf8(ANY)), literal(b"end")), random.Random(0))
    assert text.endswith(b"end")
