"""A load generator that costs little: requests signed beforehand by botocore, raw sockets, one thread, one selector.

A signature covers method, path, body, host and time, and holds for 15 minutes, so that Describe's bytes are sent again as
they are; each Create has a name and a signature of its own. An answer is read to its Content-Length and thrown away.
"""

from __future__ import annotations

import json
import selectors
import socket
import ssl
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from server import REGION

CONNECTIONS = 8


@dataclass(frozen=True)
class Signer:
    """Makes the bytes of signed SageMaker requests to one port."""

    port: int
    key: tuple[str, str]

    def request(self, operation: str, body: dict[str, Any]) -> bytes:
        data = json.dumps(body).encode()
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"SageMaker.{operation}"}
        signed = AWSRequest("POST", f"http://127.0.0.1:{self.port}/", headers=headers, data=data)
        SigV4Auth(Credentials(*self.key), "sagemaker", REGION).add_auth(signed)
        lines = [f"{name}: {value}" for name, value in signed.headers.items()]
        head = ["POST / HTTP/1.1", f"Host: 127.0.0.1:{self.port}", *lines, f"Content-Length: {len(data)}"]
        return "\r\n".join([*head, "", ""]).encode() + data


@dataclass
class Outcome:
    """What a run of load gave: seconds it took, each answer's latency (s), and statuses that were not 200."""

    wall_s: float = 0.0
    latencies: list[float] = field(default_factory=list)
    refused: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.wall_s


class _Connection:
    """One request at a time; opened again when the server closes (moto's does so after each answer)."""

    def __init__(self, port: int, timeout_s: float = 60, context: ssl.SSLContext | None = None) -> None:
        self._port, self._timeout_s, self._context = port, timeout_s, context
        self.socket: socket.socket | None = None
        self.begin = 0.0
        self._data = b""

    def send(self, data: bytes) -> None:
        self.begin = time.perf_counter()
        self._data = b""
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self._port), timeout=self._timeout_s)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                self.socket = self._context.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.socket.sendall(data)

    def receive(self) -> int | None:
        """The status, once the answer is complete."""
        assert self.socket is not None
        part = self.socket.recv(1 << 16)
        while isinstance(self.socket, ssl.SSLSocket) and (more := self.socket.pending()):
            part += self.socket.recv(more)
        self._data += part
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            if not part:
                raise ConnectionError(f"the server closed before it answered: {self._data[:200]!r}")
            return None
        head = self._data[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else None
        done = not part if length is None else len(self._data) >= end + 4 + length
        if not done:
            return None
        if not part or b"connection: close" in head or head.startswith(b"http/1.0"):
            self.close()
        return int(head[9:12])

    def body(self) -> bytes:
        return self._data

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None


def ask(port: int, data: bytes, timeout_s: float = 60, context: ssl.SSLContext | None = None) -> tuple[int, bytes]:
    """One request on a connection of its own: status, and the whole answer as bytes."""
    connection = _Connection(port, timeout_s, context)
    connection.send(data)
    while (status := connection.receive()) is None:
        pass
    connection.close()
    return status, connection.body()


def drive(
    port: int, requests: Iterable[bytes], connections: int = CONNECTIONS, context: ssl.SSLContext | None = None
) -> Outcome:
    """Send all requests, `connections` at a time; over TLS with a context."""
    waiting = deque(requests)
    outcome = Outcome()
    selector = selectors.DefaultSelector()
    begin = time.perf_counter()
    busy = 0
    for _ in range(min(connections, len(waiting))):
        busy += _next(_Connection(port, context=context), waiting, selector)
    while busy:
        for key, _events in selector.select():
            connection: _Connection = key.data
            before = connection.socket
            status = connection.receive()
            if status is None:
                continue
            outcome.latencies.append(time.perf_counter() - connection.begin)
            if status != 200:
                outcome.refused[status] = outcome.refused.get(status, 0) + 1
            if connection.socket is None:
                selector.unregister(key.fileobj)
                busy -= 1
                busy += _next(connection, waiting, selector)
            elif waiting:
                connection.send(waiting.popleft())
            else:
                assert before is not None
                selector.unregister(before)
                connection.close()
                busy -= 1
    outcome.wall_s = time.perf_counter() - begin
    selector.close()
    return outcome


def _next(connection: _Connection, waiting: deque[bytes], selector: selectors.BaseSelector) -> int:
    if not waiting:
        return 0
    connection.send(waiting.popleft())
    assert connection.socket is not None
    selector.register(connection.socket, selectors.EVENT_READ, connection)
    return 1
