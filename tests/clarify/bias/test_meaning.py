"""docs/reference/clarify/bias-metrics.md says what the code computes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sagewright.clarify.bias.meaning import METRICS, Metric
from sagewright.clarify.configuration.methods import POST_TRAINING, PRE_TRAINING

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "clarify" / "bias-metrics.md"


def row(metric: Metric) -> str:
    cells = (f"**{metric.name}**", metric.description.rpartition(" (")[0], metric.formula, metric.range, metric.meaning)
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def rows() -> Iterator[str]:
    yield from (row(METRICS[name]) for name in (*PRE_TRAINING, *POST_TRAINING))


def test_every_metric_has_a_meaning_and_aws_description() -> None:
    assert set(METRICS) == {*PRE_TRAINING, *POST_TRAINING}
    for metric in METRICS.values():
        assert metric.meaning.endswith(".")
        assert metric.description.endswith(f"({metric.name})")


@pytest.mark.parametrize("expected", list(rows()), ids=[*PRE_TRAINING, *POST_TRAINING])
def test_the_page_has_each_metric(expected: str) -> None:
    assert expected in PAGE.read_text().splitlines()
