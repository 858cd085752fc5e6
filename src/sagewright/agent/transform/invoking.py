"""Requests of batch transform to the host's own server, and to the servers of other containers, with retries."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO, cast

from sagewright.agent.disk import Disk
from sagewright.agent.errors import AlgorithmError
from sagewright.agent.transform.serving import PING_S, ping
from sagewright.model.jobs.agent_marks import has_ended
from sagewright.model.jobs.brief import Transform
from sagewright.upstream.blocking import BlockingUpstream
from sagewright.upstream.client import Answer, Broken, ContainerUnreachable, Spill, Stale, UpstreamRequest
from sagewright.upstream.connecting import ContainerAddress

SEE_LOG = "See job logs for more information"
MOST_ANSWER = 1 << 30
"""Maximum bytes of an answer, which is kept in a file."""
MOST_READ = 128 << 20
"""Maximum bytes of an answer that is filtered or joined with its input, and therefore read whole."""
_ASK_S = 5.0
_MOST_PARAMETERS = 1 << 16
_BACK_S = 60.0
"""Time within which a server that has died must be healthy again."""
_LOOK_S = 0.1
_WAIT_S = 0.2
_PIECE = 1 << 20


class RequestFailed(Exception):
    """The server did not answer a request successfully. `status`: its answer's, 0 for none; `body`: the beginning of it."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status} {body}")
        self.status, self.body = status, body

    @property
    def is_the_clients(self) -> bool:
        """True if the server reports that the request is at fault."""
        return 400 <= self.status < 500


@dataclass(frozen=True)
class AnswerBody:
    """The body of an answer: `data`, or a file if it is large."""

    data: bytes
    file: BinaryIO | None = None

    @property
    def size(self) -> int:
        return len(self.data) if self.file is None else os.fstat(self.file.fileno()).st_size

    def pieces(self) -> Iterator[bytes]:
        """Yields the body from its beginning, on every call."""
        if self.file is None:
            yield self.data
            return
        self.file.seek(0)
        while piece := self.file.read(_PIECE):
            yield piece

    def whole(self) -> bytes:
        """Returns the whole body. Raises RequestFailed for more than MOST_READ bytes."""
        if self.size > MOST_READ:
            raise RequestFailed(
                0, f"The answer has {self.size} bytes; one that is filtered or joined has at most {MOST_READ}."
            )
        return b"".join(self.pieces())

    def close(self) -> None:
        if self.file is not None:
            self.file.close()


def spill(scratch: Path, most: int) -> Spill:
    """Returns a spill to unnamed files in a directory, as long as the disk has room."""
    return Spill(lambda: cast("BinaryIO", tempfile.TemporaryFile(dir=scratch)), most, Disk(scratch).spend)


Body = bytes | Callable[[], Iterator[bytes]]


class Invoking:
    """Sends requests to the host in HOST_DIRECTORY, and its answers to the hosts of the other containers in turn. `check`
    raises to give up; large answers are kept in `scratch`."""

    def __init__(self, directory: Path, transform: Transform, scratch: Path, check: Callable[[], None]) -> None:
        places = [directory, *(directory.parent / name for name in transform.onward)]
        self._content_type, self._check = transform.content_type, check
        scratch.mkdir(exist_ok=True)
        self._spill = spill(scratch, MOST_ANSWER)
        self._first, *self._onward = [_Server(place, transform, self._spill, check) for place in places]

    def parameters(self) -> dict[str, Any]:
        """Returns the first server's answer to GET /execution-parameters; {} if it is unreadable."""
        return self._first.parameters()

    def await_all(self) -> None:
        """Waits until all servers other than the first one are healthy. Raises AlgorithmError if one has ended, and the
        exceptions of `check`."""
        for server in self._onward:
            while not server.well():
                self._check()
                if server.has_ended():
                    raise AlgorithmError(SEE_LOG)
                time.sleep(_LOOK_S)

    def close(self) -> None:
        for server in (self._first, *self._onward):
            server.close()

    def kept(self, data: bytes) -> AnswerBody:
        """Stores an answer, in a file if it is large. Raises DiskFull."""
        if len(data) <= _PIECE:
            return AnswerBody(data)
        self._spill.spend(len(data))
        file = self._spill.open()
        file.write(data)
        file.flush()
        return AnswerBody(b"", file)

    def invoke(self, body: Body) -> AnswerBody:
        """Returns the answer to one payload. Raises RequestFailed, DiskFull, and the exceptions of `check`."""
        content, kind = self._first.invoke(body, self._content_type)
        for server in self._onward:
            given = content
            try:
                content, kind = server.invoke(given.data if given.file is None else given.pieces, kind, given.size)
            finally:
                given.close()
        return content


