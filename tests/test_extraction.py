"""Documents -> rows: each document has its own, the same whatever stands beside it, valid or with an error."""

import inspect
import json
import pickle
from dataclasses import replace

import jsonschema
import pydantic
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from models_made import tiny_llama
from tokenizers_made import byte_level

from fcgen.decode.reading import Prefixes
from fcgen.engine import Engine
from fcgen.errors import BudgetTooSmall, FunctionError, OptionError, PromptError, ReplyError, UnsupportedKeyword
from fcgen.extraction import Asked, Document, Example, Extracted, Job, RowError, Windows, content_of
from fcgen.extraction.job import closed
from fcgen.extraction.stream import AHEAD, HELD

SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "minLength": 1, "maxLength": 9},
        "warm": {"type": "boolean"},
        "words": {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 4}, "maxItems": 2},
    },
    "required": ["city"],
}
VERBATIM = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "minLength": 1, "maxLength": 30, "x-verbatim": True},
        "words": {"type": "array", "items": {"type": "string", "minLength": 1, "x-verbatim": True}, "maxItems": 3},
    },
    "required": ["city", "words"],
}
TIMER = {
    "name": "set_timer",
    "description": "Sets a timer.",
    "parameters": {"type": "object", "properties": {"minutes": {"type": "integer", "maximum": 90, "minimum": 0}}},
}
CONTEXT = 400
TEXTS = ["The weather in Paris", "It rains.", "Rome is sunny today, with a light wind from the west.", "Oslo", "x" * 90]


@pytest.fixture(scope="module")
def tokenizer():
    return byte_level()


@pytest.fixture(scope="module")
def model(tokenizer):
    return tiny_llama(tokenizer, context=CONTEXT)


@pytest.fixture(scope="module")
def engine(model, tokenizer):
    return Engine(model, tokenizer)


def engine_of(engine, size):
    return Engine(engine.model, engine.tokenizer, batch_size=size)


def said(row):
    """A row without what varies with the rows beside it."""
    return replace(row, usage={name: value for name, value in row.usage.items() if name != "forward_passes"})


def asked(text, **options):
    return Asked([{"role": "user", "content": text}], **options)


POISON = [
    ("half of a pair: \ud83d", "PromptError"),
    ("far too long " * 200, "PromptError"),
    (Document("e", error=RowError("DocumentError", "the line is no JSON")), "DocumentError"),
    (Document("a", asked=asked("Hi", options={"max_new_tokens": 1}, schema=SCHEMA)), "BudgetTooSmall"),
    (Document("b", asked=asked("Hi", schema={"divisibleBy": 2})), "UnsupportedKeyword"),
    (Document("c", asked=asked("Hi", functions=[TIMER], choice="fly")), "FunctionError"),
    (Document("d", asked=asked("Hi", options={"temprature": 1})), "OptionError"),
    (Document("f", asked=Asked([{"role": "nobody", "content": ""}])), "PromptError"),
    (Document("g", asked=Asked([], schema=SCHEMA)), "PromptError"),
    (Document("h", asked=asked("Hi", functions=[{"name": {1, 2}}])), "DocumentError"),
    ({"id": 1.5, "text": "Hi"}, "DocumentError"),
    ({"txt": "Hi"}, "DocumentError"),
    (None, "DocumentError"),
]
GOOD = [
    *TEXTS,
    {"id": "m", "text": "Bern", "other": 1},
    Document("t", asked=asked("What is the news?", options={"max_new_tokens": 9})),
    Document("j", asked=asked("Oslo", schema={"enum": ["a", {"b": [1, None]}]})),
    Document("c", asked=asked("Wake me", functions=[TIMER], choice="required")),
    Document("s", asked=asked("Draw", options={"temperature": 1.0, "seed": 4, "max_new_tokens": 9})),
]
documents = st.lists(st.sampled_from([*GOOD, *GOOD, *(one for one, _ in POISON)]), max_size=12)


