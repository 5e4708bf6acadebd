"""Vocabularies: what tokens write, what they stand under in the trie, and what can spell what."""

import gc
import json
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import tokenizers_made
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer

from fcgen.errors import VocabularyError
from fcgen.vocab import Vocabulary
from fcgen.vocab.tokens import read_tokens

MADE = [
    Vocabulary.from_tokenizer(tokenizers_made.byte_level(), size=700),
    Vocabulary.from_tokenizer(tokenizers_made.sentencepiece_like(), size=800),
]
made = st.sampled_from(MADE)

byte_strings = st.text("ab\x00\xff", max_size=4).map(lambda text: text.encode("latin-1"))


@st.composite
def vocabularies(draw):
    """Tokens of few bytes, stop and special tokens anywhere among them, and padding."""
    tokens = draw(st.lists(st.none() | byte_strings, min_size=1, max_size=30))
    size = len(tokens) + draw(st.integers(0, 40))
    ids = st.integers(0, len(tokens) - 1)
    stops = draw(st.frozensets(ids | st.integers(0, size - 1), max_size=2))
    special = draw(
        st.dictionaries(st.text("ab", max_size=3), ids, max_size=3).filter(lambda d: len({*d.values()}) == len(d))
    )
    return Vocabulary(tokens, stops, size, special=special)


def trie_entries(trie):
    path = bytearray()
    for node in range(len(trie.byte)):
        del path[trie.depth[node] :]
        path.append(trie.byte[node])
        yield from ((bytes(path), token) for token in trie.tokens_at(node).tolist())


@given(vocabularies() | made)
def test_the_trie_has_exactly_the_walked_bytes(vocabulary):
    walked = ((vocabulary.walked_bytes(token), token) for token in range(vocabulary.size))
    assert sorted(trie_entries(vocabulary.trie)) == sorted((text, token) for text, token in walked if text)


@given(vocabularies() | made)
def test_each_token_is_text_or_stop_or_symbol_or_nothing(vocabulary):
    names = {token: name for name, token in vocabulary.special.items()}
    for token in range(vocabulary.size):
        text, walked = vocabulary.token_bytes(token), vocabulary.walked_bytes(token)
        if token in vocabulary.stop_ids:
            assert text == walked == b""
        elif token in names:
            assert text == b""
            assert walked == vocabulary.symbol(names[token])
        else:
            assert walked == (b"" if b"\xff" in text else text)


@given(vocabularies() | made)
def test_text_never_spells_a_symbol(vocabulary):
    symbols = {vocabulary.walked_bytes(t) for t in vocabulary.special.values() if t not in vocabulary.stop_ids}
    for text, token in trie_entries(vocabulary.trie):
        if token in vocabulary.special.values():
            assert text in symbols
        else:
            assert b"\xff" not in text
    assert not any(one != other and other.startswith(one) for one in symbols for other in symbols)


@given(vocabularies() | made)
def test_the_alphabet_is_the_bytes_that_have_a_token(vocabulary):
    symbols = {t for t in vocabulary.special.values() if t not in vocabulary.stop_ids}
    single = {text for text, _ in trie_entries(vocabulary.trie) if len(text) == 1}
    for byte in range(256):
        assert bool(vocabulary.alphabet >> byte & 1) == (bytes([byte]) in single or (byte == 0xFF and bool(symbols)))
        assert vocabulary.has_byte[byte] == bool(vocabulary.alphabet >> byte & 1)
    assert vocabulary.alphabet < 1 << 256


@given(made, st.text())
def test_spelling_any_text_gives_it_back(vocabulary, text):
    assert vocabulary.decode(vocabulary.spell(text.encode())) == text.encode()


@given(vocabularies(), byte_strings)
def test_spelling_takes_the_longest_token_or_says_where_none_goes_on(vocabulary, text):
    try:
        tokens = vocabulary.spell(text)
    except VocabularyError as error:
        assert "no token spells" in str(error)
        return
    spelled = [vocabulary.walked_bytes(token) for token in tokens]
    assert b"".join(spelled) == text
    rest = text
    for piece in spelled:
        longer = [other for other, _ in trie_entries(vocabulary.trie) if rest.startswith(other)]
        assert len(piece) == max(map(len, longer))
        rest = rest[len(piece) :]


