"""Splitting and packing: whatever the pieces, the records are the same, and memory is bounded."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.agent.inputs.records import BadRecord, pack, split

BYTES = st.binary(max_size=200)


def cut(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    """The data in pieces of some sizes."""
    at = 0
    for size in sizes:
        yield data[at : at + size]
        at += size
    yield data[at:]


def recordio(payload: bytes, mark: int = 0) -> bytes:
    return struct.pack("<II", 0xCED7230A, mark << 29 | len(payload)) + payload + b"\0" * (-len(payload) % 4)


def tfrecord(payload: bytes) -> bytes:
    return struct.pack("<Q", len(payload)) + b"cccc" + payload + b"dddd"


SIZES = st.lists(st.integers(0, 50), max_size=30)


@given(BYTES, SIZES)
def test_lines_are_those_of_the_whole(data: bytes, sizes: list[int]) -> None:
    expected = [line for line in data.split(b"\n") if line and line != b"\r"]
    assert list(split(cut(data, sizes), "Line", 1 << 20)) == expected


@given(st.lists(BYTES, max_size=8), SIZES)
def test_framed_records_are_whole_frames(payloads: list[bytes], sizes: list[int]) -> None:
    for kind, frame in (("RecordIO", recordio), ("TFRecord", tfrecord)):
        frames = [frame(payload) for payload in payloads]
        assert list(split(cut(b"".join(frames), sizes), kind, 1 << 20)) == frames


def test_parts_of_a_recordio_record_stay_together() -> None:
    parts = recordio(b"one", 1) + recordio(b"two", 2) + recordio(b"three", 3)
    assert list(split(iter([parts + recordio(b"x")]), "RecordIO", 1 << 20)) == [parts, recordio(b"x")]


@given(BYTES, SIZES)
def test_none_is_the_whole_object(data: bytes, sizes: list[int]) -> None:
    assert list(split(cut(data, sizes), "None", 1 << 20)) == ([data] if data else [])


@given(st.binary(max_size=400), SIZES, st.sampled_from(["RecordIO", "TFRecord"]))
def test_what_is_no_format_is_a_bad_record_and_nothing_else(data: bytes, sizes: list[int], kind: str) -> None:
    try:
        records = list(split(cut(data, sizes), kind, 1000))
    except BadRecord:
        return
    assert b"".join(records) == data


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("Line", b"a" * 101),
        ("Line", b"a" * 101 + b"\nb"),
        ("None", b"a" * 101),
        ("RecordIO", recordio(b"a" * 101)),
        ("TFRecord", tfrecord(b"a" * 101)),
        ("RecordIO", struct.pack("<II", 0xCED7230A, 1 << 28)),
        ("TFRecord", struct.pack("<Q", 1 << 60) + b"cccc"),
    ],
)
def test_a_record_over_the_limit_is_refused_without_reading_it_all(kind: str, data: bytes) -> None:
    def pieces() -> Iterator[bytes]:
        yield data
        while True:
            yield b"a" * 1000  # never ends

    with pytest.raises(BadRecord, match="MaxPayloadInMB"):
        list(split(pieces(), kind, 100))


@pytest.mark.parametrize("data", [recordio(b"abcde")[:-1], recordio(b"x", 1), b"\n\x23", recordio(b"x") + b"abc"])
def test_recordio_that_is_cut_off(data: bytes) -> None:
    with pytest.raises(BadRecord, match=r"ends within|not in RecordIO"):
        list(split(iter([data]), "RecordIO", 1000))


@given(
    st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=30),
    st.integers(30, 100),
    st.sampled_from(["Line", "None"]),
)
def test_payloads_are_as_full_as_the_limit_allows(records: list[bytes], limit: int, kind: str) -> None:
    between = b"\n" if kind == "Line" else b""
    payloads = list(pack(iter(records), kind, limit, several=True))
    assert [record for payload in payloads for record in payload.records] == records
    for payload, following in zip(payloads, [*payloads[1:], None], strict=True):
        assert payload.data == between.join(payload.records)
        assert len(payload.data) <= limit
        if following is not None:
            assert len(payload.data) + len(between) + len(following.records[0]) > limit


def test_one_record_at_a_time() -> None:
    payloads = list(pack(iter([b"a", b"b"]), "Line", 100, several=False))
    assert [payload.data for payload in payloads] == [b"a", b"b"]
