"""VolumeSizeInGB: what counts, whom it holds, and how a job that needs more ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from agent.double import Double, host_document
from sagewright.agent.errors import ClientError, JobError
from sagewright.agent.hostfile import read_host_file
from sagewright.agent.process.volume import Volume, used_bytes
from sagewright.jobfiles.removal import remove_tree


@pytest.fixture
def tmp_path(on_disk: Path) -> Path:
    """Files in memory are no use of a disk."""
    return on_disk


def volume(double: Double, directory: Path, failures: list[JobError], **resources: Any) -> Volume:
    config = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1, **resources}
    document = host_document(double, request={"ResourceConfig": config})
    (directory / "host.json").write_text(json.dumps(document))
    (directory / "ml").mkdir()
    return Volume(read_host_file(directory), failures.append)


def test_channels_that_do_not_fit_together_are_refused(double: Double, tmp_path: Path) -> None:
    held = volume(double, tmp_path, [])
    held.claim(600 << 20, elsewhere=True)
    with pytest.raises(ClientError, match=r"^Data download failed:Insufficient disk space: host algo-1 needs 1\.2 GiB"):
        held.claim(600 << 20, elsewhere=True)


def test_hosts_with_disks_of_their_own_and_requests_without_a_size_have_no_limit(
    double: Double, tmp_path: Path
) -> None:
    for number, resources in enumerate([{"InstanceType": "ml.g5.xlarge"}, {"VolumeSizeInGB": None}]):
        (tmp_path / str(number)).mkdir()
        volume(double, tmp_path / str(number), [], **resources).claim(1 << 40, elsewhere=True)


def test_the_job_ends_when_its_files_and_its_channels_take_more(double: Double, tmp_path: Path) -> None:
    failures: list[JobError] = []
    held = volume(double, tmp_path, failures)
    with (tmp_path / "ml" / "hole").open("wb") as hole:
        hole.truncate(5 << 30)  # takes no space
    held.claim((1 << 30) - (1 << 20), elsewhere=True)
    held.start()
    time.sleep(1.2)
    assert failures == []
    (tmp_path / "ml" / "file").write_bytes(os.urandom(2 << 20))
    (tmp_path / "ml" / "again").hardlink_to(tmp_path / "ml" / "file")
    deadline = time.monotonic() + 10
    while not failures:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    held.close()
    assert str(failures[0]) == ("Insufficient disk space: host algo-1 needs 1.0 GiB or more, and VolumeSizeInGB is 1.")


def ends(failures: list[JobError], within_s: float = 10) -> str:
    deadline = time.monotonic() + within_s
    while not failures:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return str(failures[0])


def test_files_that_a_process_keeps_open_count_without_a_name(double: Double, tmp_path: Path) -> None:
    failures: list[JobError] = []
    held = volume(double, tmp_path, failures)
    held.claim((1 << 30) - (3 << 20), elsewhere=True)
    held.start()
    script = (
        f"import os, sys; p = {str(tmp_path / 'ml' / 'file')!r}; f = open(p, 'wb'); f.write(b'x' * (2 << 20)); os.unlink(p)\n"
        "f.flush(); sys.stdin.read(1); f.write(b'x' * (2 << 20)); f.flush(); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as process:
        time.sleep(1.5)
        assert failures == []
        assert process.stdin is not None
        process.stdin.write(b"x")
        process.stdin.flush()
        assert ends(failures).startswith("Insufficient disk space: host algo-1 needs 1.0 GiB")
        process.stdin.close()
    held.close()


def test_files_count_however_deep_they_are(tmp_path: Path) -> None:
    at = os.open(tmp_path, os.O_RDONLY)
    for _level in range(3000):
        os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    file = os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=at)
    os.write(file, os.urandom(1 << 20))
    os.fsync(file)
    os.close(file)
    os.close(at)
    *_before, total = used_bytes([tmp_path], lambda: None)
    assert total >= 1 << 20
    assert remove_tree(tmp_path) == []  # too deep for pytest


def test_links_out_of_the_directories_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "ml").mkdir()
    (tmp_path / "big").write_bytes(os.urandom(1 << 20))
    (tmp_path / "ml" / "link").symlink_to(tmp_path / "big")
    (tmp_path / "ml" / "folder").symlink_to(tmp_path)
    (tmp_path / "away").symlink_to(tmp_path)
    *_before, total = used_bytes([tmp_path / "ml", tmp_path / "away", tmp_path / "none"], lambda: None)
    assert total < 1 << 20
