"""Buckets: made, listed, deleted, named; whose they are."""

from __future__ import annotations

import uuid

from s3.check import check, each
from s3.target import Target, put, refusal

BAD = {
    "two letters": "ab",
    "64 letters": "x" * 64,
    "capitals": "Upper-Case",
    "an underscore": "under_score",
    "two dots": "a..b",
    "the form of an address": "192.168.0.1",
    "xn-- in front": "xn--abc",
    "a dash in front": "-abc",
    "a dot behind": "abc.",
    "-s3alias behind": "abc-s3alias",
}


@each("a bucket named with {} is refused", BAD, "Guide: Bucket naming rules; InvalidBucketName")
def bad_name(target: Target, name: str) -> None:
    answer = target.ask_signed("PUT", f"/{name}")
    assert (answer.status, answer.code) == (400, "InvalidBucketName")


@check
def a_bucket_with_dots_and_digits_is_made(target: Target) -> None:
    """Guide: Bucket naming rules"""
    name = f"1a.b-2.{uuid.uuid4().hex[:8]}"
    target.s3.create_bucket(Bucket=name)
    target.made.append(name)
    put(target, name, "k")
    assert target.s3.get_object(Bucket=name, Key="k")["Body"].read() == b"k"


@check
def a_bucket_is_made_listed_and_deleted(target: Target) -> None:
    """API CreateBucket, ListBuckets, DeleteBucket"""
    bucket = target.bucket()
    assert bucket in [b["Name"] for b in target.s3.list_buckets()["Buckets"]]
    target.s3.delete_bucket(Bucket=bucket)
    assert bucket not in [b["Name"] for b in target.s3.list_buckets()["Buckets"]]
    assert refusal(target.s3.head_bucket, Bucket=bucket) == ("404", 404)


@check
def a_bucket_with_objects_is_not_deleted(target: Target) -> None:
    """API DeleteBucket: BucketNotEmpty"""
    bucket = target.bucket()
    put(target, bucket, "k")
    assert refusal(target.s3.delete_bucket, Bucket=bucket) == ("BucketNotEmpty", 409)
    target.s3.delete_object(Bucket=bucket, Key="k")
    target.s3.delete_bucket(Bucket=bucket)


@check
def a_bucket_of_one_s_own_is_made_again_in_us_east_1(target: Target) -> None:
    """API CreateBucket: 200 in us-east-1 for one's own bucket"""
    target.s3.create_bucket(Bucket=target.bucket())


@check
def a_bucket_elsewhere_is_already_owned(target: Target) -> None:
    """API CreateBucket: BucketAlreadyOwnedByYou"""
    there = {"LocationConstraint": "eu-west-1"}
    bucket = target.bucket(CreateBucketConfiguration=there)
    wanted = {"Bucket": bucket, "CreateBucketConfiguration": there}
    assert refusal(target.s3.create_bucket, **wanted) == ("BucketAlreadyOwnedByYou", 409)


@check
def a_bucket_tells_where_it_is(target: Target) -> None:
    """API GetBucketLocation: null for us-east-1; HeadBucket: x-amz-bucket-region"""
    here, there = target.bucket(), target.bucket(CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert target.s3.get_bucket_location(Bucket=here)["LocationConstraint"] is None
    assert target.s3.get_bucket_location(Bucket=there)["LocationConstraint"] == "eu-west-1"
    assert target.s3.head_bucket(Bucket=here)["BucketRegion"] == "us-east-1"


@check
def a_region_that_is_none_is_refused(target: Target) -> None:
    """Guide: Error responses, InvalidLocationConstraint"""
    wanted = {"Bucket": f"b-{uuid.uuid4().hex}", "CreateBucketConfiguration": {"LocationConstraint": "nowhere"}}
    assert refusal(target.s3.create_bucket, **wanted) == ("InvalidLocationConstraint", 400)


@check
def us_east_1_is_no_constraint(target: Target) -> None:
    """API CreateBucket: us-east-1 is not a LocationConstraint; moto, verified against AWS"""
    wanted = {"Bucket": f"b-{uuid.uuid4().hex}", "CreateBucketConfiguration": {"LocationConstraint": "us-east-1"}}
    assert refusal(target.s3.create_bucket, **wanted) == ("InvalidLocationConstraint", 400)


@check
def the_head_of_a_bucket_has_the_type_of_xml(target: Target) -> None:
    """API HeadBucket; moto, verified against AWS"""
    described = target.s3.head_bucket(Bucket=target.bucket())["ResponseMetadata"]["HTTPHeaders"]
    assert described["content-type"] == "application/xml"


@check
def buckets_are_listed_in_pages(target: Target) -> None:
    """API ListBuckets: max-buckets, prefix, continuation-token"""
    prefix = f"p-{uuid.uuid4().hex[:8]}"
    names = [f"{prefix}-{n}" for n in range(5)]
    for name in names:
        target.s3.create_bucket(Bucket=name)
        target.made.append(name)
    pages = target.s3.get_paginator("list_buckets").paginate(Prefix=prefix, PaginationConfig={"PageSize": 2})
    assert [[b["Name"] for b in page["Buckets"]] for page in pages] == [names[:2], names[2:4], names[4:]]


OWNED = {
    "HeadBucket": ("head_bucket", {}, "403"),
    "ListObjectsV2": ("list_objects_v2", {}, "AccessDenied"),
    "PutObject": ("put_object", {"Key": "k", "Body": b"x"}, "AccessDenied"),
    "GetObject": ("get_object", {"Key": "k"}, "AccessDenied"),
    "CreateMultipartUpload": ("create_multipart_upload", {"Key": "k"}, "AccessDenied"),
    "DeleteObjects": ("delete_objects", {"Delete": {"Objects": [{"Key": "k"}]}}, "AccessDenied"),
    "GetBucketPolicy": ("get_bucket_policy", {}, "AccessDenied"),
}


@each(
    "{} by another expected owner is refused", OWNED, "Guide: Verifying bucket ownership; x-amz-expected-bucket-owner"
)
def other_owner(target: Target, case: tuple[str, dict[str, object], str]) -> None:
    operation, parameters, code = case
    bucket = target.bucket()
    put(target, bucket, "k")
    wanted = {"Bucket": bucket, "ExpectedBucketOwner": "111111111111", **parameters}
    assert refusal(getattr(target.s3, operation), **wanted) == (code, 403)


@check
def the_expected_owner_may(target: Target) -> None:
    """Guide: Verifying bucket ownership"""
    bucket = target.bucket()
    put(target, bucket, "k")
    target.s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=target.account)
    target.s3.get_object(Bucket=bucket, Key="k", ExpectedBucketOwner=target.account)


