"""Rows on the device: they take away what the cursors' own masks do, whatever the batch and the cap are."""

import math
from functools import cache
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from schemas_made import schemas
from tensors import compiled, exported, logits_for, masked_by_cursors
from tokenizers_made import byte_level, sentencepiece_like
from torch.export import Dim
from walking import allowed

from fcgen import Grammar, Masks, Vocabulary
from fcgen.errors import FcgenError, GrammarTooLarge, OptionError, VocabularyError
from fcgen.grammar.expr import literal
from fcgen.mask.device import FREE, WORD, DeviceRows, apply

REGEXES = ["[a-z]+@[a-z]+[.]com", "(ab|a)*", "[^{]*", "-?[0-9]{1,4}", "é{2}|null"]
DTYPES = [torch.float32, torch.float16, torch.bfloat16]


@cache
def vocabulary(kind=byte_level, padding=0):
    plain = Vocabulary.from_tokenizer(kind())
    return Vocabulary.from_tokenizer(kind(), size=plain.size + padding)


@cache
def regex_masks(pattern):
    return Masks(Grammar.from_regex(pattern), vocabulary())


def advance_at_random(cursors, rng):
    for number, cursor in enumerate(cursors):
        if cursor is not None and not cursor.stopped:
            cursor.advance(rng.choice(sorted(allowed(cursor.mask()))))
        elif rng.random() < 0.5:
            cursors[number] = None


@settings(max_examples=30)
@given(
    st.lists(schemas, min_size=1, max_size=2),
    st.sampled_from([byte_level, sentencepiece_like]),
    st.sampled_from([0, 1, 70]),
    st.sampled_from(DTYPES),
    st.randoms(use_true_random=False),
)
def test_a_batch_is_masked_as_by_its_cursors(chosen, kind, padding, dtype, rng):
    """Grammars side by side, with and without a budget, and sequences without a grammar."""
    width = vocabulary(kind, padding).size
    rows = DeviceRows(vocabulary(kind, padding), "cpu")
    cursors = [None]
    for schema in chosen:
        try:
            masks = Masks(Grammar.from_json_schema(schema), vocabulary(kind, padding))
        except FcgenError:  # refused, or without any valid value
            continue
        cursors += [masks.cursor(), masks.cursor(masks.fewest_tokens + rng.randrange(9)), masks.cursor()]
    logits = logits_for(len(cursors), width, dtype)
    for _ in range(6):
        found = apply(logits, rows.rows, rows.numbers(cursors))
        assert found.dtype == dtype
        assert torch.equal(found, masked_by_cursors(logits, cursors))
        advance_at_random(cursors, rng)


@given(st.sampled_from(REGEXES), st.integers(0, 4), st.randoms(use_true_random=False))
def test_a_batch_is_as_single(pattern, fresh, rng):
    """And as in rows that have met nothing else."""
    rows = DeviceRows(vocabulary(), "cpu")
    cursors = [regex_masks(pattern).cursor() for _ in range(4)]
    logits = logits_for(len(cursors), vocabulary().size)
    for step in range(5):
        numbers = rows.numbers(cursors)
        together = apply(logits, rows.rows, numbers)
        alone = DeviceRows(vocabulary(), "cpu") if step == fresh else rows
        for number, cursor in enumerate(cursors):
            single = apply(logits[number : number + 1], alone.rows, alone.numbers([cursor]))
            assert torch.equal(single[0], together[number])
        advance_at_random(cursors, rng)


