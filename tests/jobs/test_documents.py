"""Documents: what each format and each poisoned row becomes; nothing but DocumentError, whatever the bytes."""

from __future__ import annotations

import codecs
import gzip
import io
import json
import shutil
import sys
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from fcgen.errors import DocumentError, OptionError
from fcgen.extraction import Asked, Document
from fcgen.jobs.compression import pack, zstd
from fcgen.jobs.csv_rows import read_cells, write_cells
from fcgen.jobs.documents import read_documents
from fcgen.jobs.json_array import read_elements
from fcgen.jobs.lines import MAX_LINE, read_lines

GOOD = b'{"id": "a", "text": "x", "n": 1}'


def from_bytes(data, **options):
    return list(read_documents("-", stdin=io.BytesIO(data), **options))


def written(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


def need(packing):
    """Skip where Zstandard is missing."""
    if packing == "zstd":
        try:
            zstd()
        except DocumentError as error:
            pytest.skip(str(error))


# Every format, the same rows


def parquet_file(path, **columns):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table(columns), path)
    return path


@pytest.fixture
def same_rows(tmp_path):
    lines = b'{"id": "a", "text": "x", "n": "1"}\n\n{"id": "b", "text": "y \xc3\xa9", "n": null}\n'
    table = b'id,text,n\n"a",x,1\n\nb,y \xc3\xa9,\n'
    array = b'[{"id": "a", "text": "x", "n": "1"},\n {"id": "b", "text": "y \xc3\xa9", "n": null}]\n'
    return [
        written(tmp_path, "d.jsonl", lines),
        written(tmp_path, "d.ndjson", lines),
        written(tmp_path, "d.jsonl.gz", gzip.compress(lines)),
        written(tmp_path, "d.json.gz", gzip.compress(lines)),
        written(tmp_path, "e.json.gz", gzip.compress(array)),
        written(tmp_path, "d.csv", table),
        written(tmp_path, "d.csv.gz", gzip.compress(table)),
        written(tmp_path, "d.tsv", table.replace(b",", b"\t")),
        written(tmp_path, "semicolons.csv", table.replace(b",", b";")),
        written(tmp_path, "tabs.csv", table.replace(b",", b"\t")),
        written(tmp_path, "bars.tsv", table.replace(b",", b"|")),
        written(tmp_path, "utf16.csv", table.decode().encode("utf-16")),
        written(tmp_path, "utf32.jsonl.gz", gzip.compress(codecs.BOM_UTF32_BE + lines.decode().encode("utf-32-be"))),
        written(tmp_path, "no-ending-says-so.jsonl", gzip.compress(lines)),
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
    assert len(list(read_documents(folder, format="csv"))) == 2 * 5


@pytest.mark.parametrize("ending", ["jsonl", "json", "csv", "tsv"])
def test_zstandard(tmp_path, same_rows, ending):
    need("zstd")
    whole = next(path for path in same_rows if path.name.endswith(f".{ending}.gz") or path.name == f"d.{ending}")
    data = gzip.decompress(whole.read_bytes()) if whole.suffix == ".gz" else whole.read_bytes()
    path = written(tmp_path, f"z.{ending}.zst", packed("zstd", data).getvalue())
    assert list(read_documents(path)) == list(read_documents(whole))
    unsaid = written(tmp_path, f"z.{ending}", path.read_bytes())
    assert list(read_documents(unsaid)) == list(read_documents(whole))


def test_zstandard_that_is_missing_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "backports.zstd", None)
    monkeypatch.setitem(sys.modules, "compression.zstd", None)
    with pytest.raises(DocumentError, match=r"pip install 'fcgen\[zstd\]'"):
        read_documents(written(tmp_path, "d.jsonl.zst", b""))


def test_of_a_folder_json_is_read_where_it_is_named(tmp_path):
    written(tmp_path, "schema.json", b'{"type": "object"}')
    with pytest.raises(DocumentError, match="where the format json is named"):
        read_documents(tmp_path)
    written(tmp_path, "d.jsonl", GOOD)
    assert [one.id for one in read_documents(tmp_path)] == ["a"]
    assert [one.error is None for one in read_documents(tmp_path, format="json")] == [False]


