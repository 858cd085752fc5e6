"""S3 as boto3 sees it: the ordinary client against a running server."""

from __future__ import annotations

import hashlib
import io
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

MIB = 1024 * 1024
ODD_KEYS = [
    "a",
    "a/b",
    "a//c",
    "..",
    "../up",
    "/lead",
    "sp ace+plus%25",
    "ü/日本/😀",
    "q?x=1&y#z",
    "x" * 1024,
    "dot/./.",
    "é",
]


@pytest.fixture
def s3(server: Any) -> Any:
    return server.boto("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"b-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    return name


def code(call: Callable[..., Any], **parameters: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def put(s3: Any, bucket: str, *keys: str) -> None:
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())


def test_a_bucket_is_made_listed_and_deleted(s3: Any, bucket: str) -> None:
    s3.create_bucket(Bucket=bucket)  # us-east-1: again is fine
    assert bucket in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    assert s3.head_bucket(Bucket=bucket)["BucketRegion"] == "us-east-1"
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert code(s3.delete_bucket, Bucket=bucket) == ("BucketNotEmpty", 409)
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)
    assert code(s3.head_bucket, Bucket=bucket) == ("404", 404)
    assert code(s3.list_objects_v2, Bucket=bucket) == ("NoSuchBucket", 404)


def test_a_bucket_in_another_region_is_one_s_own_already(s3: Any) -> None:
    name = f"b-{uuid.uuid4().hex}"
    there = {"LocationConstraint": "eu-west-1"}
    s3.create_bucket(Bucket=name, CreateBucketConfiguration=there)
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-west-1"
    assert code(s3.create_bucket, Bucket=name, CreateBucketConfiguration=there) == ("BucketAlreadyOwnedByYou", 409)


def test_list_buckets_in_pages(s3: Any, bucket: str) -> None:
    prefix = f"p-{uuid.uuid4().hex[:8]}"
    names = [f"{prefix}-{n}" for n in range(5)]
    for name in names:
        s3.create_bucket(Bucket=name)
    pages = s3.get_paginator("list_buckets").paginate(Prefix=prefix, PaginationConfig={"PageSize": 2})
    assert [[b["Name"] for b in page["Buckets"]] for page in pages] == [names[:2], names[2:4], names[4:]]


def test_the_owner_that_is_expected(s3: Any, bucket: str) -> None:
    s3.head_bucket(Bucket=bucket, ExpectedBucketOwner="000000000000")
    assert code(s3.head_bucket, Bucket=bucket, ExpectedBucketOwner="111111111111") == ("403", 403)
    wrong = {"Bucket": bucket, "ExpectedBucketOwner": "111111111111"}
    assert code(s3.list_objects_v2, **wrong) == ("AccessDenied", 403)
    assert code(s3.put_object, Key="k", Body=b"x", **wrong) == ("AccessDenied", 403)


@pytest.mark.parametrize("name", ["ab", "Upper-Case", "a..b", "192.168.0.1", "xn--abc", "-abc", "x" * 64])
def test_bad_bucket_names(s3: Any, name: str) -> None:
    assert code(s3.create_bucket, Bucket=name) == ("InvalidBucketName", 400)


def test_an_object_comes_back_with_all_that_was_said_of_it(s3: Any, bucket: str) -> None:
    said = {
        "ContentType": "text/csv",
        "CacheControl": "max-age=5",
        "ContentDisposition": 'attachment; filename="x.csv"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "de",
        "Metadata": {"one": "1", "two": "zwei"},
        "StorageClass": "STANDARD_IA",
    }
    answer = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ServerSideEncryption="aws:kms", **said)
    assert answer["ETag"] == f'"{hashlib.md5(b"hello").hexdigest()}"'
    assert answer["ServerSideEncryption"] == "aws:kms"
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == b"hello"
    assert {name: got[name] for name in said} == said
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ContentLength"], head["ETag"], head["Metadata"]) == (5, answer["ETag"], said["Metadata"])
    assert s3.get_object(Bucket=bucket, Key="k", ResponseContentType="x/y")["ContentType"] == "x/y"


