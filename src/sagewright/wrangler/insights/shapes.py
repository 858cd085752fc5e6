"""The shapes of a report. All members are JSON-able."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HIGH, MEDIUM, FEATURE, LOW = "high_sev", "med_sev", "med_sev_feature", "low_sev"
PREFIX = "sagemaker.data_quality."
CLASSIFICATION, REGRESSION = "Classification", "Regression"


@dataclass(frozen=True)
class Fix:
    """A step that mends a finding: an operator call without a node id. `safe`: it loses nothing that a model could use."""

    label: str
    operator: str
    parameters: Mapping[str, Any]
    safe: bool = False


@dataclass(frozen=True)
class DataFinding:
    id: str
    severity: str
    title: str
    sentence: str
    columns: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()


@dataclass(frozen=True)
class ColumnInsight:
    """`power`: the score of a model that has only this column, 0.5 or 0 for nothing; None without a target."""

    name: str
    type: str
    missing: float
    distinct: int | None
    outliers: float | None
    power: float | None
    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    top: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class QuickModel:
    """`metric`: roc_auc, accuracy or r2; `without`: the score without the leaking columns, None if there are none; `curve`: points
    of the ROC, shares of false and true alarms; `confusion`: rows are the true classes."""

    metric: str
    score: float
    without: float | None
    importances: tuple[tuple[str, float], ...]
    rows: int
    classes: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    curve: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Insights:
    summary: Mapping[str, Any]
    findings: tuple[DataFinding, ...]
    columns: tuple[ColumnInsight, ...]
    quick_model: QuickModel | None
    duplicates: Mapping[str, Any]
    anomalous: tuple[Mapping[str, Any], ...]
    target: str = ""
    problem_type: str = ""
    notes: tuple[str, ...] = field(default=())


def call(name: str, title: str, member: str, values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Returns an operator's id and parameters."""
    return f"sagemaker.spark.{name}_0.1", {"operator": title, member: dict(values)}


def drop(column: str, label: str = "Drop the column", *, safe: bool = False) -> Fix:
    return Fix(
        label, *call("manage_columns", "Drop column", "drop_column_parameters", {"column_to_drop": [column]}), safe=safe
    )
