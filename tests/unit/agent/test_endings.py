"""MaxRuntime, a stop and SIGTERM win, whatever the agent is doing: an S3 that stands still is the worst of it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent.conftest import Start
from agent.double import Double
from agent.test_host import entry, prefix_channel, until
from sagewright.compute.local import LocalBackend

CREDENTIALS = {"access_key_id": "AKIA", "secret_access_key": "secret", "session_token": "token"}
CHECKPOINTS = {"CheckpointConfig": {"S3Uri": "s3://ck/run"}}


class StandingS3:
    """Takes connections and never answers. `requested` once a client has sent it something."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._held: list[socket.socket] = []
        self.requested = threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection = self._server.accept()[0]
            except OSError:
                return
            self._held.append(connection)
            self.requested.set()

    def objects(self) -> dict[str, Any]:
        endpoint = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        return {"endpoint": endpoint, "region": "us-east-1", "credentials": CREDENTIALS, "patience_s": None}

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()
        for connection in self._held:
            connection.close()


@pytest.fixture
def standing() -> Iterator[StandingS3]:
    s3 = StandingS3()
    yield s3
    s3.close()


def test_an_agent_whose_server_was_killed_before_its_first_report_reports_to_another(
    double: Double, start: Start
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        away = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    start(endpoint=away, servers=[away, double.endpoint], request=entry("print('done')"))
    double.wait_finished()
    assert "done" in double.lines("h1")


def stop(double: Double, backend: LocalBackend, handle: dict[str, Any]) -> None:
    double.desired = lambda _host: "stop"


def terminate(double: Double, backend: LocalBackend, handle: dict[str, Any]) -> None:
    backend.stop(handle)


MODEL = "open('/opt/ml/model/m', 'wb').write(bytes(20 << 20))"
CHECKPOINT = "open('/opt/ml/checkpoints/c', 'w').write('x')"


def ended(double: Double, began: float, within_s: float) -> dict[str, Any]:
    double.wait_finished(timeout_s=within_s + 20)
    assert time.monotonic() - began < within_s
    exited: dict[str, Any] = double.of("h1", "exited")[-1]
    return exited


@pytest.mark.parametrize("how", [stop, terminate])
def test_a_stop_ends_an_upload(
    double: Double, start: Start, backend: LocalBackend, standing: StandingS3, how: Callable[..., None]
) -> None:
    handle = start(request=entry(MODEL), objects=standing.objects(), stop_grace_s=2)
    assert standing.requested.wait(20)
    began = time.monotonic()
    how(double, backend, handle)
    exited = ended(double, began, 8)
    assert (exited["code"], exited["cause"]) == (0, "stop")
    assert double.lines("h1")[-1].endswith("the rest is not uploaded.")
    until(lambda: not backend.poll(handle))


def test_the_jobs_time_ends_an_upload(double: Double, start: Start, standing: StandingS3) -> None:
    began = time.monotonic()
    start(request=entry(MODEL), objects=standing.objects(), stop_grace_s=1, max_runtime_s=3)
    exited = ended(double, began, 10)
    assert (exited["code"], exited["cause"]) == (0, "max_runtime")


@pytest.mark.parametrize("how", [stop, terminate])
def test_a_stop_ends_a_download(
    double: Double, start: Start, backend: LocalBackend, standing: StandingS3, how: Callable[..., None]
) -> None:
    request = entry("print(1)", InputDataConfig=[prefix_channel("train", "s3://in/x/")])
    handle = start(request=request, objects=standing.objects(), stop_grace_s=2)
    assert standing.requested.wait(20)
    began = time.monotonic()
    how(double, backend, handle)
    exited = ended(double, began, 8)
    assert exited == {"code": 143, "cause": "stop", "failure": None}
    until(lambda: not backend.poll(handle))


def test_the_jobs_time_ends_a_download(double: Double, start: Start, standing: StandingS3) -> None:
    began = time.monotonic()
    start(request=entry("print(1)", **CHECKPOINTS), objects=standing.objects(), stop_grace_s=1, max_runtime_s=2)
    exited = ended(double, began, 10)
    assert exited == {"code": 143, "cause": "max_runtime", "failure": None}


def test_a_stop_ends_checkpoints_that_go_nowhere(
    double: Double, start: Start, backend: LocalBackend, standing: StandingS3
) -> None:
    """They came down from one S3, and the other end stands still when they go up."""
    proxy = _Switch(double, standing)
    request = entry(f"{CHECKPOINT}; print('up', flush=True); import time; time.sleep(60)", **CHECKPOINTS)
    handle = start(request=request, objects=proxy.objects(), stop_grace_s=2)
    double.wait(lambda: "up" in double.lines("h1"))
    proxy.stand.set()
    time.sleep(3)
    began = time.monotonic()
    double.desired = lambda _host: "stop"
    exited = ended(double, began, 12)
    assert exited["cause"] == "stop"
    until(lambda: not backend.poll(handle))
    proxy.close()


def test_a_process_that_failed_keeps_its_failure_where_checkpoints_go_nowhere(
    double: Double, start: Start, standing: StandingS3
) -> None:
    proxy = _Switch(double, standing)
    script = f"{CHECKPOINT}; print('up', flush=True); import time; time.sleep(1.5); raise SystemExit(3)"
    start(request=entry(script, **CHECKPOINTS), objects=proxy.objects(), stop_grace_s=1, max_runtime_s=5)
    double.wait(lambda: "up" in double.lines("h1"))
    began = time.monotonic()
    proxy.stand.set()
    exited = ended(double, began, 12)
    assert (exited["code"], exited["cause"]) == (3, "exit")
    proxy.close()


class _Switch(StandingS3):
    """Hands bytes on to the double until it is to stand still."""

    def __init__(self, double: Double, _standing: StandingS3) -> None:
        self._port = double.port
        self.stand = threading.Event()
        super().__init__()

    def _accept(self) -> None:
        while True:
            try:
                connection = self._server.accept()[0]
            except OSError:
                return
            self._held.append(connection)
            self.requested.set()
            if not self.stand.is_set():
                there = socket.create_connection(("127.0.0.1", self._port))
                self._held.append(there)
                for one, other in ((connection, there), (there, connection)):
                    threading.Thread(target=self._copy, args=(one, other), daemon=True).start()

    def _copy(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while (data := one.recv(1 << 16)) and not self.stand.is_set():
                other.sendall(data)
        except OSError:
            return