def test_what_is_not_there(s3: Any, bucket: str) -> None:
    assert code(s3.get_object, Bucket=bucket, Key="none") == ("NoSuchKey", 404)
    assert code(s3.head_object, Bucket=bucket, Key="none") == ("404", 404)
    assert code(s3.get_object, Bucket="no-such-bucket-here", Key="none") == ("NoSuchBucket", 404)
    assert code(s3.put_object, Bucket="no-such-bucket-here", Key="k", Body=b"x") == ("NoSuchBucket", 404)
    assert code(s3.get_object_tagging, Bucket=bucket, Key="none") == ("NoSuchKey", 404)
    assert s3.delete_object(Bucket=bucket, Key="none")["ResponseMetadata"]["HTTPStatusCode"] == 204
    with pytest.raises(ClientError) as caught:
        s3.download_file(bucket, "none", "/dev/null")
    assert caught.value.response["Error"] == {"Code": "404", "Message": "Not Found"}


def test_odd_keys(s3: Any, bucket: str) -> None:
    put(s3, bucket, *ODD_KEYS)
    for key in ODD_KEYS:
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
        assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(key.encode())
    in_order = sorted(ODD_KEYS, key=str.encode)
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == in_order
    assert [o["Key"] for o in s3.list_objects(Bucket=bucket)["Contents"]] == in_order
    assert code(s3.put_object, Bucket=bucket, Key="x" * 1025, Body=b"") == ("KeyTooLongError", 400)
    gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in ODD_KEYS]})
    assert [d["Key"] for d in gone["Deleted"]] == ODD_KEYS
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_pages_with_a_delimiter_count_common_prefixes(s3: Any, bucket: str) -> None:
    put(s3, bucket, "a", "b/1", "b/2", "c", "d/1", "d/x/2", "e")
    for paginator, size in [
        ("list_objects_v2", 1),
        ("list_objects_v2", 2),
        ("list_objects", 2),
        ("list_objects_v2", 9),
    ]:
        seen: list[list[str]] = []
        pages = s3.get_paginator(paginator).paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": size})
        for page in pages:
            seen.append(
                [o["Key"] for o in page.get("Contents", [])] + [p["Prefix"] for p in page.get("CommonPrefixes", [])]
            )
        assert sorted(key for page in seen for key in page) == ["a", "b/", "c", "d/", "e"]
        assert all(len(page) == size for page in seen[:-1])
    inner = s3.list_objects_v2(Bucket=bucket, Prefix="d/", Delimiter="/")
    assert [o["Key"] for o in inner["Contents"]] == ["d/1"]
    assert [p["Prefix"] for p in inner["CommonPrefixes"]] == ["d/x/"]


def test_lists_start_where_asked(s3: Any, bucket: str) -> None:
    put(s3, bucket, "a", "b", "c", "d")
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket, StartAfter="b")["Contents"]] == ["c", "d"]
    assert [o["Key"] for o in s3.list_objects(Bucket=bucket, Marker="a")["Contents"]] == ["b", "c", "d"]
    first = s3.list_objects_v2(Bucket=bucket, MaxKeys=3)
    assert first["IsTruncated"]
    rest = s3.list_objects_v2(Bucket=bucket, ContinuationToken=first["NextContinuationToken"])
    assert [o["Key"] for o in rest["Contents"]] == ["d"]
    assert s3.list_objects_v2(Bucket=bucket, MaxKeys=0)["KeyCount"] == 0
    assert code(s3.list_objects_v2, Bucket=bucket, ContinuationToken="rubbish")[0] == "InvalidArgument"
    assert code(s3.list_objects_v2, Bucket=bucket, MaxKeys=-1)[0] == "InvalidArgument"


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-0", 0, 1), ("bytes=2-4", 2, 5), ("bytes=7-", 7, 10), ("bytes=-3", 7, 10), ("bytes=5-999", 5, 10)],
)
def test_ranges(s3: Any, bucket: str, asked: str, start: int, end: int) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="k", Range=asked)
    assert got["Body"].read() == b"0123456789"[start:end]
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["ContentRange"] == f"bytes {start}-{end - 1}/10"
    assert "ChecksumCRC32" not in got


