"""The client for threads: their bodies, their giving up, and what it raises."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagewright.upstream.blocking import BlockingUpstream
from sagewright.upstream.client import ContainerUnreachable, Spill, UpstreamRequest
from sagewright.upstream.connecting import TcpPort

REQUEST = UpstreamRequest("POST", "/invocations", {}, b"x")


class GivenUp(Exception):
    pass


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen(8)
        yield made


def answer(listener: socket.socket, ends: bytes, data: bytes, got: list[bytes]) -> None:
    one, _ = listener.accept()
    with one:
        found = b""
        while not found.endswith(ends):
            found += one.recv(65536)
        got.append(found.split(b"\r\n\r\n", 1)[1])
        if data:
            one.sendall(data)
        else:
            one.recv(1)


def spill(folder: Path) -> Spill:
    return Spill(lambda: (folder / "answer").open("w+b"), 1 << 30)


def test_a_body_is_made_by_the_thread_that_asks(listener: socket.socket, tmp_path: Path) -> None:
    got: list[bytes] = []
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
    thread = threading.Thread(target=answer, args=(listener, b"0\r\n\r\n", data, got))
    thread.start()
    makers: list[int] = []

    def body() -> Iterator[bytes]:
        for piece in (b"ab", b"cd"):
            makers.append(threading.get_ident())
            yield piece

    made = BlockingUpstream(TcpPort(*listener.getsockname()))
    assert made.fetch(REQUEST, 20, spill(tmp_path), body).body == b"ok"
    thread.join()
    assert got == [b"2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"]
    assert set(makers) == {threading.get_ident()}


def test_what_making_a_body_raises_ends_the_request(listener: socket.socket, tmp_path: Path) -> None:
    def body() -> Iterator[bytes]:
        yield b"ab"
        raise GivenUp

    made = BlockingUpstream(TcpPort(*listener.getsockname()))
    with pytest.raises(GivenUp):
        made.fetch(REQUEST, 20, spill(tmp_path), body)


def test_a_check_gives_up_at_any_time(listener: socket.socket) -> None:
    got: list[bytes] = []
    thread = threading.Thread(target=answer, args=(listener, b"x", b"", got))
    thread.start()
    until = time.monotonic() + 0.5

    def check() -> None:
        if time.monotonic() > until:
            raise GivenUp

    begin = time.monotonic()
    with pytest.raises(GivenUp):
        BlockingUpstream(TcpPort(*listener.getsockname()), check).ask(REQUEST, 100)
    assert time.monotonic() - begin < 20
    thread.join(20)
    assert not thread.is_alive(), "the connection has ended"


def test_deadlines_and_who_is_away(listener: socket.socket) -> None:
    address = listener.getsockname()
    with pytest.raises(TimeoutError):
        BlockingUpstream(TcpPort(*address)).ask(REQUEST, 0.2)
    listener.close()
    with pytest.raises(ContainerUnreachable):
        BlockingUpstream(TcpPort(*address)).ask(REQUEST, 20)
