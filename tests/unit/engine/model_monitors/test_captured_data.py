"""Parts of captured data: hours where they fit, coarser folders where there are too many."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from sagewright.engine.model_monitors.captured_data import DataRoot, NoData
from sagewright.engine.model_monitors.windows import HOUR_MS, AnalysisWindow
from sagewright.model.errors import AwsError

NOON = int(datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp() * 1000)
ROOT = DataRoot("s3://b/captured/", [("e", "one"), ("e", "two")], "role", "us-east-1")


class Keys:
    """An object store that knows keys."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys

    def exists_any(self, bucket: str, prefix: str) -> bool:
        if bucket != "b":
            raise AwsError("NoSuchBucket", "gone", 404)
        return any(key.startswith(prefix) for key in self.keys)

    def list_keys(self, _bucket: str, prefix: str) -> Iterator[tuple[str, int]]:
        return iter([(key, 1) for key in self.keys if key.startswith(prefix)])


def parts(keys: Keys, hours: int, most: int = 4, root: DataRoot = ROOT) -> list[str]:
    objects: Any = keys
    return [one.uri for one in root.parts(objects, AnalysisWindow(NOON - hours * HOUR_MS, NOON), most)]


def hourly(variant: str, *hours: int) -> list[str]:
    return [f"captured/e/{variant}/2026/03/10/{hour:02d}/x.jsonl" for hour in hours]


def test_only_hours_with_objects_are_inputs() -> None:
    keys = Keys(*hourly("one", 10, 11, 12), *hourly("two", 11), "captured/e/one/2026/03/09/11/x.jsonl")
    assert parts(keys, 2) == [
        "s3://b/captured/e/one/2026/03/10/10",
        "s3://b/captured/e/one/2026/03/10/11",
        "s3://b/captured/e/two/2026/03/10/11",
    ]


def test_too_many_hours_become_days_months_and_whole_variants() -> None:
    keys = Keys(*hourly("one", *range(12)), *hourly("two", 3))
    assert parts(keys, 12) == ["s3://b/captured/e/one/2026/03/10", "s3://b/captured/e/two/2026/03/10"]
    assert parts(keys, 12, most=1) == ["s3://b/captured/e"]
    days = Keys(*(f"captured/e/one/2026/03/{day:02d}/00/x" for day in range(1, 11)))
    assert parts(days, 9 * 24) == ["s3://b/captured/e/one/2026/03"]
    assert parts(days, 3 * 24)[0] == "s3://b/captured/e/one/2026/03/07"


@pytest.mark.parametrize(
    "keys", [Keys(), Keys(*hourly("one", 12), *hourly("three", 11), "captured/e/one/2026/03/10/11")]
)
def test_no_objects_is_an_error_in_aws_words(keys: Keys) -> None:
    with pytest.raises(NoData, match='No S3 objects found under S3 URL "s3://b/captured/e/two/2026/03/10/11"'):
        parts(keys, 2)


def test_a_missing_bucket_has_no_objects_and_another_uri_is_none() -> None:
    with pytest.raises(NoData, match='permissions on bucket "gone"'):
        parts(Keys(), 1, root=DataRoot("s3://gone/x", [()], "role", "us-east-1"))
    with pytest.raises(NoData, match="not an S3 URI"):
        parts(Keys(), 1, root=DataRoot("file:///etc", [()], "role", "us-east-1"))


def test_manifests_are_counted() -> None:
    keys: Any = Keys(*(f"captured/input/2026/03/10/11/{number}.json" for number in range(3)))
    root = DataRoot("s3://b/captured", [("input",)], "role", "us-east-1")
    window = AnalysisWindow(NOON - HOUR_MS, NOON)
    assert [one.path for one in root.manifests(keys, window, 3)] == [
        f"input/2026/03/10/11/{number}" for number in range(3)
    ]
    with pytest.raises(NoData, match="more than 2 transform jobs"):
        root.manifests(keys, window, 2)
    with pytest.raises(NoData, match="No S3 objects"):
        root.manifests(keys, AnalysisWindow(NOON, NOON + HOUR_MS), 2)
