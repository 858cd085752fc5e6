"""Files that the kernel sends: to quick and slow receivers, to those who go away, and what comes after on the connection."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.http.conftest import serving

from sagewright.http import asgi, sending
from sagewright.http.limits import ConnectionLimits
from sagewright.http.messages import FileBody, HttpRequest, HttpResponse
from sagewright.http.sending import FileSender

SIZE = 24 * 1024 * 1024 + 17
SMALL = 700
DATA = os.urandom(SIZE)
BROKEN_S = 10


class Files:
    """Answers /OFFSET/LENGTH with that part of a file, and counts what the kernel has sent, and who was left."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(DATA)
        self._path = path
        self.by_kernel = 0
        self.ended = threading.Semaphore(0)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = asgi.read_head(scope, receive, ConnectionLimits()).request
        try:
            await asgi.send_response(self._answer(request), scope, send)
        finally:
            self.ended.release()

    def _answer(self, request: HttpRequest) -> HttpResponse:
        offset, length = map(int, request.path[1:].split("/"))
        return HttpResponse(200, [], FileBody(self._path, offset, length))


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    made = Files(tmp_path / "file")
    send = FileSender.send

    async def counted(sender: FileSender) -> None:
        made.by_kernel += 1
        await send(sender)

    monkeypatch.setattr(FileSender, "send", counted)
    return made


@pytest.fixture
def port(files: Files, loop: str) -> Iterator[int]:
    with serving(files, loop) as port:
        yield port


class Client:
    def __init__(self, port: int, window: int = 0) -> None:
        self.socket = socket.socket()
        if window:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.socket.settimeout(20)
        self.socket.connect(("127.0.0.1", port))
        self.file = self.socket.makefile("rb")

    def ask(self, offset: int, length: int, method: str = "GET", version: str = "1.1") -> None:
        self.socket.sendall(f"{method} /{offset}/{length} HTTP/{version}\r\nhost: x\r\n\r\n".encode())

    def head(self) -> int:
        """The length that it tells."""
        assert self.file.readline().split()[1] == b"200"
        length = 0
        while line := self.file.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return length

    def answer(self) -> bytes:
        return self.file.read(self.head())

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@pytest.fixture
def client(port: int) -> Iterator[Client]:
    with contextlib.closing(Client(port)) as made:
        yield made


def test_large_and_small_parts_on_one_connection(client: Client, files: Files) -> None:
    for offset, length in ((0, SIZE), (5, SMALL), (SIZE - 2_000_000, 2_000_000), (1_000_001, SIZE - 1_000_001)):
        client.ask(offset, length)
        assert client.answer() == DATA[offset : offset + length]
    assert files.by_kernel == 3


def test_a_head_alone(client: Client, files: Files) -> None:
    client.ask(0, SIZE, "HEAD")
    assert client.head() == SIZE
    client.ask(3, SMALL)
    assert client.answer() == DATA[3 : 3 + SMALL]
    assert files.by_kernel == 0


def test_requests_sent_ahead_are_answered_in_their_order(client: Client) -> None:
    requested = [(0, SIZE), (7, SMALL), (9, SIZE - 9), (11, 3_000_000)]
    for offset, length in requested:
        client.ask(offset, length)
    assert [client.answer() for _ in requested] == [DATA[o : o + n] for o, n in requested]


def test_a_connection_that_is_not_kept(client: Client, files: Files) -> None:
    client.ask(0, SIZE, version="1.0")
    assert client.answer() == DATA
    assert client.file.read() == b""
    assert files.by_kernel == 1


def test_a_slow_receiver_holds_no_thread(port: int, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than there are threads read nothing for a while; one that reads is served meanwhile."""
    monkeypatch.setattr(sending, "PATIENCE_MS", 5)
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(contextlib.closing(Client(port, 4096))) for _ in range(sending.THREADS + 3)]
        for one in slow:
            one.ask(0, SIZE)
            assert one.head() == SIZE
        quick = stack.enter_context(contextlib.closing(Client(port)))
        quick.ask(1, SIZE - 1)
        assert quick.answer() == DATA[1:]
        for one in slow[:2]:
            assert one.file.read(SIZE) == DATA
    assert files.by_kernel == len(slow) + 1


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_receiver_that_goes_away(port: int, client: Client, files: Files) -> None:
    client.ask(0, 5)
    assert client.answer() == DATA[:5]  # the server has its end of this connection
    before = _descriptors()
    other = Client(port)
    other.ask(0, SIZE)
    assert other.head() == SIZE
    other.close()
    assert files.ended.acquire(timeout=BROKEN_S)
    client.ask(0, 2_000_000)
    assert client.answer() == DATA[:2_000_000]
    deadline = time.monotonic() + BROKEN_S
    while _descriptors() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert _descriptors() <= before


def test_a_file_that_is_shorter_than_it_was_said_to_be(client: Client, files: Files) -> None:
    client.ask(SIZE - 2_000_000, 2_000_100)
    assert client.head() == 2_000_100
    assert client.file.read() == DATA[-2_000_000:]  # and then the connection is closed: nobody takes it for the whole
    assert files.by_kernel == 1


def test_a_send_that_is_cancelled_closes_what_it_has_when_its_thread_is_done(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(DATA)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    file = (tmp_path / "file").open("rb")

    async def run() -> None:
        task = asyncio.create_task(FileSender(ours, b"head", file, 0, SIZE).send())
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(run())
    deadline = time.monotonic() + BROKEN_S
    while not file.closed and time.monotonic() < deadline:
        time.sleep(0.01)
    assert file.closed
    assert ours.fileno() == -1
    theirs.close()
