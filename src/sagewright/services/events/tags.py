"""Tags of rules: TagResource, UntagResource, ListTagsForResource."""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services.context import Context
from sagewright.services.events.rules import require_rule
from sagewright.services.registry import operation
from sagewright.store import tags

MOST_TAGS = 50


@operation("events", "TagResource")
def tag_resource(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn = _require(context, request)
    with context.store.write() as connection:
        pairs = tags.of_in(connection, arn) | {pair["Key"]: pair["Value"] for pair in request["Tags"]}
        if len(pairs) > MOST_TAGS:
            raise AwsError(
                "LimitExceededException", f"A rule has at most {MOST_TAGS} tags; {arn} would have {len(pairs)}."
            )
        tags.add_in(connection, arn, pairs)
    return {}


@operation("events", "UntagResource")
def untag_resource(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    tags.remove(context.store, _require(context, request), request["TagKeys"])
    return {}


@operation("events", "ListTagsForResource")
def list_tags_for_resource(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = tags.of(context.store, _require(context, request))
    return {"Tags": [{"Key": key, "Value": value} for key, value in found.items()]}


def _require(context: Context, request: dict[str, Any]) -> str:
    """The ARN of a rule that is there. Raises ResourceNotFoundException."""
    arn: str = request["ResourceARN"]
    rule = require_rule(context, arn.rpartition("/")[2])
    if rule.arn != arn:
        raise AwsError("ResourceNotFoundException", f"{arn} does not exist.")
    return arn
