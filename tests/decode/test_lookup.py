"""What is proposed follows the end of the reply in the prompt, in the prompt's own tokens."""

from hypothesis import given
from hypothesis import strategies as st
from tokenizers_made import byte_level, sentencepiece_like

from fcgen.decode.lookup import Lookup
from fcgen.vocab import Vocabulary

TOKENIZERS = [byte_level(), sentencepiece_like()]
VOCABULARIES = [Vocabulary.from_tokenizer(tokenizer) for tokenizer in TOKENIZERS]
texts = st.text("ab ,", max_size=40)


@given(st.integers(0, 1), texts, texts, st.integers(1, 9))
def test_what_is_proposed_follows_an_end_that_occurs(which, text, written, most):
    vocabulary = VOCABULARIES[which]
    tokens = TOKENIZERS[which].encode(text, add_special_tokens=False)
    spelled = vocabulary.decode(tokens)
    found = Lookup(vocabulary, tokens).after(written.encode(), most)
    assert len(found) <= most
    if found:
        after = vocabulary.decode(found)
        place = spelled.rfind(written.encode()[-1:] + after)
        assert place >= 0
        assert spelled[place + 1 :].startswith(after)


@given(st.integers(0, 1), st.text("abc", min_size=3, max_size=9), st.text("xyz", min_size=1, max_size=9))
def test_an_end_of_three_bytes_is_enough(which, key, rest):
    vocabulary = VOCABULARIES[which]
    tokens = TOKENIZERS[which].encode(f"say: {key}{rest}!", add_special_tokens=False)
    found = vocabulary.decode(Lookup(vocabulary, tokens).after(f'{{"a": "q{key}'.encode(), 20))
    assert found == f"{rest}!".encode()


def proposed(text, written):
    tokens = TOKENIZERS[0].encode(text, add_special_tokens=False)
    return VOCABULARIES[0].decode(Lookup(VOCABULARIES[0], tokens).after(written, 9))


def test_less_is_enough_at_the_beginning_of_a_word():
    assert proposed("to Paris now", b'{"city": "P') == b"aris now"
    assert proposed("to Paris now", b'{"city": "a') == b""
    assert proposed("to Paris now", b'{"city": "in a') == b""


def test_what_stands_before_a_quote_does_not_count():
    assert proposed('{"city": "Paris"}', b'{"city": "') == b""


def test_a_reply_is_copied_from_as_well():
    vocabulary, tokenizer = VOCABULARIES[0], TOKENIZERS[0]
    lookup = Lookup(vocabulary, tokenizer.encode("nothing"))
    lookup.add(tokenizer.encode("one two three, one two", add_special_tokens=False))
    assert vocabulary.decode(lookup.after(b"one two three, one two", 4)).startswith(b" three")


def test_nothing_is_proposed_from_nothing():
    assert proposed("", b"abc") == b""
    assert proposed("abc", b"") == b""
    assert proposed("abc", b"abc") == b""
