"""Laws of the ledger: what was added is there, in order, whatever happens to the files or to the process."""

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcgen.errors import JobError
from fcgen.jobs import segments
from fcgen.jobs.entry import Entry
from fcgen.jobs.ledger import Counts, Ledger

SETTINGS = {"model": "tiny", "schema": {"type": "object"}}


@pytest.fixture(autouse=True, scope="module")
def small_and_quick():
    """Several segments from a few lines; and no waiting for a disk that no test here takes the power from."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "SEGMENT_LINES", 5)
        patch.setattr(os, "fsync", lambda _: None)
        yield


def ledger_in(folder, *, resume=True):
    return Ledger.create_or_open(folder, SETTINGS, resume=resume)


@contextmanager
def new_folder():
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def row(position, *, name=None, content="c0", failed=False, **data):
    return Entry(position, f"id{position}" if name is None else name, content, failed, data)


def key(entry):
    return entry.position, json.dumps(entry.id), entry.content


class Model:
    """What a ledger should hold, in the obvious way."""

    def __init__(self, lines=()):
        self.lines = list(lines)

    def add(self, entries):
        for entry in entries:
            if self.state(entry) != "done":
                self.lines.append(entry)

    def state(self, entry):
        newest = {one.position: one for one in self.lines}.get(entry.position)
        return None if newest is None or key(newest) != key(entry) else "failed" if newest.failed else "done"

    def entries(self, order):
        newest = {one.position: place for place, one in enumerate(self.lines)}
        places = [newest[position] for position in sorted(newest)] if order == "input" else sorted(newest.values())
        return [self.lines[place] for place in places]


def check(ledger, model, asked):
    for order in ("input", "done"):
        assert list(ledger.entries(order)) == model.entries(order)
    for one in asked:
        assert ledger.state(one.id, one.content, one.position) == model.state(one)
        got = ledger.get(one.id, one.content, one.position)
        assert (got is None) == (model.state(one) is None)
        assert got is None or got in model.lines
        found = ledger.find_content(one.content)
        same = [line for line in {key(line): line for line in model.lines}.values() if line.content == one.content]
        assert found in ([line for line in same if not line.failed] or [None])
    failed = sum(one.failed for one in model.entries("input"))
    assert ledger.counts() == Counts(len(model.entries("input")) - failed, failed)


def fits(ledger, model, asked):
    """Whether the ledger is as the model says, where it may be as one of several say."""
    try:
        check(ledger, model, asked)
    except AssertionError:
        return False
    return True


texts = st.text(max_size=8) | st.text(st.characters(codec=None), max_size=4)  # lone surrogates too
entries = st.builds(
    Entry,
    position=st.integers(0, 6),
    id=st.sampled_from([1, "1", "a", "\ud800 é\n"]),
    content=st.sampled_from(["00", "ff"]),
    failed=st.booleans(),
    data=st.dictionaries(texts, st.integers() | texts | st.floats(allow_nan=False) | st.none(), max_size=2),
)
adds = st.lists(st.lists(entries, max_size=4), max_size=8)


def filled(folder, batches):
    model = Model()
    with ledger_in(folder) as ledger:
        for batch in batches:
            ledger.add(batch)
            model.add(batch)
        check(ledger, model, [one for batch in batches for one in batch])
        assert list(ledger.problems()) == []
    return model


@given(adds)
def test_what_was_added_is_there(batches):
    with new_folder() as folder:
        model = filled(folder, batches)
        for opened in (Ledger.read(folder), ledger_in(folder)):
            with opened:
                check(opened, model, [one for batch in batches for one in batch])
                assert list(opened.problems()) == []


def lines_of(folder):
    """Each stored line: its file, where it begins and ends, and the entry."""
    for path in sorted((folder / "segments").glob("*.jsonl")):
        end = 0
        for line in path.read_bytes().splitlines(keepends=True):
            begin, end = end, end + len(line)
            yield path, begin, end, Entry(**json.loads(line.split(b" ", 2)[2]))


def flip(path, offset, change):
    data = bytearray(path.read_bytes())
    data[offset] ^= change
    path.write_bytes(data)


def check_damaged(folder, possible, asked):
    """Both ways of opening; what is there is one of what may be; missing rows can be done, and then all is well."""
    for way in (Ledger.read, ledger_in):
        with way(folder) as ledger:
            model = next(one for one in possible if fits(ledger, one, asked))
            reported = list(ledger.problems())
    assert all(problem.length > 0 for problem in reported)
    with ledger_in(folder) as ledger:
        ledger.add(asked)
        model.add(asked)
        check(ledger, model, asked)
    with ledger_in(folder) as ledger:
        check(ledger, model, asked)
        assert list(ledger.problems()) == reported
    return reported


some_adds = st.lists(st.lists(entries, min_size=1, max_size=4), min_size=1, max_size=6)
lost_indexes = st.sampled_from(["kept", "deleted", "garbage"])


def damage_index(folder, how):
    index = folder / "index.sqlite"
    if how == "deleted":
        index.unlink()
    elif how == "garbage":
        index.write_bytes(b"SQLite format 3\0" + index.read_bytes()[::-1])


@given(some_adds, st.data(), lost_indexes)
def test_a_flipped_byte_costs_at_most_its_line(batches, data, index):
    asked = [one for batch in batches for one in batch]
    with new_folder() as folder:
        filled(folder, batches)
        lines = list(lines_of(folder))
        path, begin, end, damaged = data.draw(st.sampled_from(lines))
        offset = data.draw(st.integers(begin, end - 1) | st.sampled_from([begin, end - 1]))
        flip(path, offset, data.draw(st.integers(1, 255)))
        damage_index(folder, index)
        rest = Model([entry for at, start, _, entry in lines if (at, start) != (path, begin)])
        whole = [Model([entry for *_, entry in lines])] if offset == end - 1 else []
        assert damaged not in rest.lines or damaged in [entry for *_, entry in lines]
        assert check_damaged(folder, [rest, *whole], asked) != []


@given(some_adds, st.data(), lost_indexes)
def test_a_truncation_costs_the_lines_behind_it(batches, data, index):
    asked = [one for batch in batches for one in batch]
    with new_folder() as folder:
        filled(folder, batches)
        lines = list(lines_of(folder))
        last = lines[-1][0]
        cut = data.draw(st.integers(0, last.stat().st_size))
        os.truncate(last, cut)
        damage_index(folder, index)
        rest = Model([entry for path, _, end, entry in lines if path != last or end <= cut])
        torn = cut not in {0, *(end for path, _, end, _ in lines if path == last)}
        reported = check_damaged(folder, [rest], asked)
        assert [problem.file for problem in reported] == [last.with_suffix(".torn").name] * torn


@settings(max_examples=150)
@given(st.data())
def test_a_damaged_index_is_made_anew(data):
    with new_folder() as folder:
        batches = [[row(n, name=n % 3, content=f"{n % 4}", failed=n % 5 == 0, n=n)] for n in range(12)]
        model = filled(folder, batches)
        index = folder / "index.sqlite"
        size = index.stat().st_size
        for _ in range(data.draw(st.integers(1, 3))):
            flip(index, data.draw(st.integers(0, 120) | st.integers(0, size - 1)), data.draw(st.integers(1, 255)))
        if data.draw(st.booleans()):
            os.truncate(index, data.draw(st.integers(0, size)))
        for way in (Ledger.read, ledger_in, ledger_in):
            with way(folder) as ledger:
                check(ledger, model, [one for batch in batches for one in batch])


def test_every_region_of_the_index_is_watched(tmp_path):
    rows = [row(n, content=f"{n}", failed=n % 5 == 0) for n in range(40)]
    model = filled(tmp_path, [rows])
    index = tmp_path / "index.sqlite"
    whole = index.read_bytes()
    for offset in range(0, len(whole), 211):
        index.write_bytes(whole)
        flip(index, offset, 1)
        with ledger_in(tmp_path) as ledger:
            check(ledger, model, rows)


def test_a_lost_segment_is_reported(tmp_path):
    batches = [[row(n)] for n in range(12)]
    filled(tmp_path, batches)
    (tmp_path / "segments" / "000001.jsonl").unlink()
    with ledger_in(tmp_path) as ledger:
        assert [one.position for one in ledger.entries()] == list(range(5, 12))
        assert [problem.file for problem in ledger.problems()] == ["000001.jsonl"]


def test_a_restored_segment_is_read_again(tmp_path):
    model = filled(tmp_path, [[row(n)] for n in range(12)])
    first = tmp_path / "segments" / "000001.jsonl"
    whole = first.read_bytes()
    flip(first, 60, 1)
    ledger_in(tmp_path).close()
    first.write_bytes(whole)
    with ledger_in(tmp_path) as ledger:
        assert list(ledger.entries()) == model.entries("input")


def test_damage_while_it_is_open_is_an_error(tmp_path):
    with ledger_in(tmp_path) as ledger:
        ledger.add([row(0)])
        flip(tmp_path / "segments" / "000001.jsonl", 30, 1)
        with pytest.raises(JobError, match=r"damaged since the job was opened\. Open the job again"):
            list(ledger.entries())


def test_one_and_the_text_one_are_two_ids(tmp_path):
    with ledger_in(tmp_path) as ledger:
        ledger.add([row(0, name=1)])
        assert ledger.state(1, "c0", 0) == "done"
        assert ledger.state("1", "c0", 0) is None


def test_a_row_that_is_not_json_stores_nothing(tmp_path):
    with ledger_in(tmp_path) as ledger:
        with pytest.raises(JobError, match=r"row 1 \(id 'id1'\) cannot be stored: its data is not JSON"):
            ledger.add([row(0), row(1, when=object())])
        assert ledger.counts() == Counts(0, 0)


def test_a_row_that_is_too_long_stores_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(segments, "LONGEST_LINE", 300)
    with ledger_in(tmp_path) as ledger:
        with pytest.raises(JobError, match="too long") as raised:
            ledger.add([row(0), row(1, text="x" * 300)])
        assert raised.value.limit == 300
        assert raised.value.given > 300
        assert ledger.counts() == Counts(0, 0)
        ledger.add([row(1)])
        assert ledger.counts() == Counts(1, 0)


@given(st.lists(st.tuples(st.sampled_from([1, "1", "a"]), st.sampled_from(["00", "ff"]))))
def test_claims_name_the_first_row_with_the_id(rows):
    with new_folder() as folder:
        for _ in range(2):  # a resumed job reads the input again
            first = {}
            with ledger_in(folder) as ledger:
                for position, (name, content) in enumerate(rows):
                    at, other = first.setdefault(json.dumps(name), (position, content))
                    assert ledger.claim(name, content, position) == (None if other == content else at)


def test_reading_touches_nothing_and_needs_no_lock(tmp_path):
    def seen():
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.rglob("*") if path.is_file()}

    with ledger_in(tmp_path) as writer:
        writer.add([row(0)])
        before = seen()
        with Ledger.read(tmp_path) as reader:
            assert reader.fingerprint == SETTINGS
            assert list(reader.entries()) == [row(0)]
            assert list(reader.problems()) == []
            for forbidden in (lambda: reader.add([row(1)]), lambda: reader.claim("a", "c0", 1)):
                with pytest.raises(JobError, match="open for reading only"):
                    forbidden()
            assert seen() == before
            writer.add([row(1)])
            assert list(reader.entries()) == [row(0)]
        with Ledger.read(tmp_path) as reader:
            assert list(reader.entries()) == [row(0), row(1)]


def test_adding_while_entries_are_read(tmp_path):
    with ledger_in(tmp_path) as ledger:
        ledger.add([row(n) for n in range(3)])
        found = []
        for entry in ledger.entries():
            found.append(entry.position)
            ledger.add([row(entry.position + 10)] if entry.position < 3 else [])
        assert found == sorted(set(found))
        assert found[:3] == [0, 1, 2]


def test_segments_that_cannot_be_read(tmp_path):
    ledger_in(tmp_path).close()
    (tmp_path / "segments" / "000001.jsonl").mkdir()
    for way in (Ledger.read, ledger_in):
        with pytest.raises(JobError, match="cannot open the segments"):
            way(tmp_path)


def test_there_must_be_a_job_to_read(tmp_path):
    with pytest.raises(JobError, match="there is no job in"):
        Ledger.read(tmp_path)


def test_a_job_is_not_begun_twice(tmp_path):
    ledger_in(tmp_path, resume=False).close()
    with pytest.raises(JobError, match=r"there is a job in .* already. Resume it"):
        ledger_in(tmp_path, resume=False)
    ledger_in(tmp_path).close()


def test_rows_without_settings_are_refused(tmp_path):
    filled(tmp_path, [[row(0)]])
    (tmp_path / "job.json").unlink()
    with pytest.raises(JobError, match=r"job.json is missing"):
        ledger_in(tmp_path)


def test_other_settings_are_refused(tmp_path):
    filled(tmp_path, [[row(0)]])
    with pytest.raises(JobError, match="model: 'tiny' -> 'huge'"):
        Ledger.create_or_open(tmp_path, {**SETTINGS, "model": "huge"}, resume=True)
    with ledger_in(tmp_path) as ledger:
        assert list(ledger.entries()) == [row(0)]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JobError, match="cannot write"):
        ledger_in(tmp_path / "file" / "job")


def test_a_second_one_is_told_who_writes(tmp_path):
    with ledger_in(tmp_path), pytest.raises(JobError) as raised:
        ledger_in(tmp_path)
    assert f"being written by process {os.getpid()} on {socket.gethostname()}, since 20" in str(raised.value)
    ledger_in(tmp_path).close()


WRITER = """
import sys
from fcgen.jobs import segments
from fcgen.jobs.entry import Entry
from fcgen.jobs.ledger import Ledger