class _Server:
    """One of the servers. Its answers come with their content type, "" if there is none."""

    def __init__(self, directory: Path, transform: Transform, large: Spill, check: Callable[[], None]) -> None:
        self._directory, self._transform, self._check, self._spill = directory, transform, check, large
        self._upstream = BlockingUpstream(ContainerAddress(directory, PING_S), check)
        self._headers = {"Accept": transform.accept} if transform.accept else {}

    def close(self) -> None:
        self._upstream.close()

    def well(self) -> bool:
        return ping(self._directory)

    def has_ended(self) -> bool:
        return bool(has_ended(self._directory))

    def parameters(self) -> dict[str, Any]:
        request = UpstreamRequest("GET", "/execution-parameters", {"Connection": "close"})
        try:
            answer = self._upstream.glance(request, _ASK_S, _MOST_PARAMETERS)
            found = json.loads(answer.body) if answer.status == HTTPStatus.OK else {}
        except (ContainerUnreachable, Broken, TimeoutError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def invoke(self, body: Body, content_type: str, length: int | None = None) -> tuple[AnswerBody, str]:
        """Sends a request. `length`: bytes of a generated body, if known."""
        tries = 0
        while True:
            self._check()
            try:
                return self._once(body, content_type, length)
            except RequestFailed as failed:
                tries += 1
                if failed.is_the_clients or tries > self._transform.retries:
                    raise
                if failed.status == 0:
                    self._await_server()
                else:
                    time.sleep(_WAIT_S * tries)

    def _once(self, body: Body, content_type: str, length: int | None) -> tuple[AnswerBody, str]:
        headers = self._headers | ({"Content-Type": content_type} if content_type else {})
        try:
            answer = self._requested(body, headers, length)
        except TimeoutError as error:
            raise RequestFailed(0, f"The model did not answer within {self._transform.timeout_s} s.") from error
        except (ContainerUnreachable, Broken) as error:
            raise RequestFailed(0, f"The model's server could not be reached: {error}") from error
        if not 200 <= answer.status < 300:
            raise RequestFailed(answer.status, answer.body[:4096].decode(errors="replace"))
        return AnswerBody(answer.body, answer.file), answer.headers.get("content-type", "")

    def _requested(self, body: Body, headers: dict[str, str], length: int | None) -> Answer:
        """Sends a request; if the server has closed a persistent connection in the meantime, that does not count as a failure."""
        timeout_s = float(self._transform.timeout_s)
        while True:
            try:
                if isinstance(body, bytes):
                    request = UpstreamRequest("POST", "/invocations", headers, body)
                    return self._upstream.fetch(request, timeout_s, self._spill)
                request = UpstreamRequest("POST", "/invocations", headers, length=length)
                return self._upstream.fetch(request, timeout_s, self._spill, body)
            except Stale:
                self._check()

    def _await_server(self) -> None:
        """Waits until it is healthy again, for as long as that may take."""
        until = time.monotonic() + _BACK_S
        while time.monotonic() < until and not self.has_ended():
            self._check()
            if self.well():
                return
            time.sleep(_LOOK_S)
