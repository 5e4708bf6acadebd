"""Plain `model.generate` with the processor: each row is a reply, however rows come and go."""

import random

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from models_made import tiny_llama
from tokenizers_made import byte_level

import fcgen
from fcgen.call import Grammar
from fcgen.decode.generate import generate
from fcgen.decode.processor import LogitsProcessor
from fcgen.decode.sampling import Sampling
from fcgen.errors import BudgetTooSmall, OptionError, TokenRefused, VocabularyError
from fcgen.mask import Masks
from fcgen.reply import parse_reply
from fcgen.vocab import Vocabulary

FUNCTION = {
    "name": "f",
    "parameters": {
        "type": "object",
        "properties": {
            "city": {"type": "string", "maxLength": 8},
            "days": {"type": "integer", "minimum": 1, "maximum": 14},
            "tags": {"type": "array", "items": {"enum": ["a", "b", "ab"]}, "maxItems": 3},
        },
        "required": ["days"],
    },
}
PROMPTS = ["What is the weather in Paris?", "Hi", "To be, or not to be: that is the question."]
BUDGET = 40

TOKENIZER = byte_level()
EOS = TOKENIZER.eos_token_id
MODEL = tiny_llama(TOKENIZER, padding=9)
VOCABULARY = Vocabulary.from_tokenizer(TOKENIZER, size=MODEL.config.vocab_size, stop_ids={EOS})
MASKS = Masks(Grammar.from_functions([FUNCTION], choice="required"), VOCABULARY)


def encode(prompts):
    return TOKENIZER(prompts, return_tensors="pt", padding=True, padding_side="left")


def run(processor, prompts=PROMPTS, *, new=BUDGET, model=MODEL, **options):
    """What plain `generate` adds to the prompts, a list of tokens per row."""
    inputs = encode(prompts) if isinstance(prompts, list) else prompts
    torch.manual_seed(options.pop("seed", 0))
    options = {"do_sample": False, "max_new_tokens": new, "top_k": None, **options}
    rows = model.generate(
        input_ids=inputs["input_ids"].to(model.device),
        attention_mask=inputs["attention_mask"].to(model.device),
        logits_processor=[processor],
        **options,
    )
    return rows[:, inputs["input_ids"].shape[1] :].tolist()


def up_to_stop(row):
    return row[: row.index(EOS) + 1]


def check(rows):
    """Each row is a call, then the stop token, then nothing but padding."""
    for row in rows:
        reply = up_to_stop(row)
        assert set(row[len(reply) :]) <= {EOS, TOKENIZER.pad_token_id}
        assert parse_reply(VOCABULARY.decode(reply).decode(), [FUNCTION]).kind == "call"


def test_it_is_a_processor_of_transformers():
    assert fcgen.LogitsProcessor is LogitsProcessor
    assert issubclass(LogitsProcessor, transformers.LogitsProcessor)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_greedy_is_what_our_own_loop_writes(prompt):
    written = generate(
        MODEL,
        TOKENIZER.encode(prompt),
        MASKS.cursor(budget=BUDGET),
        sampling=Sampling(),
        max_new_tokens=BUDGET,
        fast_forward=False,
    )
    assert run(LogitsProcessor(MASKS, budget=BUDGET), [prompt]) == [list(written.tokens)]


def test_a_row_is_the_same_alone_and_in_a_batch():
    batch = run(LogitsProcessor(MASKS, budget=BUDGET))
    check(batch)
    for prompt, row in zip(PROMPTS, batch, strict=True):
        assert run(LogitsProcessor(MASKS, budget=BUDGET), [prompt]) == [up_to_stop(row)]


@pytest.mark.parametrize("extra", [0, 1, 2, 5, 17])
@pytest.mark.parametrize("temperature", [None, 2.0])
def test_every_row_is_whole_at_every_budget(extra, temperature):
    budget = MASKS.fewest_tokens + extra
    options = {"do_sample": True, "temperature": temperature, "num_return_sequences": 3} if temperature else {}
    check(run(LogitsProcessor(MASKS, budget=budget), new=budget, **options))


@pytest.mark.parametrize("returned", [1, 3])
@pytest.mark.parametrize("early", [True, False])
def test_beams(returned, early):
    rows = run(LogitsProcessor(MASKS, budget=BUDGET), num_beams=3, num_return_sequences=returned, early_stopping=early)
    assert len(rows) == returned * len(PROMPTS)
    check(rows)


