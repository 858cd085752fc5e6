"""The error tree: raised anywhere in the server, rendered by the wire at the edge.

AwsError                        code, message, HTTP status
├── ValidationException         400: a request that breaks a rule, also AWS's "not found" for jobs
├── SerializationException      400: a body or member that cannot be read as its type
├── ResourceNotFound            400
├── ResourceInUse               400
├── ResourceLimitExceeded       400
├── AccessDenied                400 (403 on S3)
├── NotImplementedYet           400: an operation that is not served; 5xx would be retried by clients
├── ServiceUnavailable          503: the store is busy; the same request may be sent again
└── InternalFailure             500

Errors with other codes (S3, STS, Logs, IAM) are `AwsError("Code", "message", status)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from sagewright.model.nearest import sentences


class AwsError(Exception):
    """An error response in AWS's format.

    `fields` are further members of the modelled error shape (S3's `Key`, `BucketName`, ...).
    """

    code = "InternalFailure"
    status = 500

    def __init__(
        self,
        code: str,
        message: str,
        status: int = 400,
        fields: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = dict(fields or {})

    def advised(self, advice: str) -> Self:
        """Returns this error with a sentence after AWS's message, which clients compare from its beginning."""
        self.message = sentences(self.message, advice) if advice else self.message
        return self


class _Coded(AwsError):
    def __init__(self, message: str) -> None:
        super().__init__(type(self).code, message, type(self).status)


class ValidationException(_Coded):
    code = "ValidationException"
    status = 400


class SerializationException(_Coded):
    code = "SerializationException"
    status = 400


class ResourceNotFound(_Coded):
    code = "ResourceNotFound"
    status = 400


class ResourceInUse(_Coded):
    code = "ResourceInUse"
    status = 400


class ResourceLimitExceeded(_Coded):
    code = "ResourceLimitExceeded"
    status = 400


class AccessDenied(_Coded):
    code = "AccessDeniedException"
    status = 400


class InternalFailure(_Coded):
    code = "InternalFailure"
    status = 500


class ServiceUnavailable(_Coded):
    """The request had no effect. The wire renders it as SlowDown for S3's clients."""

    code = "ServiceUnavailable"
    status = 503


class NotImplementedYet(AwsError):
    """The operation exists in AWS's model and is not supported."""

    def __init__(self, service: str, operation: str) -> None:
        super().__init__(
            "UnknownOperationException",
            f"Sagewright does not serve {service}:{operation} yet. docs/reference/coverage.md lists what is served.",
        )
