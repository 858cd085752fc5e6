"""Every format gives the rows that were written, whatever block they come in, and says what is wrong with the rest."""

from __future__ import annotations

import io
import os
import struct
import tempfile
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.formats import arrow_csv, delimited, libsvm, parquet, protobuf, reader, record, recordio
from sagewright.algorithms.formats.blocks import line_blocks
from sagewright.algorithms.formats.record import Tensor
from sagewright.algorithms.formats.table import Layout, Sparse, Table, concatenate

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
ROWS = hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=6), elements=FLOATS)


def csv(values: np.ndarray, delimiter: str = ",") -> bytes:
    stream = io.BytesIO()
    np.savetxt(stream, values, delimiter=delimiter, fmt="%.9g")
    return stream.getvalue()


def svm(values: np.ndarray) -> bytes:
    lines = (
        " ".join([f"{row[0]:.9g}", *(f"{index}:{value:.9g}" for index, value in enumerate(row[1:]))]) for row in values
    )
    return "\n".join(lines).encode()


@given(ROWS, st.sampled_from(",\t;| "))
@settings(max_examples=40)
def test_csv_gives_what_was_written(values: np.ndarray, delimiter: str) -> None:
    block = csv(values, delimiter)
    assert delimited.find_delimiter(block) == delimiter
    assert np.array_equal(delimited.parse(block, delimiter, "x"), values)


@given(ROWS, st.sampled_from(",\t;|"))
@settings(max_examples=40)
def test_arrow_gives_the_same(values: np.ndarray, delimiter: str) -> None:
    assert np.array_equal(arrow_csv.parse(csv(values, delimiter), delimiter), values)


@pytest.mark.parametrize(
    "block",
    [
        b"1,,3\n,2,\n\n4, ,6", b'"1","2.5"\r\n3,4\r\n', b"1, 2\n nan,inf\n-Infinity,1e5\n", b"+1,2\n", b"1\n\n2\n",
        b"\xef\xbb\xbf1,2\n", b"1e400,1\n", b"1.,.5\n", b"\n\n1,2\n",
        b"1,2\n3,abc\n", b"1,2\n3\n", b"1,2\n3,NA\n", b"0x10,2\n", b"1_0,2\n", b'1,""\n', b'"1,5",2\n', b"1,#2\n", b"1,2\n3,4\0\n",
        b"1e,2\n", b"1,\xff\n", b"true,1\n", b"1 2\n", b"\0\1\2\3" * 50, b"a,b\n1,2\n",
    ],
)  # fmt: skip
def test_what_arrow_does_not_read_as_numpy_does_is_left_to_numpy(block: bytes) -> None:
    results = []
    for parse in (delimited.parse, delimited._parse_text):  # Arrow is imported here, and so `parse` asks it
        try:
            results.append(parse(block, ",", "x", 0).tolist())
        except UserError as error:
            results.append(str(error))
    assert str(results[0]) == str(results[1])


def test_large_files_of_csv_are_read_by_arrow_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).standard_normal((60_000, 12)).astype(np.float32)
    (tmp_path / "x").write_bytes(csv(rows))
    monkeypatch.setattr(np, "loadtxt", lambda *_, **__: pytest.fail("NumPy was asked"))
    table = concatenate(list(delimited.batches([tmp_path / "x"], Layout(0, delimiter=","))))
    assert np.array_equal(table.features, rows)


@given(ROWS)
@settings(max_examples=40)
def test_libsvm_gives_what_was_written(values: np.ndarray) -> None:
    table = libsvm.parse(svm(values), "x")
    assert isinstance(table.features, Sparse)
    assert np.array_equal(table.features.dense(), values[:, 1:])
    assert np.array_equal(table.labels, values[:, 0])


@given(ROWS, st.booleans())
@settings(max_examples=40)
def test_protobuf_gives_what_was_written_by_both_ways(values: np.ndarray, sparse: bool) -> None:
    count, width = values.shape[0], values.shape[1] - 1
    features: np.ndarray | Sparse = np.ascontiguousarray(values[:, 1:])
    if sparse:
        features = Sparse(np.arange(count + 1) * width, np.tile(np.arange(width), count), values[:, 1:].ravel(), width)
    data = protobuf.dump(Table(features, values[:, 0]))
    for table in (protobuf.parse(data, "x"), protobuf._any_records(data, "x")):
        assert table is not None
        read = table.features.dense() if isinstance(table.features, Sparse) else table.features
        assert np.array_equal(read, values[:, 1:])
        assert np.array_equal(table.labels, values[:, 0])


def test_dense_records_are_read_through_one_view() -> None:
    data = protobuf.dump(Table(np.ones((3, 4), np.float32), np.zeros(3, np.float32)))
    assert protobuf._equal_records(data) is not None


