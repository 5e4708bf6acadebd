"""What is compiled is shared by its copies, sequences are not; and what cannot be pickled says so."""

import copy
import pickle

import pytest
import torch
from models_made import tiny_llama
from tokenizers_made import byte_level

from fcgen import Grammar, LogitsProcessor, Masks, Vocabulary
from fcgen.errors import OptionError

TOKENIZER = byte_level()
MODEL = tiny_llama(TOKENIZER)
VOCABULARY = Vocabulary.from_tokenizer(TOKENIZER)
GRAMMAR = Grammar.from_functions(
    [{"name": "f", "parameters": {"type": "object", "properties": {"x": {"type": "string"}}}}]
)
MASKS = Masks(GRAMMAR, VOCABULARY)


@pytest.mark.parametrize("shared", [GRAMMAR, VOCABULARY, MASKS], ids=lambda one: type(one).__name__)
def test_a_copy_is_the_thing_itself_which_cannot_be_pickled(shared):
    assert copy.copy(shared) is shared
    assert copy.deepcopy({"one": [shared]})["one"][0] is shared
    with pytest.raises(OptionError, match=f"{type(shared).__name__} cannot be pickled. Send what it was made of"):
        pickle.dumps(shared)


@pytest.mark.parametrize("made", [copy.copy, copy.deepcopy])
def test_a_copied_cursor_goes_its_own_way(made):
    cursor = MASKS.cursor(budget=30)
    cursor.advance(VOCABULARY.spell(b"{")[0])
    twin = made(cursor)
    twin.advance(VOCABULARY.spell(b'"')[0])
    assert (cursor.text, twin.text) == (b"{", b'{"')


def test_a_copied_processor_writes_the_same():
    """Also where it is in the middle of a run, as a server copies the processors of a request for each sequence."""
    prompt = TOKENIZER("Hi", return_tensors="pt")
    first = LogitsProcessor(MASKS, budget=20)
    copies = [copy.deepcopy(first)]
    runs = []
    for processor in (first, *copies):
        torch.manual_seed(0)
        runs.append(MODEL.generate(**prompt, logits_processor=[processor], max_new_tokens=20, do_sample=True))
        copies.append(copy.deepcopy(processor))
    torch.manual_seed(0)
    runs.append(MODEL.generate(**prompt, logits_processor=[copies[-1]], max_new_tokens=20, do_sample=True))
    assert all(torch.equal(run, runs[0]) for run in runs)
    assert TOKENIZER.decode(runs[0][0], skip_special_tokens=True).startswith("Hi")
