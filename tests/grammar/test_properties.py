"""Unicode properties and cases against Python's copy of the database."""

import sys
import unicodedata

import pytest

from fcgen.grammar.cases import any_case
from fcgen.grammar.characters import CharSet
from fcgen.grammar.properties import unicode_property

ASSIGNED = [char for char in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(char) not in ("Cn", "Cs")]
TESTS = {
    "L": lambda char: unicodedata.category(char)[0] == "L",
    "General_Category=Letter": lambda char: unicodedata.category(char)[0] == "L",
    "Lu": lambda char: unicodedata.category(char) == "Lu",
    "LC": lambda char: unicodedata.category(char) in ("Lu", "Ll", "Lt"),
    "digit": lambda char: unicodedata.category(char) == "Nd",
    "punct": lambda char: unicodedata.category(char)[0] == "P",
    "gc=Cs": lambda _: False,
    "Any": lambda _: True,
    "ASCII": str.isascii,
    "Assigned": lambda _: True,
    "Uppercase": str.isupper,
    "Lower": str.islower,
    "XID_Start": lambda char: char != "_" and char.isidentifier(),
    "XIDC": lambda char: f"a{char}".isidentifier(),
    "White_Space": lambda char: char.isspace() and not "\x1c" <= char <= "\x1f",
    "Hex_Digit": lambda char: (
        unicodedata.normalize("NFKC", char) in set("0123456789abcdefABCDEF")
        and (char.isascii() or 0xFF00 <= ord(char) <= 0xFFEF)
    ),
    "Script=Greek": lambda char: unicodedata.name(char, "").startswith("GREEK SMALL LETTER A"),
    "sc=Cyrl": lambda char: unicodedata.name(char, "").startswith("CYRILLIC CAPITAL LETTER A"),
}
CHANGES = 10  # what may differ between the versions of two databases


@pytest.mark.parametrize("name", [name for name in TESTS if not name.startswith("s") and "Script" not in name])
def test_properties_are_those_of_the_unicode_database(name):
    found = unicode_property(name)
    assert len([char for char in ASSIGNED if found.contains(char) != TESTS[name](char)]) <= CHANGES


@pytest.mark.parametrize("name", ["Script=Greek", "sc=Cyrl"])
def test_scripts_have_their_letters(name):
    found = unicode_property(name)
    assert found.intersect(CharSet.of((0, 0x7F))) == CharSet.of()
    named = [char for char in ASSIGNED if TESTS[name](char)]
    assert named
    assert all(found.contains(char) for char in named)


def test_script_extensions_have_what_scripts_share():
    assert not unicode_property("Script=Hiragana").contains("\u30fc")
    assert unicode_property("scx=Hira").contains("\u30fc")
    assert unicode_property("Emoji").contains("\U0001f600")


def test_noncharacters_are_66():
    assert sum(high - low + 1 for low, high in unicode_property("NChar").ranges) == 66


@pytest.mark.parametrize("name", ["", "Greek", "Script=greek", "sc=Nope", "lower", "gc=ASCII", "lu", "gc"])
def test_names_that_ecma_262_does_not_have_are_unknown(name):
    assert unicode_property(name) is None


@pytest.mark.parametrize(
    ("chars", "cases"),
    [("k", "kK\u212a"), ("S", "sS\u017f"), ("ß", "ßẞ"), ("Σ", "Σσς"), ("İ", "İ"), ("ı", "ı"), ("1", "1"), ("ᾈ", "ᾀᾈ")],
)
def test_cases_are_those_of_simple_case_folding(chars, cases):
    assert any_case(CharSet.of(chars)) == CharSet.of(cases)


def test_cases_are_equivalence_classes():
    for char in ASSIGNED[:10_000]:
        one = any_case(CharSet.of(char))
        assert any_case(one) == one
        assert one.contains(char)