@pytest.mark.parametrize("seed", range(4))
def test_beams_that_are_sampled(seed):
    processor = LogitsProcessor(MASKS, budget=BUDGET)
    check(run(processor, num_beams=3, do_sample=True, temperature=1.5, early_stopping=True, seed=seed))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("options", [{}, {"num_beams": 3}, {"do_sample": True, "num_return_sequences": 2}])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_model_on_cuda(options, dtype):
    model = tiny_llama(TOKENIZER, padding=9, dtype=dtype).to("cuda")
    check(run(LogitsProcessor(MASKS, budget=BUDGET), model=model, **options))


def test_more_beams_than_replies():
    only = Masks(Grammar.from_json_schema({"enum": ["yes", "no"]}), VOCABULARY)
    rows = run(LogitsProcessor(only, budget=12), num_beams=5, num_return_sequences=2, new=12)
    replies = [VOCABULARY.decode(up_to_stop(row)) for row in rows]
    assert [set(replies[i : i + 2]) for i in range(0, 6, 2)] == [{b'"yes"', b'"no"'}] * 3


@pytest.mark.parametrize("known", [True, False])
def test_one_processor_serves_run_after_run(known):
    """The second run is another batch, the third goes on from the first one's conversation."""
    first = encode(PROMPTS[:1])
    processor = LogitsProcessor(MASKS, budget=BUDGET)
    said = PROMPTS[0]
    for turn in range(3):
        inputs = encode([said])
        if known:
            processor.prompt_tokens = inputs["input_ids"].shape[1]
        row = run(processor, inputs)
        check(row)
        assert row == run(LogitsProcessor(MASKS, budget=BUDGET), inputs)
        said += TOKENIZER.decode(row[0]) + f" And now {turn}?"
        if not known:
            check(run(processor, PROMPTS[1:]))
            check(run(processor, first, num_beams=2))


def test_a_reply_that_was_cut_off_goes_on():
    """Without prompt_tokens, the returned rows as prompts are the same rows, one step later."""
    whole = run(LogitsProcessor(MASKS), PROMPTS[:1], new=BUDGET)[0]
    processor = LogitsProcessor(MASKS)
    inputs = encode(PROMPTS[:1])
    begun = run(processor, inputs, new=5)
    longer = torch.cat([inputs["input_ids"], torch.tensor(begun)], dim=1)
    rest = run(processor, {"input_ids": longer, "attention_mask": torch.ones_like(longer)}, new=BUDGET - 5)
    assert begun[0] + rest[0] == whole


def allowed(scores):
    return [set(torch.isfinite(row).nonzero().flatten().tolist()) for row in scores]


def tokens_of(words):
    return set(np.flatnonzero(np.unpackbits(words.view(np.uint8), bitorder="little")).tolist())


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.sampled_from([None, 4]), st.sampled_from([None, 30]))
def test_a_row_stands_where_its_own_tokens_lead(seed, known, budget):
    """Rows are copied, dropped and permuted at random; each mask is that of a cursor that took the row's tokens."""
    rng = random.Random(seed)
    processor = LogitsProcessor(MASKS, prompt_tokens=known, budget=budget)
    width = 4
    for _ in range(3):
        rows = [[rng.randrange(VOCABULARY.size) for _ in range(width)] for _ in range(3)]
        for _ in range(8):
            scores = processor(torch.tensor(rows), torch.zeros(3, VOCABULARY.size))
            longer = []
            for row, may in zip(rows, allowed(scores), strict=True):
                cursor = MASKS.cursor(budget=budget)
                for token in row[width:]:
                    if not cursor.stopped:
                        cursor.advance(token)
                assert may == ({EOS} if cursor.stopped else tokens_of(cursor.canonical_mask()))
                longer.append([*row, rng.choice(sorted(may))])
            rows = rng.choices(longer, k=3)
        width = known or width + 8  # as wide as one more step would be


def test_assisted_generation_needs_the_width_of_the_prompt():
    inputs = encode(PROMPTS[:1])
    processor = LogitsProcessor(MASKS, prompt_tokens=inputs["input_ids"].shape[1], budget=BUDGET)
    assisted = run(processor, inputs, prompt_lookup_num_tokens=3)
    assert assisted == run(LogitsProcessor(MASKS, budget=BUDGET), inputs)


