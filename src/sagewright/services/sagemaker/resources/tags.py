"""Tags of any resource whose kind is declared in the catalogue."""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import ResourceLimitExceeded, ValidationException
from sagewright.services import paging
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.services.sagemaker.resources import catalogue
from sagewright.store.resources import tags

MAX_TAGS = 50


@operation("sagemaker", "AddTags")
def add_tags(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn = request["ResourceArn"]
    with context.store.write() as connection:
        catalogue.require(context, arn)
        pairs = tags.of_in(connection, arn) | {pair["Key"]: pair["Value"] for pair in request["Tags"]}
        if len(pairs) > MAX_TAGS:
            raise ResourceLimitExceeded(f"A resource can have at most {MAX_TAGS} tags; {arn} would have {len(pairs)}.")
        tags.add_in(connection, arn, pairs)
    return {"Tags": shape(pairs)}


@operation("sagemaker", "ListTags", quick=True)
def list_tags(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn, size = request["ResourceArn"], request.get("MaxResults", MAX_TAGS)
    catalogue.require(context, arn)
    position = paging.decode(request.get("NextToken"))
    if position is not None and len(position) != 2:
        raise ValidationException("Invalid NextToken.")
    found = tags.page(context.store, arn, size + 1, (position[0], position[1]) if position else None)
    page = found[:size]
    more = {"NextToken": paging.encode([page[-1].position, page[-1].key])} if len(found) > size else {}
    return {"Tags": [{"Key": tag.key, "Value": tag.value} for tag in page], **more}


@operation("sagemaker", "DeleteTags")
def delete_tags(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    catalogue.require(context, request["ResourceArn"])
    tags.remove(context.store, request["ResourceArn"], request["TagKeys"])
    return {}


def shape(pairs: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in pairs.items()]
