"""Tags of rules and buses: TagResource, UntagResource, ListTagsForResource."""

from __future__ import annotations

from typing import Any

from sagewright.engine.events.rules import BUS, bus_arn
from sagewright.model.errors import AwsError
from sagewright.services.aws.events.buses import bus_of
from sagewright.services.aws.events.rules import require_rule
from sagewright.services.context import Context
from sagewright.services.tagging import MOST_TAGS, TagOperations


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


TagOperations(
    "events",
    _require,
    lambda arn, count: AwsError("LimitExceededException", f"{arn} would have {count} tags; {MOST_TAGS} are the most."),
).serve("TagResource", "UntagResource", "ListTagsForResource")
