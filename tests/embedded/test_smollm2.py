"""The embedded model itself: what was converted is the model, and loading it needs no network."""

import socket
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgen.embedded import cached_models, embedded_path
from fcgen.vocab import Vocabulary

SHARED = Path(__file__).parents[3] / "shared/data/tokenizers/smollm2"
given_tokenizer = pytest.mark.skipif(not SHARED.is_dir(), reason="no data")
pytestmark = pytest.mark.model


@cache
def tokenizer_at(folder):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


@cache
def load():
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(embedded_path(), local_files_only=True), tokenizer_at(embedded_path())


@pytest.fixture
def offline(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError(f"network: {arguments}")

    embedded_path()
    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_it_answers(offline):
    model, tokenizer = load()
    messages = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    made = model.generate(**prompt, max_new_tokens=12, do_sample=False)
    assert tokenizer.decode(made[0, prompt["input_ids"].shape[1] :]) == "The capital of France is Paris.<|im_end|>"


def test_it_is_in_the_list():
    folder = embedded_path()
    assert [(name, path) for name, path, size in cached_models() if size > 538_000_000] == [("smollm2", folder)]


def test_stop_and_padding_tokens():
    model, tokenizer = load()
    for ends in (model.config, model.generation_config, tokenizer):
        assert (ends.bos_token_id, ends.eos_token_id, ends.pad_token_id) == (1, 2, 2)
    vocabulary = Vocabulary.from_tokenizer(tokenizer, size=model.config.vocab_size)
    assert vocabulary.stop_ids == {2}
    assert vocabulary.size == 49152


@given_tokenizer
@given(
    st.text()
    | st.text('ab 12\n\t{}",:é日🙂')
    | st.sampled_from(["<|im_start|>user\n12 345<|im_end|>", "<jupyter_code>x"])
)
def test_its_tokenizer_is_the_published_one(text):
    made, published = tokenizer_at(embedded_path()), tokenizer_at(SHARED)
    ids = made.encode(text)
    assert ids == published.encode(text)
    assert made.decode(ids) == published.decode(ids)


@given_tokenizer
def test_its_vocabulary_is_the_published_one():
    made, published = (Vocabulary.from_tokenizer(tokenizer_at(folder)) for folder in (embedded_path(), SHARED))
    assert made.fingerprint == published.fingerprint


@given_tokenizer
@pytest.mark.parametrize("roles", ["user", "system user", "user assistant user", "system user assistant user"])
def test_its_chat_template_is_the_published_one(roles):
    messages = [{"role": role, "content": f"I am {role}."} for role in roles.split()]
    for options in ({}, {"add_generation_prompt": True}):
        made, published = (
            tokenizer_at(folder).apply_chat_template(messages, tokenize=False, **options)
            for folder in (embedded_path(), SHARED)
        )
        assert made == published
