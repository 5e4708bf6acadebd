"""Output: what is written reads back, in every format; files are whole or not there; no row is lost for its type."""

from __future__ import annotations

import gzip
import json
import os
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcgen.errors import DocumentError, JobError
from fcgen.extraction import Extracted, RowError
from fcgen.jobs import output_table
from fcgen.jobs.columns import Array, Object, cells_of, field_columns
from fcgen.jobs.compression import zstd
from fcgen.jobs.documents import read_documents
from fcgen.jobs.openai_batch import response_of
from fcgen.jobs.output import _hold, check_output, write_rows
from fcgen.jobs.output_table import RESERVED

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "id": {"type": ["integer", "null"]},
        "share": {"type": "number"},
        "sure": {"type": "boolean"},
        "tags": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
        "unit": {"enum": ["C", "F", None]},
        "place": {"$ref": "#/$defs/Place"},
        "any": {},
    },
    "$defs": {
        "Place": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "at": {"type": "array", "items": {"type": "number"}}},
        }
    },
}

texts = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('",\r\n\0 '), max_size=8)
integers = st.integers() | st.integers(-(2**65), 2**65)
numbers = integers | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
valid = {
    "name": texts,
    "id": integers | st.none(),
    "share": numbers,
    "sure": st.booleans(),
    "tags": st.lists(texts | st.none(), max_size=3),
    "unit": st.sampled_from(["C", "F", None]),
    "place": st.fixed_dictionaries({}, optional={"city": texts, "at": st.lists(numbers, max_size=2), "more": numbers}),
    "any": json_values,
}
fields = st.fixed_dictionaries({}, optional={**valid, "further": json_values}) | st.dictionaries(
    st.sampled_from([*valid, "further"]), json_values, max_size=3
) | json_values  # fmt: skip
ids = st.integers(-(2**70), 2**70) | texts.filter(lambda text: text and "\0" not in text)
errors = st.builds(RowError, texts, texts, st.none() | st.integers(0, 9), st.none() | st.integers(0, 9))
calls = st.fixed_dictionaries({"function": texts, "arguments": st.dictionaries(texts, json_values, max_size=2)})
extracted = st.one_of(
    st.builds(Extracted, ids, fields=fields, spans=st.dictionaries(texts, st.just((0, 3)), max_size=2)),
    st.builds(Extracted, ids, error=errors),
    st.builds(Extracted, ids, call=calls),
    st.builds(Extracted, ids, text=texts, suspected_call=st.none() | texts),
)
rows = st.lists(
    st.tuples(extracted, st.fixed_dictionaries({"body": st.just("x")}, optional={"n": json_values | numbers})),
    max_size=5,
)


def names_in(folder):
    return [path.name for path in Path(folder).iterdir()]


def read_back(name, written, **options):
    """What is written under this name, read as documents."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        assert write_rows(written, path, columns=["body", "n"], **options) == len(written)
        assert names_in(folder) == [name]
        return list(read_documents(path, text_field="body", format=name.split(".")[1]))


def plain(value):
    """A value without what a table cannot tell apart: null, absent, and an object without properties."""
    if not isinstance(value, dict):
        return value
    return {key: found for key, part in value.items() if (found := plain(part)) not in (None, {})}


def merged(value, rest):
    both = isinstance(value, dict) and isinstance(rest, dict)
    return (
        {key: merged(value.get(key), rest.get(key)) for key in value | rest}
        if both
        else value
        if rest is None
        else rest
    )


def value_of(cells, schema, *, flat):
    """The value of the columns' cells, put together again."""
    found = {}
    columns = field_columns(schema, flat=flat, taken={*RESERVED, "body", "n"})
    for column in columns:
        cell = cells[column.name]
        if cell is None:
            continue
        place = found
        for step in column.path[:-1]:
            place = place.setdefault(step, {})
        is_text = column.type == "string" or (column.type != "json" and not flat)
        place[column.path[-1]] = cell if is_text else json.loads(cell)
    rest = cells.get("fields")
    if rest is None:
        return found
    return json.loads(rest) if not found else merged(found, json.loads(rest))


@given(rows)
def test_json_lines_read_back(written):
    for (one, values), document in zip(written, read_back("o.jsonl", written), strict=True):
        found = document.columns
        assert (document.id, document.text, found["n"]) == (one.id, "x", values.get("n"))
        assert {**found, "fields": found.get("fields")}["fields"] == (None if one.error else one.fields)
        assert (found.get("call"), found.get("text")) == (one.call, one.text)
        assert found.get("suspected_call") == one.suspected_call
        assert {key: tuple(span) for key, span in found.get("_spans", {}).items()} == one.spans
        assert (RowError(**found["error"]) if found["error"] else None) == one.error


