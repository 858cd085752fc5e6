"""Which engine is found, and what is said where there is none."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagewright.sandbox import cgroups
from sagewright.sandbox.base import Unavailable
from sagewright.sandbox.containers.discovery import find_engine
from sagewright.sandbox.containers.engine import ContainerEngine, EngineFailed


class Answer(socketserver.StreamRequestHandler):
    """An engine of Docker's kind that knows its version, and nothing else."""

    def handle(self) -> None:
        path = self.rfile.readline().split()[1]
        while self.rfile.readline().strip():
            pass
        if path == b"/_ping":
            self.wfile.write(b"HTTP/1.0 200 OK\r\nServer: Docker/27.1 (linux)\r\n\r\nOK")
        else:
            self.wfile.write(b'HTTP/1.0 404 Not Found\r\n\r\n{"message": "no such thing"}')


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "engine.sock"
    with socketserver.ThreadingUnixStreamServer(str(path), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield path
        server.shutdown()
        thread.join()


def test_the_named_engine_counts(engine: Path) -> None:
    found = find_engine({"DOCKER_HOST": f"unix://{engine}"})

    assert (found.kind, found.is_podman, found.engine.path) == ("Docker 27.1", False, engine)


@pytest.mark.parametrize("address", ["tcp://elsewhere:2375", "ssh://user@elsewhere", "unix:///none/such.sock"])
def test_an_engine_that_cannot_be_used_is_named(address: str) -> None:
    with pytest.raises(Unavailable, match="DOCKER_HOST") as caught:
        find_engine({"DOCKER_HOST": address})
    assert "apt-get install podman" in str(caught.value)


def test_without_any_engine_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"No container engine was found\. .*apt-get install podman"):
        find_engine({"PATH": str(tmp_path)}, [tmp_path / "none.sock"])


@pytest.mark.parametrize("kinds", ["", "cgroup", "cgroup2"])
def test_a_service_is_not_started_on_a_machine_without_control_groups(
    kinds: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["22 1 0:20 / /sys rw,relatime - sysfs cgroup rw"]
    lines += [f"31 22 0:28 / /sys/fs/cgroup rw,relatime - {kind} {kind} rw" for kind in kinds.split()]
    (tmp_path / "mountinfo").write_text("\n".join(lines))
    monkeypatch.setattr(cgroups, "_MOUNTS", tmp_path / "mountinfo")

    assert cgroups.none_mounted() == (not kinds)
    if not kinds:
        (tmp_path / "podman").write_text("#!/bin/sh\n")
        (tmp_path / "podman").chmod(0o700)
        with pytest.raises(Unavailable, match="mount -t cgroup2 cgroup2 /sys/fs/cgroup"):
            find_engine({"PATH": str(tmp_path)}, [])


def test_a_refusal_has_the_engines_words(engine: Path) -> None:
    with pytest.raises(EngineFailed, match="no such thing") as caught:
        ContainerEngine(engine).call("GET", "/containers/json")
    assert caught.value.status == 404


def test_an_engine_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed) as caught:
        ContainerEngine(tmp_path / "none.sock").call("GET", "/version")
    assert caught.value.status == 0


def test_the_first_socket_that_answers_counts(engine: Path, tmp_path: Path) -> None:
    assert find_engine({}, [tmp_path / "none.sock", engine]).how == str(engine)
