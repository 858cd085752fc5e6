"""Tags of alarms and dashboards: TagResource, UntagResource, ListTagsForResource.

Source: CloudWatch's API reference; AWS's answers as localstack/localstack recorded them (test_tagging_metric_alarm): a deleted
alarm has no tags.
"""

from __future__ import annotations

from typing import Any

from sagewright.engine.monitoring.alarms import KIND
from sagewright.model.errors import AwsError
from sagewright.services.aws.cloudwatch import dashboards
from sagewright.services.aws.cloudwatch.alarms import arn_of
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.services.tagging import MOST_TAGS, TagOperations, listed
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources, tags


@operation("cloudwatch", "ListTagsForResource")
def list_tags_for_resource(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn = request["ResourceARN"]
    found = tags.of(context.store, arn) if _is_there(context, arn) else {}
    return {"Tags": listed(found)}


def _require(context: Context, request: dict[str, Any]) -> str:
    """Returns the ARN of an existing alarm or dashboard. Raises ResourceNotFoundException."""
    arn: str = request["ResourceARN"]
    if not _is_there(context, arn):
        raise AwsError("ResourceNotFoundException", f"{arn} does not exist.", 404)
    return arn


def _is_there(context: Context, arn: str) -> bool:
    _, _, alarm = arn.partition(":alarm:")
    if not alarm:
        name = arn.rpartition("/")[2]
        return arn == dashboards.arn_of(context, name) and dashboards.find(context, name) is not None
    found = resources.find(context.store, ResourceScope(KIND, context.account, context.region), alarm)
    return found is not None and arn == arn_of(context, alarm)


TagOperations(
    "cloudwatch",
    _require,
    lambda arn, count: AwsError("InvalidParameterValue", f"{arn} would have {count} tags; {MOST_TAGS} are the most."),
).serve("TagResource", "UntagResource")
