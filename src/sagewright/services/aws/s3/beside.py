"""The objects that a job's agent on the store's machine may read as files: those that its role could read by requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagewright.engine.jobs.launch_plan import JOB_SESSION
from sagewright.model.aws.arns import assumed_role_arn
from sagewright.model.aws.s3_uris import read_s3_uri
from sagewright.model.errors import AwsError
from sagewright.objects.bucketstore import BucketStore
from sagewright.services.access import authorizer
from sagewright.services.aws.s3 import access
from sagewright.services.aws.s3.access import Act
from sagewright.services.context import Context, Platform, Principal
from sagewright.store.jobs.jobs import Job


def reading_as(platform: Platform, job: Job, role_arn: str) -> Context:
    """Returns the context in which a job's host reads objects: that of a session of its role."""
    role = role_arn.rpartition("/")[2]
    principal = Principal(assumed_role_arn(job.account, role, JOB_SESSION), f"{role}:{JOB_SESSION}")
    return Context("", job.account, job.region, principal, platform)


def located(platform: Platform, job: Job, role_arn: str, uri: str) -> str:
    """Returns the file of an object that the job's role may read; "" if there is none, or if its host has to ask for the reason."""
    objects = platform.objects
    if not isinstance(objects, BucketStore):
        return ""
    try:
        place = read_s3_uri(uri)
        version = objects.contents.find(place.bucket, place.key)
        access.require(reading_as(platform, job, role_arn), Act("GetObject", place.bucket, place.key), {})
        return str(objects.there(version))
    except (AwsError, ValueError, OSError):
        return ""


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
