"""The ASGI application for requests whose host is a notebook's."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from sagewright.front.notebooks.headers import check_origin, is_upgrade, passed, returned
from sagewright.front.notebooks.refusals import HEADERS, NotebookRefused, refusal, signed_out
from sagewright.front.notebooks.routes import Notebook, NotebookRoutes
from sagewright.front.notebooks.sessions import NotebookSessions
from sagewright.front.notebooks.tunnels import MOST_HEAD, Tunnels, handshake
from sagewright.http import asgi
from sagewright.http.asgi import ClientGone, Incoming
from sagewright.http.leaving import Callers
from sagewright.http.limits import ConnectionLimits
from sagewright.http.messages import HttpRequest, HttpResponse
from sagewright.model.notebooks.grants import NotebookSession, cookies_of, set_cookie
from sagewright.model.notebooks.origins import OPEN, PREFIX, SIGN_OUT, TOKEN
from sagewright.upstream.client import AnswerStream, Broken, ContainerUnreachable, UpstreamRequest
from sagewright.upstream.connecting import ContainerAddress
from sagewright.upstream.reading import AnswerReader

HEAD_S, SILENCE_S, TOTAL_S = 3600.0, 3600.0, 24 * 3600.0
"""Limits for the head of a response, its silence, and all of it: Jupyter's own requests can poll, convert or upload for long."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
STARTING = frozenset({"Pending", "Updating"})
ONCE = frozenset({"host", "authorization", "content-type", "cookie", "origin", "upgrade"})
CONNECT_S = 2.0
SECOND_NAMES = frozenset({"localhost", "127.0.0.1"})
REFRESH_S = 0.5
WEBSOCKET = re.compile(r"websocket", re.IGNORECASE)
log = logging.getLogger("sagewright.front.notebooks")


