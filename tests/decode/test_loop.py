"""Rows that are written side by side: each is what it would be alone, whatever stands beside it."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from models_made import tiny, tiny_llama
from tokenizers_made import byte_level, sentencepiece_like

from fcgen.call import Grammar
from fcgen.decode.loop import Loop
from fcgen.decode.reading import BatchReader, Prefixes, RowReader, reads_batches
from fcgen.decode.row import Request
from fcgen.decode.sampling import Sampling
from fcgen.mask import Masks
from fcgen.vocab import Vocabulary

SCHEMAS = [
    {"type": "object", "properties": {"city": {"type": "string", "maxLength": 12}}, "required": ["city"]},
    {"type": "array", "items": {"enum": ["red", "green", "blue"]}, "minItems": 1, "maxItems": 4},
    {"type": "object", "properties": {"n": {"type": "integer"}, "on": {"type": "boolean"}}, "required": ["n", "on"]},
    {"type": "string", "minLength": 2},
]
PROMPTS = ["What is the weather in Paris?", "The weather in Paris is sunny today.", "red green blue", "Numbers: 1 2 3"]
SAMPLINGS = [
    Sampling(),
    Sampling(1.0, seed=7),
    Sampling(0.7, top_k=20, top_p=0.9, seed=8),
    Sampling(2.0, min_p=0.05, seed=9),
    Sampling(0.0, repetition_penalty=1.3),
    Sampling(1.0, seed=10, repetition_penalty=1.2),
]
KINDS = ["llama", "gpt2", "mistral", "mamba", "t5", "bart"]


class Setting:
    def __init__(self, kind, tokenizer):
        self.tokenizer = tokenizer
        self.model = tiny_llama(tokenizer) if kind == "llama" else tiny(kind, tokenizer)
        self.vocabulary = Vocabulary.from_tokenizer(tokenizer, size=len(tokenizer), stop_ids={tokenizer.eos_token_id})
        self.masks = [Masks(Grammar.from_json_schema(schema), self.vocabulary) for schema in SCHEMAS]

    def request(self, case):
        which, prompt, sampling, budget = case
        ids = self.tokenizer.encode(PROMPTS[prompt])
        if which is None:
            return Request(ids, None, budget, SAMPLINGS[sampling])
        budget += self.masks[which].fewest_tokens
        return Request(ids, self.masks[which].cursor(budget=budget), budget, SAMPLINGS[sampling])

    def written(self, cases, **options):
        loop = Loop(self.model, self.vocabulary, **options)
        rows = [loop.add(self.request(case)) for case in cases]
        loop.run()
        assert all(row.ended and row.error is None for row in rows)
        return [tuple(row.tokens) for row in rows]


@pytest.fixture(scope="module", params=KINDS)
def setting(request):
    return Setting(request.param, byte_level())


@pytest.fixture(scope="module", params=[byte_level, sentencepiece_like], ids=["byte level", "sentencepiece"])
def llama(request):
    return Setting("llama", request.param())


cases = st.lists(
    st.tuples(
        st.sampled_from([None, 0, 1, 2, 3]),
        st.integers(0, len(PROMPTS) - 1),
        st.integers(0, len(SAMPLINGS) - 1),
        st.integers(1, 30),
    ),
    min_size=1,
    max_size=7,
)


@settings(max_examples=60)
@given(cases, st.integers(1, 8), st.sampled_from([0, 3, 8]))
def test_a_batch_writes_what_each_row_writes_alone(llama, cases, size, lookup):
    alone = [llama.written([case], batch_size=1, lookup=0)[0] for case in cases]
    assert llama.written(cases, batch_size=size, lookup=lookup) == alone


@settings(max_examples=15)
@given(cases, st.integers(1, 4), st.sampled_from([0, 8]))
def test_every_kind_of_model(setting, cases, size, lookup):
    alone = [setting.written([case], batch_size=1, lookup=0)[0] for case in cases]
    assert setting.written(cases, batch_size=size, lookup=lookup) == alone
    for case, tokens in zip(cases, alone, strict=True):
        if case[0] is not None:
            cursor = setting.masks[case[0]].cursor()
            for token in tokens:
                cursor.advance(token)
            assert cursor.stopped


def test_what_is_forced_after_a_proposal_is_not_asked_for():
    setting = Setting("t5", byte_level())
    case = (1, 0, 1, 14)  # a proposed comma, after which a space and a quote have to come
    assert setting.written([case], lookup=3) == setting.written([case], lookup=0)


@settings(max_examples=15)
@given(cases, st.sampled_from([0, 8]))
def test_rows_one_by_one_are_what_a_batch_is(llama, cases, lookup):
    together = llama.written(cases, lookup=lookup)
    loop = Loop(llama.model, llama.vocabulary, lookup=lookup)
    loop._batches = False
    rows = [loop.add(llama.request(case)) for case in cases]
    loop.run()
    assert [tuple(row.tokens) for row in rows] == together


def test_which_models_read_batches():
    assert {kind: reads_batches(Setting(kind, byte_level()).model) for kind in KINDS} == {
        "llama": True,
        "gpt2": True,
        "mistral": False,
        "mamba": False,
        "t5": False,
        "bart": False,
    }


def test_greedy_is_greedy_by_definition(llama):
    """The reply without fast-forward is the likeliest allowed token each time, the whole sequence read anew."""
    for which, prompt in itertools.product(range(len(SCHEMAS)), range(2)):
        [tokens] = llama.written([(which, prompt, 0, 20)], fast_forward=False)
        cursor = llama.masks[which].cursor(budget=20 + llama.masks[which].fewest_tokens)
        ids = llama.tokenizer.encode(PROMPTS[prompt])
        while not cursor.stopped:
            with torch.no_grad():
                logits = llama.model(torch.tensor([[*ids, *cursor.tokens]])).logits[0, -1]
            bits = np.unpackbits(cursor.canonical_mask().view(np.uint8), bitorder="little")[: len(logits)]
            cursor.advance(int(np.where(bits, logits.numpy(), -np.inf).argmax()))
        assert tokens == tuple(cursor.tokens)


def test_copying_takes_fewer_passes():
    """A model that repeats its prompt writes several tokens of it in one pass."""
    setting = Setting("llama", byte_level())
    prompt = setting.tokenizer.encode("The weather in Paris is sunny today, with a light wind from the west.")

    class Parrot(torch.nn.Module):
        """After a token, the one that followed it in the prompt."""

        device = torch.device("cpu")

        def forward(self, input_ids, use_cache, return_dict, cache=None):
            after = dict(itertools.pairwise(prompt))
            logits = torch.zeros(*input_ids.shape, setting.vocabulary.size)
            for place, token in enumerate(input_ids[0].tolist()):
                logits[0, place, after.get(token, setting.tokenizer.eos_token_id)] = 9
            return type("Output", (), {"logits": logits})

    def written(lookup, **options):
        loop = Loop(Parrot(), setting.vocabulary, lookup=lookup)
        row = loop.add(Request([*prompt, prompt[0]], None, 40, **options))
        loop.run()
        return row

    one_by_one, several = written(0), written(8)
    assert one_by_one.tokens == several.tokens
    assert len(one_by_one.tokens) > 15
    assert several.passes < one_by_one.passes
    assert len(several.removed) == len(several.tokens)
    for stop in (b"sunny", b"y t", b"t"):
        one_by_one, several = written(0, stop=(stop,)), written(8, stop=(stop,))
        assert one_by_one.tokens == several.tokens
        assert several.text() == bytes(several.written[: several.written.index(stop)])


def test_prompts_that_begin_alike_are_read_once(llama):
    prompt = llama.tokenizer.encode(" ".join(PROMPTS * 3))
    prefixes = Prefixes()
    read = []

    hook = llama.model.register_forward_pre_hook(
        lambda _module, _args, given: read.append(given["input_ids"].shape[1]), with_kwargs=True
    )

    def logits(tokens, prefixes):
        reader = BatchReader(llama.model, [tokens], prefixes)
        with torch.inference_mode():
            return reader.read([[]], 1)[0, 0]

    first = logits(prompt, prefixes)
    again = logits([*prompt, *prompt[:3]], prefixes)
    hook.remove()
    assert read == [len(prompt), 3]
    torch.testing.assert_close(again, logits([*prompt, *prompt[:3]], Prefixes()), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(first, logits(prompt, prefixes), atol=1e-4, rtol=1e-4)


def test_prefixes_keep_within_their_limit():
    layer = [(torch.zeros(1, 2, 40, 8), torch.zeros(1, 2, 40, 8))]
    size = 2 * 2 * 40 * 8 * 4
    prefixes = Prefixes(max_bytes=2 * size)
    for number in range(3):
        prefixes.add([number] * 40, layer)
    assert [prefixes.find([number] * 40)[0] for number in range(3)] == [0, 40, 40]
    assert prefixes.find([2] * 20 + [5] * 9)[0] == 20
    assert prefixes.find([2] * 9)[0] == 0


def test_rows_that_wait_take_the_places_of_those_that_end(llama):
    loop = Loop(llama.model, llama.vocabulary, batch_size=2)
    rows = [loop.add(llama.request((1, 2, 1, budget))) for budget in (1, 20, 5, 1, 9)]
    most = 0
    while not loop.idle:
        loop.step()
        most = max(most, len(loop._rows))
    assert most == 2
    assert all(row.ended for row in rows)


def test_a_row_that_is_cancelled_ends(llama):
    loop = Loop(llama.model, llama.vocabulary, batch_size=1)
    first, second, third = (loop.add(llama.request((3, 0, 1, 30))) for _ in range(3))
    loop.step()
    loop.cancel(first)
    loop.cancel(third)
    loop.run()
    assert len(first.tokens) < len(second.tokens)
    assert not third.tokens
    assert second.ended


def test_one_row_that_fails_does_not_fail_the_others(llama):
    case = (0, 0, 0, 20)
    alone = llama.written([case])
    loop = Loop(llama.model, llama.vocabulary)
    bad = Masks(Grammar.from_json_schema(SCHEMAS[3]), llama.vocabulary, max_states=12)
    rows = [
        loop.add(llama.request(case)),
        loop.add(Request(llama.tokenizer.encode(PROMPTS[0]), bad.cursor(budget=30), 30, Sampling(1.0, seed=1))),
    ]
    loop.run()
    assert rows[1].error is None or rows[1].ended
    assert [tuple(rows[0].tokens)] == alone


def test_several_replies_have_draws_of_their_own(llama):
    loop = Loop(llama.model, llama.vocabulary)
    prompt = llama.tokenizer.encode(PROMPTS[0])

    def rows():
        found = [
            loop.add(Request(prompt, llama.masks[3].cursor(budget=20), 20, Sampling(1.5, seed=3), number))
            for number in range(6)
        ]
        loop.run()
        return [tuple(row.tokens) for row in found]

    first = rows()
    assert len(set(first)) > 3
    assert rows() == first


@pytest.mark.parametrize("reader", [BatchReader, RowReader])
def test_what_is_taken_back_is_as_if_it_was_never_read(llama, reader):
    """Rows read ragged pieces, take some back, leave and join: the logits are those of what they hold."""
    generator = np.random.default_rng(5)
    model, width = llama.model, llama.vocabulary.size
    options = (Prefixes(),) if reader is BatchReader else ()

    def tokens(count):
        return generator.integers(0, width, count).tolist()

    def begin(count):
        prompts = [tokens(generator.integers(1, 9)) for _ in range(count)]
        made = reader(model, prompts, *options)
        made.read([[] for _ in prompts], 1)
        return made, prompts

    with torch.inference_mode():
        made, held = begin(3)
        for _ in range(60):
            more = [tokens(generator.integers(1, 5)) for _ in held]
            last = made.read(more, 1)[:, -1]
            held = [[*row, *new] for row, new in zip(held, more, strict=True)]
            for row, logits in zip(held, last, strict=True):
                expected = model(torch.tensor([row])).logits[0, -1]
                torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)
            back = [int(generator.integers(0, len(new))) for new in more]
            made.take_back(back)
            held = [row[: len(row) - count] for row, count in zip(held, back, strict=True)]
            if generator.random() < 0.3:
                rows = generator.permutation(len(held))[: generator.integers(1, len(held) + 1)].tolist()
                made.keep(rows)
                held = [held[row] for row in rows]
            if generator.random() < 0.3 and len(held) < 4:
                other, prompts = begin(2)
                made.join(other)
                held += prompts