@settings(max_examples=40)
@given(documents, st.integers(1, 5), st.booleans())
def test_each_document_has_the_row_that_it_has_alone(engine, documents, size, ordered):
    job = Job(SCHEMA, instruction="Find the city.", options={"max_new_tokens": 60})
    rows = list(engine_of(engine, size).extract(iter(documents), job, ordered=ordered))
    single = engine_of(engine, 1)
    alone = [list(single.extract([document], job)) for document in documents]
    assert all(len(rows) == 1 for rows in alone)
    # What has no id of its own is called by its number, which alone is 0.
    own = [replace(said(row), id=number) if row.id == 0 else said(row) for number, [row] in enumerate(alone)]
    found = list(map(said, rows))
    if ordered:
        assert found == own
    else:
        assert sorted(map(repr, found)) == sorted(map(repr, own))


@pytest.mark.parametrize(("document", "kind"), POISON)
def test_what_is_wrong_with_one_document_is_the_error_of_its_row(engine, document, kind):
    first, row, last = engine.extract([TEXTS[0], document, TEXTS[1]], SCHEMA)
    assert row.error is not None
    assert (row.error.kind, row.fields, row.call, row.text, row.usage) == (kind, None, None, None, {})
    assert row.error.message
    assert first.error is last.error is None


def test_a_document_that_is_too_long_says_how_long(engine):
    (row,) = engine.extract(["far too long " * 200], SCHEMA)
    assert row.error.limit == CONTEXT
    assert row.error.given > CONTEXT


@settings(max_examples=25)
@given(st.lists(st.text(max_size=30), max_size=4), st.sampled_from(["json.dumps", "compact", "flexible"]))
def test_fields_are_valid(engine, texts, whitespace):
    options = {"max_new_tokens": 60, "temperature": 1.0, "seed": 3, "whitespace": whitespace, "order": "any"}
    for row in engine.extract(texts, SCHEMA, **options):
        if row.error is None:
            jsonschema.validate(row.fields, SCHEMA)
            assert set(row.fields) <= set(SCHEMA["properties"])
            assert row.usage["new_tokens"] <= 60
        else:
            assert row.error.kind == "PromptError"


def test_classes_become_schemas(engine):
    class Place(pydantic.BaseModel):
        name: str = pydantic.Field(max_length=3, description="Where it is.")
        zip: int | None = pydantic.Field(ge=0, le=9)

    class Report(pydantic.BaseModel):
        place: Place
        warm: bool

    for row in engine.extract(TEXTS, Report, max_new_tokens=60):
        Report.model_validate(row.fields, strict=True)
        assert list(row.fields) == ["place", "warm"]
        assert list(row.fields["place"]) == ["name", "zip"]


def test_rows_become_calls(engine):
    for row in engine.extract(TEXTS, functions=[TIMER], max_new_tokens=60):
        assert row.call["function"] == "set_timer"
        jsonschema.validate(row.call["arguments"], TIMER["parameters"])
        assert (row.fields, row.text) == (None, None)


def test_rows_that_are_texts_tell_of_a_suspected_call(engine, monkeypatch):
    monkeypatch.setattr("fcgen.reply.suspected_call", lambda text, names: f"{text[:3]} {names}")
    rows = list(engine.extract(TEXTS, functions=[TIMER], choice="auto", max_new_tokens=60))
    assert any(row.text is not None for row in rows)
    for row in rows:
        assert row.suspected_call == (None if row.text is None else f"{row.text[:3]} ['set_timer']")


def test_documents_ask_for_themselves_where_nothing_else_is_asked(engine):
    (row, error) = engine.extract([GOOD[-2], "Oslo"])
    assert row.call["function"] == "set_timer"
    assert error.error.kind == "OptionError"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"into": {"divisibleBy": 2}}, UnsupportedKeyword),
        ({"into": SCHEMA, "max_new_tokens": 1}, BudgetTooSmall),
        ({"into": SCHEMA, "chioce": "none"}, OptionError),
        ({"into": SCHEMA, "functions": [TIMER]}, OptionError),
        ({"into": SCHEMA, "instruction": "\ud83d"}, PromptError),
        ({"into": SCHEMA, "instruction": "too long " * 300}, PromptError),
        ({"into": SCHEMA, "verbatim_whitespace": "none", "temperature": -1}, OptionError),
        ({"into": VERBATIM, "verbatim_whitespace": "none"}, OptionError),
        ({"into": int}, FunctionError),
        ({"functions": [TIMER], "choice": "fly"}, FunctionError),
        ({"functions": [TIMER], "windows": Windows(9)}, OptionError),
        ({"into": SCHEMA, "windows": Windows(9, merge={"town": "first"})}, OptionError),
        ({"into": SCHEMA, "windows": Windows(9), "nullable": True}, OptionError),
        ({"into": SCHEMA, "examples": [Example("Oslo", {"city": ""})]}, OptionError),
        ({"functions": [TIMER], "examples": [Example("Oslo", {"city": ""})]}, OptionError),
        ({"functions": [TIMER], "examples": [Example("Oslo", {"function": "fly", "arguments": {}})]}, OptionError),
    ],
)
def test_what_is_wrong_with_all_documents_is_said_before_one_is_read(engine, options, error):
    def never():
        raise AssertionError
        yield

    with pytest.raises(error):
        engine.extract(never(), **options)


