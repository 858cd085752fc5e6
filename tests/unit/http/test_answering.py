"""Answers of one write."""

from __future__ import annotations

import asyncio
import queue
import socket
from typing import Any

from tests.unit.http.conftest import serving

from sagewright.http import asgi
from sagewright.http.messages import HttpResponse
from sagewright.http.takeover import EXTENSION


def test_who_has_gone_before_the_answer_is_answered_nothing(loop: str) -> None:
    """uvicorn tells the last of the requests that were sent ahead; uvloop raises where the first one's answer is written
    then."""
    outcomes: queue.Queue[Exception | None] = queue.Queue()

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        scope[EXTENSION].transport.abort()
        await asyncio.sleep(0.05)
        try:
            await asgi.send_response(HttpResponse(200, [], b"answer"), scope, send)
        except Exception as error:
            outcomes.put(error)
        else:
            outcomes.put(None)

    with serving(app, loop) as port, socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n" * 2)
        assert outcomes.get(timeout=10) is None
