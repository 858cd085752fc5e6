"""Names of backups: times, which sort in the order in which they were taken."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sagewright.backups.repository import BackupFailed, BackupManifest, BackupRepository


def test_backups_of_one_second_are_both_kept_in_order(tmp_path: Path) -> None:
    repository, now = BackupRepository(tmp_path / "all"), datetime(2026, 11, 30, 6, 25, 7, tzinfo=UTC)
    repository.prepare()
    manifest = BackupManifest("", "0", "1", "store.sqlite", "", {}, [], [])
    made = [repository.finish(repository.begin(now), manifest) for _ in range(3)]
    assert made == ["20261130T062507Z", "20261130T062507Z-2", "20261130T062507Z-3"]
    assert repository.names() == made
    assert repository.chosen("2026-11-30T06:25:07Z") == made[-1]
    later = repository.finish(repository.begin(now.replace(second=8)), manifest)
    assert repository.names()[-1] == later
    assert repository.chosen("2026-11-30T06:25:07Z") == made[-1]


def test_a_second_backup_leaves_the_unfinished_one_of_the_first(tmp_path: Path) -> None:
    first, now = BackupRepository(tmp_path / "all"), datetime(2026, 11, 30, 6, 25, 7, tzinfo=UTC)
    first.prepare()
    begun = first.begin(now)
    second = BackupRepository(tmp_path / "all")
    with pytest.raises(BackupFailed, match=r"Another backup into .*/all is in progress"):
        second.prepare()
    assert begun.is_dir()
    del first
    second.prepare()
    assert not begun.exists()
