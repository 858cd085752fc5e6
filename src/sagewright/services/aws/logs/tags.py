"""Tags of log groups, by the current and the deprecated operations.

Source: Logs' API reference; AWS's answers as localstack/localstack recorded them (`test_logs_groups.snapshot.json`,
test_tag_resource_api).
"""

from __future__ import annotations

from typing import Any

from sagewright.model.aws.arns import log_group_arn
from sagewright.model.errors import AwsError
from sagewright.services.aws.logs.groups import require_group
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.resources import tags

MOST_TAGS = 50


@operation("logs", "TagResource")
def tag_resource(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _add(context, _of_arn(context, request["resourceArn"]), request["tags"], "TooManyTagsException")
    return {}


@operation("logs", "UntagResource")
def untag_resource(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    tags.remove(context.store, _of_arn(context, request["resourceArn"]), request["tagKeys"])
    return {}


@operation("logs", "ListTagsForResource")
def list_tags_for_resource(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return {"tags": tags.of(context.store, _of_arn(context, request["resourceArn"]))}


@operation("logs", "TagLogGroup")
def tag_log_group(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _add(context, _of_group(context, request["logGroupName"]), request["tags"], "InvalidParameterException")
    return {}


@operation("logs", "UntagLogGroup")
def untag_log_group(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    tags.remove(context.store, _of_group(context, request["logGroupName"]), request["tags"])
    return {}


@operation("logs", "ListTagsLogGroup")
def list_tags_log_group(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return {"tags": tags.of(context.store, _of_group(context, request["logGroupName"]))}


def _add(context: Context, arn: str, pairs: dict[str, str], code: str) -> None:
    if (count := tags.extend(context.store, arn, pairs, MOST_TAGS)) > MOST_TAGS:
        raise AwsError(code, f"A log group has at most {MOST_TAGS} tags; {arn} would have {count}.")


def _of_group(context: Context, name: str) -> str:
    """Returns the ARN of an existing group."""
    require_group(context, name)
    return log_group_arn(context.region, context.account, name)


def _of_arn(context: Context, arn: str) -> str:
    """Raises ResourceNotFoundException unless it is the ARN of an existing log group."""
    name = arn.rsplit(":log-group:", maxsplit=1)[-1]
    if arn != log_group_arn(context.region, context.account, name):
        raise AwsError("ResourceNotFoundException", "The specified resource does not exist.")
    return _of_group(context, name)
