"""Versioned buckets."""

from __future__ import annotations

from s3.check import check
from s3.target import Target, fault, put, refusal


def versioned(target: Target) -> str:
    bucket = target.bucket()
    target.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


def put_k(target: Target, bucket: str, body: bytes) -> str:
    version: str = target.s3.put_object(Bucket=bucket, Key="k", Body=body)["VersionId"]
    return version


def read(target: Target, bucket: str, version: str | None = None) -> bytes:
    named = {"VersionId": version} if version else {}
    body: bytes = target.s3.get_object(Bucket=bucket, Key="k", **named)["Body"].read()
    return body


@check
def a_bucket_starts_without_versions(target: Target) -> None:
    """API GetBucketVersioning"""
    bucket = target.bucket()
    assert "Status" not in target.s3.get_bucket_versioning(Bucket=bucket)
    assert "VersionId" not in target.s3.put_object(Bucket=bucket, Key="k", Body=b"x")


@check
def versioning_is_turned_on_and_off(target: Target) -> None:
    """API PutBucketVersioning"""
    bucket = versioned(target)
    assert target.s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    target.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert target.s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Suspended"


@check
def each_put_is_a_version(target: Target) -> None:
    """Guide: Using versioning"""
    bucket = versioned(target)
    one, two = put_k(target, bucket, b"one"), put_k(target, bucket, b"two")
    assert (read(target, bucket), read(target, bucket, one), read(target, bucket, two)) == (b"two", b"one", b"two")
    assert target.s3.head_object(Bucket=bucket, Key="k", VersionId=one)["VersionId"] == one


@check
def an_object_from_before_is_the_null_version(target: Target) -> None:
    """Guide: Using versioning: version ID null"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"zero")
    target.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    put_k(target, bucket, b"one")
    assert (read(target, bucket), read(target, bucket, "null")) == (b"one", b"zero")


@check
def a_delete_leaves_a_marker(target: Target) -> None:
    """Guide: Working with delete markers"""
    bucket = versioned(target)
    one = put_k(target, bucket, b"one")
    marker = target.s3.delete_object(Bucket=bucket, Key="k")
    assert marker["DeleteMarker"]
    assert refusal(target.s3.get_object, Bucket=bucket, Key="k") == ("NoSuchKey", 404)
    assert target.s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert read(target, bucket, one) == b"one"


@check
def a_get_of_a_deleted_object_tells_of_the_marker(target: Target) -> None:
    """API GetObject: x-amz-delete-marker true on the 404"""
    bucket = versioned(target)
    put_k(target, bucket, b"one")
    target.s3.delete_object(Bucket=bucket, Key="k")
    answer = target.ask_signed("GET", f"/{bucket}/k")
    assert (answer.status, answer.headers.get("x-amz-delete-marker")) == (404, "true")


@check
def a_marker_itself_can_not_be_read(target: Target) -> None:
    """Guide: Working with delete markers: 405"""
    bucket = versioned(target)
    put_k(target, bucket, b"one")
    marker = target.s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    wanted = {"Bucket": bucket, "Key": "k", "VersionId": marker}
    assert refusal(target.s3.get_object, **wanted) == ("MethodNotAllowed", 405)
    assert refusal(target.s3.head_object, **wanted) == ("405", 405)


@check
def removing_the_marker_brings_the_object_back(target: Target) -> None:
    """Guide: Managing delete markers"""
    bucket = versioned(target)
    put_k(target, bucket, b"one")
    marker = target.s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    gone = target.s3.delete_object(Bucket=bucket, Key="k", VersionId=marker)
    assert (gone["DeleteMarker"], gone["VersionId"]) == (True, marker)
    assert read(target, bucket) == b"one"


@check
def deleting_the_newest_version_uncovers_the_one_before(target: Target) -> None:
    """Guide: Deleting object versions"""
    bucket = versioned(target)
    put_k(target, bucket, b"one")
    two = put_k(target, bucket, b"two")
    target.s3.delete_object(Bucket=bucket, Key="k", VersionId=two)
    assert read(target, bucket) == b"one"


@check
def a_suspended_bucket_writes_the_null_version(target: Target) -> None:
    """Guide: Adding objects to versioning-suspended buckets"""
    bucket = versioned(target)
    one = put_k(target, bucket, b"one")
    target.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    for body in (b"null", b"newer null"):
        target.s3.put_object(Bucket=bucket, Key="k", Body=body)
    listed = [v["VersionId"] for v in target.s3.list_object_versions(Bucket=bucket)["Versions"]]
    assert (listed, read(target, bucket, "null")) == (["null", one], b"newer null")


@check
def a_version_that_is_none_is_no_such_version(target: Target) -> None:
    """Guide: Error responses, NoSuchVersion"""
    bucket = versioned(target)
    other = versioned(target)
    put_k(target, bucket, b"one")
    put_k(target, other, b"one")
    gone = put_k(target, bucket, b"two")
    target.s3.delete_object(Bucket=bucket, Key="k", VersionId=gone)
    assert refusal(target.s3.get_object, Bucket=bucket, Key="k", VersionId=gone) == ("NoSuchVersion", 404)


@check
def versions_and_markers_are_listed_newest_first(target: Target) -> None:
    """API ListObjectVersions"""
    bucket = versioned(target)
    one, two = put_k(target, bucket, b"one"), put_k(target, bucket, b"two")
    marker = target.s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    listed = target.s3.list_object_versions(Bucket=bucket)
    assert [(v["VersionId"], v["IsLatest"]) for v in listed["Versions"]] == [(two, False), (one, False)]
    assert [(m["VersionId"], m["IsLatest"]) for m in listed["DeleteMarkers"]] == [(marker, True)]


@check
def versions_are_listed_in_pages(target: Target) -> None:
    """API ListObjectVersions: key-marker, version-id-marker, delimiter"""
    bucket = versioned(target)
    for key in ("a", "b", "b", "b", "c/1", "c/2"):
        target.s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    target.s3.delete_object(Bucket=bucket, Key="b")
    seen: list[str] = []
    paginator = target.s3.get_paginator("list_object_versions")
    for page in paginator.paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 2}):
        entries = page.get("Versions", []) + page.get("DeleteMarkers", [])
        prefixes = [p["Prefix"] for p in page.get("CommonPrefixes", [])]
        assert len(entries) + len(prefixes) <= 2
        seen += [entry["Key"] for entry in entries] + prefixes
    assert sorted(seen) == ["a", "b", "b", "b", "b", "c/"]


@check
def delete_objects_deletes_versions(target: Target) -> None:
    """API DeleteObjects: VersionId"""
    bucket = versioned(target)
    one, two = put_k(target, bucket, b"one"), put_k(target, bucket, b"two")
    wanted = [{"Key": "k", "VersionId": version} for version in (one, two)]
    target.s3.delete_objects(Bucket=bucket, Delete={"Objects": wanted})
    assert "Versions" not in target.s3.list_object_versions(Bucket=bucket)
    marked = target.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"}]})["Deleted"][0]
    assert marked["DeleteMarker"]
    assert marked["DeleteMarkerVersionId"]


@check
def a_bucket_with_versions_is_not_empty(target: Target) -> None:
    """API DeleteBucket: all versions and delete markers must go first"""
    bucket = versioned(target)
    put_k(target, bucket, b"one")
    target.s3.delete_object(Bucket=bucket, Key="k")
    assert refusal(target.s3.delete_bucket, Bucket=bucket) == ("BucketNotEmpty", 409)


@check
def a_completed_upload_is_a_version(target: Target) -> None:
    """API CompleteMultipartUpload: x-amz-version-id"""
    bucket = versioned(target)
    where = {"Bucket": bucket, "Key": "k"}
    upload = {**where, "UploadId": target.s3.create_multipart_upload(**where)["UploadId"]}
    part = {"PartNumber": 1, "ETag": target.s3.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]}
    done = target.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [part]})
    assert target.s3.head_object(**where)["VersionId"] == done["VersionId"]


@check
def a_version_id_that_can_be_none_is_refused(target: Target) -> None:
    """API GetObject: InvalidArgument, Invalid version id specified"""
    bucket = target.bucket()
    put(target, bucket, "k")
    assert refusal(target.s3.get_object, Bucket=bucket, Key="k", VersionId="bogus") == ("InvalidArgument", 400)


@check
def an_id_that_was_never_given_is_invalid(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_api::TestS3ObjectCRUD::test_delete_object_versioned"""
    for bucket in (versioned(target), target.bucket()):
        target.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        wanted = {"Bucket": bucket, "Key": "k", "VersionId": "HPniJFCxqTsMuIH9KX8K8wEjNUgmABCD"}
        assert refusal(target.s3.delete_object, **wanted) == ("InvalidArgument", 400)
        assert refusal(target.s3.get_object, **wanted) == ("InvalidArgument", 400)
        described = target.s3.delete_objects(
            Bucket=bucket, Delete={"Objects": [{"Key": "k", "VersionId": wanted["VersionId"]}]}
        )
        assert [error["Code"] for error in described["Errors"]] == ["NoSuchVersion"]


