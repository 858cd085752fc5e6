"""Violations that an analysis has found: by its exit message, or by its report."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sagewright.engine.model_monitors.violations import UnreadableViolations, has_violations
from sagewright.model.errors import AwsError, ServiceUnavailable

CREATED_MS = 1_700_000_000_500


class Report:
    """An object store with one report."""

    def __init__(self, content: bytes | AwsError, modified_ms: int = CREATED_MS + 9) -> None:
        self.content, self.modified = content, modified_ms

    def modified_ms(self, bucket: str, key: str) -> int:
        assert (bucket, key) == ("b", "out/constraint_violations.json")
        if isinstance(self.content, AwsError) and self.content.status != 400:
            raise self.content
        return self.modified

    def read_bytes(self, bucket: str, key: str, most: int) -> bytes:
        assert (bucket, key) == ("b", "out/constraint_violations.json")
        assert most <= 8 << 20
        if isinstance(self.content, AwsError):
            raise self.content
        return self.content


def found(content: bytes | AwsError, message: str = "", modified_ms: int = CREATED_MS) -> bool:
    objects: Any = Report(content, modified_ms)
    job: Any = SimpleNamespace(exit_message=message, created_ms=CREATED_MS)
    return has_violations(objects, "s3://b/out", job)


@pytest.mark.parametrize(
    ("content", "message", "expected"),
    [
        (b'{"violations": [{}]}', "", True),
        (b'{"violations": []}', "", False),
        (b'{"violations": []}', "CompletedWithViolations: 3", True),
        (b"no JSON", "CompletedWithViolations: 3", True),
        (AwsError("NoSuchKey", "gone", 404), "", False),
    ],
)
def test_violations(content: bytes | AwsError, message: str, expected: bool) -> None:
    assert found(content, message) is expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"violations": {"a": 1}}', "no list 'violations'"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "no list 'violations'"),
        (AwsError("EntityTooLarge", "9 bytes; at most 8", 400), "can't be read: 9 bytes; at most 8"),
        (AwsError("AccessDenied", "no", 403), "can't be read: no"),
    ],
)
def test_a_report_that_cannot_be_read_says_nothing(content: bytes | AwsError, message: str) -> None:
    with pytest.raises(UnreadableViolations, match=message):
        found(content, "Completed")


def test_a_report_older_than_the_job_is_of_another_one() -> None:
    violations = b'{"violations": [{}]}'
    assert found(violations, modified_ms=CREATED_MS - 1000) is False
    assert found(violations, modified_ms=CREATED_MS - 500) is True  # other stores know the second alone
    assert found(b"no JSON", modified_ms=CREATED_MS - 60_000) is False


def test_a_store_that_is_away_decides_nothing() -> None:
    with pytest.raises(ServiceUnavailable):
        found(ServiceUnavailable("busy"), "Completed")
