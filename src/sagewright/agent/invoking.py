"""Requests of batch transform to the host's own server, and to those beside it: a connection a thread for each, tried again as long
as it may be."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

from sagewright.agent.errors import AlgorithmError
from sagewright.agent.serving import ping
from sagewright.model.agentmarks import has_ended
from sagewright.model.brief import Transform
from sagewright.model.servingplaces import connected

SEE_LOG = "See job logs for more information"
MOST_ANSWER = 1 << 30
"""Bytes of an answer, which is held in memory."""
_ASK_S = 5.0
_BACK_S = 60.0
"""How long a server that has died may take until it is well again."""
_LOOK_S = 0.1
_WAIT_S = 0.2
_PIECE = 1 << 20
Body = bytes | Callable[[], Iterator[bytes]]


class Failed(Exception):
    """The server did not answer a request well. `status`: its answer's, 0 if there was none; `body`: the beginning of it."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status} {body}")
        self.status, self.body = status, body

    @property
    def is_the_clients(self) -> bool:
        """Whether the server says that the request is at fault."""
        return 400 <= self.status < 500


class Invoking:
    """Of the host in HOST_DIRECTORY, and of the hosts beside it that get the answer onward. `check` raises to give up."""

    def __init__(self, directory: Path, transform: Transform, check: Callable[[], None]) -> None:
        places = [directory, *(directory.parent / name for name in transform.onward)]
        self._content_type, self._check = transform.content_type, check
        self._first, *self._onward = [_Server(place, transform, check) for place in places]

    def parameters(self) -> dict[str, Any]:
        """What the first server says at GET /execution-parameters; {} where it says nothing that can be read."""
        return self._first.parameters()

    def await_all(self) -> None:
        """Until the servers beside the first one are well. Raises AlgorithmError where one has ended, and what `check` raises."""
        for server in self._onward:
            while not server.well():
                self._check()
                if server.has_ended():
                    raise AlgorithmError(SEE_LOG)
                time.sleep(_LOOK_S)

    def invoke(self, body: Body) -> bytes:
        """The answer to one payload. Raises Failed, and what `check` raises."""
        answer, kind = self._first.invoke(body, self._content_type)
        for server in self._onward:
            answer, kind = server.invoke(answer, kind)
        return answer


class _Server:
    """One of them. Its answers come with their content type, "" where it says none."""

    def __init__(self, directory: Path, transform: Transform, check: Callable[[], None]) -> None:
        self._directory, self._transform, self._check = directory, transform, check
        self._own = threading.local()
        self._headers = {"Host": "localhost"}
        if transform.accept:
            self._headers["Accept"] = transform.accept

    def well(self) -> bool:
        return ping(self._directory)

    def has_ended(self) -> bool:
        return bool(has_ended(self._directory))

    def parameters(self) -> dict[str, Any]:
        try:
            connection = self._connect(_ASK_S)
        except OSError:
            return {}
        try:
            connection.request("GET", "/execution-parameters", headers={"Host": "localhost", "Connection": "close"})
            answer = connection.getresponse()
            found = json.loads(answer.read(1 << 16)) if answer.status == HTTPStatus.OK else {}
        except (OSError, http.client.HTTPException, ValueError):
            return {}
        finally:
            connection.close()
        return found if isinstance(found, dict) else {}

    def invoke(self, body: Body, content_type: str) -> tuple[bytes, str]:
        tries = 0
        while True:
            self._check()
            try:
                return self._once(body, content_type)
            except Failed as failed:
                tries += 1
                if failed.is_the_clients or tries > self._transform.retries:
                    raise
                if failed.status == 0:
                    self._await_server()
                else:
                    time.sleep(_WAIT_S * tries)

    def _once(self, body: Body, content_type: str) -> tuple[bytes, str]:
        """A connection that was kept may have been closed by the server meanwhile: that is no failure of the request."""
        kept: http.client.HTTPConnection | None = getattr(self._own, "connection", None)
        if kept is not None and kept.sock is not None:
            try:
                return self._ask(kept, body, content_type)
            except TimeoutError as error:
                self._drop()
                raise self._late() from error
            except ConnectionError:
                self._drop()
        try:
            self._own.connection = self._connect(float(self._transform.timeout_s))
            return self._ask(self._own.connection, body, content_type)
        except TimeoutError as error:
            self._drop()
            raise self._late() from error
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            raise Failed(0, f"The model's server ended the connection: {type(error).__name__}: {error}") from error

    def _late(self) -> Failed:
        return Failed(0, f"The model did not answer within {self._transform.timeout_s} s.")

    def _ask(self, connection: http.client.HTTPConnection, body: Body, content_type: str) -> tuple[bytes, str]:
        headers = self._headers | ({"Content-Type": content_type} if content_type else {})
        connection.request("POST", "/invocations", body if isinstance(body, bytes) else body(), headers)
        answer = connection.getresponse()
        content = _read(answer)
        if not 200 <= answer.status < 300:
            raise Failed(answer.status, content[:4096].decode(errors="replace"))
        return content, answer.getheader("Content-Type") or ""

    def _connect(self, timeout_s: float) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("localhost")
        connection.auto_open = 0
        connection.sock = connected(self._directory, timeout_s)
        return connection

    def _drop(self) -> None:
        connection = getattr(self._own, "connection", None)
        if connection is not None:
            connection.close()
            self._own.connection = None

    def _await_server(self) -> None:
        """Until it is well again, for as long as that may take."""
        until = time.monotonic() + _BACK_S
        while time.monotonic() < until and not self.has_ended():
            self._check()
            if self.well():
                return
            time.sleep(_LOOK_S)


def _read(answer: http.client.HTTPResponse) -> bytes:
    """Raises Failed for an answer that is too large."""
    parts = []
    size = 0
    while part := answer.read(_PIECE):
        size += len(part)
        if size > MOST_ANSWER:
            answer.close()
            raise Failed(0, f"The answer has more than {MOST_ANSWER} bytes.")
        parts.append(part)
    return b"".join(parts)
