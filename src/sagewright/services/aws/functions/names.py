"""Names of functions in requests: a name, a partial ARN or an ARN, each with or without a qualifier."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services.context import Context
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources
from sagewright.store.resources.resources import Resource

KIND = "function"
LATEST = "$LATEST"
"""The only version."""
_NAME = re.compile(
    r"(?:(?:arn:aws:lambda:(?P<region>[a-z0-9-]+):)?(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[A-Za-z0-9_-]{1,64})(?::(?P<qualifier>\$LATEST|[A-Za-z0-9_-]+))?"
)


@dataclass(frozen=True)
class FunctionName:
    name: str
    qualifier: str


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message, fields={"Type": "User"})


def arn_of(context: Context, name: str) -> str:
    return f"arn:aws:lambda:{context.region}:{context.account}:function:{name}"


def missing(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Function not found: {arn}", 404, {"Type": "User"})


def read_name(context: Context, request: dict[str, Any]) -> FunctionName:
    """Raises InvalidParameterValueException, and ResourceNotFoundException for versions other than $LATEST and for other accounts
    or regions."""
    text, requested = request["FunctionName"], request.get("Qualifier") or ""
    found = _NAME.fullmatch(text)
    if found is None:
        raise invalid(f"The function's name must have at most 64 letters, digits, - and _, got '{text}'.")
    qualifier = found["qualifier"] or requested or LATEST
    if requested and qualifier != requested:
        raise invalid("The derived qualifier from the function name does not match the specified qualifier.")
    arn = arn_of(context, found["name"])
    if (found["region"] or context.region, found["account"] or context.account) != (context.region, context.account):
        raise missing(text)
    if qualifier != LATEST:
        raise missing(f"{arn}:{qualifier} (Sagewright keeps no versions or aliases, only {LATEST})")
    return FunctionName(found["name"], qualifier)


def require(context: Context, request: dict[str, Any]) -> Resource:
    """Raises InvalidParameterValueException, ResourceNotFoundException."""
    named = read_name(context, request)
    found = resources.find(context.store, scope_of(context), named.name)
    if found is None:
        raise missing(arn_of(context, named.name))
    return found


def scope_of(context: Context) -> ResourceScope:
    return ResourceScope(KIND, context.account, context.region)
