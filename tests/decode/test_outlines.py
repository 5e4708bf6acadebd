"""The processor within Outlines: each reply is whole, in batches and run after run, whatever library has the logits."""

import enum
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from models_made import tiny_llama
from tokenizers_made import byte_level

import fcgen
from fcgen import Grammar, Masks, Vocabulary, parse_reply
from fcgen.decode.outlines import OutlinesProcessor
from fcgen.decode.processor import LogitsProcessor
from fcgen.errors import BudgetTooSmall, OptionError, PromptError, TokenRefused, VocabularyError

outlines = pytest.importorskip("outlines")

FUNCTION = {
    "name": "f",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 8}, "days": {"type": "integer", "minimum": 1}},
        "required": ["days"],
    },
}
PROMPTS = ["What is the weather in Paris?", "Hi", "To be, or not to be: that is the question."]
BUDGET = 40

TOKENIZER = byte_level()
EOS = TOKENIZER.eos_token_id
LLAMA = tiny_llama(TOKENIZER, padding=9)
MODEL = outlines.from_transformers(LLAMA, TOKENIZER)
VOCABULARY = Vocabulary.from_tokenizer(TOKENIZER, size=LLAMA.config.vocab_size, stop_ids={EOS})
MASKS = Masks(Grammar.from_functions([FUNCTION], choice="required"), VOCABULARY)


def check(texts):
    for text in texts:
        assert parse_reply(text, [FUNCTION]).kind == "call"


