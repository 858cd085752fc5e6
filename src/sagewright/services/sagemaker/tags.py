"""Tags of any SageMaker resource."""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import ResourceLimitExceeded, ResourceNotFound, ValidationException
from sagewright.services import paging
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store import jobs, tags
from sagewright.store.jobs import Place

MAX_TAGS = 50
KINDS = {"training-job": "training", "processing-job": "processing"}


def _check_resource(context: Context, arn: str) -> None:
    """Raises ValidationException for an ARN of elsewhere, ResourceNotFound for a resource that is not there."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[3] != context.region or parts[4] != context.account:
        raise ValidationException(f"ARN should be scoped to correct region: {context.region}")
    kind, _, name = parts[5].partition("/")
    if kind not in KINDS:
        raise ValidationException(f"Sagewright serves no resource of the kind '{kind}' ({arn}).")
    if jobs.find(context.store, Place(KINDS[kind], context.account, context.region), name) is None:
        raise ResourceNotFound("Requested resource not found.")


@operation("sagemaker", "AddTags")
def add_tags(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn = request["ResourceArn"]
    _check_resource(context, arn)
    pairs = tags.of(context.store, arn) | {pair["Key"]: pair["Value"] for pair in request["Tags"]}
    if len(pairs) > MAX_TAGS:
        raise ResourceLimitExceeded(f"A resource can have at most {MAX_TAGS} tags; {arn} would have {len(pairs)}.")
    tags.add(context.store, arn, pairs)
    return {"Tags": _shape(pairs)}


@operation("sagemaker", "ListTags")
def list_tags(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _check_resource(context, request["ResourceArn"])
    found = _shape(tags.of(context.store, request["ResourceArn"]))
    start = (paging.decode(request.get("NextToken")) or [0])[0]
    end = start + request.get("MaxResults", MAX_TAGS)
    return {"Tags": found[start:end], **({"NextToken": paging.encode([end])} if end < len(found) else {})}


@operation("sagemaker", "DeleteTags")
def delete_tags(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _check_resource(context, request["ResourceArn"])
    tags.remove(context.store, request["ResourceArn"], request["TagKeys"])
    return {}


def _shape(pairs: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in pairs.items()]