def test_a_json_file_is_an_array_or_json_lines(tmp_path):
    array = written(tmp_path, "a.json", b'\xef\xbb\xbf\n [{"text": "x"}, "y", {"id": 3, "text": "z"}]\n')
    assert [(one.id, one.text) for one in read_documents(array)] == [("a.json:1", "x"), ("a.json:2", "y"), (3, "z")]
    lines = written(tmp_path, "l.json", b'\n{"text": "x"}\n"y"\n\n[1]\n')
    assert [(one.id, one.text) for one in read_documents(lines)] == [
        ("l.json:2", "x"),
        ("l.json:3", "y"),
        ("l.json:5", ""),
    ]
    assert list(read_documents(written(tmp_path, "e.json", b" [ ] "))) == []


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
    (b'{"text": "x"', "stdin:2", "the row is no JSON: Expecting ',' delimiter, at its end"),
    (b"[1]", "stdin:2", "the row is a list: [1], not an object"),
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
    assert [(one.id, one.error.kind) for one in found if one.error] == [("g.parquet:4", "InputDamaged")]


def test_a_file_that_breaks_off_is_an_error_and_the_next_is_read(tmp_path):
    lines = b"".join(b'{"text": "%d"}\n' % number for number in range(20_000))
    broken = written(tmp_path, "a.jsonl.gz", gzip.compress(lines)[:-5000])
    *read, last, good = read_documents([broken, written(tmp_path, "b.jsonl", GOOD)])
    assert len(read) > 100
    assert all(one.error is None for one in read)
    assert last.id == f"a.jsonl.gz:{len(read) + 1}"
    assert last.error.kind == "InputDamaged"
    assert "the file cannot be read on" in last.error.message
    assert good.error is None


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_packed_bytes_that_break_off_or_are_damaged(packing):
    need(packing)
    lines = b"".join(b'{"text": "%d"}\n' % (number * 7919) for number in range(20_000))
    whole = packed(packing, lines).getvalue()
    assert all(one.error is None for one in from_bytes(whole))
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    for data in (whole[: len(whole) // 2], whole[:-1], bytes(damaged)):
        *read, last = from_bytes(data)
        assert "the file cannot be read on" in last.error.message
        assert last.error.kind == "InputDamaged"
        assert last.id == f"stdin:{len(read) + 1}"
    assert len(from_bytes(whole + whole)) == 40_000  # as two files that were put together


BROKEN_ARRAYS = [
    (b'["x", "y"', ["x"], "the array breaks off"),
    (b'["x", "y" ]z', ["x", "y"], "more follows the array"),
    (b'["x"] ["y"]', ["x"], "more follows the array"),
    (b'["x", {"text": ["y"}, "z"]', ["x"], "brackets do not match: '}' closes another one, in element 2"),
    (b'["x", "y]', ["x"], "the array breaks off"),
    (b'["x", ' + b"[" * 10**5, ["x"], "nested too deeply"),
]


@pytest.mark.parametrize(("data", "texts", "said"), BROKEN_ARRAYS, ids=range(len(BROKEN_ARRAYS)))
def test_an_array_that_breaks_is_an_error_after_the_rows_before_it(data, texts, said):
    *read, last = from_bytes(data, format="json")
    assert [one.text for one in read] == texts
    assert last.id == f"stdin:{len(texts) + 1}"
    assert last.error.kind == "InputDamaged"
    assert said in last.error.message


@pytest.mark.parametrize(
    ("element", "said"),
    [
        (b"3", "the row is a number: 3, not an object"),
        (b"null", "null"),
        (b'["y"]', "a list"),
        (b"", "no JSON"),
        (b'{"text": "y"} "z"', "no JSON: Extra data"),
        (b'{"text": "y", "text": "z"}', "the key 'text' twice"),
        (b"{'text': 'y'}", "no JSON"),
        (b'{"text": "\xff"}', "the byte 0xff at place 11 is no UTF-8"),
    ],
)
def test_an_element_that_is_no_row_is_an_error_and_the_rest_is_read(element, said):
    before, poisoned, after = from_bytes(b'["x", ' + element + b', "z"]', format="json")
    assert (before.text, after.text) == ("x", "z")
    assert (poisoned.id, after.id) == ("stdin:2", "stdin:3")
    assert said in poisoned.error.message


# Encodings and separators


ROWS = [{"id": "a", "text": "Zo\xeb, \u20ac 5 | 6;\t7"}, {"id": "b", "text": 'say "\xe9"\nthen'}]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32-be", "cp1252", "utf-8", "UTF8", "utf-8-sig"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|", "\xb6"])
def test_what_is_named_is_read(encoding, separator):
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
    table = "".join(write_cells(cells, separator) for cells in [["id", "text"], *([*row.values()] for row in ROWS)])
    expected = [Document(row["id"], row["text"]) for row in ROWS]
    assert from_bytes(lines.encode(encoding), encoding=encoding) == expected
    assert from_bytes(json.dumps(ROWS).encode(encoding), format="json", encoding=encoding) == expected
    assert from_bytes(table.encode(encoding), format="csv", encoding=encoding, separator=separator) == expected
    if encoding in ("utf-16", "utf-8-sig"):  # its mark holds against what is named
        assert from_bytes(lines.encode(encoding), encoding="latin-1") == expected
        assert from_bytes(lines.encode(encoding)) == expected