@given(st.integers(1, 6), st.lists(st.sampled_from(REGEXES), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_rows_are_dropped_and_found_again(most, patterns, rng):
    """However small the cap, the rows of a batch are all there, or the batch is refused by number."""
    words = -(-vocabulary().size // WORD)
    rows = DeviceRows(vocabulary(), "cpu", max_bytes=4 * words * (1 + most))
    assert rows.max_rows == most
    cursors = [regex_masks(pattern).cursor(8) for pattern in patterns]
    logits = logits_for(len(cursors), vocabulary().size)
    for _ in range(8):
        different = len({cursor.mask().tobytes() for cursor in cursors if cursor is not None})
        if different > most:
            with pytest.raises(GrammarTooLarge) as error:
                rows.numbers(cursors)
            assert (error.value.limit, error.value.given) == (most, different)
        else:
            assert torch.equal(apply(logits, rows.rows, rows.numbers(cursors)), masked_by_cursors(logits, cursors))
        advance_at_random(cursors, rng)


def test_equal_masks_have_one_row():
    """Of cursors of different grammars, and of one whose masks are its own near the end of its budget."""
    rows = DeviceRows(vocabulary(), "cpu")
    masks = regex_masks("(ab|a)*")
    twin = Masks(Grammar.from_regex("(a|ab)*"), vocabulary())
    first, *others = rows.numbers([masks.cursor(), masks.cursor(), twin.cursor(), twin.cursor()]).tolist()
    assert others == [first] * 3
    tight = masks.cursor(masks.fewest_tokens)
    assert tight.mask() is not tight.mask()
    assert len({rows.numbers([tight]).item() for _ in range(20)}) == 1
    assert len(rows._by_identity) == len(rows._by_content) == len(rows._kept) == 2


def test_a_row_that_is_there_is_not_copied_again(monkeypatch):
    rows = DeviceRows(vocabulary(), "cpu")
    cursor = regex_masks("[^{]*").cursor()
    number = rows.numbers([cursor])
    monkeypatch.setattr(rows, "_add", None)
    assert rows.numbers([cursor, None]).tolist() == [*number.tolist(), FREE]


def test_rows_stay_where_they_are():
    """Numbers handed out before still hold when many more rows have come, and the tensor is the same."""
    rows = DeviceRows(vocabulary(), "cpu")
    text = bytes(range(33, 127))
    cursors = [Masks(SimpleNamespace(root=literal(text)), vocabulary()).cursor()]
    for byte in text:
        cursors.append(cursors[-1].copy())
        cursors[-1].advance(vocabulary().longest(bytes([byte])))
    tensor, first = rows.rows, rows.numbers(cursors[:3])
    numbers = rows.numbers(cursors)
    assert rows.rows is tensor
    assert torch.equal(numbers[:3], first)
    assert len(set(numbers.tolist())) == len(text) + 1
    logits = logits_for(len(cursors), vocabulary().size)
    assert torch.equal(apply(logits, tensor, numbers), masked_by_cursors(logits, cursors))


def test_a_sequence_without_a_grammar_keeps_its_logits():
    wide = vocabulary(padding=70)
    rows = DeviceRows(wide, "cpu")
    logits = logits_for(1, wide.size)
    assert torch.equal(apply(logits, rows.rows, rows.numbers([None])), logits)


def test_what_pads_the_logits_is_never_allowed():
    wide = vocabulary(padding=70)
    cursor = Masks(Grammar.from_regex("[^{]*"), wide).cursor()
    rows = DeviceRows(wide, "cpu")
    found = apply(logits_for(1, wide.size), rows.rows, rows.numbers([cursor]))
    assert (found[0, vocabulary().size :] == -math.inf).all()


@pytest.mark.parametrize("more", [WORD, -WORD])
def test_logits_of_another_width(more):
    rows = DeviceRows(vocabulary(), "cpu")
    with pytest.raises(VocabularyError, match="logits are"):
        apply(logits_for(1, vocabulary().size + more), rows.rows, rows.numbers([None]))


def test_cursors_of_another_vocabulary():
    cursor = Masks(Grammar.from_regex("a"), vocabulary(padding=70)).cursor()
    with pytest.raises(VocabularyError, match="words of 32 tokens"):
        DeviceRows(vocabulary(), "cpu").numbers([cursor])


def test_a_cap_without_room():
    with pytest.raises(OptionError, match="max_bytes is 100"):
        DeviceRows(vocabulary(), "cpu", max_bytes=100)


def a_batch():
    masks = regex_masks("[a-z]+@[a-z]+[.]com")
    cursors = [masks.cursor(), None, masks.cursor(9)]
    rows = DeviceRows(vocabulary(), "cpu")
    return rows.rows, rows.numbers(cursors), cursors


@pytest.mark.parametrize("dtype", DTYPES)
def test_it_is_exported_without_a_break(dtype):
    rows, numbers, cursors = a_batch()
    logits = logits_for(3, vocabulary().size, dtype)
    run = exported(apply, (logits[:2], rows[:40], numbers[:2]), ({0: Dim.AUTO}, {0: Dim.AUTO}, {0: Dim.AUTO}))
    assert torch.equal(run(logits, rows, numbers), masked_by_cursors(logits, cursors))


def test_it_is_compiled_without_a_break():
    rows, numbers, cursors = a_batch()
    logits = logits_for(3, vocabulary().size, torch.bfloat16)
    assert torch.equal(compiled(apply)(logits, rows, numbers), masked_by_cursors(logits, cursors))
