"""Builds of environments as a job's user sees them: progress in the log, a stop at any moment, an index that cannot be reached."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

SAGEWRIGHT = str(Path(sys.executable).parent / "sagewright")
LIMIT_S, STOP_S = 90, 5


@pytest.fixture(scope="module")
def silent() -> Iterator[int]:
    """The port of an index that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield listening.getsockname()[1]


def call(server: RunningServer, folder: Path, *words: str) -> str:
    done = subprocess.run(
        [SAGEWRIGHT, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=LIMIT_S
    )
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout + done.stderr


def start(server: RunningServer, folder: Path, name: str) -> None:
    (folder / "train.py").write_text("print('trained')")
    call(server, folder, "run", "train.py", "--server", str(server.data), "--name", name, "--no-wait")


def server_of(server_with: Callable[..., RunningServer], folder: Path, port: int) -> RunningServer:
    return server_with(
        SAGEWRIGHT_ENVIRONMENTS=str(folder / "environments"),
        PIP_CONFIG_FILE="/dev/null",
        PIP_FIND_LINKS="",
        PIP_INDEX_URL=f"http://user:secret@127.0.0.1:{port}/simple",
        UV_NO_CACHE="1",
    )


def test_a_build_shows_itself_in_the_log_and_is_stopped_at_once(
    server_with: Callable[..., RunningServer], tmp_path: Path, silent: int
) -> None:
    server = server_of(server_with, tmp_path, silent)
    start(server, tmp_path, "waits")
    end, data = time.monotonic() + LIMIT_S, ("--data", str(server.data))
    while " s: resolving." not in (said := call(server, tmp_path, "jobs", "logs", "waits", *data)):
        assert time.monotonic() < end, said
        time.sleep(0.3)
    assert said.startswith("algo-1 | Preparing the environment sklearn-"), said
    begun = time.monotonic()
    call(server, tmp_path, "jobs", "stop", "waits", *data)
    assert "waits  Stopped" in call(server, tmp_path, "jobs", "wait", "waits", *data)
    assert time.monotonic() - begun < STOP_S


def test_an_index_that_cannot_be_reached_is_named(server_with: Callable[..., RunningServer], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    server = server_of(server_with, tmp_path, port)
    start(server, tmp_path, "fails")
    said = call(server, tmp_path, "jobs", "wait", "fails", "--data", str(server.data))
    assert f"The package index at http://127.0.0.1:{port}/simple/" in said, said
    assert "cannot be reached: Connection refused" in said
    assert "a later job tries again." in said
    assert "secret" not in said
