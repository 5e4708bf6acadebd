"""Documents: what each format and each poisoned row becomes; nothing but DocumentError, whatever the bytes."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fcgen.errors import DocumentError
from fcgen.extraction import Asked, Document
from fcgen.jobs.csv_rows import read_cells, write_cells
from fcgen.jobs.documents import read_documents
from fcgen.jobs.lines import MAX_LINE, read_lines

GOOD = b'{"id": "a", "text": "x", "n": 1}'


def from_bytes(data, **options):
    return list(read_documents("-", stdin=io.BytesIO(data), **options))


def written(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


# Every format, the same rows


def parquet_file(path, **columns):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table(columns), path)
    return path


@pytest.fixture
def same_rows(tmp_path):
    lines = b'{"id": "a", "text": "x", "n": "1"}\n\n{"id": "b", "text": "y \xc3\xa9", "n": null}\n'
    table = b'id,text,n\n"a",x,1\n\nb,y \xc3\xa9,\n'
    return [
        written(tmp_path, "d.jsonl", lines),
        written(tmp_path, "d.jsonl.gz", gzip.compress(lines)),
        written(tmp_path, "d.json.gz", gzip.compress(lines)),
        written(tmp_path, "d.csv", table),
        written(tmp_path, "d.csv.gz", gzip.compress(table)),
        parquet_file(tmp_path / "d.parquet", id=["a", "b"], text=["x", "y é"], n=["1", None]),
    ]


def test_every_format_reads_the_same_rows(same_rows):
    expected = [Document("a", "x", {"n": "1"}), Document("b", "y é", {"n": None})]
    for path in same_rows:
        assert list(read_documents(path)) == expected, path.name


def test_folders_globs_and_lists_are_read_in_order(same_rows):
    folder = same_rows[0].parent
    written(folder, "notes.txt", b"not read")
    written(folder, ".hidden.jsonl", b"not read")
    (folder / "inner").mkdir()
    assert [document.id for document in read_documents(folder)] == ["a", "b"] * len(same_rows)
    assert len(list(read_documents(f"{folder}/d.*sonl"))) == 2
    assert len(list(read_documents([folder / "d.csv", str(folder / "d.jsonl")]))) == 4
    assert len(list(read_documents(folder, format="csv"))) == 4


def test_rows_without_an_id_are_named_after_file_and_row(tmp_path):
    (tmp_path / "one").mkdir()
    lines = written(tmp_path, "l.jsonl", b'{"text": "x"}\n\n{"text": "y"}')
    table = written(tmp_path, "t.csv", b'text\n"x\ny"\nz\n')
    columns = parquet_file(tmp_path / "p.parquet", text=["x", "y"])
    assert [one.id for one in read_documents([lines, table, columns])] == [
        "l.jsonl:1", "l.jsonl:3", "t.csv:1", "t.csv:2", "p.parquet:1", "p.parquet:2"
    ]  # fmt: skip
    again = written(tmp_path / "one", "l.jsonl", b'{"text": "x"}')
    assert [one.id for one in read_documents([lines, again])] == [f"{lines}:1", f"{lines}:3", f"{again}:1"]
    assert [one.id for one in from_bytes(b'{"text": "x"}')] == ["stdin:1"]


def test_the_columns_may_have_other_names():
    (document,) = from_bytes(b'{"key": 7, "body": "x", "text": 1, "id": 2}', text_field="body", id_field="key")
    assert document == Document(7, "x", {"text": 1, "id": 2})


def test_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD)))
    assert [document.id for document in read_documents("-")] == ["a"]
    assert [document.text for document in from_bytes(b"text\nx\n", format="csv")] == ["x"]


# Poisoned rows


POISON = [
    (b'{"text": "x"', "stdin:2", "the line is no JSON: Expecting ',' delimiter, at its end"),
    (b"[1]", "stdin:2", "the line is a list: [1], not an object"),
    (b"\xff\xfe", "stdin:2", "the byte 0xff at place 0 is no UTF-8. Convert the input to UTF-8"),
    (b"\0\0", "stdin:2", "no JSON"),
    (b'{"id": "p", "text": "\0"}', "stdin:2", "no JSON: Invalid control character"),
    (b'{"id": "p", "text": "a\\u0000"}', "p", "the text has a NUL character, at place 1"),
    (b'{"id": "p\\u0000", "text": "a"}', "stdin:2", "the id has a NUL character"),
    (b'{"id": "p", "text": "\\ud800"}', "stdin:2", "half of a surrogate pair"),
    (b'{"id": "p", "text": ""}', "p", "the text is empty"),
    (b'{"id": "p", "text": " \\n"}', "p", "nothing but white space"),
    (b'{"id": "p", "text": null}', "p", "the text is null. It has to be a string"),
    (b'{"id": "p", "text": 5}', "p", "the text is a number: 5"),
    (b'{"id": "p", "text": ["x"]}', "p", "the text is a list: ['x']"),
    (b'{"id": 9, "body": "x"}', 9, "there is no 'text', but ['id', 'body']"),
    (b'{"id": null, "text": "x"}', "stdin:2", "the id ('id') is null. It has to be a text, or an integer"),
    (b'{"id": "", "text": "x"}', "stdin:2", "is empty"),
    (b'{"id": true, "text": "x"}', "stdin:2", "is a boolean: True"),
    (b'{"id": 1.5, "text": "x"}', "stdin:2", "is a number: 1.5"),
    (b'{"id": {}, "text": "x"}', "stdin:2", "is an object: {}"),
    (b'{"id": 1, "id": 2, "text": "x"}', "stdin:2", "the key 'id' twice"),
    (b'{"id": 1, "text": "x", "n": NaN}', "stdin:2", "the number 'NaN'"),
    (b'{"id": 1, "text": "x", "n": -1e999}', "stdin:2", "the number '-1e999'"),
    (b'{"id": 1, "text": "x", "n": ' + b"9" * 5000 + b"}", "stdin:2", "too many digits"),
    (b'{"id": 1, "text": "x", "n": ' + b"[" * 300 + b"]" * 300 + b"}", "stdin:2", "nested too deeply (limit 200)"),
    (b'{"id": 1, "text": "x", "n": ' + b"[" * 99999 + b"]" * 99999 + b"}", "stdin:2", "nested too deeply"),
]


@pytest.mark.parametrize(("line", "id_", "said"), POISON, ids=range(len(POISON)))
def test_a_poisoned_line_is_an_error_and_the_rest_is_read(line, id_, said):
    before, poisoned, after = from_bytes(b"\xef\xbb\xbf" + GOOD + b"\r\n" + line + b"\n" + GOOD)
    assert before == after == Document("a", "x", {"n": 1})
    assert poisoned.id == id_
    assert poisoned.text == ""
    assert poisoned.error.kind == "DocumentError"
    assert said in poisoned.error.message
    assert poisoned.error.message.startswith("stdin:2: ")
    assert len(poisoned.error.message) < 400


POISONED_CELLS = [
    (b"p,x", "stdin:2", "the row has 2 cells where the table has 3 columns"),
    (b"p,x,1,2", "stdin:2", "4 cells"),
    (b"p,,1", "p", "the text is null"),
    (b'p,"",1', "p", "the text is empty"),
    (b",x,1", "stdin:2", "the id ('id') is null"),
    (b'"",x,1', "stdin:2", "the id ('id') is empty"),
    (b"p,\xff,1", "p", "the column 'text': the byte 0xff at place 0 is no UTF-8"),
    (b"p,x,\xff", "p", "the column 'n': the byte 0xff"),
    (b"\xff,x,1", "stdin:2", "the id: the byte 0xff"),
    (b"p,x\0,1", "p", "the text has a NUL character, at place 1"),
    (b'p,"x"y,1', "stdin:2", "line 3: 'y,1\\n' follows the quote that ends a cell"),
    (b'p,"x\ny"z,1', "stdin:2", "line 4: 'z,1\\n' follows"),
]


@pytest.mark.parametrize(("line", "id_", "said"), POISONED_CELLS, ids=range(len(POISONED_CELLS)))
def test_a_poisoned_row_of_csv_is_an_error_and_the_rest_is_read(line, id_, said):
    before, poisoned, after = from_bytes(b"\xef\xbb\xbfid,text,n\na,x,1\r\n" + line + b"\na,x,1", format="csv")
    assert before == after == Document("a", "x", {"n": "1"})
    assert poisoned.id == id_
    assert said in poisoned.error.message


def test_a_quote_that_is_never_closed_takes_no_more_than_it_must():
    found = from_bytes(b'id,text\na,"x\nb,y\nc,"z"\nd,w\n', format="csv")
    assert [(one.id, one.error is None) for one in found] == [("stdin:1", False), ("d", True)]
    (last,) = from_bytes(b'id,text\na,"x\nb,y\n', format="csv")
    assert "lines 2 to 3: a quote opens a cell and none closes it" in last.error.message


def test_columns_that_can_be_read_come_with_the_error():
    (document,) = from_bytes(b'{"id": "p", "text": null, "n": 1}')
    assert document.columns == {"n": 1}


def test_poisoned_rows_of_parquet(tmp_path):
    pa = pytest.importorskip("pyarrow")
    bad = pa.array([b"x", b"\xff", b"z", None]).view(pa.string())
    path = parquet_file(tmp_path / "p.parquet", id=pa.array([1, 2, None, 4]), text=bad)
    found = list(read_documents(path))
    assert [one.id for one in found] == [1, 2, "p.parquet:3", 4]
    assert found[0] == Document(1, "x")
    assert "the column 'text': the byte 0xff at place 0 is no UTF-8" in found[1].error.message
    assert "is null" in found[2].error.message
    assert "the text is null" in found[3].error.message


def test_values_of_parquet_are_json(tmp_path):
    pa = pytest.importorskip("pyarrow")
    columns = {
        "text": pa.array([b"bytes"]),
        "when": pa.array([0], pa.timestamp("s")),
        "day": pa.array([0], pa.date32()),
        "cost": pa.array(["1.50"]).cast(pa.decimal128(5, 2)),
        "none": pa.array([float("nan")]),
        "blob": pa.array([b"\xff"]),
        "deep": pa.array([{"a": [1, None]}]),
        "far": pa.array([2**62], pa.timestamp("us")),
    }
    (document,) = read_documents(parquet_file(tmp_path / "v.parquet", **columns))
    assert "the column 'far': a value cannot be read" in document.error.message
    assert document.columns == {
        "when": "1970-01-01T00:00:00", "day": "1970-01-01", "cost": "1.50", "none": None, "blob": "/w==",
        "deep": {"a": [1, None]},
    }  # fmt: skip
    del columns["far"]
    (document,) = read_documents(parquet_file(tmp_path / "w.parquet", **columns))
    assert document.text == "bytes"
    assert json.dumps(document.columns)


def test_a_damaged_row_group_is_one_error_and_the_next_is_read(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "g.parquet"
    pq.write_table(pa.table({"text": [f"text {i}" for i in range(9)]}), path, row_group_size=3, compression="none")
    start = pq.ParquetFile(path).metadata.row_group(1).column(0).dictionary_page_offset
    data = bytearray(path.read_bytes())
    data[start : start + 8] = b"\xff" * 8
    path.write_bytes(data)
    found = list(read_documents(path))
    assert [one.id for one in found] == [f"g.parquet:{number}" for number in (1, 2, 3, 4, 7, 8, 9)]
    assert [one.id for one in found if one.error] == ["g.parquet:4"]


def test_a_file_that_breaks_off_is_an_error_and_the_next_is_read(tmp_path):
    lines = b"".join(b'{"text": "%d"}\n' % number for number in range(20_000))
    broken = written(tmp_path, "a.jsonl.gz", gzip.compress(lines)[:-5000])
    *read, last, good = read_documents([broken, written(tmp_path, "b.jsonl", GOOD)])
    assert len(read) > 100
    assert all(one.error is None for one in read)
    assert last.id == f"a.jsonl.gz:{len(read) + 1}"
    assert "the file cannot be read on" in last.error.message
    assert good.error is None


# Bounds


class Endless(io.RawIOBase):
    """So many bytes of one line, then what follows; counts the most that was asked for at once."""

    def __init__(self, size, after):
        self.left, self.after, self.most = size, io.BytesIO(after), 0

    def readline(self, size=-1):
        assert size > 0
        self.most = max(self.most, size)
        if not self.left:
            return self.after.readline(size)
        size = min(size, self.left)
        self.left -= size
        return b"x" * size


@pytest.mark.parametrize(("format_", "head"), [("jsonl", b""), ("csv", b"id,text,n\n")])
def test_a_line_of_a_gigabyte_is_skipped(format_, head):
    class Stream(Endless):
        def readline(self, size=-1):
            nonlocal head
            first, head = head, b""
            return first or super().readline(size)

    stream = Stream(10**9, b"x\n" + (GOOD if format_ == "jsonl" else b"a,x,1"))
    too_long, good = read_documents("-", stdin=stream, format=format_)
    assert "too many bytes" in too_long.error.message
    assert too_long.error.limit == MAX_LINE
    assert good.id == "a"
    assert stream.most <= MAX_LINE + 1


@given(st.binary(max_size=60).map(lambda data: data.replace(b"7", b"\n")), st.integers(1, 9))
def test_lines_are_those_of_the_stream_but_for_the_long(data, limit):
    lines = io.BytesIO(data).readlines()
    found = list(read_lines(io.BytesIO(data), limit))
    assert len(found) == len(lines)
    for line, one in zip(lines, found, strict=True):
        assert one == (line if len(line.removesuffix(b"\n")) <= limit else None)


def test_a_text_of_a_megabyte_is_read():
    text = "é" * 2**20
    (document,) = from_bytes(json.dumps({"id": 1, "text": text}, ensure_ascii=False).encode())
    assert document.text == text
    (document,) = from_bytes(b'id,text\n1,"' + text.encode() + b'"\n', format="csv")
    assert document.text == text


# Any bytes


lines_of_json = st.lists(
    st.binary(max_size=20)
    | st.sampled_from([line for line, _, _ in POISON[:-2]])
    | st.text('{}[]":,\\ud0819.-eEtextidnulbodycustom_ \0', max_size=30).map(str.encode),
    max_size=6,
).map(b"\n".join)


@given(lines_of_json, st.sampled_from([None, "jsonl", "openai-batch"]))
@example(b"\xef\xbb\xbf", None)
@example(b"\xef\xbb\xbf\n\n{}", None)
def test_any_bytes_are_one_document_for_each_line(data, format_):
    lines = [line for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]
    found = from_bytes(data, format=format_)
    assert len(found) == len(lines)
    assert found == from_bytes(data, format=format_)
    for document in found:
        assert (document.error is None) == bool(document.text or document.asked)


@given(st.binary(max_size=60) | st.text('"",\n\r\0xé', max_size=60).map(str.encode), st.booleans())
def test_any_bytes_are_rows_of_csv_or_a_document_error(data, has_header):
    try:
        found = from_bytes((b"text,id\n" if has_header else b"") + data, format="csv")
    except DocumentError:
        assert not has_header
    else:
        assert len(found) <= data.count(b"\n") + 1


@given(st.binary(max_size=200), st.sampled_from(["x.parquet", "x.jsonl.gz", "x.csv.gz", "x.csv"]), st.booleans())
def test_any_bytes_of_any_ending_raise_nothing_else(data, name, damages):
    pytest.importorskip("pyarrow")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        if damages and name.endswith("parquet"):
            whole = bytearray(parquet_file(path, text=["x"] * 9).read_bytes())
            for place, byte in zip(data[::2], data[1::2], strict=False):
                whole[(place * 7) % len(whole)] = byte
            data = bytes(whole)
        path.write_bytes(data)
        try:
            found = list(read_documents(path))
        except DocumentError:
            return
        assert len(found) <= max(len(data), 1)


@given(st.lists(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('",\r\n')),
                         min_size=2, max_size=3), max_size=4))  # fmt: skip
def test_csv_reads_what_it_writes(rows):
    text = "".join(map(write_cells, rows))
    read = [[cell if cell is None else cell.decode() for cell in cells] for cells in read_cells(
        io.BytesIO(text.encode()).readlines())]  # fmt: skip
    assert read == rows


# Inputs that cannot be read at all


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("d.csv", b"", "has no line with the names of its columns"),
        ("d.csv", b"id;text\n1;x\n", "'d.csv' has no column 'text', but ['id;text']"),
        ("d.csv", b"text,text\n", "2 columns with the name 'text'"),
        ("d.csv", b"\xff\n", "the names of the columns of 'd.csv': the byte 0xff"),
        ("d.parquet", b"PAR1", "is no Parquet file"),
        ("d.txt", b"", "does not say its format. Known endings: .jsonl, .jsonl.gz"),
        ("d.csv.gz", b"text\nx", "cannot be read: Not a gzipped file"),
    ],
)
def test_what_is_wrong_with_all_of_a_file_is_raised_at_once(tmp_path, name, data, said):
    pytest.importorskip("pyarrow")
    with pytest.raises(DocumentError) as caught:
        read_documents(written(tmp_path, name, data))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("source", "options", "said"),
    [
        ("missing.jsonl", {}, "there is no file 'missing.jsonl'"),
        ("*.jsonl", {}, "no file matches '*.jsonl'"),
        (".", {}, "the folder '.' has no file of .jsonl"),
        ("", {}, "'' is no name of a file"),
        ("\0", {}, "is no name of a file"),
        ([], {}, "the list of files is empty"),
        ("-", {"format": "xml"}, "the format 'xml' is not known. Known: jsonl, csv"),
    ],
)
def test_a_source_that_is_none_is_refused_at_once(tmp_path, monkeypatch, source, options, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DocumentError) as caught:
        read_documents(source, **options)
    assert said in str(caught.value)


def test_a_table_without_texts_is_refused_at_once(tmp_path):
    path = parquet_file(tmp_path / "p.parquet", body=["x"])
    with pytest.raises(DocumentError, match="has no column 'text', but \\['body'\\]"):
        read_documents(path)


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DocumentError, match=r"pip install 'fcgen\[parquet\]'"):
        read_documents(written(tmp_path, "p.parquet", b""))


def test_pyarrow_is_imported_for_nothing_else(same_rows, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert len(list(read_documents(same_rows[:-1]))) == 10


# Requests of the OpenAI Batch API


REQUEST = {"custom_id": "r1", "method": "POST", "url": "/v1/chat/completions",
           "body": {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}}  # fmt: skip


def test_requests_are_recognised_and_read():
    line = json.dumps(REQUEST).encode()
    for format_ in (None, "openai-batch"):
        (document,) = from_bytes(line, format=format_)
        assert document == Document("r1", asked=Asked([{"role": "user", "content": "Hi"}]))
    (document,) = from_bytes(line, format="jsonl")
    assert "there is no 'text'" in document.error.message


@pytest.mark.parametrize(
    ("change", "id_", "said"),
    [
        ({"custom_id": None}, "stdin:1", "the id ('custom_id') is null"),
        ({"custom_id": 5}, "stdin:1", "is a number: 5"),
        ({"body": []}, "r1", "the body is []"),
        ({"body": {"n": 2}}, "r1", "'n' other than 1"),
    ],
)
def test_a_request_that_cannot_be_read_is_an_error(change, id_, said):
    (document,) = from_bytes(json.dumps({**REQUEST, **change}).encode())
    assert document.id == id_
    assert said in document.error.message
