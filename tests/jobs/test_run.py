"""A job over documents: whatever stops it, and how often, its output is that of a job that nothing stopped."""

import contextlib
import io
import itertools
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models_made import tiny_llama
from tokenizers_made import byte_level

from fcgen.engine import Engine
from fcgen.errors import DocumentError, JobError, OptionError, PromptError
from fcgen.extraction import Document, Example, Extracted, Job, RowError, content_of
from fcgen.jobs import Ledger, Progress, export, extract_batch, run_job
from fcgen.jobs.error_limit import SAMPLE, ErrorLimit, read_error_limit
from fcgen.jobs.identity import fingerprint_of
from fcgen.jobs.run import KEPT_BACK, Run
from fcgen.jobs.stored import data_of, json_of, row_of

SCHEMA = {"type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"]}
FINGERPRINT = {"model": {"name": "m"}, "grammar": {"schema": SCHEMA}, "options": {"carry": ["source"]}}
texts = st.sampled_from(["", "a", "b", "ab", "abc", "fails", "fails too"])


class KilledError(Exception):
    """The end of the process, as far as the job is concerned."""


class Writer:
    """Rows that follow from the texts, in any order and in groups of any size; it counts what it was asked."""

    def __init__(self, seed=0, killed_after=None):
        self.draw, self.killed_after, self.asked, self.closed = random.Random(seed), killed_after, [], 0

    def __call__(self, documents):
        source, waiting = iter(documents), []
        try:
            while True:
                while len(waiting) < self.draw.randint(1, 5) and (document := next(source, None)) is not None:
                    waiting.append(document)
                if not waiting:
                    return
                self.draw.shuffle(waiting)
                count = self.draw.randint(0, len(waiting))
                yield [self.row(waiting.pop()) for _ in range(count)]
        finally:
            self.closed += 1

    def row(self, document):
        self.asked.append(document.text)
        if self.killed_after is not None and len(self.asked) > self.killed_after:
            raise KilledError
        if document.error is not None:
            return Extracted(document.id, error=document.error)
        if document.text.startswith("fails"):
            return Extracted(document.id, error=RowError("PromptError", document.text, 5, 9))
        usage = {"prompt_tokens": 9, "new_tokens": 4, "forced_tokens": 1, "forward_passes": 3}
        return Extracted(document.id, {"size": len(document.text)}, usage=usage)


class Clock:
    """Time that passes with each look at it."""

    def __init__(self, step=0.3):
        self.step, self.now = step, 0.0

    def __call__(self):
        self.now += self.step
        return self.now


def run(folder, documents, writer=None, *, resume=True, **options):
    with Ledger.create_or_open(folder, FINGERPRINT, resume=resume) as ledger:
        return Run(writer or Writer(), ledger, carry=["source"], clock=Clock(), **options).run(documents)


def output(folder, name="out.jsonl", **options):
    export(folder, folder.parent / name, **options)
    return (folder.parent / name).read_bytes()