def test_it_is_a_processor_of_outlines():
    assert fcgen.OutlinesProcessor is OutlinesProcessor
    assert issubclass(OutlinesProcessor, outlines.processors.OutlinesLogitsProcessor)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_it_does_what_the_processor_of_transformers_does(prompt):
    generator = outlines.Generator(MODEL, processor=OutlinesProcessor(MASKS, budget=BUDGET))
    text = generator(prompt, max_new_tokens=BUDGET, do_sample=False)
    asked = TOKENIZER.apply_chat_template(
        [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
    )
    inputs = TOKENIZER(asked, return_tensors="pt")
    rows = LLAMA.generate(
        **inputs, max_new_tokens=BUDGET, do_sample=False, logits_processor=[LogitsProcessor(MASKS, budget=BUDGET)]
    )
    assert text == TOKENIZER.decode(rows[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    check([text])


def test_batches_and_run_after_run():
    generator = outlines.Generator(MODEL, processor=OutlinesProcessor(MASKS, budget=BUDGET))
    batch = generator.batch(PROMPTS, max_new_tokens=BUDGET, do_sample=False)
    check(batch)
    assert [generator(prompt, max_new_tokens=BUDGET, do_sample=False) for prompt in PROMPTS] == batch
    assert generator.batch(PROMPTS[::-1], max_new_tokens=BUDGET, do_sample=False) == batch[::-1]


@pytest.mark.parametrize("options", [{"do_sample": True}, {"num_beams": 3}, {"num_beams": 2, "do_sample": True}])
@pytest.mark.parametrize("extra", [0, 1, 9])
def test_several_replies_to_each_prompt(options, extra):
    budget = MASKS.fewest_tokens + extra
    generator = outlines.Generator(MODEL, processor=OutlinesProcessor(MASKS, budget=budget))
    torch.manual_seed(extra)
    replies = generator.batch(PROMPTS, max_new_tokens=budget, num_return_sequences=2, early_stopping=True, **options)
    assert [len(row) for row in replies] == [2, 2, 2]
    for row in replies:
        check(row)


def test_without_a_generator_the_steps_tell_where_a_run_begins():
    processor = OutlinesProcessor(MASKS, budget=BUDGET)
    for prompt in [*PROMPTS, PROMPTS[-1]]:
        check([MODEL.generate(prompt, processor, max_new_tokens=BUDGET)])
    check(MODEL.generate_batch(PROMPTS, processor, max_new_tokens=BUDGET))


def test_an_output_type():
    class Colour(enum.Enum):
        RED = "red"
        BLUE = "blue"

    masks = Masks(Grammar.from_output_type(list[Colour]), VOCABULARY)
    generator = outlines.Generator(MODEL, processor=OutlinesProcessor(masks, budget=20))
    for text in generator.batch(PROMPTS, max_new_tokens=20):
        assert set(json.loads(text)) <= {"red", "blue"}


def mlx_array(values, dtype=None):
    core = pytest.importorskip("mlx.core")
    return core.array(values) if dtype is None else core.array(values, dtype=getattr(core, dtype))


LIBRARIES = [
    pytest.param(torch.tensor, id="torch"),
    pytest.param(np.array, id="numpy"),
    pytest.param(mlx_array, id="mlx"),
]


def finite(logits):
    return [[token for token, value in enumerate(row) if value > float("-inf")] for row in logits.tolist()]


def allowed(budget, *tokens):
    cursor = MASKS.cursor(budget=budget)
    for token in tokens:
        cursor.advance(token)
    return np.flatnonzero(np.unpackbits(cursor.canonical_mask().view(np.uint8), bitorder="little")).tolist()


@pytest.mark.parametrize("array", LIBRARIES)
@pytest.mark.parametrize("seed", range(3))
def test_rows_of_every_library(array, seed):
    """A batch steps on at random; each row's tokens are those that its own cursor allows."""
    rng = np.random.default_rng(seed)
    processor = OutlinesProcessor(MASKS, budget=BUDGET)
    rows = rng.integers(0, VOCABULARY.size, (3, 4)).tolist()
    for _ in range(8):
        logits = rng.normal(size=(3, VOCABULARY.size)).astype(np.float32)
        after = processor(array(rows), array(logits.tolist()))
        for row, may, before, values in zip(rows, finite(after), logits, after.tolist(), strict=True):
            assert may == allowed(BUDGET, *row[4:])
            assert np.allclose([values[token] for token in may], before[may])
            row.append(may[rng.integers(len(may))])


@pytest.mark.parametrize("array", LIBRARIES)
def test_one_row_with_one_axis(array):
    """As llama.cpp (one axis) and mlx-lm (one for the tokens, two for the logits) have them."""
    tokens = [1, 2, 3]
    for logits in ([0.0] * VOCABULARY.size, [[0.0] * VOCABULARY.size]):
        processor = OutlinesProcessor(MASKS)
        after = processor(array(tokens), array(logits))
        assert after.shape == array(logits).shape
        assert finite(after[None] if after.ndim == 1 else after) == [allowed(None)]
        assert (processor.prompt_tokens, processor.new_tokens) == (3, 1)


@pytest.mark.parametrize("array", LIBRARIES)
def test_an_array_that_is_written_on_is_another_one(array):
    """llama.cpp passes a view into its own array, which the next run writes over."""
    written = np.zeros(9, np.intc)
    processor = OutlinesProcessor(MASKS)
    logits = array([0.0] * VOCABULARY.size)
    first, second = allowed(None)[0], allowed(None)[-1]
    for prompt in (5, 6):
        written[:3] = prompt
        for step, token in enumerate((first, second)):
            shown = written[: 3 + step] if array is np.array else array(written[: 3 + step].tolist())
            expected = allowed(None, *[first][:step])
            assert finite(processor(shown, logits)[None]) == [expected]
            written[3 + step] = token if step == 0 else 0
            if step == 1:
                assert processor.prompt_tokens == 3


@pytest.mark.parametrize(
    ("logits", "dtype"),
    [
        (torch.zeros(1, VOCABULARY.size, dtype=torch.bfloat16), torch.bfloat16),
        (np.zeros((1, VOCABULARY.size), np.float16), np.float16),
        (np.zeros((1, VOCABULARY.size), np.float32), np.float32),
    ],
)
def test_logits_keep_their_type_and_are_not_changed(logits, dtype):
    tokens = torch.zeros(1, 3, dtype=torch.long) if isinstance(logits, torch.Tensor) else np.zeros((1, 3), np.intc)
    after = OutlinesProcessor(MASKS)(tokens, logits)
    assert after.dtype == dtype
    assert len(finite(logits)[0]) == VOCABULARY.size


@settings(max_examples=20)
@given(st.integers(-5, 5).filter(bool), st.sampled_from([torch.zeros, np.zeros]))
def test_logits_of_another_width(more, zeros):
    processor = OutlinesProcessor(MASKS)
    tokens = torch.zeros(1, 3, dtype=torch.long) if zeros is torch.zeros else np.zeros((1, 3), np.intc)
    with pytest.raises(VocabularyError, match=str(VOCABULARY.size + more)) as caught:
        processor(tokens, zeros((1, VOCABULARY.size + more)))
    with pytest.raises(VocabularyError) as again:
        processor.check()
    assert again.value is caught.value
    processor.reset()
    processor.check()


def test_a_tokenizer_of_another_model():
    other = outlines.from_transformers(tiny_llama(TOKENIZER, padding=70), TOKENIZER)
    with pytest.raises(VocabularyError, match="the model's logits"):
        outlines.Generator(other, processor=OutlinesProcessor(MASKS))("Hi", max_new_tokens=5)


def test_logits_of_another_library():
    with pytest.raises(OptionError, match=r"logits are of builtins\.list"):
        OutlinesProcessor(MASKS)([1], [0.0])


def test_a_budget_below_the_minimum():
    with pytest.raises(BudgetTooSmall):
        OutlinesProcessor(MASKS, budget=MASKS.fewest_tokens - 1)


@pytest.mark.parametrize("budget", [None, BUDGET])
def test_a_context_is_a_budget(budget):
    fewest = MASKS.fewest_tokens
    processor = OutlinesProcessor(MASKS, budget=budget, context=fewest + 10)
    logits = np.zeros((1, VOCABULARY.size), np.float32)
    for prompt in (1, 5, 10):
        processor.reset()
        left = fewest + 10 - prompt
        assert finite(processor(np.zeros((1, prompt), np.intc), logits)) == [allowed(min(left, budget or left))]
    processor.reset()
    with pytest.raises(PromptError, match="the prompt has 11 tokens") as caught:
        processor(np.zeros((1, 11), np.intc), logits)
    assert (caught.value.limit, caught.value.given) == (fewest + 10, fewest + 11)


@pytest.mark.parametrize("array", LIBRARIES)
def test_options_that_leave_nothing_are_named(array):
    processor = OutlinesProcessor(Masks(Grammar.from_json_schema({"type": "boolean"}), VOCABULARY))
    logits = np.zeros((2, VOCABULARY.size), np.float32)
    rows = np.array([[1, 2], [1, 3]])
    for token in TOKENIZER.encode("true"):
        processor(array(rows.tolist()), array(logits.tolist()))
        rows = np.concatenate([rows, np.full((2, 1), token)], axis=1)
    logits[1, EOS] = -np.inf
    with pytest.raises(OptionError, match="after 'true' the grammar allows the stop token") as caught:
        processor(array(rows.tolist()), array(logits.tolist()))
    assert "min_new_tokens" in caught.value.hint
    with pytest.raises(OptionError):
        processor.check()


def test_an_option_of_the_model_that_leaves_nothing():
    processor = OutlinesProcessor(Masks(Grammar.from_json_schema({"type": "boolean"}), VOCABULARY))
    with pytest.raises(OptionError, match="min_new_tokens"):
        outlines.Generator(MODEL, processor=processor)("Hi", max_new_tokens=20, min_new_tokens=12)


def test_a_token_that_something_else_forced():
    processor = OutlinesProcessor(MASKS)
    logits = np.zeros(VOCABULARY.size, np.float32)
    processor(np.array([1, 2]), logits)
    (stranger,) = TOKENIZER.encode("z")
    with pytest.raises(TokenRefused, match="may not come next"):
        processor(np.array([1, 2, stranger]), logits)
