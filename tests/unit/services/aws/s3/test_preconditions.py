"""The order of conditions on reads, and names that are refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sagewright.model.errors import AwsError
from sagewright.services.aws.s3 import names
from sagewright.services.aws.s3.objects.preconditions import check_read, check_source
from sagewright.store.objects.objects import Version

AT = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
BEFORE, AFTER = AT.replace(second=8), AT.replace(second=10)
VERSION = Version("b", "k", -1, "null", True, False, "x", 3, "e", round(AT.timestamp() * 1000) + 500)


@pytest.mark.parametrize(
    ("requested", "answer"),
    [
        ({}, True),
        ({"IfMatch": '"e"'}, True),
        ({"IfMatch": "e"}, True),
        ({"IfMatch": "*"}, True),
        ({"IfMatch": '"a", "e"'}, True),
        ({"IfMatch": '"e"', "IfUnmodifiedSince": BEFORE}, True),
        ({"IfUnmodifiedSince": AT}, True),
        ({"IfNoneMatch": '"a"'}, True),
        ({"IfNoneMatch": 'W/"e"'}, False),
        ({"IfNoneMatch": '"e"', "IfModifiedSince": BEFORE}, False),
        ({"IfNoneMatch": '"a"', "IfModifiedSince": AFTER}, True),
        ({"IfModifiedSince": AT}, False),
        ({"IfModifiedSince": BEFORE}, True),
    ],
)
def test_reads(requested: dict[str, Any], answer: bool) -> None:
    assert check_read(requested, VERSION) is answer


@pytest.mark.parametrize("requested", [{"IfMatch": '"a"'}, {"IfUnmodifiedSince": BEFORE}])
def test_failed_reads(requested: dict[str, Any]) -> None:
    with pytest.raises(AwsError) as caught:
        check_read(requested, VERSION)
    assert (caught.value.code, caught.value.status) == ("PreconditionFailed", 412)


@pytest.mark.parametrize("requested", [{"CopySourceIfNoneMatch": '"e"'}, {"CopySourceIfModifiedSince": AT}])
def test_sources_of_copies(requested: dict[str, Any]) -> None:
    with pytest.raises(AwsError) as caught:
        check_source(requested, VERSION)
    assert caught.value.code == "PreconditionFailed"
    check_source({"CopySourceIfMatch": '"e"', "CopySourceIfUnmodifiedSince": BEFORE}, VERSION)


@pytest.mark.parametrize("name", ["abc", "a.b-c", "0" * 63, "1.2.3", "sagemaker-us-east-1-000000000000"])
def test_good_bucket_names(name: str) -> None:
    names.check_bucket_name(name)


@pytest.mark.parametrize(
    "name", ["", "ab", "0" * 64, "A-b", "a_b", "a..b", "-ab", "ab-", ".ab", "1.2.3.4", "xn--a", "a-s3alias", "äbc"]
)
def test_bad_bucket_names(name: str) -> None:
    with pytest.raises(AwsError) as caught:
        names.check_bucket_name(name)
    assert caught.value.code == "InvalidBucketName"


def test_keys() -> None:
    names.check_key("ü" * 512)
    for key, code in (("ü" * 512 + "x", "KeyTooLongError"), ("a\0b", "InvalidArgument")):
        with pytest.raises(AwsError) as caught:
            names.check_key(key)
        assert caught.value.code == code
