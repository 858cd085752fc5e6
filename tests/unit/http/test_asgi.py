from __future__ import annotations

from typing import Any

import pytest

from sagewright.http import asgi
from sagewright.http.limits import ConnectionLimits


async def _nothing() -> dict[str, Any]:
    return {"type": "http.request", "body": b""}


@pytest.mark.parametrize(
    ("client", "forwarded", "scheme"),
    [
        ("127.0.0.1", b"https", "https"),
        ("::1", b"https", "https"),
        ("127.0.0.1", b"gopher", "http"),
        ("10.0.0.9", b"https", "http"),
    ],
)
def test_a_proxy_on_this_machine_tells_the_scheme(client: str, forwarded: bytes, scheme: str) -> None:
    scope = {
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [(b"x-forwarded-proto", forwarded)],
        "scheme": "http",
        "client": (client, 5),
    }
    assert asgi.read_head(scope, _nothing, ConnectionLimits()).request.scheme == scheme


def _head(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"method": "GET", "path": "/", "query_string": b"", "headers": list(headers), "scheme": "http"}


@pytest.mark.parametrize("name", [b"host", b"authorization", b"content-type"])
def test_what_can_be_meant_but_once_may_not_be_sent_twice(name: bytes) -> None:
    assert asgi.read_head(_head((name, b"a")), _nothing, ConnectionLimits()).fault is None
    fault = asgi.read_head(_head((name, b"a"), (name, b"a")), _nothing, ConnectionLimits()).fault
    assert fault is not None and name.decode() in fault.message


def test_other_headers_are_joined_unless_the_caller_names_them() -> None:
    scope = _head((b"x-own", b"a"), (b"x-own", b"b"))
    incoming = asgi.read_head(scope, _nothing, ConnectionLimits())
    assert incoming.fault is None and incoming.request.headers["x-own"] == "a,b"
    assert asgi.read_head(scope, _nothing, ConnectionLimits(), asgi.ONCE | {"x-own"}).fault is not None
