"""How an S3 operation is registered: with the checks that all of them share, of whose bucket it is and who may use it."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.objects import errors
from sagewright.services.aws.s3 import access
from sagewright.services.context import Context
from sagewright.services.registry import Operation, operation

_ACCOUNT = re.compile(r"[0-9]{12}")
_OWNERS = ("ExpectedBucketOwner", "ExpectedSourceBucketOwner")


def s3_operation(name: str) -> Callable[[Operation], Operation]:
    """Register a function as the S3 operation `name`. See `operation`."""

    def register(function: Operation) -> Operation:
        @functools.wraps(function)
        def checked(context: Context, request: dict[str, Any]) -> dict[str, Any]:
            for owner in _OWNERS:
                _check_owner(request.get(owner), context.account)
            access.authorize(context, name, request)
            try:
                return function(context, request)
            except AwsError as error:
                raise _hidden(context, error, request) from None

        return operation("s3", name)(checked)

    return register


def _check_owner(expected: str | None, account: str) -> None:
    """Raises InvalidBucketOwnerAWSAccountID for what is no account, AccessDenied for another one."""
    if expected is not None and not _ACCOUNT.fullmatch(expected):
        message = f"The value of the expected bucket owner parameter must be an AWS Account ID... [{expected}]"
        raise AwsError("InvalidBucketOwnerAWSAccountID", message)
    if expected not in (None, account):
        raise access.denied()


def _hidden(context: Context, error: AwsError, request: dict[str, Any]) -> AwsError:
    """Who may not list a bucket isn't told what is missing in it."""
    if not context.principal.anonymous or error.code != "NoSuchKey":
        return error
    listing = access.Act("ListBucket", request["Bucket"])
    return error if access.may(context, listing, request) else access.denied()


def need(value: Any) -> Any:
    """`value`, which the body of the request has to hold. Raises MalformedXML for None."""
    if value is None:
        raise errors.malformed_xml()
    return value
