"""The ASGI application for everything served on the port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sagewright.docsite.application import DocsApplication
from sagewright.front.addressing import ARN_HEADER, is_parsed_for_front
from sagewright.http import asgi
from sagewright.server.images import ImagesApi, is_for_images
from sagewright.server.internal import HEALTH, PREFIX, InternalApi
from sagewright.server.notebooks import NotebookDoor
from sagewright.server.relay import FrontRelay
from sagewright.server.studio import StudioDoor, is_for_studio


@dataclass(frozen=True)
class Applications:
    """The applications that share the port."""

    gateway: Any
    internal: InternalApi
    images: ImagesApi
    relay: FrontRelay
    studio: StudioDoor
    notebooks: NotebookDoor
    docs: DocsApplication


def split(to: Applications) -> Any:
    """Routes paths under `/_sagewright` to `internal`, under `/v2/` to `images`, invocations to `relay`, a browser's under
    `/studio` and `/docs` to `studio` and `docs`, all others to the gateway."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and to.notebooks.names(scope):
            if to.notebooks.takes(scope):
                await to.notebooks(scope, receive, send)
            else:
                scope[asgi.SANDBOXED] = True
                await to.gateway(scope, receive, send)
        elif scope["type"] != "http" or scope["path"].startswith(PREFIX) or is_for_health(scope):
            await to.internal.app(scope, receive, send)
        elif is_for_images(scope):
            await to.images(scope, receive, send)
        elif is_parsed_for_front(scope):
            await to.relay(scope, receive, send)
        elif is_for_studio(scope):
            await to.studio(scope, receive, send)
        elif to.docs.takes(scope):
            await to.docs(scope, receive, send)
        else:
            scope[asgi.SANDBOXED] = is_browsing(scope)
            await to.gateway(scope, receive, send)

    return app


def is_beside_gateway(notebooks: NotebookDoor, headers: Mapping[str, str]) -> bool:
    """Returns True if a request goes to another application by its headers, whatever its path is."""
    return ARN_HEADER in headers or notebooks.names_host(headers.get("host", ""))


def is_for_health(scope: Any) -> bool:
    """Returns True for a probe, False for a request to a bucket of that name, which is signed or has a query."""
    return (
        scope["path"] == HEALTH
        and scope["method"] in ("GET", "HEAD")
        and not scope["query_string"]
        and all(name != b"authorization" for name, _ in scope["headers"])
    )


def is_browsing(scope: Any) -> bool:
    """Returns True for a browser, which accepts HTML or has a session of Studio, and False for a client of AWS."""
    return any(
        (name == b"accept" and b"text/html" in value) or (name == b"cookie" and b"sagewright-studio" in value)
        for name, value in scope["headers"]
    )
