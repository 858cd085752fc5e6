"""The path of a request, as one list: id → route → operation → signature → decode → validate → call → check → encode."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from sagewright.http import asgi
from sagewright.http.asgi import ClientGone, Incoming
from sagewright.http.body import BytesBody, PrefacedBody
from sagewright.http.limits import ConnectionLimits
from sagewright.http.messages import BodyReader, HttpRequest, HttpResponse
from sagewright.http.patience import AnswerPatience
from sagewright.http.pools import CallPool, Full
from sagewright.http.promises import SharedSync
from sagewright.model.aws.access_keys import AccessKey
from sagewright.model.aws.request_ids import new_request_id
from sagewright.model.aws.shapes import OperationModel
from sagewright.model.errors import AwsError, InternalFailure, NotImplementedYet, ServiceUnavailable
from sagewright.objects.blobs import small
from sagewright.objects.bucketstore import BucketStore
from sagewright.services.access.authorizer import authorize
from sagewright.services.aws.s3.elsewhere import authorize_elsewhere
from sagewright.services.context import ANONYMOUS, Context, Platform, Principal
from sagewright.services.registry import ServedOperation
from sagewright.wire import responses, routing, shortage
from sagewright.wire.body_limits import LARGEST_OF_OTHERS, largest_request
from sagewright.wire.codes import in_terms_of
from sagewright.wire.encodings import unpack
from sagewright.wire.errors import out_of_memory, refusal
from sagewright.wire.models import operation_model
from sagewright.wire.origins import asked_elsewhere, origin_of
from sagewright.wire.pools import Pools, busy
from sagewright.wire.protocols.base import WireProtocol
from sagewright.wire.protocols.rest_xml import MAX_DOCUMENT, PROLOGUE, is_streamed
from sagewright.wire.protocols.table import protocols
from sagewright.wire.queryforms import form_model
from sagewright.wire.quick import ANSWERED, TRIED, Keeping, Respond, puts_object, quick_targets, reads_object, writes
from sagewright.wire.recording import RequestRecorder
from sagewright.wire.s3.cross_origin import CrossOrigin
from sagewright.wire.s3.form import PostedForm, read_form
from sagewright.wire.s3.form_policy import check_policy
from sagewright.wire.s3.multipart_form import fields_too_long
from sagewright.wire.s3.routes import POST_OBJECT, S3Route, S3Router, check_length, is_completion
from sagewright.wire.sealing import Asker, Sealer, lists
from sagewright.wire.signatures.authentication import DIGEST, ONCE, Authenticator
from sagewright.wire.validation import validate

if TYPE_CHECKING:
    from sagewright.wire.forwarding import Forwarder

log = logging.getLogger("sagewright.wire")
T = TypeVar("T")
QUICK_BODY = small.MOST
UNASKED = 64 * 1024
"""Maximum number of bytes of a body that are read before its sender is authenticated."""

LONG = 256 * 1024
"""Size from which hashing a body would block the event loop for too long."""


@dataclass
class Exchange:
    """One request being processed; each step fills in the fields that the following ones need."""

    request: HttpRequest
    id: str = field(default_factory=new_request_id)
    route: routing.Route | None = None
    s3: S3Route | None = None
    form: PostedForm | None = None
    pulled: asgi.Pulled | None = None
    pool: CallPool | None = None
    token: str | None = None
    operation: OperationModel | None = None
    entry: ServedOperation | None = None
    key: AccessKey | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    response: HttpResponse | None = None
    first: HttpRequest = field(init=False)
    """The original request: that of a form is replaced."""

    def __post_init__(self) -> None:
        self.first = self.request

    def too_long(self, most: int) -> AwsError:
        """Returns the error for a body of more than `most` bytes."""
        message = f"Your request was too big: more than {most} bytes."
        if self.s3:
            return AwsError("MaxMessageLengthExceeded", message)
        return AwsError("RequestEntityTooLargeException", message, 413)


@dataclass(frozen=True)
class Edge:
    """The limits for clients, the sealer of their tokens, and `changed`: called after each operation that does more than read."""

    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    sealer: Sealer | None = None
    changed: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class BodyPurpose:
    """The kind of a large body: a `form`, a body that is `streamed`, or a document of at most `most` bytes.

    `known`: True if the signature is valid, independent of the body.
    """

    known: bool = False
    form: bool = False
    streamed: bool = False
    most: int = 0


Step = Callable[[Exchange], None]


class Gateway:
    """The ASGI application for all AWS services.

    `entries` are the served operations; `find_key` runs for each request, so that deleted keys are refused at once. `forwarder`
    handles authenticated S3 requests in place of the operations.
    """

    def __init__(
        self,
        platform: Platform,
        entries: dict[tuple[str, str], ServedOperation],
        authenticator: Authenticator,
        forwarder: Forwarder | None = None,
        edge: Edge | None = None,
    ) -> None:
        self._platform, self._entries, self._authenticator = platform, entries, authenticator
        edge = edge or Edge()
        self._limits, self._sealer, self._changed = edge.limits, edge.sealer, edge.changed
        self._recorder = RequestRecorder(platform.audit, self.context_of)
        self._s3_router = S3Router()
        self._patience = AnswerPatience(PROLOGUE.encode(), "application/xml")
        self._forwarder = forwarder
        embedded = platform.objects if isinstance(platform.objects, BucketStore) else None
        self._cross_origin = CrossOrigin(embedded, self._s3_router) if embedded else None
        self._protocols = protocols()
        self._entry_steps: list[Step] = [self._route, self._find_operation, self._authenticate]
        self._steps: list[Step] = [
            self._forward, self._find_entry, self._decode, self._validate, self._open_token, self._call, self._check, self._encode,
        ]  # fmt: skip
        self._pools = Pools()
        self._quick_reads = platform.store.embedded and forwarder is None  # no access waits for a network
        writes_wait = platform.settings.fsync == "full"
        quick = self._quick_puts = self._quick_reads and not writes_wait
        self._keeping = Keeping(SharedSync(platform.store.flush), self._not_kept)
        self._quick = quick_targets(entries.values()) if quick else frozenset()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        incoming = asgi.read_head(scope, receive, self._limits, ONCE)
        made = scope.get(ANSWERED)
        try:
            response = await (self._answered(incoming) if made is None else self._keeping.kept(incoming.request, *made))
        except ClientGone:
            return
        await asgi.send_response(response, scope, send)

    async def _answered(self, incoming: Incoming) -> HttpResponse:
        exchange = Exchange(incoming.request)
        try:
            if incoming.crowded:
                raise Full
            if incoming.fault is not None:
                raise incoming.fault
            if incoming.length == 0:
                return await self._served(exchange, incoming)
            if incoming.length is not None and incoming.length <= UNASKED:
                exchange.request.body = BytesBody(await incoming.whole(UNASKED, exchange.too_long))
                return await self._served(exchange, incoming)
            return await self._large(exchange, incoming)
        except Full:
            incoming.close_after()
            return busy(self._protocol(exchange), exchange.id)
        except (AwsError, MemoryError) as error:
            return self._error(exchange, error)

    async def _served(self, exchange: Exchange, incoming: Incoming) -> HttpResponse:
        """Answers a request whose body is available, or is read by the answering thread."""
        request = exchange.request
        if (
            self.is_quick(request)
            and TRIED not in incoming.scope
            and (response := await self._at_once(exchange, incoming)) is not None
        ):
            return response
        if request.method == "OPTIONS":
            return await self._pools.strangers.run(self.handle, request)
        known = await self._in_entry(self._enter, exchange)
        if known is not None:
            return known
        if exchange.key is not None:
            incoming.prove()
        pool = self._pools.of(exchange.route.service if exchange.route else "", known=exchange.key is not None)
        exchange.pool = pool
        response = await asgi.answered(exchange.request, exchange.pulled, pool, lambda _: self._finish(exchange))
        if response.status < 400:
            incoming.prove()  # counts an anonymous caller as known if a bucket's policy admits it
        return response

    async def _in_entry(self, step: Callable[[Exchange], T], exchange: Exchange) -> T:
        """Runs a step that looks up a key, in the event loop if that only reads memory, so that unauthenticated requests use no
        worker."""
        if self._platform.store.embedded and not _is_long(exchange.request.body):
            return step(exchange)
        return await self._pools.entry.run(step, exchange)

    async def _large(self, exchange: Exchange, incoming: Incoming) -> HttpResponse:
        """Answers a request with a large body, of which only UNASKED bytes are read before its sender is authenticated."""
        requested = await self._in_entry(self._vet, exchange)
        if requested.known:
            incoming.prove()
        if requested.form:
            await self._begin_form(exchange, incoming)
        elif requested.streamed and (incoming.length is None or incoming.length > asgi.PIECE):
            exchange.request.body = exchange.pulled = incoming.rest()
        elif requested.streamed:
            exchange.request.body = BytesBody(await incoming.whole(asgi.PIECE, exchange.too_long))
        else:
            exchange.request.body = BytesBody(await incoming.whole(requested.most, exchange.too_long))
        return await self._served(exchange, incoming)

    async def _begin_form(self, exchange: Exchange, incoming: Incoming) -> None:
        """Reads the fields of a form, which precede authentication; its file is read later."""
        begun, complete = await incoming.beginning(UNASKED)
        if complete:
            exchange.request.body = BytesBody(begun)
            return
        exchange.pulled = incoming.rest(begun)
        exchange.request.body = PrefacedBody(exchange.pulled, len(begun), fields_too_long())

    def _vet(self, exchange: Exchange) -> BodyPurpose:
        """Determines from the head of a request whether it may have a large body, and its kind. Raises AwsError."""
        request = exchange.request
        exchange.route = routing.route_of_head(request)
        service = exchange.route.service
        if service != "s3":
            exchange.key = self._authenticator.vet(request, service)
            return BodyPurpose(known=DIGEST in request.headers, most=largest_request(service))
        exchange.s3 = self._s3_router.match(request)
        if exchange.s3.operation == POST_OBJECT:
            return BodyPurpose(form=True)
        in_host = exchange.s3.bucket if exchange.s3.virtual_host else None
        head = replace(request, body=BytesBody(b""))
        key = self._authenticator.authenticate_s3(head, in_host or "")
        streamed = is_streamed(exchange.s3.operation)
        return BodyPurpose(known=key is not None, most=MAX_DOCUMENT if key else UNASKED, streamed=streamed)

    def _enter(self, exchange: Exchange) -> HttpResponse | None:
        """Returns the refusal of an unauthenticated request, None for others."""
        return self._attempt(exchange, self._entry_steps)

    def _finish(self, exchange: Exchange) -> HttpResponse:
        if is_completion(exchange.request):
            with exchange.pool.away() if exchange.pool else contextlib.nullcontext():
                return self._patience.answer(lambda: self._run(exchange, self._steps))
        return self._run(exchange, self._steps)

    async def _at_once(self, exchange: Exchange, incoming: Incoming) -> HttpResponse | None:
        """Returns the response, computed in the event loop; None if it would wait for other writers, so that a thread answers."""
        answered = self._now(exchange)
        if answered is None:
            return None
        response, due = answered
        if exchange.key is not None:
            incoming.prove()
        return await self._keeping.kept(exchange.request, response, due)

    def answer_now(self, request: HttpRequest) -> tuple[HttpResponse, bool, bool] | None:
        """See QuickGateway."""
        exchange = Exchange(request)
        answered = self._now(exchange)
        return None if answered is None else (answered[0], exchange.key is not None, answered[1])

    def _now(self, exchange: Exchange) -> tuple[HttpResponse, bool] | None:
        """Returns the response, and whether its effects still have to be on disk; None if it would wait for other writers."""
        request = exchange.request
        whole = request.body.read()
        request.body = BytesBody(whole)
        try:
            with self._platform.store.promising() as promise:
                refusal = self._enter(exchange)
                if refusal is not None:
                    return refusal, promise.due
                if writes(request):  # strangers don't wait for a turn
                    self._platform.store.reserve(promise)
                return self._run(exchange, self._steps), promise.due
        except ServiceUnavailable:
            request.body = BytesBody(whole)
            return None

    def when_kept(self, request: HttpRequest, response: HttpResponse, respond: Respond) -> None:
        """See QuickGateway."""
        self._keeping.when_kept(request, response, respond)

    def _not_kept(self, request: HttpRequest) -> HttpResponse:
        return self._error(Exchange(request), InternalFailure("The store's disk failed; see the server's log."))

    def is_quick(self, request: HttpRequest) -> bool:
        """Returns True if answering takes less time than a thread switch: then the event loop answers."""
        if not isinstance(request.body, BytesBody) or len(request.body) > QUICK_BODY:
            return False
        target = request.headers.get("x-amz-target")
        if target:
            return target in self._quick
        return (self._quick_reads and reads_object(request)) or (self._quick_puts and puts_object(request))

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answers a request whose body is available; never raises."""
        return self._enter(exchange := Exchange(request)) or self._finish(exchange)

    def _run(self, exchange: Exchange, steps: list[Step]) -> HttpResponse:
        response = self._attempt(exchange, steps)
        assert response is not None, "no step produced a response"
        return response

    def _attempt(self, exchange: Exchange, steps: list[Step]) -> HttpResponse | None:
        """Runs steps; returns the response of a step, or of the error that one raises, or None if all succeed."""
        try:
            response = self._go(exchange, steps)
        except ServiceUnavailable:
            if self._platform.store.hasty:
                raise
            response = busy(self._protocol(exchange), exchange.id)
        except (AwsError, MemoryError) as error:
            self._recorder.failed(exchange, error)
            response = self._error(exchange, error)
        except Exception:
            log.exception("request %s failed", exchange.id)
            response = self._error(
                exchange, InternalFailure("The request processing has failed; see the server's log.")
            )
        if response is not None and exchange.s3 and self._cross_origin:
            response.headers += self._cross_origin.headers(exchange.first, exchange.s3.bucket)
        return _logged(exchange, response)

    def _go(self, exchange: Exchange, steps: list[Step]) -> HttpResponse | None:
        if exchange.request.method == "OPTIONS":
            return self._preflight(exchange.request)
        for step in steps:
            step(exchange)
            if exchange.response is not None:
                return exchange.response
        return None

    def _preflight(self, request: HttpRequest) -> HttpResponse:
        """Answers the unsigned request that a browser sends before a cross-origin request."""
        if self._cross_origin:
            return self._cross_origin.preflight(request)
        assert self._forwarder
        bucket, key, virtual_host = self._s3_router.address(request)
        return self._forwarder.answer(request, S3Route("", bucket, key, virtual_host))

    def _route(self, exchange: Exchange) -> None:
        exchange.route = routing.route(exchange.request)

    def _find_operation(self, exchange: Exchange) -> None:
        assert exchange.route
        service, name = exchange.route.service, exchange.route.operation
        if service == "s3":
            exchange.s3 = self._s3_router.match(exchange.request)
            if exchange.s3.operation == POST_OBJECT:
                self._read_form(exchange)
            name = exchange.s3.operation
        find = form_model if exchange.route.protocol == "query" else operation_model
        exchange.operation = find(service, name or "")
        if exchange.operation is None:
            raise exchange.route.unknown()

    def _read_form(self, exchange: Exchange) -> None:
        """Converts an upload by a form to the PutObject that it stands for, after checking its policy."""
        assert exchange.s3 and exchange.s3.bucket
        form = exchange.form = read_form(exchange.request, exchange.s3.bucket)
        exchange.key = self._authenticator.authenticate_form(form.fields)
        sizes = check_policy(form.fields["policy"], form.fields) if exchange.key else None
        if isinstance(exchange.request.body, PrefacedBody):
            exchange.request.body.opened = True
        exchange.request = form.as_put(exchange.request, sizes)
        exchange.s3 = S3Route("PutObject", form.bucket, form.key)

    def _authenticate(self, exchange: Exchange) -> None:
        assert exchange.route
        if exchange.s3 and exchange.form is None:
            in_host = exchange.s3.bucket if exchange.s3.virtual_host else None
            exchange.key = self._authenticator.authenticate_s3(exchange.request, in_host or "")
            check_length(exchange.request, exchange.s3)
        elif exchange.s3 is None:
            exchange.key = self._authenticator.authenticate(exchange.request, exchange.route.service)

    def _forward(self, exchange: Exchange) -> None:
        """Forwards the request to the other S3, only if it is signed: the other S3 can't authorize this server's callers."""
        if exchange.s3 is None or self._forwarder is None:
            return
        if exchange.key is None:
            raise refusal("s3", "missing")
        asked = asked_elsewhere(exchange.request, exchange.s3)
        authorize_elsewhere(self.context_of(exchange, "s3"), exchange.s3.operation, asked)
        exchange.response = self._forwarder.answer(exchange.request, exchange.s3)
        if exchange.form:
            exchange.response = exchange.form.answer(exchange.response, exchange.request.base_url)

    def _find_entry(self, exchange: Exchange) -> None:
        assert exchange.route
        assert exchange.operation
        service, name = exchange.route.service, exchange.operation.name
        exchange.entry = self._entries.get((service, name))
        if exchange.entry is None:
            raise NotImplementedYet(service, name)

    def _decode(self, exchange: Exchange) -> None:
        assert exchange.operation
        if exchange.s3 is None:
            unpack(exchange.request, LARGEST_OF_OTHERS)
        exchange.parameters = self._protocol(exchange).decode(exchange.operation, exchange.request)
        if exchange.s3:
            exchange.parameters |= exchange.s3.parameters()

    def _validate(self, exchange: Exchange) -> None:
        assert exchange.operation
        if exchange.s3 is None:
            validate(exchange.operation, exchange.parameters)

    def _open_token(self, exchange: Exchange) -> None:
        assert exchange.operation and exchange.route
        if self._sealer is None or not lists(exchange.route.service, exchange.operation.name):
            return
        exchange.token = self._sealer.open(self._asker(exchange), exchange.parameters)

    def _asker(self, exchange: Exchange) -> Asker:
        assert exchange.operation and exchange.route
        principal = exchange.key.principal_arn if exchange.key else ""
        return Asker(exchange.route.service, exchange.operation.name, self._platform.settings.account, principal)

    def _call(self, exchange: Exchange) -> None:
        assert exchange.entry
        context = self.context_of(exchange, exchange.entry.service)
        authorize(context, exchange.entry.service, exchange.entry.name, exchange.parameters)
        exchange.result = shortage.call(exchange.entry, context, exchange.parameters, exchange.key)
        if not shortage.reads(exchange.entry.name):
            self._changed()
        if self._sealer is not None and lists(exchange.entry.service, exchange.entry.name):
            self._sealer.seal(self._asker(exchange), exchange.parameters, exchange.result, exchange.token)
        self._recorder.succeeded(exchange, context)

    def context_of(self, exchange: Exchange, service: str) -> Context:
        key = exchange.key
        return Context(
            request_id=exchange.id,
            account=self._platform.settings.account,
            region=self._authenticator.region_of(exchange.first, service),
            principal=Principal(key.principal_arn, key.user_id, key.id, key.session) if key else ANONYMOUS,
            platform=self._platform,
            base_url=exchange.request.base_url,
            origin=origin_of(exchange.first, form=exchange.form is not None),
        )

    def _check(self, exchange: Exchange) -> None:
        assert exchange.operation
        if self._platform.settings.check_responses:
            responses.check(exchange.operation, exchange.result)

    def _encode(self, exchange: Exchange) -> None:
        assert exchange.operation
        exchange.response = self._protocol(exchange).encode(exchange.operation, exchange.result, exchange.id)
        if exchange.form:
            exchange.response = exchange.form.answer(exchange.response, exchange.request.base_url)

    def _protocol(self, exchange: Exchange) -> WireProtocol:
        name = exchange.route.protocol if exchange.route else routing.likely_protocol(exchange.request)
        return self._protocols[name]

    def _error(self, exchange: Exchange, error: AwsError | MemoryError) -> HttpResponse:
        error = out_of_memory(exchange.id) if isinstance(error, MemoryError) else error
        if exchange.route is not None:
            error = in_terms_of(exchange.route.service, exchange.route.protocol, error)
        return self._protocol(exchange).encode_error(error, exchange.id, exchange.operation)


def _is_long(body: BodyReader) -> bool:
    return isinstance(body, BytesBody) and len(body) > LONG


def _logged(exchange: Exchange, response: HttpResponse | None) -> HttpResponse | None:
    if response is not None and log.isEnabledFor(logging.DEBUG):
        name = exchange.operation.name if exchange.operation else exchange.request.path
        log.debug("%s %s %s", exchange.id, name, response.status)
    return response
