"""Violations that an analysis has found: by its exit message, or by its report."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.engine.model_monitors.violations import has_violations
from sagewright.model.errors import AwsError, ServiceUnavailable


class Report:
    """An object store with one report."""

    def __init__(self, content: bytes | AwsError) -> None:
        self.content = content

    def read_bytes(self, bucket: str, key: str, most: int) -> bytes:
        assert (bucket, key) == ("b", "out/constraint_violations.json")
        assert most <= 2 << 20
        if isinstance(self.content, AwsError):
            raise self.content
        return self.content


@pytest.mark.parametrize(
    ("content", "message", "expected"),
    [
        (b'{"violations": [{}]}', "", True),
        (b'{"violations": []}', "", False),
        (b'{"violations": []}', "CompletedWithViolations: 3", True),
        (b'{"violations": {"a": 1}}', "", False),
        (b"[" * 100_000, "Completed", False),
        (b"[]", "", False),
        (AwsError("NoSuchKey", "gone", 404), "", False),
        (AwsError("EntityTooLarge", "large", 400), "", False),
    ],
)
def test_violations(content: bytes | AwsError, message: str, expected: bool) -> None:
    objects: Any = Report(content)
    assert has_violations(objects, "s3://b/out", message) is expected


def test_a_store_that_is_away_decides_nothing() -> None:
    objects: Any = Report(ServiceUnavailable("busy"))
    with pytest.raises(ServiceUnavailable):
        has_violations(objects, "s3://b/out", "Completed")
