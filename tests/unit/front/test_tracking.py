"""The way to tracking servers: who gets there, the caller that they see, and the answers."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from sagewright.front.admission import Admission
from sagewright.front.keys import Keys, Permissions
from sagewright.front.tracking import ARN_HEADER, TrackingApplication, is_for_trackers
from sagewright.http.limits import ConnectionLimits
from sagewright.model.clock import now_ms
from sagewright.model.jobs import tracking_sessions as passes
from sagewright.model.jobs.tracking_sessions import SESSION, URL, Pass

ARN = "arn:aws:sagemaker:us-east-1:000000000000:mlflow-tracking-server/t"
HOST = "127.0.0.1:1"
SECRET = passes.secret_of("admin")
KEY = {
    "id": "AKIA1", "secret": "secret", "session_token": None, "principal_arn": "arn", "user_id": "u",
    "expires_ms": None, "job_id": None,
}  # fmt: skip


class Site:
    """A tracking server that tells each request's head and body, and the way to it."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.refreshed, self.location = directory, 0, ""
        self.keys = Keys(self._answered, self._present)
        self.permissions = Permissions(lambda _: False, self._present)
        self.permissions.is_enforced = False
        self.tracking = TrackingApplication(
            Admission(self.keys, self.permissions, "us-east-1"), ConnectionLimits(), self._refresh, self.keys
        )
        self.tell(str(directory))

    def _answered(self, key_id: str) -> bool:
        self.keys.learn(key_id, KEY if key_id == KEY["id"] else None)
        return True

    async def _present(self, _wait_s: float) -> bool:
        return True

    async def _refresh(self) -> None:
        self.refreshed += 1

    def tell(self, directory: str, status: str = "Created") -> None:
        one = {"id": "id", "name": "t", "arn": ARN, "status": status, "directory": directory}
        self.tracking.take({"trackers": [one], "secret": SECRET})

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(next(line for line in head.splitlines() if line.lower().startswith("content-length")).split()[1])
        body = json.dumps({"head": head, "body": (await reader.readexactly(length)).decode()}).encode()
        status = "302 Found\r\nLocation: " + self.location if self.location else "200 OK"
        writer.write(f"HTTP/1.1 {status}\r\nSet-Cookie: a=b\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    async def _ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, Any, dict[str, str]]:
        place = self.directory / "ml" / "serving"
        place.mkdir(parents=True, exist_ok=True)
        bound = socket.socket(socket.AF_UNIX)
        handle = os.open(place, os.O_PATH)
        bound.bind(f"/proc/self/fd/{handle}/http.sock")
        os.close(handle)
        server = await asyncio.start_unix_server(self._serve, sock=bound)
        raw, _, query = path.partition("?")
        scope = {
            "type": "http", "method": method, "path": raw, "raw_path": raw.encode(), "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in {"Host": HOST, **headers}.items()]
            + [(b"content-length", str(len(body)).encode())],
        }  # fmt: skip
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        try:
            assert is_for_trackers(scope)
            await self.tracking(scope, receive, send)
        finally:
            server.close()
            (place / "http.sock").unlink()
        described = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:]), described

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Any:
        return asyncio.run(self._ask(method, path, headers or {}, body))

    def signed(
        self, method: str, path: str, body: bytes = b"", service: str = "sagemaker-mlflow", arn: str = ARN
    ) -> Any:
        request = AWSRequest(method, f"http://{HOST}{path}", data=body, headers={ARN_HEADER: arn})
        SigV4Auth(Credentials(KEY["id"], "secret"), service, "us-east-1").add_auth(request)
        return self.ask(method, path, dict(request.headers.items()), body)

    def session(self, tracker: str = "id", until_ms: int = 0) -> dict[str, str]:
        text = passes.written(Pass(SESSION, tracker, until_ms or now_ms() + 60_000, key="AKIA1"), SECRET)
        return {"Cookie": f"x=y; sagewright-mlflow={text}"}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_signed_request_is_passed_on_without_who_asks(site: Site) -> None:
    status, body, headers = site.signed("POST", "/api/2.0/mlflow/runs/create?a=b", b'{"x":1}')
    assert status == 200
    described = json.loads(body)
    assert described["head"].startswith("POST /api/2.0/mlflow/runs/create?a=b HTTP/1.1\r\n")
    assert described["body"] == '{"x":1}'
    assert "host: localhost" in described["head"].lower()
    for secret in ("AKIA1", "authorization", "x-amz-date", "x-mlflow-sm"):
        assert secret not in described["head"].lower().replace("akia1", "AKIA1")
    assert "set-cookie" not in headers


