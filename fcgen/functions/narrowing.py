"""Pydantic's types whose JSON Schema says too little -> schemas of what it accepts, or a note of what is left to it.

Pydantic validates by its core schema, and writes a JSON Schema that is wider: `UUID4` is any string (no validator
knows the format `uuid4`), a `date` has no bounds, a validator of the user's own leaves no trace. Each function here is
given the core schema of one type and its JSON Schema, and gives a JSON Schema of nothing but what Pydantic accepts.
Where none can say it (a file that must exist, a validator that is any code), the schema gets a note, which `take_notes`
takes out of it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from enum import Enum
from typing import Any

from pydantic import PydanticInvalidForJsonSchema

from fcgen.functions.patterns import pydantic_pattern
from fcgen.functions.string_patterns import (
    DURATION,
    HOSTED,
    IPV4,
    IPV6,
    LOCAL_DATE_TIME,
    LOCAL_TIME,
    base64_pattern,
    byte_size_pattern,
    date_pattern,
    email_schema,
    hosted_url_pattern,
    ipv4_network_pattern,
    ipv6_network_pattern,
    other_url_pattern,
    url_pattern,
    uuid_pattern,
)
from fcgen.place import Place
from fcgen.place import pointer as spelled

Schema = dict[str, Any]

NOTE = "x-left-to-pydantic"
_BOUNDS = ("gt", "ge", "lt", "le")


def noted(made: Schema, what: str) -> Schema:
    """The schema, with a note of what is left to Pydantic."""
    notes = made.get(NOTE, [])
    return made if what in notes else {**made, NOTE: [*notes, what]}


def with_pattern(made: Schema, pattern: str) -> Schema:
    """The schema, of whole texts of the pattern alone."""
    found = f"^(?:{pattern})$"
    if made.get("pattern", found) == found:
        return {**made, "pattern": found}
    return {**made, "allOf": [*made.get("allOf", []), {"pattern": found}]}


def take_notes(schema: Any, place: Place = "") -> Iterator[str]:
    """Take the notes out of a schema, each with its JSON pointer."""
    if isinstance(schema, dict):
        for what in schema.pop(NOTE, ()):
            yield f"at {spelled(place) or 'the root'}: {what} is left to Pydantic"
    for key, part in schema.items() if isinstance(schema, dict) else enumerate(schema):
        if isinstance(part, dict | list):
            yield from take_notes(part, (place, key))


def narrow_uuid(core: Any, made: Schema) -> Schema:
    """Narrow a UUID to the version that the type names, if any."""
    return with_pattern(made, uuid_pattern(core["version"])) if core.get("version") else made


def narrow_date(core: Any, made: Schema) -> Schema:
    """Narrow a date to its bounds; that it is past or future changes daily, and is left to Pydantic."""
    if core.get("now_op"):
        made = noted(made, f"that it is in the {core['now_op']}")
    bounds = [core.get(name) for name in _BOUNDS]
    if made.get("type") != "string":
        return noted(made, "that it is a date")
    if made.get("format") != "date" or bounds == [None] * 4:
        return made
    if any(type(bound) is not date for bound in bounds if bound is not None):
        return noted(made, "that it is within its bounds")
    above, least, below, most = bounds
    low = max([date.min, *([least] if least else []), *([above + timedelta(1)] if above else [])])
    high = min([date.max, *([most] if most else []), *([below - timedelta(1)] if below else [])])
    if low > high:
        raise PydanticInvalidForJsonSchema("a date that no day is, with such bounds")
    return with_pattern(made, date_pattern(low, high))


def narrow_date_time(core: Any, made: Schema) -> Schema:
    """With an offset, or without one, as its type says."""
    return _moment(core, made, "date-time", LOCAL_DATE_TIME)


def narrow_time(core: Any, made: Schema) -> Schema:
    """Likewise."""
    return _moment(core, made, "time", LOCAL_TIME)


def _moment(core: Any, made: Schema, name: str, local: str) -> Schema:
    """JSON Schema's formats demand an offset, which few people write and few types ask for."""
    if made.get("type") != "string":
        return noted(made, "that it is a time")
    if made.get("format") != name:
        return made
    wanted = core.get("tz_constraint")
    rest = {key: value for key, value in made.items() if key != "format"}
    if wanted == "naive":
        made = with_pattern(rest, local)
    elif wanted is None:
        made = {**rest, "anyOf": [{"format": name}, {"pattern": f"^{local}$"}]}
    elif wanted != "aware":
        made = noted(made, f"that its offset is of {wanted} seconds")
    if core.get("now_op"):
        made = noted(made, f"that it is in the {core['now_op']}")
    return noted(made, "that it is within its bounds") if any(core.get(name) is not None for name in _BOUNDS) else made