def test_a_job_can_be_sent_elsewhere(engine):
    job = Job(
        SCHEMA,
        instruction="Find it.",
        examples=[Example("Rome", {"city": "Rome"})],
        windows=Windows(20, 5, merge="longest"),
        options={"max_new_tokens": 50},
    )
    sent = pickle.loads(pickle.dumps(job))
    assert sent == job
    assert list(map(said, engine.extract(TEXTS, sent))) == list(map(said, engine.extract(TEXTS, job)))
    calls = Job(functions=[TIMER])
    assert pickle.loads(pickle.dumps(calls)) == calls


def test_the_document_comes_last_and_the_rest_first():
    examples = [Example("Rome!", {"city": "Rome"}), Example("Oslo!", {"city": "Oslo", "warm": False})]
    job = Job(SCHEMA, instruction="Find it.", examples=examples, options={"whitespace": "compact"})
    first, *turns, last = job.about("Bern").messages
    assert first["role"] == "user"
    assert first["content"].startswith("Find it.\n")
    assert first["content"].endswith("\n\nRome!")
    assert all(name in first["content"] for name in SCHEMA["properties"])
    assert [turn["content"] for turn in turns] == ['{"city":"Rome"}', "Oslo!", '{"city":"Oslo","warm":false}']
    assert [turn["role"] for turn in turns] == ["assistant", "user", "assistant"]
    assert last == {"role": "user", "content": "Bern"}
    (only,) = Job(SCHEMA).about("Bern").messages
    assert only["content"].endswith("\n\nBern")


def test_what_all_prompts_begin_with_is_read_once(engine):
    engine, read = engine_of(engine, 2), []
    hook = engine.model.register_forward_pre_hook(
        lambda _module, _args, given: read.append(given["input_ids"].shape), with_kwargs=True
    )
    texts = [f"{text} {number}" for number in range(4) for text in TEXTS]
    rows = list(engine.extract(texts, SCHEMA, instruction="Find the city. " * 10, max_new_tokens=40))
    hook.remove()
    common = 10 * 4
    assert all(row.usage["prompt_tokens"] > common for row in rows)
    assert sum(width >= common + 10 for _, width in read) <= 2  # the others are documents and pieces of replies


def test_what_a_document_needs_not_say_is_described_where_it_asks_by_itself():
    job = Job()
    own = asked("Oslo", schema=SCHEMA)
    (only,) = job.asked(Document(1, asked=own), "").messages
    assert "city" in only["content"]
    assert only["content"].endswith("\n\nOslo")
    led = replace(own, messages=[{"role": "system", "content": "Be brief."}, *own.messages])
    first, last = job.asked(Document(1, asked=led), "").messages
    assert first["content"].startswith("Be brief.\n")
    assert last == own.messages[0]
    free = replace(own, schema=None)
    assert job.asked(Document(1, asked=free), "") == free


# What is read, and when


class Read:
    """Documents that count how many were read."""

    def __init__(self, texts):
        self.texts, self.count, self.closed = texts, 0, False

    def __iter__(self):
        try:
            for text in self.texts:
                self.count += 1
                yield text
        finally:
            self.closed = True


def endless():
    number = 0
    while True:
        yield f"Document {number}"
        number += 1


def test_documents_are_read_as_they_are_needed(engine):
    size = 2
    read = Read(endless())
    rows = engine_of(engine, size).extract(read, {"type": "boolean"}, ordered=True)
    assert read.count == 0
    for number in range(40):
        assert next(rows).id == number
        assert read.count <= number + 1 + (AHEAD + 2) * size
    rows.close()
    assert read.closed


