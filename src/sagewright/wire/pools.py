"""Assignment of requests to thread pools: one kind of request can't block another."""

from __future__ import annotations

from sagewright.http.messages import HttpResponse
from sagewright.http.pools import CallPool
from sagewright.model.errors import AwsError
from sagewright.wire.protocols.base import WireProtocol
from sagewright.wire.protocols.rest_xml import RestXmlProtocol

WAITING = 4096
AWAY = 1024
STRANGERS_WAITING = 256
QUEUES = frozenset({"sqs"})
"""Services whose requests can wait for an event, and therefore must not block others."""
DATA_PLANE = frozenset({"sagemaker-runtime"})


class Pools:
    """The thread pools of the gateway. `entry` looks up keys if the store is across a network."""

    def __init__(self) -> None:
        self.control = CallPool("control", 32, WAITING)
        self.data = CallPool("data", 32, WAITING, AWAY)
        self.objects = CallPool("objects", 32, WAITING, AWAY)
        self.queues = CallPool("queues", 32, WAITING, AWAY)
        self.functions = CallPool("functions", 64, WAITING)
        self.strangers = CallPool("strangers", 4, STRANGERS_WAITING, AWAY // 8)
        self.entry = CallPool("entry", 8, WAITING)

    def of(self, service: str, *, known: bool) -> CallPool:
        """`known`: True for signed requests. Only S3 accepts others, depending on the bucket's policy."""
        if not known:
            return self.strangers
        if service == "s3":
            return self.objects
        if service in QUEUES:
            return self.queues
        if service == "lambda":
            return self.functions
        return self.data if service in DATA_PLANE else self.control


def busy(protocol: WireProtocol, request_id: str) -> HttpResponse:
    """Returns the response that asks a client to retry later."""
    if isinstance(protocol, RestXmlProtocol):
        error = AwsError("SlowDown", "Please reduce your request rate.", 503)
    else:
        error = AwsError("ServiceUnavailable", "The request has failed due to a temporary failure of the server.", 503)
    response = protocol.encode_error(error, request_id, None)
    response.headers.append(("Retry-After", "1"))
    return response
