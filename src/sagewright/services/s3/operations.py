"""How an S3 operation is registered: with the check that all of them share, of whose bucket the caller expects."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services.context import Context
from sagewright.services.registry import Operation, operation

_OWNERS = ("ExpectedBucketOwner", "ExpectedSourceBucketOwner")


def s3_operation(name: str) -> Callable[[Operation], Operation]:
    """Register a function as the S3 operation `name`. See `operation`."""

    def register(function: Operation) -> Operation:
        @functools.wraps(function)
        def checked(context: Context, request: dict[str, Any]) -> dict[str, Any]:
            for owner in _OWNERS:
                if request.get(owner) not in (None, context.account):
                    raise AwsError("AccessDenied", "Access Denied", 403)
            return function(context, request)

        return operation("s3", name)(checked)

    return register


def malformed_xml() -> AwsError:
    """A body that is missing or lacks what the operation needs."""
    return AwsError(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )


def need(value: Any) -> Any:
    """`value`, which the body of the request has to hold. Raises MalformedXML for None."""
    if value is None:
        raise malformed_xml()
    return value
