"""The policy of a bucket: put, get, delete. `access` evaluates it on each request."""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services.aws.s3 import policies
from sagewright.services.aws.s3.operations import s3_operation
from sagewright.services.context import Context


@s3_operation("PutBucketPolicy")
def put_bucket_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Raises MalformedPolicy, and AccessDenied for a public policy if the bucket blocks those."""
    bucket, text = context.objects.buckets.get(request["Bucket"]), request.get("Policy") or ""
    policy = policies.parse(text, bucket.name)
    if policy.public and bucket.configuration.get("public access", {}).get("BlockPublicPolicy"):
        message = (
            f"Public policies are prevented by the BlockPublicPolicy setting in the block public access "
            f"configuration of the bucket {bucket.name}"
        )
        raise AwsError("AccessDenied", message, 403)
    context.objects.buckets.configure(bucket.name, "policy", {"Policy": text})
    return {"__status__": 204}


@s3_operation("GetBucketPolicy")
def get_bucket_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return {"Policy": _kept(context, request["Bucket"])}


@s3_operation("DeleteBucketPolicy")
def delete_bucket_policy(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    context.objects.buckets.configure(request["Bucket"], "policy", None)
    return {}


@s3_operation("GetBucketPolicyStatus")
def get_bucket_policy_status(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    bucket = request["Bucket"]
    return {"PolicyStatus": {"IsPublic": policies.parsed(_kept(context, bucket), bucket).public}}


def _kept(context: Context, name: str) -> str:
    kept = context.objects.buckets.get(name).configuration.get("policy")
    if kept is None:
        raise AwsError("NoSuchBucketPolicy", "The bucket policy does not exist", 404, {"BucketName": name})
    text: str = kept["Policy"]
    return text
