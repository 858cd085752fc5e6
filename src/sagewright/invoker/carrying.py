"""One asynchronous invocation: sends its input through the containers in turn, and the last answer to S3."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from sagewright.invoker.messages import AsyncInvocation, Result
from sagewright.invoker.objects import ObjectClient, ObjectFailed
from sagewright.model import disk_room
from sagewright.upstream.client import Answer, Broken, ContainerUnreachable, Spill, Stale, Upstream, UpstreamRequest
from sagewright.upstream.connecting import server_address

T = TypeVar("T")
MOST_BYTES = 1 << 30
"""Maximum bytes of an input or an answer. Source: AWS's developer guide, "Asynchronous inference"."""
UNKNOWN_TYPE, ANY_TYPE = "application/octet-stream", "binary/octet-stream"
THREADS, OF_AN_ENDPOINT = 16, 4
"""Concurrent transfers from and to S3, in total and for one endpoint."""
ACCEPT_S = 5.0
MOST_CONTAINERS = 256
"""Maximum number of containers with persistent connections."""
MOST_SAID = 3000
_PIECE = 1 << 20


class InvocationFailed(Exception):
    """The invocation has failed; the message is uploaded to S3FailurePath."""


@dataclass
class InvocationPayload:
    """A payload: `data`, or a file if it is large."""

    content_type: str
    data: bytes = b""
    file: BinaryIO | None = None
    size: int = 0

    def request(self, headers: dict[str, str]) -> UpstreamRequest:
        described = {**headers, "Content-Type": self.content_type}
        if self.file is None:
            return UpstreamRequest("POST", "/invocations", described, self.data)
        return UpstreamRequest("POST", "/invocations", described, pieces=_pieces(self.file), length=self.size)


class Carrying:
    """Carries out invocations concurrently. To be used from one event loop. `folder`: for open files without a name."""

    def __init__(self, objects: ObjectClient, folder: Path, stop_mb: int) -> None:
        self._objects, self._folder, self._stop_mb = objects, folder, stop_mb
        self._threads = ThreadPoolExecutor(THREADS, "transfers")
        self._shares: dict[str, asyncio.Semaphore] = defaultdict(partial(asyncio.Semaphore, OF_AN_ENDPOINT))
        self._upstreams: dict[str, Upstream] = {}

    async def carry_out(self, invocation: AsyncInvocation) -> Result:
        """Carries out an invocation. Raises nothing but CancelledError."""
        with ExitStack() as held:
            try:
                content = await self._input(invocation, held)
                async with asyncio.timeout(invocation.timeout_s + 1.0):  # each exchange gets the remaining time
                    content = await self._answered(invocation, content, held)
                await self._output(invocation, content)
            except (InvocationFailed, ObjectFailed) as error:
                return Result(invocation.id, failure=str(error))
            except TimeoutError:
                return Result(invocation.id, failure=_too_late(invocation.containers[-1]))
            except (OSError, ValueError) as error:
                return Result(invocation.id, failure=f"The invocation could not be carried out: {error}")
        return Result(invocation.id, content.content_type)

    def close(self) -> None:
        for upstream in self._upstreams.values():
            upstream.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _input(self, invocation: AsyncInvocation, held: ExitStack) -> InvocationPayload:
        named = invocation.headers.get("Content-Type", "")
        if not invocation.input_uri:
            data = base64.b64decode(invocation.body)
            return InvocationPayload(named or UNKNOWN_TYPE, data, size=len(data))
        file = held.enter_context(self._file())
        found = await self._transfer(invocation, self._objects.read, invocation.input_uri, file, MOST_BYTES)
        own = "" if found.content_type == ANY_TYPE else found.content_type
        return InvocationPayload(named or own or UNKNOWN_TYPE, file=file, size=found.size)

    async def _answered(
        self, invocation: AsyncInvocation, content: InvocationPayload, held: ExitStack
    ) -> InvocationPayload:
        loop = asyncio.get_running_loop()
        due_s = loop.time() + invocation.timeout_s
        headers = {name: value for name, value in invocation.headers.items() if name != "Content-Type"}
        for server, container in zip(invocation.servers, invocation.containers, strict=True):
            answer = await self._ask(server, content.request(headers), due_s - loop.time(), container)
            if answer.file is not None:
                held.callback(answer.file.close)
            if not 200 <= answer.status < 300:
                side = "client" if 400 <= answer.status < 500 else "server"
                text = answer.body[:MOST_SAID].decode(errors="replace")
                raise InvocationFailed(
                    f'Received {side} error ({answer.status}) from {container} with message "{text}".'
                )
            kind = answer.headers.get("content-type") or UNKNOWN_TYPE
            size = len(answer.body) if answer.file is None else os.fstat(answer.file.fileno()).st_size
            content = InvocationPayload(kind, answer.body, answer.file, size)
        return content

    async def _ask(self, server: str, request: UpstreamRequest, left_s: float, container: str) -> Answer:
        """Sends a request to a container. Raises InvocationFailed."""
        spill = Spill(self._file, MOST_BYTES, self._spend)
        for last in (False, True):
            try:
                return await self._upstream(server).fetch(request, max(left_s, 0.001), spill)
            except TimeoutError:
                raise InvocationFailed(_too_late(container)) from None
            except Stale as error:  # the container had closed a persistent connection: the request was not read
                if last or request.pieces is not None:
                    raise InvocationFailed(f"Received server error (0) from {container}: {error}") from None
            except (Broken, ContainerUnreachable) as error:
                raise InvocationFailed(f"Received server error (0) from {container}: {error}") from None
        raise AssertionError("unreachable")

    async def _output(self, invocation: AsyncInvocation, content: InvocationPayload) -> None:
        file = content.file or io.BytesIO(content.data)
        write = self._objects.write
        await self._transfer(invocation, write, invocation.output_uri, file, content.size, content.content_type)

    async def _transfer(self, invocation: AsyncInvocation, do: Any, *arguments: Any) -> Any:
        async with self._shares[invocation.endpoint]:
            return await asyncio.get_running_loop().run_in_executor(self._threads, do, *arguments)

    def _upstream(self, server: str) -> Upstream:
        found = self._upstreams.pop(server, None)
        self._upstreams[server] = found = found or Upstream(server_address(server, ACCEPT_S))
        if len(self._upstreams) > MOST_CONTAINERS:
            self._upstreams.pop(next(iter(self._upstreams))).close()
        return found

    def _file(self) -> BinaryIO:
        """Returns a temporary file. Raises InvocationFailed if the disk is too full for one."""
        self._spend(0)
        return tempfile.TemporaryFile(dir=self._folder)  # the caller closes it

    def _spend(self, size: int) -> None:
        left = disk_room.spare(self._folder, self._stop_mb)
        if left < size:
            raise InvocationFailed(f"The disk of {self._folder} has no room for {size} more bytes of payloads.")


def _too_late(container: str) -> str:
    return f"Your invocation timed out while waiting for a response from container {container}."


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    file.seek(0)
    while piece := await asyncio.to_thread(file.read, _PIECE):
        yield piece
