r"""Unicode properties by the names that ECMA-262 has for them in `\p{...}` (its tables 67 to 70).

The characters are those of the package `regex`, whose copy of the Unicode database also has scripts and emoji, which
Python's does not. It spells names more freely than ECMA-262 does, so they are checked here first.
"""

from __future__ import annotations

import re
import sys
from array import array
from functools import lru_cache

from fcgen.grammar.characters import ANY, CharSet

_CATEGORIES = {
    "Letter": "L", "Uppercase_Letter": "Lu", "Lowercase_Letter": "Ll", "Titlecase_Letter": "Lt", "Cased_Letter": "LC",
    "Modifier_Letter": "Lm", "Other_Letter": "Lo",
    "Mark": "M", "Combining_Mark": "M", "Nonspacing_Mark": "Mn", "Spacing_Mark": "Mc", "Enclosing_Mark": "Me",
    "Number": "N", "Decimal_Number": "Nd", "digit": "Nd", "Letter_Number": "Nl", "Other_Number": "No",
    "Punctuation": "P", "punct": "P", "Connector_Punctuation": "Pc", "Dash_Punctuation": "Pd", "Open_Punctuation": "Ps",
    "Close_Punctuation": "Pe", "Initial_Punctuation": "Pi", "Final_Punctuation": "Pf", "Other_Punctuation": "Po",
    "Symbol": "S", "Math_Symbol": "Sm", "Currency_Symbol": "Sc", "Modifier_Symbol": "Sk", "Other_Symbol": "So",
    "Separator": "Z", "Space_Separator": "Zs", "Line_Separator": "Zl", "Paragraph_Separator": "Zp",
    "Other": "C", "Control": "Cc", "cntrl": "Cc", "Format": "Cf", "Surrogate": "Cs", "Private_Use": "Co",
    "Unassigned": "Cn",
}  # fmt: skip
_CATEGORIES |= {short: short for short in _CATEGORIES.values()}
_BINARY = {
    "AHex": "ASCII_Hex_Digit", "Alpha": "Alphabetic", "Bidi_C": "Bidi_Control", "Bidi_M": "Bidi_Mirrored",
    "CI": "Case_Ignorable", "Cased": "Cased", "CWCF": "Changes_When_Casefolded", "CWCM": "Changes_When_Casemapped",
    "CWKCF": "Changes_When_NFKC_Casefolded", "CWL": "Changes_When_Lowercased", "CWT": "Changes_When_Titlecased",
    "CWU": "Changes_When_Uppercased", "Dash": "Dash", "DI": "Default_Ignorable_Code_Point", "Dep": "Deprecated",
    "Dia": "Diacritic", "Emoji": "Emoji", "EComp": "Emoji_Component", "EMod": "Emoji_Modifier",
    "EBase": "Emoji_Modifier_Base", "EPres": "Emoji_Presentation", "ExtPict": "Extended_Pictographic",
    "Ext": "Extender", "Gr_Base": "Grapheme_Base", "Gr_Ext": "Grapheme_Extend", "Hex": "Hex_Digit",
    "IDSB": "IDS_Binary_Operator", "IDST": "IDS_Trinary_Operator", "IDC": "ID_Continue", "IDS": "ID_Start",
    "Ideo": "Ideographic", "Join_C": "Join_Control", "LOE": "Logical_Order_Exception", "Lower": "Lowercase",
    "Math": "Math", "NChar": "Noncharacter_Code_Point", "Pat_Syn": "Pattern_Syntax", "Pat_WS": "Pattern_White_Space",
    "QMark": "Quotation_Mark", "Radical": "Radical", "RI": "Regional_Indicator", "STerm": "Sentence_Terminal",
    "SD": "Soft_Dotted", "Term": "Terminal_Punctuation", "UIdeo": "Unified_Ideograph", "Upper": "Uppercase",
    "VS": "Variation_Selector", "space": "White_Space", "XIDC": "XID_Continue", "XIDS": "XID_Start",
}  # fmt: skip
_BINARY |= {name: name for name in _BINARY.values()}
_FIXED = {"Any": ANY, "ASCII": CharSet.of((0, 0x7F))}
_SCRIPT = re.compile("(?:[A-Z][a-z]+)+(?:_[A-Z][a-z]+)*")


@lru_cache(maxsize=256)
def unicode_property(name: str) -> CharSet | None:
    r"""The characters of `\p{name}`; None if ECMA-262 or the database does not have it."""
    key, equals, value = name.partition("=")
    if equals:
        if key in ("Script", "sc", "Script_Extensions", "scx"):
            return _matching(f"{key}={value}") if _SCRIPT.fullmatch(value) else None
        return _category(value) if key in ("General_Category", "gc") else None
    if name == "Assigned":
        unassigned = _matching("gc=Cn")
        return unassigned and unassigned.complement()
    if name in _BINARY:
        return _matching(_BINARY[name])
    return _FIXED[name] if name in _FIXED else _category(name)


def _category(name: str) -> CharSet | None:
    return _matching(f"gc={_CATEGORIES[name]}") if name in _CATEGORIES else None


@lru_cache(maxsize=256)
def _matching(name: str) -> CharSet | None:
    import regex  # type: ignore[import-untyped]

    try:
        found = regex.compile(rf"\p{{{name}}}+")
    except regex.error:
        return None
    return CharSet.of(*((run.start(), run.end() - 1) for run in found.finditer(_code_points())))


def _code_points() -> str:
    """Every code point, each at its own place."""
    return array("I", range(0x110000)).tobytes().decode(f"utf-32-{sys.byteorder[0]}e", "surrogatepass")


def ecma_name(loose: str) -> str | None:
    """The name in ECMA-262 of a property by a name as Unicode has it written (UAX44-LM3): `greek`, `lowercase`."""
    key, equals, value = loose.partition("=")
    plain = _plain(value if equals else key)
    script = "_".join(word.capitalize() for word in re.split("[_ -]", value or key))
    if equals:
        keys = {
            "gc": "gc",
            "generalcategory": "gc",
            "sc": "sc",
            "script": "sc",
            "scx": "scx",
            "scriptextensions": "scx",
        }
        kind = keys.get(_plain(key))
        names = _CATEGORIES if kind == "gc" else {}
        found = next((name for name in names if _plain(name) == plain), script if names == {} else None)
        return f"{kind}={found}" if kind and found else None
    known = next((name for name in (*_CATEGORIES, *_BINARY, *_FIXED, "Assigned") if _plain(name) == plain), None)
    return known or f"Script={script}"


def _plain(name: str) -> str:
    return re.sub("[_ -]", "", name).lower()