@given(rows, st.sampled_from([None, SCHEMA]))
def test_csv_reads_back(written, schema):
    for (one, values), document in zip(written, read_back("o.csv", written, schema=schema), strict=True):
        found = {"function": None, "arguments": None, "text": None, **document.columns}
        assert (document.id, document.text) == (str(one.id), "x")
        assert carried(found["n"], written, flat=True) == values.get("n")
        check_outcome(one, found, schema, flat=True)
        assert found["error_kind"] == (one.error and one.error.kind)
        assert found["error_message"] == (one.error and one.error.message)


@given(rows, st.sampled_from([None, SCHEMA]))
def test_parquet_reads_back(written, schema):
    pytest.importorskip("pyarrow")
    documents = read_back("o.parquet", written, schema=schema)
    all_long = all(isinstance(one.id, int) and -(2**63) <= one.id < 2**63 for one, _ in written)
    for (one, values), document in zip(written, documents, strict=True):
        found = {"function": None, "arguments": None, "text": None, **document.columns}
        assert (document.id, document.text) == (one.id if all_long else str(one.id), "x")
        assert carried(found["n"], written, flat=False) == values.get("n")
        check_outcome(one, found, schema, flat=False)
        assert (RowError(**found["error"]) if found["error"] else None) == one.error


def carried(cell, written, *, flat):
    """The value that the cell of a carried column says."""
    kinds = {type(value) for _, values in written if (value := values.get("n")) is not None}
    if kinds == {str} or not isinstance(cell, str):
        return cell
    assert flat or kinds not in ({bool}, {float})
    return json.loads(cell)


def check_outcome(one, found, schema, *, flat):
    if one.call is not None:
        assert (found["function"], json.loads(found["arguments"])) == (one.call["function"], one.call["arguments"])
    elif one.text is not None:
        assert (found["text"], found.get("suspected_call")) == (one.text, one.suspected_call)
    elif one.error is None:
        value = value_of(found, schema, flat=flat)
        assert plain(value) == plain(one.fields)
        spans = json.loads(found.get("_spans") or "{}")
        assert {key: tuple(span) for key, span in spans.items()} == one.spans
    if one.error is None and one.text is None:
        assert found["text"] is None


fitting = {"id": st.integers(-9, 9), "share": st.floats(-1, 1)}
place = st.fixed_dictionaries({"city": texts, "at": st.lists(st.floats(-1, 1), max_size=2)})


@given(st.fixed_dictionaries({**valid, **fitting, "place": place}))
def test_of_a_value_that_keeps_to_the_schema_nothing_is_left_over(value):
    for flat in (False, True):
        assert cells_of(value, field_columns(SCHEMA, flat=flat))[1] is None


def test_the_columns_of_a_schema():
    assert [(column.name, column.type) for column in field_columns(SCHEMA, flat=True, taken={"id"})] == [
        ("name", "string"), ("fields.id", "integer"), ("share", "number"), ("sure", "boolean"), ("tags", "json"),
        ("unit", "string"), ("place.city", "string"), ("place.at", "json"), ("any", "json"),
    ]  # fmt: skip
    typed = {column.name: column.type for column in field_columns(SCHEMA, flat=False)}
    assert typed["tags"] == Array("string")
    assert typed["place"] == Object((("city", "string"), ("at", Array("number"))))


@pytest.mark.parametrize(
    "schema",
    [
        None,
        True,
        {},
        {"type": "object"},
        {"type": "array", "items": SCHEMA},
        {"$ref": "#"},
        {"$ref": "https://example.org/other"},
        {"anyOf": [SCHEMA, {"type": "string"}]},
        {"type": "object", "properties": {"a.b": {}, "a": {"type": "object", "properties": {"b": {}}}}},
        {"type": "object", "properties": {"id": {}, "fields.id": {}}},
        {"type": 5, "properties": {"a": {}}},
        {"type": ["object", {}], "properties": {"a": {}}},
    ],
)
def test_schemas_without_columns_of_their_own(schema):
    assert field_columns(schema, flat=True, taken={"id"}) == ()


def test_references_that_lead_back_or_multiply_end():
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}, "n": {"type": "integer"}}}
    assert field_columns({"$ref": "#/$defs/node", "$defs": {"node": node}}, flat=True)[0].type == "json"
    level = {"type": "object", "properties": {"a": {}, "b": {}}}
    doubling = {"l60": level}
    for number in range(60):
        below = {"$ref": f"#/$defs/l{number + 1}"}
        doubling[f"l{number}"] = {"type": "object", "properties": {"a": below, "b": below}}
    schema = {"$ref": "#/$defs/l0", "$defs": doubling}
    assert len(field_columns(schema, flat=True)) <= 2000


# Types of columns that are carried over


