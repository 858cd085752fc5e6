"""Tags of log groups, by the operations of today and by those of before.

Source: Logs' API reference; AWS's answers as localstack/localstack recorded them (`test_logs_groups.snapshot.json`,
test_tag_resource_api).
"""

from __future__ import annotations

from collections.abc import Callable

from sagewright.model.aws.arns import log_group_arn
from sagewright.model.errors import AwsError
from sagewright.services.aws.logs.groups import require_group
from sagewright.services.context import Context
from sagewright.services.tagging import MOST_TAGS, TagOperations


def _of_group(context: Context, name: str) -> str:
    """Returns the ARN of an existing group. Raises ResourceNotFoundException."""
    require_group(context, name)
    return log_group_arn(context.region, context.account, name)


def _of_arn(context: Context, arn: str) -> str:
    """Raises ResourceNotFoundException for an ARN of no log group that is there."""
    name = arn.rsplit(":log-group:", maxsplit=1)[-1]
    if arn != log_group_arn(context.region, context.account, name):
        raise AwsError("ResourceNotFoundException", "The specified resource does not exist.")
    return _of_group(context, name)


def _too_many(code: str) -> Callable[[str, int], Exception]:
    return lambda arn, count: AwsError(code, f"A log group has at most {MOST_TAGS} tags; {arn} would have {count}.")


TagOperations(
    "logs",
    lambda context, request: _of_arn(context, request["resourceArn"]),
    _too_many("TooManyTagsException"),
    read=dict,
    write=dict,
    tags_member="tags",
    keys_member="tagKeys",
).serve("TagResource", "UntagResource", "ListTagsForResource")
TagOperations(
    "logs",
    lambda context, request: _of_group(context, request["logGroupName"]),
    _too_many("InvalidParameterException"),
    read=dict,
    write=dict,
    tags_member="tags",
    keys_member="tags",
).serve("TagLogGroup", "UntagLogGroup", "ListTagsLogGroup")
