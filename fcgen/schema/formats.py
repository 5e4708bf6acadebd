r"""The values of JSON Schema's `format` as patterns: `format_pattern("date")` is the ECMA-262 pattern of whole dates.

Every text that a pattern matches satisfies the RFC that the format names and passes `jsonschema`'s draft 2020-12 format
checker; nearly every text of the RFC is matched. Left out are, on purpose: leap seconds and lower case `t` and `z`
(date-time, time: the checker rejects the former, few programs read the latter); quoted local parts and address
literals (email).

They are patterns, not terms, so that they can be spelled as UTF-8 or as the inside of a JSON string.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


def format_pattern(name: str) -> str | None:
    """The pattern that whole texts of a format match; None if the format is not enforced."""
    return FORMATS.get(name)


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
    hour_and_minute = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
    return rf"{hour_and_minute}:[0-5][0-9](?:\.[0-9]+)?(?:Z|[+-]{hour_and_minute})"


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


def _uri() -> str:
    """RFC 3986, appendix A: an absolute or rootless URI with its scheme, query and fragment."""
    plain = r"A-Za-z0-9._~!$&'()*+,;=\-"
    escaped = "%[0-9A-Fa-f]{2}"
    user, name, in_path = (f"(?:[{plain}{more}]|{escaped})" for more in (":", "", ":@"))
    in_query = f"(?:[{plain}:@/?]|{escaped})"
    host = rf"(?:\[(?:{_ipv6()}|v[0-9A-Fa-f]+\.[{plain}:]+)\]|{name}*)"
    authority = f"(?:{user}*@)?{host}(?::[0-9]*)?"
    path = f"//{authority}(?:/{in_path}*)*|/?(?:{in_path}+(?:/{in_path}*)*)?"
    return rf"[A-Za-z][A-Za-z0-9+.\-]*:(?:{path})(?:\?{in_query}*)?(?:#{in_query}*)?"


def _email() -> str:
    """RFC 5321, section 4.1.2: a dot-string, `@`, a domain."""
    atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
    label = "[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*"
    return rf"{atom}(?:\.{atom})*@{label}(?:\.{label})*"


def _uuid() -> str:
    return "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"


FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "date": _date(),
        "time": _time(),
        "date-time": f"{_date()}T{_time()}",
        "uuid": _uuid(),
        "email": _email(),
        "ipv4": _ipv4(),
        "uri": _uri(),
    }
)

EXACT = frozenset(["uuid"])
ANNOTATIONS: frozenset[str] = frozenset(["binary", "byte"])

OUTER: Mapping[str, str] = MappingProxyType({"uuid": _uuid()})