@pytest.mark.parametrize(
    ("values", "type_", "cells"),
    [
        ([1, None, 2], "int64", [1, None, 2]),
        ([1, 2.5], "double", [1.0, 2.5]),
        ([2**53 + 1, 1], "int64", [2**53 + 1, 1]),
        ([2**53 + 1, 0.5], "string", [str(2**53 + 1), "0.5"]),
        ([2**70, 1], "string", [str(2**70), "1"]),
        ([True, None], "bool", [True, None]),
        ([True, 1], "string", ["true", "1"]),
        (["a", None], "string", ["a", None]),
        (["a", 1], "string", ['"a"', "1"]),
        ([{"a": 1}, [1]], "string", ['{"a": 1}', "[1]"]),
        ([None, None], "string", [None, None]),
    ],
)
def test_a_carried_column_has_the_type_that_all_its_values_share(tmp_path, monkeypatch, values, type_, cells):
    pq = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(output_table, "GROUP_ROWS", 1)
    written = [(Extracted(number, fields={}), {"n": value}) for number, value in enumerate(values)]
    write_rows(written, tmp_path / "o.parquet", columns=["n"])
    with pq.ParquetFile(tmp_path / "o.parquet") as file:
        assert file.num_row_groups == len(values)
        table = file.read()
    assert str(table.schema.field("n").type) == type_
    assert table["n"].to_pylist() == cells
    assert table["id"].to_pylist() == [*range(len(values))]


