"""Lists of objects."""

from __future__ import annotations

from typing import Any

from s3.check import check, each
from s3.target import Target, put, refusal

TREE = ("a", "b/1", "b/2", "c", "d/1", "d/x/2", "e")


def names(page: dict[str, Any]) -> list[str]:
    found = [o["Key"] for o in page.get("Contents", [])]
    return found + [p["Prefix"] for p in page.get("CommonPrefixes", [])]


@check
def keys_come_in_the_order_of_their_bytes(target: Target) -> None:
    """API ListObjectsV2: UTF-8 binary order"""
    bucket, keys = target.bucket(), ["b", "a", "B", "a/b", "a-b", "é", "z", "日", "😀", "ﬁ"]
    put(target, bucket, *keys)
    ordered = sorted(keys, key=str.encode)
    assert [o["Key"] for o in target.s3.list_objects_v2(Bucket=bucket)["Contents"]] == ordered
    assert [o["Key"] for o in target.s3.list_objects(Bucket=bucket)["Contents"]] == ordered


@check
def a_list_tells_size_etag_and_class(target: Target) -> None:
    """API ListObjectsV2: Contents"""
    bucket = target.bucket()
    etag = target.s3.put_object(Bucket=bucket, Key="k", Body=b"hello")["ETag"]
    page = target.s3.list_objects_v2(Bucket=bucket)
    one = page["Contents"][0]
    assert (one["Size"], one["ETag"], one["StorageClass"]) == (5, etag, "STANDARD")
    assert (page["KeyCount"], page["MaxKeys"], page["IsTruncated"], page["Name"]) == (1, 1000, False, bucket)


@check
def a_prefix_is_any_beginning(target: Target) -> None:
    """API ListObjectsV2: prefix"""
    bucket = target.bucket()
    put(target, bucket, "ab", "abc", "abc/d", "b")
    assert names(target.s3.list_objects_v2(Bucket=bucket, Prefix="abc")) == ["abc", "abc/d"]
    assert names(target.s3.list_objects_v2(Bucket=bucket, Prefix="none")) == []


@check
def a_delimiter_rolls_up(target: Target) -> None:
    """API ListObjectsV2: delimiter, CommonPrefixes"""
    bucket = target.bucket()
    put(target, bucket, *TREE)
    page = target.s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert names(page) == ["a", "c", "e", "b/", "d/"]
    assert page["KeyCount"] == 5
    assert names(target.s3.list_objects_v2(Bucket=bucket, Prefix="d/", Delimiter="/")) == ["d/1", "d/x/"]


@check
def a_delimiter_may_be_any_text(target: Target) -> None:
    """API ListObjectsV2: delimiter"""
    bucket = target.bucket()
    put(target, bucket, "one--two", "one--three", "x")
    assert names(target.s3.list_objects_v2(Bucket=bucket, Delimiter="--")) == ["x", "one--"]


PAGES = {
    "version 2, one by one": ("list_objects_v2", 1),
    "version 2, two by two": ("list_objects_v2", 2),
    "version 1, two by two": ("list_objects", 2),
}