def test_memory_is_bounded_where_all_documents_are_alike(engine):
    read = Read(iter(lambda: "Oslo", None))
    rows = engine_of(engine, 1).extract(read, {"type": "boolean"})
    next(rows)
    assert read.count <= HELD
    rows.close()


def test_a_row_that_takes_long_holds_up_a_bounded_number(engine):
    slow = Document(
        "slow", asked=asked("Hi", options={"max_new_tokens": 300}, schema={"type": "string", "minLength": 200})
    )
    read = Read([slow, *(f"Document {number}" for number in range(500))])
    rows = list(engine_of(engine, 2).extract(read, {"type": "boolean"}))
    assert [row.id for row in rows] == ["slow", *range(1, 501)]
    assert all(row.error is None for row in rows)


def passes_of(engine, work):
    passes = []
    hook = engine.model.register_forward_hook(lambda *_: passes.append(1))
    try:
        return work(), len(passes)
    finally:
        hook.remove()


@pytest.mark.parametrize("size", [1, 4])
def test_documents_that_are_alike_are_asked_about_once(engine, size):
    once, few = passes_of(engine_of(engine, size), lambda: list(engine_of(engine, size).extract(["Oslo"], SCHEMA)))
    rows, many = passes_of(engine, lambda: list(engine_of(engine, size).extract(["Oslo"] * 300, SCHEMA)))
    assert few == many
    assert [row.id for row in rows] == list(range(300))
    assert all(row.fields == once[0].fields for row in rows)


def test_closing_frees_what_is_under_way(engine):
    engine = engine_of(engine, 4)
    rows = engine.extract(endless(), {"type": "string", "minLength": 20}, max_new_tokens=80, ordered=False)
    next(rows)
    rows.close()
    assert passes_of(engine, lambda: list(rows)) == ([], 0)
    assert next(engine.extract(["Oslo"], SCHEMA)).error is None


# Passes that fail as a whole


def test_logits_that_are_nan_are_the_error_of_one_row(tokenizer):
    model = tiny_llama(tokenizer)
    plain = list(Engine(model, tokenizer, batch_size=4).extract(TEXTS, SCHEMA, max_new_tokens=60))
    (poison,) = tokenizer.encode("~", add_special_tokens=False)
    original = type(model).forward.__get__(model)
    sizes = []

    def forward(input_ids=None, logits_to_keep=0, **options):
        output = original(input_ids=input_ids, logits_to_keep=logits_to_keep, **options)
        sizes.append(len(input_ids))
        output.logits[(input_ids == poison).any(dim=1)] = torch.nan
        return output

    forward.__signature__ = inspect.signature(original)
    model.forward = forward
    texts = [*TEXTS[:2], "Stra~e", *TEXTS[2:]]
    engine = Engine(model, tokenizer, batch_size=4)
    engine._prefixes = Prefixes(max_bytes=0)  # with what it has kept of a prompt, this model would not fail again
    rows = list(engine.extract(texts, SCHEMA, max_new_tokens=60))
    assert rows[2].error.kind == "ModelError"
    assert [row.fields for row in [*rows[:2], *rows[3:]]] == [row.fields for row in plain]
    assert max(sizes) > 1


def test_a_batch_for_which_there_is_no_memory_is_done_row_by_row(tokenizer):
    model = tiny_llama(tokenizer)
    plain = list(Engine(model, tokenizer, batch_size=4).extract(TEXTS, SCHEMA, max_new_tokens=60))
    original = type(model).forward.__get__(model)

    def forward(input_ids=None, logits_to_keep=0, **options):
        if len(input_ids) > 1 or input_ids.shape[1] > 300:
            raise torch.cuda.OutOfMemoryError("no memory")
        return original(input_ids=input_ids, logits_to_keep=logits_to_keep, **options)

    forward.__signature__ = inspect.signature(original)
    model.forward = forward
    rows = list(Engine(model, tokenizer, batch_size=4).extract([*TEXTS, "y z " * 200], SCHEMA, max_new_tokens=60))
    assert [row.fields for row in rows[:-1]] == [row.fields for row in plain]
    assert rows[-1].error.kind == "ModelError"
    assert "no memory" in rows[-1].error.message


# Windows


