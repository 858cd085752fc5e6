"""Commands on other hosts: only who belongs to the job may give them."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from sagewright.toolkit.remote import WorkerHost, run_on, say_done, secret_of

ADDRESS = "127.0.0.1"
SECRET = secret_of({"TRAINING_JOB_ARN": "arn:one", "AWS_SECRET_ACCESS_KEY": "key"})


@pytest.fixture
def port(tmp_path: Path) -> int:
    with socket.create_server((ADDRESS, 0)) as server:
        free: int = server.getsockname()[1]
    host = WorkerHost(ADDRESS, SECRET, str(tmp_path), dict(os.environ), free)
    thread = threading.Thread(target=host.serve, daemon=True)
    thread.start()
    return free


def test_a_command_runs_where_the_script_is_and_its_status_comes_back(port: int, tmp_path: Path) -> None:
    assert run_on(ADDRESS, "echo here > file; exit 7", SECRET, port) == 7
    assert (tmp_path / "file").read_text() == "here\n"
    say_done(ADDRESS, SECRET, port)


def test_another_jobs_secret_runs_nothing(port: int, tmp_path: Path) -> None:
    other = secret_of({"TRAINING_JOB_ARN": "arn:two", "AWS_SECRET_ACCESS_KEY": "key"})
    with pytest.raises(ConnectionResetError):
        run_on(ADDRESS, "touch file", other, port)
    assert not (tmp_path / "file").exists()
    say_done(ADDRESS, SECRET, port)
