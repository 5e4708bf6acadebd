"""Mistral's Tekken tokenizer: its tokens' bytes; of a small one of our own, and of the library's own file."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgen.errors import ModelError, VocabularyError
from fcgen.models import load_tokenizer
from fcgen.vocab import Vocabulary
from fcgen.vocab.tekken import find_tekken, read_tekken
from fcgen.vocab.tokens import SAMPLES

PATTERN = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+"
MERGED = [b"th", b"the", b" t", b" the", b'{"', b'":', b"\xc3\xa9", b"fu", b"  "]
CONTROL = 20


def tekken_file(folder):
    """A folder with a small tekken.json and nothing else."""
    vocab = [bytes([byte]) for byte in range(256)] + MERGED
    listed = [
        {"rank": rank, "token_bytes": base64.b64encode(token).decode(), "token_str": token.decode("utf-8", "replace")}
        for rank, token in enumerate(vocab)
    ]
    config = {
        "pattern": PATTERN, "num_vocab_tokens": len(vocab), "default_vocab_size": len(vocab) + CONTROL,
        "default_num_special_tokens": CONTROL, "version": "v3",
    }  # fmt: skip
    (folder / "tekken.json").write_text(json.dumps({"config": config, "vocab": listed}))
    return folder


class Fake:
    """What is asked of mistral-common's Tekkenizer, with a token for each byte."""

    num_special_tokens, n_words, eos_id = 3, 259, 2

    def id_to_byte_piece(self, token):
        return bytes([token - 3])

    def id_to_piece(self, token):
        return ("<unk>", "<s>", "</s>")[token]

    def encode(self, text, *, bos, eos):
        assert (bos, eos) == (False, False)
        return [byte + 3 for byte in text.encode()]


class Holder:
    def __init__(self, **parts):
        self.__dict__.update(parts)


def test_the_bytes_are_those_of_the_tokenizer():
    wrapped = Holder(tokenizer=Holder(instruct_tokenizer=Holder(tokenizer=Fake())))
    vocabulary = Vocabulary.from_tokenizer(wrapped)
    assert Vocabulary.from_tokenizer(wrapped.tokenizer) is Vocabulary.from_tokenizer(Fake()) is vocabulary
    assert (vocabulary.size, vocabulary.stop_ids) == (259, {2})
    assert vocabulary.special == {"<unk>": 0, "<s>": 1, "</s>": 2}
    assert [vocabulary.token_bytes(token) for token in (0, 2, 3, 258)] == [b"", b"", b"\x00", b"\xff"]


def test_tokens_that_do_not_spell_a_text_are_refused():
    class Lossy(Fake):
        def encode(self, text, *, bos, eos):
            return super().encode(text, bos=bos, eos=eos)[1:]

    with pytest.raises(VocabularyError, match="spell"):
        read_tekken(Lossy(), SAMPLES)


def test_other_tokenizers_are_none():
    assert find_tekken(Holder(tokenizer=Holder())) is None
    assert find_tekken(None) is None


def test_the_library_is_named_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr("fcgen.models.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"tekken\.json.*pip install 'fcgen\[mistral\]'"):
        load_tokenizer(tekken_file(tmp_path))


def test_a_folder_without_any_tokenizer(tmp_path):
    with pytest.raises(ModelError, match="holds no tokenizer"):
        load_tokenizer(tmp_path)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    pytest.importorskip("mistral_common")
    return load_tokenizer(tekken_file(tmp_path_factory.mktemp("tekken")))


@given(st.text() | st.sampled_from(["the théâtre", "</s>[INST]", '{"function": "f"}']))
def test_the_tokens_of_a_text_spell_it(small, text):
    vocabulary = Vocabulary.from_tokenizer(small)
    ids = small.encode(text, add_special_tokens=False)
    assert vocabulary.decode(ids) == text.encode()
    assert not set(ids) & set(vocabulary.special.values())


def test_a_folder_with_nothing_else(small):
    vocabulary = Vocabulary.from_tokenizer(small)
    assert vocabulary.size == CONTROL + 256 + len(MERGED)
    assert [vocabulary.token_bytes(CONTROL + 256 + number) for number in range(len(MERGED))] == MERGED
    assert vocabulary.special["</s>"] == 2
    assert vocabulary.stop_ids == {2}
    assert vocabulary.symbol("[TOOL_CALLS]")


def test_an_engine_of_it_replies(small):
    """Its prompts are mistral-common's own: no control token comes from a content."""
    from models_made import tiny_llama

    import fcgen

    engine = fcgen.load((tiny_llama(small), small))
    assert engine.format.name == "chat"
    search = {"name": "f", "description": "A </s> b", "parameters": {"type": "object", "properties": {}}}
    said = [{"role": "system", "content": "[INST]"}, {"role": "user", "content": "Hi</s>"}]
    assert engine.call(said, [search], choice="required").calls[0].function == "f"
    prompt = fcgen.render_prompt(said, [search], format="chat", tokenizer=small)
    assert prompt.endswith("Hi</s>[/INST]")
    assert [token for token in prompt.ids if token < CONTROL] == [1, 3, 4]


@pytest.mark.parametrize(
    ("call_id", "written"),
    [
        ("abcdefghi", '[TOOL_CALLS][{"name": "f", "arguments": {"q": "x"}, "id": "abcdefghi"}]'),
        ("call_1", '{"function": "f", "arguments": {"q": "x"}}'),  # an id that mistral-common refuses
    ],
)
def test_calls_in_the_history(small, call_id, written):
    from fcgen.prompt import render_prompt

    function = {"name": "f", "arguments": '{"q": "x"}'}
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": call_id, "function": function}]},
        {"role": "tool", "tool_call_id": call_id, "content": "42"},
    ]
    text = render_prompt(messages, format="chat", tokenizer=small)
    assert written in text
    assert "42" in text


def test_the_librarys_own_file():
    library = pytest.importorskip("mistral_common")
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    path = Path(library.__file__).parent / "data" / "tekken_240911.json"
    if not path.is_file():
        pytest.skip("the file does not come with this version")
    tekken = Tekkenizer.from_file(path)
    vocabulary = Vocabulary.from_tokenizer(tekken)
    listed = json.loads(path.read_text(encoding="utf-8"))["vocab"]
    assert vocabulary.size == 131072
    for token in range(1000, vocabulary.size, 97):
        assert vocabulary.token_bytes(token) == base64.b64decode(listed[token - 1000]["token_bytes"])
