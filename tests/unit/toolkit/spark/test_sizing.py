"""Resources of each process."""

from __future__ import annotations

import pytest

from sagewright.toolkit.spark.sizing import SparkShare, defaults, share_of


def mb(text: str) -> int:
    return int(text.removesuffix("m"))


@pytest.mark.parametrize("memory_gb", [4, 8, 64, 768])
def test_heaps_fit_into_the_share(memory_gb: int) -> None:
    share = SparkShare(2, memory_gb * 1024)
    alone, several = defaults(share, 1), defaults(share, 3)
    assert mb(alone["spark.driver.memory"]) <= 0.75 * share.memory_mb
    assert mb(several["spark.driver.memory"]) + mb(several["spark.executor.memory"]) + 2 * 512 <= share.memory_mb
    assert several["spark.executor.cores"] == "2"
    assert several["spark.default.parallelism"] == "12"


def test_the_share_is_what_the_agent_says() -> None:
    assert share_of({"SAGEWRIGHT_CPUS": "4", "SAGEWRIGHT_MEMORY_GB": "16"}) == SparkShare(4, 16384)
    assert share_of({}).memory_mb > 256
