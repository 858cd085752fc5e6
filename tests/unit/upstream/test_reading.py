"""Answers byte by byte and all at once: they are read alike."""

from __future__ import annotations

import pytest

from sagewright.upstream import reading
from sagewright.upstream.errors import Broken, TooLong
from sagewright.upstream.reading import AnswerReader

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n"


def read(data: bytes, size: int, most: int | None = 1000) -> AnswerReader:
    reader = AnswerReader()
    reader.reset(most)
    for at in range(0, len(data), size):
        reader.feed(data[at : at + size])
    return reader


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize(
    ("data", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-A: b\r\n\r\nfine", b"fine"),
        (b"HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 4\r\n\r\nfine", b"fine"),
        (CHUNKED + b"2\r\nfi\r\n1;x=y\r\nn\r\n1\r\ne\r\n0\r\nX-A: no\r\n\r\n", b"fine"),
        (CHUNKED + b"0\r\n\r\n", b""),
    ],
    ids=["a length", "nothing", "an interim answer", "chunks", "no chunk"],
)
def test_answers(data: bytes, body: bytes, size: int) -> None:
    reader = read(data, size)
    assert (reader.complete, reader.status, reader.headers["x-a"], reader.take()) == (True, 200, "b", body)
    assert reader.keep and not reader.extra and not reader.held


@pytest.mark.parametrize("size", [1, 100_000])
def test_what_follows_an_answer_is_no_part_of_it(size: int) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"
    reader = read(answer, size)
    reader.feed(b"HTTP/1.1 200 OK\r\n")
    assert reader.take() == b"fine"
    assert read(answer + answer, 100_000).extra


def test_a_body_of_no_length_ends_with_the_connection() -> None:
    reader = read(b"HTTP/1.0 200 OK\r\n\r\nfine", 1000)
    assert not reader.complete
    reader.feed_end()
    assert (reader.complete, reader.keep, reader.take()) == (True, False, b"fine")
    cut_off = read(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfine", 1000)
    cut_off.feed_end()
    assert not cut_off.complete


def test_one_answer_leaves_nothing_to_the_next() -> None:
    reader = read(CHUNKED + b"2\r\nab\r\n2\r\ncd\r\n2\r\nef\r\n0\r\n\r\n", 1000)
    reader.reset(1000)
    reader.feed(b"HTTP/1.1 201 OK\r\nContent-Length: 4\r\n\r\nfine")
    assert (reader.status, reader.headers, reader.take()) == (201, {"content-length": "4"}, b"fine")


def test_small_pieces_are_joined() -> None:
    pieces = b"".join(b"10\r\n%016d\r\n" % number for number in range(20_000))
    reader = read(CHUNKED + pieces, 1 << 16, most=None)
    assert reader.pieces_read >= 20_000
    assert len(reader._pieces) < 10
    assert reader.take() == b"".join(b"%016d" % number for number in range(20_000))


def test_many_small_chunks_are_refused_and_as_many_large_ones_are_not() -> None:
    count = reading.MOST_PIECES * 2
    with pytest.raises(TooLong, match="chunks of less than 16 bytes"):
        read(CHUNKED + b"2\r\nab\r\n" * count, 1 << 16, most=None)
    assert read(CHUNKED + b"10\r\n0123456789abcdef\r\n" * count, 1 << 16, most=None).size == 16 * count


def test_a_limit_on_the_body_is_exact() -> None:
    assert read(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine", 1000, most=4).complete
    for data in (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        CHUNKED + b"5\r\nfines\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nfines",
    ):
        with pytest.raises(TooLong, match="more than 4 bytes"):
            read(data, 1000, most=4)


def test_a_fault_in_the_head_leaves_the_answer_unbegun() -> None:
    reader = AnswerReader()
    with pytest.raises(Broken, match="Transfer-Encoding"):
        reader.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n")
    assert not reader.begun
