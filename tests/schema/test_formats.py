"""Formats against the libraries that jsonschema asks, and against the calendar."""

import calendar
import json
import random
import re
from datetime import date, timedelta, timezone

import idna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from walking import accepts, sample

from fcgen.errors import UnsupportedKeyword
from fcgen.grammar.characters import json_chars, utf8
from fcgen.grammar.regex import read_pattern
from fcgen.schema import compile_schema
from fcgen.schema.formats import _PUNYCODE, FORMATS, OUTER, _a_label, format_pattern

CHECKER = Draft202012Validator.FORMAT_CHECKER
NAMES = sorted(set(FORMATS) - {"color", "host-name", "ip-address"})


def has_format(name, text, spell=utf8):
    data = text if spell is utf8 else json.dumps(text, ensure_ascii=False)[1:-1]
    return accepts(read_pattern(format_pattern(name), spell), data.encode())


def conforms(text, name):
    """As the checker says; but in an IRI it refuses addresses with `::`, which RFC 3986 has and the official suite."""
    if name.startswith("iri"):
        text = re.sub(
            r"\[([0-9A-Fa-f:.]*::[0-9A-Fa-f:.]*)\]",
            lambda found: "[1:2:3:4:5:6:7:8]" if CHECKER.conforms(found[1], "ipv6") else found[0],
            text,
        )
    return CHECKER.conforms(text, name)


def test_the_formats_are_these_and_jsonschema_checks_each():
    assert set(FORMATS) == set(OUTER)
    assert set(NAMES) == set(CHECKER.checkers) - {"color"}
    assert format_pattern("colour") is None


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=300)
@given(st.randoms(use_true_random=False), st.integers(0, 60))
def test_samples_pass_the_checker(name, rng, steps):
    text = sample(read_pattern(format_pattern(name)), rng, steps).decode()
    assert conforms(text, name), text
    assert has_format(name, text, json_chars)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"idn-email", "hostname"}))  # large classes; a lookahead
@settings(max_examples=40)
@given(st.data())
def test_what_re_makes_of_the_pattern_passes_the_checker(name, data):
    text = data.draw(st.from_regex(format_pattern(name), fullmatch=True))
    assert has_format(name, text)
    assert conforms(text, name), text


@pytest.mark.parametrize("name", NAMES)
@given(st.data(), st.integers(0, 40), st.characters(codec="utf-8") | st.sampled_from("0123456789-:.@/#%TZ+ "))
def test_texts_one_character_off_are_accepted_only_if_the_checker_agrees(name, data, place, char):
    text = sample(read_pattern(format_pattern(name)), random.Random(data.draw(st.integers(0, 999))), 20).decode()
    changed = text[:place] + char + text[place + data.draw(st.integers(0, 1)) :]
    assert has_format(name, changed) <= conforms(changed, name), changed


@pytest.mark.parametrize("name", sorted(OUTER))
@settings(max_examples=40)
@given(st.data(), st.integers(0, 40), st.text("0aZ.:-/@#%+PTé\n(", max_size=4))
def test_what_is_surely_not_of_a_format_fails_the_checker(name, data, place, insert):
    text = sample(read_pattern(format_pattern(name)), random.Random(data.draw(st.integers(0, 999))), 20).decode()
    changed = text[:place] + insert + text[place + data.draw(st.integers(0, 3)) :]
    surely_not = not accepts(read_pattern(OUTER[name], utf8), changed.encode())
    assert not (surely_not and CHECKER.conforms(changed, name) and name in CHECKER.checkers), changed


NEGATED = [
    ({"oneOf": [{"format": "hostname"}, {"pattern": "^xn--[a-z0-9]+$"}]}, ["xn--nxasmq6b", "xn--a", "a"]),
    ({"not": {"format": "email", "pattern": "^a@b_c$"}}, ["a@b_c", "a@b_d"]),
    ({"not": {"not": {"format": "regex", "minLength": 3, "maxLength": 3}}}, ["(((", "abc"]),
    ({"not": {"not": {"format": "uri-template", "minLength": 3, "maxLength": 3}}}, ["{{{", "abc"]),
    ({"not": {"oneOf": [{"format": "regex"}, {"minLength": 3, "maxLength": 3}]}}, ["(((", "abc"]),
    ({"anyOf": [{"not": {"format": "regex"}}, {"const": "x"}]}, ["(", "x"]),
    ({"not": {"format": "date", "minLength": 11}}, ["2020-01-01", "2020-01-01x"]),
    ({"if": {"format": "hostname"}, "then": {"maxLength": 4}}, ["xn--nxasmq6b", "a.b", "abcdef"]),
]


