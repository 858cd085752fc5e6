"""Tags of rules and buses: TagResource, UntagResource, ListTagsForResource."""

from __future__ import annotations

from typing import Any

from sagewright.engine.events.rules import BUS, bus_arn
from sagewright.model.errors import AwsError
from sagewright.services.aws.events.buses import bus_of
from sagewright.services.aws.events.rules import require_rule
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.resources import tags

MOST_TAGS = 50


@operation("events", "TagResource")
def tag_resource(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn, pairs = _require(context, request), {pair["Key"]: pair["Value"] for pair in request["Tags"]}
    if (count := tags.extend(context.store, arn, pairs, MOST_TAGS)) > MOST_TAGS:
        raise AwsError("LimitExceededException", f"{arn} would have {count} tags; {MOST_TAGS} are the most.")
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
    """Returns the ARN of an existing rule or bus. Raises ResourceNotFoundException."""
    arn: str = request["ResourceARN"]
    _, _, resource = arn.rpartition(":")
    kind, _, name = resource.partition("/")
    if kind == "event-bus":
        bus_of(context, name)
        found = bus_arn(context.region, context.account, name)
    else:
        bus, _, rule = name.rpartition("/")
        found = require_rule(context, rule, bus or BUS).arn
    if found != arn:
        raise AwsError("ResourceNotFoundException", f"{arn} does not exist.")
    return arn
