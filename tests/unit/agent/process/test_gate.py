"""The gate of a serving host: who gets through it, and to which socket."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from sagewright.agent.process.gate import ServingGate
from sagewright.model.jobs import gates
from sagewright.model.jobs.gates import ON_ROUTE, Gate, is_gate
from sagewright.model.jobs.serving_sockets import SHELF, SOCKET
from sagewright.upstream.connecting import GateAddress, server_address

ENDPOINT = "http://127.0.0.1:4700"
LIMIT_S = 20.0


class Answering:
    """A server of a Unix socket that answers each connection with its word and what it has read."""

    def __init__(self, path: Path, word: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._word = word
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                said = b""
                while part := connection.recv(1 << 16):
                    said += part
                connection.sendall(self._word + said)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Gate]:
    host = tmp_path / "host"
    servers = [Answering(host / "ml" / SOCKET, b"server:"), Answering(host / SHELF, b"shelf:")]
    gate = ServingGate(host, ON_ROUTE, ENDPOINT)
    yield gate.gate
    gate.close()
    for one in servers:
        one.close()


def asked(gate: Gate, opening: bytes) -> bytes:
    with socket.create_connection((gate.host, gate.port), timeout=LIMIT_S) as connection:
        found = b""
        try:
            connection.sendall(opening)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(1 << 16):
                found += part
        except OSError:  # it was closed before all was sent
            pass
        return found


def test_bytes_pass_in_both_directions(opened: Gate) -> None:
    body = bytes(range(256)) * 40_000
    assert asked(opened, opened.opening(gates.SERVER) + body) == b"server:" + body
    assert asked(opened, opened.opening(gates.SHELF) + b"model") == b"shelf:model"


@pytest.mark.parametrize("opening", [b"", b"GET / HTTP/1.1\r\n\r\n", b"0" * 32 + gates.SERVER + b"x", b"\xff" * 4096])
def test_nobody_passes_without_the_key(opened: Gate, opening: bytes) -> None:
    assert asked(opened, opening) == b""
    assert asked(opened, opened.opening(gates.SERVER)) == b"server:"


def test_an_unknown_target_is_closed(opened: Gate) -> None:
    assert asked(opened, opened.opening(b"x") + b"body") == b""


def test_connections_without_a_key_do_not_keep_others_out(opened: Gate) -> None:
    with ExitStack() as held:
        for _ in range(100):  # more than may wait
            held.enter_context(socket.create_connection((opened.host, opened.port)))
        assert asked(opened, opened.opening(gates.SERVER) + b"x") == b"server:x"


def test_the_address_of_a_server(opened: Gate, tmp_path: Path) -> None:
    async def connect() -> bytes:
        reader, writer = await asyncio.open_connection(sock=await server_address(opened.url)())
        writer.write(b"x")
        writer.write_eof()
        try:
            return await reader.read()
        finally:
            writer.close()

    assert isinstance(server_address(opened.url), GateAddress)
    assert asyncio.run(connect()) == b"server:x"
    assert not is_gate(str(tmp_path))


def test_a_url_is_read_as_it_was_written(opened: Gate) -> None:
    for host in ("127.0.0.1", "10.0.0.3", "fd12::3"):
        gate = replace(opened, host=host)
        assert Gate.read(gate.url) == gate


@pytest.mark.parametrize(
    "url",
    [
        "", "gate://", "http://10.0.0.3:80/" + "0" * 32, "gate://10.0.0.3/" + "0" * 32, "gate://10.0.0.3:0/" + "0" * 32,
        "gate://10.0.0.3:99999/" + "0" * 32, "gate://10.0.0.3:80/short", "gate://a.name:80/" + "0" * 32,
        "gate://169.254.169.254:80/" + "0" * 32, "gate://10.0.0.3:80/" + "0" * 33, "gate://[::1:80/" + "0" * 32,
    ],
)  # fmt: skip
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError):
        Gate.read(url)
