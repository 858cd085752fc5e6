"""The objects that a job's agent on the store's machine may read as files: those that its role could read by requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.services.access import authorizer
from sagewright.services.aws.s3 import access
from sagewright.services.aws.s3.access import Act
from sagewright.services.context import Context


def authorize_beside(context: Context, requested: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Decides a question of `engine.jobs.inputs`, whose answer is `found`. Raises AccessDenied for the first object that may not be
    read, and KeyError, TypeError or ValueError for a malformed question."""
    decided = authorizer.is_decided(context)
    if "names" in requested:
        for bucket, key in requested["names"]:
            access.require(context, Act("GetObject", bucket, key), {})
        return
    bucket, prefix = requested["bucket"], requested["prefix"]
    there = context.objects.buckets.get(bucket)
    if not decided and there.configuration.get("policy") is None:
        return
    access.require(context, Act("ListBucket", bucket), {"Prefix": prefix})
    for key, *_ in found["found"]:
        refusal = access.refused(context, Act("GetObject", bucket, key), {}, there)
        if refusal is not None:
            raise refusal
