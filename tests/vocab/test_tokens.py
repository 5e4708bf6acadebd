"""The bytes of tokenizers' tokens: the tokens of any text spell it."""

import json
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
import tokenizers_made
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)

from fcgen.errors import VocabularyError
from fcgen.vocab import Vocabulary
from fcgen.vocab.tokens import Spaced, read_tokens

SHARED = Path(__file__).parents[3] / "shared/data/tokenizers"
MADE = {"byte-level": tokenizers_made.byte_level, "sentencepiece-like": tokenizers_made.sentencepiece_like}
GIVEN = ["codellama-34b", "deepseek-coder", "gpt-2", "llama-2", "mistral", "qwen2", "smollm2", "zephyr"]
NAMES = [
    *MADE,
    *(pytest.param(name, marks=pytest.mark.skipif(not (SHARED / name).is_dir(), reason="no data")) for name in GIVEN),
]


@cache
def tokenizer_of(name):
    if name in MADE:
        return MADE[name]()
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(SHARED / name)


def vocab_of(tokenizer):
    """The strings of the model's tokens, with their ids."""
    return json.loads(tokenizer.backend_tokenizer.to_str())["model"]["vocab"]


@cache
def vocabulary_of(name):
    return Vocabulary.from_tokenizer(tokenizer_of(name), size=len(tokenizer_of(name)) + 100)


def backend_of(name):
    return tokenizer_of(name).backend_tokenizer


def changed(tokenizer, **parts):
    """A tokenizer of the tokenizers library with some parts of its JSON replaced."""
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    return Tokenizer.from_str(json.dumps(state | parts))


def changed_model(tokenizer, **options):
    return changed(tokenizer, model=json.loads(tokenizer.backend_tokenizer.to_str())["model"] | options)


def is_spaced(name):
    return "ByteFallback" in str(backend_of(name).decoder)


def as_the_model_reads(name, text):
    """The text as the tokenizer's normalizer leaves it."""
    normalizer = backend_of(name).normalizer
    text = normalizer.normalize_str(text) if normalizer else text
    return text.replace("▁", " ") if is_spaced(name) else text


json_text = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
).map(lambda value: json.dumps(value, ensure_ascii=False))
texts = st.text() | st.text('ab \n\t{}",:▁õüé0') | json_text


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=200)
@given(texts)
def test_the_tokens_of_a_text_spell_it(name, text):
    vocabulary = vocabulary_of(name)
    expected = as_the_model_reads(name, text).encode()
    if all(vocabulary.has_byte[byte] for byte in expected):
        ids = backend_of(name).encode(text, add_special_tokens=False).ids
        assert vocabulary.decode(ids) == expected


@pytest.mark.parametrize("name", NAMES)
def test_every_whole_token_is_what_the_decoder_writes(name):
    vocabulary, backend = vocabulary_of(name), backend_of(name)
    added = backend.get_added_tokens_decoder()
    ids = [token for token in range(vocabulary.size - 100) if token not in added]
    # A token in front, since some decoders strip a text's first space.
    written = backend.decode_batch([[ids[-1], token] for token in ids])
    lead = backend.decode([ids[-1]])
    for token, text in zip(ids, written, strict=True):
        if "\ufffd" not in text:
            assert lead + vocabulary.token_bytes(token).decode() == text


@pytest.mark.parametrize("name", NAMES)
def test_special_tokens_add_nothing(name):
    vocabulary, tokenizer = vocabulary_of(name), tokenizer_of(name)
    assert set(tokenizer.all_special_ids) <= set(vocabulary.special.values())
    for text, token in vocabulary.special.items():
        assert tokenizer.convert_tokens_to_ids(text) == token
        assert vocabulary.token_bytes(token) == b""
    assert vocabulary.stop_ids == {tokenizer.eos_token_id}


@pytest.mark.parametrize("name", NAMES)
def test_padded_ids_are_no_tokens(name):
    vocabulary = vocabulary_of(name)
    tokens = len(tokenizer_of(name))
    assert vocabulary.size == tokens + 100
    assert {vocabulary.token_bytes(token) for token in range(tokens, vocabulary.size)} == {b""}
    assert max(vocabulary.trie.tokens) < tokens