def narrow_duration(core: Any, made: Schema) -> Schema:
    """Narrow a duration to those that `timedelta` can hold."""
    if made.get("type") == "number":
        most = timedelta.max // timedelta(seconds=1)
        made = {"minimum": -most, "maximum": most, **made}
    else:
        made = with_pattern(made, DURATION)
    return noted(made, "that it is within its bounds") if any(core.get(name) is not None for name in _BOUNDS) else made


def narrow_text(core: Any, made: Schema, config: Any) -> Schema:
    """Without whitespace around it where its length, or its pattern, is that of what is left without it."""
    if core.get("pattern") is not None:
        made = {**made, "pattern": pydantic_pattern(core, config)}
    for keyword, most in (("minLength", config.str_min_length or None), ("maxLength", config.str_max_length)):
        made = made if most is None else {keyword: most, **made}
    strips = core.get("strip_whitespace", config.str_strip_whitespace)
    if strips and ("pattern" in made or made.get("minLength")):
        edge = r"[^\s\x85\x1c-\x1f]"
        made = with_pattern(made, rf"(?:{edge}(?:[\s\S]*{edge})?)?")
    return with_pattern(made, r"[\x00-\x7f]*") if core.get("ascii_only") else made


def narrow_bytes(core: Any, made: Schema, config: Any) -> Schema:
    """Narrow bytes to their encoding; where their length is limited, to characters of one byte each."""
    encoding = getattr(config, "val_json_bytes", "utf8")
    if encoding != "utf8":
        pattern = f"(?:{'[0-9A-Fa-f]{2}'})*" if encoding == "hex" else base64_pattern(is_url=True)
        made = with_pattern(made, pattern)
        return noted(made, "its length") if "minLength" in made or "maxLength" in made else made
    return with_pattern(made, r"[\x00-\x7f]*") if core.get("max_length") is not None else made


def narrow_url(core: Any, made: Schema) -> Schema:
    """Narrow a URL to the schemes that its type allows, with a host."""
    many = core["type"] == "multi-host-url"
    rest = {**made, "format": "uri"} if not many else {key: made[key] for key in made if key != "format"}
    if core.get("allowed_schemes"):
        return with_pattern(rest, url_pattern(core["allowed_schemes"], many_hosts=many))
    other = {"not": {"pattern": HOSTED}, **_text(other_url_pattern())}
    return {**rest, "anyOf": [_text(hosted_url_pattern()), other]}


def narrow_set(core: Any, made: Schema) -> Schema:
    """Narrow a set to items that Python can hash and tell apart."""
    items = core.get("items_schema", {"type": "any"})
    if not made.get("items"):
        made = {**made, "items": {"type": ["string", "number", "boolean", "null"]}}
    elif not _is_hashable(items):
        made = noted(made, "that its items can be hashed")
    if (core.get("min_length") or 0) > 1 and items["type"] not in ("str", "int", "enum", "uuid"):
        made = noted(made, "how many of its items differ")
    return made


def _is_hashable(core: Any) -> bool:
    """Whether what Pydantic makes by a core schema is sure to have a hash."""
    kind = core["type"]
    if kind in _HASHABLE:
        return True
    if kind in ("model", "dataclass"):
        return core["cls"].__hash__ is not None
    parts = [core[key] for key in ("schema", "lax_schema", "json_schema") if key in core][:1]
    if kind == "tuple":
        parts = core["items_schema"]
    elif kind == "union":
        parts = [each[0] if isinstance(each, tuple) else each for each in core["choices"]]
    elif kind == "function-plain":
        return _name(core["function"]["function"]) in _OWN_FUNCTIONS
    return bool(parts) and all(map(_is_hashable, parts))


