"""What may be written for a type is what Pydantic accepts, or there is a note of what is left to it."""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
import json
import random
import re
import uuid
import zoneinfo
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Json,
    PlainValidator,
    StringConstraints,
    Tag,
    TypeAdapter,
    UrlConstraints,
    WrapValidator,
    create_model,
    field_validator,
    model_validator,
)
from typer.testing import CliRunner
from walking import accepts, sample

from fcgen.call import Grammar, check_functions
from fcgen.cli import app
from fcgen.errors import FunctionError
from fcgen.functions import read_functions
from fcgen.functions.string_patterns import date_pattern, ipv4_network_pattern, ipv6_network_pattern
from fcgen.schema import Text, compile_schema

URL_NAMES = ("AnyUrl", "AnyHttpUrl", "HttpUrl", "FileUrl", "WebsocketUrl", "FtpUrl", "PostgresDsn", "CockroachDsn")
URL_NAMES += ("AmqpDsn", "RedisDsn", "MongoDsn", "KafkaDsn", "NatsDsn", "MySQLDsn", "MariaDBDsn")
URL_NAMES += ("ClickHouseDsn", "SnowflakeDsn")
NEWEST = [name for name in ("UUID6", "UUID7", "UUID8") if hasattr(pydantic, name)]


def named(value):
    """The name of a case, which is the same in each process."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


class Color(enum.Enum):
    RED = "red"
    TWO = 2


class Sub(BaseModel):
    id: pydantic.UUID4
    at: pydantic.NaiveDatetime


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)
    a: int


class Stripped(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True, str_min_length=2, str_to_lower=True)
    a: str


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    a: int
    b: float
    c: dt.date
    d: dt.datetime
    e: uuid.UUID
    f: set[int]
    g: tuple[int, str]
    h: bytes
    i: dt.timedelta
    j: ipaddress.IPv4Address


class Hex(BaseModel):
    model_config = ConfigDict(val_json_bytes="hex")
    a: bytes


class Base64(BaseModel):
    model_config = ConfigDict(val_json_bytes="base64")
    a: bytes


class Seconds(BaseModel):
    model_config = ConfigDict(ser_json_timedelta="float")
    a: dt.timedelta


class Cat(BaseModel):
    kind: Literal["cat"]
    id: pydantic.UUID4


class Dog(BaseModel):
    kind: Literal["dog"]
    born: dt.date


T = TypeVar("T")


class Box(BaseModel, Generic[T]):
    value: T


@dataclass
class Page:
    url: pydantic.HttpUrl


DAY = dt.date
URLS = [getattr(pydantic, name) for name in URL_NAMES if hasattr(pydantic, name)]
EXACT = [
    *URLS,
    *(getattr(pydantic, name) for name in ("UUID1", "UUID3", "UUID4", "UUID5", *NEWEST)),
    uuid.UUID,
    pydantic.Base64Bytes,
    pydantic.Base64UrlBytes,
    pydantic.ByteSize,
    pydantic.AwareDatetime,
    pydantic.NaiveDatetime,
    dt.datetime,
    dt.date,
    dt.time,
    dt.timedelta,
    pydantic.condate(gt=DAY(2020, 1, 1), lt=DAY(2021, 1, 1)),
    pydantic.condate(ge=DAY(2020, 2, 28), le=DAY(2020, 3, 1)),
    pydantic.condate(ge=DAY(1999, 12, 31)),
    Annotated[pydantic.AnyUrl, UrlConstraints(max_length=20, allowed_schemes=["ssh"])],
    pydantic.IPvAnyAddress,
    pydantic.IPvAnyInterface,
    pydantic.IPvAnyNetwork,
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
    ipaddress.IPv4Interface,
    ipaddress.IPv6Interface,
    Path,
    bytes,
    pydantic.conbytes(min_length=2, max_length=3),
    re.Pattern,
    pydantic.SecretStr,
    pydantic.SecretBytes,
    pydantic.Secret[int],
    pydantic.StrictStr,
    pydantic.StrictInt,
    pydantic.StrictFloat,
    pydantic.StrictBool,
    pydantic.FiniteFloat,
    pydantic.JsonValue,
    Annotated[str, StringConstraints(strip_whitespace=True, min_length=2)],
    Annotated[str, StringConstraints(strip_whitespace=True, pattern="^.b")],
    Annotated[str, StringConstraints(to_lower=True, pattern="^[a-z]+$")],
    pydantic.conlist(int, min_length=1, max_length=3),
    pydantic.conset(int, min_length=2, max_length=3),
    set,
    set[Color],
    set[Frozen],
    frozenset[tuple[int, str]],
    Sequence[int],
    Iterable[int],
    Literal["a", 1] | None,
    Literal[Color.RED, 1],
    Color,
    int | pydantic.UUID4 | dt.date,
    pydantic.HttpUrl | None,
    dict[pydantic.UUID4, int],
    dict[dt.datetime, int],
    dict[pydantic.HttpUrl, int],
    dict[pydantic.ByteSize, int],
    dict[ipaddress.IPv4Network, int],
    Sub,
    list[Sub],
    Box[pydantic.UUID4],
    Annotated[Cat | Dog, Field(discriminator="kind")],
    Page,
    Stripped,
    Strict,
    Hex,
    Base64,
    Seconds,
]


def even(value):
    if value % 2:
        raise ValueError
    return value


class Odd(BaseModel):
    a: int

    @field_validator("a")
    @classmethod
    def check(cls, value):
        return even(value)


class Whole(BaseModel):
    a: int
    b: int
    next: Whole | None = None

    @model_validator(mode="after")
    def order(self):
        if self.a > self.b:
            raise ValueError
        return self


class Before(BaseModel):
    a: int

    @model_validator(mode="before")
    @classmethod
    def change(cls, value):
        return value


class After(BaseModel):
    a: int

    def model_post_init(self, context): ...


class Init(BaseModel):
    a: int

    def __init__(self, **values):
        super().__init__(**values)


@dataclass
class Post:
    a: int

    def __post_init__(self): ...


def which(value):
    return "cat"


PAST = "that it is in the past"
NOTED = [
    (pydantic.Base64Str, "", "that it decodes to UTF-8"),
    (pydantic.Base64UrlStr, "", "that it decodes to UTF-8"),
    (pydantic.PastDate, "", PAST),
    (pydantic.FutureDate, "", PAST.replace("past", "future")),
    (pydantic.PastDatetime, "", PAST),
    (pydantic.FilePath, "", "that it is a file that is there"),
    (pydantic.DirectoryPath, "", "that it is a directory that is there"),
    (pydantic.NewPath, "", "that it is new, in a directory that is there"),
    (pydantic.ImportString, "", "that it names what can be imported"),
    (zoneinfo.ZoneInfo, "", "that it is a time zone that is known here"),
    (pydantic.PaymentCardNumber, "", "its check digit"),
    (Json[int], "", "that it holds JSON of `contentSchema`"),
    (Annotated[dt.timedelta, Field(gt=dt.timedelta(hours=1))], "", "that it is within its bounds"),
    (Annotated[dt.time, Field(lt=dt.time(12))], "", "that it is within its bounds"),
    (set[list[int]], "", "that its items can be hashed"),
    (set[Seconds], "", "that its items can be hashed"),
    (set[tuple[int, list[int]]], "", "that its items can be hashed"),
    (pydantic.conset(pydantic.HttpUrl, min_length=2), "", "how many of its items differ"),
    (pydantic.conset(Any, min_length=2), "", "how many of its items differ"),
    (Literal[Color.RED], "", "that its values are members of an Enum"),
    (Annotated[int, AfterValidator(even)], "", "what even makes of it"),
    (Annotated[int, BeforeValidator(even)], "", "what even makes of it"),
    (Annotated[int, PlainValidator(even)], "", "what even makes of it"),
    (Annotated[int, WrapValidator(lambda value, inner: inner(value))], "", "what <lambda> makes of it"),
    (list[Annotated[int, AfterValidator(even)]], "/items", "what even makes of it"),
    (dict[pydantic.FilePath, int], "/propertyNames", "that it is a file that is there"),
    (
        Annotated[Annotated[Cat, Tag("cat")] | Annotated[Dog, Tag("dog")], Discriminator(which)],
        "",
        "which of its types is meant",
    ),
]


def function_of(kind):
    def f(x): ...

    f.__annotations__ = {"x": kind}
    return read_functions(f)[0]


def texts_of(function, count=30):
    """Random texts that the grammar of a function's arguments allows."""
    rng, root = random.Random(7), compile_schema(function.parameters, text=Text(whole_fraction=False)).root
    return [sample(root, rng, rng.choice([10, 30, 60])).decode() for _ in range(count)]