def test_records_of_equal_length_and_different_structure_are_not_mixed_up() -> None:
    one = record.encode({"values": Tensor(np.ones(2, np.float32))}, {"values": Tensor(np.ones(1, np.float32))})
    other = record.encode({"values": Tensor(np.ones(1, np.float32))}, {"values": Tensor(np.ones(2, np.float32))})
    assert len(one) == len(other)
    with pytest.raises(UserError, match="differ in number"):
        protobuf.parse(recordio.write_frames([one, other]), "x")


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_every_tensor_type_survives(dtype: type) -> None:
    values = np.array([-3, 0, 7, 2**30], dtype)
    decoded = record.decode(memoryview(record.encode({"values": Tensor(values)}, {})))
    assert decoded.features["values"].values.dtype == dtype
    assert np.array_equal(decoded.features["values"].values, values)
    table = protobuf.parse(recordio.write_frames([record.encode({"values": Tensor(values)}, {})]), "x")
    assert table is not None
    assert table.features.tolist() == [[-3, 0, 7, 2**30]]
    assert table.labels is None


def test_unpacked_values_and_unknown_fields_are_read() -> None:
    values = b"".join(b"\x0d" + struct.pack("<f", number) for number in (1.5, -2.0))  # field 1, fixed32, not packed
    tensor = bytes([2 << 3 | 2, len(values)]) + values
    entry = b"\x0a\x06values" + bytes([2 << 3 | 2, len(tensor)]) + tensor
    payload = bytes([1 << 3 | 2, len(entry)]) + entry + b"\x1a\x03uid"
    assert record.decode(memoryview(payload)).features["values"].values.tolist() == [1.5, -2.0]


def test_a_record_in_several_frames_is_joined_by_the_magic() -> None:
    def frame(part: int, payload: bytes) -> bytes:
        return struct.pack("<II", recordio.MAGIC, part << 29 | len(payload)) + payload + b"\0" * (-len(payload) % 4)

    data = frame(1, b"abcd") + frame(2, b"ef") + frame(3, b"g") + frame(0, b"next")
    magic = struct.pack("<I", recordio.MAGIC)
    assert [bytes(each) for each in recordio.read_frames(data, "x")] == [magic.join([b"abcd", b"ef", b"g"]), b"next"]


@pytest.mark.parametrize("data", [b"abc", b"\0" * 8, struct.pack("<II", recordio.MAGIC, 100) + b"short"])
def test_broken_frames_are_refused(data: bytes) -> None:
    with pytest.raises(UserError, match="RecordIO"):
        protobuf.parse(data, "x")


def test_a_frame_with_something_else_is_refused() -> None:
    with pytest.raises(UserError, match=r"holds no aialgs\.data\.Record"):
        protobuf.parse(recordio.write_frames([b"\x0a\xff\xff\xff\xff\x0fzz"]), "x")


def test_parquet_gives_what_was_written(tmp_path: Path) -> None:
    table = pa.table({"y": pa.array([1, 0], pa.int64()), "a": pa.array([0.5, None]), "b": pa.array([True, False])})
    pq.write_table(table, tmp_path / "x.parquet")
    read = concatenate(list(parquet.batches([tmp_path / "x.parquet"], Layout())))
    assert np.array_equal(read.features, np.array([[0.5, 1], [np.nan, 0]], np.float32), equal_nan=True)
    assert read.labels is not None
    assert read.labels.tolist() == [1, 0]


def test_parquet_with_text_names_the_column(tmp_path: Path) -> None:
    pq.write_table(pa.table({"y": [1, 0], "name": ["a", "b"]}), tmp_path / "x.parquet")
    with pytest.raises(UserError, match=r"column 1 \('name'\)"):
        list(parquet.batches([tmp_path / "x.parquet"], Layout()))
    (tmp_path / "y.parquet").write_bytes(b"no parquet at all")
    with pytest.raises(UserError, match=r"y\.parquet"):
        list(parquet.batches([tmp_path / "y.parquet"], Layout()))


def test_empty_csv_fields_are_missing_values() -> None:
    values = delimited.parse(b"1,,3\n,2,\n\n4, ,6", ",", "x")
    expected = [[1, np.nan, 3], [np.nan, 2, np.nan], [4, np.nan, 6]]
    assert np.array_equal(values, np.array(expected, np.float32), equal_nan=True)
    assert np.isnan(delimited.parse(b"1\t\t3\n\t2\t", "\t", "x")).sum() == 3


def test_csv_quotes_byte_order_marks_and_windows_lines() -> None:
    values = delimited.parse(b'\xef\xbb\xbf"1","2.5"\r\n3,4\r\n', ",", "x")
    assert values.tolist() == [[1, 2.5], [3, 4]]


@pytest.mark.parametrize(
    ("block", "text"),
    [
        (b"1,2\n3,abc\n", "could not convert string 'abc' to float32 at row 11, column 2"),
        (b"1,2\n3\n", "the number of columns changed from 2 to 1 at row 12"),
        (b"1,2\n\xff\xfe", "not UTF-8"),
    ],
)
def test_a_csv_fault_says_where(block: bytes, text: str) -> None:
    with pytest.raises(UserError) as caught:
        delimited.parse(block, ",", "file x", rows_before=10)
    assert "file x" in str(caught.value)
    assert text in str(caught.value)