@given(vocabularies(), st.data())
def test_decoding_joins_what_the_tokens_add(vocabulary, data):
    tokens = data.draw(st.lists(st.integers(0, vocabulary.size - 1)))
    assert vocabulary.decode(tokens) == b"".join(map(vocabulary.token_bytes, tokens))


def test_symbols_can_be_spelled_by_their_token_only():
    vocabulary = MADE[0]
    name = tokenizers_made.TOOL
    assert vocabulary.spell(vocabulary.symbol(name)) == [vocabulary.special[name]]
    assert vocabulary.special[name] not in vocabulary.spell(name.encode())


def test_bytes_are_spelled_by_a_fallback_token_only_where_nothing_else_does():
    tokenizer = tokenizers_made.sentencepiece_like()
    letter, fallback = tokenizer.convert_tokens_to_ids(["{", "<0x7B>"])
    assert fallback < letter
    vocabulary = MADE[1]
    assert vocabulary.token_bytes(letter) == vocabulary.token_bytes(fallback) == b"{"
    assert vocabulary.spell(b"{") == [letter]
    assert vocabulary.spell(b"\x07") == [tokenizer.convert_tokens_to_ids("<0x07>")]


def test_ids_out_of_range():
    vocabulary = Vocabulary([b"a", b"b"], [1], 5)
    assert [vocabulary.token_bytes(token) for token in range(5)] == [b"a", b"", b"", b"", b""]
    for token in (-1, 5):
        for method in (vocabulary.token_bytes, vocabulary.walked_bytes, lambda t: vocabulary.decode([t])):
            with pytest.raises(VocabularyError, match=f"no token {token}"):
                method(token)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (((b"a", b"b"), (), 1), "2 tokens.*1 wide"),
        (((b"a",), (3,), 3), r"stop tokens \[3\]"),
        (((b"a",), (-1,)), r"stop tokens \[-1\]"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, found):
    with pytest.raises(VocabularyError, match=found):
        Vocabulary(*arguments)


def test_special_tokens_have_to_be_tokens():
    with pytest.raises(VocabularyError, match=r"special tokens \[1\]"):
        Vocabulary([b"a"], [], 4, special={"x": 1})


def test_unknown_and_stopping_symbols_are_refused():
    vocabulary = Vocabulary([b"a", None, None], [2], special={"<go>": 1, "<end>": 2})
    assert vocabulary.symbol("<go>") == b"\xff<go>\xff"
    with pytest.raises(VocabularyError, match=r"no special token '<stop>'.*<end>, <go>"):
        vocabulary.symbol("<stop>")
    with pytest.raises(VocabularyError, match="'<end>' ends the reply"):
        vocabulary.symbol("<end>")


def test_fingerprints_tell_vocabularies_apart():
    different = [
        Vocabulary([b"a", b"b"], [1]),
        Vocabulary([b"a", b"b"], [0]),
        Vocabulary([b"a", b"b"], [1], 3),
        Vocabulary([b"ab", b""], [1]),
        Vocabulary([b"a", b"b"], []),
        Vocabulary([b"b", b"a"], []),
        Vocabulary([b"a", b"b"], [], special={"a": 0}),
        Vocabulary([b"a", b"b"], [], special={"b": 0}),
        Vocabulary([b"a", b"a"], []),
        Vocabulary([b"a", b"a"], [], fallback=[0]),
    ]
    assert len({vocabulary.fingerprint for vocabulary in different}) == len(different)
    assert Vocabulary([b"a", b"b"], [1]).fingerprint == different[0].fingerprint


KINDS = [tokenizers_made.byte_level, tokenizers_made.sentencepiece_like]

changes = st.lists(
    st.tuples(st.sampled_from(["text", "special"]), st.sampled_from(["<one>", "<two>", tokenizers_made.TOOL])),
    max_size=2,
)
options = st.fixed_dictionaries({"size": st.just(900)}, optional={"stop_ids": st.sampled_from([{0}, {1, 2}])})


def change(tokenizer, edits):
    for what, text in edits:
        tokenizer.add_tokens([AddedToken(text, special=what == "special")])


def fresh(tokenizer, options):
    """The vocabulary of a tokenizer, made anew."""
    tokens = read_tokens(tokenizer)
    stops = options.get("stop_ids", {tokenizer.eos_token_id})
    return Vocabulary(tokens.texts, stops, options.get("size"), special=tokens.special, fallback=tokens.fallback)


