"""Tags of functions: TagResource, UntagResource, ListTags."""

from __future__ import annotations

from typing import Any

from sagewright.services.aws.functions.names import arn_of, invalid, require
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.resources import tags

MOST_TAGS = 50


@operation("lambda", "TagResource")
def tag_resource(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn = _require(context, request)
    if (count := tags.extend(context.store, arn, request["Tags"], MOST_TAGS)) > MOST_TAGS:
        raise invalid(f"A function has at most {MOST_TAGS} tags; {arn} would have {count}.")
    return {}


@operation("lambda", "UntagResource")
def untag_resource(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    tags.remove(context.store, _require(context, request), request["TagKeys"])
    return {}


@operation("lambda", "ListTags")
def list_tags(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": tags.of(context.store, _require(context, request))}


def _require(context: Context, request: dict[str, Any]) -> str:
    """Returns the ARN of an existing function. Raises ResourceNotFoundException."""
    return arn_of(context, require(context, {"FunctionName": request["Resource"]}).name)