@check
def a_suspended_bucket_tells_the_null_version(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_api::TestS3ObjectCRUD::test_put_object_on_suspended_bucket"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert "VersionId" not in target.s3.head_object(Bucket=bucket, Key="k")
    target.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert target.s3.head_object(Bucket=bucket, Key="k")["VersionId"] == "null"


@check
def a_list_goes_on_after_a_version_that_is_gone(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_list_operations::test_list_objects_versions_with_prefix_only_and_pagination"""
    bucket = versioned(target)
    versions = [put_k(target, bucket, b"x") for _ in range(4)]
    first = target.s3.list_object_versions(Bucket=bucket, MaxKeys=2)
    marker = first["NextVersionIdMarker"]
    target.s3.delete_object(Bucket=bucket, Key="k", VersionId=marker)
    rest = target.s3.list_object_versions(Bucket=bucket, KeyMarker="k", VersionIdMarker=marker)
    assert [version["VersionId"] for version in rest["Versions"]] == versions[1::-1]


@check
def versioning_without_a_status_is_refused(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_api::TestS3BucketVersioning::test_bucket_versioning_crud"""
    asked = {"Bucket": target.bucket(), "VersioningConfiguration": {}}
    assert refusal(target.s3.put_bucket_versioning, **asked) == ("IllegalVersioningConfigurationException", 400)


@check
def a_versioned_bucket_says_that_versions_are_left(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_api::TestS3BucketCRUD::test_delete_versioned_bucket_with_objects"""
    bucket = versioned(target)
    target.s3.delete_object(Bucket=bucket, Key="k")
    described = fault(target.s3.delete_bucket, Bucket=bucket)
    assert described["Code"] == "BucketNotEmpty"
    assert described["Message"].endswith("You must delete all versions in the bucket.")