def test_a_mark_in_the_middle_is_no_part_of_a_line():
    assert [one.error for one in from_bytes(GOOD + b"\n\xef\xbb\xbf" + GOOD)] == [None, None]


@pytest.mark.parametrize(
    ("data", "encoding", "said"),
    [
        (b'{"text": "\x81"}', "cp1252", "stdin:2: at place 10 it has bytes that are not of its encoding"),
        (b'{"text": "\xe9"}', None, "stdin:2: the byte 0xe9 at place 10 is no UTF-8"),
        (b'{"text": "\xe9"}', "ascii", "stdin:2: at place 10 it has bytes"),
        ('{"text": "x"}'.encode("utf-16-le"), None, "NUL bytes, as UTF-16 has"),
    ],
)
def test_bytes_of_another_encoding_are_an_error_and_the_rest_is_read(data, encoding, said):
    before, poisoned, *_, after = from_bytes(GOOD + b"\n" + data + b"\n" + GOOD, encoding=encoding)
    assert before == after == Document("a", "x", {"n": 1})
    assert said in poisoned.error.message


def test_utf16_without_the_mark_that_it_needs():
    (document,) = from_bytes(GOOD.decode().encode("utf-16-be"), encoding="utf-16")
    assert "the file cannot be read on: UTF-16 stream does not start with BOM" in document.error.message


def test_half_of_a_pair_in_utf16_is_an_error_and_the_rest_is_read():
    data = b"\n".join([GOOD, b'{"text": "?"}', GOOD]).decode().encode("utf-16").replace(b"?\0", b"\0\xd8")
    before, poisoned, after = from_bytes(data)
    assert before == after == Document("a", "x", {"n": 1})
    assert "bytes that are not of its encoding" in poisoned.error.message


@pytest.mark.parametrize("separator", ["", ",,", '"', "\n", "\0", "\ud800"])
def test_what_cannot_separate(separator):
    with pytest.raises(OptionError, match="one character"):
        from_bytes(b"", separator=separator)


@pytest.mark.parametrize("encoding", ["", "utf-9", "base64", "rot13", "undefined", "\0"])
def test_what_encodes_no_text(encoding):
    with pytest.raises(OptionError, match="is not known"):
        from_bytes(b"", encoding=encoding)


