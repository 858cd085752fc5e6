"""Coordination of a cluster's hosts: each keeps one connection to the first.

The first host sends `go` when the cluster's master listens, and `end` when the driver has ended. A connection that closes without
`end` is a lost host. Both sides prove that they belong to the job.
"""

from __future__ import annotations

import hashlib
import hmac
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from sagewright.toolkit.spark.errors import ClusterFailed

PORT = 7779
_FIRST_CONTACT_S = 600.0  # hosts start at different times: inputs and environments take time
_NAMES_S = 60.0
_PAUSE_S = 0.1
_LONGEST = 512
_HELLO_S = 5.0


def address_of(host: str) -> str:
    """Resolves a host; names can become resolvable only after its start. Raises ClusterFailed."""
    deadline = time.monotonic() + _NAMES_S
    while True:
        try:
            return socket.gethostbyname(host)
        except OSError as error:
            if time.monotonic() > deadline:
                raise ClusterFailed(f"the name {host} leads nowhere: {error}") from error
            time.sleep(_PAUSE_S)


class Leader:
    """The first host's side."""

    def __init__(self, address: str, others: list[str], secret: bytes, port: int = PORT) -> None:
        self._server = socket.create_server((address, port), backlog=max(len(others), 1))
        self._missing, self._secret = set(others), secret
        self._followers: dict[socket.socket, str] = {}
        self._over = threading.Event()

    def gather(self, patience_s: float = _FIRST_CONTACT_S) -> None:
        """Waits for every host, and sends `go` to each. Raises ClusterFailed."""
        deadline = time.monotonic() + patience_s
        while self._missing:
            self._server.settimeout(max(deadline - time.monotonic(), 0.01))
            try:
                connection, _ = self._server.accept()
            except TimeoutError as error:
                missing = ", ".join(sorted(self._missing))
                raise ClusterFailed(f"not there after {patience_s:.0f} s: {missing}") from error
            host = _named(connection, self._secret)
            if host in self._missing:
                self._missing.remove(host)
                self._followers[connection] = host
                connection.sendall(b"go\n")
            else:
                connection.close()

    def watch(self, lost: Callable[[str], None]) -> None:
        """Calls `lost` with the name of the first host whose connection closes before `end`."""
        threading.Thread(target=self._watch, args=(lost,), daemon=True).start()

    def _watch(self, lost: Callable[[str], None]) -> None:
        while not self._over.is_set():
            try:
                ready, _, _ = select.select(list(self._followers), [], [], 0.2)
            except (OSError, ValueError):  # closed meanwhile: `end`
                return
            for connection in ready:
                if not self._over.is_set():
                    self._over.set()
                    lost(self._followers[connection])

    def end(self) -> None:
        """Tells all hosts that the driver has ended."""
        self._over.set()
        for connection in self._followers:
            with suppress(OSError):  # already closed
                connection.sendall(b"end\n")
        self.abandon()

    def abandon(self) -> None:
        """Closes every connection without a message."""
        self._over.set()
        for connection in self._followers:
            connection.close()
        self._server.close()


class Follower:
    """The side of every other host."""

    def __init__(self, host: str, leader: str, secret: bytes, port: int = PORT) -> None:
        self._leader, self._place = leader, (address_of(leader), port)
        self._hello = f"{host} {_proof(host, secret)}".encode()
        self._connection: socket.socket | None = None
        self._said = b""

    def join(self, patience_s: float = _FIRST_CONTACT_S) -> None:
        """Waits until the first host says `go`. Raises ClusterFailed."""
        deadline = time.monotonic() + patience_s
        while True:
            try:
                self._connection = socket.create_connection(self._place, timeout=5)
                self._connection.sendall(self._hello)
                self._connection.settimeout(max(deadline - time.monotonic(), 1))
                self._said = self._connection.recv(_LONGEST)
                if self._said:
                    return
                self.close()
            except OSError as error:
                self.close()
                if time.monotonic() > deadline:
                    raise ClusterFailed(f"{self._leader} cannot be reached: {error}") from error
            time.sleep(_PAUSE_S)

    def ended(self, wait_s: float) -> bool:
        """Returns True if the first host says `end` within `wait_s`. Raises ClusterFailed if it was lost."""
        if b"end" in self._said:
            return True
        assert self._connection is not None
        self._connection.settimeout(wait_s)
        try:
            said = self._connection.recv(_LONGEST)
        except TimeoutError:
            return False
        except OSError:
            said = b""
        if not said:
            raise ClusterFailed(f"{self._leader}, where the driver ran, was lost")
        self._said += said
        return b"end" in self._said

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def _proof(host: str, secret: bytes) -> str:
    return hmac.new(secret, f"spark {host}".encode(), hashlib.sha256).hexdigest()


def _named(connection: socket.socket, secret: bytes) -> str:
    connection.settimeout(_HELLO_S)
    try:
        return _proved(connection.recv(_LONGEST), secret)
    except OSError:
        return ""


def _proved(hello: bytes, secret: bytes) -> str:
    """Returns the host's name, "" if it does not belong to the job."""
    host, _, proof = hello.decode(errors="replace").partition(" ")
    return host if hmac.compare_digest(proof.encode(), _proof(host, secret).encode()) else ""