class NotebookApplication:
    """`refresh`: requests the current routes from the server."""

    def __init__(
        self,
        routes: NotebookRoutes,
        sessions: NotebookSessions,
        limits: ConnectionLimits,
        refresh: Callable[[], Awaitable[None]],
    ) -> None:
        self._routes, self._sessions, self._limits, self._refresh = routes, sessions, limits, refresh
        self._tunnels = Tunnels(routes)
        self._callers = Callers()
        self._refreshed_s = -REFRESH_S

    def takes(self, scope: Any) -> bool:
        return self._came_by_port(scope) or self._routes.hosts.named_by(scope["headers"], scope["query_string"])

    def _came_by_port(self, scope: Any) -> bool:
        """Returns True for a request on the second port, where only the session names the notebook."""
        return bool(self._routes.port) and (scope.get("server") or ("", None))[1] == self._routes.port

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        incoming = asgi.read_head(scope, receive, self._limits, ONCE)
        task = self._callers.watch(incoming)
        try:
            response = await self._answered(incoming, send)
        except (ClientGone, BrokenPipeError):
            return
        except asyncio.CancelledError:
            if not self._callers.forget(task):
                raise
            return
        except NotebookRefused as refused:
            response = refusal(incoming.request, refused)
            if incoming.request.method != "GET":
                incoming.close_after()
        finally:
            self._callers.forget(task)
        if response is not None:
            await asgi.send_response(response, scope, send)

    async def _answered(self, incoming: Incoming, send: Any) -> HttpResponse | None:
        request = incoming.request
        if incoming.crowded:
            raise NotebookRefused(503, "Too many connections; try again later.", again=True)
        if incoming.fault is not None:
            raise NotebookRefused(400, incoming.fault.message)
        if request.method not in METHODS:
            raise NotebookRefused(405, f"{request.method} is not passed on to notebooks.")
        by_port = self._came_by_port(incoming.scope)
        if by_port and request.host.lower().partition(":")[0] not in SECOND_NAMES:
            raise NotebookRefused(421, "This name is not one of this server's.")
        if by_port and "service-worker" in request.headers:
            # it would answer for this server when the next notebook is opened, and get the token of its URL
            raise NotebookRefused(403, "Service workers are refused on the second port, which all notebooks share.")
        if request.path == OPEN:
            return await self._opened(request, by_port=by_port)
        notebook = await (self._chosen(request) if by_port else self._notebook(request))
        session = await self._sessions.find(request.headers.get("cookie", ""), notebook)
        if session is None:
            raise signed_out()
        check_origin(request)
        incoming.prove()
        if request.path == SIGN_OUT and request.method == "POST":
            return self._signed_out(session, request)
        if request.path.startswith(f"{PREFIX}/"):
            raise NotebookRefused(404, "There is no such page.")
        if is_upgrade(request):
            return await self._tunnelled(notebook, session, incoming)
        return await self._passed_on(notebook, incoming, send)

    async def _notebook(self, request: HttpRequest) -> Notebook:
        label = self._routes.hosts.label(request.host)
        found = self._routes.notebooks.get(label)
        now = asyncio.get_running_loop().time()
        if (found is None or found.directory is None) and now - self._refreshed_s > REFRESH_S:
            self._refreshed_s = now  # without a session, nobody makes the server read its routes more often
            await self._refresh()
            found = self._routes.notebooks.get(label)
        if found is None:
            raise NotebookRefused(
                404,
                "There is no notebook of this name, or it is stopped. Start it in Studio, or by `sagewright notebook`.",
            )
        return found

    async def _chosen(self, request: HttpRequest) -> Notebook:
        """Returns the notebook of the session. Raises NotebookRefused."""
        sessions = map(NotebookSession.read, cookies_of(request.headers.get("cookie", "")))
        found = (self._routes.by_id(one.notebook) for one in sessions if one is not None)
        notebook = next((one for one in found if one is not None), None)
        if notebook is None:
            raise signed_out()
        return notebook

    # Signing in and out.

    async def _opened(self, request: HttpRequest, *, by_port: bool) -> HttpResponse:
        if request.method != "GET":
            raise NotebookRefused(405, "This address is opened by GET.")
        expected = "" if by_port else (await self._notebook(request)).id
        token = dict(request.query_pairs()[:8]).get(TOKEN, "")
        opened = await self._sessions.open(token)
        if opened is None or opened.notebook != (expected or opened.notebook):
            raise NotebookRefused(
                403, "This address has been used or has expired. Open the notebook from Studio again."
            )
        landing = opened.landing if opened.landing.startswith("/") and opened.landing[1:2] not in ("/", "\\") else "/"
        cookie = set_cookie(opened.cookie, opened.session_s, secure=request.scheme == "https")
        # on the second port, all notebooks are one origin: the one before leaves neither storage nor a service worker
        cleared = [("clear-site-data", '"cache", "storage"')] if by_port else []
        return HttpResponse(303, [*HEADERS, *cleared, ("location", landing), ("set-cookie", cookie)], b"")

    def _signed_out(self, session: NotebookSession, request: HttpRequest) -> HttpResponse:
        if not self._sessions.end(session):
            raise NotebookRefused(503, "The server is away now: the session can't be ended. Try again.")
        cookie = set_cookie("", 0, secure=request.scheme == "https")
        return HttpResponse(204, [*HEADERS, ("set-cookie", cookie)], b"")

    # HTTP.

    async def _passed_on(self, notebook: Notebook, incoming: Incoming, send: Any) -> HttpResponse | None:
        request = incoming.request
        stream = await self._begun(notebook, incoming)
        try:
            headers = returned(stream.headers, stream.cookies, request, self._routes.studio)
            await send({"type": "http.response.start", "status": stream.status, "headers": headers})
            if request.method == "HEAD" or stream.status in {204, 304}:
                stream.abandon()
            else:
                async for piece in stream.pieces():
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except (Broken, TimeoutError) as error:  # its head was sent: the connection can only be closed
            log.info("a response of the notebook %s broke off: %s", notebook.name, error)
            if incoming.protocol is not None:
                incoming.protocol.drop()
        finally:
            stream.close()
        return None

    async def _begun(self, notebook: Notebook, incoming: Incoming) -> AnswerStream:
        request = incoming.request
        directory = _directory(notebook)
        ask = UpstreamRequest(request.method, _target(request), passed(request))
        if incoming.length != 0:
            ask.pieces, ask.length = _pieces(incoming), incoming.length
        upstream = self._routes.upstream(directory)
        try:
            return await upstream.begin(ask, HEAD_S, total_s=TOTAL_S, idle_s=SILENCE_S)
        except (ContainerUnreachable, Broken) as error:
            raise NotebookRefused(502, f"The notebook {notebook.name} can't be reached: {error}", again=True) from None
        except TimeoutError:
            raise NotebookRefused(504, f"The notebook {notebook.name} did not answer within {HEAD_S:g} s.") from None

    # WebSockets.

    async def _tunnelled(self, notebook: Notebook, session: NotebookSession, incoming: Incoming) -> HttpResponse | None:
        request, protocol = incoming.request, incoming.protocol
        if (
            not WEBSOCKET.fullmatch(request.headers["upgrade"].strip())
            or request.method != "GET"
            or incoming.length != 0
        ):
            raise NotebookRefused(400, "Connections to notebooks can be upgraded only to websocket.")
        with self._tunnels.room(notebook):
            made = await self._connected(notebook)
            try:
                lines = passed(request) | {"connection": "Upgrade", "upgrade": "websocket"}
                head = UpstreamRequest("GET", _target(request), lines).head().replace(b"Content-Length: 0\r\n", b"", 1)
                answer, rest = await handshake(made, head)
                reader = _read(answer)
                if reader is not None:
                    raise NotebookRefused(reader, f"The notebook refuses this WebSocket: {reader}.")
                self._callers.forget(asyncio.current_task())  # type: ignore[arg-type]
                client = protocol.detach(incoming.scope) if protocol is not None else None
                if client is None:
                    raise NotebookRefused(400, "This connection can't be upgraded: other requests are on it.")
            except BaseException:
                made.close()
                raise
            holds = partial(self._sessions.holds, session)
            await self._tunnels.join(notebook, holds, client, made, switched(answer) + rest)
        return None

    async def _connected(self, notebook: Notebook) -> socket.socket:
        try:
            return await ContainerAddress(_directory(notebook), CONNECT_S)()
        except OSError as error:
            raise NotebookRefused(502, f"The notebook {notebook.name} can't be reached: {error}") from None

    def close(self) -> None:
        self._tunnels.close()


