from __future__ import annotations

import html
import http.client
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from tests.contract.studio.chromium import chromium, context, page  # noqa: F401 - fixtures
from tests.contract.studio.world import World, make_world


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str


@dataclass
class Browser:
    """A browser without scripts: keeps cookies, sends Origin with forms."""

    url: str
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    def send(self, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection(self.host, timeout=60)
        given = {
            "Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items()),
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        if body is not None:
            given.setdefault("Content-Type", "application/x-www-form-urlencoded")
        connection.request(method, path, body, {k: v for k, v in given.items() if v})
        response = connection.getresponse()
        for value in response.headers.get_all("set-cookie") or []:
            name, _, rest = value.partition("=")
            content, attributes = rest.split(";", 1)
            if "max-age=0" in attributes.lower():
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = content
        text = response.read().decode()
        connection.close()
        return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, text)

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, **headers)

    def post(self, path: str, form: dict[str, Any], **headers: str) -> Answer:
        return self.send("POST", path, urlencode(form, doseq=True), **{"Origin": self.url, **headers})

    def token(self, path: str = "/studio") -> str:
        found = re.search(r'name="token" value="([^"]+)"', self.get(path).text)
        assert found is not None
        return found[1]

    def press(self, path: str, label: str, **fields: Any) -> Answer:
        """Presses the button of this name on a page, as a browser without scripts would."""
        text = self.get(path).text
        for found in re.finditer(r'<button[^>]*name="call" value="([^"]*)"[^>]*>(.*?)</button>', text, re.DOTALL):
            if label in re.sub(r"<[^>]*>", "", found[2]):
                return self.post("/studio/act", {"token": self.token(path), "call": html.unescape(found[1]), **fields})
        raise AssertionError(f"no button {label} on {path}")


@pytest.fixture
def stranger(server: Any) -> Browser:
    return Browser(server.endpoint)


@pytest.fixture
def browser(server: Any) -> Browser:
    """A browser that has signed in by the admin's key."""
    return signed_in(server)


def signed_in(server: Any) -> Browser:
    found = Browser(server.endpoint)
    key, secret = server.key()
    assert found.post("/studio/sign-in", {"key": key, "secret": secret}).status == 303
    return found


@pytest.fixture
def sign_in() -> Callable[[Any], Browser]:
    return signed_in


@pytest.fixture
def admin_key(server: Any) -> tuple[str, str]:
    return tuple(server.key())


@pytest.fixture(scope="session")
def world(server: Any) -> World:
    """Jobs, versions, a pipeline, an alarm, objects: made once a process."""
    return make_world(server)
