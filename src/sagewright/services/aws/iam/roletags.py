"""Tags of roles. Source: IAM's API reference."""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services.aws.iam.listing import tags_page
from sagewright.services.aws.iam.roles import require_role, role_arn
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.resources import tags

MOST_TAGS = 50


@operation("iam", "TagRole")
def tag_role(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn = role_arn(require_role(context, request["RoleName"]))
    pairs = {pair["Key"]: pair["Value"] for pair in request["Tags"]}
    if (count := tags.extend(context.store, arn, pairs, MOST_TAGS)) > MOST_TAGS:
        raise AwsError("LimitExceeded", f"A role has at most {MOST_TAGS} tags; {arn} would have {count}.", 409)
    return {}


@operation("iam", "UntagRole")
def untag_role(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    tags.remove(context.store, role_arn(require_role(context, request["RoleName"])), request["TagKeys"])
    return {}


@operation("iam", "ListRoleTags")
def list_role_tags(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return tags_page(request, tags.of(context.store, role_arn(require_role(context, request["RoleName"]))))
