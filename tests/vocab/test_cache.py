"""Vocabularies from the cache on disk: they are those that are read anew, whatever happened to the files."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import platformdirs
import pytest
import tokenizers_made
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer

from fcgen.errors import VocabularyError
from fcgen.vocab import Vocabulary, cache, files, tokens

SHARED = Path(__file__).parents[3] / "shared/data/tokenizers"
GIVEN = sorted(path.name for path in SHARED.iterdir()) if SHARED.is_dir() else []
MADE = {"byte-level": tokenizers_made.byte_level(), "spaced": tokenizers_made.sentencepiece_like()}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache, which also keeps small vocabularies."""
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    for module in (files, tokens):
        monkeypatch.setattr(module, "CACHED_FROM", 1)
    return tmp_path / "cache" / "vocabularies"


@pytest.fixture(params=MADE)
def saved(request, tmp_path):
    """A folder with a tokenizer."""
    MADE[request.param].save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


def entries(folder):
    return sorted(folder.glob("*.bin"))


def read(source, **options):
    """The fingerprint of a vocabulary: no other of the same tokens is in use, which would be taken."""
    return Vocabulary.from_tokenizer(source, **options).fingerprint


def outcome(source, **options):
    try:
        return read(source, **options)
    except VocabularyError as error:
        return str(error)


def backend(kind):
    return Tokenizer.from_str(MADE[kind].backend_tokenizer.to_str())


@pytest.mark.parametrize("kind", MADE)
def test_a_tokenizer_is_read_once(folder, kind, monkeypatch):
    anew = read(backend(kind), cache=False)
    assert not folder.exists()
    assert read(backend(kind)) == anew
    assert len(entries(folder)) == 1
    monkeypatch.setattr(tokens, "_strings", lambda *_: pytest.fail("it is read again"))
    assert read(backend(kind)) == anew
    assert read(MADE[kind], stop_ids=()) == anew


def test_a_folder_is_read_once(folder, saved, monkeypatch):
    anew = read(saved, cache=False)
    assert not folder.exists()
    assert read(saved) == read(str(saved / "tokenizer.json")) == anew
    assert len(entries(folder)) == 1
    monkeypatch.setattr(files, "_parsed", lambda *_: pytest.fail("it is parsed again"))
    assert read(saved) == anew


@pytest.mark.parametrize("kind", MADE)
def test_a_folder_is_the_tokenizer_in_it(folder, kind, tmp_path):
    MADE[kind].save_pretrained(tmp_path)
    for _ in range(2):
        assert read(tmp_path, size=900) == read(MADE[kind], size=900)
        assert read(tmp_path, stop_ids=[7]) == read(MADE[kind], stop_ids=[7])


@pytest.mark.parametrize("name", GIVEN)
def test_the_folders_of_models_are_read_alike(folder, name):
    tokenizer = Tokenizer.from_file(str(SHARED / name / "tokenizer.json"))
    anew = read(tokenizer, stop_ids=[2], cache=False)
    for _ in range(2):
        assert read(tokenizer, stop_ids=[2]) == read(SHARED / name, stop_ids=[2]) == anew
    assert len(entries(folder)) == 2


changes = st.lists(
    st.tuples(st.sampled_from(["plain", "special"]), st.text("ab \N{SMILING FACE WITH SUNGLASSES}", min_size=1)),
    max_size=3,
)


@settings(max_examples=30)
@given(st.sampled_from(sorted(MADE)), changes, changes)
def test_a_changed_tokenizer_is_another_one(tmp_path_factory, kind, first, then):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path_factory.getbasetemp() / "changed")
        patch.setattr(tokens, "CACHED_FROM", 1)
        tokenizer = backend(kind)
        for added in (first, then, []):
            tokenizer.add_tokens([AddedToken(text, special=what == "special") for what, text in added])
            assert outcome(tokenizer) == outcome(tokenizer, cache=False)


def test_a_changed_model_is_another_one(folder):
    state = json.loads(MADE["byte-level"].backend_tokenizer.to_str())
    vocab = state["model"]["vocab"]
    read(Tokenizer.from_str(json.dumps(state)))
    one, other = [name for name in vocab if len(name) > 2 and name not in tokenizers_made.SPECIAL][-2:]
    vocab[one], vocab[other] = vocab[other], vocab[one]
    swapped = Tokenizer.from_str(json.dumps(state))
    assert read(swapped) == read(swapped, cache=False)
    assert len(entries(folder)) == 2