def value_of(text):
    """The text of the argument `x`."""
    return text[text.index(":") + 1 : -1]


@pytest.mark.parametrize("kind", EXACT, ids=named)
def test_pydantic_accepts_each_text_of_a_type(kind):
    function, adapter = function_of(kind), TypeAdapter(kind)
    assert function.notes == ()
    for text in texts_of(function):
        adapter.validate_json(value_of(text))


def built_of(inner):
    return (
        inner.map(lambda kind: list[kind])
        | inner.map(lambda kind: kind | None)
        | inner.map(lambda kind: dict[str, kind])
        | st.tuples(inner, inner).map(lambda kinds: tuple[kinds])
        | st.tuples(inner, inner).map(lambda kinds: kinds[0] | kinds[1])
        | inner.map(lambda kind: create_model("Made", field=(kind, ...)))
    )


@settings(max_examples=25)
@given(st.recursive(st.sampled_from(EXACT), built_of, max_leaves=4))
def test_pydantic_accepts_each_text_of_what_is_built_of_types(kind):
    function, adapter = function_of(kind), TypeAdapter(kind)
    assert function.notes == ()
    for text in texts_of(function, 5):
        adapter.validate_json(value_of(text))


CLASSES = [Sub, Cat, Stripped, Strict, Hex, Base64, Seconds, Page, Box[pydantic.UUID4]]