@pytest.mark.parametrize(("schema", "texts"), NEGATED, ids=[json.dumps(schema)[:60] for schema, _ in NEGATED])
def test_nothing_invalid_is_accepted_where_a_format_is_negated(schema, texts):
    schema = {"type": "string", **schema}
    judge = Draft202012Validator(schema, format_checker=CHECKER)
    root = compile_schema(schema).root
    for text in texts:
        assert accepts(root, json.dumps(text).encode()) <= judge.is_valid(text), text


@pytest.mark.parametrize("schema", [{"const": "a@b_c"}, {"not": {"const": "a@b_c", "format": "email"}}])
def test_a_value_of_which_it_is_not_sure_whether_it_is_of_a_format_is_refused(schema):
    with pytest.raises(UnsupportedKeyword, match="not sure whether 'a@b_c'") as caught:
        compile_schema({"type": "string", "format": "email", **schema})
    assert caught.value.keyword == "format"


def test_a_format_that_only_some_texts_are_surely_not_of():
    with pytest.raises(UnsupportedKeyword, match="no text is sure to be a string not of format 'regex'"):
        compile_schema({"type": "string", "not": {"format": "regex"}})


def test_formats_that_nobody_knows_are_annotations_and_are_told():
    unknown = compile_schema({"type": "string", "format": "colour"})
    assert unknown.notes == ("at /format: the format 'colour' is not known, and asserts nothing",)
    assert ("format", "annotation") in unknown.uses
    known = compile_schema({"type": "string", "format": "int32"})
    assert known.notes == ()
    assert ("format", "annotation") in known.uses


@pytest.mark.parametrize("year", [1, 4, 100, 400, 1600, 1700, 1999, 2000, 2023, 2024, 2100, 9999])
def test_dates_are_exactly_the_days_of_the_calendar(year):
    days = {
        f"{year:04}-{month:02}-{day:02}"
        for month in range(1, 13)
        for day in range(1, calendar.monthrange(year, month)[1] + 1)
    }
    written = (f"{year:04}-{month:02}-{day:02}" for month in range(20) for day in range(40))
    assert {text for text in written if has_format("date", text)} == days


@given(st.integers(0, 9999), st.sampled_from(["02-28", "02-29", "02-30", "12-31"]))
def test_leap_years_are_exact(year, day):
    try:
        date.fromisoformat(f"{year:04}-{day}")
    except ValueError:
        assert not has_format("date", f"{year:04}-{day}")
    else:
        assert has_format("date", f"{year:04}-{day}")


offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=offsets))
def test_every_moment_is_a_date_time(moment):
    text = moment.isoformat()
    assert has_format("date-time", text)
    assert has_format("date", text[:10])
    assert has_format("time", text[11:])


@given(st.uuids(), st.booleans())
def test_every_uuid_is_one_in_either_case(uuid, upper):
    assert has_format("uuid", str(uuid).upper() if upper else str(uuid))
    assert not has_format("uuid", uuid.hex)


WITH_ACCENT = "ßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿ"
plain_letters = st.text("abcxyz019", max_size=9)


@given(plain_letters, st.sampled_from(WITH_ACCENT), plain_letters)
def test_every_label_with_one_accent_is_a_host_name(before, letter, after):
    label = idna.encode(before + letter + after).decode()
    assert has_format("hostname", label)
    assert has_format("hostname", f"www.{label}.example")


@given(st.randoms(use_true_random=False), st.integers(5, 26), st.integers(4, 26), st.sampled_from(_PUNYCODE + "-"))
def test_a_labels_are_those_of_idna(rng, steps, place, char):
    label = sample(read_pattern(_a_label()), rng, steps).decode()
    for text in (label, label[:place] + char + label[place:], label[:place] + char + label[place + 1 :]):
        if text.startswith("xn--") and has_format("hostname", text):
            assert idna.encode(idna.decode(text)).decode() == text


@pytest.mark.parametrize(
    ("name", "text"),
    [("hostname", "xn--nxasmq6b"), ("idn-hostname", "xn--mnchen-3ya"), ("duration", "PT1.5S"), ("time", "23:59:60Z")],
)
def test_what_formats_leave_out_on_purpose(name, text):
    """As the README says; a host name of several letters beyond ASCII is one, but no short pattern knows which are."""
    assert not has_format(name, text)
    assert accepts(compile_schema({"type": "string"}).root, json.dumps(text).encode())


