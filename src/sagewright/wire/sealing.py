"""List tokens, sealed in responses and opened in requests. A sealed token is only valid for the list, the account and the caller it
was made for, so that an operation only receives its own tokens.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson

from sagewright.model.aws.shapes import StructureShape
from sagewright.model.errors import AwsError, ValidationException
from sagewright.objects.errors import invalid_argument
from sagewright.wire.models import operation_model

VERSION = b"\x01"
MAC = 16
ASKED = {"s3": ("ContinuationToken",), "iam": ("Marker",), "lambda": ("Marker",)}
DESCRIBED = {
    "s3": ("NextContinuationToken",),
    "iam": ("Marker",),
    "lambda": ("NextMarker",),
    "logs": ("nextToken", "nextForwardToken", "nextBackwardToken"),
}
OF_OTHERS = ("NextToken", "nextToken")
TOKENS = frozenset({name for names in (*ASKED.values(), *DESCRIBED.values(), OF_OTHERS) for name in names})
"""Members that can be tokens."""

BOUND = (
    "Bucket", "Prefix", "Delimiter", "ResourceArn", "Resource", "SearchExpression", "SortBy", "SortOrder", "orderBy", "descending",
    "repositoryName", "RoleName", "logGroupName", "logGroupIdentifier", "logStreamName", "Namespace", "MetricName",
)  # fmt: skip
"""Members of a request that determine the list or its order: a token is only valid with the same values."""


@dataclass(frozen=True)
class Asker:
    """A list operation and its caller, for whom tokens are valid."""

    service: str
    operation: str
    account: str
    principal: str


@cache
def lists(service: str, operation: str) -> bool:
    """Returns True if requests or responses of an operation contain tokens."""
    model = operation_model(service, operation)
    shapes = [model.input_shape, model.output_shape] if model else []
    members = {name for shape in shapes if isinstance(shape, StructureShape) for name in shape.members}
    return bool(members & TOKENS)


STANDARD = frozenset({"service-quotas", "resource-groups"})
"""Services whose models allow only Base64's standard alphabet in tokens; others get the URL-safe one."""


def _alphabet(asker: Asker) -> bytes:
    return b"+/" if asker.service in STANDARD else b"-_"


class Sealer:
    """`secret`: a secret of the store, so that servers on the same store accept each other's tokens."""

    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(secret.encode(), b"tokens of lists", "sha256")

    def open(self, asker: Asker, request: dict[str, Any]) -> str | None:
        """Replaces the sealed token in `request` with the operation's token, and returns the sealed one.

        Raises the service's error for a token that was not made for this list and caller.
        """
        sent = None
        for name in ASKED.get(asker.service, OF_OTHERS):
            if (token := request.get(name)) and isinstance(token, str):
                request[name] = self._opened(asker, request, token)
                sent = token
        return sent

    def seal(self, asker: Asker, request: dict[str, Any], result: dict[str, Any], sent: str | None) -> None:
        """Seals the tokens of a response; `sent`: the token of the request, which S3 repeats."""
        for name in DESCRIBED.get(asker.service, OF_OTHERS):
            if token := result.get(name):
                result[name] = self._sealed(asker, request, token)
        if asker.service == "s3" and result.get("ContinuationToken"):
            lists_buckets = asker.operation == "ListBuckets"
            token = result["ContinuationToken"]
            result["ContinuationToken"] = self._sealed(asker, request, token) if lists_buckets else sent

    def _sealed(self, asker: Asker, request: dict[str, Any], token: str) -> str:
        data = VERSION + self._mac(asker, request, token) + token.encode()
        return base64.b64encode(data, altchars=_alphabet(asker)).decode()

    def _opened(self, asker: Asker, request: dict[str, Any], sealed: str) -> str:
        try:
            data = base64.b64decode(sealed.encode(), altchars=_alphabet(asker), validate=True)
            token = data[1 + MAC :].decode()
        except (binascii.Error, ValueError):
            raise invalid_token(asker) from None
        good = data[:1] == VERSION and hmac.compare_digest(self._mac(asker, request, token), data[1 : 1 + MAC])
        if not good:
            raise invalid_token(asker)
        return token

    def _mac(self, asker: Asker, request: dict[str, Any], token: str) -> bytes:
        bound = [request.get(name) for name in BOUND]
        text = [asker.service, asker.operation, asker.account, asker.principal, bound, token]
        return hmac.digest(self._key, orjson.dumps(text, default=str), "sha256")[:MAC]


_WORDS = {
    "cloudtrail": ("InvalidNextTokenException", "The NextToken is not one of this lookup."),
    "logs": ("InvalidParameterException", "The specified nextToken is invalid."),
    "ecr": ("InvalidParameterException", "Invalid parameter at 'nextToken' failed to satisfy constraint."),
    "cloudwatch": ("InvalidNextToken", "NextToken is invalid."),
    "iam": ("ValidationError", "Invalid Marker."),
    "kms": ("InvalidMarkerException", "The marker is not valid."),
    "application-autoscaling": ("InvalidNextTokenException", "The next token is not valid."),
    "service-quotas": ("InvalidPaginationTokenException", "The NextToken is not one of this list."),
    "sns": ("InvalidParameter", "Invalid parameter: NextToken"),
    "lambda": ("InvalidParameterValueException", "The Marker is not valid."),
    "sqs": ("InvalidParameterValue", "The NextToken is not valid."),
}


def invalid_token(asker: Asker) -> AwsError:
    """Returns the error in the wording of the service."""
    if asker.service == "s3":
        return invalid_argument("The continuation token provided is incorrect", "continuation-token", None)
    if (asker.service, asker.operation) == ("cloudwatch", "ListMetrics"):
        return AwsError("InvalidParameterValue", "NextToken is invalid.")
    if asker.service in _WORDS:
        return AwsError(*_WORDS[asker.service])
    return ValidationException("Invalid NextToken.")