@given(st.text(max_size=60), st.integers(1, 20), st.data())
def test_windows_of_characters_cover_the_text(text, size, data):
    overlap = data.draw(st.integers(0, size - 1))
    windows = Windows(size, overlap).cut(text, None)
    assert windows[0] + "".join(window[overlap:] for window in windows[1:]) == text
    assert all(len(window) <= size for window in windows)
    assert all(len(window) == size for window in windows[:-1])
    assert len(windows) == 1 or len(windows[-1]) > overlap


@given(st.text(max_size=60), st.integers(1, 20), st.data())
def test_windows_of_tokens_cover_the_text(tokenizer, text, size, data):
    overlap = data.draw(st.integers(0, size - 1))
    windows = Windows(size, overlap, "tokens").cut(text, tokenizer)
    place = 0
    for window in windows:  # each begins at the end of the one before, or earlier
        found = text.find(window, max(0, place - len(window)))
        assert 0 <= found <= place
        place = max(place, found + len(window))
    assert place == len(text)
    if len(tokenizer.encode(text, add_special_tokens=False)) <= size:
        assert windows == [text]


def test_windows_of_tokens_need_to_know_where_tokens_stand():
    with pytest.raises(OptionError, match="characters"):
        Windows(5, 0, "tokens").cut("text", object())


@pytest.mark.parametrize(
    ("merge", "values", "merged"),
    [
        ("first", [{"a": None}, {"a": ""}, {"a": "x"}, {"a": "xyz"}], {"a": "x"}),
        ("first", [{"a": None}, {"b": 0}], {"a": None, "b": 0}),
        ("first", [{"b": False}, {"a": 1, "b": True}], {"a": 1, "b": False}),
        ("longest", [{"a": "x"}, {"a": "xyz"}, {"a": "abc"}], {"a": "xyz"}),
        ("longest", [{"a": [1]}, {"a": [1, 2]}], {"a": [1, 2]}),
        ("longest", [{"a": 1}, {"a": "xyz"}], {"a": 1}),
        ("union", [{"a": [1, 2]}, {"a": [2, 3, 3]}, {"a": []}], {"a": [1, 2, 3]}),
        ("union", [{"a": [{"p": 1, "q": 2}]}, {"a": [{"q": 2, "p": 1}, [1]]}], {"a": [{"p": 1, "q": 2}, [1]]}),
        ("union", [{"a": None}, {"a": "x"}], {"a": "x"}),
        ({"a": "union"}, [{"a": [1], "b": [1]}, {"a": [2], "b": [2]}], {"a": [1, 2], "b": [1]}),
        ("union", [[1], [2]], [1, 2]),
        ("first", [None, "x"], "x"),
    ],
)
def test_rules_of_merging(merge, values, merged):
    windows = Windows(5, merge=merge)
    assert windows.merged(values, {"properties": {"a": {}, "b": {}}}) == merged
    assert list(windows.merged(values, {"properties": {"a": {}, "b": {}}})) == list(merged)


def test_a_merged_value_is_judged_by_the_schema():
    schema = {"properties": {"a": {"maxItems": 2}, "day": {"format": "date"}}}
    windows = Windows(5, merge="union")
    assert windows.merged([{"a": [1]}, {"a": [2]}], schema) == {"a": [1, 2]}
    with pytest.raises(ReplyError, match=r"\$\.a"):
        windows.merged([{"a": [1, 2]}, {"a": [3]}], schema)
    with pytest.raises(ReplyError, match="date"):
        windows.merged([{"a": [1]}, {"day": "today"}], schema)


@pytest.mark.parametrize(
    "wrong",
    [{"size": 0}, {"size": True}, {"size": 5, "overlap": 5}, {"size": 5, "overlap": -1}, {"size": 5, "unit": "words"},
     {"size": 5, "merge": "last"}, {"size": 5, "merge": {"a": "last"}}],
)  # fmt: skip
def test_windows_that_cannot_be(wrong):
    with pytest.raises(OptionError):
        Windows(**wrong)


