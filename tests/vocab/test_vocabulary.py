"""Vocabularies: what tokens write, what they stand under in the trie, and what can spell what."""

import pytest
import tokenizers_made
from hypothesis import given
from hypothesis import strategies as st

from fcgen.errors import VocabularyError
from fcgen.vocab import Vocabulary

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
    ids = st.integers(0, len(tokens) - 1)
    stops = draw(st.frozensets(ids, max_size=2))
    special = draw(
        st.dictionaries(st.text("ab", max_size=3), ids, max_size=3).filter(lambda d: len({*d.values()}) == len(d))
    )
    return Vocabulary(tokens, stops, len(tokens) + draw(st.integers(0, 40)), special=special)


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