@pytest.mark.parametrize("name", NAMES)
def test_logits_narrower_than_the_tokenizer_are_refused(name):
    with pytest.raises(VocabularyError, match="wide") as error:
        Vocabulary.from_tokenizer(tokenizer_of(name), size=len(tokenizer_of(name)) - 1)
    assert error.value.given == error.value.limit + 1


@pytest.mark.skipif(not SHARED.is_dir(), reason="no data")
def test_added_letters_are_letters():
    vocabulary = vocabulary_of("deepseek-coder")
    assert [vocabulary.token_bytes(token).decode() for token in range(32000, 32013)] == list("õ÷ÁýÀÿøúþüùöû")
    assert vocabulary.token_bytes(32015).decode() == "<｜fim▁hole｜>"


@pytest.mark.skipif(not SHARED.is_dir(), reason="no data")
def test_bytes_without_a_token_of_their_own():
    def missing(name):
        return {byte for byte in range(256) if not vocabulary_of(name).has_byte[byte]}

    never_in_utf8 = {0xC0, 0xC1, *range(0xF5, 0xFF)}
    assert missing("smollm2") == never_in_utf8 | {0x04, 0x06, 0x13, 0x14, 0x16, 0x1D, 0xF1, 0xF2}
    assert missing("deepseek-coder") == never_in_utf8
    assert missing("llama-2") == set()
    assert missing("gpt-2") == {0xFF}


def test_what_tokenizer_objects_are_taken():
    made = tokenizers_made.byte_level()
    texts = read_tokens(made).texts
    assert read_tokens(made.backend_tokenizer).texts == texts
    assert read_tokens(SimpleNamespace(tokenizer=made)).texts == texts
    assert Vocabulary.from_tokenizer(SimpleNamespace(tokenizer=made)).stop_ids == {made.eos_token_id}
    assert Vocabulary.from_tokenizer(made.backend_tokenizer).stop_ids == frozenset()
    assert Vocabulary.from_tokenizer(made, stop_ids=[5, 7]).stop_ids == {5, 7}


@pytest.mark.parametrize("other", [None, "gpt2", SimpleNamespace(encode=list), SimpleNamespace(tokenizer=None)])
def test_what_is_no_fast_tokenizer_is_refused(other):
    with pytest.raises(VocabularyError, match="use_fast"):
        read_tokens(other)


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_added_tokens(make):
    tokenizer = make()
    size = len(tokenizer)
    tokenizer.add_tokens(
        [AddedToken("<tool_call>", special=False), AddedToken(" ü\n", special=False, normalized=False)]
    )
    tokenizer.add_special_tokens({"additional_special_tokens": ["[CALL]"]})
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    assert vocabulary.token_bytes(size) == b"<tool_call>"
    assert vocabulary.token_bytes(size + 1) == " ü\n".encode()
    assert vocabulary.special["[CALL]"] == size + 2
    assert vocabulary.token_bytes(size + 2) == b""
    assert size in vocabulary.trie.tokens


def test_a_byte_level_token_with_characters_of_another_alphabet_is_that_text():
    made = tokenizers_made.byte_level()
    vocab = vocab_of(made)
    tokenizer = changed_model(made, vocab=vocab | {"é 日": len(vocab), "Ġé": len(vocab) + 1})
    assert list(read_tokens(tokenizer).texts)[-2:] == ["é 日".encode(), b" \xe9"]
    assert tokenizer.decode([len(vocab)]) == "é 日"