@pytest.mark.parametrize("kind", CLASSES, ids=named)
def test_pydantic_accepts_each_text_of_a_class(kind):
    (function,) = read_functions(kind)
    for text in texts_of(function):
        TypeAdapter(kind).validate_json(text)


@pytest.mark.parametrize(("kind", "at", "what"), NOTED, ids=named)
def test_what_no_schema_can_say_is_noted_by_pointer(kind, at, what):
    function = function_of(kind)
    assert function.notes == (f"at /properties/x{at}: {what} is left to Pydantic",)
    assert "pydantic" not in json.dumps(function.parameters)
    (report,) = check_functions([function])
    assert report.notes[0] == function.notes[0]
    assert f"f: {function.notes[0]}" in Grammar.from_functions(function).notes


@pytest.mark.parametrize(
    ("kind", "notes"),
    [
        (Odd, ["at /properties/a: what Odd.check makes of it"]),
        (Whole, ["at the root: what Whole.order makes of it", "at /$defs/Whole: what Whole.order makes of it"]),
        (Before, ["at the root: what Before.change makes of it"]),
        (After, ["at the root: what model_post_init makes of it"]),
        (Init, ["at the root: what __init__ makes of it"]),
        (Post, ["at the root: what __post_init__ makes of it"]),
    ],
)
def test_validators_of_a_class_are_noted(kind, notes):
    (function,) = read_functions(kind)
    assert function.notes == tuple(f"{note} is left to Pydantic" for note in notes)


