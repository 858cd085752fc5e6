from __future__ import annotations

from typing import Any

import pytest

from sagewright.http.limits import Limits
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
    assert asgi.read_head(scope, _nothing, Limits()).request.scheme == scheme
