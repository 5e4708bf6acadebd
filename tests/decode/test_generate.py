"""The loop: whatever the model says, a reply comes out; and it is the one that the model wants most."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from models_made import tiny_llama
from tokenizers_made import byte_level, sentencepiece_like

from fcgen.call import Grammar
from fcgen.decode.generate import generate
from fcgen.decode.sampling import Sampling
from fcgen.errors import BudgetTooSmall, ModelError, OptionError, VocabularyError
from fcgen.mask import Masks
from fcgen.reply import parse_reply
from fcgen.vocab import Vocabulary

FUNCTIONS = [
    {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "minLength": 1, "maxLength": 12},
                "unit": {"enum": ["celsius", "fahrenheit"]},
                "days": {"type": "integer", "minimum": 1, "maximum": 14},
            },
            "required": ["city", "days"],
        },
    },
    {
        "name": "set_tags",
        "description": "Tags of a note.",
        "parameters": {
            "type": "object",
            "properties": {
                "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3},
                "urgent": {"type": "boolean"},
            },
            "required": ["tags"],
        },
    },
]
PADDING = 23


class Setting:
    """A tokenizer, a model whose logits are wider, and masks for it."""

    def __init__(self, tokenizer, choice):
        self.tokenizer = tokenizer
        self.model = tiny_llama(tokenizer, padding=PADDING)
        self.prompt = tokenizer.encode("What is the weather in Paris?")
        width = self.model.config.vocab_size
        self.vocabulary = Vocabulary.from_tokenizer(tokenizer, size=width, stop_ids={tokenizer.eos_token_id})
        self.masks = Masks(Grammar.from_functions(FUNCTIONS, choice=choice), self.vocabulary)

    def generate(self, budget, sampling=Sampling(), model=None, **options):  # noqa: B008
        cursor = self.masks.cursor(budget=budget)
        return generate(model or self.model, self.prompt, cursor, sampling=sampling, max_new_tokens=budget, **options)

    def reply(self, tokens):
        return parse_reply(self.vocabulary.decode(tokens).decode(), FUNCTIONS)


TOKENIZERS = {"byte level": byte_level, "sentencepiece": sentencepiece_like}


@pytest.fixture(scope="module", params=["byte level", "sentencepiece"])
def calls(request):
    return Setting(TOKENIZERS[request.param](), "required")


@pytest.fixture(scope="module", params=["byte level", "sentencepiece"])
def either(request):
    return Setting(TOKENIZERS[request.param](), "auto")


def check(setting, written, budget):
    """The reply is whole, in the budget, and ends with its only stop token."""
    stops = setting.vocabulary.stop_ids
    assert len(written.tokens) <= budget
    assert written.tokens[-1] in stops
    assert not stops & set(written.tokens[:-1])
    assert 0 <= written.forced_tokens <= len(written.tokens) - written.forward_passes <= len(written.tokens)
    assert len(written.removed) == len(written.tokens) - written.forced_tokens
    return setting.reply(written.tokens)


@settings(max_examples=25)
@given(
    extra=st.integers(0, 60), temperature=st.sampled_from([0.0, 0.7, 3.0]), seed=st.integers(0, 99), fast=st.booleans()
)
def test_required_is_a_call_at_every_budget(calls, extra, temperature, seed, fast):
    budget = calls.masks.fewest_tokens + extra
    written = calls.generate(budget, Sampling(temperature, seed=seed), fast_forward=fast)
    assert check(calls, written, budget).kind == "call"


@settings(max_examples=25)
@given(extra=st.integers(0, 60), temperature=st.sampled_from([0.0, 0.7, 3.0]), seed=st.integers(0, 99))
def test_auto_is_a_call_or_text_at_every_budget(either, extra, temperature, seed):
    budget = either.masks.fewest_tokens + extra
    check(either, either.generate(budget, Sampling(temperature, top_p=0.95, top_k=40, seed=seed)), budget)


def test_below_the_minimum_is_said_beforehand(calls):
    with pytest.raises(BudgetTooSmall) as caught:
        calls.generate(calls.masks.fewest_tokens - 1)
    assert caught.value.limit == calls.masks.fewest_tokens


def likeliest(setting, budget):
    """The greedy reply by definition: the whole sequence is read again for every token."""
    cursor = setting.masks.cursor(budget=budget)
    while not cursor.stopped:
        with torch.no_grad():
            logits = setting.model(torch.tensor([[*setting.prompt, *cursor.tokens]])).logits[0, -1]
        bits = np.unpackbits(cursor.canonical_mask().view(np.uint8), bitorder="little")[: len(logits)]
        cursor.advance(int(np.where(bits, logits.numpy(), -math.inf).argmax()))
    return tuple(cursor.tokens)


@pytest.mark.parametrize("budget", [40, 70])
def test_step_by_step_is_greedy(calls, budget):
    written = calls.generate(budget, fast_forward=False)
    assert written.tokens == likeliest(calls, budget)
    assert written.forced_tokens == 0
    assert written.forward_passes == len(written.tokens)


def test_fast_forward_asks_less(calls):
    written = calls.generate(70)
    assert written.forced_tokens > 0
    assert written.forward_passes + written.forced_tokens <= len(written.tokens)
    one_by_one = calls.generate(70, lookup=0)
    assert one_by_one.tokens == written.tokens
    assert one_by_one.forward_passes + one_by_one.forced_tokens == len(written.tokens)


class WithoutCache(torch.nn.Module):
    """A model that hands out no key-value cache."""

    def __init__(self, model):
        super().__init__()
        self.inner = model
        self.device = model.device

    def forward(self, input_ids, past_key_values, use_cache, return_dict):
        assert past_key_values is None
        output = self.inner(input_ids, use_cache=False, return_dict=return_dict)
        return SimpleNamespace(logits=output.logits)


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(1.0, seed=5)])
def test_a_model_without_a_cache_writes_the_same(calls, sampling):
    assert calls.generate(60, sampling, WithoutCache(calls.model)).tokens == calls.generate(60, sampling).tokens


def test_a_seed_repeats_the_reply(either):
    replies = [either.generate(40, Sampling(1.5, seed=seed)).tokens for seed in (1, 1, 2, 3, 4, 5)]
    assert replies[0] == replies[1]
    assert len(set(replies)) > 2


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_any_dtype(calls, dtype, temperature):
    model = tiny_llama(calls.tokenizer, padding=PADDING, dtype=dtype)
    assert check(calls, calls.generate(50, Sampling(temperature, seed=2), model), 50).kind == "call"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("sampling", [Sampling(), Sampling(1.0, top_p=0.9, seed=4), Sampling(3.0, top_k=20, seed=5)])
def test_a_model_on_cuda(either, dtype, sampling):
    model = tiny_llama(either.tokenizer, padding=PADDING, dtype=dtype).to("cuda")
    first, second = (either.generate(50, sampling, model) for _ in range(2))
    check(either, first, 50)
    assert first.tokens == second.tokens


def test_the_model_is_left_as_it_was(calls):
    calls.model.train()
    try:
        calls.generate(40)
        assert calls.model.training
        assert all(weight.grad is None and weight.requires_grad for weight in calls.model.parameters())
    finally:
        calls.model.eval()
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("padding", [0, 60])
def test_logits_of_another_width_are_refused(calls, padding):
    with pytest.raises(VocabularyError, match="wide"):
        calls.generate(60, model=tiny_llama(calls.tokenizer, padding=padding))


def test_logits_that_are_nan_are_refused(calls):
    model = tiny_llama(calls.tokenizer, padding=PADDING)
    model.lm_head.weight.data.fill_(math.nan)
    with pytest.raises(ModelError, match="NaN"):
        calls.generate(60, model=model)


@pytest.mark.parametrize("budget", [None, 61])
def test_a_cursor_that_could_write_more_is_refused(calls, budget):
    with pytest.raises(OptionError, match="budget"):
        generate(calls.model, calls.prompt, calls.masks.cursor(budget=budget), sampling=Sampling(), max_new_tokens=60)


class Interrupted(torch.nn.Module):
    """Somebody presses Ctrl-C while the model runs."""

    device = torch.device("cpu")

    def forward(self, **_):
        raise KeyboardInterrupt


def test_an_interrupt_comes_through(calls):
    with pytest.raises(KeyboardInterrupt):
        calls.generate(60, model=Interrupted())
    assert not torch.is_inference_mode_enabled()
    assert check(calls, calls.generate(60), 60).kind == "call"
