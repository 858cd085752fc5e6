"""The server's internal calls to its operations, with the same checks as a client's request, but without encoding."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from sagewright.engine.calls import OperationRequest
from sagewright.model.aws.request_ids import new_request_id
from sagewright.model.errors import AwsError, NotImplementedYet
from sagewright.services.access.authorizer import authorize, foresee
from sagewright.services.context import AuditedCall, Context, Platform, Principal, RequestOrigin
from sagewright.services.registry import ServedOperation
from sagewright.store.identity import find_key
from sagewright.wire.models import service_model
from sagewright.wire.validation import validate

SERVICE = "sagemaker.amazonaws.com"
"""The service that calls for a role, such as for a step of a pipeline."""


class Calls:
    """Internal calls; see engine.calls.Call. S3 is not called this way: objects are read and written through `platform.objects`.

    `url`: the server's URL, for responses that contain it.
    """

    def __init__(
        self, platform: Platform, entries: Mapping[tuple[str, str], ServedOperation], url: Callable[[], str] = str
    ) -> None:
        self._platform, self._entries, self._url = platform, entries, url

    def __call__(self, question: OperationRequest) -> dict[str, Any]:
        entry = self._entries.get((question.service, question.operation))
        if entry is None or question.service == "s3":
            raise NotImplementedYet(question.service, question.operation)
        request = copy.deepcopy(question.request)  # an operation may keep its request
        validate(service_model(question.service).operation_model(question.operation), request)
        context = self._context(question)
        trail = None if question.by_service else self._platform.audit
        try:
            authorize(context, question.service, question.operation, request)
            result = entry.call(context, request)
        except AwsError as error:
            if trail is not None and error.status < 500 and trail.wants(entry.service, entry.name, error.code):
                trail.record(self._audited(context, question, error=error), _invoker(question))
            raise
        if trail is not None and trail.wants(entry.service, entry.name):
            trail.record(self._audited(context, question, result), _invoker(question))
        return result

    def _audited(
        self,
        context: Context,
        question: OperationRequest,
        result: dict[str, Any] | None = None,
        error: AwsError | None = None,
    ) -> AuditedCall:
        model = service_model(question.service).operation_model(question.operation)
        return AuditedCall(context, question.service, question.operation, question.request, model, result, error)

    def foresee(self, question: OperationRequest) -> str:
        """Returns the action that policies would refuse, "" if none is known to be; see services.access.authorizer."""
        return foresee(self._context(question), question.service, question.operation, question.request)

    def _context(self, question: OperationRequest) -> Context:
        settings = self._platform.settings
        return Context(
            request_id=new_request_id(),
            account=settings.account,
            region=question.region or settings.region,
            principal=Principal(
                question.principal, question.principal.rpartition("/")[2], question.access_key, self._session(question)
            ),
            platform=self._platform,
            base_url=question.base_url or self._url(),
            owner=question.owner,
            trusted=question.by_service,
            origin=RequestOrigin(agent=question.agent or None),
        )

    def _session(self, question: OperationRequest) -> str | None:
        """Returns the policies that limit the calling session."""
        key = find_key(self._platform.store, question.access_key) if question.access_key else None
        return key.session if key else None


def _invoker(question: OperationRequest) -> str:
    """Returns the service that calls, "" for a person."""
    return "" if question.agent or question.access_key else SERVICE
