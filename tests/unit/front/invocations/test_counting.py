"""Counts sent to CloudWatch: sums are exact, percentiles are within their buckets."""

from __future__ import annotations

import pytest

from sagewright.front.invocations.counting import Counting


def test_latencies_keep_their_sum_and_their_extremes() -> None:
    counting = Counting()
    tally = counting.of("e", "v")
    values = [100.0, 150.0, 101.0, 90_000.0, 0.5]
    for value in values:
        tally.invocations += 1
        tally.timed("ModelLatency", value)
    (described,) = counting.taken()
    latencies = [one for one in described["data"] if one["name"] == "ModelLatency"]
    assert sum(one["samples"] for one in latencies) == len(values)
    assert sum(one["total"] for one in latencies) == pytest.approx(sum(values))
    assert min(one["least"] for one in latencies) == 0.5
    assert max(one["most"] for one in latencies) == 90_000.0
    assert all(one["most"] <= one["least"] * 1.11 for one in latencies if one["least"] >= 1)


def test_errors_are_a_rate_of_the_invocations() -> None:
    counting = Counting()
    tally = counting.of("e", "v")
    tally.invocations, tally.server_errors = 4, 1
    data = {one["name"]: one for one in counting.taken()[0]["data"]}
    assert (data["Invocation5XXErrors"]["samples"], data["Invocation5XXErrors"]["total"]) == (4, 1.0)
    assert (data["Invocations"]["samples"], data["Invocations"]["total"]) == (4, 4.0)
    assert counting.taken() == []
