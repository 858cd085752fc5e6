"""Requests that are answered in the event loop, because answering takes less time than a switch between threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from sagewright.http.body import BytesBody
from sagewright.http.direct import DirectExchange
from sagewright.http.messages import HttpRequest, HttpResponse
from sagewright.services.registry import ServedOperation
from sagewright.wire.models import SERVICES

TRIED = "sagewright.tried"
"""Key of a request's scope: True if the event loop can't answer it now."""


def quick_targets(entries: Iterable[ServedOperation]) -> frozenset[str]:
    """Returns the X-Amz-Target values of the quick operations."""
    return frozenset(f"{SERVICES[entry.service]}.{entry.name}" for entry in entries if entry.quick)


def reads_object(request: HttpRequest) -> bool:
    """Returns True for a plain GET or HEAD of an object, by path: it reads one row, and a file that asgi opens and sends."""
    return request.method in {"GET", "HEAD"} and not request.query and request.path.find("/", 1) > 0


def puts_object(request: HttpRequest) -> bool:
    """Returns True for a plain PUT of an object, by path, so small that its body is stored in its row."""
    plain = request.method == "PUT" and not request.query and "x-amz-copy-source" not in request.headers
    return plain and 0 < request.path.find("/", 1) < len(request.path) - 1


def writes(request: HttpRequest) -> bool:
    """Returns True for a quick request that is bound to write, if it is valid."""
    target = request.headers.get("x-amz-target")
    return ".Create" in target if target else request.method == "PUT"


class QuickGateway(Protocol):
    """The part of the gateway that answers without waiting."""

    def is_quick(self, request: HttpRequest) -> bool: ...

    def answer_now(self, request: HttpRequest) -> tuple[HttpResponse, bool, bool] | None:
        """Returns the response, whether its sender is known, and whether it waits for the disk; None if it would wait for other
        writers."""

    async def kept(self, request: HttpRequest, response: HttpResponse) -> HttpResponse: ...


class QuickCalls:
    """The handler of `Connections.direct` for quick operations. `others`: returns True for a request that is none, by its scope."""

    def __init__(self, gateway: QuickGateway, others: Callable[[Any], bool]) -> None:
        self._gateway, self._others = gateway, others
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, exchange: DirectExchange) -> bool:
        request = exchange.request() if exchange.url == b"/" else None
        if request is None or "x-amz-target" not in request.headers or _is_of_browser(request):
            return False
        request.body = BytesBody(exchange.body)
        if not self._gateway.is_quick(request) or self._others({"headers": exchange.headers}):
            return False
        answered = self._gateway.answer_now(request)
        if answered is None:
            scope: Any = exchange.protocol.scope
            scope[TRIED] = True
            return False
        response, known, due = answered
        if known:
            exchange.prove()
        if due:
            task = asyncio.get_running_loop().create_task(self._answer_kept(exchange, request, response))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            exchange.respond(response)
        return True

    async def _answer_kept(self, exchange: DirectExchange, request: HttpRequest, response: HttpResponse) -> None:
        exchange.respond(await self._gateway.kept(request, response))


def _is_of_browser(request: HttpRequest) -> bool:
    """Returns True for a request that a browser may have sent: its response gets a separate origin."""
    return "cookie" in request.headers or "text/html" in request.headers.get("accept", "")
