"""Headers that pass between a browser and a notebook."""

from __future__ import annotations

import pytest

from sagewright.front.notebooks.application import switched
from sagewright.front.notebooks.headers import check_origin, framed, host_only, passed, returned
from sagewright.front.notebooks.refusals import NotebookRefused
from sagewright.http.body import BytesBody
from sagewright.http.messages import HttpRequest

HOST = "lab-anna.localhost:4700"


def request(method: str = "GET", **headers: str) -> HttpRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpRequest(method, "/x", "", {"host": HOST, **named}, BytesBody(b""), "https", "10.0.0.9")


def test_credentials_and_headers_of_the_connection_are_not_passed_on() -> None:
    sent = request(
        authorization="Bearer x", cookie="sagewright-notebook=s; _xsrf=1", connection="keep-alive", te="trailers",
        x_amz_date="now", x_forwarded_for="1.2.3.4", x_forwarded_evil="x", forwarded="for=1", accept="*/*", x_xsrftoken="1",
    )  # fmt: skip
    assert passed(sent) == {
        "host": HOST, "accept": "*/*", "x-xsrftoken": "1", "cookie": "_xsrf=1", "x-forwarded-for": "10.0.0.9",
        "x-forwarded-proto": "https", "x-forwarded-host": HOST,
    }  # fmt: skip


def test_a_notebooks_headers_are_its_own_alone() -> None:
    given = {
        "content-type": "text/html", "content-security-policy": "sandbox allow-scripts; frame-ancestors *",
        "access-control-allow-origin": "*", "strict-transport-security": "max-age=1", "location": f"http://{HOST}/lab?x=1",
        "connection": "close", "alt-svc": "h3", "x-content-type-options": "nosniff",
    }  # fmt: skip
    cookies = ["_xsrf=1; Path=/; Domain=localhost", "sagewright-studio=evil", " = sagewright-notebook=evil", "b=2"]
    found = returned(given, cookies, request(), ("http://localhost:4700",))
    assert found == [
        (b"content-type", b"text/html"),
        (b"location", b"/lab?x=1"),
        (b"set-cookie", b"_xsrf=1; Path=/"),
        (b"set-cookie", b"b=2"),
        (b"content-security-policy", b"sandbox allow-scripts; frame-ancestors 'self' http://localhost:4700"),
        (b"referrer-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"x-content-type-options", b"nosniff"),
    ]


def test_policies_keep_other_directives() -> None:
    assert framed("", ()) == "frame-ancestors 'self'"
    assert framed("default-src 'none'; Frame-Ancestors *; report-uri /x", ("http://s",)) == (
        "default-src 'none'; frame-ancestors 'self' http://s"
    )


@pytest.mark.parametrize("cookie", ["__Host-sagewright-notebook=x", " sagewright-x=1; Path=/"])
def test_a_notebook_sets_no_cookie_of_this_servers_names(cookie: str) -> None:
    assert host_only(cookie) == ""


@pytest.mark.parametrize(
    "refused",
    [
        request("POST", origin="http://localhost:4700"),
        request("DELETE", origin="null"),
        request("PUT", sec_fetch_site="same-site"),
        request("GET", sec_fetch_site="cross-site", sec_fetch_mode="cors"),
        request("GET", connection="Upgrade", upgrade="websocket"),
        request("GET", connection="keep-alive, upgrade", upgrade="websocket", origin="http://lab-bob.localhost:4700"),
        request("GET", connection="Upgrade", upgrade="websocket", origin=f"http://{HOST}1"),
    ],
)
def test_requests_of_other_origins_are_refused(refused: HttpRequest) -> None:
    with pytest.raises(NotebookRefused, match="another origin"):
        check_origin(refused)


@pytest.mark.parametrize(
    "allowed",
    [
        request("GET"),
        request("POST"),
        request("POST", origin=f"http://{HOST}", sec_fetch_site="same-origin"),
        request("GET", sec_fetch_site="cross-site", sec_fetch_mode="navigate"),
        request("GET", connection="Upgrade", upgrade="websocket", origin=f"https://{HOST}"),
    ],
)
def test_requests_of_its_own_are_allowed(allowed: HttpRequest) -> None:
    check_origin(allowed)


def test_the_answer_to_a_handshake_has_headers_of_websockets_alone() -> None:
    answer = (
        b"HTTP/1.1 101 x\r\nSec-WebSocket-Accept: a=\r\nSet-Cookie: a=1\r\nsec-websocket-protocol: b\nSet-Cookie: c=1\r\n"
        b"Sec-WebSocket-Extensions: d\rSet-Cookie: e=1\r\n\r\n"
    )
    assert switched(answer) == (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: a=\r\n\r\n"
    )
