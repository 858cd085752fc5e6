"""Responses on the server's own port while no server runs, to requests that need one."""

from __future__ import annotations

from typing import Any

import orjson

from sagewright.http import asgi
from sagewright.http.messages import HttpResponse

MESSAGE = "The server is being started again, or has ended; endpoints answer all the same. Try again later."


async def answer_while_away(scope: Any, send: Any) -> None:
    """Sends 503, which every SDK retries, and closes the connection, so that the next request reaches the server."""
    headers = [
        ("content-type", "application/json"),
        ("x-amzn-errortype", "ServiceUnavailable"),
        ("retry-after", "1"),
        ("connection", "close"),
    ]
    body = orjson.dumps({"__type": "ServiceUnavailable", "message": MESSAGE})
    await asgi.send_response(HttpResponse(503, headers, body), scope, send)
