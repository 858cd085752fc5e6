"""Metric files of a job: their lines are reported in batches, within limits, and nothing outside of the folder is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagewright.agent.optml import OptMl
from sagewright.agent.reports import metric_files
from sagewright.agent.reports.metric_files import report_metric_files


class Reported:
    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)

    def send(self, *, metric_lines: list[str]) -> None:
        self.batches.append(metric_lines)


def reported(root: Path) -> Reported:
    found = Reported()
    report_metric_files(OptMl(root), "metrics", found)
    return found


def test_lines_of_all_files_are_sent_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metric_files, "BATCH_LINES", 2)
    folder = tmp_path / "metrics"
    (folder / "deeper").mkdir(parents=True)
    (folder / "a.jsonl").write_bytes(b'{"a": 1}\n\n{"b": 2}\n')
    (folder / "deeper" / "b.jsonl").write_bytes(b"\xff")
    (folder / "other.txt").write_text("no metric")
    found = reported(tmp_path)
    assert found.batches == [['{"a": 1}', '{"b": 2}'], ["\ufffd"]]
    assert not found.lines


def test_links_are_not_followed_and_an_absent_folder_has_nothing(tmp_path: Path) -> None:
    assert reported(tmp_path).batches == []
    (tmp_path / "secret").write_text("secret")
    folder = tmp_path / "metrics"
    folder.mkdir()
    (folder / "a.jsonl").symlink_to(tmp_path / "secret")
    assert reported(tmp_path).batches == []
    folder.rename(tmp_path / "elsewhere")
    (tmp_path / "metrics").symlink_to(tmp_path / "elsewhere")
    found = reported(tmp_path)
    assert found.batches == []
    assert "cannot be read" in found.lines[0]


@pytest.mark.parametrize(
    ("limit", "value", "text"),
    [
        ("MOST_LINES", 3, "more than 3 lines"),
        ("MOST_BYTES", 10, "more than 10 bytes"),
        ("LONGEST_LINE", 4, "more than 4"),
    ],
)
def test_what_exceeds_a_limit_is_left_out_and_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, text: str
) -> None:
    monkeypatch.setattr(metric_files, limit, value)
    folder = tmp_path / "metrics"
    folder.mkdir()
    (folder / "a.jsonl").write_text("1\n22\n333\n4444\n55555\n")
    found = reported(tmp_path)
    assert sum(len(batch) for batch in found.batches) in {3, 4}
    (line,) = found.lines
    assert text in line
    assert "/opt/ml/metrics" in line