segments.SEGMENT_LINES = 40
folder, begin = sys.argv[1], int(sys.argv[2])
with Ledger.create_or_open(folder, {"model": "tiny", "schema": {"type": "object"}}, resume=True) as ledger:
    for position in range(begin, begin + 100_000, 8):
        ledger.add([Entry(n, n, "c0", False, {"text": "x" * (n % 9000)}) for n in range(position, position + 8)])
        print(position + 8, flush=True)
"""


def python(code, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True, **options
    )


def test_killed_at_any_moment(tmp_path):
    chance, done = random.Random(0), 0
    for _ in range(6):
        with python(WRITER, tmp_path, done) as writer:
            for _ in range(chance.randrange(1, 30)):
                reported = int(writer.stdout.readline())
            with pytest.raises(JobError, match=f"process {writer.pid} on"):
                ledger_in(tmp_path)
            with Ledger.read(tmp_path) as ledger:
                assert [one.position for one in ledger.entries()][:reported] == list(range(reported))
            writer.kill()
            reported = max([reported, *(int(line) for line in writer.stdout if line.endswith("\n"))])
        with ledger_in(tmp_path) as ledger:
            found = list(ledger.entries())
            done = len(found)
            assert done >= reported
            assert found == [Entry(n, n, "c0", False, {"text": "x" * (n % 9000)}) for n in range(done)]
            assert all(problem.file.endswith(".torn") for problem in ledger.problems())


LIMITED = """
import resource, sys
from fcgen.errors import JobError
from fcgen.jobs.entry import Entry
from fcgen.jobs.ledger import Counts, Ledger

