"""Places in S3, in every form that requests write them."""

from __future__ import annotations

import pytest

from sagewright.model.aws.s3_uris import S3Uri, read_s3_uri


@pytest.mark.parametrize(
    ("uri", "bucket", "key"),
    [
        ("s3://b/a/b c", "b", "a/b c"),
        ("s3://b", "b", ""),
        ("s3://b/", "b", ""),
        ("s3://b//x", "b", "/x"),
        ("s3://b/a\nb?x#y", "b", "a\nb?x#y"),
        ("https://s3.amazonaws.com/b/a", "b", "a"),
        ("https://s3-us-west-2.amazonaws.com/b", "b", ""),
        ("https://s3.cn-north-1.amazonaws.com.cn/b/a/", "b", "a/"),
        ("https://b.s3.us-east-1.amazonaws.com/a", "b", "a"),
        ("https://my.own.bucket.s3.amazonaws.com/a", "my.own.bucket", "a"),
    ],
)
def test_forms(uri: str, bucket: str, key: str) -> None:
    assert read_s3_uri(uri) == S3Uri(bucket, key)


@pytest.mark.parametrize("uri", ["", "s3://", "s3:///key", "S3://b/k", "http://b/k", "https://b/k", "/opt/ml/x", "b/k"])
def test_what_is_none(uri: str) -> None:
    with pytest.raises(ValueError, match="is not an S3 URI"):
        read_s3_uri(uri)


def test_the_text_is_the_usual_form() -> None:
    assert read_s3_uri("https://s3.amazonaws.com/b/a").text == "s3://b/a"
