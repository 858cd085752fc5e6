"""The ASGI application: InvokeEndpoint and InvokeEndpointWithResponseStream.

Source: AWS's API reference, Amazon SageMaker Runtime; botocore's model of it for the locations of members.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

import orjson

from sagewright.front import eventstream, faults, headers
from sagewright.front.admission import Admission
from sagewright.front.invocations.capturing import Capturing, Exchanged
from sagewright.front.invocations.counting import VariantCounts
from sagewright.front.invocations.dispatch import STREAM_TIMEOUT_S, Dispatch
from sagewright.front.invocations.explaining import Explained
from sagewright.front.invocations.messages import (
    INVOKED_VARIANT,
    RETURNED,
    STREAM_ACCEPT,
    container_request,
    count_error,
    error_response,
    target_of,
)
from sagewright.front.invocations.routes import InvocationTarget, RouteVariant
from sagewright.front.invocations.shadowing import Shadowing
from sagewright.http import asgi
from sagewright.http.asgi import ClientGone, Incoming
from sagewright.http.leaving import PATIENCE_S, Callers
from sagewright.http.limits import ConnectionLimits
from sagewright.http.messages import HttpRequest, HttpResponse
from sagewright.model.aws.regions import routed_name
from sagewright.model.aws.request_ids import new_request_id
from sagewright.model.errors import AwsError
from sagewright.upstream.client import (
    MOST_REFUSAL,
    REFUSAL_S,
    AnswerStream,
    Broken,
    ContainerUnreachable,
    Upstream,
    UpstreamRequest,
)
from sagewright.wire.signatures.authentication import ONCE

SERVICE = "sagemaker"
_PATH = re.compile(r"/endpoints/([^/]+)/(invocations|invocations-response-stream|async-invocations)")
_OF_THE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect", "date", "server"}
SERVER_S = 60.0
_SLOW_S = 30.0
"""Time that a client may take for a stream beyond the container's time."""
_ENABLE = "x-amzn-sagemaker-enable-explanations"
log = logging.getLogger("sagewright.front")


