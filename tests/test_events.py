"""A reply's events: the same whatever the pieces it comes in, and all that the reply says."""

import json

from hypothesis import given
from hypothesis import strategies as st

from fcgen.events import ArgumentDelta, CallComplete, CallStarted, ReplyEvents, TextDelta, ValueComplete
from fcgen.reply import Call

strings = st.text(max_size=12) | st.sampled_from(['"', "\\", "\\\\", '\\"', "\n\t", "é", "🙂", "a\\u00e9", "{[,]}"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | strings,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(strings, inner, max_size=3),
    max_leaves=8,
)
arguments = st.dictionaries(strings, values, max_size=4)
layouts = st.sampled_from([{}, {"separators": (",", ":")}, {"indent": 2}, {"ensure_ascii": False}])


def events_of(written, cuts):
    events, parser = [], ReplyEvents()
    for cut in sorted({cut % (len(written) + 1) for cut in cuts} | {len(written)}):
        events += parser.feed(written[:cut])
    return [*events, *parser.end()]


def joined(events):
    """The events with neighbouring pieces of one string as one piece."""
    found = []
    for event in events:
        last = found[-1] if found else None
        if isinstance(event, ArgumentDelta) and isinstance(last, ArgumentDelta) and last.path == event.path:
            found[-1] = ArgumentDelta(event.path, last.delta + event.delta)
        elif isinstance(event, TextDelta) and isinstance(last, TextDelta):
            found[-1] = TextDelta(last.text + event.text)
        else:
            found.append(event)
    return found


def expected(value, path):
    """The events of a value within the arguments, by definition."""
    if isinstance(value, dict):
        inner = [event for name, item in value.items() for event in expected(item, (*path, name))]
    elif isinstance(value, list):
        inner = [event for i, item in enumerate(value) for event in expected(item, (*path, i))]
    else:
        inner = [ArgumentDelta(path, value)] if isinstance(value, str) and value else []
    return [*inner, *([ValueComplete(path, value)] if path else [])]


@given(arguments, layouts, st.lists(st.integers(0, 10**6), max_size=30))
def test_a_call_in_any_pieces(given_arguments, layout, cuts):
    written = json.dumps({"function": "f", "arguments": given_arguments}, **layout).encode("utf-8", "surrogatepass")
    assert joined(events_of(written, cuts)) == [
        CallStarted("f"),
        *expected(given_arguments, ()),
        CallComplete(Call("f", given_arguments)),
    ]


@given(arguments, layouts)
def test_every_byte_by_itself(given_arguments, layout):
    written = json.dumps({"function": "f", "arguments": given_arguments}, **layout).encode()
    assert joined(events_of(written, range(len(written)))) == joined(events_of(written, []))


@given(st.text(max_size=40), st.lists(st.integers(0, 10**6), max_size=30))
def test_a_text_in_any_pieces(text, cuts):
    if text.lstrip().startswith("{"):
        return
    events = joined(events_of(text.encode(), cuts))
    assert events == ([TextDelta(text)] if text else [])


pieces = ["\\ud83d", "\\uDE00", "\\u0061", "a", "é", "🙂", "\\n", "\\/", "\\\\", "\\uD800"]


@given(st.lists(st.sampled_from(pieces), max_size=6), st.lists(st.integers(0, 10**6), max_size=30))
def test_strings_in_any_spelling_halves_of_surrogate_pairs_included(spelled, cuts):
    string = '"' + "".join(spelled) + '"'
    written = '{"function": "f", "arguments": {"of": ' + string + ", " + string + ": [" + string + "]}}"
    read = json.loads(written)["arguments"]
    assert joined(events_of(written.encode(), cuts)) == [
        CallStarted("f"),
        *expected(read, ()),
        CallComplete(Call("f", read)),
    ]


def test_no_event_is_late():
    """What is known of a string is told with the piece that tells it."""
    parser = ReplyEvents()
    written = b'{"function": "f", "arguments": {"city": "Par'
    assert list(parser.feed(written)) == [CallStarted("f"), ArgumentDelta(("city",), "Par")]
    assert list(parser.feed(written + b"i\\")) == [ArgumentDelta(("city",), "i")]
    assert list(parser.feed(written + b'i\\"s", "n": 1')) == [
        ArgumentDelta(("city",), '"s'),
        ValueComplete(("city",), 'Pari"s'),
    ]
    assert list(parser.feed(written + b'i\\"s", "n": 12}')) == [
        ValueComplete(("n",), 12),
    ]
