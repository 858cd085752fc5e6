"""Hands requests to the audit trail once their end is known."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from sagewright.model.errors import AwsError
from sagewright.services.context import ANONYMOUS, AuditedCall, CallRecorder, Context

if TYPE_CHECKING:
    from sagewright.wire.gateway import Exchange

_CREDENTIAL = re.compile(r"Credential=([A-Z0-9]{16,128})/")


class RequestRecorder:
    """`context_of`: returns the context of a request to a service."""

    def __init__(self, trail: CallRecorder | None, context_of: Callable[[Exchange, str], Context]) -> None:
        self._trail, self._context_of = trail, context_of

    def succeeded(self, exchange: Exchange, context: Context) -> None:
        """Records an operation that has had its effect."""
        assert exchange.entry
        service, name = exchange.entry.service, exchange.entry.name
        if self._trail is not None and self._trail.wants(service, name):
            self._trail.record(
                AuditedCall(context, service, name, exchange.parameters, exchange.operation, exchange.result)
            )

    def failed(self, exchange: Exchange, error: AwsError | MemoryError) -> None:
        """Records a failure or denial of an operation, or an attempt without a valid signature."""
        if self._trail is None or isinstance(error, MemoryError) or error.status >= 500:
            return
        if exchange.route is None or exchange.operation is None:
            return
        service, name = exchange.route.service, exchange.operation.name
        if not self._trail.wants(service, name, error.code):
            return
        context = self._context_of(exchange, service)
        if exchange.key is None:
            claimed = _CREDENTIAL.search(exchange.request.headers.get("authorization", "")[:512])
            context = replace(context, principal=replace(ANONYMOUS, access_key=claimed[1] if claimed else ""))
        self._trail.record(AuditedCall(context, service, name, exchange.parameters, exchange.operation, error=error))