BOOLEAN = Masks(Grammar.from_json_schema({"type": "boolean"}), VOCABULARY)
LIST = Masks(
    Grammar.from_json_schema({"type": "array", "items": {"enum": ["ab", "ba"]}, "minItems": 3, "maxItems": 3}),
    VOCABULARY,
)
LETTERS = [[token] for token in range(VOCABULARY.size) if VOCABULARY.token_bytes(token) in (b"t", b"f")]
CONFLICTS = [
    (BOOLEAN, {"min_new_tokens": 8}, "min_new_tokens or min_length"),
    (BOOLEAN, {"min_length": 70, "new": 70}, "min_new_tokens or min_length"),
    (BOOLEAN, {"suppress_tokens": [EOS]}, "suppress_tokens"),
    (BOOLEAN, {"bad_words_ids": LETTERS}, "bad_words_ids"),
    (BOOLEAN, {"begin_suppress_tokens": [token for (token,) in LETTERS]}, "begin_suppress_tokens"),
    (LIST, {"no_repeat_ngram_size": 1}, "no_repeat_ngram_size"),
    (LIST, {"forced_eos_token_id": EOS, "new": 4}, "forced_eos_token_id"),
    (LIST, {"prefix_allowed_tokens_fn": lambda *_: TOKENIZER.encode("z")}, "prefix_allowed_tokens_fn"),
]
WAYS = [
    {},
    {"do_sample": True},
    {"do_sample": True, "num_return_sequences": 3},
    {"num_beams": 3},
    {"num_beams": 2, "do_sample": True},
]


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize(("masks", "options", "likely"), CONFLICTS, ids=[likely for _, _, likely in CONFLICTS])
def test_options_that_leave_nothing_are_named(masks, options, likely, way):
    for prompts in (PROMPTS[:1], PROMPTS):
        with pytest.raises(OptionError, match="other options of generate forbid all of that") as caught:
            run(LogitsProcessor(masks), prompts, **options, **way)
        assert likely in caught.value.hint


@pytest.mark.parametrize("way", [*WAYS, {"prompt_lookup_num_tokens": 3}], ids=str)
def test_options_that_leave_something_are_obeyed(way):
    """Among them those of which some beams, but not all, have nothing left; and rows that have ended."""
    one_letter = {"bad_words_ids": LETTERS[:1]}
    prompts = PROMPTS[: 1 if "prompt_lookup_num_tokens" in way else 3]
    for masks, options in [
        (BOOLEAN, one_letter),
        (MASKS, {"min_new_tokens": 20}),
        (MASKS, {"no_repeat_ngram_size": 40}),
    ]:
        inputs = encode(prompts)
        processor = LogitsProcessor(masks, budget=BUDGET, prompt_tokens=inputs["input_ids"].shape[1])
        rows = run(processor, inputs, **options, **way)
        texts = [VOCABULARY.decode(up_to_stop(row)).decode() for row in rows]
        if masks is BOOLEAN:
            assert set(texts) == {"true" if VOCABULARY.token_bytes(LETTERS[0][0]) == b"f" else "false"}
        else:
            check(rows)
            assert "min_new_tokens" not in options or all(len(up_to_stop(row)) > 20 for row in rows)


def test_a_row_that_has_ended_and_may_not_stop_is_no_mistake():
    """A draw needs something to draw from, though it is not looked at."""
    processor = LogitsProcessor(BOOLEAN, prompt_tokens=1)
    rows = torch.tensor([[0, *TOKENIZER.encode("true"), EOS], [0, *TOKENIZER.encode("true"), LETTERS[0][0]]])
    scores = torch.zeros(2, VOCABULARY.size)
    scores[:, EOS] = -torch.inf
    for width in range(1, rows.shape[1]):
        processor(rows[:, :width], torch.zeros(2, VOCABULARY.size))
    after = processor(rows, scores)
    assert allowed(after) == [{EOS}, {EOS}]


@pytest.mark.parametrize(
    "way", [{"prompt_lookup_num_tokens": 3}, {"assistant_model": MODEL}], ids=["lookup", "assistant"]
)
def test_assisted_generation_without_the_width_of_the_prompt_is_refused(way):
    prompt = 'The tags "a", "b" and "ab" of "a" or of "b": {"function": "f", "arguments": {"days": 1'
    processor = LogitsProcessor(MASKS, budget=BUDGET)
    with pytest.raises(OptionError, match="Give it prompt_tokens"):
        for _ in range(3):  # one that takes nothing back is as any other
            run(processor, [prompt], **way)
            prompt += ' "a'