def test_check_prints_notes(tmp_path, monkeypatch):
    (tmp_path / "noted_tools.py").write_text("import pydantic\ndef f(x: pydantic.PastDate): ...\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["check", "noted_tools:f"])
    assert result.exit_code == 0
    assert result.stdout.endswith("- note on f, at /properties/x: that it is in the past is left to Pydantic\n")


def test_notes_are_no_part_of_what_a_function_is():
    with_notes, without = function_of(pydantic.PastDate), function_of(dt.date)
    assert with_notes.notes
    assert with_notes == without


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (pydantic.UUID4, ["9b2a5c0e-8f0a-4d0b-9f6c-2b1f0f6f7a55"]),
        (pydantic.Base64Bytes, ["", "aGVsbG8=", "aGk=", "YWJj", "/+A="]),
        (pydantic.Base64UrlBytes, ["-_8="]),
        (pydantic.ByteSize, ["10MB", "1.5 GiB", "512kb", "3000 KiB", "1k", "2 Mbit"]),
        (pydantic.AwareDatetime, ["2024-05-01T10:00:00Z", "2024-05-01T10:00:00.5+02:00"]),
        (pydantic.NaiveDatetime, ["2024-05-01T10:00:00", "2024-05-01 10:00", "2024-02-29T00:00:00.123456"]),
        (dt.datetime, ["2024-05-01T10:00:00", "2024-05-01T10:00:00Z", "2024-05-01 10:00:00"]),
        (dt.time, ["10:00:00", "07:30", "10:00:00Z", "23:59:59.5"]),
        (dt.timedelta, ["PT1H30M", "P1D", "P1DT12H", "PT604800S"]),
        (EXACT[EXACT.index(dt.timedelta) + 1], ["2020-01-02", "2020-06-15", "2020-12-31"]),
        (pydantic.AnyUrl, ["https://a.org/b?c=d#e", "mailto:a@b.co", "urn:isbn:045", "postgres://u:p@h:5432/db"]),
        (pydantic.AnyUrl, ["git+ssh://git@github.com/x/y.git", "file:///etc/hosts", "tel:+1-816", "http://localhost"]),
        (
            pydantic.HttpUrl,
            ["https://example.com", "http://127.0.0.1:8080/x", "https://u:pw@ex-ample.co.uk/a%20b/?q=1"],
        ),
        (pydantic.HttpUrl, ["https://en.wikipedia.org/wiki/Foo_(bar)", "http://[::1]:80/", "https://xkcd.com/#/x"]),
        (pydantic.PostgresDsn, ["postgresql://user:pass@localhost:5432/db", "postgres://a:1,b:2/db"]),
        (pydantic.RedisDsn, ["redis://:pw@localhost:6379/0"]),
        (pydantic.MongoDsn, ["mongodb+srv://u:p@cluster0.mongodb.net/db"]),
        (pydantic.IPvAnyAddress, ["192.168.0.1", "::1", "2001:db8::1"]),
        (pydantic.IPvAnyNetwork, ["10.0.0.0/8", "2001:db8::/32", "192.168.1.128/25"]),
        (ipaddress.IPv6Network, ["fe80::/10", "2001:db8:0:1::/64", "::/0", "::1/128"]),
        (ipaddress.IPv4Interface, ["192.168.0.1/24"]),
        (Stripped.model_fields["a"].annotation, [" a "]),
    ],
    ids=named,
)
def test_what_people_write_of_a_type_is_allowed(kind, texts):
    root = compile_schema(function_of(kind).parameters, text=Text(whole_fraction=False)).root
    for text in texts:
        TypeAdapter(kind).validate_python(text)
        assert accepts(root, json.dumps({"x": text}).encode()), text


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (pydantic.UUID4, ["x", "9b2a5c0e-8f0a-1d0b-9f6c-2b1f0f6f7a55", "9b2a5c0e-8f0a-4d0b-0f6c-2b1f0f6f7a55"]),
        (
            pydantic.HttpUrl,
            ["mailto:a", "http://", "http://a:70000", "http://1.2.3.256", "http://xn--a.com", "ftp://a"],
        ),
        (pydantic.AnyUrl, ["http:", "http://a.1", "a", ""]),
        (pydantic.NaiveDatetime, ["2024-05-01T10:00:00Z", "2023-02-29T10:00:00"]),
        (pydantic.AwareDatetime, ["2024-05-01T10:00:00"]),
        (ipaddress.IPv4Network, ["192.168.1.5/24", "10.0.0.0/33"]),
        (ipaddress.IPv6Network, ["2001:db8::1/32", "::/129"]),
        (pydantic.ByteSize, ["1x", "MB", "-1"]),
        (pydantic.Base64Bytes, ["a", "ab", "a==="]),
        (Annotated[str, StringConstraints(strip_whitespace=True, min_length=2)], [" a", "a "]),
    ],
    ids=named,
)
def test_what_pydantic_refuses_is_not_allowed(kind, texts):
    root = compile_schema(function_of(kind).parameters, text=Text(whole_fraction=False)).root
    assert [text for text in texts if accepts(root, json.dumps({"x": text}).encode())] == []