def test_ranges_that_are_none(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    assert code(s3.get_object, Bucket=bucket, Key="k", Range="bytes=10-") == ("InvalidRange", 416)
    assert code(s3.get_object, Bucket=bucket, Key="empty", Range="bytes=0-") == ("InvalidRange", 416)
    assert s3.get_object(Bucket=bucket, Key="k", Range="lines=1-2")["Body"].read() == b"0123456789"
    assert s3.get_object(Bucket=bucket, Key="empty")["Body"].read() == b""


def test_conditions_on_reads(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    moment = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    s3.get_object(Bucket=bucket, Key="k", IfMatch=etag, IfModifiedSince="2001-01-01")
    assert code(s3.get_object, Bucket=bucket, Key="k", IfMatch='"no"') == ("PreconditionFailed", 412)
    assert code(s3.head_object, Bucket=bucket, Key="k", IfMatch='"no"') == ("412", 412)
    assert code(s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag) == ("304", 304)
    assert code(s3.get_object, Bucket=bucket, Key="k", IfModifiedSince=moment) == ("304", 304)
    assert code(s3.get_object, Bucket=bucket, Key="k", IfUnmodifiedSince="2001-01-01") == ("PreconditionFailed", 412)


def test_conditions_on_writes(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"one", IfNoneMatch="*")["ETag"]
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"two", IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"two", IfMatch='"no"') == ("PreconditionFailed", 412)
    assert code(s3.put_object, Bucket=bucket, Key="none", Body=b"two", IfMatch=etag) == ("NoSuchKey", 404)
    s3.put_object(Bucket=bucket, Key="k", Body=b"two", IfMatch=etag)
    assert code(s3.delete_object, Bucket=bucket, Key="k", IfMatch=etag) == ("PreconditionFailed", 412)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"two"


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums_are_kept_and_told(s3: Any, bucket: str, algorithm: str) -> None:
    member = f"Checksum{algorithm}"
    sent = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm=algorithm)[member]
    assert s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")[member] == sent
    assert member not in s3.head_object(Bucket=bucket, Key="k")
    told = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ETag", "Checksum", "ObjectSize"])
    assert (told["Checksum"][member], told["ObjectSize"]) == (sent, 5)
    assert told["ETag"] == hashlib.md5(b"hello").hexdigest()
    wrong = {member: "A" * len(sent.rstrip("=")) + "=" * (len(sent) - len(sent.rstrip("=")))}
    assert code(s3.put_object, Bucket=bucket, Key="k2", Body=b"hello", **wrong) == ("BadDigest", 400)


def test_content_md5(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ContentMD5="XUFAKrxLKna5cZ2REBfFkg==")
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"HELLO", ContentMD5="XUFAKrxLKna5cZ2REBfFkg==") == (
        "BadDigest",
        400,
    )
    assert code(s3.put_object, Bucket=bucket, Key="k", Body=b"hello", ContentMD5="AAAA")[0] == "InvalidDigest"
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"


def test_copies(s3: Any, bucket: str) -> None:
    key = "so urce/ü+%?.txt"
    s3.put_object(Bucket=bucket, Key=key, Body=b"abc", Metadata={"m": "1"}, ContentType="text/plain", Tagging="t=1")
    source = {"Bucket": bucket, "Key": key}
    s3.copy_object(Bucket=bucket, Key="kept", CopySource=source)
    got = s3.get_object(Bucket=bucket, Key="kept")
    assert (got["Body"].read(), got["Metadata"], got["ContentType"], got["TagCount"]) == (
        b"abc",
        {"m": "1"},
        "text/plain",
        1,
    )
    replaced = {"MetadataDirective": "REPLACE", "Metadata": {"n": "2"}, "TaggingDirective": "REPLACE"}
    s3.copy_object(Bucket=bucket, Key="new", CopySource=source, **replaced)
    got = s3.head_object(Bucket=bucket, Key="new")
    assert (got["Metadata"], got["ContentType"], got.get("TagCount")) == ({"n": "2"}, "binary/octet-stream", None)
    assert code(s3.copy_object, Bucket=bucket, Key=key, CopySource=source) == ("InvalidRequest", 400)
    s3.copy_object(Bucket=bucket, Key=key, CopySource=source, MetadataDirective="REPLACE", Metadata={"m": "3"})
    assert s3.head_object(Bucket=bucket, Key=key)["Metadata"] == {"m": "3"}
    assert code(s3.copy_object, Bucket=bucket, Key="x", CopySource=f"{bucket}/none") == ("NoSuchKey", 404)
    failing = {"CopySource": source, "CopySourceIfMatch": '"no"'}
    assert code(s3.copy_object, Bucket=bucket, Key="x", **failing) == ("PreconditionFailed", 412)
    s3.delete_object(Bucket=bucket, Key=key)
    assert s3.get_object(Bucket=bucket, Key="kept")["Body"].read() == b"abc"


