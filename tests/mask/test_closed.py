"""A closed grammar: at every place it allows what a cursor allows there, and leads where a cursor goes."""

import random
from functools import cache
from types import SimpleNamespace

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from schemas_made import schemas
from tensors import compiled, exported, logits_for, masked_by_cursors
from tokenizers_made import TOOL, byte_level, sentencepiece_like
from torch.export import Dim
from walking import allowed

from fcgen import Grammar, Masks, Vocabulary
from fcgen.errors import FcgenError, GrammarTooLarge, TokenRefused, VocabularyError
from fcgen.grammar.expr import literal, repeat, seq
from fcgen.mask.closed import DEAD, START, STOPPED, close

SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "minLength": 1},
        "days": {"type": "integer", "minimum": 0, "maximum": 14},
        "unit": {"enum": ["celsius", "fahrenheit"]},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 4}, "maxItems": 2},
    },
    "required": ["city"],
    "additionalProperties": False,
}
GRAMMARS = [
    Grammar.from_json_schema(SCHEMA),
    Grammar.from_functions([{"name": "f", "parameters": SCHEMA}, {"name": "fg", "parameters": {}}]),
    Grammar.from_regex("[^{]*"),
    Grammar.from_regex("(ab|a)*é{0,3}"),
    Grammar.from_json_schema({"type": "number"}),
]
EVERY_BYTE = [bytes([byte]) for byte in range(255)]


@cache
def vocabulary(kind=byte_level):
    return Vocabulary.from_tokenizer(kind())


@cache
def closed_grammar(number, kind=byte_level, **options):
    masks = Masks(GRAMMARS[number], vocabulary(kind))
    return masks, close(masks, **options)


def after(cursor, token):
    """The cursor after a token, None where it is refused."""
    twin = cursor.copy()
    try:
        twin.advance(token)
    except TokenRefused:
        return None
    return twin


def check_walks(masks, closed, rng, *, batch=4, steps=12):
    """Sequences side by side take any tokens, most of them allowed; those that are refused begin anew."""
    size = masks.vocabulary.size
    cursors, places = [masks.cursor() for _ in range(batch)], closed.start(batch)
    logits = logits_for(batch, size)
    for _ in range(steps):
        assert torch.equal(closed.mask(logits, places), masked_by_cursors(logits, cursors))
        tokens = []
        for cursor in cursors:
            may = sorted(allowed(cursor.mask()))
            tokens.append(rng.choice(may) if may and rng.random() < 0.9 else rng.randrange(size))
        places = closed.step(places, torch.tensor(tokens))
        for number, (cursor, token) in enumerate(zip(cursors, tokens, strict=True)):
            then = after(cursor, token)
            assert (places[number] == DEAD) == (then is None)
            assert (places[number] == STOPPED) == (then is not None and then.stopped)
            cursors[number] = then or masks.cursor()
            if then is None:
                places[number] = START


@settings(max_examples=150)
@given(schemas, st.sampled_from([byte_level, sentencepiece_like]), st.randoms(use_true_random=False))
def test_it_walks_as_cursors_do(schema, kind, rng):
    try:
        masks = Masks(Grammar.from_json_schema(schema), vocabulary(kind))
        closed = close(masks, max_places=200)
    except GrammarTooLarge as error:  # most have no end of places, which is said
        assert error.limit == 200
        return
    except FcgenError:  # refused, or without any valid value
        assume(False)
    check_walks(masks, closed, rng)


@settings(max_examples=30)
@given(
    st.integers(0, len(GRAMMARS) - 1),
    st.sampled_from([byte_level, sentencepiece_like]),
    st.sampled_from([0, 1 << 15, 1 << 26]),
    st.randoms(use_true_random=False),
)
def test_however_far_its_pieces_are_joined(number, kind, most, rng):
    check_walks(*closed_grammar(number, kind, max_bytes=most), rng)


@settings(max_examples=20)
@given(st.integers(0, len(GRAMMARS) - 1), st.randoms(use_true_random=False))
def test_every_token_leads_where_a_cursor_goes(number, rng):
    """All tokens at once, from places along a walk: what is allowed next is the same."""
    masks, closed = closed_grammar(number)
    size = masks.vocabulary.size
    cursor, place = masks.cursor(), closed.start(1)
    for _ in range(5):
        places = closed.step(place.expand(size), torch.arange(size))
        may = allowed(cursor.mask())
        assert set(torch.nonzero(places != DEAD).flatten().tolist()) == may
        assert set(torch.nonzero(places == STOPPED).flatten().tolist()) == may & masks.vocabulary.stop_ids
        for token in rng.sample(sorted(may), min(8, len(may))):
            row = closed.rows[closed.row_numbers[places[token]]].numpy().view("uint32")
            assert allowed(row) == allowed(after(cursor, token).mask())
        token = rng.choice(sorted(may))
        cursor.advance(token)
        place = places[token : token + 1]
        if cursor.stopped:
            break


