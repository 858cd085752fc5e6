"""Agents' calls as they come over the port: what is malformed is refused for good, and half a part is no part."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from tests.unit.http.conftest import serving

from sagewright.model.settings import Settings
from sagewright.server.internal import InternalApi
from sagewright.services.context import Platform
from sagewright.store.database import Database
from sagewright.store.jobs import hosts, jobs
from sagewright.store.jobs.jobs import JobDraft, ResourceScope
from sagewright.wire.signatures.authentication import Authenticator


@dataclass
class Double:
    """Stands for the engine, and records the subjects that it is woken for."""

    woken: list[tuple[str, str]] = field(default_factory=list)

    def wake(self, kind: str, job: str) -> None:
        self.woken.append((kind, job))


@pytest.fixture
def platform(database: Database, tmp_path: Path) -> Platform:
    job = jobs.create(
        database,
        ResourceScope("training", "000000000000", "us-east-1"),
        JobDraft("job", {"TrainingJobName": "job"}, "Starting"),
    )
    row = {"id": "h1", "job_id": job.id, "attempt": 1, "name": "algo-1", "log_stream": "job/algo-1-1"}
    hosts.create(database, [row | {"token_hash": hosts.hash_token("token")}])
    return Platform(Settings(data=tmp_path / "data"), database, cast("Any", None), cast("Any", Double()))


@pytest.fixture
def port(platform: Platform) -> Iterator[int]:
    api = InternalApi(platform, Authenticator(lambda _: None))
    with serving(api.app, "asyncio") as port:
        yield port


def ask(
    port: int, method: str, path: str, body: bytes, *, length: int | None = None, token: str = "token"
) -> tuple[int, bytes]:
    """Status and body; the connection is half closed behind what is sent."""
    size = len(body) if length is None else length
    lines = [f"{method} /_sagewright/hosts/h1/{path} HTTP/1.1", "host: x", f"authorization: Bearer {token}"]
    head = "\r\n".join([*lines, f"content-length: {size}", "", ""])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as made:
        made.sendall(head.encode("latin-1") + body)
        made.shutdown(socket.SHUT_WR)
        read = b""
        while piece := made.recv(65536):
            read += piece
    return (int(read.split()[1]), read.partition(b"\r\n\r\n")[2]) if read else (0, b"")


MALFORMED: list[Any] = [
    None, [], "x", 1, {}, {"seq": "x", "at_ms": 1}, {"seq": 1e400, "at_ms": 1}, {"seq": [1], "at_ms": 1},
    {"seq": None, "at_ms": None}, {"seq": 2**70, "at_ms": 1, "logs": [[1, "a"]]},
]  # fmt: skip


@pytest.mark.parametrize("report", MALFORMED, ids=repr)
def test_what_is_no_report_is_refused_for_good(port: int, report: Any) -> None:
    body = json.dumps(report).replace("Infinity", "1e999").encode()
    assert ask(port, "POST", "report", body)[0] in {400, 413}


ODD_MEMBERS: list[dict[str, Any]] = [
    {"logs": 5}, {"logs": [5]}, {"logs": [["x", "y", "z"]]}, {"logs": [[2**70, "a"]]}, {"logs": {"a": 1}}, {"metrics": [["a"]]},
    {"metrics": [["a", "x", 1]]}, {"metrics": 7}, {"exited": 5}, {"exited": {}}, {"exited": {"code": "x", "cause": "exit"}},
    {"failed": "x"}, {"failed": {"class": 1}}, {"phase": "Nowhere"}, {"phase": {"a": 1}}, {"at_ms": 2**70, "phase": "Training"},
]  # fmt: skip


@pytest.mark.parametrize("members", ODD_MEMBERS, ids=repr)
def test_odd_members_are_no_fault_of_the_server(port: int, members: dict[str, Any]) -> None:
    status, _ = ask(port, "POST", "report", json.dumps({"seq": 1, "at_ms": 1, **members}).encode())
    assert 200 <= status < 500


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 5000, b'{"seq": NaN}', b'"\\ud800"'])
def test_bytes_that_are_no_document(port: int, body: bytes) -> None:
    assert ask(port, "POST", "report", body)[0] == 400


@pytest.mark.parametrize("token", ["", "wrong", "\xe9", "a" * 9000])
def test_a_wrong_token_is_told_that_the_job_is_gone_whatever_it_sends(port: int, token: str) -> None:
    status, body = ask(port, "POST", "report", b"{}", token=token)
    assert (status, json.loads(body)) == (200, {"desired": "gone"})


def parts(platform: Platform) -> list[bytes]:
    found = []
    for path in (platform.settings.data / "jobs").rglob("*"):
        with suppress(FileNotFoundError, IsADirectoryError):
            found.append(path.read_bytes())
    return found


def test_a_part_is_there_once_it_is_whole(port: int, platform: Platform) -> None:
    first, second = b"a" * 100, b"b" * 3_000_000
    for part in (first, second):
        assert ask(port, "PUT", "parts/model", part)[0] == 204
        assert parts(platform) == [part]
    for cut in (0, 5, 2_000_000):
        assert ask(port, "PUT", "parts/model", bytes(cut), length=3_000_000)[0] in {0, 400}
        assert second in parts(platform)
    assert ask(port, "PUT", "parts/model", first)[0] == 204
    deadline = time.monotonic() + 20
    while parts(platform) != [first]:  # what had come goes when the server has seen the end
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("path", ["parts/other", "parts/..", "parts/model/algo-..", "parts/model/x"])
def test_no_other_part(port: int, path: str) -> None:
    assert ask(port, "GET" if path.count("/") == 2 else "PUT", path, b"")[0] in {403, 404}
