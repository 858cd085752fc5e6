"""Tags of functions: TagResource, UntagResource, ListTags."""

from __future__ import annotations

from typing import Any

from sagewright.services.aws.functions.names import arn_of, invalid, require
from sagewright.services.context import Context
from sagewright.services.tagging import MOST_TAGS, TagOperations


def _require(context: Context, request: dict[str, Any]) -> str:
    """Returns the ARN of an existing function. Raises ResourceNotFoundException."""
    return arn_of(context, require(context, {"FunctionName": request["Resource"]}).name)


TagOperations(
    "lambda",
    _require,
    lambda arn, count: invalid(f"A function has at most {MOST_TAGS} tags; {arn} would have {count}."),
    read=dict,
    write=dict,
).serve("TagResource", "UntagResource", "ListTags")