@given(st.dictionaries(st.integers(0, 30), st.text("ab", min_size=1, max_size=4), max_size=6))
@settings(max_examples=30)
def test_ids_may_be_missing(named):
    made = tokenizers_made.byte_level()
    vocab = vocab_of(made)
    more = {text: len(vocab) + place for place, text in named.items() if text not in vocab}
    tokenizer = changed_model(made, vocab=vocab | more)
    texts = read_tokens(tokenizer).texts
    assert len(texts) == max([len(vocab) - 1, *more.values()]) + 1
    assert list(texts)[: len(vocab)] == list(read_tokens(made).texts)
    named = {token: text.encode() for text, token in more.items()}
    assert list(texts)[len(vocab) :] == [named.get(token, b"") for token in range(len(vocab), len(texts))]


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_added_tokens_after_missing_ids(make):
    made = make()
    vocab = vocab_of(made)
    size = len(vocab)
    tokenizer = changed_model(made, vocab=vocab | {"zzz": size + 3})
    tokenizer.add_tokens([AddedToken("<one>"), AddedToken("<two>")])
    texts = read_tokens(tokenizer).texts
    ids = [tokenizer.token_to_id(text) for text in ("zzz", "<one>", "<two>")]
    assert [texts[token] for token in ids] == [b"zzz", b"<one>", b"<two>"]
    assert {texts[token] for token in range(size, len(texts)) if token not in ids} <= {b""}


def test_added_tokens_beyond_those_of_another_model():
    """Added tokens keep their ids where the model is replaced; where it has the same tokens, theirs are not used."""
    tokenizer = tokenizers_made.byte_level().backend_tokenizer
    tokenizer.add_tokens([AddedToken("<one>"), AddedToken("<two>")])
    ids = [tokenizer.token_to_id(text) for text in ("<one>", "<two>")]
    kept = [*list(vocab_of(tokenizers_made.byte_level()))[:270], "<one>", "<two>"]
    tokenizer.model = models.BPE({text: token for token, text in enumerate(kept)}, [])
    texts = read_tokens(tokenizer).texts
    assert [texts[token] for token in ids] == [b"<one>", b"<two>"]


def test_what_a_call_left_set_does_not_matter():
    tokenizer = tokenizers_made.byte_level()
    texts = read_tokens(tokenizer).texts
    tokenizer(["a b c d e", "f"], truncation=True, max_length=2, padding="max_length")
    assert read_tokens(tokenizer).texts == texts
    assert tokenizer.backend_tokenizer.truncation["max_length"] == 2


def test_another_character_for_the_space():
    made = tokenizers_made.sentencepiece_like()
    text = made.backend_tokenizer.to_str().replace("▁", "␣")
    assert read_tokens(Tokenizer.from_str(text)).texts == read_tokens(made).texts
    whole = changed(
        made,
        normalizer=None,
        pre_tokenizer={"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": False},
        decoder={
            "type": "Sequence",
            "decoders": [
                {"type": "ByteFallback"},
                {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": False},
            ],
        },
    )
    assert read_tokens(whole).texts == read_tokens(made).texts


def test_a_space_of_several_characters_is_not_found_across_two_tokens():
    assert list(Spaced("__").spell(["a__b", "x_", "_y", "__"])) == [b"a b", b"x_", b"_y", b" "]


@given(st.lists(st.text("a▁é日🙂\x00") | st.text()))
def test_spaced_strings_are_spelled_one_by_one(strings):
    assert list(Spaced("▁").spell(strings)) == [string.replace("▁", " ").encode() for string in strings]


def test_a_token_for_a_byte_may_be_written_in_small_letters():
    made = tokenizers_made.sentencepiece_like()
    vocab = {text.replace("<0x1F>", "<0x1f>"): token for text, token in vocab_of(made).items()}
    tokens = read_tokens(changed_model(made, vocab=vocab))
    assert tokens.texts[vocab["<0x1f>"]] == b"\x1f"
    assert vocab["<0x1f>"] in tokens.fallback


def test_unigram_with_byte_fallback():
    made = tokenizers_made.sentencepiece_like()
    state = json.loads(made.backend_tokenizer.to_str())
    pieces = [[text, -1.0 - number / 1000] for text, number in state["model"]["vocab"].items()]
    unigram = {"type": "Unigram", "unk_id": 0, "vocab": pieces, "byte_fallback": True}
    assert read_tokens(changed(made, model=unigram)).texts == read_tokens(made).texts
    with pytest.raises(VocabularyError, match="spell"):
        read_tokens(changed(made, model=unigram | {"byte_fallback": False}))


def test_normalizers_are_followed():
    composed = changed(tokenizers_made.byte_level(), normalizer={"type": "NFC"})
    assert read_tokens(composed).texts == read_tokens(tokenizers_made.byte_level()).texts
    state = json.loads(tokenizers_made.byte_level().backend_tokenizer.to_str())
    mapped = changed(
        tokenizers_made.byte_level(),
        normalizer={"type": "ByteLevel"},
        pre_tokenizer=None,
        decoder=state["decoder"],
    )
    assert read_tokens(mapped).texts == read_tokens(tokenizers_made.byte_level()).texts


def word_piece():
    tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1, "##b": 2}, unk_token="[UNK]"))
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def with_decoder(decoder):
    tokenizer = tokenizers_made.byte_level().backend_tokenizer
    tokenizer.decoder = decoder
    return tokenizer


