"""Invocations answered without a task: those of an endpoint with one variant and one container, by a key that is known now.

All others are declined before anything was sent, and take the way of `front.application`, which this repeats in no decision: who
is admitted, what is counted and how errors are worded is shared.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from typing import Any

from sagewright.front import faults, headers
from sagewright.front.admission import Admission
from sagewright.front.invocations.choosing import least_busy
from sagewright.front.invocations.dispatch import MOST_IN_FLIGHT, TIMEOUT_S, Dispatch
from sagewright.front.invocations.messages import (
    INVOKED_VARIANT,
    RETURNED,
    container_request,
    count_error,
    error_response,
)
from sagewright.front.invocations.routes import Endpoint, RouteInstance, RouteVariant
from sagewright.http.direct import DirectExchange
from sagewright.http.leaving import DirectCallers
from sagewright.http.messages import HttpRequest
from sagewright.model.aws.regions import routed_name
from sagewright.model.aws.request_ids import new_request_id
from sagewright.model.errors import AwsError
from sagewright.upstream.client import Answer, Broken, OpenExchange, Upstream

SERVICE = "sagemaker"
PREFIX = b"/endpoints/"
log = logging.getLogger("sagewright.front")
_PATH = re.compile(rb"/endpoints/([A-Za-z0-9-]+)/invocations")
_CHOOSING = re.compile(rb"x-amzn-sagemaker-(target-.*|inference-component|enable-explanations)|x-mlflow-.*")
"""Headers of requests that are declined: they select a variant or container."""
_MAY_CHOOSE = (b"x-amzn-sagemaker-", b"x-mlflow-")
_SHOWN = tuple((name, name.encode()) for name in ("content-type", *RETURNED))
_VARIANT = INVOKED_VARIANT.lower().encode()

MOST_REMEMBERED = 10_000
"""Endpoints whose sole variant is remembered."""


class DirectInvocations:
    """The handler of `Connections.direct`. `others`: returns True for a request that is not an invocation, by its scope."""

    def __init__(self, dispatch: Dispatch, admission: Admission, others: Callable[[Any], bool]) -> None:
        self.dispatch, self.callers = dispatch, DirectCallers()
        self._admission, self._others = admission, others
        self._sole: dict[str, tuple[Endpoint, RouteVariant | None]] = {}

    def __call__(self, exchange: DirectExchange) -> bool:
        begin = time.monotonic()
        path, request = _PATH.fullmatch(exchange.url), _request(exchange)
        if path is None or request is None or self._others(_scope(exchange)):
            return False
        plain = path[1].decode()
        admission, dispatch = self._admission, self.dispatch
        name = routed_name(admission.region_of(request, SERVICE), plain, dispatch.routes.region)
        variant = self._variant(name)
        if variant is None:
            return False
        instance = least_busy(variant.instances, dispatch.busy.by_instance, at_random=variant.random)
        upstream = dispatch.upstream(instance.servers[0])
        if not upstream.is_ready or dispatch.busy.by_instance[instance.id] >= MOST_IN_FLIGHT:
            return False
        body = admission.admitted_now(request, exchange.body, SERVICE, "sagemaker:InvokeEndpoint", plain)
        if body is None or not _is_short(plain, request):
            return False
        if not _Invocation(self, exchange, request, (name, variant, instance), begin).begin(upstream, body):
            return False
        exchange.prove()
        return True

    def _variant(self, name: str) -> RouteVariant | None:
        """Returns the endpoint's variant if all its requests go to one container of it, and nothing else happens to them."""
        endpoint = self.dispatch.routes.endpoints.get(name)
        if endpoint is None:
            return None
        known = self._sole.get(name)
        if known is None or known[0] is not endpoint:
            if len(self._sole) >= MOST_REMEMBERED:
                self._sole.clear()
            known = self._sole[name] = endpoint, _sole_variant(endpoint)
        return known[1]


