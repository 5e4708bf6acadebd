"""What `load` takes for a model, and what it says of anything else. Nothing here needs a network."""

import json
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch
from llama_made import llama_made
from models_made import tiny_llama
from tokenizers_made import byte_level

import fcgen.models
from fcgen import Server, SteeredEngine
from fcgen.errors import ModelError, OptionError, VocabularyError
from fcgen.models import load


@pytest.fixture(scope="module")
def pair():
    tokenizer = byte_level()
    return tiny_llama(tokenizer), tokenizer


@pytest.fixture(scope="module")
def folder(pair, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "tiny"
    for part in pair:
        part.save_pretrained(path)
    return path


def say(engine):
    return engine.call("Hi", max_new_tokens=8).text


def test_a_pair(pair):
    engine = load(pair)
    assert (engine.model, engine.tokenizer) == pair
    assert engine.format.name == "chat"
    assert load(pair, format="trelis-zephyr").format.name == "trelis-zephyr"


@pytest.mark.parametrize("kind", [Path, str])
def test_a_folder(pair, folder, kind, capsys):
    engine = load(kind(folder), device="cpu")
    assert say(engine) == say(load(pair))
    assert not engine.model.training
    assert capsys.readouterr().out == ""


def test_a_folder_by_its_relative_name(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert load("tiny").model.device.type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("dtype", ["bfloat16", torch.bfloat16])
def test_a_dtype(folder, pair, dtype):
    assert load(folder, device="cpu").model.dtype == torch.float32
    assert load(folder, device="cpu", dtype=dtype).model.dtype == torch.bfloat16
    assert load((tiny_llama(pair[1]), pair[1]), dtype=dtype).model.dtype == torch.bfloat16


def test_the_embedded_model_is_a_folder(folder, monkeypatch):
    monkeypatch.setattr(fcgen.models, "embedded_path", lambda: folder)
    assert say(load(device="cpu")) == say(load("smollm2", device="cpu")) == say(load(folder, device="cpu"))


def test_an_outlines_model(pair):
    outlines = pytest.importorskip("outlines")
    engine = load(outlines.from_transformers(*pair))
    assert (engine.model, engine.tokenizer) == pair


def test_an_outlines_model_of_a_server():
    models = pytest.importorskip("outlines.models")
    model = models.Ollama(object())
    engine = load(model, format="trelis-zephyr")
    assert isinstance(engine, Server)
    assert (engine.model, engine.format.name) == (model, "trelis-zephyr")
    assert load(models.AsyncOllama(object())).format.name == "chat"


def test_an_outlines_model_of_another_library():
    models = pytest.importorskip("outlines.models")
    with llama_made() as model:
        engine = load(model)
        assert isinstance(engine, SteeredEngine)
        assert isinstance(model, models.LlamaCpp)
        assert say(engine)


@pytest.mark.parametrize("option", [{"device": "cpu"}, {"dtype": "float16"}])
def test_an_outlines_model_that_stays_as_it_is(option):
    models = pytest.importorskip("outlines.models")
    with pytest.raises(OptionError, match=f"{next(iter(option))} is .* Ollama stays as it is"):
        load(models.Ollama(object()), **option)


def test_an_outlines_object_that_is_no_model_of_texts():
    dsl = pytest.importorskip("outlines.types.dsl")
    with pytest.raises(ModelError, match="Regex of Outlines is no model of texts"):
        load(dsl.Regex("a"))


def test_progress_bars_are_left_as_they_were(folder):
    from transformers.utils import logging

    for change, state in ((logging.disable_progress_bar, False), (logging.enable_progress_bar, True)):
        change()
        load(folder, device="cpu")
        assert logging.is_progress_bar_enabled() == state


@pytest.mark.parametrize("name", ["nobody/nothing", "nothing-of-that-name"])
def test_a_hub_id_that_cannot_be_found(name, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="could not be loaded") as caught:
        load(name)
    assert f"hf download {name}" in str(caught.value)
    assert "Tried" in str(caught.value)


@pytest.mark.parametrize("name", ["./nothing", "/no/such/folder", "a/b/c", "not a name", Path("nothing"), __file__])
def test_a_name_of_nothing(name):
    with pytest.raises(ModelError, match="no folder and no hub id"):
        load(name)


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(ModelError, match=r"config\.json"):
        load(tmp_path)


@pytest.mark.parametrize("lost", ["model.safetensors", "tokenizer.json"])
def test_a_folder_that_is_not_complete(folder, tmp_path, lost):
    for path in folder.iterdir():
        if path.name != lost:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ModelError, match="Check that the folder is complete"):
        load(tmp_path)


@pytest.mark.parametrize("broken", ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"])
@pytest.mark.parametrize("rest", [0, 9, 100])
def test_a_folder_with_a_broken_file(folder, tmp_path, broken, rest):
    for path in folder.iterdir():
        data = path.read_bytes()
        (tmp_path / path.name).write_bytes(data[:rest] if path.name == broken else data)
    with pytest.raises(ModelError, match="could not be loaded"):
        load(tmp_path)


@pytest.mark.parametrize("change", [{"model": {"type": "X"}}, {"added_tokens": [3]}, {"decoder": None}])
def test_a_tokenizer_of_an_unknown_kind(folder, tmp_path, change):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    (tmp_path / "tokenizer.json").write_text(json.dumps({**tokenizer, **change}), encoding="utf-8")
    with pytest.raises((ModelError, VocabularyError)):
        load(tmp_path)


@pytest.mark.parametrize("source", [None, 3, object(), [], (1, 2, 3), (1, 2), b"smollm2"])
def test_something_else(source):
    with pytest.raises(ModelError):
        load(source)


def test_a_pair_in_the_wrong_order(pair):
    with pytest.raises(ModelError, match="is not a model"):
        load(pair[::-1])


@pytest.mark.parametrize("device", ["nowhere", "cuda:99", 1.5])
def test_a_device_that_is_not_there(pair, device):
    with pytest.raises(ModelError, match="cannot be moved"):
        load(pair, device=device)


@pytest.mark.parametrize("dtype", ["float33", "int8", "nn", 16])
def test_a_dtype_that_is_none(pair, dtype):
    with pytest.raises(ModelError, match="dtype"):
        load(pair, dtype=dtype)
