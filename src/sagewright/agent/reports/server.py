"""HTTP to the server that started the agent, or to another one that shares its store, over one persistent connection."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterable
from typing import IO
from urllib.parse import urlsplit

_TIMEOUT_S = 30.0


class ServerAway(ConnectionError):
    """The server gave no usable answer; the same request may be sent again later."""


class ServerConnection:
    """Requests under `/_sagewright/hosts/{host_id}/`. Not thread-safe: each thread needs its own."""

    def __init__(self, endpoint: str, host_id: str, token: str) -> None:
        self._endpoints, self._host_id = [endpoint], host_id
        self._turn_to(endpoint)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._connection: http.client.HTTPConnection | None = None

    def know(self, endpoints: Iterable[object]) -> None:
        """Adds servers that share this one's store; anything that is not a URL is skipped."""
        urls = [one for one in endpoints if isinstance(one, str) and one.startswith(("http://", "https://"))]
        self._endpoints += [one for one in urls if one not in self._endpoints]

    def turn(self) -> None:
        """Directs the next request to another server, if there is one, because this one is unreachable."""
        if len(self._endpoints) > 1:
            self.close()
            self._endpoints.append(self._endpoints.pop(0))
            self._turn_to(self._endpoints[0])

    def _turn_to(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        self._tls = parts.scheme == "https"
        self._place = (parts.hostname or "127.0.0.1", parts.port)
        self._base = f"{parts.path.rstrip('/')}/_sagewright/hosts/{self._host_id}/"

    def request(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> tuple[int, bytes]:
        """Returns status and body of the answer. A connection that the server closed while idle is reopened.

        Raises ServerAway.
        """
        for fresh in (self._connection is None, True):
            try:
                connection = self._open(fresh=fresh)
                connection.request(method, self._base + path, body, {**self._headers, "Content-Type": kind})
                answer = connection.getresponse()
                return answer.status, answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if fresh:
                    raise ServerAway(str(error)) from error
        raise AssertionError("unreachable")

    def upload(self, path: str, body: IO[bytes], length: int) -> int:
        """PUTs a body from a file; returns the status. Raises ServerAway."""
        headers = {**self._headers, "Content-Type": "application/x-tar", "Content-Length": str(length)}
        try:
            connection = self._open(fresh=True)
            connection.request("PUT", self._base + path, body, headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise ServerAway(str(error)) from error

    def download(self, path: str) -> tuple[int, Iterable[bytes]]:
        """GETs a path; returns the status and the body in pieces, which must be read before the next request. Raises ServerAway,
        also while the pieces are read."""
        try:
            connection = self._open(fresh=True)
            connection.request("GET", self._base + path, headers=self._headers)
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise ServerAway(str(error)) from error
        return answer.status, _pieces(answer)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self, *, fresh: bool) -> http.client.HTTPConnection:
        if fresh or self._connection is None:
            self.close()
            host, port = self._place
            if self._tls:
                self._connection = http.client.HTTPSConnection(
                    host, port, timeout=_TIMEOUT_S, context=ssl.create_default_context()
                )
            else:
                self._connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
        return self._connection


def _pieces(answer: http.client.HTTPResponse) -> Iterable[bytes]:
    try:
        while piece := answer.read(1 << 20):
            yield piece
        if answer.length:  # http.client does not report a truncated body
            raise ServerAway(f"the answer ended {answer.length} bytes early")
    except (OSError, http.client.HTTPException) as error:
        raise ServerAway(str(error)) from error
