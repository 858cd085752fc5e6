"""Invocations without a task, beside the ordinary way: the same answers, counts and refusals."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from sagewright.front.admission import Admission
from sagewright.front.application import InvocationApplication
from sagewright.front.invocations.capturing import Capturing
from sagewright.front.invocations.counting import Counting
from sagewright.front.invocations.direct import DirectInvocations
from sagewright.front.invocations.dispatch import Dispatch
from sagewright.front.invocations.routes import (
    Endpoint,
    RouteContainer,
    RouteFleet,
    RouteInstance,
    Routes,
    RouteVariant,
)
from sagewright.front.invocations.spool import CaptureSpool
from sagewright.front.keys import Keys, Permissions
from sagewright.front.link.serving import FrontServer
from sagewright.http.connections import Connections
from sagewright.http.limits import ConnectionLimits
from sagewright.model.notebooks.origins import NotebookHosts
from sagewright.upstream.client import Upstream

KEY = {
    "id": "AKID",
    "secret": "secret",
    "session_token": None,
    "principal_arn": "p",
    "user_id": "u",
    "expires_ms": None,
}


class Container:
    """Answers each request by `answer`; counts connections and requests."""

    def __init__(self) -> None:
        self.answer: Callable[[bytes], bytes | None] = ok
        self.requests = self.closed = 0
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                body = await reader.readexactly(length)
                self.requests += 1
                if (sent := self.answer(body)) is not None:
                    writer.write(sent)
        except asyncio.IncompleteReadError:
            self.closed += 1
        except (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()


class Front:
    """A front with one endpoint, `plain`, and a port."""

    def __init__(self, site: Path) -> None:
        self.counting, self.container = Counting(), Container()
        self.dispatch = Dispatch(self.counting, self._nothing)
        variant = RouteVariant("v", 1.0, (RouteContainer("c"),), (RouteInstance("i", (str(site),)),))
        endpoint = Endpoint("1", "plain", "InService", (RouteFleet(100.0, (variant,)),))
        self.dispatch.take(Routes("0" * 12, "us-east-1", {"plain": endpoint}))
        keys, permissions = Keys(self._ask, self._present), Permissions(lambda _name: True, self._present)
        permissions.is_enforced = False
        self.keys = keys
        admission, limits = Admission(keys, permissions, "us-east-1"), ConnectionLimits()
        capturing = Capturing(CaptureSpool(site / "spool"))
        application = InvocationApplication(
            self.dispatch, admission, capturing, limits, Upstream(self._nothing), self._nothing
        )
        self.ordinary = 0

        async def counted(scope: Any, receive: Any, send: Any) -> None:
            self.ordinary += 1
            await application(scope, receive, send)

        connections = Connections(limits)
        connections.direct = self.direct = DirectInvocations(self.dispatch, admission, lambda _scope: False)
        self.server = FrontServer(counted, connections, NotebookHosts)

    async def _nothing(self) -> Any:
        return None

    async def _present(self, _seconds: float) -> bool:
        return True

    def _ask(self, name: str) -> bool:
        known = {**KEY, "job_id": None} if name == "AKID" else None
        asyncio.get_running_loop().call_soon(self.keys.learn, name, known)
        return True

    def counts(self) -> dict[str, float]:
        return {one["name"]: one["total"] for taken in self.counting.taken() for one in taken["data"]}


class Client:
    def __init__(self, port: int) -> None:
        self.port = port

    async def connect(self) -> Client:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def ask(self, body: bytes, secret: str = "secret", **more: str) -> tuple[int, dict[str, str], bytes]:
        self.writer.write(request(self.port, body, secret, **more))
        return await self.answer()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        named = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        return int(head[0].split()[1]), named, await self.reader.readexactly(int(named["content-length"]))


def ok(body: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Type: text/csv\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def request(port: int, body: bytes, secret: str = "secret", **more: str) -> bytes:
    path = "/endpoints/plain/invocations"
    sent = {name.replace("_", "-"): value for name, value in more.items()}
    signed = AWSRequest(
        "POST", f"http://127.0.0.1:{port}{path}", headers={"Content-Type": "text/csv", **sent}, data=body
    )
    SigV4Auth(Credentials("AKID", secret), "sagemaker", "us-east-1").add_auth(signed)
    lines = [f"{name}: {value}" for name, value in signed.headers.items()]
    head = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *lines, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(head).encode() + body


def run(site: Path, check: Callable[[Front, Client], Awaitable[None]]) -> None:
    """Runs the check with a connection to a front whose first request, which connects to the container, was answered."""

    async def main() -> None:
        front = Front(site)
        (site / "ml" / "serving").mkdir(parents=True)
        container = await asyncio.start_unix_server(front.container.serve, site / "ml" / "serving" / "http.sock")
        loop = asyncio.get_running_loop()
        server = await loop.create_server(front.server.passed_protocol, sock=socket.create_server(("127.0.0.1", 0)))
        client = await Client(server.sockets[0].getsockname()[1]).connect()
        assert (await client.ask(b"first"))[0] == 200
        assert front.ordinary == 1
        front.counts()
        async with asyncio.timeout(60):
            await check(front, client)
        client.writer.close()
        server.close()
        container.close()
        front.dispatch.take(Routes())

    asyncio.run(main())


def test_the_answer_and_the_counts_are_those_of_the_ordinary_way(tmp_path: Path) -> None:
    async def check(front: Front, client: Client) -> None:
        direct = await client.ask(b"1,2")
        counted = front.counts()
        ordinary = await client.ask(b"1,2", x_amzn_sagemaker_target_variant="v")
        assert front.ordinary == 2
        assert (direct[0], direct[2]) == (ordinary[0], ordinary[2]) == (200, b"1,2")
        assert {**direct[1], "x-amzn-requestid": "", "date": ""} == {**ordinary[1], "x-amzn-requestid": "", "date": ""}
        again = front.counts()
        assert counted.keys() == again.keys()
        assert counted["Invocations"] == again["Invocations"] == 1
        assert not front.dispatch.busy.by_instance

    run(tmp_path, check)


def test_a_failing_model_is_reported_and_counted_alike(tmp_path: Path) -> None:
    async def check(front: Front, client: Client) -> None:
        front.container.answer = lambda body: ok(b"no", b"400 Bad Request")
        direct, counted = await client.ask(b"1"), front.counts()
        ordinary = await client.ask(b"1", x_amzn_sagemaker_target_variant="v")
        assert front.ordinary == 2
        assert (direct[0], direct[2]) == (ordinary[0], ordinary[2])
        assert json.loads(direct[2])["OriginalStatusCode"] == 400
        assert counted == front.counts()
        front.container.answer = lambda body: b"nonsense\r\n\r\n"
        assert (await client.ask(b"1"))[0] == 424
        assert front.ordinary == 2

    run(tmp_path, check)


def test_requests_that_are_not_admitted_are_refused_as_ever(tmp_path: Path) -> None:
    async def check(front: Front, client: Client) -> None:
        status, headers, _ = await client.ask(b"1", "another secret")
        assert (status, headers["x-amzn-errortype"]) == (400, "invalidsignatureexception")
        digest = hashlib.sha256(b"another body").hexdigest()
        status, headers, _ = await client.ask(b"1", X_Amz_Content_SHA256=digest)
        assert (status, headers["x-amzn-errortype"]) == (400, "xamzcontentsha256mismatch")
        assert front.container.requests == 1
        digest = hashlib.sha256(b"1").hexdigest()
        assert (await client.ask(b"1", X_Amz_Content_SHA256=digest))[2] == b"1"
        assert front.ordinary == 3

    run(tmp_path, check)


def test_a_container_that_closes_its_connection_costs_at_most_the_request_that_it_read(tmp_path: Path) -> None:
    async def check(front: Front, client: Client) -> None:
        def answer(body: bytes) -> bytes | None:
            if body == b"abort":
                front.container.writers[-1].transport.abort()
            return None if body == b"abort" else ok(body)

        front.container.answer = answer
        assert (await client.ask(b"abort"))[0] == 424
        assert front.ordinary == 1
        assert (await client.ask(b"1"))[2] == b"1"
        assert front.ordinary == 2  # it connects
        front.container.writers[-1].transport.abort()
        await asyncio.sleep(0.05)
        assert (await client.ask(b"2"))[2] == b"2"
        assert not front.dispatch.busy.by_instance

    run(tmp_path, check)


def test_a_client_that_leaves_releases_its_connection(tmp_path: Path) -> None:
    async def check(front: Front, client: Client) -> None:
        front.container.answer = lambda body: None if body == b"never" else ok(body)
        client.writer.write(request(client.port, b"never"))
        while front.container.requests < 2:
            await asyncio.sleep(0.01)
        client.writer.transport.abort()
        while not front.container.closed:
            await asyncio.sleep(0.01)
        assert not front.dispatch.busy.by_instance
        assert front.counts()["Invocation4XXErrors"] == 1
        another = await Client(client.port).connect()
        assert (await another.ask(b"1"))[2] == b"1"
        another.writer.close()

    run(tmp_path, check)


@pytest.mark.parametrize("name", ["X_Amzn_SageMaker_Inference_Id", "X_Amzn_SageMaker_Custom_Attributes"])
def test_limits_of_headers_hold(tmp_path: Path, name: str) -> None:
    async def check(front: Front, client: Client) -> None:
        assert (await client.ask(b"1", **{name: "x" * 5000}))[0] == 400
        assert (await client.ask(b"1", **{name: "x"}))[0] == 200
        assert front.container.requests == 2

    run(tmp_path, check)
