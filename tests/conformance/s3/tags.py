"""Tags of objects and buckets."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from s3.check import check
from s3.target import Target, put, refusal

TWO = [{"Key": "one", "Value": "1"}, {"Key": "two words", "Value": "zwöi + = @"}]


@check
def tags_come_with_the_object(target: Target) -> None:
    """API PutObject: x-amz-tagging; GetObject: x-amz-tagging-count"""
    where = {"Bucket": target.bucket(), "Key": "k"}
    target.s3.put_object(**where, Body=b"x", Tagging="one=1&two%20words=zw%C3%B6i%20%2B%20%3D%20%40")
    assert target.s3.get_object_tagging(**where)["TagSet"] == TWO
    assert target.s3.get_object(**where)["TagCount"] == 2


@check
def tags_are_put_replaced_and_deleted(target: Target) -> None:
    """API PutObjectTagging, DeleteObjectTagging"""
    bucket = target.bucket()
    put(target, bucket, "k")
    for tags in (TWO, TWO[:1]):
        target.s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags})
        assert target.s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tags
    target.s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert target.s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []


@check
def an_object_has_ten_tags_at_most(target: Target) -> None:
    """Guide: Object tagging: up to 10 tags"""
    bucket = target.bucket()
    put(target, bucket, "k")
    many = {"TagSet": [{"Key": str(n), "Value": ""} for n in range(11)]}
    assert refusal(target.s3.put_object_tagging, Bucket=bucket, Key="k", Tagging=many) == ("BadRequest", 400)


@check
def a_tag_twice_is_refused(target: Target) -> None:
    """API PutObjectTagging: InvalidTag"""
    bucket = target.bucket()
    put(target, bucket, "k")
    twice = {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}
    assert refusal(target.s3.put_object_tagging, Bucket=bucket, Key="k", Tagging=twice) == ("InvalidTag", 400)


@check
def a_tag_that_is_too_long_is_refused(target: Target) -> None:
    """Guide: Object tagging: 128 and 256 characters"""
    bucket = target.bucket()
    put(target, bucket, "k")
    for tag in ({"Key": "k" * 129, "Value": ""}, {"Key": "k", "Value": "v" * 257}):
        wanted = {"Bucket": bucket, "Key": "k", "Tagging": {"TagSet": [tag]}}
        assert refusal(target.s3.put_object_tagging, **wanted) == ("InvalidTag", 400)


@check
def tags_of_nothing_are_no_such_key(target: Target) -> None:
    """API GetObjectTagging"""
    assert refusal(target.s3.get_object_tagging, Bucket=target.bucket(), Key="none") == ("NoSuchKey", 404)


@check
def each_version_has_tags_of_its_own(target: Target) -> None:
    """API GetObjectTagging: versionId"""
    bucket = target.bucket()
    target.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    one = target.s3.put_object(Bucket=bucket, Key="k", Body=b"1", Tagging="n=1")["VersionId"]
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"2", Tagging="n=2")
    described = target.s3.get_object_tagging(Bucket=bucket, Key="k", VersionId=one)["TagSet"]
    assert described == [{"Key": "n", "Value": "1"}]


@check
def a_bucket_has_tags(target: Target) -> None:
    """API PutBucketTagging, GetBucketTagging, DeleteBucketTagging"""
    bucket = target.bucket()
    assert refusal(target.s3.get_bucket_tagging, Bucket=bucket) == ("NoSuchTagSet", 404)
    target.s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": TWO})
    assert target.s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == TWO
    target.s3.delete_bucket_tagging(Bucket=bucket)
    assert refusal(target.s3.get_bucket_tagging, Bucket=bucket) == ("NoSuchTagSet", 404)


@check
def an_empty_set_of_tags_is_none(target: Target) -> None:
    """API PutBucketTagging, GetBucketTagging: NoSuchTagSet; moto, verified against AWS"""
    bucket = target.bucket()
    target.s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": TWO})
    target.s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": []})
    assert refusal(target.s3.get_bucket_tagging, Bucket=bucket) == ("NoSuchTagSet", 404)


@check
def a_delete_marker_has_no_tags(target: Target) -> None:
    """API DeleteMarkers: MethodNotAllowed; moto, verified against AWS"""
    bucket = target.bucket()
    target.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    put(target, bucket, "k")
    where = {"Bucket": bucket, "Key": "k", "VersionId": target.s3.delete_object(Bucket=bucket, Key="k")["VersionId"]}
    with pytest.raises(ClientError) as caught:
        target.s3.put_object_tagging(**where, Tagging={"TagSet": TWO})
    described = caught.value.response["Error"]
    assert (described["Code"], described["Method"], described["ResourceType"]) == (
        "MethodNotAllowed",
        "PUT",
        "DeleteMarker",
    )


@check
def names_of_awss_own_are_refused(target: Target) -> None:
    """Guide: Categorizing your storage using tags: the prefix aws: is reserved"""
    bucket = target.bucket()
    put(target, bucket, "k")
    tags = {"TagSet": [{"Key": "aws:x", "Value": "1"}]}
    assert refusal(target.s3.put_object_tagging, Bucket=bucket, Key="k", Tagging=tags) == ("InvalidTag", 400)
    assert refusal(target.s3.put_bucket_tagging, Bucket=bucket, Tagging=tags) == ("InvalidTag", 400)
    wanted = {"Bucket": bucket, "Key": "k", "Body": b"", "Tagging": "aws%3Ax=1"}
    assert refusal(target.s3.put_object, **wanted) == ("InvalidTag", 400)


@check
def letters_that_tags_cannot_have_are_refused(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_api::TestS3BucketObjectTagging::test_tagging_validation"""
    bucket = target.bucket()
    for tag in ({"Key": "a,b", "Value": "v"}, {"Key": "a", "Value": "v,w"}):
        asked = {"Bucket": bucket, "Tagging": {"TagSet": [tag]}}
        assert refusal(target.s3.put_bucket_tagging, **asked) == ("InvalidTag", 400)


@check
def tags_in_a_header_are_a_query(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_api::TestS3BucketObjectTagging::test_object_tagging_exc"""
    bucket = target.bucket()
    for tagging in ("a=1,b=2", "a=1&a=2"):
        asked = {"Bucket": bucket, "Key": "k", "Body": b"", "Tagging": tagging}
        assert refusal(target.s3.put_object, **asked) == ("InvalidArgument", 400)


@check
def a_delete_marker_that_is_newest_has_no_tags(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_api::TestS3BucketObjectTagging::test_object_tagging_versioned"""
    where = {"Bucket": target.bucket(), "Key": "k"}
    target.s3.put_bucket_versioning(Bucket=where["Bucket"], VersioningConfiguration={"Status": "Enabled"})
    target.s3.delete_object(**where)
    assert refusal(target.s3.get_object_tagging, **where) == ("MethodNotAllowed", 405)


@check
def a_bucket_of_one_s_own_is_not_made_again_with_tags(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_api::test_create_bucket_with_tags_us_east_1_idempotency"""
    asked = {"Bucket": target.bucket(), "CreateBucketConfiguration": {"Tags": [{"Key": "k", "Value": "v"}]}}
    assert refusal(target.s3.create_bucket, **asked) == ("BucketAlreadyOwnedByYou", 409)
