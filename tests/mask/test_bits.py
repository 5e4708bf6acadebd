"""Masks as bits."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fcgen.mask.bits import holds, packed, tokens_in

WORDS = 4
TOKENS = st.sets(st.integers(0, 32 * WORDS - 1))


@given(TOKENS, st.integers(0, 32 * WORDS))
def test_a_mask_gives_back_the_tokens_that_it_was_packed_from(tokens, most):
    mask = packed(tokens, WORDS)
    assert mask.dtype == np.uint32
    assert len(mask) == WORDS
    assert [token for token in range(32 * WORDS) if holds(mask, token)] == sorted(tokens)
    assert tokens_in(mask, most) == (sorted(tokens) if len(tokens) <= most else None)
