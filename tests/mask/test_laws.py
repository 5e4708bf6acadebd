"""The laws of masks and cursors, over generated grammars, vocabularies and choices."""

import itertools
import random
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from walking import after, allowed

from fcgen.errors import BudgetTooSmall, GrammarTooLarge, TokenRefused, Unsatisfiable, VocabularyError
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.expr import alt, apart, both, byte_set, complement, literal, repeat, seq
from fcgen.mask import Masks
from fcgen.vocab import Vocabulary

LETTERS = b"abc"
ALPHABET = sum(1 << b for b in LETTERS)
WORDS = [bytes(word) for n in range(1, 4) for word in itertools.product(LETTERS, repeat=n)]

leaves = st.one_of(
    st.sampled_from(WORDS).map(literal),
    st.sets(st.sampled_from(sorted(LETTERS)), min_size=1).map(lambda s: byte_set(sum(1 << b for b in s))),
)
terms = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(seq, inner, inner),
        st.builds(seq, inner.map(apart), inner),
        inner.map(apart),
        st.builds(alt, inner, inner),
        st.builds(both, inner, inner),
        st.builds(lambda e: both(repeat(byte_set(ALPHABET)), complement(e)), inner),
        st.builds(
            lambda e, least, more: repeat(e, least, more and least + more),
            inner,
            st.integers(0, 2),
            st.integers(0, 3) | st.integers(4, 12),
        ),
    ),
    max_leaves=8,
).filter(lambda e: fewest(e) != INFINITE)


@st.composite
def vocabularies(draw):
    """Every letter, some longer words (one of them twice), a stop token or two, a special token, and padding."""
    longer = draw(st.lists(st.sampled_from([w for w in WORDS if len(w) > 1]), unique=True, max_size=12))
    tokens = [bytes([b]) for b in LETTERS] + longer + longer[:1] + [b"", b"\xff"]
    stops = draw(st.sampled_from([{len(tokens)}, {len(tokens), len(tokens) + 1}]))
    tokens += [None] * 3
    return Vocabulary(tokens, stop_ids=stops, size=len(tokens) + draw(st.integers(0, 40)))


def masks_of(term, vocabulary, **options):
    return Masks(SimpleNamespace(root=term), vocabulary, **options)


def brute_force(term, vocabulary):
    """Straight from the definition: a token is allowed if and only if some text goes on from it to an end."""
    spelt = {t: vocabulary.token_bytes(t) for t in range(vocabulary.size)}
    found = {t for t, data in spelt.items() if data and fewest(after(term, data)) != INFINITE}
    return found | (set(vocabulary.stop_ids) if term.can_stop else set())


# Terms whose text can be read in several ways, of which each waits for an end of its own.
ambiguous = st.recursive(
    leaves,
    lambda inner: st.lists(
        st.builds(lambda a, b, c: seq(a, apart(b), c), leaves, inner, leaves), min_size=1, max_size=4
    ).map(lambda ways: alt(*ways)),
    max_leaves=30,
)


@given(ambiguous, vocabularies(), st.randoms(use_true_random=False), st.integers(0, 3))
def test_the_mask_says_which_tokens_are_taken(term, vocabulary, rng, more):
    """At any budget, also where several ways are open at once."""
    masks = masks_of(term, vocabulary)
    cursor = masks.cursor(rng.choice([None, masks.fewest_tokens + more]))
    while not cursor.stopped:
        may = allowed(cursor.mask())
        assert may, "a dead end"
        for token in range(vocabulary.size):
            ahead = cursor.copy()
            try:
                ahead.advance(token)
            except TokenRefused:
                assert token not in may
            else:
                assert token in may
        cursor.advance(rng.choice(sorted(may)))


@given(terms, vocabularies(), st.randoms(use_true_random=False))
def test_mask_is_brute_force_on_every_step(term, vocabulary, rng):
    cursor = masks_of(term, vocabulary).cursor()
    for _ in range(12):
        here = after(term, cursor.text)
        may = allowed(cursor.mask())
        assert may == brute_force(here, vocabulary)
        assert may, "a dead end"
        assert cursor.can_stop == here.can_stop
        token = rng.choice(sorted(may))
        cursor.advance(token)
        if cursor.stopped:
            break


@given(terms, vocabularies(), st.randoms(use_true_random=False))
def test_what_is_not_in_the_mask_is_refused(term, vocabulary, rng):
    cursor = masks_of(term, vocabulary).cursor()
    for _ in range(4):
        may = allowed(cursor.mask())
        for token in range(-1, vocabulary.size + 1):
            twin = cursor.copy()
            if token in may:
                twin.advance(token)
            else:
                with pytest.raises(TokenRefused):
                    twin.advance(token)
                assert twin.tokens == cursor.tokens
        cursor.advance(rng.choice(sorted(may)))
        if cursor.stopped:
            assert allowed(cursor.mask()) == set()
            assert cursor.fewest_tokens == 0
            break