folder, limit = sys.argv[1], int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
with Ledger.create_or_open(folder, {"model": "tiny", "schema": {"type": "object"}}, resume=True) as ledger:
    rows = [Entry(n, n, str(n), False, {"text": "x" * 500}) for n in range(200)]
    added = 0
    try:
        while added < 200:
            ledger.add(rows[added : added + 3])
            added += 3
    except JobError as error:
        said = error
    for _ in range(2):  # and it stays an error as long as the disk is full
        try:
            ledger.add(rows[added:])
        except JobError as error:
            pass
        else:
            raise SystemExit("added more than there is room for")
    print(added, said, flush=True)  # from here on it waits
    input()
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    ledger.add(rows)
    assert [one.position for one in ledger.entries()] == list(range(200))
    assert ledger.counts() == Counts(200, 0)
    assert list(ledger.problems()) == []
"""


@pytest.mark.parametrize("limit", [30_000, 33_333, 45_001, 60_000])
def test_a_write_that_stops_in_the_middle(tmp_path, limit):
    with python(LIMITED, tmp_path, limit, stdin=subprocess.PIPE) as writer:
        added, message = writer.stdout.readline().split(" ", 1)
        assert "What was added to the job before is safe" in message or "What was added to the job is safe" in message
        with Ledger.read(tmp_path) as ledger:
            found = [one.position for one in ledger.entries()]
        assert found == list(range(len(found)))
        assert len(found) >= int(added)
        writer.stdin.write("\n")
        writer.stdin.close()
        assert writer.wait() == 0
    with ledger_in(tmp_path) as ledger:
        assert ledger.counts() == Counts(200, 0)
        assert list(ledger.problems()) == []


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if (
        mount is None
        or subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=False).returncode
    ):
        pytest.skip("no file system of a limited size can be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk(small_disk):
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(300_000))
    folder = small_disk / "job"
    with ledger_in(folder) as ledger:
        position = 0
        with pytest.raises(JobError, match=r"(No space left|disk is full).*is safe. Make room"):
            for position in range(10_000):
                ledger.add([row(position, content=f"{position}", text="x" * 1000)])
        assert 100 < position < 9_999
        with Ledger.read(folder) as reader:
            assert [one.position for one in reader.entries()][:position] == list(range(position))
        ballast.unlink()
        ledger.add([row(n, content=f"{n}", text="x" * 1000) for n in range(position + 10)])
        assert [one.position for one in ledger.entries()] == list(range(position + 10))
    with ledger_in(folder) as ledger:
        assert ledger.counts() == Counts(position + 10, 0)
        assert list(ledger.problems()) == []


PEAK = """
import resource, sys
from fcgen.jobs.entry import Entry
from fcgen.jobs.ledger import Ledger

with Ledger.create_or_open(sys.argv[1], {}, resume=False) as ledger:
    for begin in range(0, int(sys.argv[2]), 500):
        ledger.add([Entry(n, n, str(n), False, {"text": "x" * 20}) for n in range(begin, begin + 500)])
        for n in range(begin, begin + 500):
            ledger.claim(n, str(n), n)
    for order in ("input", "done"):
        assert sum(1 for _ in ledger.entries(order)) == int(sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_rows(tmp_path):
    peaks = []
    for count in (5_000, 30_000):
        with python(PEAK, tmp_path / str(count), count) as process:
            peaks.append(int(process.stdout.read()))
        assert process.returncode == 0
    assert peaks[1] <= 1.2 * peaks[0]
