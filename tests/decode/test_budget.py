"""However much a model wants to go on, its reply is whole, valid, and within the budget."""

import json

import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from schemas_made import is_valid, schemas, schemas_with_references
from tokenizers_made import byte_level, sentencepiece_like

from fcgen.call import Grammar
from fcgen.decode.loop import Loop
from fcgen.decode.row import Request
from fcgen.decode.sampling import Sampling
from fcgen.errors import BudgetTooSmall, GrammarTooLarge, SchemaError
from fcgen.mask import Masks
from fcgen.vocab import Vocabulary

VOCABULARIES = [
    Vocabulary.from_tokenizer(tokenizer, stop_ids={tokenizer.eos_token_id})
    for tokenizer in (byte_level(), sentencepiece_like())
]


class Endless(torch.nn.Module):
    """Noise that likes neither stop tokens nor what closes a string, an object or an array."""

    device = torch.device("cpu")

    def __init__(self, vocabulary, seed):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.logits = torch.randn(vocabulary.size, generator=generator)
        closing = [t for t in range(vocabulary.size) if set(vocabulary.token_bytes(t)) & set(b'"}]')]
        self.logits[[*closing, *vocabulary.stop_ids]] -= 50

    def forward(self, input_ids, use_cache, return_dict, cache=None):
        return type("Output", (), {"logits": self.logits.expand(1, input_ids.shape[1], -1)})


@settings(max_examples=1000)
@given(
    schema=schemas | schemas_with_references,
    which=st.integers(0, 1),
    whitespace=st.sampled_from(["json.dumps", "compact", "flexible", "indent=1"]),
    order=st.sampled_from(["schema", "any"]),
    extra=st.integers(0, 25),
    seed=st.integers(0, 99),
    temperature=st.sampled_from([0.0, 1.0]),
)
def test_every_reply_ends_in_time(schema, which, whitespace, order, extra, seed, temperature):
    vocabulary = VOCABULARIES[which]
    try:
        masks = Masks(Grammar.from_json_schema(schema, whitespace=whitespace, order=order), vocabulary)
        budget = masks.fewest_tokens + extra
        loop = Loop(Endless(vocabulary, seed), vocabulary)
        row = loop.add(Request([1], masks.cursor(budget=budget), budget, Sampling(temperature, seed=seed)))
    except (SchemaError, GrammarTooLarge):
        assume(False)
    loop.run()
    assert row.error is None
    assert len(row.tokens) <= budget
    assert row.tokens[-1] in vocabulary.stop_ids
    assert is_valid(schema, json.loads(row.text()))


@given(schema=schemas, which=st.integers(0, 1))
def test_less_than_the_fewest_is_said_at_once(schema, which):
    try:
        masks = Masks(Grammar.from_json_schema(schema), VOCABULARIES[which])
    except (SchemaError, GrammarTooLarge):
        assume(False)
    try:
        masks.cursor(budget=masks.fewest_tokens - 1)
    except BudgetTooSmall as error:
        assert error.limit == masks.fewest_tokens
        return
    raise AssertionError("a budget below the fewest tokens was taken")