@settings(max_examples=15)
@given(st.lists(st.sampled_from([*TEXTS, "two words", TEXTS[2] * 3]), max_size=5), st.integers(1, 4))
def test_windows_of_a_document_become_one_row(engine, texts, size):
    windows = Windows(30, 6, merge={"words": "union", "city": "longest"})
    rows = list(engine_of(engine, size).extract(texts, SCHEMA, windows=windows, max_new_tokens=60))
    assert [row.id for row in rows] == list(range(len(texts)))
    for text, row in zip(texts, rows, strict=True):
        parts = list(engine_of(engine, 1).extract(windows.cut(text, None), SCHEMA, max_new_tokens=60))
        try:
            assert row.fields == windows.merged([part.fields for part in parts], SCHEMA)
            jsonschema.validate(row.fields, SCHEMA)
            assert row.usage["new_tokens"] == sum(part.usage["new_tokens"] for part in parts)
        except ReplyError as error:
            assert row.error == RowError("ReplyError", str(error))


def test_windows_make_room_for_what_is_too_long(engine):
    text = "The weather in Rome. " * 60
    (row,) = engine.extract([text], SCHEMA, windows=Windows(200, 20), max_new_tokens=60)
    assert row.error is None
    (row,) = engine.extract([text], SCHEMA, windows=Windows(1200), max_new_tokens=60)
    assert row.error.kind == "PromptError"


# Verbatim strings


def strings_of(value, pointer=""):
    if isinstance(value, str):
        yield pointer, value
    for name, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from strings_of(part, f"{pointer}/{name}")


@settings(max_examples=20)
@given(
    st.lists(st.sampled_from([*TEXTS, "a  b\nc", "Grüße aus München 🙂"]), max_size=6), st.integers(1, 4), st.booleans()
)
def test_verbatim_strings_stand_where_the_row_says(engine, texts, size, in_windows):
    windows = Windows(25, 5, merge={"city": "longest"}) if in_windows else None
    rows = engine_of(engine, size).extract(texts, VERBATIM, windows=windows, max_new_tokens=60, temperature=1.0, seed=5)
    for text, row in zip(texts, rows, strict=True):
        assert row.error is None
        found = dict(strings_of(row.fields))
        assert set(row.spans) == set(found)
        assert all(text[slice(*row.spans[pointer])] == string for pointer, string in found.items())


def test_verbatim_arguments_of_calls(engine):
    functions = [{"name": "note", "parameters": VERBATIM}]
    for text, row in zip(TEXTS[:2], engine.extract(TEXTS[:2], functions=functions, max_new_tokens=80), strict=True):
        found = dict(strings_of(row.call["arguments"], "/arguments"))
        assert set(row.spans) == set(found)
        assert all(text[slice(*row.spans[pointer])] == string for pointer, string in found.items())


def test_verbatim_strings_of_what_documents_ask_by_themselves(engine):
    schema = {**VERBATIM, "additionalProperties": False}
    (row,) = engine.extract([Document("v", asked=asked("Tromsø lies in the north", schema=schema))])
    assert all("Tromsø lies in the north"[slice(*row.spans[p])] == string for p, string in strings_of(row.fields))
    assert row.spans


# Small things


def test_contents_are_alike_where_all_is():
    assert content_of(Document(1, "a", {"x": 1})) == content_of(Document(2, "a"))
    different = [
        Document(1, "a"), Document(1, "b"), Document(1, "a", asked=asked("a")), Document(1, "a", asked=asked("b")),
        Document(1, "a", asked=asked("a", schema={})), Document(1, "a", error=RowError("E", "m")),
        Document(1, '["a"]'), Document(1, "\ud83d"),
    ]  # fmt: skip
    assert len({content_of(one) for one in different}) == len(different)


def test_schemas_are_closed_where_they_list_properties():
    inner = {"properties": {"b": {}}}
    assert closed({"properties": {"a": inner}, "required": ["a"]}) == {
        "properties": {"a": {**inner, "additionalProperties": False}}, "required": ["a"], "additionalProperties": False,
    }  # fmt: skip
    for open_ in (
        {"properties": {}, "additionalProperties": True},
        {"properties": {}, "patternProperties": {}},
        {"properties": {"a": {}}, "required": ["b"]},
        {"properties": {"a": {}}, "anyOf": [inner]},
        {"type": "object"},
        True,
    ):
        assert closed(open_) == open_
    shared = {"not": {"$ref": "#/properties/a"}, "properties": {"a": inner}}
    assert Job(shared).schema == shared


def test_a_row_that_failed_has_nothing_else(engine):
    (row,) = engine.extract(["half of a pair: \ud83d"], SCHEMA)
    assert row == Extracted(0, error=row.error)
    json.dumps(row.error.message)
