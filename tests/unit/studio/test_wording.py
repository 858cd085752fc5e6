"""How pages write numbers, times and names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sagewright.studio import wording

NOW = datetime(2026, 11, 28, 23, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (0.04, "0.0 s"),
        (0.8, "0.8 s"),
        (13, "13 s"),
        (467, "7 min 47 s"),
        (4800, "1 h 20 min"),
        (273_600, "3 d 4 h"),
        (-3, "0.0 s"),
    ],
)
def test_durations(seconds: float | None, words: str) -> None:
    assert wording.duration(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "–"),
        (100214, "100,214"),
        (0.91275, "0.9127"),
        (-0.5, "−0.5000"),
        (12.3456, "12.35"),
        (5e-5, "5e−05"),
        (1234.5, "1,234.5"),
        (float("nan"), "NaN"),
        (float("-inf"), "−∞"),
    ],
)
def test_numbers(value: float | None, words: str) -> None:
    assert wording.number(value) == words


def test_metrics_that_differ_are_never_written_alike() -> None:
    assert wording.number(0.9349) != wording.number(0.9350)


@pytest.mark.parametrize(
    ("count", "words"),
    [(None, "–"), (0, "0 B"), (999, "999 B"), (18_400, "18.4 kB"), (178e6, "178 MB"), (1.42e9, "1.42 GB")],
)
def test_sizes(count: float | None, words: str) -> None:
    assert wording.size(count) == words


def test_times_are_shorter_the_nearer_they_are() -> None:
    assert wording.clock(NOW, NOW) == "23:59:00"
    assert wording.clock(NOW - timedelta(days=7), NOW) == "Nov 21 23:59"
    assert wording.clock(NOW - timedelta(days=400), NOW) == "2025-10-24"
    assert [wording.ago(seconds) for seconds in (3, 200, 7200, 200_000)] == ["3 s", "3 min", "2 h", "2 d"]


def test_every_status_has_one_look() -> None:
    assert [
        wording.look(one)
        for one in ("Completed", "InProgress", "Failed", "PendingManualApproval", "Stopped", "new in AWS")
    ] == ["ok", "run", "fail", "attn", "idle", "wait"]
    assert sum(map(len, wording.STATUSES.values())) == len(wording.LOOKS)


def test_metrics_whose_lower_values_are_better() -> None:
    assert all(wording.falls(name) for name in ("validation:logloss", "train:RMSE", "Error", "perplexity"))
    assert not any(wording.falls(name) for name in ("validation:auc", "accuracy", "score"))


def test_bars_have_the_look_of_their_status() -> None:
    assert [wording.bar(one) for one in ("Completed", "Stopping", "Failed", "Stopped", "run", "anything")] == [
        "b-ok", "b-run", "b-fail", "b-idle", "b-run", "b-idle",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0.1363330848805227", "0.136333"), ("1e-05", "1e-05"), ("0.3", "0.3"), (0.1 + 0.2, "0.3"), ("12345678901", "12345678901"),
        ("s3://bucket/a.very.long.key", "s3://bucket/a.very.long.key"), ("binary:logistic", "binary:logistic"), (None, "None"),
    ],
)  # fmt: skip
def test_long_numbers_are_brief(value: object, text: str) -> None:
    assert wording.brief(value) == text