values_of_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(['"', "\\", "]", "},{", "\\\\"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


class InPieces(io.BytesIO):
    """So many bytes at a time."""

    def __init__(self, data, size):
        super().__init__(data)
        self.size = size

    def read1(self, _=-1):
        return self.read(self.size)


@given(
    st.lists(values_of_json, max_size=5),
    st.sampled_from([None, 0, 2]),
    st.booleans(),
    st.integers(1, 9),
    st.integers(0, 40),
)
def test_the_elements_of_an_array(values, indent, ascii_, size, limit):
    data = json.dumps(values, indent=indent, ensure_ascii=ascii_).encode()
    found = list(read_elements(InPieces(data, size)))
    assert [json.loads(element) for element in found] == values
    cut = list(read_elements(InPieces(data, size), limit))
    assert cut == [element if len(element) <= limit else None for element in found]


# Bounds


class Endless(io.RawIOBase):
    """What `pieces` say, one after another: bytes, or so many times an x."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)

    def readable(self):
        return True

    def readinto(self, buffer):
        while self.pieces and not self.pieces[0]:
            del self.pieces[0]
        if not self.pieces:
            return 0
        first, size = self.pieces[0], len(buffer)
        piece = b"x" * min(size, first) if isinstance(first, int) else first[:size]
        self.pieces[0] = first - len(piece) if isinstance(first, int) else first[len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece)


GIGABYTE = 10**9
LONG = {
    "jsonl": (GIGABYTE, b"x\n", GOOD),
    "csv": (b"id,text,n\n", GIGABYTE, b"x\na,x,1"),
    "json": (b'["', GIGABYTE, b'", ', GOOD, b"]"),
}


@pytest.mark.parametrize("format_", LONG)
def test_a_row_of_a_gigabyte_is_skipped(format_):
    tracemalloc.start()
    try:
        too_long, good = read_documents("-", stdin=Endless(*LONG[format_]), format=format_)
        assert tracemalloc.get_traced_memory()[1] < 4 * MAX_LINE
    finally:
        tracemalloc.stop()
    assert "too many bytes" in too_long.error.message
    assert too_long.error.limit == MAX_LINE
    assert good.id == "a"


def packed(packing, *pieces):
    """A stream of what the pieces say, packed."""
    file = io.BytesIO()
    with pack(file, packing) as written, io.BufferedReader(Endless(*pieces), 2**20) as whole:
        shutil.copyfileobj(whole, written, 2**20)
    file.seek(0)
    return file


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_a_file_that_unpacks_to_much_is_read_as_it_comes(packing):
    """An array of one text of 200 MB, then a row."""
    need(packing)
    bomb = packed(packing, b'["', 2 * 10**8, b'", ', GOOD, b"]")
    assert len(bomb.getvalue()) < 10**6
    tracemalloc.start()
    try:
        too_long, good = read_documents("-", stdin=bomb, format="json")
        assert tracemalloc.get_traced_memory()[1] < 4 * MAX_LINE
    finally:
        tracemalloc.stop()
    assert (too_long.error.limit, good.id) == (MAX_LINE, "a")


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


def is_taken_apart(data):
    """Whether it is not read as it is: it is packed, or has the mark of another encoding."""
    marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE, b"\x1f\x8b", b"\x28\xb5\x2f\xfd")
    return data.startswith(marks)


@given(lines_of_json, st.sampled_from([None, "jsonl", "openai-batch"]))
@example(b"\xef\xbb\xbf", None)
@example(b"\xef\xbb\xbf\n\n{}", None)
def test_any_bytes_are_one_document_for_each_line(data, format_):
    assume(not is_taken_apart(data))
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


ANY = ["x.parquet", "x.jsonl.gz", "x.csv.gz", "x.csv", "x.tsv", "x.json", "x.json.zst", "x.jsonl"]


@given(st.binary(max_size=200), st.sampled_from(ANY), st.booleans())
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
                         min_size=2, max_size=3), max_size=4), st.sampled_from(",;|\t€"))  # fmt: skip
def test_csv_reads_what_it_writes(rows, separator):
    text = "".join(write_cells(cells, separator) for cells in rows)
    read = [[cell if cell is None else cell.decode() for cell in cells] for cells in read_cells(
        io.BytesIO(text.encode()).readlines(), separator.encode())]  # fmt: skip
    assert read == rows


# Inputs that cannot be read at all


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("d.csv", b"", "has no line with the names of its columns"),
        ("d.csv", b"id;body\n1;x\n", "'d.csv' has no column 'text', but ['id;body']"),
        ("d.csv", b"text;n|text\n1;x\n", "'d.csv' has no column 'text', but ['text;n|text']"),
        ("d.json", b'{\n "text": 1}', "'d.json' is neither a JSON array nor JSON Lines"),
        ("d.csv", "id,text\n".encode("utf-16-le"), "It has NUL bytes, as UTF-16 has: name the input's encoding"),
        ("d.csv", b"text,text\n", "2 columns with the name 'text'"),
        ("d.csv", b"\xff\n", "the names of the columns of 'd.csv': the byte 0xff"),
        ("d.parquet", b"PAR1", "is no Parquet file"),
        ("d.txt", b"", "does not say its format. Known endings: .jsonl, .ndjson"),
        ("d.csv.gz", b"text\nx", "cannot be read: Not a gzipped file"),
        ("d.jsonl.gz", b"", "cannot be read: it is empty"),
        ("d.json", b"", "'d.json' is empty, which is no JSON"),
        ("d.json", b"\xef\xbb\xbf \n", "'d.json' is empty, which is no JSON"),
        ("d.json.gz", gzip.compress(b"", mtime=0), "'d.json.gz' is empty, which is no JSON"),
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
        ("-", {"format": "xml"}, "the format 'xml' is not known. Known: jsonl, json, csv"),
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
    assert len(list(read_documents(same_rows[:-1]))) == 2 * len(same_rows[:-1])


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
