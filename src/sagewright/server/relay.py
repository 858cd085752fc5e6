"""Relays invocations on the server's own port to the front, without using a thread of the server or its store.

Clients started by `sagewright exec` connect directly to the front.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson

from sagewright.front.addressing import ARN_HEADER
from sagewright.front.tracking import SERVICE as TRACKING
from sagewright.http import asgi
from sagewright.http.asgi import ClientGone, Incoming
from sagewright.http.leaving import PATIENCE_S, Callers
from sagewright.http.limits import ConnectionLimits
from sagewright.http.messages import HttpResponse
from sagewright.model.errors import AwsError
from sagewright.upstream.client import Broken, ContainerUnreachable, Upstream
from sagewright.upstream.client import UpstreamRequest as Ask
from sagewright.upstream.connecting import UnixPath
from sagewright.wire.signatures.authentication import ONCE, Authenticator

SERVICE = "sagemaker"
MOST_BODY = 25 * 1024 * 1024
UNASKED = 64 * 1024
WAIT_S = 600.0
TOTAL_S = 3600.0
MOST_CONNECTIONS = 1024
"""Maximum number of connections to the front, which itself limits each container."""
_OF_THE_CONNECTION = {
    "connection",
    "keep-alive",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "content-length",
    "expect",
}


class FrontRelay:
    """The ASGI application. `path`: the socket on which the front listens."""

    def __init__(self, path: Path, authenticator: Authenticator, limits: ConnectionLimits) -> None:
        self._authenticator, self._limits = authenticator, limits
        self._front = Upstream(UnixPath(path), connections=MOST_CONNECTIONS)
        self._callers = Callers()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        incoming = asgi.read_head(scope, receive, self._limits, ONCE)
        streams = incoming.request.path.endswith("-response-stream")
        task = self._callers.watch(incoming, 0.0 if streams else PATIENCE_S)
        try:
            await self._relayed(incoming, scope, send)
        except asyncio.CancelledError:
            if not self._callers.forget(task):
                raise
        finally:
            self._callers.forget(task)

    async def _relayed(self, incoming: Incoming, scope: Any, send: Any) -> None:
        try:
            ask = await self._ask(incoming)
            stream = await self._front.begin(ask, WAIT_S, total_s=TOTAL_S, idle_s=TOTAL_S)
        except ClientGone:
            return
        except AwsError as error:
            await asgi.send_response(_error(error.code, error.status, error.message), scope, send)
            return
        except (ContainerUnreachable, Broken, TimeoutError) as error:
            response = _error("ServiceUnavailable", 503, f"The process that answers invocations is away: {error}")
            await asgi.send_response(response, scope, send)
            return
        try:
            headers = [
                (name.encode(), value.encode("latin-1"))
                for name, value in stream.headers.items()
                if name not in _OF_THE_CONNECTION or name == "content-length"
            ]
            await send({"type": "http.response.start", "status": stream.status, "headers": headers})
            async for piece in stream.pieces():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            stream.close()

    async def _ask(self, incoming: Incoming) -> Ask:
        """Raises AwsError, ClientGone. Reads little of the body before the request names a known key."""
        request = incoming.request
        if incoming.fault is not None:
            raise incoming.fault
        if incoming.length is None or incoming.length > UNASKED:
            self._authenticator.vet(request, TRACKING if ARN_HEADER in request.headers else SERVICE)
            incoming.prove()
        body = await incoming.whole(MOST_BODY, _too_long)
        headers = {name: value for name, value in request.headers.items() if name not in _OF_THE_CONNECTION}
        path = request.path + (f"?{request.query}" if request.query else "")
        return Ask(request.method, path, headers, body)


def _too_long(most: int) -> AwsError:
    return AwsError("ValidationError", f"The body of an invocation has at most {most} bytes.", 413)


def _error(code: str, status: int, message: str) -> HttpResponse:
    headers = [("x-amzn-errortype", code), ("content-type", "application/json")]
    return HttpResponse(status, headers, orjson.dumps({"Message": message}))
