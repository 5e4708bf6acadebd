"""The laws of masks and cursors where what may come depends on what was written, with tokens that span many names."""

import random
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings_made import LANGUAGES, Distinct, Language, either, joined, object_of, words
from tokenizers_made import byte_level
from walking import allowed

from fcgen.errors import TokenRefused
from fcgen.grammar.arcs import derived
from fcgen.grammar.derive import INFINITE, fewest
from fcgen.grammar.expr import EMPTY, NOTHING, alt, literal, repeat, seq
from fcgen.grammar.lark import read_grammar
from fcgen.mask import Masks
from fcgen.vocab import Vocabulary

BYTES = b"{}[](),:.ab012"
DEEP = {
    "arrays of unique arrays of unique arrays": Distinct(
        Distinct(Distinct(words(b"ab", 1, 1), size=2), start=b"(", end=b")", size=5), least=2
    ),
    "pairs": Distinct(Distinct(words(b"ab0", 1, 1), least=2, most=2, start=b"(", end=b")"), least=4, size=6),
    "objects of unique numbers": object_of(LANGUAGES["unique numbers, vague"], least=1),
    "a way without an end": either(joined(b"[a]"), Distinct(words(b"01", 1, 1), least=3)),
    "one of two": either(LANGUAGES["object"], LANGUAGES["unique strings"], LANGUAGES["object of two or more"]),
    "one after the other": joined(LANGUAGES["three unique numbers"], LANGUAGES["object of two or more"], b"."),
}
ALL = {**LANGUAGES, **DEEP}
names = st.sampled_from(sorted(ALL))
randoms = st.randoms(use_true_random=False)
few = settings(max_examples=60)


@cache
def parts_of_texts(name):
    texts = sorted(ALL[name].up_to(13) if name in LANGUAGES else {b"".join([bytes([b]) for b in BYTES])})
    texts = random.Random(name).sample(texts, min(300, len(texts)))
    return sorted({text[i:j] for text in texts for i in range(len(text)) for j in range(i + 2, len(text) + 1)})


@st.composite
def settings_made(draw):
    """A language, and a vocabulary with long pieces of its texts in it."""
    name = draw(names)
    pieces = draw(st.lists(st.sampled_from(parts_of_texts(name)), unique=True, max_size=40))
    pieces += [b"],[", b"},{", b"1,1", b":1,", b"a:1,a:1", b"a:1,b:1,", b".,", b"),(", b"1,10,1", b"a,b", b"])"]
    tokens = [bytes([b]) for b in BYTES] + list(dict.fromkeys(pieces))
    return ALL[name].term, Vocabulary([*tokens, None], stop_ids={len(tokens)})


def masks_of(term, vocabulary, **options):
    return Masks(SimpleNamespace(root=term), vocabulary, **options)


def after(term, data):
    for byte in data:
        term = derived(term, byte)
        if term is NOTHING:
            break
    return term


def brute_force(term, vocabulary):
    spelt = {t: vocabulary.token_bytes(t) for t in range(vocabulary.size)}
    found = {t for t, data in spelt.items() if data and fewest(after(term, data)) != INFINITE}
    return found | (set(vocabulary.stop_ids) if term.can_stop else set())


def walk(cursor, rng, steps=12):
    """Random steps, long tokens more often."""
    for _ in range(steps):
        may = sorted(allowed(cursor.mask()), key=lambda t: len(cursor._masks.vocabulary.token_bytes(t)))
        cursor.advance(may[max(rng.randrange(len(may)), rng.randrange(len(may)))])
        if cursor.stopped:
            return


@few
@given(settings_made(), randoms)
def test_the_mask_is_brute_force_on_every_step(setting, rng):
    term, vocabulary = setting
    cursor = masks_of(term, vocabulary).cursor()
    for _ in range(14):
        here = after(term, cursor.text)
        may = allowed(cursor.mask())
        assert may == brute_force(here, vocabulary), cursor.text
        assert cursor.can_stop == here.can_stop
        walk(cursor, rng, 1)
        if cursor.stopped:
            break


@few
@given(settings_made(), randoms)
def test_what_is_not_in_the_mask_is_refused(setting, rng):
    term, vocabulary = setting
    cursor = masks_of(term, vocabulary).cursor()
    for _ in range(4):
        may = allowed(cursor.mask())
        for token in range(vocabulary.size):
            twin = cursor.copy()
            if token in may:
                twin.advance(token)
            else:
                with pytest.raises(TokenRefused):
                    twin.advance(token)
        walk(cursor, rng, 1)
        if cursor.stopped:
            break


