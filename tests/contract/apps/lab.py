"""JupyterLab as a client of its Unix socket sees it: requests, and code in kernels. There is no proxy in between."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from websockets.sync.client import unix_connect

from sagewright.engine.apps.app_routes import routes_of
from sagewright.store.database import Database

if TYPE_CHECKING:
    from conftest import RunningServer

PATIENCE_S = 480


class _OverSocket(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self._path)


@dataclass
class Lab:
    """The program whose host has the directory."""

    directory: Path
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        sent = dict(headers or {})
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            sent.setdefault("X-XSRFToken", self.cookies.get("_xsrf", ""))
        with self._opened() as place, contextlib.closing(_OverSocket(place)) as connection:
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            answer = connection.getresponse()
            content = answer.read()
            for value in answer.headers.get_all("Set-Cookie") or []:
                name, _, rest = value.partition("=")
                self.cookies[name] = rest.partition(";")[0]
        return answer.status, content

    def json(self, method: str, path: str, body: Any = None) -> Any:
        status, content = self.ask(method, path, body)
        assert status < 300, (status, content)
        return json.loads(content) if content else None

    def run(self, code: str, kernel: str = "python3", *, wait: bool = True) -> str:
        """The output of the code in a new kernel, which then ends; with its traceback, if it fails."""
        if "_xsrf" not in self.cookies:
            self.ask("GET", "/lab")
        found = self.json("POST", "/api/kernels", {"name": kernel})["id"]
        try:
            return self.run_in(found, code, wait=wait)
        finally:
            if wait:
                self.json("DELETE", f"/api/kernels/{found}")

    def run_in(self, kernel: str, code: str, *, wait: bool = True) -> str:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        address = f"ws://localhost/api/kernels/{kernel}/channels"
        with (
            self._opened() as place,
            unix_connect(
                place, address, additional_headers={"Cookie": cookie}, open_timeout=60, max_size=None
            ) as channel,
        ):
            header = {
                "msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": "", "session": uuid.uuid4().hex,
                "date": "", "version": "5.3",
            }  # fmt: skip
            content = {
                "code": code,
                "silent": False,
                "store_history": False,
                "user_expressions": {},
                "allow_stdin": False,
            }
            message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
            channel.send(json.dumps(message))
            return self._printed(channel, header["msg_id"]) if wait else ""

    def _printed(self, channel: Any, asked: str) -> str:
        printed = ""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            got = json.loads(channel.recv(timeout=PATIENCE_S))
            if got["parent_header"].get("msg_id") != asked:
                continue
            kind, content = got["msg_type"], got["content"]
            if kind == "stream":
                printed += content["text"]
            elif kind == "error":
                printed += "\n".join(content["traceback"])
            elif kind == "status" and content["execution_state"] == "idle":
                return printed
        raise AssertionError(f"the kernel is not done: {printed}")

    def _opened(self) -> _Opened:
        return _Opened(self.directory / "ml" / "serving")


class _Opened:
    """A short path of a socket whose own may be too long."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> str:
        self._descriptor = os.open(self._folder, os.O_PATH)
        return f"/proc/self/fd/{self._descriptor}/http.sock"

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


@dataclass
class Studio:
    """The spaces and apps of one server's own domain, asked of by boto3."""

    server: RunningServer
    client: Any = None
    domain: str = ""

    def __post_init__(self) -> None:
        self.client = self.server.boto("sagemaker")
        self.domain = self.client.list_domains()["Domains"][0]["DomainId"]

    def space(self, name: str, **settings: Any) -> str:
        return self.client.create_space(  # type: ignore[no-any-return]
            DomainId=self.domain,
            SpaceName=name,
            OwnershipSettings={"OwnerUserProfileName": "default"},
            SpaceSharingSettings={"SharingType": "Private"},
            SpaceSettings={"AppType": "JupyterLab", **settings},
        )["SpaceArn"]

    def named(self, space: str, app_type: str = "JupyterLab") -> dict[str, str]:
        return {"DomainId": self.domain, "SpaceName": space, "AppType": app_type, "AppName": "default"}

    def start(self, space: str, **more: Any) -> str:
        return self.client.create_app(**self.named(space), **more)["AppArn"]  # type: ignore[no-any-return]

    def until(self, space: str, *statuses: str) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE_S
        while True:
            found: dict[str, Any] = self.client.describe_app(**self.named(space))
            if found["Status"] in statuses:
                return found
            assert time.monotonic() < until, (found, self.server.log())
            time.sleep(0.1)

    def instance_until(self, name: str, *statuses: str) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE_S
        while True:
            found: dict[str, Any] = self.client.describe_notebook_instance(NotebookInstanceName=name)
            if found["NotebookInstanceStatus"] in statuses:
                return found
            assert time.monotonic() < until, (found, self.server.log())
            time.sleep(0.1)

    def stop(self, space: str) -> None:
        self.client.delete_app(**self.named(space))
        self.until(space, "Deleted")

    def lab(self, name: str) -> Lab:
        """The program of the space, user profile or notebook instance."""
        store = Database(f"sqlite:///{self.server.data / 'store.sqlite'}")
        try:
            routes = routes_of(store, "000000000000")
        finally:
            store.close()
        found = next(one for one in routes if one["name"].lower() == name.lower() and one["directory"])
        return Lab(Path(found["directory"]))

    def lines(self, group: str, stream: str) -> list[str]:
        found = self.server.boto("logs").get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)
        return [event["message"] for event in found["events"]]
