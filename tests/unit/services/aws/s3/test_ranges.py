"""Ranges and parts."""

from __future__ import annotations

import pytest

from sagewright.model.errors import AwsError
from sagewright.services.aws.s3.objects import ranges
from sagewright.services.aws.s3.objects.ranges import ObjectRange
from sagewright.store.objects.objects import Version


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-9", ObjectRange(0, 10, 10)),
        ("bytes=3-5", ObjectRange(3, 3, 10)),
        ("bytes=3-", ObjectRange(3, 7, 10)),
        ("bytes=-4", ObjectRange(6, 4, 10)),
        ("bytes=-400", ObjectRange(0, 10, 10)),
        ("bytes=3-400", ObjectRange(3, 7, 10)),
        ("BYTES = 3 - 5", ObjectRange(3, 3, 10)),
        (None, None),
        ("bytes=5-3", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("chars=0-1", None),
        ("bytes=a-b", None),
    ],
)
def test_requested(header: str | None, expected: ObjectRange | None) -> None:
    assert ranges.requested(header, 10) == expected


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-1", 0)])
def test_nothing_in_the_range(header: str, size: int) -> None:
    with pytest.raises(AwsError) as caught:
        ranges.requested(header, size)
    assert (caught.value.code, caught.value.status) == ("InvalidRange", 416)
    assert caught.value.fields["ActualObjectSize"] == str(size)


def test_parts() -> None:
    parts = [{"number": n, "size": size} for n, size in ((2, 5), (4, 7), (9, 1))]
    version = Version("b", "k", -1, "null", True, False, "x", 13, "e", 1, parts=parts)
    assert ranges.of_part(version, 4) == ObjectRange(5, 7, 13)
    assert ranges.of_part(version, 9).content_range == "bytes 12-12/13"
    whole = Version("b", "k", -1, "null", True, False, "x", 13, "e", 1)
    assert ranges.of_part(whole, 1) == ObjectRange(0, 13, 13)
    for requested, number in ((version, 3), (whole, 2)):
        with pytest.raises(AwsError) as caught:
            ranges.of_part(requested, number)
        assert (caught.value.code, caught.value.status) == ("InvalidPartNumber", 416)


def test_ranges_of_copies() -> None:
    assert ranges.of_copy(None, 10) == ObjectRange(0, 10, 10)
    assert ranges.of_copy("bytes=2-9", 10) == ObjectRange(2, 8, 10)
    for header in ("bytes=2-", "bytes=5-2", "bytes=-2", "bytes=2-10", "rubbish"):
        with pytest.raises(AwsError) as caught:
            ranges.of_copy(header, 10)
        assert caught.value.code == "InvalidArgument"
    with pytest.raises(AwsError, match="InvalidRequest"):
        ranges.of_copy("bytes=10-12", 10)