def documents_of(texts, *, start=0):
    return [Document(number, text, {"source": f"s{number}"}) for number, text in enumerate(texts, start)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return lambda: tmp_path_factory.mktemp("job") / "job"


# What is done, and what it makes


@settings(max_examples=40)
@given(st.lists(texts, max_size=20), st.integers(0, 99))
def test_each_document_has_one_row_in_the_order_of_the_input(folders, texts, seed):
    folder, documents = folders(), documents_of(texts)
    summary = run(folder, documents, Writer(seed))
    rows = [json.loads(line) for line in output(folder).splitlines()]
    assert [row["id"] for row in rows] == list(range(len(texts)))
    assert [row["source"] for row in rows] == [f"s{number}" for number in range(len(texts))]
    for text, row in zip(texts, rows, strict=True):
        if text.startswith("fails"):
            assert row["error"] == {"kind": "PromptError", "message": text, "limit": 5, "given": 9}
        else:
            assert (row["fields"], row["error"]) == ({"size": len(text)}, None)
    failed = sum(text.startswith("fails") for text in texts)
    assert (summary.rows, summary.done, summary.failed) == (len(texts), len(texts) - failed, failed)
    assert summary.errors == ({"PromptError": failed} if failed else {})
    assert (summary.earlier, summary.stopped) == (0, False)
    assert json.loads(summary.to_json())["rows"] == len(texts)


@settings(max_examples=60)
@given(st.lists(texts, max_size=20), st.lists(st.tuples(st.integers(0, 8), st.booleans()), max_size=4), st.data())
def test_a_job_that_was_ended_anywhere_goes_on_as_if_it_was_not(folders, texts, ends, data):
    """Stopped or killed, once or several times, after any number of rows."""
    whole, folder, documents = folders(), folders(), documents_of(texts)
    run(whole, documents)
    for count, is_killed in ends:
        before = {content for content, failed in kept(folder) if not failed} if folder.exists() else set()
        asked = (run_killed if is_killed else run_stopped)(folder, documents, count, data.draw(st.integers(0, 9)))
        assert [text for text in asked if content_of(Document(0, text)) in before] == []
    last = Writer()
    summary = run(folder, documents, last)
    assert summary.earlier + summary.done + summary.failed == len(texts)
    assert output(folder) == output(whole)
    again = Writer()
    assert run(folder, documents, again).earlier == len(texts)
    assert again.asked == []


def run_killed(folder, documents, count, seed):
    writer = Writer(seed, killed_after=count)
    with contextlib.suppress(KilledError), Ledger.create_or_open(folder, FINGERPRINT, resume=True) as ledger:
        add = ledger.add

        def add_alive(entries):
            if len(writer.asked) > count:
                raise KilledError
            add(entries)

        ledger.add = add_alive
        Run(writer, ledger, carry=["source"], clock=Clock()).run(documents)
    return writer.asked


def run_stopped(folder, documents, count, seed):
    writer = Writer(seed)
    summary = run(folder, documents, writer, stopped=lambda: len(writer.asked) >= count)
    assert summary.stopped == (len(writer.asked) >= count)
    assert writer.closed <= 1
    return writer.asked


def kept(folder):
    with Ledger.read(folder) as ledger:
        return [(entry.content, entry.failed) for entry in ledger.entries()]


@settings(max_examples=25)
@given(st.lists(texts, max_size=20), st.integers(0, 9))
def test_documents_that_are_alike_are_asked_about_once(folders, texts, seed):
    folder, writer = folders(), Writer(seed)
    half = len(texts) // 2
    run(folder, documents_of(texts[:half]), writer)
    first = len(writer.asked)
    summary = run(folder, documents_of(texts), writer)
    known = {text for text in texts[:half] if not text.startswith("fails")}
    assert not known & set(writer.asked[first:])
    assert summary.usage.get("new_tokens", 0) == 4 * len({t for t in texts if not t.startswith("fails")} - known)
    whole = folders()
    run(whole, documents_of(texts))
    assert output(folder) == output(whole)


def test_an_input_that_has_grown_and_changed(folders):
    folder, documents = folders(), documents_of(["a", "b", "ab"])
    run(folder, documents)
    changed = [documents[0], Document(1, "abc", {"source": "s1"}), documents[2], *documents_of(["abcd"], start=3)]
    writer = Writer()
    summary = run(folder, changed, writer)
    assert sorted(writer.asked) == ["abc", "abcd"]
    assert (summary.earlier, summary.done) == (2, 2)
    whole = folders()
    run(whole, changed)
    assert output(folder) == output(whole)
    fewer = run(folder, changed[:2], writer)
    assert output(folder, rows=fewer.rows) == b"".join(output(whole).splitlines(keepends=True)[:2])


def test_a_row_that_was_put_before_others_moves_them(folders):
    folder, documents = folders(), documents_of(["a", "b"])
    run(folder, documents)
    writer = Writer()
    run(folder, [Document("new", "abc"), *documents], writer)
    assert writer.asked == ["abc"]
    assert [json.loads(line)["id"] for line in output(folder).splitlines()] == ["new", 0, 1]


def test_retrying_does_the_failed_rows_alone(folders):
    folder, documents = folders(), documents_of(["a", "fails", "b", "fails too"])
    run(folder, documents)
    writer = Writer()
    assert run(folder, documents, writer).earlier == 4
    assert writer.asked == []
    writer.row = lambda document: Extracted(document.id, {"size": -1}, usage={})
    summary = run(folder, [*documents, Document(9, "new")], writer, retry=True)
    assert (summary.rows, summary.done, summary.failed, summary.earlier) == (5, 2, 0, 2)
    rows = [json.loads(line) for line in output(folder).splitlines()]
    assert [row["fields"]["size"] for row in rows] == [1, -1, 1, -1]


@settings(max_examples=40)
@given(st.lists(texts, max_size=30), st.integers(0, 6), st.integers(0, 9))
def test_a_run_that_gives_up_goes_on_later(folders, texts, most, seed):
    """It ends soon after more rows than that have failed; without the limit, it ends as if it never had one."""
    whole, folder, documents = folders(), folders(), documents_of(texts)
    run(whole, documents)
    summary = run(folder, documents, Writer(seed), max_errors=ErrorLimit(most))
    assert summary.too_many_errors == (summary.failed > most)
    assert summary.failed <= most + KEPT_BACK
    if not summary.too_many_errors:
        assert (summary.stopped, output(folder)) == (False, output(whole))
    assert run(folder, documents, Writer(seed)).stopped is False
    assert output(folder) == output(whole)


def test_a_run_reads_no_further_than_it_must_to_give_up(folders):
    read = []

    def endless():
        for number in itertools.count():
            read.append(number)
            yield Document(number, error=RowError("DocumentError", f"no row {number}"))

    summary = run(folders(), endless(), max_errors=read_error_limit("20"))
    assert (summary.too_many_errors, summary.stopped, summary.all_failed) == (True, True, True)
    assert summary.first_error.startswith("no row ")
    assert len(read) < 50
    read.clear()
    summary = run(folders(), endless(), max_errors=read_error_limit("50%"))
    assert (summary.too_many_errors, summary.stopped) == (True, True)
    assert SAMPLE <= len(read) < SAMPLE + 50


def test_a_share_of_few_rows_counts_at_the_end(folders):
    for texts, too_many in ((["fails", "a", "b"], False), (["a", "fails", "fails too"], True)):
        summary = run(folders(), documents_of(texts), max_errors=read_error_limit("50%"))
        assert (summary.too_many_errors, summary.stopped) == (too_many, False)


def test_suspected_calls_are_counted(folders):
    folder = folders()

    def write(documents):
        for document in documents:
            yield [Extracted(document.id, text=document.text, suspected_call="[f(" if document.text == "b" else None)]

    with Ledger.create_or_open(folder, FINGERPRINT, resume=False) as ledger:
        summary = Run(write, ledger, clock=Clock()).run(documents_of(["a", "b", "ab", "b"]))
    assert (summary.done, summary.suspected_calls) == (4, 2)
    lines = [json.loads(line) for line in output(folder).splitlines()]
    assert [line.get("suspected_call", "absent") for line in lines] == ["absent", "[f(", "absent", "[f("]


def test_all_have_failed_where_no_run_has_given_values(folders):
    folder, documents = folders(), documents_of(["fails", "fails too"])
    assert run(folder, []).all_failed is False
    assert run(folder, documents).all_failed is True
    again = run(folder, documents)
    assert (again.earlier, again.earlier_failed, again.all_failed) == (2, 2, True)
    assert run(folder, documents, retry=True).all_failed is True
    more = [*documents, Document(2, "ab")]
    assert run(folder, more).all_failed is False
    assert run(folder, more, retry=True).all_failed is False


@pytest.mark.parametrize("limit", [-1, "-1", "", "x", "5 %%", "100%", "%", True, 1.5, [], "1e3"])
def test_what_is_no_limit_of_errors(limit):
    with pytest.raises(OptionError, match="max_errors"):
        read_error_limit(limit)


def test_limits_of_errors():
    assert [read_error_limit(limit) for limit in (None, 0, "10", "2.5%", " 0% ")] == [
        ErrorLimit(), ErrorLimit(0), ErrorLimit(10), ErrorLimit(percent=2.5), ErrorLimit(percent=0.0)
    ]  # fmt: skip


def test_two_documents_of_one_id(folders):
    folder = folders()
    documents = [Document("x", "a"), Document("x", "b"), Document("x", "a"), Document(1, "ab"), Document("1", "abc")]
    writer = Writer()
    run(folder, documents, writer)
    rows = [json.loads(line) for line in output(folder).splitlines()]
    assert [row.get("fields") for row in rows] == [{"size": 1}, None, {"size": 1}, {"size": 2}, {"size": 3}]
    assert rows[1]["error"]["kind"] == "DocumentError"
    assert "row 1 has the id 'x'" in rows[1]["error"]["message"]
    assert "b" not in writer.asked


def test_a_document_that_cannot_be_read(folders):
    folder, error = folders(), RowError("DocumentError", "no JSON", 1.5)
    summary = run(folder, [Document("x", error=error), Document("y", "a")])
    assert summary.errors == {"DocumentError": 1}
    with Ledger.read(folder) as ledger:
        assert next(map(row_of, ledger.entries())) == Extracted("x", error=error)


def test_rows_are_kept_before_many_have_ended(folders):
    """Where no time passes, too."""
    folder, seen = folders(), []
    documents = documents_of([str(number) for number in range(3 * KEPT_BACK)])

    def write(documents):
        for document in documents:
            yield [Extracted(document.id, {"size": 1})]
            seen.append(counted(folder))

    with Ledger.create_or_open(folder, FINGERPRINT, resume=False) as ledger:
        Run(write, ledger, clock=lambda: 0.0).run(documents)
    assert max(after - before for before, after in itertools.pairwise(seen)) <= KEPT_BACK
    assert counted(folder) == len(documents)
    assert seen[-1] >= 2 * KEPT_BACK


def counted(folder):
    return sum(segment.read_bytes().count(b"\n") for segment in (folder / "segments").glob("*.jsonl"))


def test_a_ledger_that_fails_ends_the_run_and_frees_the_rows(folders):
    folder, writer = folders(), Writer()
    with Ledger.create_or_open(folder, FINGERPRINT, resume=False) as ledger:

        def add(_entries):
            raise JobError("the disk is full")

        ledger.add = add
        with pytest.raises(JobError, match="full"):
            Run(writer, ledger, clock=Clock(2)).run(documents_of(["a", "b"] * 20))
    assert writer.closed == 1
    run(folder, documents_of(["a", "b"] * 20))
    assert len(output(folder).splitlines()) == 40


@given(
    st.one_of(
        st.builds(Extracted, st.integers() | st.text(), fields=st.dictionaries(st.text(), st.integers() | st.none())),
        st.builds(Extracted, st.integers(), call=st.just({"function": "f", "arguments": {"x": None}})),
        st.builds(
            Extracted,
            st.integers(),
            text=st.text(),
            spans=st.just({"/a": (1, 2)}),
            suspected_call=st.none() | st.text(),
        ),
        st.builds(Extracted, st.integers(), error=st.builds(RowError, st.text(), st.text(), st.none() | st.integers())),
    )
)
def test_what_is_stored_is_the_row(row):
    from fcgen.jobs.entry import Entry

    data = json.loads(json.dumps(data_of(row)))
    assert row_of(Entry(0, row.id, "c", row.error is not None, data)) == row


def test_columns_of_any_type_are_stored():
    from datetime import date, datetime, timezone
    from decimal import Decimal

    value = {"a": [date(2024, 5, 1), b"\xff\x00"], 1: Decimal("1.50"), "t": datetime(2024, 5, 1, tzinfo=timezone.utc)}
    assert json_of(value) == {
        "a": ["2024-05-01", "/wA="], "1": "1.50", "t": "2024-05-01T00:00:00+00:00",
    }  # fmt: skip
    assert json_of([None, True, 1, 2.5, "x"]) == [None, True, 1, 2.5, "x"]


def test_what_has_ended_is_kept_where_the_input_fails(folders):
    folder = folders()

    def documents():
        yield from documents_of(["a", "b"])
        raise DocumentError("a file without texts")

    def write(documents):
        yield from ([Extracted(document.id, {"size": 1})] for document in documents)

    with Ledger.create_or_open(folder, FINGERPRINT, resume=False) as ledger, pytest.raises(DocumentError):
        Run(write, ledger, clock=lambda: 0.0).run(documents())
    assert counted(folder) == 2


# With a model


@pytest.fixture(scope="module")
def engine():
    tokenizer = byte_level()
    return Engine(tiny_llama(tokenizer), tokenizer, batch_size=3)


TEXTS = ["The weather in Paris", "Rome", "half of a pair: \ud83d", "Rome", "It rains. " * 9, "Oslo"]


@pytest.mark.parametrize("size", [1, 4])
def test_a_job_does_what_the_engine_does(engine, folders, size):
    folder, job = folders(), Job(SCHEMA, options={"max_new_tokens": 40})
    worker = Engine(engine.model, engine.tokenizer, batch_size=size)
    summary = run_job(worker, job, documents_of(TEXTS), folder, carry=["source"])
    rows = [json.loads(line) for line in output(folder).splitlines()]
    expected = extract_batch(engine, documents_of(TEXTS), job)
    assert [row.get("fields") for row in rows] == [row.fields for row in expected]
    assert (summary.done, summary.failed, summary.shared) == (5, 1, 1)
    assert summary.usage["new_tokens"] == sum(row.usage.get("new_tokens", 0) for row in [*expected[:3], *expected[4:]])


def test_a_batch_takes_what_stands_for_documents(engine):
    job = Job(SCHEMA, options={"max_new_tokens": 40})
    rows = extract_batch(engine, [{"id": "a", "text": "Rome"}, "Rome", Document("c", "Rome")], job)
    assert [row.id for row in rows] == ["a", 1, "c"]
    assert rows[0].fields == rows[1].fields == rows[2].fields


def test_a_stop_between_two_passes_keeps_what_has_ended(engine, folders):
    whole, folder, job = folders(), folders(), Job(SCHEMA, options={"max_new_tokens": 40})
    documents = documents_of([f"Document {number}" for number in range(12)])
    run_job(engine, job, documents, whole)
    looks = iter([*[False] * 40, *[True] * 99])
    summary = run_job(engine, job, documents, folder, stopped=lambda: next(looks))
    assert summary.stopped
    with Ledger.read(folder) as ledger:
        assert ledger.counts().done == summary.done
    assert 0 < summary.done < 12
    run_job(engine, job, documents, folder, resume=True)
    assert output(folder) == output(whole)


def test_a_job_that_is_there_is_not_begun_again(engine, folders):
    folder, job = folders(), Job(SCHEMA)
    run_job(engine, job, [], folder)
    with pytest.raises(JobError, match="already"):
        run_job(engine, job, [], folder)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"instruction": "Find it."}, "prompt"),
        ({"schema": {**SCHEMA, "required": []}}, "grammar/schema"),
        ({"options": {"max_new_tokens": 9}}, "options/max_new_tokens"),
        ({"examples": [Example("ab", {"size": 2})]}, "prompt"),
        ({"schema": None, "functions": [{"name": "f"}]}, "grammar/functions"),
    ],
)
def test_a_job_that_has_changed_is_refused_with_what_has(engine, folders, change, part):
    folder, given = folders(), {"schema": SCHEMA, "options": {"max_new_tokens": 40}}
    run_job(engine, Job(**given), [], folder)
    with pytest.raises(JobError, match=part):
        run_job(engine, Job(**{**given, **change}), [], folder, resume=True)


