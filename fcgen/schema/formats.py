r"""The values of JSON Schema's `format` as patterns: `format_pattern("date")` is the ECMA-262 pattern of whole dates.

Every text that a pattern matches satisfies the RFC that the format names and passes `jsonschema`'s format checker (but
for `::` in an IRI's address, which that refuses); nearly every text of the RFC is matched. Left out are, on purpose:

    the checker refuses it              leap seconds (time, date-time); characters beyond the BMP (iri); counts with a 0
                                        before the last digit (relative-json-pointer); prefixes above 999, names that
                                        begin with an escape (uri-template); back references, look-behind,
                                        named groups, code point escapes (regex)
    no finite automaton decides it      A-labels, `xn--...`, of more than one letter beyond ASCII, or one that is not
                                        of Latin-1 (hostname), and all others (idn-hostname); groups in groups (regex).
                                        As a Punycode decoder that is walked, each place of a label has its own state,
                                        with 36 ways on, and a mask of 49,000 tokens meets 11,000 to 21,000 of them:
                                        more than masks may have states
    IDNA 2008 has too many rules        of labels beyond ASCII: scripts but the most common, upper case, long ones, more
                                        than four of them (idn-hostname)
    nobody agrees on it                 color functions, and color names but those of CSS 2.1 in lower case (color)

`OUTER` has for each format a pattern that matches at least whatever any checker calls valid: what it does not match is
sure not to be of the format. Where it matches everything, no text is sure.

They are patterns, not terms, so that they can be spelled as UTF-8 or as the inside of a JSON string.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType


def format_pattern(name: str) -> str | None:
    """Return the pattern that whole texts of a format match; None if the format is not enforced."""
    return _make(name) if name in FORMATS else None


@cache
def _make(name: str) -> str:
    return FORMATS[name]()


def _date() -> str:
    """The days of the Gregorian calendar in the years 0001 to 9999."""
    two_digits = "(?:0[1-9]|[1-9][0-9])"
    year = f"(?:[0-9]{{2}}{two_digits}|{two_digits}00)"
    day_28, day_30 = "(?:0[1-9]|1[0-9]|2[0-8])", "(?:0[1-9]|[12][0-9]|30)"
    by_month = f"(?:0[13578]|1[02])-(?:{day_30}|31)|(?:0[469]|11)-{day_30}|02-{day_28}"
    four_times = "(?:0[48]|[2468][048]|[13579][26])"  # 04, 08, ... 96: not 00
    leap_year = f"(?:[0-9]{{2}}{four_times}|{four_times}00)"
    return f"(?:{year}-(?:{by_month})|{leap_year}-02-29)"


def _time() -> str:
    """RFC 3339, section 5.6, whose letters may be of either case."""
    hour_and_minute = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
    return rf"{hour_and_minute}:[0-5][0-9](?:\.[0-9]+)?(?:[Zz]|[+-]{hour_and_minute})"


def _ipv4() -> str:
    byte = "(?:[0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])"
    return rf"{byte}(?:\.{byte}){{3}}"


def _ipv6() -> str:
    """RFC 3986, section 3.2.2: eight groups, a run of which `::` may stand for; the last two may be an IPv4 address."""
    group = "[0-9A-Fa-f]{1,4}"
    last_two = f"(?:{group}:{group}|{_ipv4()})"
    ways = [f"(?:{group}:){{6}}{last_two}"]
    for before in range(8):
        left = f"(?:{group}(?::{group}){{0,{before - 1}}})?" if before else ""
        after = 7 - before
        right = {0: "", 1: group}.get(after, f"(?:{group}:){{{after - 2}}}{last_two}")
        ways.append(f"{left}::{right}")
    return "(?:" + "|".join(ways) + ")"


_UCS = "\xa0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef"
_BEYOND_ASCII = "\x80-\ud7ff\ue000-\U0010ffff"
_BEYOND_BMP = "\U00010000-\U0001fffd"
_ESCAPED = "%[0-9A-Fa-f]{2}"


def _resource(more: str = "", *, relative: bool = False) -> str:
    """RFC 3986, appendix A (and with `more` characters RFC 3987, section 2.2): a URI, or also a relative reference."""
    plain = rf"A-Za-z0-9._~!$&'()*+,;=\-{more}"
    user, name, in_path, first = (f"(?:[{plain}{also}]|{_ESCAPED})" for also in (":", "", ":@", "@"))
    in_query = f"(?:[{plain}:@/?]|{_ESCAPED})"
    future = r"v[0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:\-]+"
    authority = rf"(?:{user}*@)?(?:\[(?:{_ipv6()}|{future})\]|{name}*)(?::[0-9]*)?"
    rooted = f"//{authority}(?:/{in_path}*)*"
    rest = f"(?:/{in_path}*)*"
    absolute = rf"[A-Za-z][A-Za-z0-9+.\-]*:(?:{rooted}|/?(?:{in_path}+{rest})?)"
    start = f"(?:{absolute}|{rooted}|/(?:{in_path}+{rest})?|(?:{first}+{rest})?)" if relative else absolute
    return rf"{start}(?:\?{in_query}*)?(?:#{in_query}*)?"


def _label(most: int, letter: str = "A-Za-z0-9") -> str:
    """RFC 5890, section 2.3.1: letters, digits and hyphens, these not at an end or in the third and fourth place."""
    x, any_ = f"[{letter}]", f"[{letter}-]"
    return f"{x}(?:{any_}{{0,2}}{x}|{any_}(?:{x}{any_}|-{x}){any_}{{0,{most - 5}}}{x})?"


def _hostname() -> str:
    """RFC 1123, section 2.1: labels of at most 63 characters, 253 together."""
    label = f"(?:{_label(63)}|{_a_label()})"
    return rf"(?=.{{1,253}}$){label}(?:\.{label})*"


_LETTERS_WITH_ACCENTS = ((0xDF, 0xF6), (0xF8, 0xFF))
_MOST_PLAIN_LETTERS = 18
_PUNYCODE = "abcdefghijklmnopqrstuvwxyz0123456789"


def _a_label() -> str:
    """RFC 3492: the A-label of one small letter of Latin-1 among plain letters and digits, such as `xn--mnchen-3ya`.

    Which letter it is, and at which place, is one number: the letter's times all places, plus its place. Of further
    letters the number says how far they are from the one before, which no short pattern keeps in mind.
    """
    ways = []
    for plain in range(_MOST_PLAIN_LETTERS + 1):
        places = plain + 1
        bounds = [((first - 128) * places, (last - 127) * places) for first, last in _LETTERS_WITH_ACCENTS]
        numbers = "|".join(number for low, end in bounds for number in _in_punycode(low, end))
        ways.append(f"[a-z0-9]{{{plain}}}-(?:{numbers})" if plain else numbers)
    return f"xn--(?:{'|'.join(ways)})"


def _in_punycode(low: int, end: int) -> list[str]:
    """The numbers from `low` to below `end` as the first in a label is written: in three digits, the least first.

    The first two digits are one above what they count, since a lower one would end the number.
    """
    firsts: dict[tuple[int, int], str] = {}
    for number in range(low - 36, end - 36):
        rest = number // 35
        firsts[rest // 35, rest % 35] = firsts.get((rest // 35, rest % 35), "") + _PUNYCODE[number % 35 + 1]
    seconds: dict[tuple[str, int], str] = {}
    for (third, second), chars in firsts.items():
        seconds[chars, third] = seconds.get((chars, third), "") + _PUNYCODE[second + 1]
    return [f"[{first}][{second}]{_PUNYCODE[third]}" for (first, third), second in seconds.items()]


_JAPANESE = "\u3041-\u3096\u30a1-\u30f6\u4e00-\u9fcb"
_HEBREW = "[\u05d0-\u05ea]"
_ARABIC = "\u0628\u062a-\u062e\u0633-\u063a\u0641-\u0647\u064a"  # letters that join to both sides
_CONSONANT = "[\u0915-\u0928\u092a-\u0930\u0932\u0933\u0935-\u0939]"
_DOT = "[.\u3002\uff0e\uff61]"
_LETTER = f"a-z0-9\xdf-\xf6\xf8-\xff\u03ac-\u03ce\u0430-\u045f\u0f0b\u3007\uac00-\ud7a3{_JAPANESE}"


def _idn_hostname() -> str:
    """RFC 5890 to 5893: labels of letters that IDNA 2008 allows, so short that no A-label is longer than 63.

    Some characters stand only beside others (RFC 5892, appendix A).
    """
    letter = f"[{_LETTER}]"
    beside = f"l\xb7l|\u0375[\u03ac-\u03ce]|\u30fb[{_JAPANESE}]|{_CONSONANT}(?:\u094d[\u200c\u200d]?{_CONSONANT})?"
    short = [
        f"{letter}(?:-?{letter}){{0,8}}",
        f"{letter}{{0,2}}(?:{beside}){letter}{{0,2}}",
        "[\u06f0-\u06f9]{1,4}[0-9]{0,4}",
    ]
    label, last = (f"(?:{'|'.join([_label(most), *short])})" for most in (63, 61))
    return f"(?:{label}(?:{_DOT}{label}){{0,2}}(?:{_DOT}{last})?|{_right_to_left()})"


def _right_to_left() -> str:
    """RFC 5893: Hebrew and Arabic labels stand beside their like."""
    digits = "[\u0660-\u0669]{0,2}|[\u06f0-\u06f9]{0,2}"
    ways = [
        f"{_HEBREW}(?:[\u05f3\u05f4]?{_HEBREW}){{0,4}}",
        f"[{_ARABIC}\u06fd\u06fe]{{1,4}}(?:{digits})[{_ARABIC}]{{0,2}}",
        f"[{_ARABIC}]{{1,3}}\u200c[{_ARABIC}]{{1,3}}",
    ]
    label = f"(?:{'|'.join(ways)})"
    return f"{label}(?:{_DOT}{label}){{0,3}}"


def _duration() -> str:
    """RFC 3339, appendix A, which has no fractions, though ISO 8601 and the checker have them."""
    days, seconds = "[0-9]+D", "[0-9]+S"
    months, minutes = f"[0-9]+M(?:{days})?", f"[0-9]+M(?:{seconds})?"
    years, hours = f"[0-9]+Y(?:{months})?", f"[0-9]+H(?:{minutes})?"
    time = f"T(?:{hours}|{minutes}|{seconds})"
    return f"P(?:[0-9]+W|(?:{days}|{months}|{years})(?:{time})?|{time})"


def _uri_template() -> str:
    """RFC 6570, section 2."""
    literal = rf"(?:[!#$&-;=?-\[\]_a-z~{_UCS}{_BEYOND_BMP}]|{_ESCAPED})"
    name = rf"[A-Za-z0-9_](?:\.?(?:[A-Za-z0-9_]|{_ESCAPED}))*"
    variable = rf"{name}(?::[1-9][0-9]{{0,2}}|\*)?"
    return rf"(?:{literal}|\{{[+#./;?&]?{variable}(?:,{variable})*\}})*"


def _regex() -> str:
    """ECMA-262, section 22.2.1, as far as Python's `re` reads the same; groups are not nested."""
    common = r"\\[dDwWsSnrtfv.\\/^$|?*+()\[\]{}]"
    in_class = rf"(?:a-z|A-Z|0-9|a-f|A-F|[A-Za-z0-9 _.,:;<>=!@#%\"'/$?*+(){{}}]|{common})"
    atom = rf"(?:[^\\^$.|?*+()\[\]{{}}\x00-\x1f\x7f]|\.|{common}|\[\^?{in_class}+\])"
    times = r"(?:(?:[*+?]|\{(?:[0-9]{1,2},?|0,[0-9]{1,2}|1,[1-9][0-9]?)\})\??)?"
    regex = ""
    for depth in range(2):
        group = rf"|\((?:\?:)?{regex}\){times}|\(\?[=!]{regex}\)" if depth else ""
        term = rf"(?:{atom}{times}|[\^$]|\\[bB]{group})"
        regex = rf"{term}*(?:\|{term}*)*"
    return regex


