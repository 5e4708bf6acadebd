"""Strings that Pydantic reads as values of other types -> patterns of nothing but what it then accepts.

JSON Schema's `format` says too little of them (any URI is an `HttpUrl`, any UUID a `UUID4`), or nothing that a
validator knows (`ipv4network`). Each pattern is of whole texts, in the syntax that ECMA-262 and Python share.

Left out are, on purpose: host names with labels that begin with `xn--`, and schemes in capitals (URLs); IPv6 networks
written otherwise than with the groups up to their prefix and then `::`; quoted names, names beyond ASCII, and domains
of more than 64 characters (email), which need no count of each label.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

_HEX = "[0-9A-Fa-f]"
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
IPV4 = rf"{_BYTE}(?:\.{_BYTE}){{3}}"


def _ipv6() -> str:
    """Eight groups, a run of which `::` may stand for."""
    group = f"{_HEX}{{1,4}}"
    ways = [f"(?:{group}:){{7}}{group}", f":(?:(?::{group}){{1,7}}|:)", f"(?:{group}:){{1,7}}:"]
    ways += [f"(?:{group}:){{1,{before}}}(?::{group}){{1,{7 - before}}}" for before in range(1, 7)]
    return f"(?:{'|'.join(ways)})"


IPV6 = _ipv6()

_28, _30 = "(?:0[1-9]|1[0-9]|2[0-8])", "(?:0[1-9]|[12][0-9]|30)"
_MONTHS = f"(?:(?:0[13578]|1[02])-(?:{_30}|31)|(?:0[469]|11)-{_30}|02-{_28})"
_YEAR = "(?:[0-9]{2}(?:0[1-9]|[1-9][0-9])|(?:0[1-9]|[1-9][0-9])00)"
_FOURTH = "(?:0[48]|[2468][048]|[13579][26])"
_DAY = rf"(?:{_YEAR}-{_MONTHS}|(?:[0-9]{{2}}{_FOURTH}|{_FOURTH}00)-02-29)"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?"

LOCAL_TIME = _CLOCK  # without an offset, which RFC 3339 demands
LOCAL_DATE_TIME = f"{_DAY}[T ]{_CLOCK}"

# Days below Python's 999,999,999, whatever the unit.
DURATION = "P(?:[0-9]{1,6}[YMWD])*(?:T(?:[0-9]{1,6}[HMS])+)?"


def uuid_pattern(version: int) -> str:
    """The UUIDs of a version, of RFC 9562's variant."""
    return f"{_HEX}{{8}}-{_HEX}{{4}}-{version}{_HEX}{{3}}-[89abAB]{_HEX}{{3}}-{_HEX}{{12}}"


def base64_pattern(*, is_url: bool) -> str:
    """Base64 with its padding, and without bits to spare, in the alphabet for URLs or in the usual one."""
    any_ = r"[A-Za-z0-9_\-]" if is_url else "[A-Za-z0-9+/]"
    return f"(?:{any_}{{4}})*(?:{any_}[AQgw]==|{any_}{{2}}[AEIMQUYcgkosw048]=)?"


def byte_size_pattern(units: Iterable[str]) -> str:
    """A number and one of the units that Pydantic knows, in the capitals that people write, or none."""
    spelled = {unit for lower in units for unit in (lower, lower.upper(), _capitals(lower))}
    longest_first = sorted(spelled, key=lambda unit: (-len(unit), unit))
    return rf"[0-9]{{1,15}}(?:\.[0-9]{{1,15}})?(?: ?(?:{'|'.join(longest_first)}))?"


def _capitals(unit: str) -> str:
    """`kib` -> `KiB`, `mbit` -> `Mbit`."""
    if unit.endswith("bit"):
        return unit[:-3].capitalize() + "bit"
    return unit[:-1].capitalize() + unit[-1:].upper()


def date_pattern(low: date | None, high: date | None) -> str:
    """The dates from `low` to `high`; the days of a month are `format`'s to check."""
    least, most = (low or date.min).isoformat(), (high or date.max).isoformat()
    return _between(least, most)


def _between(low: str, high: str) -> str:
    """The texts of digits, and of what both have between them, from `low` to `high`; both are of one length."""
    if low == high:
        return low
    if low[0] == high[0]:
        return low[0] + _between(low[1:], high[1:])
    first, last = int(low[0]), int(high[0])
    found = [low[0] + _between(low[1:], _filled(low[1:], "9")), high[0] + _between(_filled(high[1:], "0"), high[1:])]
    if first + 1 < last:
        found.append(f"[{first + 1}-{last - 1}]{_any(low[1:])}")
    return f"(?:{'|'.join(found)})"


def _filled(text: str, digit: str) -> str:
    return "".join(digit if char.isdigit() else char for char in text)


def _any(text: str) -> str:
    return "".join("[0-9]" if char.isdigit() else char for char in text)


def ipv4_network_pattern() -> str:
    """Addresses without bits beyond their prefix, which says how many of them count; without one, all do."""
    ways = [f"{IPV4}(?:/32)?"]
    for whole in range(4):  # bytes that count as a whole
        before, after = rf"{_BYTE}\." * whole, r"\.0" * (3 - whole)
        for bits in range(8):
            step = 256 >> bits
            values = "|".join(str(value) for value in range(0, 256, step))
            ways.append(f"{before}(?:{values}){after}/{8 * whole + bits}")
    return f"(?:{'|'.join(ways)})"


