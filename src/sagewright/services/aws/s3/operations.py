"""Registration of S3 operations, with their common checks: ownership of the bucket and access to it."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.objects import errors
from sagewright.services import catalogue_bucket
from sagewright.services.aws.s3 import access
from sagewright.services.context import Context
from sagewright.services.registry import Operation, operation

_ACCOUNT = re.compile(r"[0-9]{12}")
_OWNERS = ("ExpectedBucketOwner", "ExpectedSourceBucketOwner")


def s3_operation(name: str) -> Callable[[Operation], Operation]:
    """Registers a function as the S3 operation `name`. See `operation`."""

    def register(function: Operation) -> Operation:
        @functools.wraps(function)
        def checked(context: Context, request: dict[str, Any]) -> dict[str, Any]:
            for owner in _OWNERS:
                _check_owner(request.get(owner), context.account)
            catalogue_bucket.prepare(context, name, request)
            access.authorize(context, name, request)
            try:
                return function(context, request)
            except AwsError as error:
                raise _hidden(context, error, request) from None

        return operation("s3", name)(checked)

    return register


def _check_owner(expected: str | None, account: str) -> None:
    """Raises InvalidBucketOwnerAWSAccountID for an invalid account id, AccessDenied for another account."""
    if expected is not None and not _ACCOUNT.fullmatch(expected):
        message = f"The value of the expected bucket owner parameter must be an AWS Account ID... [{expected}]"
        raise AwsError("InvalidBucketOwnerAWSAccountID", message)
    if expected not in (None, account):
        raise access.denied()


def _hidden(context: Context, error: AwsError, request: dict[str, Any]) -> AwsError:
    """Replaces a not-found error by AccessDenied for a caller that is not allowed to list the bucket."""
    if not context.principal.anonymous or error.code != "NoSuchKey":
        return error
    listing = access.Act("ListBucket", request["Bucket"])
    return error if access.may(context, listing, request) else access.denied()


def need(value: Any) -> Any:
    """Returns `value`, a required member of the request body. Raises MalformedXML for None."""
    if value is None:
        raise errors.malformed_xml()
    return value