def test_scores_keep_their_values_dtype_and_shape():
    scores = torch.randn(2, VOCABULARY.size, dtype=torch.bfloat16)
    before = scores.clone()
    after = LogitsProcessor(MASKS)(torch.zeros(2, 3, dtype=torch.long), scores)
    assert torch.equal(scores, before)
    assert after.dtype == scores.dtype
    kept = torch.isfinite(after)
    assert torch.equal(after[kept], scores[kept])


def test_a_budget_below_the_minimum():
    with pytest.raises(BudgetTooSmall):
        LogitsProcessor(MASKS, budget=MASKS.fewest_tokens - 1)


@pytest.mark.parametrize("more", [-1, 1, 64])
def test_scores_of_another_width(more):
    with pytest.raises(VocabularyError, match=str(VOCABULARY.size + more)):
        LogitsProcessor(MASKS)(torch.zeros(1, 3, dtype=torch.long), torch.zeros(1, VOCABULARY.size + more))


def test_a_prompt_shorter_than_said():
    with pytest.raises(OptionError, match="prompt_tokens is 4"):
        LogitsProcessor(MASKS, prompt_tokens=4)(torch.zeros(1, 3, dtype=torch.long), torch.zeros(1, VOCABULARY.size))


def test_a_token_that_another_processor_forces():
    class Stranger(transformers.LogitsProcessor):
        def __call__(self, input_ids, scores):
            forced = torch.full_like(scores, -torch.inf)
            forced[:, TOKENIZER.encode("z")[0]] = 0
            return forced

    inputs = encode(PROMPTS[:1])
    with pytest.raises(TokenRefused, match="may not come next"):
        MODEL.generate(**inputs, logits_processor=[LogitsProcessor(MASKS), Stranger()], max_new_tokens=5)


def test_a_processor_that_comes_later_and_leaves_nothing():
    """It cannot be seen when it does so, but at the next step."""
    inputs = encode(PROMPTS[:1])
    later = transformers.MinNewTokensLengthLogitsProcessor(inputs["input_ids"].shape[1], 9, EOS)
    with pytest.raises(TokenRefused, match=r"after '(true|false)'"):
        MODEL.generate(**inputs, logits_processor=[LogitsProcessor(BOOLEAN), later], max_new_tokens=9, do_sample=False)


def test_continuous_batching_is_refused(monkeypatch):
    """Nobody gets a reply that was written without masks: the requests fail, and say why."""
    from transformers import ContinuousBatchingConfig, LogitsProcessorList

    processors = LogitsProcessorList([LogitsProcessor(MASKS, budget=BUDGET)])
    monkeypatch.setattr(MODEL, "_get_logits_processor", lambda _: processors)
    replies = MODEL.generate_batch(
        [TOKENIZER.encode(prompt) for prompt in PROMPTS],
        generation_config=transformers.GenerationConfig(max_new_tokens=BUDGET, do_sample=False, eos_token_id=EOS),
        continuous_batching_config=ContinuousBatchingConfig(num_blocks=64, max_batch_tokens=64, page_size=16),
        warmup=False,
    )
    assert len(replies) == len(PROMPTS)
    for reply in replies.values():
        assert reply.generated_tokens == []
        assert "Use model.generate without it" in reply.error


@pytest.mark.parametrize("shown", [torch.zeros(2, dtype=torch.long), torch.zeros(1, dtype=torch.long)])
def test_the_last_tokens_alone(shown):
    with pytest.raises(OptionError, match="continuous batching"):
        LogitsProcessor(MASKS)(shown, torch.zeros(len(shown), VOCABULARY.size))


def test_a_second_run_on_another_device():
    processor = LogitsProcessor(MASKS)
    scores = torch.zeros(1, VOCABULARY.size)
    first = processor(torch.zeros(1, 3, dtype=torch.long), scores)
    elsewhere = torch.zeros(1, 4, dtype=torch.long, device="meta")
    assert not processor._steps._goes_on(elsewhere)
    again = processor(torch.zeros(1, 2, dtype=torch.long), scores)
    assert torch.equal(first, again)
