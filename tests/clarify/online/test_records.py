from __future__ import annotations

import pytest

from sagewright.clarify.configuration.analysis import Predictor
from sagewright.clarify.configuration.methods import ShapSettings
from sagewright.clarify.errors import CustomerError
from sagewright.clarify.online import records
from sagewright.clarify.online.records import predicted_records, read_records, selected
from sagewright.clarify.online.settings import ExplainerSettings

CSV, LINES = "text/csv", "application/jsonlines"


def settings(**changes: object) -> ExplainerSettings:
    return ExplainerSettings(Predictor(), ShapSettings(), **changes)  # type: ignore[arg-type]


def test_csv_cells_are_numbers_or_texts() -> None:
    table = read_records(b'1,2.5,"a, b",\n3,,c,\n', CSV, settings())
    assert list(table.columns) == ["column_0", "column_1", "column_2", "column_3"]
    assert [column.dtype.kind for _, column in table.items()] == ["i", "f", "O", "f"]
    assert table["column_2"].tolist() == ["a, b", "c"]
    assert table["column_1"].isna().tolist() == [False, True]


def test_types_and_names_of_the_configuration() -> None:
    table = read_records(
        b"1,2\n", "text/csv; charset=utf-8", settings(headers=("a", "b"), types=("categorical", "numerical"))
    )
    assert table["a"].tolist() == ["1"]
    assert table["b"].tolist() == [2]


@pytest.mark.parametrize("line", [b"[1, 2]", b'{"features": [1, 2]}', b'{"x": [1, 2]}'])
def test_json_lines_are_lists_or_have_one(line: bytes) -> None:
    assert read_records(line, LINES, settings()).to_numpy().tolist() == [[1, 2]]
    assert read_records(b'{"id": 7, "f": {"v": [1, 2]}}', LINES, settings(features="f.v")).shape == (1, 2)


@pytest.mark.parametrize(
    ("body", "media", "changes", "message"),
    [
        (b"", CSV, {}, "no records"),
        (b"1,2\n1\n", CSV, {}, "Record 1 has 1 features, and record 0 has 2"),
        (b"1,2\n", CSV, {"headers": ("a",)}, "records of 2 features, and FeatureHeaders 1"),
        (b"1,2\n", CSV, {"types": ("numerical",)}, "records of 2 features, and FeatureTypes 1"),
        (b"a\n", CSV, {"types": ("numerical",)}, "type numerical has a cell that is not a number"),
        (b"\xff\n", CSV, {}, "not UTF-8"),
        (b"{", LINES, {}, "not JSON Lines"),
        (b"[" * 100_000, LINES, {}, "not JSON Lines"),
        (b'{"a": 1, "b": 2}', LINES, {}, "Record 0 of the request has no list of features"),
        (b"[[1]]", LINES, {}, "Record 0 of the request has no list of features"),
        (b"1\n", "image/png", {}, "ContentType must be one of text/csv, application/jsonlines"),
        (b"1\n" * (records.MOST_RECORDS + 1), CSV, {}, "at most 10000 records"),
    ],
)
def test_requests_that_can_not_be_read(body: bytes, media: str, changes: dict[str, object], message: str) -> None:
    with pytest.raises(CustomerError, match=message):
        read_records(body, media, settings(**changes))


def test_expressions_select_records() -> None:
    assert selected(predicted_records(b"0.2,no\n0.9,yes\n", CSV), "[0] > `0.5`") == [False, True]
    assert selected(predicted_records(b'{"p":0.9}\n{"p":0.1}', LINES), "p > `0.5`") == [True, False]
    assert selected([1, 2], "") == [True, True]
    with pytest.raises(CustomerError, match="`7` gives 7 for record 0"):
        selected([[1]], "`7`")
    with pytest.raises(CustomerError, match="gives null"):
        selected([[1]], "p > `0.5`")
