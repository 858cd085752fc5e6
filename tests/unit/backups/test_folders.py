"""Copies of folders that users write to."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from pathlib import Path

import pytest

from sagewright.backups import folders
from sagewright.backups.folders import copy_folder
from sagewright.jobfiles.jobfile import JobFile


def test_files_links_modes_and_times_are_kept(tmp_path: Path) -> None:
    home, secret = tmp_path / "home", tmp_path / "secret"
    secret.write_text("of the server")
    (home / "deep" / "er").mkdir(parents=True)
    (home / "deep" / "er" / "run.sh").write_text("echo")
    (home / "deep" / "er" / "run.sh").chmod(0o750)
    os.utime(home / "deep" / "er" / "run.sh", (1, 1))
    (home / "outside").symlink_to(secret)
    (home / "folder").symlink_to(tmp_path)
    assert copy_folder(home, tmp_path / "copy") == []
    copied = (tmp_path / "copy" / "deep" / "er" / "run.sh").stat()
    assert (stat.S_IMODE(copied.st_mode), copied.st_mtime) == (0o750, 1)
    assert (tmp_path / "copy" / "outside").readlink() == secret
    assert (tmp_path / "copy" / "folder").readlink() == tmp_path


def test_special_files_and_depth_do_not_end_a_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    os.mkfifo(home / "pipe")
    monkeypatch.chdir(home)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
    for _level in range(40):
        Path("d" * 200).mkdir()
        os.chdir("d" * 200)
    monkeypatch.chdir(home)
    (home / "kept").write_text("kept")
    left = copy_folder(home, tmp_path / "copy")
    assert {"pipe", "socket"} < set(left)
    assert any("bytes" in one for one in left)
    assert (tmp_path / "copy" / "kept").read_text() == "kept"
    shutil.copytree(tmp_path / "copy", tmp_path / "restored", symlinks=True)


def test_a_file_that_changes_is_left_out_and_a_full_disk_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "log").write_text("abc")

    def fails(number: int) -> None:
        def copy_to(*_given: object) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(JobFile, "copy_to", copy_to)

    fails(5)
    assert copy_folder(home, tmp_path / "copy") == ["log"]
    assert list((tmp_path / "copy").iterdir()) == []
    fails(next(iter(folders._OWN)))
    with pytest.raises(OSError, match=r"\S"):
        copy_folder(home, tmp_path / "second")