class _Invocation:
    """One invocation in progress."""

    __slots__ = (
        "_begin",
        "_body",
        "_exchange",
        "_front",
        "_instance",
        "_name",
        "_request",
        "_sent",
        "_upstream",
        "_variant",
        "id",
    )

    def __init__(
        self,
        front: DirectInvocations,
        exchange: DirectExchange,
        request: HttpRequest,
        target: tuple[str, RouteVariant, RouteInstance],
        begin: float,
    ) -> None:
        self._front, self._exchange, self._request, self._begin = front, exchange, request, begin
        self._name, self._variant, self._instance = target
        self._upstream: OpenExchange | None = None
        self._sent, self.id = 0.0, new_request_id()

    def begin(self, upstream: Upstream, body: bytes) -> bool:
        """Sends the request; returns False if that can't be done at once."""
        self._sent = time.monotonic()
        self._upstream = upstream.start(container_request(self._request, body), TIMEOUT_S, self._done)
        if self._upstream is None:
            return False
        self._front.dispatch.busy.by_instance[self._instance.id] += 1
        self._exchange.left = self._left
        self._front.callers.watch(self._exchange)
        return True

    def _done(self, result: Answer | Exception) -> None:
        self._leave()
        try:
            self._report(result, time.monotonic() - self._sent)
        except Exception:
            log.exception("request %s failed", self.id)
            self._exchange.respond(error_response(faults.failed(), self.id))

    def _report(self, result: Answer | Exception, model_s: float) -> None:
        front, variant = self._front, self._variant
        tally = front.dispatch.tally(self._name, variant)
        tally.invocations += 1
        if isinstance(result, Exception) or not 200 <= result.status < 300:
            error = self._fault(result)
            count_error(tally, error)
            self._exchange.respond(error_response(error, self.id))
            return
        tally.timed("ModelLatency", model_s * 1e6)
        known = result.headers
        lines = [(b"x-amzn-requestid", self.id.encode()), (_VARIANT, variant.name.encode())]
        lines += [(sent, known[name].encode("latin-1")) for name, sent in _SHOWN if name in known]
        tally.timed("OverheadLatency", max(0.0, time.monotonic() - self._begin - model_s) * 1e6)
        self._exchange.answer(200, lines, result.body)

    def _fault(self, result: Answer | Exception) -> AwsError:
        where, container = self._front.dispatch.where(self._name), "primary"
        if isinstance(result, Answer):
            return faults.model_error(where, container, result.status, result.body)
        if isinstance(result, Broken):
            return faults.broken(where, container, str(result))
        return faults.timed_out(where, container, TIMEOUT_S)

    def _left(self) -> None:
        """Releases the container's connection, since the client has disconnected."""
        self._leave()
        tally = self._front.dispatch.tally(self._name, self._variant)
        tally.invocations += 1
        tally.client_errors += 1
        if self._upstream is not None:
            self._upstream.abandon()

    def _leave(self) -> None:
        self._front.callers.forget(self._exchange)
        self._exchange.left = None
        self._front.dispatch.leave(self._instance)


def _sole_variant(endpoint: Endpoint) -> RouteVariant | None:
    if endpoint.asynchronous or endpoint.components is not None or len(endpoint.fleets) != 1:
        return None
    (fleet,) = endpoint.fleets
    if fleet.capture or fleet.shadow or not fleet.share or len(fleet.variants) != 1:
        return None
    (variant,) = fleet.variants
    plain = variant.weight and variant.instances and not (variant.concurrency or variant.explains or variant.direct)
    sole = len(variant.containers) == 1 and not variant.containers[0].multi_model
    return variant if plain and sole else None


def _request(exchange: DirectExchange) -> HttpRequest | None:
    """Returns None for a request that needs the ordinary way."""
    for name, _ in exchange.headers:
        if name.startswith(_MAY_CHOOSE) and _CHOOSING.fullmatch(name):
            return None
    return exchange.request()


def _scope(exchange: DirectExchange) -> Any:
    return {"headers": exchange.headers, "query_string": b"", "server": exchange.protocol.server}


def _is_short(name: str, request: HttpRequest) -> bool:
    try:
        headers.check(name, request)
    except AwsError:
        return False
    return True
