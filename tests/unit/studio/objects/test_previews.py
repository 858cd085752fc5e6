"""Previews of objects by their bytes, hostile ones among them."""

from __future__ import annotations

import base64
import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewright.studio.objects.footers import parquet
from sagewright.studio.objects.previews import preview
from sagewright.studio.objects.thrift import BadThrift, read_struct


def test_tables_with_and_without_a_header() -> None:
    bare = preview("a.csv", b"1,2.5,x\n0,3,y\n", 14)
    assert (bare.kind, [column.type for column in bare.columns], len(bare.rows)) == (
        "csv",
        ["whole number", "number", "text"],
        2,
    )
    headed = preview("a.csv", b"churned,age\n1,34\n0,\n", 20)
    assert [column.name for column in headed.columns] == ["churned", "age"]
    assert headed.columns[1].missing == 1


def test_a_cut_line_and_a_cut_character_are_left_out() -> None:
    whole = "a,b\n1,ä\n2,ö".encode()
    assert preview("a.csv", whole[:-1], 100).rows == (("1", "ä"),)


def test_json_lines_and_the_line_that_is_none() -> None:
    assert preview("t.jsonl", b'{"a": 1}\n{"a": 2, "b": "x"}\n', 28).rows == (("1", ""), ("2", "x"))
    assert "line 2 is not JSON" in preview("t.jsonl", b'{"a": 1}\n{"a": \n', 16).said


def test_pictures_are_shown_whole_or_not_at_all() -> None:
    png = b"\x89PNG\r\n\x1a\n" + b"x" * 10
    assert preview("p.png", png, len(png)).picture.startswith("data:image/png;base64,")
    assert preview("p.png", png, 10**6).picture == ""
    assert preview("p.svg", b"<svg onload=alert(1)>", 21).kind == "text"


@given(st.binary(max_size=300), st.sampled_from(["a.csv", "a.json", "a.jsonl", "a", "a.txt"]))
def test_any_bytes_have_a_preview(content: bytes, key: str) -> None:
    assert preview(key, content, len(content)).kind


@given(st.binary(max_size=200))
def test_any_footer_is_read_or_refused(content: bytes) -> None:
    tail = content + struct.pack("<I", len(content)) + b"PAR1"
    assert parquet(tail, 1000).kind in ("parquet", "bytes")


@given(st.binary(max_size=200))
def test_thrift_never_fails_otherwise(content: bytes) -> None:
    with contextlib.suppress(BadThrift):
        read_struct(content)


PARQUET = base64.b64decode(
    "UEFSMRUAFTwVPCwVBhUAFQYVBhwAAAACAAAABgEBAAAAAAAAAAIAAAAAAAAAAwAAAAAAAAAVABUqFSosFQYVABUGFQYcAAAAAgAA"
    "AAYBAQAAAGEBAAAAYgEAAABjFQQZPDUAGAZzY2hlbWEVBAAVBCUCGANhZ2UAFQwlAhgEbmFtZSUATBwAAAAWBhkcGSwmABwVBBkl"
    "BgAZGANhZ2UVABYGFmIWYiYISRwVABUAFQIAPCkGGSYABgAAACYAHBUMGSUGABkYBG5hbWUVABYGFlAWUCZqSRwVABUAFQIAPBYG"
    "GQYZJgAGAAAAFrIBFgYmCBayAQAoIHBhcnF1ZXQtY3BwLWFycm93IHZlcnNpb24gMjYuMC4xGSwcAAAcAAAAwwAAAFBBUjE="
)
"""Three rows of `age` and `name`, written by pyarrow without compression."""


def test_a_parquet_file_by_its_footer() -> None:
    assert preview("t.parquet", PARQUET[:100], len(PARQUET)).kind == "parquet"
    found = parquet(PARQUET, len(PARQUET))
    assert "3 rows in 1 row groups, 2 columns" in found.said
    assert [(column.name, column.type) for column in found.columns] == [("age", "int64"), ("name", "text")]