def test_types_of_fields_are_the_schemas_whatever_the_rows(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    schemas = []
    for number, written in enumerate(([], [(Extracted("a", fields={"share": 2**70, "sure": None}), {})])):
        path = tmp_path / f"{number}.parquet"
        write_rows(written, path, schema=SCHEMA)
        schemas.append(pq.read_schema(path))
    without = [field for field in schemas[1] if field.name != "fields"]
    assert [field for field in schemas[0] if field.name != "id"] == without[1:]
    assert schemas[0].field("tags").type == pa.list_(pa.string())
    assert schemas[0].field("place").type == pa.struct([("city", pa.string()), ("at", pa.list_(pa.float64()))])
    kinds = [("kind", pa.string()), ("message", pa.string()), ("limit", pa.float64()), ("given", pa.float64())]
    assert schemas[0].field("error").type == pa.struct(kinds)


# Files


def some(count=3):
    return [(Extracted(number, fields={"a": number}), {}) for number in range(count)]


def test_the_shape_of_a_row(tmp_path):
    written = [
        (Extracted(1, fields={"a": "é"}, spans={"/a": (2, 3)}), {"n": 5, "left": 1}),
        (Extracted("b", error=RowError("K", "m", limit=3)), {}),
    ]
    write_rows(written, tmp_path / "o.jsonl", columns=["n"])
    assert (tmp_path / "o.jsonl").read_text("utf-8") == (
        '{"id": 1, "n": 5, "fields": {"a": "é"}, "_spans": {"/a": [2, 3]}, "error": null}\n'
        '{"id": "b", "n": null, "error": {"kind": "K", "message": "m", "limit": 3}}\n'
    )
    write_rows(
        written, tmp_path / "o.csv", columns=["n"], schema={"type": "object", "properties": {"a": {"enum": ["é"]}}}
    )
    assert (tmp_path / "o.csv").read_text("utf-8") == (
        'id,n,a,_spans,error_kind,error_message\n1,5,é,"{""/a"": [2, 3]}",,\nb,,,,K,m\n'
    )


@pytest.mark.parametrize("name", ["o.jsonl", "o.jsonl.gz", "o.json", "o.csv", "o.csv.gz", "o.tsv", "o.parquet"])
def test_the_same_rows_make_the_same_bytes(tmp_path, name):
    pytest.importorskip("pyarrow")
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        assert write_rows(iter(some()), tmp_path / folder / name) == 3
    first = (tmp_path / "a" / name).read_bytes()
    assert first == (tmp_path / "b" / name).read_bytes()
    if name.endswith(".gz"):
        assert gzip.decompress(first).count(b"\n") >= 3


@pytest.mark.parametrize("name", ["o.ndjson", "o.json", "o.json.gz", "o.tsv", "o.jsonl.zst", "o.csv.zst", "o.json.zst"])
def test_what_is_written_is_read_as_its_ending_says(tmp_path, name):
    if name.endswith(".zst"):
        try:
            zstd()
        except DocumentError as error:
            pytest.skip(str(error))
    done = [(Extracted(n, text=text), {}) for n, text in enumerate(["é, tab\t", 'a "b"\n', "c;d|e"])]
    for rows in (done, done[:1], []):
        assert write_rows(iter(rows), tmp_path / name) == len(rows)
        if rows or not name.startswith(("o.csv", "o.tsv")):  # which has no column of texts then
            read = list(read_documents(tmp_path / name))
            assert [(str(one.id), one.text) for one in read] == [(str(row.id), row.text) for row, _ in rows]


class Broken(Exception):
    pass


@pytest.mark.parametrize("name", ["o.jsonl", "o.csv", "o.parquet"])
def test_a_file_is_whole_or_stays_as_it_was(tmp_path, name):
    pytest.importorskip("pyarrow")

    def breaking():
        yield from some()
        raise Broken

    path = tmp_path / name
    for before in (None, b"old"):
        if before is not None:
            path.write_bytes(before)
        with pytest.raises(Broken):
            write_rows(breaking(), path)
        assert names_in(tmp_path) == ([] if before is None else [name])
    assert path.read_bytes() == b"old"
    write_rows(some(), path)
    assert path.read_bytes() != b"old"
    assert names_in(tmp_path) == [name]


def test_a_full_disk_is_an_error_of_the_job(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(JobError, match=r"cannot be written: No space left on device\. Make room"):
        write_rows(some(), tmp_path / "o.jsonl")
    assert names_in(tmp_path) == []


def test_standard_output(capfdbinary):
    with open(1, "wb", closefd=False) as out, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", type("Out", (), {"buffer": out}))
        assert write_rows(some(2), "-") == 2
        assert capfdbinary.readouterr().out.splitlines()[1] == b'{"id": 1, "fields": {"a": 1}, "error": null}'
        write_rows(some(2), "-", format="csv")
        assert capfdbinary.readouterr().out.startswith(b"id,fields,error_kind")


def test_a_link_is_followed(tmp_path):
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "real.jsonl")
    write_rows(some(), tmp_path / "link.jsonl")
    assert (tmp_path / "link.jsonl").is_symlink()
    assert (tmp_path / "real.jsonl").read_bytes().count(b"\n") == 3


def test_what_is_no_file_on_disk_is_not_replaced():
    if os.name == "posix":
        assert write_rows(some(), "/dev/null", format="csv") == 3
        assert Path("/dev/null").is_char_device()


@given(rows)
def test_responses_of_the_batch_api(written):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "o.jsonl"
        assert write_rows(written, path, format="openai-batch", model="m", created=1) == len(written)
        for line, (one, _) in zip(path.read_bytes().splitlines(), written, strict=True):
            assert json.loads(line) == response_of(one, model="m", created=1)


def test_half_of_a_surrogate_pair_is_written_as_json_escapes_it(tmp_path):
    pytest.importorskip("pyarrow")
    for name in ("o.jsonl", "o.csv", "o.parquet"):
        write_rows([(Extracted(1, fields={"a": "\ud800"}), {})], tmp_path / name, schema=SCHEMA)
    assert json.loads((tmp_path / "o.jsonl").read_text("utf-8"))["fields"] == {"a": "\ud800"}
    for name in ("o.csv", "o.parquet"):
        (document,) = read_documents(tmp_path / name, text_field="fields")
        assert json.loads(document.text) == {"a": "\ud800"}


@pytest.mark.parametrize(
    ("path", "options", "said"),
    [
        ("o.txt", {}, "the ending of 'o.txt' does not say its format. Known endings: .jsonl"),
        ("o.csv", {"format": "xml"}, "the format 'xml' is not known"),
        ("o.csv", {"columns": ["n", "fields"]}, "the column 'fields' cannot be carried over"),
        ("o.csv", {"columns": ["n", "n"]}, "a column is named twice"),
        ("o.jsonl", {"columns": ["n"], "format": "openai-batch"}, "have no place for columns"),
        ("no/o.csv", {}, "the output 'no/o.csv' is in a folder that does not exist"),
        (".", {"format": "csv"}, "the output '.' is a folder"),
    ],
)
def test_what_cannot_be_written_is_known_before_there_are_rows(tmp_path, monkeypatch, path, options, said):
    monkeypatch.chdir(tmp_path)
    for refuse in (lambda: check_output(path, **options), lambda: write_rows(iter(some()), path, **options)):
        with pytest.raises(JobError) as caught:
            refuse()
        assert said in str(caught.value)
    assert names_in(tmp_path) == []


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DocumentError, match=r"pip install 'fcgen\[parquet\]'"):
        check_output(tmp_path / "o.parquet")
    assert check_output(tmp_path / "o.csv.gz") == "csv"


@pytest.mark.skipif(os.name != "posix", reason="nothing is held there")
def test_what_a_killed_process_left_is_removed_and_what_another_one_writes_is_not(tmp_path):
    left, held = tmp_path / ".out.jsonl.0123.tmp", tmp_path / ".out.jsonl.4567.tmp"
    left.write_bytes(b"half")
    with held.open("xb") as file:
        _hold(file)
        write_rows([(Extracted("a", fields={}), {})], tmp_path / "out.jsonl")
        assert sorted(path.name for path in tmp_path.iterdir()) == [held.name, "out.jsonl"]