def _directory(notebook: Notebook) -> Path:
    """Raises NotebookRefused for a notebook that does not answer now."""
    if notebook.directory is None:
        starting = notebook.status in STARTING
        words = "is starting" if starting else f"is {notebook.status}: start it in Studio, or by `sagewright notebook`"
        raise NotebookRefused(503 if starting else 409, f"The notebook {notebook.name} {words}.", again=starting)
    return notebook.directory


def _target(request: HttpRequest) -> str:
    return request.path + (f"?{request.query}" if request.query else "")


async def _pieces(incoming: Incoming) -> AsyncIterator[bytes]:
    """Yields a request's body as it arrives. Raises ClientGone."""
    while True:
        message = await incoming.receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


_SWITCHING = re.compile(rb"HTTP/1\.1 101[ \r]")
_KEPT = re.compile(rb"sec-websocket-(?:accept|protocol|extensions)[ \t]*:[\t\x20-\x7e]*", re.IGNORECASE)
"""Lines of headers of WebSockets. A line feed alone would begin another header in browsers."""


def _read(answer: bytes) -> int | None:
    """Returns None for an answer that switches protocols, and the status of any other. Raises NotebookRefused."""
    if _SWITCHING.match(answer):
        return None
    reader = AnswerReader()
    try:
        reader.feed(answer[:MOST_HEAD])
    except Broken as error:
        raise NotebookRefused(502, f"The notebook's answer is not HTTP: {error}") from None
    return reader.status if 400 <= reader.status < 600 else 502


def switched(answer: bytes) -> bytes:
    """Returns the head that switches protocols, with only the headers of WebSockets."""
    lines = [line for line in answer.split(b"\r\n")[1:] if _KEPT.fullmatch(line)]
    return (
        b"\r\n".join([b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade", *lines])
        + b"\r\n\r\n"
    )
