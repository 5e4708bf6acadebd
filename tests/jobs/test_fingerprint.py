"""A job's settings: the same ones are accepted, and of others it is said what differs."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgen.errors import JobError
from fcgen.jobs.fingerprint import read_fingerprint, refuse_changes, write_fingerprint

values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)
fingerprints = st.dictionaries(st.sampled_from(["model", "schema", "prompt", "options"]), values)


@given(fingerprints, fingerprints)
def test_refused_exactly_if_they_differ(old, new):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_fingerprint(folder, old)
        assert json.dumps(read_fingerprint(folder)) == json.dumps(old)
        refuse_changes(folder, old)
        if json.dumps(old) == json.dumps(new):
            refuse_changes(folder, new)
        else:
            with pytest.raises(JobError, match="begun with other settings"):
                refuse_changes(folder, new)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({"model": "a"}, {"model": "b"}, "model: 'a' -> 'b'"),
        ({"model": "a"}, {"model": "a", "seed": 1}, "seed: nothing -> 1"),
        ({"model": "a", "seed": None}, {"model": "a"}, "seed: None -> nothing"),
        ({"seed": 1}, {"seed": True}, "seed: 1 -> True"),
        ({"schema": {"items": [{"a": 1}]}}, {"schema": {"items": [{"a": 2}, {}]}}, "schema/items/0/a: 1 -> 2"),
        ({"schema": {"a": 1, "b": 2}}, {"schema": {"b": 2, "a": 1}}, "schema: the order ['a', 'b'] -> ['b', 'a']"),
        ({"prompt": "x" * 500 + "old"}, {"prompt": "x" * 500 + "new"}, f"'{'x' * 20}old' -> '{'x' * 20}new'"),
        ({"prompt": "x" * 500}, {"prompt": "x" * 501}, "prompt from character 480 on"),
    ],
)
def test_what_changed(tmp_path, old, new, told):
    write_fingerprint(tmp_path, old)
    with pytest.raises(JobError) as raised:
        refuse_changes(tmp_path, new)
    assert told in str(raised.value)


def test_a_message_stays_short(tmp_path):
    write_fingerprint(tmp_path, {"list": list(range(10_000)), "prompt": "a" * 100_000})
    with pytest.raises(JobError, match="and more") as raised:
        refuse_changes(tmp_path, {"list": list(range(1, 10_001)), "prompt": "b" * 100_000})
    assert len(str(raised.value)) < 3_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is damaged"),
        ("[]", "is damaged"),
        ('{"version": 1}', "is damaged"),
        ('{"version": 1, "fingerprint": []}', "its fingerprint is not an object"),
        ('{"version": 2, "fingerprint": {}}', "is of version 2; this fcgen reads version 1"),
    ],
)
def test_a_file_that_is_something_else(tmp_path, text, message):
    (tmp_path / "job.json").write_text(text)
    with pytest.raises(JobError, match=message):
        read_fingerprint(tmp_path)


def test_no_file(tmp_path):
    with pytest.raises(JobError, match="there is no job in"):
        read_fingerprint(tmp_path)