_POINTER = "(?:/(?:[^~/]|~[01])*)*"  # RFC 6901, section 3
_COLORS = "aqua|black|blue|fuchsia|gray|green|lime|maroon|navy|olive|orange|purple|red|silver|teal|white|yellow"


def _email(more: str = "", domain: str | None = None) -> str:
    """RFC 5321, section 4.1.2, and with `more` characters RFC 6531: a dot-string or a quoted one, `@`, a domain."""
    atom = rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~\-{more}]+"
    quoted = rf'"(?:[ !#-\[\]-~{more}]|\\[ -~])*"'
    label = "[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*"
    name = domain or rf"{label}(?:\.{label})*"
    return rf"(?:{atom}(?:\.{atom})*|{quoted})@(?:{name}|\[(?:{_ipv4()}|IPv6:{_ipv6()})\])"


def _idn_email() -> str:
    name = f"[A-Za-z0-9{_BEYOND_ASCII}]+"
    return _email(_BEYOND_ASCII, rf"{name}(?:[.\-]{name})*")


def _uuid() -> str:
    return "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"


# Each is made when it is asked for: some take a millisecond.
FORMATS: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "color": lambda: f"#(?:[0-9A-Fa-f]{{3}}){{1,2}}|{_COLORS}",
        "date": _date,
        "time": _time,
        "date-time": lambda: f"{_date()}[Tt]{_time()}",
        "duration": _duration,
        "email": _email,
        "idn-email": _idn_email,
        "hostname": _hostname,
        "host-name": _hostname,
        "idn-hostname": _idn_hostname,
        "ipv4": _ipv4,
        "ip-address": _ipv4,
        "ipv6": _ipv6,
        "uri": _resource,
        "uri-reference": lambda: _resource(relative=True),
        "iri": lambda: _resource(_UCS),
        "iri-reference": lambda: _resource(_UCS, relative=True),
        "uri-template": _uri_template,
        "json-pointer": lambda: _POINTER,
        "relative-json-pointer": lambda: f"(?:0|[1-9]+0?)(?:#|{_POINTER})",
        "regex": _regex,
        "uuid": _uuid,
    }
)

