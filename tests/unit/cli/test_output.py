"""Tables and JSON of commands."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from sagewright.cli.output import Format, OutputColumn, gigabytes, print_json, print_rows

NAME = "sagemaker-scikit-learn-" + "0123456789" * 4
ROWS = [{"Name": NAME, "Status": "Completed"}, {"Name": "b\x1b[2Jc", "Status": "Failed"}]
FIELDS = [
    OutputColumn("name", lambda row: row["Name"]),
    OutputColumn("status", lambda row: row["Status"]),
    OutputColumn("length", lambda row: str(len(row["Name"])), wide=True),
]


def test_a_table_cuts_no_name_and_passes_no_control_character(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(ROWS, FIELDS, Format.TABLE)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "status"]
    assert lines[1].split() == [NAME, "Completed"]
    assert lines[2].startswith("b�[2Jc  ")


@pytest.mark.parametrize(
    ("form", "text"), [(Format.NAME, f"{NAME}\n"), (Format.WIDE, "name"), (Format.JSON, "[\n")], ids=str
)
def test_other_formats(capsys: pytest.CaptureFixture[str], form: Format, text: str) -> None:
    print_rows(ROWS, FIELDS, form)
    out = capsys.readouterr().out
    assert out.startswith(text)
    assert ("length" in out) == (form is Format.WIDE)
    if form is Format.JSON:
        assert json.loads(out) == ROWS


def test_json_has_moments_in_iso_8601(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"CreationTime": datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)})
    assert json.loads(capsys.readouterr().out) == {"CreationTime": "2026-01-02T03:04:05.678000+00:00"}


def test_sizes_have_the_unit_that_fits() -> None:
    assert [gigabytes(size) for size in (5, 1500, 2.5e9, 3e12)] == ["5 B", "1.5 kB", "2.5 GB", "3.0 TB"]
