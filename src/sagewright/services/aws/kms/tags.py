"""Tags of keys: TagResource, UntagResource, ListResourceTags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services import paging
from sagewright.services.aws.kms.markers import marked, marker_of
from sagewright.services.aws.kms_keys import arn_of, refuse_pending, require_key, require_own
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.resources import tags

MOST_TAGS = 50


@operation("kms", "TagResource")
def tag_resource(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    arn, pairs = _changeable(context, request), pairs_of(request["Tags"])
    if (count := tags.extend(context.store, arn, pairs, MOST_TAGS)) > MOST_TAGS:
        raise AwsError("LimitExceededException", f"A key has at most {MOST_TAGS} tags; {arn} would have {count}.")
    return {}


@operation("kms", "UntagResource")
def untag_resource(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    tags.remove(context.store, _changeable(context, request), request["TagKeys"])
    return {}


@operation("kms", "ListResourceTags")
def list_resource_tags(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = tags.of(context.store, arn_of(context, require_key(context, request["KeyId"]).name))
    page, token = paging.page_of(found, lambda key: [key], marker_of(request), request.get("Limit", MOST_TAGS))
    return {"Tags": [{"TagKey": key, "TagValue": found[key]} for key in page], **marked(token)}


def pairs_of(given: Sequence[dict[str, str]]) -> dict[str, str]:
    """Raises TagException."""
    pairs = {pair["TagKey"]: pair["TagValue"] for pair in given}
    if len(pairs) < len(given):
        raise AwsError("TagException", "Duplicate tag keys")
    if any(key.lower().startswith("aws:") for key in pairs):
        raise AwsError("TagException", "Tags beginning with aws: are reserved")
    if len(pairs) > MOST_TAGS:
        raise AwsError("TagException", "Too many tags")
    return pairs


def _changeable(context: Context, request: dict[str, Any]) -> str:
    """Returns the ARN of a key whose tags can be changed."""
    key = require_own(context, request["KeyId"])
    refuse_pending(context, key)
    return arn_of(context, key.name)
