"""Event logs under their final names."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sagewright.toolkit.spark import eventlogs
from sagewright.toolkit.spark.eventlogs import EventLogs


def test_a_log_has_one_name_while_it_grows_and_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventlogs, "_PERIOD_S", 0.01)
    logs = EventLogs(tmp_path / "source", tmp_path / "target")
    logs.start()
    growing, target = tmp_path / "source" / "local-1.inprogress", tmp_path / "target" / "local-1"
    growing.write_text("a\n")
    deadline = time.monotonic() + 20
    while not target.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert target.read_text() == "a\n"
    growing.write_text("a\nb\n")
    growing.rename(tmp_path / "source" / "local-1")
    logs.close()
    assert [file.name for file in (tmp_path / "target").iterdir()] == ["local-1"]
    assert target.read_text() == "a\nb\n"
