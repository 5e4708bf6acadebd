"""fcgen's loop behind the entry of transformers."""

import json

import pytest
import torch
from models_made import tiny, tiny_llama
from tokenizers_made import byte_level
from transformers import LogitsProcessor, LogitsProcessorList

from fcgen.call import Grammar
from fcgen.decode.custom import custom_generate
from fcgen.decode.generate import generate
from fcgen.decode.sampling import Sampling
from fcgen.errors import BudgetTooSmall, OptionError
from fcgen.mask import Masks
from fcgen.vocab import Vocabulary

SCHEMAS = [
    {"type": "object", "properties": {"city": {"type": "string", "maxLength": 9}, "n": {"type": "integer"}}},
    {"enum": ["red", "green", "blue"]},
]
PROMPTS = ["What is the weather in Paris?", "red", "Numbers: 1 2 3"]


class Setting:
    def __init__(self):
        self.tokenizer = byte_level()
        self.tokenizer.padding_side = "left"
        self.model = tiny_llama(self.tokenizer)
        self.vocabulary = Vocabulary.from_tokenizer(self.tokenizer, stop_ids={self.tokenizer.eos_token_id})
        self.masks = [Masks(Grammar.from_json_schema(schema), self.vocabulary) for schema in SCHEMAS]
        self.inputs = self.tokenizer(PROMPTS, padding=True, return_tensors="pt")

    def written(self, masks, inputs=None, **options):
        inputs = self.inputs if inputs is None else inputs
        found = self.model.generate(
            **inputs, custom_generate=custom_generate(masks), max_new_tokens=40, **{"do_sample": False, **options}
        )
        width = inputs["input_ids"].shape[1]
        each = len(found) // len(inputs["input_ids"])
        assert torch.equal(found[:, :width], inputs["input_ids"].repeat_interleave(each, 0))
        return [self.tokenizer.decode(row, skip_special_tokens=True) for row in found[:, width:]]


@pytest.fixture(scope="module")
def setting():
    return Setting()


def test_a_batch_with_padding_is_what_the_engine_writes(setting):
    written = setting.written(setting.masks[0])
    for prompt, text in zip(PROMPTS, written, strict=True):
        ids = setting.tokenizer.encode(prompt)
        cursor = setting.masks[0].cursor(budget=40)
        alone = generate(setting.model, ids, cursor, sampling=Sampling(), max_new_tokens=40)
        assert text == setting.vocabulary.decode(alone.tokens).decode()
        assert isinstance(json.loads(text), dict)


def test_masks_for_each_prompt(setting):
    first, second, third = setting.written([setting.masks[0], setting.masks[1], None])
    assert isinstance(json.loads(first), dict)
    assert json.loads(second) in SCHEMAS[1]["enum"]
    assert third


def test_draws_are_those_of_torchs_seed(setting):
    def drawn(seed):
        torch.manual_seed(seed)
        inputs = setting.tokenizer(PROMPTS[:1], return_tensors="pt")
        return setting.written(
            setting.masks[0], inputs, do_sample=True, temperature=2.0, top_k=0, num_return_sequences=4
        )

    assert drawn(1) == drawn(1)
    assert len(set(drawn(1))) > 1
    assert drawn(1) != drawn(2)


class Stranger(LogitsProcessor):
    pass


@pytest.mark.parametrize(
    "options",
    [
        {"min_new_tokens": 8}, {"min_length": 30}, {"no_repeat_ngram_size": 2}, {"bad_words_ids": [[5]]},
        {"suppress_tokens": [5]}, {"begin_suppress_tokens": [5]}, {"forced_eos_token_id": 5},
        {"forced_bos_token_id": 5},
        {"prefix_allowed_tokens_fn": lambda *_: [5]}, {"sequence_bias": {(5,): 1.0}},
        {"max_time": 9.0}, {"do_sample": True, "typical_p": 0.5}, {"prompt_lookup_num_tokens": 3},
        {"return_dict_in_generate": True}, {"output_scores": True},
    ],
    ids=lambda options: next(reversed(options)),
)  # fmt: skip
def test_options_that_it_has_not_are_named(setting, options):
    inputs = setting.tokenizer(PROMPTS[:1], return_tensors="pt")
    name = next(reversed(options))
    loop = custom_generate(setting.masks[0])
    with pytest.raises(OptionError, match=rf"custom_generate has no .*\b{name}\b"):
        setting.model.generate(**inputs, custom_generate=loop, max_new_tokens=40, **{"do_sample": False, **options})


def test_what_it_cannot_do(setting):
    with pytest.raises(OptionError, match="num_beams"):
        setting.written(setting.masks[0], num_beams=2)
    with pytest.raises(OptionError, match="no Stranger"):
        setting.written(setting.masks[0], logits_processor=LogitsProcessorList([Stranger()]))
    with pytest.raises(OptionError, match="masks for 2"):
        setting.written(setting.masks)
    with pytest.raises(OptionError, match="no row has masks"):
        setting.written([None] * 3)
    with pytest.raises(BudgetTooSmall):
        setting.model.generate(**setting.inputs, custom_generate=custom_generate(setting.masks[0]), max_new_tokens=1)
    with pytest.raises(OptionError, match="encoder-decoder"):
        tiny("t5", setting.tokenizer).generate(
            **setting.inputs, custom_generate=custom_generate(setting.masks[0]), max_new_tokens=9
        )
