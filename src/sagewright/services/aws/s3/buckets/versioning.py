"""Versioning of a bucket."""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import AwsError
from sagewright.objects import errors
from sagewright.objects.buckets import ENABLED, OFF, SUSPENDED
from sagewright.services.aws.s3.operations import need, s3_operation
from sagewright.services.context import Context


@s3_operation("PutBucketVersioning")
def put_bucket_versioning(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    requested = need(request.get("VersioningConfiguration"))
    if not requested.get("Status"):
        raise AwsError("IllegalVersioningConfigurationException", "The Versioning element must be specified")
    if requested["Status"] not in {ENABLED, SUSPENDED}:
        raise errors.malformed_xml()
    if requested.get("MFADelete") == ENABLED:
        raise AwsError("NotImplemented", "MFA delete is not served.")
    context.objects.buckets.set_versioning(request["Bucket"], requested["Status"])
    return {}


@s3_operation("GetBucketVersioning")
def get_bucket_versioning(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    state = context.objects.buckets.get(request["Bucket"]).versioning
    return {} if state == OFF else {"Status": state}