def test_a_transfer_in_parts(s3: Any, bucket: str) -> None:
    data = bytes(range(256)) * (4 * 13 * 1024)
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    s3.upload_fileobj(io.BytesIO(data), bucket, "k", Config=config)
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head["ETag"].endswith('-3"')
    assert head["ChecksumCRC32"].endswith("-3")
    target = io.BytesIO()
    s3.download_fileobj(bucket, "k", target, Config=config)
    assert target.getvalue() == data
    s3.copy({"Bucket": bucket, "Key": "k"}, bucket, "copy", Config=config)
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == data
    part = s3.get_object(Bucket=bucket, Key="k", PartNumber=2)
    assert part["PartsCount"] == 3
    assert part["Body"].read() == data[5 * MIB : 10 * MIB]
    told = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts"])["ObjectParts"]
    assert [p["Size"] for p in told["Parts"]] == [5 * MIB, 5 * MIB, 3 * MIB]


def test_parts_in_any_order_and_what_is_wrong_with_them(s3: Any, bucket: str) -> None:
    where = {"Bucket": bucket, "Key": "k"}
    upload = s3.create_multipart_upload(**where, Metadata={"m": "1"})["UploadId"]
    where["UploadId"] = upload
    second = s3.upload_part(**where, PartNumber=7, Body=b"tail")["ETag"]
    first = s3.upload_part(**where, PartNumber=2, Body=b"h" * 5 * MIB)["ETag"]
    assert [p["PartNumber"] for p in s3.list_parts(**where)["Parts"]] == [2, 7]
    page = s3.list_parts(**where, MaxParts=1)
    assert (page["IsTruncated"], page["NextPartNumberMarker"]) == (True, 2)
    assert [u["UploadId"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload]
    parts = [{"PartNumber": 2, "ETag": first}, {"PartNumber": 7, "ETag": second}]

    def complete(*chosen: dict[str, Any]) -> dict[str, Any]:
        return s3.complete_multipart_upload(**where, MultipartUpload={"Parts": list(chosen)})

    def refused(*chosen: dict[str, Any]) -> str:
        return code(complete_wrapped, chosen=chosen)[0]

    def complete_wrapped(chosen: tuple[dict[str, Any], ...]) -> dict[str, Any]:
        return complete(*chosen)

    assert refused(parts[1], parts[0]) == "InvalidPartOrder"
    assert refused(parts[0], {"PartNumber": 8, "ETag": second}) == "InvalidPart"
    assert refused({"PartNumber": 7, "ETag": first}) == "InvalidPart"
    done = complete(*parts)
    assert complete(*parts)["ETag"] == done["ETag"]  # a lost answer may be asked for again
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["Body"].read(), got["Metadata"]) == (b"h" * 5 * MIB + b"tail", {"m": "1"})
    assert code(s3.upload_part, **where, PartNumber=1, Body=b"x") == ("NoSuchUpload", 404)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_an_upload_too_small_and_aborted(s3: Any, bucket: str) -> None:
    where = {"Bucket": bucket, "Key": "k"}
    where["UploadId"] = s3.create_multipart_upload(**where)["UploadId"]
    parts = [{"PartNumber": n, "ETag": s3.upload_part(**where, PartNumber=n, Body=b"small")["ETag"]} for n in (1, 2)]
    assert code(s3.complete_multipart_upload, **where, MultipartUpload={"Parts": parts}) == ("EntityTooSmall", 400)
    assert code(s3.delete_bucket, Bucket=bucket) == ("BucketNotEmpty", 409)
    s3.abort_multipart_upload(**where)
    assert code(s3.abort_multipart_upload, **where) == ("NoSuchUpload", 404)
    assert code(s3.list_parts, **where) == ("NoSuchUpload", 404)
    s3.delete_bucket(Bucket=bucket)