def test_a_header_is_refused() -> None:
    with pytest.raises(UserError, match="Could not determine delimiter on line label,age"):
        delimited.find_delimiter(b"label,age\n1,2\n")


def test_libsvm_weights_queries_comments_and_gaps() -> None:
    table = libsvm.parse(b"1:0.5 qid:3 0:1 4:2 # note\n\n0 qid:4 2:1.5\n1\n", "x")
    assert isinstance(table.features, Sparse)
    assert table.features.dense().tolist() == [[1, 0, 0, 0, 2], [0, 0, 1.5, 0, 0], [0, 0, 0, 0, 0]]
    assert table.weights is not None
    assert table.weights.tolist() == [0.5, 1, 1]
    assert table.groups is not None
    assert table.groups.tolist() == [3, 4, 0]


@pytest.mark.parametrize(
    "block", [b"1 a\n", b"1 0:1 2\n", b"1:2:3 0:1\n", b"1 0:x\n", b"1 0:\n", b"1 -1:2\n", b"1 0.5:2\n"]
)
def test_what_is_not_libsvm_is_refused(block: bytes) -> None:
    with pytest.raises(UserError, match="file x"):
        libsvm.parse(b"0 0:1\n" + block, "file x")


def test_blocks_end_at_lines(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"one\ntwo\na very long line\nend")
    blocks = list(line_blocks(path, block_bytes=5))
    assert b"".join(blocks) == path.read_bytes()
    assert all(block.endswith(b"\n") for block in blocks[:-1])


@pytest.mark.parametrize(("format_", "content"), [("csv", b"1,2\n"), ("libsvm", b"1 0:2\n")])
def test_files_are_joined_in_order(tmp_path: Path, format_: str, content: bytes) -> None:
    for number in range(3):
        (tmp_path / str(number)).write_bytes(content.replace(b"1", str(number).encode(), 1))
    table = reader.read(sorted(tmp_path.iterdir()), format_, Layout())  # type: ignore[arg-type]
    assert table is not None
    assert table.labels is not None
    assert table.labels.tolist() == [0, 1, 2]
    assert reader.read([], format_, Layout()) is None  # type: ignore[arg-type]


def test_files_of_different_widths_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1,2\n")
    (tmp_path / "b").write_bytes(b"1,2,3\n")
    with pytest.raises(UserError, match="different numbers of features: 1, 2"):
        reader.read(sorted(tmp_path.iterdir()), "csv", Layout())


def test_weights_of_some_files_are_one_elsewhere() -> None:
    one = Table(np.ones((1, 1), np.float32), np.ones(1), weights=np.full(1, 5, np.float32))
    other = Table(np.ones((2, 1), np.float32), np.ones(2))
    joined = concatenate([one, other])
    assert joined.weights is not None
    assert joined.weights.tolist() == [5, 1, 1]


def test_sparse_rows_can_be_chosen() -> None:
    table = libsvm.parse(b"0 0:1\n1 1:2 2:3\n2 0:4\n", "x").take(np.array([2, 1]))
    assert isinstance(table.features, Sparse)
    assert table.features.dense().tolist() == [[4, 0, 0], [0, 2, 3]]
    assert table.labels is not None
    assert table.labels.tolist() == [2, 1]


@given(st.lists(st.binary(max_size=40), max_size=12), st.integers(1, 64))
@settings(max_examples=60)
def test_blocks_of_records_end_at_records(records: list[bytes], size: int) -> None:
    data = recordio.write_frames(records)
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        blocks = list(recordio.frame_blocks(Path(file.name), size))
    assert b"".join(blocks) == data
    assert [bytes(each) for block in blocks for each in recordio.read_frames(block, "x")] == records


def test_a_large_pipe_of_records_is_read_in_blocks(tmp_path: Path) -> None:
    table = Table(np.arange(4000, dtype=np.float32).reshape(1000, 4), np.arange(1000, dtype=np.float32))
    os.mkfifo(tmp_path / "train_0")
    writer = threading.Thread(target=(tmp_path / "train_0").write_bytes, args=(protobuf.dump(table),))
    writer.start()
    blocks = [recordio.equal_frames(block) for block in recordio.frame_blocks(tmp_path / "train_0", 1000)]
    writer.join()
    assert len(blocks) > 20
    assert all(block is not None for block in blocks)
    writer = threading.Thread(target=(tmp_path / "train_0").write_bytes, args=(protobuf.dump(table),))
    writer.start()
    read = concatenate(list(protobuf.batches([tmp_path / "train_0"], Layout())))
    writer.join()
    assert np.array_equal(read.features, table.features)
    assert np.array_equal(read.labels, table.labels)


def test_a_file_that_ends_inside_a_record_is_refused(tmp_path: Path) -> None:
    data = protobuf.dump(Table(np.ones((3, 4), np.float32), np.zeros(3, np.float32)))
    (tmp_path / "x").write_bytes(data[:-3])
    with pytest.raises(UserError, match="the last RecordIO frame is truncated"):
        list(protobuf.batches([tmp_path / "x"], Layout()))
