"""Event logs are a job's work: their names lead nowhere, and there are only so many of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from sagewright.cli.jobs import history


class Bucket:
    """As much of boto3's client as is asked."""

    def __init__(self, *found: tuple[str, int]) -> None:
        self.contents = [{"Key": key, "Size": size} for key, size in found]

    def get_paginator(self, _name: str) -> Bucket:
        return self

    def paginate(self, **_requested: str) -> Iterator[dict[str, Any]]:
        yield {"Contents": self.contents}

    def download_file(self, _bucket: str, key: str, file: str) -> None:
        Path(file).write_text(key)


def test_names_lead_nowhere(tmp_path: Path) -> None:
    bucket = Bucket(("events/..", 1), ("events/.", 1), ("events/", 0), ("events/../../up", 1), ("events/app-1", 1))
    target = tmp_path / "place" / "spark-events"
    assert history._bring(bucket, "s3://bucket/events", target) == 2
    assert {file.name for file in tmp_path.rglob("*") if file.is_file()} == {"up", "app-1"}
    assert all(file.parent == target for file in tmp_path.rglob("*") if file.is_file())


@pytest.mark.parametrize(
    "found",
    [
        [("events/app", history._MOST_BYTES + 1)],
        [(f"events/{number}", 0) for number in range(history._MOST_LOGS + 1)],
        [(f"events/{'x' * 300}", 1)],
    ],
    ids=["too large", "too many", "too long a name"],
)
def test_what_cannot_be_brought_is_said(
    tmp_path: Path, found: list[tuple[str, int]], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit):
        history._bring(Bucket(*found), "s3://bucket/events", tmp_path / "logs")
    assert "s3://bucket/events" in "".join(capsys.readouterr()).replace("\n", "")