def test_versions(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"zero")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    one = s3.put_object(Bucket=bucket, Key="k", Body=b"one")["VersionId"]
    two = s3.put_object(Bucket=bucket, Key="k", Body=b"two")["VersionId"]
    read = lambda version: s3.get_object(Bucket=bucket, Key="k", VersionId=version)["Body"].read()  # noqa: E731
    assert [read(v) for v in ("null", one, two)] == [b"zero", b"one", b"two"]
    marker = s3.delete_object(Bucket=bucket, Key="k")
    assert marker["DeleteMarker"]
    assert code(s3.get_object, Bucket=bucket, Key="k") == ("NoSuchKey", 404)
    assert code(s3.get_object, Bucket=bucket, Key="k", VersionId=marker["VersionId"]) == ("MethodNotAllowed", 405)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    listed = s3.list_object_versions(Bucket=bucket)
    assert [v["VersionId"] for v in listed["Versions"]] == [two, one, "null"]
    assert [(m["VersionId"], m["IsLatest"]) for m in listed["DeleteMarkers"]] == [(marker["VersionId"], True)]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"two"
    s3.delete_object(Bucket=bucket, Key="k", VersionId=two)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"one"
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"newer null")
    assert [v["VersionId"] for v in s3.list_object_versions(Bucket=bucket)["Versions"]] == ["null", one]
    assert read("null") == b"newer null"
    assert code(s3.get_object, Bucket=bucket, Key="k", VersionId="nonsense") == ("NoSuchVersion", 404)


def test_versions_in_pages(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in ("a", "b", "b", "b", "c/1", "c/2"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    s3.delete_object(Bucket=bucket, Key="b")
    seen = []
    paginator = s3.get_paginator("list_object_versions")
    for page in paginator.paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 2}):
        assert len(page.get("Versions", []) + page.get("DeleteMarkers", []) + page.get("CommonPrefixes", [])) <= 2
        seen += [v["Key"] for v in page.get("Versions", []) + page.get("DeleteMarkers", [])]
        seen += [p["Prefix"] for p in page.get("CommonPrefixes", [])]
    assert sorted(seen) == ["a", "b", "b", "b", "b", "c/"]


def test_tags(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="one=1&two=zw%C3%B6i")
    tags = [{"Key": "one", "Value": "1"}, {"Key": "two", "Value": "zwöi"}]
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tags
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags[:1]})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tags[:1]
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    many = [{"Key": str(n), "Value": ""} for n in range(11)]
    assert code(s3.put_object_tagging, Bucket=bucket, Key="k", Tagging={"TagSet": many})[0] == "BadRequest"
    assert code(s3.get_bucket_tagging, Bucket=bucket) == ("NoSuchTagSet", 404)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags


def test_configurations_come_back(s3: Any, bucket: str) -> None:
    cors = {"CORSRules": [{"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["*"], "MaxAgeSeconds": 5}]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration=cors)
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == cors["CORSRules"]
    s3.delete_bucket_cors(Bucket=bucket)
    assert code(s3.get_bucket_cors, Bucket=bucket) == ("NoSuchCORSConfiguration", 404)
    rules = [{"ID": "r", "Filter": {"Prefix": "x/"}, "Status": "Enabled", "Expiration": {"Days": 3}}]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == rules
    policy = '{"Version":"2012-10-17","Statement":[]}'
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == policy
    assert code(s3.put_bucket_policy, Bucket=bucket, Policy="nonsense")[0] == "MalformedPolicy"
    block = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == block
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"] == [rule]
    ownership = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert ownership == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    acl = s3.get_bucket_acl(Bucket=bucket)
    assert acl["Grants"][0]["Grantee"] == {"ID": acl["Owner"]["ID"], "Type": "CanonicalUser"}
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    assert code(s3.put_bucket_acl, Bucket=bucket, ACL="public-read")[0] == "AccessControlListNotSupported"
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    assert code(s3.get_bucket_replication, Bucket=bucket)[0] == "ReplicationConfigurationNotFoundError"