@check
def a_copy_from_another_expected_owner_is_refused(target: Target) -> None:
    """API CopyObject: x-amz-source-expected-bucket-owner"""
    bucket = target.bucket()
    put(target, bucket, "k")
    wanted = {"Bucket": bucket, "Key": "copy", "CopySource": f"{bucket}/k", "ExpectedSourceBucketOwner": "111111111111"}
    assert refusal(target.s3.copy_object, **wanted) == ("AccessDenied", 403)


@check
def unfinished_uploads_end_with_their_bucket(target: Target) -> None:
    """API DeleteBucket: all objects must be deleted; of uploads nothing is asked"""
    bucket = target.bucket()
    upload = target.s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    target.s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x")
    target.s3.delete_bucket(Bucket=bucket)
    target.s3.create_bucket(Bucket=bucket)
    assert "Uploads" not in target.s3.list_multipart_uploads(Bucket=bucket)
    target.s3.delete_bucket(Bucket=bucket)


@check
def labels_of_names_begin_and_end_with_letters_or_digits(target: Target) -> None:
    """Guide: Bucket naming rules"""
    for name in ("a.-b", "a-.b", "a..b"):
        assert refusal(target.s3.create_bucket, Bucket=name) == ("InvalidBucketName", 400)


@check
def buckets_tell_their_arn(target: Target) -> None:
    """Recorded on AWS: localstack test_s3::test_create_bucket_head_bucket; API HeadBucket: BucketArn"""
    bucket = target.bucket()
    listed = target.s3.list_buckets(Prefix=bucket)["Buckets"]
    assert {target.s3.head_bucket(Bucket=bucket)["BucketArn"], listed[0]["BucketArn"]} == {f"arn:aws:s3:::{bucket}"}


@check
def the_list_of_buckets_tells_letters_apart(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_list_operations::test_list_buckets_by_prefix_with_case_sensitivity"""
    bucket = target.bucket()
    assert not target.s3.list_buckets(Prefix=bucket.upper())["Buckets"]


@check
def the_list_of_buckets_tells_regions_only_where_it_is_asked_for_some(target: Target) -> None:
    """API data type Bucket: "If the request contains at least one valid parameter, it is included in the response" """
    bucket = target.bucket()
    assert "BucketRegion" in target.s3.list_buckets(Prefix=bucket)["Buckets"][0]
    assert not any("BucketRegion" in one for one in target.s3.list_buckets()["Buckets"])


@check
def an_empty_access_list_is_none(target: Target) -> None:
    """Guide: buckets have ACLs disabled by default; s3fs before 0.5 creates buckets so"""
    bucket = f"{target.bucket()}-acl"
    target.s3.create_bucket(Bucket=bucket, ACL="")
    target.s3.delete_bucket(Bucket=bucket)


@check
def no_buckets_are_listed_of_a_region_that_is_none(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_list_operations::test_list_buckets_region_validation"""
    assert refusal(target.s3.list_buckets, BucketRegion="eu-east-1") == ("InvalidArgument", 400)


@check
def an_owner_that_is_no_account_is_refused(target: Target) -> None:
    """Recorded on AWS: localstack test_s3::test_get_bucket_policy_invalid_account_id"""
    asked = {"Bucket": target.bucket(), "ExpectedBucketOwner": "0000"}
    assert refusal(target.s3.get_bucket_location, **asked) == ("InvalidBucketOwnerAWSAccountID", 400)
