"""Bucket configurations that are not served: asked for, they answer as a bucket that was never given one."""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services.context import Context
from sagewright.services.s3.configuration import MISSING
from sagewright.services.s3.operations import s3_operation


def _refuse(context: Context, request: dict[str, Any], kind: str) -> dict[str, Any]:
    bucket = context.objects.buckets.get(request["Bucket"])
    code, message = MISSING[kind]
    raise AwsError(code, message, 404, {"BucketName": bucket.name})


def _nothing(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    context.objects.buckets.get(request["Bucket"])
    return {}


@s3_operation("GetBucketReplication")
def get_bucket_replication(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _refuse(context, request, "replication")


@s3_operation("GetObjectLockConfiguration")
def get_object_lock_configuration(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _refuse(context, request, "object lock")


@s3_operation("GetBucketWebsite")
def get_bucket_website(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _refuse(context, request, "website")


@s3_operation("GetBucketAccelerateConfiguration")
def get_bucket_accelerate_configuration(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _nothing(context, request)


@s3_operation("GetBucketLogging")
def get_bucket_logging(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _nothing(context, request)


@s3_operation("GetBucketNotificationConfiguration")
def get_bucket_notification_configuration(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _nothing(context, request)


@s3_operation("GetBucketRequestPayment")
def get_bucket_request_payment(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return _nothing(context, request) | {"Payer": "BucketOwner"}