_HASHABLE = frozenset(
    {"bool", "bytes", "complex", "date", "datetime", "decimal", "enum", "float", "fraction", "frozenset", "int"}
    | {"literal", "multi-host-url", "none", "str", "time", "timedelta", "url", "uuid"}
)


def narrow_literal(core: Any, made: Schema) -> Schema:
    """Narrow a literal to values of JSON: of an Enum's members, those that are strings or numbers themselves."""
    expected = core["expected"]
    rest = [value for value in expected if not isinstance(value, Enum) or isinstance(value, str | int | float)]
    if len(rest) == len(expected):
        return made
    if not rest:
        return noted(made, "that its values are members of an Enum")
    return {"enum": [value.value if isinstance(value, Enum) else value for value in rest]}


def note_function(core: Any, made: Schema) -> Schema:
    """Narrow to what a validator accepts, which is only known of Pydantic's own ones."""
    function = core["function"]["function"]
    name = _name(function)
    own = _OWN_FUNCTIONS.get(name)
    return noted(made, f"what {name[1]} makes of it") if own is None else own(function, made)


def _name(function: Any) -> tuple[str | None, str]:
    return getattr(function, "__module__", None), getattr(function, "__qualname__", type(function).__name__)


def _as_it_is(_: Any, made: Schema) -> Schema:
    return made


def _noting(what: str) -> Callable[[Any, Schema], Schema]:
    return lambda _, made: noted(made, what)


def _whole(_: Any, made: Schema) -> Schema:
    """A term of Outlines, whose pattern is that of the whole."""
    return {**made, "pattern": f"^(?:{made['pattern']})$"} if "pattern" in made else made


def _decoding(function: Any, made: Schema) -> Schema:
    """Base64, in the alphabet that the encoder has."""
    encoder = getattr(getattr(function, "__self__", None), "encoder", None)
    is_url = {"Base64Encoder": False, "Base64UrlEncoder": True}.get(getattr(encoder, "__name__", ""))
    if is_url is None or getattr(encoder, "__module__", "") != "pydantic.types":
        return noted(made, f"what {function.__qualname__} makes of it")
    return with_pattern(made, base64_pattern(is_url=is_url))


def _decoding_text(function: Any, made: Schema) -> Schema:
    return noted(_decoding(function, made), "that it decodes to UTF-8")


def _byte_size(function: Any, made: Schema) -> Schema:
    pattern = f"^(?:{byte_size_pattern(function.__self__.byte_sizes)})$"
    text = {"type": "string", "pattern": pattern}
    return {**made, "anyOf": [text, *(each for each in made.get("anyOf", []) if each.get("type") != "string")]}


_TYPES, _NETWORKS, _VALIDATORS = "pydantic.types", "pydantic.networks", "pydantic._internal._validators"
_GENERATION = "pydantic._internal._generate_schema"