@given(st.dates(), st.dates(), st.dates())
def test_a_pattern_is_of_the_dates_within_the_bounds_and_no_others(first, second, other):
    low, high = sorted([first, second])
    pattern = re.compile(date_pattern(low, high))
    for each in (low, high, other):
        assert bool(pattern.fullmatch(each.isoformat())) == (low <= each <= high)


@given(st.integers(0, 2**32 - 1), st.integers(0, 32))
def test_ipv4_networks_are_those_without_bits_beyond_the_prefix(number, prefix):
    address = ipaddress.IPv4Address(number)
    network = ipaddress.IPv4Network((number, prefix), strict=False)
    pattern = re.compile(ipv4_network_pattern())
    assert pattern.fullmatch(str(network))
    assert bool(pattern.fullmatch(f"{address}/{prefix}")) == (network.network_address == address)


@given(st.integers(0, 2**128 - 1), st.integers(0, 128))
def test_ipv6_networks_have_no_bits_beyond_the_prefix(number, prefix):
    pattern = re.compile(ipv6_network_pattern())
    network = ipaddress.IPv6Network((number, prefix), strict=False)
    whole = network.network_address.exploded.split(":")[: -(-prefix // 16)]
    assert pattern.fullmatch(f"{':'.join(whole)}{'::' if prefix <= 112 else ''}/{prefix}")
    if ipaddress.IPv6Address(number) != network.network_address:
        assert not pattern.fullmatch(f"{ipaddress.IPv6Address(number)}/{prefix}")


def test_dates_that_no_day_is_are_refused():
    with pytest.raises(FunctionError, match="a date that no day is, with such bounds"):
        function_of(pydantic.condate(gt=DAY(2020, 1, 1), lt=DAY(2020, 1, 2)))


MAILS = ["a@b.co", "john.doe+tag@mail.example.com", "x_y@sub.domain.org", f"{'a' * 64}@b.co"]
NO_MAILS = ["a", "a@b", "@b.co", "a@b.localhost", "a@ab--c.co", "a..b@c.co", f"{'a' * 65}@b.co"]


@pytest.mark.parametrize(
    ("name", "more"),
    [("EmailStr", []), ("NameEmail", ["John Doe <john@doe.org>", "J. R. Smith <x@y.org>"])],
)
def test_addresses_are_those_that_the_validator_takes(name, more):
    pytest.importorskip("email_validator")
    kind = getattr(pydantic, name)
    function, adapter = function_of(kind), TypeAdapter(kind)
    assert function.notes == ()
    for text in texts_of(function):
        adapter.validate_json(value_of(text))
    root = compile_schema(function.parameters).root
    for text in (*MAILS, *more):
        adapter.validate_python(text)
        assert accepts(root, json.dumps({"x": text}).encode()), text
    assert [text for text in NO_MAILS if accepts(root, json.dumps({"x": text}).encode())] == []
