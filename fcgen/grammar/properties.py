r"""Unicode properties by the names that `\p{...}` has for them, from what Python's Unicode database tells exactly.

That is: general categories, the binary properties that `str` asks about, and those that are fixed ranges. Scripts and
most other properties are not in it, and are unknown here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from fcgen.grammar.characters import ANY, CharSet, characters_where, general_category

_FIXED = {
    "Any": ANY,
    "ASCII": CharSet.of((0, 0x7F)),
    "ASCII_Hex_Digit": CharSet.of("0123456789ABCDEFabcdef"),
    "Hex_Digit": CharSet.of("0123456789ABCDEFabcdef", (0xFF10, 0xFF19), (0xFF21, 0xFF26), (0xFF41, 0xFF46)),
    "Join_Control": CharSet.of((0x200C, 0x200D)),
    "Noncharacter_Code_Point": CharSet.of(
        (0xFDD0, 0xFDEF), *((plane + 0xFFFE, plane + 0xFFFF) for plane in range(0, 0x110000, 0x10000))
    ),
    "Pattern_White_Space": CharSet.of((0x09, 0x0D), " \x85\u200e\u200f\u2028\u2029"),
    "Regional_Indicator": CharSet.of((0x1F1E6, 0x1F1FF)),
    "White_Space": CharSet.of((0x09, 0x0D), " \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000", (0x2000, 0x200A)),
}
_ASKED: dict[str, Callable[[str], bool]] = {
    "Lowercase": str.islower,
    "Uppercase": str.isupper,
    "XID_Continue": lambda char: f"a{char}".isidentifier(),
    "XID_Start": lambda char: char != "_" and char.isidentifier(),
}
_LONG_NAMES = {
    "AHex": "ASCII_Hex_Digit",
    "Hex": "Hex_Digit",
    "Join_C": "Join_Control",
    "Lower": "Lowercase",
    "NChar": "Noncharacter_Code_Point",
    "Pat_WS": "Pattern_White_Space",
    "RI": "Regional_Indicator",
    "Upper": "Uppercase",
    "XIDC": "XID_Continue",
    "XIDS": "XID_Start",
    "space": "White_Space",
}


@lru_cache(maxsize=256)  # names that nobody knows are kept as well
def unicode_property(name: str) -> CharSet | None:
    r"""What `\p{name}` matches, None if that is unknown (ECMA-262, UnicodeMatchProperty)."""
    prefix, equals, value = name.partition("=")
    if equals:
        return general_category(value) if prefix in ("General_Category", "gc") else None
    name = _LONG_NAMES.get(name, name)
    if name == "Assigned":
        unassigned = general_category("Cn")
        return unassigned and unassigned.complement()
    if name in _ASKED:
        return characters_where(_ASKED[name])
    return _FIXED.get(name) or general_category(name)
