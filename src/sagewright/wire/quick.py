"""Requests that are answered in the event loop, because answering takes less time than a switch between threads."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from sagewright.http.direct import DirectExchange
from sagewright.http.messages import HttpRequest, HttpResponse
from sagewright.http.promises import SharedSync
from sagewright.services.registry import ServedOperation
from sagewright.wire.models import SERVICES

log = logging.getLogger("sagewright.wire")
TRIED = "sagewright.tried"
"""Key of a request's scope: True if the event loop can't answer it now."""

ANSWERED = "sagewright.answered"
"""Key of a request's scope: its response, whose body is not in memory, and True if it first waits for the disk."""

METHODS = frozenset({b"POST", b"GET", b"HEAD", b"PUT"})
_OBJECT = re.compile(rb"/[A-Za-z0-9][A-Za-z0-9.-]*/[^?#\x00-\x20\x7f-\xff]+")
"""The path of a bucket and a key, and nothing else. No signed request to another application of this port has such a path."""
_SIGNED = "AWS4-HMAC-SHA256 "


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


Respond = Callable[[HttpResponse], None]


class QuickGateway(Protocol):
    """The part of the gateway that answers without waiting."""

    def is_quick(self, request: HttpRequest) -> bool: ...

    def answer_now(self, request: HttpRequest) -> tuple[HttpResponse, bool, bool] | None:
        """Returns the response, whether its sender is known, and whether it waits for the disk; None if it would wait for other
        writers."""

    def when_kept(self, request: HttpRequest, response: HttpResponse, respond: Respond) -> None:
        """Calls `respond` once the effects of the request are on disk: with `response`, or with an error if the disk fails."""


class Keeping:
    """Responses that wait until their effects are on disk, as SharedSync does for many at once. `failed`: returns the response to a
    request whose effects may be lost, as the disk failed."""

    def __init__(self, sync: SharedSync, failed: Callable[[HttpRequest], HttpResponse]) -> None:
        self._sync, self._failed = sync, failed

    async def kept(self, request: HttpRequest, response: HttpResponse, due: bool) -> HttpResponse:
        """Returns a response, or an error; waits only if the effects are `due`."""
        if due:
            try:
                await self._sync.wait()
            except OSError as error:
                return self._lost(request, error)
        return response

    def when_kept(self, request: HttpRequest, response: HttpResponse, respond: Respond) -> None:
        """See QuickGateway. A task for each response would take longer than the rest of its wait."""

        def answer(sync: asyncio.Future[None]) -> None:
            if not sync.cancelled():  # the loop ends
                error = sync.exception()
                respond(response if error is None else self._lost(request, error))

        self._sync.begin().add_done_callback(answer)

    def _lost(self, request: HttpRequest, error: BaseException) -> HttpResponse:
        log.error("the store's log could not be synced to the disk", exc_info=error)
        return self._failed(request)


class QuickCalls:
    """The handler of `Connections.direct` for quick operations. `others`: returns True for a request that is none, by its
    headers."""

    def __init__(self, gateway: QuickGateway, others: Callable[[Mapping[str, str]], bool]) -> None:
        self._gateway, self._others = gateway, others

    def __call__(self, exchange: DirectExchange) -> bool:
        request = exchange.request() if exchange.url == b"/" or _OBJECT.fullmatch(exchange.url) else None
        if request is None or not _is_of_service(request) or _is_of_browser(request):
            return False
        if not self._gateway.is_quick(request) or self._others(request.headers):
            return False
        answered = self._gateway.answer_now(request)
        if answered is None:
            return exchange.decline(TRIED, True)
        response, known, due = answered
        if known:
            exchange.prove()
        if not isinstance(response.body, bytes):
            return exchange.decline(ANSWERED, (response, due))
        if due:
            self._gateway.when_kept(request, response, exchange.respond)
        else:
            exchange.respond(response)
        return True


def _is_of_service(request: HttpRequest) -> bool:
    """Returns True for a request that no other application of this port answers: to an operation by its target, or a signed one to
    an object."""
    if request.path == "/":
        return request.method == "POST" and "x-amz-target" in request.headers
    return request.method != "POST" and request.headers.get("authorization", "").startswith(_SIGNED)


def _is_of_browser(request: HttpRequest) -> bool:
    """Returns True for a request that a browser may have sent: its response gets a separate origin."""
    return "cookie" in request.headers or "text/html" in request.headers.get("accept", "")