def test_a_model_is_known_by_its_weights(engine):
    job, tokenizer = Job(SCHEMA), engine.tokenizer
    own = fingerprint_of(engine, job)
    assert json.loads(json.dumps(own)) == own
    assert fingerprint_of(Engine(tiny_llama(tokenizer), tokenizer, batch_size=9), job) == own
    other = fingerprint_of(Engine(tiny_llama(tokenizer, seed=1), tokenizer), job)
    assert {name for name in own if other[name] != own[name]} == {"model"}
    assert other["model"]["parameters"] == own["model"]["parameters"]


def test_what_is_wrong_with_the_job_is_said_before_there_is_a_folder(engine, folders):
    folder = folders()
    with pytest.raises(PromptError):
        run_job(engine, Job(SCHEMA, instruction="\ud83d"), [], folder)
    assert not folder.exists()


# How far it is


def test_progress_is_told_in_lines():
    clock, stream = Clock(0), io.StringIO()
    progress = Progress(10, stream=stream, clock=clock)
    usage = {"new_tokens": 30, "forced_tokens": 12}
    progress.pass_over()
    progress.pass_over()
    progress.add(Extracted(0, {}, usage=usage))
    clock.now = 9.9
    progress.show()
    assert stream.getvalue() == ""
    clock.now = 10
    progress.show()
    progress.show()
    told = "3/10 rows (2 done before), 0.1 rows/s, 3 tokens/s, 40 % forced, 0 errors, 0:01:10 left\n"
    assert stream.getvalue() == told
    progress.add(Extracted(1, {}, usage=usage), is_shared=True)
    progress.add(Extracted(2, error=RowError("E", "m")))
    clock.now = 15
    progress.close()
    last = "5/10 rows (2 done before), 0.2 rows/s, 2 tokens/s, 40 % forced, 1 error, 0:00:25 left\n"
    assert stream.getvalue() == told + last


def test_progress_where_the_number_of_rows_is_not_known():
    stream = io.StringIO()
    progress = Progress(stream=stream, clock=Clock(1))
    progress.close()
    assert stream.getvalue() == "0 rows, 0.0 rows/s, 0 tokens/s, 0 errors\n"


def test_quiet_progress():
    stream = io.StringIO()
    progress = Progress(3, quiet=True, stream=stream, clock=Clock(100))
    progress.show()
    progress.close()
    assert stream.getvalue() == ""


def test_progress_on_a_terminal():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    progress = Progress(2, stream=stream, clock=Clock(1))
    progress.add(Extracted(0, {}))
    progress.show()
    progress.close()
    progress.close()
    assert "1/2 rows" in stream.getvalue()
