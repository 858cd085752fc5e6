"""Keys: any UTF-8 up to 1,024 bytes."""

from __future__ import annotations

from s3.check import check, each
from s3.target import Target, put, refusal

ODD = {
    "a and a slash b": ["a", "a/b"],
    "two slashes": ["a//c", "a///c", "//"],
    "dots": ["..", "../up", "./here", "dot/./.", "a/.."],
    "a slash in front": ["/lead", "lead"],
    "a slash behind": ["folder/", "folder"],
    "blanks and signs of URLs": ["sp ace+plus%25", "q?x=1&y#z", "100%", "a;b=c", " "],
    "signs of XML": ["<a>&amp;\"'</a>", "a&b"],
    "letters beyond ASCII": ["ü/日本/😀", "é", "e\u0301"],
    "a line break and a tab": ["line\nbreak", "tab\there", "cr\rhere"],
    "1024 bytes": ["x" * 1024, "é" * 512],
    "all other printable ASCII": ["!-_.*'()", "@:,$=", "\\{}^`[]|~"],
}


@each("keys with {}", ODD, "Guide: Naming objects; API ListObjectsV2: encoding-type")
def odd_keys(target: Target, keys: list[str]) -> None:
    bucket = target.bucket()
    put(target, bucket, *keys)
    for key in keys:
        assert target.s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode(), key
        assert target.s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(key.encode()), key
    assert [o["Key"] for o in target.s3.list_objects_v2(Bucket=bucket)["Contents"]] == sorted(keys, key=str.encode)
    gone = target.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys]})
    assert sorted(d["Key"] for d in gone["Deleted"]) == sorted(keys)
    assert target.s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@check
def a_key_of_1025_bytes_is_too_long(target: Target) -> None:
    """Guide: Error responses, KeyTooLongError"""
    bucket = target.bucket()
    assert refusal(target.s3.put_object, Bucket=bucket, Key="x" * 1025, Body=b"") == ("KeyTooLongError", 400)


@check
def keys_are_told_apart_by_case(target: Target) -> None:
    """Guide: Naming objects: case sensitive"""
    bucket = target.bucket()
    put(target, bucket, "Key", "key")
    assert target.s3.get_object(Bucket=bucket, Key="Key")["Body"].read() == b"Key"


@check
def an_object_with_a_slash_behind_has_bytes_of_its_own(target: Target) -> None:
    """Guide: Organizing objects using folders: zero-byte or any object whose key ends in a slash"""
    bucket = target.bucket()
    target.s3.put_object(Bucket=bucket, Key="folder/", Body=b"bytes")
    put(target, bucket, "folder/inside")
    target.s3.delete_object(Bucket=bucket, Key="folder/")
    assert refusal(target.s3.get_object, Bucket=bucket, Key="folder/") == ("NoSuchKey", 404)
    assert target.s3.get_object(Bucket=bucket, Key="folder/inside")["Body"].read() == b"folder/inside"


@check
def a_prefix_of_a_key_is_no_object(target: Target) -> None:
    """Guide: Organizing objects using folders: the structure is flat"""
    bucket = target.bucket()
    put(target, bucket, "a/b/c")
    for key in ("a", "a/", "a/b", "a/b/"):
        assert refusal(target.s3.get_object, Bucket=bucket, Key=key) == ("NoSuchKey", 404), key


@check
def an_address_that_is_no_utf_8_is_invalid(target: Target) -> None:
    """Guide: Error responses, InvalidURI"""
    answer = target.ask_signed("GET", f"/{target.bucket()}/%FF%FE")
    assert (answer.status, answer.code) == (400, "InvalidURI")
