"""Choosing a token: only allowed ones, always one, by the probabilities that are asked for."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fcgen.decode.sampling import Sampling, allowed_tokens, choose, unpack
from fcgen.errors import ModelError, OptionError, VocabularyError

numbers = st.floats(width=32, allow_nan=False)
temperatures = st.sampled_from([0.0, 1e-300, 1e-30, 0.1, 1.0, 2.5, 1e300])
samplings = st.builds(
    Sampling,
    temperature=temperatures,
    top_p=st.floats(0, 1, exclude_min=True),
    top_k=st.integers(0, 50),
    min_p=st.floats(0, 1),
)


def pack(allowed, size):
    words = np.zeros(-(-size // 32), np.uint32)
    for token in allowed:
        words[token >> 5] |= np.uint32(1 << (token & 31))
    words.flags.writeable = False
    return words


@st.composite
def rows(draw, values=numbers):
    """Logits, with a set of allowed tokens that is not empty."""
    logits = draw(st.lists(values, min_size=1, max_size=100))
    allowed = draw(st.sets(st.sampled_from(range(len(logits))), min_size=1))
    return logits, allowed


@given(st.lists(st.lists(st.booleans(), min_size=70, max_size=70), min_size=1, max_size=3))
def test_unpack_undoes_pack(bits):
    words = np.stack([pack([t for t, bit in enumerate(row) if bit], 70) for row in bits])
    assert unpack(torch.from_numpy(words.view(np.int32)), 70).tolist() == bits
    assert allowed_tokens(words, torch.zeros(len(bits), 70)).tolist() == bits


def pick(logits, allowed, sampling, draw=0.5, dtype=torch.float32, **options):
    """The token chosen of one row, on its own and between others: the same."""
    row = torch.tensor(logits, dtype=dtype)
    mask = allowed_tokens(pack(allowed, len(logits)), row)
    alone = choose(row[None], mask[None], [sampling], [draw], **options).tokens
    others = [Sampling(), Sampling(0.5, top_k=3), Sampling(2.0)]
    if "seen" not in options:
        rows, masks = torch.stack([row.flip(0), row, row, row]), torch.stack([mask.flip(0), mask, mask, mask])
        beside = choose(rows, masks, [others[0], sampling, *others[1:]], [0.1, draw, 0.9, 0.3], **options)
        assert beside.tokens[1] == alone[0]
    return alone[0]


draws = st.floats(0, 1, exclude_max=True)


@given(rows(), samplings, draws, st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.float16]))
def test_only_allowed_tokens_are_chosen(row, sampling, draw, dtype):
    logits, allowed = row
    assert pick(logits, allowed, sampling, draw, dtype) in allowed


@given(rows(st.sampled_from([math.inf, -math.inf, 3.4e38, -3.4e38, 0.0])), samplings, draws)
def test_infinite_logits_are_the_largest_numbers(row, sampling, draw):
    logits, allowed = row
    assert pick(logits, allowed, sampling, draw) in allowed
    greedy = pick(logits, allowed, Sampling())
    assert min(logits[greedy], 1e38) >= max(min(logits[token], 1e38) for token in allowed)


@given(rows(st.floats(-(2**90), 2**90, width=32)))
def test_greedy_takes_the_largest_allowed_logit(row):
    logits, allowed = row
    assert logits[pick(logits, allowed, Sampling())] == max(logits[token] for token in allowed)


@given(
    rows(st.floats(-20, 20, width=32)),
    st.floats(0.05, 1),
    st.integers(0, 60),
    st.floats(0.3, 3),
    st.floats(0, 0.5),
    draws,
)
def test_draws_by_their_definition(row, top_p, top_k, temperature, min_p, draw):
    """The likeliest top_k, renormalised; of these up to the first that reaches top_p, and none that is too unlikely."""
    logits, allowed = row
    order = sorted(allowed)
    if top_k or top_p < 1 or min_p:
        order = sorted(allowed, key=lambda token: (-logits[token], token))[: top_k or None]
    best = max(logits[token] for token in order)
    weights = np.array([math.exp((logits[token] - best) / temperature) for token in order])
    weights /= weights.sum()
    close = 1e-5
    before = np.cumsum(weights) - weights
    kept = (before < (top_p if top_p < 1 else 2)) & (weights >= min_p * weights.max())
    unsure = (abs(before - top_p) < close).any() or (abs(weights - min_p * weights.max()) < close * (min_p > 0)).any()
    sums = np.cumsum(weights * kept)
    target = draw * sums[-1]
    chosen = pick(logits, allowed, Sampling(temperature, top_p, top_k, min_p=min_p), draw)
    if not unsure and (abs(sums - target) > close).all():
        assert logits[chosen] == logits[order[int(np.searchsorted(sums, target, side="right"))]]


@pytest.mark.parametrize("options", [{}, {"top_k": 4}])
def test_draws_follow_the_probabilities(options):
    """A chi-square test at 0.1 percent, of draws from a seed."""
    logits = np.log([0.9, 0.1, 0.5, 0.25, 0.25])
    sampling = Sampling(1.0, seed=3, **options)
    numbers = sampling.draws()
    drawn = [pick(logits.tolist(), [2, 3, 4], sampling, numbers[place]) for place in range(2000)]
    expected = {2: 1000, 3: 500, 4: 500}
    assert sum((drawn.count(token) - count) ** 2 / count for token, count in expected.items()) < 13.8


def test_top_p_keeps_one():
    sampling = Sampling(1.0, top_p=1e-9)
    assert pick([1.0, 3.0, 2.0], [0, 1, 2], sampling) == 1
    assert pick([1.0, 3.0, 2.0], [0, 2], sampling) == 2


def test_a_penalty_is_that_of_transformers():
    from transformers import RepetitionPenaltyLogitsProcessor

    generator = torch.Generator().manual_seed(0)
    for penalty in (0.5, 1.3, 4.0):
        logits = torch.randn(40, generator=generator) * 4
        seen = [3, 7, 7, 21, 39]
        expected = RepetitionPenaltyLogitsProcessor(penalty)(torch.tensor([seen]), logits[None].clone()).argmax()
        sampling = Sampling(repetition_penalty=penalty)
        assert pick(logits.tolist(), range(40), sampling, seen=[seen]) == expected


def test_a_seed_makes_draws_that_can_be_asked_for_again():
    first, second, other = (
        Sampling(1.0, seed=-5).draws(),
        Sampling(1.0, seed=-5).draws(),
        Sampling(1.0, seed=-5).draws(1),
    )
    assert [first[i] for i in (3, 0, 3, 1)] == [second[i] for i in (3, 0, 3, 1)]
    assert first[0] != other[0]
    assert Sampling(1.0).draws()[0] != Sampling(1.0).draws()[0]
    assert all(0 <= first[i] < 1 for i in range(100))


@given(rows(st.floats(-20, 20, width=32)), st.sets(st.integers(0, 99)))
def test_what_the_mask_removes_and_what_is_marked(row, marks):
    logits, allowed = row
    values = np.exp(np.array(logits, np.float64) - max(logits))
    marked = [token for token in marks if token < len(logits)]
    mask = allowed_tokens(pack(allowed, len(logits)), torch.tensor(logits))
    asked = allowed_tokens(pack(marked, len(logits)), torch.tensor(logits))
    chosen = choose(torch.tensor([logits]), mask[None], [Sampling()], [0.0], marks=asked)
    left = values[list(allowed)].sum()
    assert chosen.removed[0] == pytest.approx(1 - left / values.sum(), abs=1e-5)
    assert chosen.marked[0] == pytest.approx(values[list(allowed & set(marked))].sum() / left, abs=1e-5)


def test_nan_is_an_error_only_where_it_counts():
    logits = [math.nan, 1.0, 2.0]
    assert choose(torch.tensor([logits]), torch.tensor([[False, True, True]]), [Sampling()], [0.0]).tokens == [2]
    with pytest.raises(ModelError, match="NaN"):
        choose(torch.tensor([logits]), torch.tensor([[True, True, False]]), [Sampling()], [0.0])


@pytest.mark.parametrize("width", [31, 33, 64, 320])
def test_a_mask_of_another_width_is_refused(width):
    with pytest.raises(VocabularyError, match=f"{width} wide"):
        allowed_tokens(pack([0], 65), torch.zeros(width))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("temperature", value) for value in (-0.1, math.nan, math.inf, "1", True, 10**400)),
        *(("top_p", value) for value in (0, -1, 1.01, math.nan, "1", False)),
        *(("top_k", value) for value in (-1, 1.5, "1", True, math.nan)),
        *(("min_p", value) for value in (-0.1, 1.1, "1", True)),
        *(("repetition_penalty", value) for value in (0, -1, math.nan, math.inf, "1", True)),
        *(("seed", value) for value in (1.5, "1", 2**64, -(2**63) - 1, True, math.inf)),
    ],
)
def test_bad_options_are_named(option, value):
    with pytest.raises(OptionError, match=f"{option} is "):
        Sampling(**{option: value})
