"""Choosing a token: only allowed ones, always one, by the probabilities that are asked for."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fcgen.decode.sampling import Sampling, allowed_tokens, bounded, choose, distribution, unpack
from fcgen.errors import ModelError, OptionError, VocabularyError

numbers = st.floats(width=32, allow_nan=False)
temperatures = st.sampled_from([0.0, 1e-300, 1e-30, 0.1, 1.0, 2.5, 1e300])
samplings = st.builds(
    Sampling,
    temperature=temperatures,
    top_p=st.floats(0, 1, exclude_min=True),
    top_k=st.integers(0, 50),
    seed=st.integers(0, 2**32),
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


@given(rows(), samplings, st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.float16]))
def test_only_allowed_tokens_are_chosen(row, sampling, dtype):
    logits, allowed = row
    words = pack(allowed, len(logits))
    token = choose(torch.tensor(logits, dtype=dtype), words, sampling, sampling.generator("cpu"))
    assert token in allowed


@given(rows(st.sampled_from([math.inf, -math.inf, 3.4e38, -3.4e38, 0.0])), samplings)
def test_infinite_logits_are_the_largest_numbers(row, sampling):
    logits, allowed = row
    words = pack(allowed, len(logits))
    assert choose(torch.tensor(logits), words, sampling, sampling.generator("cpu")) in allowed
    greedy = choose(torch.tensor(logits), words, Sampling(), None)
    assert logits[greedy] >= max(min(logits[token], 3.4e38) for token in allowed)


@given(rows())
def test_greedy_takes_the_largest_allowed_logit(row):
    logits, allowed = row
    token = choose(torch.tensor(logits), pack(allowed, len(logits)), Sampling(), None)
    assert bounded(torch.tensor(logits))[token] == max(bounded(torch.tensor(logits))[t] for t in allowed)


@given(rows(), samplings)
def test_a_seed_repeats_the_choice(row, sampling):
    logits, allowed = row
    words = pack(allowed, len(logits))
    first, second = (choose(torch.tensor(logits), words, sampling, sampling.generator("cpu")) for _ in range(2))
    assert first == second


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=50), st.floats(0.05, 1), st.integers(0, 60), st.floats(0.1, 3))
def test_distribution_by_its_definition(logits, top_p, top_k, temperature):
    """The likeliest top_k, renormalised, up to the first that reaches top_p; the others are gone."""
    values = torch.tensor(logits, dtype=torch.float64)
    places, weights = distribution(values, Sampling(temperature, top_p, top_k))
    kept = sorted(range(len(logits)), key=lambda t: -logits[t])[: top_k or None]
    exact = {t: math.exp(logits[t] / temperature) for t in kept}
    total = sum(exact.values())
    assert len(set(places.tolist())) == len(places)
    for place, weight in zip(places.tolist(), weights.tolist(), strict=True):
        assert weight == pytest.approx(math.exp(logits[place] / temperature) / total)
    if top_p < 1:
        assert float(weights[:-1].sum()) < top_p + 1e-9
        assert float(weights.sum()) >= min(top_p, 1) - 1e-9 or len(places) == len(kept)
    else:
        assert len(places) == len(kept)


def test_draws_follow_the_probabilities():
    logits = torch.tensor([0.9, 0.1, 0.5, 0.25, 0.25]).log()
    words = pack([2, 3, 4], 5)
    sampling = Sampling(1.0, seed=3)
    generator = sampling.generator("cpu")
    drawn = [choose(logits, words, sampling, generator) for _ in range(4000)]
    for token, share in ((2, 0.5), (3, 0.25), (4, 0.25)):
        assert drawn.count(token) / len(drawn) == pytest.approx(share, abs=0.03)


def test_top_p_keeps_one():
    logits = torch.tensor([1.0, 3.0, 2.0])
    sampling = Sampling(1.0, top_p=1e-9, seed=1)
    assert choose(logits, pack([0, 1, 2], 3), sampling, sampling.generator("cpu")) == 1
    assert choose(logits, pack([0, 2], 3), sampling, sampling.generator("cpu")) == 2


def test_nan_is_an_error_only_where_it_counts():
    logits = torch.tensor([math.nan, 1.0, 2.0])
    assert choose(logits, pack([1, 2], 3), Sampling(), None) == 2
    with pytest.raises(ModelError, match="NaN"):
        choose(logits, pack([0, 1], 3), Sampling(), None)


@pytest.mark.parametrize("width", [31, 33, 64, 320])
def test_a_mask_of_another_width_is_refused(width):
    with pytest.raises(VocabularyError, match=f"{width} wide"):
        choose(torch.zeros(width), pack([0], 65), Sampling(), None)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("temperature", value) for value in (-0.1, math.nan, math.inf, "1", True, 10**400)),
        *(("top_p", value) for value in (0, -1, 1.01, math.nan, "1", False)),
        *(("top_k", value) for value in (-1, 1.5, "1", True, math.nan)),
        *(("seed", value) for value in (1.5, "1", 2**64, -(2**63) - 1, True, math.inf)),
    ],
)
def test_bad_options_are_named(option, value):
    with pytest.raises(OptionError, match=f"{option} is "):
        Sampling(**{option: value})