FOOTER = base64.b64decode(
    "FQQZbDUAGAZzY2hlbWEVCgAVAiUCGANhZ2UAFQolAhgFc2NvcmUAFQwlAhgGY29sb3VyJQBMHAAAABUCJQIYA2RheSUMTGwAAAAVAiUCGARzZW"
    "VuJRpMrBMgEgAAABYIGSwZXCYAHBUCGSUGABkYA2FnZRUAFgQWchZyJgg8GAQiAAAAGAQiAAAAFgIoBCIAAAAYBCIAAAAREQAZHBUAFQAVAgA8"
    "KQYZJgICAAAAJgAcFQoZJQYAGRgFc2NvcmUVABYEFqoBFqoBJno8GAgAAAAAAAACQBgIAAAAAAAA4D8WACgIAAAAAAAAAkAYCAAAAAAAAOA/ER"
    "EAGRwVABUAFQIAPCkGGSYABAAAACYAHBUMGSUGABkYBmNvbG91chUAFgQWbhZuJqQCPDYAKANyZWQYBGJsdWUREQAZHBUAFQAVAgA8Fg4ZBhkm"
    "AAQAAAAmABwVAhklBgAZGANkYXkVABYEFnoWeiaSAzwYBHpOAAAYBIlNAAAWACgEek4AABgEiU0AABERABkcFQAVABUCADwpBhkmAAQAAAAmAB"
    "wVAhklBgAZGARzZWVuFQAWBBZiFmImjAQ8NgAoBAIAAAAYBAEAAAAREQAZHBUAFQAVAgA8KQYZJgAEAAAAFuYEFgQmCBbmBAAZXCYAHBUCGSUG"
    "ABkYA2FnZRUAFgQWehZ6Ju4EPBgEMwAAABgE+f///xYAKAQzAAAAGAT5////EREAGRwVABUAFQIAPCkGGSYABAAAACYAHBUKGSUGABkYBXNjb3"
    "JlFQAWBBaqARaqASboBTwYCAAAAAAAAPA/GAgAAAAAAAAIwBYAKAgAAAAAAADwPxgIAAAAAAAACMAREQAZHBUAFQAVAgA8KQYZJgAEAAAAJgAc"
    "FQwZJQYAGRgGY29sb3VyFQAWBBZoFmgmkgc8NgIoBWdyZWVuGAVncmVlbhERABkcFQAVABUCADwWChkGGSYCAgAAACYAHBUCGSUGABkYA2RheR"
    "UAFgQWehZ6JvoHPBgEtE4AABgEeU4AABYAKAS0TgAAGAR5TgAAEREAGRwVABUAFQIAPCkGGSYABAAAACYAHBUCGSUGABkYBHNlZW4VABYEFmIW"
    "Yib0CDw2ACgEBAAAABgEAwAAABERABkcFQAVABUCADwpBhkmAAQAAAAW6AQWBCbuBBboBAAoIHBhcnF1ZXQtY3BwLWFycm93IHZlcnNpb24gMj"
    "YuMC4xGVwcAAAcAAAcAAAcAAAcAAAAogMAAFBBUjE="
)
"""The end of a file by pyarrow: four rows in two groups, with a missing age and colour, dates, and unsigned numbers."""


def test_a_footer_tells_values_and_missing_ones() -> None:
    columns = parquet(FOOTER, 2000).columns
    assert [(one.name, one.type, one.shape, one.missing) for one in columns] == [
        ("age", "int32", "−7 to 51", 1),
        ("score", "double", "−3 to 2.2500", 0),
        ("colour", "text", "blue to red", 1),
        ("day", "int32", "2024-05-06 to 2025-03-01", 0),
        ("seen", "int32", "", 0),
    ]
    assert all(one.size for one in columns)


@given(st.integers(0, len(FOOTER) - 9), st.binary(min_size=1, max_size=8))
def test_a_footer_that_was_changed_is_read_or_refused(at: int, put: bytes) -> None:
    changed = FOOTER[:at] + put + FOOTER[at + len(put) :]
    assert parquet(changed[: len(FOOTER) - 8] + FOOTER[-8:], 2000).kind in ("parquet", "bytes")


def test_json_nested_beyond_reading_is_shown() -> None:
    text = b'{"a":' * 50_000
    assert preview("a", text, len(text)).kind == "json"


@pytest.mark.parametrize(
    ("text", "delimiter", "columns"),
    [
        ("a;b;c\n1,5;2;x\n2,5;3;y\n", ";", ["a", "b", "c"]),
        ("a\tb\n1\t2,5\n", "\t", ["a", "b"]),
        ("a|b\n1|2\n", "|", ["a", "b"]),
        ('name,note\nx,"a;b\nc"\ny,"d;e;f"\n', ",", ["name", "note"]),
        ("a,b\n1,2,3\n4\n", ",", ["a", "b"]),
        ("x\n1\n2\n", ",", ["x"]),
    ],
)
def test_the_delimiter_is_found(text: str, delimiter: str, columns: list[str]) -> None:
    found = preview("a.csv", text.encode(), len(text))
    assert (found.kind, found.delimiter, [one.name for one in found.columns], found.headed) == (
        "csv",
        delimiter,
        columns,
        True,
    )


def test_text_is_not_taken_for_a_table() -> None:
    text = b"It was a dark night.\nIt rained; nobody came.\n"
    assert preview("story", text, len(text)).kind == "text"
