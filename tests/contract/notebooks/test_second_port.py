"""The second port, for browsers that do not resolve names below localhost: the session alone names the notebook."""

from __future__ import annotations

import http.client
import signal
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from tests.contract.notebooks.conftest import Lab, started

if TYPE_CHECKING:
    from tests.conftest import RunningServer


@pytest.fixture(scope="module")
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def lab(server_with: Callable[..., RunningServer], port: int) -> Iterator[Lab]:
    yield started(server_with(SAGEWRIGHT_NOTEBOOK_PORT=str(port)))


def ask(port: int, method: str, path: str, **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    named = {"Host": f"localhost:{port}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection.request(method, path, headers=named)
    response = connection.getresponse()
    found = response.status, response.headers, response.read()
    connection.close()
    return found


def opened(lab: Lab, port: int) -> str:
    """Opens the notebook, and returns its cookie."""
    url = urlsplit(lab.url())
    assert url.netloc == f"localhost:{port}"
    status, headers, _ = ask(port, "GET", f"{url.path}?{url.query}")
    assert (status, headers["location"], headers["clear-site-data"]) == (303, "/lab", '"cache", "storage"')
    return str(headers["set-cookie"]).partition(";")[0]


def test_the_session_names_the_notebook(lab: Lab, port: int) -> None:
    cookie = opened(lab, port)
    assert ask(port, "GET", "/api/status", Cookie=cookie)[0] == 200
    assert ask(port, "GET", "/api/status")[0] == 401
    assert ask(port, "GET", "/studio", Cookie=cookie)[0] == 404
    assert ask(port, "GET", "/api/status", Cookie=cookie, Host="evil.example")[0] == 421
    refused = ask(port, "POST", "/api/kernels", Cookie=cookie, Origin=f"http://localhost:{lab.port}")
    assert (refused[0], b"another origin" in refused[2]) == (403, True)


def test_a_notebook_leaves_no_service_worker_for_the_next(lab: Lab, port: int) -> None:
    cookie = opened(lab, port)
    status, _, body = ask(port, "GET", "/files/worker.js", Cookie=cookie, Service_Worker="script")
    assert status == 403
    assert b"Service workers are refused" in body


def test_it_stays_open_while_the_server_is_killed(lab: Lab, port: int) -> None:
    cookie = opened(lab, port)
    lab.server.end(signal.SIGKILL)
    assert ask(port, "GET", "/api/status", Cookie=cookie)[0] == 200
    lab.server.start()
    answer = ask(port, "GET", "/api/status", Cookie=cookie)
    assert answer[0] == 200, (answer, lab.server.log()[-2000:])
    assert opened(lab, port)


def test_a_server_without_the_setting_closes_it(lab: Lab, port: int) -> None:
    lab.server.end()
    del lab.server.environ["SAGEWRIGHT_NOTEBOOK_PORT"]
    lab.server.start()
    browser = lab.stranger().signed_in()
    assert browser.ask("GET", "/api/status")[0] == 200
    assert ".localhost:" in lab.url()