@given(st.ip_addresses(v=4))
def test_every_ipv4_address_is_one(address):
    assert has_format("ipv4", str(address))


@given(st.ip_addresses(v=6), st.booleans())
def test_every_ipv6_address_can_be_a_host(address, long):
    assert has_format("uri", f"http://[{address.exploded if long else address}]/")


@given(st.emails(domains=st.from_regex(r"[a-z]{1,5}(-[a-z0-9]{1,5})?(\.[a-z]{2,4}){0,2}", fullmatch=True)))
def test_emails_are_emails(text):
    assert has_format("email", text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("time", "12:00:00Z"),
        ("time", "12:00:00z"),
        ("time", "12:00:00.5z"),
        ("hostname", "ec2-12-34-56-78.eu-west-1.compute.amazonaws.com"),
        ("hostname", ".".join("a" * 127)),
        ("hostname", "xn--bcher-kva.example"),
        ("hostname", "www.xn--mnchen-3ya.de"),
        ("hostname", ".".join(["a" * 63] * 3 + ["a" * 61])),
        ("idn-hostname", "Example.COM"),
        ("idn-hostname", "пример.рф"),
        ("time", "23:59:59.123456789+05:30"),
        ("time", "00:00:00-00:00"),
        ("date-time", "2024-02-29T23:59:59.5Z"),
        ("email", "joe.bloggs+tag@example.co.uk"),
        ("email", "te~st@localhost"),
        ("ipv4", "0.0.0.0"),
        ("ipv4", "255.255.255.255"),
        ("uri", "http://foo.bar/?baz=qux#quux"),
        ("uri", "http://-.~_!$&'()*+,;=:%40:80%2f::::::@example.com"),
        ("uri", "ftp://ftp.is.co.za/rfc/rfc1808.txt"),
        ("uri", "ldap://[2001:db8::7]:389/c=GB?objectClass?one"),
        ("uri", "http://[::ffff:192.0.2.128]"),
        ("uri", "http://[v1.fe80::a+en1]/"),
        ("uri", "mailto:John.Doe@example.com"),
        ("uri", "tel:+1-816-555-1212"),
        ("uri", "urn:oasis:names:specification:docbook:dtd:xml:4.1.2"),
        ("uri", "file:///etc/hosts"),
        ("uri", "x:"),
        ("uri", "x:/"),
    ],
)
def test_good_examples(name, text):
    assert CHECKER.conforms(text, name)
    assert has_format(name, text)
    assert has_format(name, text, json_chars)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("date", "0000-01-01"),
        ("date", "2023-02-29"),
        ("date", "1900-02-29"),
        ("date", "2024-1-1"),
        ("date", "2024-01-01\n"),
        ("date", "২০২৪-01-01"),
        ("time", "12:00:00"),
        ("time", "24:00:00Z"),
        ("time", "23:59:60Z"),
        ("time", "12:00:00+24:00"),
        ("date-time", "2024-01-01 12:00:00Z"),
        ("hostname", ".".join("a" * 128)),
        ("hostname", ".".join(["a" * 63] * 3 + ["a" * 62])),
        ("hostname", "a" * 64),
        ("hostname", "ab--cd"),
        ("hostname", "xn--X"),
        ("hostname", "xn--hello-txk"),
        ("email", "joe"),
        ("email", ".joe@example.com"),
        ("email", "joe..b@example.com"),
        ("email", "joe@-example.com"),
        ("email", "joe@example.com."),
        ("ipv4", "256.0.0.1"),
        ("ipv4", "01.0.0.1"),
        ("ipv4", "1.2.3"),
        ("uri", "//foo.bar/"),
        ("uri", "/abc"),
        ("uri", "http:// example"),
        ("uri", "http://[::1"),
        ("uri", "http://[:::1]"),
        ("uri", "http://a/%g0"),
        ("uri", "http://ex\u00e4mple/"),
        ("uri", "1http://a"),
        ("uuid", "2eb8aa08-aa98-11ea-b4aa-73b441d1638"),
        ("uuid", "{2eb8aa08-aa98-11ea-b4aa-73b441d16380}"),
    ],
)
def test_bad_examples(name, text):
    assert not has_format(name, text)