def same(one, other):
    arrays = ("byte", "depth", "end", "token_start", "tokens")
    return one.fingerprint == other.fingerprint and all(
        np.array_equal(getattr(one.trie, name), getattr(other.trie, name)) for name in arrays
    )


@given(st.sampled_from(KINDS), st.lists(st.tuples(changes, options), min_size=1, max_size=4))
@settings(max_examples=50)
def test_a_shared_vocabulary_is_that_of_the_tokenizer_as_it_is_now(kind, steps):
    """Also where one tokenizer is changed again and again, and vocabularies of its former states are in use."""
    tokenizer, given = kind(), []
    for edits, chosen in steps:
        change(tokenizer, edits)
        found, expected = Vocabulary.from_tokenizer(tokenizer, **chosen), fresh(tokenizer, chosen)
        assert same(found, expected)
        assert found is Vocabulary.from_tokenizer(tokenizer, **chosen)
        for other in given:
            assert (other is found) == same(other, found)
        given.append(found)


@pytest.mark.parametrize("kind", KINDS)
def test_tokenizers_with_the_same_tokens_share_a_vocabulary(kind):
    vocabulary = Vocabulary.from_tokenizer(kind())
    assert Vocabulary.from_tokenizer(kind()) is vocabulary
    assert Vocabulary.from_tokenizer(kind(), size=vocabulary.size, stop_ids=vocabulary.stop_ids) is vocabulary
    assert Vocabulary.from_tokenizer(SimpleNamespace(tokenizer=kind())) is vocabulary
    assert Vocabulary.from_tokenizer(kind().backend_tokenizer) is not vocabulary  # it knows no stop token
    assert Vocabulary.from_tokenizer(kind(), size=vocabulary.size + 1) is not vocabulary
    assert Vocabulary.from_tokenizer(kind(), stop_ids=[0]) is not vocabulary


def renamed(kind, names):
    """A tokenizer of which some tokens are called otherwise."""
    state = json.loads(kind().backend_tokenizer.to_str())
    vocab = state["model"]["vocab"]
    state["model"]["vocab"] = {names.get(text, text): token for text, token in vocab.items()}
    for entry in state["added_tokens"]:
        entry["content"] = names.get(entry["content"], entry["content"])
    state["model"]["merges"] = []
    return Tokenizer.from_str(json.dumps(state))


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (KINDS[0], {tokenizers_made.TOOL: "<|call|>"}),  # another symbol
        (KINDS[0], {"A": "B", "B": "A"}),  # other texts
        (KINDS[1], {"{": "<0x7B>", "<0x7B>": "{"}),  # another fallback, which changes no text
    ],
)
def test_tokenizers_that_differ_in_one_thing_do_not_share(kind, names):
    one, other = (Vocabulary.from_tokenizer(renamed(kind, called)) for called in ({}, names))
    assert one.size == other.size
    assert not same(one, other)
    assert Vocabulary.from_tokenizer(renamed(kind, names)) is other


def test_a_subclass_has_vocabularies_of_its_own():
    class Named(Vocabulary):
        pass

    plain = Vocabulary.from_tokenizer(KINDS[0]())
    named = Named.from_tokenizer(KINDS[0]())
    assert type(named) is Named
    assert named is not plain
    assert Named.from_tokenizer(KINDS[0]()) is named


def test_what_is_refused_is_refused_again():
    kept = Vocabulary.from_tokenizer(KINDS[0]())
    for _ in range(2):
        with pytest.raises(VocabularyError, match="wide"):
            Vocabulary.from_tokenizer(KINDS[0](), size=kept.size - 1)


def test_a_vocabulary_is_shared_only_while_it_is_in_use():
    vocabulary = Vocabulary.from_tokenizer(KINDS[0](), size=701)
    gone = weakref.ref(vocabulary)
    del vocabulary
    gc.collect()
    assert gone() is None
    assert Vocabulary.from_tokenizer(KINDS[0](), size=701).size == 701


def test_threads_share_a_vocabulary():
    class Slow(Vocabulary):
        def __init__(self, *args, **options):
            time.sleep(0.05)
            super().__init__(*args, **options)

    with ThreadPoolExecutor(4) as pool:
        made = pool.map(lambda _: Slow.from_tokenizer(KINDS[0]()), range(4))
        assert len(set(made)) == 1
