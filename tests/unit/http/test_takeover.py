"""A connection whose body a thread reads: it serves on afterwards, whatever was read of it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import threading
from collections.abc import Iterator

import pytest
from tests.unit.http.conftest import serving

from sagewright.http import asgi
from sagewright.http.body import BytesBody
from sagewright.http.limits import BodyPace, ConnectionLimits
from sagewright.http.messages import HttpRequest, HttpResponse
from sagewright.http.pools import CallPool
from sagewright.http.takeover import SocketBody
from sagewright.model.errors import AwsError

SIZE = 3 * 1024 * 1024 + 17


def handle(request: HttpRequest) -> HttpResponse:
    """The kind of its body, and the digest of as much of it as the path says."""
    wanted = int(request.path[1:])
    try:
        data = request.body.read(wanted) + request.body.read(0)
    except AwsError as error:
        return HttpResponse(400, [], error.code.encode())
    return HttpResponse(200, [], f"{type(request.body).__name__} {hashlib.md5(data).hexdigest()}".encode())


LIMITS = ConnectionLimits()
POOL = CallPool("test", 1, 10, 10)


async def app(scope: object, receive: object, send: object) -> None:
    incoming = asgi.read_head(scope, receive, LIMITS)
    pulled = incoming.rest() if incoming.length and incoming.length > 65536 else None
    incoming.request.body = pulled or BytesBody(await incoming.whole(65536, lambda _: AwsError("TooLong", "")))
    await asgi.send_response(await asgi.answered(incoming.request, pulled, POOL, handle), scope, send)


@pytest.fixture
def longer() -> Iterator[contextlib.ExitStack]:
    """Resources that are closed only after the server has ended."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def port(loop: str, longer: contextlib.ExitStack) -> Iterator[int]:
    with serving(app, loop) as port:
        yield port


class Client:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.file = self.socket.makefile("rb")

    def head(self, wanted: int, length: int = SIZE, *more: str) -> bytes:
        lines = [f"PUT /{wanted} HTTP/1.1", "host: x", f"content-length: {length}", *more]
        return "\r\n".join([*lines, "", ""]).encode()

    def answer(self) -> str:
        status = self.file.readline().split()[1].decode()
        length = 0
        while line := self.file.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return f"{status} {self.file.read(length).decode()}"

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@pytest.fixture
def client(port: int) -> Iterator[Client]:
    with contextlib.closing(Client(port)) as made:
        yield made


def described(data: bytes, kind: str = "SocketBody") -> str:
    return f"200 {kind} {hashlib.md5(data).hexdigest()}"


def test_large_and_small_bodies_on_one_connection(client: Client) -> None:
    for _ in range(3):
        data = os.urandom(SIZE)
        client.socket.sendall(client.head(SIZE) + data)
        assert client.answer() == described(data)
        client.socket.sendall(client.head(5, 5) + b"small")
        assert client.answer() == described(b"small", "BytesBody")


@pytest.mark.parametrize("wanted", [0, 1, SIZE // 2, SIZE - 1])
def test_what_nobody_read_is_passed_over(client: Client, wanted: int) -> None:
    data = os.urandom(SIZE)
    for _ in range(2):
        sending = threading.Thread(target=client.socket.sendall, args=(client.head(wanted) + data,))
        sending.start()
        assert client.answer() == described(data[:wanted])
        sending.join()


def test_requests_sent_ahead_wait_their_turn(client: Client) -> None:
    one, two = os.urandom(SIZE), os.urandom(SIZE)
    ahead = client.head(SIZE) + one + client.head(3, 3) + b"abc" + client.head(SIZE) + two + client.head(1, 1) + b"z"
    sending = threading.Thread(target=client.socket.sendall, args=(ahead,))
    sending.start()
    answers = [client.answer() for _ in range(4)]
    sending.join()
    assert [answer.split()[2] for answer in answers] == [hashlib.md5(d).hexdigest() for d in (one, b"abc", two, b"z")]


def test_the_sender_of_nothing_is_told_to_go_on_in_its_turn(client: Client) -> None:
    nothing = client.head(0, 0, "expect: 100-continue")
    client.socket.sendall(client.head(3, 3) + b"abc" + nothing + nothing)
    assert client.answer() == described(b"abc", "BytesBody")
    for _ in range(2):
        assert client.file.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert client.file.readline() == b"\r\n"
        assert client.answer() == described(b"", "BytesBody")


def test_the_sender_is_told_to_go_on(client: Client) -> None:
    data = os.urandom(SIZE)
    client.socket.sendall(client.head(SIZE, SIZE, "expect: 100-continue"))
    assert client.file.readline() == b"HTTP/1.1 100 Continue\r\n"
    assert client.file.readline() == b"\r\n"
    client.socket.sendall(data)
    assert client.answer() == described(data)


def test_a_sender_that_goes_away(port: int, client: Client) -> None:
    other = Client(port)
    other.socket.sendall(other.head(SIZE) + b"x" * 2_000_000)
    other.socket.shutdown(socket.SHUT_WR)
    assert other.answer() == "400 IncompleteBody"
    other.close()
    client.socket.sendall(client.head(1, 1) + b"y")
    assert client.answer() == described(b"y", "BytesBody")


def test_a_silent_sender_is_not_waited_for(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "LIMITS", ConnectionLimits(pace=BodyPace(0.1, 0.1)))
    client.socket.sendall(client.head(SIZE) + b"x" * 100)
    assert client.answer() == "400 RequestTimeout"


def test_a_server_that_ends_waits_for_no_sender(
    port: int, longer: contextlib.ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fixture's end is the test: its thread must not be held by the one that reads."""
    reading = threading.Event()
    read = SocketBody.read

    def noted(body: SocketBody, size: int = -1, /) -> bytes:
        reading.set()
        return read(body, size)

    monkeypatch.setattr(SocketBody, "read", noted)
    stalled = longer.enter_context(contextlib.closing(Client(port)))
    stalled.socket.sendall(stalled.head(SIZE) + b"x")
    assert reading.wait(10)