@few
@given(settings_made(), randoms)
def test_a_mask_depends_on_the_text_alone(setting, rng):
    """Not on what was asked before, nor on how the text was cut into tokens."""
    term, vocabulary = setting
    old = masks_of(term, vocabulary)
    for _ in range(3):
        walk(old.cursor(), rng)
    cursor = old.cursor()
    for _ in range(8):
        fresh, cut = masks_of(term, vocabulary).cursor(), old.cursor()
        for token in cursor.tokens:
            fresh.advance(token)
        for byte in cursor.text:
            cut.advance(BYTES.index(byte))
        assert allowed(fresh.mask()) == allowed(cursor.mask()) == allowed(cut.mask())
        assert fresh.fewest_tokens == cursor.fewest_tokens
        walk(cursor, rng, 1)
        if cursor.stopped:
            break


@few
@given(settings_made(), randoms)
def test_rollback_is_identity(setting, rng):
    cursor = masks_of(*setting).cursor()
    seen = [(cursor.tokens, allowed(cursor.mask()), cursor.fewest_tokens)]
    while len(seen) < 10 and not cursor.stopped:
        walk(cursor, rng, 1)
        seen.append((cursor.tokens, allowed(cursor.mask()), cursor.fewest_tokens))
    for before in reversed(seen[:-1]):
        cursor.rollback(1)
        assert (cursor.tokens, allowed(cursor.mask()), cursor.fewest_tokens) == before


@few
@given(settings_made(), randoms, st.integers(0, 30), st.booleans())
def test_a_budget_always_suffices(setting, rng, more, adversarial):
    """Whatever allowed tokens are taken, also the ones that lead farthest from an end."""
    term, vocabulary = setting
    masks = masks_of(term, vocabulary)
    free, cursor = masks.cursor(), masks.cursor(masks.fewest_tokens + more)
    while not cursor.stopped:
        assert cursor.fewest_tokens <= cursor.left
        may = allowed(cursor.mask())
        assert may, f"a dead end with {cursor.left} tokens left after {cursor.text}"
        assert may <= allowed(free.mask())
        ahead = {}
        for token in may:
            twin = cursor.copy()
            twin.advance(token)
            ahead[token] = twin.fewest_tokens
        token = max(sorted(may), key=lambda t: ahead[t]) if adversarial else rng.choice(sorted(may))
        cursor.advance(token)
        free.advance(token)
    assert after(term, cursor.text).can_stop


@few
@given(settings_made(), randoms)
def test_forced_tokens_are_what_every_text_goes_on_with(setting, rng):
    term, vocabulary = setting
    cursor = masks_of(term, vocabulary).cursor()
    for _ in range(8):
        twin = cursor.copy()
        for token in cursor.forced():
            assert not after(term, twin.text).can_stop
            spelt = vocabulary.token_bytes(token)
            others = {data for t in allowed(twin.mask()) if (data := vocabulary.token_bytes(t))}
            assert token in allowed(twin.mask())
            assert all(data.startswith(spelt) or spelt.startswith(data) for data in others)
            twin.advance(token)
        walk(cursor, rng, 1)
        if cursor.stopped:
            assert cursor.forced() == []
            break


@few
@given(settings_made(), randoms, st.integers(0, 6))
def test_forced_tokens_stay_within_the_budget(setting, rng, more):
    masks = masks_of(*setting)
    cursor = masks.cursor(masks.fewest_tokens + more)
    while not cursor.stopped:
        for token in cursor.forced():
            assert token in allowed(cursor.mask())
            cursor.advance(token)
        cursor.advance(rng.choice(sorted(allowed(cursor.mask()))))


@pytest.mark.parametrize("seed", range(40))
def test_the_last_texts_of_a_finite_language_are_found(seed):
    """Pairs that differ: each way on looks taken, until an unknown place shows one that is not."""
    term, rng = DEEP["pairs"].term, random.Random(seed)
    tokens = [*(bytes([b]) for b in BYTES), b"a,b", b"),(", b"(a,b),(b,a", b",(a,0"]
    vocabulary = Vocabulary([*tokens, None], stop_ids={len(tokens)})
    masks = masks_of(term, vocabulary)
    cursor = masks.cursor(masks.fewest_tokens + rng.randrange(60))
    while not cursor.stopped:
        assert allowed(cursor.mask()) <= brute_force(after(term, cursor.text), vocabulary)
        cursor.advance(rng.choice(sorted(allowed(cursor.mask()))))
    assert after(term, cursor.text).can_stop


def test_a_way_that_cannot_end_is_not_begun():
    """Three different digits out of two: what follows the first generally does not tell."""
    vocabulary = Vocabulary([*(bytes([b]) for b in BYTES), None], stop_ids={len(BYTES)})
    cursor = masks_of(DEEP["a way without an end"].term, vocabulary).cursor()
    cursor.advance(BYTES.index(b"["))
    assert allowed(cursor.mask()) == {BYTES.index(b"a")}


def test_what_is_left_of_few_names_is_forced():
    term = Distinct(either(joined(b"aaa"), joined(b"bbb")), least=2, size=2).term
    vocabulary = Vocabulary([*(bytes([b]) for b in BYTES), b"aaa", None], stop_ids={len(BYTES) + 1})
    cursor = masks_of(term, vocabulary).cursor()
    for token in (2, BYTES.index(b"b")):
        cursor.advance(token)
    while forced := cursor.forced():
        cursor.advance(forced[0])
    assert cursor.text == b"[bbb,aaa]"
    assert len(cursor.tokens) == 7