@pytest.mark.parametrize("change", [{"service": "sagemaker"}, {"arn": ARN + "x"}])
def test_a_request_signed_for_something_else_is_refused(site: Site, change: dict[str, Any]) -> None:
    status, body, _ = site.signed("GET", "/api/2.0/mlflow/experiments/search", **change)
    expected = (403, "PERMISSION_DENIED") if "service" in change else (404, "RESOURCE_DOES_NOT_EXIST")
    assert (status, json.loads(body)["error_code"]) == expected


def test_nobody_gets_there_unsigned(site: Site) -> None:
    status, body, _ = site.ask("GET", "/api/2.0/mlflow/experiments/search", {ARN_HEADER: ARN})
    assert (status, json.loads(body)["error_code"]) == (403, "PERMISSION_DENIED")


def test_one_that_is_stopped_says_so_at_once(site: Site) -> None:
    site.tell("", "Stopped")
    status, body, _ = site.signed("GET", "/api/2.0/mlflow/experiments/search")
    assert (status, json.loads(body)["error_code"]) == (400, "INVALID_STATE")
    assert "Stopped" in json.loads(body)["message"]
    assert site.refreshed == 1


def test_a_url_is_good_once_and_begins_a_session(site: Site) -> None:
    token = passes.written(Pass(URL, "id", now_ms() + 60_000, 1800, str(KEY["id"])), SECRET)
    status, _, headers = site.ask("GET", f"/mlflow/t/auth?authToken={token}")
    assert (status, headers["location"]) == (302, "/mlflow/t/")
    cookie, *attributes = headers["set-cookie"].split("; ")
    assert {"Path=/mlflow/t/", "Max-Age=1800", "HttpOnly", "SameSite=Lax"} == set(attributes)
    status, body, _ = site.ask("GET", "/mlflow/t/ajax-api/x?y=z", {"Cookie": cookie})
    assert status == 200
    assert json.loads(body)["head"].startswith("GET /ajax-api/x?y=z ")
    assert "cookie" not in json.loads(body)["head"].lower()
    assert site.ask("GET", f"/mlflow/t/auth?authToken={token}")[0] == 403


@pytest.mark.parametrize(
    "one",
    [
        Pass(URL, "other", 1 << 50, key="AKIA1"),
        Pass(URL, "id", 1, key="AKIA1"),
        Pass(SESSION, "id", 1 << 50, key="AKIA1"),
        Pass(URL, "id", 1 << 50, key="AKIAGONE"),
        Pass(URL, "id", 1 << 50),
    ],
)
def test_another_url_begins_nothing(site: Site, one: Pass) -> None:
    assert site.ask("GET", f"/mlflow/t/auth?authToken={passes.written(one, SECRET)}")[0] == 403


def test_a_browser_without_a_session_sees_nothing(site: Site) -> None:
    for headers in ({}, site.session("other"), site.session(until_ms=1), {"Cookie": "sagewright-mlflow=x"}):
        assert site.ask("GET", "/mlflow/t/", headers)[0] == 403
    assert site.ask("GET", "/mlflow/other/", site.session())[0] == 403


def test_who_has_no_pass_and_no_key_asks_nothing_of_the_server(site: Site) -> None:
    site.tell("", "Stopped")
    for path in ("/mlflow/t/", "/mlflow/other/", "/mlflow/t/auth?authToken=x", "/mlflow/other/auth"):
        assert site.ask("GET", path)[0] == 403
    assert site.ask("GET", "/api/2.0/mlflow/runs/get", {ARN_HEADER: ARN})[0] == 403
    assert site.refreshed == 0


@pytest.mark.parametrize(("origin", "status"), [("http://evil", 403), (f"http://{HOST}", 200), ("null", 403)])
def test_a_page_of_another_origin_changes_nothing(site: Site, origin: str, status: int) -> None:
    assert site.ask("POST", "/mlflow/t/ajax-api/x", {**site.session(), "Origin": origin}, b"{}")[0] == status


@pytest.mark.parametrize(
    ("said", "described"), [("/a", "/mlflow/t/a"), ("//evil", "//evil"), ("http://x/", "http://x/")]
)
def test_a_redirection_stays_below_the_name(site: Site, said: str, described: str) -> None:
    site.location = said
    assert site.ask("GET", "/mlflow/t/x", site.session())[2]["location"] == described


@pytest.mark.parametrize("method", ["HEAD", "TRACE", "CONNECT", "OPTIONS"])
def test_methods_that_nobody_needs_are_refused(site: Site, method: str) -> None:
    assert site.ask(method, "/mlflow/t/", site.session())[0] == 405
