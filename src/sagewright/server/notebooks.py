"""The server's side of notebooks: routes for the front, sessions opened by one-time URLs, and connections on their way to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sagewright.http import asgi
from sagewright.http.messages import HttpResponse
from sagewright.http.takeover import EXTENSION
from sagewright.model.notebooks.grants import NotebookSession, redeem
from sagewright.model.notebooks.origins import NotebookHosts
from sagewright.model.settings import Settings
from sagewright.services.sagemaker.studio.sign_in.notebook_routes import notebooks_of
from sagewright.services.session_keys import StoredKeys
from sagewright.store.database import Database

WAIT_S, LOOK_S = 10.0, 0.05
"""Time that a request for a notebook waits for the front's start."""
AWAY = b"The process that serves notebooks is starting. Load the page again.\n"


class NotebookDoor:
    """The ASGI application of requests for a notebook's host that have come to the server: moves them to the front."""

    def __init__(self, hosts: NotebookHosts) -> None:
        self._hosts = hosts

    def names(self, scope: Any) -> bool:
        """Returns True if any Host header names a notebook's host."""
        return any(name == b"host" and self.names_host(value.decode("latin-1")) for name, value in scope["headers"])

    def names_host(self, host: str) -> bool:
        """Returns the same for a single Host header."""
        return bool(self._hosts.label(host.strip()))

    def takes(self, scope: Any) -> bool:
        """Returns False for a request that is signed for a bucket of this name."""
        return self._hosts.named_by(scope["headers"], scope["query_string"])

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        protocol, loop = scope.get(EXTENSION), asyncio.get_running_loop()
        until = loop.time() + WAIT_S
        while protocol is not None and not protocol.move(scope):
            if loop.time() > until or protocol.transport.is_closing():
                break
            await asyncio.sleep(LOOK_S)
        else:
            return
        headers = [("content-type", "text/plain"), ("retry-after", "1"), ("connection", "close")]
        await asgi.send_response(HttpResponse(503, headers, AWAY), scope, send)


@dataclass(frozen=True)
class NotebookAccess:
    """Routes and sessions of notebooks, for the front."""

    settings: Settings
    store: Database
    url: Callable[[], str]

    def routes(self) -> dict[str, Any]:
        """Returns the document of `front.notebooks.routes.NotebookRoutes`."""
        settings = self.settings
        return {
            "domain": settings.notebook_domain,
            "studio": list(studio_origins(settings, self.url())),
            "notebooks": notebooks_of(self.store, settings),
        }

    def open(self, token: str) -> dict[str, Any] | None:
        """Returns the document of `front.notebooks.sessions.Opened`; None for an invalid token. Blocks."""
        found = redeem(StoredKeys(self.store), token)
        if found is None:
            return None
        session, grant = found
        return {
            "cookie": session.cookie,
            "notebook": grant.notebook,
            "session_s": grant.session_s,
            "landing": grant.landing,
        }

    def end(self, key_id: str) -> None:
        """Ends a session. Blocks."""
        keys = StoredKeys(self.store)
        if keys.find(key_id) is not None:
            keys.end(key_id)


def session_keys(opened: dict[str, Any] | None) -> list[str]:
    """Returns the ids of the access keys on which an opened session depends."""
    session = NotebookSession.read(opened["cookie"]) if opened else None
    return [one for one in (session.key, session.parent) if one] if session else []


def studio_origins(settings: Settings, url: str) -> Iterable[str]:
    """Yields the origins under which browsers may have opened Studio."""
    port = urlsplit(url).port
    names = ["localhost", "127.0.0.1", *(name.strip().lower() for name in settings.studio_hosts.split(","))]
    for name in filter(None, names):
        yield f"http://{name}:{port}"
    for name in names[2:]:
        if name:
            yield f"https://{name}"
