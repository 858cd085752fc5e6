"""Filters and joins as AWS's guide, "Associate Prediction Results with Input Records", describes them."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import datetime

import pytest

from sagewright.agent.inputs.records import Payload
from sagewright.agent.transform.row_filters import BadRow, RowFilter
from sagewright.model.jobs.brief import RowFilters

CSV, JSON, LINES = "text/csv", "application/json", "application/jsonlines"


def payload(*records: bytes) -> Payload:
    return Payload(b"\n".join(records), list(records))


@pytest.mark.parametrize(
    ("path", "row", "kept"),
    [
        ("$[1:]", b"id,1,2", b"1,2"),
        ("$[:-1]", b"id,1,2", b"id,1"),
        ("$[0,-1]", b"id,1,2", b"id,2"),
        ("$[0, 2:]", b"id,1,2,3", b"id,2,3"),
        ("$[*]", b"id,1,2", b"id,1,2"),
        ("$[2]", b"id,1,2", b"2"),
        ("$[1:3]", b'"a,b",1,2\r', b"1,2"),
        ("$[0]", b'"a,b",1,2', b'"a,b"'),
        ("$[1]", 'x,"say ""ä"""'.encode(), '"say ""ä"""'.encode()),
        ("$[::2]", b"a,b,c", b"a,c"),
    ],
)
def test_columns_of_csv(path: str, row: bytes, kept: bytes) -> None:
    assert RowFilter(RowFilters(before=path), CSV, by_line=True).before(row) == kept


@pytest.mark.parametrize(
    ("path", "row", "kept"),
    [
        ("$.features", {"id": 1, "features": [1, 2]}, [1, 2]),
        ("$['a b']", {"a b": "ü"}, "ü"),
        ("$['id','x']", {"id": 1, "x": 2, "y": 3}, {"id": 1, "x": 2}),
        ("$.a['b','c']", {"a": {"b": 1, "c": 2, "d": 3}}, {"b": 1, "c": 2}),
        ("$.f[1:]", {"f": [1, 2, 3]}, [2, 3]),
        ("$..s", {"a": {"s": 1}, "s": 2}, [2, 1]),
        ("$[1:]", [1, 2, 3], [2, 3]),
        ("$.f[0]", {"f": [None]}, None),
    ],
)
def test_members_of_json(path: str, row: object, kept: object) -> None:
    found = RowFilter(RowFilters(before=path), LINES, by_line=True).before(json.dumps(row).encode())
    assert json.loads(found) == kept


def test_a_join_of_csv_appends_the_answer_to_the_whole_row() -> None:
    rows = RowFilter(RowFilters("$[1:]", "$[0,-1]", join=True), "text/csv; charset=utf-8", by_line=True)
    assert rows.before(b"7,1,2") == b"1,2"
    assert rows.after(payload(b"7,1,2", b"8,3,4"), b"0.5\n0.25\n") == b"7,0.5\n8,0.25\n"
    whole = RowFilter(RowFilters(join=True), CSV, by_line=True)
    assert whole.after(payload(b"7,1"), b"0.5,x") == b"7,1,0.5,x"


def test_a_join_of_json_lines_puts_the_answer_under_its_name() -> None:
    rows = RowFilter(RowFilters("$.f", "$['id','SageMakerOutput']", join=True), LINES, by_line=True)
    found = rows.after(payload(b'{"id":1,"f":[2]}', b"[3]"), b'{"s":0.5}\n{"s":1}\n').splitlines()
    assert [json.loads(line) for line in found] == [
        {"id": 1, "SageMakerOutput": {"s": 0.5}},
        {"SageMakerOutput": {"s": 1}},
    ]
    plain = RowFilter(RowFilters(join=True), LINES, by_line=True)
    assert json.loads(plain.after(payload(b"[3]"), b"4")) == {"SageMakerInput": [3], "SageMakerOutput": 4}


def test_a_json_object_is_one_row_over_several_lines() -> None:
    rows = RowFilter(RowFilters(after="$.predictions", join=False), JSON, by_line=False)
    assert rows.after(payload(b"{\n}"), b'{"predictions":\n [1,2]}') == b"[1,2]"


@pytest.mark.parametrize(
    ("rows", "content_type", "given", "answer", "message"),
    [
        (RowFilters(join=True), CSV, [b"1", b"2"], b"0.5\n", "1 rows for 2 records"),
        (
            RowFilters(after="$[5]"),
            CSV,
            [b"1"],
            b"0.5\n",
            r"the output filter \$\[5\]: the filter's columns do not exist",
        ),
        (RowFilters(after="$.a"), LINES, [b"1"], b"[1]\n", "there is nothing at"),
        (RowFilters(after="$.a"), LINES, [b"1"], b"{\n", "cannot be read"),
        (RowFilters(after="$.a"), LINES, [b"1"], b"[" * 100_000, "cannot be read"),
        (RowFilters(after="$[0]"), CSV, [b"1"], b'"a\n', "cannot be read"),
        (RowFilters(after="$[0]"), CSV, [b"1"], b"\xff\n", "cannot be read"),
    ],
)
def test_rows_that_do_not_fit_say_why(
    rows: RowFilters, content_type: str, given: list[bytes], answer: bytes, message: str
) -> None:
    with pytest.raises(BadRow, match=message):
        RowFilter(rows, content_type, by_line=True).after(payload(*given), answer)


def test_what_cannot_be_looked_into_is_refused_only_if_it_has_to_be() -> None:
    untouched = RowFilter(RowFilters(), "image/png", by_line=False)
    assert untouched.does_nothing
    assert untouched.after(payload(b"x"), b"\x00\n\xff") == b"\x00\n\xff"
    with pytest.raises(BadRow, match="image/png"):
        RowFilter(RowFilters(join=True), "image/png", by_line=False)


def test_rows_get_an_inference_id_and_the_time_of_the_job() -> None:
    rows = RowFilter(RowFilters(join=True, identified=True), CSV, by_line=True)
    found = [line.split(b",") for line in rows.after(payload(b"7,1", b'8,"a,b"'), b"0.5\n0.25\n").splitlines()]
    assert [line[:-2] for line in found] == [[b"7", b"1", b"0.5"], [b"8", b'"a', b'b"', b"0.25"]]
    assert len({str(uuid.UUID(line[-2].decode())) for line in found}) == 2
    assert found[0][-1] == found[1][-1]
    datetime.strptime(found[0][-1].decode(), "%Y-%m-%dT%H:%M:%SZ")
    for filters, content_type, given, answer, expected in (
        (RowFilters(join=True), LINES, b'{"f":1}', b'{"s":2}', {"f": 1, "SageMakerOutput": {"s": 2}}),
        (RowFilters(), JSON, b'{"f":1}', b'{"s":2}', {"SageMakerOutput": {"s": 2}}),
        (RowFilters(after="$.s"), JSON, b"{}", b'{"s":2}', {"SageMakerOutput": 2}),
    ):
        named = RowFilter(replace(filters, identified=True), content_type, by_line=content_type == LINES)
        members = json.loads(named.after(payload(given), answer))
        assert list(members)[:2] == ["SageMakerInferenceId", "SageMakerInferenceTime"]
        assert {name: members[name] for name in list(members)[2:]} == expected
    with pytest.raises(BadRow, match="SplitType Line"):
        RowFilter(RowFilters(identified=True), CSV, by_line=False)
    with pytest.raises(BadRow, match="image/png"):
        RowFilter(RowFilters(identified=True), "image/png", by_line=False)
