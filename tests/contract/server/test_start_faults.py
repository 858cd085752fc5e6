"""`sagewright up` where it can't: one line, no traceback, and an exit status."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import RunningServer

SAGEWRIGHT = str(Path(sys.executable).parent / "sagewright")


def up(*arguments: str, **environ: str) -> tuple[int, str]:
    ended = subprocess.run(
        [SAGEWRIGHT, "up", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environ},
        check=False,
    )
    return ended.returncode, ended.stderr


def test_the_port_and_the_data_of_another_server(server: RunningServer, tmp_path: Path) -> None:
    port = server.endpoint.rpartition(":")[2]
    status, said = up("--data", str(tmp_path / "other"), "--port", port)
    assert status == 1
    assert f"The port {port} is taken by process" in said
    assert len(said.splitlines()) == 1
    status, said = up("--data", str(server.data), "--port", "0")
    assert status == 1
    assert f"A server on {server.data} already runs at {server.endpoint} (process " in said


def test_directories_and_databases_that_are_not_there(tmp_path: Path) -> None:
    status, said = up("--data", "/proc/sagewright", "--port", "0")
    assert status == 1
    assert "The data directory /proc/sagewright can't be used" in said
    assert "--data DIR" in said
    file = tmp_path / "file"
    file.write_text("x")
    status, said = up("--data", str(file), "--port", "0")
    assert (status, "can't be used" in said) == (1, True)
    lost = "postgresql+psycopg://me:secret@127.0.0.1:9/jobs"
    status, said = up("--data", str(tmp_path / "data"), "--port", "0", SAGEWRIGHT_DATABASE=lost)
    assert status == 1
    assert "The database jobs on 127.0.0.1:9 can't be reached" in said
    assert "secret" not in said
    assert "Traceback" not in said


def test_a_port_out_of_range_is_wrong_usage(tmp_path: Path) -> None:
    status, said = up("--data", str(tmp_path), "--port", "80000")
    assert (status, "80000 is out of range" in said) == (2, True)


def test_a_server_whose_data_directory_is_deleted_ends_and_says_so(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with subprocess.Popen(
        [SAGEWRIGHT, "up", "--data", str(data), "--port", "0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        while not (data / "endpoint").exists():
            assert server.poll() is None
        shutil.rmtree(data, ignore_errors=True)
        _, said = server.communicate(timeout=120)
    assert f"The data directory {data} was deleted under the server" in said
