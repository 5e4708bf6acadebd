"""Unicode properties against the `regex` package, which has its own copy of the database."""

import sys
import unicodedata

import pytest

from fcgen.grammar.properties import unicode_property

ASSIGNED = [char for char in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(char) not in ("Cn", "Cs")]
BINARY = ["Any", "ASCII", "AHex", "Assigned", "Hex_Digit", "Join_Control", "Lowercase", "Lower", "Pattern_White_Space"]
BINARY += ["Regional_Indicator", "Uppercase", "White_Space", "XID_Continue", "XID_Start"]


@pytest.mark.parametrize("name", [*BINARY, "L", "Lu", "gc=Nd", "General_Category=Letter"])
def test_properties_are_those_of_the_regex_package(name):
    regex = pytest.importorskip("regex")
    matches = regex.compile(rf"\p{{{name}}}").match
    found = unicode_property(name)
    members = {chr(code) for low, high in found.ranges for code in range(low, high + 1)}
    others = [char for char in ASSIGNED if (char in members) != bool(matches(char))]
    assert len(others) <= 10, others  # what changed between the versions of the two databases


def test_noncharacters_are_66():
    assert sum(high - low + 1 for low, high in unicode_property("NChar").ranges) == 66


@pytest.mark.parametrize("name", ["", "Greek", "Script=Greek", "sc=Grek", "Alphabetic", "gc=ASCII", "Emoji", "lower"])
def test_what_the_database_does_not_tell_is_unknown(name):
    assert unicode_property(name) is None