class InvocationApplication:
    """See the module. To be used from one event loop."""

    def __init__(
        self, dispatch: Dispatch, admission: Admission, capturing: Capturing, limits: ConnectionLimits, server: Upstream,
        server_is_back: Callable[[], Awaitable[None]],
    ) -> None:  # fmt: skip
        """`server`: handles asynchronous invocations; `server_is_back` returns once it can be reached, or raises
        ServiceUnavailable."""
        self._server, self._server_is_back = server, server_is_back
        self._dispatch, self._capturing, self._limits = dispatch, capturing, limits
        self._admission = admission
        self._shadowing = Shadowing(dispatch, capturing)
        self._callers = Callers()

    def takes(self, scope: Any) -> bool:
        """Returns True if a request has the path and the method of an invocation."""
        path = scope["raw_path"].split(b"?")[0].decode("latin-1")  # an encoded slash is part of the endpoint's name
        return scope["method"] == "POST" and _PATH.fullmatch(path) is not None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        begin = time.monotonic()
        incoming = asgi.read_head(scope, receive, self._limits, ONCE)
        streams = incoming.request.path.endswith("-response-stream")
        task = self._callers.watch(incoming, 0.0 if streams else PATIENCE_S)
        try:
            response = await self._answered(incoming, send, begin)
        except ClientGone:
            return
        except asyncio.CancelledError:
            if not self._callers.forget(task):
                raise
            return
        finally:
            self._callers.forget(task)
        if response is not None:
            await asgi.send_response(response, scope, send)

    async def _answered(self, incoming: Incoming, send: Any, begin: float) -> HttpResponse | None:
        request_id = new_request_id()
        try:
            name, kind = self._operation(incoming)
            body = await self._admission.admitted(incoming, SERVICE)
            if kind != "async-invocations":
                await self._admission.permit(incoming, SERVICE, "sagemaker:InvokeEndpoint", name)
            if kind != "async-invocations":  # the server checks those itself
                headers.check(name, incoming.request)
                name = routed_name(
                    self._admission.region_of(incoming.request, SERVICE), name, self._dispatch.routes.region
                )
            if kind == "invocations":
                return await self._invoke(name, incoming.request, body, request_id, begin)
            if kind == "invocations-response-stream":
                return await self._stream(name, incoming.request, body, request_id, send)
            return await self._later(incoming.request, body)
        except AwsError as error:
            return error_response(error, request_id)
        except (ClientGone, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("request %s failed", request_id)
            return error_response(faults.failed(), request_id)

    def _operation(self, incoming: Incoming) -> tuple[str, str]:
        if incoming.crowded:
            raise faults.unavailable("Too many connections; try again later.")
        if incoming.fault is not None:
            raise incoming.fault
        found = _PATH.fullmatch(incoming.request.path)
        if found is None or incoming.request.method != "POST":
            raise AwsError("UnknownOperationException", "This port serves only invocations of endpoints.", 404)
        return unquote(found[1]), found[2]

    async def _invoke(
        self, name: str, request: HttpRequest, body: bytes, request_id: str, begin: float
    ) -> HttpResponse:
        requested, ask = target_of(request), container_request(request, body)
        endpoint = await self._dispatch.endpoint(name, requested.component)
        if endpoint.asynchronous:
            raise faults.validation(
                f"Endpoint {self._dispatch.where(name).endpoint} is asynchronous: it accepts only InvokeEndpointAsync."
            )
        fleet, variant = self._dispatch.choose(endpoint, requested)
        _check_model(variant, requested)
        self._shadowing.copy(endpoint, fleet, variant, ask)
        enable = request.headers.get(_ENABLE)
        try:
            if variant.explains:
                served = await self._dispatch.ask_explained(endpoint, fleet, variant, Explained(ask, requested, enable))
            elif enable is not None:
                raise faults.no_explainer(self._dispatch.where(name))
            else:
                served = await self._dispatch.ask(endpoint, fleet, variant, ask, requested)
        except AwsError as error:
            count_error(self._ended(name, variant), error)
            raise
        except asyncio.CancelledError:
            self._ended(name, variant).client_errors += 1
            raise
        tally = self._ended(name, variant)
        tally.timed("ModelLatency", served.model_s * 1e6)
        answer = served.answer
        capture = fleet.capture
        if capture is not None and self._capturing.sample(capture):
            place = self._dispatch.where(name).endpoint
            self._capturing.keep(capture, place, variant.name, Exchanged.of(ask, answer))
        headers = [("x-amzn-RequestId", request_id), (INVOKED_VARIANT, variant.name)]
        headers += [(one, answer.headers[one]) for one in ("content-type", *RETURNED) if one in answer.headers]
        shown = answer.body
        if served.explained is not None:
            headers = [*(one for one in headers if one[0] != "content-type"), ("content-type", "application/json")]
            shown = served.explained
        tally.timed("OverheadLatency", max(0.0, time.monotonic() - begin - served.model_s) * 1e6)
        return HttpResponse(200, headers, shown)

    def _ended(self, name: str, variant: RouteVariant) -> VariantCounts:
        """Returns the counts to update with a finished invocation. It is recorded all at once when it ends, since counts are
        collected in between."""
        tally = self._dispatch.tally(name, variant)
        tally.invocations += 1
        return tally

    async def _later(self, request: HttpRequest, body: bytes) -> HttpResponse:
        """Forwards an InvokeEndpointAsync to the server and returns its response."""
        await self._server_is_back()
        headers = {name: value for name, value in request.headers.items() if name not in _OF_THE_CONNECTION}
        path = request.path + (f"?{request.query}" if request.query else "")
        try:
            answer = await self._server.ask(UpstreamRequest("POST", path, headers, body), SERVER_S)
        except (ContainerUnreachable, Broken, TimeoutError) as error:
            raise faults.unavailable(f"The server can't be reached now: {error}") from None
        kept = [(name, value) for name, value in answer.headers.items() if name not in _OF_THE_CONNECTION]
        return HttpResponse(answer.status, kept, answer.body)

    async def _stream(
        self, name: str, request: HttpRequest, body: bytes, request_id: str, send: Any
    ) -> HttpResponse | None:
        requested, ask = target_of(request), container_request(request, body, accept=STREAM_ACCEPT)
        endpoint = await self._dispatch.endpoint(name, requested.component)
        if endpoint.asynchronous:
            raise faults.validation(
                f"Endpoint {self._dispatch.where(name).endpoint} is asynchronous: it accepts only InvokeEndpointAsync."
            )
        _fleet, variant = self._dispatch.choose(endpoint, requested)
        _check_model(variant, requested)
        if variant.explains:
            raise faults.validation(
                f"Endpoint {self._dispatch.where(name).endpoint} explains its predictions, which can't be streamed: use "
                "InvokeEndpoint."
            )
        begin = time.monotonic()
        try:
            stream, slot = await self._dispatch.begin(endpoint, variant, ask, requested)
        except AwsError as error:
            count_error(self._ended(name, variant), error)
            raise
        try:
            if not 200 <= stream.status < 300:
                said = await stream.beginning(MOST_REFUSAL, REFUSAL_S)
                where = self._dispatch.where(name, variant.component)
                refused = faults.model_error(where, "primary", stream.status, said)
                count_error(self._ended(name, variant), refused)
                raise refused
            headers = [
                (b"x-amzn-requestid", request_id.encode()),
                (INVOKED_VARIANT.lower().encode(), variant.name.encode()),
                (b"content-type", b"application/vnd.amazon.eventstream"),
            ]
            if "content-type" in stream.headers:
                headers.append((b"x-amzn-sagemaker-content-type", stream.headers["content-type"].encode("latin-1")))
            headers += [
                (one.encode(), stream.headers[one].encode("latin-1")) for one in RETURNED if one in stream.headers
            ]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            async with asyncio.timeout(STREAM_TIMEOUT_S + _SLOW_S):
                broke_off = await _pass_on(stream, send)
        except TimeoutError:
            log.warning("a client of endpoint %s took too long to read its stream: it is truncated", name)
            self._ended(name, variant).client_errors += 1
            return None
        except (ClientGone, asyncio.CancelledError):
            self._ended(name, variant)
            raise
        finally:
            stream.close()
            await slot.__aexit__()
        tally = self._ended(name, variant)
        tally.model_errors += broke_off
        tally.timed("ModelLatency", (time.monotonic() - begin) * 1e6)
        return None


async def _pass_on(stream: AnswerStream, send: Any) -> bool:
    """Returns True if the stream broke off."""
    broke_off = False
    try:
        async for piece in stream.pieces():
            for at in range(0, len(piece), eventstream.MOST_PART):
                part = eventstream.event("PayloadPart", piece[at : at + eventstream.MOST_PART])
                await send({"type": "http.response.body", "body": part, "more_body": True})
    except Broken as broken:
        broke_off = True
        described = {"Message": f"The model's stream broke off: {broken}", "ErrorCode": "StreamBroken"}
        part = eventstream.exception("ModelStreamError", orjson.dumps(described))
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
    return broke_off


def _check_model(variant: RouteVariant, requested: InvocationTarget) -> None:
    """Raises ValidationError."""
    several = any(container.multi_model for container in variant.containers)
    if requested.model and not several:
        raise faults.validation("TargetModel needs a model with a container in the Mode MultiModel.")
    if several and not requested.model:
        raise faults.validation("A multi-model endpoint needs TargetModel.")