def test_no_token_leads_away_from_the_end():
    masks, closed = closed_grammar(0)
    for place in (DEAD, STOPPED):
        places = torch.full((masks.vocabulary.size,), place)
        assert (closed.step(places, torch.arange(masks.vocabulary.size)) == DEAD).all()
        assert not closed.rows[closed.row_numbers[place]].any()


def test_a_special_token_is_one_step():
    symbol = vocabulary().symbol(TOOL)
    masks = Masks(SimpleNamespace(root=seq(literal(symbol), repeat(literal(b"ab")))), vocabulary())
    closed = close(masks)
    check_walks(masks, closed, random.Random(0))
    only = closed.mask(logits_for(1, vocabulary().size), closed.start(1)).isfinite()
    assert torch.nonzero(only[0]).flatten().tolist() == [vocabulary().special[TOOL]]


def test_a_long_token_is_one_gather():
    """A run of blanks does in a string what one letter does; so it is one piece, unless none may be joined."""
    spaces = Vocabulary([*EVERY_BYTE, b" " * 100, b'": "' + b" " * 70, None], stop_ids={257})
    masks = Masks(Grammar.from_json_schema(SCHEMA), spaces)
    joined, apart = close(masks), close(masks, max_bytes=0)
    assert joined.pieces.shape[1] == 1
    assert apart.pieces.shape[1] == 128
    for closed in (joined, apart):
        check_walks(masks, closed, random.Random(0))


def test_tokens_that_are_never_allowed_take_no_time():
    spaces = Vocabulary([*EVERY_BYTE, b" " * 100, None], stop_ids={256})
    assert close(Masks(Grammar.from_regex("[ab]*"), spaces), max_bytes=0).pieces.shape[1] == 1


@pytest.mark.parametrize("schema", [True, {"type": "array", "uniqueItems": True, "items": {"type": "string"}}])
def test_a_grammar_without_an_end_of_places_is_refused_by_number(schema):
    masks = Masks(Grammar.from_json_schema(schema), vocabulary())
    with pytest.raises(GrammarTooLarge, match="there is no end") as error:
        close(masks, max_places=300)
    assert (error.value.limit, error.value.given) == (300, 301)


def test_places_up_to_the_limit():
    masks = Masks(Grammar.from_regex("[ab]{9}"), vocabulary())
    assert close(masks, max_places=10).row_numbers.shape == (2 + 10,)
    with pytest.raises(GrammarTooLarge):
        close(masks, max_places=9)


def test_closing_leaves_the_masks_as_they_are():
    """New sequences go on with the states of earlier ones: what was closed is not counted as theirs."""
    masks = Masks(Grammar.from_json_schema(SCHEMA), vocabulary(), max_states=2000)
    before = masks.cursor()
    close(masks)
    assert masks.cursor().mask() is before.mask()


def test_logits_of_another_width():
    _, closed = closed_grammar(0)
    with pytest.raises(VocabularyError, match="logits are"):
        closed.mask(logits_for(1, vocabulary().size + 32), closed.start(1))


def test_its_tables_move_with_it():
    closed = close(Masks(GRAMMARS[2], vocabulary())).to("meta")
    assert {buffer.device.type for buffer in closed.buffers()} == {"meta"}
    assert closed.start(2).device.type == "meta"
    assert closed.step(closed.start(2), torch.zeros(2, dtype=torch.int64, device="meta")).shape == (2,)


def decode_step(number, **options):
    """Masking and the greedy choice of one token after another, with what it is given for an example."""
    masks, closed = closed_grammar(number, **options)

    def run(logits, places):
        tokens = closed.mask(logits, places).argmax(-1)
        return closed.step(places, tokens), tokens

    return masks, closed, run, logits_for(3, masks.vocabulary.size)


def check_decode_step(masks, closed, run, logits):
    cursors, places = [masks.cursor() for _ in range(3)], closed.start(3)
    for _ in range(4):
        expected = masked_by_cursors(logits, cursors).argmax(-1)
        places, tokens = run(logits, places)
        assert torch.equal(tokens, expected)
        for cursor, token in zip(cursors, tokens.tolist(), strict=True):
            cursor.advance(token)


@pytest.mark.parametrize("most", [0, 1 << 26])
def test_a_decode_step_is_exported_without_a_break(most):
    masks, closed, run, logits = decode_step(0, max_bytes=most)
    whole = exported(run, (logits[:2], closed.start(2)), ({0: Dim.AUTO}, {0: Dim.AUTO}))
    check_decode_step(masks, closed, whole, logits)


def test_the_module_is_exported_without_a_break():
    _, closed = closed_grammar(0)
    tokens = torch.arange(vocabulary().size)
    places = closed.start(len(tokens))
    whole = torch.export.export(closed, (places, tokens)).module()
    assert torch.equal(whole(places, tokens), closed.step(places, tokens))


def test_a_decode_step_is_compiled_without_a_break():
    masks, closed, run, logits = decode_step(0)
    check_decode_step(masks, closed, compiled(run), logits)
