"""Batches for workers that end at any time: each document has a row, and none takes another one along."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgen.extraction import Asked, Document, Extracted
from fcgen.jobs.batches import HELD, TRIES, Batches

texts = st.sampled_from(["a", "bb", "ccc", "d" * 40, "e" * 41, "ends", "ends too"])


def documents_of(texts):
    return [Document(f"n{number}", text, {"column": number}) for number, text in enumerate(texts)]


def simulated(documents, *, size, workers, seed, ends=lambda document: document.text.startswith("ends")):
    """The rows, and how often each text was begun; workers give some rows at a time, and end where `ends` says so."""
    draw, rows, begun = random.Random(seed), [], Counter()
    batches, under_way = Batches(documents, size=size, workers=workers), []
    while not batches.is_done:
        while len(under_way) < workers and (batch := batches.next()) is not None:
            assert len(batch) <= size
            under_way.append(batch)
        if under_way and draw.random() < 0.2:
            batches.put_back(under_way.pop(draw.randrange(len(under_way))))
        elif under_way:
            batch = under_way[draw.randrange(len(under_way))]
            number, work = draw.choice([*batch.items()])
            begun[work.document.text] += 1
            assert work.document.columns == {}
            if ends(work.document):
                batches.fail(batch, "it was killed")
                under_way.remove(batch)
            else:
                batches.end(batch, Extracted(number, {"said": work.document.text}))
                under_way = [batch for batch in under_way if batch]
        rows += batches.take()
    assert under_way == []
    return rows, begun


@given(st.lists(texts, max_size=60), st.integers(1, 4), st.integers(1, 3), st.integers(0, 99))
def test_each_document_has_its_row(texts, size, workers, seed):
    documents = documents_of(texts)
    rows, begun = simulated(documents, size=size, workers=workers, seed=seed)
    assert sorted(row.id for row in rows) == sorted(document.id for document in documents)
    text_of = {document.id: document.text for document in documents}
    for row in rows:
        if text_of[row.id].startswith("ends"):
            assert (row.fields, row.error.kind) == (None, "ModelError")
            assert row.error.message.endswith(f"ended, {TRIES} times: it was killed")
        else:
            assert (row.fields, row.error) == ({"said": text_of[row.id]}, None)
    assert set(begun) == set(texts)
    for text, count in begun.items():  # a document beside one that ends its worker is no reason to end a second one
        assert count <= TRIES if text.startswith("ends") else count == 1


@given(st.lists(texts, max_size=30), st.integers(0, 99))
def test_a_worker_that_ends_now_and_then_costs_no_row(texts, seed):
    draw, left = random.Random(seed), Counter(dict.fromkeys(texts, TRIES - 1))

    def ends(document):
        left[document.text] -= 1
        return left[document.text] >= 0 and draw.random() < 0.5

    # No document is in as many batches that fail as it may be, since each is alone after the first.
    rows, _ = simulated(documents_of(dict.fromkeys(texts)), size=1, workers=2, seed=seed, ends=ends)
    assert [row for row in rows if row.error is not None] == []


@pytest.mark.parametrize("alike", [False, True])
def test_documents_are_read_as_rows_are_taken(alike):
    read = 0

    def source():
        nonlocal read
        for number in range(100_000):
            read += 1
            yield Document(number, "alike" if alike else f"text {number}")

    batches = Batches(source(), size=4, workers=2)
    first = batches.next()
    for _ in range(100):
        batches.next()
    assert read == 4 * 2 * HELD
    batches.end(first, Extracted(next(iter(first)), {}))
    rows = batches.take()
    assert len(rows) == (read if alike else 1)
    for _ in range(100):
        batches.next()
    assert read == 4 * 2 * HELD + len(rows)


def test_batches_are_of_documents_of_like_length():
    draw = random.Random(0)
    sizes = [draw.randint(1, 1000) for _ in range(60)]
    asked = Document("own", asked=Asked([{"role": "user", "content": "x" * 5000}]))
    batches = Batches([asked, *(Document(n, "x" * size) for n, size in enumerate(sizes))], size=20, workers=4)
    given = [[work.size for work in batches.next().values()] for _ in range(4)]
    assert [size for batch in given for size in batch] == sorted(size for batch in given for size in batch)
    assert max(given[-1]) > 5000
    assert batches.next() is None
    assert not batches.more
    assert not batches.is_done


def test_few_documents_are_dealt_out_among_all_workers():
    batches = Batches(documents_of(["a", "b", "c", "d", "e"]), size=100, workers=2)
    assert [len(batches.next()) for _ in range(2)] == [3, 2]
