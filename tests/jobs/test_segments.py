"""Laws of the segments: a line is there or not at all, and one that cannot be written leaves no trace."""

import errno
import json
import os
import resource
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgen.errors import JobError
from fcgen.jobs import segments
from fcgen.jobs.segments import Problem, Segments

texts = st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=9)).map(
    lambda one: json.dumps(one).encode()
)
appends = st.lists(st.lists(texts, min_size=1, max_size=3), max_size=6)


@pytest.fixture(autouse=True, scope="module")
def small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "SEGMENT_LINES", 4)
        patch.setattr(segments, "SEGMENT_BYTES", 200)
        yield


@contextmanager
def opened(folder, *, write=True):
    found = Segments(Path(folder), write=write)
    try:
        yield found
    finally:
        found.close()


def all_lines(found):
    return [line for number in found.ends for line in found.lines(number)]


def all_texts(found):
    return [line.text for line in all_lines(found)]


@given(appends)
def test_lines_are_read_as_they_were_appended(batches):
    flat = [text for batch in batches for text in batch]
    with tempfile.TemporaryDirectory() as folder:
        with opened(f"{folder}/segments") as written:
            for batch in batches:
                written.append(batch)
        for write in (False, True):
            with opened(f"{folder}/segments", write=write) as found:
                assert all_texts(found) == flat
                assert [found.read(line.place) for line in all_lines(found)] == flat
                places = [line.place for line in all_lines(found)]
                assert places == sorted(set(places))
                assert list(found.problems()) == []


@given(appends)
def test_a_new_segment_when_one_is_full(batches):
    with tempfile.TemporaryDirectory() as folder, opened(f"{folder}/segments") as written:
        for batch in batches:
            written.append(batch)
        for number in written.ends:
            found = list(written.lines(number))
            size = sum(len(line.raw) for line in found)
            assert 0 < len(found) <= 4
            assert size <= 200 or len(found) <= max(map(len, batches))


def test_segments_grow_on_after_opening(tmp_path):
    for text in (b"1", b"2", b"3", b"4", b"5"):
        with opened(tmp_path) as written:
            written.append([text])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000001.jsonl", "000002.jsonl"]
    assert (tmp_path / "000001.jsonl").read_bytes().count(b"\n") == 4


@contextmanager
def file_size_limit(size):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@given(appends, texts, st.data())
def test_a_write_that_stops_at_any_byte_leaves_no_trace(batches, text, data):
    expected = []
    with tempfile.TemporaryDirectory() as folder, opened(f"{folder}/segments") as written:
        for batch in [*batches, [text]]:
            room = data.draw(st.integers(0, 60))
            with file_size_limit(max([*written.ends.values(), 0]) + room):
                try:
                    written.append(batch)
                except JobError as error:
                    assert "What was added to the job before is safe" in str(error)
                else:
                    expected += batch
            with opened(f"{folder}/segments", write=False) as found:
                assert all_texts(found)[: len(expected)] == expected
        written.append([b"{}"])
        assert all_texts(written) == [*expected, b"{}"]
        assert [written.read(line.place) for line in all_lines(written)] == [*expected, b"{}"]
        assert list(written.problems()) == []


def test_lines_that_are_not_known_to_be_on_the_disk_are_not_there(tmp_path, monkeypatch):
    def fails(_):
        raise OSError(errno.EIO, "Input/output error")

    with opened(tmp_path) as written:
        written.append([b"first"])
        place = all_lines(written)[0].place
        with monkeypatch.context() as patch, pytest.raises(JobError, match="Input/output error"):
            patch.setattr(os, "fsync", fails)
            written.append([b"a longer second"])
        assert written.read(place) == b"first"  # and takes more than that into its buffer
        written.append([b"third"])
        assert all_texts(written) == [b"first", b"third"]
        assert [written.read(line.place) for line in all_lines(written)] == [b"first", b"third"]


@given(appends, st.binary(max_size=80), st.integers(0, 400))
def test_any_bytes_are_read_as_lines_or_as_damage(batches, garbage, at):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "000001.jsonl"
        with opened(folder) as written:
            for batch in batches[:1]:
                written.append(batch)
        old = path.read_bytes() if path.exists() else b""
        at = min(at, len(old))
        path.write_bytes(old[:at] + garbage + old[at:])
        with opened(folder, write=False) as found:
            lines = all_lines(found)
            assert b"".join(line.raw for line in lines) == path.read_bytes()[: found.ends[1]]
            texts = [line.text for line in lines if line.text is not None]
            intact = [text for batch in batches[:1] for text in batch]
            assert [text for text in texts if text not in intact] == []
            assert len(texts) >= len(intact) - 1
            assert all(found.read(line.place) == line.text for line in lines)
            for line in lines:
                assert line.text is not None or list(found.problems()) != []


def test_a_damaged_line_break_costs_nothing(tmp_path):
    with opened(tmp_path) as written:
        written.append([b"one", b"two"])
    path = tmp_path / "000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b"one\n", b"one!"))
    with opened(tmp_path) as found:
        assert all_texts(found) == [b"one", b"two"]
        assert [(one.offset, one.length) for one in found.problems()] == [(0, len(b"01234567 3 one!"))]


def test_an_unfinished_line_is_moved_away(tmp_path):
    with opened(tmp_path) as written:
        written.append([b"one"])
    path = tmp_path / "000001.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + b"12345678 100 {")
    with opened(tmp_path, write=False) as found:
        assert all_texts(found) == [b"one"]
        assert [(one.file, one.offset, one.length) for one in found.problems()] == [(path.name, len(whole), 14)]
    with opened(tmp_path) as found:
        assert path.read_bytes() == whole
        assert (tmp_path / "000001.torn").read_bytes() == b"12345678 100 {"
        assert [(one.file, one.length) for one in found.problems()] == [("000001.torn", 14)]


def test_a_missing_segment(tmp_path):
    with opened(tmp_path) as written:
        written.append([b"one"] * 4)
        written.append([b"two"])
    (tmp_path / "000001.jsonl").unlink()
    with opened(tmp_path) as found:
        assert all_texts(found) == [b"two"]
        assert found.read(1 << 40) is None
        assert list(found.problems()) == [
            Problem("000001.jsonl", 0, 0, "the file is missing, with all rows that were in it")
        ]


def test_a_folder_that_cannot_be_used(tmp_path):
    (tmp_path / "segments").write_text("")
    with pytest.raises(JobError, match="cannot open the segments"):
        Segments(tmp_path / "segments", write=True)
