"""A discarded directory is renamed at once and gone soon, even after a restart."""

from __future__ import annotations

import time
from pathlib import Path

from sagewright.engine.jobs.directories import Trash


def gone(launch_context: Path) -> None:
    until = time.monotonic() + 10
    while left := list(launch_context.iterdir()):
        assert time.monotonic() < until, left
        time.sleep(0.01)


def test_directories_files_and_links_go(tmp_path: Path) -> None:
    jobs, outside = tmp_path / "jobs", tmp_path / "outside"
    (jobs / "one" / "deep").mkdir(parents=True)
    (jobs / "one" / "deep" / "file").write_bytes(b"x")
    outside.mkdir()
    (jobs / "link").symlink_to(outside)
    (jobs / "file").write_bytes(b"x")
    trash = Trash(jobs)
    for name in ("one", "link", "file", "none"):
        trash.throw(jobs / name)
        assert not (jobs / name).is_symlink()
        assert not (jobs / name).exists()
    gone(jobs)
    assert outside.is_dir()


def test_a_server_that_ended_in_the_middle_is_finished_for(tmp_path: Path) -> None:
    (tmp_path / ".removed-before" / "deep").mkdir(parents=True)
    (tmp_path / "kept").mkdir()
    Trash(tmp_path).sweep()
    until = time.monotonic() + 10
    while [entry.name for entry in tmp_path.iterdir()] != ["kept"]:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_what_lies_on_another_file_system_goes_too(tmp_path: Path, other_disk: Path) -> None:
    launch_context = other_disk / "context"
    (launch_context / "one").mkdir(parents=True)
    Trash(tmp_path).throw(launch_context / "one")
    gone(launch_context)
