"""Clients of S3 that are programs of their own, as people have them; others are in tests/conformance/s3/clients.py."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

PROGRAMS = Path(__file__).parent.parent / "programs"
CLIENTS = Path(__file__).parents[3] / ".cache" / "clients"
LARGE = 17 * 1024 * 1024
"""Bytes of a file that each of the clients sends in parts."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "one.txt").write_text("one")
    (tmp_path / "tree" / "deep" / "zwei ü+%.txt").write_text("zwei")
    (tmp_path / "tree" / "empty").touch()
    (tmp_path / "large").write_bytes(bytes(range(251)) * (LARGE // 251))
    return tmp_path


def run(server: RunningServer, folder: Path, script: str, *arguments: str) -> None:
    done = server.door("bash", str(PROGRAMS / script), *arguments, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("all done\n"), done.stdout


def name(kind: str) -> str:
    return f"{kind}-{uuid.uuid4().hex[:8]}"


@pytest.mark.sampled(1, of="programs over S3")
def test_rclone_with_the_provider_aws(server: RunningServer, folder: Path) -> None:
    run(server, folder, "rclone.sh", str(CLIENTS / "s3" / "bin" / "rclone"), name("rclone"))


@pytest.mark.sampled(1, of="programs over S3")
def test_minio_s_client(server: RunningServer, folder: Path) -> None:
    client = shutil.which("minio-client") or shutil.which("mcli")
    if client is None:
        pytest.skip("minio-client is not installed; `make system` does that on Debian 13")
    run(server, folder, "mc.sh", client, name("mc"))


@pytest.mark.sampled(1, of="programs over S3")
def test_the_aws_cli_of_version_2_with_the_common_runtime(server: RunningServer, folder: Path) -> None:
    client = Path("/usr/bin/aws")
    if not client.exists():
        pytest.skip("awscli is not installed; `make system` does that on Debian 13")
    run(server, folder, "cli_v2.sh", str(client), name("cli"), name("cli"))