@given(terms, vocabularies(), st.randoms(use_true_random=False))
def test_a_mask_does_not_depend_on_what_was_asked_before(term, vocabulary, rng):
    """Cached == fresh: the same text gives the same mask in compiled masks that have seen nothing else."""
    old = masks_of(term, vocabulary)
    for _ in range(3):
        walk(old.cursor(), rng)
    cursor = old.cursor()
    for _ in range(5):
        fresh = masks_of(term, vocabulary).cursor()
        for token in cursor.tokens:
            fresh.advance(token)
        assert allowed(fresh.mask()) == allowed(cursor.mask())
        assert fresh.fewest_tokens == cursor.fewest_tokens
        cursor.advance(rng.choice(sorted(allowed(cursor.mask()))))
        if cursor.stopped:
            break


@given(terms, vocabularies(), st.randoms(use_true_random=False))
def test_tokenization_does_not_matter(term, vocabulary, rng):
    """The same text, cut into letters, gives the same mask."""
    masks = masks_of(term, vocabulary)
    cursor = masks.cursor()
    for _ in range(8):
        letters = masks.cursor()
        for byte in cursor.text:
            letters.advance(LETTERS.index(byte))
        assert allowed(letters.mask()) == allowed(cursor.mask())
        cursor.advance(rng.choice(sorted(allowed(cursor.mask()))))
        if cursor.stopped:
            break


@given(terms, vocabularies(), st.randoms(use_true_random=False))
def test_rollback_is_identity(term, vocabulary, rng):
    cursor = masks_of(term, vocabulary).cursor(budget=None)
    seen = [(cursor.tokens, allowed(cursor.mask()), cursor.can_stop, cursor.fewest_tokens)]
    while len(seen) < 8 and not cursor.stopped:
        cursor.advance(rng.choice(sorted(allowed(cursor.mask()))))
        seen.append((cursor.tokens, allowed(cursor.mask()), cursor.can_stop, cursor.fewest_tokens))
    cursor.rollback(0)
    for before in reversed(seen[:-1]):
        cursor.rollback(1)
        assert (cursor.tokens, allowed(cursor.mask()), cursor.can_stop, cursor.fewest_tokens) == before
    with pytest.raises(ValueError, match="there are 0 tokens"):
        cursor.rollback(1)


def walk(cursor, rng, steps=20):
    for _ in range(steps):
        cursor.advance(rng.choice(sorted(allowed(cursor.mask()))))
        if cursor.stopped:
            return


@given(terms | ambiguous, vocabularies(), st.randoms(use_true_random=False), st.integers(0, 6))
def test_a_budget_always_suffices(term, vocabulary, rng, more):
    """Whatever allowed tokens are taken, the reply ends within the budget, at every budget from the minimum up."""
    masks = masks_of(term, vocabulary)
    budget = masks.fewest_tokens + more
    cursor = masks.cursor(budget)
    while not cursor.stopped:
        assert cursor.fewest_tokens <= cursor.left
        may = allowed(cursor.mask())
        assert may, f"a dead end with {cursor.left} tokens left"
        cursor.advance(rng.choice(sorted(may)))
    assert len(cursor.tokens) <= budget
    assert after(term, cursor.text).can_stop


@given(terms | ambiguous, vocabularies(), st.randoms(use_true_random=False), st.integers(0, 6))
def test_a_budget_takes_away_only_what_cannot_be_closed(term, vocabulary, rng, more):
    masks = masks_of(term, vocabulary)
    cursor = masks.cursor(masks.fewest_tokens + more)
    free = masks.cursor()
    while not cursor.stopped:
        closable = set()
        for token in allowed(free.mask()):
            twin = free.copy()
            twin.advance(token)
            if 1 + twin.fewest_tokens <= cursor.left:
                closable.add(token)
        assert allowed(cursor.mask()) == closable
        for token in allowed(free.mask()) - closable:
            with pytest.raises(TokenRefused):
                cursor.copy().advance(token)
        token = rng.choice(sorted(closable))
        cursor.advance(token)
        free.advance(token)


@given(terms, vocabularies())
def test_a_budget_below_the_minimum_is_an_error_that_says_the_minimum(term, vocabulary):
    masks = masks_of(term, vocabulary)
    with pytest.raises(BudgetTooSmall) as error:
        masks.cursor(masks.fewest_tokens - 1)
    assert error.value.limit == masks.fewest_tokens
    assert error.value.given == masks.fewest_tokens - 1
    assert str(masks.fewest_tokens) in str(error.value)


