"""Proxy to MLflow tracking servers: signed requests of MLflow's client, and those of a browser with a session.

The client's plug-in (sagemaker-mlflow) names the server in a header and signs for `sagemaker-mlflow`. A browser sends requests
below `/mlflow/NAME/`, after a URL of CreatePresignedMlflowTrackingServerUrl has set a cookie. Requests are forwarded without
credentials.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from sagewright.front.addressing import ARN_HEADER
from sagewright.front.admission import MOST_BODY, Admission, too_long
from sagewright.front.keys import Keys
from sagewright.front.mlflow_actions import mlflow_action
from sagewright.http import asgi
from sagewright.http.asgi import ClientGone, Incoming
from sagewright.http.leaving import Callers
from sagewright.http.limits import ConnectionLimits
from sagewright.http.messages import HttpRequest, HttpResponse
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.model.jobs import tracking_sessions as passes
from sagewright.model.jobs.tracking_sessions import Pass
from sagewright.upstream.client import AnswerStream, Broken, ContainerUnreachable, Upstream, UpstreamRequest
from sagewright.upstream.connecting import ContainerAddress
from sagewright.wire.signatures.authentication import ONCE

SERVICE = "sagemaker-mlflow"
COOKIE = "sagewright-mlflow"
TIMEOUT_S = 120.0
"""Limit for the head of a response."""
TOTAL_S = 3600.0
"""Limit for a whole response: artifacts are large, and clients can be slow."""
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_SAFE = frozenset({"GET"})
_PATH = re.compile(rf"{passes.PREFIX}([A-Za-z0-9-]+)(/.*)")
_NOT_PASSED_ON = re.compile(
    r"authorization|cookie|host|origin|referer|connection|keep-alive|te|trailer|upgrade|transfer-encoding|content-length"
    r"|expect|x-amz-.*|x-forwarded-.*|x-mlflow-sm-.*"
)
_NOT_RETURNED = {"connection", "keep-alive", "transfer-encoding", "server", "date", "set-cookie"}
log = logging.getLogger("sagewright.front.tracking")


@dataclass(frozen=True)
class Tracker:
    """`directory`: that of the serving host, None while there is none."""

    id: str
    name: str
    arn: str
    status: str
    directory: Path | None

    @classmethod
    def read(cls, document: dict[str, Any]) -> Tracker:
        return cls(**document | {"directory": Path(document["directory"]) if document["directory"] else None})


class TrackingRefused(Exception):
    """A refused request. `code`: one of MLflow's, which its client turns into an exception."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def is_for_trackers(scope: Any) -> bool:
    named = any(name == ARN_HEADER.encode() for name, _ in scope["headers"])
    return named or scope["path"].startswith(passes.PREFIX)