def test_what_joining_does_not_tell_is_not_cached(folder):
    """A token that has a space, and an id that has no token."""
    state = json.loads(MADE["byte-level"].backend_tokenizer.to_str())
    vocab = state["model"]["vocab"]
    gap = Tokenizer.from_str(json.dumps(state | {"model": state["model"] | {"vocab": vocab | {"a b": len(vocab) + 1}}}))
    spaced = Tokenizer.from_str(json.dumps(state | {"model": state["model"] | {"vocab": vocab | {"a b": len(vocab)}}}))
    for tokenizer in (gap, spaced):
        assert read(tokenizer) == read(tokenizer) == read(tokenizer, cache=False)
    assert not entries(folder)


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "longer", "other key", "folder"])
def test_a_damaged_file_is_written_again(folder, saved, damage):
    anew = read(saved)
    (path,) = entries(folder)
    whole = path.read_bytes()
    path.unlink()
    match damage:
        case "cut":
            path.write_bytes(whole[: len(whole) // 2])
        case "flipped":
            path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        case "empty":
            path.touch()
        case "longer":
            path.write_bytes(whole + b"\0")
        case "other key":
            cache.store("0" * 64, cache.load(path.stem) or b"other")
            (folder / f"{'0' * 64}.bin").replace(path)
        case "folder":
            path.mkdir()
    assert cache.load(path.stem) is None
    assert read(saved) == anew
    if damage != "folder":
        assert path.read_bytes() == whole


@settings(max_examples=200)
@given(st.binary(max_size=40), st.integers(0, 100), st.integers(1, 255))
def test_an_entry_is_whole_or_not_there(tmp_path_factory, content, place, change):
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.getbasetemp() / "entries"
        patch.setattr(platformdirs, "user_cache_path", lambda *_, **__: root)
        cache.store("key", content)
        assert cache.load("key") == content
        path = root / "vocabularies" / "key.bin"
        whole = bytearray(path.read_bytes())
        whole[place % len(whole)] ^= change
        path.write_bytes(whole)
        assert cache.load("key") is None


def test_another_format_is_read_anew(folder, saved):
    """Also where somebody forgot to count it."""
    anew = read(saved)
    (path,) = entries(folder)
    for content in (b"", b"\0\0\0\0", b"\2\0\0\0{}", b"\2\0\0\0[]", b"\1\0\0\0x" + bytes(99)):
        cache.store(path.stem, content)
        assert read(saved) == anew


@pytest.mark.parametrize("reason", ["no home", "a file is in the way", "read only"])
def test_a_folder_that_cannot_be_written_is_no_error(folder, saved, reason, monkeypatch):
    anew = read(saved, cache=False)
    match reason:
        case "no home":
            monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: Path("~"))
        case "a file is in the way":
            folder.parent.write_bytes(b"")
        case "read only":
            monkeypatch.setattr(cache.tempfile, "mkstemp", lambda **_: (_ for _ in ()).throw(PermissionError()))
    assert read(saved) == read(saved) == anew
    assert not Path("~").exists()


def test_the_folder_is_bounded(folder, monkeypatch):
    monkeypatch.setattr(cache, "MOST_ENTRIES", 3)
    for number in range(5):
        cache.store(f"k{number}", b"x" * 100)
        os.utime(folder / f"k{number}.bin", (number, number))
    cache.load("k2")  # it was used last
    cache.store("k5", b"x" * 100)
    assert {path.stem for path in entries(folder)} == {"k2", "k4", "k5"}
    monkeypatch.setattr(cache, "MOST_BYTES", 150)
    cache.store("k6", b"x" * 100)
    assert [path.stem for path in entries(folder)] == ["k6"]
    monkeypatch.setattr(cache, "MOST_ENTRY_BYTES", 120)
    cache.store("k7", b"x" * 100)
    assert cache.load("k6") is None
    assert [path.stem for path in entries(folder)] == ["k6"]


def test_files_that_were_not_finished_are_removed(folder):
    cache.store("k", b"x")
    for age in (0, 7200):
        path = folder / f".writing-{age}"
        path.touch()
        os.utime(path, (time.time() - age, time.time() - age))
    cache.store("k", b"x")
    assert [path.name for path in folder.iterdir() if path.suffix != ".bin"] == [".writing-0"]


WRITER = """
import sys
from pathlib import Path
import platformdirs
platformdirs.user_cache_path = lambda *_, **__: Path(sys.argv[1])
from fcgen.vocab import cache
for _ in range(100):
    cache.store("k", bytes([int(sys.argv[2])]) * 100_000)
    found = cache.load("k")
    assert found is not None and len(set(found)) == 1 and len(found) == 100_000
"""


def test_several_processes_write_at_once(tmp_path):
    def write(number):
        code = [sys.executable, "-c", WRITER, str(tmp_path), str(number)]
        return subprocess.run(code, check=False, capture_output=True, text=True).stderr

    with ThreadPoolExecutor() as pool:
        assert list(pool.map(write, range(4))) == [""] * 4
    assert [path.name for path in (tmp_path / "vocabularies").iterdir()] == ["k.bin"]


def test_small_vocabularies_are_not_cached(tmp_path, monkeypatch):
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    read(MADE["byte-level"])
    MADE["byte-level"].save_pretrained(tmp_path / "saved")
    read(tmp_path / "saved")
    assert not (tmp_path / "cache").exists()


def test_a_file_that_cannot_be_read_is_named(folder, tmp_path):
    for content in (b"", b"{}", b"\xff", b'{"model": 1}'):
        (tmp_path / "tokenizer.json").write_bytes(content)
        with pytest.raises(VocabularyError, match=r"tokenizer\.json"):
            Vocabulary.from_tokenizer(tmp_path)
    with pytest.raises(VocabularyError, match=r"no/such"):
        Vocabulary.from_tokenizer("no/such")


def test_a_damaged_configuration_is_named(folder, saved):
    for content in (b"", b"[]", b"\xff"):
        (saved / "tokenizer_config.json").write_bytes(content)
        with pytest.raises(VocabularyError, match=r"tokenizer_config\.json"):
            Vocabulary.from_tokenizer(saved)
    (saved / "tokenizer_config.json").unlink()
    assert Vocabulary.from_tokenizer(saved).stop_ids == frozenset()


@pytest.mark.parametrize("eos", [{"content": "<|im_end|>"}, "<|im_end|>", "a", "no token", 7])
def test_the_eos_token_may_be_of_any_form(folder, saved, eos):
    (saved / "tokenizer_config.json").write_text(json.dumps({"eos_token": eos}), encoding="utf-8")
    name = eos["content"] if isinstance(eos, dict) else str(eos)
    expected = Tokenizer.from_file(str(saved / "tokenizer.json")).token_to_id(name) if eos != 7 else None
    for _ in range(2):
        assert Vocabulary.from_tokenizer(saved).stop_ids == {expected} - {None}