@given(terms, vocabularies(), st.randoms(use_true_random=False))
def test_forced_tokens_are_what_every_text_goes_on_with(term, vocabulary, rng):
    cursor = masks_of(term, vocabulary).cursor()
    for _ in range(6):
        forced = cursor.forced()
        twin = cursor.copy()
        for token in forced:
            here = after(term, twin.text)
            assert not here.can_stop
            spelt = vocabulary.token_bytes(token)
            others = {data for t in allowed(twin.mask()) if (data := vocabulary.token_bytes(t))}
            assert all(data.startswith(spelt) or spelt.startswith(data) for data in others)
            twin.advance(token)
        cursor.advance(rng.choice(sorted(allowed(cursor.mask()))))
        if cursor.stopped:
            assert cursor.forced() == []
            break


@given(terms, vocabularies(), st.randoms(use_true_random=False), st.integers(0, 3))
def test_forced_tokens_stay_within_the_budget(term, vocabulary, rng, more):
    masks = masks_of(term, vocabulary)
    cursor = masks.cursor(masks.fewest_tokens + more)
    while not cursor.stopped:
        for token in cursor.forced():
            assert token in allowed(cursor.mask())
            cursor.advance(token)
        cursor.advance(rng.choice(sorted(allowed(cursor.mask()))))


def test_a_text_that_needs_a_byte_without_a_token_is_never_begun():
    vocabulary = Vocabulary([b"a", b"ab", b"c", None], stop_ids={3})
    cursor = masks_of(alt(literal(b"abz"), literal(b"acc")), vocabulary).cursor()
    assert allowed(cursor.mask()) == {0}
    with pytest.raises(Unsatisfiable):
        masks_of(literal(b"abz"), vocabulary)


def test_a_vocabulary_without_a_stop_token_is_refused():
    with pytest.raises(VocabularyError, match="no stop token"):
        masks_of(literal(b"a"), Vocabulary([b"a"], stop_ids=set()))


def test_too_many_states_are_refused_by_number():
    """Those of one token alone; a sequence that has as many goes on with new ones."""
    ways = seq(*[alt(literal(b"a"), literal(b"b"))] * 50)
    cursor = masks_of(ways, Vocabulary([b"a", b"b", None], stop_ids={2}), max_states=20).cursor()
    for _ in range(50):
        assert allowed(cursor.mask()) == {0, 1}
        cursor.advance(0)
    assert allowed(cursor.mask()) == {2}
    with pytest.raises(GrammarTooLarge) as error:
        masks_of(ways, Vocabulary([b"ab" * 25, b"b", None], stop_ids={2}), max_states=20).cursor().mask()
    assert error.value.limit == 20


def test_masks_are_read_only():
    vocabulary = Vocabulary([b"a", None], stop_ids={1})
    mask = masks_of(repeat(literal(b"a")), vocabulary).cursor().mask()
    with pytest.raises(ValueError, match="read-only"):
        mask[0] = 0


def test_threads_agree():
    """Many threads on one Masks, started together on an empty one, see what one thread alone sees."""
    from concurrent.futures import ThreadPoolExecutor

    vocabulary = Vocabulary([*(bytes([b]) for b in LETTERS), *WORDS[3:], None], stop_ids={3 + len(WORDS[3:])})
    term = repeat(alt(literal(b"abc"), literal(b"acb"), seq(literal(b"b"), repeat(byte_set(ALPHABET), 2, 9))))

    def run(masks, seed):
        rng, cursor, seen = random.Random(seed), masks.cursor(budget=40), []
        while not cursor.stopped:
            seen.append(tuple(sorted(allowed(cursor.mask()))))
            cursor.advance(rng.choice(seen[-1]))
        return seen

    alone = [run(masks_of(term, vocabulary), seed) for seed in range(16)]
    shared = masks_of(term, vocabulary)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda seed: run(shared, seed), range(16))) == alone


def test_what_all_grammars_share_is_begun_anew_when_it_is_large(monkeypatch):
    """Sequences go on with what they had; new ones see the same."""
    monkeypatch.setattr("fcgen.mask.cache.MAX_SIZE", 8)
    vocabulary = Vocabulary([*(bytes([b]) for b in LETTERS), *WORDS[3:], None], stop_ids={len(WORDS)})
    term = seq(repeat(apart(alt(literal(b"ab"), literal(b"ca"))), 1, 3), literal(b"c"))
    first = masks_of(term, vocabulary).cursor()
    first.advance(WORDS.index(b"ab"))
    for word in WORDS[3:12]:
        masks_of(seq(literal(word), literal(b"a")), vocabulary).cursor().mask()
    second = masks_of(term, vocabulary).cursor()
    second.advance(WORDS.index(b"ab"))
    assert first._masks._automaton is not second._masks._automaton
    for token in (b"ca", b"c"):
        assert allowed(first.mask()) == allowed(second.mask()) == brute_force(after(term, first.text), vocabulary)
        first.advance(WORDS.index(token))
        second.advance(WORDS.index(token))
    assert first.can_stop
    assert second.can_stop
