"""`sagewright cp`, `ls` and `sync` between folders and S3."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

SAGEWRIGHT = str(Path(sys.executable).parent / "sagewright")
BUCKET = "cli-copies"
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def s3(server: RunningServer) -> Any:
    found = server.boto("s3")
    found.create_bucket(Bucket=BUCKET)
    return found


@pytest.fixture
def command(server: RunningServer, s3: Any, tmp_path: Path) -> Command:
    return lambda *words: subprocess.run(
        [SAGEWRIGHT, *words, "--data", str(server.data)],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_files_and_folders_there_and_back(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a" / "deep").mkdir(parents=True)
    (tmp_path / "a" / "one.txt").write_text("1")
    (tmp_path / "a" / "deep" / "two ä.txt").write_text("22")
    there = f"s3://{BUCKET}/there/"
    assert "2 files copied (3 B)" in command("cp", "a", there).stdout
    assert command("ls", there, "-o", "name").stdout.split() == [f"{there}deep/", f"{there}one.txt"]
    assert json.loads(command("ls", there, "--json").stdout)[1]["Size"] == 1
    assert f"s3://{BUCKET}/" in command("ls").stdout
    assert command("cp", there, "back").returncode == 0
    assert (tmp_path / "back" / "deep" / "two ä.txt").read_text() == "22"
    assert command("cp", f"{there}one.txt", "single").returncode == 0
    assert (tmp_path / "single").read_text() == "1"
    assert command("cp", "single", f"s3://{BUCKET}/named/").returncode == 0
    assert command("ls", f"s3://{BUCKET}/named/", "-o", "name").stdout.strip() == f"s3://{BUCKET}/named/single"


def test_sync_copies_what_differs(command: Command, tmp_path: Path) -> None:
    folder, there = tmp_path / "f", f"s3://{BUCKET}/synced"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / name).write_text(name)
        os.utime(folder / name, (1, 1))
    assert "2 files copied (2 B), 0 unchanged" in command("sync", "f", there).stdout
    (folder / "a").write_text("longer")
    (folder / "b").unlink()
    assert "1 files copied (6 B), 0 unchanged, 1 deleted" in command("sync", "f", there, "--delete").stdout
    assert "1 files copied" in command("sync", there, "g").stdout
    assert "0 files copied (0 B), 1 unchanged" in command("sync", there, "g").stdout
    (tmp_path / "g" / "extra").write_text("x")
    assert "1 deleted" in command("sync", there, "g", "--delete").stdout
    assert [path.name for path in (tmp_path / "g").iterdir()] == ["a"]


@pytest.mark.parametrize("key", ["evil/../../out", "evil/a//b", "evil/./c"])
def test_keys_that_leave_the_folder_are_refused(command: Command, s3: Any, tmp_path: Path, key: str) -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    for words in (("cp",), ("sync",)):
        done = command(*words, f"s3://{BUCKET}/evil/", "target")
        assert done.returncode == 1 and "has no path below target" in done.stderr, done
    s3.delete_object(Bucket=BUCKET, Key=key)
    assert not (tmp_path / "out").exists() and not (tmp_path.parent / "out").exists()


def test_a_link_in_the_target_is_not_followed_out(command: Command, s3: Any, tmp_path: Path) -> None:
    s3.put_object(Bucket=BUCKET, Key="linked/away/file", Body=b"x")
    (tmp_path / "outside").mkdir()
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "away").symlink_to(tmp_path / "outside")
    done = command("cp", f"s3://{BUCKET}/linked/", "target")
    assert done.returncode == 1 and "leads out of target" in done.stderr
    assert list((tmp_path / "outside").iterdir()) == []


def test_what_cannot_be_copied_is_named(command: Command) -> None:
    for words, said in {
        ("cp", "nowhere", f"s3://{BUCKET}/"): "nowhere does not exist",
        ("cp", "a", "b"): "has to be in S3",
        ("cp", "s3://", "b"): "is not an S3 URI",
        ("cp", f"s3://{BUCKET}/nothing/", "b"): "has no files",
        ("ls", "s3://no-such-bucket/"): "There is no bucket no-such-bucket",
        ("cp", f"s3://{BUCKET}/missing.txt", "b"): "Not Found",
    }.items():
        done = command(*words)
        assert done.returncode == 1 and said in done.stderr, (words, done.stderr)
        assert "Traceback" not in done.stderr
