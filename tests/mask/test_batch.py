"""Batches: what one call gives for many cursors is what each cursor gives by itself, whatever stands beside it."""

import gc
import math
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings_made import LANGUAGES
from schemas_made import schemas
from tokenizers_made import byte_level, sentencepiece_like
from walking import allowed

from fcgen import Grammar, Masks, Vocabulary
from fcgen.errors import BatchError, FcgenError, GrammarTooLarge, OptionError, TokenRefused
from fcgen.grammar.expr import alt, literal, seq
from fcgen.mask import advance_all, apply_masks, fill
from fcgen.mask.tables import Tables

KINDS = [byte_level, sentencepiece_like]
REGEXES = ["[a-z]+@[a-z]+[.]com", "(ab|a)*", "[^{]*", "-?[0-9]{1,4}", "é{2}|null", '[{]"a": ([0-9]|"b")[}]']
TERMS = [language.term for language in LANGUAGES.values()]
LETTERS = Vocabulary([b"a", b"b", b"c", b"ab", None], stop_ids={4})


@cache
def vocabulary(kind, padding=0):
    plain = Vocabulary.from_tokenizer(kind())
    return Vocabulary.from_tokenizer(kind(), size=plain.size + padding)


def grammar_of(source):
    match source:
        case str():
            return Grammar.from_regex(source)
        case int():
            return SimpleNamespace(root=TERMS[source])
    return Grammar.from_json_schema(source)


sources = schemas | st.sampled_from(REGEXES) | st.integers(0, len(TERMS) - 1)


@st.composite
def pairs(draw):
    """Cursors, and the same in masks of their own that have seen nothing else; None is in both."""
    rng = draw(st.randoms(use_true_random=False))
    found = []
    for source in draw(st.lists(sources, min_size=1, max_size=3)):
        words = vocabulary(draw(st.sampled_from(KINDS)), draw(st.sampled_from([0, 70])))
        try:
            masks, others = (Masks(grammar_of(source), words) for _ in range(2))
        except FcgenError:  # refused, or without any valid value
            continue
        budgets = (None, masks.fewest_tokens + rng.randrange(9), None)
        found += [(masks.cursor(budget), others.cursor(budget)) for budget in budgets]
    found.insert(rng.randrange(len(found) + 1), (None, None))
    rng.shuffle(found)
    return found


def buffer(kind, rows, words):
    """A buffer of numbers that mean nothing."""
    match kind:
        case "torch":
            return torch.full((rows, words), 7, dtype=torch.int32)
        case "slice":
            return np.full((rows, words + 5), 7, np.uint32)[:, 3 : words + 3]
        case "backwards":
            return np.full((rows, words), 7, np.int32)[::-1]
    return np.full((rows, words), 7, kind)


def bits(row):
    return np.ascontiguousarray(np.asarray(row)).view(np.uint32)


def mask_alone(cursor, words, canonical):
    if cursor is None:
        return np.full(words, 2**32 - 1, np.uint32)
    mask = cursor.canonical_mask() if canonical else cursor.mask()
    return np.pad(mask, (0, words - len(mask)))