class TrackingApplication:
    """The ASGI application. `refresh`: has the server send its current trackers."""

    def __init__(
        self, admission: Admission, limits: ConnectionLimits, refresh: Callable[[], Awaitable[None]], keys: Keys
    ) -> None:
        self._admission, self._limits, self._refresh, self._keys = admission, limits, refresh, keys
        self._trackers: dict[str, Tracker] = {}
        self._upstreams: dict[Path, Upstream] = {}
        self._secret = ""
        self._used: dict[str, int] = {}
        self._callers = Callers()

    def take(self, document: dict[str, Any]) -> None:
        self._secret = document["secret"]
        self._trackers = {one.name: one for one in map(Tracker.read, document["trackers"])}
        known = {one.directory for one in self._trackers.values()}
        for gone in self._upstreams.keys() - known:
            self._upstreams.pop(gone).close()

    @property
    def serves(self) -> bool:
        """Returns True if any tracking server is in service."""
        return any(one.directory is not None for one in self._trackers.values())

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        incoming = asgi.read_head(scope, receive, self._limits, ONCE)
        task = self._callers.watch(incoming)
        try:
            response = await self._answered(incoming, send)
        except ClientGone:
            return
        except asyncio.CancelledError:
            if not self._callers.forget(task):
                raise
            return
        except TrackingRefused as refused:
            response = _refusal(refused.status, refused.code, str(refused))
        except AwsError as error:
            code = "PERMISSION_DENIED" if error.status in {400, 403} else "TEMPORARILY_UNAVAILABLE"
            status = 403 if error.status == 400 else error.status
            response = _refusal(status, code, f"{error.code}: {error.message}")
        finally:
            self._callers.forget(task)
        if response is not None:
            await asgi.send_response(response, scope, send)

    async def _answered(self, incoming: Incoming, send: Any) -> HttpResponse | None:
        request = incoming.request
        if incoming.crowded:
            raise TrackingRefused(503, "TEMPORARILY_UNAVAILABLE", "Too many connections; try again later.")
        if incoming.fault is not None:
            raise incoming.fault
        if request.method not in METHODS:
            raise TrackingRefused(405, "BAD_REQUEST", f"{request.method} is not passed on to tracking servers.")
        if ARN_HEADER in request.headers:
            body = await self._admission.admitted(incoming, SERVICE)
            arn = request.headers[ARN_HEADER]
            tracker = await self._tracker(arn.rpartition("/")[2])
            if tracker is None or tracker.arn != arn:
                raise TrackingRefused(
                    404, "RESOURCE_DOES_NOT_EXIST", f"The MLflow tracking server {arn} does not exist."
                )
            await self._admission.permit(incoming, SERVICE, f"sagemaker-mlflow:{mlflow_action(request)}", arn)
            return await self._pass_on(tracker, _ask(request, request.path, body), "", send)
        return await self._browser(incoming, send)

    async def _browser(self, incoming: Incoming, send: Any) -> HttpResponse | None:
        request = incoming.request
        found = _PATH.fullmatch(request.path)
        if found is None:
            raise TrackingRefused(404, "RESOURCE_DOES_NOT_EXIST", "Tracking servers are below /mlflow/NAME/.")
        name, path = found[1], found[2]
        if path == f"/{passes.AUTH}":
            return await self._begun(name, request)
        tracker = await self._passed(name, _cookie(request), passes.SESSION)
        if tracker is None:
            raise TrackingRefused(
                403, "PERMISSION_DENIED", "UpstreamRequest for a new URL: CreatePresignedMlflowTrackingServerUrl."
            )
        if request.method not in _SAFE and not _same_origin(request):
            raise TrackingRefused(403, "PERMISSION_DENIED", "Requests from pages of another origin are refused.")
        incoming.prove()
        body = await incoming.whole(MOST_BODY, too_long)
        return await self._pass_on(tracker, _ask(request, path, body), f"{passes.PREFIX}{name}", send)

    async def _begun(self, name: str, request: HttpRequest) -> HttpResponse:
        """Returns a response with a session, for a URL that is valid and unused."""
        token = dict(request.query_pairs()).get(passes.TOKEN, "")
        tracker, one = await self._passed(name, token, passes.URL), self._pass(token, passes.URL)
        if tracker is None or one is None or token in self._used:
            raise TrackingRefused(403, "PERMISSION_DENIED", "This URL has expired; request a new one.")
        now = now_ms()
        self._used = {text: until for text, until in self._used.items() if until > now} | {token: one.until_ms}
        session = passes.written(replace(one, kind=passes.SESSION, until_ms=now + 1000 * one.session_s), self._secret)
        place = f"{passes.PREFIX}{tracker.name}/"
        cookie = f"{COOKIE}={session}; Path={place}; Max-Age={one.session_s}; HttpOnly; SameSite=Lax"
        headers = [("location", place), ("set-cookie", cookie), ("cache-control", "no-store")]
        return HttpResponse(302, [*headers, ("referrer-policy", "no-referrer")], b"")

    async def _passed(self, name: str, text: str, kind: str) -> Tracker | None:
        """Returns the tracking server of that name for a valid pass. Without a pass, the server is not asked."""
        one = self._pass(text, kind)
        if one is None or not await self._is_held(one.key):
            return None
        tracker = await self._tracker(name)
        return tracker if tracker is not None and one.tracker == tracker.id else None

    async def _is_held(self, key_id: str) -> bool:
        """Returns True if the access key that created a pass still exists: a pass ends with it. Raises TrackingRefused."""
        try:
            await self._keys.look_up(key_id)
        except TimeoutError:
            message = "The access key can't be looked up now; try again later."
            raise TrackingRefused(503, "TEMPORARILY_UNAVAILABLE", message) from None
        key = self._keys.find(key_id)
        return key is not None and (key.expires_ms is None or key.expires_ms > now_ms())

    def _pass(self, text: str, kind: str) -> Pass | None:
        return passes.read(text, kind, self._secret, now_ms()) if self._secret else None

    async def _tracker(self, name: str) -> Tracker | None:
        """Returns the current tracking server. If it isn't known to be in service, asks the server once."""
        found = self._trackers.get(name)
        if found is None or found.directory is None:
            await self._refresh()
        return self._trackers.get(name)

    async def _pass_on(self, tracker: Tracker, ask: UpstreamRequest, prefix: str, send: Any) -> HttpResponse | None:
        """Streams the tracking server's response. `prefix`: path under which the browser sees the server's root."""
        stream = await self._stream(tracker, ask)
        try:
            headers = [(name, value) for name, value in stream.headers.items() if name not in _NOT_RETURNED]
            listed = [
                (name.encode(), _rooted(name, value, prefix).encode("latin-1", "replace")) for name, value in headers
            ]
            await send({"type": "http.response.start", "status": stream.status, "headers": listed})
            try:
                async with asyncio.timeout(TOTAL_S):
                    async for piece in stream.pieces():
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
            except (Broken, TimeoutError) as error:  # its head was sent: the connection can only be closed
                log.warning("an answer of the tracking server %s broke off: %s", tracker.name, error)
                return None
            await send({"type": "http.response.body", "body": b""})
        finally:
            stream.close()
        return None

    async def _stream(self, tracker: Tracker, ask: UpstreamRequest) -> AnswerStream:
        if tracker.directory is None:
            message = f"The MLflow tracking server {tracker.name} is {tracker.status}, and does not answer now."
            raise TrackingRefused(400, "INVALID_STATE", message)
        upstream = self._upstreams.get(tracker.directory)
        if upstream is None:
            upstream = self._upstreams[tracker.directory] = Upstream(ContainerAddress(tracker.directory))
        try:
            return await upstream.begin(ask, TIMEOUT_S, total_s=TOTAL_S)
        except (ContainerUnreachable, Broken) as error:
            message = f"The MLflow tracking server {tracker.name} can't be reached: {error}"
            raise TrackingRefused(503, "TEMPORARILY_UNAVAILABLE", message) from None
        except TimeoutError:
            message = f"The MLflow tracking server {tracker.name} did not answer within {TIMEOUT_S:g} s."
            raise TrackingRefused(504, "TEMPORARILY_UNAVAILABLE", message) from None


def _ask(request: HttpRequest, path: str, body: bytes) -> UpstreamRequest:
    headers = {name: value for name, value in request.headers.items() if not _NOT_PASSED_ON.fullmatch(name)}
    return UpstreamRequest(request.method, path + (f"?{request.query}" if request.query else ""), headers, body)


def _rooted(name: str, value: str, prefix: str) -> str:
    """Rewrites a redirection to a path of the server as the browser sees it."""
    return f"{prefix}{value}" if name == "location" and value.startswith("/") and not value.startswith("//") else value


def _cookie(request: HttpRequest) -> str:
    try:
        found = SimpleCookie(request.headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def _same_origin(request: HttpRequest) -> bool:
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


def _refusal(status: int, code: str, message: str) -> HttpResponse:
    body = orjson.dumps({"error_code": code, "message": message})
    return HttpResponse(status, [("content-type", "application/json")], body)
