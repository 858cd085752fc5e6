"""A server of its own with one space and its JupyterLab, shared by a module's tests, and a browser without scripts."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from websockets.sync.client import connect

if TYPE_CHECKING:
    from tests.conftest import RunningServer

START_S = 240
SPACE = "anna"


@dataclass
class Lab:
    """The notebook of a space, as a browser reaches it."""

    server: RunningServer
    domain: str
    space: str
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def port(self) -> int:
        port = urlsplit(self.server.endpoint).port
        assert port
        return port

    @property
    def host(self) -> str:
        return f"lab-{self.space}.localhost:{self.port}"

    @property
    def app(self) -> dict[str, str]:
        return {"DomainId": self.domain, "SpaceName": self.space, "AppType": "JupyterLab", "AppName": "default"}

    def url(self, **given: Any) -> str:
        asked = {"DomainId": self.domain, "UserProfileName": "default", "SpaceName": self.space, **given}
        return str(self.server.boto("sagemaker").create_presigned_domain_url(**asked)["AuthorizedUrl"])

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Sends a request with the cookies, and takes those of the response."""
        named = {"Host": self.host, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.cookies:
            named.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        if "_xsrf" in self.cookies:
            named.setdefault("X-XSRFToken", self.cookies["_xsrf"])
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, {name: value for name, value in named.items() if value})
        response = connection.getresponse()
        for cookie in response.headers.get_all("set-cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        found = response.status, {name.lower(): value for name, value in response.headers.items()}, response.read()
        connection.close()
        return found

    def open(self, url: str = "") -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(url or self.url())
        return self.ask("GET", f"{parts.path}?{parts.query}", Accept="text/html")

    def signed_in(self) -> Lab:
        status, headers, _ = self.open()
        assert (status, headers["location"]) == (303, "/lab")
        assert self.ask("GET", "/lab")[0] == 200
        return self

    def stranger(self) -> Lab:
        return Lab(self.server, self.domain, self.space)

    def kernel(self, name: str = "python3") -> str:
        status, _, body = self.ask("POST", "/api/kernels", json.dumps({"name": name}).encode())
        assert status == 201, body
        return str(json.loads(body)["id"])

    def channels(self, kernel: str, **changed: Any) -> Any:
        """Opens the kernel's WebSocket through the proxy."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        given = {"origin": f"http://{self.host}", "additional_headers": headers, "max_size": None, **changed}
        path = f"ws://{self.host}/api/kernels/{kernel}/channels?session_id={uuid.uuid4().hex}"
        own = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        own.settimeout(None)
        return connect(path, sock=own, proxy=None, open_timeout=60, **given)


def run(channels: Any, code: str, timeout_s: float = 120) -> str:
    """Executes code in the kernel, and returns what it prints, or its error."""
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    head = {"msg_id": uuid.uuid4().hex, "username": "", "session": "", "msg_type": "execute_request", "version": "5.3"}
    channels.send(
        json.dumps({"header": head, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"})
    )
    text, until = "", time.monotonic() + timeout_s
    while time.monotonic() < until:
        message = json.loads(channels.recv(timeout=timeout_s))
        if message["parent_header"].get("msg_id") != head["msg_id"]:
            continue
        text += message["content"].get("text", "") if message["msg_type"] == "stream" else ""
        text += message["content"].get("evalue", "") if message["msg_type"] == "error" else ""
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            return re.sub(r"\x1b\[[0-9;]*m", "", text)
    raise AssertionError(f"the kernel did not answer: {text}")


def started(running: RunningServer) -> Lab:
    """Makes a space on a running server, and waits for its JupyterLab."""
    sagemaker = running.boto("sagemaker")
    made = Lab(running, sagemaker.list_domains()["Domains"][0]["DomainId"], SPACE)
    sagemaker.create_space(
        DomainId=made.domain, SpaceName=SPACE, SpaceSettings={"AppType": "JupyterLab"},
        OwnershipSettings={"OwnerUserProfileName": "default"}, SpaceSharingSettings={"SharingType": "Private"},
    )  # fmt: skip
    sagemaker.create_app(**made.app)
    until = time.monotonic() + START_S
    while (app := sagemaker.describe_app(**made.app))["Status"] == "Pending" and time.monotonic() < until:
        time.sleep(0.2)
    assert app["Status"] == "InService", f"{app}\n{running.log()}"
    return made


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, server_class: type[RunningServer]) -> Iterator[Lab]:
    running = server_class(tmp_path_factory.mktemp("server"))
    running.start()
    try:
        yield started(running)
    finally:
        running.kill_everything()