@settings(max_examples=60)
@given(
    pairs(),
    st.sampled_from([np.uint32, np.int32, "torch", "slice", "backwards"]),
    st.integers(0, 3),
    st.integers(1, 4),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_a_batch_is_as_single(pairs, kind, more, threads, canonical, rng):
    """Grammars, vocabularies and budgets side by side, some of them at their end; and tokens that are refused."""
    cursors, others = map(list, zip(*pairs, strict=True))
    words = max([1, *(cursor.vocabulary.size + 31 >> 5 for cursor in cursors if cursor)]) + more
    for step in range(6):
        out = buffer(kind, len(cursors) + more, words)
        rows = rng.sample(range(len(out)), len(cursors)) if step % 2 else None
        fill(cursors, out, rows=rows, canonical=canonical, threads=threads)
        places = range(len(cursors)) if rows is None else rows
        for row, other in zip(places, others, strict=True):
            assert np.array_equal(bits(out[row]), mask_alone(other, words, canonical))
        assert all((bits(out[row]) == 7).all() for row in set(range(len(out))) - set(places))

        tokens = [
            rng.choice(sorted(allowed(row)) or [0]) if rng.random() < 0.9 else rng.randrange(99)
            for row in map(bits, out)
        ]
        tokens = [tokens[row] for row in places]
        refused = set()
        for number, (other, token) in enumerate(zip(others, tokens, strict=True)):
            try:
                if other is not None:
                    other.advance(token)
            except TokenRefused:
                refused.add(number)
        try:
            advance_all(cursors, rng.choice([list, np.array, torch.tensor])(tokens))
        except BatchError as error:
            assert error.errors.keys() == refused
            assert all(isinstance(one, TokenRefused) for one in error.errors.values())
        else:
            assert not refused
        for one, other in zip(cursors, others, strict=True):
            assert one is None or (one.tokens, one.left, one.stopped) == (other.tokens, other.left, other.stopped)


@given(sources, st.sampled_from(KINDS), st.integers(0, 9), st.randoms(use_true_random=False))
def test_tokens_are_taken_one_by_one_or_together(source, kind, more, rng):
    """`try_consume` takes as many as `advance` would, `consume` all or none, and `rollback` takes them back."""
    try:
        masks = Masks(grammar_of(source), vocabulary(kind))
    except FcgenError:
        return
    single = masks.cursor(masks.fewest_tokens + more)
    tokens = []
    while not single.stopped:
        tokens.append(rng.choice(sorted(allowed(single.mask()))))
        single.advance(tokens[-1])
    fits = rng.randrange(len(tokens) + 1)
    before = masks.cursor(masks.fewest_tokens + more)
    before.consume(tokens[:fits])
    may = allowed(before.mask())
    wrong = [
        *tokens[:fits],
        next(token for token in range(masks.vocabulary.size + 1) if token not in may),
        *tokens[fits:],
    ]

    cursor = masks.cursor(masks.fewest_tokens + more)
    with pytest.raises(TokenRefused):
        cursor.consume(wrong)
    assert (cursor.tokens, cursor.length) == ((), 0)
    assert cursor.try_consume(wrong) == fits
    assert cursor.tokens == tuple(tokens[:fits])
    assert np.array_equal(cursor.mask(), before.mask())
    twin = cursor.copy()
    assert twin.try_consume(iter(tokens[fits:])) == len(tokens) - fits
    assert twin.stopped
    assert (cursor.stopped, cursor.tokens) == (before.stopped, before.tokens)
    twin.rollback(len(tokens) - fits)
    assert twin.tokens == cursor.tokens
    assert twin.fewest_tokens == cursor.fewest_tokens
    assert np.array_equal(twin.mask(), cursor.mask())


@pytest.mark.parametrize("kept", [1, 2, 5])
def test_what_is_dropped_is_found_again(monkeypatch, kept):
    """However little is kept, the masks are the same."""
    monkeypatch.setattr("fcgen.mask.tables.MAX_STEPS_KEPT", kept)
    monkeypatch.setattr("fcgen.mask.tables.MAX_ROW_BYTES", 4 * kept * (vocabulary(byte_level).size + 31 >> 5))
    few = Masks(grammar_of(REGEXES[0]), vocabulary(byte_level))
    monkeypatch.undo()
    many = Masks(grammar_of(REGEXES[0]), vocabulary(byte_level))
    rng = random.Random(0)
    cursors = [[masks.cursor(budget) for budget in (None, 30, 60, 90)] for masks in (few, many)]
    for _ in range(30):
        outs = [np.zeros((4, few.words), np.uint32) for _ in cursors]
        for some, out in zip(cursors, outs, strict=True):
            fill(some, out, canonical=True)
            fill(some, out)
        assert np.array_equal(*outs)
        tokens = [rng.choice(sorted(allowed(row)) or [-1]) for row in outs[0]]
        for some in cursors:
            advance_all([None if one.stopped else one for one in some], tokens)


def test_masks_are_shared_and_known_ones_are_not_found_again(monkeypatch):
    masks = Masks(grammar_of(REGEXES[1]), vocabulary(byte_level))
    first, second = masks.cursor(), masks.cursor()
    assert first.mask() is second.mask()
    assert first.canonical_mask() is second.canonical_mask()
    monkeypatch.setattr(Tables, "row", lambda *_: pytest.fail("it is known"))
    fill([first, second], np.zeros((2, masks.words), np.uint32))


WORDS = Masks(Grammar.from_regex("a*"), LETTERS).words


class Elsewhere:
    """An array on a device."""

    def __dlpack_device__(self):
        return 2, 0

    def __dlpack__(self, **_):
        raise BufferError("not here")


def read_only():
    out = np.zeros((2, WORDS), np.uint32)
    out.flags.writeable = False
    return out


@pytest.mark.parametrize(
    ("out", "found"),
    [
        ([[0], [0]], "`out` is a list whose memory cannot be had"),
        (None, "`out` is a NoneType whose memory cannot be had"),
        (Elsewhere(), "`out` is a .*Elsewhere whose memory cannot be had"),
        (read_only(), "`out` is a ndarray that is read-only"),
        (bytes(8), "`out` is a bytes that is read-only"),
        (np.zeros((2, WORDS), np.int64), "another type than uint32 and int32"),
        (torch.zeros(2, WORDS, dtype=torch.bool), "another type than uint32 and int32"),
        (np.zeros(2 * WORDS, np.uint32), "`out` has 1 axes, not 2"),
        (np.zeros((2, WORDS, 1), np.uint32), "`out` has 3 axes, not 2"),
        (np.zeros((2, 8), np.uint32)[:, ::2], "`out` is not contiguous"),
        (np.zeros((2, 2), np.uint32).T, "`out` is not contiguous"),
        (torch.zeros(1, 2, dtype=torch.int32).expand(2, 2), "`out` is not contiguous"),
        (np.zeros((1, WORDS), np.uint32), "`out` has 1 rows, too few"),
        (np.zeros((2, 0), np.uint32), "`out` has rows of 0 words, and a mask has 1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_buffer_is_refused(out, found):
    masks = Masks(Grammar.from_regex("a*"), LETTERS)
    with pytest.raises(OptionError, match=found):
        fill([masks.cursor(), masks.cursor()], out)


@pytest.mark.parametrize(
    ("cursors", "options", "found"),
    [
        ([1], {}, "a batch is of cursors, and of None where there is none; found int"),
        ([None], {"rows": [0, 1]}, "there are 2 rows for 1 cursors"),
        ([None, None], {"rows": [1, 1]}, "two cursors have row 1"),
        ([None], {"rows": [4]}, "`out` has 4 rows, too few"),
        ([None], {"rows": ["a"]}, "rows are numbers of rows"),
        ([None], {"rows": [-1]}, "rows are numbers of rows"),
        ([None], {"threads": 1.5}, "threads is 1.5, which is not a whole number"),
    ],
)
def test_wrong_batches_are_refused(cursors, options, found):
    out = np.full((4, 1), 7, np.uint32)
    with pytest.raises(OptionError, match=found):
        fill(cursors, out, **options)
    assert (out == 7).all()


@pytest.mark.parametrize(
    ("tokens", "found"),
    [
        ([], "there are 0 tokens for 2 cursors"),
        (5, "tokens are a list or an array of one axis"),
        (np.array(5), "tokens are a list or an array of one axis"),
    ],
)
def test_wrong_numbers_of_tokens_are_refused(tokens, found):
    masks = Masks(Grammar.from_regex("a*"), LETTERS)
    cursors = [masks.cursor(), masks.cursor()]
    with pytest.raises(OptionError, match=found):
        advance_all(cursors, tokens)
    assert [cursor.length for cursor in cursors] == [0, 0]


def test_tokens_that_are_none_are_errors_of_their_cursor():
    masks = Masks(Grammar.from_regex("a*"), LETTERS)
    cursors = [masks.cursor() for _ in range(5)] + [None]
    with pytest.raises(BatchError, match="3 sequences of a batch failed; number 1: token None is no integer") as error:
        advance_all(cursors, [0, None, [0], 0, 10**30, "none"])
    assert {number: type(one) for number, one in error.value.errors.items()} == {
        1: OptionError,
        2: OptionError,
        4: TokenRefused,
    }
    assert [cursor.length for cursor in cursors[:5]] == [1, 0, 0, 1, 0]


def too_large():
    """A cursor whose first mask is beyond the limit of states."""
    ways = seq(*[alt(literal(b"a"), literal(b"b"))] * 50)
    return Masks(
        SimpleNamespace(root=ways), Vocabulary([b"a", b"b", b"ab" * 25, None], stop_ids={3}), max_states=20
    ).cursor()


def test_one_that_fails_does_not_stop_the_others():
    masks = Masks(Grammar.from_regex("a*"), LETTERS)
    out = np.full((3, 1), 7, np.uint32)
    with pytest.raises(BatchError) as error:
        fill([masks.cursor(), too_large(), masks.cursor()], out)
    assert {number: type(one) for number, one in error.value.errors.items()} == {1: GrammarTooLarge}
    assert [allowed(row) for row in out] == [{0, 4}, set(), {0, 4}]


@pytest.mark.parametrize("when", [0, 1, 2])
def test_an_interruption_leaves_all_as_it_was(monkeypatch, when):
    """A mask that could not be found is found the next time, and no row is written of a batch that is interrupted."""
    masks = Masks(Grammar.from_regex("[ab]c|b"), LETTERS)
    find, asked = Tables._compute_row, []

    def interrupted(tables, place):
        asked.append(place)
        if len(asked) == 1 + when:
            raise KeyboardInterrupt
        return find(tables, place)

    cursors = [masks.cursor() for _ in range(3)]
    for cursor, token in zip(cursors[1:], (0, 1), strict=True):
        cursor.advance(token)
    out = np.full((3, 1), 7, np.uint32)
    monkeypatch.setattr(Tables, "_compute_row", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fill(cursors, out)
    assert (out == 7).all()
    fill(cursors, out)
    assert [allowed(row) for row in out] == [{0, 1}, {2}, {2, 4}]


def test_cursors_outlive_their_masks():
    masks = Masks(Grammar.from_regex("(ab|c)*"), LETTERS)
    cursors = [masks.cursor(), masks.cursor(9)]
    mask = cursors[0].mask()
    del masks
    gc.collect()
    out = np.zeros((2, 1), np.uint32)
    advance_all(cursors, [0, 3])
    fill(cursors, out)
    assert [allowed(row) for row in out] == [{1}, {0, 2, 3, 4}]
    del cursors
    gc.collect()
    assert allowed(mask) == {0, 2, 3, 4}


def test_threads_agree():
    """Batches in several threads of Python, over masks that all of them are the first to ask for."""

    def run(masks, seed):
        rng, seen = random.Random(seed), []
        cursors = [masks.cursor(budget) for budget in (None, 20, 40, 60)]
        out = np.zeros((4, 40_000), np.uint32)  # so large that several threads copy
        for _ in range(25):
            fill(cursors, out, threads=3)
            seen.append([tuple(sorted(allowed(row))) for row in out[:, : masks.words]])
            live = [None if one.stopped else one for one in cursors]
            advance_all(live, [rng.choice(may or (0,)) for may in seen[-1]])
        return seen

    def fresh():
        return Masks(grammar_of(REGEXES[0]), vocabulary(byte_level))

    alone = [run(fresh(), seed) for seed in range(6)]
    shared = fresh()
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda seed: run(shared, seed), range(6))) == alone


@settings(max_examples=60)
@given(
    st.sampled_from([torch.float32, torch.float16, torch.bfloat16, torch.float64]),
    st.integers(1, 5),
    st.integers(1, 300),
    st.sampled_from([0.0, 0.02, 0.5, 0.98, 1.0]),
    st.booleans(),
    st.integers(1, 3),
    st.integers(0, 2**32),
)
def test_logits_keep_what_is_allowed_and_nothing_else(dtype, rows, width, share, has_gaps, threads, seed):
    rng = np.random.default_rng(seed)
    may = rng.random((rows, width)) < share
    may[:, : width // 2] = share >= 0.5  # whole words alike, too
    words = -(-width // 32)
    masks = np.packbits(
        np.pad(may, ((0, 0), (0, 32 * words - width)), constant_values=seed % 2), axis=1, bitorder="little"
    )
    logits = torch.from_numpy(rng.normal(size=(rows, width + 40))).to(dtype)
    found = logits.clone()
    part = found[:, 7 : width + 7] if has_gaps else found[:, 7 : width + 7].clone()
    apply_masks(part, masks.view(np.uint32), threads=threads)
    expected = logits[:, 7 : width + 7].masked_fill(~torch.from_numpy(may), -math.inf)
    assert torch.equal(part, expected)
    if has_gaps:
        assert torch.equal(found[:, :7], logits[:, :7])
        assert torch.equal(found[:, width + 7 :], logits[:, width + 7 :])


def test_many_logits_on_many_threads():
    may = np.random.default_rng(0).random((64, 50_016)) < 0.5
    logits = torch.zeros(may.shape)
    apply_masks(logits, np.packbits(may, axis=1, bitorder="little").view(np.int32), threads=4)
    assert torch.equal(logits == 0, torch.from_numpy(may))
    assert torch.equal(logits == -math.inf, torch.from_numpy(~may))


@pytest.mark.parametrize(
    ("logits", "masks", "found"),
    [
        (torch.zeros(2, 40, dtype=torch.int32), np.zeros((2, 2), np.uint32), "`logits` has numbers of another type"),
        (torch.zeros(2, 40), np.zeros((2, 2), np.int64), "`masks` has numbers of another type"),
        (torch.zeros(2, 40), np.zeros((2, 1), np.uint32), "masks are 2 rows of 1 words, .* want 2 of 2"),
        (torch.zeros(2, 40), np.zeros((1, 2), np.uint32), "masks are 1 rows of 2 words, .* want 2 of 2"),
        (torch.zeros(2, 40, requires_grad=True), np.zeros((2, 2), np.uint32), "`logits` requires gradients"),
        (torch.zeros(40), np.zeros((1, 2), np.uint32), "`logits` has 1 axes, not 2"),
        (torch.zeros(40, 2).T, np.zeros((2, 2), np.uint32), "`logits` is not contiguous"),
    ],
)
def test_wrong_logits_are_refused(logits, masks, found):
    with pytest.raises(OptionError, match=found):
        apply_masks(logits, masks)


FORKED = """
import os, sys, numpy as np
from fcgen.mask import apply_masks
logits, masks = np.zeros((64, 64_000), np.float32), np.zeros((64, 2_000), np.uint32)
apply_masks(logits, masks, threads=4)
child = os.fork()
if child == 0:
    logits[:] = 0
    apply_masks(logits, masks, threads=4)
    os._exit(0 if np.isneginf(logits).all() else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_process_that_was_forked_has_threads_of_its_own():
    done = subprocess.run([sys.executable, "-c", FORKED], timeout=60, check=False)
    assert done.returncode == 0