ANNOTATIONS: frozenset[str] = frozenset(["binary", "byte", "int32", "int64", "float", "double", "decimal", "password"])

_ANY = r"[\s\S]*"
_NAME = r"[^\x00-\t\x0b-,/:-@\[-`{-\x7f]+"  # `\d` and `$` of Python also take other digits and a last line feed
_REFERENCE = r"[^\x00-\t\x0b-\x20\"<>\\^`{|}]*"
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"

OUTER: Mapping[str, str] = MappingProxyType(
    {
        "color": r"[\s\S]*[^\x00-\"$-@\[-`{-\x7f][\s\S]*",
        "date": _DAY,
        "time": f"{_ANY}:{_ANY}:{_ANY}",
        "date-time": f"{_DAY}[^0-9]{_ANY}:{_ANY}:{_ANY}",
        "duration": f"[-+]?[Pp]{_ANY}",
        "email": f"{_ANY}@{_ANY}",
        "idn-email": f"{_ANY}@{_ANY}",
        "hostname": _NAME,
        "host-name": _NAME,
        "idn-hostname": _NAME,
        "ipv4": r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}",
        "ip-address": r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}",
        "ipv6": "[0-9A-Fa-f.]*(?::[0-9A-Fa-f.]*){2,}",
        "uri": rf"[^\x00-\x20:/?#]+:{_REFERENCE}",
        "uri-reference": _REFERENCE,
        "iri": rf"[^\x00-\x20:/?#]+:{_REFERENCE}",
        "iri-reference": _REFERENCE,
        "uri-template": _ANY,
        "json-pointer": _POINTER,
        "relative-json-pointer": rf"[^\x00-/:-\x7f]{_ANY}",
        "regex": _ANY,
        "uuid": r"[\s\S]{8}(?:-[\s\S]{4}){3}-[\s\S]*",
    }
)
