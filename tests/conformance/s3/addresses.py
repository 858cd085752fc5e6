"""The forms of a bucket's address."""

from __future__ import annotations

from botocore.client import Config

from s3.check import check
from s3.target import Target, put

BASE = "localhost"


def host(target: Target, bucket: str) -> str:
    return f"{bucket}.{BASE}:{target.address.rpartition(':')[2]}"


@check
def a_bucket_in_the_path(target: Target) -> None:
    """Guide: Virtual hosting: path-style requests"""
    bucket = target.bucket()
    put(target, bucket, "k/x")
    assert target.ask_signed("GET", f"/{bucket}/k/x").body == b"k/x"


@check
def a_bucket_in_the_host_s_name(target: Target) -> None:
    """Guide: Virtual hosting: virtual-hosted-style requests"""
    bucket = target.bucket()
    answer = target.ask_signed("PUT", "/k/x", b"hosted", host=host(target, bucket))
    assert answer.status == 200, answer.code
    assert target.s3.get_object(Bucket=bucket, Key="k/x")["Body"].read() == b"hosted"
    assert target.ask_signed("GET", "/k/x", host=host(target, bucket)).body == b"hosted"


@check
def a_list_of_a_bucket_in_the_host_s_name(target: Target) -> None:
    """Guide: Virtual hosting"""
    bucket = target.bucket()
    put(target, bucket, "k/x")
    answer = target.ask_signed("GET", "/?list-type=2", host=host(target, bucket))
    assert b"<Key>k/x</Key>" in answer.body


@check
def a_presigned_url_with_the_bucket_in_the_host_s_name(target: Target) -> None:
    """Guide: Virtual hosting; Presigned URLs"""
    bucket = target.bucket()
    put(target, bucket, "k/x")
    port = target.address.rpartition(":")[2]
    for version in ("s3v4", "s3"):
        config = Config(signature_version=version, s3={"addressing_style": "virtual"})
        there = Target(target.name, f"http://{BASE}:{port}", target.access, target.secret)
        url = there.boto(config=config).generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k/x"})
        path = url.removeprefix(f"http://{host(target, bucket)}")
        assert path.startswith("/k/x?")
        answer = target.ask("GET", path, host=host(target, bucket))
        assert (answer.status, answer.body) == (200, b"k/x"), version


@check
def a_copy_s_source_may_begin_with_a_slash(target: Target) -> None:
    """API CopyObject: x-amz-copy-source"""
    bucket = target.bucket()
    put(target, bucket, "k")
    for source in (f"/{bucket}/k", f"{bucket}/k"):
        assert target.ask_signed("PUT", f"/{bucket}/copy", headers={"x-amz-copy-source": source}).status == 200