SMALL = Vocabulary([*(bytes([b]) for b in BYTES), b":1,", b"ab", b"ba", b"aa:1,b", None], stop_ids={len(BYTES) + 4})


def write(cursor, keys):
    for token in SMALL.spell(b"{" + b",".join(key + b":1" for key in keys) + b"}"):
        assert token in allowed(cursor.mask())
        cursor.advance(token)
    return cursor


def key_of(number):
    return bytes(b"ab"[int(bit)] for bit in f"{number:b}")


CHAR = read_grammar("json")["CHAR"]


@cache
def json_vocabulary():
    return Vocabulary.from_tokenizer(byte_level())


def strings_between(start, between, end, then=EMPTY):
    """Different JSON strings, the first two or three of them given, since no Python oracle is needed for them."""
    body = seq(repeat(CHAR), literal(b'"'))
    item = Language(body, lambda _: {b""})
    return Distinct(item, Language(then, lambda _: {b""}), start, between, end).term


JSON = {
    "object": strings_between(b'{"', b', "', b"}", seq(literal(b": "), alt(literal(b"true"), literal(b"12.5")))),
    "array": strings_between(b'["', b', "', b"]"),
    "compact": strings_between(b'["', b',"', b"]"),
}


@settings(max_examples=40)
@given(
    st.sampled_from(sorted(JSON)),
    st.lists(st.sampled_from(["get", "gets", "geta", "", "\\n", "é", "a, b", "12"]), unique=True, max_size=4),
    st.integers(0, 30),
)
def test_in_json_the_mask_is_brute_force(kind, keys, cut):
    """Where most of a walk is what is known of strings in general."""
    term, vocabulary = JSON[kind], json_vocabulary()
    start, then, between = {
        "object": (b'{"', b'": true', b', "'),
        "array": (b'["', b'"', b', "'),
        "compact": (b'["', b'"', b',"'),
    }[kind]
    text = start + (then + between).join(key.encode() for key in [*keys, "geta"])
    cursor = masks_of(term, vocabulary).cursor()
    for token in vocabulary.spell(text[: max(2, len(text) - cut)]):
        if token not in allowed(cursor.mask()):
            assert fewest(after(term, cursor.text + vocabulary.token_bytes(token))) == INFINITE
            break
        cursor.advance(token)
    here = after(term, cursor.text)
    assert allowed(cursor.mask()) == brute_force(here, vocabulary)


def test_many_different_names_over_many_sequences_stay_within_the_cap():
    masks = masks_of(LANGUAGES["object"].term, SMALL, max_states=700)
    open_ones = []
    for first in range(0, 500, 5):
        keys = [key_of(number) for number in range(first, first + 5)]
        cursor = write(masks.cursor(), keys)
        assert cursor.can_stop
        cursor.rollback(1)
        open_ones.append((cursor, keys))
        if len(open_ones) > 20:
            old, written = open_ones.pop(0)
            old.advance(BYTES.index(b","))
            for byte in written[0]:
                old.advance(BYTES.index(byte))
            assert BYTES.index(b":") not in allowed(old.mask())
            assert BYTES.index(b"a") in allowed(old.mask())
    assert len({id(cursor._masks) for cursor, _ in open_ones}) > 1
    assert all(cursor._masks.size <= 700 for cursor, _ in open_ones)


def test_one_sequence_that_writes_more_than_the_cap_goes_on():
    keys = [key_of(number) for number in range(300)]
    cursor = write(masks_of(LANGUAGES["object"].term, SMALL, max_states=400).cursor(), keys)
    assert cursor._masks.size <= 400
    cursor.rollback(1)
    for byte in b"," + keys[0]:
        cursor.advance(BYTES.index(byte))
    assert BYTES.index(b":") not in allowed(cursor.mask())


def test_masks_of_states_that_differ_in_what_was_written_are_one():
    cursor = masks_of(LANGUAGES["object"].term, SMALL).cursor()
    write(cursor, [b"a"]).rollback(1)
    rows = set()
    for text in (b",b", b"b", b"a", b"b"):
        for byte in text:
            cursor.advance(BYTES.index(byte))
        rows.add(id(cursor.mask()))
    assert len(rows) == 1


def test_threads_agree():
    def run(masks, seed):
        rng, cursor, seen = random.Random(seed), masks.cursor(budget=60), []
        while not cursor.stopped:
            seen.append(tuple(sorted(allowed(cursor.mask()))))
            cursor.advance(rng.choice(seen[-1]))
        return seen

    term = LANGUAGES["object in object"].term
    alone = [run(masks_of(term, SMALL), seed) for seed in range(16)]
    shared = masks_of(term, SMALL)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda seed: run(shared, seed), range(16))) == alone
