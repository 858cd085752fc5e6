from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sagewright.wire import asgi


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
    assert asyncio.run(asgi.read_request(scope, _nothing)).scheme == scheme