@each("pages with a delimiter, {}", PAGES, "API ListObjectsV2, ListObjects: CommonPrefixes count as one")
def pages(target: Target, case: tuple[str, int]) -> None:
    operation, size = case
    bucket = target.bucket()
    put(target, bucket, *TREE)
    paginator = target.s3.get_paginator(operation)
    seen = [names(p) for p in paginator.paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": size})]
    assert sorted(key for page in seen for key in page) == ["a", "b/", "c", "d/", "e"]
    assert all(len(page) == size for page in seen[:-1])


@check
def a_page_has_1000_keys_at_most(target: Target) -> None:
    """API ListObjectsV2: up to 1,000 keys"""
    bucket = target.bucket()
    for n in range(1001):
        target.s3.put_object(Bucket=bucket, Key=f"k{n:04}", Body=b"")
    first = target.s3.list_objects_v2(Bucket=bucket, MaxKeys=5000)
    assert (first["KeyCount"], first["IsTruncated"], first["MaxKeys"]) == (1000, True, 1000)
    rest = target.s3.list_objects_v2(Bucket=bucket, ContinuationToken=first["NextContinuationToken"])
    assert names(rest) == ["k1000"]


@check
def a_list_starts_after_a_key(target: Target) -> None:
    """API ListObjectsV2: start-after; ListObjects: marker"""
    bucket = target.bucket()
    put(target, bucket, "a", "b", "c", "d")
    assert names(target.s3.list_objects_v2(Bucket=bucket, StartAfter="b")) == ["c", "d"]
    assert names(target.s3.list_objects_v2(Bucket=bucket, StartAfter="bb")) == ["c", "d"]
    assert names(target.s3.list_objects(Bucket=bucket, Marker="a")) == ["b", "c", "d"]


@check
def no_keys_at_all_may_be_asked(target: Target) -> None:
    """API ListObjectsV2: max-keys"""
    bucket = target.bucket()
    put(target, bucket, "a")
    page = target.s3.list_objects_v2(Bucket=bucket, MaxKeys=0)
    assert (page["KeyCount"], page["IsTruncated"]) == (0, False)


@check
def a_number_of_keys_that_is_none_is_refused(target: Target) -> None:
    """Guide: Error responses, InvalidArgument"""
    bucket = target.bucket()
    assert refusal(target.s3.list_objects_v2, Bucket=bucket, MaxKeys=-1) == ("InvalidArgument", 400)
    answer = target.ask_signed("GET", f"/{bucket}?max-keys=many")
    assert (answer.status, answer.code) == (400, "InvalidArgument")


@check
def a_token_that_is_none_is_refused(target: Target) -> None:
    """Guide: Error responses, InvalidArgument"""
    wanted = {"Bucket": target.bucket(), "ContinuationToken": "rubbish"}
    assert refusal(target.s3.list_objects_v2, **wanted) == ("InvalidArgument", 400)


@check
def the_owner_is_told_when_asked(target: Target) -> None:
    """API ListObjectsV2: fetch-owner"""
    bucket = target.bucket()
    put(target, bucket, "a")
    assert "Owner" not in target.s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert target.s3.list_objects_v2(Bucket=bucket, FetchOwner=True)["Contents"][0]["Owner"]["ID"]
    assert target.s3.list_objects(Bucket=bucket)["Contents"][0]["Owner"]["ID"]


@check
def keys_are_encoded_where_asked(target: Target) -> None:
    """API ListObjectsV2: encoding-type"""
    bucket = target.bucket()
    put(target, bucket, "a b+c%/ü")
    plain = target.ask_signed("GET", f"/{bucket}?list-type=2")
    assert "<Key>a b+c%/ü</Key>".encode() in plain.body
    encoded = target.ask_signed("GET", f"/{bucket}?encoding-type=url&list-type=2")
    assert b"<EncodingType>url</EncodingType>" in encoded.body
    assert b"c%25/%C3%BC</Key>" in encoded.body


@check
def an_encoding_that_is_none_is_refused(target: Target) -> None:
    """API ListObjectsV2: encoding-type url only"""
    answer = target.ask_signed("GET", f"/{target.bucket()}?encoding-type=base64&list-type=2")
    assert (answer.status, answer.code) == (400, "InvalidArgument")


@check
def prefixes_and_markers_are_encoded_too(target: Target) -> None:
    """API ListObjects: encoding-type covers Delimiter, Marker, Prefix, NextMarker, Key"""
    bucket = target.bucket()
    put(target, bucket, "x y/1", "x y/2", "z w/1")
    page = target.s3.list_objects(Bucket=bucket, Prefix="", Delimiter="/", MaxKeys=1)
    assert ([p["Prefix"] for p in page["CommonPrefixes"]], page["NextMarker"]) == (["x y/"], "x y/")
    rest = target.s3.list_objects(Bucket=bucket, Delimiter="/", Marker=page["NextMarker"])
    assert names(rest) == ["z w/"]


@check
def a_marker_inside_a_common_prefix_is_behind_all_of_it(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_list_operations::test_list_objects_marker_common_prefixes"""
    bucket = target.bucket()
    put(target, bucket, "f/a/1", "f/a/2", "f/b")
    listed = target.s3.list_objects(Bucket=bucket, Prefix="f/", Delimiter="/", Marker="f/a/1")
    assert ([c["Key"] for c in listed["Contents"]], listed.get("CommonPrefixes")) == (["f/b"], None)


@check
def a_page_after_a_token_tells_no_start(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_list_operations::test_list_objects_v2_continuation_start_after"""
    bucket = target.bucket()
    put(target, bucket, "a", "b", "c")
    first = target.s3.list_objects_v2(Bucket=bucket, StartAfter="a", MaxKeys=1)
    wanted = {"Bucket": bucket, "StartAfter": "a", "ContinuationToken": first["NextContinuationToken"]}
    assert (first["StartAfter"], "StartAfter" in target.s3.list_objects_v2(**wanted)) == ("a", False)


@check
def an_empty_number_is_as_none(target: Target) -> None:
    """Recorded on AWS: localstack test_s3_list_operations::test_list_parts_empty_part_number_marker"""
    bucket = target.bucket()
    put(target, bucket, "a")
    answer = target.ask_signed("GET", f"/{bucket}?list-type=2&max-keys=")
    assert (answer.status, b"<MaxKeys>1000</MaxKeys>" in answer.body) == (200, True)


@check
def the_bucket_is_named_before_its_objects(target: Target) -> None:
    """API ListObjects, ListObjectVersions: response syntax; localstack test_s3::test_response_structure, validated on AWS"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="a/k", Body=b"x")
    target.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for query, item in (("list-type=2", "Contents"), ("versions=", "Version")):
        answer = target.ask_signed("GET", f"/{bucket}?{query}&delimiter=%2F").body.decode()
        before = max(answer.index("<Name>"), answer.index("<IsTruncated>"))
        assert before < min(answer.index(f"<{item}>"), answer.index("<CommonPrefixes>"))
