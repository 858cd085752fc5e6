"""Sizes and digests of uploads."""

from __future__ import annotations

import pytest

from sagewright.model.errors import AwsError
from sagewright.services.aws.s3.objects.integrity import MOST_BYTES, check_size, check_source_size


def test_what_one_request_may_bring() -> None:
    for size in (None, 0, MOST_BYTES):
        check_size({"ContentLength": size})
    with pytest.raises(AwsError) as caught:
        check_size({"ContentLength": MOST_BYTES + 1})
    assert caught.value.code == "EntityTooLarge"
    assert caught.value.fields == {"ProposedSize": str(MOST_BYTES + 1), "MaxSizeAllowed": str(MOST_BYTES)}


def test_what_one_copy_may_bring() -> None:
    check_source_size(MOST_BYTES)
    with pytest.raises(AwsError) as caught:
        check_source_size(MOST_BYTES + 1)
    assert caught.value.code == "InvalidRequest"
    assert str(MOST_BYTES) in caught.value.message
