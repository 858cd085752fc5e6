from __future__ import annotations

from sagewright.agent.reports.lines import MAX_LINE_BYTES, LineSplitter


def test_lines_across_chunks() -> None:
    splitter = LineSplitter()

    assert splitter.feed(b"one\ntw") == ["one"]
    assert splitter.feed(b"o") == []
    assert splitter.feed(b"\n\nthree") == ["two", ""]
    assert splitter.flush() == ["three"]
    assert splitter.flush() == []


def test_a_character_cut_by_a_chunk_is_whole() -> None:
    splitter = LineSplitter()
    splitter.feed("é".encode()[:1])

    assert splitter.feed("é".encode()[1:] + b"\n") == ["é"]


def test_endless_lines_are_split_as_they_come() -> None:
    splitter = LineSplitter()
    lines = [line for _chunk in range(40) for line in splitter.feed(b"x" * 65536)]

    assert [len(line) for line in lines] == [MAX_LINE_BYTES] * 10
    assert splitter.flush() == []


def test_odd_bytes_are_the_same_in_one_chunk_and_byte_by_byte() -> None:
    data = b"a\tb\r\n\xff\xfe x\n\xe2\x82\n\0\r\r\n\xe2\x82\xac\n\n\r"
    whole, bytewise = LineSplitter(), LineSplitter()
    expected = ["a#011b", "\ufffd\ufffd x", "\ufffd", "\ufffd\r", "\u20ac", ""]

    assert whole.feed(data) == expected
    assert [line for byte in data for line in bytewise.feed(bytes([byte]))] == expected
    assert whole.flush() == bytewise.flush() == [""]
