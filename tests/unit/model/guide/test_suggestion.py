"""Suggestions from the beginning of data."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.model.guide import tree
from sagewright.model.guide.suggestion import READ_BYTES, suggest

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


def answers(text: str | bytes, keys: tuple[str, ...] = ("data/a",)) -> tuple[str, str]:
    begun = text if isinstance(text, bytes) else text.encode()
    found = suggest(keys, keys[0], begun[:READ_BYTES])
    assert found.reason
    return found.answers.get("data", ""), found.answers.get("goal", "")


def rows(count: int, line: str) -> str:
    return "".join(line.format(n=n, bit=n % 2, float=n * 1.37, word="abcdefgh"[n % 8]) + "\n" for n in range(count))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (rows(100, "{bit},{float},{n}"), ("table", "class")),
        ("churn,age\n" + rows(100, "{bit},{n}"), ("table", "class")),
        (rows(100, "{float},{n},{bit}"), ("table", "number")),
        ("name;x\n" + rows(100, "row{n};{n}"), ("table", "")),
        (rows(100, "__label__{word} some words of a text"), ("text", "class")),
        (rows(100, "{word},a message of many words here"), ("text", "class")),
        (rows(50, "the cat sat on a mat and slept"), ("text", "")),
        (rows(50, "user{n},10.0.0.{n}"), ("addresses", "")),
        (rows(50, "{bit} 1:0.5 7:1 900:2"), ("sparse", "")),
        (rows(30, "2024-01-{n:02d},{float}"), ("series", "future")),
        ("".join(json.dumps({"start": "2020-01-01", "target": [1, 2]}) + "\n" for _ in range(5)), ("series", "future")),
        ("".join(json.dumps({"in0": [1], "in1": [2], "label": 1}) + "\n" for _ in range(5)), ("text", "pairs")),
        (json.dumps({"text": "a text of some words", "label": 1}), ("text", "class")),
        (rows(100, ",".join(["{bit}", *["0"] * 40])), ("sparse", "")),
        (rows(30, "{float}"), ("table", "number")),
    ],
)
def test_tables_texts_and_series(text: str, expected: tuple[str, str]) -> None:
    assert answers(text) == expected


@pytest.mark.parametrize(
    ("keys", "goal"),
    [
        (("a/1.png", "a_annotation/1.json"), "boxes"),
        (("train/1.png", "train_annotation/1.png"), "pixels"),
        (("cat/1.jpg", "dog/2.jpg"), "class"),
        (("1.jpg", "2.jpg"), ""),
    ],
)
def test_pictures_by_what_lies_beside_them(keys: tuple[str, ...], goal: str) -> None:
    assert answers(PNG, keys) == ("image", goal)


def test_record_io() -> None:
    record = struct.pack("<IfQQ", 0, 1.0, 0, 0) + PNG
    assert answers(struct.pack("<II", 0xCED7230A, len(record)) + record) == ("image", "class")
    record = struct.pack("<IfQQ", 7, 0.0, 0, 0) + b"\0" * 28 + PNG
    assert answers(struct.pack("<II", 0xCED7230A, len(record)) + record) == ("image", "boxes")


def test_record_io_of_rows() -> None:
    """A record.proto's tensor by hand: values (field 1), and of sparse rows their keys (field 2)."""
    values, keys = b"\x0a\xa0\x01" + b"\0\0\x80\x3f" * 40, b"\x12\x28" + bytes(range(40))
    for tensor, expected in ((values, "table"), (values + keys, "sparse")):
        value = b"\x12" + bytes([len(tensor) & 127 | 128, len(tensor) >> 7]) + tensor
        entry = b"\x0a\x06values\x12" + bytes([len(value) & 127 | 128, len(value) >> 7]) + value
        record = b"\x0a" + bytes([len(entry) & 127 | 128, len(entry) >> 7]) + entry
        assert answers(struct.pack("<II", 0xCED7230A, len(record)) + record) == (expected, "")


@pytest.mark.parametrize(
    "begun", [b"", b"PAR1abc", b"\x1f\x8b\x08", bytes(range(256)) * 20, b"\n\n\n", b"{" * READ_BYTES]
)
def test_what_says_nothing_is_no_answer_but_a_reason(begun: bytes) -> None:
    assert answers(begun)[1] == ""


@given(st.binary(max_size=2000) | st.text(max_size=2000).map(str.encode))
def test_any_bytes_are_answered_by_the_tree_s_words(begun: bytes) -> None:
    found = suggest(["k" * 500, "b.png"], "k" * 500, begun)
    assert len(found.reason) < 600
    assert set(found.answers) <= {"data", "goal"}
    if "data" in found.answers:
        assert found.answers["data"] in {one.name for one in tree.DATA.options}
    if "goal" in found.answers:
        assert found.answers["goal"] in {one.name for one in tree.GOALS[found.answers["data"]].options}
