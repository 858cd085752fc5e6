"""Trial components as rows of tables."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

from sagewright.cli.workflows import runs


def component(name: str, parameters: dict[str, Any] | None = None, **metrics: float) -> dict[str, Any]:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    shaped = {key: {"NumberValue" if isinstance(value, float) else "StringValue": value}
              for key, value in (parameters or {}).items()}  # fmt: skip
    listed = [{"MetricName": key, "TimeStamp": at, "Last": value, "Max": value} for key, value in metrics.items()]
    return {"TrialComponentName": name, "Parameters": shaped, "Metrics": listed}


def test_only_what_differs() -> None:
    found = [
        component("a", {"depth": 3.0, "eta": 0.1, "seed": "1"}, auc=0.9, loss=1.0),
        component("b", {"depth": 4.0, "eta": 0.1}, auc=0.9, loss=2.0),
        component("c", {"depth": 3.0, "eta": 0.1, "seed": "1"}, auc=0.9, time=5.0),
    ]
    assert runs.differences(found) == [
        ("Parameters.depth", [3.0, 4.0, 3.0]),
        ("Parameters.seed", ["1", None, "1"]),
        ("Metrics.loss", [1.0, 2.0, None]),
        ("Metrics.time", [None, None, 5.0]),
    ]
    assert [name for name, _ in runs.differences(found, everything=True)] == [
        "Parameters.depth", "Parameters.eta", "Parameters.seed", "Metrics.auc", "Metrics.loss", "Metrics.time",
    ]  # fmt: skip
    assert runs.differences([found[0], found[0]]) == []


def test_csv_has_every_column_and_keeps_awkward_text() -> None:
    rows = [runs.row(component("a", {"note": 'x,"y"\nz'}, auc=0.5)), runs.row(component("b", {"depth": 3.0}))]
    read = list(csv.DictReader(io.StringIO(runs.as_csv(rows))))
    assert read[0] == {"TrialComponentName": "a", "Parameters.note": 'x,"y"\nz', "Metrics.auc.Last": "0.5",
                       "Metrics.auc.Max": "0.5", "Parameters.depth": ""}  # fmt: skip
    assert read[1]["Parameters.depth"] == "3.0"


def test_columns_have_one_type() -> None:
    rows = [runs.row(component("a", {"mixed": "x", "depth": 3.0})), runs.row(component("b", {"mixed": 1.0}))]
    found = runs.columns(rows)
    assert found["Parameters.mixed"] == ["x", "1.0"]
    assert found["Parameters.depth"] == [3.0, None]


def test_of_a_metric_that_several_have_measured_the_last_counts() -> None:
    early = {"MetricName": "m", "TimeStamp": datetime(2026, 1, 1, tzinfo=UTC), "Last": 1.0}
    late = {"MetricName": "m", "TimeStamp": datetime(2026, 1, 2, tzinfo=UTC), "Last": 2.0}
    assert runs.metrics({"Metrics": [late, early]}) == {"m": {"Last": 2.0}}
