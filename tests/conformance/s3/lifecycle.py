"""Lifecycle rules."""

from __future__ import annotations

from datetime import UTC, datetime

from s3.check import check
from s3.target import Target, refusal

RULES = [
    {"ID": "old", "Filter": {"Prefix": "x/"}, "Status": "Enabled", "Expiration": {"Days": 3}},
    {
        "ID": "parts",
        "Filter": {"Prefix": ""},
        "Status": "Enabled",
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    },
    {
        "ID": "versions",
        "Filter": {"Prefix": "y/"},
        "Status": "Disabled",
        "NoncurrentVersionExpiration": {"NoncurrentDays": 2},
    },
]


@check
def lifecycle_rules_are_kept_and_deleted(target: Target) -> None:
    """API PutBucketLifecycleConfiguration, GetBucketLifecycleConfiguration, DeleteBucketLifecycle"""
    bucket = target.bucket()
    target.s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": RULES})
    assert target.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == RULES
    target.s3.delete_bucket_lifecycle(Bucket=bucket)
    assert refusal(target.s3.get_bucket_lifecycle_configuration, Bucket=bucket) == ("NoSuchLifecycleConfiguration", 404)


@check
def a_rule_with_a_date_is_kept(target: Target) -> None:
    """API LifecycleExpiration: Date"""
    bucket = target.bucket()
    day = datetime(2030, 1, 2, tzinfo=UTC)
    rules = [{"ID": "r", "Filter": {"Prefix": ""}, "Status": "Enabled", "Expiration": {"Date": day}}]
    target.s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    told = target.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"][0]["Expiration"]["Date"]
    assert told == day


@check
def a_configuration_without_rules_is_malformed(target: Target) -> None:
    """API PutBucketLifecycleConfiguration; MalformedXML"""
    wanted = {"Bucket": target.bucket(), "LifecycleConfiguration": {"Rules": []}}
    assert refusal(target.s3.put_bucket_lifecycle_configuration, **wanted) == ("MalformedXML", 400)


@check
def a_rule_of_zero_days_is_refused(target: Target) -> None:
    """API LifecycleExpiration: Days is a positive integer; InvalidArgument"""
    rules = [{"ID": "r", "Filter": {"Prefix": ""}, "Status": "Enabled", "Expiration": {"Days": 0}}]
    wanted = {"Bucket": target.bucket(), "LifecycleConfiguration": {"Rules": rules}}
    assert refusal(target.s3.put_bucket_lifecycle_configuration, **wanted) == ("InvalidArgument", 400)


@check
def two_rules_of_one_id_are_refused(target: Target) -> None:
    """API LifecycleRule: ID is unique; InvalidArgument"""
    wanted = {"Bucket": target.bucket(), "LifecycleConfiguration": {"Rules": [RULES[0], RULES[0]]}}
    assert refusal(target.s3.put_bucket_lifecycle_configuration, **wanted) == ("InvalidArgument", 400)
