"""A string that goes round in circles is closed, and the reply goes on."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers_made import byte_level

from fcgen.call import Grammar
from fcgen.decode.loop import Loop
from fcgen.decode.repetition import TIMES, goes_round
from fcgen.decode.row import Request
from fcgen.mask import Masks
from fcgen.vocab import Vocabulary


@given(
    st.binary(max_size=20).filter(lambda data: b'"' not in data), st.text("ab", min_size=1, max_size=9).map(str.encode)
)
def test_what_goes_round(before, piece):
    limit = TIMES * len(piece)
    assert goes_round(before + TIMES * piece, limit)
    assert not goes_round(before + (TIMES - 1) * piece + b'"' + piece, limit + 1)


@given(st.text("abc", max_size=60).map(str.encode), st.integers(4, 24))
def test_what_goes_round_by_definition(written, limit):
    end = written[-limit:]
    pieces = [end[:size] for size in range(1, limit // TIMES + 1)]
    expected = len(end) == limit and any((piece * limit)[:limit] == end for piece in pieces)
    assert goes_round(written, limit) == expected


class Stubborn(torch.nn.Module):
    """Wants one token, and failing that whatever has the highest number."""

    device = torch.device("cpu")

    def __init__(self, size, token):
        super().__init__()
        self.logits = torch.linspace(0, 1, size)
        self.logits[token] = 9

    def forward(self, input_ids, use_cache, return_dict, cache=None):
        return type("Output", (), {"logits": self.logits.expand(1, input_ids.shape[1], -1)})


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}, "minItems": 3, "maxItems": 3},
        {"type": "object", "properties": {"a": {"type": "string", "minLength": 50}, "b": {"type": "boolean"}}},
    ],
)
def test_a_string_without_an_end_is_closed(schema):
    tokenizer = byte_level()
    vocabulary = Vocabulary.from_tokenizer(tokenizer, stop_ids={tokenizer.eos_token_id})
    masks = Masks(Grammar.from_json_schema(schema), vocabulary)
    token = vocabulary.longest(b"ab")
    for limit in (32, None):
        loop = Loop(Stubborn(vocabulary.size, token), vocabulary)
        row = loop.add(Request([1], masks.cursor(budget=600), 600, repeat_limit=limit))
        loop.run()
        assert row.error is None
        assert masks.cursor().can_stop is False
        size = len(row.tokens)
        assert (size < 200) if limit else (size > 500)


def test_a_free_text_without_an_end_is_closed():
    tokenizer = byte_level()
    vocabulary = Vocabulary.from_tokenizer(tokenizer, stop_ids={tokenizer.eos_token_id})
    loop = Loop(Stubborn(vocabulary.size, 50), vocabulary)
    row = loop.add(Request([1], None, 600, repeat_limit=32))
    loop.run()
    assert len(row.tokens) < 60
    assert row.tokens[-1] == tokenizer.eos_token_id
    assert np.all(np.array(row.tokens[:-1]) == 50)
