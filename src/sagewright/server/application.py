"""The ASGI application for everything served on the port."""

from __future__ import annotations

from typing import Any

from sagewright.front.addressing import is_parsed_for_front
from sagewright.server.images import ImagesApi, is_for_images
from sagewright.server.internal import PREFIX, InternalApi
from sagewright.server.relay import FrontRelay


def split(gateway: Any, internal: InternalApi, images: ImagesApi, relay: FrontRelay) -> Any:
    """Routes paths under `/_sagewright` to `internal`, under `/v2/` to `images`, invocations to `relay`, all others to the
    gateway."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"].startswith(PREFIX):
            await internal.app(scope, receive, send)
        elif is_for_images(scope):
            await images(scope, receive, send)
        elif is_parsed_for_front(scope):
            await relay(scope, receive, send)
        else:
            await gateway(scope, receive, send)

    return app