class Upper:
    def decode_chain(self, tokens):
        return [token.upper() for token in tokens]


@pytest.mark.parametrize(
    ("tokenizer", "found"),
    [
        (word_piece(), "WordPiece model.*decoder WordPiece"),
        (Tokenizer(models.WordLevel({"a": 0}, "a")), "WordLevel model.*decoder None"),
        (with_decoder(decoders.BPEDecoder()), "decoder BPEDecoder"),
        (with_decoder(decoders.Metaspace()), "decoder Metaspace"),
        (with_decoder(decoders.Decoder.custom(Upper())), "decoder custom"),
        (
            with_decoder(decoders.Sequence([decoders.Replace(Regex("▁+"), " "), decoders.ByteFallback()])),
            "decoder Replace [+] ByteFallback",
        ),
        (
            with_decoder(
                decoders.Sequence([decoders.Replace("▁", " "), decoders.Replace("_", " "), decoders.ByteFallback()])
            ),
            "decoder Replace [+] Replace",
        ),
        (changed_model(tokenizers_made.byte_level(), end_of_word_suffix="</w>"), "'</w>' in its tokens"),
    ],
)
def test_unknown_kinds_are_refused_by_what_was_found(tokenizer, found):
    with pytest.raises(VocabularyError, match=found):
        read_tokens(tokenizer)


@pytest.mark.parametrize(
    "part",
    [
        {"pre_tokenizer": {"type": "Whitespace"}},
        {"pre_tokenizer": None},
        {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}]}},
    ],
)
def test_tokenizers_that_lose_text_are_refused(part):
    with pytest.raises(VocabularyError, match=r"tokens for .* spell .* instead of"):
        read_tokens(changed(tokenizers_made.byte_level(), **part))


def test_tokens_that_are_not_what_they_seem_are_refused():
    made = tokenizers_made.byte_level()
    vocab = vocab_of(made)
    vocab["{"], vocab["}"] = vocab["}"], vocab["{"]
    wrong = changed_model(made, vocab=vocab)
    right = Vocabulary.from_tokenizer(made)
    # The strings say what each id is, so a consistent exchange is another, equally exact tokenizer ...
    assert Vocabulary.from_tokenizer(wrong).token_bytes(vocab["{"]) == b"{"
    assert right.token_bytes(vocab["{"]) == b"}"
    # ... but a character without a token is lost, and that shows.
    vocab["{x"] = vocab.pop("{")
    with pytest.raises(VocabularyError, match=r"instead of.*function"):
        read_tokens(changed_model(made, vocab=vocab, merges=[]))


def test_what_is_around_a_text_is_no_part_of_the_test():
    made = tokenizers_made.sentencepiece_like()
    backend = made.backend_tokenizer
    backend.post_processor = processors.TemplateProcessing(
        single="<|im_start|> $A", special_tokens=[("<|im_start|>", made.bos_token_id)]
    )
    assert read_tokens(made).texts == read_tokens(tokenizers_made.sentencepiece_like()).texts


def test_a_prefix_space_is_no_difference():
    tokenizer = tokenizers_made.byte_level().backend_tokenizer
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.normalizer = normalizers.NFC()
    assert read_tokens(tokenizer).texts == read_tokens(tokenizers_made.byte_level()).texts


def test_the_made_tokenizers_are_always_the_same():
    def fingerprint(name):
        return Vocabulary.from_tokenizer(MADE[name]()).fingerprint

    assert [fingerprint(name) for name in MADE] == [fingerprint(name) for name in MADE]
    assert all(500 <= len(make()) <= 1000 for make in MADE.values())