_LAST_DIGIT = {1: "[08]", 2: "[048cC]", 3: "[02468aceACE]"}  # with so many bits that count


def ipv6_network_pattern() -> str:
    """Likewise; what does not count is written as `::`."""
    group = f"{_HEX}{{1,4}}"
    ways = [f"{IPV6}(?:/128)?", "::/0"]
    for whole in range(8):
        ends = [f"{_part(bits)}{'::' if whole < 7 else ''}/{16 * whole + bits}" for bits in range(1, 16)]
        ways.append(f"(?:{group}:){{{whole}}}(?:{'|'.join(ends)})")
        if whole < 7:
            ways.append(f"(?:{group}:){{{whole}}}{group}::/{16 * whole + 16}")
    return f"(?:{'|'.join(ways)})"


def _part(bits: int) -> str:
    """A group whose first bits count."""
    digits, rest = divmod(bits, 4)
    if not rest:
        return f"(?:{_HEX}{{1,{digits}}}{'0' * (4 - digits)}|0)"
    first = f"{_HEX}{{0,{digits}}}" if digits else ""
    return f"(?:{first}{_LAST_DIGIT[rest]}{'0' * (3 - digits)}|0)"


_TAIL = r"[A-Za-z0-9_\-]*"
_NO_PUNYCODE = (  # of labels that begin with `xn--` it takes a table to see if they are any
    rf"[xX](?:[A-MO-Za-mo-z0-9_\-]{_TAIL})?|[xX][nN](?:[A-Za-z0-9_]{_TAIL}|-(?:[A-Za-z0-9_]{_TAIL})?)?"
)
_LABEL = f"(?:[A-WYZa-wyz0-9]{_TAIL}|{_NO_PUNYCODE})"
_TOP_LABEL = f"(?:[A-WYZa-wyz]{_TAIL}|{_NO_PUNYCODE})"  # a name whose last label is a number is an address
_HOST = rf"(?:(?:{_LABEL}\.)*{_TOP_LABEL}|{IPV4}|\[{IPV6}\])"
_PORT = "(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?"
_CHARACTER = r"[A-Za-z0-9._~!$&'()*+,;=:@\-]"
_ESCAPED = f"%{_HEX}{{2}}"
_USER = rf"(?:(?:[A-Za-z0-9._~!$&'()*+,;=:\-]|{_ESCAPED})+@)?"
_PATH = f"(?:/(?:{_CHARACTER}|{_ESCAPED})*)*"
_REST = rf"(?:\?(?:{_CHARACTER}|[/?]|{_ESCAPED})*)?(?:#(?:{_CHARACTER}|[/?]|{_ESCAPED})*)?"

# Schemes that have a host, whatever a type says, and those that have none or one.
HOSTED = "^(?:https?|wss?|ftp|file):"
_HOSTED = ("ftp", "http", "https", "ws", "wss")


def url_pattern(schemes: Iterable[str], *, many_hosts: bool = False) -> str:
    """URLs of one of the schemes, with a host, or several; that of a file may be left out."""
    names = [_literal(scheme) for scheme in sorted(schemes) if scheme != "file"]
    host = f"{_HOST}{_PORT}(?:,{_HOST}{_PORT})*" if many_hosts else f"{_HOST}{_PORT}"
    ways = [f"(?:{'|'.join(names)})://{_USER}{host}{_PATH}{_REST}"] if names else []
    return "|".join([*ways, f"file://(?:{_HOST})?{_PATH}{_REST}"] if "file" in schemes else ways)


def hosted_url_pattern() -> str:
    """URLs of the schemes that `HOSTED` matches."""
    return url_pattern([*_HOSTED, "file"])


def other_url_pattern() -> str:
    """URLs of any other scheme, which may need no host: `mailto:a@b`."""
    character = f"(?:{_CHARACTER}|{_ESCAPED})"
    hostless = f"/?{character}+(?:/{character}*)*"
    return rf"[a-z][a-z0-9+.\-]*:(?://{_USER}{_HOST}{_PORT}{_PATH}{_REST}|{hostless}{_REST})"


def _literal(scheme: str) -> str:
    return scheme.replace("+", r"\+").replace(".", r"\.")


_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]+"
_MAIL = rf"{_ATOM}(?:\.{_ATOM})*@(?:[A-Za-z0-9](?:[A-Za-z0-9\-]*[A-Za-z0-9])?\.)+[A-Za-z]{{2,}}"
_SPECIAL = "(?:arpa|invalid|local|localhost|onion|test)"  # top-level names that no mail goes to


def email_schema(*, is_named: bool = False) -> dict[str, Any]:
    """Addresses that the `email-validator` package takes, alone or after a name: `Ann Lee <ann@lee.org>`."""
    before, end = (r"[A-Za-z][A-Za-z0-9.'\-]*(?: [A-Za-z0-9][A-Za-z0-9.'\-]*)* <", ">") if is_named else ("", "")
    sizes = f"{before}[^@ <]{{1,64}}@[^@>]{{1,64}}{end}"  # so that no label is longer than the 63 it may have
    unlike = [f"\\.{_SPECIAL}{end}$", "@(?:[^@]*\\.)?[A-Za-z0-9\\-]{2}--"]
    return {
        "allOf": [{"pattern": f"^{before}{_MAIL}{end}$"}, {"pattern": f"^{sizes}$"}],
        "not": {"anyOf": [{"pattern": pattern} for pattern in unlike]},
    }
