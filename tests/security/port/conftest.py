"""A server under siege: a client without a key attacks its port, and a client with one keeps working."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from tests.security.port.fuzzing.client import Client, Request, sign

PATIENCE_S = 2
"""The server's timeouts for headers and bodies."""

PROMPT_S = 4.0
"""No answer to who has a key takes longer, whatever a stranger does, on a machine that does other things as well."""

MOST_GROWTH = 200 * 1024 * 1024
"""In bytes, of the server's memory by one attempt: the 64 MiB that strangers may hold, and what Python keeps of them."""

BUCKET = "besieged"


@dataclass
class Siege:
    """Where the server is, and what a stranger needs to know."""

    server: Any
    address: tuple[str, int]
    sockets: list[socket.socket] = field(default_factory=list)

    def connect(self, timeout_s: float = 20) -> socket.socket:
        made = socket.create_connection(self.address, timeout=timeout_s)
        self.sockets.append(made)
        return made

    def send(self, data: bytes) -> socket.socket:
        made = self.connect()
        self.push(made, data)
        return made

    def push(self, to: socket.socket, data: bytes) -> bool:
        """Send; whether the server has not hung up by then."""
        try:
            to.sendall(data)
        except OSError:
            return False
        return True

    def drip(self, to: socket.socket, data: bytes, seconds: float, every_s: float = 0.2) -> float:
        """Send `data` again and again; the seconds until the server hung up."""
        begin = time.monotonic()
        while time.monotonic() - begin < seconds and self.push(to, data) and not ended(to):
            time.sleep(every_s)
        return time.monotonic() - begin

    def status(self, data: bytes) -> int | None:
        """Status of the first answer to `data`; None if the connection ended without one."""
        return status(self.send(data))

    def close(self) -> None:
        for one in self.sockets:
            one.close()
        self.sockets.clear()

    def memory(self) -> int:
        return int(psutil.Process(self.server.process.pid).memory_info().rss)


def status(of: socket.socket) -> int | None:
    read = b""
    with contextlib.suppress(OSError):
        while b"\r\n" not in read:
            piece = of.recv(4096)
            if not piece:
                break
            read += piece
    return int(read.split()[1]) if read.startswith(b"HTTP/1.1 ") else None


def ended(of: socket.socket) -> bool:
    """Whether the server has closed the connection, what it said being passed over."""
    of.setblocking(False)
    try:
        while of.recv(65536):
            pass
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        of.settimeout(20)


def ends(of: socket.socket, within_s: float) -> bool:
    """Wait until the server closes the connection."""
    deadline = time.monotonic() + within_s
    while not ended(of):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@dataclass
class Meanwhile:
    """Somebody with a key, whose requests are of each kind, on kept connections and on new ones."""

    siege: Siege
    slowest: tuple[float, str] = (0.0, "")
    faults: list[str] = field(default_factory=list)
    rounds: int = 0
    peak: int = 0
    _end: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Meanwhile:
        self.before = self.siege.memory()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        return self

    def __exit__(self, kind: object, _error: object, _traceback: object) -> None:
        self._end.set()
        self._thread.join()
        if kind is None:
            assert not self.faults, self.faults[:5]
            assert self.slowest[0] < PROMPT_S, self.slowest
            assert self.peak - self.before < MOST_GROWTH, f"{(self.peak - self.before) >> 20} MiB more"

    def _work(self) -> None:
        kept = Client(*self.siege.address)
        while True:
            for one in (kept, Client(*self.siege.address)):
                for name, request, wanted in requests(self.siege.server.key()):
                    self._ask(one, name, request, wanted)
                if one is not kept:
                    one.close()
            self.rounds += 1
            self.peak = max(self.peak, self.siege.memory())
            if self._end.wait(0.02):
                break
        kept.close()

    def _ask(self, client: Client, name: str, request: Request, wanted: int) -> None:
        begin = time.monotonic()
        try:
            answer = client.ask(request.wire())
        except Exception as error:
            self.faults.append(f"{name}: {error!r} after {time.monotonic() - begin:.1f} s")
            return
        self.slowest = max(self.slowest, (time.monotonic() - begin, name))
        if answer.status != wanted:
            self.faults.append(f"{name}: {answer.status} {answer.body[:200]!r}")


def requests(key: tuple[str, str]) -> Iterator[tuple[str, Request, int]]:
    """Requests of the control plane (by the event loop and by its pool), of small, large and listed objects, and without a key."""
    host = (b"host", b"127.0.0.1")
    for operation in (b"ListTrainingJobs", b"DescribeTrainingJob"):
        body = b"{}" if operation == b"ListTrainingJobs" else b'{"TrainingJobName":"none"}'
        target = (b"x-amz-target", b"SageMaker." + operation)
        request = Request(b"POST", b"/", headers=[host, target], body=body)
        sign(request, key, "sagemaker")
        yield operation.decode(), request, 200 if operation == b"ListTrainingJobs" else 400
    for method, size in ((b"PUT", 100), (b"PUT", 300_000), (b"PUT", 2_000_000), (b"GET", 0)):
        request = Request(method, f"/{BUCKET}/kept".encode(), headers=[host], body=bytes(size))
        sign(request, key, "s3")
        yield f"{method.decode()} {size}", request, 200
    request = Request(b"GET", f"/{BUCKET}".encode(), b"list-type=2", [host])
    sign(request, key, "s3")
    yield "list", request, 200
    yield "health", Request(b"GET", b"/_sagewright/health", headers=[host]), 200


@pytest.fixture(scope="session")
def siege_of(tmp_path_factory: pytest.TempPathFactory, server_class: Any) -> Iterator[Siege]:
    settings = {
        "SAGEWRIGHT_HEADER_TIMEOUT_S": str(PATIENCE_S),
        "SAGEWRIGHT_BODY_IDLE_S": str(PATIENCE_S),
        "SAGEWRIGHT_KEEP_ALIVE_S": "30",
    }
    running = server_class(tmp_path_factory.mktemp("besieged"), settings)
    running.start()
    running.boto("s3").create_bucket(Bucket=BUCKET)
    place = urlsplit(running.endpoint)
    yield Siege(running, (place.hostname or "", place.port or 0))
    running.kill_everything()


@pytest.fixture
def siege(siege_of: Siege) -> Iterator[Siege]:
    """At the end nothing is in the log, and the server still does its work."""
    before = len(siege_of.server.log())
    yield siege_of
    siege_of.close()
    assert "Traceback" not in siege_of.server.log()[before:], siege_of.server.log()[before:][-5000:]
    assert siege_of.server.boto("sts").get_caller_identity()["Account"] == "000000000000"