# Those of Pydantic's own functions that refuse nothing but what its JSON Schema, or `FORMATS`, says.
_OWN_FUNCTIONS: dict[tuple[str | None, str], Callable[[Any, Schema], Schema]] = {
    (_TYPES, "EncodedBytes.decode"): _decoding,
    (_TYPES, "EncodedStr.decode_str"): _decoding_text,
    (_TYPES, "ByteSize._validate"): _byte_size,
    (_TYPES, "PathType.validate_file"): _noting("that it is a file that is there"),
    (_TYPES, "PathType.validate_directory"): _noting("that it is a directory that is there"),
    (_TYPES, "PathType.validate_new"): _noting("that it is new, in a directory that is there"),
    (_TYPES, "PathType.validate_socket"): _noting("that it is a socket that is there"),
    (_TYPES, "PaymentCardNumber.validate"): lambda _, made: noted(
        with_pattern(made, "[0-9]{12,19}"), "its check digit"
    ),
    (_TYPES, "SecretStr"): _as_it_is,
    (_TYPES, "SecretBytes"): _as_it_is,
    (_TYPES, "Secret.__get_pydantic_core_schema__.<locals>.<lambda>"): _as_it_is,
    (_TYPES, "Secret.__get_pydantic_core_schema__.<locals>.validate_secret_value"): _as_it_is,
    (_NETWORKS, "_BaseUrl.__get_pydantic_core_schema__.<locals>.wrap_val"): _as_it_is,
    (_NETWORKS, "_BaseMultiHostUrl.__get_pydantic_core_schema__.<locals>.wrap_val"): _as_it_is,
    (_NETWORKS, "IPvAnyAddress._validate"): _as_it_is,
    (_NETWORKS, "IPvAnyInterface._validate"): _as_it_is,
    (_NETWORKS, "IPvAnyNetwork._validate"): _as_it_is,
    (_NETWORKS, "EmailStr._validate"): lambda _, made: {**made, **email_schema()},
    (_NETWORKS, "NameEmail._validate"): _as_it_is,
    (_VALIDATORS, "ip_v4_address_validator"): _as_it_is,
    (_VALIDATORS, "ip_v6_address_validator"): _as_it_is,
    (_VALIDATORS, "ip_v4_network_validator"): _as_it_is,
    (_VALIDATORS, "ip_v6_network_validator"): _as_it_is,
    (_VALIDATORS, "ip_v4_interface_validator"): _as_it_is,
    (_VALIDATORS, "ip_v6_interface_validator"): _as_it_is,
    (_VALIDATORS, "pattern_either_validator"): _as_it_is,
    (_VALIDATORS, "pattern_str_validator"): _as_it_is,
    (_VALIDATORS, "sequence_validator"): _as_it_is,
    (_VALIDATORS, "import_string"): _noting("that it names what can be imported"),
    (_VALIDATORS, "validate_str_is_valid_iana_tz"): _noting("that it is a time zone that is known here"),
    (_GENERATION, "GenerateSchema._path_schema.<locals>.path_validator"): _as_it_is,
    ("outlines.types.dsl", "Term.__get_pydantic_core_schema__.<locals>.<lambda>"): _whole,
    ("pydantic.color", "Color._validate"): _as_it_is,
    ("pydantic_extra_types.color", "Color._validate"): _as_it_is,
}


def _text(pattern: str) -> Schema:
    return {"pattern": f"^(?:{pattern})$"}


# What the formats that only Pydantic has mean; most are a name that no validator knows.
FORMATS: dict[str, Schema] = {
    **{f"uuid{version}": {"format": "uuid"} for version in range(1, 9)},
    "base64": {},
    "base64url": {},
    "name-email": {"anyOf": [email_schema(), email_schema(is_named=True)]},
    "ipv4interface": _text(rf"{IPV4}(?:/(?:[12]?[0-9]|3[0-2]))?"),
    "ipv4network": _text(ipv4_network_pattern()),
    "ipv6interface": _text(rf"{IPV6}(?:/(?:[1-9]?[0-9]|1[01][0-9]|12[0-8]))?"),
    "ipv6network": _text(ipv6_network_pattern()),
    "ipvanyaddress": {"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]},
}
FORMATS["ipvanyinterface"] = {"anyOf": [FORMATS["ipv4interface"], FORMATS["ipv6interface"]]}
FORMATS |= {  # older versions of Pydantic give these without asking for their function
    f"{kind}-path": {"format": f"{kind}-path", NOTE: [f"that it is a {kind} that is there"]}
    for kind in ("file", "directory")
}
FORMATS["zoneinfo"] = {NOTE: ["that it is a time zone that is known here"]}
FORMATS["ipvanynetwork"] = {"anyOf": [FORMATS["ipv4network"], FORMATS["ipv6network"]]}


def read_format(made: Schema) -> Schema:
    """The schema without a format that only Pydantic has, but with what it means."""
    known = FORMATS.get(made["format"]) if isinstance(made.get("format"), str) else None
    if known is None or ("format" in known and known.items() <= made.items()):
        return made
    rest = {key: value for key, value in made.items() if key != "format"}
    if "pattern" in known and "pattern" in rest:
        return {**rest, "allOf": [*rest.get("allOf", []), known]}
    return {**rest, **known}
