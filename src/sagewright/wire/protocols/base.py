"""The interface of a wire protocol."""

from __future__ import annotations

from typing import Any, Protocol

from sagewright.http.messages import HttpRequest, HttpResponse
from sagewright.model.aws.shapes import OperationModel
from sagewright.model.errors import AwsError


class WireProtocol(Protocol):
    """A stateless protocol, safe to share between threads. `decode` raises AwsError for unreadable requests."""

    def decode(self, operation: OperationModel, request: HttpRequest) -> dict[str, Any]: ...

    def encode(self, operation: OperationModel, result: dict[str, Any], request_id: str) -> HttpResponse: ...

    def encode_error(self, error: AwsError, request_id: str, operation: OperationModel | None) -> HttpResponse: ...
